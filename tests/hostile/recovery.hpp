// SPDX-License-Identifier: GPL-3.0-or-later
// An honest recovery by the real fwrecover, whatever goes on around it.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "donor_process.hpp"

namespace fwr::hostile {

struct Honest {
  Account account = kAlice;
  std::string lan{};     ///< more lines of the section [lan]
  std::string policy{};  ///< more lines of the section [policy]
  std::chrono::seconds patience{60};
};

/// Success: the signed image is in the slot that was not active.
[[nodiscard]] ::testing::AssertionResult recovers(DonorProcess& donor, const Honest& honest = {});

}  // namespace fwr::hostile
