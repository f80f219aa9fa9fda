// SPDX-License-Identifier: GPL-3.0-or-later
// Determining the need: what was seen of the active firmware, judged. PROTOCOL §1, §7.4;
// fwrecover(8) check.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/types.hpp"
#include "image/manifest.hpp"

namespace fwr::policy {

using fwr::to_text;  // this namespace's own would hide it

/// How far looking at one thing came. It was not looked at when something before it failed.
struct Seen {
  enum class How : std::uint8_t { NotLooked, Good, Bad };
  How how = How::NotLooked;
  std::string why;  ///< of Bad: what is wrong, in words

  [[nodiscard]] static Seen good() { return {How::Good, {}}; }
  [[nodiscard]] static Seen bad(std::string why) { return {How::Bad, std::move(why)}; }
  /// Good, or bad with the error's message.
  template <class T>
  [[nodiscard]] static Seen of(const Result<T>& result) {
    return result ? good() : bad(result.error().message());
  }
};

/// What was seen of a system. Whoever reads record and slots fills it in.
struct Observed {
  std::string active_slot;            ///< for people: "slot a (/dev/mmcblk0p2)"
  Seen record;                        ///< the state record was read
  Seen slot;                          ///< the active slot was read, as far as the manifest's size
  Seen manifest;                      ///< the record has a manifest of it that is valid
  Seen signature;                     ///< a trusted key signed that manifest
  std::optional<Digest> slot_digest;  ///< of what was read; nullopt: it was not read whole
  std::optional<image::Manifest> parsed_manifest;  ///< when `manifest` is good
  std::uint32_t security_floor = 0;                ///< highest ever confirmed (state record)
  std::uint32_t minimum_security_version = 0;      ///< of the policy
  struct Trial {
    bool expired = false;
    std::optional<std::int64_t> ends;  ///< seconds since 1970; nullopt: no limit
  };
  std::optional<Trial> trial;  ///< when the active slot is on trial
};

/// In this order. The names are stable: they appear in JSON.
enum class HealthCheck : std::uint8_t {
  StateRecord,
  Manifest,
  Signature,
  ActiveSlot,
  Digest,
  SecurityVersion,
  Trial
};
inline constexpr std::array<HealthCheck, 7> kHealthChecks{
    HealthCheck::StateRecord, HealthCheck::Manifest, HealthCheck::Signature,
    HealthCheck::ActiveSlot,  HealthCheck::Digest,   HealthCheck::SecurityVersion,
    HealthCheck::Trial};
[[nodiscard]] std::string_view to_text(HealthCheck check);

struct Finding {
  HealthCheck check = HealthCheck::StateRecord;
  bool ok = false;     ///< true only when it was looked at and is as it should be
  bool known = false;  ///< false: it could not be looked at, because of an earlier finding
  std::string words;
};

struct Health {
  std::vector<Finding> findings;  ///< one for each check, in the order of kHealthChecks
  /// Every finding is ok. What is not known is not healthy.
  [[nodiscard]] bool healthy() const;
  /// Ok (0) or ReplacementNeeded (10).
  [[nodiscard]] ExitCode exit_code() const;
  /// One sentence without a full stop: the first finding that is bad decides.
  [[nodiscard]] std::string summary() const;
};

[[nodiscard]] Health assess(const Observed& observed);

}  // namespace fwr::policy
