#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# One fwdonord under a crowd of recoveries that begin at the same moment, with many more of them than it has
# leases and sessions. A part of them dies without a word, and some of these come back, from the same address
# or another. Everyone who did not die recovers, round for round; afterwards the donor has no lease and no
# session left, as many descriptors as before, and the same memory.
#
# FWR_SOAK_CLIENTS: 100, or 500 in the long form. FWR_SOAK_MINUTES: more rounds for so long; 10 in the long
# form. FWR_SEED: who dies when. FWR_SOAK_DONOR: another fwdonord, such as one with AddressSanitizer; then its
# memory is not compared, because ASan keeps what was freed.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/interop/common.sh"

soak=$TOP_BUILDDIR/tests/soak/soak
if [ -n "${FWR_TEST_LONG:-}" ]; then
  : "${FWR_SOAK_CLIENTS:=500}" "${FWR_SOAK_MINUTES:=10}"
fi
clients=${FWR_SOAK_CLIENTS:-100}
seconds=$((${FWR_SOAK_MINUTES:-0} * 60))
least_rounds=3
seed=${FWR_SEED:-1}
lease_s=5
[ "$seconds" -eq 0 ] || lease_s=15

make_key vendor
make_image image 262144
sign image 1.0 1
pick_udp_port port
donor_config giver console "127.0.0.1:$port" "idle = \"${lease_s}s\""
sed -i "s/^lease = .*/lease = \"${lease_s}s\"/" giver.toml
add giver image
daemon=${FWR_SOAK_DONOR:-$FWDONORD}
: >giver.log
start giver.log "$daemon" --config giver.toml
giver=$started
wait_for_line 60 giver.log ready
# With libtool's script before it the daemon still has this id: the script execs.

rss() { awk '/^VmRSS:/ { print $2 }' "/proc/$giver/status"; }
descriptors() { find "/proc/$giver/fd" -mindepth 1 | wc -l; }
# crowd CLIENTS DEATHS SEED: one round.
crowd() {
  timeout -k 5 $((600 + seconds)) "$soak" --donor "127.0.0.1:$port" --key vendor.pub --image image \
    --user fwrecover --password-file password --clients "$1" --deaths "$2" --seed "$3" \
    --deadline 900 >round.txt 2>&1 || {
    cat round.txt
    fail "not everyone recovered: $1 clients, $2 % deaths, FWR_SEED=$seed"
  }
  kill -0 "$giver" || fail 'the donor is gone'
}

begin=$(date +%s)
round=0
while [ "$round" -lt "$least_rounds" ] || [ $(($(date +%s) - begin)) -lt "$seconds" ]; do
  round=$((round + 1))
  crowd "$clients" 30 $((seed + round))
  say "round $round: $(head -n 1 round.txt) rss_kib=$(rss) descriptors=$(descriptors)"
  grep -v '^recoveries=' round.txt || :
  # The first round is the one that warms up.
  if [ "$round" -eq 1 ]; then
    rss_before=$(rss)
    descriptors_before=$(descriptors)
  fi
done

say 'no lease is left'
no_lease() {
  "$FWDIAG" --json donor --user fwrecover --password-file password "127.0.0.1:$port" >status.json &&
    grep -q '"leases":0,' status.json
}
wait_for $((lease_s + 10)) no_lease

say 'no session is left: as many as there may be find room at once'
sleep "$lease_s"
crowd 60 0 "$seed"
expect_line round.txt 'session_limit=0 '

[ "$(descriptors)" -eq "$descriptors_before" ] ||
  fail "$(descriptors) descriptors, and $descriptors_before after the first round"
if [ -z "${FWR_SOAK_DONOR:-}" ]; then
  [ $(($(rss) * 100)) -le $((rss_before * 105)) ] ||
    fail "$(rss) KiB of memory, and $rss_before after the first round"
fi

# A leak checker has its say when the daemon ends.
status=0
stop_process "$giver" || status=$?
[ "$status" -eq 0 ] || fail "the donor ended with exit status $status"
awk '/accepted|refused|expired|reported|released/ { ++count[$3] }
  END { for (what in count) print "donor: " what, count[what] }' giver.log
