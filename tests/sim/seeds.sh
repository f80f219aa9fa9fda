#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Some thousand seeds of the simulator; "make check-long" runs many more. HACKING.md says how to run
# even more, and one again.
. "$TOP_SRCDIR/tests/lib.sh"

seeds=3000
buses=600
if [ -n "${FWR_TEST_LONG:-}" ]; then
  seeds=30000
  buses=6000
fi

# Few seeds need not take every row, which is no failure; so many have to.
"$TOP_BUILDDIR/tests/sim/fwr-sim" --seeds 5 --coverage >"$work/few.log" || fail 'a few seeds fail for what they do not reach'
expect_line "$work/few.log" 'never occurred: that is no failure'

"$TOP_BUILDDIR/tests/sim/fwr-sim" --seeds "$seeds" --bus "$buses" --coverage || fail 'see above'
