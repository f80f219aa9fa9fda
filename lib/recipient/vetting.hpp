// SPDX-License-Identifier: GPL-3.0-or-later
// Fetching a manifest with its signature, and judging it before anything is accepted.
// PROTOCOL §5.3, §7.2.
#pragma once

#include <cstdint>
#include <string>

#include "recipient/discovery.hpp"
#include "wire/oem.hpp"

namespace fwr::recipient {

/// A completion code that says no, in words that fit the link.
[[nodiscard]] Error rejected(const std::string& what, wire::CompletionCode code,
                             const LinkProperties& link);

/// What a donor answers to Request Firmware in its session (PROTOCOL §6.4). `known`: what is known
/// of the donor, with the path of the session; `peer`: the GUID of the donor, where sessions prove
/// that. Errors: NoCompatibleImage (80h), CommandRejected, BadField.
[[nodiscard]] Result<Offer> read_own_offer(std::uint32_t iana, const wire::IpmiResponse& response,
                                           const Nonce& nonce, const policy::Candidate& known,
                                           const LinkProperties& link, const Guid& peer);

/// The signed bytes and their signature, piece by piece.
class ManifestFetch {
 public:
  /// `response_limit_bytes`: the most data of a response that fits into a message of the link.
  explicit ManifestFetch(const Digest& digest,
                         std::size_t response_limit_bytes = wire::oem::kReadLimit_bytes)
      : digest_(digest), piece_bytes_(piece_of(response_limit_bytes)) {}

  [[nodiscard]] wire::oem::GetManifestRq next() const;
  /// Errors: BadField, LimitExceeded. True: everything is here.
  [[nodiscard]] Result<bool> add(const wire::oem::GetManifestRs& piece);
  /// The same of a good answer to Get Manifest.
  [[nodiscard]] Result<bool> add(std::uint32_t iana, const wire::IpmiResponse& response);
  [[nodiscard]] const std::string& manifest() const { return parts_[0]; }
  [[nodiscard]] const std::string& signature() const { return parts_[1]; }

 private:
  [[nodiscard]] static std::size_t piece_of(std::size_t response_limit_bytes);
  Digest digest_;
  std::size_t piece_bytes_;
  std::array<std::string, 2> parts_;
  std::size_t part_ = 0;
  std::uint16_t total_ = 0;  ///< bytes of the part, once the donor said it
};

struct Vetted {
  image::Manifest manifest;
  std::string json;       ///< exactly the signed bytes
  std::string signature;  ///< minisign text
};

/// Signature first: what is not signed is not even parsed.
[[nodiscard]] Result<Vetted> vet(const RecoveryConfig& config, const policy::Candidate& claimed,
                                 const ManifestFetch& fetched);
/// Whether vet() found fault with the image, by its signed manifest, and not with what the donor
/// says of it.
[[nodiscard]] bool is_about_image(Errc code);

}  // namespace fwr::recipient
