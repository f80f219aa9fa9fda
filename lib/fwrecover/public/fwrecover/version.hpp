// SPDX-License-Identifier: GPL-3.0-or-later
// Which libfwrecover a program runs with.
#pragma once

#include <cstdint>
#include <string_view>

#include "fwrecover/export.hpp"

namespace fwrecover {

/// The version of the library, such as "0.1.0".
FWR_API std::string_view library_version() noexcept;

/// The IANA enterprise number that the library was configured with (24 bits).
FWR_API std::uint32_t default_iana_pen() noexcept;

/// The configuration file of a recipient that is read when none is named: in the --sysconfdir that
/// the library was configured with.
FWR_API std::string_view default_recipient_file() noexcept;

/// The same of a donor.
FWR_API std::string_view default_donor_file() noexcept;

}  // namespace fwrecover
