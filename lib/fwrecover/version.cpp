// SPDX-License-Identifier: GPL-3.0-or-later
// Which libfwrecover a program runs with: what configure wrote down.
#include "fwrecover/version.hpp"

#include "config.h"

namespace fwrecover {

std::string_view library_version() noexcept {
  return PACKAGE_VERSION;
}

std::uint32_t default_iana_pen() noexcept {
  return FWR_IANA_PEN;
}

std::string_view default_recipient_file() noexcept {
  return FWR_SYSCONFDIR "/fwrecover/fwrecover.toml";
}

std::string_view default_donor_file() noexcept {
  return FWR_SYSCONFDIR "/fwrecover/fwdonord.toml";
}

}  // namespace fwrecover
