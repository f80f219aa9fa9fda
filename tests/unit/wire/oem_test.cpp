// SPDX-License-Identifier: GPL-3.0-or-later
// The OEM commands and the layout codecs that read and write them. PROTOCOL §3, §5.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "support/hex.hpp"
#include "wire/layout.hpp"
#include "wire/oem.hpp"

namespace fwr::wire::oem {
namespace {

using test::exact;
using test::expect_every_prefix_fails;
using test::hex;
using test::joined;

constexpr std::uint32_t kIana = 32473;  // d9 7e 00

template <std::size_t N>
std::array<std::byte, N> counting_from(unsigned first) {
  std::array<std::byte, N> bytes{};
  for (std::size_t i = 0; i < N; ++i) bytes[i] = static_cast<std::byte>(first + i);
  return bytes;
}

template <class Message>
Message decoded(const Bytes& bytes) {
  const Result<Message> message = decode<Message>(bytes);
  if (!message) {
    ADD_FAILURE() << message.error().message() << ": " << test::spaced(bytes);
    return {};
  }
  return *message;
}

/// Encoding gives the bytes, decoding them gives the message, and no shorter form is one.
template <class Message>
void expect_bytes(const Message& message, const Bytes& bytes) {
  EXPECT_EQ(bytes, wire::encode(message)) << test::spaced(wire::encode(message));
  EXPECT_EQ(bytes, wire::encode(decoded<Message>(bytes)));
  expect_every_prefix_fails(bytes, Errc::Truncated, decode<Message>);
  EXPECT_EQ(bytes, wire::encode(decoded<Message>(joined(bytes, hex("99 99")))))
      << "bytes of a later version are ignored";
}

Offer sample_offer() {
  Offer offer;
  offer.role = DonorRole::Peer;
  offer.media = 0x05;
  offer.load_percent = 50;
  offer.nonce = counting_from<16>(0x00);
  offer.donor = counting_from<16>(0x10);
  offer.digest = counting_from<32>(0x20);
  offer.security_version = 0x01020304;
  offer.size_bytes = 0x0504030201;
  offer.hold_s = 60;
  offer.token = counting_from<16>(0x40);
  offer.image_version = "2.13.0~rc1";
  offer.component = "bmc";
  return offer;
}

constexpr std::string_view kOfferBytes =
    "01 01 05 32 | 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f | "
    "10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f | "
    "20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f 30 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e "
    "3f | 04 03 02 01 | 01 02 03 04 05 | 3c 00 | "
    "40 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f | "
    "32 2e 31 33 2e 30 7e 72 63 31 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
    "00 | 62 6d 63 00 00 00 00 00 00 00 00 00 00 00 00 00";

TEST(Capabilities, HaveTheirBytes) {
  CapabilitiesRs response;
  response.role = DonorRole::Peer;
  response.media = 0x03;
  response.segment_limit_granules = 512;
  response.credit_limit_bytes = 4 << 20;
  response.lease_limit = 16;
  expect_bytes(response, hex("01 01 01 03 | 84 03 | 00 02 | 00 00 40 00 | 10"));
}

TEST(CapabilitiesRequest, IsPaddedAndReadWithoutItsPadding) {
  const Bytes bytes = encode(CapabilitiesRq{7});
  EXPECT_EQ(joined(hex("07"), Bytes(28)), bytes);
  for (std::size_t size = 1; size <= bytes.size(); ++size)
    EXPECT_EQ(7, decoded<CapabilitiesRq>(exact(ByteView(bytes).first(size))).version) << size;
  EXPECT_EQ(Errc::Truncated, decode<CapabilitiesRq>({}).error().code);
}

TEST(RequestFirmware, HasItsBytesAndMayLeaveItsPaddingOut) {
  RequestFirmwareRq request;
  request.flags = RequestFirmwareRq::kBroadcast;
  request.nonce = counting_from<16>(0xa0);
  request.platform = {0x00a2b3, 0x1234, 0x20, 3, "bmc"};
  const Bytes fields =
      hex("01 01 | a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af | b3 a2 00 | 34 12 | 20 | 03 | "
          "62 6d 63 00 00 00 00 00 00 00 00 00 00 00 00 00");
  EXPECT_EQ(joined(fields, Bytes(116)), encode(request));
  const auto back = decoded<RequestFirmwareRq>(fields);
  EXPECT_EQ(request.platform, back.platform);
  EXPECT_EQ(request.nonce, back.nonce);
  EXPECT_EQ(1, back.flags);
  expect_every_prefix_fails(fields, Errc::Truncated, decode<RequestFirmwareRq>);
}

TEST(RequestFirmware, NamesTheImageBehindWhichToGoOnWhereOlderOnesHavePadding) {
  RequestFirmwareRq request;
  request.platform.component = "bmc";
  Bytes bytes = encode(request);
  ASSERT_EQ(157U, bytes.size());
  EXPECT_EQ(Bytes(116), Bytes(bytes.begin() + 41, bytes.end()));
  request.after = counting_from<32>(0x40);
  bytes = encode(request);
  ASSERT_EQ(157U, bytes.size());
  EXPECT_EQ(Bytes(request.after.begin(), request.after.end()),
            Bytes(bytes.begin() + 41, bytes.begin() + 73));
  EXPECT_EQ(request.after, decoded<RequestFirmwareRq>(bytes).after);
  EXPECT_EQ(request.after, decoded<RequestFirmwareRq>(exact(ByteView(bytes).first(73))).after);
  // What an older recipient leaves out in a session is zero.
  EXPECT_EQ(Digest{}, decoded<RequestFirmwareRq>(exact(ByteView(bytes).first(41))).after);
}

TEST(RequestFirmware, IsNeverShorterThanTheOfferThatAnswersIt) {
  const std::size_t request =
      make_request(kIana, Command::RequestFirmware, RequestFirmwareRq{}).data.size();
  const std::size_t offer = 1 + response_data(kIana, sample_offer()).size();
  EXPECT_EQ(160U, request);
  EXPECT_EQ(147U, offer);
  EXPECT_GE(request, offer);
  EXPECT_GE(make_request(kIana, Command::GetRecoveryCapabilities, CapabilitiesRq{}).data.size(),
            1 + response_data(kIana, CapabilitiesRs{}).size());
}

TEST(Offers, HaveTheirBytes) {
  expect_bytes(sample_offer(), hex(kOfferBytes));
}

TEST(Offers, RejectARoleThatVersion1DoesNotHave) {
  Bytes bytes = hex(kOfferBytes);
  bytes[1] = std::byte{2};
  const Error error = decode<Offer>(bytes).error();
  EXPECT_EQ(Errc::BadField, error.code);
  EXPECT_EQ("Offer, role", error.detail);
}

TEST(Manifests, HaveTheirBytes) {
  GetManifestRq request;
  request.digest = counting_from<32>(0);
  request.part = ManifestPart::Signature;
  request.offset = 0x0102;
  request.count = 900;
  expect_bytes(request, joined(request.digest, hex("01 | 02 01 | 84 03")));
  Bytes wrong_part = encode(request);
  wrong_part[32] = std::byte{2};
  EXPECT_EQ("Get Manifest request, part", decode<GetManifestRq>(wrong_part).error().detail);

  const auto response = decoded<GetManifestRs>(hex("00 04 | 7b 7d"));
  EXPECT_EQ(1024, response.total);
  EXPECT_EQ("{}", as_text(response.data));
  EXPECT_EQ(hex("00 04 | 7b 7d"), encode(response));
  EXPECT_TRUE(decoded<GetManifestRs>(hex("00 04")).data.empty());
  expect_every_prefix_fails(hex("00 04"), Errc::Truncated, decode<GetManifestRs>);
}

TEST(Leases, HaveTheirBytes) {
  AcceptOfferRq request;
  request.nonce = counting_from<16>(0);
  request.digest = counting_from<32>(16);
  request.token = counting_from<16>(48);
  const auto all = counting_from<64>(0);
  expect_bytes(request, exact(all));

  AcceptOfferRs response;
  response.handle = 0x01020304;
  response.lease_s = 60;
  response.image_size_bytes = 0x0504030201;
  response.tree_size_bytes = 4096;
  response.segment_limit_granules = 128;
  response.credit_limit_bytes = 0x00400000;
  expect_bytes(response, hex("04 03 02 01 | 3c 00 | 01 02 03 04 05 | 00 10 00 00 00 | 80 00 | "
                             "00 00 40 00"));
  expect_bytes(ReleaseOfferRq{0x01020304}, hex("04 03 02 01"));
}

TEST(Reads, HaveTheirBytes) {
  expect_bytes(ReadRq{0x01020304, 0x0504030201, 900}, hex("04 03 02 01 | 01 02 03 04 05 | 84 03"));
  EXPECT_EQ(hex("01 02 03"), encode(decoded<ReadRs>(hex("01 02 03"))));
  EXPECT_TRUE(decoded<ReadRs>({}).data.empty());
}

TEST(Reports, HaveTheirBytes) {
  const auto report = decoded<ReportResultRq>(hex("04 03 02 01 | 0e | 6e 6f"));
  EXPECT_EQ(0x01020304U, report.handle);
  EXPECT_EQ(14, report.result);
  EXPECT_EQ("no", as_text(report.text));
  EXPECT_EQ(hex("04 03 02 01 | 0e | 6e 6f"), encode(report));
  expect_every_prefix_fails(hex("04 03 02 01 0e"), Errc::Truncated, decode<ReportResultRq>);
}

TEST(Status, HasItsBytes) {
  DonorStatusRs status;
  status.role = DonorRole::Peer;
  status.load_percent = 100;
  status.donor = counting_from<16>(0);
  status.images = 256;
  status.leases = 2;
  status.lease_limit = 16;
  status.uptime_s = 86400;
  status.recovered = 3;
  status.failed = 1;
  status.bytes_served = 0x0807060504030201;
  status.name = "rack 7, console";
  expect_bytes(status,
               hex("01 64 | 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f | 00 01 | 02 | 10 | "
                   "80 51 01 00 | 03 00 00 00 | 01 00 00 00 | 01 02 03 04 05 06 07 08 | "
                   "72 61 63 6b 20 37 2c 20 63 6f 6e 73 6f 6c 65 00 "
                   "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"));
}

TEST(TextField, TakesPrintableAsciiThatMayFillIt) {
  Bytes bytes = hex(kOfferBytes);
  const std::size_t component_at = bytes.size() - 16;
  const std::string full = " ~0123456789abcd";
  std::copy_n(as_bytes(full).begin(), 16,
              bytes.begin() + static_cast<std::ptrdiff_t>(component_at));
  EXPECT_EQ(full, decoded<Offer>(bytes).component);
  EXPECT_EQ(bytes, encode(decoded<Offer>(bytes)));
}

TEST(TextField, RejectsControlCharactersHighBytesAndBytesAfterTheEnd) {
  const std::size_t component_at = hex(kOfferBytes).size() - 16;
  for (const unsigned value : {0x1fU, 0x0aU, 0x7fU, 0x80U, 0xffU}) {
    Bytes bytes = hex(kOfferBytes);
    bytes[component_at + 1] = static_cast<std::byte>(value);
    EXPECT_EQ("Offer, component", decode<Offer>(bytes).error().detail) << value;
  }
  Bytes after_end = hex(kOfferBytes);
  after_end.back() = std::byte{'x'};
  EXPECT_EQ(Errc::BadField, decode<Offer>(after_end).error().code);
}

TEST(TextField, IsCutToItsSizeWhenItIsWritten) {
  Offer offer = sample_offer();
  offer.component = std::string(40, 'c');
  EXPECT_EQ(hex(kOfferBytes).size(), encode(offer).size());
  EXPECT_EQ(std::string(16, 'c'), decoded<Offer>(encode(offer)).component);
}

TEST(LayoutReader, NamesTheFirstFieldThatIsBad) {
  Bytes bytes = hex(kOfferBytes);
  bytes[1] = std::byte{9};
  bytes.back() = std::byte{'x'};
  EXPECT_EQ("Offer, role", decode<Offer>(bytes).error().detail);
}

TEST(LayoutReader, SaysTruncatedBeforeItSaysBadField) {
  const Error error = decode<Offer>(hex("01 09")).error();
  EXPECT_EQ(Errc::Truncated, error.code);
  EXPECT_EQ("Offer", error.detail);
}

TEST(IanaNumber, StandsInFrontOfRequestsAndResponses) {
  const IpmiRequest request = make_request(kIana, Command::ReleaseOffer, ReleaseOfferRq{1});
  EXPECT_EQ(0x2e, request.net_fn);
  EXPECT_EQ(0x05, request.command);
  EXPECT_EQ(hex("d9 7e 00 | 01 00 00 00"), request.data);
  EXPECT_EQ(hex("d9 7e 00"), make_request(kIana, Command::GetDonorStatus).data);
  EXPECT_EQ(hex("d9 7e 00"), response_data(kIana));
  EXPECT_EQ(hex("d9 7e 00 | aa"), response_data(kIana, ReadRs{hex("aa")}));
}

TEST(IanaNumber, IsCheckedAndTakenAway) {
  const Bytes data = hex("d9 7e 00 | 01 02");
  const Result<ByteView> rest = strip_iana(kIana, data);
  ASSERT_TRUE(rest.has_value()) << rest.error().message();
  EXPECT_EQ(hex("01 02"), exact(*rest));
  EXPECT_EQ(Errc::BadField, strip_iana(kIana + 1, data).error().code);
  EXPECT_EQ(Errc::BadField, strip_iana(kIana, hex("d9 7e 01")).error().code);
  expect_every_prefix_fails(hex("d9 7e 00"), Errc::Truncated,
                            [](ByteView view) { return strip_iana(kIana, view); });
}

TEST(FindCommand, KnowsOurCommandsAndNoOthers) {
  for (unsigned byte = 0; byte <= 0xff; ++byte) {
    const CommandInfo* row = find_command(static_cast<std::uint8_t>(byte));
    EXPECT_EQ(byte >= 1 && byte <= 10, row != nullptr) << byte;
    if (row != nullptr) {
      EXPECT_EQ(byte, static_cast<unsigned>(row->command));
    }
  }
}

}  // namespace
}  // namespace fwr::wire::oem
