#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# How fwdonord ends: after its time, after one recovery, by a signal; and what it takes in at SIGHUP.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
make_image one 200000
make_image two 200000
sign one 1.0 1
sign two 2.0 2
pick_udp_port port
donor_config d console "127.0.0.1:$port"
add d one
recipient_config r "\"127.0.0.1:$port\""

# ended STATUS: within some seconds, by itself.
gone() { ! kill -0 "$started" 2>/dev/null; }
ended() {
  wait_for 20 gone
  ended_status=0
  wait "$started" || ended_status=$?
  [ "$ended_status" -eq "$1" ] || fail "fwdonord ended with $ended_status instead of $1"
}

say '--for: nobody came'
expect_exit 0 limited "$FWDONORD" --config d.toml --for 1s >for.log 2>&1
expect_line for.log ready
expect_line for.log stopped

say '--once: after one recovery'
: >once.log
start once.log "$FWDONORD" --config d.toml --once
wait_for_line 30 once.log ready
recover 0 r request
expect_installed r one
ended 0

if grep -q '^#define FWR_HAVE_SYSTEMD' "$TOP_BUILDDIR/config.h" && command -v perl >/dev/null; then
  say 'what it tells a service manager'
  # shellcheck disable=SC2016 # these are Perl's
  start notify.log perl -MSocket -e '
    $| = 1;
    socket(S, PF_UNIX, SOCK_DGRAM, 0) && bind(S, sockaddr_un($ARGV[0])) || die "$ARGV[0]: $!";
    print "bound\n";
    while ($told !~ /STOPPING/ && defined recv(S, $told, 4096, 0)) { print "told $told\n" }
  ' "$work/notify.socket"
  manager=$started
  wait_for_line 10 notify.log bound
  start notifying.log env NOTIFY_SOCKET="$work/notify.socket" "$FWDONORD" --config d.toml
  wait_for_line 30 notify.log '^told READY=1'
  expect_line notifying.log ready
  ! grep -q STOPPING notify.log || fail 'it tells that it stops when it starts'
  kill -TERM "$started"
  ended 0
  wait_for_line 10 notify.log '^told STOPPING=1'
  started=$manager
  ended 0
fi

say '--json: lines, and a result'
expect_exit 0 limited "$FWDONORD" --config d.toml --for 1s --json >for.json 2>/dev/null
expect_line for.json '^{"event":"ready".*"images":1'
tail -n 1 for.json | grep -q '^{"event":"result".*"exit_code":0[,}]' || fail 'the last line is no result'

say 'SIGHUP: a new image is offered, one that was removed is not'
start_donor d
recover 0 r offers
expect_line out.json '"event":"offer".*"version":"1.0"'
add d two
kill -HUP "$started"
wait_for_line 20 d.log 'reloaded.*images=2'
recover 0 r offers
expect_line out.json '"event":"offer".*"version":"2.0"'
digest=$(sed -n 's/.*"digest":"\([0-9a-f]*\)".*/\1/p' two.manifest.json)
limited "$FWDONOR" --config d.toml remove "$digest" >>fwdonor.log 2>&1 || fail 'fwdonor remove'
kill -HUP "$started"
wait_for_line 20 d.log 'reloaded.*images=1'
recover 0 r offers
expect_line out.json '"event":"offer".*"version":"1.0"'

say 'SIGHUP: a configuration that is wrong changes nothing'
cp d.toml good.toml
printf '[sess' >>d.toml
kill -HUP "$started"
wait_for_line 20 d.log 'warning.*d.toml:[0-9]'
cp good.toml d.toml
recover 0 r offers

say 'SIGHUP: without an account nothing is reloaded'
sed -i '/^\[user/,$d' d.toml
kill -HUP "$started"
wait_for_line 20 d.log 'warning: nothing was reloaded.*no account'
cp good.toml d.toml
recover 0 r offers

say 'SIGHUP: what needs a restart is named, and stays'
before=$(sed -n 's/.*"event":"offer".*"donor":"\([^"]*\)".*/\1/p' out.json)
sed -i 's/^guid = .*/guid = "8a0b6d1e-37a5-4c2f-9a55-0c4f0d6b7e21"/; s/^name = .*/name = "another"/' d.toml
kill -HUP "$started"
wait_for_line 20 d.log 'warning: changed, but only a restart makes it count: donor.guid, donor.name'
recover 0 r offers
expect_line out.json "\"event\":\"offer\".*\"donor\":\"$before\""
# What the session says is what the offer said.
if command -v ipmitool >/dev/null; then
  limited ipmitool -I lanplus -C 17 -L user -H 127.0.0.1 -p "$port" -U fwrecover -f password \
    raw 6 0x37 >guid.log 2>&1 || fail 'Get System GUID'
  case $(tr -d ' \n' <guid.log) in
    217e6b0d4f0c559a2f4ca5371e6d0b8a*) fail 'the session has another GUID than the offer' ;;
  esac
fi
cp good.toml d.toml

say 'SIGHUP: a new password counts at once'
printf 'another' >new-password
chmod 600 new-password
sed -i 's|/password"|/new-password"|' d.toml
kill -HUP "$started"
reloads() { [ "$(grep -c ' reloaded ' d.log)" -eq 4 ]; }
wait_for 20 reloads
recover 13 r request --reinstall
cp good.toml d.toml

say 'SIGTERM and SIGINT'
kill -TERM "$started"
ended 0
expect_line d.log stopped
# A shell starts what is in its background deaf to SIGINT; fwdonord listens all the same.
start_donor d
kill -INT "$started"
ended 130
