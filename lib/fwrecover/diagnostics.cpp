// SPDX-License-Identifier: GPL-3.0-or-later
// Diagnostics over LAN: one question to many hosts, and what each answers.
#include "fwrecover/diagnostics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <functional>
#include <map>

#include "fwrecover/advice.hpp"
#include "fwrecover/bmc_account.hpp"
#include "fwrecover/conclude.hpp"
#include "fwrecover/interruption.hpp"
#include "fwrecover/network_story.hpp"
#include "fwrecover/version.hpp"
#include "oem/donor_query.h"
#include "session/sessionless.hpp"
#include "transport/clock.hpp"
#include "transport/hosts.hpp"
#include "transport/loop.hpp"
#include "transport/resolver.hpp"
#include "transport/signals.hpp"
#include "wire/oem.hpp"
#include "wire/rakp.hpp"
#include "wire/rmcp.hpp"

namespace fwrecover {
namespace {

using fwr::Address;
using fwr::Bytes;
using fwr::ByteView;
using fwr::Errc;
using fwr::Path;
using fwr::Result;
using fwr::TimePoint;
namespace oem = fwr::wire::oem;

constexpr std::uint32_t kPingLimit = 1000;
constexpr auto kPingInterval = std::chrono::seconds(1);

std::vector<std::string> media_names(std::uint8_t bits) {
  using fwr::Medium;
  std::vector<std::string> names;
  for (const Medium medium :
       {Medium::Wired, Medium::Wireless, Medium::Icmb, Medium::Bluetooth, Medium::Serial})
    if ((bits & static_cast<std::uint8_t>(medium)) != 0) names.emplace_back(to_text(medium));
  return names;
}

/// With the advice for this command.
Conclusion told(std::string_view command, const fwr::Error& error) {
  return advise(conclude(error), command);
}

/// Asks every path the same question, `rounds` times, and waits for answers.
class Survey final : public fwr::transport::Machine {
 public:
  /// Makes the datagram of one round.
  using Question = std::function<Bytes(std::uint8_t round)>;
  /// Takes an answer; true when it was one.
  using Answer =
      std::function<bool(const Path& from, ByteView datagram, std::chrono::duration<double> rtt)>;

  Survey(std::vector<Path> paths, std::uint32_t rounds, std::chrono::milliseconds wait,
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

  void handle_datagram(fwr::LinkId, const Path& path, ByteView datagram, TimePoint now) override {
    if (!answer_(path, datagram, now - asked_at_)) return;
    ++answers_;
    // One answer for each question is all that unicast can bring.
    if (ends_early_ && answers_ >= paths_.size() * rounds_) finished_ = true;
  }
  void handle_undelivered(fwr::LinkId, const fwr::transport::Undelivered& undelivered,
                          TimePoint) override {
    network_.note(undelivered, observer_);
  }

  void handle_timeout(TimePoint now) override {
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

  std::optional<fwr::Datagram> poll_transmit(fwr::LinkId, TimePoint) override {
    if (outgoing_.empty()) return std::nullopt;
    fwr::Datagram datagram = std::move(outgoing_.back());
    outgoing_.pop_back();
    network_.note_sent(datagram.path);
    return datagram;
  }
  std::optional<TimePoint> deadline() const override { return next_; }
  void drain_events(TimePoint) override {}
  bool finished() const override { return finished_; }
  void handle_signal(int, TimePoint) override { finished_ = true; }

  [[nodiscard]] const NetworkStory& network() const { return network_; }

  /// Opens the sockets, runs until the wait is over. A family that this system does not have is
  /// reported like any other that is out of reach. Errors: that of the socket when none opens.
  Result<> run() {
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

 private:
  std::vector<Path> paths_;
  std::uint32_t rounds_;
  std::chrono::milliseconds wait_;
  bool ends_early_;
  Question question_;
  Answer answer_;
  Observer& observer_;
  NetworkStory network_;
  std::vector<fwr::Datagram> outgoing_;
  std::uint32_t round_ = 0;
  std::size_t answers_ = 0;
  TimePoint asked_at_{};
  TimePoint next_{};
  bool finished_ = false;
};

/// Hosts by their addresses: what people typed is what they read back. A host has answered when one
/// of its addresses has.
struct Hosts {
  std::vector<std::string> typed;
  std::vector<Path> paths;
  std::map<Address, std::string> names;
  std::map<std::string, fwr::Error> unknown;  ///< typed, and without an address

  [[nodiscard]] std::string name(const Address& address) const {
    const auto found = names.find(address);
    return found != names.end() ? found->second : fwr::transport::text_with_zone(address);
  }
};

/// By the name of the host.
using Answered = std::map<std::string, std::uint32_t>;

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
  // One name that nobody knows keeps no other host from being asked.
  if (hosts.paths.empty() && !hosts.unknown.empty())
    return tl::unexpected(hosts.unknown.begin()->second);
  return hosts;
}

/// Why a host may be silent: of each of its addresses, as far as it is known.
std::string reasons(const Hosts& hosts, const std::string& host, const NetworkStory& network) {
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
    const std::string reason = reasons(hosts, host, network);
    Event event("silent");
    event.set("host", host);
    if (!reason.empty()) event.set("reason", reason);
    observer.on_event(event);
    if (!reason.empty() && ++count <= kShown) silent += "; " + host + ": " + reason;
  }
  if (count > kShown) silent += fmt::format("; and {} more", count - kShown);
  if (network.nothing_left()) silent += "; nothing could be sent";
  std::string text =
      fmt::format("{} of {} hosts answered{}", answered.size(), hosts.typed.size(), silent);
  if (answered.size() == hosts.typed.size())
    return conclude_ok(fmt::format("{} of {} answered", answered.size(), hosts.typed.size()));
  return told(command, {Errc::NoResponse, std::move(text)});
}

void set_capabilities(Event& event, const oem::CapabilitiesRs& capabilities) {
  event.set("version", std::int64_t{capabilities.version});
  event.set("oldest_version", std::int64_t{capabilities.oldest_version});
  event.set("role", std::string(to_text(capabilities.role)));
  event.set("media", media_names(capabilities.media));
  event.set("read_limit", std::int64_t{capabilities.read_limit_bytes});
  event.set("segment_limit",
            std::int64_t{capabilities.segment_limit_granules} * std::int64_t{oem::kGranule_bytes});
  event.set("credit_limit", std::int64_t{capabilities.credit_limit_bytes});
  event.set("lease_limit", std::int64_t{capabilities.lease_limit});
}

/// The body of a good answer to our own command.
template <class Message>
std::optional<Message> parse_answer(ByteView datagram, oem::Command command,
                                    std::uint8_t sequence) {
  const auto reply = fwr::session::parse_sessionless_reply(datagram);
  if (!reply || reply->command != static_cast<std::uint8_t>(command) ||
      reply->sequence != sequence || reply->response.code != fwr::wire::CompletionCode::Ok)
    return std::nullopt;
  const auto body = oem::strip_iana(default_iana_pen(), reply->response.data);
  if (!body) return std::nullopt;
  auto message = fwr::wire::decode<Message>(*body);
  if (!message) return std::nullopt;
  return *std::move(message);
}

/// The completion code of a donor that has nothing to offer, when it answers this request.
std::optional<fwr::wire::CompletionCode> declined_with(ByteView datagram, const fwr::Nonce& nonce) {
  const auto reply = fwr::session::parse_sessionless_reply(datagram);
  if (!reply || reply->command != static_cast<std::uint8_t>(oem::Command::RequestFirmware) ||
      reply->response.code == fwr::wire::CompletionCode::Ok)
    return std::nullopt;
  // A server that does not know the command has no nonce to repeat.
  if (const auto body = oem::strip_iana(default_iana_pen(), reply->response.data)) {
    fwr::ByteReader reader(*body);
    fwr::Nonce said{};
    reader.copy_to(said);
    if (!reader.truncated() && said != nonce) return std::nullopt;
  }
  return reply->response.code;
}

oem::CapabilitiesRs from_query(const FwrDonorCapabilities& c) {
  oem::CapabilitiesRs result;
  result.version = c.version;
  result.oldest_version = c.oldest_version;
  result.role = c.role == 1 ? fwr::DonorRole::Peer : fwr::DonorRole::Console;
  result.media = c.media;
  result.read_limit_bytes = c.read_limit;
  result.segment_limit_granules = c.segment_limit;
  result.credit_limit_bytes = c.credit_limit;
  result.lease_limit = c.lease_limit;
  return result;
}

void tell_status(const std::string& host, const FwrDonorStatus& s, Observer& observer) {
  fwr::Guid guid{};
  std::memcpy(guid.data(), s.guid, guid.size());
  Event event("donor-status");
  event.set("host", host);
  event.set("donor", fwr::to_text(guid));
  event.set("name", std::string(s.name));
  event.set("role",
            std::string(to_text(s.role == 1 ? fwr::DonorRole::Peer : fwr::DonorRole::Console)));
  event.set("load", std::int64_t{s.load});
  event.set("images", std::int64_t{s.images});
  event.set("leases", std::int64_t{s.leases});
  event.set("lease_limit", std::int64_t{s.lease_limit});
  event.set("uptime", std::int64_t{s.uptime});
  event.set("recovered", std::int64_t{s.recovered});
  event.set("failed", std::int64_t{s.failed});
  event.set("bytes_served", as_number(s.bytes_served));
  observer.on_event(event);
}

Result<> query_donor(const std::string& host, const DiagOptions& options, const BmcAccount& account,
                     Observer& observer) {
  FwrDonorAccess access{};
  access.size = sizeof access;
  access.host = host.c_str();
  access.user_name = options.user.c_str();
  const SecretText password(account.password);
  access.password = password.c_str();
  const ByteView kg = account.kg.view();
  access.k_g = kg.empty() ? nullptr : reinterpret_cast<const unsigned char*>(kg.data());
  access.k_g_length = static_cast<unsigned>(kg.size());
  access.privilege_level = static_cast<std::uint8_t>(fwr::wire::Privilege::User);
  access.cipher_suite_id = static_cast<std::uint8_t>(options.cipher_suite);
  access.session_timeout = static_cast<unsigned>(std::max<std::int64_t>(options.wait_ms, 1000));
  access.retransmission_timeout = access.session_timeout / 4;
  access.iana = default_iana_pen();
  FwrDonorAnswer answer{};
  answer.size = sizeof answer;
  FwrDonorError error{};
  error.size = sizeof error;
  const int failed = fwr_donor_query(&access, nullptr, &answer, &error);
  if (failed != 0)
    return fwr::fail(errc_of_bmc(error.code), fmt::format("{}: {}", host, error.text));
  Event event("capabilities");
  event.set("host", host);
  set_capabilities(event, from_query(answer.capabilities));
  observer.on_event(event);
  tell_status(host, answer.status, observer);
  return {};
}

}  // namespace

static Conclusion run_ping(const DiagOptions& options, Observer& observer) {
  const auto hosts = find_hosts(options.hosts);
  if (!hosts) return told("fwdiag ping", hosts.error());
  Answered answered;
  const auto question = [](std::uint8_t round) {
    return fwr::wire::encode(fwr::wire::PresencePing{round});
  };
  const auto answer = [&](const Path& from, ByteView datagram, std::chrono::duration<double> rtt) {
    const auto message = fwr::wire::decode_rmcp(datagram);
    const auto* pong = message ? std::get_if<fwr::wire::PresencePong>(&*message) : nullptr;
    if (pong == nullptr || !hosts->names.contains(from.peer)) return false;
    ++answered[hosts->name(from.peer)];
    Event event("pong");
    event.set("host", hosts->name(from.peer));
    event.set("rtt", rtt.count());
    event.set("ipmi", pong->ipmi_supported);
    observer.on_event(event);
    return true;
  };
  Survey survey(hosts->paths, std::min(std::max(options.count, 1U), kPingLimit),
                std::chrono::milliseconds(options.wait_ms), true, question, answer, observer);
  if (auto ran = survey.run(); !ran) return told("fwdiag ping", ran.error());
  return conclude_survey(*hosts, answered, survey.network(), "fwdiag ping", observer);
}

static Conclusion run_capabilities(const DiagOptions& options, Observer& observer) {
  const auto hosts = find_hosts(options.hosts);
  if (!hosts) return told("fwdiag capabilities", hosts.error());
  Answered answered;
  const auto question = [](std::uint8_t round) {
    return fwr::session::sessionless_request(
        oem::make_request(default_iana_pen(), oem::Command::GetRecoveryCapabilities,
                          oem::CapabilitiesRq{}),
        round);
  };
  const auto answer = [&](const Path& from, ByteView datagram, std::chrono::duration<double>) {
    const auto message =
        parse_answer<oem::CapabilitiesRs>(datagram, oem::Command::GetRecoveryCapabilities, 0);
    if (!message || !hosts->names.contains(from.peer)) return false;
    ++answered[hosts->name(from.peer)];
    Event event("capabilities");
    event.set("host", hosts->name(from.peer));
    set_capabilities(event, *message);
    observer.on_event(event);
    return true;
  };
  Survey survey(hosts->paths, 1, std::chrono::milliseconds(options.wait_ms), true, question, answer,
                observer);
  if (auto ran = survey.run(); !ran) return told("fwdiag capabilities", ran.error());
  return conclude_survey(*hosts, answered, survey.network(), "fwdiag capabilities", observer);
}

static Conclusion run_discover(const DiagOptions& options, Observer& observer) {
  auto hosts = find_hosts(options.hosts);
  if (!hosts) return told("fwdiag discover", hosts.error());
  for (const auto& [name, error] : hosts->unknown)
    observer.on_event(Event("problem").set("text", error.message()));
  const bool broadcast = hosts->paths.empty();
  if (broadcast) {
    auto paths = fwr::transport::broadcast_paths(options.interfaces, fwr::kRmcpPort);
    if (!paths) return told("fwdiag discover", paths.error());
    hosts->paths = *std::move(paths);
  }
  if (auto ready = wait_for_random(observer); !ready) return told("fwdiag discover", ready.error());
  oem::RequestFirmwareRq request;
  fwr::transport::SystemRandom().fill(request.nonce);
  request.flags = broadcast ? oem::RequestFirmwareRq::kBroadcast : 0;
  request.platform = {options.manufacturer, options.product, options.device, options.revision,
                      options.component};
  std::int64_t offers = 0;
  const auto question = [&](std::uint8_t round) {
    return fwr::session::sessionless_request(
        oem::make_request(default_iana_pen(), oem::Command::RequestFirmware, request), round);
  };
  std::string declined;
  const auto note_decline = [&](const Path& from, ByteView datagram) {
    const auto code = declined_with(datagram, request.nonce);
    if (!code) return false;
    Event event("declined");
    event.set("address", fwr::transport::text_with_zone(from.peer));
    event.set("completion", std::int64_t{static_cast<std::uint8_t>(*code)});
    event.set("reason", fwr::wire::describe(*code));
    observer.on_event(event);
    declined += "; " + event.text("address") + ": " + event.text("reason");
    return true;
  };
  const auto answer = [&](const Path& from, ByteView datagram, std::chrono::duration<double> rtt) {
    const auto offer = parse_answer<oem::Offer>(datagram, oem::Command::RequestFirmware, 0);
    if (!offer) return note_decline(from, datagram);
    if (offer->nonce != request.nonce) return false;
    ++offers;
    Event event("offer");
    event.set("donor", fwr::to_text(offer->donor));
    event.set("address", fwr::transport::text_with_zone(from.peer));
    event.set("medium", std::string(to_text(from.medium)));
    event.set("role", std::string(to_text(offer->role)));
    event.set("load", std::int64_t{offer->load_percent});
    event.set("rtt", rtt.count());
    event.set("version", offer->image_version);
    event.set("security_version", as_number(offer->security_version));
    event.set("size", as_number(offer->size_bytes));
    event.set("digest", fwr::to_text(offer->digest));
    observer.on_event(event);
    return true;
  };
  Survey survey(hosts->paths, 1, std::chrono::milliseconds(options.wait_ms), !broadcast, question,
                answer, observer);
  if (auto ran = survey.run(); !ran) return told("fwdiag discover", ran.error());
  if (offers == 0) {
    const std::string story = survey.network().text();
    return told("fwdiag discover", {Errc::NoDonorAnswered,
                                    fmt::format("asked {} for {}{}{}", targets_text(hosts->paths),
                                                wanted_text(request.platform), declined,
                                                story.empty() ? "" : "; " + story)});
  }
  return conclude_ok(counted(static_cast<std::size_t>(offers), "offer"));
}

Conclusion donor(const DiagOptions& options, Observer& observer) {
  const auto account = read_bmc_account({options.password_file, options.kg_file});
  if (!account) return told("fwdiag donor", account.error());
  if (auto ready = wait_for_random(observer); !ready) return told("fwdiag donor", ready.error());
  std::vector<std::string> hosts;
  for (const std::string& range : options.hosts) {
    const auto expanded = fwr::transport::expand_range(range);
    if (!expanded) return told("fwdiag donor", expanded.error());
    hosts.insert(hosts.end(), expanded->begin(), expanded->end());
  }
  for (const std::string& host : hosts)
    if (auto good = fwr::transport::check_host(host); !good)
      return told("fwdiag donor", good.error());
  std::optional<fwr::Error> first;
  for (const std::string& host : hosts) {
    const auto done = query_donor(host, options, *account, observer);
    if (done) continue;
    if (hosts.size() > 1) observer.on_event(Event("problem").set("text", done.error().message()));
    if (!first) first = done.error();
  }
  return first ? told("fwdiag donor", *first) : conclude_ok("");
}

// --- what a signal ends
// ---------------------------------------------------------------------------

static Conclusion until_signal(Conclusion (*run)(const DiagOptions&, Observer&),
                               const DiagOptions& options, Observer& observer) {
  return interruptible({SIGINT, SIGTERM}, [&](const Stop&) { return run(options, observer); });
}

Conclusion ping(const DiagOptions& options, Observer& observer) {
  return until_signal(run_ping, options, observer);
}
Conclusion capabilities(const DiagOptions& options, Observer& observer) {
  return until_signal(run_capabilities, options, observer);
}
Conclusion discover(const DiagOptions& options, Observer& observer) {
  return until_signal(run_discover, options, observer);
}

}  // namespace fwrecover
