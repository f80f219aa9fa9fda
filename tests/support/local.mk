# SPDX-License-Identifier: GPL-3.0-or-later
# tests/support: fixtures that tests of several kinds share, found as "support/NAME.hpp".
# A fixture that only one program uses stays beside it.
EXTRA_DIST += %D%/bus_rig.hpp
EXTRA_DIST += %D%/donor_fixture.hpp
EXTRA_DIST += %D%/freeipmi_fixture.hpp
EXTRA_DIST += %D%/hex.hpp
EXTRA_DIST += %D%/io_fault.hpp
EXTRA_DIST += %D%/memory_catalogue.hpp
EXTRA_DIST += %D%/memory_slots.hpp
EXTRA_DIST += %D%/pty.hpp
EXTRA_DIST += %D%/random.hpp
EXTRA_DIST += %D%/recovery_rig.hpp
EXTRA_DIST += %D%/scratch_directory.hpp
EXTRA_DIST += %D%/sim_link.hpp
EXTRA_DIST += %D%/stock_tool.hpp
EXTRA_DIST += %D%/test_signer.hpp
