#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# ipmitool and FreeIPMI talk to fwdonord with cipher suites 17 and 3, and are refused when they must be.
. "$TOP_SRCDIR/tests/lib.sh"
# ipmiping and rmcpping know only port 623, so everything runs in a network namespace of its own.
need_program ipmitool bmc-info ipmi-raw ipmiping rmcpping minisign unshare ip
in_own_namespaces n
. "$TOP_SRCDIR/tests/interop/common.sh"
ip link set lo up

make_key vendor
make_image image 20000
sign image 1.2.3 4
# FreeIPMI takes 127.0.0.1 for "no network", so it is another one.
donor_config both console 127.0.0.3:623 'suite3 = true'
donor_config strict peer 127.0.0.2:623
# user.*.privilege: what an account may ask for at most.
printf '[user.operator]\npassword_file = "%s"\nprivilege = "operator"\n' "$work/password" >>both.toml
add both image
start_donor both
start_donor strict

lan() { # SUITE COMMAND...
  lan_suite=$1
  shift
  limited ipmitool -I lanplus -H "${host:-127.0.0.3}" -U fwrecover -f "${secret:-password}" -L USER \
    -C "$lan_suite" "$@" >out.txt 2>out.err
}
accepted() { lan "$@" || {
  cat out.txt out.err
  fail "ipmitool, suite $*"
}; }
refused() { if lan "$@"; then fail "ipmitool was not refused: suite $*"; fi; }
free() { # SUITE PROGRAM ARGUMENT...
  free_suite=$1 free_program=$2
  shift 2
  limited "$free_program" -D LAN_2_0 -h 127.0.0.3 -u fwrecover -p "$password" -l USER \
    -I "$free_suite" "$@" >out.txt 2>out.err || {
    cat out.txt out.err
    fail "$free_program, suite $free_suite"
  }
}
words() { tr -s ' \n' '  ' <out.txt; }

guid=$(sed -n 's/^guid = "\(.*\)"/\1/p' both.toml)
for suite in 17 3; do
  accepted $suite mc info
  expect_line out.txt '^IPMI Version  *: 2.0'
  expect_line out.txt '^Manufacturer ID  *: 32473'
  accepted $suite mc guid
  expect_line out.txt "$guid"
  accepted $suite mc selftest
  expect_line out.txt 'passed'
  accepted $suite session info active
  expect_line out.txt 'user id'
  accepted $suite channel getciphers ipmi
  expect_line out.txt '17'
  expect_line out.txt '^ *3 '

  # Get Recovery Capabilities, PROTOCOL §5.1: version 1 only, console, wired, reads of 900 bytes.
  accepted $suite raw 0x2e 0x01 0xd9 0x7e 0x00 0x01
  words | grep -q '^ d9 7e 00 01 01 00 01 84 03 ' || fail "capabilities: $(words)"
  # Get Donor Status, §5.8: console, no load; one image, no lease of 16; the name.
  accepted $suite raw 0x2e 0x09 0xd9 0x7e 0x00
  words | grep -q '^ d9 7e 00 00 00 .* 01 00 00 10 ' || fail "status: $(words)"
  words | grep -q '74 68 65 20 62 6f 74 68 00' || fail "the status has no name: $(words)"
  # Another enterprise number is answered C1h, §3; a reading without a lease 84h.
  refused $suite raw 0x2e 0x01 0x01 0x00 0x00 0x01
  expect_line out.err 'rsp=0xc1'
  refused $suite raw 0x2e 0x07 0xd9 0x7e 0x00 1 2 3 4 0 0 0 0 0 16 0
  expect_line out.err 'rsp=0x84'

  free $suite bmc-info
  expect_line out.txt '^IPMI Version *: 2.0'
  expect_line out.txt '32473'
  free $suite ipmi-raw 0 0x2e 0x01 0xd9 0x7e 0x00 0x01
  grep -q -i '^rcvd: 01 00 D9 7E 00 01 01 00 01 84 03 ' out.txt || {
    cat out.txt
    fail 'ipmi-raw: capabilities'
  }
done

# Presence pings and Get Channel Authentication Capabilities, without a session: 3 of 3 are answered.
limited ipmiping -c 3 -i 1 127.0.0.3 >out.txt 2>&1 || fail "ipmiping: $(cat out.txt)"
expect_line out.txt ' 0.0% packet loss'
limited rmcpping -c 3 -i 1 127.0.0.3 >out.txt 2>&1 || fail "rmcpping: $(cat out.txt)"
expect_line out.txt ' 0.0% packet loss'

printf 'wrong' >wrong
chmod 600 wrong
secret=wrong
refused 17 mc info
refused 3 mc info
secret=password
refused 0 mc info
refused 1 mc info
host=127.0.0.2
accepted 17 mc info
refused 3 mc info
accepted 17 channel getciphers ipmi
if grep -q '^ *3 ' out.txt; then fail 'suite 3 is listed and not configured'; fi
# A User account cannot have Administrator privilege.
if limited ipmitool -I lanplus -H 127.0.0.3 -U fwrecover -f password -L ADMINISTRATOR -C 17 mc info \
  >out.txt 2>&1; then
  fail 'a User became Administrator'
fi
# The daemons took all of that without a word of alarm, and still run.
stop_process "$started" || fail "fwdonord ended with $?"
