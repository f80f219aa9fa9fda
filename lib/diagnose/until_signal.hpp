// SPDX-License-Identifier: GPL-3.0-or-later
// How the commands of fwdiag end at a signal.
#pragma once

#include <csignal>

#include "fwrecover/diagnostics.hpp"
#include "fwrecover/interruption.hpp"

namespace fwrecover {

inline Conclusion until_signal(Conclusion (*run)(const DiagOptions&, Observer&),
                               const DiagOptions& options, Observer& observer) {
  return interruptible({SIGINT, SIGTERM}, [&](const Stop&) { return run(options, observer); });
}

/// Each image that a donor has for one system, without a session.
[[nodiscard]] Conclusion walk_offers(const DiagOptions& options, Observer& observer);

}  // namespace fwrecover
