// SPDX-License-Identifier: GPL-3.0-or-later
// Forged offers, garbage, and a client without manners.
#include "outsiders.hpp"

#include <algorithm>

#include "base/soonest.hpp"
#include "donor_host.hpp"
#include "session/sessionless.hpp"
#include "wire/oem.hpp"
#include "wire/rmcp.hpp"
#include "wire/stream.hpp"

namespace fwr::sim {
namespace {

namespace oem = wire::oem;
namespace stream = wire::stream;
using oem::Command;

/// A request for firmware that was on the medium.
struct Heard {
  oem::RequestFirmwareRq request;
  std::uint8_t sequence = 0;
};
std::optional<Heard> request_in(const Datagram& datagram) {
  const auto rmcp = wire::decode_rmcp(datagram.bytes);
  if (!rmcp) return std::nullopt;
  const auto* v15 = std::get_if<wire::SessionlessV15>(&*rmcp);
  if (v15 == nullptr) return std::nullopt;
  const auto message = wire::decode_lan_message(v15->message);
  if (!message || message->command != static_cast<std::uint8_t>(Command::RequestFirmware) ||
      message->is_response())
    return std::nullopt;
  const auto request =
      oem::strip_iana(kIana, message->data).and_then(wire::decode<oem::RequestFirmwareRq>);
  if (!request) return std::nullopt;
  return Heard{*request, message->sequence};
}

/// One with sessions, if the donor has any.
std::size_t medium_for(const Plan& plan, const Fault& fault) {
  const auto& media = plan.donors.at(fault.target.value_or(kFirstDonor) - kFirstDonor).media;
  for (const std::size_t medium : media)
    if (!plan.media[medium].bus) return medium;
  return media.front();
}

Bytes offer_datagram(const Heard& heard, const oem::Offer& offer) {
  const wire::LanMessage request = wire::make_lan_request(
      {wire::raw(wire::NetFn::OemGroupRq), static_cast<std::uint8_t>(Command::RequestFirmware), {}},
      heard.sequence);
  const wire::LanMessage response = wire::make_lan_response(
      request, {wire::CompletionCode::Ok, oem::response_data(kIana, offer)});
  return wire::encode(wire::SessionlessV15{wire::encode(response)});
}

}  // namespace

Outsider::Outsider(const Plan& plan, Network& network, Chronicle& chronicle)
    : plan_(plan), network_(network), chronicle_(chronicle) {
  for (std::size_t i = 0; i < plan.faults.size(); ++i) {
    const Fault& fault = plan.faults[i];
    if (!fault.enabled) continue;
    if (fault.kind == FaultKind::ForgedOffers || fault.kind == FaultKind::ForgedOwnName ||
        fault.kind == FaultKind::Garbage)
      acts_.push_back({i, Dice(fault.seed), fault.from});
  }
}

std::optional<TimePoint> Outsider::next() const {
  Soonest soonest;
  for (const Act& act : acts_)
    if (act.at < plan_.faults[act.fault].until) soonest.add(act.at);
  return soonest.time();
}

void Outsider::work(TimePoint now) {
  for (Act& act : acts_) {
    const Fault& fault = plan_.faults[act.fault];
    if (now < act.at || act.at >= fault.until) continue;
    act.at = now + act.dice.time(std::chrono::milliseconds(20), std::chrono::milliseconds(1500));
    if (fault.kind == FaultKind::ForgedOwnName)
      forge_in_name(act, now);
    else if (fault.kind == FaultKind::ForgedOffers)
      forge_offers(act, now);
    else
      send_garbage(act, now);
  }
}

void Outsider::forge_offers(Act& act, TimePoint now) {
  for (const Delivery& delivery : network_.heard()) {
    const auto heard = request_in(delivery.datagram);
    if (!heard || !act.dice.chance(0.5)) continue;
    const std::uint64_t count = act.dice.chance(0.1) ? 300 : act.dice.between(1, 3);
    for (std::uint64_t i = 0; i < count; ++i) {
      oem::Offer offer;
      offer.nonce = heard->request.nonce;
      offer.security_version = static_cast<std::uint32_t>(act.dice.below(200));
      offer.image_version = act.dice.chance(0.9) ? "77.7" : "\x1b[2J no version";
      offer.component = "bmc";
      offer.size_bytes = act.dice.between(1, 300000);
      DiceRandom random(act.dice.fork(i));
      random.fill(offer.donor);
      random.fill(offer.digest);
      random.fill(offer.token);
      const std::size_t from = plan_.donors.empty() || act.dice.chance(0.5)
                                   ? kOutsider + 20
                                   : kFirstDonor + act.dice.below(plan_.donors.size());
      Datagram datagram{.path = {.local = delivery.datagram.path.peer,
                                 .peer = address_of(delivery.medium, from, kRmcpPort),
                                 .medium = plan_.media[delivery.medium].medium},
                        .bytes = offer_datagram(*heard, offer)};
      const std::size_t host = host_of(datagram.path.local);
      network_.inject(delivery.medium, host, std::move(datagram), now);
      chronicle_.injected(FaultKind::ForgedOffers);
    }
    return;
  }
}

/// Better offers than any that the donor could make, each another one.
void Outsider::forge_in_name(Act& act, TimePoint now) {
  const Fault& fault = plan_.faults[act.fault];
  const std::size_t donor = fault.target.value_or(kFirstDonor) - kFirstDonor;
  for (auto at = network_.heard().rbegin(); at != network_.heard().rend(); ++at) {
    const auto heard = request_in(at->datagram);
    if (!heard || act.last == heard->request.nonce) continue;
    act.last = heard->request.nonce;
    for (std::uint64_t i = 0; i < fault.count; ++i) {
      oem::Offer offer;
      offer.nonce = heard->request.nonce;
      offer.security_version = 0xffffffffU - static_cast<std::uint32_t>(i);
      offer.image_version = "77.7";
      offer.component = "bmc";
      offer.size_bytes = act.dice.between(1, 4000);
      DiceRandom random(act.dice.fork(i));
      offer.donor = plan_.donors[donor].config.guid;
      random.fill(offer.digest);
      random.fill(offer.token);
      Datagram datagram{.path = {.local = at->datagram.path.peer,
                                 .peer = address_of(at->medium, kFirstDonor + donor, kRmcpPort),
                                 .medium = plan_.media[at->medium].medium},
                        .bytes = offer_datagram(*heard, offer)};
      const std::size_t host = host_of(datagram.path.local);
      network_.inject(at->medium, host, std::move(datagram), now);
      chronicle_.injected(FaultKind::ForgedOwnName);
    }
    return;
  }
}

void Outsider::send_garbage(Act& act, TimePoint now) {
  const auto& heard = network_.heard();
  if (heard.empty()) return;
  Dice& dice = act.dice;
  // A datagram that was sent before, to the same host or another one, from the same source or not.
  const Delivery& model = dice.pick(heard);
  Datagram datagram = model.datagram;
  if (dice.chance(0.2)) datagram.path.peer = dice.pick(heard).datagram.path.peer;
  const std::uint64_t changes = dice.below(6);
  for (std::uint64_t i = 0; i < changes && !datagram.bytes.empty(); ++i) {
    const std::size_t at = dice.chance(0.5)
                               ? dice.below(std::min<std::size_t>(datagram.bytes.size(), 32))
                               : dice.below(datagram.bytes.size());
    datagram.bytes[at] = static_cast<std::byte>(dice.below(256));
  }
  if (dice.chance(0.1)) datagram.bytes.resize(dice.below(datagram.bytes.size() + 20));
  const std::uint64_t times = dice.chance(0.1) ? 60 : 1;
  for (std::uint64_t i = 0; i < times; ++i) {
    network_.inject(model.medium, model.host, datagram, now);
    chronicle_.injected(FaultKind::Garbage);
  }
}

// --- the client with an account ------------------------------------------------------------------

UnrulyClient::UnrulyClient(const Plan& plan, std::size_t fault, std::size_t number,
                           Network& network, Chronicle& chronicle)
    : fault_(plan.faults.at(fault)),
      number_(number),
      medium_(medium_for(plan, fault_)),
      network_(network),
      chronicle_(chronicle),
      dice_(fault_.seed),
      random_(Dice(fault_.seed).fork(3)),
      at_(fault_.from) {
  // What a bus has in its place: FaultKind::BusStranger.
  is_over_ = plan.media.at(medium_).bus.has_value();
  network.attach(medium_, host(), false);
}

void UnrulyClient::start(TimePoint now) {
  session::Credentials credentials;
  // Sometimes the very account of the recipients.
  const bool same = dice_.chance(0.5);
  credentials.user = same ? std::string(kUser) : "other";
  credentials.password = Secret(as_bytes(same ? kPassword : std::string_view("another secret")));
  client_ = std::make_unique<session::Client>(std::move(credentials), kIana,
                                              session::ClientTimers{}, random_);
  client_->start(now);
  handle_ = 0;
}

std::optional<TimePoint> UnrulyClient::next() const {
  if (is_over_) return std::nullopt;
  Soonest soonest;
  soonest.add(at_);
  if (client_) soonest.add(client_->deadline());
  return soonest.time();
}

void UnrulyClient::handle(const Delivery& delivery, TimePoint now) {
  if (client_ == nullptr || is_over_) return;
  client_->handle_datagram(delivery.datagram.bytes, now);
  drive(now);
}

void UnrulyClient::work(TimePoint now) {
  if (is_over_) return;
  if (now >= fault_.until) {
    // Without a word: the donor has to forget it by itself.
    client_.reset();
    is_over_ = true;
    return;
  }
  if (client_)
    if (const auto at = client_->deadline(); at && *at <= now) client_->handle_timeout(now);
  if (now >= at_) {
    at_ = now + dice_.time(std::chrono::milliseconds(5), std::chrono::milliseconds(900));
    act(now);
  }
  drive(now);
}

void UnrulyClient::act(TimePoint now) {
  if (client_ == nullptr) return start(now);
  if (!client_->up()) return;
  chronicle_.injected(FaultKind::UnrulyClient);
  const std::uint32_t handle =
      dice_.chance(0.8) ? handle_ : static_cast<std::uint32_t>(dice_.next());
  asked_ = Asked::Other;
  wire::IpmiRequest request;
  switch (handle_ == 0 && dice_.chance(0.5) ? dice_.below(2) : dice_.below(12)) {
    case 0: {
      random_.fill(nonce_);
      asked_ = Asked::Offer;
      oem::RequestFirmwareRq rq{.nonce = nonce_, .platform = {}};
      rq.platform.manufacturer_id = kManufacturer;
      request = oem::make_request(kIana, Command::RequestFirmware, rq);
      break;
    }
    case 1:
      asked_ = Asked::Accept;
      request = oem::make_request(
          kIana, Command::AcceptOffer,
          oem::AcceptOfferRq{.nonce = nonce_, .digest = digest_, .token = token_});
      break;
    case 2:
      request = oem::make_request(kIana, Command::ReleaseOffer, oem::ReleaseOfferRq{handle});
      break;
    case 3:
      request = oem::make_request(
          kIana, Command::ReportResult,
          oem::ReportResultRq{.handle = handle,
                              .result = static_cast<std::uint8_t>(dice_.below(20)),
                              .text = Bytes(dice_.below(140), std::byte{'x'})});
      break;
    case 4: request = oem::make_request(kIana, Command::GetDonorStatus); break;
    case 5: client_->close(now); return;
    case 6:  // forgotten, not closed
      client_.reset();
      return;
    case 7:
    case 8:
      request =
          oem::make_request(kIana, dice_.chance(0.5) ? Command::ReadImage : Command::ReadHashTree,
                            oem::ReadRq{.handle = handle,
                                        .offset = dice_.below(size_ + 100),
                                        .count = static_cast<std::uint16_t>(dice_.below(1000))});
      break;
    default: return grant(now);
  }
  (void)client_->submit(std::move(request), now);
}

void UnrulyClient::grant(TimePoint now) {
  stream::Grant grant;
  grant.object = dice_.chance(0.8) ? stream::Object::Image : stream::Object::Tree;
  grant.handle = dice_.chance(0.9) ? handle_ : static_cast<std::uint32_t>(dice_.next());
  grant.number = ++grants_;
  grant.segment_granules = static_cast<std::uint16_t>(dice_.between(1, 40));
  const std::uint64_t ranges = dice_.between(1, 32);
  for (std::uint64_t i = 0; i < ranges; ++i) {
    const auto offset = static_cast<std::uint32_t>(dice_.below(size_ / oem::kGranule_bytes + 2));
    grant.ranges.push_back({offset, static_cast<std::uint16_t>(dice_.between(1, 60))});
  }
  (void)client_->send_payload(encode(grant));
  drive(now);
}

void UnrulyClient::learn(const session::CommandDone& done) {
  if (done.response.code != wire::CompletionCode::Ok) return;
  if (asked_ == Asked::Offer) {
    if (const auto offer =
            oem::strip_iana(kIana, done.response.data).and_then(wire::decode<oem::Offer>)) {
      digest_ = offer->digest;
      token_ = offer->token;
      size_ = offer->size_bytes;
    }
  } else if (asked_ == Asked::Accept) {
    if (const auto lease =
            oem::strip_iana(kIana, done.response.data).and_then(wire::decode<oem::AcceptOfferRs>))
      handle_ = lease->handle;
  }
}

void UnrulyClient::drive(TimePoint now) {
  if (client_ == nullptr) return;
  while (const auto event = client_->poll_event()) {
    if (const auto* done = std::get_if<session::CommandDone>(&*event)) learn(*done);
    if (std::holds_alternative<session::SessionDown>(*event)) {
      client_.reset();
      return;
    }
  }
  const Address from = address_of(medium_, host(), 50000);
  const Address to = address_of(medium_, fault_.target.value_or(kFirstDonor), kRmcpPort);
  while (auto bytes = client_->poll_transmit())
    network_.send(host(), {.path = {.local = from, .peer = to}, .bytes = *std::move(bytes)}, now);
}

}  // namespace fwr::sim
