// SPDX-License-Identifier: GPL-3.0-or-later
// Judging a donor's manifest. PROTOCOL §7.2, §7.3.
#include "recipient/vetting.hpp"

#include <algorithm>

#include "image/manifest.hpp"
#include "policy/policy.hpp"

namespace fwr::recipient {

using wire::CompletionCode;
using wire::oem::ManifestPart;

Error rejected(const std::string& what, CompletionCode code, const LinkProperties& link) {
  std::string text = what + ": " + wire::describe(code);
  // There is no account there that could have too little.
  if (!link.sessions && code == CompletionCode::InsufficientPrivilege)
    text += ": the donor's allow list does not name the address of this system";
  return Error{Errc::CommandRejected, std::move(text)};
}

Result<Offer> read_own_offer(std::uint32_t iana, const wire::IpmiResponse& response,
                             const Nonce& nonce, const policy::Candidate& known,
                             const LinkProperties& link, const Guid& peer) {
  if (response.code == CompletionCode::NoCompatibleImage)
    return fail(Errc::NoCompatibleImage, "the donor said so in its session");
  if (response.code != CompletionCode::Ok)
    return tl::unexpected(rejected("Request Firmware", response.code, link));
  const auto message =
      wire::oem::strip_iana(iana, response.data).and_then(wire::decode<wire::oem::Offer>);
  if (!message) return tl::unexpected(message.error());
  auto offer = read_offer(*message, nonce, known.path);
  if (!offer || (link.sessions && offer->candidate.donor != peer))
    return fail(Errc::BadField, "Offer in the session: it is not for this request");
  offer->candidate.medium = known.medium;
  offer->candidate.authenticated = link.sessions || link.authenticated;
  return *std::move(offer);
}

std::size_t ManifestFetch::piece_of(std::size_t response_limit_bytes) {
  constexpr std::size_t kHeader_bytes = 6;  // completion code, IANA number, total
  constexpr std::size_t kLeastPiece_bytes = 16;
  const std::size_t fits =
      response_limit_bytes > kHeader_bytes ? response_limit_bytes - kHeader_bytes : 0;
  return std::clamp(fits, kLeastPiece_bytes, wire::oem::kReadLimit_bytes);
}

wire::oem::GetManifestRq ManifestFetch::next() const {
  return wire::oem::GetManifestRq{
      .digest = digest_,
      .part = part_ == 0 ? ManifestPart::Manifest : ManifestPart::Signature,
      .offset = static_cast<std::uint16_t>(parts_.at(part_).size()),
      .count = static_cast<std::uint16_t>(piece_bytes_),
  };
}

Result<bool> ManifestFetch::add(const wire::oem::GetManifestRs& piece) {
  std::string& text = parts_.at(part_);
  const std::size_t limit =
      part_ == 0 ? wire::oem::kManifestLimit_bytes : wire::oem::kSignatureLimit_bytes;
  const std::string what = part_ == 0 ? "the manifest" : "the signature";
  if (piece.total > limit)
    return fail(Errc::LimitExceeded, what + " has " + std::to_string(piece.total) +
                                         " bytes, more than " + std::to_string(limit));
  if (!text.empty() && piece.total != total_)
    return fail(Errc::BadField, what + " changed while it was fetched");
  // All that was asked for: byte by byte, a manifest could take longer than the deadline.
  const std::size_t due = std::min(piece.total - text.size(), piece_bytes_);
  if (due == 0 || piece.data.size() != due)
    return fail(Errc::BadField, what + " is not as long as the donor says");
  total_ = piece.total;
  text += as_text(piece.data);
  if (text.size() < total_) return false;
  if (part_ == 1) return true;
  part_ = 1;
  return false;
}

Result<bool> ManifestFetch::add(std::uint32_t iana, const wire::IpmiResponse& response) {
  return wire::oem::strip_iana(iana, response.data)
      .and_then(wire::decode<wire::oem::GetManifestRs>)
      .and_then([this](const wire::oem::GetManifestRs& piece) { return add(piece); });
}

Result<Vetted> vet(const RecoveryConfig& config, const policy::Candidate& claimed,
                   const ManifestFetch& fetched) {
  const auto signer = image::verify_signature(as_bytes(fetched.manifest()), fetched.signature(),
                                              config.trusted_keys);
  if (!signer) return tl::unexpected(signer.error());
  auto manifest = image::parse_manifest(fetched.manifest());
  if (!manifest) return tl::unexpected(manifest.error());
  if (manifest->digest != claimed.digest)
    return fail(Errc::BadManifest, "it is for image " + fwr::to_text(manifest->digest) +
                                       ", the offer was for " + fwr::to_text(claimed.digest));
  if (auto refusal = policy::judge_manifest(config.policy, config.situation, claimed, *manifest))
    return tl::unexpected(std::move(*refusal));
  return Vetted{.manifest = std::move(*manifest),
                .json = fetched.manifest(),
                .signature = fetched.signature()};
}

bool is_about_image(Errc code) {
  switch (code) {
    case Errc::ImageIncompatible:
    case Errc::ImageExpired:
    case Errc::ImageTooOld:
    case Errc::ImageTooLarge:
    case Errc::ImageFailedBefore: return true;
    default: return false;
  }
}

}  // namespace fwr::recipient
