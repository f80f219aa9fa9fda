#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The scripts of tests/field against other builds of a program. Each patch in mutants/ breaks one on purpose,
# and the script that its header names must fail with it. "make check" takes those that say "When: always",
# FWR_MUTANT=NAME one, "make check-long" all.
. "$TOP_SRCDIR/tests/lib.sh"
need_program patch
: "${CXX:?run tests by \"make check\"}"

# The make that runs the tests has nothing to say to this one.
unset MAKEFLAGS MFLAGS MAKELEVEL
make -s -C "$TOP_BUILDDIR" Makefile >/dev/null
flags=$(make --no-print-directory -s -C "$TOP_BUILDDIR" print-cxxflags)
libraries=$(make --no-print-directory -s -C "$TOP_BUILDDIR" print-facade-libs)

# header PATCH FIELD: the value of a line "FIELD: value" above the patch.
header() { sed -n "/^---/q; s/^$2: //p" "$1"; }

# build_mutant PATCH PROGRAM: $work/mutant/PROGRAM, without the shared library.
build_mutant() {
  rm -rf "$work/mutant"
  mkdir "$work/mutant"
  objects="tools/$2.o tools/command_line.o tools/output.o tools/terminal.o tools/writer.o"
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
  (cd "$TOP_BUILDDIR" && ./libtool --quiet --tag=CXX --mode=link $CXX $flags -o "$work/mutant/$2" $objects $libraries) \
    >"$work/link.log" 2>&1 || fail "$2 cannot be linked statically"
}

tried=0
for patch in "$TOP_SRCDIR"/tests/field/mutants/${FWR_MUTANT:-*}.patch; do
  name=$(basename "$patch" .patch)
  [ -n "${FWR_TEST_LONG:-}${FWR_MUTANT:-}" ] || [ "$(header "$patch" When)" = always ] || continue
  say "$name: $(head -n 1 "$patch")"
  program=$(header "$patch" Program)
  script=$(header "$patch" Test)
  build_mutant "$patch" "$program"
  # The variable that scripts find the program by.
  variable=$(printf '%s' "$program" | tr '[:lower:]' '[:upper:]')
  got=0
  env "$variable=$work/mutant/$program" sh "$TOP_SRCDIR/$script" >"$work/script.log" 2>&1 || got=$?
  [ "$got" -ne 77 ] || { say "$script is skipped here"; continue; }
  [ "$got" -ne 0 ] || fail "$script does not notice $name"
  grep -q 'FAILED: ' "$work/script.log" || fail "$script did not run"
  tried=$((tried + 1))
done
say "$tried mutants noticed"
