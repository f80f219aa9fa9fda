#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Media together: one donor on a slow network and on an emulated ICMB bus. The network goes down in the
# middle, and the recovery goes on over the bus with what it has; the network comes back, and the recovery
# returns to it, or stays where the policy says so. Each scenario has network namespaces of its own, and all
# run at once.
#
#   together.sh [SCENARIO]
. "$TOP_SRCDIR/tests/lib.sh"
scenarios='returns stays'
this=$TOP_SRCDIR/tests/media/together.sh
if [ $# -eq 0 ]; then
  need_program minisign unshare ip mount tc
  if unshare -nm true 2>/dev/null; then inside=-nm; else inside=-rnm; fi
  unshare $inside true 2>/dev/null || skip 'network namespaces cannot be made here'
  # shellcheck disable=SC2016 # for the shell in there
  unshare $inside sh -c 'mount -t tmpfs tmpfs /run && ip link add road0 type veth peer name road1 &&
    tc qdisc add dev road0 root tbf rate 1mbit burst 16kb limit 1mb' >"$work/unshare.log" 2>&1 ||
    skip "no network with a rate here: $(tail -n 1 "$work/unshare.log")"
  running=
  for scenario in $scenarios; do
    start "$scenario.log" unshare $inside sh "$this" "$scenario"
    running="$running $started"
  done
  # shellcheck disable=SC2086 # the names, and the processes in the same order
  set -- $running
  wrong=
  for scenario in $scenarios; do
    wait "$1" || wrong="$wrong $scenario"
    grep "^figure" "$work/$scenario.log" || :
    shift
  done
  [ -z "$wrong" ] || fail "scenarios:$wrong"
  exit 0
fi

TEST_NAME="together $1"
. "$TOP_SRCDIR/tests/interop/common.sh"
. "$TOP_SRCDIR/tests/media/common.sh"
baud=57600 # about 5.4 kB/s of the image

# roads RATE SIZE: a donor at 10.8.0.2, where the network sends at RATE, and at 0x0012 on a bus; a
# recipient that may ask on both.
roads() {
  # "ip netns" keeps its names in /run; these are nobody else's.
  mount --make-rprivate / && mount -t tmpfs tmpfs /run
  ip link set lo up
  ip netns add donor
  ip link add lan0 type veth peer name eth0 netns donor
  ip address add 10.8.0.1/24 dev lan0
  ip link set lan0 up
  ip -n donor address add 10.8.0.2/24 dev eth0
  for name in lo eth0; do ip -n donor link set $name up; done
  tc -n donor qdisc add dev eth0 root tbf rate "$1" burst 16kb limit 1mb
  size=$2
  make_key vendor
  make_image image "$size"
  sign image 1.0 1
  bus bus
  donor_config console console 10.8.0.2:623
  cat >>console.toml <<END
[icmb]
devices = ["$work/bus/node2"]
address = "0x0012"
allow = ["0x0021"]
baud = $baud
slot = "$slot"
END
  add console image
  start_donor console ip netns exec donor
  held console 0x0012
  bus_recipient system
  sed -i 's/^targets = .*/targets = ["10.8.0.2"]/' system.toml
}

# now_ms, done_bytes: of the clock, and in the slot by what the recovery said last.
now_ms() { date +%s%3N; }
done_bytes() { sed -n 's/.*"event":"progress","done":\([0-9]*\).*/\1/p' system.jsonl | tail -n 1; }
has() { [ "$(done_bytes)" -ge "$1" ]; }
# tried MEDIUM COUNT: whether donors have been tried so often over MEDIUM.
tried() { [ "$(grep -c "\"event\":\"donor\".*\"medium\":\"$1\"" system.jsonl)" -ge "$2" ]; }
# served: what the donor has read for its leases, on all roads.
served() {
  limited ip netns exec donor "$FWDIAG" --json donor --user fwrecover --password-file password \
    --wait 5 10.8.0.2 >served.json 2>served.log || fail "fwdiag donor: $(cat served.json)"
  sed -n 's/.*"bytes_served":\([0-9]*\).*/\1/p' served.json
}
# since_here: what is left, and what was served so far. In this order, because the transfer goes on while the
# donor is asked, which takes seconds on a machine that is busy: what comes meanwhile was missing before.
since_here() {
  left=$((size - $(done_bytes)))
  before=$(served)
}
# hardly_more: than was left then has been served since.
hardly_more() {
  more=$(($(served) - before))
  [ "$more" -le $((left + 40960)) ] || fail "$more bytes were served when $left were missing"
}
# road: the media of the donors, in the order in which they were tried.
road() { sed -n 's/.*"event":"donor".*"medium":"\([a-z]*\)".*/\1/p' system.jsonl | tr '\n' ' '; }

# goes_down BYTES: the network, when so much is in the slot; until the bus has brought 24 KiB more.
goes_down() {
  wait_for 60 has "$1"
  ip link set lan0 down
  down=$(now_ms)
  wait_for 60 tried icmb 1
  printf 'figure: %s: network lost: the bus is tried after %s ms\n' "$TEST_NAME" "$(($(now_ms) - down))"
  had=$(done_bytes)
  [ "$had" -lt "$size" ] || fail 'nothing was left for the bus'
  wait_for 60 has $((had + 24576))
}
# ends_over ADDRESS: and nothing that was in the slot came again.
ends_over() {
  ends 0 system
  expect_line system.jsonl "\"event\":\"recovered\".*\"address\":\"$1.*\"fetched\":$size,\"reused\":0[,}]"
  expect_line system.jsonl '"event":"dropped".*"address":"lan:10.8.0.2".*"code":"no-response"'
  [ "$(grep -c '"event":"dropped"' system.jsonl)" -eq 1 ] || fail 'more than the network was lost'
  expect_installed system image
}

returns() {
  roads 400kbit 458752
  start_recovery system --set policy.return_after=5s
  goes_down 65536
  ip link set lan0 up
  back=$(now_ms)
  # Asked 5 s to 7.5 s after the donor on the bus began, and then again; 2 s for the offer.
  wait_for 30 tried wired 2
  printf 'figure: %s: network back: it is tried after %s ms\n' "$TEST_NAME" "$(($(now_ms) - back))"
  since_here
  ends_over lan:10.8.0.2
  hardly_more
  [ "$(road)" = 'wired icmb wired ' ] || fail "tried: $(road)"
  # The bus was left in order, and its lease with it.
  expect_line console.log '"\?released"\?.*icmb:0x0021@'
}

stays() {
  roads 200kbit 163840
  start_recovery system --set policy.return_after=1s --set policy.return=false
  goes_down 65536
  ip link set lan0 up
  since_here
  ends_over icmb:0x0012@
  hardly_more
  [ "$(road)" = 'wired icmb ' ] || fail "tried: $(road)"
}

"$1"
printf 'figure: %s: %s bytes over %s\n' "$TEST_NAME" "$size" "$(road)"
