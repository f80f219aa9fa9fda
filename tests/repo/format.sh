#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# clang-format has nothing to change. "make format" repairs it.
. "$TOP_SRCDIR/tests/repo/common.sh"

: "${CLANG_FORMAT:=clang-format}"
need_program "$CLANG_FORMAT"
"$CLANG_FORMAT" --version | grep -q 'version 14\.' ||
  skip "other versions than 14 format differently: $("$CLANG_FORMAT" --version)"

# Formatted by the style of the tree, wherever the file is.
style=$(cat "$TOP_SRCDIR/.clang-format")
is_formatted() { "$CLANG_FORMAT" --style="{$(printf '%s\n' "$style" | paste -sd,)}" --dry-run -Werror "$@"; }

printf 'int  f( int a ){return a;}\n' >"$work/bad.cpp"
must_reject 'bad spacing' is_formatted "$work/bad.cpp"

cd "$TOP_SRCDIR" || exit
tree_files . | grep -E '\.(c|h|cpp|hpp)$' >"$work/sources"
xargs -n 16 "$CLANG_FORMAT" --style=file --dry-run -Werror <"$work/sources" ||
  fail 'run "make format"'
