// SPDX-License-Identifier: GPL-3.0-or-later
// People with an account who want more than it gives: higher levels, other people's sessions,
// leases and streams.
#include <array>

#include "hostile_fixture.hpp"

namespace fwr::hostile {
namespace {

using wire::CompletionCode;

using Privileges = HostileTest;
using Theft = HostileTest;

constexpr std::uint8_t kGetDeviceId = 0x01;
constexpr std::uint8_t kSetPrivilege = 0x3b;
constexpr std::uint8_t kCloseSession = 0x3c;
constexpr std::uint8_t kGetSessionInfo = 0x3d;

CompletionCode code_of(const std::optional<wire::IpmiResponse>& answer) {
  EXPECT_TRUE(answer.has_value()) << "no answer";
  return answer ? answer->code : CompletionCode::Unspecified;
}

/// The level at which a session is, as Get Session Info says it.
unsigned level_of(LiveSession& session) {
  const auto info = session.command(kApp, kGetSessionInfo, bytes({0}));
  if (code_of(info) != CompletionCode::Ok || info->data.size() < 5) return 99;
  return std::to_integer<unsigned>(info->data[4]);
}

Bytes id_bytes(std::uint32_t id) {
  ByteWriter out;
  out.u32(id);
  return std::move(out).release();
}

// --- levels --------------------------------------------------------------------------------------

TEST_F(Privileges, ASessionStartsAsUserWhateverItAskedFor) {
  for (const auto& [account, level] :
       {std::pair{kRoot, Privilege::Administrator}, std::pair{kOperator, Privilege::Operator},
        std::pair{kAlice, Privilege::User}}) {
    LiveSession session(port(), {.account = account, .privilege = level});
    ASSERT_TRUE(session.is_up());
    EXPECT_EQ(2U, level_of(session));
  }
}

TEST_F(Privileges, AUserStaysAUserHoweverItAsks) {
  LiveSession session(port(), {.account = kAlice});
  ASSERT_TRUE(session.is_up());
  for (unsigned wanted = 0; wanted < 256; ++wanted) {
    const auto code =
        code_of(session.command(kApp, kSetPrivilege, bytes({static_cast<int>(wanted)})));
    const unsigned level = wanted & 0x0fU;
    EXPECT_EQ(level == 0 || level == 2, code == CompletionCode::Ok) << wanted;
    if (wanted % 16 == 15) {
      EXPECT_EQ(2U, level_of(session)) << wanted;
    }
  }
}

TEST_F(Privileges, TheCapIsTheLeastOfAccountAndRequest) {
  struct Case {
    Account account;
    Privilege asked = Privilege::User;
    unsigned cap = 0;
  };
  for (const Case& c :
       {Case{kRoot, Privilege::User, 2}, Case{kRoot, Privilege::Operator, 3},
        Case{kRoot, Privilege::Administrator, 4}, Case{kOperator, Privilege::Operator, 3},
        Case{kOperator, Privilege::User, 2}}) {
    LiveSession session(port(), {.account = c.account, .privilege = c.asked});
    ASSERT_TRUE(session.is_up());
    for (int level = 2; level <= 4; ++level) {
      const auto code = code_of(session.command(kApp, kSetPrivilege, bytes({level})));
      EXPECT_EQ(static_cast<unsigned>(level) <= c.cap, code == CompletionCode::Ok);
    }
    EXPECT_EQ(c.cap, level_of(session));
  }
}

TEST_F(Privileges, ACallbackSessionGetsNothingOfTheImage) {
  LiveSession session(port(), {.account = kAlice, .privilege = Privilege::Callback});
  ASSERT_TRUE(session.is_up());
  EXPECT_EQ(1U, level_of(session));
  for (unsigned command = 0; command < 256; ++command) {
    wire::IpmiRequest request = wire::oem::make_request(kIana, Command::GetDonorStatus);
    request.command = static_cast<std::uint8_t>(command);
    request.data.resize(160);
    EXPECT_EQ(CompletionCode::InsufficientPrivilege, code_of(session.command(request))) << command;
  }
  EXPECT_EQ(CompletionCode::InsufficientPrivilege,
            code_of(session.command(kApp, kGetDeviceId, {})));
  EXPECT_EQ(CompletionCode::InsufficientPrivilege,
            code_of(session.command(kApp, kSetPrivilege, bytes({2}))));
  wire::stream::Grant grant;
  grant.segment_granules = 17;
  grant.handle = scene_.lease();
  grant.ranges = {{0, 1}};
  session.grant(grant);
  settle();
  while (const auto incoming = session.receive(0ms)) {
    const auto message = wire::stream::decode_message(incoming->payload);
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(nullptr, std::get_if<wire::stream::Segment>(&*message));
  }
}

// --- other people's sessions ---------------------------------------------------------------------

TEST_F(Privileges, AUserSeesAndClosesItsOwnSessionOnly) {
  LiveSession alice(port(), {.account = kAlice});
  LiveSession bob(port(), {.account = kBob});
  ASSERT_TRUE(alice.is_up() && bob.is_up());
  for (const std::uint32_t victim : {bob.managed_session(), honest().managed_session()}) {
    EXPECT_EQ(CompletionCode::InsufficientPrivilege,
              code_of(alice.command(kApp, kCloseSession, id_bytes(victim))));
    Bytes by_id = bytes({0xff});
    const Bytes id = id_bytes(victim);
    by_id.insert(by_id.end(), id.begin(), id.end());
    EXPECT_EQ(CompletionCode::InsufficientPrivilege,
              code_of(alice.command(kApp, kGetSessionInfo, by_id)));
  }
  const auto own = alice.command(kApp, kGetSessionInfo, bytes({0}));
  ASSERT_EQ(CompletionCode::Ok, code_of(own));
  for (int handle = 0; handle < 256; ++handle) {
    if (static_cast<std::byte>(handle) == own->data[0]) continue;
    EXPECT_NE(CompletionCode::Ok,
              code_of(alice.command(kApp, kCloseSession, bytes({0, 0, 0, 0, handle}))));
  }
  EXPECT_TRUE(bob.status().has_value());
  EXPECT_TRUE(alice.status().has_value());
}

TEST_F(Privileges, AnOperatorSeesButDoesNotClose) {
  LiveSession oper(port(), {.account = kOperator, .privilege = Privilege::Operator});
  LiveSession bob(port(), {.account = kBob});
  ASSERT_TRUE(oper.is_up() && bob.is_up());
  ASSERT_EQ(CompletionCode::Ok, code_of(oper.command(kApp, kSetPrivilege, bytes({3}))));
  EXPECT_EQ(CompletionCode::InsufficientPrivilege,
            code_of(oper.command(kApp, kCloseSession, id_bytes(bob.managed_session()))));
  EXPECT_TRUE(bob.status().has_value());
}

TEST_F(Privileges, SessionsThatAreNotUpCannotBeSeenOrClosed) {
  Peer peer(port());
  Handshake half_open(peer, {});
  ASSERT_TRUE(half_open.open() && half_open.challenge());
  Bytes by_id = bytes({0xff});
  const Bytes id = id_bytes(half_open.managed_session());
  by_id.insert(by_id.end(), id.begin(), id.end());
  const auto info = honest().command(kApp, kGetSessionInfo, by_id);
  ASSERT_EQ(CompletionCode::Ok, code_of(info));
  EXPECT_EQ(3U, info->data.size()) << "nothing but the counts";
  EXPECT_NE(CompletionCode::Ok, code_of(honest().command(kApp, kCloseSession, id)));
  half_open.give_up();
}

TEST_F(Privileges, AClosedSessionIsDeaf) {
  LiveSession session(port(), {});
  ASSERT_TRUE(session.is_up());
  const Bytes late = session.status_request();
  EXPECT_EQ(CompletionCode::Ok,
            code_of(session.command(kApp, kCloseSession, id_bytes(session.managed_session()))));
  session.peer().send(late);
  session.peer().send(session.status_request());
  expect_silence(session.peer());
  session.abandon();
}

// --- other people's leases -----------------------------------------------------------------------

TEST_F(Theft, AnothersLeaseCannotBeRead) {
  LiveSession thief(port(), {.account = kBob});
  ASSERT_TRUE(thief.is_up());
  for (const Command command : {Command::ReadImage, Command::ReadHashTree})
    for (const std::uint64_t offset : {0ULL, 4096ULL, 0xffffffffffULL}) {
      const auto answer = thief.oem(command, wire::oem::ReadRq{scene_.lease(), offset, 16});
      EXPECT_EQ(CompletionCode::LeaseEnded, code_of(answer));
      EXPECT_EQ(wire::oem::response_data(kIana), answer->data);
    }
}

TEST_F(Theft, AnothersLeaseCannotBeReleasedOrReportedOn) {
  LiveSession thief(port(), {.account = kBob});
  ASSERT_TRUE(thief.is_up());
  const auto before = honest().status();
  ASSERT_TRUE(before.has_value());
  // Both are answered as for a lease that has ended: a thief learns nothing.
  EXPECT_EQ(CompletionCode::Ok,
            code_of(thief.oem(Command::ReleaseOffer, wire::oem::ReleaseOfferRq{scene_.lease()})));
  EXPECT_EQ(
      CompletionCode::Ok,
      code_of(thief.oem(Command::ReportResult, wire::oem::ReportResultRq{scene_.lease(), 0, {}})));
  const auto after = honest().status();
  ASSERT_TRUE(after.has_value());
  EXPECT_EQ(before->leases, after->leases);
  EXPECT_EQ(before->recovered, after->recovered);
  EXPECT_EQ(before->failed, after->failed);
}

TEST_F(Theft, AnothersLeaseSendsNoStream) {
  LiveSession thief(port(), {.account = kBob});
  LiveSession twin(port(), {.account = kRoot});  // the same user in another session
  ASSERT_TRUE(thief.is_up() && twin.is_up());
  for (LiveSession* session : {&thief, &twin}) {
    wire::stream::Grant grant;
    grant.segment_granules = 17;
    grant.handle = scene_.lease();
    grant.ranges = {{0, 16}};
    session->grant(grant);
    const auto incoming = session->receive();
    ASSERT_TRUE(incoming.has_value());
    const auto message = wire::stream::decode_message(incoming->payload);
    const auto* refusal = message ? std::get_if<wire::stream::Refusal>(&*message) : nullptr;
    ASSERT_NE(nullptr, refusal);
    EXPECT_EQ(CompletionCode::LeaseEnded, refusal->reason);
    settle();
    EXPECT_EQ(0U, session->count_waiting());
  }
  EXPECT_EQ(0U, honest().count_waiting()) << "nor does the owner get what it did not ask for";
}

TEST_F(Theft, HandlesCannotBeGuessed) {
  LiveSession thief(port(), {.account = kBob});
  ASSERT_TRUE(thief.is_up());
  const std::uint32_t lease = scene_.lease();
  constexpr unsigned kGuesses = 500;
  for (unsigned i = 0; i < kGuesses; ++i)
    EXPECT_EQ(CompletionCode::LeaseEnded,
              code_of(thief.oem(Command::ReadImage,
                                wire::oem::ReadRq{i < 250 ? lease - 125 + i : random_id(), 0, 1})));
}

TEST_F(Theft, AnOfferTokenIsGoodForItsOwnOfferOnly) {
  LiveSession thief(port(), {.account = kBob});
  ASSERT_TRUE(thief.is_up());
  wire::oem::RequestFirmwareRq rq;
  randomness().fill(rq.nonce);
  rq.platform.manufacturer_id = kIana;
  rq.platform.product_id = 7;
  const auto offered = thief.oem(Command::RequestFirmware, rq);
  ASSERT_EQ(CompletionCode::Ok, code_of(offered));
  const auto offer =
      wire::decode<wire::oem::Offer>(wire::oem::strip_iana(kIana, offered->data).value());
  ASSERT_TRUE(offer.has_value());
  const wire::oem::AcceptOfferRq good{offer->nonce, offer->digest, offer->token};
  const auto refused = [&](const wire::oem::AcceptOfferRq& bent) {
    EXPECT_EQ(CompletionCode::OfferExpired, code_of(thief.oem(Command::AcceptOffer, bent)));
  };
  for (std::size_t at = 0; at < good.token.size(); ++at)
    for (unsigned bit = 0; bit < 8; ++bit) {
      wire::oem::AcceptOfferRq bent = good;
      bent.token[at] ^= static_cast<std::byte>(1U << bit);
      refused(bent);
    }
  wire::oem::AcceptOfferRq bent = good;
  bent.nonce[3] ^= std::byte{1};
  refused(bent);
  bent = good;
  bent.digest[31] ^= std::byte{1};
  refused(bent);
  bent = good;
  bent.token.fill(std::byte{0});
  refused(bent);
}

TEST_F(Theft, TheSameOfferAcceptedByAnotherUserIsAnotherLease) {
  LiveSession owner(port(), {.account = kAlice});
  LiveSession thief(port(), {.account = kBob});
  ASSERT_TRUE(owner.is_up() && thief.is_up());
  wire::oem::RequestFirmwareRq rq;
  randomness().fill(rq.nonce);
  rq.platform.manufacturer_id = kIana;
  rq.platform.product_id = 7;
  const auto offered = owner.oem(Command::RequestFirmware, rq);
  ASSERT_EQ(CompletionCode::Ok, code_of(offered));
  const auto offer =
      wire::decode<wire::oem::Offer>(wire::oem::strip_iana(kIana, offered->data).value());
  ASSERT_TRUE(offer.has_value());
  const wire::oem::AcceptOfferRq accept{offer->nonce, offer->digest, offer->token};
  std::array<std::uint32_t, 2> handles{};
  std::size_t at = 0;
  for (LiveSession* session : {&owner, &thief}) {
    const auto accepted = session->oem(Command::AcceptOffer, accept);
    ASSERT_EQ(CompletionCode::Ok, code_of(accepted));
    handles[at++] =
        wire::decode<wire::oem::AcceptOfferRs>(wire::oem::strip_iana(kIana, accepted->data).value())
            .value()
            .handle;
  }
  EXPECT_NE(handles[0], handles[1]);
  EXPECT_EQ(CompletionCode::LeaseEnded,
            code_of(thief.oem(Command::ReadImage, wire::oem::ReadRq{handles[0], 0, 1})));
  EXPECT_TRUE(owner.read_image(handles[0], 0, 1).has_value());
  (void)owner.oem(Command::ReleaseOffer, wire::oem::ReleaseOfferRq{handles[0]});
  (void)thief.oem(Command::ReleaseOffer, wire::oem::ReleaseOfferRq{handles[1]});
}

TEST_F(Theft, ReadsOutsideTheImageGetNoBytes) {
  LiveSession session(port(), {.account = kAlice});
  ASSERT_TRUE(session.is_up());
  const auto lease = session.take_lease();
  ASSERT_TRUE(lease.has_value());
  for (const std::uint64_t offset :
       {std::uint64_t{kImage_bytes}, std::uint64_t{kImage_bytes} + 1, std::uint64_t{0xffffffffff},
        std::uint64_t{0x8000000000}, std::uint64_t{0x0100000000}})
    EXPECT_EQ(
        CompletionCode::OutOfRange,
        code_of(session.oem(Command::ReadImage, wire::oem::ReadRq{lease->handle, offset, 1})));
  for (const int count : {0, 901, 0x7fff, 0xffff})
    EXPECT_EQ(CompletionCode::InvalidField,
              code_of(session.oem(
                  Command::ReadImage,
                  wire::oem::ReadRq{lease->handle, 0, static_cast<std::uint16_t>(count)})));
  const auto last = session.read_image(lease->handle, kImage_bytes - 1, 900);
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(1U, last->size());
  (void)session.oem(Command::ReleaseOffer, wire::oem::ReleaseOfferRq{lease->handle});
}

TEST_F(Theft, WordsForTheLogCannotForgeALine) {
  LiveSession session(port(), {.account = kAlice});
  ASSERT_TRUE(session.is_up());
  const auto lease = session.take_lease();
  ASSERT_TRUE(lease.has_value());
  const std::string words = "x\"}\n{\"event\":\"forged\",\"y\":\"\x1b[2J\x80\xff";
  EXPECT_EQ(CompletionCode::Ok,
            code_of(session.oem(
                Command::ReportResult,
                wire::oem::ReportResultRq{lease->handle, 9,
                                          Bytes(as_bytes(words).begin(), as_bytes(words).end())})));
  settle();
  const std::string log = scene_.donor().log();
  EXPECT_EQ(std::string::npos, log.find("{\"event\":\"forged\""));
  EXPECT_EQ(std::string::npos, log.find('\x1b'));
  EXPECT_NE(std::string::npos, log.find("\"event\":\"reported\""));
}

}  // namespace
}  // namespace fwr::hostile
