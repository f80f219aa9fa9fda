// SPDX-License-Identifier: GPL-3.0-or-later
// The donor's side of the image stream. PROTOCOL §6.1.
#include <map>

#include "donor/grant_queue.hpp"
#include "support/donor_fixture.hpp"

namespace fwr::test {
namespace {

namespace oem = wire::oem;
namespace stream = wire::stream;

constexpr std::size_t kGranule = oem::kGranule_bytes;

class ImageStream : public DonorTest {
 protected:
  ImageStream() { lease_ = accept(alice_); }

  Bytes image_part(std::size_t offset, std::size_t size) const {
    const Bytes& image = catalogue_.stored(0).bytes;
    const auto begin = image.begin() + static_cast<std::ptrdiff_t>(offset);
    return {begin, begin + static_cast<std::ptrdiff_t>(size)};
  }
  void expect_segment(std::size_t offset, std::size_t size, std::uint32_t number, bool last) {
    const auto sent = next();
    ASSERT_TRUE(sent);
    const stream::Segment* segment = sent->segment();
    ASSERT_NE(nullptr, segment);
    EXPECT_EQ(Object::Image, segment->object);
    EXPECT_EQ(lease_.handle, segment->handle);
    EXPECT_EQ(number, segment->number);
    EXPECT_EQ(offset, segment->offset_granules * kGranule);
    EXPECT_EQ(image_part(offset, size), Bytes(segment->data.begin(), segment->data.end()));
    EXPECT_EQ(last, segment->last);
  }

  const session::Requester alice_ = in_session(1);
  oem::AcceptOfferRs lease_;
};

TEST_F(ImageStream, IsSilentWithoutAGrant) {
  EXPECT_FALSE(next());
}

TEST_F(ImageStream, CutsRangesInOrderAndMarksTheLastSegment) {
  grant(alice_, grant_of(lease_.handle, 7, {{17, 40}, {0, 3}}, 17));
  expect_segment(17 * 64, 17 * 64, 7, false);
  expect_segment(34 * 64, 17 * 64, 7, false);
  expect_segment(51 * 64, 6 * 64, 7, false);
  expect_segment(0, 3 * 64, 7, true);
  EXPECT_FALSE(next());
}

TEST_F(ImageStream, GoesToTheSessionThatGranted) {
  grant(alice_, grant_of(lease_.handle, 1, {{0, 1}}));
  const auto sent = next();
  ASSERT_TRUE(sent);
  EXPECT_EQ(1U, sent->session);
}

TEST_F(ImageStream, EndsWithPartOfAGranule) {
  // 3 * 4096 + 100 bytes are 193 whole granules and 36 bytes.
  grant(alice_, grant_of(lease_.handle, 1, {{192, 2}}));
  expect_segment(192 * 64, 64 + 36, 1, true);
}

TEST_F(ImageStream, ServesTheWholeObjectExactly) {
  for (const Object object : {Object::Image, Object::Tree}) {
    const Bytes& expected =
        object == Object::Image ? catalogue_.stored(0).bytes : catalogue_.stored(0).tree;
    const auto granules = static_cast<std::uint16_t>((expected.size() + kGranule - 1) / kGranule);
    grant(alice_, grant_of(lease_.handle, 1, {{0, granules}}, 21, object));
    Bytes all;
    for (const auto& sent : drain()) {
      ASSERT_NE(nullptr, sent->segment());
      EXPECT_EQ(object, sent->segment()->object);
      EXPECT_EQ(all.size(), sent->segment()->offset_granules * kGranule);
      all.insert(all.end(), sent->segment()->data.begin(), sent->segment()->data.end());
    }
    EXPECT_EQ(expected, all);
  }
  EXPECT_EQ(kImage_bytes + 4096U, status().bytes_served);
}

TEST_F(ImageStream, SendsEachGrantedByteAsOftenAsItWasGranted) {
  grant(alice_, grant_of(lease_.handle, 1, {{0, 1}}));
  grant(alice_, grant_of(lease_.handle, 2, {{0, 1}, {0, 1}}));
  EXPECT_EQ(3U, drain().size());
}

// --- refusals ------------------------------------------------------------------------------------

TEST_F(ImageStream, RefusesRangesOutsideTheObject) {
  // The image has 194 granules, the tree 64.
  const std::vector<std::pair<Object, stream::Range>> outside{
      {Object::Image, {194, 1}},        {Object::Image, {193, 2}},
      {Object::Image, {0, 195}},        {Object::Image, {0xffffffff, 0xffff}},
      {Object::Image, {0xffffffff, 1}}, {Object::Tree, {64, 1}},
      {Object::Tree, {63, 2}},
  };
  std::uint32_t number = 0;
  for (const auto& [object, range] : outside) {
    grant(alice_, grant_of(lease_.handle, ++number, {{0, 1}, range}, 17, object));
    expect_refusal(CompletionCode::OutOfRange, lease_.handle, number);
    EXPECT_FALSE(next()) << "not even the range that is inside is served";
  }
}

TEST_F(ImageStream, RefusesLargerSegmentsThanTheLimit) {
  config_.segment_limit_granules = 21;
  rebuild();
  lease_ = accept(alice_);
  grant(alice_, grant_of(lease_.handle, 1, {{0, 30}}, 22));
  expect_refusal(CompletionCode::InvalidField, lease_.handle, 1);
  grant(alice_, grant_of(lease_.handle, 2, {{0, 30}}, 21));
  expect_segment(0, 21 * 64, 2, false);
}

TEST_F(ImageStream, RefusesWithoutALease) {
  grant(alice_, grant_of(lease_.handle + 1, 5, {{0, 1}}));
  expect_refusal(CompletionCode::LeaseEnded, lease_.handle + 1, 5);
  EXPECT_FALSE(next());
}

TEST_F(ImageStream, RefusesTheLeaseOfAnotherUser) {
  grant(in_session(1, "bob"), grant_of(lease_.handle, 5, {{0, 1}}));
  expect_refusal(CompletionCode::LeaseEnded, lease_.handle, 5);
}

TEST_F(ImageStream, RefusesAnotherSessionOfTheUserUntilItAccepts) {
  const auto other = in_session(2);
  grant(other, grant_of(lease_.handle, 1, {{0, 1}}));
  const auto refused = next();
  ASSERT_TRUE(refused && refused->refusal());
  EXPECT_EQ(2U, refused->session);
  EXPECT_EQ(CompletionCode::LeaseEnded, refused->refusal()->reason);

  grant(alice_, grant_of(lease_.handle, 2, {{0, 20}}));
  EXPECT_EQ(lease_.handle, accept(other).handle);
  EXPECT_FALSE(next()) << "what the first session granted is forgotten";
  grant(other, grant_of(lease_.handle, 3, {{0, 1}}));
  const auto sent = next();
  ASSERT_TRUE(sent && sent->segment());
  EXPECT_EQ(2U, sent->session);
}

TEST_F(ImageStream, RefusesBelowUserPrivilege) {
  auto from = alice_;
  from.privilege = wire::Privilege::Callback;
  grant(from, grant_of(lease_.handle, 5, {{0, 1}}));
  expect_refusal(CompletionCode::InsufficientPrivilege, lease_.handle, 5);
}

TEST_F(ImageStream, IsDeafWithoutASession) {
  grant(without_session(), grant_of(lease_.handle, 5, {{0, 1}}));
  EXPECT_FALSE(next());
}

TEST_F(ImageStream, IgnoresWhatIsNoGrant) {
  const Bytes data(64);
  const std::vector<Bytes> others{
      {},
      Bytes(1, std::byte{9}),
      Bytes(40, std::byte{0xff}),
      encode(stream::Segment{Object::Image, false, lease_.handle, 1, 0, data}),
      encode(stream::Refusal{Object::Image, CompletionCode::Busy, lease_.handle, 1}),
  };
  for (const Bytes& payload : others) donor_->handle_payload(alice_, payload, now_);
  EXPECT_FALSE(next());
}

TEST_F(ImageStream, RefusesWhatItCannotReadAndTheRestOfThatGrant) {
  grant(alice_, grant_of(lease_.handle, 1, {{0, 40}, {50, 40}}));
  grant(alice_, grant_of(lease_.handle, 2, {{0, 1}}));
  expect_segment(0, 17 * 64, 1, false);
  catalogue_.readable = false;
  expect_refusal(CompletionCode::ImageUnreadable, lease_.handle, 1);
  catalogue_.readable = true;
  expect_segment(0, 64, 2, true);
  EXPECT_FALSE(next());
}

TEST_F(ImageStream, BoundsWaitingRefusals) {
  for (std::uint32_t number = 0; number < 1000; ++number)
    grant(alice_, grant_of(1234, number, {{0, 1}}));
  EXPECT_EQ(256U, drain().size());
}

// --- credit --------------------------------------------------------------------------------------

TEST_F(ImageStream, TakesGrantsUpToTheCreditAndNotAByteMore) {
  config_.credit_bytes = 10 * 64;
  rebuild();
  lease_ = accept(alice_);
  grant(alice_, grant_of(lease_.handle, 1, {{0, 4}, {10, 6}}, 1));
  grant(alice_, grant_of(lease_.handle, 2, {{20, 1}}, 1));
  expect_refusal(CompletionCode::Busy, lease_.handle, 2);
  expect_segment(0, 64, 1, false);
  grant(alice_, grant_of(lease_.handle, 3, {{20, 2}}, 1));
  expect_refusal(CompletionCode::Busy, lease_.handle, 3);
  grant(alice_, grant_of(lease_.handle, 4, {{20, 1}}, 1));  // what was sent is room again
  const auto sent = drain();
  ASSERT_EQ(10U, sent.size());
  EXPECT_EQ(4U, sent.back()->segment()->number);
}

TEST_F(ImageStream, CountsBytesOfTheObjectNotOfItsLastGranule) {
  config_.credit_bytes = 64 + 36;
  rebuild();
  lease_ = accept(alice_);
  grant(alice_, grant_of(lease_.handle, 1, {{192, 2}}));
  expect_segment(192 * 64, 64 + 36, 1, true);
}

TEST_F(ImageStream, HasACreditForEachLease) {
  config_.credit_bytes = 64;
  rebuild();
  lease_ = accept(alice_, 1);
  const auto other = accept(alice_, 2);
  grant(alice_, grant_of(lease_.handle, 1, {{0, 1}}));
  grant(alice_, grant_of(other.handle, 1, {{0, 1}}));
  const auto sent = drain();
  ASSERT_EQ(2U, sent.size());
  EXPECT_TRUE(sent[0]->segment() && sent[1]->segment());
}

TEST_F(ImageStream, BoundsRangesThatCostNoCredit) {
  const std::vector<stream::Range> ranges(32, stream::Range{193, 1});  // 36 bytes each
  std::uint32_t number = 0;
  for (; number < donor::kWaitingRanges / 32; ++number)
    grant(alice_, grant_of(lease_.handle, number, ranges, 1));
  EXPECT_LT(donor::kWaitingRanges * 36, config_.credit_bytes);
  grant(alice_, grant_of(lease_.handle, number, {{193, 1}}, 1));
  expect_refusal(CompletionCode::Busy, lease_.handle, number);
  EXPECT_EQ(donor::kWaitingRanges, drain().size());
}

TEST_F(ImageStream, CreditComesBackWhenTheRestOfAGrantIsSkipped) {
  config_.credit_bytes = 100 * 64;
  rebuild();
  lease_ = accept(alice_);
  grant(alice_, grant_of(lease_.handle, 1, {{0, 60}, {0, 40}}, 1));
  catalogue_.readable = false;
  expect_refusal(CompletionCode::ImageUnreadable, lease_.handle, 1);
  catalogue_.readable = true;
  grant(alice_, grant_of(lease_.handle, 2, {{0, 100}}, 17));
  EXPECT_EQ(6U, drain().size());
}

// --- turns ---------------------------------------------------------------------------------------

TEST_F(ImageStream, ServesLeasesInTurn) {
  const auto bob = in_session(2, "bob"), carol = in_session(3, "carol");
  const auto bobs = accept(bob, 2), carols = accept(carol, 3);
  grant(alice_, grant_of(lease_.handle, 1, {{0, 100}}, 1));
  grant(bob, grant_of(bobs.handle, 1, {{0, 10}}, 1));
  grant(carol, grant_of(carols.handle, 1, {{0, 10}}, 1));
  std::map<std::uint32_t, unsigned> served;
  for (unsigned turn = 0; turn < 30; ++turn) ++served[next()->session];
  EXPECT_EQ(10U, served[1]);
  EXPECT_EQ(10U, served[2]);
  EXPECT_EQ(10U, served[3]);
  EXPECT_EQ(90U, drain().size());
}

TEST_F(ImageStream, GivesALeaseThatGrantsOftenNoMoreTurns) {
  const auto bob = in_session(2, "bob");
  const auto bobs = accept(bob, 2);
  grant(bob, grant_of(bobs.handle, 1, {{0, 20}}, 1));
  std::map<std::uint32_t, unsigned> served;
  for (std::uint32_t turn = 0; turn < 20; ++turn) {
    for (std::uint32_t i = 0; i < 10; ++i)
      grant(alice_, grant_of(lease_.handle, turn * 10 + i, {{0, 1}}, 1));
    ++served[next()->session];
  }
  EXPECT_EQ(10U, served[2]);
}

TEST_F(ImageStream, SendsRefusalsBeforeSegments) {
  grant(alice_, grant_of(lease_.handle, 1, {{0, 17}}));
  grant(alice_, grant_of(lease_.handle, 2, {{1000, 1}}));
  expect_refusal(CompletionCode::OutOfRange, lease_.handle, 2);
  expect_segment(0, 17 * 64, 1, true);
}

// --- ends ----------------------------------------------------------------------------------------

TEST_F(ImageStream, EndsWithTheLease) {
  const auto grant_more = [&](std::uint32_t handle) {
    grant(alice_, grant_of(handle, 1, {{0, 100}}, 1));
    EXPECT_TRUE(next());
  };
  grant_more(lease_.handle);
  ask(alice_, Command::ReleaseOffer, oem::ReleaseOfferRq{lease_.handle});
  EXPECT_FALSE(next()) << "released";

  lease_ = accept(alice_, 2);
  grant_more(lease_.handle);
  ask(alice_, Command::ReportResult, oem::ReportResultRq{lease_.handle, 13, {}});
  EXPECT_FALSE(next()) << "reported";

  lease_ = accept(alice_, 3);
  grant_more(lease_.handle);
  now_ += 60s;
  EXPECT_FALSE(next()) << "expired";

  lease_ = accept(alice_, 4);
  grant_more(lease_.handle);
  RandomCatalogue empty;
  donor_->replace_catalogue(empty, now_);
  EXPECT_FALSE(next()) << "withdrawn";
}

TEST_F(ImageStream, KeepsTheLeaseAliveWhileItServesASlowMedium) {
  grant(alice_, grant_of(lease_.handle, 1, {{0, 5}}, 1));
  for (int i = 0; i < 5; ++i) {
    now_ += 59s;
    ASSERT_TRUE(next());
  }
  now_ += 60s;
  donor_->handle_timeout(now_);
  EXPECT_EQ(0U, donor_->leases());
}

TEST_F(ImageStream, EndsWithTheSessionAndTheLeaseStays) {
  const auto other = accept(in_session(2), 2);
  grant(alice_, grant_of(lease_.handle, 1, {{0, 100}}, 1));
  grant(alice_, grant_of(lease_.handle, 2, {{1000, 1}}, 1));
  grant(in_session(2), grant_of(other.handle, 1, {{0, 2}}, 1));
  donor_->session_closed(1, now_);
  const auto sent = drain();
  ASSERT_EQ(2U, sent.size());
  for (const auto& one : sent) EXPECT_EQ(2U, one->session);
  EXPECT_EQ(2U, donor_->leases());
}

TEST_F(ImageStream, OfASessionIdThatIsUsedAgainBelongsToNobodyElse) {
  donor_->session_closed(1, now_);
  grant(alice_, grant_of(lease_.handle, 1, {{0, 1}}));
  expect_refusal(CompletionCode::LeaseEnded, lease_.handle, 1);
}

}  // namespace
}  // namespace fwr::test
