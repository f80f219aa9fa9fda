#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Recoveries over an emulated ICMB bus: two donors and a node that talks on its own, noise; the same
# address twice, a cut, a babbler, donors that die, a line that is gone for good. Each scenario has a bus of its own, and all of them run
# at once, because they wait most of the time.
#
#   icmb.sh [SCENARIO]
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"
. "$TOP_SRCDIR/tests/media/common.sh"

need_program minisign
scenarios='policy choice cut babbler adapter network successor alone gone addresses'
this=$TOP_SRCDIR/tests/media/icmb.sh

# two_donors BAUD SIZE: a bus with noise, a console at 0x0012 and a peer at 0x0013 with the same image.
two_donors() {
  baud=$1
  make_key vendor
  make_image image "$2"
  sign image 2.0 2
  bus bus --ber 1e-5 --seed 11
  bus_donor console console node2 0x0012
  bus_donor peer peer node3 0x0013
  add console image
  add peer image
  start_donor console
  console=$started
  start_donor peer
  peer=$started
  held console 0x0012 && held peer 0x0013
}

# talk ADDRESS: node 4 asks that node for its counters, again and again.
talk() {
  start talker.log sh -c "while :; do
    '$FWDIAG' --json icmb '$work/bus/node4' statistics '$1' --address 0x0031 --baud $baud --wait 2 >>talks
    sleep 0.5
  done"
}

# dies PID: at once, as a power cut would have it.
dies() {
  kill -KILL "$1"
  wait "$1" 2>/dev/null || :
}

# 19,200 baud, three nodes and one that talks on its own: both offer, the policy takes the console.
policy() {
  two_donors 19200 32768
  talk 0x0012
  bus_recipient recipient
  recover 0 recipient request
  cp out.json recipient.jsonl
  offered_by 0x0012 console
  offered_by 0x0013 peer
  chosen 0x0012
  expect_installed recipient image
  expect_line talks '"event":"icmb-statistics"'
}

# The policy wants a peer; then only one node of one line is asked; and a stranger gets nothing.
choice() {
  two_donors 57600 32768
  talk 0x0013
  bus_recipient recipient
  recover 0 recipient --set policy.role=peer request
  cp out.json recipient.jsonl
  offered_by 0x0012 console
  chosen 0x0013
  expect_installed recipient image
  bus_recipient other '' 'broadcast = false'
  recover 0 other offers --no-broadcast --target "icmb:0x0013@$work/bus/node1"
  offered_by 0x0013 peer
  [ "$(grep -c '"event":"offer"' out.json)" -eq 1 ] || fail 'somebody else was asked'
  bus_recipient stranger 0x0099
  recover 13 stranger request
  told all-donors-failed
}

cut() {
  two_donors 57600 40960
  bus_recipient recipient
  start_recovery recipient
  in_transfer recipient
  echo cut 1 >&3
  wait_for_line 30 recipient.jsonl '"what":"cut"'
  sleep 1
  echo join 1 >&3
  ends 0 recipient
  expect_line recipient.jsonl '"what":"restored"'
  expect_installed recipient image
  # Cut from the start: nobody answers.
  echo cut 1 >&3
  bus_recipient silent
  recover 11 silent offers
  told no-donor-answered
  expect_line out.json '"what":"cut"'
  recover 1 silent --set "icmb.devices=['$work/bus/node9']" offers
  told not-found
}

babbler() {
  two_donors 57600 40960
  bus_recipient recipient
  start_recovery recipient
  in_transfer recipient
  echo babble 4 >&3
  wait_for_line 30 recipient.jsonl '"what":"babble"'
  sleep 1
  echo quiet 4 >&3
  ends 0 recipient
  expect_line recipient.jsonl '"what":"quiet"'
  expect_installed recipient image
  # It never stops: nobody is heard.
  echo babble 4 >&3
  bus_recipient deaf
  recover 11 deaf offers
  told no-donor-answered
}

# All adapters are pulled, and plugged in again: the ttys are others, of the same names.
adapter() {
  two_donors 57600 40960
  bus_recipient recipient
  start_recovery recipient
  in_transfer recipient
  pull_adapters
  wait_for_line 30 recipient.jsonl '"link":"icmb:[^"]*","what":"down"'
  wait_for_line 30 console.log 'what=down'
  bus bus --seed 12
  ends 0 recipient
  expect_line recipient.jsonl '"link":"icmb:[^"]*","what":"up"'
  expect_line console.log 'what=up'
  expect_installed recipient image
}

# The network is down at first: the recovery begins on the bus. It comes back, and brings the rest of an
# image that would take the bus three minutes; what the bus brought is not fetched again.
network() {
  limit_s=180
  two_donors 57600 1048576
  stop_process "$console" || :
  pick_udp_port port
  # shellcheck disable=SC2154 # set by pick_udp_port
  donor_config lan console "127.0.0.1:$port"
  add lan image
  bus_recipient recipient
  sed -i "s/^targets = .*/targets = [\"127.0.0.1:$port\"]/" recipient.toml
  start_recovery recipient
  in_transfer recipient
  start_donor lan
  ends 0 recipient
  expect_line recipient.jsonl '"event":"donor".*"address":"icmb:0x0013@'
  expect_line recipient.jsonl "\"event\":\"donor\".*\"address\":\"lan:127.0.0.1:$port\""
  expect_line recipient.jsonl "\"event\":\"recovered\".*\"address\":\"lan:127.0.0.1:$port\".*\"fetched\":1048576,\"reused\":0[,}]"
  expect_installed recipient image
}

# The donor dies in the middle of a burst, and the other one goes on.
successor() {
  two_donors 57600 40960
  bus_recipient recipient
  start_recovery recipient
  in_transfer recipient
  dies "$console"
  ends 0 recipient
  expect_line recipient.jsonl '"event":"dropped".*"address":"icmb:0x0012@'
  expect_line recipient.jsonl '"event":"recovered".*"address":"icmb:0x0013@'
  expect_installed recipient image
}

# There is no other one, and there is a deadline.
alone() {
  two_donors 57600 40960
  dies "$peer"
  bus_recipient recipient
  start_recovery recipient --deadline 30s
  in_transfer recipient
  dies "$console"
  ends 16 recipient
  expect_line recipient.jsonl '"event":"dropped".*"address":"icmb:0x0012@.*"code":"no-response"'
}

# cpu_ticks PID: that it has used.
cpu_ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }
has_ended() { [ ! -e "/proc/$1" ]; }

# The only line goes and does not come back, and the donor with it: that costs waiting, no work, and an
# interruption still ends it.
gone() {
  two_donors 57600 40960
  dies "$peer"
  bus_recipient recipient
  start_recovery recipient
  in_transfer recipient
  program=$(tr -d ' ' <"/proc/$recovery/task/$recovery/children") # of "timeout"
  # shellcheck disable=SC2317 # tests/lib.sh calls it at the end
  cleanup() { kill -KILL "$program" 2>/dev/null || :; }
  pull_adapters
  wait_for_line 30 recipient.jsonl '"link":"icmb:[^"]*","what":"down"'
  # Past the stall of 14 s and the farewell of 4 s.
  wait_for_line 40 recipient.jsonl '"event":"dropped"'
  before=$(cpu_ticks "$program")
  # Not a wait: the time over which the processor is measured.
  sleep 4
  used=$(($(cpu_ticks "$program") - before))
  say "figure: $used ticks in 4 s without a line"
  [ "$used" -le $(($(getconf CLK_TCK) * 4 / 20)) ] || fail "$used ticks in 4 s without a line"
  kill -INT "$program"
  wait_for 20 has_ended "$program"
  ends 130 recipient
  expect_line recipient.jsonl '"event":"result".*"code":"interrupted"'
}

# Two donors want the same address: one moves, both are heard. It is fixed: one is mute and says so.
addresses() {
  two_donors 57600 32768
  stop_process "$peer" || :
  bus_donor peer peer node3 0x0012
  start_donor peer
  peer=$started
  wait_for_line 30 peer.log address-held
  bus_recipient recipient
  recover 0 recipient offers
  [ "$(sed -n 's/.*"event":"offer".*"address":"\([^"]*\)".*/\1/p' out.json | sort -u | wc -l)" -eq 2 ] ||
    fail 'not two offers from two addresses'
  stop_process "$peer" || :
  bus_donor peer peer node3 0x0012 'fixed = true'
  start_donor peer
  wait_for_line 30 peer.log address-refused
  recover 0 recipient request
  cp out.json recipient.jsonl
  chosen 0x0012
  [ "$(grep -c '"event":"offer"' out.json)" -eq 1 ] || fail 'not one offer'
  expect_installed recipient image
}

if [ $# -ne 0 ]; then
  TEST_NAME="icmb $1"
  "$1"
  # What --json printed keeps what fwrecover(8) promises.
  mv recipient.jsonl fwrecover.jsonl
  awk -f "$TOP_SRCDIR/tests/repo/json-contract.awk" "$TOP_SRCDIR/man/fwrecover.8" fwrecover.jsonl >found
  if grep '^wrong' found; then fail 'JSON lines break what fwrecover(8) promises'; fi
  say 'done'
  exit 0
fi

running=
for scenario in $scenarios; do
  start "$scenario.log" sh "$this" "$scenario"
  running="$running $started"
done
# shellcheck disable=SC2086 # the names, and the processes in the same order
set -- $running
wrong=
for scenario in $scenarios; do
  if wait "$1"; then
    say "$scenario: good"
    rm "$scenario.log"
  else
    wrong="$wrong $scenario"
  fi
  shift
done
[ -z "$wrong" ] || fail "scenarios:$wrong"
