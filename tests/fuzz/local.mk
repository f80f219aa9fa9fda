# SPDX-License-Identifier: GPL-3.0-or-later
# tests/fuzz: libFuzzer targets, built by "make fuzz" after configure --enable-fuzzing.
#   FUZZ_TARGETS += %D%/wire_fuzz
#   %C%_wire_fuzz_SOURCES = %D%/wire_fuzz.cpp
#   %C%_wire_fuzz_LDADD = $(WIRE_LIBS)
#   %C%_wire_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

if ENABLE_FUZZING
endif

EXTRA_PROGRAMS += $(FUZZ_TARGETS)
