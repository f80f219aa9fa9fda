#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# mandoc has no warning about our manual pages.
. "$TOP_SRCDIR/tests/repo/common.sh"

: "${MANDOC:=mandoc}"
need_program "$MANDOC"
lint() { "$MANDOC" -T lint -W warning "$@"; }

printf '.Dd January 1, 2026\n.Dt BAD 8\n.Os\n.Sh NAME\n.Nm bad\n.Bl -tag\n' >"$work/bad.8"
must_reject 'an open list' lint "$work/bad.8"

cd "$TOP_SRCDIR" || exit
tree_files . | grep -E '^man/.*\.[1-8]$' >"$work/pages" || skip 'there are no manual pages yet'
xargs "$MANDOC" -T lint -W warning <"$work/pages" || fail 'mandoc complains'
