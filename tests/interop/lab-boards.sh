#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# contrib/lab/recover-boards.sh recovers boards side by side: a summary, the worst exit status, a report, and a
# clean end when it is interrupted; with jq and without.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign bash
. "$TOP_SRCDIR/tests/interop/common.sh"

script=$TOP_SRCDIR/contrib/lab/recover-boards.sh
boards() { FWRECOVER=$FWRECOVER limited bash "$script" "$@"; }
pick_udp_port port
make_key vendor
make_image image 400000
sign image 1.0 1
donor_config lab console "127.0.0.1:$port"
add lab image
start_donor lab
printf 'wrong' >wrong
chmod 600 wrong
offer_window=300ms
slot_size=1MiB
for board in b1 b2 other small secret; do
  recipient_config $board "\"127.0.0.1:$port\""
  mkdir -p "boards/$board"
  cp $board.toml "boards/$board/fwrecover.toml"
done
sed -i 's/^product = 7/product = 8/' boards/other/fwrecover.toml
sed -i 's/^size = .*/size = "64KiB"/' boards/small/fwrecover.toml
sed -i "s,^password_file = .*,password_file = \"$work/wrong\"," boards/secret/fwrecover.toml

row() { expect_line out.txt "$1"; }
say 'five boards, of which three cannot'
expect_exit 13 boards --jobs 2 --junit report.xml --logs logs boards/*/fwrecover.toml -- --deadline 30s >out.txt 2>boards.log
row '^ok  *b1  *0 .*recovered: test-bmc 1.0'
row '^ok  *b2  *0 '
row '^FAILED  *other  *11 .*no donor has an image'
row '^FAILED  *small  *12 '
row '^FAILED  *secret  *13 '
row '^5 boards, 3 failed$'
expect_installed b1 image
expect_installed b2 image
expect_line report.xml '<testsuite name="recover-boards" tests="5" failures="3">'
expect_line report.xml '<testcase classname="fwrecover" name="b1" time="[0-9.]*"></testcase>'
expect_line report.xml 'name="other".*<failure type="no-compatible-image" message="no donor has an image'
if command -v xmllint >/dev/null; then xmllint --noout report.xml || fail 'the report is no XML'; fi
grep -q '"event":"result"' logs/b1.jsonl || fail 'there is no log of a board'

say 'without jq'
mkdir bin
for program in bash sh awk sed tail tput tr cut mktemp mkdir rm cp sleep cat printf timeout; do
  path=$(command -v $program) && case $path in /*) ln -s "$path" bin/ ;; esac
done
PATH=$work/bin expect_exit 13 boards boards/*/fwrecover.toml -- --if-needed >out.txt 2>boards.log
row '^ok  *b1  *0 '
row '^FAILED  *secret  *13 .*does not accept'

say 'interrupted'
pick_udp_port silence
for board in b1 b2; do
  sed "s/127.0.0.1:$port/127.0.0.1:$silence/; s/^offer_window = .*/offer_window = \"60s\"/" boards/$board/fwrecover.toml >"wait-$board.toml"
done
start stopped.log env "FWRECOVER=$FWRECOVER" bash "$script" --jobs 1 --logs stopped wait-b1.toml wait-b2.toml -- --reinstall --during-trial
running() { "$FWRECOVER" --config wait-b1.toml --json status | grep -q '"process":'; }
wait_for 20 running
kill -TERM "$started"
status=0
wait "$started" || status=$?
[ "$status" -eq 143 ] || fail "exit status $status of a script that was told to stop"
expect_line stopped.log '^FAILED  *wait-b1  *143 '
expect_line stopped.log '^FAILED  *wait-b2  *- .*not begun'
if running; then fail 'a recovery goes on without its script'; fi
expect_line stopped/wait-b1.jsonl '"event":"result".*"code":"interrupted"'

say 'usage'
expect_exit 2 boards >usage.txt 2>&1
expect_exit 2 boards --jobs 0 boards/b1/fwrecover.toml >usage.txt 2>&1
expect_exit 2 boards --deadline 5s boards/b1/fwrecover.toml >usage.txt 2>&1
expect_exit 2 boards no-such.toml >usage.txt 2>&1
