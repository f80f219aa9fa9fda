// SPDX-License-Identifier: GPL-3.0-or-later
// What the commands of fwdiag that look at hosts on a network share: hosts by the names that people
// typed, one question to many of them, and what is said of those that are silent.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fwrecover/conclude.hpp"
#include "fwrecover/network_story.hpp"
#include "session/sessionless.hpp"
#include "transport/loop.hpp"
#include "wire/oem.hpp"

namespace fwrecover {

/// Asks every path the same question, `rounds` times, and waits for answers.
class Survey final : public fwr::transport::Handler {
 public:
  /// Makes the datagram of one round.
  using Question = std::function<fwr::Bytes(std::uint8_t round)>;
  /// Takes an answer; true when it was one.
  using Answer = std::function<bool(const fwr::Path& from, fwr::ByteView datagram,
                                    std::chrono::duration<double> rtt)>;

  Survey(std::vector<fwr::Path> paths, std::uint32_t rounds, std::chrono::milliseconds wait,
         bool ends_when_all_answered, Question question, Answer answer, Observer& observer);

  void handle_datagram(fwr::LinkId, const fwr::Path& path, fwr::ByteView datagram,
                       fwr::TimePoint now) override;
  void handle_undelivered(fwr::LinkId, const fwr::transport::Undelivered& undelivered,
                          fwr::TimePoint) override {
    network_.note(undelivered, observer_);
  }
  void handle_timeout(fwr::TimePoint now) override;
  std::optional<fwr::Datagram> poll_transmit(fwr::LinkId, fwr::TimePoint) override;
  std::optional<fwr::TimePoint> deadline() const override { return next_; }
  void drain_events(fwr::TimePoint) override {}
  bool finished() const override { return finished_; }
  void handle_signal(int, fwr::TimePoint) override { finished_ = true; }

  [[nodiscard]] const NetworkStory& network() const { return network_; }

  /// Opens the sockets, runs until the wait is over. A family that this system does not have is
  /// reported like any other that is out of reach. Errors: that of the socket when none opens.
  fwr::Result<> run();

 private:
  std::vector<fwr::Path> paths_;
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
  fwr::TimePoint asked_at_{};
  fwr::TimePoint next_{};
  bool finished_ = false;
};

/// Hosts by their addresses: what people typed is what they read back. A host has answered when one
/// of its addresses has.
struct Hosts {
  std::vector<std::string> typed;
  std::vector<fwr::Path> paths;
  std::map<fwr::Address, std::string> names;
  std::map<std::string, fwr::Error> unknown;  ///< typed, and without an address

  [[nodiscard]] std::string name(const fwr::Address& address) const;
  [[nodiscard]] std::vector<fwr::Path> paths_of(const std::string& host) const;
};

/// By the name of the host.
using Answered = std::map<std::string, std::uint32_t>;

/// Errors: BadConfiguration, BadUsage, NotFound, NameLookupFailed, Interrupted.
[[nodiscard]] fwr::Result<Hosts> find_hosts(const std::vector<std::string>& ranges);
/// Tells the silent hosts. Events: "silent".
[[nodiscard]] Conclusion conclude_survey(const Hosts& hosts, const Answered& answered,
                                         const NetworkStory& network, std::string_view command,
                                         Observer& observer);
/// Of each address of a host why it may be silent, as far as it is known; else empty.
[[nodiscard]] std::string silence_of(const Hosts& hosts, const std::string& host,
                                     const NetworkStory& network);
/// With the advice for this command ("fwdiag ping").
[[nodiscard]] Conclusion told(std::string_view command, const fwr::Error& error);

void set_capabilities(Event& event, const fwr::wire::oem::CapabilitiesRs& capabilities);

/// The body of a good answer to our own command.
template <class Message>
std::optional<Message> parse_answer(fwr::ByteView datagram, std::uint32_t iana,
                                    fwr::wire::oem::Command command, std::uint8_t sequence) {
  const auto reply = fwr::session::parse_sessionless_reply(datagram);
  if (!reply || reply->command != static_cast<std::uint8_t>(command) ||
      reply->sequence != sequence || reply->response.code != fwr::wire::CompletionCode::Ok)
    return std::nullopt;
  const auto body = fwr::wire::oem::strip_iana(iana, reply->response.data);
  if (!body) return std::nullopt;
  auto message = fwr::wire::decode<Message>(*body);
  if (!message) return std::nullopt;
  return *std::move(message);
}

}  // namespace fwrecover
