#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A donor at one end of a serial cable: ipmitool -I serial-basic at the other one, and recoveries, on
# a clean cable, with noise, and with an adapter that is pulled and comes back.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"

need_program ipmitool minisign
make_key vendor
make_image image 65536
sign image 2.0 2

# cable NAME [EVERY]: its ends are NAME-a and NAME-b; one of EVERY characters is damaged.
cable() {
  start "cable-$1.log" "$TOP_BUILDDIR/tests/interop/null_modem" "$work/$1-a" "$work/$1-b" "${2:-0}"
  cable=$started
  wait_for_line 30 "cable-$1.log" ready
}
# cable_donor NAME DEVICE: NAME.toml, of one that has no network.
cable_donor() {
  mkdir -p "$1-catalogue"
  cat >"$1.toml" <<END
[catalogue]
directory = "$work/$1-catalogue"
[trust]
keys = ["$work/vendor.pub"]
[donor]
name = "the $1"
guid = "00112233-4455-6677-8899-aabbccddeeff"
[serial]
devices = ["$work/$2"]
END
}
# cable_recipient NAME DEVICE: NAME.toml, of one that has no network and nothing to lose.
cable_recipient() {
  slot_size=1MiB recipient_config "$1" '' false
  printf '[serial]\ndevices = ["%s"]\n' "$work/$2" >>"$1.toml"
}

cable clean
cable_donor console clean-a
add console image
start_donor console
console=$started

# --- a stock client -------------------------------------------------------------------------------

# stock ARGUMENT...: what it said is in stock.log, on one line.
stock() {
  stock_status=0
  limited ipmitool -I serial-basic -D "$work/clean-b:115200" "$@" >stock.out 2>&1 || stock_status=$?
  tr -s ' \n' ' ' <stock.out >stock.log
  return "$stock_status"
}
answers() {
  answers_want=$1
  shift
  stock "$@" || fail "ipmitool $*"
  expect_line stock.log "$answers_want"
}
refused() {
  refused_want=$1
  shift
  if stock "$@"; then fail "ipmitool was not refused: $*"; fi
  expect_line stock.log "$refused_want"
}

say 'standard commands'
answers 'Manufacturer ID : 32473' mc info
answers 'Device ID : ' mc info
answers 'GUID : FFEEDDCCBBAA99887766554433221100' mc guid
answers '' mc selftest

iana='0xd9 0x7e 0x00'
nonce='0x10 0x11 0x12 0x13 0x14 0x15 0x16 0x17 0x18 0x19 0x1a 0x1b 0xa0 0xa5 0xa6 0xaa'
shown='10 11 12 13 14 15 16 17 18 19 1a 1b a0 a5 a6 aa'
platform='0xd9 0x7e 0x00 0x07 0x00 0x00 0x00'

say 'Get Recovery Capabilities: version 1, a console; serial is among its media'
# shellcheck disable=SC2086 # lists of bytes
answers '^ d9 7e 00 01 01 00 1[0-9a-f] ' raw 0x2e 0x01 $iana 0x01

say 'Request Firmware: the nonce comes back, and the GUID of the donor'
# shellcheck disable=SC2086
answers "^ d9 7e 00 01 00 1[0-9a-f] 00 $shown [0-9a-f ]*$" raw 0x2e 0x02 $iana 1 0 $nonce $platform 0x62 0x6d 0x63
[ "$(wc -w <stock.log)" -eq 39 ] || fail "an offer that is not cut: $(cat stock.log)"
# shellcheck disable=SC2086
refused 'rsp=0x80' raw 0x2e 0x02 $iana 1 0 $nonce 0xd9 0x7e 0 0x08 0 0 0 0x62 0x6d 0x63

say 'Get Donor Status: one image'
# shellcheck disable=SC2086
answers '^ d9 7e 00 00 00 [0-9a-f ]* 01 00 00 ' raw 0x2e 0x09 $iana

say 'what does not exist is refused at once, not after five times five seconds'
began=$(date +%s)
refused 'rsp=0xc1' raw 0x2e 0x77 0xd9 0x7e 0
refused 'rsp=0xc1' raw 0x00 0x01
[ $(($(date +%s) - began)) -lt 20 ] || fail 'nobody answered'

say 'garbage on the line'
head -c 3000 /dev/urandom >clean-b
printf '\240\252\240\240\041' >clean-b
answers 'Manufacturer ID : 32473' mc info

stop_process "$console" || :

say 'a recipient that asks on the line says who it is, too'
cable_recipient asks clean-a
sed -i 's/^offer_window = .*/offer_window = "30s"/' asks.toml
start asks.log "$FWRECOVER" --config asks.toml --json request
asks=$started
wait_for_line 30 asks.log Discovering
tries=0
# Should its question come between a stock client's own one and the answer, that client loses its way.
until limit_s=10 stock mc info || [ "$tries" -ge 3 ]; do tries=$((tries + 1)); done
expect_line stock.log 'Manufacturer ID : 32473'
expect_line stock.log 'Product ID : 7 '
stop_process "$asks" || :

# --- recoveries -----------------------------------------------------------------------------------

start_donor console
console=$started
say 'a recovery over the cable'
cable_recipient one clean-b
recover 0 one request
expect_line out.json '"event":"offer".*"address":"serial:.*clean-b","medium":"serial"'
expect_installed one image

say 'a policy that wants a wire of another kind'
cable_recipient two clean-b
recover 12 two --set 'policy.media=["wired"]' request

stop_process "$console" || :
stop_process "$cable" || :

say 'one of 8,000 characters is damaged: what is lost is asked for again'
cable noisy 8000
cable_donor console noisy-a
start_donor console
cable_recipient three noisy-b
recover 0 three request
expect_installed three image

say 'the adapter is pulled in the middle, and comes back'
cable_recipient four noisy-b
start four.log timeout -k 5 "$limit_s" "$FWRECOVER" --config four.toml --json request
recovery=$started
wait_for_line 60 four.log '"event":"progress","done":[1-9]'
stop_process "$cable" || :
wait_for_line 60 four.log '"event":"link".*"what":"down"'
cable noisy
status=0
wait "$recovery" || status=$?
[ "$status" -eq 0 ] || fail "exit status $status of a recovery whose cable came back"
expect_line four.log '"event":"link".*"what":"up"'
expect_installed four image
