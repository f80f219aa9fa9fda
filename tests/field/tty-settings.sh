#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Another program changes the settings of a serial line, as ModemManager, getty and stty do, which root may even
# while we have it for ourselves: before we open it, while nothing is said, and in the middle of a recovery.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign stty
need_root_for 'a line that another program has'
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
make_image image 100000
sign image 1.0 1
start cable.log "$TOP_BUILDDIR/tests/interop/null_modem" "$work/a" "$work/b"
wait_for_line 30 cable.log ready
mkdir giver-catalogue
cat >giver.toml <<END
[catalogue]
directory = "$work/giver-catalogue"
[trust]
keys = ["$work/vendor.pub"]
[serial]
devices = ["$work/a"]
END
add giver image
slot_size=1MiB recipient_config r '' false
printf '[serial]\ndevices = ["%s"]\n' "$work/b" >>r.toml
# How others leave a line: for people, with flow control of both kinds, of another rate.
spoilt() {
  case $1 in
    people) echo sane ;;
    flow) echo 'raw -echo ixon ixoff ixany crtscts' ;;
    bits) echo 'raw -echo istrip inlcr icrnl onlcr opost 1200' ;;
  esac
}
# shellcheck disable=SC2046 # lists of words
spoil() { stty -F "$1" $(spoilt "$2") || fail "stty $1"; }
set_again() { [ "$(grep -c 'what=set-again' giver.log)" -ge "$1" ]; }

say 'before'
spoil a people
spoil b people
start_donor giver
recover 0 r offers
if set_again 1; then fail 'it tells of what was before'; fi

say 'while nothing is said'
count=0
for kind in people flow bits; do
  spoil a $kind
  count=$((count + 1))
  wait_for 20 set_again $count
  spoil b $kind
  recover 0 r offers
done

say 'in the middle of a recovery, at both ends'
start recovery.json "$FWRECOVER" --config r.toml --json request
recovery=$started
wait_for_line 30 recovery.json '"event":"progress","done":[1-9]'
for kind in people flow bits; do
  spoil a $kind
  spoil b $kind
  count=$((count + 1))
  wait_for 20 set_again $count
done
status=0
wait "$recovery" || status=$?
[ "$status" -eq 0 ] || {
  tail -n 5 recovery.json
  fail "exit status $status of the recovery"
}
expect_installed r image
expect_line recovery.json '"event":"link","link":"serial:.*/b","what":"set-again"'
expect_line giver.log "what=set-again text=\"another program had changed the settings"
