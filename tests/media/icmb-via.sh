#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# fwdiag icmb --via: a BMC on LAN with a channel on an emulated bus, and nodes behind it that know nothing
# of that. Stock clients see the same bytes. Then everything that such a BMC can do wrong.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"
. "$TOP_SRCDIR/tests/media/common.sh"

need_program ipmitool
bmc_program=$TOP_BUILDDIR/tests/media/bridging_bmc
[ -x "$bmc_program" ] || fail "$bmc_program is missing"

FWRECOVER_PASSWORD='a secret of 20 bytes'
export FWRECOVER_PASSWORD
pick_udp_port port

# fault [WORD]: what is wrong with the BMC from now on.
fault() { echo "${1:-}" >fault; }
# via STATUS ACTION...: over LAN; what it said is in out.json, and kept for the contract.
via() {
  via_want=$1
  shift
  # shellcheck disable=SC2154 # set by pick_udp_port
  expect_exit "$via_want" limited "$FWDIAG" --json icmb --via "${road:-lan:127.0.0.1:$port}" \
    --user "${account:-operator}" "$@" >out.json 2>out.log
  cat out.json >>fwdiag.jsonl
  tail -n 1 out.json | grep -q "^{\"event\":\"result\".*\"exit_code\":${via_want}[,}]" ||
    fail "no result with $via_want: $(cat out.json)"
}
nodes() { [ "$(grep -c '"event":"icmb-node"' out.json)" -eq "$1" ] || fail "not $1 nodes: $(cat out.json)"; }
# since SECONDS: those have passed since the last `date +%s` in $began.
took_at_most() { [ $(($(date +%s) - began)) -le "$1" ] || fail "it took longer than $1 s"; }

bus bus
start node2.log "$FWDIAG" --json icmb "$work/bus/node2" listen --address 0x0012 \
  --guid 00000000-0000-0000-0000-000000000002
bus_donor console console node3 0x0013
make_key vendor
start_donor console
fault
start bmc.log "$bmc_program" "$port" "$work/bus/node1" 0x0011 "$work/fault"
held node2 0x0012
held console 0x0013
wait_for_line 60 bmc.log ready

say 'discovery finds the nodes of the bus'
via 0 --wait 2 discover
nodes 2
expect_line out.json "\"event\":\"icmb-channel\",\"via\":\"lan:127.0.0.1:$port\",\"channel\":5,\"medium\":\"icmb-1.0\",\"address\":\"icmb:0x0011\",\"state\":\"enabled\""
expect_line out.json '"address":"icmb:0x0012","via":"lan:[^"]*","guid":"00000000-0000-0000-0000-000000000002"'
expect_line out.json '"address":"icmb:0x0013"'
via 0 --wait 2 --channel 5 --cipher-suite 3 discover
nodes 2

say 'questions to one'
via 0 --wait 20 info 0x0012
expect_line out.json '"event":"icmb-info","address":"icmb:0x0012","via":"[^"]*","guid":"00000000-0000-0000-0000-000000000002","state":"enabled","version":1,"revision":0,"payload_limit":2048,"baud":19200,"chassis":"[0-9a-f]*"'
via 0 --wait 20 device-id icmb:0x0013
expect_line out.json '"event":"icmb-device","address":"icmb:0x0013","via":"[^"]*","device":[0-9]*,"revision":[0-9]*,"firmware":"[0-9]*\.[0-9]*","ipmi":"2.0","manufacturer":[0-9]*,"product":[0-9]*'
via 0 info 0x0011
expect_line out.json '"event":"icmb-info","address":"icmb:0x0011","via":"[^"]*","state":"enabled"[,}]'

say 'the same over a line of the bus'
expect_exit 0 limited "$FWDIAG" --json icmb "$work/bus/node4" device-id 0x0013 --wait 20 >out.json
cat out.json >>fwdiag.jsonl
expect_line out.json "\"event\":\"icmb-device\",\"address\":\"icmb:0x0013@$work/bus/node4\",\"device\":[0-9]*"
# For people a table, like that of info.
expect_exit 0 limited "$FWDIAG" icmb "$work/bus/node4" device-id 0x0013 --wait 20 >text
expect_line text "^icmb:0x0013@$work/bus/node4\$"
expect_line text '^  manufacturer  *[0-9]*$'

say 'statistics do not fit, and say so'
via 1 --wait 20 statistics 0x0012
told command-rejected 'do not fit'
fault wide
via 0 --wait 20 statistics 0x0012
expect_line out.json '"event":"icmb-statistics","address":"icmb:0x0012","via":"[^"]*","sent":[1-9]'
fault

say 'stock clients agree on the bytes'
raw() {
  limited ipmitool -I lanplus -C 17 -H 127.0.0.1 -p "$port" -U operator -E -L OPERATOR raw "$@" |
    tr '\n' ' ' | tr -s ' '
}
IPMI_PASSWORD=$FWRECOVER_PASSWORD
export IPMI_PASSWORD
[ "$(raw 0x06 0x42 0x05)" = ' 05 02 02 00 f2 1b 00 00 00 ' ] || fail 'Get Channel Info differs'
# Get Device ID of the donor, as number 29h.
raw 0x06 0x34 0x45 0xa4 0x13 0x00 0x20 0x20 0x18 0x01 >sent || fail 'ipmitool: Send Message failed'
# One that was answered after it was given up may wait before it.
answer='' tries=0
while [ "${answer#" 05 a4 "}" = "$answer" ] && [ $((tries += 1)) -le 20 ]; do
  answer=$(raw 0x06 0x33 2>/dev/null) || sleep 0.2
done
case $answer in
' 05 a4 00 00 '*) ;;
*) fail "ipmitool: Get Message brought '$answer'" ;;
esac
[ "$(echo "$answer" | wc -w)" -eq 15 ] || fail "Get Device ID has 11 bytes: '$answer'"

say 'a node that is not there'
began=$(date +%s)
via 1 --wait 0.3 info 0x0055
told no-response 0x0055
took_at_most 20
via 1 --wait 0.3 device-id 0x0012
told no-response 0x0012

say 'the account'
FWRECOVER_PASSWORD=guessed
via 1 discover
told authentication-failed
FWRECOVER_PASSWORD='another secret' account=user
via 1 discover
told privilege-too-low Operator
FWRECOVER_PASSWORD='a secret of 20 bytes' account=operator
(umask 077 && printf '%s' "$FWRECOVER_PASSWORD" >secret && printf 'not its key' >kg)
via 0 --password-file secret discover
# This BMC has no K_g, so one is wrong.
via 1 --kg-file kg discover
told authentication-failed

say 'a BMC that is not there'
road=lan:no-such-host.invalid
via 1 discover
told not-found
road=lan:
via 2 discover
road=

say 'wrong usage'
via 2 listen
told bad-usage
via 2 sing
via 2 info
via 2 discover 0x0012
via 2 info nonsense
via 2 --address 0x0011 discover
expect_exit 2 "$FWDIAG" icmb --via "lan:127.0.0.1:$port" discover 2>out.log
expect_exit 2 "$FWDIAG" icmb --via in-band --user operator discover 2>out.log
expect_exit 2 "$FWDIAG" icmb --via icmb:0x0012 discover 2>out.log
expect_exit 2 "$FWDIAG" icmb "$work/bus/node4" discover --user operator 2>out.log

say 'a BMC without such a channel'
fault no-channel
via 1 discover
told not-found 'no ICMB channel'
fault
via 1 --channel 1 discover
told not-found 'channel 1'
via 1 --channel 6 discover
told not-found 'channel 6'

say 'a BMC that never has an answer, refuses to give it, or gives it too late'
fault deaf
via 1 --wait 0.2 info 0x0012
told no-response 'has no answer'
via 1 --wait 0.2 discover
told no-response 'nobody else'
fault no-get-message
via 1 info 0x0012
told command-rejected 'Get Message'
fault nak
via 1 --wait 0.2 info 0x0012
told command-rejected 'nobody at this address'
fault late
began=$(date +%s)
via 1 --wait 30 device-id 0x0013
told no-response 'has no answer'
took_at_most 45
fault

say 'answers of others, and answers that are none'
fault stale
via 0 --wait 20 device-id 0x0013
fault left-behind
via 0 --wait 20 device-id 0x0013
fault oversize
via 1 --wait 20 device-id 0x0013
told bad-field 'bytes of data'
fault short
via 1 --wait 20 info 0x0012
told bad-field 'completion code'
fault

say "another maker's nodes: without a GUID, and with fewer capabilities"
fault vendor
via 0 --wait 2 discover
nodes 2
expect_line out.json '"event":"icmb-node","address":"icmb:0x0013","via":"[^"]*"[,}]'
via 0 --wait 20 info 0x0012
expect_line out.json '"event":"icmb-info","address":"icmb:0x0012","via":"[^"]*","state":"enabled","version":1,"revision":0[,}]'
via 1 --wait 20 statistics 0x0012
told unsupported
fault one-answer
via 0 --wait 2 discover
nodes 2
fault no-bridge-commands
via 0 --wait 20 device-id 0x0013
expect_line out.json '"event":"icmb-channel","via":"[^"]*","channel":5,"medium":"icmb-1.0"[,}]'
fault disabled
via 0 --wait 20 device-id 0x0013
expect_line out.json '"event":"problem".*not enabled'
fault

say 'in-band is for root'
chmod 755 "$work"
nobody=
if [ "$(id -u)" -eq 0 ]; then nobody='setpriv --reuid 65534 --regid 65534 --clear-groups'; fi
# shellcheck disable=SC2086 # words of a command
expect_exit 15 limited $nobody "$FWDIAG" --json icmb --via in-band discover >out.json 2>out.log
cat out.json >>fwdiag.jsonl
told no-permission

say 'what --json printed keeps what fwrecover(8) promises'
awk -f "$TOP_SRCDIR/tests/repo/json-contract.awk" "$TOP_SRCDIR/man/fwrecover.8" fwdiag.jsonl >found
if grep '^wrong' found; then fail 'JSON lines break what fwrecover(8) promises'; fi
for event in icmb-channel icmb-node icmb-info icmb-device icmb-statistics; do
  grep -q "^seen.* $event" found || fail "$event was not seen"
done
