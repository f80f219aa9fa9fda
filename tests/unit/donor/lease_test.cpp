// SPDX-License-Identifier: GPL-3.0-or-later
// Leases: the table of PROTOCOL §6.3 as it is written, as it runs, and who gets one.
#include <cstdlib>
#include <fstream>
#include <set>

#include "support/donor_fixture.hpp"

namespace fwr::test {
namespace {

namespace oem = wire::oem;
using donor::LeaseEvent;
using donor::LeaseState;

class LeaseTable : public DonorTest {};
class Lease : public DonorTest {};

std::string document_line(const donor::LeaseRow& row) {
  return "| " + std::string(to_text(row.from)) + " | " + std::string(to_text(row.event)) + " | " +
         std::string(to_text(row.to)) + " |";
}

/// The rows of the first table of a section.
std::vector<std::string> rows_of_section(std::string_view heading) {
  const char* const top = std::getenv("TOP_SRCDIR");
  std::ifstream file(std::string(top != nullptr ? top : "..") + "/doc/PROTOCOL.md");
  EXPECT_TRUE(file.good()) << "TOP_SRCDIR names the source directory";
  std::vector<std::string> lines;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) {
      inside = line.starts_with(heading);
    } else if (inside && line.starts_with("|")) {
      lines.push_back(line);
    } else if (!lines.empty()) {
      break;
    }
  }
  if (lines.size() < 2) return {};
  return {lines.begin() + 2, lines.end()};  // without the head and the rule
}

TEST(LeaseTableDocument, HasTheRowsOfTheCodeInTheSameOrder) {
  std::vector<std::string> code;
  for (const donor::LeaseRow& row : donor::lease_table()) code.push_back(document_line(row));
  EXPECT_EQ(rows_of_section("### 6.3 "), code);
}

TEST(LeaseTableDocument, HasEachStateAndEventOnce) {
  std::set<std::pair<LeaseState, LeaseEvent>> seen;
  for (const donor::LeaseRow& row : donor::lease_table())
    EXPECT_TRUE(seen.insert({row.from, row.event}).second) << document_line(row);
}

/// Takes one row and expects that no other was taken but those that lead to it.
TEST_F(LeaseTable, HasNoRowThatIsNotTaken) {
  const auto from = in_session(1);
  unsigned nonce = 0;
  const auto lease_in = [&](LeaseState state) {
    const auto rs = accept(from, ++nonce);
    if (state == LeaseState::Serving)
      fields<oem::ReadRs>(ask(from, Command::ReadImage, oem::ReadRq{rs.handle, 0, 1}));
    return rs.handle;
  };
  const auto take = [&](std::uint32_t handle, LeaseEvent event) {
    switch (event) {
      case LeaseEvent::Accept: EXPECT_EQ(handle, accept(from, nonce).handle); return;
      case LeaseEvent::Read: read_code(from, handle); return;
      case LeaseEvent::Release:
        ask(from, Command::ReleaseOffer, oem::ReleaseOfferRq{handle});
        return;
      case LeaseEvent::Report:
        ask(from, Command::ReportResult, oem::ReportResultRq{handle, 0, {}});
        return;
      case LeaseEvent::Expire:
        now_ += 60s;
        donor_->handle_timeout(now_);
        return;
      case LeaseEvent::Withdraw: {
        RandomCatalogue empty;
        donor_->replace_catalogue(empty, now_);
        donor_->replace_catalogue(catalogue_, now_);
        return;
      }
    }
  };
  const auto table = donor::lease_table();
  for (std::size_t row = 0; row < table.size(); ++row) {
    const auto& [state, event, next] = table[row];
    const std::vector<std::uint64_t> before(donor_->rows_taken().begin(),
                                            donor_->rows_taken().end());
    std::uint32_t handle = 0;
    if (state == LeaseState::Free) {
      handle = accept(from, ++nonce).handle;
    } else {
      handle = lease_in(state);
      take(handle, event);
    }
    EXPECT_GT(donor_->rows_taken()[row], before[row]) << document_line(table[row]);
    EXPECT_EQ(next == LeaseState::Free ? 0U : 1U, donor_->leases()) << document_line(table[row]);
    if (next == LeaseState::Free)
      EXPECT_EQ(CompletionCode::LeaseEnded, read_code(from, handle)) << document_line(table[row]);
    else
      take(handle, LeaseEvent::Release);
  }
  for (std::size_t row = 0; row < table.size(); ++row)
    EXPECT_GT(donor_->rows_taken()[row], 0U) << document_line(table[row]);
}

TEST_F(LeaseTable, CountsAGrantAsRead) {
  const auto from = in_session(1);
  const auto lease = accept(from);
  grant(from, grant_of(lease.handle, 1, {{0, 1}}));
  EXPECT_EQ(1U, donor_->rows_taken()[2]);  // Leased, read, Serving
}

// --- acceptance ----------------------------------------------------------------------------------

TEST_F(Lease, SaysWhatMayBeRead) {
  const auto rs = accept(in_session(1));
  EXPECT_NE(0U, rs.handle);
  EXPECT_EQ(60, rs.lease_s);
  EXPECT_EQ(kImage_bytes, rs.image_size_bytes);
  EXPECT_EQ(4096U, rs.tree_size_bytes);
  EXPECT_EQ(512, rs.segment_limit_granules);
  EXPECT_EQ(4U << 20, rs.credit_limit_bytes);
}

TEST_F(Lease, AcceptedAgainBySameUserIsTheSame) {
  const auto rq = acceptance(offer());
  const auto first = fields<oem::AcceptOfferRs>(ask(in_session(1), Command::AcceptOffer, rq));
  now_ += 59s;
  const auto again = fields<oem::AcceptOfferRs>(ask(in_session(2), Command::AcceptOffer, rq));
  EXPECT_EQ(first.handle, again.handle);
  EXPECT_EQ(1U, donor_->leases());
  EXPECT_EQ(1U, count(DonorEvent::Kind::Accepted));
  now_ += 59s;  // prolonged
  EXPECT_EQ(CompletionCode::Ok, read_code(in_session(1), first.handle));
}

TEST_F(Lease, AcceptedAgainAfterTheOfferEndedIsTheSame) {
  const auto rq = acceptance(offer());
  const auto first = fields<oem::AcceptOfferRs>(ask(in_session(1), Command::AcceptOffer, rq));
  now_ += 59s;
  read_code(in_session(1), first.handle);
  now_ += 59s;
  EXPECT_EQ(first.handle,
            fields<oem::AcceptOfferRs>(ask(in_session(1), Command::AcceptOffer, rq)).handle);
}

TEST_F(Lease, AcceptedAgainInServingStateKeepsItsGrants) {
  const auto from = in_session(1);
  const auto lease = accept(from);
  grant(from, grant_of(lease.handle, 1, {{0, 17}}));
  accept(from);
  EXPECT_EQ(1U, drain().size());
}

TEST_F(Lease, OfAnotherNonceIsAnother) {
  EXPECT_NE(accept(in_session(1), 1).handle, accept(in_session(1), 2).handle);
  EXPECT_EQ(2U, donor_->leases());
}

TEST_F(Lease, OfAnotherUserIsAnotherAndNotTheirs) {
  const auto alices = accept(in_session(1, "alice"));
  const auto bobs = accept(in_session(2, "bob"));
  EXPECT_NE(alices.handle, bobs.handle);
  const auto bob = in_session(2, "bob");
  for (const Command command : {Command::ReadImage, Command::ReadHashTree})
    expect_code(CompletionCode::LeaseEnded, bob, command, oem::ReadRq{alices.handle, 0, 1});
  ask(bob, Command::ReleaseOffer, oem::ReleaseOfferRq{alices.handle});
  ask(bob, Command::ReportResult, oem::ReportResultRq{alices.handle, 0, {}});
  EXPECT_EQ(0U, status().recovered);
  EXPECT_EQ(CompletionCode::Ok, read_code(in_session(1, "alice"), alices.handle));
}

TEST_F(Lease, IsTheUsersInEverySession) {
  const auto lease = accept(in_session(1));
  donor_->session_closed(1, now_);
  EXPECT_EQ(CompletionCode::Ok, read_code(in_session(2), lease.handle));
}

TEST_F(Lease, HandlesAreNeverZeroAndNeverTheSame) {
  ScriptedRandom zeros;
  config_.leases = 32;
  Donor donor(config_, catalogue_, zeros, now_);
  std::set<std::uint32_t> handles;
  for (unsigned nonce = 0; nonce < 14; ++nonce) {
    const auto made = fields<oem::Offer>(donor.handle_command(
        without_session(),
        oem::make_request(kIana, Command::RequestFirmware, firmware_request(nonce)), now_));
    const auto rs = fields<oem::AcceptOfferRs>(donor.handle_command(
        in_session(1), oem::make_request(kIana, Command::AcceptOffer, acceptance(made)), now_));
    EXPECT_NE(0U, rs.handle);
    EXPECT_TRUE(handles.insert(rs.handle).second);
  }
}

TEST_F(Lease, IsRefusedWhenTheImageCannotBeRead) {
  const auto rq = acceptance(offer());
  catalogue_.readable = false;
  expect_code(CompletionCode::ImageUnreadable, in_session(1), Command::AcceptOffer, rq);
  EXPECT_EQ(0U, donor_->leases());
  EXPECT_EQ(1U, count(DonorEvent::Kind::Refused));
}

// --- admission -----------------------------------------------------------------------------------

void expect_busy(const std::optional<wire::IpmiResponse>& response, std::uint64_t retry_s) {
  ASSERT_TRUE(response);
  EXPECT_EQ(CompletionCode::Busy, response->code);
  const auto body = oem::strip_iana(kIana, response->data);
  ASSERT_TRUE(body);
  ASSERT_EQ(2U, body->size());
  EXPECT_EQ(retry_s, ByteReader(*body).le<2>());
}

TEST_F(Lease, OverTheLimitIsBusyAtMostUntilTheFirstOneExpires) {
  config_.leases = 2;
  rebuild();
  accept(in_session(1, "alice"), 1);
  now_ += 10s;
  accept(in_session(2, "bob"), 2);
  now_ += 10500ms;
  const auto rq = acceptance(offer(3));
  expect_busy(ask(in_session(3, "carol"), Command::AcceptOffer, rq), 5);
  now_ += 36s;
  expect_busy(ask(in_session(3, "carol"), Command::AcceptOffer, rq), 4);  // 3.5 s, rounded up
  now_ += 3500ms;
  EXPECT_EQ(CompletionCode::Ok, ask(in_session(3, "carol"), Command::AcceptOffer, rq)->code);
}

TEST_F(Lease, OverTheLimitASilentOneOfTheSameUserAndHostGivesWay) {
  config_.leases = 2;
  rebuild();
  const std::uint32_t old = accept(in_session(1, "alice"), 1).handle;
  now_ += 1s;
  accept(in_session(2, "bob"), 2);
  now_ += 4s;  // alice has been silent for 5 s
  auto elsewhere = in_session(3, "alice");
  elsewhere.path.peer.bytes[3] = 8;
  expect_busy(ask(elsewhere, Command::AcceptOffer, acceptance(offer(3))), 5);
  expect_busy(ask(in_session(4, "carol"), Command::AcceptOffer, acceptance(offer(4))), 5);
  auto again = in_session(5, "alice");
  again.path.peer.port = 50001;
  EXPECT_EQ(CompletionCode::Ok, ask(again, Command::AcceptOffer, acceptance(offer(5)))->code);
  EXPECT_EQ(CompletionCode::LeaseEnded, read_code(in_session(1, "alice"), old));
}

TEST_F(Lease, OverTheLimitOfOneUserIsBusyUntilOneOfTheirsEnds) {
  config_.leases_per_user = 1;
  rebuild();
  accept(in_session(1, "bob"), 1);
  now_ += 20s;
  accept(in_session(2, "alice"), 2);
  now_ += 4s;
  expect_busy(ask(in_session(2, "alice"), Command::AcceptOffer, acceptance(offer(3))), 5);
  EXPECT_EQ(CompletionCode::Ok,
            ask(in_session(3, "carol"), Command::AcceptOffer, acceptance(offer(4)))->code);
}

TEST_F(Lease, OverTheLimitIsStillTheSameWhenAcceptedAgain) {
  config_.leases = 1;
  rebuild();
  EXPECT_EQ(accept(in_session(1), 1).handle, accept(in_session(1), 1).handle);
}

TEST_F(Lease, BusyTellsHowLongTheLastOnesTook) {
  config_.leases = 1;
  rebuild();
  const auto take = [&](Duration time) {
    const std::uint32_t handle = accept(in_session(1), 1).handle;
    now_ += time;
    expect_code(CompletionCode::Ok, in_session(1), Command::ReleaseOffer,
                oem::ReleaseOfferRq{handle});
  };
  const auto expect_wait = [&](std::uint64_t seconds) {
    accept(in_session(1), 1);
    expect_busy(ask(in_session(2), Command::AcceptOffer, acceptance(offer(2))), seconds);
  };
  take(30s);
  expect_wait(10);  // four fifths of 5 s, a fifth of 30 s
  for (int i = 0; i < 20; ++i) take(20ms);
  expect_wait(1);
}

TEST_F(Lease, BusyIsNeverZeroSeconds) {
  config_.leases = 0;
  rebuild();
  expect_busy(ask(in_session(1), Command::AcceptOffer, acceptance(offer())), 1);
  EXPECT_EQ(100, status().load_percent);
}

// --- who keeps others out, and makes room for them
// ------------------------------------------------

session::Requester from_host(std::uint32_t session, std::string user, std::uint8_t host) {
  auto from = in_session(session, std::move(user));
  from.path.peer.bytes[3] = host;
  return from;
}

class LeaseQuota : public DonorTest {
 protected:
  /// How many leases this requester gets, one after the other.
  unsigned take(const session::Requester& from) {
    for (unsigned taken = 0; taken < 300; ++taken) {
      const auto response = ask(from, Command::AcceptOffer, acceptance(offer(++nonces_)));
      if (!response || response->code != CompletionCode::Ok) return taken;
      handles_.push_back(fields<oem::AcceptOfferRs>(response).handle);
    }
    return 300;
  }
  unsigned nonces_ = 0;
  std::vector<std::uint32_t> handles_;
};

TEST_F(LeaseQuota, OfOneUserIsHalfAndLeavesSomeToItsOtherAddresses) {
  EXPECT_EQ(6U, take(from_host(1, "alice", 1)));
  EXPECT_EQ(1U, take(from_host(2, "alice", 2)));
  EXPECT_EQ(1U, take(from_host(3, "alice", 3)));
  EXPECT_EQ(0U, take(from_host(4, "alice", 4))) << "half of all";
  EXPECT_EQ(6U, take(from_host(5, "bob", 1)));
  EXPECT_EQ(1U, take(from_host(6, "carol", 1)));
  EXPECT_EQ(1U, take(from_host(7, "dave", 1)));
  EXPECT_EQ(16U, donor_->leases());
}

TEST_F(LeaseQuota, LeavesSomeToOthersEvenWhenOneUserMayHaveAll) {
  config_.leases_per_user = 16;
  rebuild();
  EXPECT_EQ(14U, take(from_host(1, "alice", 1)));
  EXPECT_EQ(1U, take(from_host(2, "alice", 2)));
  EXPECT_EQ(0U, take(from_host(3, "alice", 3)));
  EXPECT_EQ(1U, take(from_host(4, "bob", 1)));
  EXPECT_EQ(16U, donor_->leases());
}

TEST_F(LeaseQuota, CountsAnIpv6NetworkAsOneAddress) {
  unsigned taken = 0;
  for (std::uint8_t host = 1; host <= 20; ++host) {
    auto from = in_session(host, "alice");
    from.path.peer.family = AddressFamily::Ipv6;
    from.path.peer.bytes = {0xfd, 1, 2, 3, 4, 5, 6, 7, host, 0, 0, 0, 0, 0, 0, host};
    taken += take(from);
  }
  EXPECT_EQ(6U, taken);
  auto elsewhere = in_session(30, "alice");
  elsewhere.path.peer.family = AddressFamily::Ipv6;
  elsewhere.path.peer.bytes = {0xfd, 1, 2, 3, 4, 5, 6, 8, 1};
  EXPECT_EQ(1U, take(elsewhere));
}

TEST_F(LeaseQuota, WhoKeepsALeaseByTricklingMakesRoom) {
  config_.leases = 2;
  rebuild();
  const auto hog = from_host(1, "alice", 1);
  const auto newcomer = from_host(2, "bob", 2);
  ASSERT_EQ(1U, take(hog));
  ASSERT_EQ(1U, take(from_host(3, "carol", 3)));
  const std::uint32_t trickling = handles_[0];
  const std::uint32_t honest = handles_[1];
  unsigned at = 0;
  // One new byte of Alice's each time, and a granule a second of Carol's, who began later.
  const auto pass = [&](std::chrono::seconds time) {
    for (auto end = now_ + time; now_ < end; now_ += 2s) {
      ++at;
      (void)ask(hog, Command::ReadImage, oem::ReadRq{trickling, at, 1});
      (void)ask(from_host(3, "carol", 3), Command::ReadImage,
                oem::ReadRq{honest, (at * 900U) % 12000U, 900});
    }
  };
  pass(100s);
  EXPECT_EQ(0U, take(newcomer)) << "nothing is asked for in two lease times";
  pass(30s);
  EXPECT_EQ(1U, take(newcomer));
  EXPECT_EQ(CompletionCode::LeaseEnded, read_code(hog, trickling));
  EXPECT_EQ(CompletionCode::Ok, read_code(from_host(3, "carol", 3), honest));
}

TEST_F(LeaseQuota, ReadsThatBringNothingNewAreNoProgress) {
  config_.leases = 1;
  rebuild();
  const auto hog = from_host(1, "alice", 1);
  const auto newcomer = from_host(2, "bob", 2);
  ASSERT_EQ(1U, take(hog));
  // All of it at once, and then the same again and again.
  for (unsigned offset = 0; offset < kImage_bytes; offset += 900)
    (void)ask(hog, Command::ReadImage, oem::ReadRq{handles_[0], offset, 900});
  const auto pass = [&](std::chrono::seconds time) {
    for (auto end = now_ + time; now_ < end; now_ += 2s)
      (void)ask(hog, Command::ReadImage, oem::ReadRq{handles_[0], 0, 900});
  };
  pass(100s);
  EXPECT_EQ(0U, take(newcomer));
  pass(202s);
  EXPECT_EQ(1U, take(newcomer));
}

TEST_F(LeaseQuota, ASlowLineIsNotTooSlow) {
  config_.leases = 1;
  rebuild();
  auto slow = from_host(1, "icmb:0x0014", 1);
  slow.path.peer.family = AddressFamily::Icmb;
  slow.properties.bits_per_s = 19200;
  slow.properties.sessions = false;
  slow.properties.largest_message_bytes = 256;
  handles_.push_back(accept(slow, 99).handle);
  for (unsigned at = 0; at < 300; ++at, now_ += 1s)  // 30 bytes a second
    (void)ask(slow, Command::ReadImage, oem::ReadRq{handles_[0], at * 31, 31});
  EXPECT_EQ(0U, take(from_host(2, "bob", 2)));
  EXPECT_EQ(CompletionCode::Ok, read_code(slow, handles_[0]));
}

// --- end -----------------------------------------------------------------------------------------

TEST_F(Lease, EndsWhenNothingIsReadForItsTime) {
  const auto lease = accept(in_session(1));
  EXPECT_EQ(now_ + 60s, donor_->deadline());
  now_ += 59s;
  EXPECT_EQ(CompletionCode::Ok, read_code(in_session(1), lease.handle));
  EXPECT_EQ(now_ + 60s, donor_->deadline());
  now_ += 60s - 1ns;
  donor_->handle_timeout(now_);
  EXPECT_EQ(1U, donor_->leases());
  now_ += 1ns;
  donor_->handle_timeout(now_);
  EXPECT_EQ(0U, donor_->leases());
  EXPECT_EQ(std::nullopt, donor_->deadline());
  EXPECT_EQ(1U, count(DonorEvent::Kind::Expired));
}

TEST_F(Lease, EndsOnTimeWithoutATimeout) {
  const auto lease = accept(in_session(1));
  now_ += 60s;
  EXPECT_EQ(CompletionCode::LeaseEnded, read_code(in_session(1), lease.handle));
}

TEST_F(Lease, IsNotProlongedByAReadThatFails) {
  const auto lease = accept(in_session(1));
  now_ += 30s;
  expect_code(CompletionCode::OutOfRange, in_session(1), Command::ReadImage,
              oem::ReadRq{lease.handle, kImage_bytes, 1});
  now_ += 30s;
  EXPECT_EQ(CompletionCode::LeaseEnded, read_code(in_session(1), lease.handle));
}

TEST_F(Lease, EndsEachAtItsOwnTime) {
  const auto first = accept(in_session(1), 1);
  now_ += 20s;
  const auto second = accept(in_session(1), 2);
  now_ += 40s;
  donor_->handle_timeout(now_);
  EXPECT_EQ(CompletionCode::LeaseEnded, read_code(in_session(1), first.handle));
  EXPECT_EQ(CompletionCode::Ok, read_code(in_session(1), second.handle));
}

TEST_F(Lease, ReleasedTwiceIsOkTwiceAndOneEvent) {
  const auto lease = accept(in_session(1));
  for (int i = 0; i < 2; ++i)
    expect_code(CompletionCode::Ok, in_session(1), Command::ReleaseOffer,
                oem::ReleaseOfferRq{lease.handle});
  EXPECT_EQ(1U, count(DonorEvent::Kind::Released));
  EXPECT_EQ(CompletionCode::LeaseEnded, read_code(in_session(1), lease.handle));
}

TEST_F(Lease, OfAnImageThatStaysSurvivesAnotherCatalogue) {
  const Digest other = catalogue_.add(500, 30).digest;
  catalogue_.entry(1).manifest.security_version = 8;
  const auto going = accept(in_session(1), 1);  // the better one: the other
  catalogue_.entry(1).manifest.security_version = 1;
  const auto staying = accept(in_session(1), 2);
  RandomCatalogue next;
  next.add(catalogue_.entry(0).manifest, 1);
  events();
  donor_->replace_catalogue(next, now_);
  EXPECT_EQ(CompletionCode::LeaseEnded, read_code(in_session(1), going.handle));
  EXPECT_EQ(CompletionCode::Ok, read_code(in_session(1), staying.handle));
  const auto all = events();
  ASSERT_EQ(1U, all.size());
  EXPECT_EQ(DonorEvent::Kind::Withdrawn, all[0].kind);
  EXPECT_EQ(other, all[0].digest);
}

}  // namespace
}  // namespace fwr::test
