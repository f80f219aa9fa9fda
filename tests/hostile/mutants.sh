#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The hostile suite against other builds of fwdonord, or of the fwrecover that it deceives where the header
# of the patch says "Program: fwrecover". Each patch in mutants/ makes one that is broken on purpose, and the
# case that its header names must fail against it: the suite can fail. "make check"
# takes those that say "When: always", FWR_MUTANT=NAME one, "make check-long" all, and there a donor
# that was built with sanitizers is attacked too.
. "$TOP_SRCDIR/tests/lib.sh"
need_program patch
suites=$TOP_BUILDDIR/tests/hostile
[ -x "$suites/hostile_test" ] || skip 'configured without GoogleTest'
: "${CXX:?run tests by \"make check\"}"

# The make that runs the tests has nothing to say to this one.
unset MAKEFLAGS MFLAGS MAKELEVEL
make -s -C "$TOP_BUILDDIR" Makefile >/dev/null
flags=$(make --no-print-directory -s -C "$TOP_BUILDDIR" print-cxxflags)
libraries=$(make --no-print-directory -s -C "$TOP_BUILDDIR" print-facade-libs)

# link PROGRAM OUTPUT OBJECT...: the program without the shared library, the objects in place of those
# that the static ones have.
link() {
  link_program=$1
  link_output=$2
  shift 2
  # shellcheck disable=SC2086 # lists of words
  (cd "$TOP_BUILDDIR" && ./libtool --quiet --tag=CXX --mode=link $CXX $flags -o "$link_output" \
    "tools/$link_program.o" tools/command_line.o tools/help.o tools/output.o tools/terminal.o tools/writer.o "$@" $libraries) \
    >"$work/link.log" 2>&1 || fail "$link_program cannot be linked statically"
}

# build_mutant NAME: $work/NAME/PROGRAM. Fast rather than optimised; what is unused now is no matter.
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
  link "$(program "$1")" "$mutant/$(program "$1")" $objects
}

# header NAME FIELD: the value of a line "FIELD: value" above the patch.
header() { sed -n "/^---/q; s/^$2: //p" "$TOP_SRCDIR/tests/hostile/mutants/$1.patch"; }

# program NAME: what the mutant is a build of.
program() { program_of_patch=$(header "$1" Program); printf '%s' "${program_of_patch:-fwdonord}"; }

# attack PROGRAM PATH CASES
attack() {
  case $1 in
  fwrecover) FWR_HOSTILE_RECIPIENT=$2 "$suites/liars_test" --gtest_filter="$3" >"$work/suite.log" 2>&1 ;;
  *) FWR_HOSTILE_DONORD=$2 "$suites/hostile_test" --gtest_filter="$3" >"$work/suite.log" 2>&1 ;;
  esac
}

mutants=
for patch in "$TOP_SRCDIR"/tests/hostile/mutants/${FWR_MUTANT:-*}.patch; do
  name=$(basename "$patch" .patch)
  [ -n "${FWR_TEST_LONG:-}${FWR_MUTANT:-}" ] || [ "$(header "$name" When)" = always ] || continue
  mutants="$mutants $name"
done
[ -n "$mutants" ] || fail 'there are no mutants'

for program in fwdonord fwrecover; do
  cases=
  for name in $mutants; do
    if [ "$(program "$name")" = $program ]; then cases=$cases:$(header "$name" Case); fi
  done
  [ -n "$cases" ] || continue
  say "$program, linked like the mutants, but not broken"
  link $program "$work/$program"
  attack $program "$work/$program" "${cases#:}" || fail 'the cases fail without any fault'
  if grep -q '^\[  SKIPPED \]' "$work/suite.log"; then skip 'the cases need raw sockets'; fi
done

for name in $mutants; do
  say "$name: $(head -n 1 "$TOP_SRCDIR/tests/hostile/mutants/$name.patch")"
  build_mutant "$name"
  case=$(header "$name" Case)
  if attack "$(program "$name")" "$work/$name/$(program "$name")" "$case"; then fail "$case does not notice it"; fi
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
attack fwdonord "$sanitized/tools/fwdonord" '*' || fail 'see suite.log'
