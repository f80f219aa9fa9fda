# SPDX-License-Identifier: GPL-3.0-or-later
# tests/field: kinds of faults that the field taught, one script a kind.
# One file a line, in alphabetical order.

TESTS += %D%/cron.sh
TESTS += %D%/directories.sh
TESTS += %D%/installation.sh
TESTS += %D%/locks.sh
TESTS += %D%/mutants.sh
TESTS += %D%/no-broadcast.sh
TESTS += %D%/catalogue-contents.sh
TESTS += %D%/numbers.sh
TESTS += %D%/packages.sh

EXTRA_DIST += %D%/cron.sh
EXTRA_DIST += %D%/directories.sh
EXTRA_DIST += %D%/installation.sh
EXTRA_DIST += %D%/locks.sh
EXTRA_DIST += %D%/mutants.sh
EXTRA_DIST += %D%/no-broadcast.sh
EXTRA_DIST += %D%/catalogue-contents.sh
EXTRA_DIST += %D%/numbers.sh
EXTRA_DIST += %D%/packages.sh

# Broken builds that the scripts must notice, one a line.
EXTRA_DIST += %D%/mutants/inquires-all-the-same.patch
