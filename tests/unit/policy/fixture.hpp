// SPDX-License-Identifier: GPL-3.0-or-later
// A system, an offer and its manifest that fit each other: tests change one thing at a time.
#pragma once

#include <string>

#include "policy/policy.hpp"

namespace fwr::policy {

inline Address lan(std::string_view text) {
  return parse_address(text).value();
}

inline Guid guid_of(unsigned last) {
  Guid guid{};
  guid.front() = static_cast<std::byte>(last);
  return guid;
}

inline Situation good_situation() {
  Situation situation;
  situation.platform = {674, 0x4321, 0x20, 5, "bmc"};
  situation.slot_capacity_bytes = 64U << 20;
  situation.security_floor = 5;
  situation.installed_version = "2.0";
  situation.wall_clock = 1800000000;
  return situation;
}

inline Candidate good_candidate() {
  Candidate candidate;
  candidate.path.peer = lan("10.0.0.7");
  candidate.donor = guid_of(7);
  candidate.load_percent = 10;
  candidate.round_trip = std::chrono::microseconds(420);
  candidate.digest.fill(std::byte{0xd1});
  candidate.security_version = 7;
  candidate.version = "2.4";
  candidate.component = "bmc";
  candidate.size_bytes = 32U << 20;
  return candidate;
}

inline image::Manifest good_manifest() {
  const Candidate candidate = good_candidate();
  image::Manifest manifest;
  manifest.name = "Firmware";
  manifest.component = candidate.component;
  manifest.version = candidate.version;
  manifest.security_version = candidate.security_version;
  manifest.size_bytes = candidate.size_bytes;
  manifest.digest = candidate.digest;
  manifest.platforms = {image::PlatformMatch{674, 0x4321, {}, {}}};
  manifest.created = 1700000000;
  return manifest;
}

}  // namespace fwr::policy
