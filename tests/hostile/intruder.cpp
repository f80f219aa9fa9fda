// SPDX-License-Identifier: GPL-3.0-or-later
// Packets as the specification wants them, up to the point where a test bends them.
#include "intruder.hpp"

#include <gtest/gtest.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

namespace fwr::hostile {

namespace {

class SystemRandom final : public RandomSource {
 public:
  void fill(std::span<std::byte> out) override {
    if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size())) != 1)
      throw std::runtime_error("no random numbers");
  }
};

constexpr std::uint8_t kOpenTag = 0x11;
constexpr std::uint8_t kRakp1Tag = 0x22;
constexpr std::uint8_t kRakp3Tag = 0x33;
constexpr std::size_t kRmcpHeader_bytes = 4;

}  // namespace

Bytes bytes(std::initializer_list<int> values) {
  Bytes out;
  out.reserve(values.size());
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

Secret secret_of(const Account& account) {
  return Secret(as_bytes(account.password));
}

RandomSource& randomness() {
  static SystemRandom source;
  return source;
}

std::uint32_t random_id() {
  std::array<std::byte, 4> drawn{};
  randomness().fill(drawn);
  return ByteReader(drawn).u32() | 1U;
}

Bytes plain(const wire::RmcpPlusHeader& header, ByteView payload) {
  ByteWriter out;
  wire::put_headers(out, header, payload.size());
  out.bytes(payload);
  return std::move(out).release();
}

Bytes plain(PayloadType type, ByteView payload, std::uint32_t session, std::uint32_t sequence) {
  wire::RmcpPlusHeader header;
  header.payload_type = static_cast<std::uint8_t>(type);
  header.session_id = session;
  header.sequence = sequence;
  return plain(header, payload);
}

Bytes v15(const wire::IpmiRequest& request) {
  return wire::encode(wire::SessionlessV15{wire::encode(wire::make_lan_request(request, 1))});
}

Bytes v20(const wire::IpmiRequest& request) {
  return plain(PayloadType::Ipmi, wire::encode(wire::make_lan_request(request, 1)));
}

std::optional<wire::RmcpPlusPacket> rmcp_plus(ByteView datagram) {
  const auto message = wire::decode_rmcp(datagram);
  if (!message) return std::nullopt;
  const auto* packet = std::get_if<wire::RmcpPlusPacket>(&*message);
  return packet == nullptr ? std::nullopt : std::optional(*packet);
}

std::optional<RakpStatus> status_of(ByteView datagram) {
  const auto packet = rmcp_plus(datagram);
  if (!packet || packet->payload.size() < 2) return std::nullopt;
  return static_cast<RakpStatus>(packet->payload[1]);
}

// --- the handshake -------------------------------------------------------------------------------

wire::OpenSessionRq Handshake::open_message() const {
  const session::SuiteInfo& suite = session::info(attempt_.suite);
  return {.tag = kOpenTag,
          .privilege = attempt_.privilege,
          .console_session = console_session_,
          .authentication = suite.authentication,
          .integrity = suite.integrity,
          .confidentiality = suite.confidentiality};
}

wire::Rakp1 Handshake::rakp1_message() const {
  constexpr std::uint8_t kNameOnlyLookup = 0x10;
  wire::Rakp1 message;
  message.tag = kRakp1Tag;
  message.managed_session = exchange_.managed_session;
  randomness().fill(message.console_random);
  message.role =
      static_cast<std::uint8_t>(kNameOnlyLookup | static_cast<unsigned>(attempt_.privilege));
  message.user = attempt_.account.name;
  return message;
}

wire::Rakp3 Handshake::rakp3_message() const {
  return {.tag = kRakp3Tag,
          .status = RakpStatus::Ok,
          .managed_session = exchange_.managed_session,
          .key_exchange_code = session::rakp3_code(session::info(attempt_.suite).hash,
                                                   secret_of(attempt_.account), exchange_)
                                   .value()};
}

template <class Message>
std::optional<Message> Handshake::step(PayloadType type, const Bytes& message,
                                       Result<Message> (*decode)(ByteView)) {
  (void)peer_.drain();
  peer_.send(plain(type, message));
  const auto answer = peer_.receive(patience_);
  const auto packet = answer ? rmcp_plus(*answer) : std::nullopt;
  if (!packet) return std::nullopt;
  EXPECT_EQ(static_cast<unsigned>(type) + 1, packet->header.payload_type);
  auto decoded = decode(packet->payload);
  EXPECT_TRUE(decoded.has_value());
  return decoded ? std::optional(*std::move(decoded)) : std::nullopt;
}

std::optional<wire::OpenSessionRs> Handshake::open(const wire::OpenSessionRq& message) {
  auto answer =
      step(PayloadType::OpenSessionRq, wire::encode(message), wire::decode_open_session_rs);
  if (answer && answer->status == RakpStatus::Ok)
    exchange_.managed_session = answer->managed_session;
  return answer;
}

std::optional<wire::Rakp2> Handshake::challenge(const wire::Rakp1& message) {
  auto answer = step(PayloadType::Rakp1, wire::encode(message), wire::decode_rakp2);
  if (answer && answer->status == RakpStatus::Ok)
    exchange_ = {.console_session = console_session_,
                 .managed_session = exchange_.managed_session,
                 .console_random = message.console_random,
                 .managed_random = answer->managed_random,
                 .guid = answer->guid,
                 .role = message.role,
                 .user = message.user};
  return answer;
}

std::optional<wire::Rakp4> Handshake::prove(const wire::Rakp3& message) {
  return step(PayloadType::Rakp3, wire::encode(message), wire::decode_rakp4);
}

void Handshake::give_up() {
  wire::Rakp3 message;
  message.status = RakpStatus::InvalidIntegrityCheckValue;
  message.managed_session = exchange_.managed_session;
  peer_.send(plain(PayloadType::Rakp3, wire::encode(message)));
}

// --- the session ---------------------------------------------------------------------------------

LiveSession::LiveSession(std::uint16_t donor_port, Attempt attempt, Host host)
    : peer_(std::make_unique<Peer>(donor_port, host)) {
  Handshake handshake(*peer_, attempt);
  const auto opened = handshake.open();
  if (!opened || opened->status != RakpStatus::Ok) return;
  const auto challenge = handshake.challenge();
  if (!challenge || challenge->status != RakpStatus::Ok) return;
  const auto proof = handshake.prove();
  if (proof && proof->status == RakpStatus::Ok) start(handshake);
}

LiveSession::LiveSession(std::unique_ptr<Peer> peer, const Handshake& handshake)
    : peer_(std::move(peer)) {
  start(handshake);
}

LiveSession::~LiveSession() {
  if (!is_up() || abandoned_) return;
  constexpr std::uint8_t kCloseSession = 0x3c;
  ByteWriter id;
  id.u32(managed_session_);
  try {
    (void)peer_->drain();
    peer_->flood(seal(wire::encode(
        wire::make_lan_request({kApp, kCloseSession, std::move(id).release()}, ipmi_sequence_))));
    (void)peer_->receive();
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
}

void LiveSession::start(const Handshake& handshake) {
  suite_ = handshake.attempt().suite;
  managed_session_ = handshake.managed_session();
  keys_ = session::session_keys(session::info(suite_).hash, secret_of(handshake.attempt().account),
                                handshake.exchange())
              .value();
  channel_ = session::SecureChannel::create(suite_, keys_, managed_session_, randomness()).value();
}

Bytes LiveSession::seal(ByteView payload, const Bend& bend) {
  const session::SuiteInfo& suite = session::info(suite_);
  Bytes body(payload.begin(), payload.end());
  if (bend.encrypts) {
    const std::size_t pad = session::kAesBlock_bytes - 1 - body.size() % session::kAesBlock_bytes;
    for (std::size_t i = 1; i <= pad; ++i) body.push_back(static_cast<std::byte>(i));
    body.push_back(static_cast<std::byte>(pad));
    if (bend.plaintext) bend.plaintext(body);
    std::array<std::byte, session::kAesBlock_bytes> iv{};
    randomness().fill(iv);
    auto cipher =
        session::AesCbc::create(session::AesCbc::Direction::Encrypt, keys_.k2.view()).value();
    EXPECT_TRUE(cipher.begin(iv) && cipher.update(body, body));
    body.insert(body.begin(), iv.begin(), iv.end());
    if (bend.ciphertext) bend.ciphertext(body);
  }

  wire::RmcpPlusHeader header;
  header.payload_type = bend.payload_type;
  header.encrypted = bend.encrypted_bit;
  header.authenticated = bend.authenticated_bit;
  header.oem_iana = bend.oem_iana;
  header.oem_payload = bend.oem_payload;
  header.session_id = bend.session.value_or(managed_session_);
  header.sequence = bend.sequence ? *bend.sequence : ++sequence_;
  Bytes datagram = plain(header, body);
  if (!bend.authenticated_bit) return datagram;

  constexpr std::size_t kAlignment_bytes = 4;
  Bytes trailer;
  while ((datagram.size() + trailer.size() - kRmcpHeader_bytes + 2) % kAlignment_bytes != 0)
    trailer.push_back(std::byte{0xff});
  trailer.push_back(static_cast<std::byte>(trailer.size()));
  trailer.push_back(std::byte{0x07});
  if (bend.trailer) bend.trailer(trailer);
  datagram.insert(datagram.end(), trailer.begin(), trailer.end());

  Bytes code(suite.mac_bytes);
  auto mac = session::Hmac::create(suite.hash, keys_.k1.view()).value();
  EXPECT_TRUE(mac.compute({ByteView(datagram).subspan(kRmcpHeader_bytes)}, code));
  if (bend.code) bend.code(code);
  datagram.insert(datagram.end(), code.begin(), code.end());
  return datagram;
}

Bytes LiveSession::status_request(const Bend& bend) {
  return seal(wire::encode(wire::make_lan_request(
                  wire::oem::make_request(kIana, Command::GetDonorStatus), ipmi_sequence_)),
              bend);
}

std::optional<Incoming> LiveSession::receive(std::chrono::milliseconds patience) {
  while (auto datagram = peer_->receive(patience)) {
    const auto packet = rmcp_plus(*datagram);
    Incoming incoming;
    if (!packet || !channel_ || !channel_->open(*packet, incoming.payload)) continue;
    incoming.payload_type = packet->header.payload_type;
    return incoming;
  }
  return std::nullopt;
}

unsigned LiveSession::count_waiting() {
  unsigned count = 0;
  while (receive(0ms)) ++count;
  return count;
}

std::optional<wire::IpmiResponse> LiveSession::wait_for(std::uint8_t ipmi_sequence,
                                                        std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < until) {
    const auto incoming = receive(patience);
    if (!incoming) return std::nullopt;
    if (incoming->payload_type != static_cast<std::uint8_t>(PayloadType::Ipmi)) continue;
    const auto message = wire::decode_lan_message(incoming->payload);
    if (!message || !message->is_response() || message->sequence != ipmi_sequence) continue;
    return wire::IpmiResponse{static_cast<wire::CompletionCode>(message->data.front()),
                              Bytes(message->data.begin() + 1, message->data.end())};
  }
  return std::nullopt;
}

std::optional<wire::IpmiResponse> LiveSession::command(const wire::IpmiRequest& request) {
  constexpr unsigned kTries = 4;
  constexpr std::uint8_t kSixBits = 0x3f;
  if (!is_up()) return std::nullopt;
  ipmi_sequence_ = (ipmi_sequence_ + 1U) & kSixBits;
  for (unsigned tries = 0; tries < kTries; ++tries) {
    peer_->send(seal(wire::encode(wire::make_lan_request(request, ipmi_sequence_))));
    if (auto answer = wait_for(ipmi_sequence_, 1000ms)) return answer;
  }
  return std::nullopt;
}

std::optional<wire::IpmiResponse> LiveSession::command(std::uint8_t net_fn, std::uint8_t command,
                                                       Bytes data) {
  return this->command({net_fn, command, std::move(data)});
}

std::optional<wire::oem::DonorStatusRs> LiveSession::status() {
  const auto answer = command(wire::oem::make_request(kIana, Command::GetDonorStatus));
  if (!answer || answer->code != wire::CompletionCode::Ok) return std::nullopt;
  const auto body = wire::oem::strip_iana(kIana, answer->data);
  const auto status =
      body ? wire::decode<wire::oem::DonorStatusRs>(*body) : tl::unexpected(body.error());
  return status ? std::optional(*status) : std::nullopt;
}

std::optional<wire::oem::AcceptOfferRs> LiveSession::take_lease() {
  wire::oem::RequestFirmwareRq rq;
  randomness().fill(rq.nonce);
  rq.platform.manufacturer_id = kIana;
  rq.platform.product_id = 7;
  const auto offered = oem(Command::RequestFirmware, rq);
  if (!offered || offered->code != wire::CompletionCode::Ok) return std::nullopt;
  const auto offer =
      wire::decode<wire::oem::Offer>(wire::oem::strip_iana(kIana, offered->data).value());
  if (!offer) return std::nullopt;
  const auto accepted = oem(Command::AcceptOffer,
                            wire::oem::AcceptOfferRq{offer->nonce, offer->digest, offer->token});
  if (!accepted || accepted->code != wire::CompletionCode::Ok) return std::nullopt;
  const auto lease =
      wire::decode<wire::oem::AcceptOfferRs>(wire::oem::strip_iana(kIana, accepted->data).value());
  return lease ? std::optional(*lease) : std::nullopt;
}

Result<Bytes> LiveSession::read_image(std::uint32_t handle, std::uint64_t offset,
                                      std::uint16_t count) {
  const auto answer = oem(Command::ReadImage, wire::oem::ReadRq{handle, offset, count});
  if (!answer) return fail(Errc::NoResponse, "no answer to Read Image");
  if (answer->code != wire::CompletionCode::Ok)
    return fail(Errc::CommandRejected, wire::describe(answer->code));
  const auto body = wire::oem::strip_iana(kIana, answer->data);
  if (!body) return tl::unexpected(body.error());
  return Bytes(body->begin(), body->end());
}

void LiveSession::grant(const wire::stream::Grant& grant) {
  Bend bend;
  bend.payload_type = static_cast<std::uint8_t>(PayloadType::OemExplicit);
  peer_->send(seal(wire::stream::encode(grant), bend));
}

}  // namespace fwr::hostile
