#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Every #include of our own headers points down the arrows of doc/ARCHITECTURE.md, and the installed
# headers include nothing but the standard library and each other.
. "$TOP_SRCDIR/tests/repo/common.sh"

# directory: the directories whose headers it may include, besides its own. (tests/support is found like
# a directory of lib; nothing in lib or tools may include it.)
cat >"$work/allowed" <<'END'
base:
file: base
wire: base
link: wire base
session: wire base
image: file base
policy: image base
flash: image file base
recipient: session wire policy flash image base
donor: session wire image file base
settings: donor session link wire policy flash image file base
transport: link wire base
bluetooth: transport link wire base
oem: wire base
fwrecover: settings bluetooth transport recipient donor session link wire policy flash image file base
diagnose: fwrecover settings oem bluetooth transport recipient donor session link wire policy flash image base
tools: fwrecover
support:
END

# check_tree TREE: prints each wrong include and fails if there is one.
check_tree() {
  sed -n 's,^fwrecoverinclude_HEADERS += %D%/,lib/fwrecover/,p' "$1/lib/fwrecover/local.mk" \
    >"$work/installed" 2>/dev/null || :
  tree_files "$1" | grep -E '^(lib/[^/]+|tools)/.*\.(c|h|cpp|hpp)$' >"$work/sources" || :
  : >"$work/wrong"
  while read -r file; do
    awk -v file="$file" '
      FILENAME == ARGV[1] {
        from = $1; sub(/:$/, "", from); known[from] = 1
        for (i = 2; i <= NF; i++) may[from, $i] = 1
        next
      }
      FILENAME == ARGV[2] { installed[$0] = 1; next }
      FNR == 1 {
        split(file, part, "/")
        here = part[1] == "lib" ? part[2] : part[1]
        if (!(here in known)) wrong("is in a directory that the list does not know")
      }
      /^[ \t]*#[ \t]*include/ {
        header = $0
        sub(/^[^"<]*/, "", header); sub(/[">][^">]*$/, "", header)
        system_form = header ~ /^</
        header = substr(header, 2)
        split(header, part, "/")
        if (header ~ /\.\.\//) wrong("includes \"" header "\": start from lib/")
        # BlueZ has its headers in a folder of the same name as we.
        else if (part[1] in known && header ~ /\// && header !~ /^bluetooth\/[a-z_]+\.h$/) {
          if (system_form) wrong("includes <" header ">: ours are in double quotes")
          if (part[1] != here && !((here, part[1]) in may))
            wrong("(" here ") may not include \"" header "\"")
          if (file in installed && !(("lib/fwrecover/public/" header) in installed))
            wrong("is installed and includes \"" header "\", which is not")
        }
        else if (file in installed && !(system_form && header ~ /^[a-z_0-9]+$/))
          wrong("is installed and includes " header ", which is not the standard library")
      }
      function wrong(what) { print file ":" FNR ": " what }
    ' "$work/allowed" "$work/installed" "$1/$file" >>"$work/wrong"
  done <"$work/sources"
  cat "$work/wrong"
  [ -s "$work/sources" ] && [ ! -s "$work/wrong" ]
}

# fixture FILE LINE: a tree whose only source has one include.
fixture() {
  rm -rf "$work/tree"
  mkdir -p "$work/tree/$(dirname "$1")"
  printf '#pragma once\n%s\n' "$2" >"$work/tree/$1"
  mkdir -p "$work/tree/lib/fwrecover"
  echo 'fwrecoverinclude_HEADERS += %D%/public/fwrecover/bad.hpp' >"$work/tree/lib/fwrecover/local.mk"
}

fixture lib/wire/good.hpp '#include "base/bytes.hpp"'
must_accept 'wire using base' check_tree "$work/tree"
fixture lib/base/bad.hpp '#include "wire/rmcp.hpp"'
must_reject 'base using wire' check_tree "$work/tree"
fixture lib/policy/bad.cpp '#  include <flash/slots.hpp>'
must_reject 'policy using flash' check_tree "$work/tree"
fixture lib/transport/bad.cpp '#include "session/server.hpp"'
must_reject 'transport using session' check_tree "$work/tree"
fixture lib/session/bad.cpp '#include "../base/bytes.hpp"'
must_reject 'a path with two dots' check_tree "$work/tree"
fixture lib/surprise/bad.cpp '#include <vector>'
must_reject 'an unknown directory' check_tree "$work/tree"
fixture lib/base/bad.cpp '#include "support/hex.hpp"'
must_reject 'a library using the support of the tests' check_tree "$work/tree"
fixture lib/fwrecover/public/fwrecover/bad.hpp '#include <fmt/format.h>'
must_reject 'a third-party header in an installed one' check_tree "$work/tree"
fixture lib/fwrecover/public/fwrecover/bad.hpp '#include "base/error.hpp"'
must_reject 'an internal header in an installed one' check_tree "$work/tree"
fixture lib/fwrecover/public/fwrecover/bad.hpp '#include "fwrecover/other.hpp"'
must_reject 'a header of the facade that is not installed in one that is' check_tree "$work/tree"
fixture lib/fwrecover/good.hpp '#include "base/error.hpp"'
must_accept 'an internal header in one that is not installed' check_tree "$work/tree"

check_tree "$TOP_SRCDIR" || fail 'the includes above go the wrong way'
