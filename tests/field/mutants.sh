#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Tests of the field's faults against other builds of a program. Each patch in mutants/ breaks one on purpose,
# and what its header names must fail with it: a script, or cases of a program of tests/unit. "make check" takes
# those that say "When: always", FWR_MUTANT=NAME one, "make check-long" all.
. "$TOP_SRCDIR/tests/lib.sh"
need_program patch
: "${CXX:?run tests by \"make check\"}"

# The make that runs the tests has nothing to say to this one.
unset MAKEFLAGS MFLAGS MAKELEVEL
make -s -C "$TOP_BUILDDIR" Makefile >/dev/null
flags=$(make --no-print-directory -s -C "$TOP_BUILDDIR" print-cxxflags)
facade_libraries=$(make --no-print-directory -s -C "$TOP_BUILDDIR" print-facade-libs)

# header PATCH FIELD: the value of a line "FIELD: value" above the patch.
header() { sed -n "/^---/q; s/^$2: //p" "$1"; }

# value NAME: of a variable of the Makefile.
value() { make --no-print-directory -s -C "$TOP_BUILDDIR" --eval "print-value: ; @echo '\$($1)'" print-value; }

# parts_of PROGRAM: what it is linked from, in $objects and $libraries. A program of tests/unit has its own,
# a tool is linked without the shared library.
parts_of() {
  case $1 in
    tests/unit/*)
      parts_name=$(printf '%s' "$1" | tr / _)
      objects=$(value "${parts_name}_OBJECTS")
      libraries=$(value "${parts_name}_LDADD")
      ;;
    *)
      objects="tools/$1.o tools/command_line.o tools/help.o tools/output.o tools/terminal.o tools/writer.o"
      libraries=$facade_libraries
      ;;
  esac
}

# build_mutant PATCH PROGRAM: $work/mutant/ and the last part of PROGRAM.
build_mutant() {
  rm -rf "$work/mutant"
  mkdir "$work/mutant"
  parts_of "$2"
  replaced=
  # shellcheck disable=SC2013 # names without blanks
  for file in $(sed -n 's,^+++ b/,,p' "$1"); do
    mkdir -p "$work/mutant/$(dirname "$file")"
    cp "$TOP_SRCDIR/$file" "$work/mutant/$file"
    chmod u+w "$work/mutant/$file"
    replaced="$replaced $file"
  done
  patch -s -p1 -d "$work/mutant" <"$1" >"$work/patch.log" 2>&1 || fail "$1 does not apply any more: make it anew"
  for file in $replaced; do
    object=$work/mutant/${file%.cpp}.o
    # shellcheck disable=SC2086 # lists of words
    (cd "$TOP_BUILDDIR" && $CXX $flags -I"$TOP_SRCDIR/$(dirname "$file")" -U_FORTIFY_SOURCE -O0 -w -c -o "$object" \
      "$work/mutant/$file") >"$work/compile.log" 2>&1 || fail "$1 does not compile"
    case " $objects " in
    *" ${file%.cpp}.o "*) objects=$(printf '%s' "$objects" | sed "s,${file%.cpp}\.o,$object,") ;;
    *) objects="$objects $object" ;;
    esac
  done
  # shellcheck disable=SC2086 # lists of words
  (cd "$TOP_BUILDDIR" && ./libtool --quiet --tag=CXX --mode=link $CXX $flags -o "$work/mutant/${2##*/}" $objects \
    $libraries) >"$work/link.log" 2>&1 || fail "$2 cannot be linked statically"
}

# attack PROGRAM TEST: runs TEST with the mutant; its output is in script.log.
attack() {
  case $1 in
    tests/unit/*) "$work/mutant/${1##*/}" --gtest_filter="$2" >"$work/script.log" 2>&1 ;;
    *)
      # The variable that scripts find the program by.
      attack_variable=$(printf '%s' "$1" | tr '[:lower:]' '[:upper:]')
      env "$attack_variable=$work/mutant/$1" sh "$TOP_SRCDIR/$2" >"$work/script.log" 2>&1
      ;;
  esac
}

# Those that are not tried now would be missed only when a release is near.
for patch in "$TOP_SRCDIR"/tests/*/mutants/*.patch; do
  patch --dry-run -s -f -p1 -d "$TOP_SRCDIR" <"$patch" >"$work/patch.log" 2>&1 ||
    fail "$patch does not apply any more: make it anew"
done

tried=0
for patch in "$TOP_SRCDIR"/tests/field/mutants/${FWR_MUTANT:-*}.patch; do
  name=$(basename "$patch" .patch)
  [ -n "${FWR_TEST_LONG:-}${FWR_MUTANT:-}" ] || [ "$(header "$patch" When)" = always ] || continue
  say "$name: $(head -n 1 "$patch")"
  program=$(header "$patch" Program)
  tests=$(header "$patch" Test)
  case $program in
    tests/unit/*) [ -x "$TOP_BUILDDIR/$program" ] || { say "$program is not built here"; continue; } ;;
  esac
  build_mutant "$patch" "$program"
  got=0
  attack "$program" "$tests" || got=$?
  [ "$got" -ne 77 ] || { say "$tests is skipped here"; continue; }
  [ "$got" -ne 0 ] || fail "$tests does not notice $name"
  grep -q -e 'FAILED: ' -e '^\[  FAILED  \] ' "$work/script.log" || fail "$tests did not run"
  tried=$((tried + 1))
done
say "$tried mutants noticed"
