#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# "make demo" runs to its end, in namespaces and without them.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign

for network in '' loopback; do
  FWR_DEMO_NETWORK=$network timeout -k 5 120 sh "$TOP_SRCDIR/contrib/demo/demo.sh" "$TOP_BUILDDIR" >"$work/demo.log" 2>&1 ||
    fail "demo.sh ended with $?"
  expect_line "$work/demo.log" 'byte for byte'
  # The one who has the private key.
  expect_line "$work/demo.log" '^vendor\$ minisign -S'
  if grep -q '^\(peer\|console\)\$ minisign -S' "$work/demo.log"; then fail 'another than the vendor signs'; fi
done
