# SPDX-License-Identifier: GPL-3.0-or-later
# tests/interop: whole programs and stock clients, as shell scripts on tests/lib.sh.  One a line:
#   INTEROP_TESTS += %D%/ipmitool-session.sh
# Helper files that are not tests: EXTRA_DIST += %D%/common.sh

INTEROP_TESTS =
INTEROP_TESTS += %D%/contrib.sh
INTEROP_TESTS += %D%/daemon.sh
INTEROP_TESTS += %D%/demo.sh
INTEROP_TESTS += %D%/failures-of-content.sh
INTEROP_TESTS += %D%/failures-of-donors.sh
INTEROP_TESTS += %D%/failures-of-this-system.sh
INTEROP_TESTS += %D%/fwdiag.sh
INTEROP_TESTS += %D%/fwdonor.sh
INTEROP_TESTS += %D%/icmb.sh
INTEROP_TESTS += %D%/install.sh
INTEROP_TESTS += %D%/json.sh
INTEROP_TESTS += %D%/kill.sh
INTEROP_TESTS += %D%/lab-boards.sh
INTEROP_TESTS += %D%/lab-script.sh
INTEROP_TESTS += %D%/links.sh
INTEROP_TESTS += %D%/names.sh
INTEROP_TESTS += %D%/namespaces.sh
INTEROP_TESTS += %D%/old-and-new.sh
INTEROP_TESTS += %D%/oracles.sh
INTEROP_TESTS += %D%/readme.sh
INTEROP_TESTS += %D%/serial-basic.sh
INTEROP_TESTS += %D%/stock-clients.sh
INTEROP_TESTS += %D%/streams.sh
INTEROP_TESTS += %D%/unattended.sh

TESTS += $(INTEROP_TESTS)
EXTRA_DIST += $(INTEROP_TESTS)
EXTRA_DIST += %D%/common.sh

# A serial cable of pseudo-terminals.
check_PROGRAMS += %D%/null_modem
%C%_null_modem_SOURCES = %D%/null_modem.cpp
