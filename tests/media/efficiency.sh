#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# An ICMB bus is spent on the image: at least 0.93 of a clean line, and 0.85 with a bit error rate of 1e-5.
# ("make bench" prints the figures.)
. "$TOP_SRCDIR/tests/lib.sh"

program=$TOP_BUILDDIR/tests/bench/icmb-efficiency
for seed in 1 2 3; do
  "$program" 19200 512 $seed 0.93 0.85 >"$work/figures.log" || fail 'less than that, or no recovery'
  tail -n 2 "$work/figures.log"
done
if "$program" 19200 64 1 0.99 0.85 >/dev/null; then fail 'the program does not see a lower share'; fi
