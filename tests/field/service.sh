#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The unit of the donor works with the example configuration as it is: what systemd does with its [Service]
# section is done here, for a user that owns nothing and cannot read the password file.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign unshare setpriv
need_root_for 'a scratch /etc, and another user'
. "$TOP_SRCDIR/tests/interop/common.sh"

unit=$TOP_SRCDIR/contrib/systemd/fwdonord.service.in
# setting KEY: of the unit.
setting() { sed -n "s/^$1=//p" "$unit"; }
load=$(setting LoadCredential)
default=$(setting SetCredential)
name=${load%%:*} file=${load#*:}
# A line feed, as systemd writes it.
[ "$default" = "$name:\\x0a" ] || fail 'a password file that is missing is not told by the donor'
grep -q "^password_file = \"$file\"" "$TOP_SRCDIR/contrib/examples/fwdonord.toml" ||
  fail "the unit hands over $file, which the example does not name"

make_key vendor
make_image bmc.img 20000
sign bmc.img 1.0 1
chmod 755 "$work"
mkdir -p root/etc/fwrecover/keys root/var
for part in ld.so.cache ld.so.conf ld.so.conf.d passwd group hosts nsswitch.conf machine-id ssl; do
  if [ -e "/etc/$part" ]; then cp -aL "/etc/$part" root/etc/ 2>/dev/null || :; fi
done
cp vendor.pub root/etc/fwrecover/keys/
cp "$TOP_SRCDIR/contrib/examples/fwdonord.toml" root/etc/fwrecover/
(umask 077; printf 'a-20-byte-random-one\n' >root/etc/fwrecover/fwrecover.password)
netns_add donor

# The catalogue is filled by root, whose umask is a hard one (newcomer 25).
cat >inside <<'END'
mount --bind "$work/root/etc" /etc && mount --bind "$work/root/var" /var/lib || exit
"$@"
END
machine() { unshare -m env "work=$work" sh inside "$@"; }
(umask 077; machine "$FWDONOR" add bmc.img) >>fwdonor.log 2>&1 || fail 'fwdonor add'

# as_service LOG: what systemd starts, with the credential that LoadCredential= or SetCredential= gives.
as_service() {
  mkdir -p credentials
  chmod 755 credentials
  if [ -s "root$file" ]; then cp "root$file" "credentials/$name"; else echo >"credentials/$name"; fi
  chown 65534 "credentials/$name"
  chmod 400 "credentials/$name"
  # shellcheck disable=SC2016
  start "$1" ip netns exec "$namespace" unshare -m env "work=$work" "CREDENTIALS_DIRECTORY=$work/credentials" \
    sh -c 'mount --bind "$work/root/etc" /etc && mount --bind "$work/root/var" /var/lib && exec "$@"' sh \
    setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --bounding-set=-all,+net_bind_service \
    --inh-caps=-all,+net_bind_service --ambient-caps=-all,+net_bind_service "$FWDONORD"
}

say 'with its password file'
as_service good.log
wait_for_line 30 good.log 'ready .*images=1'
grep -q '^Uid:[[:space:]]*65534' "/proc/$started/status" || fail 'this is not the user of the service'
stop_process "$started" || fail 'SIGTERM is a good end'

say 'without it'
mv root/etc/fwrecover/fwrecover.password away
as_service missing.log
has_ended() { ! kill -0 "$started" 2>/dev/null; }
wait_for 30 has_ended
status=0
wait "$started" || status=$?
[ "$status" -eq "$(setting RestartPreventExitStatus)" ] || { cat missing.log; fail "exit status $status: systemd would try again and again"; }
expect_line missing.log 'user.fwrecover.password_file.*LoadCredential=.* missing or empty'

say 'each unit has a time in which it has started'
for other in "$TOP_SRCDIR"/contrib/systemd/*.service.in; do
  grep -q '^TimeoutStartSec=' "$other" || fail "$other has no TimeoutStartSec"
done
