// SPDX-License-Identifier: GPL-3.0-or-later
// Words for what was asked, and for what came of it.
#include "fwrecover/network_story.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "transport/hosts.hpp"

namespace fwrecover {
namespace {

using fwr::Address;
using fwr::AddressFamily;
using fwr::Path;

constexpr std::size_t kShown = 8;  // targets in one message

bool is_broadcast(const Path& path) {
  return path.peer.family == AddressFamily::Ipv4 && path.local.scope != 0;
}

bool is_multicast(const Address& address) {
  return address.family == AddressFamily::Ipv6 && address.bytes[0] == 0xff;
}

/// "255.255.255.255", without what stands around it elsewhere.
std::string bare(Address address) {
  constexpr std::size_t kPrefix = 4;  // "lan:"
  address.port = fwr::kRmcpPort;
  address.scope = 0;
  std::string text = to_text(address).substr(kPrefix);
  if (text.starts_with('[')) text = text.substr(1, text.size() - 2);
  return text;
}

}  // namespace

std::string target_text(const Path& path) {
  if (is_broadcast(path))
    return to_text(path.peer) + " on " + fwr::transport::name_of_interface(path.local.scope);
  return fwr::transport::text_with_zone(path.peer);
}

std::string wanted_text(const fwr::Platform& platform) {
  std::string text = fmt::format("{} of manufacturer={} product={}", platform.component,
                                 platform.manufacturer_id, platform.product_id);
  if (platform.device_id != 0) text += fmt::format(" device={}", platform.device_id);
  if (platform.hardware_revision != 0)
    text += fmt::format(" revision={}", platform.hardware_revision);
  return text;
}

std::string targets_text(const std::vector<Path>& paths) {
  std::vector<std::string> items;
  std::vector<std::uint32_t> interfaces;
  for (const Path& path : paths) {
    if (!is_broadcast(path) && !is_multicast(path.peer)) {
      items.push_back(target_text(path));
      continue;
    }
    const std::uint32_t interface = path.local.scope;
    if (std::find(interfaces.begin(), interfaces.end(), interface) != interfaces.end()) continue;
    interfaces.push_back(interface);
    std::string both;
    for (const Path& other : paths)
      if ((is_broadcast(other) || is_multicast(other.peer)) && other.local.scope == interface)
        both += (both.empty() ? "" : " and ") + bare(other.peer);
    items.push_back(both + " on " + fwr::transport::name_of_interface(interface));
  }
  const std::size_t more = items.size() > kShown ? items.size() - kShown : 0;
  items.resize(items.size() - more);
  std::string text = fmt::format("{}", fmt::join(items, ", "));
  if (more > 0) text += fmt::format(", and {} more", more);
  return text;
}

NetworkStory::Key NetworkStory::key_of(const Path& path) {
  return {is_broadcast(path) ? path.local.scope : 0, path.peer};
}

void NetworkStory::note(const fwr::transport::Undelivered& undelivered, Observer& observer) {
  const bool here = undelivered.reporter.family == AddressFamily::None;
  if (here) ++refused_here_;
  const Key key = key_of(undelivered.path);
  if (last_.size() >= kPeerLimit && !last_.contains(key)) return;
  Last& last = last_[key];
  std::string reason = fwr::transport::words_with_zones(describe(undelivered));
  const bool known = last.reason == reason;
  last = {target_text(undelivered.path), std::move(reason)};
  if (known || told_ >= kEventLimit) return;
  ++told_;
  Event event("unreachable");
  event.set("address", fwr::transport::text_with_zone(undelivered.path.peer));
  if (undelivered.path.local.scope != 0)
    event.set("interface", fwr::transport::name_of_interface(undelivered.path.local.scope));
  event.set("error", fwr::transport::name_of_errno(undelivered.error));
  if (!here) event.set("reporter", fwr::transport::text_with_zone(undelivered.reporter));
  event.set("text", last.target + ": " + last.reason);
  observer.on_event(event);
}

std::string NetworkStory::reason(const Address& peer) const {
  const auto found = last_.find({0, peer});
  return found == last_.end() ? std::string() : found->second.reason;
}

std::string NetworkStory::text() const {
  std::string text;
  std::size_t shown = 0;
  for (const auto& [key, last] : last_) {
    if (shown++ == kShown) {
      text += fmt::format("; and {} more", last_.size() - kShown);
      break;
    }
    text += (text.empty() ? "" : "; ") + last.target + ": " + last.reason;
  }
  if (nothing_left()) text += "; nothing could be sent";
  return text;
}

}  // namespace fwrecover
