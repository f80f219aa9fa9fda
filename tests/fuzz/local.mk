# SPDX-License-Identifier: GPL-3.0-or-later
# tests/fuzz: libFuzzer programs, in a build with --enable-fuzzing.  One for a group of decoders or
# for a machine: NAME_fuzz.cpp, and corpus/NAME.  To add one, add these lines and its corpus:
#   FUZZ_TARGETS += %D%/framing.fuzz
#   %C%_framing_fuzz_SOURCES = %D%/framing_fuzz.cpp %D%/fuzz.hpp
#   %C%_framing_fuzz_LDADD = $(WIRE_LIBS)
#   %C%_framing_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

if ENABLE_FUZZING

FUZZ_TARGETS += %D%/basic_mode.fuzz
%C%_basic_mode_fuzz_SOURCES = %D%/basic_mode_fuzz.cpp %D%/fuzz.hpp
%C%_basic_mode_fuzz_LDADD = $(LINK_LIBS)
%C%_basic_mode_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += %D%/donor.fuzz
%C%_donor_fuzz_SOURCES = %D%/donor_fuzz.cpp %D%/fuzz.hpp %D%/session_peer.hpp
%C%_donor_fuzz_LDADD = $(DONOR_LIBS)
%C%_donor_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += %D%/framing.fuzz
%C%_framing_fuzz_SOURCES = %D%/framing_fuzz.cpp %D%/fuzz.hpp
%C%_framing_fuzz_LDADD = $(WIRE_LIBS)
%C%_framing_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += %D%/icmb.fuzz
%C%_icmb_fuzz_SOURCES = %D%/icmb_fuzz.cpp %D%/fuzz.hpp
%C%_icmb_fuzz_LDADD = $(LINK_LIBS)
%C%_icmb_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += %D%/manifest.fuzz
%C%_manifest_fuzz_SOURCES = %D%/manifest_fuzz.cpp %D%/fuzz.hpp
%C%_manifest_fuzz_LDADD = $(POLICY_LIBS)
%C%_manifest_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += %D%/messages.fuzz
%C%_messages_fuzz_SOURCES = %D%/messages_fuzz.cpp %D%/fuzz.hpp %D%/layout_codecs.hpp
%C%_messages_fuzz_LDADD = $(SESSION_LIBS)
%C%_messages_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += %D%/oem.fuzz
%C%_oem_fuzz_SOURCES = %D%/oem_fuzz.cpp %D%/fuzz.hpp
%C%_oem_fuzz_LDADD = $(OEM_LIBS)
%C%_oem_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += %D%/plain.fuzz
%C%_plain_fuzz_SOURCES = %D%/plain_fuzz.cpp %D%/fuzz.hpp
%C%_plain_fuzz_LDADD = $(DONOR_LIBS)
%C%_plain_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += %D%/recipient.fuzz
%C%_recipient_fuzz_SOURCES = %D%/recipient_fuzz.cpp %D%/fuzz.hpp %D%/layout_codecs.hpp %D%/recipient_liar.hpp
%C%_recipient_fuzz_LDADD = lib/donor/libdonor.la $(RECIPIENT_LIBS)
%C%_recipient_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += %D%/rmcp_stream.fuzz
%C%_rmcp_stream_fuzz_SOURCES = %D%/rmcp_stream_fuzz.cpp %D%/fuzz.hpp
%C%_rmcp_stream_fuzz_LDADD = $(WIRE_LIBS)
%C%_rmcp_stream_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += %D%/server.fuzz
%C%_server_fuzz_SOURCES = %D%/server_fuzz.cpp %D%/fuzz.hpp %D%/session_peer.hpp
%C%_server_fuzz_LDADD = $(SESSION_LIBS)
%C%_server_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += %D%/settings.fuzz
%C%_settings_fuzz_SOURCES = %D%/settings_fuzz.cpp %D%/fuzz.hpp
%C%_settings_fuzz_LDADD = $(FACADE_LIBS)
%C%_settings_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += %D%/signature.fuzz
%C%_signature_fuzz_SOURCES = %D%/signature_fuzz.cpp %D%/fuzz.hpp
%C%_signature_fuzz_LDADD = $(IMAGE_LIBS)
%C%_signature_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += %D%/state_record.fuzz
%C%_state_record_fuzz_SOURCES = %D%/state_record_fuzz.cpp %D%/fuzz.hpp
%C%_state_record_fuzz_LDADD = $(FLASH_LIBS)
%C%_state_record_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

endif

check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(FUZZ_TARGETS)
EXTRA_DIST += %D%/run.sh %D%/corpus
