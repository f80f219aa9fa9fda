# SPDX-License-Identifier: GPL-3.0-or-later
# tests/sim: the protocol machines and the flash code under virtual time, with faults from a seed.
# "make sim SEEDS=N" runs many.

sim_sources =
sim_sources += %D%/bus.cpp
sim_sources += %D%/bus.hpp
sim_sources += %D%/bus_guests.cpp
sim_sources += %D%/bus_guests.hpp
sim_sources += %D%/chronicle.cpp
sim_sources += %D%/chronicle.hpp
sim_sources += %D%/dice.hpp
sim_sources += %D%/disk.cpp
sim_sources += %D%/disk.hpp
sim_sources += %D%/donor_host.cpp
sim_sources += %D%/donor_host.hpp
sim_sources += %D%/donor_lies.cpp
sim_sources += %D%/fault.cpp
sim_sources += %D%/fault.hpp
sim_sources += %D%/flash_witness.cpp
sim_sources += %D%/flash_witness.hpp
sim_sources += %D%/lease_watch.cpp
sim_sources += %D%/lease_watch.hpp
sim_sources += %D%/network.cpp
sim_sources += %D%/network.hpp
sim_sources += %D%/outsiders.cpp
sim_sources += %D%/outsiders.hpp
sim_sources += %D%/plan.cpp
sim_sources += %D%/plan.hpp
sim_sources += %D%/plan_bus.cpp
sim_sources += %D%/plan_bus.hpp
sim_sources += %D%/recipient_host.cpp
sim_sources += %D%/recipient_host.hpp
sim_sources += %D%/recipient_recovery.cpp
sim_sources += %D%/release.cpp
sim_sources += %D%/release.hpp
sim_sources += %D%/run.cpp
sim_sources += %D%/run.hpp
sim_sources += %D%/system_calls.cpp
sim_sources += %D%/world.cpp
sim_sources += %D%/world.hpp

# The system calls of lib/flash reach the simulated disk.
sim_ldflags = $(AM_LDFLAGS)
sim_ldflags += -Wl,--wrap=open
sim_ldflags += -Wl,--wrap=close
sim_ldflags += -Wl,--wrap=pread
sim_ldflags += -Wl,--wrap=pwrite
sim_ldflags += -Wl,--wrap=fsync
sim_ldflags += -Wl,--wrap=fdatasync
sim_ldflags += -Wl,--wrap=posix_fadvise
sim_ldflags += -Wl,--wrap=fstat
sim_ldflags += -Wl,--wrap=stat
sim_ldflags += -Wl,--wrap=fstatvfs
sim_ldflags += -Wl,--wrap=ftruncate
sim_ldflags += -Wl,--wrap=posix_fallocate
sim_ldflags += -Wl,--wrap=rename
sim_ldflags += -Wl,--wrap=unlink
sim_ldflags += -Wl,--wrap=mkdir
sim_ldflags += -Wl,--wrap=flock
sim_ldflags += -Wl,--wrap=lseek

check_PROGRAMS += %D%/fwr-sim
%C%_fwr_sim_SOURCES = $(sim_sources) %D%/main.cpp
%C%_fwr_sim_LDADD = lib/donor/libdonor.la lib/link/liblink.la $(RECIPIENT_LIBS)
%C%_fwr_sim_LDFLAGS = $(sim_ldflags)

sim_mutants =
sim_mutants += %D%/mutants/any-platform.patch
sim_mutants += %D%/mutants/do-not-settle-the-record.patch
sim_mutants += %D%/mutants/end-at-a-limit-of-claims.patch
sim_mutants += %D%/mutants/forget-to-flush-the-record.patch
sim_mutants += %D%/mutants/forget-to-flush-the-slot.patch
sim_mutants += %D%/mutants/ignore-the-credit.patch
sim_mutants += %D%/mutants/ignore-the-floor.patch
sim_mutants += %D%/mutants/leases-for-ever.patch
sim_mutants += %D%/mutants/never-give-up-a-silent-donor.patch
sim_mutants += %D%/mutants/one-medium-for-each-donor.patch
sim_mutants += %D%/mutants/one-record-copy.patch
sim_mutants += %D%/mutants/serve-strangers.patch
sim_mutants += %D%/mutants/skip-block-check.patch
sim_mutants += %D%/mutants/skip-tree-check.patch
sim_mutants += %D%/mutants/skip-verification.patch
sim_mutants += %D%/mutants/take-the-best-image-only.patch
sim_mutants += %D%/mutants/trust-any-signature.patch
sim_mutants += %D%/mutants/write-before-recording.patch
sim_mutants += %D%/mutants/write-to-active-slot.patch

if HAVE_GTEST
UNIT_TESTS += %D%/sim_test
%C%_sim_test_SOURCES = $(sim_sources)
%C%_sim_test_SOURCES += %D%/bus_test.cpp
%C%_sim_test_SOURCES += %D%/lease_watch_test.cpp
%C%_sim_test_SOURCES += %D%/sim_test.cpp
%C%_sim_test_LDADD = lib/donor/libdonor.la lib/link/liblink.la $(RECIPIENT_LIBS) $(GTEST_LIBS)
%C%_sim_test_LDFLAGS = $(sim_ldflags)
endif

SIM_TESTS =
SIM_TESTS += %D%/mutants.sh
SIM_TESTS += %D%/seeds.sh

TESTS += $(SIM_TESTS)
EXTRA_DIST += $(SIM_TESTS)
EXTRA_DIST += $(sim_mutants)

print-sim-ldflags:
	@echo '$(sim_ldflags)'
print-sim-objects:
	@echo '$(%C%_fwr_sim_OBJECTS)'

# Many seeds: make sim SEEDS=100000 [BUS=20000] [SEED=first] [JOBS=n]
sim: tests/sim/fwr-sim
	tests/sim/fwr-sim --seeds $${SEEDS:-10000} --bus $${BUS:-$$(($${SEEDS:-10000} / 5))} \
	  --first $${SEED:-1} --jobs $${JOBS:-$$(nproc)} --coverage

.PHONY: sim print-sim-ldflags print-sim-objects
