# SPDX-License-Identifier: GPL-3.0-or-later
# tests/unit: GoogleTest, one program a library.  To add a file to a program, add its line.
#   UNIT_TESTS += %D%/base_test
#   %C%_base_test_SOURCES =
#   %C%_base_test_SOURCES += %D%/base_test.cpp
#   %C%_base_test_LDADD = $(BASE_LIBS) $(GTEST_LIBS)
# The variables such as BASE_LIBS are in Makefile.am; every program has GTEST_LIBS last.

if HAVE_GTEST

UNIT_TESTS += %D%/base_test
%C%_base_test_SOURCES =
%C%_base_test_SOURCES += %D%/base_address_test.cpp
%C%_base_test_SOURCES += %D%/base_parse_test.cpp
%C%_base_test_SOURCES += %D%/base_test.cpp
%C%_base_test_SOURCES += %D%/hex.hpp
%C%_base_test_LDADD = $(BASE_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/donor_test
%C%_donor_test_SOURCES =
%C%_donor_test_SOURCES += %D%/donor_catalogue_test.cpp
%C%_donor_test_SOURCES += %D%/donor_command_test.cpp
%C%_donor_test_SOURCES += %D%/donor_directory_test.cpp
%C%_donor_test_SOURCES += %D%/donor_fixture.hpp
%C%_donor_test_SOURCES += %D%/donor_lease_test.cpp
%C%_donor_test_SOURCES += %D%/donor_link_test.cpp
%C%_donor_test_SOURCES += %D%/donor_offer_test.cpp
%C%_donor_test_SOURCES += %D%/donor_random_test.cpp
%C%_donor_test_SOURCES += %D%/donor_review_test.cpp
%C%_donor_test_SOURCES += %D%/donor_stream_test.cpp
%C%_donor_test_SOURCES += %D%/stock_tool.hpp
%C%_donor_test_LDADD = $(DONOR_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/facade_test
%C%_facade_test_SOURCES =
%C%_facade_test_SOURCES += %D%/facade_test.cpp
%C%_facade_test_SOURCES += %D%/facade_recipient_test.cpp
%C%_facade_test_SOURCES += %D%/io_fault.cpp
%C%_facade_test_SOURCES += %D%/io_fault.hpp
%C%_facade_test_SOURCES += %D%/media_settings_test.cpp
%C%_facade_test_SOURCES += %D%/scratch_directory.hpp
%C%_facade_test_SOURCES += %D%/settings_test.cpp
%C%_facade_test_SOURCES += %D%/test_signer.hpp
%C%_facade_test_LDADD = $(FACADE_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/flash_test
%C%_flash_test_SOURCES =
%C%_flash_test_SOURCES += %D%/flash_contents_test.cpp
%C%_flash_test_SOURCES += %D%/flash_history_test.cpp
%C%_flash_test_SOURCES += %D%/flash_record_test.cpp
%C%_flash_test_SOURCES += %D%/flash_slot_test.cpp
%C%_flash_test_SOURCES += %D%/flash_state_test.cpp
%C%_flash_test_SOURCES += %D%/flash_storage_test.cpp
%C%_flash_test_SOURCES += %D%/io_fault.cpp
%C%_flash_test_SOURCES += %D%/io_fault.hpp
%C%_flash_test_SOURCES += %D%/memory_slots.hpp
%C%_flash_test_SOURCES += %D%/scratch_directory.hpp
%C%_flash_test_LDADD = $(FLASH_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/freeipmi_test
%C%_freeipmi_test_SOURCES =
%C%_freeipmi_test_SOURCES += %D%/freeipmi_fixture.hpp
%C%_freeipmi_test_SOURCES += %D%/freeipmi_session_test.cpp
%C%_freeipmi_test_SOURCES += %D%/freeipmi_wire_test.cpp
%C%_freeipmi_test_LDADD = $(SESSION_LIBS) $(FREEIPMI_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/image_test
%C%_image_test_SOURCES =
%C%_image_test_SOURCES += %D%/image_hash_tree_test.cpp
%C%_image_test_SOURCES += %D%/image_manifest_test.cpp
%C%_image_test_SOURCES += %D%/image_signature_test.cpp
%C%_image_test_SOURCES += %D%/image_versions_test.cpp
%C%_image_test_SOURCES += %D%/stock_tool.hpp
%C%_image_test_LDADD = $(IMAGE_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/link_test
%C%_link_test_SOURCES =
%C%_link_test_SOURCES += %D%/bus_rig.hpp
%C%_link_test_SOURCES += %D%/link_address_test.cpp
%C%_link_test_SOURCES += %D%/link_basic_mode_test.cpp
%C%_link_test_SOURCES += %D%/link_bridge_test.cpp
%C%_link_test_SOURCES += %D%/link_bus_test.cpp
%C%_link_test_SOURCES += %D%/link_peers_test.cpp
%C%_link_test_SOURCES += %D%/link_talker_test.cpp
%C%_link_test_LDADD = $(LINK_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/oem_test
%C%_oem_test_SOURCES =
%C%_oem_test_SOURCES += %D%/donor_fixture.hpp
%C%_oem_test_SOURCES += %D%/donor_query_fixture.hpp
%C%_oem_test_SOURCES += %D%/donor_query_test.cpp
%C%_oem_test_SOURCES += %D%/freeipmi_fixture.hpp
%C%_oem_test_SOURCES += %D%/icmb_bridge_test.cpp
%C%_oem_test_SOURCES += %D%/oem_donor_test.cpp
%C%_oem_test_SOURCES += %D%/oem_fixture.hpp
%C%_oem_test_SOURCES += %D%/oem_test.cpp
%C%_oem_test_LDADD = $(OEM_LIBS) $(DONOR_LIBS) $(GTEST_LIBS) -lpthread

UNIT_TESTS += %D%/policy_test
%C%_policy_test_SOURCES =
%C%_policy_test_SOURCES += %D%/policy_fixture.hpp
%C%_policy_test_SOURCES += %D%/policy_health_test.cpp
%C%_policy_test_SOURCES += %D%/policy_judge_test.cpp
%C%_policy_test_SOURCES += %D%/policy_rank_test.cpp
%C%_policy_test_LDADD = $(POLICY_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/recipient_test
%C%_recipient_test_SOURCES =
%C%_recipient_test_SOURCES += %D%/memory_slots.hpp
%C%_recipient_test_SOURCES += %D%/recipient_discovery_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient_faults_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient_liars_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient_links_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient_pace_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient_recovery_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient_table_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient_transfer_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient_walk_test.cpp
%C%_recipient_test_SOURCES += %D%/recipient_window_test.cpp
%C%_recipient_test_SOURCES += %D%/recovery_rig.hpp
%C%_recipient_test_SOURCES += %D%/sim_link.hpp
%C%_recipient_test_SOURCES += %D%/test_signer.hpp
%C%_recipient_test_LDADD = lib/donor/libdonor.la $(RECIPIENT_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/recipient_media_test
%C%_recipient_media_test_SOURCES =
%C%_recipient_media_test_SOURCES += %D%/bus_rig.hpp
%C%_recipient_media_test_SOURCES += %D%/media_forgery_test.cpp
%C%_recipient_media_test_SOURCES += %D%/media_rig.hpp
%C%_recipient_media_test_SOURCES += %D%/memory_slots.hpp
%C%_recipient_media_test_SOURCES += %D%/recipient_forgery_test.cpp
%C%_recipient_media_test_SOURCES += %D%/recipient_media_test.cpp
%C%_recipient_media_test_SOURCES += %D%/recipient_no_room_test.cpp
%C%_recipient_media_test_SOURCES += %D%/recovery_rig.hpp
%C%_recipient_media_test_SOURCES += %D%/sim_link.hpp
%C%_recipient_media_test_SOURCES += %D%/test_signer.hpp
%C%_recipient_media_test_LDADD = lib/donor/libdonor.la lib/link/liblink.la $(RECIPIENT_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/session_test
%C%_session_test_SOURCES =
%C%_session_test_SOURCES += %D%/session_channel_test.cpp
%C%_session_test_SOURCES += %D%/session_commands_test.cpp
%C%_session_test_SOURCES += %D%/session_fixture.hpp
%C%_session_test_SOURCES += %D%/session_hand.hpp
%C%_session_test_SOURCES += %D%/session_keys_test.cpp
%C%_session_test_SOURCES += %D%/session_limits_test.cpp
%C%_session_test_SOURCES += %D%/session_login_test.cpp
%C%_session_test_SOURCES += %D%/session_plain_client_test.cpp
%C%_session_test_SOURCES += %D%/session_plain_server_test.cpp
%C%_session_test_SOURCES += %D%/session_server_test.cpp
%C%_session_test_SOURCES += %D%/session_test.cpp
%C%_session_test_LDADD = $(SESSION_LIBS) $(FREEIPMI_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/transport_test
%C%_transport_test_SOURCES =
%C%_transport_test_SOURCES += %D%/scratch_directory.hpp
%C%_transport_test_SOURCES += %D%/transport_basic_mode_test.cpp
%C%_transport_test_SOURCES += %D%/transport_hosts_test.cpp
%C%_transport_test_SOURCES += %D%/transport_loop_test.cpp
%C%_transport_test_SOURCES += %D%/transport_memory_test.cpp
%C%_transport_test_SOURCES += %D%/transport_record_keeper_test.cpp
%C%_transport_test_SOURCES += %D%/transport_resolver_test.cpp
%C%_transport_test_SOURCES += %D%/transport_rfcomm_test.cpp
%C%_transport_test_SOURCES += %D%/transport_sdp_test.cpp
%C%_transport_test_SOURCES += %D%/transport_serial_test.cpp
%C%_transport_test_LDADD = $(TRANSPORT_LIBS) $(GTEST_LIBS)

UNIT_TESTS += %D%/wire_test
%C%_wire_test_SOURCES =
%C%_wire_test_SOURCES += %D%/hex.hpp
%C%_wire_test_SOURCES += %D%/wire_basic_mode_test.cpp
%C%_wire_test_SOURCES += %D%/wire_icmb_test.cpp
%C%_wire_test_SOURCES += %D%/wire_ipmi_test.cpp
%C%_wire_test_SOURCES += %D%/wire_oem_test.cpp
%C%_wire_test_SOURCES += %D%/wire_rakp_test.cpp
%C%_wire_test_SOURCES += %D%/wire_random_test.cpp
%C%_wire_test_SOURCES += %D%/wire_rmcp_stream_test.cpp
%C%_wire_test_SOURCES += %D%/wire_rmcp_test.cpp
%C%_wire_test_SOURCES += %D%/wire_stream_test.cpp
%C%_wire_test_SOURCES += %D%/wire_tables_test.cpp
%C%_wire_test_LDADD = $(WIRE_LIBS) $(GTEST_LIBS)

endif

check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
