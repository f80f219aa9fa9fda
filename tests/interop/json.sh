#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What the tools print with --json is what fwrecover(8), JSON OUTPUT, promises: events, fields, types.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"

need_program minisign
page=$TOP_SRCDIR/man/fwrecover.8
contract=$TOP_SRCDIR/tests/repo/json-contract.awk

# keep TOOL STATUS ARGUMENT...: runs it with --json, and keeps its lines for later.
keep() {
  keep_tool=$1 keep_want=$2 keep_got=0
  shift 2
  case $keep_tool in
    fwrecover) limited "$FWRECOVER" --config recipient.toml --json "$@" >lines 2>tool.log || keep_got=$? ;;
    fwdonor) limited "$FWDONOR" --config donor.toml --json "$@" >lines 2>tool.log || keep_got=$? ;;
    fwdiag) limited "$FWDIAG" --json "$@" >lines 2>tool.log || keep_got=$? ;;
  esac
  [ "$keep_got" -eq "$keep_want" ] || {
    cat lines
    fail "exit status $keep_got instead of $keep_want: $keep_tool $*"
  }
  # The last line is the result, and there is one only.
  tail -n 1 lines | grep -q "^{\"event\":\"result\".*\"exit_code\":$keep_want}\$" ||
    fail "the last line is no result with exit code $keep_want: $keep_tool $*"
  [ "$(grep -c '"event":"result"' lines)" -eq 1 ] || fail "not one result: $keep_tool $*"
  cat lines >>"$keep_tool.jsonl"
}

pick_udp_port port
donor=127.0.0.1:$port
make_key vendor
for version in 1 2; do
  make_image image$version 300000
  sign image$version 1.$version $version
done
donor_config donor console "$donor"
recipient_config recipient "\"$donor\""

keep fwdonor 0 manifest image1 --name test-bmc --image-version 1.1 --security-version 1 \
  --platform manufacturer=32473,product=7 --expires 4000000000 --minimum-version 1.0
minisign -S -s vendor.key -m image1.manifest.json -t test >/dev/null
keep fwdonor 0 add image1
keep fwdonor 14 add image2 --signature image1.manifest.json.minisig
keep fwdonor 0 list
digest=$(sed -n 's/.*"event":"image".*"digest":"\([0-9a-f]*\)".*/\1/p' lines)
keep fwdonor 0 show "$digest"
keep fwdonor 0 verify

start fwdonord.log sh -c "exec '$FWDONORD' --config donor.toml --json >fwdonord.jsonl"
daemon=$started
wait_for_line 30 fwdonord.jsonl '"ready"'

keep fwrecover 0 config
cp image1 recipient-a
keep fwrecover 0 adopt image1.manifest.json
rm -rf recipient-a recipient-state
keep fwrecover 0 status
keep fwrecover 10 check
keep fwrecover 0 offers
keep fwrecover 0 offers --verify
pick_udp_port nobody
keep fwrecover 11 --set policy.offer_window=1200ms offers --target "127.0.0.1:$nobody"
printf 'wrong' >other
chmod 600 other
# One more than has an event of its own.
for try in 1 2 3 4 5 6; do
  keep fwrecover 13 --set "donor.password_file=$work/other" request
done
keep fwrecover 0 request
keep fwrecover 0 confirm
keep fwdonor 0 add image2
wait_for_line 30 fwdonord.jsonl '"catalogue-changed"'
kill -HUP "$daemon"
wait_for_line 30 fwdonord.jsonl '"reloaded"'
keep fwrecover 0 request
keep fwrecover 0 status
keep fwrecover 0 check
keep fwrecover 0 rollback
keep fwrecover 0 verify image1.manifest.json --image image1
keep fwrecover 0 history
keep fwrecover 2 no-such-command

keep fwdiag 0 ping "$donor"
keep fwdiag 1 ping --wait 0.2 "127.0.0.1:$nobody"
keep fwdiag 0 discover --manufacturer 32473 --product 7 "$donor"
keep fwdiag 11 discover --manufacturer 32473 --product 9 "$donor"
keep fwdiag 0 capabilities "$donor"
keep fwdiag 0 donor --user fwrecover --password-file password "$donor"

# A bus, and a request that is no bridge command, made by hand (PROTOCOL §11).
mkdir bus
mkfifo commands
exec 3<>commands
start bus.log sh -c "exec '$FWDIAG' --json icmb-bus --nodes 3 --link-dir bus <commands >bus.jsonl"
bus=$started
wait_for_line 30 bus.jsonl '"node":3'
start listen.log sh -c "exec '$FWDIAG' --json icmb bus/node2 listen --address 0x0012 >listen.jsonl"
node=$started
wait_for_line 30 listen.jsonl address-held
keep fwdiag 0 icmb bus/node1 discover
keep fwdiag 0 icmb bus/node1 info 0x0012
keep fwdiag 0 icmb bus/node1 statistics 0x0012
printf '\176\022\000\042\000\001\000\001\030\001\361\232\176' >bus/node3
wait_for_line 30 listen.jsonl icmb-message
echo ber 0 >&3
wait_for_line 30 bus.jsonl bus-change
stop_process "$node"
stop_process "$bus"
cat bus.jsonl listen.jsonl >>fwdiag.jsonl

keep fwdiag 0 images --user fwrecover --password-file password "127.0.0.1:$port"
keep fwdiag 0 why --config recipient.toml
keep fwdonor 0 remove "$digest"
mkdir donor-catalogue/junk
keep fwdonor 0 list
stop_process "$daemon"
limited "$FWDONORD" --config donor.toml --json --show-config >>fwdonord.jsonl

# --- the proof -----------------------------------------------------------------------------------

check() { # JSON-FILE...
  awk -f "$contract" "$page" "$@" | LC_ALL=C sort -u >found
  sed -n 's/^wrong //p' found
  ! grep -q '^wrong ' found
}
mkdir bad
rejects() { # WHAT LINE
  printf '%s\n' "$2" >bad/fwrecover.jsonl
  if check bad/fwrecover.jsonl >/dev/null; then fail "the check does not see $1"; fi
}
rejects 'an unknown event' '{"event":"surprise"}'
rejects 'an event of another tool' '{"event":"silent","host":"x"}'
rejects 'an unknown field' '{"event":"health","healthy":true,"mood":"good"}'
rejects 'a missing field' '{"event":"health"}'
rejects 'a missing field of a group' '{"event":"donor","address":"lan:1.2.3.4"}'
rejects 'another type' '{"event":"health","healthy":"yes"}'
rejects 'what is no JSON' '{"event":"health","healthy":true'
rejects 'two objects in a line' '{"event":"health","healthy":true}{"event":"health","healthy":true}'

# --- our tools -----------------------------------------------------------------------------------

check fwrecover.jsonl fwdonord.jsonl fwdonor.jsonl fwdiag.jsonl || fail 'JSON lines break what fwrecover(8) promises'
sed -n 's/^seen //p' found >seen
awk -f "$contract" "$page" | sed -n 's/^event [^ ]* //p' | LC_ALL=C sort -u >promised
# What only a donor in trouble says is in the unit tests, what links and a BMC do in tests/media, Bluetooth in tests/vm.
printf '%s\n' bt-device expired icmb-channel icmb-device link refused released withdrawn | LC_ALL=C comm -23 promised - >expected
LC_ALL=C comm -23 expected seen >unseen
[ ! -s unseen ] || fail "documented, but nothing printed it here: $(tr '\n' ' ' <unseen)"
