#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The table "Faults of the field: kind, test" of doc/TESTING.md names tests that exist: scripts and
# sources by their names, tests as Suite.Name (or Suite, or Suite.Beginning*), mutants by their patches.
. "$TOP_SRCDIR/tests/repo/common.sh"

# missing_tests TREE: the rows of TREE's table without a test, and the names that nothing has.
missing_tests() {
  awk '/^## / { here = $0 ~ /^## Faults of the field/ } here && /^\|/ && !/^\|[ -]*id[ -]*\|/ && !/^\|-/' \
    "$1/doc/TESTING.md" >"$work/rows"
  [ -s "$work/rows" ] || { echo 'the table has no row'; return 1; }
  (cd "$1" && find tests -type f) >"$work/files"
  sed -n 's/^TEST\(_[FP]\)\{0,1\}(\([A-Za-z0-9_]*\), *\([A-Za-z0-9_]*\).*/\2.\3/p' \
    $(sed -n "s,^\(.*_test\.cpp\)\$,$1/\1,p" "$work/files") >"$work/cases"
  while IFS='|' read -r _ id _ tests _; do
    names=$(printf '%s\n' "$tests" | grep -o '`[^`]*`' | tr -d '`')
    [ -n "$names" ] || echo "$id: no test"
    for name in $names; do
      case $name in
      tests/*) grep -qxF "$name" "$work/files" || [ -d "$1/$name" ] ;;
      *_test.cpp) grep -q "/$name\$" "$work/files" ;;
      *.*) grep -q "^$(printf '%s' "$name" | sed 's/\./\\./g; s/\*/.*/g')\$" "$work/cases" ;;
      [A-Z]*) grep -q "^$name\\." "$work/cases" ;;
      *) grep -q "/mutants/$name\.patch\$" "$work/files" ;;
      esac || echo "$id:$name: there is no such test"
    done
  done <"$work/rows" >"$work/missing"
  cat "$work/missing"
  [ ! -s "$work/missing" ]
}

must_accept 'the table' missing_tests "$TOP_SRCDIR"

# A tree whose table is wrong in one way each.
made=$work/made
mkdir -p "$made/doc" "$made/tests/unit" "$made/tests/field/mutants"
echo 'TEST(Blank, IsOnlyWhatIsErased) {' >"$made/tests/unit/slot_test.cpp"
: >"$made/tests/field/slots.sh" && : >"$made/tests/field/mutants/writes-too-much.patch"
table() { printf '## Faults of the field: kind, test\n\n| id | kind | test |\n|---|---|---|\n| X1 | a kind | %s |\n' "$1" >"$made/doc/TESTING.md"; }
for names in '`tests/field/slots.sh`' '`slot_test.cpp`, mutant `writes-too-much`' '`Blank.IsOnlyWhatIsErased`' '`Blank`' '`Blank.Is*`'; do
  table "$names"
  must_accept "$names" missing_tests "$made"
done
for names in '' '`tests/field/slot.sh`' '`slots_test.cpp`' 'mutant `writes-too-little`' '`Blank.Is`' '`Blan`' '`Blank.A*`'; do
  table "$names"
  must_reject "a row with ${names:-no test}" missing_tests "$made"
done
