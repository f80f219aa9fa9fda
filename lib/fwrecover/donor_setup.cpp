// SPDX-License-Identifier: GPL-3.0-or-later
// Settings to configuration, configuration to links.
#include "fwrecover/donor_setup.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <set>

#include "fwrecover/listen_addresses.hpp"
#include "fwrecover/version.hpp"
#include "settings/addresses.hpp"

namespace fwrecover {

using fwr::Errc;
using fwr::Result;
using fwr::settings::on_line;

Result<fwr::settings::Settings> load_donor(const DonorSource& source) {
  const bool named = !source.config_path.empty();
  constexpr std::array kLists{fwr::settings::AddressList{"lan.listen", ""},
                              fwr::settings::AddressList{"icmb.devices", "icmb:", true},
                              fwr::settings::AddressList{"serial.devices", "serial:", true}};
  return fwr::settings::Settings::load(
      fwr::settings::donor_table(), named ? source.config_path : std::string(default_donor_file()),
      named, source.overrides, fwr::settings::sort_addresses(source.listen, kLists));
}

Result<fwr::settings::DonorConfig> read_startable(const fwr::settings::Settings& settings) {
  auto config = fwr::settings::read_donor(settings);
  if (!config) return config;
  if (const auto good = check_listen(settings, config->listen); !good)
    return tl::unexpected(good.error());
  const bool network = !config->listen.empty() || config->media.bluetooth.enabled;
  if (!network && config->media.names.size() == 0)
    return fwr::fail(Errc::BadConfiguration,
                     "nowhere to serve: set lan.listen, icmb.devices, serial.devices or "
                     "bluetooth.enabled, or give --listen");
  if (network && config->server.accounts.empty())
    return fwr::fail(Errc::BadConfiguration,
                     "no account: recipients need a [user.NAME] with a password_file");
  return config;
}

FixedSettings fixed_settings(const fwr::settings::Settings& settings) {
  FixedSettings fixed;
  for (const auto& row : settings.effective())
    for (const std::string_view section :
         {"donor.", "lan.", "icmb.", "serial.", "bluetooth.", "protocol."})
      if (row.name.starts_with(section) && row.name != "icmb.allow")
        fixed.emplace(row.name, row.value);
  return fixed;
}

std::string differences(const FixedSettings& before, const FixedSettings& after) {
  std::set<std::string> names;
  const auto collect = [&](const FixedSettings& here, const FixedSettings& there) {
    for (const auto& [name, value] : here)
      if (const auto other = there.find(name); other == there.end() || other->second != value)
        names.insert(name);
  };
  collect(before, after);
  collect(after, before);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::vector<fwr::session::ServedLink> served_links(const fwr::settings::MediaConfig& config,
                                                   const Media& media) {
  using fwr::wire::icmb::BusAddress;
  std::vector<fwr::session::ServedLink> served;
  for (const Media::Known& line : media.known()) {
    fwr::session::ServedLink link;
    link.id = line.link;
    link.properties = line.properties;
    link.allowed.everybody = line.family == fwr::AddressFamily::Serial;
    for (const BusAddress peer : on_line(config.icmb.allow, line.device)) {
      if (peer == BusAddress::Broadcast) link.allowed.everybody = true;
      link.allowed.peers.push_back(to_address(peer, line.number));
    }
    served.push_back(std::move(link));
  }
  return served;
}

void warn_of_empty_lists(const fwr::settings::MediaConfig& media, Observer& observer) {
  for (const std::string& device : media.icmb.devices)
    if (on_line(media.icmb.allow, device).empty())
      observer.on_event(Event("problem").set(
          "text",
          fmt::format("nobody may take images from {}: icmb.allow names no node on it", device)));
}

Result<> open_media(const fwr::settings::DonorConfig& config, Media& media, Observer& observer) {
  const fwr::settings::MediaConfig& named = config.media;
  for (const std::string& device : named.icmb.devices) {
    if (auto opened = media.open_bus(device, std::nullopt, on_line(named.icmb.operators, device));
        !opened)
      return opened;
    observer.on_event(Event("listening").set("address", "icmb:" + device));
  }
  for (const std::string& device : named.serial.devices) {
    if (auto opened = media.open_cable(device, config.donor.iana, Media::Absent::Waits); !opened)
      return opened;
    observer.on_event(Event("listening").set("address", "serial:" + device));
  }
  if (named.bluetooth.enabled) {
    if (auto opened = media.open_listener(config.donor.name); !opened) return opened;
    observer.on_event(Event("listening").set("address", "bt:" + named.bluetooth.adapter));
  }
  return {};
}

std::uint8_t media_bits(bool network, const Media& media) {
  auto bits = network ? static_cast<std::uint8_t>(fwr::Medium::Wired) : std::uint8_t{0};
  for (const Media::Known& line : media.known())
    bits |= static_cast<std::uint8_t>(line.properties.medium);
  return bits;
}

}  // namespace fwrecover
