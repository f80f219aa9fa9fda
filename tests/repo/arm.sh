#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The library and the tools compile for a management controller, a 32-bit ARM, with -Os and without warnings:
# size_t is not uint64_t there. Nothing is linked, and no library of that architecture is needed. The
# long form compiles everything; the short one only looks at the directories where sizes are calculated.
. "$TOP_SRCDIR/tests/repo/common.sh"

cross=arm-linux-gnueabihf
need_program $cross-g++ $cross-gcc
[ -f "$TOP_BUILDDIR/Makefile" ] || skip 'there is no configured build directory'
unset MAKEFLAGS MFLAGS MAKELEVEL
cd "$TOP_BUILDDIR" || exit
make -s Makefile >/dev/null

# Of the flags of this build what holds for every machine: macros, our own headers and warnings.
portable_flags() {
  make -s "$1" | tr -s ' ' '\n' | grep -E '^-([DUIW]|std=)' | grep -v '^-Wl,' | tr '\n' ' '
}
# What configure finds on a 32-bit machine; each file gets it, whether it includes config.h or not.
need_program autoconf
mkdir "$work/wide"
printf '%s\n' 'AC_INIT([wide], [1])' 'AC_PROG_CC' "$(sed -n '/^AC_DEFUN(\[FWR_WIDE_OFFSETS\]/,/^])/p' "$TOP_SRCDIR/m4/fwrecover.m4")" \
  'FWR_WIDE_OFFSETS' 'AC_CONFIG_FILES([flags])' 'AC_OUTPUT' >"$work/wide/configure.ac"
echo '@WIDE_CPPFLAGS@' >"$work/wide/flags.in"
(cd "$work/wide" && autoconf && ./configure --host=arm-linux-gnueabihf "CC=$cross-gcc" CPPFLAGS= CFLAGS=) >"$work/wide.log" 2>&1 ||
  fail 'configure finds nothing for a 32-bit machine'
wide=$(cat "$work/wide/flags")
[ "$wide" = '-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64' ] || fail "a 32-bit machine gets '$wide'"
# shellcheck disable=SC2016 # a variable of make
grep -q '\$(WIDE_CPPFLAGS)' Makefile || fail 'not every file gets WIDE_CPPFLAGS'
large_files="$wide -Wno-psabi"
# Headers of libraries are the same for every machine, but for two of OpenSSL's. They come after all
# headers of the compiler's own C library.
mkdir "$work/include"
for directory in /usr/include/*-linux-gnu/openssl; do
  if [ -d "$directory" ]; then ln -sfn "$directory" "$work/include/openssl-of-the-machine"; fi
done
mkdir "$work/include/openssl"
for header in "$work"/include/openssl-of-the-machine/*.h; do
  if [ -f "$header" ]; then ln -s "$header" "$work/include/openssl/"; fi
done
libraries="-idirafter $work/include -idirafter /usr/include"
cxx_flags="$(portable_flags print-cxxflags) $large_files -Werror $libraries"
c_flags="$(portable_flags print-cflags) $large_files -Werror $libraries"
case $cxx_flags in *-Wconversion*) ;; *) fail "this build has no warnings: $cxx_flags" ;; esac

# compiles HOW FILE...: several at a time; prints what the compiler says.
compiles() {
  how=$1
  shift
  # shellcheck disable=SC2016 # for the inner shell
  printf '%s\n' "$@" | how=$how cross=$cross cxx_flags=$cxx_flags c_flags=$c_flags \
    xargs -n 1 -P "$(nproc)" sh -c '
      case $0 in
        *.c) exec ${FWR_CROSS_LAUNCHER:-} $cross-gcc $c_flags -Os $how "$0" ;;
        *) exec ${FWR_CROSS_LAUNCHER:-} $cross-g++ $cxx_flags -Os $how "$0" ;;
      esac' 2>&1
}

printf '#include <cstdint>\n#include <cstddef>\nstd::size_t f(std::uint64_t n);\nstd::size_t f(std::uint64_t n) { return n; }\n' \
  >"$work/wrong.cpp"
must_reject 'a size that is cut' compiles -fsyntax-only "$work/wrong.cpp"
sed 's/return n/return static_cast<std::size_t>(n)/' "$work/wrong.cpp" >"$work/right.cpp"
must_accept 'a size that is cut on purpose' compiles -fsyntax-only "$work/right.cpp"

if [ -n "${FWR_TEST_LONG:-}" ]; then
  how='-c -o /dev/null'
  sources=$(cd "$TOP_SRCDIR" && find lib tools -name '*.c' -o -name '*.cpp' | LC_ALL=C sort)
else
  how=-fsyntax-only
  sources=$(cd "$TOP_SRCDIR" && find lib/base lib/file lib/wire lib/image lib/flash lib/oem -name '*.c' -o -name '*.cpp' | LC_ALL=C sort)
fi
set --
for source in $sources; do set -- "$@" "$TOP_SRCDIR/$source"; done
compiles "$how" "$@" >"$work/complaints" || {
  cat "$work/complaints"
  fail 'this does not compile for 32-bit ARM without warnings'
}
[ ! -s "$work/complaints" ] || cat "$work/complaints"
say "$# files"
