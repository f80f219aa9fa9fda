#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# contrib/lab/recover-with-ipmitool.sh fetches a small image with ipmitool and coreutils, with both suites.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign ipmitool fsverity
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
pick_udp_port port
donor_config lab console "127.0.0.1:$port" 'suite3 = true'
# 16 KiB and a bit is a tree of one block of hashes, and a last block that is not whole.
make_image image 16500
sign image 1.0 1
add lab image
start_donor lab

fetch() { # SUITE
  rm -f fetched
  FWR_CIPHER_SUITE=$1 limited sh "$TOP_SRCDIR/contrib/lab/recover-with-ipmitool.sh" 127.0.0.1 "$port" \
    fwrecover password fetched 32473 7 >script.log 2>&1 || fail "suite $1: $(cat script.log)"
  expect_same fetched image
  digest=$(fsverity digest --hash-alg=sha256 --block-size=4096 --compact image)
  expect_line script.log "received: .*digest $digest"
}
fetch 17
fetch 3
expect_line lab.log 'result=0'

# What ipmitool calls unknown has words.
expect_exit 1 limited sh "$TOP_SRCDIR/contrib/lab/recover-with-ipmitool.sh" 127.0.0.1 "$port" \
  fwrecover password fetched 32473 9 >script.log 2>&1
expect_line script.log 'the donor refused: it has no image for this platform'

# What does not match the digest is not left behind, and the donor hears of it.
for stored in lab-catalogue/*/image; do printf 'tampered' | dd of="$stored" conv=notrunc 2>/dev/null; done
rm -f fetched
expect_exit 14 limited sh "$TOP_SRCDIR/contrib/lab/recover-with-ipmitool.sh" 127.0.0.1 "$port" \
  fwrecover password fetched 32473 7 >script.log 2>&1
[ ! -e fetched ] || fail 'a wrong image was kept'
expect_line lab.log 'result=14'
