// SPDX-License-Identifier: GPL-3.0-or-later
// Fuzzes the donor: an input is a list of commands and grants of several users, of time, and of
// what happens to the catalogue. What it sends is compared with what was granted. PROTOCOL §5, §6.
#include "donor/donor.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "fuzz.hpp"
#include "image/hash_tree.hpp"
#include "session_peer.hpp"
#include "wire/oem.hpp"
#include "wire/stream.hpp"

namespace fwr::fuzz {
namespace {

using namespace std::chrono_literals;
using wire::CompletionCode;
using wire::oem::Command;
using wire::stream::Object;
namespace oem = wire::oem;
namespace stream = wire::stream;

constexpr std::uint32_t kIana = 32473;
constexpr unsigned kStepLimit = 400;  ///< operations in one input
constexpr std::array<std::uint64_t, 3> kImageSizes{1, 3 * 4096 + 100, 200 * 4096};

/// Byte `at` of an image or a tree: the same for every size, so that nothing is stored.
std::byte byte_of(Object object, std::uint64_t at) {
  return static_cast<std::byte>(at * 31 + at / 4096 + (object == Object::Tree ? 7 : 0));
}

class Images final : public donor::Catalogue {
 public:
  explicit Images(std::size_t count) {
    entries_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      donor::Entry entry;
      entry.manifest.component = "bmc";
      entry.manifest.version = "1." + std::to_string(i);
      entry.manifest.security_version = static_cast<std::uint32_t>(i);
      entry.manifest.size_bytes = kImageSizes.at(i);
      entry.manifest.digest.fill(static_cast<std::byte>(i + 1));
      entry.manifest.platforms.emplace_back().device_id = static_cast<std::uint8_t>(i);
      entry.manifest.platforms.emplace_back().device_id = 3;  // fits them all: the best is offered
      entry.manifest_json = std::string(1000, 'm');
      entry.signature = std::string(300, 's');
      entries_.push_back(std::move(entry));
    }
  }
  [[nodiscard]] std::span<const donor::Entry> entries() const override { return entries_; }
  Result<> read_image(const Digest& digest, std::uint64_t offset,
                      std::span<std::byte> out) override {
    return read(Object::Image, digest, offset, out);
  }
  Result<> read_tree(const Digest& digest, std::uint64_t offset,
                     std::span<std::byte> out) override {
    return read(Object::Tree, digest, offset, out);
  }
  bool readable = true;

 private:
  Result<> read(Object object, const Digest& digest, std::uint64_t offset,
                std::span<std::byte> out) const {
    const auto* entry = donor::find(*this, digest);
    require(entry != nullptr, "a donor reads only what is in its catalogue");
    const std::uint64_t image_bytes = entry->manifest.size_bytes;
    const std::uint64_t size =
        object == Object::Image ? image_bytes : image::TreeShape(image_bytes).tree_size_bytes();
    require(offset <= size && out.size() <= size - offset, "a donor stays inside the file");
    if (!readable) return fail(Errc::IoFailed, "unreadable for this input");
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = byte_of(object, offset + i);
    return {};
  }
  std::vector<donor::Entry> entries_;
};

enum class Action : std::uint8_t {
  RequestFirmware,
  Accept,
  RequestAndAccept,
  Read,
  GetManifest,
  ReleaseOrReport,
  CommandBytes,
  Grant,
  PayloadBytes,
  Drain,
  Wait,
  Timeout,
  CloseSession,
  ChangeCatalogue,
};
constexpr std::array<NamedAction<Action>, 16> kActions{{
    {Action::RequestFirmware, "request"},
    {Action::Accept, "accept"},
    {Action::Accept, "accept"},
    {Action::RequestAndAccept, "request-and-accept"},
    {Action::Read, "read"},
    {Action::GetManifest, "manifest"},
    {Action::ReleaseOrReport, "release-or-report"},
    {Action::CommandBytes, "command-bytes"},
    {Action::Grant, "grant"},
    {Action::Grant, "grant"},
    {Action::PayloadBytes, "payload-bytes"},
    {Action::Drain, "drain"},
    {Action::Wait, "wait"},
    {Action::Timeout, "timeout"},
    {Action::CloseSession, "close-session"},
    {Action::ChangeCatalogue, "catalogue"},
}};

donor::DonorConfig config_of(Input& in) {
  donor::DonorConfig config;
  config.iana = kIana;
  config.leases = 3;
  config.leases_per_user = 2;
  config.hold = 20s;
  config.lease = 30s;
  config.credit_bytes = 64U << 10;
  config.segment_limit_granules = 64;
  if (in.flag()) config.name = std::string(31, 'n');
  return config;
}

class World {
 public:
  explicit World(Input& in)
      : in_(in), config_(config_of(in)), donor_(config_, all_, random_, now_) {}

  void run() {
    for (unsigned steps = 0; steps < kStepLimit && !in_.ended(); ++steps) {
      step();
      check();
    }
    drain(100'000);
    // No client reads any more: everything ends by itself.
    now_ += config_.lease + 1s;
    donor_.handle_timeout(now_);
    require(donor_.leases() == 0 && !donor_.deadline(), "silence ends every lease");
    require(!donor_.next_payload(kLanLink, now_), "without a lease there is nothing to send");
  }

 private:
  struct Granted {
    stream::Grant grant;
    std::vector<std::uint64_t> unsent_granules;  ///< of each range
  };
  struct Lease {
    session::Requester owner;
    Digest digest{};
    std::uint32_t session = 0;  ///< of the last accept: the stream is there
    std::vector<Granted> granted;
  };

  session::Requester somebody() {
    constexpr std::array<std::string_view, 3> kNames{"alice", "bob", ""};
    const std::uint8_t who = in_.u8();
    session::Requester from;
    from.user = kNames.at(who % 3);
    from.session = from.user.empty() ? 0 : 1 + who % 5U;
    from.path = path_of(who % 2);
    if (who >= 250) from.privilege = wire::Privilege::Callback;
    return from;
  }
  std::uint32_t some_handle() {
    const std::uint8_t which = in_.u8();
    if (leases_.empty() || which == 255) return in_.u32();
    return std::next(leases_.begin(), static_cast<std::ptrdiff_t>(which % leases_.size()))->first;
  }

  // --- commands
  std::optional<wire::IpmiResponse> ask(const session::Requester& from,
                                        const wire::IpmiRequest& request) {
    auto response = donor_.handle_command(from, request, now_);
    if (from.authenticated()) {
      require(response.has_value(), "no silence in a session");
      if (from.privilege < wire::Privilege::User && request.net_fn == 0x2e)
        require(response->code != CompletionCode::Ok, "commands need User privilege");
    } else if (response) {
      require(response->data.size() + 1 <= request.data.size(),
              "an answer without a session is not larger than its request");
    }
    if (!response || request.net_fn != raw(wire::NetFn::OemGroupRq)) return response;
    require(oem::strip_iana(kIana, response->data).has_value(),
            "every answer has the enterprise number");
    return response;
  }
  template <class Message>
  std::optional<Message> ask_for(const session::Requester& from, Command command,
                                 const auto& request) {
    const auto response = ask(from, oem::make_request(kIana, command, request));
    if (!response || response->code != CompletionCode::Ok) return std::nullopt;
    const auto body = oem::strip_iana(kIana, response->data);
    const auto message = wire::decode<Message>(*body);
    require(message.has_value(), "what the donor answers can be read");
    return *message;
  }

  void request_firmware() {
    oem::RequestFirmwareRq rq;
    rq.nonce.fill(static_cast<std::byte>(in_.u8()));
    rq.flags = in_.u8();
    rq.platform.device_id = in_.u8() % 4;
    const auto offer = ask_for<oem::Offer>(somebody(), Command::RequestFirmware, rq);
    if (!offer) return;
    require(offer->nonce == rq.nonce && offer->component == "bmc", "an offer answers its request");
    offer_ = {offer->nonce, offer->digest, offer->token};
  }
  void accept() {
    oem::AcceptOfferRq rq = offer_;
    if (in_.below(8) == 7) rq.token.at(in_.below(16)) ^= std::byte{1};
    const session::Requester from = somebody();
    const auto rs = ask_for<oem::AcceptOfferRs>(from, Command::AcceptOffer, rq);
    if (!rs) return;
    require(rq.token == offer_.token, "a changed token is not accepted");
    require(rs->handle != 0, "a handle is not zero");
    Lease& lease = leases_[rs->handle];
    if (lease.owner.user.empty()) {
      lease.owner = from;
      lease.digest = rq.digest;
    }
    require(lease.owner.user == from.user && lease.digest == rq.digest,
            "a handle is of one user and one image");
    if (lease.session != from.session) lease.granted.clear();  // PROTOCOL §5.4
    lease.session = from.session;
  }
  void read() {
    const Object object = in_.flag() ? Object::Tree : Object::Image;
    const oem::ReadRq rq{some_handle(), in_.u32(), in_.u16()};
    const session::Requester from = somebody();
    const auto rs = ask_for<oem::ReadRs>(
        from, object == Object::Tree ? Command::ReadHashTree : Command::ReadImage, rq);
    if (!rs) return;
    require_served(rq.handle, from.user);
    require(!rs->data.empty() && rs->data.size() <= rq.count, "no more than was asked for");
    for (std::size_t i = 0; i < rs->data.size(); ++i)
      require(rs->data[i] == byte_of(object, rq.offset + i), "the bytes that were asked for");
  }
  void get_manifest() {
    oem::GetManifestRq rq;
    rq.digest.fill(static_cast<std::byte>(in_.u8() % 5));
    rq.part = in_.flag() ? oem::ManifestPart::Signature : oem::ManifestPart::Manifest;
    rq.offset = in_.u16();
    rq.count = in_.u16();
    const auto rs = ask_for<oem::GetManifestRs>(somebody(), Command::GetManifest, rq);
    if (!rs) return;
    require(rs->data.size() <= rq.count && rq.offset + rs->data.size() <= rs->total,
            "a piece is inside its part");
  }
  void release_or_report() {
    const session::Requester from = somebody();
    const std::uint32_t handle = some_handle();
    donor_.handle_timeout(now_);  // or the command would end others too
    const std::size_t before = donor_.leases();
    const bool released = in_.flag();
    const auto response =
        released ? ask(from,
                       oem::make_request(kIana, Command::ReleaseOffer, oem::ReleaseOfferRq{handle}))
                 : ask(from, oem::make_request(
                                 kIana, Command::ReportResult,
                                 oem::ReportResultRq{handle, in_.u8(), exact(in_.bytes())}));
    if (donor_.leases() == before) return;
    require(response && response->code == CompletionCode::Ok, "an end is said");
    require_served(handle, from.user);
    leases_.erase(handle);
  }
  void command_bytes() {
    const session::Requester from = somebody();
    wire::IpmiRequest request;
    request.net_fn = in_.flag() ? in_.u8() & 0x3eU : raw(wire::NetFn::OemGroupRq);
    request.command = in_.u8() % 16U;
    const bool ours = in_.flag();
    if (ours) request.data = oem::response_data(kIana);
    const ByteView some = in_.bytes();
    request.data.insert(request.data.end(), some.begin(), some.end());
    if (ours && may_change_leases(request.command)) return;  // the model has its own way to
    const auto response = ask(from, request);
    if (!response || request.command != static_cast<std::uint8_t>(Command::ListImages) ||
        response->code != CompletionCode::Ok)
      return;
    const auto body = oem::strip_iana(kIana, response->data);
    const auto listed = body.and_then(wire::decode<oem::ListImagesRs>);
    const auto asked =
        oem::strip_iana(kIana, request.data).and_then(wire::decode<oem::ListImagesRq>);
    require(from.authenticated() && listed && asked && asked->after < listed->digest,
            "images are listed in a session, in their order");
  }
  static bool may_change_leases(std::uint8_t command) {
    return command == static_cast<std::uint8_t>(Command::AcceptOffer) ||
           command == static_cast<std::uint8_t>(Command::ReleaseOffer) ||
           command == static_cast<std::uint8_t>(Command::ReportResult);
  }

  void require_served(std::uint32_t handle, const std::string& user) {
    const auto found = leases_.find(handle);
    require(found != leases_.end(), "nothing is served without an accepted lease");
    require(found->second.owner.user == user, "nobody uses the lease of somebody else");
  }

  // --- the image stream
  void grant() {
    stream::Grant grant;
    grant.object = in_.flag() ? Object::Tree : Object::Image;
    grant.handle = some_handle();
    grant.number = in_.u8();
    grant.segment_granules = static_cast<std::uint16_t>(1 + in_.below(80));
    grant.ranges.resize(1 + in_.below(4));
    for (stream::Range& range : grant.ranges)
      range = {in_.u16(), static_cast<std::uint16_t>(1 + in_.u8())};
    const session::Requester from = somebody();
    const auto found = leases_.find(grant.handle);
    if (found != leases_.end() && found->second.session == from.session &&
        found->second.owner.user == from.user) {
      Granted granted{grant, {}};
      for (const stream::Range& range : grant.ranges)
        granted.unsent_granules.push_back(range.length_granules);
      found->second.granted.push_back(std::move(granted));
    }
    donor_.handle_payload(from, stream::encode(grant), now_);
  }
  void payload_bytes() {
    const session::Requester from = somebody();
    const ByteView bytes = in_.bytes();
    // A grant that means something goes through the model.
    if (bytes.empty() || bytes.front() == std::byte{stream::Grant::kKind}) return;
    donor_.handle_payload(from, exact(bytes), now_);
  }
  void drain(std::size_t limit) {
    for (std::size_t i = 0; i < limit; ++i) {
      const auto out = donor_.next_payload(kLanLink, now_);
      if (!out) return;
      const auto message = stream::decode_message(out->payload);
      require(message.has_value(), "what the donor sends can be read");
      if (const auto* segment = std::get_if<stream::Segment>(&*message))
        sent(out->session, *segment);
      else
        require(std::holds_alternative<stream::Refusal>(*message), "a donor sends no grants");
    }
    require(limit < 100'000, "what was granted has an end");
  }
  /// Every granted byte is sent once, to the session that granted it (PROTOCOL §6.1).
  void sent(std::uint32_t session, const stream::Segment& segment) {
    const auto found = leases_.find(segment.handle);
    require(found != leases_.end(), "nothing is served without an accepted lease");
    require(found->second.session == session, "the stream goes to the session that accepted");
    const std::uint64_t granules = (segment.data.size() + 63) / 64;
    for (Granted& granted : found->second.granted) {
      if (granted.grant.number != segment.number || granted.grant.object != segment.object)
        continue;
      if (granules > granted.grant.segment_granules) continue;
      for (std::size_t i = 0; i < granted.grant.ranges.size(); ++i) {
        const stream::Range& range = granted.grant.ranges[i];
        if (segment.offset_granules < range.offset_granules ||
            segment.offset_granules + granules >
                std::uint64_t{range.offset_granules} + range.length_granules ||
            granted.unsent_granules[i] < granules)
          continue;
        granted.unsent_granules[i] -= granules;
        const std::uint64_t offset = std::uint64_t{segment.offset_granules} * 64;
        for (std::size_t at = 0; at < segment.data.size(); ++at)
          require(segment.data[at] == byte_of(segment.object, offset + at),
                  "the bytes that were granted");
        return;
      }
    }
    require(false, "only what was granted is sent, in segments of the granted size, once");
  }

  // --- everything else
  void step() {
    switch (draw_action(in_, kActions)) {
      case Action::RequestFirmware: return request_firmware();
      case Action::Accept: return accept();
      case Action::RequestAndAccept: request_firmware(); return accept();
      case Action::Read: return read();
      case Action::GetManifest: return get_manifest();
      case Action::ReleaseOrReport: return release_or_report();
      case Action::CommandBytes: return command_bytes();
      case Action::Grant: return grant();
      case Action::PayloadBytes: return payload_bytes();
      case Action::Drain: return drain(in_.u8());
      case Action::Wait: now_ += std::chrono::milliseconds(in_.u16()); return;
      case Action::Timeout: return donor_.handle_timeout(now_);
      case Action::CloseSession: return close_session();
      case Action::ChangeCatalogue: return change_catalogue();
    }
  }
  void close_session() {
    const std::uint32_t session = 1 + in_.u8() % 5U;
    donor_.session_closed(session, now_);
    for (auto& [handle, lease] : leases_)
      if (lease.session == session) lease.session = 0;
  }
  void change_catalogue() {
    switch (in_.below(4)) {
      case 0: all_.readable = !all_.readable; return;
      case 1: return donor_.replace_catalogue(none_, now_);
      case 2: return donor_.replace_catalogue(one_, now_);
      default: return donor_.replace_catalogue(all_, now_);
    }
  }

  void check() {
    require(donor_.leases() <= config_.leases, "the limit of leases");
    require((donor_.leases() != 0) == donor_.deadline().has_value(), "every lease has an end");
    const bool all_events = in_.flag();
    while (auto event = donor_.poll_event()) {
      if (event->kind == donor::DonorEvent::Kind::Accepted)
        require(!event->user.empty(), "a lease has a user");
      if (!all_events) break;
    }
  }

  Input& in_;
  SeededRandom random_{11};
  donor::DonorConfig config_;
  Images all_{3}, one_{1}, none_{0};
  TimePoint now_{1000s};
  donor::Donor donor_;
  oem::AcceptOfferRq offer_;
  std::map<std::uint32_t, Lease>
      leases_;  ///< every one that was accepted and not ended by its user
};

}  // namespace
}  // namespace fwr::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fwr::fuzz::Input in(data, size);
  fwr::fuzz::World(in).run();
  return 0;
}
