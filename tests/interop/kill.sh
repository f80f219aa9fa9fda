#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# fwrecover is killed at random instants of a recovery, again and again: what was active stays as it is, no
# broken slot is ever called healthy, and in the end a recovery succeeds.
#
# FWR_KILLS: how many times (200 in the long form). FWR_SEED: the instants of an earlier run.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/interop/common.sh"

if [ -n "${FWR_TEST_LONG:-}" ]; then kills=${FWR_KILLS:-200}; else kills=${FWR_KILLS:-25}; fi
seed=${FWR_SEED:-$$}
say "$kills kills, FWR_SEED=$seed"

make_key vendor
make_image old 30000000
make_image new 30000000
sign old 1.0 1
sign new 2.0 2
pick_udp_port port
donor_config giver console "127.0.0.1:$port" 'idle = "5s"'
# Little credit makes the transfer longer, and many leases are left behind by the dead.
sed -i 's/^role/credit = "64KiB"\nleases = 255\nleases_per_user = 255\n&/' giver.toml
add giver old
start_donor giver
offer_window=100ms
recipient_config r "\"127.0.0.1:$port\""
recover 0 r request
recover 0 r confirm
active=$(active_slot r)
expect_installed r old
before=$(sha256sum <"r-$active")
add giver new
kill -HUP "$started"
offered() { recover 0 r offers && grep -q '"version":"2.0"' out.json; }
wait_for 20 offered

now_ms() { date +%s%3N; }

# How long a whole recovery takes here and now; the kills are spread over that.
cp -r r-state kept-state
begin=$(now_ms)
recover 0 r request
took=$(($(now_ms) - begin))
expect_installed r new
say "a recovery takes $took ms"

# The same system again as it was, with the other slot empty.
reset() {
  other=b
  [ "$active" = a ] || other=a
  rm -rf r-state "r-$other"
  cp -r kept-state r-state
}
reset

instants=$(awk -v seed="$seed" -v kills="$kills" -v span="$took" \
  'BEGIN { srand(seed); for (i = 0; i < kills; ++i) printf "%.3f\n", rand() * span / 1000 }')
killed=0
finished=0
again() {
  grep -h '"state":' now.json | tail -n 1 | sed 's/.*"state":"\(.*\)".*/\1/' >>states.txt
  now_active=$(active_slot r) || fail "no status after a kill at $instant s (FWR_SEED=$seed)"
  status=0
  limited "$FWRECOVER" --config r.toml --json check >out.json 2>out.log || status=$?
  if [ "$now_active" = "$active" ]; then
    # The old image is confirmed and whole, so it has to be healthy, and no byte of it may differ.
    [ "$status" -eq 0 ] || fail "check: $status after a kill at $instant s: $(cat out.json)"
  elif [ "$status" -eq 0 ]; then
    cmp -n 30000000 "r-$now_active" new || fail "a broken slot is healthy: $instant s (FWR_SEED=$seed)"
  else
    fail "the new slot is active and not healthy: $instant s, FWR_SEED=$seed: $(cat out.json)"
  fi
  [ "$(sha256sum <"r-$active")" = "$before" ] ||
    fail "the active slot was touched by a recovery that was killed at $instant s (FWR_SEED=$seed)"
}
for instant in $instants; do
  "$FWRECOVER" --config r.toml --json request >now.json 2>now.log &
  victim=$!
  lib_pids="$lib_pids $victim"
  sleep "$instant"
  kill -KILL "$victim" 2>/dev/null || :
  status=0
  wait "$victim" 2>/dev/null || status=$?
  case $status in
    137) killed=$((killed + 1)) ;;
    0) finished=$((finished + 1)) ;;
    *) fail "exit status $status instead of a death, FWR_SEED=$seed: $(cat now.json)" ;;
  esac
  again
  # Nothing is left to do where the new image is active; and what was kept makes the next one quick, so
  # every third starts with nothing.
  turn=$((${turn:-0} + 1))
  if [ "$now_active" != "$active" ] || [ $((turn % 3)) -eq 0 ]; then reset; fi
done
say "$killed were killed, $finished were faster; they had come to:"
sort states.txt | uniq -c
[ "$killed" -ge $((kills / 4)) ] || fail "only $killed of $kills were killed in time"

recover 0 r request
expect_installed r new
recover 0 r confirm
recover 0 r check
[ "$(sha256sum <"r-$active")" = "$before" ] || fail 'the last recovery touched the slot that was active'
