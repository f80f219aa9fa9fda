#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Shell completion and --help agree, both ways: sub-commands, the options of each, and which of them
# take a value.
. "$TOP_SRCDIR/tests/repo/common.sh"

need_program bash

# What bash would offer: driver FILE PROGRAM WORD..., the last word being the one to complete.
cat >"$work/driver" <<'END_OF_DRIVER'
source "$1"
shift
compopt() { :; } # only bash's own completion has one
function_name=$(complete -p "$1" | sed 's/.* -F \([^ ]*\) .*/\1/')
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
"$function_name"
printf '%s\n' "${COMPREPLY[@]}"
END_OF_DRIVER
offered() { bash "$work/driver" "$@" | sed '/^$/d' | LC_ALL=C sort -u; }

# compare_options FILE TOOL [SUBCOMMAND]
compare_options() {
  file=$1
  tool=$2
  shift 2
  program=$(basename "$file")
  { help_options "$tool" && help_options "$tool" "$@"; } | LC_ALL=C sort -u >"$work/options"
  sed 's/ value$//' "$work/options" >"$work/wanted"
  offered "$file" "$program" "$@" - >"$work/offered"
  diff "$work/wanted" "$work/offered" >"$work/difference" || {
    echo "$program $*: --help (<) and completion (>) differ:"
    cat "$work/difference"
    return 1
  }
  sed -n 's/ value$//p' "$work/options" >"$work/with-value"
  while read -r option; do
    if offered "$file" "$program" "$@" "$option" - | grep -q '^-'; then
      echo "$program $*: completion takes $option for one without a value"
      return 1
    fi
    # ... nor is the value taken for the sub-command.
    if [ $# -gt 0 ] && [ "$(offered "$file" "$program" "$option" value "$1" - | wc -l)" -ne \
      "$(wc -l <"$work/offered")" ]; then
      echo "$program $*: completion takes the value of $option for a sub-command"
      return 1
    fi
  done <"$work/with-value"
  sed -n '/ value$/!p' "$work/options" >"$work/without-value"
  while read -r option; do
    if ! offered "$file" "$program" "$@" "$option" - | grep -q '^-'; then
      echo "$program $*: completion takes $option for one with a value"
      return 1
    fi
  done <"$work/without-value"
}

# compare FILE TOOL
compare() {
  help_commands "$2" >"$work/commands"
  if [ -s "$work/commands" ]; then
    offered "$1" "$(basename "$1")" '' >"$work/offered-commands"
    diff "$work/commands" "$work/offered-commands" >"$work/difference" || {
      echo "$(basename "$1"): sub-commands in --help (<) and completion (>) differ:"
      cat "$work/difference"
      return 1
    }
  fi
  compare_options "$1" "$2" || return 1
  while read -r subcommand <&3; do
    compare_options "$1" "$2" "$subcommand" || return 1
  done 3<"$work/commands"
}

# --- the proof, with the completion of one of our tools, damaged ---------------------------------

compared=0
completion=$TOP_SRCDIR/contrib/completion
if [ -x "$FWDIAG" ]; then
  mkdir "$work/bad"
  damaged() { # SED-SCRIPT
    sed "$1" "$completion/fwdiag" >"$work/bad/fwdiag"
    compare "$work/bad/fwdiag" "$FWDIAG"
  }
  must_reject 'a sub-command that is missing' damaged "s/'ping discover/'discover/"
  must_reject 'a sub-command that there is not' damaged "s/'ping discover/'ping pong discover/"
  must_reject 'an option that is missing' damaged 's/ --wait -c --count/ --wait -c/'
  must_reject 'an option that there is not' damaged "s/capabilities) options+=' /&--more /"
  must_reject 'a value that is not known' damaged 's/^    --password-file | --kg-file | --link/    --kg-file | --link/'
  must_reject 'a value that is taken for a sub-command' damaged \
    's/^      --password-file | --kg-file | --cipher/      --kg-file | --cipher/'
fi

# Files of contrib/completion: fwrecover, fwdonord, fwdonor, fwdiag.
# --- our tools -----------------------------------------------------------------------------------

wrong=0
for tool in "$FWRECOVER" "$FWDONORD" "$FWDONOR" "$FWDIAG"; do
  if [ ! -x "$tool" ]; then continue; fi
  file=$completion/$(basename "$tool")
  [ -f "$file" ] || fail "$file is missing"
  compare "$file" "$tool" || wrong=1
  compared=$((compared + 1))
done
[ "$compared" -gt 0 ] || skip 'there are no tools yet'
[ "$wrong" -eq 0 ] || fail 'completion and --help differ as listed above'
