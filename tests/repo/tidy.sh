#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What every source file has, and what none has.
. "$TOP_SRCDIR/tests/repo/common.sh"

# HACKING.md names the same numbers (checked below).
max_lines=500          # of a file of code or script
max_function_lines=70  # from the first line of its signature to its closing brace
# Longer ones, each with a size beyond which it may not grow: "FILE LINES", "FILE:FUNCTION LINES".
exceptions=$TOP_SRCDIR/tests/repo/long.txt

# long_functions FILE NAME: prints "NAME:FUNCTION LINES" for each function that is too long. Relies on
# clang-format: a body ends where a brace closes it at the indentation of its signature.
long_functions() {
  awk -v file="$2" -v max="$max_function_lines" '
    inside {
      if (index($0, indent "}") != 1) next
      inside = 0
      statement = ""
      if (FNR - start + 1 > max) print file ":" name " " FNR - start + 1
      next
    }
    /^[ \t]*(\/\/|#|\/\*|\*)/ || /^[ \t]*$/ { statement = ""; next }
    {
      line = $0
      sub(/[ \t]*\/\/.*$/, "", line)
      if (statement == "") { start = FNR; indent = line; sub(/[^ ].*$/, "", indent) }
      statement = statement " " line
      if (line ~ /\{$/) {
        inside = statement ~ /\(/ && statement !~ /=[^()]*\{$/ && statement !~ /\(\{$/ &&
          statement !~ /^ *(namespace|class|struct|union|enum|extern|if|for|while|switch|do|else|return|case|default)[ (]/
        name = statement
        if (name ~ /^ *TEST/) { sub(/^[^(]*\(/, "", name); sub(/\).*$/, "", name); sub(/, */, ".", name) }
        sub(/\(.*$/, "", name)
        sub(/^.*[ *&]/, "", name)
        statement = ""
      } else if (line ~ /[;}]$/ || line ~ /[^:]:$/) statement = ""
    }' "$1"
}

# check_lengths TREE EXCEPTIONS: prints each file and function that is longer than it may be, and each
# exception that is not needed any more.
check_lengths() {
  tree_files "$1" | grep -E '\.(c|h|cpp|hpp|sh|awk|py|mk|m4|am|ac|map)$' |
    grep -Ev '^(m4/(libtool|lt.*)|aclocal)\.m4$' >"$work/files"
  while read -r file; do
    awk -v file="$file" -v max="$max_lines" 'END { if (FNR > max) print file " " FNR }' "$1/$file"
    case $file in *.c | *.h | *.cpp | *.hpp) long_functions "$1/$file" "$file" ;; esac
  done <"$work/files" >"$work/long"
  awk '
    FILENAME == ARGV[1] { if (!/^#/ && NF) allowed[$1] = $2; next }
    !($1 in allowed) { print $1 ": " $2 " lines are too many"; wrong = 1 }
    ($1 in allowed) && $2 > allowed[$1] { print $1 ": has grown from " allowed[$1] " to " $2 " lines"; wrong = 1 }
    { seen[$1] = 1 }
    END {
      for (name in allowed) if (!(name in seen)) { print name ": is not too long any more; strike it from the list"; wrong = 1 }
      exit wrong
    }' "$2" "$work/long"
}

# check_tree TREE: prints each fault and fails if there is one.
check_tree() {
  tree_files "$1" | grep -Ev '^(COPYING|INSTALL|configure|aclocal\.m4|config\.h\.in|Makefile\.in)$' |
    grep -Ev '^m4/(libtool|lt.*)\.m4$' >"$work/files"
  : >"$work/faults"
  while read -r file; do
    case $file in
      *.c | *.h | *.cpp | *.hpp) kind=code ;;
      *.sh | *.awk | *.py | *.mk | *.m4 | *.am | *.ac | *.map | Makefile | .ci/run) kind=script ;;
      *.md | *.[1-8] | *.toml | *.service | NEWS) kind=text ;;
      *) continue ;;
    esac
    awk -v file="$file" -v kind="$kind" '
      BEGIN {
        # Put together here, so that this file passes its own test.
        unfinished = "(^|[^A-Za-z_])(TO" "DO|FIX" "ME|XX" "X)([^A-Za-z_]|$)"
        machine = "(^|[^A-Za-z0-9_.$}-])/(wo" "rk|tmp/" "w|root|ho" "me/[a-z]+)/"
      }
      function fault(what) { print file ":" FNR ": " what }
      FNR <= 3 && /SPDX-License-Identifier: GPL-3.0-or-later/ { licensed = 1 }
      # "mktemp" templates may have as many of that letter as they want.
      kind != "text" && $0 ~ unfinished && !/XXXX/ { fault("unfinished: " $0) }
      $0 ~ machine { fault("a path of one machine: " $0) }
      kind == "code" && /\t/ { fault("a tab") }
      kind != "text" && /[ \t]$/ { fault("white space at the end of the line") }
      /\r$/ { fault("a carriage return") }
      kind == "code" && FNR == 2 && !/^(\/\/|\/\*| \*)/ { fault("line 2 says what the file is") }
      file ~ /\.hpp$/ && /^#pragma once$/ { guarded = 1 }
      END {
        if (FNR == 0) fault("empty")
        if (kind != "text" && FNR > 0 && !licensed) fault("no SPDX line in the first three")
        if (file ~ /\.hpp$/ && !guarded) fault("no #pragma once")
      }
    ' "$1/$file" >>"$work/faults"
  done <"$work/files"
  # libFuzzer names files by a hash, which says nothing.
  tree_files "$1" | grep -E '^tests/fuzz/corpus/.*[0-9a-f]{8}' |
    sed 's/$/: name it by what it shows (HACKING.md)/' >>"$work/faults" || :
  cat "$work/faults"
  [ -s "$work/files" ] && [ ! -s "$work/faults" ]
}

# fixture LINE...: a tree of one header that is right but for the lines.
fixture() {
  rm -rf "$work/tree"
  mkdir -p "$work/tree/lib/base"
  printf '%s\n' '// SPDX-License-Identifier: GPL-3.0-or-later' '// A header.' '#pragma once' "$@" \
    >"$work/tree/lib/base/x.hpp"
}

fixture 'int x;'
must_accept 'a good header' check_tree "$work/tree"
fixture "// TO""DO: more"
must_reject 'unfinished work' check_tree "$work/tree"
fixture "	int x;"
must_reject 'a tab' check_tree "$work/tree"
fixture "// see /wo""rk/main"
must_reject 'a path of one machine' check_tree "$work/tree"
fixture "$(yes '//' | head -n $((max_lines - 3)))"
: >"$work/none"
must_accept 'a file of the greatest length' check_lengths "$work/tree" "$work/none"
fixture "$(yes '//' | head -n $((max_lines - 2)))"
must_reject 'a long file' check_lengths "$work/tree" "$work/none"
echo "lib/base/x.hpp $((max_lines + 1))" >"$work/list"
must_accept 'a long file that is listed' check_lengths "$work/tree" "$work/list"
echo "lib/base/x.hpp $max_lines" >"$work/list"
must_reject 'a listed file that has grown' check_lengths "$work/tree" "$work/list"
function_of() { printf '%s\n' 'struct X {' '  int f(int a,' '        int b) const {' "$(yes '    a += b;' | head -n $(($1 - 3)))" '  }' '};'; }
fixture "$(function_of "$max_function_lines")"
must_accept 'a function of the greatest length' check_lengths "$work/tree" "$work/none"
must_reject 'a listed file that is short' check_lengths "$work/tree" "$work/list"
fixture "$(function_of $((max_function_lines + 1)))"
must_reject 'a long function' check_lengths "$work/tree" "$work/none"
echo "lib/base/x.hpp:f $((max_function_lines + 1))" >"$work/list"
must_accept 'a long function that is listed' check_lengths "$work/tree" "$work/list"
fixture 'int x;'
mkdir -p "$work/tree/tests/fuzz/corpus/server"
: >"$work/tree/tests/fuzz/corpus/server/found-0badcafe"
must_reject 'an input without a name' check_tree "$work/tree"
fixture 'int x;'
printf '// A header.\n#pragma once\n' >"$work/tree/lib/base/x.hpp"
must_reject 'a file without a licence' check_tree "$work/tree"

check_tree "$TOP_SRCDIR" || fail 'see above'
check_lengths "$TOP_SRCDIR" "$exceptions" || fail 'see above'
grep -q "about $max_lines lines a file, or $max_function_lines a function" "$TOP_SRCDIR/HACKING.md" ||
  fail "HACKING.md names other lengths than $max_lines and $max_function_lines"
