#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The share of an ICMB bus that arrives as image, clean and with bit errors, in virtual time.
#
#   icmb.sh BUILDDIR      FWR_BENCH_KIB (default 512): size of the image
set -eu

program=${1:?usage: icmb.sh BUILDDIR}/tests/bench/icmb-efficiency
for baud in 19200 115200; do "$program" "$baud" "${FWR_BENCH_KIB:-512}"; done
