// SPDX-License-Identifier: GPL-3.0-or-later
// A recipient and real donors on a simulated network in virtual time.
#pragma once

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/soonest.hpp"
#include "donor/donor.hpp"
#include "image/hash_tree.hpp"
#include "recipient/recovery.hpp"
#include "session/server.hpp"
#include "support/memory_catalogue.hpp"
#include "support/memory_slots.hpp"
#include "support/random.hpp"
#include "support/sim_link.hpp"
#include "support/test_signer.hpp"
#include "wire/oem.hpp"

namespace fwr::test {

inline constexpr std::uint32_t kIana = 32473;

inline Bytes noise(std::size_t size, std::uint32_t seed) {
  Bytes bytes(size);
  EngineRandom<std::mt19937>(seed).fill(bytes);
  return bytes;
}

inline Address ipv4(std::uint8_t last, std::uint16_t port = kRmcpPort) {
  return Address{.family = AddressFamily::Ipv4, .port = port, .bytes = {10, 0, 0, last}};
}
inline Address broadcast_address() {
  return Address{.family = AddressFamily::Ipv4, .port = kRmcpPort, .bytes = {255, 255, 255, 255}};
}

struct DonorOptions {
  std::uint8_t host = 7;
  DonorRole role = DonorRole::Console;
  std::string password = "secret";
  std::uint8_t leases = 16;
  std::chrono::seconds hold{60};
  std::chrono::seconds lease{60};
  LinkOptions link = {};
  Medium medium = Medium::Wired;  ///< over which its answers come
  std::uint8_t claims = 0;        ///< the host whose GUID it shows; 0: its own
};

/// A donor host: catalogue, donor machine, RMCP+ server, and its link to the recipient.
class DonorHost final : public session::Application {
 public:
  DonorHost(const DonorOptions& options, std::vector<SignedImage> images, TimePoint now)
      : address(ipv4(options.host)),
        medium(options.medium),
        catalogue(std::move(images)),
        random_(options.host),
        donor(donor_config(options), catalogue, random_, now),
        server(server_config(options), kIana, *this, random_),
        to_donor(options.link, options.host * 2U),
        from_donor(options.link, options.host * 2U + 1U) {}

  // The application of the server, so that a test can meddle.
  std::optional<wire::IpmiResponse> handle_command(const session::Requester& from,
                                                   const wire::IpmiRequest& request,
                                                   TimePoint now) override {
    if (meddle)
      if (auto answer = meddle(request)) return answer;
    wire::IpmiRequest seen = request;
    if (before) before(seen);
    return donor.handle_command(from, seen, now);
  }
  void handle_payload(const session::Requester& from, ByteView payload, TimePoint now) override {
    donor.handle_payload(from, payload, now);
  }
  std::optional<Outgoing> next_payload(LinkId link, TimePoint now) override {
    return donor.next_payload(link, now);
  }
  void session_closed(std::uint32_t session, TimePoint now) override {
    donor.session_closed(session, now);
  }

  void work(TimePoint now) {
    while (auto datagram = to_donor.receive(now)) {
      if (!cut)
        server.handle_datagram(kLanLink, Path{address, datagram->path.local}, datagram->bytes, now);
    }
    if (server.deadline() && *server.deadline() <= now) server.handle_timeout(now);
    if (donor.deadline() && *donor.deadline() <= now) donor.handle_timeout(now);
    while (auto datagram = server.poll_transmit(kLanLink, now)) {
      const Address to = datagram->path.peer;
      datagram->path = Path{to, address};
      if (!cut) from_donor.send(std::move(*datagram), now);
    }
    while (auto event = donor.poll_event()) events.push_back(*event);
  }
  [[nodiscard]] std::optional<TimePoint> next() const {
    Soonest soonest;
    for (const auto& at : {to_donor.next(), from_donor.next(), server.deadline(), donor.deadline()})
      soonest.add(at);
    return soonest.time();
  }
  [[nodiscard]] bool saw(donor::DonorEvent::Kind kind) const {
    return std::any_of(events.begin(), events.end(),
                       [&](const donor::DonorEvent& event) { return event.kind == kind; });
  }

  Address address;
  Medium medium;
  MemoryCatalogue catalogue;

 private:
  static donor::DonorConfig donor_config(const DonorOptions& options) {
    donor::DonorConfig config;
    config.iana = kIana;
    config.role = options.role;
    config.guid = guid(options);
    config.name = "donor " + std::to_string(options.host);
    config.leases = options.leases;
    config.hold = options.hold;
    config.lease = options.lease;
    return config;
  }
  static session::ServerConfig server_config(const DonorOptions& options) {
    session::ServerConfig config;
    config.accounts = {
        session::Account{.name = "fw", .password = Secret(as_bytes(options.password))}};
    config.identity.guid = guid(options);
    return config;
  }
  static Guid guid(const DonorOptions& options) {
    Guid guid{};
    guid.fill(static_cast<std::byte>(options.claims != 0 ? options.claims : options.host));
    return guid;
  }
  SeededRandom random_;

 public:
  donor::Donor donor;
  session::Server server;
  SimLink to_donor, from_donor;
  std::vector<donor::DonorEvent> events;
  /// An answer instead of the donor's.
  std::function<std::optional<wire::IpmiResponse>(const wire::IpmiRequest&)> meddle;
  /// Changes what the donor sees of a request.
  std::function<void(wire::IpmiRequest&)> before;
  bool cut = false;  ///< the host is gone
};

/// (from, event): the rows of a table that were taken in this process.
template <class S>
std::set<std::pair<S, recipient::Event>>& rows_taken() {
  static std::set<std::pair<S, recipient::Event>> rows;
  return rows;
}

/// A system with a slot of that size and the account of the rigs' donors; it asks no target yet.
inline recipient::RecoveryConfig recovery_config(std::uint64_t capacity) {
  recipient::RecoveryConfig config;
  config.iana = kIana;
  config.situation.platform.manufacturer_id = 0x1234;
  config.situation.slot_capacity_bytes = capacity;
  config.situation.wall_clock = 1800000000;
  config.credentials.user = "fw";
  config.credentials.password = Secret(as_bytes("secret"));
  config.trusted_keys = {TestSigner(1).public_key()};
  config.receive_buffer_bytes = 8U << 20;
  return config;
}

class RecoveryRig {
 public:
  explicit RecoveryRig(std::uint64_t capacity = 64U << 20)
      : config(recovery_config(capacity)), slots(capacity) {
    config.targets = {recipient::Target{.path = Path{{}, broadcast_address()}, .broadcast = true}};
  }

  DonorHost& add_donor(std::vector<SignedImage> images, const DonorOptions& options = {}) {
    donors.push_back(std::make_unique<DonorHost>(options, std::move(images), now));
    return *donors.back();
  }
  DonorHost& add_donor(const SignedImage& image, const DonorOptions& options = {}) {
    return add_donor(std::vector<SignedImage>{image}, options);
  }

  void start() {
    recovery = std::make_unique<recipient::Recovery>(config, slots, random_);
    state_ = recipient::State::Idle;
    finished.reset();
    began = now;
    recovery->start(now, config.situation.wall_clock.value_or(0));
    take_events();
  }
  /// Until the recovery has finished, or `limit` of virtual time has passed.
  bool run(Duration limit = std::chrono::hours(2)) {
    if (!recovery) start();
    const TimePoint end = now + limit;
    while (!recovery->finished() && now < end) step(end);
    if (!recovery->finished()) return false;
    // What was sent last is still on its way.
    for (const auto& donor : donors) {
      while (const auto at = donor->to_donor.next()) donor->work(std::max(now, *at));
    }
    return true;
  }
  /// A new process on the same flash: what kill -9 leaves.
  void restart() {
    recovery.reset();
    states.clear();
    dropped.clear();
    offered.clear();
    reached.clear();
  }
  [[nodiscard]] std::optional<Errc> error() const {
    if (!finished || !finished->error) return std::nullopt;
    return finished->error->code;
  }
  [[nodiscard]] std::string detail() const {
    return finished && finished->error ? finished->error->message() : std::string();
  }
  [[nodiscard]] bool succeeded() const {
    return finished && !finished->error && recovery->state() == recipient::State::Done;
  }
  [[nodiscard]] double seconds(recipient::State from, recipient::State to) const {
    return std::chrono::duration<double>(reached.at(to) - reached.at(from)).count();
  }

  TimePoint now{std::chrono::hours(1)};
  TimePoint began{};
  recipient::RecoveryConfig config;
  MemorySlots slots;
  std::vector<std::unique_ptr<DonorHost>> donors;
  std::unique_ptr<recipient::Recovery> recovery;

  std::vector<recipient::State> states;
  std::map<recipient::State, TimePoint> reached;
  std::vector<recipient::Offered> offered;
  std::vector<recipient::Dropped> dropped;
  std::vector<recipient::Chosen> chosen;
  std::optional<recipient::Progress> progress;
  std::optional<recipient::Finished> finished;
  std::map<recipient::State, std::function<void()>> on_state;
  std::function<void(const recipient::Progress&)> on_progress;
  std::function<void(const Datagram&)> on_datagram;  ///< that the recipient sends

 private:
  void step(TimePoint end) {
    while (auto datagram = recovery->poll_transmit(now)) route(*datagram);
    take_events();
    for (const auto& donor : donors) donor->work(now);
    if (recovery->finished()) return;
    const auto wanted = recovery->deadline();
    TimePoint next = wanted.value_or(end);
    for (const auto& donor : donors) next = std::min(next, donor->next().value_or(end));
    now = std::max(now, std::min(next, end));
    for (const auto& donor : donors) {
      donor->work(now);
      while (auto datagram = donor->from_donor.receive(now)) {
        datagram->path.medium = donor->medium;
        if (!donor->cut) recovery->handle_datagram(datagram->path, datagram->bytes, now);
        take_events();
      }
    }
    if (wanted && *wanted <= now) recovery->handle_timeout(now);
    take_events();
  }
  void route(const Datagram& datagram) {
    const bool to_all = datagram.path.peer == broadcast_address();
    if (on_datagram) on_datagram(datagram);
    for (const auto& donor : donors) {
      if (donor->cut || (!to_all && donor->address != datagram.path.peer)) continue;
      Datagram copy = datagram;
      copy.path.local = ipv4(1, 40000);
      donor->to_donor.send(std::move(copy), now);
    }
  }
  void take_events() {
    while (auto event = recovery->poll_event()) {
      if (const auto* entered = std::get_if<recipient::Entered>(&*event)) {
        rows_taken<recipient::Phase>().insert({recipient::phase_of(state_), entered->event});
        state_ = entered->state;
        states.push_back(state_);
        reached.try_emplace(state_, now);
        if (const auto hook = on_state.find(state_); hook != on_state.end()) hook->second();
      } else if (const auto* talk = std::get_if<recipient::TalkEntered>(&*event)) {
        rows_taken<recipient::TalkState>().insert({talk->from, talk->event});
      } else if (const auto* offer = std::get_if<recipient::Offered>(&*event)) {
        offered.push_back(*offer);
      } else if (const auto* drop = std::get_if<recipient::Dropped>(&*event)) {
        dropped.push_back(*drop);
      } else if (const auto* choice = std::get_if<recipient::Chosen>(&*event)) {
        chosen.push_back(*choice);
      } else if (const auto* some = std::get_if<recipient::Progress>(&*event)) {
        progress = *some;
        if (on_progress) on_progress(*some);
      } else if (auto* end = std::get_if<recipient::Finished>(&*event)) {
        finished = std::move(*end);
      }
    }
  }

  SeededRandom random_{99};
  recipient::State state_ = recipient::State::Idle;
};

}  // namespace fwr::test
