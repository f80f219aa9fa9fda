#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The settings of a bus and of a cable, at values that are not the default, in whole recoveries; and the options of
# fwdiag for a bus that no other test has.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/interop/common.sh"
# shellcheck disable=SC2034 # for tests/media/common.sh
baud=57600
. "$TOP_SRCDIR/tests/media/common.sh"

make_key vendor
make_image image 20000
sign image 1.0 1

say 'icmb.baud, burst, patience, echo_timeout, rs485, fixed, operators'
bus bus
# A pseudo-terminal turns no transmitter: that is left to the adapter.
settings='rs485 = true
fixed = true
burst = 256
patience = "1s"
echo_timeout = "2s"'
bus_donor giver console node2 0x0014 "$settings
operators = [\"0x0021\"]"
add giver image
start_donor giver
held giver 0x0014
bus_recipient r 0x0021 "$settings"
recover 0 r request
expect_installed r image
chosen 0x0014
recover 11 r --set 'icmb.allow=["0x0015"]' offers
recover 0 r --set 'icmb.allow=["0x0014"]' --set icmb.broadcast=false --set 'icmb.targets=["0x0014"]' offers

say 'icmb.address and icmb.fixed: another node has it'
bus_recipient taken 0x0014 'fixed = true'
recover 11 taken request --deadline 20s
bus_recipient moves 0x0014 'fixed = false'
# The donor allows 0x0021 only, so it sees an offer and gets no lease; but it has an address.
recover 0 moves offers

say 'fwdiag icmb --baud --rs485 --for --fixed --operator'
node=$work/$bus_name/node3
expect_exit 0 limited "$FWDIAG" --json icmb "$node" info 0x0014 --baud $baud --rs485 --wait 3 --address 0x0033 --fixed >out.json 2>out.log
expect_line out.json "\"baud\":$baud"
expect_exit 0 limited "$FWDIAG" --json icmb "$node" listen --baud $baud --address 0x0033 --operator 0x0021 --for 2s >out.json 2>out.log
expect_line out.json 'address-held'
expect_exit 0 limited "$FWDIAG" icmb-bus --nodes 2 --noise receiver --ber 1e-6 --seed 7 --for 1s >out.log 2>&1

say 'serial.baud, fwdonord --listen serial:'
start cable.log "$TOP_BUILDDIR/tests/interop/null_modem" "$work/cable-a" "$work/cable-b" 0
wait_for_line 30 cable.log ready
donor_config cabled console 127.0.0.1:1
printf '[serial]\nbaud = 38400\n' >>cabled.toml
add cabled image
: >cabled.log
start cabled.log "$FWDONORD" --config cabled.toml --listen "serial:$work/cable-a"
wait_for_line 30 cabled.log ready
slot_size=1MiB recipient_config c '' false
printf '[serial]\nbaud = 38400\n' >>c.toml
recover 0 c request --target "serial:$work/cable-b"
expect_installed c image
[ "$(stty -F "$work/cable-b" speed)" = 38400 ] || fail "the line has $(stty -F "$work/cable-b" speed) baud"
