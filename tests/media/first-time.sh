#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Somebody's first hour with a bus: the two lines of README as they are printed, without a password;
# an address that is not in the list; a line that is not there; a cut.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"
. "$TOP_SRCDIR/tests/media/common.sh"

need_program minisign

make_key vendor
make_image image 8192
sign image 2.0 2
bus bus

# readme PROGRAM DEVICE: its line about a bus, for this device and the file PROGRAM.toml.
readme() {
  sed -n "s|^    \($1 .*icmb:.*\)|\1|p" "$TOP_SRCDIR/README.md" |
    sed "s|/dev/ttyS1|$work/bus/$2|; s|^$1 ||"
}

cat >fwdonord.toml <<END
[catalogue]
directory = "$work/catalogue"
[trust]
keys = ["$work/vendor.pub"]
END
mkdir catalogue
expect_exit 0 "$FWDONOR" --config fwdonord.toml add image >add.log 2>&1
eval "start donor.log '$FWDONORD' --config fwdonord.toml $(readme fwdonord node2)"
donor=$started
wait_for_line 60 donor.log 'address-held.*icmb:0x0014@'

# What the example of contrib has: a network is asked, and its password file is not there.
slot_size=1MiB recipient_config fwrecover '"127.0.0.1"'
sed 's|^password_file = .*|password_file = "/nowhere/fwrecover.password"|' fwrecover.toml >no-file.toml
sed '/^password_file/d' fwrecover.toml >no-password.toml
# ask STATUS NAME: README's line, with NAME.toml.
ask() {
  eval "recover '$1' '$2' $(readme fwrecover node1)"
}

say 'the lines of README, without a password'
unset FWRECOVER_PASSWORD IPMI_PASSWORD
ask 0 no-file
expect_line out.json '"event":"problem","text":"the network is left out.*donor.password_file'
[ "$(grep -c 'left out' out.json)" -eq 1 ] || fail 'not told once'
expect_line out.json '"event":"recovered".*"address":"icmb:0x0014@'
expect_installed fwrecover image
recover 1 no-file request
told not-found donor.password_file
recover 2 no-password request
told bad-configuration FWRECOVER_PASSWORD
words=$(readme fwrecover node1)
eval "recover 2 no-password --set policy.authenticated=true $words"
told bad-configuration FWRECOVER_PASSWORD
chmod 644 password
ask 2 fwrecover
told insecure-secret
chmod 600 password

say 'a line that does not open is told once'
recover 1 no-file --set 'lan.targets=[]' --set "icmb.devices=['$work/bus/node9']" offers
told not-found
[ "$(grep -c node9 out.json)" -eq 1 ] || fail 'told twice'

say 'an address that is not in the list: both sides say so, and it counts'
recover 13 no-file --set icmb.address=0x0022 request --reinstall --no-broadcast --target "icmb:0x0014@$work/bus/node1"
told all-donors-failed "insufficient privilege: the donor's allow list does not name the address of this system"
wait_for_line 10 donor.log 'refused address=icmb:0x0022@.*icmb:0x0022@.*/bus/node2 is not in icmb.allow'
kill -HUP "$donor"
wait_for_line 10 donor.log 'counted .*refused=[1-9]'
stop_process "$donor" || :
start nobody.log "$FWDONORD" --config fwdonord.toml --listen "icmb:$work/bus/node2"
wait_for_line 10 nobody.log 'warning: nobody may take images from .*/bus/node2: icmb.allow'

say 'an entry for a line that is not there'
for setting in allow operators; do
  expect_exit 2 "$FWDONORD" --config fwdonord.toml --show-config --listen "icmb:$work/bus/node2" \
    --set "icmb.$setting=['0x21@ttyS1']" >show.log 2>&1
  expect_line show.log "icmb.$setting' has icmb:0x0021@ttyS1, and no device"
  expect_line show.log 'hint: .*fwdonord --show-config'
done
recover 2 no-file --set "icmb.devices=['$work/bus/node1']" --set "icmb.allow=['0x14@/dev/ttyS9']" offers
told bad-configuration icmb.allow

say 'nobody is at this address; the time is that of the line, and the advice too'
recover 11 no-file --set 'lan.targets=[]' offers --no-broadcast --target "icmb:0x0015@$work/bus/node1"
told no-donor-answered "fwdiag icmb $work/bus/node1 discover"
if grep -q 'for 1 s' out.json; then fail 'a bus is not asked within 1 s'; fi
echo cut 1 >&3
recover 11 no-file --set 'lan.targets=[]' offers --no-broadcast --target "icmb:0x0014@$work/bus/node1"
tail -n 1 out.json | grep -q 'bus/node1: cut' || fail "nothing about the cut: $(tail -n 1 out.json)"
