// SPDX-License-Identifier: GPL-3.0-or-later
// Our codecs against libfreeipmi's templates: it reads what we write and writes what we read.
#include <freeipmi/freeipmi.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "hex.hpp"
#include "wire/ipmi.hpp"
#include "wire/rakp.hpp"
#include "wire/rmcp.hpp"

namespace fwr::wire {
namespace {

using test::exact;
using test::hex;
using test::joined;

constexpr std::size_t kPacket_bytes = 1024;

/// A FIID object of a template of libfreeipmi.
class Fiid {
 public:
  explicit Fiid(fiid_template_t fields) : object_(fiid_obj_create(fields)) {
    EXPECT_NE(nullptr, object_);
  }
  ~Fiid() { fiid_obj_destroy(object_); }
  Fiid(const Fiid&) = delete;
  Fiid& operator=(const Fiid&) = delete;

  [[nodiscard]] fiid_obj_t get() const { return object_; }
  [[nodiscard]] Bytes bytes() const {
    std::array<std::byte, kPacket_bytes> buffer{};
    const int size = fiid_obj_get_all(object_, buffer.data(), buffer.size());
    EXPECT_GT(size, 0) << fiid_obj_errormsg(object_);
    return exact(ByteView(buffer).first(size > 0 ? static_cast<std::size_t>(size) : 0));
  }
  /// True when the template takes exactly these bytes.
  bool set(ByteView bytes) {
    return fiid_obj_clear(object_) == 0 &&
           fiid_obj_set_all(object_, bytes.data(), static_cast<unsigned>(bytes.size())) ==
               static_cast<int>(bytes.size());
  }
  [[nodiscard]] std::uint64_t field(const char* name) const {
    std::uint64_t value = 0;
    EXPECT_EQ(1, fiid_obj_get(object_, name, &value)) << name;
    return value;
  }
  [[nodiscard]] Bytes data(const char* name) const {
    std::array<std::byte, kPacket_bytes> buffer{};
    const int size = fiid_obj_get_data(object_, name, buffer.data(), buffer.size());
    EXPECT_GE(size, 0) << name;
    return exact(ByteView(buffer).first(size > 0 ? static_cast<std::size_t>(size) : 0));
  }

 private:
  fiid_obj_t object_;
};

Nonce sample_nonce() {
  Nonce nonce{};
  for (std::size_t i = 0; i < nonce.size(); ++i) nonce[i] = static_cast<std::byte>(0xf0U + i);
  return nonce;
}

TEST(FreeIpmi, WritesTheSamePresencePing) {
  Fiid header(tmpl_rmcp_hdr), ping(tmpl_cmd_asf_presence_ping);
  ASSERT_EQ(0, fill_rmcp_hdr_asf(header.get()));
  ASSERT_EQ(0, fill_cmd_asf_presence_ping(0x2a, ping.get()));
  std::array<std::byte, kPacket_bytes> packet{};
  const int size = assemble_rmcp_pkt(header.get(), ping.get(), packet.data(), packet.size(),
                                     IPMI_INTERFACE_FLAGS_DEFAULT);
  ASSERT_GT(size, 0);
  EXPECT_EQ(exact(ByteView(packet).first(static_cast<std::size_t>(size))),
            encode(PresencePing{0x2a}));
}

TEST(FreeIpmi, ReadsOurPresencePong) {
  const Bytes packet = encode(PresencePong{0x2a, kAsfIana, 0, true});
  Fiid header(tmpl_rmcp_hdr), pong(tmpl_cmd_asf_presence_pong);
  ASSERT_EQ(1, unassemble_rmcp_pkt(packet.data(), static_cast<unsigned>(packet.size()),
                                   header.get(), pong.get(), IPMI_INTERFACE_FLAGS_DEFAULT));
  EXPECT_EQ(0x40U, pong.field("message_type"));
  EXPECT_EQ(0x2aU, pong.field("message_tag"));
  EXPECT_EQ(1U, pong.field("supported_entities.ipmi_supported"));
  EXPECT_EQ(1U, pong.field("supported_entities.version"));
}

TEST(FreeIpmi, WritesTheSameSessionlessRequest) {
  Fiid rmcp(tmpl_rmcp_hdr), session(tmpl_lan_session_hdr), lan(tmpl_lan_msg_hdr_rq),
      command(tmpl_cmd_get_channel_authentication_capabilities_rq);
  ASSERT_EQ(0, fill_rmcp_hdr_ipmi(rmcp.get()));
  ASSERT_EQ(0, fill_lan_session_hdr(IPMI_AUTHENTICATION_TYPE_NONE, 0, 0, session.get()));
  ASSERT_EQ(0, fill_lan_msg_hdr(IPMI_SLAVE_ADDRESS_BMC, IPMI_NET_FN_APP_RQ, IPMI_BMC_IPMB_LUN_BMC,
                                5, lan.get()));
  ASSERT_EQ(0, fill_cmd_get_channel_authentication_capabilities(
                   IPMI_CHANNEL_NUMBER_CURRENT_CHANNEL, IPMI_PRIVILEGE_LEVEL_ADMIN,
                   IPMI_GET_IPMI_V20_EXTENDED_DATA, command.get()));
  std::array<std::byte, kPacket_bytes> packet{};
  const int size =
      assemble_ipmi_lan_pkt(rmcp.get(), session.get(), lan.get(), command.get(), nullptr, 0,
                            packet.data(), packet.size(), IPMI_INTERFACE_FLAGS_DEFAULT);
  ASSERT_GT(size, 0);
  const LanMessage request = make_lan_request({raw(NetFn::AppRq), 0x38, hex("8e 04")}, 5);
  EXPECT_EQ(exact(ByteView(packet).first(static_cast<std::size_t>(size))),
            encode(SessionlessV15{encode(request)}));
}

TEST(FreeIpmi, ReadsOurSessionlessResponse) {
  const LanMessage request = make_lan_request({raw(NetFn::AppRq), 0x04, {}}, 9);
  const LanMessage response = make_lan_response(request, {CompletionCode::Ok, hex("55 00")});
  const Bytes packet = encode(SessionlessV15{encode(response)});
  Fiid rmcp(tmpl_rmcp_hdr), session(tmpl_lan_session_hdr), lan(tmpl_lan_msg_hdr_rs),
      command(tmpl_cmd_get_self_test_results_rs), trailer(tmpl_lan_msg_trlr);
  ASSERT_EQ(1, unassemble_ipmi_lan_pkt(packet.data(), static_cast<unsigned>(packet.size()),
                                       rmcp.get(), session.get(), lan.get(), command.get(),
                                       trailer.get(), IPMI_INTERFACE_FLAGS_DEFAULT));
  EXPECT_EQ(9U, lan.field("rq_seq"));
  EXPECT_EQ(0x07U, lan.field("net_fn"));
  EXPECT_EQ(kRemoteConsoleAddress, lan.field("rq_addr"));
  EXPECT_EQ(kBmcAddress, lan.field("rs_addr"));
  EXPECT_EQ(1, ipmi_lan_check_checksum(lan.get(), command.get(), trailer.get()));
  EXPECT_EQ(0U, command.field("comp_code"));
  EXPECT_EQ(0x55U, command.field("self_test_result"));
}

TEST(FreeIpmi, WritesTheSameSessionHeader) {
  Fiid theirs(tmpl_rmcpplus_session_hdr);
  ASSERT_EQ(0, fill_rmcpplus_session_hdr(IPMI_PAYLOAD_TYPE_IPMI, IPMI_PAYLOAD_FLAG_AUTHENTICATED,
                                         IPMI_PAYLOAD_FLAG_ENCRYPTED, 0, 0, 0x04030201, 0x0a0b0c0d,
                                         theirs.get()));
  ASSERT_EQ(0, fiid_obj_set(theirs.get(), "ipmi_payload_len", 0x0123));
  RmcpPlusHeader header;
  header.authenticated = true;
  header.encrypted = true;
  header.session_id = 0x04030201;
  header.sequence = 0x0a0b0c0d;
  ByteWriter ours;
  put_headers(ours, header, 0x0123);
  EXPECT_EQ(theirs.bytes(), exact(ours.view().subspan(4)));
}

TEST(FreeIpmi, ReadsTheFieldsOfOurOemExplicitHeader) {
  RmcpPlusHeader header;
  header.payload_type = static_cast<std::uint8_t>(PayloadType::OemExplicit);
  header.oem_iana = 32473;
  header.oem_payload = 1;
  header.session_id = 0x04030201;
  header.sequence = 7;
  ByteWriter ours;
  put_headers(ours, header, 64);
  Fiid theirs(tmpl_rmcpplus_session_hdr);
  ASSERT_TRUE(theirs.set(ours.view().subspan(4)));
  EXPECT_EQ(2U, theirs.field("payload_type"));
  EXPECT_EQ(32473U, theirs.field("oem_iana"));
  EXPECT_EQ(1U, theirs.field("oem_payload_id"));
  EXPECT_EQ(0x04030201U, theirs.field("session_id"));
  EXPECT_EQ(7U, theirs.field("session_sequence_number"));
  EXPECT_EQ(64U, theirs.field("ipmi_payload_len"));
}

TEST(FreeIpmi, WritesTheSameOpenSessionRequest) {
  Fiid theirs(tmpl_rmcpplus_open_session_request);
  ASSERT_EQ(0,
            fill_rmcpplus_open_session(7, IPMI_PRIVILEGE_LEVEL_ADMIN, 0xa0a2a3a4,
                                       IPMI_AUTHENTICATION_ALGORITHM_RAKP_HMAC_SHA256,
                                       IPMI_INTEGRITY_ALGORITHM_HMAC_SHA256_128,
                                       IPMI_CONFIDENTIALITY_ALGORITHM_AES_CBC_128, theirs.get()));
  EXPECT_EQ(theirs.bytes(),
            encode(OpenSessionRq{7, Privilege::Administrator, 0xa0a2a3a4, AuthAlgorithm::HmacSha256,
                                 IntegrityAlgorithm::HmacSha256_128,
                                 ConfidentialityAlgorithm::AesCbc128}));
}

TEST(FreeIpmi, ReadsOurOpenSessionResponse) {
  const Bytes ours = encode(OpenSessionRs{
      7, RakpStatus::Ok, Privilege::User, 0xa0a2a3a4, 0x44332211, AuthAlgorithm::HmacSha256,
      IntegrityAlgorithm::HmacSha256_128, ConfidentialityAlgorithm::AesCbc128});
  Fiid theirs(tmpl_rmcpplus_open_session_response);
  ASSERT_TRUE(theirs.set(ours));
  EXPECT_EQ(7U, theirs.field("message_tag"));
  EXPECT_EQ(0U, theirs.field("rmcpplus_status_code"));
  EXPECT_EQ(2U, theirs.field("maximum_privilege_level"));
  EXPECT_EQ(0xa0a2a3a4U, theirs.field("remote_console_session_id"));
  EXPECT_EQ(0x44332211U, theirs.field("managed_system_session_id"));
  EXPECT_EQ(3U, theirs.field("authentication_payload.authentication_algorithm"));
  EXPECT_EQ(4U, theirs.field("integrity_payload.integrity_algorithm"));
  EXPECT_EQ(1U, theirs.field("confidentiality_payload.confidentiality_algorithm"));
}

TEST(FreeIpmi, WritesTheSameRakpMessage1) {
  const Nonce random = sample_nonce();
  for (const std::string& user : {std::string("root"), std::string("sixteen-letters!")}) {
    Fiid theirs(tmpl_rmcpplus_rakp_message_1);
    ASSERT_EQ(0, fill_rmcpplus_rakp_message_1(
                     8, 0x44332211, random.data(), static_cast<unsigned>(random.size()),
                     IPMI_PRIVILEGE_LEVEL_ADMIN, IPMI_NAME_ONLY_LOOKUP, user.data(),
                     static_cast<unsigned>(user.size()), theirs.get()));
    EXPECT_EQ(theirs.bytes(), encode(Rakp1{8, 0x44332211, random, 0x14, user}));
  }
}

TEST(FreeIpmi, ReadsOurRakpMessage2) {
  const Rakp2 message{
      8, RakpStatus::Ok, 0xa0a2a3a4, sample_nonce(), {}, Bytes(32, std::byte{0x5a})};
  Fiid theirs(tmpl_rmcpplus_rakp_message_2);
  ASSERT_TRUE(theirs.set(encode(message)));
  EXPECT_EQ(8U, theirs.field("message_tag"));
  EXPECT_EQ(0xa0a2a3a4U, theirs.field("remote_console_session_id"));
  EXPECT_EQ(exact(message.managed_random), theirs.data("managed_system_random_number"));
  EXPECT_EQ(exact(message.guid), theirs.data("managed_system_guid"));
  EXPECT_EQ(message.key_exchange_code, theirs.data("key_exchange_authentication_code"));
}

TEST(FreeIpmi, WritesTheSameRakpMessage3) {
  const Bytes code(20, std::byte{0x5a});
  Fiid theirs(tmpl_rmcpplus_rakp_message_3);
  ASSERT_EQ(0, fill_rmcpplus_rakp_message_3(9, RMCPPLUS_STATUS_NO_ERRORS, 0x44332211, code.data(),
                                            static_cast<unsigned>(code.size()), theirs.get()));
  EXPECT_EQ(theirs.bytes(), encode(Rakp3{9, RakpStatus::Ok, 0x44332211, code}));
}

TEST(FreeIpmi, ReadsOurRakpMessage4) {
  const Rakp4 message{9, RakpStatus::Ok, 0xa0a2a3a4, Bytes(16, std::byte{0x5a})};
  Fiid theirs(tmpl_rmcpplus_rakp_message_4);
  ASSERT_TRUE(theirs.set(encode(message)));
  EXPECT_EQ(9U, theirs.field("message_tag"));
  EXPECT_EQ(0xa0a2a3a4U, theirs.field("remote_console_session_id"));
  EXPECT_EQ(message.integrity_check_value, theirs.data("integrity_check_value"));
}

TEST(FreeIpmi, CountsTheSameRakpStatuses) {
  EXPECT_EQ(RMCPPLUS_STATUS_INSUFFICIENT_RESOURCES_TO_CREATE_A_SESSION,
            static_cast<int>(RakpStatus::InsufficientResources));
  EXPECT_EQ(RMCPPLUS_STATUS_INVALID_SESSION_ID, static_cast<int>(RakpStatus::InvalidSessionId));
  EXPECT_EQ(RMCPPLUS_STATUS_INVALID_AUTHENTICATION_ALGORITHM,
            static_cast<int>(RakpStatus::InvalidAuthenticationAlgorithm));
  EXPECT_EQ(RMCPPLUS_STATUS_INVALID_INTEGRITY_ALGORITHM,
            static_cast<int>(RakpStatus::InvalidIntegrityAlgorithm));
  EXPECT_EQ(RMCPPLUS_STATUS_INVALID_ROLE, static_cast<int>(RakpStatus::InvalidRole));
  EXPECT_EQ(RMCPPLUS_STATUS_UNAUTHORIZED_ROLE_OR_PRIVILEGE_LEVEL_REQUESTED,
            static_cast<int>(RakpStatus::UnauthorizedRole));
  EXPECT_EQ(RMCPPLUS_STATUS_INVALID_NAME_LENGTH, static_cast<int>(RakpStatus::InvalidNameLength));
  EXPECT_EQ(RMCPPLUS_STATUS_UNAUTHORIZED_NAME, static_cast<int>(RakpStatus::UnauthorizedName));
  EXPECT_EQ(RMCPPLUS_STATUS_INVALID_INTEGRITY_CHECK_VALUE,
            static_cast<int>(RakpStatus::InvalidIntegrityCheckValue));
  EXPECT_EQ(RMCPPLUS_STATUS_INVALID_CONFIDENTIALITY_ALGORITHM,
            static_cast<int>(RakpStatus::InvalidConfidentialityAlgorithm));
  EXPECT_EQ(RMCPPLUS_STATUS_NO_CIPHER_SUITE_MATCH_WITH_PROPOSED_SECURITY_ALGORITHMS,
            static_cast<int>(RakpStatus::NoMatchingCipherSuite));
  EXPECT_EQ(RMCPPLUS_STATUS_ILLEGAL_OR_UNRECOGNIZED_PARAMETER,
            static_cast<int>(RakpStatus::IllegalParameter));
}

}  // namespace
}  // namespace fwr::wire
