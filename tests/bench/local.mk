# SPDX-License-Identifier: GPL-3.0-or-later
# tests/bench: scripts that "make bench" runs with the build directory as argument.  One a line:
#   bench_scripts += tests/bench/loopback.sh
# Programs that they need may be run by a test, too.

bench_scripts += tests/bench/icmb.sh
bench_scripts += tests/bench/loopback.sh

bench_programs =
bench_programs += %D%/icmb-efficiency
check_PROGRAMS += $(bench_programs)
%C%_icmb_efficiency_SOURCES = %D%/icmb_efficiency.cpp
%C%_icmb_efficiency_LDADD = lib/donor/libdonor.la $(RECIPIENT_LIBS) lib/link/liblink.la $(WIRE_LIBS)

EXTRA_DIST += $(bench_scripts)
