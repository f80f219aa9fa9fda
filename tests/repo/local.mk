# SPDX-License-Identifier: GPL-3.0-or-later
# tests/repo: the repository checks itself.  One script a line.

REPO_TESTS =
REPO_TESTS += %D%/arm.sh
REPO_TESTS += %D%/completion.sh
REPO_TESTS += %D%/contracts.sh
REPO_TESTS += %D%/distribution.sh
REPO_TESTS += %D%/documents.sh
REPO_TESTS += %D%/expected-failure.sh
REPO_TESTS += %D%/faults-table.sh
REPO_TESTS += %D%/format.sh
REPO_TESTS += %D%/harness.sh
REPO_TESTS += %D%/include-directions.sh
REPO_TESTS += %D%/installed-interface.sh
REPO_TESTS += %D%/man-pages.sh
REPO_TESTS += %D%/mandoc.sh
REPO_TESTS += %D%/no-io-symbols.sh
REPO_TESTS += %D%/order-inside.sh
REPO_TESTS += %D%/pimpls.sh
REPO_TESTS += %D%/promises.sh
REPO_TESTS += %D%/settings.sh
REPO_TESTS += %D%/tidy.sh
REPO_TESTS += %D%/unused.sh
REPO_TESTS += %D%/words.sh

TESTS += $(REPO_TESTS)
XFAIL_TESTS += %D%/expected-failure.sh
EXTRA_DIST += $(REPO_TESTS)
EXTRA_DIST += %D%/common.sh
EXTRA_DIST += %D%/json-contract.awk
EXTRA_DIST += %D%/long.txt
EXTRA_DIST += %D%/words-in-code.txt
