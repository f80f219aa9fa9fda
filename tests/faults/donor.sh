#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Every call of fwdonor on image, manifest, signature, key and catalogue fails once, or the process dies
# there: what was in the catalogue stays in it and stays whole, and the next command works. Then the same for
# fwdonord while it serves: the recipient gets an answer, and the daemon goes on.
#
# All faults of all calls in the long form, every FWR_SHAREth otherwise; FWR_SEED moves which.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/faults/common.sh"

two_releases 262144
add giver old
old=$(digest_of old)
new=$(digest_of new)
[ "${#old}${#new}" = 6464 ] || fail 'the manifests have no digests'

keep() { rm -rf "kept-$1" && cp -r giver-catalogue "kept-$1"; }
restore() { rm -rf giver-catalogue new.manifest.json* && cp -r "kept-$1" giver-catalogue && cp -p signed/* .; }
mkdir signed
cp -p new.manifest.json new.manifest.json.minisig signed/

# must STATUS OPTION...: fwdonor without a fault.
must() {
  must_want=$1
  shift
  must_got=0
  timeout -k 5 "$limit_s" "$FWDONOR" --config "$work/giver.toml" "$@" >after.txt 2>&1 || must_got=$?
  case " $must_want " in
    *" $must_got "*) ;;
    *)
      sed 's/^/  then: /' after.txt
      broken "exit status $must_got instead of $must_want afterwards: $*"
      ;;
  esac
}
holds() { "$FWDONOR" --config "$work/giver.toml" list | grep -q "^$(echo "$1" | cut -c 1-16)"; }

# What no fault may touch: the older image, and that all that is listed is whole.
expect_whole() {
  must 0 verify
  holds "$1" || broken "image $1 is gone"
}
expect_no_litter() {
  for file in giver-catalogue/.incoming-* giver-catalogue/.outgoing-* ./*.tmp; do
    [ ! -e "$file" ] || broken "left behind: $file"
  done
}

# sweep STATE SHARE STATUSES AFTER OPTION...
sweep() {
  sweep_state=$1 sweep_share=$(share "${FWR_SHARE:-$2}") sweep_statuses=$3 sweep_after=$4
  shift 4
  restore "$sweep_state"
  counted "$FWDONOR" --config "$work/giver.toml" "$@"
  plan "$sweep_share" >planned
  say "$*: $(wc -l <calls) calls, $(wc -l <planned) faults"
  while read -r at call fault path; do
    restore "$sweep_state"
    faulty "$at" "$call" "$fault" "$path" "$FWDONOR" --config "$work/giver.toml" "$@"
    expect_documented "$sweep_statuses"
    "$sweep_after"
    runs=$((runs + 1))
  done <planned
}

after_add() {
  expect_whole "$old"
  if [ "$status" -eq 0 ] && [ -s hit ]; then holds "$new" || broken 'it said that it added the image'; fi
  must '0 1' add "$work/new"
  expect_whole "$old"
  holds "$new" || broken 'the image cannot be added afterwards'
  expect_no_litter
}
after_remove() {
  expect_whole "$old"
  must '0 1' remove "$new"
  if holds "$new"; then broken 'the image cannot be removed afterwards'; fi
  must 0 add "$work/new"
  expect_whole "$old"
  expect_no_litter
}
after_reading() {
  expect_whole "$old"
  expect_whole "$new"
}
after_manifest() {
  must 0 manifest "$work/fresh" --name test --image-version 3.0 --security-version 3 \
    --platform manufacturer=32473,product=7
  [ "$(find . -maxdepth 1 -name 'fresh*' | wc -l)" -eq 2 ] || broken "litter: $(ls fresh*)"
}

keep one
sweep one 17 '1 2 14 15' after_add add "$work/new"
restore one
add giver new
keep two
sweep two 17 '1 2 14 15' after_remove remove "$new"
sweep two 23 '1 2 14 15' after_reading verify
sweep two 23 '1 2 14 15' after_reading list
cp old fresh
sweep two 5 '1 2 14 15' after_manifest manifest "$work/fresh" --name test --image-version 3.0 \
  --security-version 3 --platform manufacturer=32473,product=7

# --- the daemon ----------------------------------------------------------------------------------

restore one
# shellcheck disable=SC2034 # for recipient_config
offer_window=2s slot_size=256KiB
recipient_config r "\"127.0.0.1:$port\""
cp -r r.toml r.kept

# serve: the daemon, with the shim as the environment says; $daemon is its id, or nothing when it ended.
serve() {
  : >"$work/giver.log"
  FWR_SHIM_PATHS="$work/giver" start giver.log env LD_PRELOAD="$shim" "$FWDONORD" --config "$work/giver.toml"
  daemon=$started
  until grep -q ' ready ' giver.log || ! kill -0 "$daemon" 2>/dev/null; do sleep 0.02; done
  if kill -0 "$daemon" 2>/dev/null; then return; fi
  status=0
  wait "$daemon" || status=$?
  daemon=
}
# recovered: one recovery from nothing; its exit status is $got.
recovered() {
  rm -rf r-*
  got=0
  timeout -k 5 "$limit_s" "$FWRECOVER" --config "$work/r.toml" request >out.txt 2>err.txt || got=$?
  [ "$got" -ne 0 ] || cmp -s r-b old || got=wrong-bytes
}

rm -f raw-calls
FWR_SHIM_LOG="$work/raw-calls"
export FWR_SHIM_LOG
serve
recovered
[ "$got" -eq 0 ] || fail "without a fault: exit status $got of the recipient"
stop_process "$daemon" || fail 'without a fault the daemon does not end well'
sed "s|$work/||g" raw-calls | awk '{ print ++seen[$0], $0 }' >calls
# A daemon that dies is no case here, nor a medium that is dead for good.
plan 1 | awk '!/ DIE/ && !/ EIO\+ /' |
  awk -v share="$(share "${FWR_SHARE:-11}")" -v first="$seed" '(NR + first) % share == 0' >planned
say "fwdonord: $(wc -l <calls) calls, $(wc -l <planned) faults"

while read -r at call fault path; do
  : >hit
  FWR_SHIM_LOG="$work/hit" FWR_SHIM_AT=$at FWR_SHIM_CALL=$call FWR_SHIM_FAULT=$fault FWR_SHIM_FILE=$work/$path
  export FWR_SHIM_LOG FWR_SHIM_AT FWR_SHIM_CALL FWR_SHIM_FAULT FWR_SHIM_FILE
  runs=$((runs + 1))
  serve
  if [ -z "$daemon" ]; then
    sed 's/^[^ ]* [^ ]* //' giver.log >err.txt
    : >out.txt
    expect_documented '1 2 15'
    continue
  fi
  # In LD_PRELOAD's reach is the daemon only.
  recovered
  case $got,$fault in
    0,*) ;;
    *,EINTR | *,SHORT) broken "the recipient ends with $got, though this fault can be absorbed" ;;
    # No image to offer, or the donor could not read it.
    11,* | 12,* | 13,*) ;;
    *) broken "the recipient ends with $got" ;;
  esac
  kill -0 "$daemon" 2>/dev/null || broken 'the daemon is gone'
  if [ "$got" -ne 0 ]; then
    # What was left out at the start is there after a reload; what failed once works the next time.
    kill -HUP "$daemon"
    wait_for_line 10 giver.log ' reloaded '
    recovered
    [ "$got" -eq 0 ] || broken "the recipient ends with $got also the next time"
  fi
  status=0
  stop_process "$daemon" || status=$?
  [ "$status" -eq 0 ] || broken "the daemon ends with $status"
  [ -s hit ] || missed=$((missed + 1))
done <planned

end_of_sweeps
