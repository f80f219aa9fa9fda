// SPDX-License-Identifier: GPL-3.0-or-later
// The recipient: health of a system's firmware, and its recovery from donors.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fwrecover/event.hpp"

namespace fwrecover {

/// Where a recipient's configuration comes from: fwrecover.toml(5), then `overrides`.
struct RecipientSource {
  std::string config_path;  ///< empty: the default file, which may be missing
  /// "section.key=value" in TOML, from the command line: wins over the file.
  std::vector<std::string> overrides;
  /// SIGINT, SIGTERM and SIGHUP end what takes long, cleanly and with a conclusion.
  bool handle_signals = true;
};

/// Which donors are asked, and for how long.
struct AskOptions {
  /// Hosts and ranges, "icmb:0x0014@/dev/ttyS1", "serial:/dev/ttyS0", "bt:00:11:22:33:44:55": each
  /// replaces the setting of its medium, such as lan.targets. Empty: as configured.
  std::vector<std::string> targets;
  bool broadcast = true;         ///< false: only who is named, whatever is configured
  std::int64_t deadline_ms = 0;  ///< for all of it, from 1,000 on; 0: policy.deadline
};

struct RequestOptions {
  AskOptions ask = {};
  bool if_needed = false;  ///< do nothing when check() finds the firmware healthy
  /// Take only an image that is newer than the installed one; do nothing, and succeed, when none is
  /// offered. With `if_needed`: when it is not healthy, or a newer one is offered.
  bool if_newer = false;
  bool reinstall = false;  ///< also the very image that is installed and healthy
  bool again = false;      ///< also an image that was rolled back here
  /// Although there is no state record, so that no downgrade can be judged; slots.active says what
  /// the system runs from.
  bool without_record = false;
  /// Also when the active image is on trial and there is one to go back to, which is overwritten.
  bool during_trial = false;
};

struct OffersOptions {
  AskOptions ask = {};
  /// Also judges the signed manifests, in a session with each donor; takes no lease.
  bool verify = false;
};

struct ConfirmOptions {
  /// Only when check() finds nothing wrong and the commands of [health] succeed; does nothing, and
  /// succeeds, when nothing is on trial.
  bool if_healthy = false;
};

struct AdoptOptions {
  std::string manifest_path;
  std::string signature_path;  ///< empty: manifest_path + ".minisig"
  /// "a" or "b": what the system runs from. Empty: what the state record says, then slots.active;
  /// without both slot a, if slot b is blank.
  std::string active;
};

/// One system. Each call is complete when it returns, reports through `observer`, and may be
/// repeated. Not for use by several threads at once, but for stop().
class FWR_API Recipient {
 public:
  explicit Recipient(RecipientSource source);
  ~Recipient();
  Recipient(const Recipient&) = delete;
  Recipient& operator=(const Recipient&) = delete;

  /// Ends what takes long and runs now, or else what comes next: its conclusion is "interrupted",
  /// and what arrived is kept. For any thread, and for a signal handler.
  void stop() noexcept;

  /// Is the active slot readable, signed, whole, new enough, and not past its trial? Events:
  /// "finding", "health".
  Conclusion check(Observer& observer);
  /// Finds donors, chooses, fetches, verifies, activates. Events: "state", "offer", "donor",
  /// "dropped", "progress", "recovered", "activated".
  Conclusion request(const RequestOptions& options, Observer& observer);
  /// Finds donors and judges all images that they offer; accepts none. Events: "offer", "dropped".
  Conclusion offers(Observer& observer);
  /// The same, perhaps as a request would judge them.
  Conclusion offers(const OffersOptions& options, Observer& observer);
  /// Slots and trial. Events: "slot" (one each), "status".
  Conclusion status(Observer& observer);
  /// Recoveries, confirmations and rollbacks so far, oldest first. Events: "history".
  Conclusion history(Observer& observer);
  /// The active slot's trial ends well.
  Conclusion confirm(Observer& observer);
  /// The same, perhaps only when all is well; with health.rollback it goes back when not. Events:
  /// "finding", "health", "rollback", "activated".
  Conclusion confirm(const ConfirmOptions& options, Observer& observer);
  /// Back to the other slot. `if_expired`: only when the trial has run out. Events: "rollback",
  /// "activated".
  Conclusion rollback(bool if_expired, Observer& observer);
  /// Records that the active slot holds the image of a signed manifest, which it is compared with:
  /// firmware that came by another way. Event: "adopted".
  Conclusion adopt(const AdoptOptions& options, Observer& observer);
  /// A manifest file, its signature (empty: manifest + ".minisig") and an image file (empty: none)
  /// against the trusted keys. Event: "verified".
  Conclusion verify(const std::string& manifest_path, const std::string& signature_path,
                    const std::string& image_path, Observer& observer);
  /// Effective settings and where each came from. Events: "setting".
  Conclusion config(Observer& observer);

 private:
  class FWR_LOCAL Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fwrecover
