// SPDX-License-Identifier: GPL-3.0-or-later
// One question to many hosts.
#include "diagnose/survey.hpp"

#include <fmt/format.h>

#include <csignal>

#include "fwrecover/advice.hpp"
#include "transport/clock.hpp"
#include "transport/hosts.hpp"
#include "transport/resolver.hpp"
#include "transport/signals.hpp"

namespace fwrecover {

using fwr::Address;
using fwr::Bytes;
using fwr::ByteView;
using fwr::Errc;
using fwr::Path;
using fwr::Result;
using fwr::TimePoint;

namespace {

constexpr auto kPingInterval = std::chrono::seconds(1);

std::vector<std::string> media_names(std::uint8_t bits) {
  using fwr::Medium;
  std::vector<std::string> names;
  for (const Medium medium :
       {Medium::Wired, Medium::Wireless, Medium::Icmb, Medium::Bluetooth, Medium::Serial})
    if ((bits & static_cast<std::uint8_t>(medium)) != 0) names.emplace_back(to_text(medium));
  return names;
}

}  // namespace

Survey::Survey(std::vector<Path> paths, std::uint32_t rounds, std::chrono::milliseconds wait,
               bool ends_when_all_answered, Question question, Answer answer, Observer& observer)
    : paths_(std::move(paths)),
      rounds_(rounds),
      wait_(wait),
      ends_early_(ends_when_all_answered),
      question_(std::move(question)),
      answer_(std::move(answer)),
      observer_(observer) {
  next_ = fwr::transport::now();
}

void Survey::handle_datagram(fwr::LinkId, const Path& path, ByteView datagram, TimePoint now) {
  if (!answer_(path, datagram, now - asked_at_)) return;
  ++answers_;
  // One answer for each question is all that unicast can bring.
  if (ends_early_ && answers_ >= paths_.size() * rounds_) finished_ = true;
}

void Survey::handle_timeout(TimePoint now) {
  if (now < next_) return;
  if (round_ == rounds_) {
    finished_ = true;
    return;
  }
  asked_at_ = now;
  const Bytes datagram = question_(static_cast<std::uint8_t>(round_));
  for (const Path& path : paths_) outgoing_.push_back({path, datagram});
  ++round_;
  next_ = now + (round_ == rounds_ ? wait_ : std::chrono::milliseconds(kPingInterval));
}

std::optional<fwr::Datagram> Survey::poll_transmit(fwr::LinkId, TimePoint) {
  if (outgoing_.empty()) return std::nullopt;
  fwr::Datagram datagram = std::move(outgoing_.back());
  outgoing_.pop_back();
  network_.note_sent(datagram.path);
  return datagram;
}

Result<> Survey::run() {
  fwr::transport::Loop loop(*this);
  std::optional<fwr::Error> first;
  bool opened = paths_.empty();
  for (const auto family : {fwr::AddressFamily::Ipv4, fwr::AddressFamily::Ipv6}) {
    const auto same = [&](const Path& path) { return path.peer.family == family; };
    if (std::none_of(paths_.begin(), paths_.end(), same)) continue;
    Address any;
    any.family = family;
    auto socket = fwr::transport::UdpSocket::open(any);
    if (!socket) {
      if (!first) first = socket.error();
      continue;
    }
    (void)socket->report_undelivered();
    loop.add(*std::move(socket));
    opened = true;
  }
  if (!opened) return tl::unexpected(*first);
  loop.catch_signals({SIGINT, SIGTERM});
  return loop.run();
}

std::string Hosts::name(const Address& address) const {
  const auto found = names.find(address);
  return found != names.end() ? found->second : fwr::transport::text_with_zone(address);
}

std::vector<Path> Hosts::paths_of(const std::string& host) const {
  std::vector<Path> of_host;
  for (const Path& path : paths)
    if (name(path.peer) == host) of_host.push_back(path);
  return of_host;
}

Result<Hosts> find_hosts(const std::vector<std::string>& ranges) {
  std::vector<std::string> names;
  for (const std::string& range : ranges) {
    const auto expanded = fwr::transport::expand_range(range);
    if (!expanded) return tl::unexpected(expanded.error());
    names.insert(names.end(), expanded->begin(), expanded->end());
    if (names.size() > fwr::transport::kHostLimit)
      return fwr::fail(Errc::BadUsage,
                       fmt::format("more than {} hosts", fwr::transport::kHostLimit));
  }
  fwr::transport::Signals signals({SIGINT, SIGTERM});
  const auto found = fwr::transport::resolve_all(
      names, fwr::kRmcpPort,
      {.limit = fwr::transport::kResolve_limit, .interrupted = [&] { return signals.arrived(); }});
  if (!found) return tl::unexpected(found.error());
  Hosts hosts;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto& addresses = found->at(i);
    if (!addresses && addresses.error().code == Errc::BadConfiguration)
      return tl::unexpected(addresses.error());
    if (!addresses) {
      if (hosts.unknown.emplace(names[i], addresses.error()).second)
        hosts.typed.push_back(names[i]);
      continue;
    }
    bool fresh = false;
    for (const Address& address : *addresses) {
      if (!hosts.names.emplace(address, names[i]).second) continue;
      hosts.paths.push_back(Path{{}, address, {}});
      fresh = true;
    }
    if (fresh) hosts.typed.push_back(names[i]);
  }
  if (hosts.paths.size() > fwr::transport::kHostLimit)
    return fwr::fail(Errc::BadUsage,
                     fmt::format("more than {} addresses", fwr::transport::kHostLimit));
  // An unknown name keeps no other host from being asked.
  if (hosts.paths.empty() && !hosts.unknown.empty())
    return tl::unexpected(hosts.unknown.begin()->second);
  return hosts;
}

std::string silence_of(const Hosts& hosts, const std::string& host, const NetworkStory& network) {
  if (const auto unknown = hosts.unknown.find(host); unknown != hosts.unknown.end())
    return unknown->second.message();
  std::string text;
  std::size_t addresses = 0;
  for (const Path& path : hosts.paths)
    if (hosts.name(path.peer) == host) ++addresses;
  for (const Path& path : hosts.paths) {
    const std::string reason = hosts.name(path.peer) == host ? network.reason(path.peer) : "";
    if (reason.empty()) continue;
    if (!text.empty()) text += "; ";
    if (addresses > 1) text += target_text(path) + ": ";
    text += reason;
  }
  return text;
}

Conclusion conclude_survey(const Hosts& hosts, const Answered& answered,
                           const NetworkStory& network, std::string_view command,
                           Observer& observer) {
  constexpr std::size_t kShown = 8;
  std::string silent;
  std::size_t count = 0;
  for (const std::string& host : hosts.typed) {
    if (answered.contains(host)) continue;
    const std::string reason = silence_of(hosts, host, network);
    Event event("silent");
    event.set("host", host);
    if (!reason.empty()) event.set("reason", reason);
    observer.on_event(event);
    if (!reason.empty() && ++count <= kShown) silent += fmt::format("; {}: {}", host, reason);
  }
  if (count > kShown) silent += fmt::format("; and {} more", count - kShown);
  if (network.nothing_left()) silent += "; nothing could be sent";
  std::string text =
      fmt::format("{} of {} hosts answered{}", answered.size(), hosts.typed.size(), silent);
  if (answered.size() == hosts.typed.size())
    return conclude_ok(fmt::format("{} of {} answered", answered.size(), hosts.typed.size()));
  return told(command, {Errc::NoResponse, std::move(text)});
}

Conclusion told(std::string_view command, const fwr::Error& error) {
  return advise(conclude(error), command);
}

void set_capabilities(Event& event, const fwr::wire::oem::CapabilitiesRs& capabilities) {
  event.set("version", std::int64_t{capabilities.version});
  event.set("oldest_version", std::int64_t{capabilities.oldest_version});
  event.set("role", std::string(to_text(capabilities.role)));
  event.set("media", media_names(capabilities.media));
  event.set("read_limit", std::int64_t{capabilities.read_limit_bytes});
  event.set("segment_limit", std::int64_t{capabilities.segment_limit_granules} *
                                 std::int64_t{fwr::wire::oem::kGranule_bytes});
  event.set("credit_limit", std::int64_t{capabilities.credit_limit_bytes});
  event.set("lease_limit", std::int64_t{capabilities.lease_limit});
}

}  // namespace fwrecover
