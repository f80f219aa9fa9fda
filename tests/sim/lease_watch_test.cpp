// SPDX-License-Identifier: GPL-3.0-or-later
// The second opinion on leases sees what a donor must not do.
#include <gtest/gtest.h>

#include "lease_watch.hpp"

namespace fwr::sim {
namespace {

namespace oem = wire::oem;
namespace stream = wire::stream;

class Watch : public ::testing::Test {
 protected:
  Watch() {
    from.session = 9;
    from.user = "fw";
  }
  void accept(std::uint32_t handle) {
    watch.command(from, oem::make_request(kIana, oem::Command::AcceptOffer, oem::AcceptOfferRq{}),
                  ok(oem::AcceptOfferRs{
                      .handle = handle, .image_size_bytes = 100000, .tree_size_bytes = 4096}),
                  now);
  }
  void read(std::uint32_t handle, std::size_t bytes) {
    watch.command(from,
                  oem::make_request(kIana, oem::Command::ReadImage,
                                    oem::ReadRq{.handle = handle, .offset = 0, .count = 100}),
                  ok(oem::ReadRs{.data = Bytes(bytes)}), now);
  }
  void grant(std::uint32_t number, std::uint32_t offset, std::uint16_t length) {
    watch.payload_in(
        from,
        encode(stream::Grant{
            .segment_granules = 17, .handle = 5, .number = number, .ranges = {{offset, length}}}),
        now);
  }
  void send(std::uint32_t number, std::uint32_t offset, std::size_t bytes) {
    const Bytes data(bytes);
    watch.payload_out(
        {.session = from.session,
         .payload = encode(stream::Segment{
             .handle = 5, .number = number, .offset_granules = offset, .data = data})},
        now);
  }
  template <class Message>
  static wire::IpmiResponse ok(const Message& message) {
    return {wire::CompletionCode::Ok, oem::response_data(kIana, message)};
  }
  [[nodiscard]] std::string violated() const {
    return chronicle.violation() ? chronicle.violation()->checker : "";
  }

  static donor::DonorConfig small_credit() {
    donor::DonorConfig config;
    config.credit_bytes = 8192;
    return config;
  }

  donor::DonorConfig config = small_credit();
  Chronicle chronicle{false};
  LeaseWatch watch{config, "donor 0", chronicle};
  session::Requester from;
  TimePoint now = kBegin;
};

TEST_F(Watch, AllowsReadsAndSegmentsUnderALease) {
  accept(5);
  read(5, 100);
  grant(1, 0, 34);
  send(1, 0, 17 * 64);
  send(1, 17, 17 * 64);
  EXPECT_EQ("", violated());
}

TEST_F(Watch, SeesAReadWithoutALease) {
  read(5, 100);
  EXPECT_EQ("served-without-lease", violated());
}

TEST_F(Watch, SeesAReadAfterTheRelease) {
  accept(5);
  watch.command(from, oem::make_request(kIana, oem::Command::ReleaseOffer, oem::ReleaseOfferRq{5}),
                wire::IpmiResponse{wire::CompletionCode::Ok, oem::response_data(kIana)}, now);
  read(5, 100);
  EXPECT_EQ("served-without-lease", violated());
}

TEST_F(Watch, SeesAReadAfterTheTimeOfTheLease) {
  accept(5);
  now += config.lease + std::chrono::seconds(1);
  read(5, 100);
  EXPECT_EQ("served-without-lease", violated());
}

TEST_F(Watch, SeesAReadWithTheLeaseOfAnother) {
  accept(5);
  from.user = "other";
  read(5, 100);
  EXPECT_EQ("served-without-lease", violated());
}

TEST_F(Watch, SeesMoreBytesThanWereAskedFor) {
  accept(5);
  read(5, 101);
  EXPECT_EQ("served-without-lease", violated());
}

TEST_F(Watch, SeesASegmentThatWasNotGranted) {
  accept(5);
  grant(1, 0, 17);
  send(1, 17, 64);
  EXPECT_EQ("served-without-lease", violated());
}

TEST_F(Watch, SeesASegmentThatIsSentTwice) {
  accept(5);
  grant(1, 0, 17);
  send(1, 0, 17 * 64);
  send(1, 0, 17 * 64);
  EXPECT_EQ("served-without-lease", violated());
}

TEST_F(Watch, AllowsAGrantThatCameTwiceToBeServedTwiceAndNotThrice) {
  accept(5);
  grant(1, 0, 17);
  grant(1, 0, 17);
  send(1, 0, 17 * 64);
  send(1, 0, 17 * 64);
  EXPECT_EQ("", violated());
  send(1, 0, 17 * 64);
  EXPECT_EQ("served-without-lease", violated());
}

TEST_F(Watch, GivesASlowLinkTheTimeThatItNeeds) {
  from.properties.bits_per_s = 19200;
  accept(5);
  now += config.lease + std::chrono::seconds(8);
  read(5, 100);
  EXPECT_EQ("", violated());
  now += config.lease + std::chrono::seconds(9);
  read(5, 100);
  EXPECT_EQ("served-without-lease", violated());
}

TEST_F(Watch, SeesASegmentOfASessionThatHasGone) {
  accept(5);
  grant(1, 0, 17);
  watch.session_closed(from.session);
  send(1, 0, 17 * 64);
  EXPECT_EQ("served-without-lease", violated());
}

TEST_F(Watch, SeesAGrantServedAboveTheCredit) {
  accept(5);
  grant(1, 0, 120);
  grant(2, 120, 17);
  send(2, 120, 17 * 64);
  EXPECT_EQ("limits", violated());
}

TEST_F(Watch, SeesAnAnswerWithoutASession) {
  from.session = 0;
  watch.command(from, oem::make_request(kIana, oem::Command::GetDonorStatus),
                ok(oem::DonorStatusRs{}), now);
  EXPECT_EQ("served-without-lease", violated());
}

}  // namespace
}  // namespace fwr::sim
