# SPDX-License-Identifier: GPL-3.0-or-later
# tests/bench: scripts that "make bench" runs with the build directory as argument.  One a line:
#   bench_scripts += tests/bench/loopback.sh

bench_scripts += tests/bench/loopback.sh

EXTRA_DIST += $(bench_scripts)
