// SPDX-License-Identifier: GPL-3.0-or-later
// Choosing among donors: pure decisions, each with its reason in words. PROTOCOL §1,
// fwrecover.toml(5) [policy].
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/error.hpp"
#include "base/types.hpp"
#include "image/manifest.hpp"

namespace fwr::policy {

using fwr::to_text;  // this namespace's own would hide it

/// What the ordered preference list may name; the first that differs decides.
enum class Preference : std::uint8_t { SecurityVersion, Version, Role, Medium, Load, RoundTrip };
[[nodiscard]] std::optional<Preference> parse_preference(
    std::string_view name);  ///< "security-version", "version", "role", "medium", "load", "rtt"
[[nodiscard]] std::string_view to_text(Preference preference);

/// Wired, wireless, Bluetooth, serial, ICMB: faster and steadier media first.
[[nodiscard]] std::vector<Medium> default_media_order();

/// Security version, version, role, medium, load, round-trip time.
[[nodiscard]] std::vector<Preference> default_order();

struct Policy {
  // requirements
  std::uint32_t minimum_security_version = 0;
  std::optional<DonorRole> required_role;
  std::uint8_t allowed_media = 0xff;  ///< bits of Medium
  bool authenticated = false;         ///< only over links on which a donor proves who it is
  /// GUID or address ("lan:10.0.0.7"); empty: all. Without a port in the text, every port.
  std::vector<std::string> allow;
  std::vector<std::string> deny;  ///< wins over allow
  bool allow_downgrade =
      false;  ///< an older marketing version of the same or a higher security version
  std::optional<std::string> pinned_version;
  bool allow_expired = false;  ///< also an image whose manifest has expired
  // preferences
  std::vector<Preference> order = default_order();
  std::vector<Medium> media_order = default_media_order();  ///< best first; others come last
  DonorRole preferred_role = DonorRole::Console;
  /// While it fetches over a medium that ranks lower than another: ask again there, and go back.
  bool return_to_better = true;
  std::chrono::seconds return_after{60};  ///< how long it stays before it asks; PROTOCOL §14
  // limits (PROTOCOL §8.1)
  std::chrono::milliseconds offer_window{3000};
  unsigned donors_tried = 256;
  std::chrono::seconds deadline{3600};
};

/// An offer as the policy sees it: what the donor claims and what we measured.
struct Candidate {
  Path path;
  Medium medium = Medium::Wired;  ///< of the link on which it came
  bool authenticated = true;      ///< in a session, or by the link
  Guid donor{};
  DonorRole role = DonorRole::Console;
  std::uint8_t load_percent = 0;
  std::chrono::microseconds round_trip{0};
  Digest digest{};
  std::uint32_t security_version = 0;
  std::string version;
  std::string component;
  std::uint64_t size_bytes = 0;
};

/// An image that ran here and was left.
struct FailedImage {
  Digest digest{};
  std::int64_t when = 0;  ///< seconds since 1970; 0: not known
  std::string why;        ///< "was rolled back by the administrator"
};

/// What the recipient is and has.
struct Situation {
  Platform platform;
  std::uint64_t slot_capacity_bytes = 0;
  std::uint32_t security_floor = 0;  ///< highest ever confirmed (state record)
  /// Of the active slot's manifest in the record: it was verified when it came there, and a key
  /// that is not trusted any more does not make the version another.
  std::optional<std::string> installed_version;
  std::optional<std::string>
      confirmed_version;  ///< what was confirmed, adopted or gone back to last
  /// The active image, when it was looked at and is whole and healthy: to take it again is no
  /// recovery.
  std::optional<Digest> healthy_image;
  std::uint32_t installed_security = 0;    ///< of the active slot's manifest
  bool only_newer = false;                 ///< refuse what is not newer than the installed image
  std::vector<FailedImage> failed;         ///< refused; empty when the administrator insists
  std::optional<std::int64_t> wall_clock;  ///< seconds since 1970; nullopt: no usable clock
  std::int64_t newest_time = 0;            ///< that anything trusted showed (state record)
};

/// Accepted, or refused with the reason: "security version 3 is below the floor 5".
struct Verdict {
  bool accepted = false;
  std::string reason;  ///< of a refusal; of an acceptance, what it was ranked by
  /// Refused only because the installed image is as good.
  bool installed = false;
  /// Refused for this image, not for its donor: the next one in the donor's order may do.
  bool next_may_do = false;
};

/// Whether an entry of `allow` or `deny` is a GUID or an address.
[[nodiscard]] bool names_a_donor(std::string_view entry);

/// Errors: BadConfiguration, naming the setting. What it passes, judge() understands: an entry of
/// `allow` or `deny` that is neither GUID nor address would match nothing.
[[nodiscard]] Result<> validate(const Policy& policy);

[[nodiscard]] Verdict judge(const Policy& policy, const Situation& situation,
                            const Candidate& candidate);
/// Indices of the acceptable candidates, best first. Deterministic: ties go by GUID, then path.
[[nodiscard]] std::vector<std::size_t> rank(const Policy& policy, const Situation& situation,
                                            std::span<const Candidate> candidates);
/// Whether the policy prefers `a` to `b`. A total order: ties go by GUID, then path.
[[nodiscard]] bool is_better(const Policy& policy, const Candidate& a, const Candidate& b);
/// Where a medium stands in the policy's order: lower is better.
[[nodiscard]] std::size_t media_rank(const Policy& policy, Medium medium);
/// The same rules on the signed manifest: component, platform, security version, minimum version,
/// expiry, size, and that it is what the offer claimed. nullopt: acceptable.
[[nodiscard]] std::optional<Error> judge_manifest(const Policy& policy, const Situation& situation,
                                                  const Candidate& claimed,
                                                  const image::Manifest& manifest);

/// Whether anything says that it is later than `created`; without, `expires` says nothing.
[[nodiscard]] bool expiry_is_judged(const Situation& situation, const image::Manifest& manifest);
/// What could not be judged because nothing says which version was confirmed here; nullopt: all.
[[nodiscard]] std::optional<std::string> unjudged_gates(const Policy& policy,
                                                        const Situation& situation);

}  // namespace fwr::policy
