// SPDX-License-Identifier: GPL-3.0-or-later
// Random and damaged bytes for every decoder. What a decoder accepts it must write in a form that
// it reads as the same; the sanitizers watch the rest.
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "support/hex.hpp"
#include "wire/ipmi.hpp"
#include "wire/oem.hpp"
#include "wire/rakp.hpp"
#include "wire/rmcp.hpp"
#include "wire/stream.hpp"

namespace fwr::wire {
namespace {

using test::exact;
using test::hex;

constexpr unsigned kSeed = 0x46575231;
constexpr unsigned kRounds = 20000;        // inputs for one decoder
constexpr unsigned kLongRounds = 1000000;  // the same when FWR_TEST_LONG is set
constexpr std::size_t kMaxRandom_bytes = 200;
constexpr unsigned kMaxDamages = 4;  // changes of one input

using Canonical = std::optional<Bytes>;

struct Decoder {
  std::string name;
  Canonical (*canonical)(ByteView);  ///< decodes and encodes again; nothing when rejected
  std::vector<Bytes> seeds;          ///< well-formed messages
};

template <class Message>
Canonical canonical_layout(ByteView bytes) {
  const Result<Message> message = decode<Message>(bytes);
  if (!message) return std::nullopt;
  return wire::encode(*message);
}

template <auto Decode>
Canonical canonical_of(ByteView bytes) {
  const auto message = Decode(bytes);
  if (!message) return std::nullopt;
  return encode(*message);
}

Canonical canonical_stream(ByteView bytes) {
  const Result<stream::Message> message = stream::decode_message(bytes);
  if (!message) return std::nullopt;
  return std::visit([](const auto& one) { return stream::encode(one); }, *message);
}

struct EncodeRmcp {
  template <class Message>
  Bytes operator()(const Message& message) const {
    return encode(message);
  }
  Bytes operator()(const RmcpPlusPacket& packet) const {
    ByteWriter out;
    put_headers(out, packet.header, packet.payload.size());
    EXPECT_LE(packet.integrity_scope.size(), out.size() + packet.payload.size());
    out.bytes(packet.payload);
    out.bytes(packet.trailer);
    return std::move(out).release();
  }
};
Canonical canonical_rmcp(ByteView bytes) {
  const Result<RmcpMessage> message = decode_rmcp(bytes);
  if (!message) return std::nullopt;
  return std::visit(EncodeRmcp{}, *message);
}

Canonical canonical_address(ByteView bytes) {
  const Result<Address> address = parse_address(as_text(bytes));
  if (!address) return std::nullopt;
  const std::string text = to_text(*address);
  return test::exact(as_bytes(text));
}

Canonical canonical_hex(ByteView bytes) {
  const Result<Bytes> parsed = from_hex(as_text(bytes), kMaxRandom_bytes);
  if (!parsed) return std::nullopt;
  const std::string text = to_hex(*parsed);
  return test::exact(as_bytes(text));
}

Bytes text_seed(std::string_view text) {
  return test::exact(as_bytes(text));
}

std::vector<Decoder> message_decoders() {
  stream::Grant grant;
  grant.segment_granules = 17;
  grant.ranges = {{0, 64}, {128, 1}, {7, 65535}};
  const Bytes data = hex("01 02 03");
  stream::Segment segment;
  segment.data = data;
  stream::Refusal refusal;
  RmcpPlusHeader oem_header;
  oem_header.payload_type = static_cast<std::uint8_t>(PayloadType::OemExplicit);
  RmcpPlusHeader session_header;
  session_header.authenticated = true;
  ByteWriter session;
  put_headers(session, session_header, 16);
  session.zeros(16 + 14);

  return {
      {"IPMI message",
       canonical_of<decode_lan_message>,
       {encode(make_lan_request({6, 1, hex("01 02")}, 1)), hex("81 1c 63 20 08 04 00 55 00 7f")}},
      {"RMCP",
       canonical_rmcp,
       {encode(PresencePing{1}), encode(PresencePong{}), encode(SessionlessV15{hex("01 02 03")}),
        encode_plain({}, data), encode_plain(oem_header, data), exact(session.view())}},
      {"Open Session Request",
       canonical_of<decode_open_session_rq>,
       {encode(OpenSessionRq{}),
        encode(OpenSessionRq{1, Privilege::User, 2, AuthAlgorithm::HmacSha1,
                             IntegrityAlgorithm::HmacSha1_96,
                             ConfidentialityAlgorithm::AesCbc128})}},
      {"Open Session Response", canonical_of<decode_open_session_rs>, {encode(OpenSessionRs{})}},
      {"RAKP 1", canonical_of<decode_rakp1>, {encode(Rakp1{1, 2, {}, 4, "admin"})}},
      {"RAKP 2",
       canonical_of<decode_rakp2>,
       {encode(Rakp2{1, RakpStatus::Ok, 2, {}, {}, Bytes(32)})}},
      {"RAKP 3", canonical_of<decode_rakp3>, {encode(Rakp3{1, RakpStatus::Ok, 2, Bytes(20)})}},
      {"RAKP 4", canonical_of<decode_rakp4>, {encode(Rakp4{1, RakpStatus::Ok, 2, Bytes(12)})}},
      {"image stream",
       canonical_stream,
       {stream::encode(grant), stream::encode(segment), stream::encode(refusal)}},
  };
}

std::vector<Decoder> oem_decoders() {
  const Bytes data = hex("01 02 03");
  return {
      {"Get Recovery Capabilities request",
       canonical_layout<oem::CapabilitiesRq>,
       {wire::encode(oem::CapabilitiesRq{})}},
      {"Get Recovery Capabilities response",
       canonical_layout<oem::CapabilitiesRs>,
       {wire::encode(oem::CapabilitiesRs{})}},
      {"Request Firmware request",
       canonical_layout<oem::RequestFirmwareRq>,
       {wire::encode(oem::RequestFirmwareRq{})}},
      {"Offer", canonical_layout<oem::Offer>, {wire::encode(oem::Offer{})}},
      {"Get Manifest request",
       canonical_layout<oem::GetManifestRq>,
       {wire::encode(oem::GetManifestRq{})}},
      {"Get Manifest response",
       canonical_layout<oem::GetManifestRs>,
       {wire::encode(oem::GetManifestRs{2, data})}},
      {"Accept Offer request",
       canonical_layout<oem::AcceptOfferRq>,
       {wire::encode(oem::AcceptOfferRq{})}},
      {"Accept Offer response",
       canonical_layout<oem::AcceptOfferRs>,
       {wire::encode(oem::AcceptOfferRs{})}},
      {"Release Offer request",
       canonical_layout<oem::ReleaseOfferRq>,
       {wire::encode(oem::ReleaseOfferRq{})}},
      {"Read request", canonical_layout<oem::ReadRq>, {wire::encode(oem::ReadRq{})}},
      {"Read response", canonical_layout<oem::ReadRs>, {data}},
      {"Report Result request",
       canonical_layout<oem::ReportResultRq>,
       {wire::encode(oem::ReportResultRq{})}},
      {"Get Donor Status response",
       canonical_layout<oem::DonorStatusRs>,
       {wire::encode(oem::DonorStatusRs{})}},
      {"List Images request",
       canonical_layout<oem::ListImagesRq>,
       {wire::encode(oem::ListImagesRq{})}},
      {"List Images response",
       canonical_layout<oem::ListImagesRs>,
       {wire::encode(oem::ListImagesRs{})}},
  };
}

std::vector<Decoder> text_decoders() {
  return {
      {"address",
       canonical_address,
       {text_seed("lan:10.0.0.7:6230"), text_seed("lan:[fe80::1%3]:6230"), text_seed("::1")}},
      {"hexadecimal", canonical_hex, {text_seed("00ff7F")}},
  };
}

std::vector<Decoder> decoders() {
  std::vector<Decoder> all = message_decoders();
  for (const auto& some : {oem_decoders(), text_decoders()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

class Damage {
 public:
  explicit Damage(unsigned seed) : random_(seed) {}

  Bytes random_bytes() {
    Bytes bytes(below(kMaxRandom_bytes + 1));
    for (std::byte& b : bytes) b = byte();
    return bytes;
  }
  Bytes damaged(Bytes bytes) {
    for (std::size_t n = 1 + below(kMaxDamages); n > 0; --n) {
      const std::size_t at = bytes.empty() ? 0 : below(bytes.size());
      switch (bytes.empty() ? 3 : below(4)) {
        case 0: bytes[at] = byte(); break;
        case 1: bytes[at] ^= static_cast<std::byte>(1U << below(8)); break;
        case 2: bytes.resize(at); break;
        default: bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), byte()); break;
      }
    }
    return bytes;
  }
  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
  }

 private:
  std::byte byte() { return static_cast<std::byte>(below(256)); }
  std::mt19937 random_;
};

class RandomBytes : public ::testing::TestWithParam<Decoder> {};

TEST_P(RandomBytes, AreRejectedOrReadAsWhatTheyAreWrittenAs) {
  const Decoder& decoder = GetParam();
  for (const Bytes& seed : decoder.seeds)
    ASSERT_TRUE(decoder.canonical(seed).has_value()) << test::spaced(seed);
  const unsigned rounds = std::getenv("FWR_TEST_LONG") != nullptr ? kLongRounds : kRounds;
  Damage damage(kSeed);
  unsigned accepted = 0;
  for (unsigned round = 0; round < rounds; ++round) {
    const Bytes& seed = decoder.seeds[damage.below(decoder.seeds.size())];
    const Bytes input = test::exact(round % 4 == 0 ? damage.random_bytes() : damage.damaged(seed));
    const Canonical written = decoder.canonical(input);
    if (!written) continue;
    ++accepted;
    ASSERT_EQ(written, decoder.canonical(*written))
        << "round " << round << ": " << test::spaced(input);
  }
  EXPECT_GT(accepted, 0U) << "nothing that was tried got past the first check";
}

std::string test_name(const ::testing::TestParamInfo<Decoder>& info) {
  std::string name;
  for (const char c : info.param.name)
    if (c != ' ') name.push_back(c);
  return name;
}

INSTANTIATE_TEST_SUITE_P(EveryDecoder, RandomBytes, ::testing::ValuesIn(decoders()), test_name);

}  // namespace
}  // namespace fwr::wire
