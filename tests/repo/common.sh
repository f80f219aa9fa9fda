# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# What the repository tests share:  . "$TOP_SRCDIR/tests/repo/common.sh"

. "$TOP_SRCDIR/tests/lib.sh"

# tree_files TREE: the files of a source tree, one a line, relative to it. In a checkout those that
# git tracks or would track; in a tarball or a made-up tree whatever is there.
tree_files() {
  if [ -e "$1/.git" ]; then
    git -C "$1" ls-files --cached --others --exclude-standard | while read -r lib_file; do
      if [ -e "$1/$lib_file" ]; then printf '%s\n' "$lib_file"; fi
    done
  else
    (cd "$1" && find . -name build -prune -o -name '_build' -prune -o -name autom4te.cache -prune \
      -o -name build-aux -prune -o -type f -print | sed 's,^\./,,')
  fi | LC_ALL=C sort
}

# must_reject WHAT COMMAND...: the proof that a check can fail: COMMAND has to complain.
must_reject() {
  lib_what=$1
  shift
  if "$@" >"$work/rejected.out" 2>&1; then
    cat "$work/rejected.out"
    fail "the check does not see $lib_what"
  fi
}

# must_accept WHAT COMMAND...
must_accept() {
  lib_what=$1
  shift
  if ! "$@" >"$work/accepted.out" 2>&1; then
    cat "$work/accepted.out"
    fail "the check complains about $lib_what"
  fi
}

# help_options TOOL [SUBCOMMAND]: one name a line; with a value: "NAME value".
help_options() {
  "$@" --help </dev/null | awk '
    /^[A-Za-z].*:$/ { section = $0 }
    section == "Options:" && /^  +-/ {
      left = $0; sub(/^ +/, "", left); sub(/  .*$/, "", left); sub(/ (Excludes|Needs):.*/, "", left)
      names = left; sub(/[ =].*$/, "", names)
      count = split(names, name, ",")
      for (i = 1; i <= count; i++) print name[i] (left ~ / / ? " value" : "")
    }' | LC_ALL=C sort -u
}
# help_commands TOOL: its sub-commands.
help_commands() {
  "$1" --help </dev/null | awk '/^[A-Za-z].*:$/ { in_them = /^Subcommands/ }
    in_them && /^  [a-z]/ { print $1 }' | LC_ALL=C sort
}
