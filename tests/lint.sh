#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# clang-tidy over every C and C++ file, shellcheck over every script: lint.sh BUILDDIR [FILE...]
# The flags are the ones that the Makefile compiles with; every file has the same. They are also
# written to BUILDDIR/compile_commands.json, which editors read. A file that passed is not looked at
# again until it, a header that it includes, the flags or .clang-tidy change.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd)
shift
clang_tidy=${CLANG_TIDY:-clang-tidy}

files=$*
if [ -z "$files" ]; then
  files=$(cd "$top" && git ls-files --cached --others --exclude-standard -- \
    'lib/*.c' 'lib/*.cpp' 'tools/*.cpp' 'tests/*.cpp' 'tests/*.c')
fi

# What make says while it brings its own files up to date is no flag.
${MAKE:-make} --no-print-directory -s -C "$build" Makefile config.h >/dev/null

# clang does not know all of g++'s names for warnings.
flags_of() {
  ${MAKE:-make} --no-print-directory -s -C "$build" "print-$1flags" | sed 's/ -W[^ ]*//g'
}
c_flags=$(flags_of c)
cxx_flags=$(flags_of cxx)

entries=$build/compile_commands.json
{
  printf '['
  separator=
  for file in $files; do
    case $file in
      *.c) command="clang $c_flags" ;;
      *) command="clang++ $cxx_flags" ;;
    esac
    printf '%s\n{"directory": "%s", "file": "%s", "command": "%s"}' "$separator" "$build" \
      "$top/$file" "$(printf '%s -c %s' "$command" "$top/$file" | sed 's/["\\]/\\&/g')"
    separator=,
  done
  printf '\n]\n'
} >"$entries.new"
mv -f "$entries.new" "$entries"

# What can change a verdict: this, the file, and the headers of ours that it includes.
stamps=$build/lint
mkdir -p "$stamps"
common_key=$(cd "$top" && {
  "$clang_tidy" --version
  cat .clang-tidy
  printf '%s\n' "$c_flags" "$cxx_flags"
} | sha256sum)
export top build stamps common_key clang_tidy c_flags cxx_flags

failed=0
if [ $# -eq 0 ]; then
  # SC1090, SC1091: where lib.sh is, is known at run time only.  SC2154: it defines $work.
  (cd "$top" && git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run |
    xargs shellcheck -e SC1090,SC1091,SC2154) || failed=1
fi

# All files are looked at, and one failure fails the run.
# shellcheck disable=SC2016,SC2086
printf '%s\n' $files | xargs -P "$(nproc)" -I '{}' sh -c '
  case $1 in
    *.c) compiler="clang $c_flags" ;;
    *) compiler="clang++ $cxx_flags" ;;
  esac
  parts=$(cd "$build" && $compiler -MM "$top/$1" | sed "s/^[^:]*://; s/\\\\\$//") || exit 1
  case $1 in tests/*) parts="$parts $top/tests/.clang-tidy" ;; esac
  key=$( { printf "%s" "$common_key"; cd "$build"; cat $parts; } | sha256sum | cut -c 1-64)
  stamp=$stamps/$(printf "%s" "$1" | tr / _)
  if [ "$(cat "$stamp" 2>/dev/null)" = "$key" ]; then exit 0; fi
  if out=$("$clang_tidy" --quiet -p "$build" "$top/$1" 2>&1); then
    printf "%s\n" "$key" >"$stamp"
    echo "clean: $1"
  else
    printf "%s\n" "--- $1" "$out"
    exit 1
  fi' lint '{}' || failed=1
if [ "$failed" -ne 0 ]; then
  echo 'lint: there are complaints, see above' >&2
  exit 1
fi
echo 'lint: nothing to say'
