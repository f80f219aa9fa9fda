#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What "make install" leaves for other programs can be used: fwrecover.pc has no variable left that configure
# did not know, a program links through it with the shared library and with static ones, and nothing names
# the build directory.
. "$TOP_SRCDIR/tests/lib.sh"
[ -f "$TOP_BUILDDIR/Makefile" ] || skip 'there is no configured build directory'
need_program pkg-config
: "${CXX:?}"

staged=$work/stage
build() { env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$TOP_BUILDDIR" "DESTDIR=$staged" "$@"; }
build install-strip >"$work/install.log" 2>&1 || fail 'make install-strip'

pc=$(find "$staged" -name fwrecover.pc)
[ -n "$pc" ] || fail 'fwrecover.pc is not installed'
if grep '@' "$pc"; then fail 'fwrecover.pc has variables that nobody replaced'; fi
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
config() { pkg-config --define-variable="prefix=$staged$(pkg-config --variable=prefix fwrecover)" "$@" fwrecover; }

cat >"$work/program.cpp" <<'END'
#include <fwrecover/diagnostics.hpp>
#include <fwrecover/donor.hpp>
#include <fwrecover/donor_query.h>
#include <fwrecover/recipient.hpp>

#include <iostream>

namespace {
struct Printer : fwrecover::Observer {
  void on_event(const fwrecover::Event& event) override { std::cout << event.name() << "\n"; }
};
}  // namespace

int main(int count, char**) {
  Printer printer;
  fwrecover::Recipient recipient({.config_path = "/dev/null", .overrides = {}});
  fwrecover::DonorDaemon donor({.config_path = "/dev/null", .overrides = {}});
  if (count > 1 && !donor.serve({}, printer).ok()) return 1;
  if (count > 2) return fwr_donor_query(nullptr, nullptr, nullptr, nullptr);
  return recipient.config(printer).ok() ? 0 : 1;
}
END
# shellcheck disable=SC2046 # words are what pkg-config prints
$CXX -std=c++20 -o "$work/shared" "$work/program.cpp" $(config --cflags --libs) ||
  fail 'a program does not link with the shared library'
LD_LIBRARY_PATH=$(config --variable=libdir)
export LD_LIBRARY_PATH
"$work/shared" >"$work/events" || fail 'a program does not run with the shared library'
expect_line "$work/events" '^setting$'

# The libraries of the build stand for the static one, which --enable-static makes of them.
archives=$(find "$TOP_BUILDDIR/lib" -name 'lib*.a' | tr '\n' ' ')
[ -n "$archives" ] || fail 'the build has no static libraries'
static=$(config --cflags --static --libs | sed "s,-lfwrecover,-Wl\,--start-group $archives-Wl\,--end-group,")
case $static in *start-group*) ;; *) fail "fwrecover.pc does not name the library: $static" ;; esac
# shellcheck disable=SC2086
$CXX -std=c++20 -o "$work/static" "$work/program.cpp" $static ||
  fail 'a program does not link with static libraries'
LD_LIBRARY_PATH='' "$work/static" >"$work/events" || fail 'a program does not run with static libraries'
expect_line "$work/events" '^setting$'
# C, too: nothing but this line may have to be said for the C++ in the library.
printf '#include <fwrecover/donor_query.h>\nint main(void) { return fwr_donor_query(0, 0, 0, 0) == -1 ? 0 : 1; }\n' \
  >"$work/program.c"
# shellcheck disable=SC2086
${CC:-cc} -o "$work/static-c" "$work/program.c" $static || fail 'a C program does not link with static libraries'
"$work/static-c" || fail 'a C program does not run with static libraries'

left=$(find "$staged" -name '*.la')
[ -z "$left" ] || fail "installed, and of no use: $left"
grep -rlF "$TOP_BUILDDIR" "$staged" >"$work/named" || :
[ ! -s "$work/named" ] || fail "these know the build directory: $(cat "$work/named")"
for file in "$(config --variable=libdir)"/libfwrecover.so.*.* $(find "$staged" -name 'fwd*' -type f -perm -u+x); do
  if readelf -S "$file" | grep -q '\.debug_info'; then fail "$file is not stripped"; fi
done
