// SPDX-License-Identifier: GPL-3.0-or-later
// Choosing among donors: the rules, their order, and their words. PROTOCOL §7.2, §7.3.
#include "policy/policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "policy/words.hpp"

namespace fwr::policy {

namespace {

struct PreferenceName {
  Preference preference;
  std::string_view name;
};
constexpr std::array<PreferenceName, 6> kPreferenceNames{{
    {Preference::SecurityVersion, "security-version"},
    {Preference::Version, "version"},
    {Preference::Role, "role"},
    {Preference::Medium, "medium"},
    {Preference::Load, "load"},
    {Preference::RoundTrip, "rtt"},
}};

/// The text form cannot say "any port": 623 is its default, but a donor may listen elsewhere.
bool has_port(std::string_view entry, const Address& address) {
  if (address.family == AddressFamily::Ipv6) return entry.find("]:") != std::string_view::npos;
  return entry.find('.') != std::string_view::npos &&
         entry.find(':', entry.find('.')) != std::string_view::npos;
}

/// Whether an allow or deny entry means this donor. An address without a port means each port, and
/// one without an interface each interface.
bool names(const std::string& entry, const Candidate& candidate) {
  if (const auto guid = parse_guid(entry)) return *guid == candidate.donor;
  const auto address = parse_address(entry);
  if (!address) return false;
  const Address& peer = candidate.path.peer;
  if (address->family != peer.family || address->bytes != peer.bytes) return false;
  if (address->scope != 0 && address->scope != peer.scope) return false;
  return address->port == peer.port || !has_port(entry, *address);
}

const std::string* find_entry(const std::vector<std::string>& entries, const Candidate& candidate) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const std::string& entry) {
    return names(entry, candidate);
  });
  return found == entries.end() ? nullptr : &*found;
}

/// What offer and manifest both state of an image, so that one set of rules judges both.
struct Facts {
  std::uint32_t security_version;
  const std::string& version;
  std::uint64_t size_bytes;
};

std::optional<Error> judge_age(const Policy& policy, const Situation& situation,
                               const Facts& image) {
  const std::uint32_t security = image.security_version;
  if (security < situation.security_floor)
    return Error{Errc::ImageTooOld,
                 fmt::format("security version {} is below the floor {}, the highest that was "
                             "confirmed on this system",
                             security, situation.security_floor)};
  if (security < policy.minimum_security_version)
    return Error{Errc::ImageTooOld,
                 fmt::format("security version {} is below {}, the policy's minimum", security,
                             policy.minimum_security_version)};
  if (policy.pinned_version && image.version != *policy.pinned_version)
    return Error{Errc::ImageIncompatible, fmt::format("version {} is not {}, which the policy pins",
                                                      image.version, *policy.pinned_version)};
  const auto& confirmed =
      situation.confirmed_version ? situation.confirmed_version : situation.installed_version;
  if (!policy.allow_downgrade && confirmed &&
      image::compare_versions(image.version, *confirmed) < 0)
    return Error{
        Errc::ImageTooOld,
        fmt::format("version {} is older than {}, which {}, and the policy does not "
                    "allow a downgrade",
                    image.version, *confirmed,
                    confirmed == situation.installed_version ? "is installed"
                                                             : "was confirmed on this system")};
  return std::nullopt;
}

/// An image that was left does not come back by itself.
std::optional<Error> judge_failed(const Situation& situation, const Digest& digest) {
  const auto found = std::find_if(situation.failed.begin(), situation.failed.end(),
                                  [&](const FailedImage& image) { return image.digest == digest; });
  if (found == situation.failed.end()) return std::nullopt;
  return Error{Errc::ImageFailedBefore,
               fmt::format("this image {}{}{}", found->why, found->when > 0 ? " on " : "",
                           found->when > 0 ? date_words(found->when) : "")};
}

/// Why there is no need for this image, although it is acceptable.
std::optional<std::string> refuse_as_installed(const Policy& policy, const Situation& situation,
                                               const Candidate& candidate) {
  if (situation.healthy_image == candidate.digest)
    return fmt::format("this image, version {}, is installed and healthy", candidate.version);
  // That a downgrade is allowed does not make it wanted, as one that the policy pins is.
  if (situation.healthy_image && policy.allow_downgrade && !policy.pinned_version &&
      situation.installed_version && candidate.security_version <= situation.installed_security &&
      image::compare_versions(candidate.version, *situation.installed_version) < 0)
    return fmt::format("version {} is older than {}, which is installed and healthy",
                       candidate.version, *situation.installed_version);
  if (!situation.only_newer || !situation.installed_version) return std::nullopt;
  const bool newer =
      candidate.security_version != situation.installed_security
          ? candidate.security_version > situation.installed_security
          : image::compare_versions(candidate.version, *situation.installed_version) > 0;
  if (newer) return std::nullopt;
  return fmt::format(
      "version {} with security version {} is not newer than {} with {}, which is "
      "installed",
      candidate.version, candidate.security_version, *situation.installed_version,
      situation.installed_security);
}

std::optional<Error> judge_size(const Situation& situation, std::uint64_t size_bytes) {
  if (size_bytes > situation.slot_capacity_bytes)
    return Error{Errc::ImageTooLarge, fmt::format("the image has {} bytes, the slot holds {}",
                                                  size_bytes, situation.slot_capacity_bytes)};
  return std::nullopt;
}

/// The donor itself, whatever it offers.
std::optional<std::string> refuse_donor(const Policy& policy, const Candidate& candidate) {
  if (const std::string* entry = find_entry(policy.deny, candidate))
    return fmt::format("the policy denies this donor, as {}", *entry);
  if (!policy.allow.empty() && find_entry(policy.allow, candidate) == nullptr)
    return fmt::format("donor {} at {} is not on the policy's list of allowed donors",
                       to_text(candidate.donor), to_text(candidate.path.peer));
  if (policy.required_role && candidate.role != *policy.required_role)
    return fmt::format("the donor is a {}, and the policy requires a {}",
                       role_words(candidate.role), role_words(*policy.required_role));
  if ((policy.allowed_media & static_cast<std::uint8_t>(candidate.medium)) == 0)
    return fmt::format("the offer came over the medium {}, and the policy allows {}",
                       to_text(candidate.medium), media_words(policy.allowed_media));
  if (policy.authenticated && !candidate.authenticated)
    return fmt::format(
        "the offer came over the medium {}, on which nobody proves who it is, and the policy "
        "requires donors that do",
        to_text(candidate.medium));
  return std::nullopt;
}

/// The texts and numbers of an offer that no manifest could have.
std::optional<std::string> refuse_claim(const Situation& situation, const Candidate& candidate) {
  // Not repeated in the reason: whoever sends such a text may aim at the terminal that shows it.
  if (!image::is_version(candidate.version)) return "the offer's version is not a version";
  if (!image::is_component(candidate.component)) return "the offer's component is not a name";
  if (candidate.component != situation.platform.component)
    return fmt::format("component: image \"{}\", system \"{}\"", candidate.component,
                       situation.platform.component);
  if (candidate.size_bytes < 1 || candidate.size_bytes > image::kImageLimit_bytes)
    return fmt::format("an image has 1 to {} bytes, the offer says {}", image::kImageLimit_bytes,
                       candidate.size_bytes);
  return std::nullopt;
}

/// Negative: `a` is preferred.
template <class T>
int smaller_first(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

int compare_by(Preference preference, const Policy& policy, const Candidate& a,
               const Candidate& b) {
  switch (preference) {
    case Preference::SecurityVersion: return smaller_first(b.security_version, a.security_version);
    case Preference::Version: return image::compare_versions(b.version, a.version);
    case Preference::Role:
      return smaller_first(a.role != policy.preferred_role, b.role != policy.preferred_role);
    case Preference::Medium:
      return smaller_first(media_rank(policy, a.medium), media_rank(policy, b.medium));
    case Preference::Load: return smaller_first(a.load_percent, b.load_percent);
    case Preference::RoundTrip: return smaller_first(a.round_trip, b.round_trip);
  }
  return 0;
}

std::string describe(Preference preference, const Candidate& candidate) {
  switch (preference) {
    case Preference::SecurityVersion:
      return fmt::format("security version {}", candidate.security_version);
    case Preference::Version: return fmt::format("version {}", candidate.version);
    case Preference::Role: return std::string(role_words(candidate.role));
    case Preference::Medium: return std::string(to_text(candidate.medium));
    case Preference::Load: return fmt::format("load {} %", candidate.load_percent);
    case Preference::RoundTrip:
      return fmt::format("round trip {:.1f} ms",
                         static_cast<double>(candidate.round_trip.count()) / 1000);
  }
  return {};
}

std::string ranked_by(const Policy& policy, const Candidate& candidate) {
  std::string words;
  for (const Preference preference : policy.order)
    words += (words.empty() ? "" : ", ") + describe(preference, candidate);
  return words.empty() ? "acceptable" : words;
}

template <class T>
std::optional<Error> contradiction(std::string_view what, const T& offered, const T& signed_value) {
  if (offered == signed_value) return std::nullopt;
  return Error{Errc::BadManifest, fmt::format("{}: the donor's offer says {}, its manifest {}",
                                              what, offered, signed_value)};
}

std::optional<Error> judge_claim(const Candidate& claimed, const image::Manifest& manifest) {
  if (auto e = contradiction("digest", to_text(claimed.digest), to_text(manifest.digest))) return e;
  if (auto e = contradiction("component", claimed.component, manifest.component)) return e;
  if (auto e =
          contradiction("security version", claimed.security_version, manifest.security_version))
    return e;
  if (auto e = contradiction("version", claimed.version, manifest.version)) return e;
  return contradiction("size", claimed.size_bytes, manifest.size_bytes);
}

/// A clock that stands still or was set back is behind what was seen before.
std::int64_t trusted_time(const Situation& situation) {
  return std::max(situation.wall_clock.value_or(0), situation.newest_time);
}

std::optional<Error> judge_expiry(const Policy& policy, const Situation& situation,
                                  const image::Manifest& manifest) {
  if (!manifest.expires || policy.allow_expired) return std::nullopt;
  const std::int64_t now = trusted_time(situation);
  if (now <= manifest.created || now < *manifest.expires) return std::nullopt;
  const bool by_clock = situation.wall_clock && *situation.wall_clock == now;
  return Error{
      Errc::ImageExpired,
      fmt::format("version {} expired on {}, and {} {}", manifest.version,
                  date_words(*manifest.expires),
                  by_clock ? "this system's clock says"
                           : "although this system's clock is behind, its state record has seen",
                  date_words(now))};
}

}  // namespace

std::vector<Preference> default_order() {
  return {Preference::SecurityVersion, Preference::Version, Preference::Role,
          Preference::Medium,          Preference::Load,    Preference::RoundTrip};
}

std::vector<Medium> default_media_order() {
  return {Medium::Wired, Medium::Wireless, Medium::Bluetooth, Medium::Serial, Medium::Icmb};
}

std::size_t media_rank(const Policy& policy, Medium medium) {
  const auto place = std::find(policy.media_order.begin(), policy.media_order.end(), medium);
  return static_cast<std::size_t>(place - policy.media_order.begin());
}

std::optional<Preference> parse_preference(std::string_view name) {
  const auto found = std::find_if(kPreferenceNames.begin(), kPreferenceNames.end(),
                                  [&](const PreferenceName& row) { return row.name == name; });
  if (found == kPreferenceNames.end()) return std::nullopt;
  return found->preference;
}

std::string_view to_text(Preference preference) {
  const auto found =
      std::find_if(kPreferenceNames.begin(), kPreferenceNames.end(),
                   [&](const PreferenceName& row) { return row.preference == preference; });
  return found == kPreferenceNames.end() ? "" : found->name;
}

bool names_a_donor(std::string_view entry) {
  return parse_guid(entry) || parse_address(entry);
}

Result<> validate(const Policy& policy) {
  for (const auto* list : {&policy.allow, &policy.deny})
    for (const std::string& entry : *list)
      if (!names_a_donor(entry))
        return fail(Errc::BadConfiguration,
                    fmt::format("policy.{}: \"{}\" is neither a GUID nor an address",
                                list == &policy.allow ? "allow" : "deny", entry));
  if (policy.pinned_version && !image::is_version(*policy.pinned_version))
    return fail(Errc::BadConfiguration,
                fmt::format("policy.version: \"{}\" is not a version, which has 1 to 31 "
                            "characters of A-Z a-z 0-9 . _ + ~ -",
                            *policy.pinned_version));
  for (auto at = policy.order.begin(); at != policy.order.end(); ++at)
    if (std::find(policy.order.begin(), at, *at) != at)
      return fail(Errc::BadConfiguration,
                  fmt::format("policy.prefer: \"{}\" is there twice", to_text(*at)));
  return {};
}

Verdict judge(const Policy& policy, const Situation& situation, const Candidate& candidate) {
  if (auto why = refuse_donor(policy, candidate)) return {false, std::move(*why)};
  if (auto why = refuse_claim(situation, candidate)) return {false, std::move(*why)};
  const Facts facts{candidate.security_version, candidate.version, candidate.size_bytes};
  // What comes next in a donor's order has no higher security version.
  const bool high_enough =
      facts.security_version >= std::max(situation.security_floor, policy.minimum_security_version);
  if (auto error = judge_age(policy, situation, facts))
    return {false, std::move(error->detail), false, high_enough};
  if (auto error = judge_size(situation, candidate.size_bytes))
    return {false, std::move(error->detail), false, true};
  if (auto error = judge_failed(situation, candidate.digest))
    return {false, std::move(error->detail), false, true};
  if (auto why = refuse_as_installed(policy, situation, candidate))
    return {false, std::move(*why), true};
  return {true, ranked_by(policy, candidate)};
}

bool is_better(const Policy& policy, const Candidate& a, const Candidate& b) {
  for (const Preference preference : policy.order)
    if (const int order = compare_by(preference, policy, a, b); order != 0) return order < 0;
  if (a.donor != b.donor) return a.donor < b.donor;
  return a.path < b.path;
}

std::vector<std::size_t> rank(const Policy& policy, const Situation& situation,
                              std::span<const Candidate> candidates) {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < candidates.size(); ++i)
    if (judge(policy, situation, candidates[i]).accepted) indices.push_back(i);
  std::stable_sort(indices.begin(), indices.end(), [&](std::size_t a, std::size_t b) {
    return is_better(policy, candidates[a], candidates[b]);
  });
  return indices;
}

std::optional<Error> judge_manifest(const Policy& policy, const Situation& situation,
                                    const Candidate& claimed, const image::Manifest& manifest) {
  if (auto error = judge_claim(claimed, manifest)) return error;
  if (auto why = image::incompatibility(manifest, situation.platform))
    return Error{Errc::ImageIncompatible, std::move(*why)};
  const Facts facts{manifest.security_version, manifest.version, manifest.size_bytes};
  if (auto error = judge_age(policy, situation, facts)) return error;
  const auto& installed =
      situation.installed_version ? situation.installed_version : situation.confirmed_version;
  if (manifest.minimum_version && installed &&
      image::compare_versions(*installed, *manifest.minimum_version) < 0)
    return Error{Errc::ImageIncompatible,
                 fmt::format("it can be installed over version {} or later, and {} is installed",
                             *manifest.minimum_version, *installed)};
  if (auto error = judge_expiry(policy, situation, manifest)) return error;
  if (auto error = judge_failed(situation, manifest.digest)) return error;
  return judge_size(situation, manifest.size_bytes);
}

bool expiry_is_judged(const Situation& situation, const image::Manifest& manifest) {
  return !manifest.expires || trusted_time(situation) > manifest.created;
}

std::optional<std::string> unjudged_gates(const Policy& policy, const Situation& situation) {
  if (policy.allow_downgrade || situation.confirmed_version || situation.installed_version)
    return std::nullopt;
  return fmt::format(
      "no version was ever confirmed here, as far as the state record says: whether an image is a "
      "downgrade is not judged, and its security version only by "
      "policy.minimum_security_version, which is {}",
      policy.minimum_security_version);
}

}  // namespace fwr::policy
