#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A donor that sends wrong bytes: a block, a hash tree, a manifest of a stranger. None of them is ever active,
# and another donor that has it right makes the recovery succeed.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
make_key stranger
make_image image 3000000
sign image 2.0 5
pick_udp_port first
pick_udp_port second
donor_config bad console "127.0.0.1:$first"
donor_config good peer "127.0.0.1:$second"
add bad image
add good image
digest=$(sed -n 's/.*"digest":"\([0-9a-f]*\)".*/\1/p' image.manifest.json)
stored=bad-catalogue/$digest
[ -f "$stored/image" ] || fail "the catalogue has no $stored/image: $(ls -R bad-catalogue)"

# flip FILE OFFSET: one bit of one byte becomes another.
flip() {
  flip_byte=$(od -An -v -tu1 -j "$2" -N 1 "$1")
  # shellcheck disable=SC2059
  printf "\\$(printf '%o' $((flip_byte ^ 1)))" |
    dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
alone() { recipient_config "$1" "\"127.0.0.1:$first\""; }
both() { recipient_config "$1" "\"127.0.0.1:$first\", \"127.0.0.1:$second\""; }

# damaged_donor FILE OFFSET: the bad donor, and FILE is damaged after its own check has found it right; it would
# not offer what it knows to be wrong.
damaged_donor() {
  start_donor bad
  bad=$started
  wait_for_line 30 bad.log checked
  [ $# -eq 0 ] || flip "$@"
}

# only_then_both NAME WORD...: with the bad donor 14 and the words, with both success after it was dropped.
only_then_both() {
  case_name=$1
  shift
  # shellcheck disable=SC2086 # a file and an offset, or nothing
  damaged_donor $damage
  alone "$case_name-alone"
  recover 14 "$case_name-alone" request
  grep -q '"event":"dropped"' out.json || fail 'nothing says that the donor was dropped'
  for word in "$@"; do grep -q -i -e "$word" out.json || {
    cat out.json
    fail "nothing says: $word"
  }; done
  limited "$FWRECOVER" --config "$case_name-alone.toml" check >check.txt 2>&1 &&
    fail "healthy after a failed recovery: $(cat check.txt)"
  # The report made the donor look, so it begins again.
  stop_process "$bad" || fail "fwdonord ended with $?"
  [ -z "$damage" ] || flip $damage # shellcheck disable=SC2086
  # shellcheck disable=SC2086 # a file and an offset, or nothing
  damaged_donor $damage
  both "$case_name-both"
  recover 0 "$case_name-both" request
  grep -q '"event":"dropped"' out.json || fail 'the bad donor was not tried first'
  expect_installed "$case_name-both" image
  recover 0 "$case_name-both" check
  stop_process "$bad" || fail "fwdonord ended with $?"
}
damage=

start_donor good

say 'a wrong block'
damage="$stored/image 1234567"
only_then_both block 'bad-block' 'fwdonor verify'
# The donor's own check finds the same.
if "$FWDONOR" --config bad.toml verify >verify.txt 2>&1; then fail 'fwdonor verify saw nothing'; fi
flip "$stored/image" 1234567
"$FWDONOR" --config bad.toml verify >verify.txt 2>&1 || fail "fwdonor verify: $(cat verify.txt)"

say 'a wrong hash tree'
damage="$stored/tree 100"
only_then_both tree 'bad-block\|hash tree'
flip "$stored/tree" 100
damage=

say 'signed by a stranger, whom only the donor trusts'
rm -rf bad-catalogue
donor_key=stranger
donor_config bad console "127.0.0.1:$first"
donor_key=
cp image image-2
sign image-2 3.0 6 stranger
add bad image-2
only_then_both stranger 'untrusted-key' 'key id'

say 'a wrong signature under the key id of the vendor, which only the donor takes for right'
# Bytes 3 to 10 of the second line are the key id, in a public key as in a signature.
as_vendor() { # FILE
  sed -n 2p vendor.pub | base64 -d >vendor.bin
  sed -n 2p "$1" | base64 -d >forged.bin
  dd if=vendor.bin of=forged.bin bs=1 skip=2 seek=2 count=8 conv=notrunc 2>/dev/null
  { sed -n 1p "$1" && base64 -w 0 forged.bin && echo && sed -n '3,$p' "$1"; } >forged.txt
  mv forged.txt "$1"
}
rm -rf bad-catalogue
cp stranger.pub forged.pub
as_vendor forged.pub
donor_key=forged
donor_config bad console "127.0.0.1:$first"
donor_key=
as_vendor image-2.manifest.json.minisig
add bad image-2
only_then_both forged 'bad-signature' 'does not match'

say 'a manifest that was changed after it was signed is not offered at all'
donor_config bad console "127.0.0.1:$first"
rm -rf bad-catalogue
mkdir bad-catalogue
add bad image
sed -i 's/"security":5/"security":6/' "$stored"/manifest*
start_donor bad
bad=$started
expect_line bad.log 'signature'
alone changed
recover 11 changed request
told no-compatible-image
stop_process "$bad" || fail "fwdonord ended with $?"
