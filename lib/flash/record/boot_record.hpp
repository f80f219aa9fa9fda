// SPDX-License-Identifier: GPL-3.0-or-later
// The state record: which slot boots, what each holds, and the trial. PROTOCOL §7.4. Pure: bytes
// in, values out.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/types.hpp"

namespace fwr::flash {

enum class SlotId : std::uint8_t { A = 0, B = 1 };
[[nodiscard]] constexpr SlotId other(SlotId slot) {
  return slot == SlotId::A ? SlotId::B : SlotId::A;
}
[[nodiscard]] std::string_view to_text(SlotId slot);  ///< "a", "b"

enum class SlotState : std::uint8_t { Empty, Writing, Verified, Trial, Good, Bad };
[[nodiscard]] std::string_view to_text(SlotState state);

struct SlotInfo {
  SlotState state = SlotState::Empty;
  std::string manifest;   ///< canonical JSON; empty when nothing is known
  std::string signature;  ///< minisign text
  friend bool operator==(const SlotInfo&, const SlotInfo&) = default;
};

struct Trial {
  /// The slot that was active before; the active one itself when what it could go back to is gone.
  SlotId previous = SlotId::A;
  std::int64_t began = 0;     ///< seconds since 1970-01-01 UTC
  std::uint32_t limit_s = 0;  ///< 0: no limit
  friend bool operator==(const Trial&, const Trial&) = default;
};

/// Why an image is not to come back by itself.
enum class FailureReason : std::uint8_t { RolledBack, TrialRanOut, Unhealthy };
[[nodiscard]] std::string_view to_text(FailureReason reason);  ///< "trial-ran-out"

/// An image that ran here and was left.
struct FailedImage {
  Digest digest{};
  std::string version;
  std::int64_t when = 0;  ///< seconds since 1970-01-01 UTC; 0: the clock was not set
  FailureReason reason = FailureReason::RolledBack;
  friend bool operator==(const FailedImage&, const FailedImage&) = default;
};
inline constexpr std::size_t kFailedImages = 16;  ///< the oldest gives way

struct BootRecord {
  std::uint64_t generation = 0;  ///< 0: nothing was ever recorded, also not which slot is active
  SlotId active = SlotId::A;
  std::array<SlotInfo, 2> slots;
  std::optional<Trial> trial;
  std::uint32_t security_floor = 0;  ///< highest security version ever confirmed
  /// Version of the image that was last confirmed, adopted or gone back to, whatever keys are
  /// trusted now; empty: none is known.
  std::string confirmed_version;
  /// The newest time that anything trusted showed: a plausible clock when the record changed, and
  /// `created` of each manifest that was verified. Seconds since 1970-01-01 UTC; never falls.
  std::int64_t newest_time = 0;
  std::vector<FailedImage> failed;  ///< oldest first; a digest is there once
  [[nodiscard]] SlotInfo& slot(SlotId id) { return slots[static_cast<std::size_t>(id)]; }
  [[nodiscard]] const SlotInfo& slot(SlotId id) const {
    return slots[static_cast<std::size_t>(id)];
  }
  friend bool operator==(const BootRecord&, const BootRecord&) = default;
};

inline constexpr std::size_t kRecordCopy_bytes = 65536;
inline constexpr std::size_t kRecordCopies = 2;

/// What no record may be, in words: the active slot is never being written, only the active slot
/// is on trial. nullopt: it holds all rules.
[[nodiscard]] std::optional<std::string> broken_rule(const BootRecord& record);

/// One copy, exactly kRecordCopy_bytes. A manifest and a signature within their limits (§5.3)
/// always fit. Errors: LimitExceeded when the payload does not fit; Internal when a rule is broken.
[[nodiscard]] Result<Bytes> encode_copy(const BootRecord& record);
/// Errors: CorruptState, saying why; NewerState for a format that is not known here.
[[nodiscard]] Result<BootRecord> decode_copy(ByteView copy);
/// The copy with the highest generation among those whose hash is right. One that is whole but not
/// understood is never passed over for an older one. Errors: CorruptState, also when neither hash
/// is right; NewerState.
struct Chosen {
  BootRecord record;
  std::size_t copy = 0;  ///< which one; the other is written next
};
[[nodiscard]] Result<Chosen> choose_copy(ByteView copy0, ByteView copy1);

// The only changes that a record ever sees (PROTOCOL §7.4). Each gives a new record, generation
// + 1. `now`: seconds since 1970-01-01 UTC, 0 while the clock is not set.
/// The inactive slot is given to a new image; what it held is gone, also for a trial.
[[nodiscard]] BootRecord begin_writing(BootRecord record, std::string manifest,
                                       std::string signature);
/// The inactive slot was written and read back whole. One that is not being written stays as it is.
[[nodiscard]] BootRecord mark_verified(BootRecord record);
/// Also for the active slot; a trial goes on, so that it still ends by going back.
[[nodiscard]] BootRecord mark_bad(BootRecord record, SlotId slot);
/// The verified inactive slot becomes active, on trial. Errors: Internal when it is not verified.
[[nodiscard]] Result<BootRecord> activate(BootRecord record, std::int64_t now,
                                          std::uint32_t trial_limit_s);
/// Errors: NothingOnTrial, also when the image on trial was found bad. Raises the security floor to
/// `security_version`.
[[nodiscard]] Result<BootRecord> confirm(BootRecord record, std::uint32_t security_version,
                                         std::int64_t now = 0);
/// Why and when an image is left.
struct Failure {
  FailureReason reason = FailureReason::RolledBack;
  std::int64_t when = 0;
};
/// Back to the slot before the trial, or to the other slot if it holds a good image. What was on
/// trial is bad from then on. A slot whose own trial had not ended when it was left is on trial
/// again, without a limit. The image that is left is remembered as failed. Errors: NoPreviousImage.
[[nodiscard]] Result<BootRecord> roll_back(BootRecord record, Failure failure = {});
/// `slot` is what the system runs from, and holds the image of this manifest: found out by reading
/// it. It is active and good from then on. Raises the security floor. Errors: OnTrial.
[[nodiscard]] Result<BootRecord> adopt(BootRecord record, SlotId slot, SlotInfo holds,
                                       std::uint32_t security_version, std::int64_t now = 0);
/// False when there is no trial, no limit, or the clock is earlier than the trial's begin (a dead
/// clock must not roll back).
[[nodiscard]] bool trial_expired(const BootRecord& record, std::int64_t now);

}  // namespace fwr::flash
