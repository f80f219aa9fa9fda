#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The system interface of a BMC that has a channel on an ICMB. Its KCS is a device of the virtual machine, the
# BMC itself, the bus and its nodes are on the other side. See in_band_start in tests/vm/run.sh.
. "$TOP_SRCDIR/tests/vm/guest.sh"

# via STATUS ACTION...: what it said is in out.json.
via() {
  via_want=$1
  shift
  via_got=0
  limited env ${ports:+"LD_PRELOAD=$ports"} "$FWDIAG" --json icmb --via in-band --wait "${wait_s:-3}" \
    "$@" >out.json 2>out.log || via_got=$?
  [ "$via_got" -eq "$via_want" ] || fail "exit status $via_got instead of $via_want: $(cat out.json)"
  tail -n 1 out.json | grep -q "^{\"event\":\"result\".*\"exit_code\":${via_want}[,}]" ||
    fail "no result with $via_want: $(cat out.json)"
}

# Where libfreeipmi is installed there is this file, for its lock.
mkdir -p /var/lib/freeipmi
: >/var/lib/freeipmi/ipckey

ports=
it 'sees a KCS, and says so when libfreeipmi cannot use it'
limited "$FWDIAG" --json icmb --via in-band discover >out.json 2>out.log || :
if grep -q 'without port input and output' out.json; then
  told not-found
  # See tests/vm/kcs_ports.c.
  ports=/usr/lib/kcs_ports.so
else
  say "this libfreeipmi can: $(tail -n 1 out.json)"
fi
# The BMC on the other side may not have an address on its bus yet.
has_address() {
  env ${ports:+"LD_PRELOAD=$ports"} "$FWDIAG" --json icmb --via in-band info 0x0011 | grep -q '"state":"enabled"'
}
wait_for 60 has_address

it 'finds the nodes of the bus through the KCS'
via 0 discover
expect_line out.json '"event":"icmb-channel","via":"in-band","channel":5,"medium":"icmb-1.0","address":"icmb:0x0011"'
expect_line out.json '"event":"icmb-node","address":"icmb:0x0012","via":"in-band","guid":"00000000-0000-0000-0000-000000000002"'
expect_line out.json '"event":"icmb-node","address":"icmb:0x0013"'
[ "$(grep -c '"event":"icmb-node"' out.json)" -eq 2 ] || fail "not two nodes: $(cat out.json)"

it 'asks one node through the KCS'
via 0 info 0x0012
expect_line out.json '"event":"icmb-info","address":"icmb:0x0012","via":"in-band","guid":"[^"]*","state":"enabled".*"baud":19200'
via 0 device-id 0x0013
expect_line out.json '"event":"icmb-device","address":"icmb:0x0013","via":"in-band","device":[0-9]*'
via 1 statistics 0x0012
told command-rejected 'do not fit'

it 'says when a node is silent, and that there is no such channel'
wait_s=0.5
via 1 info 0x0055
told no-response 'has no answer'
via 1 --channel 1 discover
told not-found

# A kernel package that was unpacked by an older run.sh lacks the module.
modprobe -n ipmi_si 2>/dev/null || exit 0
it 'does not use the driver of the kernel, which bridges nothing for programs'
modprobe ipmi_devintf
modprobe ipmi_si
wait_for 60 test -e /dev/ipmi0
via 1 discover
told not-found 'unload ipmi_si'
rmmod ipmi_si
via 0 device-id 0x0013
