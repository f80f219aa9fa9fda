#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The test harness itself: lib.sh ends what it started, and summarize.sh counts what there is.
# shellcheck disable=SC2016
. "$TOP_SRCDIR/tests/repo/common.sh"

# --- lib.sh --------------------------------------------------------------------------------------

# script LINE...: a test script of these lines, run as "make check" would.
script() {
  {
    printf '%s\n' '. "$TOP_SRCDIR/tests/lib.sh"'
    printf '%s\n' "$@"
  } >"$work/script.sh"
  sh "$work/script.sh" >"$work/script.out" 2>&1
}

expect_exit 0 script ':'
expect_exit 1 script 'fail "on purpose"'
expect_exit 77 script 'skip "on purpose"'
expect_exit 1 script 'wait_for 1 false'
expect_line "$work/script.out" 'waited 1 s for: false'
expect_exit 1 script 'false' 'echo reached'
expect_exit 1 script 'expect_exit 3 true'
expect_exit 1 script 'start noise.log sh -c "echo a last word"; wait_for_line 5 noise.log word; fail x'
expect_line "$work/script.out" '^a last word$'

expect_exit 0 script 'start sleep.log sleep 60' 'echo "$started" >"$work/../fwr-started.'$$'"'
started_by_script=$(cat "$work/../fwr-started.$$")
rm -f "$work/../fwr-started.$$"
if kill -0 "$started_by_script" 2>/dev/null; then fail 'a process outlived its test'; fi

expect_exit 0 script 'pick_udp_port a; pick_udp_port b; [ "$a" -ne "$b" ]'
if [ -n "$(find "$(dirname "$work")" -maxdepth 1 -name 'fwr-script.*' -newer "$work/script.sh")" ]; then
  fail 'a test left its directory behind'
fi

# --- summarize.sh --------------------------------------------------------------------------------

# result NAME RESULT LINE...: what the harness leaves of one test.
result() {
  name=$1
  printf ':global-test-result: %s\n' "$2" >"$work/results/$name.trs"
  shift 2
  printf '%s\n' "$@" >"$work/results/$name.log"
}
summary() { sh "$TOP_SRCDIR/tests/summarize.sh" "$work/results" | tail -n 1; }
expect_summary() {
  found=$(summary)
  [ "$found" = "$1" ] || fail "\"$found\" instead of \"$1\""
}

mkdir "$work/results"
must_reject 'that nothing ran' sh "$TOP_SRCDIR/tests/summarize.sh" "$work/results"
result script PASS 'whatever it said'
expect_summary '1 passed, 0 failed, 0 skipped'
must_accept 'one that passed' sh "$TOP_SRCDIR/tests/summarize.sh" "$work/results"
result other SKIP 'no reason'
result expected XFAIL 'as expected'
result cases FAIL '[==========] Running 4 tests from 1 test suite.' '[       OK ] A.One (0 ms)' \
  '[       OK ] A.Two (1 ms)' '[  SKIPPED ] A.Three (0 ms)' '[  FAILED  ] A.Four (2 ms)' \
  '[  FAILED  ] 1 test, listed below:' '[  FAILED  ] A.Four'
expect_summary '4 passed, 1 failed, 2 skipped'
must_reject 'a failed case' sh "$TOP_SRCDIR/tests/summarize.sh" "$work/results"
result died FAIL '[==========] Running 2 tests from 1 test suite.' '[       OK ] B.One (0 ms)'
expect_summary '5 passed, 2 failed, 2 skipped'
result broken ERROR 'no such program'
expect_summary '5 passed, 3 failed, 2 skipped'

# --- fuzz/run.sh ---------------------------------------------------------------------------------

# fuzz_program NAME LINE...: stands in for a fuzz program.
fuzz_program() {
  name=$1
  shift
  mkdir -p "$work/fuzz"
  printf '%s\n' '#!/bin/sh' 'printf "#12\tDONE   cov: 3 ft: 4 corp: 5/6b lim: 7 exec/s: 8 rss: 9Mb\n"' "$@" \
    >"$work/fuzz/$name.fuzz"
  chmod +x "$work/fuzz/$name.fuzz"
}
run_fuzz() { sh "$TOP_SRCDIR/tests/fuzz/run.sh" "$@" >"$work/fuzz.out" 2>&1; }

fuzz_program good 'echo "stat::number_of_executed_units: 12"'
expect_exit 0 run_fuzz check "$work/fuzz/good.fuzz"
expect_line "$work/fuzz.out" '^good  *12 executions,  *8/s, cov  *3, ft  *4, corpus 5/6b$'
# 77 is what libFuzzer exits with, and what would say "skipped" here.
fuzz_program bad 'echo "Test unit written to /x/bad-crash-1"' 'exit 77'
expect_exit 1 run_fuzz check "$work/fuzz/bad.fuzz"
expect_line "$work/fuzz.out" 'FINDING$'
expect_line "$work/fuzz.out" "$work/fuzz/bad.fuzz /x/bad-crash-1"
expect_exit 1 run_fuzz long 1 "$work/fuzz"
expect_exit 0 run_fuzz long 1 "$work/fuzz" good
