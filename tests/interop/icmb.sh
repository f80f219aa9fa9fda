#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# An ICMB bus of pseudo-terminals, and fwdiag as its nodes: discovery, questions, a collision of
# addresses, noise, a cut, a babbler, and a node that is killed.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"

# bus NAME OPTION...: an emulated bus with links in NAME; its commands are lines to descriptor 3.
bus() {
  bus_name=$1
  shift
  mkdir "$bus_name"
  mkfifo "$bus_name/commands"
  # shellcheck disable=SC2094 # opened for both, so that neither waits
  exec 3<>"$bus_name/commands"
  start "$bus_name.log" sh -c "exec '$FWDIAG' --json icmb-bus --link-dir '$work/$bus_name' $* <'$bus_name/commands'"
  bus_process=$started
  wait_for_line 30 "$bus_name.log" '"node":4'
}
# listen NODE OPTION...: a node that answers; its lines are in NODE.log, its process is $started.
listen() {
  listen_node=$1
  shift
  start "$listen_node.log" "$FWDIAG" --json icmb "$work/$bus_name/$listen_node" listen "$@"
}
held() { wait_for_line 60 "$1.log" "address-held\",\"address\":\"icmb:$2@"; }
# diag STATUS NODE ACTION...: what it said is in out.json.
diag() {
  diag_want=$1 diag_node=$2
  shift 2
  expect_exit "$diag_want" limited "$FWDIAG" --json icmb "$work/$bus_name/$diag_node" "$@" >out.json 2>out.log
  tail -n 1 out.json | grep -q "^{\"event\":\"result\".*\"exit_code\":${diag_want}[,}]" ||
    fail "no result with $diag_want: $(cat out.json)"
}
found() { [ "$(grep -c '"event":"icmb-node"' out.json)" -eq "$1" ] || fail "not $1 nodes: $(cat out.json)"; }

bus clean --nodes 4

say 'nobody else is there'
diag 1 node1 discover --wait 0.3
told no-response

say 'discovery finds all'
listen node2 --address 0x0012 --guid 00000000-0000-0000-0000-000000000002 --operator 0x0011
node2=$started
listen node3 --address 0x0013
listen node4 --address 0x0014
held node2 0x0012 && held node3 0x0013 && held node4 0x0014
diag 0 node1 discover --wait 2 --address 0x0011
found 3
for address in 0x0012 0x0013 0x0014; do expect_line out.json "\"address\":\"icmb:$address@"; done
expect_line out.json '"guid":"00000000-0000-0000-0000-000000000002"'

say 'questions to one'
diag 0 node1 info 0x0012
expect_line out.json '"guid":"00000000-0000-0000-0000-000000000002","state":"enabled".*"baud":19200'
diag 0 node1 statistics icmb:0x0013
expect_line out.json '"sent":[1-9]'
diag 1 node1 info 0x0055 --wait 0.3
told no-response 0x0055
diag 2 node1 info
diag 2 node1 discover 0x0012
diag 2 node1 info nonsense

say 'a tty is for one program only'
diag 1 node2 discover
told address-unavailable
bus_was=$bus_name bus_name=.
diag 1 no-such-tty discover
bus_name=$bus_was
told not-found

say 'an address that is taken: a free one instead, or none when it is fixed'
diag 1 node1 info 0x0012 --address 0x0013 --fixed
told address-unavailable
diag 0 node1 info 0x0012 --address 0x0013
expect_line out.json '"what":"address-moved"'

say 'a node that is killed is gone, and the others go on'
kill -KILL "$node2"
wait "$node2" 2>/dev/null || :
diag 1 node1 info 0x0012 --wait 0.5
diag 0 node1 discover --wait 2
found 2

say 'two that want the same at the same time: the lower GUID gets it'
listen node2 --address 0x0020 --guid 00000000-0000-0000-0000-000000000009
first=$started
listen node1 --address 0x0020 --guid 00000000-0000-0000-0000-000000000001
second=$started
held node1 0x0020
wait_for_line 60 node2.log address-held
grep -q '"address-held","address":"icmb:0x0020' node2.log && fail "both have it: $(cat node2.log)"
stop_process "$first" || :
expect_line node2.log '"event":"icmb-statistics"'
stop_process "$second" || :

say 'a cut, and the return'
listen node2 --address 0x0012
held node2 0x0012
echo cut 1 >&3
wait_for_line 30 clean.log '"command":"cut 1","obeyed":true'
diag 1 node1 info 0x0012
told no-response 'hear ourselves'
echo join 1 >&3
wait_for_line 30 clean.log '"command":"join 1","obeyed":true'
diag 0 node1 info 0x0012

say 'a babbler, until it stops'
echo babble 4 >&3
wait_for_line 60 node2.log '"what":"babble"'
diag 1 node1 info 0x0012 --wait 0.5
echo quiet 4 >&3
wait_for_line 30 node2.log '"what":"quiet"'
diag 0 node1 info 0x0012
echo sing 4 >&3
wait_for_line 30 clean.log '"command":"sing 4","obeyed":false'
stop_process "$bus_process" || fail 'the emulator does not end well'
expect_line clean.log '"event":"bus-statistics","characters":[1-9]'
wait_for_line 30 node2.log '"code":"io-failed"'

say 'noise'
bus noisy --nodes 4 --ber 1e-4 --seed 7 --noise receiver
for node in 2 3 4; do listen node$node --address 0x001$node; done
held node2 0x0012 && held node3 0x0013 && held node4 0x0014
diag 0 node1 discover --wait 2
found 3
