// SPDX-License-Identifier: GPL-3.0-or-later
// Everything that one seed decides: the systems, the media, the images and the faults.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dice.hpp"
#include "donor/donor.hpp"
#include "fault.hpp"
#include "policy/policy.hpp"
#include "release.hpp"
#include "session/server.hpp"

namespace fwr::sim {

/// A shared half-duplex medium: a bus of characters.
struct BusPlan {
  std::uint32_t baud = 115200;
  Duration latency{};      ///< what a host needs to hear and to act
  bool own_noise = false;  ///< each receiver has noise of its own
};

struct MediumPlan {
  Medium medium = Medium::Wired;
  Duration delay{};
  Duration jitter{};
  double bytes_per_s = 0;  ///< 0: no limit
  std::size_t mtu = 65575;
  std::optional<BusPlan> bus;  ///< then none of the times above count
};

struct DonorPlan {
  std::vector<std::size_t> media;
  std::vector<ReleaseSpec> releases;
  std::vector<ReleaseSpec> after_withdrawal;  ///< the catalogue from then on
  donor::DonorConfig config;
  session::ServerLimits limits;
  /// Recipients whose addresses on buses it allows.
  std::vector<std::size_t> allows;
  bool fixed_address = false;
  bool present = true;
};

/// What is in the flash before anything happens.
struct FactoryPlan {
  enum class Record : std::uint8_t { None, Good, Trial };
  Record record = Record::Good;
  bool active_is_b = false;
  std::optional<ReleaseSpec> active;
  std::uint64_t damaged_sectors = 0;  ///< of the active slot
  enum class Other : std::uint8_t { Empty, GoodOlder, Writing, Verified, Bad };
  Other other = Other::Empty;
  std::optional<ReleaseSpec> other_release;
  std::uint32_t floor = 0;
  bool slots_missing = false;  ///< regular files that are made when they are needed
  bool block_devices = false;
  std::uint64_t capacity_bytes = 0;
};

struct RecipientPlan {
  std::vector<std::size_t> media;
  FactoryPlan factory;
  policy::Policy policy;
  std::optional<std::int64_t> wall_clock;
  std::size_t receive_buffer_bytes = 212992;
  std::uint32_t trial_limit_s = 600;
  bool unicast = false;
  TimePoint boots_at = TimePoint{};
  double confirms = 0.5;  ///< a healthy image on trial, at a boot
  unsigned attempts = 3;  ///< before the faults end
  bool fixed_address = false;
  bool present = true;
};

/// Seeds from here on have a bus, alone or beside other media.
inline constexpr std::uint64_t kFirstBusSeed = 1'000'000'000;

/// What a run may leave out of its plan, by number: faults first, then donors, then recipients.
using Without = std::set<std::size_t>;

struct Plan {
  std::uint64_t seed = 0;
  std::vector<MediumPlan> media;
  std::vector<DonorPlan> donors;
  std::vector<RecipientPlan> recipients;
  std::vector<Fault> faults;
  /// From now on: no more crashes, cuts, partitions; what donors lie they go on lying.
  TimePoint heals{};

  static Plan from_seed(std::uint64_t seed, const Without& without = {});
  [[nodiscard]] std::size_t parts() const {
    return faults.size() + donors.size() + recipients.size();
  }
  [[nodiscard]] std::string describe() const;
  /// Of a host on a bus.
  [[nodiscard]] Guid bus_guid(std::size_t host) const;
  [[nodiscard]] bool has_fixed_address(std::size_t host) const;
};

}  // namespace fwr::sim
