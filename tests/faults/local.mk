# SPDX-License-Identifier: GPL-3.0-or-later
# tests/faults: the real programs on a system that fails.  One script a line, as in tests/interop;
# shim.c is preloaded into the programs, and "make check" builds it for that.

check_LTLIBRARIES += %D%/shim.la
%C%_shim_la_SOURCES = %D%/shim.c
%C%_shim_la_LDFLAGS = $(AM_LDFLAGS) -module -shared -avoid-version -rpath /nowhere
%C%_shim_la_LIBADD = -ldl

FAULT_TESTS =
FAULT_TESTS += %D%/donor.sh
FAULT_TESTS += %D%/flushes.sh
FAULT_TESTS += %D%/host.sh
FAULT_TESTS += %D%/recipient.sh

TESTS += $(FAULT_TESTS)
EXTRA_DIST += $(FAULT_TESTS)
EXTRA_DIST += %D%/common.sh
