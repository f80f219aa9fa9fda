// SPDX-License-Identifier: GPL-3.0-or-later
// Messages of links without sessions as IPMI Basic Mode messages, and back. PROTOCOL §12.
#include "link/basic_mode_port.hpp"

#include <algorithm>
#include <utility>

#include "base/slow_link.hpp"
#include "wire/crc16.hpp"
#include "wire/oem.hpp"

namespace fwr::link {
namespace {

namespace basic_mode = wire::basic_mode;
namespace plain = wire::plain;
using wire::LanMessage;

constexpr std::uint8_t kSequences = 64;
constexpr std::size_t kIana_bytes = 3;
constexpr std::size_t kStockData_bytes =
    basic_mode::kStockMessage_bytes - basic_mode::kMessageOverhead_bytes;

/// The whole length of a request that a stock client may shorten: what is missing is padding.
std::size_t whole_length(const LanMessage& message) {
  namespace oem = wire::oem;
  const auto length = [](const auto& body) { return kIana_bytes + wire::encode(body).size(); };
  switch (static_cast<oem::Command>(message.command)) {
    case oem::Command::GetRecoveryCapabilities: return length(oem::CapabilitiesRq{});
    case oem::Command::RequestFirmware: return length(oem::RequestFirmwareRq{});
    default: return 0;
  }
}

bool is_our_oem(const LanMessage& message, std::uint32_t iana) {
  return message.net_fn == raw(wire::NetFn::OemGroupRq) &&
         wire::oem::strip_iana(iana, message.data).has_value();
}

}  // namespace

LinkProperties BasicModePort::properties() const {
  LinkProperties properties;
  properties.medium = Medium::Serial;
  properties.largest_message_bytes = kLargestMessage_bytes;
  properties.bits_per_s = settings_.baud;
  properties.sessions = false;
  properties.shared = false;
  return properties;
}

Duration BasicModePort::time_of(std::size_t characters) const {
  return time_of_characters(characters, settings_.baud);
}

// --- the line -----------------------------------------------------------------------------------

void BasicModePort::handle_characters(ByteView heard, TimePoint now) {
  handle_timeout(now);
  if (!heard.empty()) last_character_ = now;
  for (const std::byte character : heard) {
    switch (decoder_.push(character)) {
      case basic_mode::Heard::Part: break;
      case basic_mode::Heard::Message:
        handshakes_ = std::min(handshakes_ + 1, kQueue);
        handle_message(decoder_.message());
        break;
      case basic_mode::Heard::Handshake: ++counters_.handshakes; break;
      case basic_mode::Heard::Restart: ++counters_.unfinished; break;
      case basic_mode::Heard::BadEscape:
      case basic_mode::Heard::TooLong: ++counters_.bad_escapes; break;
      case basic_mode::Heard::NotStart: ++counters_.not_start; break;
    }
  }
}

void BasicModePort::handle_timeout(TimePoint now) {
  if (decoder_.in_message() && now - last_character_ >= kCharacterTimeout && decoder_.forget())
    ++counters_.unfinished;
}

std::optional<Bytes> BasicModePort::poll_output(TimePoint now) {
  Bytes characters(std::exchange(handshakes_, 0), basic_mode::kHandshake);
  if (!output_.empty() && line_free_at_ <= now + kAhead) {
    characters.insert(characters.end(), output_.front().begin(), output_.front().end());
    output_.pop_front();
    ++counters_.sent;
  }
  if (characters.empty()) return std::nullopt;
  line_free_at_ = std::max(line_free_at_, now) + time_of(characters.size());
  return characters;
}

std::optional<TimePoint> BasicModePort::deadline() const {
  std::optional<TimePoint> next;
  if (decoder_.in_message()) next = last_character_ + kCharacterTimeout;
  if (!output_.empty()) next = std::min(next.value_or(TimePoint::max()), line_free_at_ - kAhead);
  return next;
}

void BasicModePort::reset() {
  (void)decoder_.forget();
  counters_.dropped += output_.size();
  output_.clear();
  handshakes_ = 0;
  line_free_at_ = TimePoint{};
}

// --- messages that arrive -----------------------------------------------------------------------

void BasicModePort::handle_message(ByteView bytes) {
  auto message = wire::decode_lan_message(bytes);
  if (!message) {
    ++counters_.bad_checksums;
    return;
  }
  if (message->is_response()) {
    handle_response(*std::move(message));
  } else if (message->responder_address != wire::kBmcAddress) {
    ++counters_.not_ours;
  } else if (message->net_fn == raw(wire::NetFn::OemGroupRq) &&
             message->command == basic_mode::kStreamCommand) {
    handle_stream(*message);
  } else {
    handle_request(*std::move(message));
  }
}

void BasicModePort::handle_request(LanMessage message) {
  const bool ours = message.requester_address == basic_mode::kOwnAddress;
  if (!ours && is_our_oem(message, settings_.iana))
    message.data.resize(std::max(message.data.size(), whole_length(message)));
  plain::Message up;
  up.tag = ++tag_;
  up.net_fn_lun =
      static_cast<std::uint8_t>((unsigned{message.net_fn} << 2U) | message.responder_lun);
  up.command = message.command;
  up.data = std::exchange(message.data, {});
  hand_up(plain::Type::Request, wire::encode(up));
  owed_.at(up.tag % kQuestions) = Owed{up.tag, std::move(message)};
}

void BasicModePort::handle_stream(const LanMessage& message) {
  const auto body = wire::decode<basic_mode::StreamBody>(message.data);
  if (!body || body->iana != settings_.iana) {
    ++counters_.not_ours;
  } else if (body->check != wire::crc16(body->message)) {
    ++counters_.bad_checksums;
  } else {
    hand_up(plain::Type::Stream, body->message);
  }
}

void BasicModePort::handle_response(LanMessage message) {
  auto& asked = asked_.at(message.sequence % kQuestions);
  // A response has the addresses exchanged: the first one is that of the requester.
  const bool matches = asked && message.responder_address == basic_mode::kOwnAddress &&
                       message.requester_address == wire::kBmcAddress &&
                       message.net_fn == (asked->net_fn | 1U) && message.command == asked->command;
  if (!matches) {
    ++counters_.not_ours;
    return;
  }
  plain::Message up;
  up.tag = asked->tag;
  up.net_fn_lun = static_cast<std::uint8_t>(unsigned{message.net_fn} << 2U);
  up.command = message.command;
  up.data = std::move(message.data);
  asked.reset();
  hand_up(plain::Type::Response, wire::encode(up));
}

void BasicModePort::hand_up(plain::Type type, ByteView bytes) {
  if (received_.size() >= kQueue) {
    ++counters_.dropped;
    return;
  }
  ++counters_.received;
  Datagram message;
  message.path.medium = Medium::Serial;
  message.path.peer.family = AddressFamily::Serial;
  message.path.peer.scope = settings_.line;
  message.path.local = message.path.peer;
  message.bytes.reserve(1 + bytes.size());
  message.bytes.push_back(static_cast<std::byte>(type));
  message.bytes.insert(message.bytes.end(), bytes.begin(), bytes.end());
  received_.push_back(std::move(message));
}

std::optional<Datagram> BasicModePort::poll_receive() {
  if (received_.empty()) return std::nullopt;
  Datagram message = std::move(received_.front());
  received_.pop_front();
  return message;
}

// --- messages that go ---------------------------------------------------------------------------

bool BasicModePort::send(const Datagram& message, TimePoint now) {
  (void)now;
  const auto type = plain::type_of(message.bytes);
  std::optional<LanMessage> out;
  if (type && output_.size() < kQueue) {
    switch (*type) {
      case plain::Type::Request: out = encode_request(message.bytes); break;
      case plain::Type::Response: out = encode_response(message.bytes); break;
      case plain::Type::Stream:
        if (message.bytes.size() <= kLargestMessage_bytes) out = encode_stream(message.bytes);
        break;
    }
  }
  const Bytes bytes = out ? wire::encode(*out) : Bytes{};
  if (bytes.empty() || bytes.size() > basic_mode::kLargestMessage_bytes) {
    ++counters_.dropped;
    return false;
  }
  output_.push_back(basic_mode::encode(bytes));
  return true;
}

std::optional<LanMessage> BasicModePort::encode_request(ByteView message) {
  auto request = plain::decode_request(message);
  if (!request) return std::nullopt;
  LanMessage out;
  out.requester_address = basic_mode::kOwnAddress;
  out.net_fn = request->net_fn();
  out.responder_lun = request->net_fn_lun & 3U;
  out.sequence = next_sequence();
  out.command = request->command;
  out.data = std::move(request->data);
  asked_.at(out.sequence) = Asked{request->tag, out.net_fn, out.command};
  return out;
}

std::optional<LanMessage> BasicModePort::encode_response(ByteView message) {
  auto response = plain::decode_response(message);
  if (!response) return std::nullopt;
  auto& owed = owed_.at(response->tag % kQuestions);
  if (!owed || owed->tag != response->tag || owed->request.command != response->command)
    return std::nullopt;
  wire::IpmiResponse answer;
  answer.code = static_cast<wire::CompletionCode>(response->data.front());
  answer.data.assign(response->data.begin() + 1, response->data.end());
  LanMessage out = wire::make_lan_response(owed->request, answer);
  if (out.responder_address != basic_mode::kOwnAddress && out.data.size() > kStockData_bytes) {
    out.data.resize(kStockData_bytes);
    ++counters_.cut;
  }
  owed.reset();
  return out;
}

LanMessage BasicModePort::encode_stream(ByteView message) {
  basic_mode::StreamBody body;
  body.iana = settings_.iana;
  body.check = wire::crc16(message.subspan(1));
  body.message.assign(message.begin() + 1, message.end());
  LanMessage out;
  out.requester_address = basic_mode::kOwnAddress;
  out.net_fn = raw(wire::NetFn::OemGroupRq);
  out.sequence = next_sequence();
  out.command = basic_mode::kStreamCommand;
  out.data = wire::encode(body);
  return out;
}

std::uint8_t BasicModePort::next_sequence() {
  sequence_ = static_cast<std::uint8_t>((sequence_ + 1U) % kSequences);
  return sequence_;
}

}  // namespace fwr::link
