# SPDX-License-Identifier: GPL-3.0-or-later
# tests/hostile: crafted packets against a live fwdonord.  The programs that it starts come from the
# environment that "make check" sets.

HOSTILE_TESTS =

if HAVE_GTEST

HOSTILE_TESTS += %D%/hostile_test
%C%_hostile_test_SOURCES =
%C%_hostile_test_SOURCES += %D%/donor_process.cpp
%C%_hostile_test_SOURCES += %D%/donor_process.hpp
%C%_hostile_test_SOURCES += %D%/flood.cpp
%C%_hostile_test_SOURCES += %D%/flood.hpp
%C%_hostile_test_SOURCES += %D%/flood_test.cpp
%C%_hostile_test_SOURCES += %D%/framing_test.cpp
%C%_hostile_test_SOURCES += %D%/handshake_test.cpp
%C%_hostile_test_SOURCES += %D%/hostile_fixture.cpp
%C%_hostile_test_SOURCES += %D%/hostile_fixture.hpp
%C%_hostile_test_SOURCES += %D%/intruder.cpp
%C%_hostile_test_SOURCES += %D%/intruder.hpp
%C%_hostile_test_SOURCES += %D%/limits_test.cpp
%C%_hostile_test_SOURCES += %D%/payload_type_test.cpp
%C%_hostile_test_SOURCES += %D%/peer.cpp
%C%_hostile_test_SOURCES += %D%/peer.hpp
%C%_hostile_test_SOURCES += %D%/privilege_test.cpp
%C%_hostile_test_SOURCES += %D%/sessionless_test.cpp
%C%_hostile_test_SOURCES += %D%/suite_test.cpp
%C%_hostile_test_SOURCES += %D%/traffic_test.cpp
%C%_hostile_test_LDADD = lib/image/libimage.la $(SESSION_LIBS) $(GTEST_LIBS) -lpthread

endif

check_PROGRAMS += $(HOSTILE_TESTS)
TESTS += $(HOSTILE_TESTS)
