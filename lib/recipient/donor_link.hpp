// SPDX-License-Identifier: GPL-3.0-or-later
// The conversation with one donor: its path, its client machine, what keeps it and its lease alive.
// Sans-I/O. PROTOCOL §2.2, §8.6.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/address.hpp"
#include "recipient/link_timers.hpp"
#include "recipient/transfer.hpp"
#include "session/conversation.hpp"

namespace fwr::recipient {

/// However short a donor says that its lease is. PROTOCOL §2.2.
inline constexpr Duration kLeastKeep = std::chrono::seconds(1);

class DonorLink {
 public:
  DonorLink(std::size_t offer, const Path& path, std::uint32_t iana,
            std::unique_ptr<session::Conversation> client, const LinkProperties& properties)
      : offer_(offer),
        path_(path),
        iana_(iana),
        client_(std::move(client)),
        properties_(properties),
        timers_(timers_of(properties)) {}

  [[nodiscard]] std::size_t offer() const { return offer_; }
  /// Another image of the same donor.
  void set_offer(std::size_t offer) { offer_ = offer; }
  [[nodiscard]] const Path& path() const { return path_; }
  [[nodiscard]] session::Conversation& client() { return *client_; }
  [[nodiscard]] const session::Conversation& client() const { return *client_; }
  [[nodiscard]] const LinkProperties& properties() const { return properties_; }
  [[nodiscard]] const LinkTimers& timers() const { return timers_; }

  /// Something of the image stream came: the donor knows that we live, and a keep-alive waits for
  /// its answer behind it.
  void note_heard(TimePoint now) {
    last_heard_ = now;
    if (lease_ && !asking()) client_->note_alive();
  }
  /// The session is over; whatever happens, nothing more goes to this donor.
  void set_dead() { dead_ = true; }
  [[nodiscard]] bool alive() const { return !dead_ && client_->up(); }

  void set_lease(const Lease& lease) { lease_ = lease; }
  [[nodiscard]] const std::optional<Lease>& lease() const { return lease_; }

  void start(TimePoint now);
  /// The command whose answer the machine waits for. Error: LimitExceeded, SessionLost.
  [[nodiscard]] Result<> ask(wire::IpmiRequest request, TimePoint now);
  /// Whether this answers the last ask(); another one answers something older, or a keep-alive.
  [[nodiscard]] bool answers(const session::CommandDone& done);
  [[nodiscard]] bool asking() const { return asked_.has_value(); }
  /// When it will have been silent for too long. What the donor sends can have waited on its way,
  /// for longer than a short lease lasts.
  [[nodiscard]] TimePoint keep_alive_due() const {
    if (!lease_) return last_sent_ + timers_.keep_session;
    const Duration patience =
        std::min(timers_.keep_session, std::max(lease_->lasts / 3, kLeastKeep));
    return std::min(std::max(last_sent_, last_heard_) + timers_.keep_lease, last_sent_ + patience);
  }

  void handle_timeout(TimePoint now);
  [[nodiscard]] std::optional<Datagram> poll_transmit(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> deadline() const;

 private:
  std::size_t offer_;
  Path path_;
  std::uint32_t iana_;
  std::unique_ptr<session::Conversation> client_;
  LinkProperties properties_;
  LinkTimers timers_;
  std::optional<Lease> lease_;
  std::optional<std::uint32_t> asked_;
  std::optional<std::uint32_t> keep_alive_;  ///< that has no answer yet: the client repeats it
  TimePoint last_sent_{};
  TimePoint last_heard_{};
  bool dead_ = false;
};

/// So long the end of a session waits for room in its link. PROTOCOL §8.6.
inline constexpr std::chrono::seconds kClosingTime{1};

/// A donor that is not needed any more: it gets a last word, and the session is closed. Best
/// effort, for the link's farewell time and kClosingTime at most, also when nobody asks for more.
/// PROTOCOL §8.6.
class Farewell {
 public:
  /// `last_word`: a command to send before the session is closed. `queue`: what is on its way
  /// before its answer.
  Farewell(std::unique_ptr<DonorLink> link, std::optional<wire::IpmiRequest> last_word,
           Duration queue, TimePoint now);

  [[nodiscard]] const Path& path() const { return link_->path(); }
  void handle_datagram(ByteView datagram, TimePoint now);
  void handle_timeout(TimePoint now);
  [[nodiscard]] std::optional<Datagram> poll_transmit(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> deadline() const;
  /// Nothing is left to send or to wait for.
  [[nodiscard]] bool over() const { return over_; }

 private:
  void pump(TimePoint now);
  void close(TimePoint now);
  std::unique_ptr<DonorLink> link_;
  TimePoint until_;
  bool closing_ = false;
  bool over_ = false;
};

}  // namespace fwr::recipient
