#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A system that nobody looks after: damaged, it is recovered by the command of the cron file, and kept
# because it is healthy. A bad release is taken once, rolled back once, and never again.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"

pick_udp_port port
make_key vendor
make_key second
make_image old 262144
make_image bad 300000
make_image good 280000
sign old 1.0 1
sign bad 2.0 5
sign good 2.1 5
donor_config giver console "127.0.0.1:$port"
add giver old
start_donor giver
offer_window=300ms
recipient_config r "\"127.0.0.1:$port\"" false
mkdir bin
printf '#!/bin/sh\nexec "%s" --config "%s/r.toml" "$@"\n' "$FWRECOVER" "$work" >bin/fwrecover
chmod 755 bin/fwrecover

# cron TIME-FIELD: what the line of contrib/cron/fwrecover.cron with this first field runs, with the
# environment and the shell that cron gives it; the sleep is left out, the program is ours. What would be
# mailed is left in mail.
cron() {
  cron_line=$(sed -n "s/^$1 .*root  *//p" "$TOP_SRCDIR/contrib/cron/fwrecover.cron" |
    sed 's/sleep [^;]*; *//')
  cron_path=$(sed -n 's/^PATH=//p' "$TOP_SRCDIR/contrib/cron/fwrecover.cron")
  [ -n "$cron_line" ] && [ -n "$cron_path" ] || fail "no line for $1 in fwrecover.cron"
  cron_status=0
  limited env -i HOME=/root LOGNAME=root SHELL=/bin/sh PATH="$work/bin:$cron_path" \
    /bin/sh -c "$cron_line" >mail 2>&1 || cron_status=$?
}
hour() { cron '17'; }
boot() { cron '@reboot'; }
mailed() { grep -q "$1" mail || fail "no mail with: $1 ($(cat mail))"; }
silent() { [ ! -s mail ] || fail "mail: $(cat mail)"; }
# What is in flash, and when it was written last.
flash() {
  stat -c '%n %y %s' r-b r-state/state
  sha256sum r-a
}
installed() { "$FWRECOVER" --config r.toml --json status | sed -n 's/.*"active":true.*"version":"\([^"]*\)".*/\1/p'; }
expect_version() { [ "$(installed)" = "$1" ] || fail "version $(installed) is installed, not $1"; }
serve() {
  kill -HUP "$started"
  wait_for_line 20 giver.log "reloaded.*images=$1"
}

say 'damaged: the line of each hour recovers it and says so, the line at boot keeps it'
hour
[ "$cron_status" -eq 0 ] || fail "exit status $cron_status"
mailed 'slot b is active now, with test-bmc 1.0: on trial'
boot
[ "$cron_status" -eq 0 ] || fail "exit status $cron_status"
silent
recover 0 r check
expect_installed r old
hour
silent

say 'a healthy image is not written again'
recover 0 r request # makes sure that there is room
told ok 'is installed and healthy'
flash >before
recover 0 r request
recover 0 r request --if-newer
recover 0 r request --if-needed --if-newer
flash >after
expect_same before after
recover 0 r request --reinstall
recover 0 r rollback
recover 0 r confirm --if-healthy
told ok 'nothing to do'

say 'a newer one is taken, once'
add giver bad
serve 2
for round in 1 2 3; do
  recover 0 r request --if-newer
  if [ "$round" -eq 1 ]; then told ok recovered; else told ok 'nothing'; fi
done
expect_version 2.0
recover 0 r rollback
expect_version 1.0

say 'what was rolled back is never taken again by itself'
for round in 1 2 3; do
  recover 0 r request --if-newer
  told ok 'nothing to do'
  boot
  silent
done
recover 12 r --set policy.minimum_security_version=5 request --if-needed
told no-offer-acceptable 'rolled back on'
recover 12 r --set policy.minimum_security_version=5 offers
told no-offer-acceptable 'rolled back on'
expect_version 1.0

say 'insisted on, it runs out of its trial, and comes to rest'
cp r.toml kept.toml
printf 'minimum_security_version = 5\n' >>r.toml
sed -i 's/^size = /trial = "1s"\nsize = /' r.toml
printf '[health]\ncommands = ["false"]\n' >>r.toml
recover 0 r request --if-needed --again
expect_version 2.0
wait_until_expired() { "$FWRECOVER" --config r.toml --json status | grep -q '"trial_expired":true'; }
wait_for 20 wait_until_expired
recover 10 r check
told replacement-needed 'not confirmed in time' 'fwrecover rollback'
boot
mailed 'slot . is active now, with test-bmc 1.0: rolled back from test-bmc 2.0'
expect_version 1.0
for round in 1 2 3; do
  hour
  [ "$cron_status" -eq 12 ] || fail "round $round: exit status $cron_status"
  boot
  silent
  expect_version 1.0
done

say 'a release in which the fault is mended is taken, and kept only when it is healthy'
add giver good
serve 3
cp kept.toml r.toml
printf 'minimum_security_version = 5\n' >>r.toml
hour
[ "$cron_status" -eq 0 ] || fail "exit status $cron_status: $(cat mail)"
expect_version 2.1
printf '[health]\ncommands = ["true", "sh -c \\"test 1 = 1\\""]\n' >>r.toml
recover 0 r confirm --if-healthy
told ok 'confirmed: test-bmc 2.1'
recover 0 r history
grep -q '"what":"rollback".*"reason":"trial-ran-out"' out.json || fail 'the history does not say why'

say 'the gates do not go by the keys that are trusted now, nor by a record that is lost'
make_image foreign 200000
sign foreign 1.5 5 second
"$FWDONOR" --config giver.toml --set "trust.keys=[\"$work/second.pub\"]" remove 0 >/dev/null 2>&1 || :
donor_key=second donor_config other console "127.0.0.1:$port"
kill "$started"
wait "$started" 2>/dev/null || :
add other foreign
start_donor other
sed -i 's,vendor.pub,second.pub,' r.toml
recover 12 r request
told no-offer-acceptable 'older than 2.1'
mv r-state lost-state
recover 15 r --set slots.active=b request
told no-record 'adopt'
recover 15 r --set slots.active=a request
recover 0 r --set slots.active=b request --without-record
grep -q '"event":"problem".*downgrade is not judged' out.json || fail 'no warning about the downgrade'
expect_installed r foreign
