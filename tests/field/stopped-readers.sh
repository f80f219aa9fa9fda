#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A reader that does not read stops neither a donor nor a recovery: what is lost is counted. Output that
# could not be written is an error of what only shows something.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"

need_program bash minisign
screen=$TOP_BUILDDIR/tests/field/screen
pick_udp_port port
donor_of_image donor "127.0.0.1:$port" 300000
recipient_config system "\"127.0.0.1:$port\""

lines_lost() { grep -o '[0-9]* lines* w[a-z]* of this output lost' "$1" | sed 's/ .*//' | awk '{ n += $1 } END { print n + 0 }'; }

# ask_to_reload TIMES PAUSE: seconds between two; each leaves a line at least.
ask_to_reload() {
  i=0
  while [ "$i" -lt "$1" ]; do
    kill -HUP "$daemon"
    sleep "$2"
    i=$((i + 1))
  done
}

say 'a donor whose log is a pipe that nobody reads'
mkfifo pipe
# Opened for both, so that the donor has a reader that does not read.
exec 4<>pipe
# One line of this log is 8 KiB long, so that a hundred fill everything.
long=$(printf '%08000d' 0)
cp donor.toml full.toml
"$FWDONORD" --config full.toml 2>&4 &
daemon=$!
lib_pids="$lib_pids $daemon"
# ready: it answers.
answers() { "$FWDIAG" -q ping --wait 0.2 "127.0.0.1:$port"; }
wait_for 20 answers
# Each reload says that it did not happen, in a line that repeats this name.
cp full.toml good.toml
printf '%s = 1\n' "$long" >>full.toml
ask_to_reload 400 0.01
cp good.toml full.toml
recover 0 system request
kill -TERM "$daemon"
gone() { ! kill -0 "$daemon" 2>/dev/null; }
wait_for 5 gone
status=0
wait "$daemon" || status=$?
[ "$status" -eq 0 ] || fail "exit status $status of the donor"

say 'a donor whose reader comes back'
"$FWDONORD" --config full.toml 2>&4 &
daemon=$!
lib_pids="$lib_pids $daemon"
wait_for 20 answers
printf '%s = 1\n' "$long" >>full.toml
ask_to_reload 400 0.01
cp good.toml full.toml
cat <pipe >read.log &
reader=$!
lib_pids="$lib_pids $reader"
wait_for_line 20 read.log 'nothing was reloaded'
said_so() {
  kill -HUP "$daemon"
  [ "$(lines_lost read.log)" -gt 0 ]
}
wait_for 20 said_so
say "figure: $(lines_lost read.log) lines were lost"
kill -TERM "$daemon"
wait "$daemon" || fail 'the donor did not end well'
wait_for_line 20 read.log stopped
stop_process "$reader" || :
exec 4>&-

say 'a donor on a terminal that is stopped'
TERM=xterm "$screen" --stop-at ready 80 "$FWDONORD" --config donor.toml >screen.log 2>&1 &
terminal=$!
lib_pids="$lib_pids $terminal"
wait_for_line 20 screen.log ready
wait_for 20 answers
daemon=$(tr -d ' ' <"/proc/$terminal/task/$terminal/children")
ask_to_reload 300 0.005
rm -rf system-state system-a system-b
recover 0 system request
kill -TERM "$daemon"
wait_for 5 gone

say 'a recovery whose output nobody reads'
start_donor donor
exec 5<>pipe
# More than a pipe holds before it begins.
timeout 2 dd if=/dev/zero of=pipe bs=4096 count=64 oflag=nonblock 2>/dev/null || :
rm -rf system-state system-a system-b
began=$(date +%s)
status=0
limited "$FWRECOVER" --config system.toml --json request >&5 2>out.log || status=$?
[ "$status" -eq 0 ] || fail "exit status $status of a recovery that nobody reads"
expect_line out.log 'warning: [0-9]* lines of standard output were lost'
[ $(($(date +%s) - began)) -lt 30 ] || fail 'it waited for its reader'
expect_installed system image
exec 5>&-

say 'a slow reader of what only shows'
{
  limited "$FWRECOVER" --config system.toml --json history
  echo "$?" >status
} | { sleep 1; cat >history.log; }
[ "$(cat status)" -eq 0 ] || fail 'a slow reader is an error'
tail -n 1 history.log | grep -q '"event":"result"' || fail 'a slow reader lost the result'

say 'a full disk'
for command in status config history check "verify image.manifest.json" offers --help --version \
  'check --help'; do
  for form in '' --json; do
    status=0
    # shellcheck disable=SC2086 # one word and more
    "$FWRECOVER" --config system.toml $form $command >/dev/full 2>full.log || status=$?
    [ "$status" -eq 1 ] || fail "exit status $status of $form $command on a full disk"
    expect_line full.log 'error: standard output could not be written: No space left'
  done
done
for command in list 'verify'; do
  status=0
  "$FWDONOR" --config donor.toml --json $command >/dev/full 2>full.log || status=$?
  [ "$status" -eq 1 ] || fail "exit status $status of fwdonor $command on a full disk"
done
status=0
"$FWDIAG" ping "127.0.0.1:$port" >/dev/full 2>full.log || status=$?
[ "$status" -eq 1 ] || fail "exit status $status of fwdiag ping on a full disk"
status=0
"$FWDONORD" --config donor.toml --show-config >/dev/full 2>full.log || status=$?
[ "$status" -eq 1 ] || fail "exit status $status of fwdonord --show-config on a full disk"
rm -rf system-state system-a system-b
status=0
"$FWRECOVER" --config system.toml --json request >/dev/full 2>full.log || status=$?
[ "$status" -eq 0 ] || fail "exit status $status of a recovery on a full disk"
expect_line full.log 'warning: standard output could not be written'

say 'a reader that has had enough'
status=0
{
  "$FWRECOVER" --config system.toml config || status=$?
  echo "$status" >status
} 2>gone.log | true
[ "$(cat status)" -eq 0 ] || fail "exit status $(cat status) without a reader"
[ ! -s gone.log ] || fail 'a reader that went away is no news'
