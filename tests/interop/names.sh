#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Name servers that never answer: bounded in time, interruptible, and the other donors are asked.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign ip unshare perl
need_root_for 'a name server of its own'
. "$TOP_SRCDIR/tests/interop/common.sh"

netns_add names
# A name server that hears everything and says nothing.
# shellcheck disable=SC2016 # these are Perl's
start silent.log ip netns exec "$namespace" perl -MSocket -e '
  $| = 1;
  socket(S, PF_INET, SOCK_DGRAM, 0) && bind(S, sockaddr_in(53, INADDR_LOOPBACK)) || die "port 53: $!";
  print "bound\n";
  sleep 600;
'
wait_for_line 20 silent.log bound
printf 'nameserver 127.0.0.1\noptions timeout:30 attempts:4\n' >resolv.conf
printf 'hosts: files dns\n' >nsswitch.conf
cat >with-names <<'END'
mount --bind resolv.conf /etc/resolv.conf && mount --bind nsswitch.conf /etc/nsswitch.conf && exec "$@"
END
inside="ip netns exec $namespace unshare -m sh with-names"
# shellcheck disable=SC2086 # a command and its arguments
$inside true 2>/dev/null || skip 'mounts cannot be made here'

make_key vendor
make_image image 200000
sign image 1.0 1
donor_config d console 127.0.0.1:6230
add d image
# shellcheck disable=SC2086
start_donor d $inside
recover_in=$inside

say 'a name without an answer: the others are asked, within the deadline'
recipient_config r '"silent.example", "127.0.0.1:6230"'
began=$(date +%s)
recover 0 r request --deadline 60s
[ $(($(date +%s) - began)) -lt 60 ] || fail 'the name took too long'
expect_line out.json '"event":"problem".*silent.example'
expect_installed r image

say 'only names without an answer'
recipient_config s '"silent.example", "mute[1-40].example"'
recover 11 s request --deadline 2s
told name-lookup-failed 'silent.example' 'within 2 s'
asked_nobody
began=$(date +%s)
# shellcheck disable=SC2086
limited $inside "$FWDIAG" --json ping silent.example >ping.json 2>&1 && fail 'fwdiag found it'
[ $(($(date +%s) - began)) -lt 60 ] || fail 'fwdiag waited too long'
expect_line ping.json '"code":"name-lookup-failed"'

say 'SIGINT and SIGTERM while a name is looked up'
for signal in INT TERM; do
  status=0
  # timeout(1) exits with 124 when it had to end it, and passes the signal on to it alone.
  # shellcheck disable=SC2086
  timeout --foreground --preserve-status -s "$signal" -k 20 5 $inside \
    "$FWRECOVER" --config s.toml --json request >out.json 2>out.log || status=$?
  case $signal in
    INT) wanted=130 ;;
    TERM) wanted=143 ;;
  esac
  [ "$status" -eq "$wanted" ] || fail "exit status $status after SIG$signal"
  told interrupted
done
