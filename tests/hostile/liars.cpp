// SPDX-License-Identifier: GPL-3.0-or-later
// Each liar is a session server of ours with an application that lies.
#include "liars.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <stdexcept>

#include "image/hash_tree.hpp"
#include "intruder.hpp"
#include "session/server.hpp"
#include "wire/stream.hpp"

namespace fwr::hostile {

namespace {

using wire::CompletionCode;
using wire::IpmiResponse;
namespace oem = wire::oem;
namespace stream = wire::stream;

constexpr auto kTick = 5ms;
constexpr std::size_t kLargest_bytes = 65536;
constexpr std::size_t kGranule_bytes = 64;
constexpr std::size_t kQueue = 4096;

Address address_of(const sockaddr_in& in) {
  Address address{.family = AddressFamily::Ipv4, .port = ntohs(in.sin_port)};
  std::memcpy(address.bytes.data(), &in.sin_addr.s_addr, 4);
  return address;
}

Bytes noise(std::size_t size) {
  Bytes bytes(size);
  randomness().fill(bytes);
  return bytes;
}

}  // namespace

const char* to_text(Lie lie) {
  switch (lie) {
    case Lie::NoSession: return "no session";
    case Lie::ClaimsNothing: return "claims nothing";
    case Lie::RefusesManifest: return "refuses the manifest";
    case Lie::RubbishManifest: return "rubbish for a manifest";
    case Lie::Silent: return "silent";
    case Lie::RefusesLease: return "refuses the lease";
    case Lie::BusyForEver: return "busy for ever";
    case Lie::RubbishLease: return "rubbish for a lease";
    case Lie::RubbishTree: return "rubbish for blocks";
  }
  return "?";
}

Guid guid_of_liar(unsigned number) {
  Guid guid{};
  guid.fill(std::byte{0xaa});
  guid[0] = static_cast<std::byte>(number & 0xffU);
  guid[1] = static_cast<std::byte>(number >> 8U);
  return guid;
}

oem::Offer better_offer(const Truth& truth, unsigned number, const Guid& donor) {
  oem::Offer offer = truth.offer;
  offer.load_percent = 0;
  offer.donor = donor;
  offer.security_version = 0xf0000000U + number;
  offer.image_version = "9." + std::to_string(number);
  randomness().fill(offer.digest);
  return offer;
}

class Gang::Liar final : public session::Application {
 public:
  Liar(Gang& gang, Host host, Lie lie, unsigned first, unsigned guids)
      : gang_(gang),
        host_(host),
        lie_(lie),
        fd_(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const sockaddr_in own = to_sockaddr(host, gang.port_);
    const int buffer = 1 << 20;
    if (!fd_.is_open() ||
        bind(fd_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
        setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer) != 0)
      throw std::runtime_error("no socket for a liar");
    for (unsigned i = 0; i < guids; ++i) {
      offers_.push_back(better_offer(gang.truth_, first + i, guid_of_liar(first + i)));
      // Who is asked for more than an offer shows the only manifest that there is.
      if (lie >= Lie::RefusesLease) {
        oem::Offer& offer = offers_.back();
        const oem::Offer& truth = gang.truth_.offer;
        offer.digest = truth.digest;
        offer.security_version = truth.security_version;
        offer.image_version = truth.image_version;
      }
    }
  }

  [[nodiscard]] int fd() const { return fd_.get(); }

  void answer(const Heard& heard) {
    if (heard.donor.ip == host_.ip) return;  // that comes by itself
    offer_to(heard);
  }

  void read(TimePoint now) {
    Bytes datagram(kLargest_bytes);
    for (;;) {
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const auto got = recvfrom(fd_.get(), datagram.data(), datagram.size(), 0,
                                reinterpret_cast<sockaddr*>(&from), &size);
      if (got < 0) break;
      if (lie_ == Lie::NoSession || muted_) continue;
      const sockaddr_in own = to_sockaddr(host_, gang_.port_);
      server().handle_datagram(kLanLink, Path{address_of(own), address_of(from)},
                               ByteView(datagram).first(static_cast<std::size_t>(got)), now);
      send(now);
    }
  }
  void tick(TimePoint now) {
    if (!server_) return;
    if (const auto at = server_->deadline(); at && *at <= now) server_->handle_timeout(now);
    send(now);
  }

  std::optional<IpmiResponse> handle_command(const session::Requester& from,
                                             const wire::IpmiRequest& request,
                                             TimePoint /*now*/) override {
    if (!from.authenticated()) return std::nullopt;
    if (from.session != latest_) ++gang_.sessions_;
    latest_ = from.session;
    if (lie_ == Lie::Silent) {
      muted_ = true;
      return IpmiResponse{CompletionCode::Unspecified, {}};
    }
    const auto body = oem::strip_iana(kIana, request.data);
    if (!body) return IpmiResponse{CompletionCode::InvalidField, {}};
    switch (static_cast<Command>(request.command)) {
      case Command::RequestFirmware: return on_request(*body);
      case Command::GetManifest: return on_manifest(*body);
      case Command::AcceptOffer: return on_accept();
      default: return IpmiResponse{CompletionCode::Unspecified, oem::response_data(kIana)};
    }
  }
  void handle_payload(const session::Requester& from, ByteView payload,
                      TimePoint /*now*/) override {
    const auto message = stream::decode_message(payload);
    const auto* grant = message ? std::get_if<stream::Grant>(&*message) : nullptr;
    if (grant == nullptr) return;
    const Bytes data = noise(std::size_t{grant->segment_granules} * kGranule_bytes);
    for (const stream::Range& range : grant->ranges)
      for (unsigned sent = 0; sent < range.length_granules && queue_.size() < kQueue;
           sent += grant->segment_granules) {
        const unsigned rest = range.length_granules - sent;
        const bool last = rest <= grant->segment_granules && &range == &grant->ranges.back();
        queue_.push_back(
            {from.session,
             stream::encode(stream::Segment{
                 .object = grant->object,
                 .last = last,
                 .handle = grant->handle,
                 .number = grant->number,
                 .offset_granules = range.offset_granules + sent,
                 .data = ByteView(data).first(std::min<std::size_t>(rest, grant->segment_granules) *
                                              kGranule_bytes)})});
      }
  }
  std::optional<Outgoing> next_payload(LinkId /*link*/, TimePoint /*now*/) override {
    if (queue_.empty()) return std::nullopt;
    Outgoing next = std::move(queue_.front());
    queue_.pop_front();
    return next;
  }
  void session_closed(std::uint32_t /*session*/, TimePoint /*now*/) override {}

 private:
  void offer_to(const Heard& heard) {
    const sockaddr_in to = to_sockaddr(heard.host, heard.port);
    for (oem::Offer& offer : offers_) {
      offer.nonce = heard.request.nonce;
      const Bytes datagram = heard.answer(offer);
      (void)sendto(fd_.get(), datagram.data(), datagram.size(), 0,
                   reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }
  }
  /// Made at the first login: most liars never see one.
  session::Server& server() {
    if (server_) return *server_;
    session::ServerConfig config;
    config.accounts = {{std::string(kAlice.name), secret_of(kAlice), wire::Privilege::User}};
    config.identity.guid = offers_.back().donor;
    server_ = std::make_unique<session::Server>(std::move(config), kIana, *this, randomness());
    return *server_;
  }
  void send(TimePoint now) {
    if (muted_) return;
    while (const auto datagram = server_->poll_transmit(kLanLink, now)) {
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_port = htons(datagram->path.peer.port);
      std::memcpy(&to.sin_addr.s_addr, datagram->path.peer.bytes.data(), 4);
      (void)sendto(fd_.get(), datagram->bytes.data(), datagram->bytes.size(), 0,
                   reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }
  }
  IpmiResponse on_request(ByteView body) {
    const auto request = wire::decode<oem::RequestFirmwareRq>(body);
    if (!request || lie_ == Lie::ClaimsNothing) {
      Bytes data = oem::response_data(kIana);
      if (request) data.insert(data.end(), request->nonce.begin(), request->nonce.end());
      return {CompletionCode::NoCompatibleImage, std::move(data)};
    }
    // It stays with what it claimed, and always has one more.
    oem::Offer offer = offers_.back();
    offer.nonce = request->nonce;
    if (request->after == offer.digest) randomness().fill(offer.digest);
    return {CompletionCode::Ok, oem::response_data(kIana, offer)};
  }
  IpmiResponse on_manifest(ByteView body) {
    const auto request = wire::decode<oem::GetManifestRq>(body);
    if (!request || lie_ == Lie::RefusesManifest)
      return {CompletionCode::UnknownImage, oem::response_data(kIana)};
    if (lie_ == Lie::RubbishManifest) {
      const Bytes rubbish = noise(request->count);
      return {CompletionCode::Ok,
              oem::response_data(kIana, oem::GetManifestRs{.total = 2000, .data = rubbish})};
    }
    const Bytes& part = request->part == oem::ManifestPart::Signature ? gang_.truth_.signature
                                                                      : gang_.truth_.manifest;
    const std::size_t at = std::min<std::size_t>(request->offset, part.size());
    const std::size_t end = std::min(at + request->count, part.size());
    return {CompletionCode::Ok,
            oem::response_data(
                kIana, oem::GetManifestRs{.total = static_cast<std::uint16_t>(part.size()),
                                          .data = Bytes(part.begin() + static_cast<long>(at),
                                                        part.begin() + static_cast<long>(end))})};
  }
  IpmiResponse on_accept() {
    if (lie_ == Lie::BusyForEver) {
      ByteWriter data;
      data.bytes(oem::response_data(kIana));
      data.u16(1);
      return {CompletionCode::Busy, std::move(data).release()};
    }
    if (lie_ == Lie::RefusesLease) return {CompletionCode::UnknownImage, oem::response_data(kIana)};
    const image::TreeShape shape(gang_.truth_.offer.size_bytes);
    oem::AcceptOfferRs lease{.handle = 7,
                             .lease_s = 60,
                             .image_size_bytes = shape.image_size_bytes(),
                             .tree_size_bytes = shape.tree_size_bytes(),
                             .segment_limit_granules = 512,
                             .credit_limit_bytes = 4U << 20U};
    if (lie_ == Lie::RubbishLease) lease.image_size_bytes ^= 0xffff;
    return {CompletionCode::Ok, oem::response_data(kIana, lease)};
  }

  Gang& gang_;
  Host host_;
  Lie lie_;
  UniqueFd fd_;
  std::vector<oem::Offer> offers_;
  std::unique_ptr<session::Server> server_;
  std::uint32_t latest_ = 0;
  bool muted_ = false;
  std::deque<Outgoing> queue_;
};

Gang::Gang(std::uint16_t port, Truth truth) : port_(port), truth_(std::move(truth)), tap_(port) {}

Gang::~Gang() {
  stops_ = true;
  if (thread_.joinable()) thread_.join();
}

void Gang::add(Host host, Lie lie, unsigned guids) {
  static unsigned offers = 0;
  liars_.push_back(std::make_unique<Liar>(*this, host, lie, offers, guids));
  offers += guids;
}

void Gang::after(std::chrono::milliseconds delay, std::function<void(const Heard&)> call) {
  delay_ = delay;
  after_ = std::move(call);
}

void Gang::start() {
  thread_ = std::thread([this] { run(); });
}

void Gang::tell() {
  while (auto heard = tap_.next()) {
    ++heard_;
    if (on_heard_) on_heard_(*heard);
    for (auto& liar : liars_) liar->answer(*heard);
    if (after_) later_.push_back({std::chrono::steady_clock::now() + delay_, *std::move(heard)});
  }
}

void Gang::run() {
  std::vector<pollfd> fds{{.fd = tap_.fd(), .events = POLLIN, .revents = 0}};
  for (const auto& liar : liars_) fds.push_back({.fd = liar->fd(), .events = POLLIN, .revents = 0});
  while (!stops_) {
    (void)poll(fds.data(), fds.size(), static_cast<int>(std::chrono::milliseconds(kTick).count()));
    if (fds[0].revents != 0) tell();
    const auto now = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < liars_.size(); ++i) {
      if (fds[i + 1].revents != 0) liars_[i]->read(now);
      liars_[i]->tick(now);
    }
    std::erase_if(later_, [&](const Later& one) {
      if (one.at > now) return false;
      after_(one.heard);
      return true;
    });
  }
}

}  // namespace fwr::hostile
