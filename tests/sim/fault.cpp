// SPDX-License-Identifier: GPL-3.0-or-later
// The names of the faults.
#include "fault.hpp"

#include <fmt/format.h>

#include "chronicle.hpp"

namespace fwr::sim {
namespace {

constexpr std::array<std::string_view, kFaultKinds> kNames{
    "drop",
    "duplicate",
    "reorder",
    "delay",
    "truncate",
    "bit-flip",
    "stale-reply",
    "partition",
    "link-death",
    "bus-noise",
    "bus-flaps",
    "node-cut",
    "babble",
    "echo-loss",
    "address-collision",
    "bus-talk",
    "bus-garbage",
    "bus-stranger",
    "bus-forger",
    "donor-crash",
    "donor-dies-talking",
    "withdraw",
    "slow-donor",
    "trickling-donor",
    "lie-wrong-block",
    "lie-wrong-tree",
    "lie-wrong-manifest",
    "lie-foreign-manifest",
    "lie-wrong-signature",
    "lie-older-image",
    "lie-endless-busy",
    "lie-wrong-sizes",
    "lie-garbage",
    "lie-wrong-segments",
    "lie-silent",
    "lie-unreadable",
    "lie-other-platform",
    "lie-ends-leases",
    "forged-offers",
    "forged-own-name",
    "garbage",
    "unruly-client",
    "clock-jump",
    "kill",
    "kill-at-operation",
    "abort",
    "power-cut-at-operation",
    "power-cut-at-input",
    "power-cut-at-time",
    "flash-write-error",
    "flash-read-error",
    "flash-full",
    "flash-rot",
};

std::string host_text(std::size_t host) {
  if (host >= kFirstGuest) return fmt::format("guest {}", host - kFirstGuest);
  if (host >= kOutsider) return "outsider";
  if (host >= kFirstDonor) return fmt::format("donor {}", host - kFirstDonor);
  return fmt::format("recipient {}", host);
}

double seconds(TimePoint at) {
  return std::chrono::duration<double>(at - kBegin).count();
}

}  // namespace

std::string_view to_text(FaultKind kind) {
  return kNames.at(static_cast<std::size_t>(kind));
}

std::string to_text(const Fault& fault) {
  std::string text = fmt::format("{} {:.3f}..", to_text(fault.kind), seconds(fault.from));
  text += fault.until == TimePoint::max() ? std::string("for ever")
                                          : fmt::format("{:.3f} s", seconds(fault.until));
  if (fault.medium) text += fmt::format(" medium {}", *fault.medium);
  if (fault.source) text += " from " + host_text(*fault.source);
  if (fault.target) text += " at " + host_text(*fault.target);
  if (fault.probability < 1) text += fmt::format(" p={:.3g}", fault.probability);
  if (fault.amount != Duration::zero())
    text += fmt::format(" {:.3f} s", std::chrono::duration<double>(fault.amount).count());
  if (fault.count != 0) text += fmt::format(" no. {}", fault.count);
  return text;
}

}  // namespace fwr::sim
