// SPDX-License-Identifier: GPL-3.0-or-later
// One false frame in the name of the only donor, on a bus where anybody can send it, costs time and
// never the recovery; who lies for ever is given up. PROTOCOL §6.4, §11.6.
#include <gtest/gtest.h>

#include "media_rig.hpp"
#include "wire/oem.hpp"

namespace fwr::test {
namespace {

using namespace std::chrono_literals;
using link::test::BusAddress;
using recipient::State;
using wire::CompletionCode;
using wire::oem::Command;
namespace icmb = wire::icmb;

constexpr BusAddress kRecipient{0x10}, kDonor{0x11};
constexpr std::size_t kForger = 2;
constexpr std::uint8_t kGetSystemGuid = 0x37;
constexpr std::uint8_t kApp = wire::raw(wire::NetFn::AppRq);
constexpr std::uint8_t kOem = wire::raw(wire::NetFn::OemGroupRq);

/// The bus of the recipient, its only donor, and an attacker that answers in the donor's name
/// before the donor does.
class Forgery : public testing::Test {
 protected:
  Forgery() : rig_(quiet_bus(3)) {
    image_ = SignedImage::make(noise(96U << 10, 1), "2.0", 1);
    rig_.add_bus_donor(1, {image_});
  }
  void ask_donor() {
    Path path;
    path.peer = bus_address(static_cast<std::uint16_t>(kDonor));
    path.medium = Medium::Icmb;
    rig_.config.targets.push_back({.path = path, .broadcast = false});
  }
  void say(icmb::FrameType type, const Bytes& payload) {
    Bytes characters = icmb::encode({kRecipient, kDonor, type, ++sequence_, payload});
    characters.insert(characters.begin(), icmb::kFlag);
    rig_.bus.bus().write(kForger, characters, rig_.bus.now());
  }
  /// The first `times` requests for `command` that the donor hears get this answer too, earlier.
  void answer(std::uint8_t net_fn, std::uint8_t command, unsigned times, CompletionCode code,
              const std::function<Bytes(const wire::plain::Message&)>& data) {
    rig_.bus[1].on_message = [=, this](const Datagram& message) {
      const auto request = wire::plain::decode_request(message.bytes);
      if (request && request->net_fn() == net_fn && request->command == command &&
          forged_ < times) {
        ++forged_;
        // A response has the type of its frame outside: wire::plain's own does not go on the bus.
        const Bytes response = wire::plain::encode_response(*request, {code, data(*request)});
        say(icmb::FrameType::Response, Bytes(response.begin() + 1, response.end()));
      }
      rig_.bus_donors[1]->receive(message, rig_.bus.now());
    };
  }
  void refuse(Command command, unsigned times, CompletionCode code) {
    answer(kOem, static_cast<std::uint8_t>(command), times, code,
           [](const wire::plain::Message&) { return wire::oem::response_data(kIana); });
  }
  void offer_once(const std::string& component) {
    answer(kOem, static_cast<std::uint8_t>(Command::RequestFirmware), 1, CompletionCode::Ok,
           [component](const wire::plain::Message& request) {
             wire::oem::Offer offer;
             std::copy_n(request.data.begin() + 5, offer.nonce.size(), offer.nonce.begin());
             offer.version = wire::oem::kProtocolVersion;
             offer.role = DonorRole::Console;
             offer.donor.fill(std::byte{0x77});
             offer.size_bytes = 4096;
             offer.image_version = "9.9";
             offer.security_version = 1;
             offer.component = component;
             return wire::oem::response_data(kIana, offer);
           });
  }
  void expect_recovered(unsigned forged) {
    ASSERT_TRUE(rig_.run());
    EXPECT_EQ(forged_, forged);
    EXPECT_TRUE(rig_.succeeded()) << rig_.detail();
  }
  [[nodiscard]] double lasted_s() const {
    return std::chrono::duration<double>(rig_.bus.now() - rig_.began).count();
  }

  MediaRig rig_;
  SignedImage image_;
  unsigned forged_ = 0;
  std::uint8_t sequence_ = 200;
};

TEST_F(Forgery, OfAnotherGuidIsNotTheAnswerThatIsWaitedFor) {
  rig_.ask_bus();
  answer(kApp, kGetSystemGuid, 1, CompletionCode::Ok,
         [](const wire::plain::Message&) { return Bytes(16); });
  expect_recovered(1);
  EXPECT_TRUE(rig_.dropped.empty());
}

TEST_F(Forgery, OfAnErrorToGetSystemGuidIsNotTheAnswerThatIsWaitedFor) {
  rig_.ask_bus();
  answer(kApp, kGetSystemGuid, 1, CompletionCode::InvalidCommand,
         [](const wire::plain::Message&) { return Bytes(); });
  expect_recovered(1);
  EXPECT_TRUE(rig_.dropped.empty());
}

TEST_F(Forgery, OfADeclineDoesNotEndTheRecovery) {
  ask_donor();
  answer(kOem, static_cast<std::uint8_t>(Command::RequestFirmware), 1,
         CompletionCode::NoCompatibleImage, [](const wire::plain::Message& request) {
           Bytes data = wire::oem::response_data(kIana);
           data.insert(data.end(), request.data.begin() + 5, request.data.begin() + 21);  // nonce
           return data;
         });
  expect_recovered(1);
}

TEST_F(Forgery, OfAnOfferThatIsChosenDoesNotKeepTheTrueOneFromBeingHeard) {
  ask_donor();
  offer_once("bmc");
  expect_recovered(1);
  ASSERT_EQ(rig_.chosen.size(), 2U);
  EXPECT_EQ(rig_.chosen.front().candidate.version, "9.9");
}

TEST_F(Forgery, OfAnOfferThatIsRefusedDoesNotKeepTheTrueOneFromBeingHeard) {
  ask_donor();
  offer_once("another component");
  expect_recovered(1);
  EXPECT_EQ(rig_.chosen.size(), 1U);
}

TEST_F(Forgery, OfARefusedManifestDoesNotEndTheRecovery) {
  rig_.ask_bus();
  refuse(Command::GetManifest, 1, CompletionCode::UnknownImage);
  expect_recovered(1);
}

TEST_F(Forgery, OfAFalseManifestDoesNotEndTheRecovery) {
  rig_.ask_bus();
  answer(kOem, static_cast<std::uint8_t>(Command::GetManifest), 1, CompletionCode::Ok,
         [](const wire::plain::Message&) {
           wire::oem::GetManifestRs piece;
           piece.total = 1;
           piece.data = {std::byte{'{'}};
           return wire::oem::response_data(kIana, piece);
         });
  expect_recovered(1);
}

TEST_F(Forgery, OfARefusedLeaseDoesNotEndTheRecovery) {
  rig_.ask_bus();
  refuse(Command::AcceptOffer, 1, CompletionCode::InsufficientPrivilege);
  expect_recovered(1);
}

TEST_F(Forgery, OfAFalseLeaseDoesNotEndTheRecovery) {
  rig_.ask_bus();
  answer(kOem, static_cast<std::uint8_t>(Command::AcceptOffer), 1, CompletionCode::Ok,
         [](const wire::plain::Message&) {
           return wire::oem::response_data(kIana, wire::oem::AcceptOfferRs{});
         });
  expect_recovered(1);
}

TEST_F(Forgery, OfASegmentDoesNotEndTheRecovery) {
  rig_.ask_bus();
  std::optional<wire::stream::Grant> grant;
  rig_.bus[1].on_message = [&](const Datagram& message) {
    if (wire::plain::type_of(message.bytes) == wire::plain::Type::Stream) {
      const auto heard = wire::stream::decode_message(ByteView(message.bytes).subspan(1));
      if (const auto* one = heard ? std::get_if<wire::stream::Grant>(&*heard) : nullptr)
        grant = *one;
    }
    rig_.bus_donors[1]->receive(message, rig_.bus.now());
  };
  ASSERT_TRUE(rig_.run_to_bytes(20U << 10));
  grant.reset();
  ASSERT_TRUE(rig_.bus.run_until([&] { return grant && !rig_.bus.bus().next(); }, 1h));
  // The last segment of the grant, before the donor sends it.
  const auto& range = grant->ranges.back();
  const unsigned skipped =
      (range.length_granules - 1) / grant->segment_granules * grant->segment_granules;
  const Bytes junk((range.length_granules - skipped) * wire::oem::kGranule_bytes, std::byte{0x55});
  say(icmb::FrameType::Stream,
      encode(wire::stream::Segment{grant->object, false, grant->handle, grant->number,
                                   range.offset_granules + skipped, junk}));
  expect_recovered(0);
  ASSERT_EQ(rig_.dropped.size(), 1U);
  EXPECT_EQ(rig_.dropped.front().error.exit_code(), ExitCode::VerificationFailed);
}

TEST_F(Forgery, ThatGoesOnIsGivenUpAfterThreeTimesWithoutABlock) {
  rig_.ask_bus();
  refuse(Command::AcceptOffer, 100, CompletionCode::InsufficientPrivilege);
  ASSERT_TRUE(rig_.run());
  EXPECT_EQ(forged_, 3U);
  ASSERT_TRUE(rig_.finished->error.has_value());
  EXPECT_EQ(rig_.finished->error->exit_code(), ExitCode::AllDonorsFailed);
  EXPECT_LT(lasted_s(), 120);
}

TEST_F(Forgery, OfEveryGreetingEndsWhenItsTimeIsOver) {
  rig_.ask_bus();
  rig_.bus[1].on_message = [this](const Datagram& message) {
    const auto request = wire::plain::decode_request(message.bytes);
    if (request && request->net_fn() == kApp) {
      const Bytes response =
          wire::plain::encode_response(*request, {CompletionCode::Ok, Bytes(16)});
      return say(icmb::FrameType::Response, Bytes(response.begin() + 1, response.end()));
    }
    rig_.bus_donors[1]->receive(message, rig_.bus.now());
  };
  ASSERT_TRUE(rig_.run());
  ASSERT_TRUE(rig_.finished->error.has_value());
  EXPECT_EQ(rig_.finished->error->exit_code(), ExitCode::AllDonorsFailed);
  EXPECT_NE(rig_.detail().find("another system answered"), std::string::npos) << rig_.detail();
  EXPECT_LT(lasted_s(), 120);
}

}  // namespace
}  // namespace fwr::test
