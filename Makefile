# SPDX-License-Identifier: GPL-3.0-or-later
# The front door: installs what is missing, configures and builds in build/.  "make help" lists it.
# Nothing here knows how a file is compiled; that is configure.ac, Makefile.am and the local.mk files.

BUILD ?= build
CONFIGURE_FLAGS ?=
SHELL = /bin/sh

# Exact package names of Debian 12.
BUILD_PACKAGES = \
	g++ \
	gcc \
	libc6-dev \
	binutils \
	autoconf \
	automake \
	libtool \
	pkgconf \
	libasio-dev \
	libbluetooth-dev \
	libcli11-dev \
	libexpected-dev \
	libfmt-dev \
	libfreeipmi-dev \
	libssl-dev \
	libsystemd-dev \
	libtomlplusplus-dev \
	nlohmann-json3-dev
DEMO_PACKAGES = \
	iproute2 \
	minisign
FUZZ_PACKAGES = \
	clang \
	libclang-rt-dev
# What the virtual machine of tests/vm runs on, and what runs in it.
VM_PACKAGES = \
	bluez \
	busybox-static \
	cpio \
	dbus \
	hostapd \
	iw \
	kmod \
	qemu-system-x86 \
	wpasupplicant \
	xz-utils
CHECK_PACKAGES = \
	$(DEMO_PACKAGES) \
	$(FUZZ_PACKAGES) \
	$(VM_PACKAGES) \
	clang-format \
	e2fsprogs \
	fdisk \
	freeipmi-ipmidetect \
	freeipmi-tools \
	fsverity \
	g++-arm-linux-gnueabihf \
	git \
	ipmitool \
	libgmock-dev \
	libgtest-dev \
	mandoc \
	mount \
	patch \
	systemd \
	udev \
	util-linux
BENCH_PACKAGES = \
	$(DEMO_PACKAGES) \
	atftp \
	atftpd \
	time
LINT_PACKAGES = \
	clang-tidy \
	libgmock-dev \
	libgtest-dev \
	shellcheck

# As many jobs as there are processors, unless "make -j" already decided.
jobs = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
# Tests wait for clocks more than for processors.
test_jobs = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell expr 2 '*' "$$(nproc)"))
submake = +$(MAKE) --no-print-directory $(jobs) -C $(BUILD)

.DEFAULT_GOAL = all
.DELETE_ON_ERROR:
# One step after the other here, or two of them would install packages at once. "make -j" still
# holds in the build directories.
.NOTPARALLEL:

# Quiet, and patient with another apt or dpkg that runs, as at the first boot of a machine.
apt_lock_wait_s = 600
# This is dpkg's lock only; for those of apt-get itself "need" tries again.
apt_options = -qq -o DPkg::Lock::Timeout=$(apt_lock_wait_s) -o Dpkg::Use-Pty=0

# $(call need,PACKAGES): installs exactly the packages that are not there.
define need
@set -e; \
command -v dpkg-query >/dev/null || exit 0; \
have=$$(dpkg-query -W -f='$${db:Status-Status} $${Package}\n' $(1) 2>/dev/null || true); \
missing=; \
for package in $(1); do \
  printf '%s\n' "$$have" | grep -Fqx "installed $$package" || missing="$$missing $$package"; \
done; \
test -n "$$missing" || exit 0; \
root=; \
if test "$$(id -u)" -ne 0; then \
  if sudo -n true 2>/dev/null; then root='sudo -n'; else \
    echo "These packages are missing, and installing them needs root. Run this, then make again:" >&2; \
    echo "  sudo apt-get update && sudo apt-get install --no-install-recommends$$missing" >&2; \
    exit 1; \
  fi; \
fi; \
echo "Installing:$$missing"; \
log=$$(mktemp); trap 'rm -f "$$log"' EXIT; waited_s=0; \
apt() { \
  until $$root env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get $(apt_options) "$$@" 2>"$$log"; do \
    if test $$waited_s -ge $(apt_lock_wait_s) || ! grep -q 'Could not get lock' "$$log"; then \
      cat "$$log" >&2; return 1; \
    fi; \
    test $$waited_s -ne 0 || echo "Another program installs packages; waiting for it: $$(head -n 1 "$$log")"; \
    sleep 1; waited_s=$$((waited_s + 1)); \
  done; \
  cat "$$log" >&2; \
}; \
apt update; \
newer=$$(apt-get -s install --no-install-recommends $$missing | sed -n 's/^Inst \([^ ]*\) \[.*/ \1/p' | tr -d '\n'); \
test -z "$$newer" || echo "Of the installed packages these are upgraded, because the new ones want that:$$newer"; \
apt -y install --no-install-recommends $$missing
endef

.PHONY: all
all: $(BUILD)/Makefile
	$(submake) all

.PHONY: deps deps-build deps-demo deps-check deps-fuzz deps-bench deps-lint
deps:
	$(call need,$(sort $(BUILD_PACKAGES) $(CHECK_PACKAGES) $(BENCH_PACKAGES) $(LINT_PACKAGES)))
deps-build:
	$(call need,$(BUILD_PACKAGES))
deps-demo:
	$(call need,$(sort $(BUILD_PACKAGES) $(DEMO_PACKAGES)))
deps-check:
	$(call need,$(sort $(BUILD_PACKAGES) $(CHECK_PACKAGES)))
deps-fuzz:
	$(call need,$(sort $(BUILD_PACKAGES) $(FUZZ_PACKAGES)))
deps-bench:
	$(call need,$(sort $(BUILD_PACKAGES) $(BENCH_PACKAGES)))
deps-lint:
	$(call need,$(sort $(BUILD_PACKAGES) $(LINT_PACKAGES)))

# Touched, because Autoconf leaves a file alone whose content would not change.
Makefile.in configure &: configure.ac Makefile.am $(wildcard m4/fwrecover.m4) | deps-build
	autoreconf -i
	@touch configure Makefile.in

$(BUILD)/Makefile: | configure deps-build
	@mkdir -p $(BUILD)
	cd $(BUILD) && $(CURDIR)/configure $(CONFIGURE_FLAGS) \
	  $(if $(filter-out default,$(origin CC)),CC='$(CC)') \
	  $(if $(filter-out default,$(origin CXX)),CXX='$(CXX)')

.PHONY: demo
demo: deps-demo $(BUILD)/Makefile
	$(submake) demo

# A directory that was configured before GoogleTest was installed has to look again.
define look_for_gtest
@for dir in $(BUILD) $(BUILD)/fuzz; do \
  if test -f $$dir/Makefile && grep -Fq '["HAVE_GTEST_FALSE"]=""' $$dir/config.status; then \
    (cd $$dir && ./config.status --quiet --recheck && ./config.status --quiet) || exit 1; \
  fi; \
done
endef

# Everything, then the unit tests again under AddressSanitizer and UBSan, in the build that has the
# fuzz programs too: one instrumented build of the libraries serves both.
.PHONY: check check-long
check: deps-check $(BUILD)/Makefile $(BUILD)/fuzz/Makefile
	$(look_for_gtest)
	+@find $(BUILD) -name '*.trs' -exec rm -f {} +; status=0; \
	if $(MAKE) --no-print-directory $(jobs) -C $(BUILD) check TESTS=; then \
	  $(MAKE) --no-print-directory $(test_jobs) -C $(BUILD) check-TESTS || status=1; \
	else \
	  status=1; \
	fi; \
	$(MAKE) --no-print-directory $(jobs) -C $(BUILD)/fuzz $(fuzz_compilers) check-instrumented || \
	  status=1; \
	sh tests/summarize.sh $(BUILD)/tests $(BUILD)/fuzz/tests || status=1; \
	test $$status -eq 0 || echo 'make check: FAILED, see above' >&2; \
	exit $$status

# The same with the long forms: more kills, more seeds, bigger images.
check-long: export FWR_TEST_LONG = 1
check-long: export FWR_TEST_TIMEOUT = 14400
check-long: check

# libFuzzer comes with clang.
FUZZ_CC = clang
FUZZ_CXX = clang++
# Also against a CC and CXX that are meant for the ordinary build.
fuzz_compilers = CC='$(FUZZ_CC)' CXX='$(FUZZ_CXX)'
$(BUILD)/fuzz/Makefile: | configure deps-fuzz
	@mkdir -p $(BUILD)/fuzz
	cd $(BUILD)/fuzz && $(CURDIR)/configure --quiet $(CONFIGURE_FLAGS) --enable-fuzzing \
	  $(fuzz_compilers)

# Each fuzz program for SECONDS, or only TARGETS="framing server".
SECONDS = 60
TARGETS =
.PHONY: fuzz
fuzz: deps-fuzz $(BUILD)/fuzz/Makefile
	+$(MAKE) --no-print-directory $(jobs) -C $(BUILD)/fuzz $(fuzz_compilers) fuzz \
	  SECONDS='$(SECONDS)' TARGETS='$(TARGETS)'

# The simulator: make sim SEEDS=100000 [BUS=seeds with a bus] [SEED=first] [JOBS=n]
.PHONY: sim
sim: export SEEDS ?= 10000
sim: export SEED ?= 1
sim: export JOBS ?= $(shell nproc)
sim: $(BUILD)/Makefile
	$(submake) sim

# Wi-Fi, Bluetooth and media together in a virtual machine, in full; "make check" runs a part.
.PHONY: check-vm
check-vm: export FWR_VM_SECTIONS = $(SECTIONS)
check-vm: deps-check $(BUILD)/Makefile
	$(submake) check-vm

.PHONY: bench
bench: deps-bench $(BUILD)/Makefile
	$(submake) bench

# Minutes of a crowd of recoveries from one donor, then a minute of it with a donor under the sanitizers.
CLIENTS ?= 500
MINUTES ?= 10
.PHONY: soak
soak: deps-check $(BUILD)/Makefile $(BUILD)/fuzz/Makefile
	$(submake) soak CLIENTS=$(CLIENTS) MINUTES=$(MINUTES)
	+$(MAKE) --no-print-directory $(jobs) -C $(BUILD)/fuzz $(fuzz_compilers) tools/fwdonord
	$(submake) soak CLIENTS=100 MINUTES=1 DONOR=$(abspath $(BUILD))/fuzz/tools/fwdonord

.PHONY: lint format
lint: deps-lint $(BUILD)/Makefile
	$(look_for_gtest)
	+sh tests/lint.sh $(BUILD) $(LINT_FILES)
format:
	git ls-files -z -- '*.cpp' '*.hpp' '*.c' '*.h' | xargs -0 -r clang-format -i

.PHONY: install install-strip uninstall dist distcheck
install install-strip uninstall: $(BUILD)/Makefile
	$(submake) $@
dist distcheck: deps-build $(BUILD)/Makefile
	$(submake) $@

# "clean" leaves the configuration, "distclean" leaves what git tracks.
.PHONY: clean distclean
clean:
	+@for dir in $(BUILD)/fuzz $(BUILD); do \
	  if test -f $$dir/Makefile; then \
	    $(MAKE) --no-print-directory -C $$dir clean || exit 1; \
	  fi; \
	done
distclean:
	rm -rf $(BUILD) autom4te.cache build-aux configure configure~ aclocal.m4 config.h.in config.h.in~ \
	  Makefile.in m4/libtool.m4 m4/lt*.m4

.PHONY: help
help:
	@echo 'make             install missing build packages, configure, build in $(BUILD)/'
	@echo 'make demo        build, then recover a damaged system from two donors on this machine'
	@echo 'make check       build and run every test; the unit tests also under ASan and UBSan, and'
	@echo '                 each fuzz program for a few seconds'
	@echo 'make check-long  the same with many more rounds'
	@echo 'make check-vm    Wi-Fi, Bluetooth and a KCS in a virtual machine, in full; SECTIONS="wifi": only these'
	@echo 'make sim SEEDS=N [SEED=first]   N recoveries with faults on a simulated network'
	@echo 'make fuzz        each fuzz program for SECONDS=60; TARGETS="framing server": only these'
	@echo 'make bench       time a 32 MiB recovery against TFTP; the share of an ICMB bus that is image'
	@echo 'make soak        many recoveries from one donor; CLIENTS=500 MINUTES=10'
	@echo 'make lint        clang-tidy over everything, or LINT_FILES="lib/base/error.cpp ..."'
	@echo 'make format      clang-format over everything'
	@echo 'make install     install into the configured prefix; DESTDIR=DIR stages'
	@echo 'make install-strip   the same without debugging information: a tenth of the size'
	@echo 'make uninstall   the opposite'
	@echo 'make deps        install the packages that any of these targets needs'
	@echo 'make dist        a source tarball;  make distcheck  proves that it builds'
	@echo 'make clean       remove what was built;  make distclean  also the configuration'
	@echo
	@echo 'Variables: BUILD=DIR (build), CONFIGURE_FLAGS="--disable-bluetooth ..." (see'
	@echo './configure --help), CC, CXX. They count when DIR is configured for the first time.'
