// SPDX-License-Identifier: GPL-3.0-or-later
// Random and damaged bytes for the donor machine; the sanitizers watch, and so do these rules.
#include <cstdlib>

#include "support/donor_fixture.hpp"

namespace fwr::test {
namespace {

namespace oem = wire::oem;

constexpr unsigned kRounds = 30000;
constexpr unsigned kLongRounds = 1000000;  // when FWR_TEST_LONG is set
constexpr std::size_t kMaxRandom_bytes = 200;

DonorConfig small_config() {
  DonorConfig config = bench_config();
  config.leases = 3;
  config.leases_per_user = 2;
  config.credit_bytes = 8192;
  config.segment_limit_granules = 32;
  return config;
}

class DonorUnderRandomBytes : public DonorTest {
 protected:
  DonorUnderRandomBytes() : DonorTest(small_config()) {}

  std::uint64_t draw(std::uint64_t below) { return dice_() % below; }
  static unsigned rounds() {
    return std::getenv("FWR_TEST_LONG") != nullptr ? kLongRounds : kRounds;
  }

  session::Requester somebody() {
    auto from = in_session(static_cast<std::uint32_t>(draw(4)), draw(2) == 0 ? "alice" : "bob");
    if (from.session == 0) from.user.clear();
    from.privilege = static_cast<wire::Privilege>(1 + draw(8) % 4);
    return from;
  }
  /// A copy whose allocation ends with it, perhaps damaged.
  Bytes damaged(Bytes bytes) {
    if (draw(3) == 0) return bytes;
    for (std::uint64_t i = draw(4); i > 0 && !bytes.empty(); --i)
      bytes[draw(bytes.size())] = static_cast<std::byte>(draw(256));
    if (draw(4) == 0) bytes.resize(draw(bytes.size() + 8));
    return {bytes.begin(), bytes.end()};
  }
  /// A lease that was made once, and its user.
  struct Made {
    std::uint32_t handle = 0;
    session::Requester owner;
  };
  const Made& a_lease() { return made_.empty() ? nobodys_ : made_[draw(made_.size())]; }
  std::uint32_t a_handle() { return a_lease().handle; }
  wire::IpmiRequest a_request() {
    switch (draw(11)) {
      case 0: {
        wire::IpmiRequest request;
        request.net_fn = static_cast<std::uint8_t>(draw(64) & 0x3eU);
        request.command = static_cast<std::uint8_t>(draw(256));
        request.data = random_bytes(draw(kMaxRandom_bytes), static_cast<unsigned>(dice_()));
        return request;
      }
      case 1:
        return oem::make_request(kIana, Command::GetRecoveryCapabilities, oem::CapabilitiesRq{});
      case 2:
        return oem::make_request(kIana, Command::RequestFirmware,
                                 firmware_request(static_cast<unsigned>(draw(5)), draw(2) == 0));
      case 3:
        return oem::make_request(kIana, Command::GetManifest,
                                 oem::GetManifestRq{digest_, oem::ManifestPart::Manifest,
                                                    static_cast<std::uint16_t>(draw(20)), 100});
      case 4: return oem::make_request(kIana, Command::AcceptOffer, offer_);
      case 5:
        return oem::make_request(kIana, Command::ReleaseOffer, oem::ReleaseOfferRq{a_handle()});
      case 6:
        return oem::make_request(
            kIana, Command::ReadHashTree,
            oem::ReadRq{a_handle(), draw(5000), static_cast<std::uint16_t>(draw(1000))});
      case 7:
        return oem::make_request(
            kIana, Command::ReadImage,
            oem::ReadRq{a_handle(), draw(15000), static_cast<std::uint16_t>(draw(1000))});
      case 8:
        return oem::make_request(kIana, Command::ReportResult,
                                 oem::ReportResultRq{a_handle(), 0, random_bytes(draw(140), 1)});
      case 9: return oem::make_request(kIana, Command::ListImages, oem::ListImagesRq{digest_});
      default: return oem::make_request(kIana, Command::GetDonorStatus);
    }
  }
  void one_payload() {
    const Made& lease = a_lease();
    const auto from = draw(4) == 0 ? somebody() : lease.owner;
    if (draw(8) == 0)
      return donor_->handle_payload(
          from, random_bytes(draw(kMaxRandom_bytes), static_cast<unsigned>(dice_())), now_);
    std::vector<wire::stream::Range> ranges(1 + draw(4));
    for (auto& range : ranges)
      range = {static_cast<std::uint32_t>(draw(200)), static_cast<std::uint16_t>(1 + draw(20))};
    const auto grant = grant_of(lease.handle, static_cast<std::uint32_t>(draw(100)), ranges,
                                static_cast<std::uint16_t>(1 + draw(40)),
                                draw(2) == 0 ? Object::Image : Object::Tree);
    donor_->handle_payload(from, damaged(encode(grant)), now_);
  }

  void one_command() {
    const auto from = somebody();
    wire::IpmiRequest request = a_request();
    request.data = damaged(request.data);
    const auto response = send(from, request);
    if (from.authenticated()) {
      ASSERT_TRUE(response) << "silence in a session";
    } else if (response) {
      EXPECT_LE(response->data.size() + 1, request.data.size());
    }
    if (!response || request.net_fn != raw(wire::NetFn::OemGroupRq)) return;
    const auto body = oem::strip_iana(kIana, response->data);
    ASSERT_TRUE(body) << "a response without enterprise number";
    if (response->code != CompletionCode::Ok) return;
    if (request.command == static_cast<std::uint8_t>(Command::RequestFirmware)) {
      if (const auto made = wire::decode<oem::Offer>(*body)) offer_ = acceptance(*made);
    } else if (request.command == static_cast<std::uint8_t>(Command::AcceptOffer)) {
      if (const auto made = wire::decode<oem::AcceptOfferRs>(*body))
        made_.push_back({made->handle, from});
      if (made_.size() > 4) made_.erase(made_.begin());
      ++accepted_;
    }
  }

  RandomCatalogue empty_;
  std::mt19937_64 dice_{0x46575244};
  oem::AcceptOfferRq offer_;
  std::vector<Made> made_;
  const Made nobodys_{1234, in_session(1)};
  unsigned accepted_ = 0;
};

TEST_F(DonorUnderRandomBytes, KeepsItsRules) {
  unsigned segments = 0, refusals = 0;
  for (unsigned round = 0; round < rounds(); ++round) {
    if (draw(2) == 0)
      one_command();
    else
      one_payload();
    if (HasFatalFailure()) return;
    for (std::uint64_t room = draw(4); room > 0; --room) {
      if (const auto sent = next()) ++(sent->segment() != nullptr ? segments : refusals);
    }
    if (draw(50) == 0) donor_->session_closed(static_cast<std::uint32_t>(1 + draw(3)), now_);
    if (draw(100) == 0) catalogue_.readable = !catalogue_.readable;
    if (draw(20) == 0) now_ += std::chrono::milliseconds(draw(20000));
    if (draw(20) == 0) donor_->handle_timeout(now_);
    if (draw(500) == 0) {
      donor_->replace_catalogue(empty_, now_);
      donor_->replace_catalogue(catalogue_, now_);
    }
    ASSERT_LE(donor_->leases(), 3U);
    ASSERT_EQ(donor_->leases() != 0, donor_->deadline().has_value());
    if (draw(10) == 0) events();
  }
  // Otherwise all of this looked at nothing.
  EXPECT_GT(accepted_, 100U);
  EXPECT_GT(segments, 100U);
  EXPECT_GT(refusals, 100U);
  for (std::size_t row = 0; row < donor::lease_table().size(); ++row)
    EXPECT_GT(donor_->rows_taken()[row], 0U) << "row " << row << " of the lease table";
}

}  // namespace
}  // namespace fwr::test
