#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# No user without privileges keeps a recovery from happening by holding a lock, and no lock is waited for without an
# end: the state's, the history's and the catalogue's.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign setpriv flock mkfifo
need_root_for 'another user'
. "$TOP_SRCDIR/tests/interop/common.sh"
chmod 755 "$work"

make_key vendor
make_image old 200000
make_image new 200000
sign old 1.0 1
sign new 2.0 2
pick_udp_port port
donor_config giver console "127.0.0.1:$port"
add giver old
start_donor giver
donor=$started
slot_size=1MiB
offer_window=100ms
limit_s=20
recipient_config r "\"127.0.0.1:$port\""
recover 0 r request
recover 0 r confirm

# held FILE OPTION: a user without privileges holds its lock from now on; $holder is its process.
held() {
  start holder.log setpriv --reuid=65534 --regid=65534 --clear-groups \
    flock -o "$2" "$1" sh -c 'echo held; exec sleep 300'
  holder=$started
  wait_for_line 10 holder.log held
}
# closed_to_others FILE: nobody else can open it.
closed_to_others() {
  if setpriv --reuid=65534 --regid=65534 --clear-groups cat "$1" >/dev/null 2>&1; then
    fail "another user can open $1, and so hold its lock"
  fi
}

closed_to_others r-state/lock
closed_to_others r-state/history.lock
closed_to_others giver-catalogue/.lock

say 'locks that a stranger got hold of while an older version left them readable'
for way in -s -x; do
  rm -f r-state/history.lock giver-catalogue/.lock
  for file in r-state/lock r-state/history.lock giver-catalogue/.lock r-state/history.jsonl; do
    touch "$file"
    chmod 644 "$file"
    held "$file" "$way"
    recover 0 r check
    recover 0 r request --if-needed
    if [ "$way" = -s ]; then
      "$FWDONOR" --config giver.toml list >/dev/null
    fi
    stop_process "$holder" || :
  done
done
for file in r-state/lock giver-catalogue/.lock r-state/history.jsonl; do
  chmod 644 "$file"
  held "$file" -s
done
lines=$(wc -l <r-state/history.jsonl)
add giver new
kill -HUP "$donor"
offered() { recover 0 r offers && grep -q '"version":"2.0"' out.json; }
wait_for 20 offered
recover 0 r request
recover 0 r confirm
expect_installed r new
[ "$(wc -l <r-state/history.jsonl)" -ge $((lines + 2)) ] || fail 'the history does not have these changes'
closed_to_others r-state/lock
closed_to_others giver-catalogue/.lock

say 'a process of root that is none of ours'
start root.log flock -o r-state/lock sh -c 'echo held; exec sleep 300'
holder=$started
wait_for_line 10 root.log held
recover 15 r request
told state-failed 'none of ours'
stop_process "$holder" || :

say 'what is no lock file'
rm r-state/lock
mkfifo r-state/lock
recover 15 r request
told state-failed 'regular file'
rm r-state/lock
mkdir r-state/lock
recover 15 r request
rmdir r-state/lock
rm r-state/history.lock
mkfifo r-state/history.lock
damage() { head -c 4096 /dev/urandom | dd of="r-$(active_slot r)" conv=notrunc status=none; }
damage
recover 0 r request --if-needed
grep -q '"event":"problem".*history.lock' out.json || fail 'no word about the history that could not be written'
rm r-state/history.lock
recover 0 r confirm
recover 0 r check

say 'status names the process that works on the slots'
pick_udp_port silence
start asks.log "$FWRECOVER" --config r.toml --set policy.offer_window=30s request --reinstall --during-trial --target "127.0.0.1:$silence"
asks=$started
works() { "$FWRECOVER" --config r.toml --json status | grep "\"event\":\"status\".*\"process\":$asks[,}]"; }
wait_for 10 works
"$FWRECOVER" --config r.toml status | grep -q "process $asks works on the slots" || fail 'status does not name it in words'
stop_process "$asks" || :
if works; then fail 'a process that has gone is named'; fi
