// SPDX-License-Identifier: GPL-3.0-or-later
// Characters to frames to messages, and back. PROTOCOL §11.
#include "link/icmb_port.hpp"

#include <algorithm>
#include <utility>

#include "wire/stream.hpp"

namespace fwr::link {
namespace {

using wire::icmb::BridgeState;
using wire::icmb::BusAddress;
using wire::icmb::Frame;
using wire::icmb::FrameType;
using wire::icmb::Heard;

bool is_in(const std::vector<BusAddress>& list, BusAddress address) {
  return std::find(list.begin(), list.end(), address) != list.end();
}

}  // namespace

std::string_view to_text(IcmbEvent::Kind kind) {
  switch (kind) {
    case IcmbEvent::Kind::AddressHeld: return "address-held";
    case IcmbEvent::Kind::AddressMoved: return "address-moved";
    case IcmbEvent::Kind::AddressRefused: return "address-refused";
    case IcmbEvent::Kind::Cut: return "cut";
    case IcmbEvent::Kind::Restored: return "restored";
    case IcmbEvent::Kind::Babble: return "babble";
    case IcmbEvent::Kind::Quiet: return "quiet";
    case IcmbEvent::Kind::PeerOnline: return "peer-online";
    case IcmbEvent::Kind::PeerAttention: return "peer-attention";
  }
  return "unknown";
}

IcmbPort::IcmbPort(IcmbSettings settings, RandomSource& random, TimePoint now)
    : settings_(std::move(settings)),
      talker_(settings_.limits, random, counters_, now),
      assignment_(settings_.limits, random, settings_.guid),
      peers_(settings_.limits),
      stranger_characters_(settings_.limits.stranger_characters_per_s(),
                           settings_.limits.stranger_burst_characters),
      last_character_(now),
      busy_since_(now) {
  if (!settings_.chassis_id) settings_.chassis_id = ByteReader(settings_.guid).u32();
  assignment_.start(settings_.address, settings_.fixed, now);
}

BridgeState IcmbPort::state() const {
  if (!enabled_) return BridgeState::Disabled;
  if (talker_.is_cut() || babbling_ || assignment_.state() == IcmbAssignment::State::Refused)
    return BridgeState::Error;
  return assignment_.state() == IcmbAssignment::State::Holding ? BridgeState::Enabled
                                                               : BridgeState::Assigning;
}

LinkProperties IcmbPort::properties() const {
  LinkProperties properties;
  properties.medium = Medium::Icmb;
  properties.largest_message_bytes = kLargestMessage_bytes;
  properties.bits_per_s = settings_.limits.baud;
  properties.sessions = false;
  properties.half_duplex = true;
  return properties;
}

LinkProperties IcmbPort::properties(const Address& peer) const {
  LinkProperties properties = this->properties();
  const std::size_t payload = suggested_payload_bytes(peer, wire::stream::kSegmentHeader_bytes);
  if (payload < wire::icmb::kPayloadLimit_bytes) properties.suggested_message_bytes = 1 + payload;
  return properties;
}

std::size_t IcmbPort::suggested_payload_bytes(const Address& peer, std::size_t header_bytes) const {
  const double rate = peers_.character_error_rate(wire::icmb::bus_address(peer));
  const std::size_t data =
      best_payload_bytes(rate, header_bytes + wire::icmb::kFrameOverhead_bytes);
  return std::min(data + header_bytes, wire::icmb::kPayloadLimit_bytes);
}

// --- the line -----------------------------------------------------------------------------------

void IcmbPort::handle_characters(ByteView heard, TimePoint now) {
  // A driver hands them over in groups: each was complete one character time after the other.
  std::uint64_t later = heard.size();
  for (const std::byte character : heard) {
    const TimePoint when = std::max(now - settings_.limits.characters(--later), last_character_);
    hear(character, when);
  }
  settle(now);
}

void IcmbPort::hear(std::byte character, TimePoint when) {
  const bool own = talker_.hear(character, when);
  watch_line(own, when);
  if (own) {
    if (decoder_.forget()) ++counters_.restarts;
    talker_.set_frame_open(false);
    return;
  }
  peers_.hear_character();
  note(decoder_.push(character), when);
  talker_.set_frame_open(decoder_.in_frame() && !talker_.is_recovering());
}

void IcmbPort::watch_line(bool own, TimePoint when) {
  const Duration silence = when - settings_.limits.characters(1) - last_character_;
  if (silence > settings_.limits.character_timeout && decoder_.forget()) ++counters_.restarts;
  last_character_ = when;
  const Duration enough =
      std::max<Duration>(settings_.limits.control_idle(), settings_.limits.babble_silence);
  if (own || silence >= enough) {
    busy_since_ = when;
    if (own || silence >= settings_.limits.echo_timeout) end_babble();
  } else if (!babbling_ &&
             when - busy_since_ > settings_.limits.characters(settings_.limits.babble_characters)) {
    babbling_ = true;
    ++counters_.babbles;
    tell({IcmbEvent::Kind::Babble});
  }
}

/// After a whole frame, or more silence than a host that reads late makes of a line that has none.
void IcmbPort::end_babble() {
  if (std::exchange(babbling_, false)) tell({IcmbEvent::Kind::Quiet});
}

void IcmbPort::note(Heard heard, TimePoint when) {
  switch (heard) {
    case Heard::Part: return;
    case Heard::Frame:
      busy_since_ = when;
      end_babble();
      return handle_frame(decoder_.frame(), when);
    case Heard::UnknownType: ++counters_.unknown_type; return;
    case Heard::Runt: ++counters_.runts; return;
    case Heard::BadChecksum:
      ++counters_.bad_checksum;
      // A short one is what a collision leaves, which says nothing about the line.
      if (decoder_.frame().payload.size() >= settings_.limits.contention_characters)
        peers_.hear_damaged();
      return;
    case Heard::Abandoned: ++counters_.restarts; return;
    case Heard::NotStart: ++counters_.not_start; return;
  }
}

void IcmbPort::handle_frame(const Frame& frame, TimePoint now) {
  // A host that is late hears the rest of its own talk after a silence.
  if (talker_.take_given_up(frame, now)) return;
  if (assignment_.uses(frame.source)) {
    // After a collision it may be the rest of what we wrote.
    if (talker_.is_recovering()) return;
    ++counters_.conflicts;
    if (frame.type == FrameType::Address) return handle_address(frame, now);
    return assignment_.handle_impostor(now);
  }
  assignment_.handle_talker(frame.source, now);
  if (!peers_.hear_frame(frame, now)) {
    ++counters_.duplicates;
    return;
  }
  const bool broadcast = frame.destination == BusAddress::Broadcast;
  if (!broadcast &&
      (frame.destination != address() || frame.destination == BusAddress::Unassigned)) {
    ++counters_.other_address;
    return;
  }
  ++counters_.received;
  switch (frame.type) {
    case FrameType::Address: return handle_address(frame, now);
    case FrameType::Event: return handle_event(frame);
    case FrameType::Request:
      if (handle_bridge_request(frame, now)) return;
      return hand_up(frame);
    case FrameType::Response:
    case FrameType::Stream: return hand_up(frame);
  }
}

void IcmbPort::handle_address(const Frame& frame, TimePoint now) {
  const auto message = wire::decode<wire::icmb::AddressMessage>(frame.payload);
  if (!message || (talker_.is_recovering() && message->guid == settings_.guid)) return;
  if (enabled_) assignment_.handle_message(*message, now);
}

void IcmbPort::handle_event(const Frame& frame) {
  const auto message = wire::decode<wire::icmb::EventMessage>(frame.payload);
  if (!message) return;
  const auto kind = message->event == wire::icmb::BusEvent::Online ? IcmbEvent::Kind::PeerOnline
                                                                   : IcmbEvent::Kind::PeerAttention;
  tell({kind, frame.source, message->guid});
}

void IcmbPort::hand_up(const Frame& frame) {
  const bool allowed = !settings_.allowed || is_in(*settings_.allowed, frame.source);
  if (!enabled_ || !allowed || frame.source == BusAddress::Unassigned) return;
  if (received_.size() >= settings_.limits.received_frames) {
    ++counters_.dropped;
    return;
  }
  Datagram message;
  message.path.medium = Medium::Icmb;
  message.path.local = to_address(frame.destination, settings_.port);
  message.path.peer = to_address(frame.source, settings_.port);
  message.bytes.reserve(1 + frame.payload.size());
  message.bytes.push_back(static_cast<std::byte>(frame.type));
  message.bytes.insert(message.bytes.end(), frame.payload.begin(), frame.payload.end());
  received_.push_back(std::move(message));
}

void IcmbPort::handle_timeout(TimePoint now) {
  if (babbling_ && now - last_character_ >= settings_.limits.echo_timeout) end_babble();
  assignment_.handle_timeout(now);
  settle(now);
  talker_.handle_timeout(now);
  settle(now);
}

/// Carries between the parts what one of them has for another.
void IcmbPort::settle(TimePoint now) {
  while (const auto change = talker_.poll_change()) {
    const bool cut = *change == IcmbTalker::Change::Cut;
    tell({cut ? IcmbEvent::Kind::Cut : IcmbEvent::Kind::Restored});
    if (!cut) assignment_.handle_restored(now);
  }
  while (const auto sent = talker_.poll_sent()) {
    if (*sent == FrameType::Address) assignment_.handle_sent(now);
    if (*sent == FrameType::Response && next_address_)
      assignment_.start(*std::exchange(next_address_, std::nullopt), settings_.fixed, now);
  }
  talker_.set_source(address());
  if (const auto change = assignment_.poll_change()) {
    using Change = IcmbAssignment::Change;
    if (*change == Change::Held) {
      tell({IcmbEvent::Kind::AddressHeld, address()});
      announce(wire::icmb::BusEvent::Online, now);
    } else {
      tell({*change == Change::Moved ? IcmbEvent::Kind::AddressMoved
                                     : IcmbEvent::Kind::AddressRefused});
    }
  }
  if (const auto message = assignment_.poll_message()) {
    talker_.drop_address_message();
    talker_.enqueue({BusAddress::Broadcast, FrameType::Address, wire::encode(*message)}, now);
  }
}

std::optional<LineOutput> IcmbPort::poll_output(TimePoint now) {
  return talker_.poll_output(now);
}

std::optional<TimePoint> IcmbPort::deadline() const {
  std::optional<TimePoint> earliest = talker_.deadline();
  const auto consider = [&earliest](std::optional<TimePoint> other) {
    if (other && (!earliest || *other < *earliest)) earliest = other;
  };
  consider(assignment_.deadline());
  if (babbling_) consider(last_character_ + settings_.limits.echo_timeout);
  return earliest;
}

// --- messages -----------------------------------------------------------------------------------

bool IcmbPort::send(const Datagram& message, TimePoint now) {
  const BusAddress destination = wire::icmb::bus_address(message.path.peer);
  if (!enabled_ || destination == BusAddress::Unassigned || message.bytes.empty() ||
      message.bytes.size() > kLargestMessage_bytes)
    return false;
  const auto type = static_cast<FrameType>(message.bytes.front());
  if (type != FrameType::Request && type != FrameType::Response && type != FrameType::Stream)
    return false;
  OutgoingFrame frame;
  frame.destination = destination;
  frame.type = type;
  frame.answers_broadcast = type == FrameType::Response && wire::plain::is_to_all(message.path);
  frame.payload.assign(message.bytes.begin() + 1, message.bytes.end());
  return talker_.enqueue(std::move(frame), now);
}

std::optional<Datagram> IcmbPort::poll_receive() {
  if (received_.empty()) return std::nullopt;
  Datagram message = std::move(received_.front());
  received_.pop_front();
  return message;
}

void IcmbPort::announce(wire::icmb::BusEvent event, TimePoint now) {
  const wire::icmb::EventMessage message{event, settings_.guid};
  if (enabled_)
    talker_.enqueue({BusAddress::Broadcast, FrameType::Event, wire::encode(message)}, now);
}

std::optional<IcmbEvent> IcmbPort::poll_event() {
  if (events_.empty()) return std::nullopt;
  const IcmbEvent event = events_.front();
  events_.pop_front();
  return event;
}

void IcmbPort::tell(IcmbEvent event) {
  if (events_.size() >= settings_.limits.events) events_.pop_front();
  events_.push_back(event);
}

}  // namespace fwr::link
