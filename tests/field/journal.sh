#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# When standard error is the journal, each event is an entry with a priority and fields, and nothing goes to
# standard error. The journal is a datagram socket in a /run of this test's own.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign unshare
need_root_for 'a /run of its own'
. "$TOP_SRCDIR/tests/interop/common.sh"
grep -q '^#define FWR_HAVE_SYSTEMD 1' "$TOP_BUILDDIR/config.h" || skip 'built without systemd'

pick_udp_port port
donor_of_image d "127.0.0.1:$port" 20000
recipient_config r "\"127.0.0.1:$port\""
printf 'a-wrong-password' >wrong
chmod 600 wrong

cat >inside <<'END'
mount -t tmpfs none /run && mkdir -p /run/systemd/journal || exit
"$TOP_BUILDDIR/tests/field/journal" /run/systemd/journal/socket >"$work/entries" &
journal=$!
until [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
: >"$work/stderr"
case $1 in
same) JOURNAL_STREAM=$(stat -c %d:%i "$work/stderr") ;;
other) JOURNAL_STREAM=$(stat -c %d:%i "$work/inside") ;;
esac
export JOURNAL_STREAM
shift
"$@" 2>>"$work/stderr" &
program=$!
echo "$program" >"$work/program"
trap 'kill "$program"' TERM
while kill -0 "$program" 2>/dev/null; do wait "$program"; done
kill "$journal"
END
# start_logged same|other COMMAND...: standard error is what JOURNAL_STREAM names, or another file.
start_logged() {
  : >entries
  rm -f program
  start inside.log unshare -m env "work=$work" sh inside "$@"
}
entry() { wait_for_line 20 entries "^$1"; }
# entry_has PATTERN LINE LINE: the first entry that has a line like PATTERN.
entry_of() { awk -v want="$1" 'BEGIN { RS = "" } $0 ~ "(^|\n)" want { print; exit }' entries; }
entry_has() {
  entry_of "$1" >entry.txt
  for entry_field in "$2" "$3"; do
    grep -q -x -e "$entry_field" entry.txt || { cat entries; fail "the entry $1 has no $entry_field"; }
  done
}

say 'a donor'
start_logged same "$FWDONORD" --config d.toml
entry 'FWR_EVENT=ready'
entry_has 'FWR_EVENT=ready' 'PRIORITY=6' 'FWR_IMAGES=1'
recover 13 r --set "donor.password_file=$work/wrong" request
recover 0 r request
entry 'FWR_EVENT=reported'
entry_has 'FWR_EVENT=reported' 'PRIORITY=6' 'FWR_RESULT=0'
entry_has 'FWR_EVENT=login-failed' 'PRIORITY=5' 'FWR_REASON=password'
entry_has 'FWR_EVENT=accepted' 'PRIORITY=6' 'FWR_PRODUCT=7'
# A warning, and how it ends.
printf '[catalogue]\nnonsense = 1\n' >>d.toml
kill -HUP "$(cat program)"
entry 'FWR_EVENT=problem'
entry_has 'FWR_EVENT=problem' 'PRIORITY=4' 'MESSAGE=nothing was reloaded: .*'
kill "$(cat program)"
entry 'MESSAGE=stopped'
[ ! -s stderr ] || { cat stderr; fail 'what is in the journal is on standard error, too'; }
if grep -q '^MESSAGE=2[0-9][0-9][0-9]-' entries; then fail 'the journal has times of its own'; fi
stop_process "$started" || :

if grep -q '^CODE_' entries; then fail 'entries name a place in the source that says nothing'; fi

say 'an error that ends it'
start_logged same "$FWDONORD" --config d.toml
entry 'PRIORITY=3'
entry_has 'PRIORITY=3' 'PRIORITY=3' 'MESSAGE=the configuration is not valid: .*'
stop_process "$started" || :

say 'standard error that is not the journal, although the variable is there'
sed -i '/^nonsense/d' d.toml
sed -i '$d' d.toml
start_logged other "$FWDONORD" --config d.toml
wait_for_line 20 stderr ' ready '
[ ! -s entries ] || fail 'what is written elsewhere is in the journal'
kill "$(cat program)"
stop_process "$started" || :
