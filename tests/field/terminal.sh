#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What is seen in a terminal of 80 and of 40 columns: no line wraps, no bar stays, something moves while
# nothing comes, and a dumb terminal gets plain lines.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"

need_program minisign
screen=$TOP_BUILDDIR/tests/field/screen
unset COLUMNS NO_COLOR
export TERM=xterm
make_key vendor
make_image image 12000000
name='ファームウェアの画像です、とても長い名前 Schlüsselverwaltung überall äöü'
"$FWDONOR" manifest image --name "$name" --image-version 10.20.30 --security-version 4 --quiet \
  --platform manufacturer=32473,product=7
minisign -S -s vendor.key -m image.manifest.json -t test >/dev/null
pick_udp_port port
donor_config donor console "127.0.0.1:$port"
add donor image
start_donor donor
daemon=$started
recipient_config system "\"127.0.0.1:$port\""
pick_udp_port silent
offer_window=3s recipient_config asks "\"127.0.0.1:$silent\""

# sees STATUS COLUMNS COMMAND...: its screen is in seen.log; nothing wrapped, nothing was left of a bar.
sees() {
  sees_want=$1 sees_columns=$2
  shift 2
  sees_got=0
  limited "$screen" "$sees_columns" "$@" >seen.log || sees_got=$?
  [ "$sees_got" -eq "$sees_want" ] || {
    cat seen.log
    fail "exit status $sees_got instead of $sees_want: $*"
  }
  sees_how="in $sees_columns columns: $*"
  grep -q '^wraps 0$' seen.log || { cat seen.log; fail "a line wraps $sees_how"; }
  grep -q '^escapes 0$' seen.log || { cat seen.log; fail "an escape sequence $sees_how"; }
  if grep -v '^shown: \|^progress ' seen.log | grep -q '%.* left$'; then
    cat seen.log
    fail "a bar stays on the screen $sees_how"
  fi
}

say 'the screen itself'
limited "$screen" 20 printf '123456789012345678901\n\033[K' >seen.log
expect_line seen.log '^wraps 1$'
expect_line seen.log '^escapes 1$'
limited "$screen" 20 printf '123456789\rAB \nファームウェア、ファームウェア\n' >seen.log
expect_line seen.log '^shown: 123456789$'
expect_line seen.log '^AB 456789$'
expect_line seen.log '^wraps 1$'

for columns in 80 40 20; do
  say "$columns columns"
  rm -rf system-state system-a system-b
  sees 10 "$columns" "$FWRECOVER" --config system.toml check
  sees 0 "$columns" "$FWRECOVER" --config system.toml offers
  [ "$columns" -lt 80 ] || expect_line seen.log '^# '
  [ "$columns" -lt 40 ] || expect_line seen.log 'DONOR.*VERDICT'
  sees 0 "$columns" "$FWRECOVER" --config system.toml request
  expect_line seen.log '^shown: .*100%'
  [ "$columns" -lt 40 ] || expect_line seen.log '10.20.30'
  sees 0 "$columns" "$FWRECOVER" --config system.toml status
  [ "$columns" -lt 40 ] || expect_line seen.log '10.20.30'
  sees 0 "$columns" "$FWRECOVER" --config system.toml check
  sees 0 "$columns" "$FWRECOVER" --config system.toml history
  [ "$columns" -lt 40 ] || expect_line seen.log recovered
  for command in offers status history check config 'verify image.manifest.json'; do
    # shellcheck disable=SC2086 # one word and more
    sees 0 "$columns" "$FWRECOVER" --config system.toml -v $command
  done
  sees 0 "$columns" "$FWDONOR" --config donor.toml list
  sees 0 "$columns" "$FWDONOR" --config donor.toml show "$(ls donor-catalogue | head -n 1)"
  sees 0 "$columns" "$FWDIAG" discover --manufacturer 32473 --product 7 "127.0.0.1:$port"
  sees 0 "$columns" "$FWDIAG" donor --user fwrecover --password-file password "127.0.0.1:$port"
  sees 0 "$columns" "$FWDONORD" --config donor.toml --show-config
done

say 'something moves while offers are collected'
for columns in 80 40; do
  sees 11 "$columns" "$FWRECOVER" --config asks.toml offers
  expect_line seen.log '^shown: asking.* 2 s$'
done

say 'the window and COLUMNS: what is less'
# Before it is installed a program is a script, whose shell sets COLUMNS.
program=$TOP_BUILDDIR/tools/.libs/fwrecover
[ -x "$program" ] || program=$FWRECOVER
export LD_LIBRARY_PATH="$TOP_BUILDDIR/lib/.libs"
sees 0 80 env COLUMNS=40 "$program" --config system.toml history
awk 'length($0) > 40 && !/^shown/ { print; bad = 1 } END { exit bad }' seen.log ||
  fail 'COLUMNS does not count'
sees 0 40 env COLUMNS=800 "$program" --config system.toml status
sees 0 40 env COLUMNS=nonsense "$program" --config system.toml status

say 'a dumb terminal, and none that is known'
for kind in dumb ''; do
  rm -rf system-state system-a system-b
  sees 0 40 env "TERM=$kind" "$FWRECOVER" --config system.toml request
  expect_line seen.log '^progress 100%'
  if grep -q '^shown: ' seen.log; then fail "a line is written over on TERM=$kind"; fi
done

say 'the donor stalls'
rm -rf system-state system-a system-b
make_image large 200000000
"$FWDONOR" manifest large --name large --image-version 11 --security-version 4 --quiet \
  --platform manufacturer=32473,product=7
minisign -S -s vendor.key -m large.manifest.json -t test >/dev/null
add donor large
kill -HUP "$daemon"
wait_for_line 20 donor.log reloaded
slot_size=256MiB recipient_config stall "\"127.0.0.1:$port\"" false 'deadline = "8s"'
: >seen.log
start stall.log "$screen" 80 "$FWRECOVER" --config stall.toml request
terminal=$started
wait_for_line 30 stall.log '^shown: .*%'
kill -STOP "$daemon"
wait_for_line 20 stall.log '^shown: .*%.*waiting for lan:127.0.0.1.*, [2-9] s'
status=0
wait "$terminal" || status=$?
kill -CONT "$daemon"
[ "$status" -ge 13 ] || fail "exit status $status of a request whose donor stalls"
expect_line stall.log '^wraps 0$'

say 'not in a terminal: whole lines'
"$FWRECOVER" --config system.toml history >plain.log
COLUMNS=20 "$program" --config system.toml history >narrow.log
cmp plain.log narrow.log || fail 'COLUMNS folds what is no terminal'
