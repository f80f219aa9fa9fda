# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# What every shell test starts with:  . "$TOP_SRCDIR/tests/lib.sh"
# Gives $work, a directory of its own that goes away, and ends what the test started, by its id.

set -eu

TEST_NAME=$(basename "$0" .sh)
: "${TOP_SRCDIR:?run tests by \"make check\"}" "${TOP_BUILDDIR:?run tests by \"make check\"}"

work=$(mktemp -d "${TMPDIR:-/tmp}/fwr-$TEST_NAME.XXXXXX")
lib_pids=
lib_namespaces=

# Overridden by a test that has more to undo; runs before the directory goes.
cleanup() { :; }

lib_at_exit() {
  lib_status=$?
  trap - EXIT HUP INT TERM
  set +e
  cleanup
  for lib_pid in $lib_pids; do stop_process "$lib_pid"; done
  for lib_namespace in $lib_namespaces; do ip netns delete "$lib_namespace" 2>/dev/null; done
  if [ "$lib_status" -ne 0 ] && [ "$lib_status" -ne 77 ]; then lib_show_logs; fi
  rm -rf "$work"
  exit "$lib_status"
}
trap lib_at_exit EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# The last lines of every *.log in $work: what a failed test leaves for its reader.
lib_show_logs() {
  find "$work" -name '*.log' -size +0 | while read -r lib_log; do
    printf '%s\n' "--- $lib_log (last 40 lines)"
    tail -n 40 "$lib_log"
  done
}

say() { printf '%s: %s\n' "$TEST_NAME" "$*"; }

# skip REASON: ends the test as skipped.
skip() {
  say "skipped: $*"
  exit 77
}

# fail REASON: ends the test as failed.
fail() {
  say "FAILED: $*" >&2
  exit 1
}

# need_program NAME...: skips when a program that the test drives is not installed.
need_program() {
  for lib_program in "$@"; do
    command -v "$lib_program" >/dev/null 2>&1 || skip "$lib_program is not installed"
  done
}

# need_root_for WHAT
need_root_for() { [ "$(id -u)" -eq 0 ] || skip "$* needs root"; }

# in_own_namespaces KINDS: the test goes on in new namespaces, "n" for the network and "m" for mounts; as
# root, or as who seems to be root there.
in_own_namespaces() {
  [ -z "${FWR_INSIDE:-}" ] || return 0
  if unshare "-$1" true 2>/dev/null; then lib_kinds=-$1; else lib_kinds=-r$1; fi
  unshare "$lib_kinds" true 2>/dev/null || skip 'namespaces cannot be made here'
  FWR_INSIDE=1 unshare "$lib_kinds" sh "$0"
  exit
}

# own_ip_netns: "ip netns" keeps its names in /run; these are nobody else's. In own mounts.
own_ip_netns() {
  mount --make-rprivate / || skip 'mounts cannot be made private here'
  mount -t tmpfs tmpfs /run || skip 'nothing can be mounted here'
}

# start LOG COMMAND...: runs COMMAND in the background, its output in $work/LOG; its id is $started.
start() {
  lib_log=$work/$1
  shift
  "$@" >"$lib_log" 2>&1 &
  started=$!
  lib_pids="$lib_pids $started"
}

# stop_process PID: TERM, and after 3 s KILL; returns its exit status.
stop_process() {
  kill "$1" 2>/dev/null || :
  lib_tries=0
  while kill -0 "$1" 2>/dev/null && [ "$lib_tries" -lt 30 ]; do
    sleep 0.1
    lib_tries=$((lib_tries + 1))
  done
  kill -KILL "$1" 2>/dev/null || :
  wait "$1" 2>/dev/null
}

# wait_for SECONDS COMMAND...: until COMMAND succeeds; fails the test after SECONDS.
wait_for() {
  lib_deadline=$(($(date +%s) + $1))
  lib_seconds=$1
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s)" -lt "$lib_deadline" ] || fail "waited $lib_seconds s for: $*"
    sleep 0.1
  done
}

# wait_for_line SECONDS FILE PATTERN: until a line of $work/FILE matches the basic expression.
wait_for_line() { wait_for "$1" grep -q -e "$3" "$work/$2"; }

# expect_exit STATUS COMMAND...: fails unless COMMAND exits with STATUS.
expect_exit() {
  lib_want=$1
  shift
  lib_got=0
  "$@" || lib_got=$?
  [ "$lib_got" -eq "$lib_want" ] || fail "exit status $lib_got instead of $lib_want: $*"
}

# expect_line FILE PATTERN: fails unless a line of FILE matches the basic expression.
expect_line() {
  grep -q -e "$2" "$1" || {
    cat "$1"
    fail "no line of $1 matches: $2"
  }
}

# expect_same A B: fails unless two files have the same bytes.
expect_same() { cmp "$1" "$2" || fail "$1 and $2 differ"; }

# free_udp_port: prints a UDP port that nothing on this machine uses. Tests run side by side, so
# each starts to search at a place that its process id gives.
free_udp_port() {
  lib_port=$((20000 + ($$ * 37 + ${lib_ports_given:-0}) % 12000))
  lib_hex_ports=$(cat /proc/net/udp /proc/net/udp6 2>/dev/null | awk 'NR > 1 { print $2 }')
  while printf '%s\n' "$lib_hex_ports" | grep -q ":$(printf '%04X' "$lib_port")\$"; do
    lib_port=$((lib_port + 1))
  done
  printf '%s\n' "$lib_port"
}

# pick_udp_port VARIABLE: free_udp_port into a variable, another one at each call.
pick_udp_port() {
  lib_ports_given=$((${lib_ports_given:-0} + 101))
  eval "$1=$(free_udp_port)"
}

# netns_add NAME: a network namespace of this test, deleted at the end; its full name is $namespace.
netns_add() {
  namespace=fwr$$-$1
  ip netns add "$namespace" || skip "network namespaces cannot be made here"
  lib_namespaces="$lib_namespaces $namespace"
  ip -n "$namespace" link set lo up
}
