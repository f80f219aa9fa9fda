#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Nobody answers, nobody has what is wanted, the policy says no, or a donor goes away in the middle: each
# ends with its exit code and a sentence, and with success where another donor can help.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
make_image small 200000
make_image large 50000000
pick_udp_port nobody
pick_udp_port first
pick_udp_port second

say 'no donor'
recipient_config r "\"127.0.0.1:$nobody\""
recover 11 r request
told no-donor-answered 'port [0-9]* refused' 'Start fwdonord there'
recipient_config r ''
recover 2 r request
told bad-configuration 'neither lan.targets nor icmb, serial or bluetooth names anybody'

say 'only incompatible donors'
sign small 1.0 1 vendor --platform manufacturer=32473,product=99
donor_config wrong console "127.0.0.1:$first"
add wrong small
start_donor wrong
recipient_config r "\"127.0.0.1:$first\""
recover 11 r request
told no-compatible-image
stop_process "$started" || fail "fwdonord ended with $?"

say 'only refused donors'
sign small 1.5 4
donor_config old console "127.0.0.1:$first"
add old small
start_donor old
recipient_config r "\"127.0.0.1:$first\"" false 'minimum_security_version = 5'
recover 12 r request
told no-offer-acceptable "security version 4 is below 5, the policy's minimum"
recipient_config r "\"127.0.0.1:$first\"" false 'deny = ["127.0.0.1"]'
recover 12 r request
told no-offer-acceptable 'the policy denies this donor, as 127.0.0.1'
recipient_config r "\"127.0.0.1:$first\"" false 'role = "peer"'
recover 12 r request
told no-offer-acceptable 'the policy requires a peer'

say 'an image larger than the slot'
slot_size=128KiB
recipient_config tiny "\"127.0.0.1:$first\""
slot_size=64MiB
recover 12 tiny request
told no-offer-acceptable 'the image has 200000 bytes, the slot holds 131072'

say 'wrong password, unknown suite'
printf 'not-this-one' >wrong-password
chmod 600 wrong-password
recipient_config r "\"127.0.0.1:$first\""
sed -i 's|/password"|/wrong-password"|' r.toml
recover 13 r request
told all-donors-failed 'password' "127.0.0.1"
suite=3
recipient_config r "\"127.0.0.1:$first\""
suite=17
recover 13 r request
told all-donors-failed 'suite'

say 'an older security version than the confirmed one'
recipient_config r "\"127.0.0.1:$first\""
recover 0 r request
recover 0 r confirm
expect_installed r small
stop_process "$started" || fail "fwdonord ended with $?"
rm -rf old-catalogue
mkdir old-catalogue
make_image older 150000
sign older 1.6 3
add old older
start_donor old
recover 12 r request
told no-offer-acceptable 'security version 3 is below the floor 4'
stop_process "$started" || fail "fwdonord ended with $?"

# --- a donor that goes away in the middle ---------------------------------------------------------

# halfway NAME SIGNAL PID: fwrecover request in the background, its id in $recipient. As soon as blocks
# come in, PID gets the signal, and then there is a file "met".
halfway() {
  rm -f met halfway.fifo
  mkfifo halfway.fifo
  limited "$FWRECOVER" --config "$1.toml" --json request >halfway.fifo 2>halfway.log &
  recipient=$!
  while read -r line; do
    printf '%s\n' "$line"
    case $line in
      *'"state":"FetchingImage"'*) [ -e met ] || { kill "-$2" "$3" && : >met; } ;;
    esac
  done <halfway.fifo >halfway.json &
  watcher=$!
  lib_pids="$lib_pids $recipient $watcher"
}
# ends STATUS: how the recipient ended.
ends() {
  ends_got=0
  wait "$recipient" || ends_got=$?
  wait "$watcher"
  [ -e met ] || fail 'the donor was not met in the middle'
  cp halfway.json out.json
  cp halfway.log out.log
  [ "$ends_got" -eq "$1" ] || {
    tail -n 5 out.json
    fail "exit status $ends_got instead of $1"
  }
  tail -n 1 out.json | grep -q "\"exit_code\":${1}[,}]" || fail 'no result as the last line'
}

sign large 2.0 9
donor_config dying console "127.0.0.1:$first"
donor_config lasting peer "127.0.0.1:$second"
# Little credit makes the transfer long enough to be met in the middle.
sed -i 's/^role/credit = "64KiB"\n&/' dying.toml
add dying large
add lasting large
start_donor dying
dying=$started

say 'the only donor is killed in the middle'
recipient_config alone "\"127.0.0.1:$first\""
halfway alone KILL "$dying"
ends 13
told all-donors-failed '127.0.0.1'

say 'the first of two stands still in the middle, the second one continues'
start_donor lasting
lasting=$started
start_donor dying
dying=$started
recipient_config two "\"127.0.0.1:$first\", \"127.0.0.1:$second\""
halfway two STOP "$dying"
ends 0
expect_line out.json '"event":"dropped"'
expect_installed two large
kill -CONT "$dying"

say 'the deadline, in the middle'
stop_process "$lasting"
recipient_config late "\"127.0.0.1:$first\"" false 'deadline = "6s"'
halfway late STOP "$dying"
ends 16
told deadline-passed 'deadline'
kill -CONT "$dying"

say 'a second recovery in parallel'
recipient_config same "\"127.0.0.1:$first\""
halfway same STOP "$dying"
wait_for 60 test -e met
recover 17 same request
told already-running "$work/same-state" 'process [1-9]'
kill -CONT "$dying"
ends 0
expect_installed same large
