#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The parts of a folder of lib have an order: no part is included by what it includes, directly or through
# other parts of the folder. A part is a header together with the source file of the same name and
# with NAME_impl, the inside of an installed interface.
. "$TOP_SRCDIR/tests/repo/common.sh"

# Includes that still break the order, to be emptied: FOLDER PART INCLUDED-PART.
exceptions() {
  cat <<'END'
END
}

# check_tree TREE EXCEPTIONS: prints each circle of parts, and each exception that is not needed.
check_tree() {
  tree_files "$1" | grep -E '^lib/.*\.(c|h|cpp|hpp)$' >"$work/sources" || :
  while read -r file; do
    awk -v file="$file" '
      /^[ \t]*#[ \t]*include[ \t]*"/ {
        header = $0
        sub(/^[^"]*"/, "", header); sub(/".*$/, "", header)
        print file, header
      }' "$1/$file"
  done <"$work/sources" >"$work/includes"
  awk '
    # The folder of lib/fwrecover/public/fwrecover/x.hpp is "fwrecover", as its includes say.
    function folder_of(path) { sub(/\/[^\/]*$/, "", path); sub(/^.*\/public\//, "", path); sub(/^lib\//, "", path); return path }
    function part_of(path) { sub(/^.*\//, "", path); sub(/\.[a-z]*$/, "", path); sub(/_impl$/, "", path); return path }
    # Depth first; `path` is how we came here.
    function visit(node, path,   i, count, next_ones, to) {
      state[node] = "open"
      count = split(arrows[node], next_ones, " ")
      for (i = 1; i <= count; i++) {
        to = next_ones[i]
        if (state[to] == "open") {
          sub("^.* " to " -> ", to " -> ", path)
          print "a circle: " path " -> " to
          wrong = 1
        } else if (state[to] == "") visit(to, path " -> " to)
      }
      state[node] = "done"
    }
    FILENAME == ARGV[1] { excepted[$1 "/" $2, $1 "/" $3] = 1; next }
    {
      from = folder_of($1) "/" part_of($1)
      to = folder_of($2) "/" part_of($2)
      if (folder_of($1) != folder_of($2) || from == to || (from, to) in seen) next
      seen[from, to] = 1
      if ((from, to) in excepted) { used[from, to] = 1; next }
      arrows[from] = arrows[from] " " to
    }
    END {
      for (node in arrows) if (state[node] == "") visit(node, " " node)
      for (arrow in excepted) if (!(arrow in used)) {
        split(arrow, end, SUBSEP)
        print "strike the exception " end[1] " -> " end[2] ": there is no such include"
        wrong = 1
      }
      exit wrong
    }' "$2" "$work/includes" && [ -s "$work/sources" ]
}

# fixture: a tree in which recovery.cpp includes discovery.hpp, and recovery.hpp includes words.hpp.
fixture() {
  rm -rf "$work/tree"
  mkdir -p "$work/tree/lib/recipient"
  printf '#include "recipient/words.hpp"\n' >"$work/tree/lib/recipient/recovery.hpp"
  printf '#include "recipient/recovery.hpp"\n#include "recipient/discovery.hpp"\n' >"$work/tree/lib/recipient/recovery.cpp"
  printf '#include <vector>\n' >"$work/tree/lib/recipient/words.hpp"
  printf '%s\n' "$1" >"$work/tree/lib/recipient/discovery.hpp"
  printf '#include "recipient/discovery.hpp"\n#include "recipient/selection.hpp"\n' >"$work/tree/lib/recipient/discovery.cpp"
  printf '%s\n' "$2" >"$work/tree/lib/recipient/selection.hpp"
}
fixture '#include "recipient/words.hpp"' '#include "session/recovery.hpp"'
must_accept 'parts in an order' check_tree "$work/tree" /dev/null
fixture '#include "recipient/recovery.hpp"' ''
must_reject 'a part that includes the one that includes it' check_tree "$work/tree" /dev/null
echo 'recipient discovery recovery' >"$work/list"
must_accept 'an include that is excepted' check_tree "$work/tree" "$work/list"
fixture '' '#include "recipient/recovery.hpp"'
must_reject 'a part that includes, through another, the one that includes it' check_tree "$work/tree" /dev/null
must_reject 'an exception that is not needed' check_tree "$work/tree" "$work/list"

exceptions >"$work/list"
check_tree "$TOP_SRCDIR" "$work/list" || fail 'the parts above include each other'
