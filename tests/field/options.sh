#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Options do what the manual pages say, in whole programs: those that no other test has, and what decides on a
# trial: health, the time since the boot, dates. (doc/TESTING.md, "Promises of the manuals")
# shellcheck disable=SC2034 # for tests/interop/common.sh
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/faults/common.sh"

make_key vendor
for version in 1 2 3; do
  make_image "v$version" 150000
  sign "v$version" "$version.0" "$version"
done
pick_udp_port port
offer_window=300ms
slot_size=1MiB
donor_config giver console 127.0.0.1:1
add giver v1

say 'fwdonord --listen, more than once, in place of lan.listen; --verbose tells of offers, --quiet of nothing'
pick_udp_port second_port
start giver.log "$FWDONORD" --config giver.toml --verbose --set donor.role=peer --listen "127.0.0.1:$port" --listen "127.0.0.2:$second_port"
donor=$started
wait_for_line 30 giver.log ready
recipient_config r "\"127.0.0.1:1\""
recover 0 r offers --no-broadcast --target "127.0.0.2:$second_port"
expect_line out.json '"role":"peer"'
limited "$FWDIAG" --verbose ping "127.0.0.1:$port" >verbose.out 2>&1 || fail "fwdiag --verbose: $?"
expect_line verbose.out 127.0.0.1
limited "$FWDIAG" --quiet ping "127.0.0.1:$port" >quiet.out 2>&1 || fail "fwdiag --quiet: $?"
[ ! -s quiet.out ] || fail "fwdiag --quiet says: $(cat quiet.out)"
limited "$FWDONOR" --config giver.toml --verbose verify >verbose.out 2>&1 || fail "fwdonor --verbose: $?"
expect_line verbose.out '1\.0'
limited "$FWDONOR" --quiet --set "catalogue.directory=$work/giver-catalogue" --set "trust.keys=[\"$work/vendor.pub\"]" verify >quiet.out 2>&1 ||
  fail "fwdonor --quiet: $(cat quiet.out)"
[ ! -s quiet.out ] || fail "fwdonor --quiet says: $(cat quiet.out)"
recover 0 r offers --no-broadcast --target "127.0.0.1:$port" --target "127.0.0.2:$second_port"
wait_for_line 10 giver.log offered
recover 11 r offers
sed -i "s/^targets = .*/targets = [\"127.0.0.1:$port\"]/" r.toml

say 'adopt --signature, verify --signature --image'
cp v1 r-a
mkdir elsewhere
mv v1.manifest.json.minisig elsewhere/signed
recover 1 r adopt v1.manifest.json
recover 0 r adopt --signature elsewhere/signed v1.manifest.json
recover 0 r verify --signature elsewhere/signed --image v1 v1.manifest.json
recover 14 r verify --signature elsewhere/signed --image v2 v1.manifest.json
cp elsewhere/signed v1.manifest.json.minisig

say 'request --verbose and --quiet'
add giver v2
kill -HUP "$donor"
wait_for_line 20 giver.log 'reloaded.*images=2'
limited "$FWRECOVER" --config r.toml --verbose request >verbose.out 2>verbose.log || fail "request --verbose: $?"
limited "$FWRECOVER" --config r.toml --verbose check >check.out 2>&1 || fail "check --verbose: $?"
limited "$FWRECOVER" --config r.toml --quiet check >quiet.out 2>&1 || fail "check --quiet: $?"
[ ! -s quiet.out ] || fail "--quiet says: $(cat quiet.out)"
grep -q -i 'vetting\|verifying' verbose.out verbose.log || fail "--verbose does not print each step: $(cat verbose.out verbose.log)"
expect_installed r v2

say 'request --during-trial'
add giver v3
kill -HUP "$donor"
wait_for_line 20 giver.log 'reloaded.*images=3'
recover 1 r request
told on-trial
recover 0 r request --during-trial
expect_installed r v3
told ok recovered
recover 0 r confirm

# --- what decides on a trial ------------------------------------------------------------------------------

# on_trial: version 3 on trial, again.
on_trial() {
  recover 0 r request --reinstall
  grep -q '"event":"recovered"' out.json || fail 'nothing was written'
}
trial() { "$FWRECOVER" --config r.toml --json status | grep -q '"on_trial":true'; }
printf '[health]\ncommands = ["true"]\ntimeout = "1s"\n' >>r.toml

say 'health.timeout, health.rollback'
on_trial
was=$(active_slot r)
recover 10 r --set 'health.commands=["true","sleep 60"]' confirm --if-healthy
grep -q 'sleep' out.json out.log || fail 'nothing says which command'
trial || fail 'not healthy, and not on trial any more'
[ "$(active_slot r)" = "$was" ] || fail 'another slot is active'
recover 10 r --set 'health.commands=["false"]' --set health.rollback=true confirm --if-healthy
if trial; then fail 'still on trial'; fi
[ "$(active_slot r)" != "$was" ] || fail 'no roll-back'
recover 0 r status

say 'health.after: waits until the system has been up for so long'
if unshare --time --boottime 0 true 2>/dev/null; then
  up=$(cut -d . -f 1 /proc/uptime)
  recover 0 r request --reinstall --again
  begin=$(date +%s)
  # A time namespace in which the system was booted just now.
  recover_in="unshare --time --boottime -$up"
  recover 0 r --set health.after=3s confirm --if-healthy
  recover_in=
  [ $(($(date +%s) - begin)) -ge 2 ] || fail 'it did not wait'
  if trial; then fail 'not confirmed'; fi
else
  say 'this kernel has no time namespaces: that part was left out'
fi

say 'policy.expired, fwdonor manifest --expires and --created: the clock was ahead once'
now=$(date +%s)
sign v3 4.0 4 vendor --platform manufacturer=32473,product=7 --created "$now" --expires $((now + 86400))
donor_config late console "127.0.0.1:$second_port"
add late v3
start_donor late
rm -rf r-state r-a r-b
sed -i "s/^targets = .*/targets = [\"127.0.0.1:$second_port\"]/" r.toml
# Two years ahead it took an image, and knows that time from then on.
add late v1
kill -HUP "$started"
wait_for_line 20 late.log 'reloaded.*images=2'
FWR_SHIM_CLOCK=63072000 LD_PRELOAD=$shim limited "$FWRECOVER" --config r.toml --json request >out.json 2>out.log ||
  fail "with the clock ahead: $(cat out.json)"
expect_installed r v1
recover 0 r confirm
recover 14 r --set policy.version=4.0 request
told image-expired "state record has seen"
recover 0 r --set policy.version=4.0 --set policy.expired=true request
expect_installed r v3
