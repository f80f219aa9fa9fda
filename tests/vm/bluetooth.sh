#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Bluetooth with the kernel's own RFCOMM, between virtual controllers.
. "$TOP_SRCDIR/tests/vm/guest.sh"
. "$TOP_SRCDIR/tests/vm/bluetooth-lib.sh"
command -v rfcomm_stream >/dev/null || skip 'configured without Bluetooth'

it 'has controllers that find each other'
bluetooth_up 3

it 'carries a stream, unpaced and at 230 kB/s'
unpaced=$(raw_stream 0 1 1048576)
figure "raw RFCOMM, unpaced: $unpaced bytes a second"
bluetooth_air rate 230000
paced=$(raw_stream 0 1 1048576)
figure "raw RFCOMM, paced at 230000 bytes a second: $paced"
[ "$paced" -le 230000 ] || fail 'the air is faster than it may be'
[ "$paced" -ge 180000 ] || fail 'the air is much slower than it should be'
bluetooth_air rate 0

it 'gives up an absent device'
expect_exit 1 limited rfcomm_stream send "$(bluetooth_address 0)" 00:11:22:33:44:55 30 10
