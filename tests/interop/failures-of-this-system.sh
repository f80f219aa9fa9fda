#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What is wrong on the system itself: configuration, secrets, disk and slots. Said with file and reason.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
make_image image 3000000
sign image 2.0 5
pick_udp_port port
donor_config good console "127.0.0.1:$port"
add good image
start_donor good
target="\"127.0.0.1:$port\""

# daemon STATUS WORD...: fwdonord with d.toml ends with STATUS at once, and says the words.
daemon() {
  daemon_want=$1
  shift
  expect_exit "$daemon_want" limited "$FWDONORD" --config d.toml --for 5s >daemon.log 2>&1
  for daemon_word in "$@"; do expect_line daemon.log "$daemon_word"; done
}

say 'configuration: truncated, unknown setting, wrong type, missing file'
recipient_config r "$target"
recipient_config broken "$target"
lines=$(wc -l <broken.toml)
printf '[policy' >>broken.toml
recover 2 broken check
told bad-configuration "broken.toml:$((lines + 1)):"
recover 2 broken request
told bad-configuration "broken.toml:$((lines + 1)):"
recipient_config unknown "$target" false 'offer_windov = "1s"'
line=$(grep -n offer_windov unknown.toml | cut -d: -f1)
recover 2 unknown request
told bad-configuration "unknown.toml:$line: there is no setting 'policy.offer_windov'"
recipient_config typed "$target" false 'donors = "many"'
recover 2 typed request
told bad-configuration "'policy.donors' wants an integer"
recover 2 nowhere request
told bad-configuration 'nowhere.toml'

say 'usage'
recover 2 r request --no-such-option
told bad-usage 'no-such-option'
recover 2 r
told bad-usage
recover 2 r no-such-command
told bad-usage

say 'secrets that others can read'
cp password open-password
chmod 644 open-password
sed 's|/password"|/open-password"|' r.toml >open.toml
recover 2 open request
told insecure-secret 'open-password has mode 0644' 'chmod 600'
pick_udp_port other
donor_config d console "127.0.0.1:$other"
sed -i 's|/password"|/open-password"|' d.toml
daemon 2 'open-password has mode 0644' 'chmod 600'

say 'a donor listens nowhere unless told to'
donor_config d console "127.0.0.1:$other"
sed -i '/^listen/d' d.toml
daemon 2 'listen'

say 'a donor: truncated configuration, a port that is taken'
donor_config d console "127.0.0.1:$other"
printf '[sess' >>d.toml
daemon 2 'd.toml:[0-9]*:'
donor_config d console "127.0.0.1:$port"
expect_exit 1 limited "$FWDONORD" --config d.toml --for 5s >daemon.log 2>&1
expect_line daemon.log "$port"

say 'nothing that could be trusted'
sed '/^\[trust\]/,/^keys/s|^keys.*|keys = []|' r.toml >trustless.toml
recover 2 trustless request
told bad-configuration 'no trusted public key'

say 'slots: a directory in the place of one, and none that can be written'
recipient_config dir "$target"
mkdir dir-b
recover 2 dir request
told bad-configuration "dir-b" 'directory'
recipient_config gone "$target"
sed -i "s|^b = .*|b = \"$work/not-there/slot-b\"|" gone.toml
recover 15 gone request
told slot-unreadable "not-there/slot-b" "directory does not exist"
asked_nobody

say 'a lost state directory: nothing is written until somebody says what runs'
recover 0 r request
expect_installed r image
runs=$(active_slot r)
mv r-state kept-state
before=$(sha256sum <"r-$runs")
for _ in 1 2; do
  recover 15 r request
  told active-slot-unknown "r-$runs" 'adopt'
  asked_nobody
done
recover 10 r check
told replacement-needed 'no state record' 'adopt'
recover 15 r adopt image.manifest.json
told active-slot-unknown
recover 0 r adopt --active "$runs" image.manifest.json
expect_line out.json "\"event\":\"adopted\",\"slot\":\"$runs\".*\"version\":\"2.0\""
recover 0 r check
[ "$(sha256sum <"r-$runs")" = "$before" ] || fail 'the slot that runs was touched'
rm -r r-state
mv kept-state r-state

say 'a trial keeps the image that it can go back to'
cp image trial-a
make_image newer 3000000
sign newer 3.0 6
add good newer
recipient_config trial "$target"
recover 0 trial adopt image.manifest.json
kill -HUP "$started"
wait_for_line 20 good.log 'reloaded.*images=2'
recover 0 trial request
expect_installed trial newer
recover 1 trial request
told on-trial 'confirm' 'rollback'
asked_nobody
expect_same trial-a image
recover 0 trial confirm
recover 1 trial rollback
told no-previous-image 'security version 5 is below the floor 6'
expect_installed trial newer
digest=$(sed -n 's/.*"digest":"\([0-9a-f]*\)".*/\1/p' newer.manifest.json)
limited "$FWDONOR" --config good.toml remove "$digest" >>fwdonor.log 2>&1 || fail 'fwdonor remove'
kill -HUP "$started"
wait_for_line 20 good.log 'reloaded.*images=1'

say 'slots that share storage'
recipient_config shared "$target"
: >shared-a
ln shared-a shared-b
recover 2 shared request
told bad-configuration 'the same file'

say 'a damaged state record'
size=$(stat -c %s r-state/state)
# One of the two copies is enough.
head -c 4096 /dev/urandom | dd of=r-state/state conv=notrunc 2>/dev/null
recover 0 r check
head -c "$size" /dev/urandom >r-state/state
recover 10 r check
recover 15 r request
told corrupt-state "$work/r-state"
asked_nobody

if [ "$(id -u)" -ne 0 ]; then
  say 'the rest needs root'
  exit 0
fi

say 'a slot that cannot be read, by a user without the right'
recipient_config weak "$target"
recover 0 weak request
chmod 755 "$work"
chown -R 65534 weak-state
cp password weak-password
chown 65534 weak-password
chmod 600 weak-password
sed -i 's|/password"|/weak-password"|' weak.toml
chmod 000 weak-b
chown 0 weak-b
recover_in='setpriv --reuid=65534 --regid=65534 --clear-groups'
# Not 10: that says nothing about the firmware.
recover 15 weak check
told no-permission
grep -q 'weak-b.*Permission denied' out.json || fail 'check does not say why'
recover 15 weak request
told no-permission 'weak-a' 'Permission denied'
asked_nobody
recover_in=

say 'a full disk'
mkdir full
if unshare -m true 2>/dev/null; then
  recipient_config full "$target"
  sed -i "s|^a = .*|a = \"$work/full/a\"|; s|^b = .*|b = \"$work/full/b\"|" full.toml
  cat >on-full-disk <<END
mount -t tmpfs -o size=2m tmpfs "$work/full" && exec "\$@"
END
  recover_in='unshare -m sh on-full-disk'
  recover 15 full request
  told no-space 'full/b'
  asked_nobody
fi
