// SPDX-License-Identifier: GPL-3.0-or-later
// The vocabulary that the servers share with the application behind them: a requester, its
// requests and payloads, what goes out to it, and how a server describes and counts itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/address.hpp"
#include "base/link_properties.hpp"
#include "base/types.hpp"
#include "wire/ipmi.hpp"
#include "wire/rakp.hpp"

namespace fwr::session {

/// The answers to Get Device ID, Get Self Test Results and Get System GUID (IPMI v2.0 §20).
struct DeviceIdentity {
  Guid guid{};
  std::uint8_t device_id = 0;
  std::uint8_t device_revision = 0;
  std::uint8_t firmware_major = 0;
  std::uint8_t firmware_minor = 0;
  std::uint32_t manufacturer_id = 0;
  std::uint16_t product_id = 0;
};

/// Set in the numbers of peers on links without sessions and clear in those of sessions, so that
/// the two never collide in an application that serves both.
inline constexpr std::uint32_t kPlainSession = 0x80000000;

/// The sender of a request. Without a session `user` is empty and `session` is 0. On a link without
/// sessions a peer that may be served has a number of its own in `session` (PROTOCOL §11.6).
struct Requester {
  Path path;
  std::uint32_t session = 0;
  std::string user;
  wire::Privilege privilege = wire::Privilege::User;
  LinkId link = kLanLink;  ///< the link over which the request came
  LinkProperties properties;
  [[nodiscard]] bool authenticated() const { return session != 0; }
};

/// The donor behind a server. A server calls it only from inside its own calls, with valid views.
class Application {
 public:
  virtual ~Application() = default;

  /// A command that the server does not answer itself. nullopt: stay silent, which the server
  /// honours only without a session. Without a session the server drops an answer that is larger
  /// than its request (fits_request()).
  virtual std::optional<wire::IpmiResponse> handle_command(const Requester& from,
                                                           const wire::IpmiRequest& request,
                                                           TimePoint now) = 0;
  /// An OEM explicit payload of our IANA number and payload id (PROTOCOL §6.1), from an active
  /// session.
  virtual void handle_payload(const Requester& from, ByteView payload, TimePoint now) = 0;

  struct Outgoing {
    std::uint32_t session = 0;
    Bytes payload;
  };
  /// The next stream payload for a session behind this link, if there is one. The server pulls it
  /// only when the link has room for it.
  virtual std::optional<Outgoing> next_payload(LinkId link, TimePoint now) = 0;

  virtual void session_closed(std::uint32_t session, TimePoint now) = 0;
};

/// PROTOCOL §2.1: without a session no reply is larger than its request, so that a forged address
/// gains nothing. With the same framing around both it is enough to compare the data; the
/// completion code is the one byte that a response has in addition.
[[nodiscard]] inline bool fits_request(const wire::IpmiResponse& response,
                                       const wire::IpmiRequest& request) {
  return response.data.size() + 1 <= request.data.size();
}

/// What a server has seen since it began. A server without sessions counts no authentication
/// failures, one with sessions refuses no peers.
struct Counters {
  std::uint64_t datagrams = 0;
  std::uint64_t dropped = 0;
  std::uint64_t sessions_opened = 0;
  std::uint64_t authentication_failures = 0;
  std::uint64_t rate_limited = 0;
  std::uint64_t refused = 0;

  Counters& operator+=(const Counters& more) {
    datagrams += more.datagrams;
    dropped += more.dropped;
    sessions_opened += more.sessions_opened;
    authentication_failures += more.authentication_failures;
    rate_limited += more.rate_limited;
    refused += more.refused;
    return *this;
  }
};

}  // namespace fwr::session
