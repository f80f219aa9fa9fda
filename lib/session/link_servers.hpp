// SPDX-License-Identifier: GPL-3.0-or-later
// All servers of one application: one for all links with sessions, and one for each link without.
// Sans-I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "session/plain_server.hpp"
#include "session/server.hpp"

namespace fwr::session {

/// A link over which an application serves. Links with sessions need not be listed.
struct ServedLink {
  LinkId id = kLanLink;
  LinkProperties properties;
  AllowedPeers allowed;  ///< for a link without sessions
};

class LinkServers {
 public:
  /// `application` and `random` must outlive the servers.
  LinkServers(const ServerConfig& config, std::uint32_t iana, Application& application,
              RandomSource& random, const std::vector<ServedLink>& links);

  void handle_datagram(LinkId link, const Path& path, ByteView datagram, TimePoint now);
  void handle_timeout(TimePoint now);
  [[nodiscard]] std::optional<Datagram> poll_transmit(LinkId link, TimePoint now);
  [[nodiscard]] std::optional<TimePoint> deadline() const;
  void handle_link_down(LinkId link);

  void close_all(TimePoint now);
  /// New accounts, keys and lists of peers. Links that are not listed keep theirs.
  void reconfigure(ServerConfig config, const std::vector<ServedLink>& links, TimePoint now);

  /// As PlainServer::poll_refused(), for every link; `scope` is the number of the line.
  [[nodiscard]] std::optional<Address> poll_refused();

  /// As Server::poll_login(): links without sessions have no logins.
  [[nodiscard]] std::optional<LoginEvent> poll_login() { return server_.poll_login(); }
  void count_logins() { server_.count_logins(); }

  /// The sum over all servers.
  [[nodiscard]] Counters counters() const;
  [[nodiscard]] const Server& server() const { return server_; }
  /// The server of a link without sessions; null for another link.
  [[nodiscard]] const PlainServer* plain(LinkId link) const { return find(link); }

 private:
  [[nodiscard]] PlainServer* find(LinkId link) const;

  Server server_;
  std::vector<std::unique_ptr<PlainServer>> plain_;
};

}  // namespace fwr::session
