# SPDX-License-Identifier: GPL-3.0-or-later
# tests/sim: the protocol machines under virtual time.  Programs go to UNIT_TESTS, as in
# tests/unit/local.mk, so that they run under the sanitizers too.
