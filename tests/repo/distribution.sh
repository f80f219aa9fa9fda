#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The source tarball has every file that git tracks. What is missing belongs into a local.mk.
. "$TOP_SRCDIR/tests/repo/common.sh"

if [ ! -e "$TOP_SRCDIR/.git" ]; then
  say 'this is a tarball: nothing to compare with'
  exit 0
fi
need_program git

# missing_from DIRECTORY: prints tracked files that it lacks, and fails if there are any.
missing_from() {
  git -C "$TOP_SRCDIR" ls-files | grep -v '^\.gitignore$' | while read -r file; do
    if [ ! -e "$1/$file" ]; then printf '%s\n' "$file"; fi
  done >"$work/missing"
  cat "$work/missing"
  [ ! -s "$work/missing" ]
}

# The make that runs the tests has nothing to say to this one.
unset MAKEFLAGS MFLAGS MAKELEVEL
make -s -C "$TOP_BUILDDIR" distdir distdir="$work/dist" top_distdir="$work/dist" \
  >"$work/make.log" 2>&1 || fail 'make distdir fails'
missing_from "$work/dist" || fail 'the files above are not in the tarball'

# The front door, not the Makefile that configure wrote.
expect_same "$TOP_SRCDIR/Makefile" "$work/dist/Makefile"
rm "$work/dist/COPYING"
must_reject 'a file that is left out' missing_from "$work/dist"
