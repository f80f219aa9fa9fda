// SPDX-License-Identifier: GPL-3.0-or-later
// RMCP, IPMI v1.5 and RMCP+ packets against libfreeipmi: what it assembles we decode, and what we
// encode it takes apart.
#include <gtest/gtest.h>

#include "support/freeipmi_fixture.hpp"
#include "wire/rakp.hpp"
#include "wire/rmcp.hpp"

namespace fwr::test {
namespace {

constexpr std::uint32_t kConsoleSession = 0xa4a3a2a0;
constexpr std::uint32_t kManagedSession = 0x14131211;

/// Expects a packet of kind T.
template <class T>
T decode_as(const Bytes& packet) {
  const auto message = wire::decode_rmcp(packet);
  EXPECT_TRUE(message) << (message ? std::string() : message.error().message());
  if (!message || !std::holds_alternative<T>(*message)) {
    ADD_FAILURE() << "another kind of packet: " << to_hex(packet);
    return {};
  }
  return std::get<T>(*message);
}

TEST(FreeipmiPresence, ItsPingIsOurs) {
  const FiidObject header = make_object(tmpl_rmcp_hdr);
  const FiidObject ping = make_object(tmpl_cmd_asf_presence_ping);
  ASSERT_EQ(0, fill_rmcp_hdr_asf(header.get()));
  ASSERT_EQ(0, fill_cmd_asf_presence_ping(0x42, ping.get()));
  const Bytes packet = assembled([&](std::byte* out, unsigned int size) {
    return assemble_rmcp_pkt(header.get(), ping.get(), out, size, IPMI_INTERFACE_FLAGS_DEFAULT);
  });
  EXPECT_EQ(0x42, decode_as<wire::PresencePing>(packet).tag);
  EXPECT_EQ(to_hex(packet), to_hex(wire::encode(wire::PresencePing{0x42})));
}

TEST(FreeipmiPresence, ItUnderstandsOurPong) {
  wire::PresencePong pong;
  pong.tag = 0x42;
  const Bytes packet = wire::encode(pong);
  const FiidObject header = make_object(tmpl_rmcp_hdr);
  const FiidObject command = make_object(tmpl_cmd_asf_presence_pong);
  ASSERT_EQ(1, unassemble_rmcp_pkt(packet.data(), size_of(packet), header.get(), command.get(),
                                   IPMI_INTERFACE_FLAGS_DEFAULT));
  EXPECT_EQ(1, fiid_obj_packet_valid(command.get()));
  EXPECT_EQ(RMCP_ASF_MESSAGE_TYPE_PRESENCE_PONG, number(command, "message_type"));
  EXPECT_EQ(0x42U, number(command, "message_tag"));
  EXPECT_EQ(1U, number(command, "supported_entities.ipmi_supported"));
}

/// Get Channel Authentication Capabilities in IPMI v1.5 framing, as libfreeipmi sends it.
Bytes authentication_capabilities_packet(std::uint8_t sequence) {
  const FiidObject rmcp = make_object(tmpl_rmcp_hdr);
  const FiidObject session = make_object(tmpl_lan_session_hdr);
  const FiidObject message = make_object(tmpl_lan_msg_hdr_rq);
  const FiidObject command = make_object(tmpl_cmd_get_channel_authentication_capabilities_rq);
  EXPECT_EQ(0, fill_rmcp_hdr_ipmi(rmcp.get()));
  EXPECT_EQ(0, fill_lan_session_hdr(IPMI_AUTHENTICATION_TYPE_NONE, 0, 0, session.get()));
  EXPECT_EQ(0, fill_lan_msg_hdr(IPMI_SLAVE_ADDRESS_BMC, IPMI_NET_FN_APP_RQ, IPMI_BMC_IPMB_LUN_BMC,
                                sequence, message.get()));
  EXPECT_EQ(0, fill_cmd_get_channel_authentication_capabilities(
                   IPMI_CHANNEL_NUMBER_CURRENT_CHANNEL, IPMI_PRIVILEGE_LEVEL_USER,
                   IPMI_GET_IPMI_V20_EXTENDED_DATA, command.get()));
  return assembled([&](std::byte* out, unsigned int size) {
    return assemble_ipmi_lan_pkt(rmcp.get(), session.get(), message.get(), command.get(), nullptr,
                                 0, out, size, IPMI_INTERFACE_FLAGS_DEFAULT);
  });
}

TEST(FreeipmiLanPacket, ItsSessionlessRequestIsOurs) {
  const Bytes packet = authentication_capabilities_packet(0x2a);
  const auto v15 = decode_as<wire::SessionlessV15>(packet);
  const auto message = wire::decode_lan_message(v15.message);
  ASSERT_TRUE(message);
  EXPECT_EQ(wire::kBmcAddress, message->responder_address);
  EXPECT_EQ(wire::kRemoteConsoleAddress, message->requester_address);
  EXPECT_EQ(IPMI_NET_FN_APP_RQ, message->net_fn);
  EXPECT_EQ(0x2a, message->sequence);
  EXPECT_EQ(IPMI_CMD_GET_CHANNEL_AUTHENTICATION_CAPABILITIES, message->command);
  EXPECT_EQ("8e02", to_hex(message->data));
  EXPECT_EQ(to_hex(packet), to_hex(wire::encode(wire::SessionlessV15{wire::encode(*message)})));
}

TEST(FreeipmiLanPacket, ItUnderstandsOurSessionlessResponse) {
  const auto request = wire::decode_lan_message(
      decode_as<wire::SessionlessV15>(authentication_capabilities_packet(0x2a)).message);
  ASSERT_TRUE(request);
  const auto data = from_hex("0184040200000000", 8);
  ASSERT_TRUE(data);
  const Bytes packet = wire::encode(wire::SessionlessV15{
      wire::encode(wire::make_lan_response(*request, {wire::CompletionCode::Ok, *data}))});
  const FiidObject rmcp = make_object(tmpl_rmcp_hdr);
  const FiidObject session = make_object(tmpl_lan_session_hdr);
  const FiidObject message = make_object(tmpl_lan_msg_hdr_rs);
  const FiidObject command = make_object(tmpl_cmd_get_channel_authentication_capabilities_rs);
  const FiidObject trailer = make_object(tmpl_lan_msg_trlr);
  ASSERT_EQ(1, unassemble_ipmi_lan_pkt(packet.data(), size_of(packet), rmcp.get(), session.get(),
                                       message.get(), command.get(), trailer.get(),
                                       IPMI_INTERFACE_FLAGS_DEFAULT));
  EXPECT_EQ(1, ipmi_lan_check_net_fn(message.get(), IPMI_NET_FN_APP_RS));
  EXPECT_EQ(1, ipmi_lan_check_rq_seq(message.get(), 0x2a));
  EXPECT_EQ(1, ipmi_lan_check_checksum(message.get(), command.get(), trailer.get()));
  EXPECT_EQ(1, ipmi_check_completion_code_success(command.get()));
  EXPECT_EQ(1U, number(command, "channel_supports_ipmi_v2.0_connections"));
}

/// What RMCP+ packets without integrity and confidentiality need.
struct PlainPacket {
  FiidObject rmcp = make_object(tmpl_rmcp_hdr);
  FiidObject session = make_object(tmpl_rmcpplus_session_hdr);
  FiidObject payload = make_object(tmpl_rmcpplus_payload);
  FiidObject trailer = make_object(tmpl_rmcpplus_session_trlr);

  Bytes assemble(std::uint8_t payload_type, fiid_obj_t command) {
    EXPECT_EQ(0, fill_rmcp_hdr_ipmi(rmcp.get()));
    EXPECT_EQ(0,
              fill_rmcpplus_session_hdr(payload_type, IPMI_PAYLOAD_FLAG_UNAUTHENTICATED,
                                        IPMI_PAYLOAD_FLAG_UNENCRYPTED, 0, 0, 0, 0, session.get()));
    return assembled([&](std::byte* out, unsigned int size) {
      return assemble_ipmi_rmcpplus_pkt(
          IPMI_AUTHENTICATION_ALGORITHM_RAKP_NONE, IPMI_INTEGRITY_ALGORITHM_NONE,
          IPMI_CONFIDENTIALITY_ALGORITHM_NONE, nullptr, 0, nullptr, 0, nullptr, 0, rmcp.get(),
          session.get(), nullptr, command, trailer.get(), out, size, IPMI_INTERFACE_FLAGS_DEFAULT);
    });
  }
  /// Takes our packet of a response apart. 1 when it was complete.
  int take_apart(const Bytes& packet, std::uint8_t authentication, fiid_obj_t command) {
    return unassemble_ipmi_rmcpplus_pkt(
        authentication, IPMI_INTEGRITY_ALGORITHM_NONE, IPMI_CONFIDENTIALITY_ALGORITHM_NONE, nullptr,
        0, nullptr, 0, packet.data(), size_of(packet), rmcp.get(), session.get(), payload.get(),
        nullptr, command, nullptr, trailer.get(), IPMI_INTERFACE_FLAGS_DEFAULT);
  }
};

Bytes encode_response(wire::PayloadType type, ByteView payload) {
  wire::RmcpPlusHeader header;
  header.payload_type = static_cast<std::uint8_t>(type);
  return wire::encode_plain(header, payload);
}

ByteView payload_of(const Bytes& packet, wire::PayloadType type) {
  const auto decoded = decode_as<wire::RmcpPlusPacket>(packet);
  EXPECT_EQ(static_cast<std::uint8_t>(type), decoded.header.payload_type);
  EXPECT_FALSE(decoded.header.encrypted);
  EXPECT_FALSE(decoded.header.authenticated);
  EXPECT_EQ(0U, decoded.header.session_id);
  EXPECT_EQ(0U, decoded.header.sequence);
  return decoded.payload;
}

Nonce counting(std::uint8_t first) {
  Nonce nonce{};
  for (std::size_t i = 0; i < nonce.size(); ++i) nonce[i] = static_cast<std::byte>(first + i);
  return nonce;
}

constexpr std::size_t kRmcpHeader_bytes = 4;

TEST(FreeipmiSessionHeader, ItsHeaderOfAProtectedPacketIsOurs) {
  const FiidObject session = make_object(tmpl_rmcpplus_session_hdr);
  ASSERT_EQ(0, fill_rmcpplus_session_hdr(IPMI_PAYLOAD_TYPE_IPMI, IPMI_PAYLOAD_FLAG_AUTHENTICATED,
                                         IPMI_PAYLOAD_FLAG_ENCRYPTED, 0, 0, kManagedSession,
                                         0x0a0b0c0d, session.get()));
  ASSERT_EQ(0, fiid_obj_set(session.get(), "ipmi_payload_len", 0x0123));
  const wire::RmcpPlusHeader header{.encrypted = true,
                                    .authenticated = true,
                                    .session_id = kManagedSession,
                                    .sequence = 0x0a0b0c0d};
  ByteWriter out;
  wire::put_headers(out, header, 0x0123);
  EXPECT_EQ(to_hex(all_bytes(session)), to_hex(out.view().subspan(kRmcpHeader_bytes)));
}

TEST(FreeipmiSessionHeader, ItUnderstandsOurOemExplicitHeader) {
  const wire::RmcpPlusHeader header{
      .payload_type = static_cast<std::uint8_t>(wire::PayloadType::OemExplicit),
      .oem_iana = 0xabcdef,
      .oem_payload = 0x0102,
      .session_id = kManagedSession,
      .sequence = 7};
  ByteWriter out;
  wire::put_headers(out, header, 64);
  const ByteView bytes = out.view().subspan(kRmcpHeader_bytes);
  const FiidObject session = make_object(tmpl_rmcpplus_session_hdr);
  ASSERT_EQ(static_cast<int>(bytes.size()),
            fiid_obj_set_all(session.get(), bytes.data(), size_of(bytes)));
  EXPECT_EQ(IPMI_PAYLOAD_TYPE_OEM_EXPLICIT, number(session, "payload_type"));
  EXPECT_EQ(0xabcdefU, number(session, "oem_iana"));
  EXPECT_EQ(0x0102U, number(session, "oem_payload_id"));
  EXPECT_EQ(kManagedSession, number(session, "session_id"));
  EXPECT_EQ(7U, number(session, "session_sequence_number"));
  EXPECT_EQ(64U, number(session, "ipmi_payload_len"));
}

TEST(FreeipmiOpenSession, ItsRequestIsOurs) {
  PlainPacket plain;
  const FiidObject command = make_object(tmpl_rmcpplus_open_session_request);
  ASSERT_EQ(0,
            fill_rmcpplus_open_session(7, IPMI_PRIVILEGE_LEVEL_USER, kConsoleSession,
                                       IPMI_AUTHENTICATION_ALGORITHM_RAKP_HMAC_SHA256,
                                       IPMI_INTEGRITY_ALGORITHM_HMAC_SHA256_128,
                                       IPMI_CONFIDENTIALITY_ALGORITHM_AES_CBC_128, command.get()));
  const Bytes packet =
      plain.assemble(IPMI_PAYLOAD_TYPE_RMCPPLUS_OPEN_SESSION_REQUEST, command.get());
  const ByteView payload = payload_of(packet, wire::PayloadType::OpenSessionRq);
  const auto request = wire::decode_open_session_rq(payload);
  ASSERT_TRUE(request) << request.error().message();
  EXPECT_EQ(7, request->tag);
  EXPECT_EQ(wire::Privilege::User, request->privilege);
  EXPECT_EQ(kConsoleSession, request->console_session);
  EXPECT_EQ(wire::AuthAlgorithm::HmacSha256, request->authentication);
  EXPECT_EQ(wire::IntegrityAlgorithm::HmacSha256_128, request->integrity);
  EXPECT_EQ(wire::ConfidentialityAlgorithm::AesCbc128, request->confidentiality);
  EXPECT_EQ(to_hex(packet),
            to_hex(encode_response(wire::PayloadType::OpenSessionRq, wire::encode(*request))));
}

TEST(FreeipmiOpenSession, ItUnderstandsOurResponse) {
  const wire::OpenSessionRs response{.tag = 7,
                                     .privilege = wire::Privilege::Administrator,
                                     .console_session = kConsoleSession,
                                     .managed_session = kManagedSession,
                                     .authentication = wire::AuthAlgorithm::HmacSha256,
                                     .integrity = wire::IntegrityAlgorithm::HmacSha256_128,
                                     .confidentiality = wire::ConfidentialityAlgorithm::AesCbc128};
  PlainPacket plain;
  const FiidObject command = make_object(tmpl_rmcpplus_open_session_response);
  ASSERT_EQ(
      1, plain.take_apart(encode_response(wire::PayloadType::OpenSessionRs, wire::encode(response)),
                          IPMI_AUTHENTICATION_ALGORITHM_RAKP_HMAC_SHA256, command.get()));
  EXPECT_EQ(1, fiid_obj_packet_valid(command.get()));
  EXPECT_EQ(1, ipmi_rmcpplus_check_message_tag(command.get(), 7));
  EXPECT_EQ(1, ipmi_rmcpplus_check_status_code(command.get(), RMCPPLUS_STATUS_NO_ERRORS));
  EXPECT_EQ(1, ipmi_rmcpplus_check_remote_console_session_id(command.get(), kConsoleSession));
  EXPECT_EQ(kManagedSession, number(command, "managed_system_session_id"));
  EXPECT_EQ(IPMI_PRIVILEGE_LEVEL_ADMIN, number(command, "maximum_privilege_level"));
  EXPECT_EQ(IPMI_AUTHENTICATION_ALGORITHM_RAKP_HMAC_SHA256,
            number(command, "authentication_payload.authentication_algorithm"));
  EXPECT_EQ(IPMI_INTEGRITY_ALGORITHM_HMAC_SHA256_128,
            number(command, "integrity_payload.integrity_algorithm"));
  EXPECT_EQ(IPMI_CONFIDENTIALITY_ALGORITHM_AES_CBC_128,
            number(command, "confidentiality_payload.confidentiality_algorithm"));
}

TEST(FreeipmiOpenSession, ItUnderstandsOurRefusal) {
  const wire::OpenSessionRs refusal{.tag = 9,
                                    .status = wire::RakpStatus::NoMatchingCipherSuite,
                                    .console_session = kConsoleSession};
  PlainPacket plain;
  const FiidObject command = make_object(tmpl_rmcpplus_open_session_response);
  ASSERT_LE(
      0, plain.take_apart(encode_response(wire::PayloadType::OpenSessionRs, wire::encode(refusal)),
                          IPMI_AUTHENTICATION_ALGORITHM_RAKP_HMAC_SHA256, command.get()));
  EXPECT_EQ(1, fiid_obj_packet_sufficient(command.get()));
  EXPECT_EQ(1, ipmi_rmcpplus_check_message_tag(command.get(), 9));
  EXPECT_EQ(1, ipmi_rmcpplus_check_remote_console_session_id(command.get(), kConsoleSession));
  EXPECT_EQ(1, ipmi_rmcpplus_check_status_code(
                   command.get(),
                   RMCPPLUS_STATUS_NO_CIPHER_SUITE_MATCH_WITH_PROPOSED_SECURITY_ALGORITHMS));
}

TEST(FreeipmiRakp, ItsMessage1IsOurs) {
  const Nonce random = counting(0x30);
  for (const std::string user : {"", "admin", "sixteen-letters!"}) {
    PlainPacket plain;
    const FiidObject command = make_object(tmpl_rmcpplus_rakp_message_1);
    ASSERT_EQ(0, fill_rmcpplus_rakp_message_1(3, kManagedSession, random.data(), size_of(random),
                                              IPMI_PRIVILEGE_LEVEL_USER, IPMI_NAME_ONLY_LOOKUP,
                                              user.empty() ? nullptr : user.c_str(), size_of(user),
                                              command.get()));
    const Bytes packet = plain.assemble(IPMI_PAYLOAD_TYPE_RAKP_MESSAGE_1, command.get());
    const auto rakp = wire::decode_rakp1(payload_of(packet, wire::PayloadType::Rakp1));
    ASSERT_TRUE(rakp) << rakp.error().message();
    EXPECT_EQ(3, rakp->tag);
    EXPECT_EQ(kManagedSession, rakp->managed_session);
    EXPECT_EQ(random, rakp->console_random);
    EXPECT_EQ(0x12, rakp->role);
    EXPECT_EQ(user, rakp->user);
    EXPECT_EQ(to_hex(packet),
              to_hex(encode_response(wire::PayloadType::Rakp1, wire::encode(*rakp))));
  }
}

TEST(FreeipmiRakp, ItsMessage3IsOurs) {
  PlainPacket plain;
  const FiidObject command = make_object(tmpl_rmcpplus_rakp_message_3);
  const Bytes code(32, std::byte{0x5a});
  ASSERT_EQ(0, fill_rmcpplus_rakp_message_3(4, RMCPPLUS_STATUS_NO_ERRORS, kManagedSession,
                                            code.data(), size_of(code), command.get()));
  const Bytes packet = plain.assemble(IPMI_PAYLOAD_TYPE_RAKP_MESSAGE_3, command.get());
  const auto rakp = wire::decode_rakp3(payload_of(packet, wire::PayloadType::Rakp3));
  ASSERT_TRUE(rakp) << rakp.error().message();
  EXPECT_EQ(4, rakp->tag);
  EXPECT_EQ(wire::RakpStatus::Ok, rakp->status);
  EXPECT_EQ(kManagedSession, rakp->managed_session);
  EXPECT_EQ(code, rakp->key_exchange_code);
  EXPECT_EQ(to_hex(packet), to_hex(encode_response(wire::PayloadType::Rakp3, wire::encode(*rakp))));
}

TEST(FreeipmiRakp, ItUnderstandsOurMessages2And4) {
  const wire::Rakp2 rakp2{.tag = 3,
                          .console_session = kConsoleSession,
                          .managed_random = counting(0x60),
                          .guid = counting(0x80),
                          .key_exchange_code = Bytes(32, std::byte{0x77})};
  PlainPacket plain;
  const FiidObject second = make_object(tmpl_rmcpplus_rakp_message_2);
  ASSERT_EQ(1, plain.take_apart(encode_response(wire::PayloadType::Rakp2, wire::encode(rakp2)),
                                IPMI_AUTHENTICATION_ALGORITHM_RAKP_HMAC_SHA256, second.get()));
  EXPECT_EQ(1, fiid_obj_packet_valid(second.get()));
  EXPECT_EQ(1, ipmi_rmcpplus_check_message_tag(second.get(), 3));
  EXPECT_EQ(1, ipmi_rmcpplus_check_remote_console_session_id(second.get(), kConsoleSession));
  EXPECT_EQ(to_hex(rakp2.managed_random), to_hex(data(second, "managed_system_random_number")));
  EXPECT_EQ(to_hex(rakp2.guid), to_hex(data(second, "managed_system_guid")));
  EXPECT_EQ(to_hex(rakp2.key_exchange_code),
            to_hex(data(second, "key_exchange_authentication_code")));

  const wire::Rakp4 rakp4{.tag = 4,
                          .console_session = kConsoleSession,
                          .integrity_check_value = Bytes(16, std::byte{0x99})};
  const FiidObject fourth = make_object(tmpl_rmcpplus_rakp_message_4);
  ASSERT_EQ(1, plain.take_apart(encode_response(wire::PayloadType::Rakp4, wire::encode(rakp4)),
                                IPMI_AUTHENTICATION_ALGORITHM_RAKP_HMAC_SHA256, fourth.get()));
  EXPECT_EQ(1, ipmi_rmcpplus_check_message_tag(fourth.get(), 4));
  EXPECT_EQ(1, ipmi_rmcpplus_check_status_code(fourth.get(), RMCPPLUS_STATUS_NO_ERRORS));
  EXPECT_EQ(to_hex(rakp4.integrity_check_value), to_hex(data(fourth, "integrity_check_value")));
}

TEST(FreeipmiRakp, ItsStatusNumbersAreOurs) {
  using wire::RakpStatus;
  const std::pair<int, RakpStatus> statuses[] = {
      {RMCPPLUS_STATUS_NO_ERRORS, RakpStatus::Ok},
      {RMCPPLUS_STATUS_INSUFFICIENT_RESOURCES_TO_CREATE_A_SESSION,
       RakpStatus::InsufficientResources},
      {RMCPPLUS_STATUS_INVALID_SESSION_ID, RakpStatus::InvalidSessionId},
      {RMCPPLUS_STATUS_INVALID_AUTHENTICATION_ALGORITHM,
       RakpStatus::InvalidAuthenticationAlgorithm},
      {RMCPPLUS_STATUS_INVALID_INTEGRITY_ALGORITHM, RakpStatus::InvalidIntegrityAlgorithm},
      {RMCPPLUS_STATUS_INVALID_ROLE, RakpStatus::InvalidRole},
      {RMCPPLUS_STATUS_UNAUTHORIZED_ROLE_OR_PRIVILEGE_LEVEL_REQUESTED,
       RakpStatus::UnauthorizedRole},
      {RMCPPLUS_STATUS_INVALID_NAME_LENGTH, RakpStatus::InvalidNameLength},
      {RMCPPLUS_STATUS_UNAUTHORIZED_NAME, RakpStatus::UnauthorizedName},
      {RMCPPLUS_STATUS_INVALID_INTEGRITY_CHECK_VALUE, RakpStatus::InvalidIntegrityCheckValue},
      {RMCPPLUS_STATUS_INVALID_CONFIDENTIALITY_ALGORITHM,
       RakpStatus::InvalidConfidentialityAlgorithm},
      {RMCPPLUS_STATUS_NO_CIPHER_SUITE_MATCH_WITH_PROPOSED_SECURITY_ALGORITHMS,
       RakpStatus::NoMatchingCipherSuite},
      {RMCPPLUS_STATUS_ILLEGAL_OR_UNRECOGNIZED_PARAMETER, RakpStatus::IllegalParameter},
  };
  for (const auto& [theirs, ours] : statuses)
    EXPECT_EQ(theirs, static_cast<int>(ours)) << wire::describe(ours);
}

}  // namespace
}  // namespace fwr::test
