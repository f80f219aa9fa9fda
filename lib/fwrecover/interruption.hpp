// SPDX-License-Identifier: GPL-3.0-or-later
// What a signal does to an operation: it ends cleanly, and its conclusion says which signal it was.
#pragma once

#include <functional>
#include <vector>

#include "fwrecover/event.hpp"
#include "transport/stopper.hpp"

namespace fwrecover {

/// Asked between the steps of what takes long: true ends it.
using Stop = std::function<bool()>;
using Work = std::function<Conclusion(const Stop&)>;

/// Runs `work` while the signals are caught. One that arrived ends the program that is to be ended:
/// exit code 128 and its number, and what was done all the same is "interrupted", too. A stop that
/// was requested is for this operation only.
[[nodiscard]] Conclusion interruptible(const std::vector<int>& signals, const Work& work,
                                       fwr::transport::Stopper* stopper = nullptr);
/// For what runs until it is stopped: SIGTERM is its good end, another signal is not.
[[nodiscard]] Conclusion until_stopped(const std::vector<int>& signals, const Work& work);
/// A conclusion as the signal changes it.
[[nodiscard]] Conclusion ended_by(int signal, Conclusion conclusion);

}  // namespace fwrecover
