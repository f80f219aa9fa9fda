// SPDX-License-Identifier: GPL-3.0-or-later
// The server on one link without sessions: who may be served is a list of addresses. Sans-I/O:
// messages and `now` in; messages and the next deadline out. PROTOCOL §11.6.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/link_properties.hpp"
#include "base/types.hpp"
#include "session/application.hpp"
#include "session/source_limiter.hpp"
#include "wire/plain.hpp"

namespace fwr::session {

/// Who may be served on a link that authenticates nobody: addresses, of which the number of the
/// line does not count. Empty: nobody.
struct AllowedPeers {
  bool everybody = false;  ///< whoever can talk there; has to be said
  std::vector<Address> peers;
  [[nodiscard]] bool names(const Address& peer) const;
  [[nodiscard]] bool contains(const Address& peer) const { return everybody || names(peer); }
};

/// PROTOCOL §11.6.
struct PlainLimits {
  std::size_t peers = 64;  ///< that are served at one time
  std::chrono::seconds idle{60};
  unsigned replies_per_source_per_s = 100;  ///< to strangers, and what follows
  unsigned replies_burst = 200;
  unsigned replies_per_s = 1000;
  std::size_t sources = 1024;
  // The same on a slow line that is shared, in characters of 10 bits; one source gets half of it.
  std::uint32_t stranger_share = 16;  ///< one character in so many of the line
  std::uint32_t stranger_burst_characters = 1024;
  std::uint32_t message_overhead_characters = 9;  ///< what a frame costs besides its message
  std::size_t stranger_replies = 4;               ///< messages that wait
  std::size_t reply_queue = 64;     ///< messages; further ones are dropped, as a network would
  std::size_t replies_of_peer = 4;  ///< of those; the oldest gives way
};

struct PlainServerConfig {
  LinkId link{};
  LinkProperties properties;
  DeviceIdentity identity;
  AllowedPeers allowed;
  PlainLimits limits;
};

class PlainServer {
 public:
  /// `application` must outlive the server. `iana` is the enterprise number of our commands.
  PlainServer(PlainServerConfig config, std::uint32_t iana, Application& application);

  void handle_datagram(const Path& path, ByteView message, TimePoint now);
  void handle_timeout(TimePoint now);
  /// Queued replies first, then stream messages of the application. To be asked only when the link
  /// has room: what was handed out cannot be taken back.
  [[nodiscard]] std::optional<Datagram> poll_transmit(TimePoint now);
  /// When handle_timeout() wants to be called.
  [[nodiscard]] std::optional<TimePoint> deadline() const;

  /// The link is gone for now: queued replies are, too.
  void handle_link_down();
  /// Forgets every peer (the daemon stops).
  void close_all(TimePoint now);
  /// Another list; peers that are not in it are forgotten.
  void allow(AllowedPeers allowed, TimePoint now);

  /// Who asked for more than to be found, and is not in the list: each again after a minute only.
  [[nodiscard]] std::optional<Address> poll_refused();

  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] std::size_t active_peers() const { return peers_.size(); }
  [[nodiscard]] LinkId link() const { return config_.link; }
  [[nodiscard]] const LinkProperties& properties() const { return config_.properties; }

 private:
  /// One that is served, as the application knows it.
  struct Peer {
    Requester requester;
    TimePoint heard{};
  };
  struct Reply {
    Path path;
    std::uint8_t tag = 0;
    std::uint8_t command = 0;
    Bytes message;
    bool to_stranger = false;
  };
  /// What a request is answered with, and at whose cost.
  struct Answer {
    wire::IpmiResponse response;
    SourceLimiter* paid_by = nullptr;  ///< null: by nobody, to a peer that is served
  };

  void on_request(const Path& path, ByteView message, TimePoint now);
  void on_stream(const Path& path, ByteView payload, TimePoint now);
  [[nodiscard]] std::optional<Answer> answer(const Path& path, const wire::plain::Message& request,
                                             TimePoint now);
  [[nodiscard]] std::optional<Answer> ask_application(const Path& path, wire::IpmiRequest request,
                                                      TimePoint now);
  void note_refused(const Address& peer, TimePoint now);
  void reply(const Path& path, const wire::plain::Message& request, const Answer& answer,
             TimePoint now);
  /// Whether a reply may be made; takes what it costs at least.
  [[nodiscard]] bool admit(const Path& path, SourceLimiter* payer, TimePoint now);
  /// Null for a peer that is served: its answers are held up by nobody.
  [[nodiscard]] SourceLimiter* payer(const Path& path, SourceLimiter& limiter);
  /// The entry of a peer that may be served, made when there is none; null when there is no room.
  [[nodiscard]] Peer* meet(const Path& path, TimePoint now);
  [[nodiscard]] bool make_room(TimePoint now);
  [[nodiscard]] std::uint32_t next_session();
  template <class Predicate>
  void forget_where(Predicate predicate, TimePoint now);
  [[nodiscard]] Duration idle() const;

  PlainServerConfig config_;
  std::uint32_t iana_;
  Application& application_;
  bool by_characters_;       ///< the line is slow and shared
  SourceLimiter strangers_;  ///< who ask what we are, or what they may not
  SourceLimiter seekers_;    ///< who look for a donor: they shall find one meanwhile
  std::vector<Peer> peers_;
  std::uint16_t last_number_ = 0;
  std::deque<Reply> replies_;
  std::map<Address, TimePoint> refused_at_;  ///< those that were told, and when
  std::deque<Address> refused_;
  Counters counters_;
};

}  // namespace fwr::session
