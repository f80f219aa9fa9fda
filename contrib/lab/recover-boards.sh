#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Recovers many boards side by side: one fwrecover for each configuration file.
#
#   recover-boards.sh [--jobs N] [--junit FILE] [--logs DIR] CONFIG... [-- OPTION...]
#
# CONFIG is the fwrecover.toml of one board. The output names the board by the directory of that file, or by
# the file where that says more. Options after -- go to "fwrecover request", such as --if-needed or
# --deadline 10m. On a terminal one line shows the progress of all boards. At the end there is a line for each
# board, and the exit status is the highest of all boards. After an interruption all recoveries end cleanly, and
# the status is 130 or 143. --junit writes a report that CI systems read; --logs keeps the JSON lines of each
# board, which are dropped otherwise.
# FWRECOVER names the program.
set -u

fwrecover=${FWRECOVER:-fwrecover}
jobs=8 junit='' logs=''
configs=() options=()

usage() {
  sed -n 's/^# \{0,1\}//; 4,14p' "$0" >&2
  exit 2
}
wrong() {
  printf 'recover-boards: %s\n' "$*" >&2
  exit 2
}
need_value() { if [ $# -lt 2 ] || [ -z "$2" ]; then wrong "$1 needs a value"; fi; }
while [ $# -gt 0 ]; do
  case $1 in
    --jobs) need_value "$@"; jobs=$2; shift 2 ;;
    --junit) need_value "$@"; junit=$2; shift 2 ;;
    --logs) need_value "$@"; logs=$2; shift 2 ;;
    -h | --help) usage ;;
    --) shift; options=("$@"); break ;;
    -*) wrong "unknown option $1; options of fwrecover stand behind --" ;;
    *) configs+=("$1"); shift ;;
  esac
done
[[ $jobs =~ ^[1-9][0-9]{0,2}$ ]] || wrong "--jobs is a number from 1 to 999, and is $jobs"
[ ${#configs[@]} -gt 0 ] || usage
for config in "${configs[@]}"; do
  [ -r "$config" ] || wrong "$config cannot be read"
done
if [ -n "$junit" ] && ! : >"$junit"; then exit 1; fi
if [ -n "$logs" ]; then mkdir -p "$logs" || exit 1; fi

work=$(mktemp -d) || exit 1
running=() # process ids, by board
interrupted=0
trap 'rm -rf "$work"' EXIT
# After an interruption fwrecover keeps the fetched blocks, and reports the state that it leaves.
# shellcheck disable=SC2317 # called by the traps
stop() {
  interrupted=$1
  local pid
  for pid in "${running[@]}"; do kill -TERM "$pid" 2>/dev/null; done
}
trap 'stop 130' INT
trap 'stop 143' TERM HUP

names=()
name_of() { # CONFIG
  local file=${1##*/} directory=${1%/*}
  if [ "$file" = fwrecover.toml ] && [ "$directory" != "$1" ]; then
    printf '%s' "${directory##*/}"
  else
    printf '%s' "${file%.toml}"
  fi
}
for config in "${configs[@]}"; do names+=("$(name_of "$config")"); done

# field NAME BOARD: of the last line, which is the result; a text without its quotation marks.
field() {
  if command -v jq >/dev/null 2>&1; then
    tail -n 1 "$work/$2.json" 2>/dev/null | jq -r --arg name "$1" '.[$name] // empty' 2>/dev/null
  else
    tail -n 1 "$work/$2.json" 2>/dev/null |
      sed -n 's/.*"'"$1"'":\("\(\([^"\\]\|\\.\)*\)"\|\([-0-9.a-z]*\)\).*/\2\4/p' | sed 's/\\\(["\\/]\)/\1/g'
  fi
}
percent() { # BOARD
  tail -n 20 "$work/$1.json" 2>/dev/null | sed -n 's/.*"event":"progress".*"done":\([0-9]*\),"total":\([0-9]*\).*/\1 \2/p' |
    awk '$2 > 0 { p = int($1 * 100 / $2) } END { if (p != "") printf "%d", p }'
}

statuses=() began=() took=()
show_line=0
[ -t 2 ] && [ "${TERM:-dumb}" != dumb ] && show_line=1
columns=$(tput cols 2>/dev/null || echo 80)
show() {
  [ "$show_line" -eq 1 ] || return
  local done_boards=0 parts='' board part
  for board in "${!configs[@]}"; do
    if [ -n "${statuses[board]:-}" ]; then
      done_boards=$((done_boards + 1))
    elif [ -n "${running[board]:-}" ]; then
      part=$(percent "$board")
      parts+=" ${names[board]} ${part:+$part%}"
    fi
  done
  local line="$done_boards of ${#configs[@]}:$parts"
  printf '\r%-*s' $((columns - 1)) "${line:0:columns-1}" >&2
}

next=0
start_next() {
  local board=$next
  next=$((next + 1))
  began[board]=$EPOCHREALTIME
  "$fwrecover" --config "${configs[board]}" --json request "${options[@]}" \
    >"$work/$board.json" 2>"$work/$board.err" </dev/null &
  running[board]=$!
}
reap() {
  local board status
  for board in "${!running[@]}"; do
    if kill -0 "${running[board]}" 2>/dev/null; then continue; fi
    wait "${running[board]}"
    status=$?
    statuses[board]=$status
    took[board]=$(awk -v a="${began[board]}" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
    unset 'running[board]'
    if [ -n "$logs" ]; then cp "$work/$board.json" "$logs/${names[board]}.jsonl"; fi
  done
}
while [ ${#running[@]} -gt 0 ] || { [ "$next" -lt ${#configs[@]} ] && [ "$interrupted" -eq 0 ]; }; do
  while [ ${#running[@]} -lt "$jobs" ] && [ "$next" -lt ${#configs[@]} ] && [ "$interrupted" -eq 0 ]; do start_next; done
  sleep 0.2
  reap
  show
done
if [ "$show_line" -eq 1 ]; then printf '\r%*s\r' $((columns - 1)) '' >&2; fi

escape() { sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g; s/"/\&quot;/g' <<<"$1" | tr -d '\000-\010\013\014\016-\037'; }
worst=0 failed=0 cases=''
for board in "${!configs[@]}"; do
  status=${statuses[board]:-}
  if [ -z "$status" ]; then
    message='not begun' code='interrupted'
  else
    message=$(field message "$board") code=$(field code "$board")
    [ -n "$message" ] || message=$(tail -n 1 "$work/$board.err")
    [ "$status" -le "$worst" ] || worst=$status
  fi
  word=ok
  if [ "${status:-1}" -ne 0 ]; then
    word=FAILED
    failed=$((failed + 1))
  fi
  printf '%-6s %-16s %3s  %6s s  %s\n' "$word" "${names[board]}" "${status:--}" "${took[board]:-0.0}" "$message"
  cases+="  <testcase classname=\"fwrecover\" name=\"$(escape "${names[board]}")\" time=\"${took[board]:-0.0}\">"
  if [ "$word" = FAILED ]; then
    cases+="<failure type=\"$(escape "${code:-unknown}")\" message=\"$(escape "$message")\"/>"
  fi
  cases+=$'</testcase>\n'
done
printf '%d boards, %d failed\n' ${#configs[@]} "$failed"
if [ -n "$junit" ]; then
  {
    printf '<?xml version="1.0" encoding="UTF-8"?>\n'
    printf '<testsuite name="recover-boards" tests="%d" failures="%d">\n%s</testsuite>\n' ${#configs[@]} "$failed" "$cases"
  } >"$junit" || worst=1
fi
[ "$interrupted" -eq 0 ] || worst=$interrupted
exit "$worst"
