#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The guest's first process: mounts what a system has, runs the sections, and leaves their cases, logs and
# exit status to the host. See tests/vm/run.sh.

export PATH=/usr/sbin:/usr/bin:/busybox
export LC_ALL=C TOP_SRCDIR=/src TOP_BUILDDIR=/nowhere TMPDIR=/tmp
export FWRECOVER=fwrecover FWDONORD=fwdonord FWDONOR=fwdonor FWDIAG=fwdiag

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts pts /dev/pts
mount -t tmpfs tmp /tmp
mount -t tmpfs tmp /run
mkdir -p /run/netns /run/dbus
ip link set lo up
hostname guest

uptime_s() { cut -d ' ' -f 1 /proc/uptime; }

# finish STATUS: the host sees 2 * STATUS + 1.
finish() {
  dmesg >/results/kernel.log
  sync
  printf '%b' "\\0$(printf '%o' "$1")" | dd of=/dev/port bs=1 seek=244 count=1 conv=notrunc 2>/dev/null
  echo 'the exit port does not work'
  poweroff -f
}

modprobe virtio_pci
modprobe 9pnet_virtio
modprobe 9p
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 results /results || finish 2
. /settings
export FWR_TEST_LONG

# run SECTION: its cases, its log, and how it ended.
run() {
  begin=$(uptime_s)
  status=0
  FWR_VM_SECTION=$1 sh "/src/tests/vm/$1.sh" >"/results/$1.log" 2>&1 || status=$?
  case $status in 0 | 77) ;; *) : >/tmp/failed ;; esac
  now=$(uptime_s)
  took=$(awk -v begin="$begin" -v now="$now" 'BEGIN { print now - begin }')
  echo "$now $1 end $status $took" >>/results/cases
}

# They do not disturb each other, and wait much. The long form, which measures, has them one after the other.
for section in $sections; do
  case ${FWR_TEST_LONG:+long}$section in
    wifi | in-band) run "$section" & ;;
    *) run "$section" ;;
  esac
done
wait
if [ -e /tmp/failed ]; then finish 1; fi
finish 0
