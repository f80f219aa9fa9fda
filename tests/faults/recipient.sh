#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Every call of fwrecover on configuration, key, secret, slot, state record, tree, lock and history fails
# once, or the process dies there. Whatever happens: the exit status is a documented one, the message
# names the file, the active slot keeps every byte, the state is readable, and the next recovery works.
#
# All faults of all calls in the long form, every FWR_SHAREth otherwise; FWR_SEED moves which.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/faults/common.sh"

bytes=262144
make_key vendor
make_image old "$bytes"
make_image new "$bytes"
sign old 1.0 1
sign new 2.0 2
pick_udp_port port
donor_config giver console "127.0.0.1:$port" 'idle = "5s"
sessions = 255'
sed -i 's/^role/leases = 255\nleases_per_user = 255\n&/' giver.toml
add giver old
start_donor giver
# shellcheck disable=SC2034 # for recipient_config
offer_window=5s slot_size=256KiB
recipient_config r "\"127.0.0.1:$port\""
recover 0 r request
recover 0 r confirm
expect_installed r old
active=$(active_slot r)
other=b
[ "$active" = a ] || other=a
before=$(sha256sum <"r-$active")
add giver new
kill -HUP "$started"
offered() { recover 0 r offers && grep -q '"version":"2.0"' out.json; }
wait_for 20 offered

# keep NAME, restore NAME: what the recipient has on its disk.
keep() {
  mkdir -p "kept/$1"
  cp -r r-* "kept/$1/"
}
restore() {
  rm -rf r-*
  cp -r "kept/$1/." .
}

# No file stays but those that fwrecover uses again.
expect_no_litter() {
  for file in r-*/* r-*/.[!.]* r-?; do
    case $file in
      r-state/state | r-state/state.new | r-state/tree | r-state/lock | r-state/history.lock | r-[ab]) ;;
      r-state/history.jsonl | r-state/history.jsonl.new) ;;
      *'*'*) ;;
      *) broken "left behind: $file" ;;
    esac
  done
}

command() { "$FWRECOVER" --config "$work/r.toml" "$@"; }
must() {
  must_want=$1
  shift
  must_got=0
  timeout -k 5 "$limit_s" "$FWRECOVER" --config "$work/r.toml" "$@" >after.txt 2>&1 || must_got=$?
  [ "$must_got" -eq "$must_want" ] || {
    sed 's/^/  then: /' after.txt
    broken "exit status $must_got instead of $must_want afterwards: $*"
  }
}

# The state record after a fault: readable, and what is active is a whole image. Gives $now_active.
expect_readable() {
  must 0 status
  now_active=$(sed -n 's/^slot \(.\) is active.*/\1/p' after.txt)
  must 0 check
  if [ -n "$active" ] && [ "$(sha256sum <"r-$active")" != "$before" ]; then
    broken "the active slot $active was touched"
  fi
  [ "$now_active" = "$active" ] || cmp -s "r-$now_active" new || broken 'a broken slot is active'
}

# The exit statuses of fwrecover(8) that fit a fault of the file $path.
statuses() {
  case $path in
    r-state/state* | r-state/tree | r-state/lock | r-state | r-[ab] | "$work") echo 15 ;;
    *) echo '1 2 15' ;;
  esac
}

# sweep STATE SHARE AFTER OPTION...: AFTER is a function that looks at what is left.
sweep() {
  sweep_state=$1 sweep_share=$(share "${FWR_SHARE:-$2}") sweep_after=$3
  shift 3
  restore "$sweep_state"
  counted "$FWRECOVER" --config "$work/r.toml" "$@"
  plan "$sweep_share" >planned
  say "$*, $sweep_state: $(wc -l <calls) calls, $(wc -l <planned) faults"
  while read -r at call fault path; do
    restore "$sweep_state"
    faulty "$at" "$call" "$fault" "$path" "$FWRECOVER" --config "$work/r.toml" "$@"
    expect_documented "$(statuses)"
    expect_no_litter
    "$sweep_after"
    runs=$((runs + 1))
  done <planned
}

after_request() {
  expect_readable
  if [ "$now_active" = "$active" ]; then
    [ "$status" -ne 0 ] || broken 'it said that it recovered'
    must 0 request
  fi
  cmp -s "r-$other" new || broken 'the recovery without a fault did not install the image'
  [ "$(sha256sum <"r-$active")" = "$before" ] || broken 'the next recovery touched the active slot'
  must 0 confirm
}
keep installed
sweep installed 9 after_request request

# A slot half full, as a power cut leaves it: the recovery reads what is there.
restore installed
faulty 12 pwrite64 DIE "r-$other" "$FWRECOVER" --config "$work/r.toml" request
keep half
sweep half 19 after_request request

end_of_sweeps
