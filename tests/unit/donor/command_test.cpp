// SPDX-License-Identifier: GPL-3.0-or-later
// The commands of a session: manifest, reads, report, status, and who may ask. PROTOCOL §3 to §5.
#include <set>

#include "support/donor_fixture.hpp"

namespace fwr::test {
namespace {

namespace oem = wire::oem;

class DonorCommand : public DonorTest {};
class GetManifest : public DonorTest {};
class ReadObject : public DonorTest {};
class ReportResult : public DonorTest {};
class DonorStatus : public DonorTest {};

constexpr std::uint32_t kOtherIana = 343;
constexpr std::array<std::uint16_t, 3> kWrongCounts{0, 901, 65535};

// --- who may ask ---------------------------------------------------------------------------------

TEST_F(DonorCommand, ThatNeedsASessionIsDroppedWithoutOne) {
  const auto lease = accept(in_session(1));
  for (const oem::CommandInfo& command : oem::kCommands) {
    if (!command.needs_session) continue;
    auto request = oem::make_request(kIana, command.command);
    request.data.resize(200);
    EXPECT_FALSE(send(without_session(), request)) << command.name;
  }
  EXPECT_FALSE(ask(without_session(), Command::ReadImage, oem::ReadRq{lease.handle, 0, 1}));
  EXPECT_EQ(1U, donor_->leases());
}

TEST_F(DonorCommand, BelowUserPrivilegeIsRefused) {
  auto from = in_session(1);
  from.privilege = wire::Privilege::Callback;
  for (const oem::CommandInfo& command : oem::kCommands)
    EXPECT_EQ(CompletionCode::InsufficientPrivilege,
              send(from, oem::make_request(kIana, command.command))->code)
        << command.name;
}

TEST_F(DonorCommand, OfAnotherEnterpriseIsInvalidInASessionAndSilentWithoutOne) {
  auto request = oem::make_request(kOtherIana, Command::RequestFirmware, firmware_request());
  EXPECT_FALSE(send(without_session(), request));
  const auto response = send(in_session(1), request);
  ASSERT_TRUE(response);
  EXPECT_EQ(CompletionCode::InvalidCommand, response->code);
  EXPECT_EQ(oem::response_data(kIana), response->data);
}

TEST_F(DonorCommand, WithoutEnterpriseNumberHasTheWrongLength) {
  for (std::size_t size = 0; size < 3; ++size) {
    const wire::IpmiRequest request{raw(wire::NetFn::OemGroupRq), 0x01, Bytes(size)};
    EXPECT_FALSE(send(without_session(), request));
    EXPECT_EQ(CompletionCode::InvalidLength, send(in_session(1), request)->code);
  }
}

TEST_F(DonorCommand, ThatIsUnknownIsInvalidInASessionAndSilentWithoutOne) {
  for (const unsigned command : {0x00U, 0x0bU, 0xffU}) {
    wire::IpmiRequest request = oem::make_request(kIana, Command::RequestFirmware);
    request.command = static_cast<std::uint8_t>(command);
    request.data.resize(200);
    EXPECT_FALSE(send(without_session(), request));
    EXPECT_EQ(CompletionCode::InvalidCommand, send(in_session(1), request)->code);
  }
}

TEST_F(DonorCommand, OfAnotherNetworkFunctionIsInvalidInASessionAndSilentWithoutOne) {
  wire::IpmiRequest request = oem::make_request(kIana, Command::RequestFirmware);
  request.net_fn = raw(wire::NetFn::AppRq);
  EXPECT_FALSE(send(without_session(), request));
  EXPECT_EQ(CompletionCode::InvalidCommand, send(in_session(1), request)->code);
}

TEST_F(DonorCommand, ThatIsTooShortHasTheWrongLength) {
  const auto lease = accept(in_session(1));
  const std::vector<wire::IpmiRequest> requests{
      oem::make_request(kIana, Command::GetManifest,
                        oem::GetManifestRq{digest_, oem::ManifestPart::Manifest, 0, 1}),
      oem::make_request(kIana, Command::AcceptOffer, acceptance(offer())),
      oem::make_request(kIana, Command::ReleaseOffer, oem::ReleaseOfferRq{lease.handle}),
      oem::make_request(kIana, Command::ReadHashTree, oem::ReadRq{lease.handle, 0, 1}),
      oem::make_request(kIana, Command::ReadImage, oem::ReadRq{lease.handle, 0, 1}),
      oem::make_request(kIana, Command::ReportResult, oem::ReportResultRq{lease.handle, 0, {}}),
      oem::make_request(kIana, Command::ListImages, oem::ListImagesRq{}),
  };
  for (wire::IpmiRequest request : requests) {
    while (request.data.size() > 3) {
      request.data.pop_back();
      EXPECT_EQ(CompletionCode::InvalidLength, send(in_session(1), request)->code)
          << unsigned{request.command} << ", " << request.data.size() << " bytes";
    }
  }
  EXPECT_EQ(1U, donor_->leases());
}

TEST_F(DonorCommand, WithBytesOfALaterVersionIsUnderstood) {
  auto request = oem::make_request(kIana, Command::AcceptOffer, acceptance(offer()));
  request.data.push_back(std::byte{0xaa});
  EXPECT_EQ(CompletionCode::Ok, send(in_session(1), request)->code);
}

// --- Get Manifest --------------------------------------------------------------------------------

TEST_F(GetManifest, GivesBothPartsInPieces) {
  std::string json(2000, 'm');
  json.back() = '}';
  catalogue_.entry(0).manifest_json = json;
  catalogue_.entry(0).signature = "signature";
  std::string read;
  for (std::uint16_t offset = 0; offset < 2000; offset = static_cast<std::uint16_t>(offset + 900)) {
    const auto rs = fields<oem::GetManifestRs>(
        ask(in_session(1), Command::GetManifest,
            oem::GetManifestRq{digest_, oem::ManifestPart::Manifest, offset, 900}));
    EXPECT_EQ(2000, rs.total);
    read += as_text(rs.data);
  }
  EXPECT_EQ(json, read);
  const auto rs = fields<oem::GetManifestRs>(
      ask(in_session(1), Command::GetManifest,
          oem::GetManifestRq{digest_, oem::ManifestPart::Signature, 4, 3}));
  EXPECT_EQ(9, rs.total);
  EXPECT_EQ("atu", as_text(rs.data));
}

TEST_F(GetManifest, ChecksItsFields) {
  const oem::GetManifestRq good{digest_, oem::ManifestPart::Signature, 0, 900};
  auto rq = good;
  rq.digest[0] ^= std::byte{1};
  expect_code(CompletionCode::UnknownImage, in_session(1), Command::GetManifest, rq);
  for (const std::uint16_t count : kWrongCounts) {
    rq = good;
    rq.count = count;
    expect_code(CompletionCode::InvalidField, in_session(1), Command::GetManifest, rq);
  }
  auto request = oem::make_request(kIana, Command::GetManifest, good);
  request.data[35] = std::byte{2};
  EXPECT_EQ(CompletionCode::InvalidField, send(in_session(1), request)->code);
}

TEST_F(GetManifest, EndsWhereThePartEnds) {
  const auto size = static_cast<std::uint16_t>(catalogue_.entry(0).signature.size());
  oem::GetManifestRq rq{digest_, oem::ManifestPart::Signature, size, 10};
  EXPECT_TRUE(
      fields<oem::GetManifestRs>(ask(in_session(1), Command::GetManifest, rq)).data.empty());
  ++rq.offset;
  expect_code(CompletionCode::OutOfRange, in_session(1), Command::GetManifest, rq);
}

TEST_F(GetManifest, NeedsNoLease) {
  EXPECT_EQ(CompletionCode::Ok, ask(in_session(1), Command::GetManifest,
                                    oem::GetManifestRq{digest_, oem::ManifestPart::Manifest, 0, 1})
                                    ->code);
  EXPECT_EQ(0U, donor_->leases());
}

// --- Read Image, Read Hash Tree ------------------------------------------------------------------

TEST_F(ReadObject, GivesEveryByteOfImageAndTree) {
  const auto lease = accept(in_session(1));
  const auto read_all = [&](Command command, std::uint64_t size) {
    Bytes all;
    while (all.size() < size) {
      const auto rs = fields<oem::ReadRs>(
          ask(in_session(1), command, oem::ReadRq{lease.handle, all.size(), 900}));
      if (rs.data.empty()) break;
      all.insert(all.end(), rs.data.begin(), rs.data.end());
    }
    return all;
  };
  EXPECT_EQ(catalogue_.stored(0).bytes, read_all(Command::ReadImage, lease.image_size_bytes));
  EXPECT_EQ(catalogue_.stored(0).tree, read_all(Command::ReadHashTree, lease.tree_size_bytes));
  EXPECT_EQ(kImage_bytes + 4096U, status().bytes_served);
}

TEST_F(ReadObject, GivesFewerBytesAtTheEndAndNoneBehindIt) {
  const auto lease = accept(in_session(1));
  const auto read = [&](std::uint64_t offset) {
    return ask(in_session(1), Command::ReadImage, oem::ReadRq{lease.handle, offset, 900});
  };
  EXPECT_EQ(1U, fields<oem::ReadRs>(read(kImage_bytes - 1)).data.size());
  for (const std::uint64_t offset : {std::uint64_t{kImage_bytes}, std::uint64_t{kImage_bytes} + 1,
                                     (std::uint64_t{1} << 40U) - 1})
    EXPECT_EQ(CompletionCode::OutOfRange, read(offset)->code) << offset;
}

TEST_F(ReadObject, ChecksTheCount) {
  const auto lease = accept(in_session(1));
  for (const Command command : {Command::ReadImage, Command::ReadHashTree})
    for (const std::uint16_t count : kWrongCounts)
      expect_code(CompletionCode::InvalidField, in_session(1), command,
                  oem::ReadRq{lease.handle, 0, count});
  EXPECT_EQ(900U, fields<oem::ReadRs>(
                      ask(in_session(1), Command::ReadImage, oem::ReadRq{lease.handle, 0, 900}))
                      .data.size());
}

TEST_F(ReadObject, HasNoTreeForAnImageOfOneBlock) {
  catalogue_.add(4096, 20);
  catalogue_.entry(1).manifest.security_version = 100;
  const auto lease = accept(in_session(1));
  EXPECT_EQ(0U, lease.tree_size_bytes);
  expect_code(CompletionCode::OutOfRange, in_session(1), Command::ReadHashTree,
              oem::ReadRq{lease.handle, 0, 1});
}

TEST_F(ReadObject, WithoutLeaseIsRefused) {
  expect_code(CompletionCode::LeaseEnded, in_session(1), Command::ReadImage,
              oem::ReadRq{1234, 0, 1});
}

TEST_F(ReadObject, SaysThatTheImageIsUnreadableAndTellsTheLog) {
  const auto lease = accept(in_session(1));
  events();
  catalogue_.readable = false;
  for (const Command command : {Command::ReadImage, Command::ReadHashTree})
    expect_code(CompletionCode::ImageUnreadable, in_session(1), command,
                oem::ReadRq{lease.handle, 0, 1});
  const auto all = events();
  ASSERT_EQ(2U, all.size());
  EXPECT_NE(std::string::npos, all[0].text.find("unreadable for this test")) << all[0].text;
  EXPECT_EQ(0U, status().bytes_served);
}

// --- Report Result -------------------------------------------------------------------------------

TEST_F(ReportResult, CountsOnceAndEndsTheLease) {
  const auto unread = accept(in_session(1), 2);
  expect_code(CompletionCode::Ok, in_session(1), Command::ReportResult,
              oem::ReportResultRq{unread.handle, 0, {}});
  EXPECT_EQ(0U, status().recovered) << "nothing was read";
  const auto lease = accept(in_session(1));
  EXPECT_EQ(CompletionCode::Ok, read_code(in_session(1), lease.handle));
  const oem::ReportResultRq rq{lease.handle, 0, {}};
  for (int i = 0; i < 3; ++i)
    expect_code(CompletionCode::Ok, in_session(1), Command::ReportResult, rq);
  EXPECT_EQ(1U, status().recovered);
  EXPECT_EQ(0U, status().failed);
  EXPECT_EQ(0U, donor_->leases());
}

TEST_F(ReportResult, CountsFailuresApartAndTellsTheLog) {
  const auto lease = accept(in_session(1));
  events();
  const ByteView text = as_bytes("block 17 is wr\xc3\xb6ng");
  ask(in_session(1), Command::ReportResult,
      oem::ReportResultRq{lease.handle, 14, Bytes(text.begin(), text.end())});
  EXPECT_EQ(0U, status().recovered);
  EXPECT_EQ(1U, status().failed);
  const auto all = events();
  ASSERT_EQ(1U, all.size());
  EXPECT_EQ(DonorEvent::Kind::Reported, all[0].kind);
  EXPECT_EQ(14, all[0].result);
  EXPECT_EQ("alice", all[0].user);
  EXPECT_EQ("block 17 is wr\xc3\xb6ng", all[0].text);
}

TEST_F(ReportResult, AndAcceptanceSayWhatSystemItIs) {
  const auto systems = [&](const session::Requester& from) {
    const auto lease = accept(from);
    ask(from, Command::ReportResult, oem::ReportResultRq{lease.handle, 0, {}});
    std::vector<std::optional<Platform>> all;
    for (const DonorEvent& event : events())
      if (event.kind != DonorEvent::Kind::Offered) all.push_back(event.system);
    return all;
  };
  // An older recipient does not ask again in its session.
  for (const auto& system : systems(in_session(1))) EXPECT_FALSE(system);
  auto rq = firmware_request(5);
  rq.platform.product_id = 7;
  rq.platform.hardware_revision = 3;
  ask(in_session(1), Command::RequestFirmware, rq);
  const auto known = systems(in_session(1));
  ASSERT_EQ(2U, known.size());
  for (const auto& system : known) EXPECT_EQ(rq.platform, system);
  // It is what this session said, and nothing of it stays.
  for (const auto& system : systems(in_session(2))) EXPECT_FALSE(system);
  donor_->session_closed(1, now_);
  for (const auto& system : systems(in_session(1))) EXPECT_FALSE(system);
}

TEST_F(ReportResult, TakesTextUpToItsLimit) {
  const auto lease = accept(in_session(1));
  expect_code(CompletionCode::InvalidLength, in_session(1), Command::ReportResult,
              oem::ReportResultRq{lease.handle, 0, Bytes(129, std::byte{'x'})});
  EXPECT_EQ(1U, donor_->leases());
  expect_code(CompletionCode::Ok, in_session(1), Command::ReportResult,
              oem::ReportResultRq{lease.handle, 0, Bytes(128, std::byte{'x'})});
  EXPECT_EQ(0U, donor_->leases());
}

TEST_F(ReportResult, TextCannotForgeLinesOrBreakUtf8) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"a\nb\tc\x1b[31m", "a?b?c?[31m"},
      {"cut \xe2\x82", "cut ??"},
      {"lone \xff\x80", "lone ??"},
      {"overlong \xc0\xaf \xe0\x80\xaf", "overlong ?? ???"},
      {"surrogate \xed\xa0\x80", "surrogate ???"},
      {"beyond \xf4\x90\x80\x80", "beyond ????"},
      {"c1 \xc2\x9b", "c1 ??"},
      {"euro \xe2\x82\xac \xf0\x9f\x98\x80", "euro \xe2\x82\xac \xf0\x9f\x98\x80"},
      {std::string("nul\0", 4), "nul?"},
  };
  unsigned nonce = 0;
  for (const auto& [sent, logged] : cases) {
    const auto lease = accept(in_session(1), ++nonce);
    events();
    const ByteView text = as_bytes(sent);
    ask(in_session(1), Command::ReportResult,
        oem::ReportResultRq{lease.handle, 1, Bytes(text.begin(), text.end())});
    const auto all = events();
    ASSERT_EQ(1U, all.size());
    EXPECT_EQ(logged, all[0].text);
  }
}

// --- Get Donor Status ----------------------------------------------------------------------------

TEST_F(DonorStatus, SaysEverything) {
  config_.leases = 4;
  config_.name = "a name that is longer than 31 characters";
  rebuild();
  accept(in_session(1));
  now_ += 12345999ms;
  accept(in_session(1), 2);
  const auto rs = status();
  EXPECT_EQ(DonorRole::Peer, rs.role);
  EXPECT_EQ(25, rs.load_percent);  // the first lease has ended
  EXPECT_EQ(config_.guid, rs.donor);
  EXPECT_EQ(1, rs.images);
  EXPECT_EQ(1, rs.leases);
  EXPECT_EQ(4, rs.lease_limit);
  EXPECT_EQ(12345U, rs.uptime_s);
  EXPECT_EQ("a name that is longer than 31 c", rs.name);
}

TEST_F(DonorStatus, HasANameThatEveryPeerCanRead) {
  config_.name = "R\xc3\xbc\x64";
  rebuild();
  EXPECT_EQ("R??d", status().name);
}

// --- List Images ---------------------------------------------------------------------------------

class ListImages : public DonorTest {
 protected:
  std::vector<oem::ListImagesRs> all() {
    std::vector<oem::ListImagesRs> listed;
    oem::ListImagesRq rq;
    while (listed.size() <= donor::kCatalogueLimit) {
      const auto response = ask(in_session(1), Command::ListImages, rq);
      if (response && response->code == CompletionCode::UnknownImage) return listed;
      listed.push_back(fields<oem::ListImagesRs>(response));
      EXPECT_LT(rq.after, listed.back().digest);
      rq.after = listed.back().digest;
    }
    ADD_FAILURE() << "there is no end";
    return listed;
  }
};

TEST_F(ListImages, SaysEachImageOnceWhateverItsPlatform) {
  std::set<Digest> expected{digest_};
  for (unsigned seed = 2; seed < 7; ++seed) {
    image::Manifest manifest = catalogue_.entry(0).manifest;
    manifest.platforms[0].product_id = static_cast<std::uint16_t>(1000 + seed);
    SeededRandom(seed).fill(manifest.digest);
    catalogue_.add(manifest, seed);
    expected.insert(manifest.digest);
  }
  std::set<Digest> listed;
  for (const auto& image : all()) EXPECT_TRUE(listed.insert(image.digest).second);
  EXPECT_EQ(expected, listed);
}

TEST_F(ListImages, MarksWhatHasExpired) {
  catalogue_.entry(0).manifest.expires = 2000;
  catalogue_.entry(0).manifest.created = 1000;
  EXPECT_EQ(0, all().at(0).flags) << "without a clock";
  config_.wall_clock = [] { return std::optional<std::int64_t>(2000); };
  rebuild();
  EXPECT_EQ(oem::ListImagesRs::kExpired, all().at(0).flags);
}

TEST_F(ListImages, SaysNothingWithoutASession) {
  EXPECT_FALSE(
      send(without_session(), oem::make_request(kIana, Command::ListImages, oem::ListImagesRq{})));
}

TEST_F(ListImages, GoesOnBehindAnImageThatIsGone) {
  Digest gone{};  // lower than that of the image, and of none
  gone.back() = std::byte{1};
  const auto response = ask(in_session(1), Command::ListImages, oem::ListImagesRq{gone});
  EXPECT_EQ(digest_, fields<oem::ListImagesRs>(response).digest);
}

}  // namespace
}  // namespace fwr::test
