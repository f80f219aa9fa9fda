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

# What udev knows of an adapter only after 60-serial.rules must not be asked before.
for rules in "$TOP_SRCDIR"/contrib/lines/*.rules; do
  if ! grep -q 'ENV{ID_' "$rules"; then continue; fi
  first=$(printf '%s\n' 60-serial.rules "$(basename "$rules")" | LC_ALL=C sort | head -n 1)
  [ "$first" = 60-serial.rules ] || fail "$rules is read before 60-serial.rules"
done

# What fwrecover-rfcomm.service starts is what the virtual machine tries.
watch=$(sed -n 's,^ExecStart=/usr/bin/rfcomm ,,p' "$TOP_SRCDIR/contrib/lines/fwrecover-rfcomm.service")
[ -n "$watch" ] || fail 'fwrecover-rfcomm.service starts no rfcomm'
grep -q "^start watch.log rfcomm -i hci0 $watch\$" "$TOP_SRCDIR/tests/vm/bluetooth-tty.sh" ||
  fail "tests/vm/bluetooth-tty.sh does not try: rfcomm $watch"

# Under another name, and with a program that is there, because ours are not installed.
mkdir "$work/units"
for unit in "$TOP_SRCDIR"/contrib/systemd/*; do
  sed 's,@sbindir@/[a-z]*,/bin/true,' "$unit" >"$work/units/$(basename "$unit" .in)"
done
# With what wiring.md lets people put beside them.
for drop_in in "$TOP_SRCDIR"/contrib/lines/*.conf; do
  unit=$(sed -n 's,^# /etc/systemd/system/\([a-z-]*\.service\)\.d/.*,\1,p' "$drop_in")
  [ -f "$work/units/$unit" ] || fail "$drop_in does not say for which of our units it is"
  mkdir -p "$work/units/$unit.d"
  cp "$drop_in" "$work/units/$unit.d/"
done
look() { systemd-analyze verify --man=no "$@" 2>&1 | grep -F "$work" >"$work/complaints" || :; }
printf '[Service]\nExecStart=/bin/true\nProtectEverything=yes\n' >"$work/wrong.service"
look "$work/wrong.service"
if [ ! -s "$work/complaints" ]; then
  say 'systemd-analyze is not there or does not work: nobody looked at the units'
  exit 0
fi
look "$work"/units/*.service "$work"/units/*.timer
[ ! -s "$work/complaints" ] || fail "systemd complains: $(cat "$work/complaints")"
