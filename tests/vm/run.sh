#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Wi-Fi, Bluetooth, media together and the interface to a BMC on a real kernel: boots a virtual machine under
# software emulation and runs the sections of tests/vm in it, one after the other. Each case of a section
# counts as a test.
#
# FWR_VM_SECTIONS: only these. FWR_VM_ACCEL=kvm: not by emulation. FWR_VM_KEEP=DIRECTORY: what the guest left.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/vm/kernel.sh"
. "$TOP_SRCDIR/tests/vm/archive.sh"
. "$TOP_SRCDIR/tests/vm/in-band-host.sh"

sections=${FWR_VM_SECTIONS:-wifi in-band bluetooth media}
cache=$TOP_BUILDDIR/vm
limit_s=480
[ -z "${FWR_TEST_LONG:-}" ] || limit_s=1800

[ "$(uname -m)" = x86_64 ] || skip "the guest is an amd64 system, and this is $(uname -m)"
need_program apt-get apt-cache dpkg-deb qemu-system-x86_64 busybox cpio depmod modprobe xz flock strip
missing=$(vm_missing)
[ -z "$missing" ] || skip "these programs for the guest are not installed: $missing"

# Two checks at once in one build directory make the cache one after the other.
mkdir -p "$cache"
exec 9>"$cache/lock"
flock -w 600 9 || fail 'somebody else is making the cache'
vm_kernel
vm_base
mkdir "$work/results" "$work/tested"
vm_tested "$work/tested"
cat >"$work/tested/settings" <<END
sections='$sections'
FWR_TEST_LONG='${FWR_TEST_LONG:-}'
END
vm_pack "$work/tested" "$work/tested.cpio"
cat "$cache/base.cpio" "$work/tested.cpio" >"$work/initrd"
cp "$cache/kernel/vmlinux" "$work/vmlinux"
flock -u 9
rm -rf "$work/tested" "$work/tested.cpio"

in_band_options=
case " $sections " in *' in-band '*) in_band_start ;; esac

# The guest writes its exit status to a port, and QEMU exits with twice that and one.
say "booting linux-image-$(cat "$cache/kernel/release")"
status=0
begin=$(date +%s)
# shellcheck disable=SC2086 # options of words without blanks
timeout -k 5 "$limit_s" qemu-system-x86_64 -accel "${FWR_VM_ACCEL:-tcg,thread=multi}" -cpu max -smp 2 \
  -m 768 -nodefaults -no-user-config -display none -no-reboot -serial "file:$work/console.log" \
  -device isa-debug-exit,iobase=0xf4,iosize=0x4 \
  $in_band_options \
  -virtfs "local,path=$work/results,mount_tag=results,security_model=none" \
  -kernel "$work/vmlinux" -initrd "$work/initrd" \
  -append 'console=ttyS0 quiet oops=panic panic=-1 mitigations=off nokaslr' \
  </dev/null >"$work/qemu.log" 2>&1 || status=$?
say "the guest ran for $(($(date +%s) - begin)) s"
if [ -n "${FWR_VM_KEEP:-}" ]; then
  mkdir -p "$FWR_VM_KEEP"
  cp -r "$work/results/." "$work/console.log" "$work/qemu.log" "$FWR_VM_KEEP/"
fi

case $status in
  1) ;;
  0) say 'the kernel panicked, or something rebooted the guest' ;;
  124) say "the guest did not end within $limit_s s" ;;
  *) say "QEMU ended with exit status $status" ;;
esac

# In the words of GoogleTest, which tests/summarize.sh counts by case. A case ends where the next one begins;
# the last one of a section has the section's exit status, or failed when there is none.
: >>"$work/results/cases"
awk -v sections="$sections" '
  # name, began: the case that a section is in.
  function ends(section, verdict, uptime) {
    if (!(section in name)) return
    printf "[%s] %s: %s (%d ms)\n", verdict, section, name[section], (uptime - began[section]) * 1000
    ran++
    delete name[section]
  }
  function begins(section, what, uptime) {
    name[section] = what
    began[section] = uptime
  }
  BEGIN {
    success = "       OK "
    failure = "  FAILED  "
    print "[==========] Running cases of " sections
  }
  { uptime = $1; section = $2 }
  $3 == "case" {
    ends(section, success, uptime)
    what = $0
    sub(/^[^ ]+ [^ ]+ case /, "", what)
    begins(section, what, uptime)
  }
  $3 == "end" {
    seen[section] = 1
    if (!(section in name)) begins(section, "starts", uptime)
    ends(section, $4 == 0 ? success : $4 == 77 ? "  SKIPPED " : failure, uptime)
    printf "%s took %.1f s\n", section, $5
  }
  END {
    count = split(sections, all, " ")
    for (i = 1; i <= count; ++i) {
      if (all[i] in seen) continue
      if (!(all[i] in name)) begins(all[i], "starts", uptime)
      ends(all[i], failure, uptime)
    }
    print "[==========] " ran " cases ran."
  }
' "$work/results/cases" >"$work/verdict"
cat "$work/verdict"
# Figures that a section measured.
for section in $sections; do
  if [ -s "$work/results/$section.log" ]; then grep '^figure: ' "$work/results/$section.log" || :; fi
done
[ "$status" -eq 1 ] || fail 'see the logs below'
