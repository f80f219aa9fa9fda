// SPDX-License-Identifier: GPL-3.0-or-later
// The catalogue of a donor: manifests in, images in and out.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/log_text.hpp"
#include "base/parse.hpp"
#include "donor/catalogue_review.hpp"
#include "fwrecover/advice.hpp"
#include "fwrecover/conclude.hpp"
#include "fwrecover/donor.hpp"
#include "fwrecover/output_file.hpp"
#include "fwrecover/version.hpp"
#include "image/image_file.hpp"
#include "settings/donor_config.hpp"
#include "transport/clock.hpp"

namespace fwrecover {
namespace {

using fwr::Errc;
using fwr::Error;
using fwr::Result;
using fwr::donor::DirectoryCatalogue;
using fwr::donor::Entry;
using fwr::image::Manifest;
using fwr::image::PlatformMatch;

std::optional<std::uint32_t> parse_up_to(std::string_view text, std::uint32_t limit) {
  const auto value = fwr::parse_number(text);
  if (!value || *value > limit) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

tl::unexpected<Error> bad_platform(std::string_view text, std::string_view why) {
  return fwr::fail(Errc::BadUsage, fmt::format("platform '{}': {}", text, why));
}

Result<PlatformMatch::RevisionRange> parse_revision(std::string_view whole, std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto low = parse_up_to(text.substr(0, dash), 255);
  const auto high = dash == std::string_view::npos ? low : parse_up_to(text.substr(dash + 1), 255);
  if (!low || !high || *low > *high)
    return bad_platform(whole, "revision is a number or LOW-HIGH, from 0 to 255");
  return PlatformMatch::RevisionRange{static_cast<std::uint8_t>(*low),
                                      static_cast<std::uint8_t>(*high)};
}

/// One "key=value". What is there already must not be given again.
Result<> take_pair(std::string_view whole, std::string_view pair, PlatformMatch& match) {
  const std::size_t equals = pair.find('=');
  const std::string_view key = pair.substr(0, equals);
  if (equals == std::string_view::npos)
    return bad_platform(whole, fmt::format("'{}' is not key=value", pair));
  const std::string_view value = pair.substr(equals + 1);
  const auto take = [&](auto& field, std::uint32_t limit) -> Result<> {
    if (field) return bad_platform(whole, fmt::format("{} is there twice", key));
    const auto number = parse_up_to(value, limit);
    if (!number)
      return bad_platform(whole,
                          fmt::format("{}: '{}' is no number from 0 to {}", key, value, limit));
    field = static_cast<typename std::decay_t<decltype(field)>::value_type>(*number);
    return {};
  };
  if (key == "manufacturer") return take(match.manufacturer_id, 0xffffff);
  if (key == "product") return take(match.product_id, 0xffff);
  if (key == "device") return take(match.device_id, 0xff);
  if (key != "revision")
    return bad_platform(whole,
                        fmt::format("'{}' is not manufacturer, product, device or revision", key));
  if (match.hardware_revision) return bad_platform(whole, "revision is there twice");
  auto range = parse_revision(whole, value);
  if (!range) return tl::unexpected(range.error());
  match.hardware_revision = *range;
  return {};
}

/// "manufacturer=0x1234,product=7,device=32,revision=1-3", or "any". An empty text is no platform:
/// it would fit all of them.
Result<PlatformMatch> parse_platform(std::string_view whole) {
  PlatformMatch match;
  if (whole == "any") return match;
  std::string_view rest = whole;
  while (true) {
    const std::size_t comma = rest.find(',');
    const std::string_view pair = rest.substr(0, comma);
    if (pair.empty())
      return bad_platform(whole, "something is missing: key=value, or the word any");
    if (auto done = take_pair(whole, pair, match); !done) return tl::unexpected(done.error());
    if (comma == std::string_view::npos) return match;
    rest.remove_prefix(comma + 1);
  }
}

Event describe(const Entry& entry) {
  Event event("image");
  set_manifest(event, entry.manifest);
  return event;
}

/// A digest or its beginning, VERSION, or NAME=VERSION.
bool is_named(const Manifest& manifest, const std::string& image) {
  constexpr std::size_t kShortestDigest = 4;
  if (image.size() >= kShortestDigest && fwr::to_text(manifest.digest).starts_with(image))
    return true;
  if (image == manifest.version) return true;
  return image == manifest.name + "=" + manifest.version;
}

Result<const Entry*> find_one(const DirectoryCatalogue& catalogue, const std::string& image) {
  std::vector<const Entry*> found;
  for (const Entry& entry : catalogue.entries())
    if (is_named(entry.manifest, image)) found.push_back(&entry);
  if (found.size() == 1) return found.front();
  if (!found.empty()) {
    std::string names;
    for (const Entry* entry : found)
      names +=
          fmt::format("{}{}={} ({})", names.empty() ? "" : ", ", entry->manifest.name,
                      entry->manifest.version, fwr::to_text(entry->manifest.digest).substr(0, 16));
    return fwr::fail(Errc::BadUsage,
                     fmt::format("'{}' names more than one image: {}", image, names));
  }
  // It may be there and not be readable: that is no spelling mistake. Its directory has the digest
  // as its name.
  for (const Error& problem : catalogue.problems())
    if (problem.detail.find("/" + image) != std::string::npos) return tl::unexpected(problem);
  return fwr::fail(
      Errc::NotFound,
      fmt::format("no image in the catalogue has digest, version or NAME=VERSION '{}'", image));
}

/// What many recipients would refuse, of each image.
using Concerns = std::map<fwr::Digest, std::vector<fwr::donor::Concern>>;
Concerns concerns_of(const DirectoryCatalogue& catalogue) {
  Concerns all;
  const auto clock = fwr::transport::wall_clock();
  for (const Entry& entry : catalogue.entries())
    all[entry.manifest.digest] =
        fwr::donor::review(entry, catalogue.entries(), clock, fwr::donor::Occasion::Listed);
  return all;
}

void tell(const fwr::Digest& digest, const fwr::donor::Concern& concern, Observer& observer) {
  Event event("problem");
  event.set("text", fwr::log_text(fwr::as_bytes(std::string_view(concern.text))));
  event.set("concern", std::string(concern.name));
  event.set("digest", fwr::to_text(digest));
  observer.on_event(event);
}

/// What a change of the catalogue brought about for images that were there before it.
void tell_new(const Concerns& before, const DirectoryCatalogue& catalogue, Observer& observer) {
  for (const auto& [digest, concerns] : concerns_of(catalogue)) {
    const auto known = before.find(digest);
    if (known == before.end()) continue;
    for (const fwr::donor::Concern& concern : concerns) {
      const bool new_one =
          std::none_of(known->second.begin(), known->second.end(),
                       [&](const fwr::donor::Concern& old) { return old.name == concern.name; });
      if (new_one) tell(digest, concern, observer);
    }
  }
}

void tell_all(const DirectoryCatalogue& catalogue, Observer& observer) {
  for (const auto& [digest, concerns] : concerns_of(catalogue))
    for (const fwr::donor::Concern& concern : concerns) tell(digest, concern, observer);
}

/// With the advice for this command.
Conclusion told(std::string_view command, const fwr::Error& error) {
  return advise(conclude(error), command);
}

}  // namespace

class Catalogue::Impl {
 public:
  explicit Impl(DonorSource source) : source_(std::move(source)) {}

  /// `create`: an empty catalogue where there is none yet.
  Result<std::unique_ptr<DirectoryCatalogue>> open(Observer& observer, bool create = false) const {
    const bool named = !source_.config_path.empty();
    const auto settings = fwr::settings::Settings::load(
        fwr::settings::donor_table(),
        named ? source_.config_path : std::string(default_donor_file()), named, source_.overrides);
    if (!settings) return tl::unexpected(settings.error());
    auto config = fwr::settings::read_catalogue_config(*settings);
    tell_problems(*settings, observer);
    if (!config) return tl::unexpected(config.error());
    if (config->trusted_keys.empty())
      return fwr::fail(Errc::BadConfiguration,
                       "no trusted public key: put your minisign key where trust.keys looks");
    if (create)
      if (auto made = DirectoryCatalogue::create(config->catalogue); !made)
        return tl::unexpected(made.error());
    return DirectoryCatalogue::open(config->catalogue, std::move(config->trusted_keys));
  }

 private:
  DonorSource source_;
};

Catalogue::Catalogue(DonorSource source) : impl_(std::make_unique<Impl>(std::move(source))) {}
Catalogue::~Catalogue() = default;

Conclusion Catalogue::manifest(const ManifestOptions& options, Observer& observer) {
  const auto digest = fwr::image::digest_file(options.image_path);
  if (!digest) return told("fwdonor manifest", digest.error());
  fwr::image::Manifest manifest;
  manifest.name = options.name;
  manifest.component = options.component;
  manifest.version = options.version;
  manifest.security_version = options.security_version;
  manifest.size_bytes = digest->size_bytes;
  manifest.digest = digest->digest;
  if (!options.minimum_version.empty()) manifest.minimum_version = options.minimum_version;
  if (options.expires != 0) manifest.expires = options.expires;
  const auto now = fwr::transport::wall_clock();
  if (options.created == 0 && !now)
    return told("fwdonor manifest",
                {Errc::BadUsage, "this machine's clock is not set: give --created"});
  manifest.created = options.created != 0 ? options.created : *now;
  if (manifest.expires && *manifest.expires <= manifest.created)
    return told("fwdonor manifest",
                {Errc::BadUsage, "--expires: the image would have expired before it was made"});
  for (const std::string& text : options.platforms) {
    auto match = parse_platform(text);
    if (!match) return told("fwdonor manifest", match.error());
    manifest.platforms.push_back(*match);
  }
  const std::string json = to_json(manifest);
  // Whatever the options broke, the parser says best.
  if (const auto good = fwr::image::parse_manifest(json); !good)
    return told("fwdonor manifest", good.error());
  const std::string path =
      options.output_path.empty() ? options.image_path + ".manifest.json" : options.output_path;
  const auto to_standard_output = fwr::write_output(path, json);
  if (!to_standard_output) return told("fwdonor manifest", to_standard_output.error());
  if (*to_standard_output) return conclude_ok("");  // a word more would belong to the manifest
  Event event("manifest");
  event.set("path", path);
  set_manifest(event, manifest);
  observer.on_event(event);
  return conclude_ok(fmt::format("wrote {}; sign it with: minisign -S -s KEY -m {}", path, path));
}

Conclusion Catalogue::add(const std::string& image_path, const std::string& manifest_path,
                          const std::string& signature_path, Observer& observer) {
  auto catalogue = impl_->open(observer, true);
  if (!catalogue) return told("fwdonor add", catalogue.error());
  const Concerns before = concerns_of(**catalogue);
  const auto added =
      (*catalogue)
          ->add(image_path, manifest_path,
                signature_path.empty() ? manifest_path + ".minisig" : signature_path);
  if (!added) return told("fwdonor add", added.error());
  Event event("added");
  const Entry* entry = find(**catalogue, added->digest);
  if (entry != nullptr) set_manifest(event, entry->manifest);
  if (added->was_there) event.set("already", true);
  observer.on_event(event);
  if (entry != nullptr)
    for (const auto& concern :
         fwr::donor::review(*entry, (*catalogue)->entries(), fwr::transport::wall_clock(),
                            fwr::donor::Occasion::Added))
      tell(added->digest, concern, observer);
  if (added->was_there)
    return conclude_ok(fmt::format("{} {} is there already: nothing was changed",
                                   event.text("name"), event.text("version")));
  tell_new(before, **catalogue, observer);
  return conclude_ok(fmt::format("added {} {}; a running fwdonord offers it in some seconds",
                                 event.text("name"), event.text("version")));
}

Conclusion Catalogue::list(Observer& observer) {
  const auto catalogue = impl_->open(observer);
  if (!catalogue) return told("fwdonor list", catalogue.error());
  for (const Entry& entry : (*catalogue)->entries()) observer.on_event(describe(entry));
  tell_problems(**catalogue, observer);
  tell_all(**catalogue, observer);
  return conclude_ok(counted((*catalogue)->entries().size(), "image"));
}

Conclusion Catalogue::show(const std::string& image, Observer& observer) {
  const auto catalogue = impl_->open(observer);
  if (!catalogue) return told("fwdonor show", catalogue.error());
  const auto entry = find_one(**catalogue, image);
  if (!entry) return told("fwdonor show", entry.error());
  const fwr::image::Manifest& manifest = (*entry)->manifest;
  Event event = describe(**entry);
  std::vector<std::string> platforms;
  for (const PlatformMatch& match : manifest.platforms)
    platforms.push_back(fwr::donor::platform_text(match));
  event.set("platforms", platforms);
  if (manifest.minimum_version) event.set("minimum_version", *manifest.minimum_version);
  if (manifest.expires) event.set("expires", *manifest.expires);
  observer.on_event(event);
  return conclude_ok(fmt::format("{} {}", manifest.name, manifest.version));
}

Conclusion Catalogue::verify(const std::string& image, Observer& observer) {
  auto catalogue = impl_->open(observer);
  if (!catalogue) return told("fwdonor verify", catalogue.error());
  std::optional<Error> first;
  const auto note = [&](const Error& error) {
    observer.on_event(Event("problem").set("text", error.message()));
    if (!first) first = error;
  };
  const auto check = [&](const Entry& entry) {
    if (const auto good = (*catalogue)->verify(entry.manifest.digest); !good)
      return note(good.error());
    Event event("verified");
    set_manifest(event, entry.manifest);
    observer.on_event(event);
  };
  if (image.empty()) {
    for (const Error& problem : (*catalogue)->problems()) note(problem);
    if (const std::string foreign = foreign_words(**catalogue); !foreign.empty())
      observer.on_event(Event("problem").set("text", foreign));
    for (const Entry& entry : (*catalogue)->entries()) check(entry);
    tell_all(**catalogue, observer);
  } else {
    const auto entry = find_one(**catalogue, image);
    if (!entry) return told("fwdonor verify", entry.error());
    check(**entry);
  }
  return first ? told("fwdonor verify", *first) : conclude_ok("everything matches its manifest");
}

Conclusion Catalogue::remove(const std::string& image, Observer& observer) {
  auto catalogue = impl_->open(observer);
  if (!catalogue) return told("fwdonor remove", catalogue.error());
  const auto entry = find_one(**catalogue, image);
  if (!entry) return told("fwdonor remove", entry.error());
  Event event("removed");
  set_manifest(event, (*entry)->manifest);
  const Concerns before = concerns_of(**catalogue);
  if (const auto done = (*catalogue)->remove((*entry)->manifest.digest); !done)
    return told("fwdonor remove", done.error());
  observer.on_event(event);
  tell_new(before, **catalogue, observer);
  return conclude_ok(fmt::format("removed {} {}", event.text("name"), event.text("version")));
}

}  // namespace fwrecover
