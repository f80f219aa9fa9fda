// SPDX-License-Identifier: GPL-3.0-or-later
// Text of a peer or of a configuration, made safe for a log and for the wire.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace fwr::donor {

/// Valid UTF-8 without control characters, and without characters that nobody sees or that change
/// the direction of others: whatever else it had is a question mark.
[[nodiscard]] std::string log_text(ByteView bytes);
/// Printable ASCII, at most 31 characters (PROTOCOL §5.8).
[[nodiscard]] std::string donor_name(std::string_view name);

}  // namespace fwr::donor
