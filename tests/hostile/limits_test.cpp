// SPDX-License-Identifier: GPL-3.0-or-later
// What ends by itself, and what is full: expiry, tables of sessions and leases. PROTOCOL §8.2,
// §8.3.
#include "hostile_fixture.hpp"

namespace fwr::hostile {
namespace {

using Clock = std::chrono::steady_clock;

/// Sessions are idle after 5 s, leases too; four sessions and three leases, one of one user.
DonorOptions small_donor() {
  return {.session = "idle = \"5s\"\nsessions = 5",
          .donor = "lease = \"5s\"\nleases = 3\nleases_per_user = 2"};
}

Scene& small_scene() {
  return kept_scene("small", small_donor());
}

class Limits : public HostileTest {
 protected:
  Limits() : HostileTest(small_scene()) {}
  /// Lets time pass while the honest session goes on, and `meanwhile` is done ten times a second.
  void pass(std::chrono::milliseconds time, const std::function<void()>& meanwhile = {}) {
    const auto until = Clock::now() + time;
    while (Clock::now() < until) {
      scene_.expect_honest_is_served();
      if (meanwhile) meanwhile();
      std::this_thread::sleep_for(100ms);
    }
  }
};

TEST_F(Limits, WhatIsSilentEndsAndJunkDoesNotKeepItAlive) {
  LiveSession silent(port(), {.account = kAlice});
  LiveSession lively(port(), {.account = kBob});
  ASSERT_TRUE(silent.is_up() && lively.is_up());
  const auto lease = silent.take_lease();
  ASSERT_TRUE(lease.has_value());
  const Bytes replayed = silent.status_request();
  silent.peer().send(replayed);
  Peer waiting(port());
  Handshake handshake(waiting, {});
  ASSERT_TRUE(handshake.open() && handshake.challenge());
  Peer stranger(port());
  Bend forged;
  forged.code = [](Bytes& code) { code.front() ^= std::byte{1}; };

  pass(5500ms, [&] {
    // None of this is a valid packet of the session.
    silent.peer().flood(replayed);
    silent.peer().flood(silent.status_request(forged));
    silent.peer().flood(plain(PayloadType::Ipmi, bytes({1, 2, 3}), silent.managed_session(), 1));
    stranger.flood(silent.status_request());
    EXPECT_TRUE(lively.status().has_value());
  });
  (void)silent.peer().drain();
  silent.peer().send(silent.status_request());
  expect_silence(silent.peer());
  silent.abandon();
  // Its lease ended too: the same user finds none.
  LiveSession heir(port(), {.account = kAlice});
  ASSERT_TRUE(heir.is_up());
  EXPECT_FALSE(heir.read_image(lease->handle, 0, 1).has_value());

  // A handshake has 10 s from Open Session to RAKP 3, and asking again gives no more.
  const wire::Rakp1 again = handshake.rakp1_message();
  pass(5000ms, [&] {
    waiting.flood(plain(PayloadType::Rakp1, encode(again)));
    EXPECT_TRUE(lively.status().has_value());
    EXPECT_TRUE(heir.status().has_value());
  });
  (void)waiting.drain();
  const auto late = handshake.prove();
  ASSERT_TRUE(late.has_value());
  EXPECT_EQ(RakpStatus::InvalidSessionId, late->status);
}

TEST_F(Limits, AFullTableRefusesAndDisturbsNobody) {
  std::vector<std::unique_ptr<LiveSession>> sessions;
  for (unsigned i = 0; i < 4; ++i) {
    sessions.push_back(std::make_unique<LiveSession>(port(), Attempt{.account = kAlice}));
    ASSERT_TRUE(sessions.back()->is_up()) << i;
  }
  for (unsigned i = 0; i < 10; ++i) {
    Peer peer(port());
    Handshake handshake(peer, {.account = i % 2 == 0 ? kAlice : kBob});
    ASSERT_TRUE(handshake.open() && handshake.challenge());
    const auto proof = handshake.prove();
    ASSERT_TRUE(proof.has_value());
    EXPECT_EQ(RakpStatus::InsufficientResources, proof->status);
    handshake.give_up();
  }
  for (const auto& session : sessions) EXPECT_TRUE(session->status().has_value());
  sessions.pop_back();
  const LiveSession next(port(), {.account = kBob});
  EXPECT_TRUE(next.is_up()) << "there is room again";
}

TEST_F(Limits, LeasesAreLimitedForAUserAndInAll) {
  LiveSession alice(port(), {.account = kAlice});
  LiveSession bob(port(), {.account = kBob});
  ASSERT_TRUE(alice.is_up() && bob.is_up());
  const auto first = alice.take_lease();
  const auto second = alice.take_lease();
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(alice.take_lease().has_value()) << "two of one user";
  EXPECT_FALSE(bob.take_lease().has_value()) << "three in all, with the honest one";
  EXPECT_TRUE(alice.read_image(first->handle, 0, 16).has_value());
  EXPECT_TRUE(alice.read_image(second->handle, 0, 16).has_value());
  (void)alice.oem(Command::ReleaseOffer, wire::oem::ReleaseOfferRq{first->handle});
  const auto other = bob.take_lease();
  EXPECT_TRUE(other.has_value());
  (void)alice.oem(Command::ReleaseOffer, wire::oem::ReleaseOfferRq{second->handle});
  if (other) (void)bob.oem(Command::ReleaseOffer, wire::oem::ReleaseOfferRq{other->handle});
}

TEST_F(Limits, HalfOpenSessionsOfStrangersKeepNobodyOut) {
  // Real addresses, right names: each waits for the RAKP 3 that it cannot compute.
  std::vector<std::unique_ptr<Peer>> strangers;
  for (unsigned host = 0; host < 6; ++host)
    for (unsigned i = 0; i < 8; ++i) {
      strangers.push_back(
          std::make_unique<Peer>(port(), i == 0 ? fresh_host() : strangers.back()->host()));
      Handshake handshake(*strangers.back(), {});
      if (handshake.open()) (void)handshake.challenge();
    }
  const LiveSession newcomer(port(), {.account = kBob});
  EXPECT_TRUE(newcomer.is_up());
}

}  // namespace
}  // namespace fwr::hostile
