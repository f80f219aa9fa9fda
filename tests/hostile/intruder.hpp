// SPDX-License-Identifier: GPL-3.0-or-later
// RMCP+ by hand: a handshake one message at a time, and sessions whose packets can be bent.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "donor_process.hpp"
#include "peer.hpp"
#include "session/channel.hpp"
#include "session/keys.hpp"
#include "wire/oem.hpp"
#include "wire/rmcp.hpp"
#include "wire/stream.hpp"

namespace fwr::hostile {

using session::CipherSuite;
using wire::PayloadType;
using wire::Privilege;
using wire::RakpStatus;
using wire::oem::Command;

inline constexpr std::uint32_t kIana = 32473;
inline constexpr std::uint8_t kApp = 0x06;

[[nodiscard]] Bytes bytes(std::initializer_list<int> values);
[[nodiscard]] Secret secret_of(const Account& account);
/// From the operating system.
[[nodiscard]] RandomSource& randomness();
[[nodiscard]] std::uint32_t random_id();

/// A packet without protection; session 0 by default.
[[nodiscard]] Bytes plain(PayloadType type, ByteView payload, std::uint32_t session = 0,
                          std::uint32_t sequence = 0);
[[nodiscard]] Bytes plain(const wire::RmcpPlusHeader& header, ByteView payload);
/// One IPMI request without a session, in either framing.
[[nodiscard]] Bytes v15(const wire::IpmiRequest& request);
[[nodiscard]] Bytes v20(const wire::IpmiRequest& request);
/// The RMCP+ packet in a datagram that outlives the answer; nothing for other datagrams.
[[nodiscard]] std::optional<wire::RmcpPlusPacket> rmcp_plus(ByteView datagram);
/// Status byte of an answer to a handshake message.
[[nodiscard]] std::optional<RakpStatus> status_of(ByteView datagram);

struct Attempt {
  Account account = kAlice;
  CipherSuite suite = CipherSuite::Suite17;
  Privilege privilege = Privilege::User;
};

/// One handshake, each step with whatever message the test wants to send. A step gives nothing when
/// no answer came.
class Handshake {
 public:
  Handshake(Peer& peer, Attempt attempt) : peer_(peer), attempt_(attempt) {}

  [[nodiscard]] wire::OpenSessionRq open_message() const;
  [[nodiscard]] wire::Rakp1 rakp1_message() const;
  [[nodiscard]] wire::Rakp3 rakp3_message() const;

  std::optional<wire::OpenSessionRs> open() { return open(open_message()); }
  std::optional<wire::OpenSessionRs> open(const wire::OpenSessionRq& message);
  std::optional<wire::Rakp2> challenge() { return challenge(rakp1_message()); }
  std::optional<wire::Rakp2> challenge(const wire::Rakp1& message);
  std::optional<wire::Rakp4> prove() { return prove(rakp3_message()); }
  std::optional<wire::Rakp4> prove(const wire::Rakp3& message);
  /// Ends a handshake that waits for RAKP 3.
  void give_up();

  /// How long each step waits for its answer.
  void set_patience(std::chrono::milliseconds patience) { patience_ = patience; }
  [[nodiscard]] const Attempt& attempt() const { return attempt_; }
  [[nodiscard]] const session::RakpExchange& exchange() const { return exchange_; }
  [[nodiscard]] std::uint32_t managed_session() const { return exchange_.managed_session; }
  [[nodiscard]] std::uint32_t console_session() const { return console_session_; }

 private:
  template <class Message>
  std::optional<Message> step(PayloadType type, const Bytes& message,
                              Result<Message> (*decode)(ByteView));

  Peer& peer_;
  Attempt attempt_;
  std::chrono::milliseconds patience_{2000};
  std::uint32_t console_session_ = random_id();
  session::RakpExchange exchange_;
};

/// How a packet of a session differs from an honest one.
struct Bend {
  std::uint8_t payload_type = static_cast<std::uint8_t>(PayloadType::Ipmi);
  std::uint32_t oem_iana = kIana;
  std::uint16_t oem_payload = wire::stream::kPayloadId;
  std::optional<std::uint32_t> sequence;
  std::optional<std::uint32_t> session;
  bool encrypted_bit = true;
  bool authenticated_bit = true;
  bool encrypts = true;                    ///< false: the payload travels as it is
  std::function<void(Bytes&)> plaintext;   ///< payload with its confidentiality pad
  std::function<void(Bytes&)> ciphertext;  ///< initialization vector and ciphertext
  /// Integrity pad, pad length and next header.
  std::function<void(Bytes&)> trailer;
  std::function<void(Bytes&)> code;  ///< the authentication code
};

struct Incoming {
  std::uint8_t payload_type = 0;
  Bytes payload;
};

/// A session that is up, or is_up() is false. Closed when the object goes.
class LiveSession {
 public:
  LiveSession(std::uint16_t donor_port, Attempt attempt, Host host = fresh_host());
  /// Out of a handshake that has been proved.
  LiveSession(std::unique_ptr<Peer> peer, const Handshake& handshake);
  ~LiveSession();
  LiveSession(const LiveSession&) = delete;
  LiveSession& operator=(const LiveSession&) = delete;

  [[nodiscard]] bool is_up() const { return channel_.has_value(); }
  [[nodiscard]] Peer& peer() { return *peer_; }
  [[nodiscard]] std::uint32_t managed_session() const { return managed_session_; }
  /// The sequence number of the latest packet that took the next one.
  [[nodiscard]] std::uint32_t sequence() const { return sequence_; }
  void set_sequence(std::uint32_t sequence) { sequence_ = sequence; }

  [[nodiscard]] Bytes seal(ByteView payload, const Bend& bend = {});
  /// Get Donor Status, which every active session may ask.
  [[nodiscard]] Bytes status_request(const Bend& bend = {});
  /// The next packet that the donor sealed for this session.
  [[nodiscard]] std::optional<Incoming> receive(std::chrono::milliseconds patience = 2000ms);
  /// Packets sealed for this session that have come by now.
  [[nodiscard]] unsigned count_waiting();

  /// Asks, and asks again when no answer comes; nothing when none ever does.
  std::optional<wire::IpmiResponse> command(const wire::IpmiRequest& request);
  std::optional<wire::IpmiResponse> command(std::uint8_t net_fn, std::uint8_t command, Bytes data);
  template <class Message>
  std::optional<wire::IpmiResponse> oem(Command command, const Message& message) {
    return this->command(wire::oem::make_request(kIana, command, message));
  }
  [[nodiscard]] std::optional<wire::oem::DonorStatusRs> status();
  /// A lease of the donor's image; nothing when it is refused.
  [[nodiscard]] std::optional<wire::oem::AcceptOfferRs> take_lease();
  /// Some bytes of the image, or why not.
  [[nodiscard]] Result<Bytes> read_image(std::uint32_t handle, std::uint64_t offset,
                                         std::uint16_t count);
  void grant(const wire::stream::Grant& grant);

  /// The destructor then does not close the session at the donor.
  void abandon() { abandoned_ = true; }

 private:
  void start(const Handshake& handshake);
  std::optional<wire::IpmiResponse> wait_for(std::uint8_t ipmi_sequence,
                                             std::chrono::milliseconds patience);

  std::unique_ptr<Peer> peer_;
  session::SessionKeys keys_;
  CipherSuite suite_ = CipherSuite::Suite17;
  std::optional<session::SecureChannel> channel_;  ///< opens what comes
  std::uint32_t managed_session_ = 0;
  std::uint32_t sequence_ = 0;
  std::uint8_t ipmi_sequence_ = 0;
  bool abandoned_ = false;
};

}  // namespace fwr::hostile
