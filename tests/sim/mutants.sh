#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The simulator can fail: each patch in mutants/ breaks one source file of lib/, which is linked in
# front of the libraries, and the checker that its header names must notice, within the seeds that
# it names. "make check" takes those that say "When: always", FWR_MUTANT=NAME one.
. "$TOP_SRCDIR/tests/lib.sh"
need_program patch
: "${CXX:?run tests by \"make check\"}"

# The make that runs the tests has nothing to say to this one.
unset MAKEFLAGS MFLAGS MAKELEVEL
make -s -C "$TOP_BUILDDIR" Makefile >/dev/null
ask_make() { make --no-print-directory -s -C "$TOP_BUILDDIR" "$1"; }
flags=$(ask_make print-cxxflags)
libraries=$(ask_make print-facade-libs)
link=$(ask_make print-sim-ldflags)
objects=$(ask_make print-sim-objects)

# header PATCH NAME: the value of a line "NAME: value" above the patch.
header() { sed -n "/^---/q; s/^$2: //p" "$1"; }

# build_mutant PATCH: $work/mutant-sim. Fast rather than optimised; what is unused now is no matter.
build_mutant() {
  source=$(sed -n 's,^+++ b/,,p' "$1")
  rm -rf "$work/tree"
  mkdir -p "$work/tree/$(dirname "$source")"
  cp "$TOP_SRCDIR/$source" "$work/tree/$source"
  chmod u+w "$work/tree/$source"
  patch -s -p1 -d "$work/tree" <"$1" >"$work/patch.log" 2>&1 ||
    fail "$(basename "$1") does not apply any more: break $source in the same way again, and put" \
      "the difference below the header of the patch"
  # shellcheck disable=SC2086 # lists of words
  (cd "$TOP_BUILDDIR" && $CXX $flags -O1 -g0 -w -c -o "$work/broken.o" "$work/tree/$source" &&
    ./libtool --quiet --tag=CXX --mode=link $CXX $flags $link -o "$work/mutant-sim" $objects \
      "$work/broken.o" $libraries) >"$work/build.log" 2>&1 ||
    fail "$(basename "$1") does not build"
}

tried=0
for patch in "$TOP_SRCDIR"/tests/sim/mutants/${FWR_MUTANT:-*}.patch; do
  name=$(basename "$patch" .patch)
  [ -n "${FWR_TEST_LONG:-}${FWR_MUTANT:-}" ] || [ "$(header "$patch" When)" = always ] || continue
  checker=$(header "$patch" Checker)
  build_mutant "$patch"
  status=0
  "$work/mutant-sim" --first "$(header "$patch" First)" --seeds "$(header "$patch" Seeds)" --brief \
    >"$work/$name.log" 2>&1 || status=$?
  [ "$status" -eq 1 ] || fail "$name: the simulator finds nothing wrong (exit status $status)"
  grep -Eq "^seed [0-9]+: ($checker) VIOLATED" "$work/$name.log" ||
    fail "$name: found, but not by the checker $checker"
  say "$name: $(grep -m 1 VIOLATED "$work/$name.log")"
  tried=$((tried + 1))
done
[ "$tried" -gt 0 ] || fail 'there are no mutants'
