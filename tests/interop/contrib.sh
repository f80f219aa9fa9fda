#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The programs accept the example configurations, as they are and with every commented setting in
# force; systemd finds nothing wrong with the units. (tests/repo/settings.sh compares the names.)
. "$TOP_SRCDIR/tests/lib.sh"

if [ ! -x "$FWRECOVER" ] || [ ! -x "$FWDONORD" ]; then skip 'the tools are not built'; fi
printf 'twenty-bytes-at-most' >"$work/secret"
chmod 600 "$work/secret"

# accepted NAME COMMAND...: with the secrets where this test can put them.
accepted() {
  name=$1
  shift
  sed "s,/etc/fwrecover/[a-z.]*password,$work/secret,; s,/etc/fwrecover/kg,$work/secret," \
    "$TOP_SRCDIR/contrib/examples/$name.toml" >"$work/$name.toml"
  sed 's/^#\([a-z_0-9]* = \)/\1/' "$work/$name.toml" >"$work/$name-all.toml"
  for file in "$work/$name.toml" "$work/$name-all.toml"; do
    expect_exit 0 "$@" --quiet --config "$file"
  done
}
accepted fwrecover "$FWRECOVER" config
accepted fwdonord "$FWDONORD" --show-config
echo 'surprise = 1' >>"$work/fwdonord.toml"
expect_exit 2 "$FWDONORD" --show-config --quiet --config "$work/fwdonord.toml" 2>/dev/null

# Under another name, and with a program that is there, because ours are not installed.
mkdir "$work/units"
for unit in "$TOP_SRCDIR"/contrib/systemd/*; do
  sed 's,@sbindir@/[a-z]*,/bin/true,' "$unit" >"$work/units/$(basename "$unit" .in)"
done
look() { systemd-analyze verify --man=no "$@" 2>&1 | grep -F "$work" >"$work/complaints" || :; }
printf '[Service]\nExecStart=/bin/true\nProtectEverything=yes\n' >"$work/wrong.service"
look "$work/wrong.service"
if [ ! -s "$work/complaints" ]; then
  say 'systemd-analyze is not there or does not work: nobody looked at the units'
  exit 0
fi
look "$work"/units/*
[ ! -s "$work/complaints" ] || fail "systemd complains: $(cat "$work/complaints")"
