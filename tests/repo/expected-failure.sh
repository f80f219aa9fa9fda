#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Fails, and is expected to: the proof that "make check" sees a failure.
. "$TOP_SRCDIR/tests/lib.sh"

fail 'on purpose'
