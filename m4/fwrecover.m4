dnl SPDX-License-Identifier: GPL-3.0-or-later
dnl The checks of configure.ac that need more than a line.

dnl FWR_DEFINE_DIR(MACRO, VARIABLE, COMMENT): a directory such as sysconfdir, with ${prefix} in it expanded,
dnl as a string for config.h.
AC_DEFUN([FWR_DEFINE_DIR], [
  fwr_dir=$(
    test "$prefix" != NONE || prefix=$ac_default_prefix
    test "$exec_prefix" != NONE || exec_prefix=$prefix
    eval "fwr_dir=\"$[]$2\""
    eval "printf '%s\n' \"$fwr_dir\"")
  AC_DEFINE_UNQUOTED([$1], ["$fwr_dir"], [$3])
])

dnl FWR_CXX20: sets CXX20_FLAGS, apart from CXX, because "make CXX=..." replaces CXX.
AC_DEFUN([FWR_CXX20], [
  AC_MSG_CHECKING([for C++20])
  fwr_saved_flags=$CXXFLAGS
  fwr_cxx20=no
  for fwr_std in -std=c++20 -std=c++2a; do
    CXXFLAGS="$fwr_saved_flags $fwr_std"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
      #include <compare>
      #include <concepts>
      #include <cstddef>
      #include <span>
      template <std::unsigned_integral T> constexpr T twice(T x) { return static_cast<T>(x + x); }
      struct Version {
        int major_part;
        auto operator<=>(const Version&) const = default;
      };
    ]], [[
      const std::byte bytes[2] = {};
      std::span<const std::byte> view(bytes);
      return twice(view.size()) == 4 && Version{1} < Version{2} ? 0 : 1;
    ]])], [fwr_cxx20=$fwr_std; break])
  done
  CXXFLAGS=$fwr_saved_flags
  AC_MSG_RESULT([$fwr_cxx20])
  AS_IF([test "$fwr_cxx20" = no],
    [AC_MSG_ERROR([$CXX does not understand C++20; g++ 12 and clang++ 14 do])])
  AC_SUBST([CXX20_FLAGS], [$fwr_cxx20])
])

dnl FWR_TRY_CXXFLAG(VARIABLE, FLAG): appends FLAG when the C++ compiler takes it without complaint.
AC_DEFUN([FWR_TRY_CXXFLAG], [
  AC_MSG_CHECKING([whether $CXX takes $2])
  fwr_saved_flags=$CXXFLAGS
  CXXFLAGS="$CXXFLAGS -Werror $2"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
    [AC_MSG_RESULT([yes]); AS_VAR_APPEND([$1], [" $2"])],
    [AC_MSG_RESULT([no])])
  CXXFLAGS=$fwr_saved_flags
])

dnl FWR_TRY_LDFLAG(VARIABLE, FLAG, [COMPILE-FLAG]): appends FLAG when a program links with it.
AC_DEFUN([FWR_TRY_LDFLAG], [
  AC_MSG_CHECKING([whether the linker takes $2])
  fwr_saved_flags=$CXXFLAGS
  fwr_saved_ldflags=$LDFLAGS
  CXXFLAGS="$CXXFLAGS $3"
  LDFLAGS="$LDFLAGS $2"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
    [AC_MSG_RESULT([yes]); AS_VAR_APPEND([$1], [" $2"])],
    [AC_MSG_RESULT([no])])
  CXXFLAGS=$fwr_saved_flags
  LDFLAGS=$fwr_saved_ldflags
])

dnl FWR_IF_OPTIMISED(THEN): glibc's _FORTIFY_SOURCE warns when nothing is optimised.
AC_DEFUN([FWR_IF_OPTIMISED], [
  AC_MSG_CHECKING([whether the compiler optimises])
  AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
    #ifndef __OPTIMIZE__
    #error not optimised
    #endif
  ]])], [AC_MSG_RESULT([yes]); $1], [AC_MSG_RESULT([no])])
])

dnl FWR_REQUIRE_LIBFUZZER: stops unless the C++ compiler brings libFuzzer.
AC_DEFUN([FWR_REQUIRE_LIBFUZZER], [
  AC_MSG_CHECKING([for libFuzzer])
  fwr_saved_flags=$CXXFLAGS
  CXXFLAGS="$CXXFLAGS -fsanitize=fuzzer"
  AC_LINK_IFELSE([AC_LANG_SOURCE([[
    #include <cstddef>
    #include <cstdint>
    extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t*, std::size_t) { return 0; }
  ]])], [AC_MSG_RESULT([yes])], [AC_MSG_RESULT([no])
    AC_MSG_ERROR([--enable-fuzzing needs clang and its libFuzzer: configure with CC=clang CXX=clang++
  (Debian: clang libclang-rt-14-dev)])])
  CXXFLAGS=$fwr_saved_flags
])

dnl FWR_REQUIRE_HEADER(HEADER, DEBIAN-PACKAGE): a header-only library without a pkg-config file.
AC_DEFUN([FWR_REQUIRE_HEADER], [
  AC_MSG_CHECKING([for $1])
  AC_PREPROC_IFELSE([AC_LANG_SOURCE([[
    #define ASIO_STANDALONE 1
    #include <$1>
  ]])], [AC_MSG_RESULT([yes])], [AC_MSG_RESULT([no])
    AC_MSG_ERROR([<$1> is missing (Debian: $2)])])
])

dnl FWR_CHECK_IANA_PEN(NUMBER): three bytes on the wire, and zero is nobody.
AC_DEFUN([FWR_CHECK_IANA_PEN], [
  AC_MSG_CHECKING([the IANA enterprise number])
  AS_CASE([$1],
    [yes|no|''|*[[!0-9]]*|0*|?????????*],
    [AC_MSG_ERROR([--with-iana-pen=$1: a decimal number from 1 to 16777215 is needed])])
  AS_IF([test "$1" -gt 16777215],
    [AC_MSG_ERROR([--with-iana-pen=$1: more than 24 bits (16777215)])])
  AC_MSG_RESULT([$1])
])

dnl FWR_WIDE_OFFSETS: sets WIDE_CPPFLAGS to what gives a 32-bit system file offsets and times of 64 bits. They are for
dnl every file, so that no two of them have different structures; config.h is included by few.
AC_DEFUN([FWR_WIDE_OFFSETS], [
  AC_CACHE_CHECK([for the macros of 64-bit file offsets and times], [fwr_cv_wide], [
    fwr_cv_wide=missing
    fwr_saved_cppflags=$CPPFLAGS
    for fwr_try in '' '-D_FILE_OFFSET_BITS=64' '-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64'; do
      CPPFLAGS="$fwr_saved_cppflags $fwr_try"
      AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
        #include <sys/types.h>
        #include <time.h>
        int wide[sizeof (off_t) >= 8 && sizeof (time_t) >= 8 ? 1 : -1];
        ]])], [fwr_cv_wide=$fwr_try; break])
    done
    CPPFLAGS=$fwr_saved_cppflags
  ])
  AS_IF([test "x$fwr_cv_wide" = xmissing], [AC_MSG_WARN([times end in 2038 with this C library])
    WIDE_CPPFLAGS=-D_FILE_OFFSET_BITS=64], [WIDE_CPPFLAGS=$fwr_cv_wide])
  AC_SUBST([WIDE_CPPFLAGS])
])
