# SPDX-License-Identifier: GPL-3.0-or-later
# tests/soak: one donor under a crowd of recipients.

check_PROGRAMS += %D%/soak
%C%_soak_SOURCES =
%C%_soak_SOURCES += %D%/client.cpp
%C%_soak_SOURCES += %D%/client.hpp
%C%_soak_SOURCES += %D%/soak.cpp
%C%_soak_LDADD = $(RECIPIENT_LIBS) $(TRANSPORT_LIBS)

SOAK_TESTS =
SOAK_TESTS += %D%/soak.sh

TESTS += $(SOAK_TESTS)
EXTRA_DIST += $(SOAK_TESTS)
