#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What a signal ends cleanly ends by that signal, so that the script around it stops, too. A daemon that is
# asked to stop ends well.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"

need_program bash minisign
screen=$TOP_BUILDDIR/tests/field/screen
pick_udp_port port
donor_of_image donor "127.0.0.1:$port" 300000
start_donor donor
daemon=$started
pick_udp_port silent
offer_window=60s recipient_config asks "\"127.0.0.1:$silent\""

# An interactive shell, where ^C goes to the whole foreground: bash asks how its child died.
cat >loop.sh <<'END'
for board in 1 2 3; do
  echo "board $board"
  "$FWRECOVER" --config asks.toml request
  echo "ended with $?"
done
END
say 'control and C in a loop of the shell'
status=0
TERM=xterm limited "$screen" --interrupt-at 'asking for offers' 80 bash -i loop.sh >loop.log || status=$?
cat loop.log
[ "$status" -eq 130 ] || fail "exit status $status of the loop"
expect_line loop.log 'the command was interrupted'
if grep -q 'board 2' loop.log; then fail 'the loop went on'; fi

say 'every tool that takes long, and every signal'
# ends_by SIGNAL STATUS NAME PATTERN COMMAND...: the signal comes when PATTERN is in the output.
ends_by() {
  by_signal=$1 by_status=$2 by_name=$3 by_pattern=$4
  shift 4
  : >"$by_name.log"
  start "$by_name.log" "$@"
  wait_for_line 20 "$by_name.log" "$by_pattern"
  kill -s "$by_signal" "$started"
  by_got=0
  wait "$started" || by_got=$?
  cat "$by_name.log"
  [ "$by_got" -eq "$by_status" ] || fail "exit status $by_got instead of $by_status of $by_name after SIG$by_signal"
  case $by_name in
    json-*) tail -n 1 "$by_name.log" | grep -q "\"event\":\"result\".*\"exit_code\":$by_status}" ||
      fail "$by_name does not end with a result with $by_status" ;;
  esac
}
for pair in HUP:129 INT:130 TERM:143; do
  signal=${pair%:*} status=${pair#*:}
  for command in request offers; do
    ends_by "$signal" "$status" "json-$command-$signal" '"waiting"' \
      "$FWRECOVER" --config asks.toml --json "$command"
  done
done
mkdir bus
for pair in INT:130 TERM:0; do
  signal=${pair%:*} status=${pair#*:}
  # Not a pipe at its end: then it would end by itself.
  ends_by "$signal" "$status" "json-bus-$signal" '"node":2' \
    "$FWDIAG" --json icmb-bus --nodes 2 --link-dir bus
  [ ! -e bus/node1 ] || fail 'the emulator left its links'
done
# It says nothing before its end: asked until it ends.
start discover.log "$FWDIAG" discover --wait 60 "127.0.0.1:$silent"
asked_to_end() { ! kill -INT "$started" 2>/dev/null; }
wait_for 20 asked_to_end
status=0
wait "$started" || status=$?
[ "$status" -eq 130 ] || fail "exit status $status of fwdiag discover after SIGINT"

say 'a donor'
kill -INT "$daemon"
status=0
wait "$daemon" || status=$?
[ "$status" -eq 130 ] || fail "exit status $status of fwdonord after SIGINT"
expect_line donor.log stopped
start_donor donor
kill -TERM "$started"
status=0
wait "$started" || status=$?
[ "$status" -eq 0 ] || fail "exit status $status of fwdonord after SIGTERM"
