// SPDX-License-Identifier: GPL-3.0-or-later
// Fuzzes messages of links without sessions: the codec, and the server with a donor behind it. An
// input is what peers and strangers say, time, and changes of the list. PROTOCOL §11.4, §11.6.
#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <tuple>

#include "base/slow_link.hpp"
#include "donor/donor.hpp"
#include "fuzz.hpp"
#include "session/link_servers.hpp"
#include "wire/icmb.hpp"
#include "wire/oem.hpp"
#include "wire/plain.hpp"
#include "wire/stream.hpp"

namespace fwr::fuzz {
namespace {

using namespace std::chrono_literals;
using wire::CompletionCode;
using wire::icmb::BusAddress;
using wire::oem::Command;
namespace oem = wire::oem;
namespace plain = wire::plain;
namespace stream = wire::stream;

constexpr std::uint32_t kIana = 32473;
constexpr unsigned kStepLimit = 300;  ///< operations in one input
constexpr LinkId kBus{1};
constexpr std::size_t kLargest_bytes = 600;
constexpr std::uint64_t kImage_bytes = 100'000;
/// The first two are in the list at first.
constexpr std::array<std::uint16_t, 4> kNodes{0x20, 0x21, 0x22, 0x99};

void check_codec(ByteView bytes) {
  const auto type = plain::type_of(bytes);
  require(type.has_value() || bytes.empty() || bytes.front() < std::byte{1} ||
              bytes.front() > std::byte{3},
          "three types are known");
  const auto request = plain::decode_request(bytes);
  const auto response = plain::decode_response(bytes);
  require(!request || !response, "no message is both");
  require(!(request || response) || type.has_value(), "a message has a type");
  if (request) {
    require((request->net_fn() & 1U) == 0, "requests have even network functions");
    const Bytes answer = plain::encode_response(*request, {CompletionCode::Ok, request->data});
    const auto read = plain::decode_response(answer);
    require(read && read->tag == request->tag && read->command == request->command &&
                read->net_fn() == (request->net_fn() | 1U),
            "a response belongs to its request");
  }
  if (response) require(!response->data.empty(), "a response has a completion code");
}

class Images final : public donor::Catalogue {
 public:
  Images() : entries_(1) {
    donor::Entry& entry = entries_.front();
    entry.manifest.component = "bmc";
    entry.manifest.version = "1.0";
    entry.manifest.size_bytes = kImage_bytes;
    entry.manifest.digest.fill(std::byte{1});
    entry.manifest.platforms.resize(1);
    entry.manifest_json = std::string(1000, 'm');
    entry.signature = std::string(300, 's');
  }
  [[nodiscard]] std::span<const donor::Entry> entries() const override { return entries_; }
  Result<> read_image(const Digest&, std::uint64_t offset, std::span<std::byte> out) override {
    require(offset + out.size() <= kImage_bytes, "a donor stays inside the file");
    std::fill(out.begin(), out.end(), std::byte{7});
    return {};
  }
  Result<> read_tree(const Digest&, std::uint64_t, std::span<std::byte> out) override {
    std::fill(out.begin(), out.end(), std::byte{8});
    return {};
  }

 private:
  std::vector<donor::Entry> entries_;
};

enum class Action : std::uint8_t {
  Bytes,
  Command,
  Find,
  Accept,
  Grant,
  Read,
  Poll,
  Wait,
  ChangeList,
};
constexpr std::array<NamedAction<Action>, 9> kActions{{
    {Action::Bytes, "bytes"},
    {Action::Command, "command"},
    {Action::Find, "find"},
    {Action::Accept, "accept"},
    {Action::Grant, "grant"},
    {Action::Read, "read"},
    {Action::Poll, "poll"},
    {Action::Wait, "wait"},
    {Action::ChangeList, "list"},
}};

donor::DonorConfig donor_config() {
  donor::DonorConfig config;
  config.iana = kIana;
  config.leases = 2;
  return config;
}

LinkProperties bus_properties() {
  LinkProperties properties;
  properties.medium = Medium::Icmb;
  properties.largest_message_bytes = kLargest_bytes;
  properties.bits_per_s = 19200;
  properties.sessions = false;
  return properties;
}

class World {
 public:
  explicit World(Input& in)
      : in_(in),
        donor_(donor_config(), images_, random_, now_),
        servers_(session::ServerConfig{}, kIana, donor_, random_,
                 {{kBus, bus_properties(), list(3)}}) {}

  void run() {
    for (unsigned steps = 0; steps < kStepLimit && !in_.ended(); ++steps) step();
    poll(100'000);
    // No node sends any more: everything ends by itself.
    now_ += 61s + slack_of(bus_properties());
    servers_.handle_timeout(now_);
    donor_.handle_timeout(now_);
    require(servers_.plain(kBus)->active_peers() == 0, "silent peers are forgotten");
    require(donor_.leases() == 0 && !servers_.deadline(), "silence ends every lease");
    require(!servers_.poll_transmit(kBus, now_), "nobody is there to talk to");
  }

 private:
  session::AllowedPeers list(std::uint8_t bits) {
    allowed_.clear();
    session::AllowedPeers peers;
    for (std::size_t i = 0; i < kNodes.size(); ++i) {
      if ((bits >> i & 1U) == 0) continue;
      peers.peers.push_back(wire::icmb::to_address(BusAddress{kNodes.at(i)}, 0));
      allowed_.insert(kNodes.at(i));
    }
    return peers;
  }

  void step() {
    switch (draw_action(in_, kActions)) {
      case Action::Bytes: return say(any_node(), in_.bytes());
      case Action::Command: return command();
      case Action::Find: return find();
      case Action::Accept: return accept();
      case Action::Grant: return grant();
      case Action::Read: return read();
      case Action::Poll: return poll(1 + in_.u8());
      case Action::Wait: now_ += std::chrono::milliseconds(in_.u16()); break;
      case Action::ChangeList: change(); break;
    }
    servers_.handle_timeout(now_);
    donor_.handle_timeout(now_);
  }

  Path any_node() {
    const std::uint8_t who = in_.u8();
    Path path;
    const bool to_all = who >= 200;
    path.local = wire::icmb::to_address(to_all ? BusAddress::Broadcast : BusAddress{0x11}, 1);
    path.peer = wire::icmb::to_address(BusAddress{kNodes.at(who % kNodes.size())}, 1);
    path.medium = Medium::Icmb;
    return path;
  }
  [[nodiscard]] bool is_allowed(const Path& path) const {
    return allowed_.contains(static_cast<std::uint16_t>(wire::icmb::bus_address(path.peer)));
  }

  void say(const Path& path, ByteView bytes) {
    check_codec(bytes);
    if (const auto request = plain::decode_request(bytes))
      asked_.insert({path, request->tag, request->command});
    servers_.handle_datagram(kBus, path, exact(bytes), now_);
  }
  void ask(const Path& path, const wire::IpmiRequest& request) {
    say(path, plain::encode_request(request, in_.u8()));
  }
  void command() {
    const Path path = any_node();
    wire::IpmiRequest request;
    request.net_fn = in_.flag() ? in_.u8() & 0x3eU : raw(wire::NetFn::OemGroupRq);
    request.command = in_.u8() % 16U;
    if (in_.flag()) request.data = oem::response_data(kIana);
    const ByteView some = in_.bytes();
    request.data.insert(request.data.end(), some.begin(), some.end());
    ask(path, request);
  }
  void find() {
    oem::RequestFirmwareRq rq;
    rq.nonce.fill(static_cast<std::byte>(in_.u8()));
    const Path path = any_node();
    ask(path, oem::make_request(kIana, Command::RequestFirmware, rq));
  }
  void accept() { ask(any_node(), oem::make_request(kIana, Command::AcceptOffer, offer_)); }
  void grant() {
    stream::Grant grant;
    grant.handle = handle_;
    grant.number = ++number_;
    grant.segment_granules = static_cast<std::uint16_t>(1 + in_.below(12));
    grant.ranges = {{in_.u8(), static_cast<std::uint16_t>(1 + in_.u8())}};
    say(any_node(), plain::encode_stream(stream::encode(grant)));
  }
  void read() {
    const Path path = any_node();
    oem::ReadRq rq;
    rq.handle = handle_;
    rq.offset = in_.u16();
    rq.count = in_.u16();
    ask(path, oem::make_request(kIana, Command::ReadImage, rq));
  }
  void change() {
    const std::uint8_t what = in_.u8();
    if (what >= 128) return servers_.handle_link_down(kBus);
    servers_.reconfigure(session::ServerConfig{}, {{kBus, bus_properties(), list(what)}}, now_);
  }

  void poll(std::size_t limit) {
    for (std::size_t i = 0; i < limit; ++i) {
      const auto datagram = servers_.poll_transmit(kBus, now_);
      if (!datagram) return;
      require(datagram->bytes.size() <= kLargest_bytes, "no message is larger than the link takes");
      check_codec(datagram->bytes);
      if (plain::type_of(datagram->bytes).value() == plain::Type::Stream)
        streamed(*datagram);
      else
        answered(*datagram);
    }
    require(limit < 100'000, "what was granted has an end");
  }
  void streamed(const Datagram& datagram) {
    require(is_allowed(datagram.path), "streams go to the list");
    const auto message = stream::decode_message(ByteView(datagram.bytes).subspan(1));
    require(message.has_value(), "what the donor sends can be read");
    require(!std::holds_alternative<stream::Grant>(*message), "a donor sends no grants");
  }
  void answered(const Datagram& datagram) {
    const auto response = plain::decode_response(datagram.bytes);
    require(response.has_value(), "what is sent can be read");
    const bool was_asked = asked_.contains({datagram.path, response->tag, response->command});
    require(was_asked, "an answer goes to who asked, with the tag of the request");
    const auto code = static_cast<CompletionCode>(response->data.front());
    const bool ours = response->net_fn() == (raw(wire::NetFn::OemGroupRq) | 1U);
    if (plain::is_to_all(datagram.path))
      require(ours && code == CompletionCode::Ok &&
                  response->command == static_cast<std::uint8_t>(Command::RequestFirmware),
              "to all only an offer is an answer");
    if (!ours || code != CompletionCode::Ok) return;
    const auto* command = oem::find_command(response->command);
    require(command != nullptr, "only commands that exist succeed");
    const auto body = oem::strip_iana(kIana, ByteView(response->data).subspan(1));
    require(body.has_value(), "every answer has the enterprise number");
    if (command->command == Command::RequestFirmware) {
      const auto offer = wire::decode<oem::Offer>(*body);
      require(offer.has_value(), "an offer can be read");
      offer_ = {offer->nonce, offer->digest, offer->token};
    }
    if (command->command == Command::AcceptOffer) {
      const auto lease = wire::decode<oem::AcceptOfferRs>(*body);
      require(lease.has_value() && lease->handle != 0, "a lease can be read");
      require(std::size_t{lease->segment_limit_granules} * 64 + 17 <= kLargest_bytes,
              "a segment fits");
      handle_ = lease->handle;
    }
  }

  Input& in_;
  SeededRandom random_{1};
  TimePoint now_{1000s};
  Images images_;
  donor::Donor donor_;
  std::set<std::uint16_t> allowed_;
  session::LinkServers servers_;
  std::set<std::tuple<Path, std::uint8_t, std::uint8_t>> asked_;
  oem::AcceptOfferRq offer_{};
  std::uint32_t handle_ = 0;
  std::uint32_t number_ = 0;
};

}  // namespace
}  // namespace fwr::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fwr::fuzz::Input in(data, size);
  fwr::fuzz::World(in).run();
  return 0;
}
