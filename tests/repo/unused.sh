#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Each function that a header of lib declares is named somewhere besides its declarations and its definition:
# in lib, tools or tests. (Names are compared, not types: one of two functions with the same name hides the
# other. Comments do not count.)
. "$TOP_SRCDIR/tests/repo/common.sh"

# check_tree TREE: prints each function that nothing uses and fails if there is one.
check_tree() {
  tree_files "$1" | grep -E '^(lib|tools|tests)/.*\.(c|h|cpp|hpp)$' >"$work/sources"
  # What is installed is for the programs of others; installed-interface.sh looks at it.
  sed -n 's,^fwrecoverinclude_HEADERS += %D%/,lib/fwrecover/,p; s,^oeminclude_HEADERS += %D%/,lib/oem/,p' \
    "$1"/lib/*/local.mk >"$work/installed" 2>/dev/null || :
  # shellcheck disable=SC2016
  (cd "$1" && xargs awk '
    FNR == 1 {
      header = FILENAME ~ /^lib\/.*\.(h|hpp)$/
      if (FILENAME == ARGV[1]) { reading_list = 1 } else reading_list = 0
    }
    reading_list { installed[$0] = 1; next }
    /^[ \t]*#/ { next }
    {
      line = $0
      sub(/\/\/.*$/, "", line)
      declares = ""
      # A declaration or definition starts a line of its own, and its name is the first before "(".
      if (match(line, /^ ? ? ? ?[A-Za-z_:\[][^=(]*[ *&:]~?[a-z_][a-z0-9_]*\(/) &&
          line !~ /^ *(return|if|for|while|switch|else|throw|case|using|typedef|friend|co_return|delete|new) /) {
        before = substr(line, 1, RLENGTH - 1)
        name = before
        sub(/^.*[ *&:]/, "", name)
        qualified = before ~ /::[a-z_0-9]*$/
        if (header && !qualified) declares = name
        else if (!header && line ~ /^[A-Za-z]/) declares = name
        if (header && !qualified && !(FILENAME in installed) && !(name in where))
          where[name] = FILENAME ":" FNR
      }
      while (match(line, /[A-Za-z_][A-Za-z0-9_]*/)) {
        word = substr(line, RSTART, RLENGTH)
        line = substr(line, RSTART + RLENGTH)
        if (word == declares) declares = ""  # one occurrence of it
        else ++uses[word]
      }
    }
    END {
      for (name in where)
        if (!(name in uses)) print where[name] ": nothing uses " name
    }' "$work/installed" <"$work/sources") | LC_ALL=C sort >"$work/unused"
  cat "$work/unused"
  [ -s "$work/sources" ] && [ ! -s "$work/unused" ]
}
# fixture SOURCE: a header with some declarations, and what a program does with them.
fixture() {
  rm -rf "$work/tree"
  mkdir -p "$work/tree/lib/base" "$work/tree/tools"
  cat >"$work/tree/lib/base/x.hpp" <<'END'
// Calls spare(1).
class X {
 public:
  [[nodiscard]] std::optional<int> find(const std::string& key,
                                        int first) const;
  int size() const { return static_cast<int>(find("", 0).value()); }
};
[[nodiscard]] int spare(int x);
END
  printf '%s\n' 'std::optional<int> X::find(const std::string& key, int first) const {' '}' \
    'int spare(int x) {' '}' >"$work/tree/lib/base/x.cpp"
  printf '%s\n' 'int main() {' "  $1" '}' >"$work/tree/tools/x.cpp"
}
fixture 'return X().size() + spare(1);'
must_accept 'functions that are used' check_tree "$work/tree"
fixture 'return X().size();'
must_reject 'a function that is only declared and defined' check_tree "$work/tree"
grep -q 'x.hpp:8: nothing uses spare$' "$work/unused" || fail "it names $(cat "$work/unused")"
fixture 'return spare(1);'
must_reject 'an inline function that nothing uses' check_tree "$work/tree"

check_tree "$TOP_SRCDIR" || fail 'the functions above are declared and not used'
