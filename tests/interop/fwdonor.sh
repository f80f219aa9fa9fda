#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Each sub-command of fwdonor, once as it should be and once with something wrong.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
make_key stranger
make_image image 300000
donor_config d console 127.0.0.1:1
rm -rf d-catalogue

# donor STATUS COMMAND...: the exit status, and a result with the same as the last line of --json.
donor() {
  donor_want=$1
  shift
  expect_exit "$donor_want" limited "$FWDONOR" --config d.toml --json "$@" >out.json 2>out.log
  tail -n 1 out.json | grep -q "^{\"event\":\"result\".*\"exit_code\":${donor_want}[,}]" ||
    fail "no result with $donor_want: $(cat out.json)"
  if grep -v '^{"event":".*}$' out.json; then fail "fwdonor $1: lines that are not JSON"; fi
}

say manifest
donor 0 manifest image --name test --image-version 1.2 --security-version 3 \
  --platform manufacturer=32473,product=7
expect_line image.manifest.json '"security":3,"size":300000,"version":"1.2"}'
donor 1 manifest nowhere --name test --image-version 1.2 --security-version 3 \
  --platform manufacturer=32473,product=7
told not-found nowhere
donor 2 manifest image --name test
told bad-usage

say add
donor 1 add image
told not-found 'image.manifest.json.minisig'
minisign -S -s stranger.key -m image.manifest.json -t test >/dev/null
donor 14 add image
told untrusted-key
minisign -S -s vendor.key -m image.manifest.json -t test >/dev/null
cp image changed
printf 'x' | dd of=changed conv=notrunc 2>/dev/null
donor 14 add changed --manifest image.manifest.json
told digest-mismatch
[ -z "$(ls d-catalogue 2>/dev/null)" ] || fail "something is left behind: $(ls d-catalogue)"
donor 0 add image

digest=$(sed -n 's/.*"digest":"\([0-9a-f]*\)".*/\1/p' image.manifest.json)
short=$(printf '%s' "$digest" | cut -c1-8)

say 'list, show'
donor 0 list
expect_line out.json "\"digest\":\"$digest\""
donor 0 show "$short"
expect_line out.json '"version":"1.2"'
donor 1 show ffffffff
told not-found

say verify
donor 0 verify
donor 0 verify "$short"
printf 'x' | dd of="d-catalogue/$digest/image" seek=100000 bs=1 conv=notrunc 2>/dev/null
donor 14 verify
expect_line out.json "$digest"
donor 14 verify "$short"

say remove
donor 1 remove ffffffff
told not-found
donor 0 remove "$short"
[ ! -e "d-catalogue/$digest" ] || fail 'the image is still there'
donor 0 list
if grep -q "$digest" out.json; then fail 'the image is still listed'; fi

donor 2 no-such-command
told bad-usage
