// SPDX-License-Identifier: GPL-3.0-or-later
// The simulated bus: it carries what is said at the speed of its line, and every fault of it shows.
#include <gtest/gtest.h>

#include "bus_guests.hpp"
#include "network.hpp"
#include "wire/plain.hpp"

namespace fwr::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::icmb::BusAddress;

constexpr std::size_t kDonor = kFirstDonor;

/// Two recipients and a donor on one bus.
Plan three_on_a_bus() {
  Plan plan;
  plan.media.resize(1);
  plan.media[0].medium = Medium::Icmb;
  plan.media[0].bus = BusPlan{.baud = 115200, .latency = std::chrono::microseconds(500)};
  plan.recipients.resize(2);
  for (RecipientPlan& recipient : plan.recipients) recipient.media = {0};
  plan.donors.resize(1);
  plan.donors[0].media = {0};
  plan.donors[0].config.guid.fill(std::byte{0x10});
  plan.heals = kBegin + std::chrono::hours(1);
  return plan;
}

class SimulatedBus : public ::testing::Test {
 protected:
  Fault& fault(FaultKind kind, Duration from, Duration until) {
    Fault& made = plan.faults.emplace_back();
    made.kind = kind;
    made.medium = 0;
    made.from = kBegin + from;
    made.until = kBegin + until;
    made.seed = 8;
    return made;
  }
  void begin() {
    network = std::make_unique<Network>(plan, chronicle);
    for (std::size_t i = 0; i < plan.faults.size(); ++i)
      if (has_own_node(plan.faults[i].kind))
        guests.push_back(std::make_unique<BusGuest>(plan, i, *network, chronicle));
    for (const std::size_t host : {std::size_t{0}, std::size_t{1}, kDonor})
      network->open(0, host, kBegin);
  }
  void run_for(Duration time) {
    const TimePoint end = chronicle.now() + time;
    while (true) {
      std::optional<TimePoint> at = network->next(chronicle.now());
      for (const auto& guest : guests)
        if (const auto due = guest->next()) at = std::min(at.value_or(*due), *due);
      if (!at || *at > end) break;
      chronicle.set_now(std::max(chronicle.now(), *at));
      network->work(chronicle.now());
      while (auto delivery = network->receive(chronicle.now()))
        received.push_back(*std::move(delivery));
      for (const auto& guest : guests) guest->work(chronicle.now());
    }
    chronicle.set_now(end);
  }
  BusAddress address(std::size_t host) { return network->bus(0)->port(host)->address(); }
  std::uint64_t count(BusCount what) {
    return network->bus(0)->counts().at(static_cast<std::size_t>(what));
  }
  Bytes say(std::size_t from, std::size_t to, std::size_t size) {
    Datagram datagram;
    datagram.path.peer = wire::icmb::to_address(address(to), line_of(0));
    datagram.bytes = wire::plain::encode_request({0x2e, 1, Bytes(size, std::byte{5})}, ++tag);
    const Bytes said = datagram.bytes;
    network->send(from, std::move(datagram), chronicle.now());
    return said;
  }
  bool heard(std::size_t host, const Bytes& message) {
    return std::any_of(received.begin(), received.end(), [&](const Delivery& delivery) {
      return delivery.host == host && delivery.datagram.bytes == message;
    });
  }

  Plan plan = three_on_a_bus();
  Chronicle chronicle{false};
  std::unique_ptr<Network> network;
  std::vector<std::unique_ptr<BusGuest>> guests;
  std::vector<Delivery> received;
  std::uint8_t tag = 0;
};

TEST_F(SimulatedBus, GivesEveryHostTheAddressThatItWishes) {
  begin();
  run_for(seconds(5));
  for (const std::size_t host : {std::size_t{0}, std::size_t{1}, kDonor})
    EXPECT_EQ(wish_of(host), address(host));
}

TEST_F(SimulatedBus, CarriesAMessageToItsReceiverOnlyAndNoFasterThanTheLine) {
  begin();
  run_for(seconds(5));
  const Bytes message = say(0, kDonor, 1000);
  run_for(milliseconds(80));  // a thousand characters last 87 ms
  EXPECT_FALSE(heard(kDonor, message));
  run_for(milliseconds(60));
  EXPECT_TRUE(heard(kDonor, message));
  EXPECT_FALSE(heard(1, message));
}

TEST_F(SimulatedBus, LetsTalkersWhoBeginTogetherCollideAndBothBeHeard) {
  begin();
  run_for(seconds(5));
  for (int round = 0; round < 20; ++round) {
    const Bytes one = say(0, kDonor, 300);
    const Bytes other = say(1, kDonor, 300);
    run_for(seconds(1));
    EXPECT_TRUE(heard(kDonor, one));
    EXPECT_TRUE(heard(kDonor, other));
  }
  EXPECT_GT(count(BusCount::Collisions), 0U);
  EXPECT_GT(count(BusCount::ArbitrationLosses), 0U);
}

TEST_F(SimulatedBus, CarriesNothingWhileItIsCutAndEverythingAfterwards) {
  fault(FaultKind::LinkDeath, seconds(5), seconds(15));
  begin();
  run_for(seconds(6));
  const Bytes message = say(0, kDonor, 100);
  run_for(seconds(8));
  EXPECT_FALSE(heard(kDonor, message));
  EXPECT_GT(count(BusCount::Cuts), 0U);
  run_for(seconds(10));
  EXPECT_TRUE(heard(kDonor, message));
}

TEST_F(SimulatedBus, CutsOffOneNodeAlone) {
  fault(FaultKind::NodeCut, seconds(5), seconds(60)).target = 0;
  begin();
  run_for(seconds(6));
  const Bytes lost = say(0, kDonor, 100);
  const Bytes arrives = say(1, kDonor, 100);
  run_for(seconds(10));
  EXPECT_FALSE(heard(kDonor, lost));
  EXPECT_TRUE(heard(kDonor, arrives));
}

TEST_F(SimulatedBus, FlapsForEver) {
  Fault& flaps = fault(FaultKind::BusFlaps, seconds(0), seconds(1000));
  flaps.amount = seconds(20);
  flaps.probability = 0.25;
  begin();
  run_for(seconds(200));
  for (int round = 0; round < 10; ++round) {
    run_for(seconds(16));
    const Bytes message = say(0, kDonor, 10);
    run_for(seconds(3));
    EXPECT_FALSE(heard(kDonor, message)) << round;
    run_for(seconds(21));
    EXPECT_TRUE(heard(kDonor, message)) << round;
  }
}

TEST_F(SimulatedBus, CarriesNothingWhileSomebodyBabbles) {
  fault(FaultKind::Babble, seconds(5), seconds(15)).target = kDonor;
  begin();
  run_for(seconds(6));
  const Bytes message = say(0, 1, 100);
  run_for(seconds(8));
  EXPECT_FALSE(heard(1, message));
  EXPECT_GT(count(BusCount::Babbles), 0U);
  run_for(seconds(10));
  EXPECT_TRUE(heard(1, message));
}

TEST_F(SimulatedBus, DamagesBitsAtTheRateThatIsPlanned) {
  fault(FaultKind::BusNoise, seconds(0), seconds(1000)).probability = 1e-4;
  begin();
  run_for(seconds(5));
  for (int round = 0; round < 50; ++round) {
    say(0, kDonor, 2000);
    run_for(seconds(1));
  }
  const double bits = 8.0 * static_cast<double>(count(BusCount::Characters));
  EXPECT_NEAR(1e-4, static_cast<double>(count(BusCount::BitErrors)) / bits, 5e-5);
  EXPECT_GT(count(BusCount::LineErrors), 0U);
}

TEST_F(SimulatedBus, LetsANodeNotHearItself) {
  fault(FaultKind::EchoLoss, seconds(5), seconds(15)).target = 0;
  begin();
  run_for(seconds(6));
  const Bytes message = say(0, kDonor, 500);
  run_for(seconds(8));
  EXPECT_FALSE(heard(kDonor, message));
  EXPECT_EQ(1U, count(BusCount::Cuts));
  run_for(seconds(10));
  EXPECT_TRUE(heard(kDonor, message));
}

TEST_F(SimulatedBus, KeepsTwoWhoWishTheSameAddressApart) {
  fault(FaultKind::AddressCollision, seconds(0), seconds(1000)).target = 0;
  begin();
  run_for(seconds(30));
  EXPECT_NE(address(0), address(kFirstGuest));
  EXPECT_NE(BusAddress::Unassigned, address(0));
  EXPECT_NE(BusAddress::Unassigned, address(kFirstGuest));
  EXPECT_GT(count(BusCount::AddressesMoved), 0U);
}

TEST_F(SimulatedBus, SurvivesAGuestThatListensToNobody) {
  fault(FaultKind::BusGarbage, seconds(5), seconds(60));
  begin();
  run_for(seconds(6));
  for (int round = 0; round < 40; ++round) {
    const Bytes message = say(0, kDonor, 400);
    run_for(seconds(2));
    EXPECT_TRUE(heard(kDonor, message)) << round;
  }
  EXPECT_GT(count(BusCount::LineErrors) + count(BusCount::ArbitrationLosses), 0U);
}

}  // namespace
}  // namespace fwr::sim
