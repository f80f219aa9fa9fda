#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The installed units under a real systemd, with all their restrictions, in namespaces on this kernel: boots a
# machine whose programs are those of "make install" and whose configuration is that of contrib/examples, with
# block devices as slots. The donor starts, reloads and logs to the journal; the timer recovers; the next boot
# keeps what is healthy; a trial that ran out is rolled back at the boot after it.
if [ "$(id -u)" -eq 0 ] && [ -z "${FWR_OWN_MOUNTS:-}" ] && unshare -m true 2>/dev/null; then
  FWR_OWN_MOUNTS=1 exec unshare -m --propagation private sh "$0"
fi
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign losetup lsblk unshare nsenter ip udevadm
need_root_for 'a machine in namespaces'
[ -n "${FWR_OWN_MOUNTS:-}" ] || skip 'no namespace of mounts can be made here'
[ -f "$TOP_BUILDDIR/Makefile" ] || skip 'there is no configured build directory'
grep -q '^#define FWR_HAVE_SYSTEMD' "$TOP_BUILDDIR/config.h" || skip 'this build is without systemd'
systemd=/lib/systemd/systemd
[ -x $systemd ] || skip 'systemd is not installed'

loops=
machine=
cleanup() {
  [ -z "$machine" ] || kill -KILL "$machine"
  for loop in $loops; do losetup -d "$loop"; done
  # Its own processes are gone with its first one.
  umount -l "$work/disk" 2>/dev/null
}
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
for version in 1 2 3; do
  make_image "v$version" 3000000
  sign "v$version" "$version.0" "$version"
done

# --- the disk of the machine: this system below, what is installed and configured above it --------

mkdir disk
mount -t tmpfs tmpfs disk
mkdir disk/upper disk/scratch disk/root
env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$TOP_BUILDDIR" install "DESTDIR=$work/disk/upper" >install.out 2>&1 ||
  fail 'make install'
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/disk/upper,workdir=$work/disk/scratch" disk/root 2>/dev/null ||
  skip 'no overlay file system can be mounted here'
root=$work/disk/root
ldconfig -r "$root"

# Of this system's services none may start there.
rm -rf "$root"/etc/systemd/system "$root"/etc/init.d "$root"/etc/rc?.d "$root"/etc/fstab "$root"/usr/lib/systemd/system-generators \
  "$root"/usr/lib/systemd/system/*.target.wants "$root"/etc/fwrecover "$root"/var/lib/fwrecover "$root"/var/lib/fwdonor
mkdir -p "$root/etc/systemd/system/sockets.target.wants" "$root/etc/fwrecover/keys" "$root/run" "$root/dev" "$root/tmp"
for socket in systemd-journald.socket systemd-journald-dev-log.socket; do
  ln -s "/lib/systemd/system/$socket" "$root/etc/systemd/system/sockets.target.wants/$socket"
done
for unit in getty.target systemd-logind.service systemd-udevd.service systemd-udev-trigger.service dbus.socket \
  remote-fs.target; do
  ln -s /dev/null "$root/etc/systemd/system/$unit"
done
ln -s /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
printf 'machine\n' >"$root/etc/hostname"
tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"

# boot SECONDS: the machine runs, and its boot is complete.
cat >boot <<'END_OF_BOOT'
set -e
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
mkdir -p dev/pts dev/shm dev/disk/by-partlabel old
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
for node in 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' 'tty 5 0'; do
  set -- $node
  mknod -m 666 "dev/$1" c "$2" "$3"
done
for slot in a b; do
  eval "number=\$slot_$slot"
  mknod -m 660 "dev/slot-$slot" b "${number%:*}" "${number#*:}"
  ln -s "../../slot-$slot" "dev/disk/by-partlabel/bmc-$slot"
done
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
ip link set lo up
ip link add net0 type veth peer name net1
ip address add 10.99.0.1/24 dev net0
ip link set net0 up
ip link set net1 up
pivot_root . old
umount -l /old
# As it is at a boot: systemd mounts credentials for a service and relies on that.
mount --make-rshared /
exec env -i container=fwrecover-test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin \
  /lib/systemd/systemd --system --show-status=0 --log-target=journal
END_OF_BOOT

for slot in a b; do
  truncate -s 8M "disk-$slot"
  loop=$(losetup --find --show "disk-$slot" 2>/dev/null) || skip 'this machine makes no loop devices'
  loops="$loops $loop"
  eval "export slot_$slot=$(lsblk -dno MAJ:MIN "$loop" | tr -d ' ')"
done

# in_machine COMMAND...: there, as root.
in_machine() { nsenter -t "$machine" -m -p -n -u -i -C -r -w -- env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin "$@"; }
booted() { in_machine systemctl is-system-running --quiet || in_machine systemctl is-system-running | grep -q degraded; }
boot() {
  start machine.log unshare -p -m -n -C -u -i --fork --kill-child sh boot "$root"
  shell=$started
  has_child() { machine=$(cat "/proc/$shell/task/$shell/children") && [ -n "$machine" ]; }
  wait_for 20 has_child
  machine=${machine% }
  wait_for 60 booted
}
# power_off: at once, as a power cut does it.
power_off() {
  kill -KILL "$machine"
  wait "$shell" 2>/dev/null || :
}

# --- configured as the files in contrib say -------------------------------------------------------------

cp vendor.pub "$root/etc/fwrecover/keys/"
# Only root may read it: the donor, which is not root, gets it from systemd.
(umask 077 && printf '%s\n' "$password" >"$root/etc/fwrecover/fwrecover.password")
sed 's/^#offer_window = .*/offer_window = "500ms"/' "$TOP_SRCDIR/contrib/examples/fwrecover.toml" >"$root/etc/fwrecover/fwrecover.toml"
cp "$TOP_SRCDIR/contrib/examples/fwdonord.toml" "$root/etc/fwrecover/"
mkdir -p "$root/etc/systemd/system/fwrecover-check.timer.d"
# Not in five minutes and at some time of ten more.
printf '[Timer]\nOnBootSec=\nOnBootSec=1s\nRandomizedDelaySec=0\nAccuracySec=100ms\n' \
  >"$root/etc/systemd/system/fwrecover-check.timer.d/soon.conf"
publish() {
  cp "v$1" "v$1".manifest* "$root/srv/"
  in_machine fwdonor add "/srv/v$1" >>fwdonor.log 2>&1 || fail "fwdonor add v$1"
}
status() { in_machine fwrecover --json status; }
active() { status | sed -n 's/.*"event":"status","active":"\(.\)".*/\1/p'; }
runs() { status | grep -q "\"active\":true.*\"version\":\"$1\""; }
on_trial() { status | grep -q '"on_trial":true'; }
enabled() {
  in_machine systemctl enable "$@" >enable.log 2>&1 || {
    in_machine journalctl -b --no-pager >journal.log
    fail "systemctl enable $*"
  }
}
# unit STATE UNIT: fails with what it said unless it is in this state.
unit() {
  unit_is=$(in_machine systemctl show -P Result "$2")/$(in_machine systemctl is-active "$2") || :
  [ "$unit_is" = "$1" ] || {
    in_machine journalctl -u "$2" --no-pager
    fail "$2 is $unit_is, not $1"
  }
}
# done_with UNIT...: a service that does one thing has done it.
done_with() {
  for unit in "$@"; do
    finished() { [ "$(in_machine systemctl show -P SubState "$unit")" = dead ] && in_machine journalctl -u "$unit" -b | grep -q .; }
    wait_for 60 finished
    unit success/inactive "$unit"
  done
}
# logged UNIT WORD: to the journal since the boot.
logged() {
  in_machine journalctl -b -u "$1" --no-pager >journal.log
  expect_line journal.log "$2"
}

boot
say 'nothing runs before it is enabled'
in_machine systemctl --no-pager list-unit-files 'fw*' >unit-files
for unit in fwdonord.service fwrecover-check.service fwrecover-check.timer fwrecover-confirm.service fwrecover-rollback.service; do
  expect_line unit-files "^$unit"
done

say 'the donor: ready, in the journal, reloaded, no user of this system'
publish 1
enabled --now fwdonord
unit success/active fwdonord
logged fwdonord ready
# It knows from JOURNAL_STREAM where its standard error goes.
in_machine journalctl -b -u fwdonord FWR_EVENT=ready -o json | grep -q '"FWR_' || fail 'the journal has no fields of the donor'
publish 2
in_machine systemctl reload fwdonord
reloaded() { in_machine journalctl -b -u fwdonord FWR_EVENT=reloaded --no-pager | grep -q images=2; }
wait_for 20 reloaded
donor_process=$(in_machine systemctl show -P MainPID fwdonord)
in_machine grep -q '^Uid:.[^0]' "/proc/$donor_process/status" || fail 'the donor runs as root'

say 'the timer: what was never installed is recovered onto a block device'
enabled --now fwrecover-check.timer
wait_for 60 runs 2.0
done_with fwrecover-check.service
logged fwrecover-check 'slot . is active now, with test-bmc 2.0'
on_trial || fail 'what was recovered is not on trial'
# From here on it starts when this test wants it to.
in_machine systemctl disable --quiet --now fwrecover-check.timer

say 'the next boot: in order, and what is healthy is kept'
enabled fwrecover-confirm fwrecover-rollback
power_off
boot
done_with fwrecover-rollback.service fwrecover-confirm.service
runs 2.0 || fail 'another image is active'
if on_trial; then fail 'what is healthy is still on trial'; fi
unit success/active fwdonord

say 'a damaged block device is mended at the next look'
active=$(active)
head -c 8192 /dev/urandom | dd of="disk-$active" bs=4096 seek=100 conv=notrunc status=none
in_machine systemctl start fwrecover-check
unit success/inactive fwrecover-check
runs 2.0 || fail 'another version is active'
[ "$(active)" != "$active" ] || fail 'the damaged slot is still active'
in_machine systemctl start fwrecover-confirm
if on_trial; then fail 'what is healthy is still on trial'; fi

say 'not healthy: not kept, and rolled back at the boot after its trial'
publish 3
in_machine systemctl reload fwdonord
sed -i 's/^#trial = .*/trial = "2s"/; s/^#commands = .*/commands = ["false"]/' "$root/etc/fwrecover/fwrecover.toml"
in_machine fwrecover --quiet request --if-newer || fail "request --if-newer: $?"
runs 3.0 || fail 'the newer image was not taken'
if in_machine systemctl start fwrecover-confirm 2>/dev/null; then fail 'the unit says that all is well'; fi
logged fwrecover-confirm false
expired() { status | grep -q '"trial_expired":true'; }
wait_for 20 expired
power_off
boot
done_with fwrecover-rollback.service
logged fwrecover-rollback 'slot . is active now, with test-bmc 2.0: rolled back'
runs 2.0 || fail 'the boot did not roll back'

say 'a recovery runs already: no failed unit; another program has the lock: a failed one'
head -c 8192 /dev/zero | dd of="disk-$(active)" bs=4096 seek=200 conv=notrunc status=none
held() { in_machine sh -c '! flock -n /var/lib/fwrecover/lock true'; }
released() { ! held; }
in_machine systemd-run --quiet --unit=by-hand fwrecover --set policy.offer_window=5m request
wait_for 20 held
in_machine systemctl start fwrecover-check || fail 'a recovery that runs makes the unit fail'
logged fwrecover-check 'already running.*held by process'
in_machine systemctl stop by-hand
wait_for 20 released
in_machine systemd-run --quiet --unit=foreign flock /var/lib/fwrecover/lock sleep 1000
wait_for 20 held
if in_machine systemctl start fwrecover-check 2>/dev/null; then fail 'a foreign lock is success'; fi
[ "$(in_machine systemctl show -P ExecMainStatus fwrecover-check)" = 15 ] || fail 'the unit did not meet the foreign lock'
in_machine systemctl stop foreign
wait_for 20 released
in_machine systemctl start fwrecover-check
in_machine systemctl stop fwdonord
unit success/inactive fwdonord

say 'the rules of udev: a name, a group, and nothing that udev does not understand'
mkdir -p "$root/etc/udev/rules.d"
cp "$TOP_SRCDIR/contrib/lines/70-fwrecover-lines.rules" "$root/etc/udev/rules.d/"
printf 'KERNEL=="ptmx", ENV{ID_VENDOR_ID}="0403", ENV{ID_SERIAL_SHORT}="AB0CDEFG"\n' >"$root/etc/udev/rules.d/61-adapter.rules"
in_machine udevadm test --action=add /sys/devices/virtual/tty/ptmx >udev.log 2>&1 || fail 'udevadm test'
if grep '70-fwrecover-lines.rules:[0-9]' udev.log | grep -v -e GROUP -e MODE -e LINK; then fail 'udev complains about the rules'; fi
expect_line udev.log 'fwr-icmb'
expect_line udev.log '^ID_MM_DEVICE_IGNORE=1'

say 'a bus, with the drop-ins for lines: icmb.devices, icmb.allow'
mkdir "$root/srv/bus"
start bus.log in_machine fwdiag icmb-bus --nodes 2 --baud 115200 --link-dir /srv/bus
wait_for_line 20 bus.log node2
for drop_in in fwdonord-lines.conf fwrecover-check-lines.conf; do
  directory=$root/etc/systemd/system/${drop_in%-lines.conf}.service.d
  mkdir -p "$directory"
  cp "$TOP_SRCDIR/contrib/lines/$drop_in" "$directory/lines.conf"
done
# What emulates the adapter is no ttyUSB.
printf '[Service]\nDeviceAllow=char-pts rw\n' >"$root/etc/systemd/system/fwdonord.service.d/pty.conf"
# shellcheck disable=SC2016 # for the shell in the machine
in_machine sh -c 'for n in 1 2; do d=$(readlink -f /srv/bus/node$n) && ln -s $d /dev/line$n && chgrp dialout $d && chmod 660 $d; done'
sed -i 's,^listen = .*,listen = [],; s,^\[icmb\],&\ndevices = ["/dev/line1"]\nallow = ["0xffff"]\nbaud = 115200\naddress = "0x0014",' \
  "$root/etc/fwrecover/fwdonord.toml"
sed -i '0,/^#broadcast = true/s//broadcast = false/; s,^\[icmb\],&\ndevices = ["/dev/line2"]\nbaud = 115200,' "$root/etc/fwrecover/fwrecover.toml"
in_machine systemctl daemon-reload
in_machine systemctl start fwdonord || {
  in_machine journalctl -b -u fwdonord --no-pager | tail
  fail 'the donor does not start on a bus'
}
held_address() { in_machine journalctl -b -u fwdonord FWR_EVENT=link --no-pager | grep -q address-held; }
wait_for 30 held_address
was=$(active)
head -c 4096 /dev/zero | dd of="disk-$was" bs=4096 seek=300 conv=notrunc status=none
in_machine systemctl start fwrecover-check || {
  in_machine journalctl -b -u fwrecover-check -u fwdonord --no-pager | tail -n 20
  fail 'no recovery over the bus'
}
[ "$(active)" != "$was" ] || fail 'the damaged slot is still active'
logged fwdonord 'accepted address=icmb:'

say 'the drop-in for Bluetooth does not keep the donor from starting'
if in_machine getent group bluetooth >/dev/null; then
  cp "$TOP_SRCDIR/contrib/lines/fwdonord-bluetooth.conf" "$root/etc/systemd/system/fwdonord.service.d/bluetooth.conf"
  in_machine systemctl daemon-reload
  in_machine systemctl restart fwdonord || :
  unit success/active fwdonord
fi
