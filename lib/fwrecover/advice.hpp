// SPDX-License-Identifier: GPL-3.0-or-later
// What to do next after an error, for the command that failed.
#pragma once

#include <string>
#include <string_view>

#include "fwrecover/event.hpp"

namespace fwrecover {

/// The advice for an error of this name after this command ("fwdiag ping"), where the error table
/// has none that fits: it may name the very command that failed. Empty: that of the table is right.
[[nodiscard]] std::string advice_for(std::string_view code, std::string_view command,
                                     std::string_view message);
/// The conclusion with that advice. One that was already chosen for the place stays.
[[nodiscard]] Conclusion advise(Conclusion conclusion, std::string_view command);

}  // namespace fwrecover
