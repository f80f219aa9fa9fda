# SPDX-License-Identifier: GPL-3.0-or-later
# tests/field: kinds of faults that the field taught, one script a kind.
# One file a line, in alphabetical order.

TESTS += %D%/addresses.sh
TESTS += %D%/catalogue-contents.sh
TESTS += %D%/catalogue-warnings.sh
TESTS += %D%/cron.sh
TESTS += %D%/directories.sh
TESTS += %D%/file-kinds.sh
TESTS += %D%/images-within-reach.sh
TESTS += %D%/installation.sh
TESTS += %D%/journal.sh
TESTS += %D%/locks.sh
TESTS += %D%/logins.sh
TESTS += %D%/mutants.sh
TESTS += %D%/network-errors.sh
TESTS += %D%/no-broadcast.sh
TESTS += %D%/numbers.sh
TESTS += %D%/offers.sh
TESTS += %D%/output-files.sh
TESTS += %D%/packages.sh
TESTS += %D%/path-mtu.sh
TESTS += %D%/reload.sh
TESTS += %D%/secrets.sh
TESTS += %D%/service.sh
TESTS += %D%/signals.sh
TESTS += %D%/slots.sh
TESTS += %D%/stopped-readers.sh
TESTS += %D%/terminal.sh
TESTS += %D%/units.sh
TESTS += %D%/usage.sh

EXTRA_DIST += %D%/addresses.sh
EXTRA_DIST += %D%/catalogue-contents.sh
EXTRA_DIST += %D%/catalogue-warnings.sh
EXTRA_DIST += %D%/cron.sh
EXTRA_DIST += %D%/directories.sh
EXTRA_DIST += %D%/file-kinds.sh
EXTRA_DIST += %D%/images-within-reach.sh
EXTRA_DIST += %D%/installation.sh
EXTRA_DIST += %D%/journal.sh
EXTRA_DIST += %D%/locks.sh
EXTRA_DIST += %D%/logins.sh
EXTRA_DIST += %D%/mutants.sh
EXTRA_DIST += %D%/mutants/does-not-flush-an-image.patch
EXTRA_DIST += %D%/mutants/does-not-flush-the-catalogue.patch
EXTRA_DIST += %D%/mutants/does-not-flush-the-history.patch
EXTRA_DIST += %D%/mutants/does-not-flush-what-it-renames.patch
EXTRA_DIST += %D%/mutants/fetches-a-short-last-block.patch
EXTRA_DIST += %D%/mutants/forbids-fragments.patch
EXTRA_DIST += %D%/mutants/forgets-what-nobody-answered.patch
EXTRA_DIST += %D%/mutants/ignores-the-raised-minimum.patch
EXTRA_DIST += %D%/mutants/ignores-the-recorded-floor.patch
EXTRA_DIST += %D%/mutants/inquires-all-the-same.patch
EXTRA_DIST += %D%/mutants/judges-a-block-by-what-was-read-before.patch
EXTRA_DIST += %D%/mutants/lets-everybody-write.patch
EXTRA_DIST += %D%/mutants/looks-at-the-first-mib-only.patch
EXTRA_DIST += %D%/mutants/reads-kib-as-kb.patch
EXTRA_DIST += %D%/mutants/rolls-back-what-was-judged-before.patch
EXTRA_DIST += %D%/mutants/rolls-back-what-was-just-confirmed.patch
EXTRA_DIST += %D%/mutants/says-1-for-an-interruption.patch
EXTRA_DIST += %D%/mutants/takes-half-of-a-reload.patch
EXTRA_DIST += %D%/network-errors.sh
EXTRA_DIST += %D%/no-broadcast.sh
EXTRA_DIST += %D%/numbers.sh
EXTRA_DIST += %D%/offers.sh
EXTRA_DIST += %D%/output-files.sh
EXTRA_DIST += %D%/packages.sh
EXTRA_DIST += %D%/path-mtu.sh
EXTRA_DIST += %D%/reload.sh
EXTRA_DIST += %D%/secrets.sh
EXTRA_DIST += %D%/service.sh
EXTRA_DIST += %D%/signals.sh
EXTRA_DIST += %D%/slots.sh
EXTRA_DIST += %D%/stopped-readers.sh
EXTRA_DIST += %D%/terminal.sh
EXTRA_DIST += %D%/units.sh
EXTRA_DIST += %D%/usage.sh

# A terminal that reads its own screen.
check_PROGRAMS += %D%/screen
%C%_screen_SOURCES = %D%/screen.cpp
%C%_screen_LDADD = -lutil

# A journal that prints what it gets.
check_PROGRAMS += %D%/journal
%C%_journal_SOURCES = %D%/journal.cpp
