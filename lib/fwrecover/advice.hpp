// SPDX-License-Identifier: GPL-3.0-or-later
// What to do next after an error, for its subject and for the command that failed.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "fwrecover/event.hpp"

namespace fwrecover {

/// The advice of fwrecover(8), ERROR NAMES.
[[nodiscard]] std::string_view general_advice(fwr::Errc code);
/// The same by the error's name; empty: there is no such error.
[[nodiscard]] std::string_view general_advice(std::string_view code);
/// The advice for an error about this subject; empty: none depends on it.
[[nodiscard]] std::string advice_about(fwr::Errc code, const fwr::Subject& about);
/// The advice for this error after this command ("fwdiag ping"), which the general advice may name.
[[nodiscard]] std::string advice_for(fwr::Errc code, std::string_view command,
                                     std::string_view message);
/// The conclusion with the advice for this command. Advice that is not the general one stays.
[[nodiscard]] Conclusion advise(Conclusion conclusion, std::string_view command);

}  // namespace fwrecover
