#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# fsverity and minisign judge as fwdonor and fwrecover do: what is right, and what was tampered with.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign fsverity
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
make_key stranger
recipient_config r ''
ours() { sed -n 's/.*"digest":"\([0-9a-f]*\)".*/\1/p' "$1.manifest.json"; }
theirs() { fsverity digest --hash-alg=sha256 --block-size=4096 --compact "$1"; }

# One byte, around one block, around the 128 blocks of one block of hashes, and the size of the demonstration.
for size in 1 4095 4096 4097 524288 524289 33554432; do
  make_image image $size
  sign image 1.0 1
  [ "$(ours image)" = "$(theirs image)" ] ||
    fail "$size bytes: $(ours image) instead of $(theirs image)"
done

# agree STATUS: fwrecover verify ends with STATUS, and minisign or fsverity sees a fault exactly then.
agree() {
  recover "$1" r verify image.manifest.json --image image
  stock=14
  if minisign -V -q -p vendor.pub -m image.manifest.json >/dev/null 2>&1 &&
    [ "$(ours image)" = "$(theirs image)" ]; then stock=0; fi
  [ "$stock" -eq "$1" ] || fail "minisign and fsverity say $stock, ours $1"
}
say 'as it should be'
agree 0

say 'one bit of the image'
cp image whole
byte=$(od -An -v -tu1 -j 33000000 -N 1 image)
# shellcheck disable=SC2059
printf "\\$(printf '%o' $((byte ^ 1)))" | dd of=image bs=1 seek=33000000 conv=notrunc 2>/dev/null
agree 14
told digest-mismatch
mv whole image

say 'one character of the manifest'
cp image.manifest.json kept.json
sed -i 's/"security":1/"security":2/' image.manifest.json
agree 14
told bad-signature
mv kept.json image.manifest.json

say 'the trusted comment, which is signed too'
cp image.manifest.json.minisig kept.minisig
sed -i 's/^trusted comment: .*/trusted comment: another/' image.manifest.json.minisig
agree 14
told bad-signature
mv kept.minisig image.manifest.json.minisig
agree 0

say 'a key that is not trusted'
sign image 1.0 1 stranger
agree 14
told untrusted-key
