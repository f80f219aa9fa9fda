// SPDX-License-Identifier: GPL-3.0-or-later
// What guests of a bus do.
#include "bus_guests.hpp"

#include <algorithm>

#include "lease_watch.hpp"
#include "wire/oem.hpp"
#include "wire/plain.hpp"
#include "wire/stream.hpp"

namespace fwr::sim {
namespace {

using std::chrono::milliseconds;
using wire::icmb::BusAddress;
namespace oem = wire::oem;
namespace plain = wire::plain;
namespace stream = wire::stream;
using oem::Command;

}  // namespace

BusGuest::BusGuest(const Plan& plan, std::size_t fault, Network& network, Chronicle& chronicle)
    : plan_(plan),
      number_(fault),
      fault_(plan.faults.at(fault)),
      medium_(fault_.medium.value_or(0)),
      network_(network),
      chronicle_(chronicle),
      dice_(fault_.seed),
      at_(fault_.kind == FaultKind::BusForger ? TimePoint::max() : fault_.from) {}

std::optional<TimePoint> BusGuest::next() const {
  const TimePoint at = std::min(at_, fault_.until);
  if (is_over_ || at == TimePoint::max()) return std::nullopt;
  return at;
}

void BusGuest::handle(const Delivery& delivery) {
  // A donor gave the stranger a lease: it uses it.
  const auto message = plain::decode_response(delivery.datagram.bytes);
  if (!message || message->data.empty() || message->data[0] != std::byte{0}) return;
  const auto lease = oem::strip_iana(kIana, ByteView(message->data).subspan(1))
                         .and_then(wire::decode<oem::AcceptOfferRs>);
  if (lease && message->command == static_cast<std::uint8_t>(Command::AcceptOffer))
    handle_ = lease->handle;
}

void BusGuest::work(TimePoint now) {
  if (fault_.kind == FaultKind::BusForger) return forge(now);
  if (is_over_ || now < std::min(at_, fault_.until)) return;
  come_or_go(now);
  if (!is_over_ && now >= at_) act(now);
}

void BusGuest::come_or_go(TimePoint now) {
  Bus& bus = *network_.bus(medium_);
  if (now >= fault_.until) {
    is_over_ = true;
    return bus.close(host());
  }
  if (bus.is_open(host()) || fault_.kind == FaultKind::BusGarbage) return;
  chronicle_.injected(fault_.kind);
  bus.open(host(), now);
}

void BusGuest::act(TimePoint now) {
  switch (fault_.kind) {
    case FaultKind::AddressCollision:
      at_ = now + dice_.time(milliseconds(1000), milliseconds(6000));
      return talk(now);
    case FaultKind::BusTalk:
      at_ = now + dice_.time(milliseconds(300), milliseconds(4000));
      return talk(now);
    case FaultKind::BusGarbage:
      at_ = now + dice_.time(milliseconds(20), milliseconds(2000));
      return make_noise(now);
    default:
      at_ = now + dice_.time(milliseconds(20), milliseconds(1500));
      return ask_for_everything(now);
  }
}

void BusGuest::send(BusAddress to, Bytes message, TimePoint now) {
  Datagram datagram;
  datagram.path.medium = Medium::Icmb;
  datagram.path.peer = wire::icmb::to_address(to, line_of(medium_));
  datagram.bytes = std::move(message);
  network_.send(host(), std::move(datagram), now);
}

/// Sends to an address without a node, and now and then to all.
void BusGuest::talk(TimePoint now) {
  constexpr std::uint8_t kApp = 0x06;
  constexpr std::uint8_t kGetDeviceId = 0x01;
  const Bytes data(dice_.below(dice_.chance(0.2) ? 600 : 40), static_cast<std::byte>(dice_.next()));
  const BusAddress to = dice_.chance(0.1)
                            ? BusAddress::Broadcast
                            : BusAddress{static_cast<std::uint16_t>(0x4000 + dice_.below(256))};
  send(to, plain::encode_request({kApp, kGetDeviceId, data}, ++tag_), now);
}

void BusGuest::make_noise(TimePoint now) {
  chronicle_.injected(FaultKind::BusGarbage);
  Bytes characters;
  const auto& heard = network_.heard_on_buses();
  if (!heard.empty() && dice_.chance(0.7)) {
    // A message that was heard on the bus, sent again with some bytes changed.
    const Datagram& model = dice_.pick(heard).datagram;
    Bytes payload(model.bytes.begin() + 1, model.bytes.end());
    for (std::uint64_t n = dice_.below(4); n > 0 && !payload.empty(); --n)
      payload[dice_.below(payload.size())] = static_cast<std::byte>(dice_.below(256));
    const auto type = dice_.chance(0.9) ? static_cast<wire::icmb::FrameType>(model.bytes.front())
                                        : static_cast<wire::icmb::FrameType>(dice_.below(8));
    const wire::icmb::Frame frame{wire::icmb::bus_address(model.path.local),
                                  wire::icmb::bus_address(model.path.peer), type,
                                  static_cast<std::uint8_t>(dice_.below(256)), payload};
    characters = wire::icmb::encode(frame);
    characters.insert(characters.begin(), wire::icmb::kFlag);
    if (dice_.chance(0.2)) characters.resize(dice_.below(characters.size()));
  } else {
    characters.resize(dice_.between(1, 200));
    for (std::byte& character : characters) character = static_cast<std::byte>(dice_.below(256));
  }
  network_.bus(medium_)->write_raw(host(), characters, now);
}

BusAddress BusGuest::any_donor() {
  const std::size_t donor =
      kFirstDonor + dice_.below(std::max<std::size_t>(plan_.donors.size(), 1));
  const link::IcmbPort* port = network_.bus(medium_)->port(donor);
  return port == nullptr ? wish_of(donor) : port->address();
}

/// Sends to a donor what other nodes sent to it, from another address, or a request of its own.
void BusGuest::ask_for_everything(TimePoint now) {
  chronicle_.injected(FaultKind::BusStranger);
  const auto& heard = network_.heard_on_buses();
  const BusAddress to = dice_.chance(0.1) ? BusAddress::Broadcast : any_donor();
  if (!heard.empty() && dice_.chance(0.6)) return send(to, dice_.pick(heard).datagram.bytes, now);
  const auto handle = dice_.chance(0.5) ? handle_ : static_cast<std::uint32_t>(dice_.next());
  wire::IpmiRequest request;
  DiceRandom random(dice_.fork(dice_.next()));
  switch (dice_.below(6)) {
    case 0: {
      oem::RequestFirmwareRq rq;
      random.fill(rq.nonce);
      rq.platform.manufacturer_id = kManufacturer;
      request = oem::make_request(kIana, Command::RequestFirmware, rq);
      break;
    }
    case 1: request = oem::make_request(kIana, Command::GetDonorStatus); break;
    case 2:
      request = oem::make_request(kIana, Command::ReleaseOffer, oem::ReleaseOfferRq{handle});
      break;
    case 3:
      request = oem::make_request(kIana, Command::ReadImage,
                                  oem::ReadRq{.handle = handle, .offset = 0, .count = 100});
      break;
    case 4: {
      oem::AcceptOfferRq rq;
      random.fill(rq.nonce);
      if (!plan_.donors.empty())
        rq.digest = content(dice_.pick(plan_.donors).releases.front().content)->digest;
      request = oem::make_request(kIana, Command::AcceptOffer, rq);
      break;
    }
    default: {
      stream::Grant grant;
      grant.handle = handle;
      grant.number = static_cast<std::uint32_t>(dice_.below(100));
      grant.segment_granules = 8;
      grant.ranges.push_back({0, 16});
      return send(to, plain::encode_stream(encode(grant)), now);
    }
  }
  send(to, plain::encode_request(request, ++tag_), now);
}

/// What a donor could say and does not.
wire::IpmiResponse BusGuest::false_response(const plain::Message& request) {
  constexpr std::uint8_t kGetSystemGuid = 0x37;
  using wire::CompletionCode;
  DiceRandom random(dice_.fork(dice_.next()));
  if (request.net_fn() == raw(wire::NetFn::AppRq)) {
    if (request.command != kGetSystemGuid || dice_.chance(0.3))
      return {CompletionCode::InvalidCommand, {}};
    Bytes guid(16);
    random.fill(guid);
    return {CompletionCode::Ok, guid};
  }
  Bytes data = oem::response_data(kIana);
  const auto command = static_cast<Command>(request.command);
  if (command == Command::RequestFirmware) {
    const auto body =
        oem::strip_iana(kIana, request.data).and_then(wire::decode<oem::RequestFirmwareRq>);
    if (body) data.insert(data.end(), body->nonce.begin(), body->nonce.end());
    return {CompletionCode::NoCompatibleImage, data};
  }
  if (command == Command::GetManifest && dice_.chance(0.5)) {
    oem::GetManifestRs piece;
    piece.total = static_cast<std::uint16_t>(dice_.between(1, 40));
    piece.data.resize(piece.total);
    random.fill(piece.data);
    return {CompletionCode::Ok, oem::response_data(kIana, piece)};
  }
  if (command == Command::AcceptOffer && dice_.chance(0.5))
    return {CompletionCode::Ok, oem::response_data(kIana, oem::AcceptOfferRs{})};
  constexpr std::array kRefusals{CompletionCode::UnknownImage,
                                 CompletionCode::InsufficientPrivilege, CompletionCode::LeaseEnded,
                                 CompletionCode::InvalidCommand};
  return {dice_.pick(kRefusals), data};
}

/// The last one of a grant: nothing that comes later shows that it is not the donor's.
Bytes BusGuest::false_segment(const stream::Grant& grant) {
  const stream::Range& range = grant.ranges.back();
  const std::uint32_t skipped =
      (range.length_granules - 1) / grant.segment_granules * grant.segment_granules;
  const Bytes junk((range.length_granules - skipped) * oem::kGranule_bytes,
                   static_cast<std::byte>(dice_.next()));
  return encode(stream::Segment{grant.object, false, grant.handle, grant.number,
                                range.offset_granules + skipped, junk});
}

/// A frame as if another node held that address: the node that holds it gives it up.
Bytes BusGuest::false_defence(BusAddress address) const {
  namespace icmb = wire::icmb;
  const Bytes payload =
      wire::encode(icmb::AddressMessage{icmb::AddressMessageKind::Defence, address, Guid{}});
  return icmb::encode({BusAddress::Broadcast, address, icmb::FrameType::Address, 0, payload});
}

Bytes BusGuest::false_frame(const Delivery& heard) {
  const link::IcmbPort* donor = network_.bus(medium_)->port(heard.host);
  if (donor == nullptr) return {};
  const BusAddress asker = wire::icmb::bus_address(heard.datagram.path.peer);
  Bytes characters = dice_.chance(0.2)
                         ? false_defence(dice_.chance(0.5) ? asker : donor->address())
                         : false_answer(heard.datagram.bytes, asker, donor->address());
  if (!characters.empty()) characters.insert(characters.begin(), wire::icmb::kFlag);
  return characters;
}

Bytes BusGuest::false_answer(const Bytes& bytes, BusAddress asker, BusAddress donor) {
  wire::icmb::Frame frame{.destination = asker,
                          .source = donor,
                          .type = wire::icmb::FrameType::Response,
                          .sequence = static_cast<std::uint8_t>(dice_.below(256)),
                          .payload = {}};
  Bytes payload;
  if (const auto request = plain::decode_request(bytes)) {
    payload = plain::encode_response(*request, false_response(*request));
    frame.payload = ByteView(payload).subspan(1);  // the frame has the type
  } else if (plain::type_of(bytes) == plain::Type::Stream) {
    const auto message = stream::decode_message(ByteView(bytes).subspan(1));
    const auto* grant = message ? std::get_if<stream::Grant>(&*message) : nullptr;
    if (grant == nullptr || grant->ranges.empty() || grant->segment_granules == 0) return {};
    payload = false_segment(*grant);
    frame.type = wire::icmb::FrameType::Stream;
    frame.payload = payload;
  } else {
    return {};
  }
  return wire::icmb::encode(frame);
}

void BusGuest::forge(TimePoint now) {
  if (now < fault_.from || now == heard_) return;
  for (const Delivery& heard : network_.heard_on_buses()) {
    const bool by_donor = heard.host >= kFirstDonor && heard.host < kOutsider;
    if (heard.at != now || heard.medium != medium_ || !by_donor) continue;
    heard_ = now;
    if (forged_ >= fault_.count || !dice_.chance(fault_.probability)) continue;
    const Bytes characters = false_frame(heard);
    if (characters.empty()) continue;
    ++forged_;
    chronicle_.injected(fault_.kind);
    chronicle_.note("guest {} answers for donor {}", number_, heard.host - kFirstDonor);
    network_.bus(medium_)->write_raw(host(), characters, now);
  }
}

}  // namespace fwr::sim
