// SPDX-License-Identifier: GPL-3.0-or-later
// An honest recovery by the real fwrecover, whatever goes on around it.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

#include "donor_process.hpp"

namespace fwr::hostile {

struct Honest {
  Account account = kAlice;
  std::string lan{};     ///< more lines of the section [lan]
  std::string policy{};  ///< more lines of the section [policy]
  /// The address that it asks, as ADDRESS:PORT; empty: the donor.
  std::string target{};
  std::chrono::seconds patience{60};
};

struct Outcome {
  std::optional<int> status;  ///< nothing: it had not ended when the patience was over
  double took_s = 0;
  std::string log;
  std::string slot;  ///< what is in the slot that was not active
};
[[nodiscard]] Outcome recover(DonorProcess& donor, const Honest& honest);
/// Success: the signed image is in the slot that was not active.
[[nodiscard]] ::testing::AssertionResult recovers(DonorProcess& donor, const Honest& honest = {});

}  // namespace fwr::hostile
