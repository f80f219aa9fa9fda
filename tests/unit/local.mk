# SPDX-License-Identifier: GPL-3.0-or-later
# tests/unit: GoogleTest, one program a library, in folders named like those of lib.  To add a file to
# a program, add its line.
#   UNIT_TESTS += %D%/base_test
#   %C%_base_test_SOURCES =
#   %C%_base_test_SOURCES += %D%/base/base_test.cpp
#   %C%_base_test_LDADD = $(BASE_LIBS) $(GTEST_LIBS)
# The variables such as BASE_LIBS are in Makefile.am; every program has GTEST_LIBS last.

if HAVE_GTEST

UNIT_TESTS += %D%/base_test
%C%_base_test_SOURCES =
%C%_base_test_SOURCES += %D%/base/address_test.cpp
%C%_base_test_SOURCES += %D%/base/base_test.cpp
%C%_base_test_SOURCES += %D%/base/parse_test.cpp
%C%_base_test_LDADD = $(BASE_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/donor_test
%C%_donor_test_SOURCES =
%C%_donor_test_SOURCES += %D%/donor/catalogue_test.cpp
%C%_donor_test_SOURCES += %D%/donor/command_test.cpp
%C%_donor_test_SOURCES += %D%/donor/directory_test.cpp
%C%_donor_test_SOURCES += %D%/donor/lease_test.cpp
%C%_donor_test_SOURCES += %D%/donor/link_test.cpp
%C%_donor_test_SOURCES += %D%/donor/offer_test.cpp
%C%_donor_test_SOURCES += %D%/donor/random_test.cpp
%C%_donor_test_SOURCES += %D%/donor/review_test.cpp
%C%_donor_test_SOURCES += %D%/donor/stream_test.cpp
%C%_donor_test_LDADD = $(DONOR_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/facade_test
%C%_facade_test_SOURCES =
%C%_facade_test_SOURCES += %D%/facade/facade_test.cpp
%C%_facade_test_SOURCES += %D%/facade/names_test.cpp
%C%_facade_test_SOURCES += %D%/facade/recipient_test.cpp
%C%_facade_test_SOURCES += tests/support/io_fault.cpp
%C%_facade_test_LDADD = $(FACADE_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/flash_test
%C%_flash_test_SOURCES =
%C%_flash_test_SOURCES += %D%/flash/contents_test.cpp
%C%_flash_test_SOURCES += %D%/flash/history_test.cpp
%C%_flash_test_SOURCES += %D%/flash/record_test.cpp
%C%_flash_test_SOURCES += %D%/flash/slot_test.cpp
%C%_flash_test_SOURCES += %D%/flash/slots_test.cpp
%C%_flash_test_SOURCES += %D%/flash/state_test.cpp
%C%_flash_test_SOURCES += %D%/flash/storage_test.cpp
%C%_flash_test_SOURCES += tests/support/io_fault.cpp
%C%_flash_test_LDADD = $(FLASH_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/freeipmi_test
%C%_freeipmi_test_SOURCES =
%C%_freeipmi_test_SOURCES += %D%/session/freeipmi_test.cpp
%C%_freeipmi_test_SOURCES += %D%/wire/freeipmi_test.cpp
%C%_freeipmi_test_LDADD = $(SESSION_LIBS) $(FREEIPMI_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/image_test
%C%_image_test_SOURCES =
%C%_image_test_SOURCES += %D%/image/hash_tree_test.cpp
%C%_image_test_SOURCES += %D%/image/manifest_test.cpp
%C%_image_test_SOURCES += %D%/image/signature_test.cpp
%C%_image_test_SOURCES += %D%/image/versions_test.cpp
%C%_image_test_LDADD = $(IMAGE_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/link_test
%C%_link_test_SOURCES =
%C%_link_test_SOURCES += %D%/link/address_test.cpp
%C%_link_test_SOURCES += %D%/link/basic_mode_test.cpp
%C%_link_test_SOURCES += %D%/link/bridge_test.cpp
%C%_link_test_SOURCES += %D%/link/bus_test.cpp
%C%_link_test_SOURCES += %D%/link/peers_test.cpp
%C%_link_test_SOURCES += %D%/link/talker_test.cpp
%C%_link_test_LDADD = $(LINK_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/oem_test
%C%_oem_test_SOURCES =
%C%_oem_test_SOURCES += %D%/oem/donor_query_fixture.hpp
%C%_oem_test_SOURCES += %D%/oem/donor_query_test.cpp
%C%_oem_test_SOURCES += %D%/oem/donor_test.cpp
%C%_oem_test_SOURCES += %D%/oem/fixture.hpp
%C%_oem_test_SOURCES += %D%/oem/icmb_bridge_test.cpp
%C%_oem_test_SOURCES += %D%/oem/oem_test.cpp
%C%_oem_test_LDADD = $(OEM_LIBS) $(DONOR_LIBS) $(GTEST_LIBS) -lpthread

UNIT_TESTS += %D%/policy_test
%C%_policy_test_SOURCES =
%C%_policy_test_SOURCES += %D%/policy/fixture.hpp
%C%_policy_test_SOURCES += %D%/policy/health_test.cpp
%C%_policy_test_SOURCES += %D%/policy/judge_test.cpp
%C%_policy_test_SOURCES += %D%/policy/rank_test.cpp
%C%_policy_test_LDADD = $(POLICY_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/recipient_test
%C%_recipient_test_SOURCES =
%C%_recipient_test_SOURCES += %D%/recipient/discovery_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient/faults_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient/liars_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient/links_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient/pace_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient/recovery_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient/table_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient/transfer_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient/walk_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient/window_test.cpp
%C%_recipient_test_LDADD = lib/donor/libdonor.la $(RECIPIENT_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/recipient_media_test
%C%_recipient_media_test_SOURCES =
%C%_recipient_media_test_SOURCES += %D%/recipient/forgery_test.cpp
%C%_recipient_media_test_SOURCES += %D%/recipient/media_forgery_test.cpp
%C%_recipient_media_test_SOURCES += %D%/recipient/media_rig.hpp
%C%_recipient_media_test_SOURCES += %D%/recipient/media_test.cpp
%C%_recipient_media_test_SOURCES += %D%/recipient/no_room_test.cpp
%C%_recipient_media_test_LDADD = lib/donor/libdonor.la lib/link/liblink.la $(RECIPIENT_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/session_test
%C%_session_test_SOURCES =
%C%_session_test_SOURCES += %D%/session/channel_test.cpp
%C%_session_test_SOURCES += %D%/session/commands_test.cpp
%C%_session_test_SOURCES += %D%/session/fixture.hpp
%C%_session_test_SOURCES += %D%/session/hand.hpp
%C%_session_test_SOURCES += %D%/session/keys_test.cpp
%C%_session_test_SOURCES += %D%/session/limits_test.cpp
%C%_session_test_SOURCES += %D%/session/login_test.cpp
%C%_session_test_SOURCES += %D%/session/plain_client_test.cpp
%C%_session_test_SOURCES += %D%/session/plain_server_test.cpp
%C%_session_test_SOURCES += %D%/session/server_test.cpp
%C%_session_test_SOURCES += %D%/session/session_test.cpp
%C%_session_test_LDADD = $(SESSION_LIBS) $(FREEIPMI_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/settings_test
%C%_settings_test_SOURCES =
%C%_settings_test_SOURCES += %D%/settings/media_test.cpp
%C%_settings_test_SOURCES += %D%/settings/settings_test.cpp
%C%_settings_test_LDADD = $(SETTINGS_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/transport_test
%C%_transport_test_SOURCES =
%C%_transport_test_SOURCES += %D%/bluetooth/record_keeper_test.cpp
%C%_transport_test_SOURCES += %D%/bluetooth/rfcomm_test.cpp
%C%_transport_test_SOURCES += %D%/bluetooth/sdp_test.cpp
%C%_transport_test_SOURCES += %D%/transport/basic_mode_test.cpp
%C%_transport_test_SOURCES += %D%/transport/hosts_test.cpp
%C%_transport_test_SOURCES += %D%/transport/loop_test.cpp
%C%_transport_test_SOURCES += %D%/transport/memory_test.cpp
%C%_transport_test_SOURCES += %D%/transport/resolver_test.cpp
%C%_transport_test_SOURCES += %D%/transport/serial_test.cpp
%C%_transport_test_LDADD = lib/diagnose/libdiagnose.la $(RFCOMM_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/wire_test
%C%_wire_test_SOURCES =
%C%_wire_test_SOURCES += %D%/wire/basic_mode_test.cpp
%C%_wire_test_SOURCES += %D%/wire/icmb_test.cpp
%C%_wire_test_SOURCES += %D%/wire/ipmi_test.cpp
%C%_wire_test_SOURCES += %D%/wire/oem_test.cpp
%C%_wire_test_SOURCES += %D%/wire/rakp_test.cpp
%C%_wire_test_SOURCES += %D%/wire/random_test.cpp
%C%_wire_test_SOURCES += %D%/wire/rmcp_stream_test.cpp
%C%_wire_test_SOURCES += %D%/wire/rmcp_test.cpp
%C%_wire_test_SOURCES += %D%/wire/stream_test.cpp
%C%_wire_test_SOURCES += %D%/wire/tables_test.cpp
%C%_wire_test_LDADD = $(WIRE_LIBS) $(GTEST_LIBS)

endif

check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
