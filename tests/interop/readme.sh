#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The quick start of README.md works as it is written: its commands run one after the other, in a network
# namespace with /etc and /var/lib of its own. Only what a person types in the editor comes from this test.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"
need_program minisign unshare ip
need_root_for 'a scratch /etc'

# The indented blocks between the two headings.
awk '/^## /{in_it = /^## Quick start/} in_it && /^    [^ ]/ { sub(/^    /, ""); print }' "$TOP_SRCDIR/README.md" >commands
for word in 'fwdonor add' '^fwdonord$' '^fwrecover offers' '^fwrecover request' '^fwrecover confirm' ' vi '; do
  grep -q -e "$word" commands || fail "the quick start has no command '$word': make this test anew"
done

mkdir root root/etc root/var bin
for file in ld.so.cache ld.so.conf ld.so.conf.d passwd group hosts nsswitch.conf machine-id ssl; do
  if [ -e "/etc/$file" ]; then cp -aL "/etc/$file" root/etc/ 2>/dev/null || :; fi
done
# In the editor: two files as slots, and nobody waits long.
cat >bin/vi <<END
#!/bin/sh
exec sed -i -e 's,^a = .*,a = "$work/slot-a",' -e 's,^b = .*,b = "$work/slot-b",' -e 's,^#size = .*,size = "1MiB",' \
  -e 's,^manufacturer = .*,manufacturer = 32473,' -e 's,^product = .*,product = 7,' "\$1"
END
chmod +x bin/vi

cp -r "$TOP_SRCDIR/contrib" .
make_key vendor
make_image bmc-2.14.0.img 100000
sign bmc-2.14.0.img 2.14.0 5

netns_add console
console=$namespace
netns_add board
board=$namespace
ip -n "$console" link add eth0 type veth peer name eth0 netns "$board"
ip -n "$console" address add 10.99.0.1/24 broadcast 10.99.0.255 dev eth0
ip -n "$board" address add 10.99.0.2/24 broadcast 10.99.0.255 dev eth0
ip -n "$console" link set eth0 up
ip -n "$board" link set eth0 up

# Each command as typed, but for the daemon, which has a terminal of its own.
{
  cat <<END
mount --bind "$work/root/etc" /etc
mount --bind "$work/root/var" /var/lib
PATH=$work/bin:$(dirname "$FWRECOVER"):\$PATH
cd "$work"
END
  while read -r command; do
    case $command in
    fwdonord)
      printf 'ip netns exec %s fwdonord >donor.log 2>&1 & donor=$!\n' "$console"
      # shellcheck disable=SC2016
      printf '%s\n' 'trap "kill $donor" EXIT' 'tries=0' \
        'until grep -q ready donor.log || [ $tries -eq 300 ]; do sleep 0.1; tries=$((tries + 1)); done'
      ;;
    fwrecover*) printf 'ip netns exec %s %s || exit\n' "$board" "$command" ;;
    *) printf '{ %s ; } || exit\n' "$command" ;;
    esac
  done <commands
} >session
limited unshare -m sh -x session >session.log 2>&1 || fail 'the quick start of README.md fails'
expect_line session.log acceptable
if ! cmp -n 100000 slot-a bmc-2.14.0.img && ! cmp -n 100000 slot-b bmc-2.14.0.img; then fail 'the image is in no slot'; fi
