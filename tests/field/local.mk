# SPDX-License-Identifier: GPL-3.0-or-later
# tests/field: kinds of faults that the field taught, one script a kind.
# One file a line, in alphabetical order.

TESTS += %D%/numbers.sh

EXTRA_DIST += %D%/numbers.sh
