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

"$TOP_BUILDDIR/tests/sim/fwr-sim" --seeds "$seeds" --bus "$buses" --coverage || fail 'see above'
