// SPDX-License-Identifier: GPL-3.0-or-later
// What a signal does to an operation.
#include "fwrecover/interruption.hpp"

#include <csignal>
#include <string>

#include "base/error.hpp"
#include "transport/signals.hpp"

namespace fwrecover {
namespace {

constexpr int kSignalled = 128;  // as shells say it

}  // namespace

Conclusion ended_by(int signal, Conclusion conclusion) {
  if (conclusion.ok()) conclusion.code = fwr::info(fwr::Errc::Interrupted).name;
  conclusion.exit_code = kSignalled + signal;
  return conclusion;
}

Conclusion interruptible(const std::vector<int>& signals, const Work& work,
                         fwr::transport::Stopper* stopper) {
  fwr::transport::Signals caught(signals);
  Conclusion done =
      work([&] { return caught.arrived() || (stopper != nullptr && stopper->requested()); });
  if (caught.arrived()) done = ended_by(caught.number(), std::move(done));
  if (stopper != nullptr) stopper->clear();
  return done;
}

Conclusion until_stopped(const std::vector<int>& signals, const Work& work) {
  fwr::transport::Signals caught(signals);
  Conclusion done = work([&] { return caught.arrived(); });
  const bool stopped = caught.arrived() && caught.number() == SIGTERM;
  return caught.arrived() && !(stopped && done.ok()) ? ended_by(caught.number(), std::move(done))
                                                     : done;
}

}  // namespace fwrecover
