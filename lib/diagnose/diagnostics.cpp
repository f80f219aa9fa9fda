// SPDX-License-Identifier: GPL-3.0-or-later
// Diagnostics over LAN: one question to many hosts, and what each answers.
#include "fwrecover/diagnostics.hpp"

#include <algorithm>

#include "diagnose/survey.hpp"
#include "diagnose/until_signal.hpp"
#include "fwrecover/version.hpp"
#include "wire/rmcp.hpp"

namespace fwrecover {
namespace {

using fwr::ByteView;
using fwr::Path;
namespace oem = fwr::wire::oem;

constexpr std::uint32_t kPingLimit = 1000;

Conclusion run_ping(const DiagOptions& options, Observer& observer) {
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

Conclusion run_capabilities(const DiagOptions& options, Observer& observer) {
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
    const auto message = parse_answer<oem::CapabilitiesRs>(
        datagram, default_iana_pen(), oem::Command::GetRecoveryCapabilities, 0);
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

}  // namespace

Conclusion ping(const DiagOptions& options, Observer& observer) {
  return until_signal(run_ping, options, observer);
}
Conclusion capabilities(const DiagOptions& options, Observer& observer) {
  return until_signal(run_capabilities, options, observer);
}

}  // namespace fwrecover
