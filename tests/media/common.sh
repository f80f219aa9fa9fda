# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# What the tests of the other media share, on top of tests/interop/common.sh: an emulated bus, and
# donors and recipients on it.

: "${baud:=19200}" # of the bus
# A machine that is busy with other tests keeps no 2 ms.
: "${slot:=10ms}"

# bus NAME OPTION...: an emulated bus of four nodes with links in NAME; lines to descriptor 3 are its
# commands, $bus_process is its process.
bus() {
  bus_name=$1
  shift
  mkdir -p "$bus_name"
  [ -p "$bus_name/commands" ] || mkfifo "$bus_name/commands"
  # shellcheck disable=SC2094 # opened for both, so that neither waits
  exec 3<>"$bus_name/commands"
  start "$bus_name.log" sh -c "exec '$FWDIAG' --json icmb-bus --nodes 4 --baud $baud \
    --link-dir '$work/$bus_name' $* <'$bus_name/commands'"
  # shellcheck disable=SC2034 # for whoever ends the bus
  bus_process=$started
  wait_for_line 30 "$bus_name.log" '"node":4'
}

# pull_adapters: the bus and its ttys are gone. The links go first, as device nodes would: another bus may get a tty of
# the same number.
pull_adapters() {
  rm -f "$work/$bus_name"/node?
  stop_process "$bus_process" || :
}

# bus_donor NAME ROLE NODE ADDRESS [ICMB-SETTING]: NAME.toml of a donor on the bus, and nowhere else.
bus_donor() {
  mkdir -p "$1-catalogue"
  cat >"$1.toml" <<END_OF_DONOR
[catalogue]
directory = "$work/$1-catalogue"
[trust]
keys = ["$work/vendor.pub"]
[donor]
role = "$2"
name = "the $1"
guid = "$(cat /proc/sys/kernel/random/uuid)"
[icmb]
devices = ["$work/$bus_name/$3"]
address = "$4"
allow = ["0x0021"]
baud = $baud
slot = "$slot"
${5:-}
END_OF_DONOR
}

# held DONOR ADDRESS: until it has that address on the bus.
held() { wait_for_line 60 "$1.log" "address-held.*icmb:$2@"; }

# bus_recipient NAME [ADDRESS [ICMB-SETTING]]: NAME.toml of a system with empty slots that asks on the
# bus, and nowhere else.
bus_recipient() {
  slot_size=1MiB recipient_config "$1" '' false
  sed -i 's/^offer_window = .*/offer_window = "2s"/' "$1.toml"
  cat >>"$1.toml" <<END_OF_RECIPIENT
[icmb]
devices = ["$work/$bus_name/node1"]
address = "${2:-0x0021}"
baud = $baud
slot = "$slot"
${3:-}
END_OF_RECIPIENT
}

# offered_by ADDRESS ROLE: the last recover heard that offer.
offered_by() {
  expect_line out.json "\"event\":\"offer\".*\"address\":\"icmb:$1@$work/$bus_name/node1\",\"medium\":\"icmb\",\"role\":\"$2\""
}
# chosen ADDRESS: and recovered from that donor.
chosen() { expect_line out.json "\"event\":\"recovered\".*\"address\":\"icmb:$1@"; }

# start_recovery NAME OPTION...: in the background; its lines are in NAME.jsonl.
start_recovery() {
  recovery_name=$1
  shift
  start "$recovery_name.log" sh -c "exec timeout -k 5 $limit_s '$FWRECOVER' --config \
    '$recovery_name.toml' --json request $* >'$recovery_name.jsonl'"
  recovery=$started
}
# in_transfer NAME: until some of the image has come.
in_transfer() { wait_for_line 60 "$1.jsonl" '"event":"progress","done":[1-9]'; }
# ends STATUS NAME: the recovery that was started last.
ends() {
  ends_got=0
  wait "$recovery" || ends_got=$?
  [ "$ends_got" -eq "$1" ] || {
    cat "$2.jsonl"
    fail "exit status $ends_got instead of $1"
  }
  tail -n 1 "$2.jsonl" | grep -q "^{\"event\":\"result\".*\"exit_code\":${1}[,}]" ||
    fail "no result with $1: $(tail -n 1 "$2.jsonl")"
}
