// SPDX-License-Identifier: GPL-3.0-or-later
// Makes text of a peer or of a configuration safe for a log, a terminal and the wire.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace fwr {

/// Valid UTF-8 without control characters, invisible characters and characters that change the
/// direction of others; each one of these becomes a question mark.
[[nodiscard]] std::string log_text(ByteView bytes);
/// Printable ASCII of at most so many characters; every other byte becomes a question mark.
[[nodiscard]] std::string ascii_text(std::string_view text, std::size_t most_chars);

}  // namespace fwr
