// SPDX-License-Identifier: GPL-3.0-or-later
// What the recipient does with a manifest file.
#include <fmt/format.h>

#include "fwrecover/recipient_impl.hpp"
#include "image/image_file.hpp"
#include "transport/signals.hpp"

namespace fwrecover {
namespace {

using fwr::Errc;
using fwr::Result;

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
  auto json = fwr::settings::read_text_file(manifest_path, fwr::image::kManifestLimit_bytes);
  if (!json) return tl::unexpected(json.error());
  auto signature = fwr::settings::read_text_file(
      signature_path.empty() ? manifest_path + ".minisig" : signature_path,
      fwr::image::kSignatureLimit_bytes);
  if (!signature) return tl::unexpected(signature.error());
  auto proof = fwr::image::verify_signature(fwr::as_bytes(*json), *signature, config.trusted_keys);
  if (!proof) return tl::unexpected(proof.error());
  auto manifest = fwr::image::parse_manifest(*json);
  if (!manifest) return tl::unexpected(manifest.error());
  return SignedManifest{*std::move(json), *std::move(signature), *std::move(manifest),
                        *std::move(proof)};
}

}  // namespace

Conclusion Recipient::Impl::verify(const std::string& manifest_path,
                                   const std::string& signature_path, const std::string& image_path,
                                   Observer& observer) const {
  fwr::transport::Signals signals(caught());
  const auto config = configure();
  if (!config) return conclude(config.error());
  const auto read = read_signed(*config, manifest_path, signature_path);
  if (!read) return conclude(read.error());
  const fwr::image::Manifest& manifest = read->manifest;
  if (!image_path.empty()) {
    const auto digest =
        fwr::image::digest_file(image_path, [&](std::uint64_t, fwr::ByteView) -> Result<> {
          if (signals.arrived())
            return fwr::fail(Errc::Interrupted, "while " + image_path + " was read");
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

}  // namespace fwrecover
