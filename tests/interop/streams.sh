#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Standard streams that are closed, full or left by their reader: what is printed may get lost, but
# it never goes into a file that was opened in their place, and never ends what the program does.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
recipient_config system '"127.0.0.1:9"'

# What a process that hides its secrets has open only root sees.
open_as() { [ "$(id -u)" -ne 0 ] || [ "$(readlink "/proc/$1/fd/$2")" = /dev/null ]; }
say 'closed streams'
"$FWRECOVER" --config system.toml --set policy.offer_window='"5s"' offers <&- >&- 2>&- &
pid=$!
tries=0
until open_as "$pid" 2; do
  tries=$((tries + 1))
  [ "$tries" -le 30 ] || fail 'standard error stays closed, or is the descriptor of something else'
  sleep 0.1
done
for fd in 0 1; do
  open_as "$pid" "$fd" || fail "descriptor $fd is not /dev/null"
done
status=0
wait "$pid" || status=$?
[ "$status" -eq 11 ] || fail "exit status $status of offers without streams"

say 'a reader that went away'
mkfifo gone
true <gone &
reader=$!
exec 4>gone
wait "$reader"
status=0
"$FWRECOVER" --config system.toml config >&4 || status=$?
exec 4>&-
[ "$status" -eq 0 ] || fail "exit status $status of config without a reader"

say 'a terminal that went away, under nohup'
start nohup.json sh -c "trap '' HUP; exec '$FWRECOVER' --config system.toml --json \
  --set policy.offer_window='\"4s\"' offers"
waits() { [ "$(grep -c '"event":"waiting"' nohup.json)" -ge "$1" ]; }
wait_for 20 waits 1
kill -HUP "$started"
seen=$(grep -c '"event":"waiting"' nohup.json)
wait_for 20 waits $((seen + 1))
status=0
wait "$started" || status=$?
[ "$status" -eq 11 ] || fail "exit status $status of offers under nohup"

say 'a full disk'
status=0
"$FWRECOVER" --json --set "no.$(printf '%09000d' 0)=1" config >/dev/full 2>errors.log || status=$?
[ "$status" -eq 2 ] || fail "exit status $status of a wrong setting on a full disk"
