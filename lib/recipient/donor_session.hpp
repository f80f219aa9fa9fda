// SPDX-License-Identifier: GPL-3.0-or-later
// The conversation with one donor, from its first message to its last: its path, its client
// machine, what keeps it and its lease alive, and how it is closed. Sans-I/O. PROTOCOL §2.2, §8.6.
//
//     Open --leave()--> LastWord --answered, or too late--> Closing --sent, or too late--> Over
//
// What is said in it is up to the owner: DonorTalk recovers, Survey only looks at the images.
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
/// The end of a session waits so long for room in its link. PROTOCOL §8.6.
inline constexpr std::chrono::seconds kClosingTime{1};

class DonorSession {
 public:
  DonorSession(const Path& path, std::uint32_t iana, std::unique_ptr<session::Conversation> client,
               const LinkProperties& properties)
      : path_(path),
        iana_(iana),
        client_(std::move(client)),
        properties_(properties),
        timers_(timers_of(properties)) {}

  [[nodiscard]] const Path& path() const { return path_; }
  [[nodiscard]] const LinkProperties& properties() const { return properties_; }
  [[nodiscard]] const LinkTimers& timers() const { return timers_; }
  /// The session is up, and more can be said in it.
  [[nodiscard]] bool alive() const { return !dead_ && client_->up(); }

  void set_lease(const Lease& lease) { lease_ = lease; }
  [[nodiscard]] const std::optional<Lease>& lease() const { return lease_; }

  void start(TimePoint now);
  /// Sends the command whose answer the owner waits for. Errors: LimitExceeded, SessionLost.
  [[nodiscard]] Result<> ask(wire::IpmiRequest request, TimePoint now);
  /// Whether this answers the last ask(); another one answers something older, or a keep-alive.
  [[nodiscard]] bool answers(const session::CommandDone& done);
  /// Sends a message of the image stream. Errors: LimitExceeded, SessionLost.
  [[nodiscard]] Result<> send_payload(ByteView payload) { return client_->send_payload(payload); }
  /// A message of the image stream came: the donor knows that the recipient lives, and the answer
  /// to a keep-alive waits behind the image.
  void note_heard(TimePoint now);
  /// The next event while the session is open. After SessionDown nothing more goes to the donor.
  [[nodiscard]] std::optional<session::ClientEvent> poll_event();

  /// The donor is not needed any more: it gets a last word, and the session is closed. Best effort,
  /// for the farewell time of the link and kClosingTime at most, also when poll_transmit() is not
  /// called any more. `last_word`: a command to send before. `queue`: how long what is on its way
  /// takes, which comes before the answer.
  void leave(std::optional<wire::IpmiRequest> last_word, Duration queue, TimePoint now);
  [[nodiscard]] bool leaving() const { return phase_ != Phase::Open; }
  /// Nothing is left to send or to wait for.
  [[nodiscard]] bool over() const { return phase_ == Phase::Over; }

  void handle_datagram(ByteView datagram, TimePoint now);
  void handle_timeout(TimePoint now);
  [[nodiscard]] std::optional<Datagram> poll_transmit(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> deadline() const;

 private:
  enum class Phase : std::uint8_t { Open, LastWord, Closing, Over };

  /// When the recipient will have been silent for too long. What the donor sends can have waited on
  /// its way, for longer than a short lease lasts.
  [[nodiscard]] TimePoint keep_alive_due() const;
  [[nodiscard]] bool may_keep_alive() const { return alive() && !asked_ && !keep_alive_; }
  void keep_alive(TimePoint now);
  void finish_leaving(TimePoint now);
  void hear_last_answer(TimePoint now);
  void close(TimePoint now);

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
  Phase phase_ = Phase::Open;
  TimePoint until_{};  ///< of LastWord, or of Closing
};

}  // namespace fwr::recipient
