#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What "make install" puts under DESTDIR works from there, and "make uninstall" leaves nothing of it.
. "$TOP_SRCDIR/tests/lib.sh"
[ -f "$TOP_BUILDDIR/Makefile" ] || skip 'there is no configured build directory'

staged=$work/stage
# The make that runs us must not lend its flags: its job server is not ours.
build() { env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$TOP_BUILDDIR" "DESTDIR=$staged" "$@"; }
build install >"$work/install.log" 2>&1 || fail 'make install'

library=$(find "$staged" -name 'libfwrecover.so.*' -type l -o -name 'libfwrecover.so.*' -type f | head -n 1)
[ -n "$library" ] || fail 'no libfwrecover.so.* is installed'
for program in fwrecover fwdonord fwdonor fwdiag; do
  installed=$(find "$staged" -name $program -type f -perm -u+x)
  [ -n "$installed" ] || fail "$program is not installed"
  # Not the wrapper that Libtool keeps in the build directory, and no path back into it.
  LD_LIBRARY_PATH=$(dirname "$library") "$installed" --version >"$work/version" ||
    fail "$program does not run from where it is installed"
  expect_line "$work/version" "$program"
  if readelf -d "$installed" | grep -i path | grep -q "$TOP_BUILDDIR"; then fail "$program knows the build directory"; fi
  [ -n "$(find "$staged" -name "$program.8*")" ] || fail "$program has no manual page"
done
for file in fwrecover.toml.5 fwdonord.toml.5 libfwrecover.3 fwrecover.pc; do
  [ -n "$(find "$staged" -name "$file*")" ] || fail "$file is not installed"
done

build uninstall >"$work/uninstall.log" 2>&1 || fail 'make uninstall'
left=$(find "$staged" ! -type d)
[ -z "$left" ] || fail "left behind: $left"
