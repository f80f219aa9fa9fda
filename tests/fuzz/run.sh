#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs fuzz programs:
#   run.sh check DIRECTORY/NAME.fuzz       replays its corpus, then a few seconds ("make check") or
#                                          two minutes ("make check-long")
#   run.sh long SECONDS DIRECTORY [NAME...]  these or all, one on each processor: "make fuzz"
# The corpus is tests/fuzz/corpus/NAME. What the long form finds worth keeping stays in
# DIRECTORY/corpus/NAME, for the next time. Prints a line for each: executions, covered edges (cov),
# and edges by how often they were taken (ft). Exits 1 when there is a finding, after it has printed
# the file and how to replay it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
check_seconds=${FWR_TEST_LONG:+120}
check_seconds=${check_seconds:-4}
input_limit_s=20    # one input that takes longer is a finding
memory_limit_mb=2048

# Instrumented code says file and line in its reports, also without LLVM's own symbolizer.
ASAN_OPTIONS="allow_addr2line=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
UBSAN_OPTIONS="print_stacktrace=1:allow_addr2line=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
export ASAN_OPTIONS UBSAN_OPTIONS

# fuzz PROGRAM SECONDS WORKING-CORPUS [OPTION...]
fuzz() {
  program=$1 seconds=$2 corpus=$3
  shift 3
  name=$(basename "$program" .fuzz)
  directory=$(dirname "$program")
  log=$directory/$name.last
  findings=$directory/findings
  mkdir -p "$corpus" "$findings"
  seeds=$here/corpus/$name
  test -d "$seeds" || seeds=
  status=0
  "$program" -max_total_time="$seconds" -timeout=$input_limit_s -rss_limit_mb=$memory_limit_mb \
    -print_final_stats=1 -artifact_prefix="$findings/$name-" "$@" "$corpus" ${seeds:+"$seeds"} \
    >"$log" 2>&1 || status=$?
  # The last line with numbers: "#1299030  DONE   cov: 702 ft: 976 corp: 93/1877b ... exec/s: 86602".
  awk -v name="$name" -v verdict="$(test $status -eq 0 || echo ', FINDING')" '
    /^#[0-9]+\t/ { last = $0 }
    /^stat::number_of_executed_units/ { executions = $2 }
    END {
      $0 = last
      for (i = 1; i < NF; i++) value[$i] = $(i + 1)
      if (executions == "") { executions = $1; sub(/^#/, "", executions) }
      printf "%-13s %10d executions, %6d/s, cov %5d, ft %5d, corpus %s%s\n", name, executions, \
        value["exec/s:"], value["cov:"], value["ft:"], value["corp:"], verdict
    }' "$log"
  test $status -ne 0 || return 0
  tail -n 60 "$log"
  input=$(sed -n 's/^.*Test unit written to //p' "$log" | tail -n 1)
  if test -n "$input"; then
    echo "The input is $input; replay it with:"
    echo "  $program $input"
  else
    echo "$name ended with status $status; the whole log is $log"
  fi
  return 1
}

case ${1-} in
  check)
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    # The same course each time, as far as the machine's speed allows.
    fuzz "$2" "$check_seconds" "$work" -seed=1
    ;;
  one)
    fuzz "$3/$4.fuzz" "$2" "$3/corpus/$4" -reload=0
    ;;
  long)
    seconds=$2 directory=$3
    shift 3
    if test $# -eq 0; then
      for program in "$directory"/*.fuzz; do set -- "$@" "$(basename "$program" .fuzz)"; done
    fi
    echo "$seconds s each: $*"
    printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 sh "$0" one "$seconds" "$directory" || exit 1
    ;;
  *)
    echo "usage: run.sh check PROGRAM | run.sh long SECONDS DIRECTORY [NAME...]" >&2
    exit 2
    ;;
esac
