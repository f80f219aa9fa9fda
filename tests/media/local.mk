# SPDX-License-Identifier: GPL-3.0-or-later
# tests/media: whole programs over links that are no network, on pseudo-terminals.  One a line:
#   MEDIA_TESTS += %D%/icmb.sh

MEDIA_TESTS =
MEDIA_TESTS += %D%/block-devices.sh
MEDIA_TESTS += %D%/efficiency.sh
MEDIA_TESTS += %D%/first-time.sh
MEDIA_TESTS += %D%/icmb-via.sh
MEDIA_TESTS += %D%/icmb.sh
MEDIA_TESTS += %D%/line-settings.sh
MEDIA_TESTS += %D%/together.sh

TESTS += $(MEDIA_TESTS)
EXTRA_DIST += $(MEDIA_TESTS)
EXTRA_DIST += %D%/common.sh

# A BMC with LAN and a channel on an emulated bus.
check_PROGRAMS += %D%/bridging_bmc
%C%_bridging_bmc_SOURCES =
%C%_bridging_bmc_SOURCES += %D%/bridging_bmc.cpp
%C%_bridging_bmc_SOURCES += %D%/system_interface.cpp
%C%_bridging_bmc_SOURCES += %D%/system_interface.hpp
%C%_bridging_bmc_LDADD = $(SESSION_LIBS) $(TRANSPORT_LIBS)
