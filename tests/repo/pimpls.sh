#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A class of lib hides its members behind a pointer for two reasons only: its header is installed, or the
# members need Asio, which no header of ours includes.
. "$TOP_SRCDIR/tests/repo/common.sh"

# The headers that still hide members for another reason, to be emptied: one path a line.
exceptions() {
  cat <<'END'
END
}

# check_tree TREE EXCEPTIONS: prints each header that hides members without a reason, and each exception that
# is not needed.
check_tree() {
  tree_files "$1" | grep -E '^lib/.*\.hpp$' >"$work/headers"
  sed -n 's,^fwrecoverinclude_HEADERS += .*/,,p' "$1/lib/fwrecover/local.mk" >"$work/installed"
  while read -r header; do
    installed_name=$(basename "$header" | sed 's/_impl\.hpp$/.hpp/')
    case $header in
      *_impl.hpp) ;;
      *) grep -Eq '(class|struct) Impl;' "$1/$header" || continue ;;
    esac
    case $header in
      lib/fwrecover/*) grep -qxF "$installed_name" "$work/installed" && continue ;;
    esac
    grep -qs '^# *include <asio' "$1/${header%.hpp}.cpp" && continue
    printf '%s\n' "$header"
  done <"$work/headers" >"$work/hiding"
  LC_ALL=C sort "$2" >"$work/excepted"
  LC_ALL=C comm -23 "$work/hiding" "$work/excepted" | sed 's/$/: hides members for neither reason/'
  LC_ALL=C comm -13 "$work/hiding" "$work/excepted" | sed 's/$/: strike this exception, it is not needed/'
  LC_ALL=C cmp -s "$work/hiding" "$work/excepted" && [ -s "$work/headers" ]
}

# fixture FOLDER LINE-OF-SOURCE: x.hpp with an Impl in a folder; only that of lib/fwrecover is installed.
fixture() {
  rm -rf "$work/tree"
  mkdir -p "$work/tree/lib/fwrecover" "$work/tree/lib/$1"
  echo 'fwrecoverinclude_HEADERS += %D%/face.hpp' >"$work/tree/lib/fwrecover/local.mk"
  printf 'class X {\n  class Impl;\n};\n' >"$work/tree/lib/$1/$2.hpp"
  printf '%s\n' "$3" >"$work/tree/lib/$1/$2.cpp"
}
: >"$work/none"
fixture fwrecover face ''
must_accept 'an installed header' check_tree "$work/tree" "$work/none"
touch "$work/tree/lib/fwrecover/face_impl.hpp"
must_accept 'the inside of an installed header' check_tree "$work/tree" "$work/none"
fixture transport loop '#include <asio/io_context.hpp>'
must_accept 'a header that hides Asio' check_tree "$work/tree" "$work/none"
fixture session server '#include <vector>'
must_reject 'a header that hides members without a reason' check_tree "$work/tree" "$work/none"
echo lib/session/server.hpp >"$work/list"
must_accept 'a header that is excepted' check_tree "$work/tree" "$work/list"
echo lib/session/client.hpp >>"$work/list"
must_reject 'an exception that is not needed' check_tree "$work/tree" "$work/list"
fixture session server '#include <vector>'
echo 'class X {};' >"$work/tree/lib/session/server.hpp"
touch "$work/tree/lib/session/server_impl.hpp"
must_reject 'a header of insides' check_tree "$work/tree" "$work/none"

exceptions >"$work/list"
check_tree "$TOP_SRCDIR" "$work/list" || fail 'the headers above hide their members'
