#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What people are used to from ipmitool and FreeIPMI works here: lists of hosts, -U -f -C -E, IPMI_PASSWORD, a
# time with a unit. What cannot work says so.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/interop/common.sh"

pick_udp_port port
make_key vendor
make_image image 20000
sign image 1.0 1
donor_config d console '127.0.0.1:'"$port"'", "127.0.0.2:'"$port"'", "127.0.0.3:'"$port"
add d image
start_donor d

diag() { # STATUS ARGUMENT...
  diag_want=$1
  shift
  expect_exit "$diag_want" limited "$FWDIAG" --json "$@" >out.json 2>out.log
}
hosts_that() { # EVENT NUMBER
  [ "$(grep -c "\"event\":\"$1\"" out.json)" -eq "$2" ] || { cat out.json; fail "not $2 events $1"; }
}

say 'lists and ranges of hosts'
diag 0 ping "127.0.0.1:$port,127.0.0.[2-3]:$port"
hosts_that pong 3
diag 0 capabilities "127.0.0.[1,3]:$port,127.0.0.2:$port"
hosts_that capabilities 3
diag 0 donor -U fwrecover -f password -C 17 -W none "127.0.0.1:$port,127.0.0.2:$port"
hosts_that donor-status 2
recipient_config r "\"127.0.0.[1-2]:$port,127.0.0.3:$port\""
recover 0 r offers
[ "$(grep -c '"event":"offer"' out.json)" -ge 1 ] || fail 'no offer from a list in the configuration'
grep -q '"event":"asked","targets":\["lan:127.0.0.1:[0-9]*","lan:127.0.0.2:[0-9]*","lan:127.0.0.3:[0-9]*"\]' out.json ||
  fail 'not all hosts of the list were asked'
recover 0 r offers --target "127.0.0.1:$port,127.0.0.[2-3]:$port"
grep -q '"event":"asked","targets":\["lan:127.0.0.1:[0-9]*","lan:127.0.0.2:[0-9]*","lan:127.0.0.3:[0-9]*"\]' out.json ||
  fail 'not all hosts of --target were asked'

say 'lists that are none'
for wrong in 'a,' ',a' 'a,,b' 'a[2-1],b' 'a,b[1-' 'a[1-600],b[1-600]'; do
  diag 2 ping "$wrong"
  grep -q "host '" out.json || { cat out.json; fail "nothing names the part that is wrong: $wrong"; }
  recover 2 r offers --target "$wrong"
done

say 'the password from where ipmitool has it'
for option in -E --environment-password ''; do
  # shellcheck disable=SC2086 # or nothing
  IPMI_PASSWORD=$password diag 0 donor $option -U fwrecover "127.0.0.1:$port"
done
diag 2 donor -U fwrecover -E "127.0.0.1:$port"
grep -q 'FWRECOVER_PASSWORD' out.json || fail 'nothing says where a password could be'

# On the way to a bus, too: the session comes up, and a donor has no channel to one.
IPMI_PASSWORD=$password diag 1 icmb --via "lan:127.0.0.1:$port" --user fwrecover --environment-password \
  --workaround-flags none discover

# And to what a donor has.
IPMI_PASSWORD=$password diag 0 images --user fwrecover --environment-password --cipher-suite 17 --workaround-flags none \
  --wait 5 "127.0.0.1:$port"
diag 0 images --component bmc --manufacturer 32473 --product 7 --device 9 "127.0.0.1:$port"
printf 'a-key-that-is-not-there' | head -c 20 >kg
chmod 600 kg
diag 1 images --user fwrecover --password-file password --kg-file kg "127.0.0.1:$port"

say 'what cannot work says so'
diag 2 donor --user fwrecover --password-file password --workaround-flags opensesspriv "127.0.0.1:$port"
diag 2 donor -U fwrecover -f password -W opensesspriv "127.0.0.1:$port"
grep -q "'opensesspriv' is not known here" out.json || { cat out.json; fail 'the workaround is not named'; }
diag 2 donor -U fwrecover -f password -C 8 "127.0.0.1:$port"
grep -q 'none of 17, 3' out.json || fail 'nothing says which suites there are'

say 'each thing is said once'
make_image second 20000
sign second 2.0 2
"$FWDONOR" --config d.toml add second >said.txt
[ "$(grep -c 'added test-bmc 2.0' said.txt)" -eq 1 ] || { cat said.txt; fail 'fwdonor add says it twice'; }
expect_line said.txt 'a running fwdonord'
# Which is true, without a signal.
wait_for_line 20 d.log 'catalogue-changed images=2'
expect_exit 0 limited "$FWDIAG" donor -U fwrecover -f password "127.0.0.1:$port" >images.txt
expect_line images.txt '2 images'
"$FWDONOR" --config d.toml remove "test-bmc=2.0" >said.txt 2>&1 || "$FWDONOR" --config d.toml remove 2.0 >said.txt
[ "$(grep -c 'removed test-bmc 2.0' said.txt)" -eq 1 ] || { cat said.txt; fail 'fwdonor remove says it twice'; }
wait_for_line 20 d.log 'catalogue-changed images=1'
if grep -q ' reloaded ' d.log; then fail 'nobody asked for a reload'; fi
