// SPDX-License-Identifier: GPL-3.0-or-later
// Offers that promise more than the honest donor has: forged ones in its own name, and those of
// liars with an account. Who makes them hears every Request Firmware, and answers at once; the
// honest donor answers later. The real fwrecover recovers from it all the same, and in time.
#include <gtest/gtest.h>

#include <future>

#include "forger.hpp"
#include "hostile_fixture.hpp"
#include "liars.hpp"
#include "recovery.hpp"

namespace fwr::hostile {
namespace {

constexpr Host kDonorHost{0x7f000001};
constexpr Host kNobody{0x7f0000fe};  // asked, and says nothing
constexpr auto kHonestDelay = 400ms;
/// A donor that keeps silent is left after its turn of 30 s at most (PROTOCOL §8.1); the rest is
/// for a machine that does other things, too.
constexpr double kOneSilence_s = 40;

/// How the recipient knows the honest donor.
enum class Known { ByName, ByBroadcast };
const char* to_text(Known known) {
  return known == Known::ByName ? "by name" : "by broadcast";
}

/// Where liars have their addresses.
enum class Where { InOnePrefix, Scattered, BesideTheDonor };
Host host_of(Where where, unsigned number) {
  switch (where) {
    case Where::InOnePrefix: return {0x7f1e0001 + number};      // 127.30.0.1, .2, ...
    case Where::Scattered: return {0x7f280005 + 256 * number};  // 127.40.0.5, 127.40.1.5, ...
    case Where::BesideTheDonor: break;
  }
  return {0x7f000014 + number};  // 127.0.0.20, .21, ...
}

std::size_t count_of(std::string_view what, std::string_view text) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + what.size())) ++count;
  return count;
}

class ForgedOffers : public HostileTest {
 protected:
  void SetUp() override {
    HostileTest::SetUp();
    if (!forger_.may()) GTEST_SKIP() << "raw sockets need root";
    wire::oem::RequestFirmwareRq rq;
    rq.platform.manufacturer_id = kIana;
    rq.platform.product_id = 7;
    const auto offered = honest().oem(Command::RequestFirmware, rq);
    ASSERT_TRUE(offered && offered->code == wire::CompletionCode::Ok);
    truth_.offer =
        wire::decode<wire::oem::Offer>(wire::oem::strip_iana(kIana, offered->data).value()).value();
    const auto file = [&](const std::string& name) {
      const std::string text = scene_.donor().scratch().get(name);
      return Bytes(as_bytes(text).begin(), as_bytes(text).end());
    };
    truth_.manifest = file("image.manifest.json");
    truth_.signature = file("image.manifest.json.minisig");
  }
  void TearDown() override {
    HostileTest::TearDown();
    scene_.expect_rest();
  }

  /// Offers in the name of the honest donor, out of this address.
  void forge(Gang& gang, Host source, unsigned count) {
    gang.on_heard([this, source, count](const Heard& heard) {
      for (unsigned i = 0; i < count; ++i) {
        wire::oem::Offer offer = better_offer(truth_, i, truth_.offer.donor);
        offer.nonce = heard.request.nonce;
        forger_.send(source, port(), heard.answer(offer), heard.port);
      }
    });
  }
  void lie(Gang& gang, Lie lie, unsigned count, Where where) {
    for (unsigned i = 0; i < count; ++i) gang.add(host_of(where, i), lie);
  }

  Outcome recover_once(Known known) {
    Honest asking{.policy = is_long_form() ? "deadline = \"9m\"\n" : "deadline = \"2m\"\n",
                  .patience = 560s};
    if (known == Known::ByBroadcast) asking.target = "127.0.0.254:" + std::to_string(port());
    return recover(scene_.donor(), asking);
  }
  /// One recovery for each way of knowing the donor, beside each other.
  void expect_recoveries(Gang& gang, std::initializer_list<Known> ways, double at_most_s,
                         std::optional<unsigned> sessions = std::nullopt) {
    // What is broadcast reaches the honest donor, too, but not at once.
    gang.after(kHonestDelay, [this](const Heard& heard) {
      if (heard.donor.ip == kNobody.ip) forger_.send(heard.host, heard.port, heard.datagram);
    });
    gang.start();
    std::vector<std::pair<Known, std::future<Outcome>>> running;
    for (const Known known : ways)
      running.emplace_back(
          known, std::async(std::launch::async, [=, this] { return recover_once(known); }));
    for (auto& [known, done] : running) {
      // Or the honest session and its lease would end for their silence.
      do {
        scene_.expect_honest_is_served();
      } while (done.wait_for(10s) == std::future_status::timeout);
      const Outcome outcome = done.get();
      SCOPED_TRACE(to_text(known));
      EXPECT_EQ(0, outcome.status.value_or(-1)) << outcome.log;
      EXPECT_NE(outcome.slot.find(as_text(scene_.donor().image())), std::string::npos);
      EXPECT_LE(outcome.took_s, at_most_s);
      if (sessions) {
        EXPECT_LE(count_of("\"state\":\"Connecting\"", outcome.log), *sessions);
      }
    }
    EXPECT_GE(gang.heard(), ways.size()) << "nobody heard the recipient: this proves nothing";
  }

  Forger forger_{port()};
  Peer nobody_{port(), kNobody, port()};
  Truth truth_;
};

TEST_F(ForgedOffers, InTheNameAndFromTheAddressOfADonorCostItNothing) {
  for (const unsigned count : {64U, 640U}) {
    SCOPED_TRACE(count);
    Gang gang(port(), truth_);
    forge(gang, kDonorHost, count);
    expect_recoveries(gang, {Known::ByName, Known::ByBroadcast}, 20, 1);
  }
}

TEST_F(ForgedOffers, InTheNameOfADonorFromAnotherAddressCostOneWait) {
  for (const unsigned count : {64U, 640U}) {
    SCOPED_TRACE(count);
    Gang gang(port(), truth_);
    forge(gang, host_of(Where::InOnePrefix, 0), count);
    expect_recoveries(gang, {Known::ByName, Known::ByBroadcast}, kOneSilence_s);
  }
}

TEST_F(ForgedOffers, OfLiarsWithAnAccountCostTheirSessionsOnly) {
  for (const Lie lies : {Lie::ClaimsNothing, Lie::RefusesManifest, Lie::RubbishManifest,
                         Lie::RefusesLease, Lie::BusyForEver, Lie::RubbishLease, Lie::RubbishTree})
    for (const unsigned count : {8U, 80U})
      for (const Where where : {Where::Scattered, Where::BesideTheDonor}) {
        SCOPED_TRACE(std::string(hostile::to_text(lies)) + ", " + std::to_string(count));
        Gang gang(port(), truth_);
        lie(gang, lies, count, where);
        expect_recoveries(gang, {Known::ByName, Known::ByBroadcast}, 30);
        EXPECT_GE(gang.sessions(), 1U) << "no recipient met a liar: this proves nothing";
        if (HasFailure()) return;
      }
}

TEST_F(ForgedOffers, OfLiarsThatFallSilentCostAShortWaitEach) {
  for (const unsigned count : {8U, 80U}) {
    SCOPED_TRACE(count);
    Gang gang(port(), truth_);
    lie(gang, Lie::Silent, count, Where::InOnePrefix);
    // However many: after the first one the prefixes take turns.
    expect_recoveries(gang, {Known::ByName, Known::ByBroadcast}, kOneSilence_s);
    EXPECT_GE(gang.sessions(), 1U) << "no recipient met a liar: this proves nothing";
  }
}

TEST_F(ForgedOffers, OfManySilentLiarsBesideADonorThatNobodyNamedCostAShortWaitEach) {
  // Nothing tells the honest one from them, so each has its turn.
  const unsigned count = is_long_form() ? 50U : 4U;
  Gang gang(port(), truth_);
  lie(gang, Lie::Silent, count, Where::BesideTheDonor);
  expect_recoveries(gang, {Known::ByBroadcast}, kOneSilence_s + 4 * count);
}

TEST_F(ForgedOffers, OfOneLiarWithManyNamesAreOne) {
  for (const unsigned names : {64U, 640U})
    for (const Lie lies : {Lie::RubbishManifest, Lie::ClaimsNothing, Lie::NoSession}) {
      SCOPED_TRACE(std::string(hostile::to_text(lies)) + ", " + std::to_string(names));
      Gang gang(port(), truth_);
      gang.add(host_of(Where::InOnePrefix, 0), lies, names);
      expect_recoveries(gang, {Known::ByName, Known::ByBroadcast}, kOneSilence_s);
    }
}

TEST_F(ForgedOffers, EndInTimeWhenThereIsNothingElse) {
  // The honest donor is not there; only its name is.
  for (const unsigned count : {8U, 80U}) {
    Gang gang(port(), truth_);
    lie(gang, Lie::RubbishManifest, count, Where::BesideTheDonor);
    gang.start();
    scene_.expect_honest_is_served();
    const Outcome outcome = recover_once(Known::ByBroadcast);
    EXPECT_EQ(13, outcome.status.value_or(-1)) << outcome.log;
    EXPECT_LE(outcome.took_s, 20);
  }
}

}  // namespace
}  // namespace fwr::hostile
