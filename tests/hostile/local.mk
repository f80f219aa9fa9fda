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
%C%_hostile_test_SOURCES += %D%/forged_source_test.cpp
%C%_hostile_test_SOURCES += %D%/forger.cpp
%C%_hostile_test_SOURCES += %D%/forger.hpp
%C%_hostile_test_SOURCES += %D%/framing_test.cpp
%C%_hostile_test_SOURCES += %D%/handshake_test.cpp
%C%_hostile_test_SOURCES += %D%/hostile_fixture.cpp
%C%_hostile_test_SOURCES += %D%/hostile_fixture.hpp
%C%_hostile_test_SOURCES += %D%/insider_test.cpp
%C%_hostile_test_SOURCES += %D%/intruder.cpp
%C%_hostile_test_SOURCES += %D%/intruder.hpp
%C%_hostile_test_SOURCES += %D%/limits_test.cpp
%C%_hostile_test_SOURCES += %D%/lockout_test.cpp
%C%_hostile_test_SOURCES += %D%/payload_type_test.cpp
%C%_hostile_test_SOURCES += %D%/peer.cpp
%C%_hostile_test_SOURCES += %D%/peer.hpp
%C%_hostile_test_SOURCES += %D%/privilege_test.cpp
%C%_hostile_test_SOURCES += %D%/recovery.cpp
%C%_hostile_test_SOURCES += %D%/recovery.hpp
%C%_hostile_test_SOURCES += %D%/sessionless_test.cpp
%C%_hostile_test_SOURCES += %D%/stream_reader.cpp
%C%_hostile_test_SOURCES += %D%/stream_reader.hpp
%C%_hostile_test_SOURCES += %D%/suite_test.cpp
%C%_hostile_test_SOURCES += %D%/traffic_test.cpp
%C%_hostile_test_LDADD = lib/image/libimage.la lib/file/libfile.la $(SESSION_LIBS) $(GTEST_LIBS) -lpthread

HOSTILE_TESTS += %D%/liars_test
%C%_liars_test_SOURCES =
%C%_liars_test_SOURCES += %D%/donor_process.cpp
%C%_liars_test_SOURCES += %D%/donor_process.hpp
%C%_liars_test_SOURCES += %D%/forged_offers_test.cpp
%C%_liars_test_SOURCES += %D%/forger.cpp
%C%_liars_test_SOURCES += %D%/forger.hpp
%C%_liars_test_SOURCES += %D%/hostile_fixture.cpp
%C%_liars_test_SOURCES += %D%/hostile_fixture.hpp
%C%_liars_test_SOURCES += %D%/intruder.cpp
%C%_liars_test_SOURCES += %D%/intruder.hpp
%C%_liars_test_SOURCES += %D%/liars.cpp
%C%_liars_test_SOURCES += %D%/liars.hpp
%C%_liars_test_SOURCES += %D%/peer.cpp
%C%_liars_test_SOURCES += %D%/peer.hpp
%C%_liars_test_SOURCES += %D%/recovery.cpp
%C%_liars_test_SOURCES += %D%/recovery.hpp
%C%_liars_test_SOURCES += %D%/wiretap.cpp
%C%_liars_test_SOURCES += %D%/wiretap.hpp
%C%_liars_test_LDADD = lib/image/libimage.la lib/file/libfile.la $(SESSION_LIBS) $(GTEST_LIBS) -lpthread

endif

check_PROGRAMS += $(HOSTILE_TESTS)
TESTS += $(HOSTILE_TESTS)

TESTS += %D%/mutants.sh
EXTRA_DIST += %D%/mutants.sh
EXTRA_DIST += %D%/mutants/accepts-replays.patch
EXTRA_DIST += %D%/mutants/answers-more-than-it-was-asked.patch
EXTRA_DIST += %D%/mutants/answers-without-limit.patch
EXTRA_DIST += %D%/mutants/believes-claims-over-the-session.patch
EXTRA_DIST += %D%/mutants/believes-the-length-of-a-proof.patch
EXTRA_DIST += %D%/mutants/counts-forged-packets-for-their-owner.patch
EXTRA_DIST += %D%/mutants/forgets-sessions-at-a-forged-rakp-3.patch
EXTRA_DIST += %D%/mutants/gives-ids-to-any-address.patch
EXTRA_DIST += %D%/mutants/hears-a-session-from-anywhere.patch
EXTRA_DIST += %D%/mutants/hears-commands-before-rakp-3.patch
EXTRA_DIST += %D%/mutants/ignores-the-pad.patch
EXTRA_DIST += %D%/mutants/ignores-the-trailer.patch
EXTRA_DIST += %D%/mutants/ignores-trailing-bytes.patch
EXTRA_DIST += %D%/mutants/keeps-half-open-sessions.patch
EXTRA_DIST += %D%/mutants/keeps-sessions-alive-for-junk.patch
EXTRA_DIST += %D%/mutants/lets-anybody-guess.patch
EXTRA_DIST += %D%/mutants/lets-anyone-close-sessions.patch
EXTRA_DIST += %D%/mutants/moves-the-window-before-the-code.patch
EXTRA_DIST += %D%/mutants/opens-suite-0.patch
EXTRA_DIST += %D%/mutants/raises-any-privilege.patch
EXTRA_DIST += %D%/mutants/serves-whoever-knows-the-handle.patch
EXTRA_DIST += %D%/mutants/skips-the-authentication-code.patch
EXTRA_DIST += %D%/mutants/takes-any-authentication-type.patch
EXTRA_DIST += %D%/mutants/takes-plain-payloads.patch
EXTRA_DIST += %D%/mutants/tells-unknown-names.patch
