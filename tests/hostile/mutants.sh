#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The hostile suite against other builds of fwdonord. Each patch in mutants/ makes one that is broken
# on purpose, and the case that its header names must fail against it: the suite can fail. "make check"
# takes those that say "When: always", FWR_MUTANT=NAME one, "make check-long" all, and there a donor
# that was built with sanitizers is attacked too.
. "$TOP_SRCDIR/tests/lib.sh"
need_program patch
suite=$TOP_BUILDDIR/tests/hostile/hostile_test
[ -x "$suite" ] || skip 'configured without GoogleTest'
: "${CXX:?run tests by \"make check\"}"

# The make that runs the tests has nothing to say to this one.
unset MAKEFLAGS MFLAGS MAKELEVEL
make -s -C "$TOP_BUILDDIR" Makefile >/dev/null
flags=$(make --no-print-directory -s -C "$TOP_BUILDDIR" print-cxxflags)
libraries=$(make --no-print-directory -s -C "$TOP_BUILDDIR" print-facade-libs)

# link_donor PROGRAM OBJECT...: fwdonord without the shared library, the objects in place of those
# that the static ones have.
link_donor() {
  link_program=$1
  shift
  # shellcheck disable=SC2086 # lists of words
  (cd "$TOP_BUILDDIR" && ./libtool --quiet --tag=CXX --mode=link $CXX $flags -o "$link_program" \
    tools/fwdonord.o tools/command_line.o tools/help.o tools/output.o tools/terminal.o tools/writer.o "$@" $libraries) >"$work/link.log" 2>&1 ||
    fail "fwdonord cannot be linked statically"
}

# build_mutant NAME: $work/NAME/fwdonord. Fast rather than optimised; what is unused now is no matter.
build_mutant() {
  mutant=$work/$1
  patch=$TOP_SRCDIR/tests/hostile/mutants/$1.patch
  objects=
  files=$(sed -n 's,^+++ b/,,p' "$patch")
  for file in $files; do
    mkdir -p "$mutant/$(dirname "$file")"
    cp "$TOP_SRCDIR/$file" "$mutant/$file"
    chmod u+w "$mutant/$file"
    objects="$objects $mutant/${file%.cpp}.o"
  done
  patch -s -p1 -d "$mutant" <"$patch" >"$work/patch.log" 2>&1 ||
    fail "$1.patch does not apply any more: make it anew"
  for object in $objects; do
    # shellcheck disable=SC2086 # lists of words
    (cd "$TOP_BUILDDIR" && $CXX $flags -U_FORTIFY_SOURCE -O0 -w -c -o "$object" "${object%.o}.cpp") \
      >"$work/compile.log" 2>&1 || fail "$1 does not compile"
  done
  # shellcheck disable=SC2086 # a list of words
  link_donor "$mutant/fwdonord" $objects
}

# header NAME FIELD: the value of a line "FIELD: value" above the patch.
header() { sed -n "/^---/q; s/^$2: //p" "$TOP_SRCDIR/tests/hostile/mutants/$1.patch"; }

# attack DONORD CASES
attack() { FWR_HOSTILE_DONORD=$1 "$suite" --gtest_filter="$2" >"$work/suite.log" 2>&1; }

mutants=
for patch in "$TOP_SRCDIR"/tests/hostile/mutants/${FWR_MUTANT:-*}.patch; do
  name=$(basename "$patch" .patch)
  [ -n "${FWR_TEST_LONG:-}${FWR_MUTANT:-}" ] || [ "$(header "$name" When)" = always ] || continue
  mutants="$mutants $name"
done
[ -n "$mutants" ] || fail 'there are no mutants'

say 'a donor that is linked like the mutants, but not broken'
cases=
for name in $mutants; do cases=$cases:$(header "$name" Case); done
link_donor "$work/fwdonord"
attack "$work/fwdonord" "${cases#:}" || fail 'the cases fail without any fault'

for name in $mutants; do
  say "$name: $(head -n 1 "$TOP_SRCDIR/tests/hostile/mutants/$name.patch")"
  build_mutant "$name"
  case=$(header "$name" Case)
  if attack "$work/$name/fwdonord" "$case"; then fail "$case does not notice it"; fi
  grep -q "^\[  FAILED  \] $case" "$work/suite.log" || fail "$case did not run"
  if grep -q 'does not start' "$work/suite.log"; then fail "$name does not even start"; fi
  rm -rf "${work:?}/$name"
done

[ -n "${FWR_TEST_LONG:-}" ] && [ -z "${FWR_MUTANT:-}" ] || exit 0
sanitized=$TOP_BUILDDIR/fuzz
if [ ! -f "$sanitized/Makefile" ]; then
  say 'no build with sanitizers in fuzz/: that part is left out'
  exit 0
fi
say 'a donor that was built with sanitizers'
make -s -C "$sanitized" tools/fwdonord >"$work/sanitized.log" 2>&1 || fail 'it cannot be built'
export ASAN_OPTIONS=quarantine_size_mb=1:detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1
export FWR_HOSTILE_GROWTH_KIB=65536
unset FWR_TEST_LONG
attack "$sanitized/tools/fwdonord" '*' || fail 'see suite.log'
