// SPDX-License-Identifier: GPL-3.0-or-later
// Opens lines, and says what happens on them.
#include "fwrecover/lines.hpp"

#include <algorithm>
#include <utility>

#include "fwrecover/conclude.hpp"
#include "transport/clock.hpp"

namespace fwrecover {
namespace {

using fwr::Address;
using fwr::AddressFamily;
using fwr::Error;
using fwr::LinkId;
using fwr::Result;
using fwr::TimePoint;
using fwr::link::IcmbEvent;
using fwr::wire::icmb::BusAddress;

}  // namespace

bool LinkTeller::may_tell(TimePoint now) {
  const std::chrono::duration<double> passed = now - std::exchange(refilled_, now);
  budget_ = std::min(kBurst, budget_ + passed.count() * kPerSecond);
  if (budget_ < 1) return false;
  budget_ -= 1;
  return true;
}

void LinkTeller::tell(std::uint32_t line, const IcmbEvent& event, TimePoint now) {
  using Kind = IcmbEvent::Kind;
  if (event.kind == Kind::Cut || event.kind == Kind::Babble) trouble_[line] = event.kind;
  if (event.kind == Kind::Restored || event.kind == Kind::Quiet) trouble_.erase(line);
  if (!may_tell(now)) return;
  Event told("link");
  told.set("link", "icmb:" + names_.device(line));
  told.set("what", std::string(to_text(event.kind)));
  if (event.address != BusAddress::Unassigned)
    told.set("address", names_.text(to_address(event.address, line)));
  if (event.kind == IcmbEvent::Kind::PeerOnline || event.kind == IcmbEvent::Kind::PeerAttention)
    told.set("guid", fwr::to_text(event.guid));
  observer_.on_event(told);
}

std::string LinkTeller::trouble() const {
  std::string text;
  for (const auto& [line, kind] : trouble_)
    text += (text.empty() ? "icmb:" : "; icmb:") + names_.device(line) +
            (kind == IcmbEvent::Kind::Cut ? ": cut, this node does not hear itself"
                                          : ": somebody talks without an end");
  return text;
}

void LinkTeller::tell(const fwr::transport::BluetoothNotice& notice, TimePoint now) {
  if (!may_tell(now)) return;
  Event told("link");
  told.set("link", "bt");
  told.set("what", std::string(to_text(notice.kind)));
  if (notice.peer.family != AddressFamily::None) told.set("address", to_text(notice.peer));
  if (notice.encrypted) told.set("encrypted", *notice.encrypted);
  if (!notice.text.empty()) told.set("text", notice.text);
  observer_.on_event(told);
}

void LinkTeller::tell(const std::string& link, const std::string& what, const std::string& text,
                      TimePoint now) {
  if (!may_tell(now)) return;
  Event told("link");
  told.set("link", link);
  told.set("what", what);
  if (!text.empty()) told.set("text", text);
  observer_.on_event(told);
}

Lines::Lines(const fwr::settings::MediaConfig& media, fwr::RandomSource& random, Observer& observer)
    : media_(media), random_(random), observer_(observer), teller_(media.names, observer) {}

Result<> Lines::open_bus(const std::string& device,
                         std::optional<std::vector<BusAddress>> listened_to,
                         std::vector<BusAddress> operators) {
  auto serial = fwr::transport::SerialPort::open(device, media_.icmb.serial);
  if (!serial) return tl::unexpected(serial.error());
  if (media_.icmb.serial.rs485 && !serial->driver_turns())
    observer_.on_event(Event("problem").set(
        "text", device + ": the driver has no RS-485 mode; the adapter has to turn its "
                         "transmitter by itself"));
  fwr::link::IcmbSettings node = media_.icmb.node;
  const std::uint32_t number = media_.names.number(device);
  node.port = number;
  node.allowed = std::move(listened_to);
  node.operators = std::move(operators);
  auto line = std::make_unique<fwr::transport::IcmbLine>(
      *std::move(serial), std::move(node), random_, fwr::transport::now(),
      [this, number](const IcmbEvent& event, TimePoint now) { teller_.tell(number, event, now); });
  Open open;
  open.known = {static_cast<LinkId>(number), AddressFamily::Icmb, number, device,
                line->port().properties()};
  open.name = "icmb:" + device;
  tell_when_set_again(*line, open.name);
  open.endpoint = line.get();
  open.owned = std::move(line);
  open_.push_back(std::move(open));
  return {};
}

Result<> Lines::open_cable(const std::string& device, std::uint32_t iana, Absent absent) {
  auto serial = fwr::transport::SerialPort::open(device, media_.serial.serial);
  if (!serial && (absent == Absent::Fails || serial.error().code != fwr::Errc::NotFound))
    return tl::unexpected(serial.error());
  if (!serial) {
    teller_.tell("serial:" + device, "down", serial.error().message(), fwr::transport::now());
    serial = fwr::transport::SerialPort::closed(device, media_.serial.serial);
  }
  fwr::link::BasicModeSettings settings;
  settings.baud = media_.serial.serial.baud;
  settings.line = media_.names.number(device);
  settings.iana = iana;
  auto line = std::make_unique<fwr::transport::BasicModeLine>(*std::move(serial), settings);
  Open open;
  open.known = {static_cast<LinkId>(settings.line), AddressFamily::Serial, settings.line, device,
                line->port().properties()};
  open.name = "serial:" + device;
  tell_when_set_again(*line, open.name);
  open.endpoint = line.get();
  open.owned = std::move(line);
  open_.push_back(std::move(open));
  return {};
}

void Lines::tell_when_set_again(fwr::transport::TtyEndpoint& line, const std::string& name) {
  line.when_set_again([this, name](TimePoint now) {
    teller_.tell(
        name, "set-again",
        "another program had changed the settings of this line (\"fuser\" names who has it "
        "open); they are set again",
        now);
  });
}

Result<> Lines::open_listener(const std::string& name) {
  const auto& bluetooth = media_.bluetooth;
  auto endpoint = fwr::transport::open_rfcomm_listener(
      {bluetooth.link, bluetooth.channel, name, bluetooth.connections},
      [this](const auto& notice) { teller_.tell(notice, fwr::transport::now()); });
  if (!endpoint) return tl::unexpected(endpoint.error());
  add_bluetooth(*std::move(endpoint));
  return {};
}

Result<> Lines::open_dialer() {
  auto endpoint = fwr::transport::open_rfcomm_dialer(
      media_.bluetooth.link,
      [this](const auto& notice) { teller_.tell(notice, fwr::transport::now()); });
  if (!endpoint) return tl::unexpected(endpoint.error());
  add_bluetooth(*std::move(endpoint));
  return {};
}

void Lines::add_bluetooth(std::unique_ptr<fwr::transport::Endpoint> endpoint) {
  Address anybody;
  anybody.family = AddressFamily::Bluetooth;
  Open open;
  open.known = {kBluetoothLink,
                AddressFamily::Bluetooth,
                0,
                {},
                endpoint->properties(fwr::Path{{}, anybody, fwr::Medium::Bluetooth})};
  open.name = "bt";
  open.endpoint = endpoint.get();
  open.owned = std::move(endpoint);
  open_.push_back(std::move(open));
}

void Lines::add_to(fwr::transport::Loop& loop) {
  for (Open& open : open_)
    if (open.owned != nullptr) loop.add(std::move(open.owned), open.known.link);
}

std::vector<Lines::Known> Lines::known() const {
  std::vector<Known> all;
  all.reserve(open_.size());
  for (const Open& open : open_) all.push_back(open.known);
  return all;
}

LinkId Lines::link_to(const Address& peer) const {
  for (const Open& open : open_)
    if (open.known.family == peer.family && open.known.number == peer.scope) return open.known.link;
  return fwr::kLanLink;
}

std::optional<fwr::LinkProperties> Lines::properties(const Address& peer) const {
  const Open* open = find(link_to(peer));
  if (open == nullptr) return std::nullopt;
  return open->endpoint->properties(fwr::Path{{}, peer, open->known.properties.medium});
}

const Lines::Open* Lines::find(LinkId link) const {
  const auto found = std::find_if(open_.begin(), open_.end(),
                                  [&](const Open& open) { return open.known.link == link; });
  return found == open_.end() ? nullptr : &*found;
}

void Lines::tell_down(LinkId link, const Error& error, TimePoint now) {
  if (const Open* open = find(link)) return teller_.tell(open->name, "down", error.message(), now);
  observer_.on_event(Event("problem").set("text", error.message()));
}

void Lines::tell_up(LinkId link, TimePoint now) {
  if (const Open* open = find(link)) teller_.tell(open->name, "up", {}, now);
}

}  // namespace fwrecover
