#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Adds up test results: summarize.sh DIR...
# Reads the .trs and .log files that "make check" leaves below each DIR. A GoogleTest program counts
# once per test case, any other test once. Prints what failed and, last, the totals; exits 1 when
# something failed or nothing ran.
set -eu

list=$(mktemp)
trap 'rm -f "$list"' EXIT

for dir in "$@"; do
  if test -d "$dir"; then find "$dir" -name '*.trs'; fi
done | LC_ALL=C sort >"$list"

awk '
  function count(name, log_file, result,    line, cases_failed, is_gtest) {
    cases_failed = 0; is_gtest = 0
    while ((getline line < log_file) > 0) {
      if (line ~ /^\[==========\] Running /) is_gtest = 1
      else if (!is_gtest) continue
      # A case ends with its time in parentheses; the recapitulation at the end has none.
      else if (line ~ /^\[       OK \] .*ms\)$/) passed++
      else if (line ~ /^\[  SKIPPED \] .*ms\)$/) { skipped++; print "SKIP: " name ": " line }
      else if (line ~ /^\[  FAILED  \] .*ms\)$/) {
        failed++; cases_failed++
        sub(/^\[  FAILED  \] /, "", line)
        print "FAIL: " name ": " line
      }
    }
    close(log_file)
    if (is_gtest) {
      # A program that crashed has no line for the case it died in.
      if (result !~ /^(PASS|SKIP)$/ && cases_failed == 0) { failed++; print "FAIL: " name " (died)" }
    } else if (result == "PASS" || result == "XFAIL") passed++
    else if (result == "SKIP") { skipped++; print "SKIP: " name }
    else { failed++; print "FAIL: " name " (see " log_file ")" }
  }
  {
    trs = $0; base = trs; sub(/\.trs$/, "", base)
    result = "ERROR"
    while ((getline line < trs) > 0)
      if (line ~ /^:global-test-result: /) { split(line, word, " "); result = word[2] }
    close(trs)
    count(base, base ".log", result)
  }
  END {
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    exit (failed > 0 || passed == 0)
  }
' "$list"
