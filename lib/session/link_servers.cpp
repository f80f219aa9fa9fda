// SPDX-License-Identifier: GPL-3.0-or-later
// Hands each call to the server of its link.
#include "session/link_servers.hpp"

#include <algorithm>
#include <utility>

#include "base/soonest.hpp"

namespace fwr::session {

LinkServers::LinkServers(const ServerConfig& config, std::uint32_t iana, Application& application,
                         RandomSource& random, const std::vector<ServedLink>& links)
    : server_(config, iana, application, random) {
  plain_.reserve(links.size());
  for (const ServedLink& link : links) {
    if (link.properties.sessions) continue;
    PlainServerConfig plain;
    plain.link = link.id;
    plain.properties = link.properties;
    plain.identity = config.identity;
    plain.allowed = link.allowed;
    plain_.push_back(std::make_unique<PlainServer>(std::move(plain), iana, application));
  }
}

PlainServer* LinkServers::find(LinkId link) const {
  const auto at = std::find_if(plain_.begin(), plain_.end(),
                               [link](const auto& p) { return p->link() == link; });
  return at == plain_.end() ? nullptr : at->get();
}

void LinkServers::handle_datagram(LinkId link, const Path& path, ByteView datagram, TimePoint now) {
  if (PlainServer* plain = find(link)) return plain->handle_datagram(path, datagram, now);
  server_.handle_datagram(link, path, datagram, now);
}

void LinkServers::handle_timeout(TimePoint now) {
  server_.handle_timeout(now);
  for (const auto& plain : plain_) plain->handle_timeout(now);
}

std::optional<Datagram> LinkServers::poll_transmit(LinkId link, TimePoint now) {
  if (PlainServer* plain = find(link)) return plain->poll_transmit(now);
  return server_.poll_transmit(link, now);
}

std::optional<TimePoint> LinkServers::deadline() const {
  Soonest soonest;
  soonest.add(server_.deadline());
  for (const auto& plain : plain_) soonest.add(plain->deadline());
  return soonest.time();
}

void LinkServers::handle_link_down(LinkId link) {
  // A session outlives its link: the peer may come back to it.
  if (PlainServer* plain = find(link)) plain->handle_link_down();
}

void LinkServers::close_all(TimePoint now) {
  server_.close_all(now);
  for (const auto& plain : plain_) plain->close_all(now);
}

void LinkServers::reconfigure(ServerConfig config, const std::vector<ServedLink>& links,
                              TimePoint now) {
  server_.reconfigure(std::move(config), now);
  for (const ServedLink& link : links)
    if (PlainServer* plain = find(link.id)) plain->allow(link.allowed, now);
}

std::optional<Address> LinkServers::poll_refused() {
  for (const auto& plain : plain_)
    if (auto peer = plain->poll_refused()) return peer;
  return std::nullopt;
}

Counters LinkServers::counters() const {
  Counters all = server_.counters();
  for (const auto& plain : plain_) all += plain->counters();
  return all;
}

}  // namespace fwr::session
