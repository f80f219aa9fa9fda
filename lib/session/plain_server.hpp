// SPDX-License-Identifier: GPL-3.0-or-later
// The server on one link without sessions: it serves a list of addresses. Sans-I/O: messages and
// `now` in; messages and the next deadline out. PROTOCOL §11.6.
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

/// The peers that may be served on a link without authentication: addresses, without regard to the
/// number of the line. Empty: none.
struct AllowedPeers {
  bool everybody = false;  ///< every node of the link; never the default
  std::vector<Address> peers;
  [[nodiscard]] bool names(const Address& peer) const;
  [[nodiscard]] bool contains(const Address& peer) const { return everybody || names(peer); }
};

/// PROTOCOL §11.6.
struct PlainLimits {
  std::size_t peers = 64;  ///< served at one time
  std::chrono::seconds idle{60};
  // Replies to strangers, which are not served.
  unsigned replies_per_source_per_s = 100;
  unsigned replies_burst = 200;
  unsigned replies_per_s = 1000;
  std::size_t sources = 1024;
  // The same on a slow line that is shared, in characters of 10 bits; one source gets half of it.
  std::uint32_t stranger_share = 16;  ///< one of so many characters of the line
  std::uint32_t stranger_burst_characters = 1024;
  std::uint32_t message_overhead_characters = 9;  ///< cost of a frame besides its message
  std::size_t stranger_replies = 4;               ///< messages that wait
  std::size_t reply_queue = 64;     ///< messages; further ones are dropped, as a network would
  std::size_t replies_of_peer = 4;  ///< messages in it for one peer; the oldest gives way
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
  /// Queued replies first, then stream messages of the application. Called only when the link has
  /// room: a message that was handed out cannot be taken back.
  [[nodiscard]] std::optional<Datagram> poll_transmit(TimePoint now);
  /// When handle_timeout() is due.
  [[nodiscard]] std::optional<TimePoint> deadline() const;

  /// The link is down: forgets the queued replies.
  void handle_link_down();
  /// Forgets every peer (the daemon stops).
  void close_all(TimePoint now);
  /// Replaces the list, and forgets the peers that are not in it.
  void allow(AllowedPeers allowed, TimePoint now);

  /// The next peer that sent a command without being in the list; each one at most once a minute.
  [[nodiscard]] std::optional<Address> poll_refused();

  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] std::size_t active_peers() const { return peers_.size(); }
  [[nodiscard]] LinkId link() const { return config_.link; }
  [[nodiscard]] const LinkProperties& properties() const { return config_.properties; }

 private:
  /// A peer that is served, as the application knows it.
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
  /// The answer to a request, and the limiter that pays for it.
  struct Answer {
    wire::IpmiResponse response;
    SourceLimiter* paid_by = nullptr;  ///< null: a peer that is served pays nothing
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
  /// True if a reply may be made; takes its least cost from the payer.
  [[nodiscard]] bool admit(const Path& path, SourceLimiter* payer, TimePoint now);
  /// Null for a peer that is served: no limit delays its answers.
  [[nodiscard]] SourceLimiter* payer(const Path& path, SourceLimiter& limiter);
  /// Finds or makes the entry of a peer that may be served; null when there is no room.
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
  SourceLimiter strangers_;  ///< strangers that ask for our identity, or send commands
  SourceLimiter seekers_;    ///< strangers that look for a donor, apart so that they find one
  std::vector<Peer> peers_;
  std::uint16_t last_number_ = 0;
  std::deque<Reply> replies_;
  std::map<Address, TimePoint> refused_at_;  ///< peers that were reported, and when
  std::deque<Address> refused_;
  Counters counters_;
};

}  // namespace fwr::session
