// SPDX-License-Identifier: GPL-3.0-or-later
// One run: all systems of a plan in virtual time, until every recipient is content and every donor
// has forgotten them.
#pragma once

#include <memory>
#include <vector>

#include "bus_guests.hpp"
#include "chronicle.hpp"
#include "donor_host.hpp"
#include "network.hpp"
#include "outsiders.hpp"
#include "plan.hpp"
#include "recipient_host.hpp"

namespace fwr::sim {

/// What a run gives; a plain value, so that it can go through a pipe.
struct Totals {
  std::uint64_t runs = 0, steps = 0, datagrams = 0, virtual_ms = 0, power_cuts = 0, must = 0;
  Fingerprint fingerprint{};
  std::array<std::uint64_t, kFaultKinds> injected{};
  RecoveryRows recipient_rows{};
  LeaseRows lease_rows{};
  std::array<std::uint64_t, kOutcomes> outcomes{};
  BusCounts bus{};
  void add(const Totals& other);
};

class World {
 public:
  World(const Plan& plan, bool with_lines);
  void run();
  [[nodiscard]] const Chronicle& chronicle() const { return chronicle_; }
  [[nodiscard]] Totals totals() const;

 private:
  void step();
  [[nodiscard]] std::optional<TimePoint> next() const;
  [[nodiscard]] bool settled() const;
  void linger();
  [[nodiscard]] bool carries(std::size_t medium, std::size_t recipient, std::size_t donor) const;
  [[nodiscard]] static bool acceptable(const Release& image, const policy::Policy& policy,
                                       const policy::Situation& situation);
  [[nodiscard]] bool steady(std::size_t recipient, const policy::Policy& policy,
                            const policy::Situation& situation,
                            std::optional<TimePoint> since) const;
  [[nodiscard]] bool was_quiet(std::size_t medium, std::size_t donor, const ReleaseSpec& image,
                               const policy::Policy& policy, TimePoint since) const;

  const Plan& plan_;
  Chronicle chronicle_;
  Network network_;
  std::vector<std::unique_ptr<DonorHost>> donors_;
  std::vector<std::unique_ptr<RecipientHost>> recipients_;
  Outsider outsider_;
  std::vector<std::unique_ptr<UnrulyClient>> clients_;
  std::vector<std::unique_ptr<BusGuest>> guests_;
  std::uint64_t steps_at_once_ = 0;
};

}  // namespace fwr::sim
