# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# What every section starts with, in the guest:  . "$TOP_SRCDIR/tests/vm/guest.sh"

. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"

: "${FWR_VM_SECTION:?sections run in the guest of tests/vm/run.sh}"
# Everything is slower by a factor of ten or more under software emulation.
# shellcheck disable=SC2034 # for recover
limit_s=300

# it NAME: the case before it has passed, and this one begins.
it() {
  printf '%s %s case %s\n' "$(cut -d ' ' -f 1 /proc/uptime)" "$FWR_VM_SECTION" "$*" >>/results/cases
  say "$*"
}

# long_form: whether this is "make check-vm" and not "make check".
long_form() { [ -n "${FWR_TEST_LONG:-}" ]; }

# figure WORD...: a measurement, which the host prints.
figure() { printf 'figure: %s: %s\n' "$FWR_VM_SECTION" "$*"; }

# now_ms: prints the time since the boot.
now_ms() { awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime; }
