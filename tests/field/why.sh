#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# "fwdiag why" says at which step a recovery would end, with the exit code of that step and one line for
# each: here each step fails once.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
make_key stranger
make_image 1.0 100000
make_image 2.0 100000
sign 1.0 1.0 1
sign 2.0 2.0 1
pick_udp_port port
pick_udp_port nobody
address="127.0.0.1:$port"
donor_config donor console "$address"
add donor 1.0
add donor 2.0
start_donor donor
offer_window=300ms
recipient_config r "\"$address\""

steps='configuration names interfaces ping capabilities offer session manifest slot'

# why STATUS STEP OPTION...: it ends at this step (none: -), all before it are not bad, all behind it are
# not looked at.
why() {
  why_want=$1 why_step=$2
  shift 2
  why_got=0
  limited "$FWDIAG" --json why --config r.toml "$@" >out.json 2>out.log || why_got=$?
  [ "$why_got" -eq "$why_want" ] || fail "exit $why_got instead of $why_want: why $*: $(cat out.json)"
  why_bad=''
  for one in $steps; do
    [ "$(grep -c "\"event\":\"step\",\"step\":\"$one\"" out.json)" -eq 1 ] ||
      fail "not one line for $one: $(cat out.json)"
    grep "\"step\":\"$one\"" out.json >line
    if [ -n "$why_bad" ]; then
      grep -q '"ok":false,"known":false' line || fail "$one was looked at: $(cat line)"
    elif [ "$one" = "$why_step" ]; then
      grep -q '"ok":false,"known":true,"code":"[a-z-]*"' line || fail "$one is not bad: $(cat out.json)"
      why_bad=$one
    elif grep -q '"ok":false,"known":true' line; then
      fail "$one is bad: $(cat out.json)"
    fi
  done
  [ "$why_step" = - ] || tail -n 1 out.json | grep -q "\"message\":\"[^\"]*it ends at $why_step: " ||
    fail "the result does not say where: $(tail -n 1 out.json)"
}

say 'nothing is wrong'
why 0 -
told ok 'would install version 2.0'
expect_exit 0 "$FWDIAG" why --config r.toml >text 2>&1
[ "$(grep -c '^ok  ' text)" -ge 7 ] || fail "not one line a step: $(cat text)"
grep -q '^--    interfaces: ' text || fail "no line of what does not matter: $(cat text)"
why 0 - "$address"
if [ -e r-state ] || [ -e r-b ]; then fail 'it wrote something'; fi

say configuration
why 1 configuration --set 'donor.password_file="/nowhere/at/all"'
why 2 configuration --set 'trust.keys=[]'
why 2 configuration --set slots.b="\"$work/r-a\""

say names
why 2 names --set 'lan.targets=["127.0.0.300"]'
why 2 names --set 'lan.targets=[]'

say interfaces
why 11 interfaces --set 'lan.targets=[]' --set lan.broadcast=true --set 'lan.interfaces=["nosuch0"]'

say ping
why 11 ping "127.0.0.1:$nobody"
told no-donor-answered "127.0.0.1:$nobody"
why 0 - "$address" "127.0.0.1:$nobody"

say capabilities
why 11 capabilities --set protocol.iana=999
told no-donor-answered 'IANA number'

say offer
why 11 offer --set system.product=9
told no-compatible-image
why 12 offer --set policy.version=9.0
told no-offer-acceptable 'is not 9.0'

say session
printf wrong >other
chmod 600 other
why 13 session --set "donor.password_file=\"$work/other\""
told authentication-failed 'does not accept user name'

say manifest
why 14 manifest --set "trust.keys=[\"$work/stranger.pub\"]"
told untrusted-key key

say slot
why 15 slot --set 'slots.b="/nowhere/at/all/slot-b"'

say 'nothing to do'
recover 0 r request
recover 0 r confirm
why 0 -
told ok 'installed and healthy'
