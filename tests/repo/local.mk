# SPDX-License-Identifier: GPL-3.0-or-later
# tests/repo: the repository checks itself.  One script a line.

REPO_TESTS =

TESTS += $(REPO_TESTS)
EXTRA_DIST += $(REPO_TESTS)
