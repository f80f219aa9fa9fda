// SPDX-License-Identifier: GPL-3.0-or-later
// Opens the configured links and reports their events.
#include "fwrecover/media.hpp"

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

void LinkReporter::report(std::uint32_t line, const IcmbEvent& event, TimePoint now) {
  using Kind = IcmbEvent::Kind;
  if (event.kind == Kind::Cut || event.kind == Kind::Babble) trouble_[line] = event.kind;
  if (event.kind == Kind::Restored || event.kind == Kind::Quiet) trouble_.erase(line);
  if (!allowed_.admit(now)) return;
  Event reported("link");
  reported.set("link", "icmb:" + names_.device(line));
  reported.set("what", std::string(to_text(event.kind)));
  if (event.address != BusAddress::Unassigned)
    reported.set("address", names_.text(to_address(event.address, line)));
  if (event.kind == IcmbEvent::Kind::PeerOnline || event.kind == IcmbEvent::Kind::PeerAttention)
    reported.set("guid", fwr::to_text(event.guid));
  observer_.on_event(reported);
}

std::string LinkReporter::trouble() const {
  std::string text;
  for (const auto& [line, kind] : trouble_)
    text += (text.empty() ? "icmb:" : "; icmb:") + names_.device(line) +
            (kind == IcmbEvent::Kind::Cut ? ": cut, this node does not hear itself"
                                          : ": a node is transmitting continuously");
  return text;
}

void LinkReporter::report(const fwr::transport::BluetoothNotice& notice, TimePoint now) {
  if (!allowed_.admit(now)) return;
  Event reported("link");
  reported.set("link", "bt");
  reported.set("what", std::string(to_text(notice.kind)));
  if (notice.peer.family != AddressFamily::None) reported.set("address", to_text(notice.peer));
  if (notice.encrypted) reported.set("encrypted", *notice.encrypted);
  if (!notice.text.empty()) reported.set("text", notice.text);
  observer_.on_event(reported);
}

void LinkReporter::report(const std::string& link, const std::string& what, const std::string& text,
                          TimePoint now) {
  if (!allowed_.admit(now)) return;
  Event reported("link");
  reported.set("link", link);
  reported.set("what", what);
  if (!text.empty()) reported.set("text", text);
  observer_.on_event(reported);
}

Media::Media(const fwr::settings::MediaConfig& config, fwr::RandomSource& random,
             Observer& observer)
    : config_(config), random_(random), observer_(observer), reporter_(config.names, observer) {}

Result<> Media::open_bus(const std::string& device,
                         std::optional<std::vector<BusAddress>> listened_to,
                         std::vector<BusAddress> operators) {
  auto serial = fwr::transport::SerialPort::open(device, {config_.icmb.baud, config_.icmb.rs485});
  if (!serial) return tl::unexpected(serial.error());
  if (config_.icmb.rs485 && !serial->driver_turns())
    observer_.on_event(Event("problem").set(
        "text", device + ": the driver has no RS-485 mode; the adapter must switch its "
                         "transmitter itself"));
  fwr::link::IcmbSettings node = config_.icmb.node;
  const std::uint32_t number = config_.names.number(device);
  node.port = number;
  node.allowed = std::move(listened_to);
  node.operators = std::move(operators);
  auto line = std::make_unique<fwr::transport::IcmbLine>(
      *std::move(serial), std::move(node), random_, fwr::transport::now(),
      [this, number](const IcmbEvent& event, TimePoint now) {
        reporter_.report(number, event, now);
      });
  Open open;
  open.known = {static_cast<LinkId>(number), AddressFamily::Icmb, number, device,
                line->port().properties()};
  open.name = "icmb:" + device;
  report_when_set_again(*line, open.name);
  open.endpoint = line.get();
  open.owned = std::move(line);
  open_.push_back(std::move(open));
  return {};
}

Result<> Media::open_cable(const std::string& device, std::uint32_t iana, Absent absent) {
  auto serial = fwr::transport::SerialPort::open(device, {config_.serial.baud});
  if (!serial && (absent == Absent::Fails || serial.error().code != fwr::Errc::NotFound))
    return tl::unexpected(serial.error());
  if (!serial) {
    reporter_.report("serial:" + device, "down", serial.error().message(), fwr::transport::now());
    serial = fwr::transport::SerialPort::closed(device, {config_.serial.baud});
  }
  fwr::link::BasicModeSettings settings;
  settings.baud = config_.serial.baud;
  settings.line = config_.names.number(device);
  settings.iana = iana;
  auto line = std::make_unique<fwr::transport::BasicModeLine>(*std::move(serial), settings);
  Open open;
  open.known = {static_cast<LinkId>(settings.line), AddressFamily::Serial, settings.line, device,
                line->port().properties()};
  open.name = "serial:" + device;
  report_when_set_again(*line, open.name);
  open.endpoint = line.get();
  open.owned = std::move(line);
  open_.push_back(std::move(open));
  return {};
}

void Media::report_when_set_again(fwr::transport::TtyEndpoint& line, const std::string& name) {
  line.when_set_again([this, name](TimePoint now) {
    reporter_.report(
        name, "set-again",
        "another program had changed the settings of this line (\"fuser\" names who has it "
        "open); they are set again",
        now);
  });
}

Result<> Media::open_listener(const std::string& name) {
  const auto& bluetooth = config_.bluetooth;
  auto endpoint = fwr::transport::open_rfcomm_listener(
      {{bluetooth.adapter, bluetooth.security}, bluetooth.channel, name, bluetooth.connections},
      [this](const auto& notice) { reporter_.report(notice, fwr::transport::now()); });
  if (!endpoint) return tl::unexpected(endpoint.error());
  add_bluetooth(*std::move(endpoint));
  return {};
}

Result<> Media::open_dialer() {
  auto endpoint = fwr::transport::open_rfcomm_dialer(
      {config_.bluetooth.adapter, config_.bluetooth.security},
      [this](const auto& notice) { reporter_.report(notice, fwr::transport::now()); });
  if (!endpoint) return tl::unexpected(endpoint.error());
  add_bluetooth(*std::move(endpoint));
  return {};
}

void Media::add_bluetooth(std::unique_ptr<fwr::transport::Endpoint> endpoint) {
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

void Media::add_to(fwr::transport::Loop& loop) {
  for (Open& open : open_)
    if (open.owned != nullptr) loop.add(std::move(open.owned), open.known.link);
}

std::vector<Media::Known> Media::known() const {
  std::vector<Known> all;
  all.reserve(open_.size());
  for (const Open& open : open_) all.push_back(open.known);
  return all;
}

LinkId Media::link_to(const Address& peer) const {
  for (const Open& open : open_)
    if (open.known.family == peer.family && open.known.number == peer.scope) return open.known.link;
  return fwr::kLanLink;
}

std::optional<fwr::LinkProperties> Media::properties(const Address& peer) const {
  const Open* open = find(link_to(peer));
  if (open == nullptr) return std::nullopt;
  return open->endpoint->properties(fwr::Path{{}, peer, open->known.properties.medium});
}

const Media::Open* Media::find(LinkId link) const {
  const auto found = std::find_if(open_.begin(), open_.end(),
                                  [&](const Open& open) { return open.known.link == link; });
  return found == open_.end() ? nullptr : &*found;
}

void Media::report_down(LinkId link, const Error& error, TimePoint now) {
  if (const Open* open = find(link))
    return reporter_.report(open->name, "down", error.message(), now);
  observer_.on_event(Event("problem").set("text", error.message()));
}

void Media::report_up(LinkId link, TimePoint now) {
  if (const Open* open = find(link)) reporter_.report(open->name, "up", {}, now);
}

}  // namespace fwrecover
