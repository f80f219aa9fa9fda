#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Recoveries over an emulated ICMB bus: two donors and a node that talks on its own, noise; the same
# address twice, a cut, a babbler, a donor that dies in the middle.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"
. "$TOP_SRCDIR/tests/media/common.sh"

need_program minisign
make_key vendor
make_image small 32768
make_image medium 40960
sign small 2.0 2
sign medium 3.0 3

# talk NODE ADDRESS: a node that asks others for their counters, again and again.
talk() {
  start talker.log sh -c "while :; do
    '$FWDIAG' --json icmb '$work/$bus_name/$1' statistics '$2' --address 0x0031 --baud $baud --wait 2 >>talks
    sleep 0.5
  done"
  talker=$started
}
# quiet: the one that talks stops.
quiet() { stop_process "$talker" || :; }

# --- 19,200 baud, noise, a talker -------------------------------------------------------------------

baud=19200
bus slow --ber 1e-5 --seed 11
bus_donor console console node2 0x0012
bus_donor peer peer node3 0x0013
add console small
add peer small
start_donor console
console=$started
start_donor peer
peer=$started
held console 0x0012 && held peer 0x0013
talk node4 0x0012

say 'both donors offer, the policy takes the console'
bus_recipient one
recover 0 one request
cp out.json one.jsonl
offered_by 0x0012 console
offered_by 0x0013 peer
chosen 0x0012
expect_installed one small

stop_process "$bus_process" || :
quiet
for process in "$console" "$peer"; do stop_process "$process" || :; done

# --- 57,600 baud, for the rest ---------------------------------------------------------------------

baud=57600
bus quick --ber 1e-5 --seed 12
bus_donor console console node2 0x0012
bus_donor peer peer node3 0x0013
add console medium
add peer medium
start_donor console
console=$started
start_donor peer
peer=$started
held console 0x0012 && held peer 0x0013
talk node4 0x0013

say 'the policy wants a peer'
bus_recipient two
recover 0 two --set policy.role=peer request
cp out.json two.jsonl
offered_by 0x0012 console
chosen 0x0013
expect_installed two medium
quiet

say 'whom to ask on the command line: one node of one line'
bus_recipient three '' 'broadcast = false'
recover 0 three offers --no-broadcast --target "icmb:0x0013@$work/quick/node1"
cp out.json three.jsonl
offered_by 0x0013 peer
[ "$(grep -c '"event":"offer"' out.json)" -eq 1 ] || fail 'somebody else was asked'

say 'nobody is allowed who is not on the list'
bus_recipient stranger 0x0099
recover 13 stranger request
told all-donors-failed

say 'a cut, and the return'
bus_recipient four
start_recovery four
in_transfer four
echo cut 1 >&3
wait_for_line 30 four.jsonl '"what":"cut"'
sleep 1
echo join 1 >&3
ends 0 four
expect_line four.jsonl '"what":"restored"'
expect_installed four medium

say 'a babbler, until it stops'
bus_recipient five
start_recovery five
in_transfer five
echo babble 4 >&3
wait_for_line 30 five.jsonl '"what":"babble"'
sleep 1
echo quiet 4 >&3
ends 0 five
expect_line five.jsonl '"what":"quiet"'
expect_installed five medium

say 'a donor that dies in the middle of a burst, and the other one goes on'
bus_recipient six
start_recovery six
in_transfer six
kill -KILL "$console"
wait "$console" 2>/dev/null || :
ends 0 six
expect_line six.jsonl '"event":"dropped".*"address":"icmb:0x0012@'
expect_line six.jsonl '"event":"recovered".*"address":"icmb:0x0013@'
expect_installed six medium

say 'the only donor dies'
bus_recipient seven
start_recovery seven
in_transfer seven
kill -KILL "$peer"
wait "$peer" 2>/dev/null || :
ends 13 seven

say 'two donors with the same address: one moves, both are heard'
start_donor console
console=$started
held console 0x0012
bus_donor peer peer node3 0x0012
start_donor peer
peer=$started
wait_for_line 30 peer.log address-held
bus_recipient eight
recover 0 eight offers
[ "$(grep -c '"event":"offer"' out.json)" -eq 2 ] || fail 'not two offers'
[ "$(sed -n 's/.*"event":"offer".*"address":"\([^"]*\)".*/\1/p' out.json | sort -u | wc -l)" -eq 2 ] ||
  fail 'two donors have one address'
stop_process "$peer" || :

say 'the same, and it is fixed: one is mute and says so'
bus_donor peer peer node3 0x0012 'fixed = true'
start_donor peer
peer=$started
wait_for_line 30 peer.log address-refused
bus_recipient nine
recover 0 nine request
chosen 0x0012
expect_installed nine medium

say 'a bus that is cut, and one that somebody babbles on: nobody answers'
echo cut 1 >&3
bus_recipient ten
recover 11 ten --set 'policy.deadline="20s"' offers
told no-donor-answered
expect_line out.json '"what":"cut"'
echo join 1 >&3

say 'a line that is not there'
recover 1 ten --set "icmb.devices=['$work/quick/node9']" offers
told not-found

say 'the lines of --json keep what fwrecover(8) promises'
cat one.jsonl two.jsonl three.jsonl four.jsonl five.jsonl six.jsonl seven.jsonl >fwrecover.jsonl
awk -f "$TOP_SRCDIR/tests/repo/json-contract.awk" "$TOP_SRCDIR/man/fwrecover.8" fwrecover.jsonl |
  grep '^wrong' && fail 'JSON lines break what fwrecover(8) promises'
:
