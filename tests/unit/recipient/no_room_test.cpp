// SPDX-License-Identifier: GPL-3.0-or-later
// Machines whose links take nothing, as when the only line is gone: the loop does not ask them what
// to send, and they neither spin nor last for ever. PROTOCOL §8.6.
#include <gtest/gtest.h>

#include "media_rig.hpp"

namespace fwr::test {
namespace {

using namespace std::chrono_literals;
using recipient::State;

/// Work that is due at the same time goes in steps: a window of a slot is examined, an image of
/// these tests is verified.
constexpr unsigned kTurnsAtOnce = 64;
constexpr unsigned kTurnsAnHour = 1000;

struct Turns {
  unsigned all = 0;
  unsigned at_once = 0;  ///< at the most
  Duration lasted{};
};

/// What a loop does with a machine that has a deadline, and with links that have no room.
template <class Deadline, class Work, class Over>
Turns drive(TimePoint& now, Duration lasts, Deadline deadline, Work work, Over over) {
  Turns turns;
  const TimePoint began = now;
  unsigned here = 0;
  while (!over()) {
    const std::optional<TimePoint> due = deadline();
    if (!due || *due > began + lasts) break;
    here = *due > now ? 1 : here + 1;
    now = std::max(now, *due);
    turns.at_once = std::max(turns.at_once, here);
    turns.lasted = now - began;
    if (++turns.all > 100 * kTurnsAnHour || here > 10 * kTurnsAtOnce) break;
    work(now);
  }
  return turns;
}

Turns drive(recipient::Recovery& recovery, TimePoint& now, Duration lasts) {
  const auto is_over = [&] {
    while (recovery.poll_event()) {
    }
    return recovery.finished();
  };
  return drive(
      now, lasts, [&] { return recovery.deadline(); },
      [&](TimePoint at) { recovery.handle_timeout(at); }, is_over);
}

enum class Road : std::uint8_t { Bus, Lan, Both };
struct Moment {
  Road road = Road::Bus;
  State state = State::Discovering;
  std::uint64_t bytes = 0;  ///< of the image, that are in the slot already
};

void PrintTo(const Moment& moment, std::ostream* out) {
  constexpr std::array<const char*, 3> kRoads{"bus", "lan", "both"};
  *out << kRoads.at(static_cast<std::size_t>(moment.road)) << ", " << to_text(moment.state) << ", "
       << moment.bytes << " bytes";
}

/// A recovery, up to a moment from which nothing goes out any more.
class NoRoom : public testing::TestWithParam<Moment> {
 protected:
  NoRoom() : rig_(quiet_bus(2)) {
    const auto image = SignedImage::make(noise(96U << 10, 1), "2.0", 1);
    if (GetParam().road != Road::Lan) {
      rig_.add_bus_donor(1, {image});
      rig_.ask_bus();
    }
    if (GetParam().road != Road::Bus) {
      rig_.add_lan_donor({image});
      rig_.ask_lan();
    }
  }
  void SetUp() override {
    if (GetParam().state == State::Idle) {  // and never had room
      recovery_ = std::make_unique<recipient::Recovery>(rig_.config, rig_.slots, random_);
      recovery_->start(rig_.bus.now(), 1800000000);
    } else {
      ASSERT_TRUE(rig_.run_to(GetParam().state));
      if (GetParam().bytes > 0) {
        ASSERT_TRUE(rig_.run_to_bytes(GetParam().bytes));
      }
      ASSERT_FALSE(rig_.recovery->finished());
      recovery_ = std::move(rig_.recovery);
    }
    now_ = rig_.bus.now();
  }

  MediaRig rig_;
  SeededRandom random_{5};
  std::unique_ptr<recipient::Recovery> recovery_;
  TimePoint now_{};
};

TEST_P(NoRoom, ARecoveryEndsByItselfAndDoesNotSpin) {
  const Turns turns = drive(*recovery_, now_, 11h);
  EXPECT_TRUE(recovery_->finished()) << "in " << to_text(recovery_->state());
  EXPECT_LE(turns.at_once, kTurnsAtOnce);
  EXPECT_LE(turns.all, kTurnsAnHour);
}

TEST_P(NoRoom, AnInterruptedRecoveryEndsSoon) {
  recovery_->abort(now_);
  const Turns turns = drive(*recovery_, now_, 1h);
  EXPECT_TRUE(recovery_->finished());
  EXPECT_LE(turns.at_once, kTurnsAtOnce);
  EXPECT_LE(turns.lasted, 15s);
}

TEST_P(NoRoom, ARecoveryThatIsInterruptedLaterEndsSoonToo) {
  EXPECT_LE(drive(*recovery_, now_, 20s).at_once, kTurnsAtOnce);
  now_ += 1s;
  recovery_->abort(now_);
  const Turns turns = drive(*recovery_, now_, 1h);
  EXPECT_TRUE(recovery_->finished());
  EXPECT_LE(turns.at_once, kTurnsAtOnce);
  EXPECT_LE(turns.lasted, 15s);
}

INSTANTIATE_TEST_SUITE_P(
    AtEachMoment, NoRoom,
    testing::Values(Moment{Road::Bus, State::Idle}, Moment{Road::Lan, State::Idle},
                    Moment{Road::Both, State::Idle}, Moment{Road::Bus, State::Discovering},
                    Moment{Road::Lan, State::Discovering}, Moment{Road::Bus, State::Connecting},
                    Moment{Road::Lan, State::Connecting}, Moment{Road::Both, State::Connecting},
                    Moment{Road::Bus, State::Vetting}, Moment{Road::Lan, State::Vetting},
                    Moment{Road::Bus, State::Accepting}, Moment{Road::Lan, State::Accepting},
                    Moment{Road::Bus, State::FetchingTree}, Moment{Road::Lan, State::FetchingTree},
                    Moment{Road::Bus, State::FetchingImage},
                    Moment{Road::Lan, State::FetchingImage},
                    Moment{Road::Bus, State::FetchingImage, 20U << 10},
                    Moment{Road::Lan, State::FetchingImage, 20U << 10},
                    Moment{Road::Both, State::FetchingImage, 20U << 10},
                    Moment{Road::Bus, State::Reporting}, Moment{Road::Lan, State::Reporting}));

TEST(NoRoomForADonor, EndsItsLeasesAndForgetsItsPeersWithoutSpinning) {
  MediaRig rig(quiet_bus(2));
  const auto image = SignedImage::make(noise(96U << 10, 1), "2.0", 1);
  PlainDonor& donor = rig.add_bus_donor(1, {image});
  rig.ask_bus();
  ASSERT_TRUE(rig.run_to_bytes(20U << 10));
  ASSERT_EQ(donor.donor.leases(), 1U);
  TimePoint now = rig.bus.now();
  const Turns turns = drive(
      now, 1h, [&] { return donor.deadline(); },
      [&](TimePoint at) {
        donor.donor.handle_timeout(at);
        donor.server.handle_timeout(at);
      },
      [] { return false; });
  EXPECT_FALSE(donor.deadline().has_value());
  EXPECT_EQ(donor.donor.leases(), 0U);
  EXPECT_LE(turns.at_once, kTurnsAtOnce);
}

TEST(NoRoomForADonor, EndsItsSessionsWithoutSpinning) {
  MediaRig rig(quiet_bus(1));
  const auto image = SignedImage::make(noise(96U << 10, 1), "2.0", 1);
  DonorHost& donor = rig.add_lan_donor({image});
  rig.ask_lan();
  ASSERT_TRUE(rig.run_to(State::FetchingImage));
  TimePoint now = rig.bus.now();
  const auto deadline = [&] {
    const auto sessions = donor.server.deadline();
    const auto leases = donor.donor.deadline();
    return sessions && leases ? std::min(*sessions, *leases) : sessions ? sessions : leases;
  };
  const Turns turns = drive(
      now, 1h, deadline,
      [&](TimePoint at) {
        donor.donor.handle_timeout(at);
        donor.server.handle_timeout(at);
      },
      [] { return false; });
  EXPECT_GT(turns.all, 0U);
  EXPECT_FALSE(deadline().has_value());
  EXPECT_EQ(donor.donor.leases(), 0U);
  EXPECT_LE(turns.at_once, kTurnsAtOnce);
}

}  // namespace
}  // namespace fwr::test
