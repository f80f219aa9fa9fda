#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Bluetooth with the kernel's own RFCOMM, between virtual controllers.
. "$TOP_SRCDIR/tests/vm/guest.sh"
. "$TOP_SRCDIR/tests/vm/bluetooth-lib.sh"
command -v rfcomm_stream >/dev/null || skip 'configured without Bluetooth'

it 'has controllers that find each other'
# hci0 and hci2 do not know each other.
bluetooth_pair 0 1 16
bluetooth_pair 1 2 4
bluetooth_up 3

it 'carries a stream, unpaced and at 230 kB/s'
unpaced=$(raw_stream 0 1 1048576)
figure "raw RFCOMM, unpaced: $unpaced bytes a second"
bluetooth_air rate 230000
paced=$(raw_stream 0 1 1048576)
figure "raw RFCOMM, paced at 230000 bytes a second: $paced"
[ "$paced" -le 230000 ] || fail 'the air is faster than it may be'
[ "$paced" -ge 180000 ] || fail 'the air is much slower than it should be'
bluetooth_air rate 0

it 'gives up an absent device'
expect_exit 1 limited rfcomm_stream send "$(bluetooth_address 0)" 00:11:22:33:44:55 30 10

# --- donors and recipients -----------------------------------------------------------------------

make_key vendor
make_image firmware 4194304
sign firmware 1.0 1
# At 230 kB/s 4 MiB take 18 s.
size=1048576
! long_form || size=4194304
make_image paced "$size"
sign paced 2.0 1
# shellcheck disable=SC2034 # for recipient_config
slot_size=8MiB
# shellcheck disable=SC2034
offer_window=3s

# bluetooth_donor NAME ADAPTER CHANNEL IMAGE [SETTING...]: its configuration, with one image.
bluetooth_donor() {
  donor_config "$1" console "127.0.0.1:$((7000 + $3))"
  cat >>"$1.toml" <<END
[bluetooth]
enabled = true
adapter = "hci$2"
channel = $3
connections = 2
END
  bluetooth_name=$1
  add "$1" "$4"
  shift 4
  if [ $# -ne 0 ]; then printf '%s\n' "$@" >>"$bluetooth_name.toml"; fi
}

# bluetooth_recipient NAME SETTING...: on hci1, with these settings of [bluetooth].
bluetooth_recipient() {
  recipient_config "$1" ''
  bluetooth_name=$1
  shift
  printf '%s\n' '[bluetooth]' "adapter = \"${adapter:-hci1}\"" "$@" >>"$bluetooth_name.toml"
}

# stamped COMMAND...: its lines, each state with the time since the boot; its exit status.
stamped() {
  { "$@" || echo "status $?"; } | while IFS= read -r line; do
    # shellcheck disable=SC2034 # the idle time
    read -r up idle </proc/uptime
    case $line in
      *'"event":"state"'*) printf '%s %s\n' "$up" "$line" ;;
      *) printf '%s\n' "$line" ;;
    esac
  done
}

# recovers WHAT IMAGE RAW: a request that installs IMAGE; its share of RAW, in percent, is $share.
recovers() {
  rm -rf station-a station-b station-state
  stamped limited "$FWRECOVER" --config station.toml --json request >out.json 2>out.log
  if grep -q '^status' out.json; then
    cat out.json out.log
    fail "$1: the recovery failed"
  fi
  expect_installed station "$2"
  expect_line out.json '"event":"donor".*"medium":"bluetooth"'
  share=$(awk -v size="$(stat -c %s "$2")" -v raw="$3" '
    /"state":"FetchingImage"/ { begin = $1 }
    /"state":"Verifying"/ { end = $1 }
    END { printf "%d\n", size / (end - begin) / raw * 100 }' out.json)
  figure "$1: $(stat -c %s "$2") bytes at $share % of the raw stream of $3 bytes a second"
}

donor_address=$(bluetooth_address 0 | tr 'A-F' 'a-f')
other_address=$(bluetooth_address 2 | tr 'A-F' 'a-f')

# scan OPTION...: what hci1 sees, in scan.json.
scan() {
  limited "$FWDIAG" --json bt scan --adapter hci1 "$@" >scan.json || fail "the scan ended with $?"
}

it 'finds devices by inquiry, and by SDP which of them is a donor'
scan
expect_line scan.json "\"event\":\"bt-device\",\"address\":\"bt:$donor_address\",\"donor\":false"
expect_line scan.json "\"event\":\"bt-device\",\"address\":\"bt:$other_address\",\"donor\":false"
bluetooth_donor console 0 23 firmware
start_donor console
console=$started
if grep 'no SDP record' console.log; then fail 'the donor is not registered with bluetoothd'; fi
# Registered over D-Bus it is a service of all adapters of its system, and answers on the one it serves.
scan
expect_line scan.json "\"event\":\"bt-device\",\"address\":\"bt:$donor_address/23\",\"donor\":true"
expect_exit 1 limited "$FWDIAG" bt scan --adapter hci9

it 'recovers from a donor that the inquiry found'
bluetooth_recipient station 'inquiry = true'
recovers unpaced firmware "$unpaced"
# Nobody asked for more: the link of devices without Secure Simple Pairing is as it is, paired or not.
expect_line out.json '"event":"link","link":"bt","what":"connected".*"encrypted":false'

it 'recovers at nearly the rate of a raw stream of 230 kB/s'
stop_process "$console"
bluetooth_donor console 0 23 paced
# What the product has; with the 5 s of other tests a lease would be gone before its recipient is back in range.
sed -i 's/^lease = .*/lease = "60s"/' console.toml
start_donor console
console=$started
bluetooth_air rate 230000
bluetooth_recipient station "targets = [\"bt:$donor_address\"]"
recovers 'paced at 230000 bytes a second' paced "$paced"
# Beside other tests the machine decides, not the program: there the figure is only printed.
! long_form || [ "$share" -ge 90 ] || fail "that is $share %, and should be 90 % at least"

. "$TOP_SRCDIR/tests/vm/bluetooth-security.sh"
. "$TOP_SRCDIR/tests/vm/bluetooth-tty.sh"

# interrupted WHAT COMMAND...: a recovery that COMMAND happens to in the middle; nothing that had arrived is
# fetched again.
interrupted() {
  what=$1
  shift
  rm -rf station-a station-b station-state
  : >out.json
  begin=$(now_ms)
  start request.log sh -c "exec $FWRECOVER --config station.toml --json request >out.json"
  request=$started
  in_the_middle() { grep -qE '"event":"progress","done":([3-9][0-9]{5}|[1-9][0-9]{6})' out.json; }
  wait_for 60 in_the_middle
  "$@" || fail "$* ended with $?"
  wait "$request" || {
    cat out.json request.log
    fail "the recovery ended with $?"
  }
  expect_installed station paced
  expect_line out.json '"event":"link","link":"bt","what":"lost"'
  # Neither the lease nor the session has to be made anew.
  if long_form && grep '"event":"dropped"' out.json; then fail 'the donor was given up'; fi
  fetched=$(sed -n 's/.*"event":"recovered".*"fetched":\([0-9]*\).*/\1/p' out.json)
  [ "$fetched" -le $((size + 131072)) ] || fail "$fetched bytes were fetched for an image of $size"
  figure "$what: $(($(now_ms) - begin)) ms, $fetched bytes fetched"
}

it 'goes on after the connection was cut'
interrupted 'cut in the middle' bluetooth_air cut 0 1

long_form || exit 0

it 'goes on after five seconds out of range'
away() {
  bluetooth_air gone 0
  sleep 5
  bluetooth_air back 0
}
interrupted 'five seconds out of range' away

it 'registers with the legacy SDP server when nobody is on D-Bus'
bluetooth_air rate 0
stop_process "$console"
bluetooth_donor legacy 2 24 paced
start_donor legacy env DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere
legacy=$started
scan
expect_line scan.json "\"address\":\"bt:$other_address/24\",\"donor\":true"
expect_line scan.json "\"address\":\"bt:$donor_address\",\"donor\":false"
stop_process "$legacy"
scan --inquiry 0 "$other_address"
expect_line scan.json "\"address\":\"bt:$other_address\",\"donor\":false"

it 'is reached by its channel when nobody keeps records'
mv /run/sdp /run/sdp.away
start_donor legacy env DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere
expect_line legacy.log 'no SDP record'
bluetooth_recipient station "targets = [\"bt:$other_address/24\"]"
rm -rf station-a station-b station-state
recover 0 station request
expect_installed station paced
mv /run/sdp.away /run/sdp
