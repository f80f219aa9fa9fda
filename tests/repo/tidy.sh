#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What every source file has, and what none has.
. "$TOP_SRCDIR/tests/repo/common.sh"

max_lines=900

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
    awk -v file="$file" -v kind="$kind" -v max_lines="$max_lines" '
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
        if (kind != "text" && FNR > max_lines) fault("more than " max_lines " lines")
        if (kind != "text" && FNR > 0 && !licensed) fault("no SPDX line in the first three")
        if (file ~ /\.hpp$/ && !guarded) fault("no #pragma once")
      }
    ' "$1/$file" >>"$work/faults"
  done <"$work/files"
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
fixture "$(yes | head -n "$max_lines")"
must_reject 'a long file' check_tree "$work/tree"
fixture 'int x;'
printf '// A header.\n#pragma once\n' >"$work/tree/lib/base/x.hpp"
must_reject 'a file without a licence' check_tree "$work/tree"

check_tree "$TOP_SRCDIR" || fail 'see above'
