// SPDX-License-Identifier: GPL-3.0-or-later
// What the recipient does with a manifest file: check it, or record what the system runs from.
#include <fmt/format.h>

#include "fwrecover/recipient_impl.hpp"
#include "image/image_file.hpp"
#include "settings/trusted_file.hpp"

namespace fwrecover {
namespace {

using fwr::Errc;
using fwr::Result;
using fwr::flash::BootRecord;
using fwr::flash::SlotId;
using fwr::flash::SlotInfo;
using fwr::flash::SlotState;

struct SignedManifest {
  std::string json;
  std::string signature;
  fwr::image::Manifest manifest;
  fwr::image::Signed proof;
};

/// Both files, when a trusted key signed the manifest.
Result<SignedManifest> read_signed(const fwr::settings::RecipientConfig& config,
                                   const std::string& manifest_path,
                                   const std::string& signature_path) {
  if (config.trusted_keys.empty())
    return fwr::fail(Errc::BadConfiguration, "trust.keys names no public key");
  // What is too large to be one is wrong content, as from a donor.
  const auto as_content = [](fwr::Error error, Errc code) {
    if (error.code == Errc::LimitExceeded) error.code = code;
    return tl::unexpected(std::move(error));
  };
  auto json = fwr::settings::read_text_file(manifest_path, fwr::image::kManifestLimit_bytes);
  if (!json) return as_content(json.error(), Errc::BadManifest);
  const std::string proof_path =
      signature_path.empty() ? manifest_path + ".minisig" : signature_path;
  auto signature = fwr::settings::read_text_file(proof_path, fwr::image::kSignatureLimit_bytes);
  if (!signature) return as_content(signature.error(), Errc::BadSignature);
  const auto of = [](const std::string& path, const fwr::Error& error) {
    return fwr::fail(error.code, fmt::format("{}: {}", path, error.detail));
  };
  // Also an empty pipe: an error about a signature that does not fit would mislead.
  if (json->empty()) return fwr::fail(Errc::BadManifest, manifest_path + ": nothing is in it");
  auto proof = fwr::image::verify_signature(fwr::as_bytes(*json), *signature, config.trusted_keys);
  if (!proof) return of(proof_path, proof.error());
  auto manifest = fwr::image::parse_manifest(*json);
  if (!manifest) return of(manifest_path, manifest.error());
  return SignedManifest{*std::move(json), *std::move(signature), *std::move(manifest),
                        *std::move(proof)};
}

/// The slot that the system runs from: the named one, or the only one that it can be.
Result<SlotId> find_active(const std::string& named, const fwr::settings::RecipientConfig& config,
                           fwr::flash::Slots& slots, const BootRecord& record) {
  for (const SlotId slot : {SlotId::A, SlotId::B})
    if (named == to_text(slot)) return slot;
  if (!named.empty())
    return fwr::fail(Errc::BadUsage, fmt::format("a slot is a or b, not '{}'", named));
  if (record.generation != 0 || config.slots.active_without_record) return record.active;
  const auto blank = slots.blank(other(record.active));
  if (!blank) return tl::unexpected(blank.error());
  if (*blank) return record.active;
  return fwr::fail(Errc::ActiveSlotUnknown,
                   fmt::format("there is none in {}, and {} is not blank: it may be the one",
                               config.slots.state_directory, slots.describe(other(record.active))));
}

/// The record that says so, when `slot` really holds that image.
Result<BootRecord> adopt_into(const BootRecord& record, SlotId slot, const SignedManifest& image,
                              fwr::flash::Slots& slots, const Stop& stop) {
  if (image.manifest.security_version < record.security_floor)
    return fwr::fail(
        Errc::ImageTooOld,
        fmt::format("its security version {} is lower than {}, which was confirmed here",
                    image.manifest.security_version, record.security_floor));
  auto changed =
      fwr::flash::adopt(record, slot, SlotInfo{SlotState::Good, image.json, image.signature},
                        image.manifest.security_version);
  if (!changed) return changed;
  if (const auto whole = fwr::flash::check_contents(slots, *changed, slot, stop); !whole)
    return fwr::fail(whole.error().code,
                     fmt::format("{}: {}", slots.describe(slot), whole.error().detail));
  return changed;
}

}  // namespace

Conclusion Recipient::Impl::verify(const std::string& manifest_path,
                                   const std::string& signature_path, const std::string& image_path,
                                   const Stop& stop, Observer& observer) const {
  const auto config = configure(observer);
  if (!config) return conclude(config.error());
  const auto read = read_signed(*config, manifest_path, signature_path);
  if (!read) return conclude(read.error());
  const fwr::image::Manifest& manifest = read->manifest;
  if (!image_path.empty()) {
    const auto digest =
        fwr::image::digest_file(image_path, [&](std::uint64_t, fwr::ByteView) -> Result<> {
          if (stop()) return fwr::fail(Errc::Interrupted, "while " + image_path + " was read");
          return {};
        });
    if (!digest) return conclude(digest.error());
    if (digest->digest != manifest.digest)
      return conclude({Errc::DigestMismatch,
                       fmt::format("{} has {}, the manifest says {}", image_path,
                                   fwr::to_text(digest->digest), fwr::to_text(manifest.digest))});
  }
  Event event("verified");
  event.set("key", fwr::image::to_text(read->proof.key));
  event.set("trusted_comment", read->proof.trusted_comment);
  set_manifest(event, manifest);
  event.set("image_read", !image_path.empty());
  const auto misfit = incompatibility(manifest, config->platform);
  event.set("fits_this_system", !misfit);
  observer.on_event(event);
  return conclude_ok(fmt::format("{} {} is signed by trusted key {}{}", manifest.name,
                                 manifest.version, fwr::image::to_text(read->proof.key),
                                 image_path.empty() ? "" : ", and the image matches"));
}

Conclusion Recipient::Impl::adopt(const AdoptOptions& options, const Stop& stop,
                                  Observer& observer) const {
  const auto config = configure(observer);
  if (!config) return conclude(config.error());
  const auto image = read_signed(*config, options.manifest_path, options.signature_path);
  if (!image) return conclude(image.error());
  if (const auto misfit = incompatibility(image->manifest, config->platform))
    return conclude({Errc::ImageIncompatible, *misfit});
  auto slots = fwr::flash::open_file_slots(config->slots, fwr::flash::Access::ReadWrite);
  if (!slots) return conclude(slots.error());
  const auto record = (*slots)->load_record();
  if (!record) return conclude(record.error());
  const auto active = find_active(options.active, *config, **slots, *record);
  if (!active) return conclude(active.error());
  const auto changed = adopt_into(*record, *active, *image, **slots, stop);
  if (!changed) return conclude(changed.error());
  Event event("adopted");
  event.set("slot", std::string(to_text(*active)));
  set_manifest(event, image->manifest);
  observer.on_event(event);
  const std::string what = fmt::format("slot {} holds {} {} and is active", to_text(*active),
                                       image->manifest.name, image->manifest.version);
  BootRecord same = *changed;
  same.generation = record->generation;
  if (same == *record) return conclude_ok(what + ", as was recorded before");
  if (auto stored = (*slots)->store_record(*changed); !stored) return conclude(stored.error());
  slots->reset();
  remember(*config, event, observer);
  return conclude_ok(what);
}

}  // namespace fwrecover
