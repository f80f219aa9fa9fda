# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154 # variables of run.sh, and for it
# What section in-band of the guest has on the outside: a bus with nodes, and a BMC on it whose system interface
# is a device of the guest.

# in_band_start: QEMU's options are in $in_band_options then.
in_band_start() {
  cd "$work" || return
  pick_udp_port in_band_port
  mkdir bus catalogue
  : >fault
  start bus.log "$FWDIAG" --json icmb-bus --nodes 3 --link-dir "$work/bus"
  wait_for_line 30 bus.log '"node":3'
  start node.log "$FWDIAG" --json icmb "$work/bus/node2" listen --address 0x0012 \
    --guid 00000000-0000-0000-0000-000000000002
  minisign -G -W -p vendor.pub -s vendor.key >/dev/null
  cat >donor.toml <<END
[catalogue]
directory = "$work/catalogue"
[trust]
keys = ["$work/vendor.pub"]
[icmb]
devices = ["$work/bus/node3"]
address = "0x0013"
allow = ["0x0021"]
slot = "10ms"
END
  start donor.log "$FWDONORD" --config donor.toml
  wait_for_line 60 node.log address-held
  wait_for_line 60 donor.log address-held
  # QEMU makes the socket; it listens a moment later.
  start bmc.log sh -c "until [ -S '$work/system' ]; do sleep 0.2; done; sleep 1
    exec '$TOP_BUILDDIR/tests/media/bridging_bmc' $in_band_port '$work/bus/node1' 0x0011 '$work/fault' '$work/system'"
  in_band_options="-chardev socket,id=system,path=$work/system,server=on,wait=off
    -device ipmi-bmc-extern,id=bmc,chardev=system -device isa-ipmi-kcs,bmc=bmc"
}
