// SPDX-License-Identifier: GPL-3.0-or-later
// Text forms of the shared types, and the wiping of secrets.
#include "base/types.hpp"

#include <string.h>  // explicit_bzero

#include <algorithm>
#include <utility>

namespace fwr {
namespace {

constexpr std::size_t kGuidText = 36;                             // characters
constexpr std::array<std::size_t, 4> kGuidDashes{8, 13, 18, 23};  // positions of the dashes

}  // namespace

std::string to_text(const Guid& guid) {
  Guid reversed = guid;
  std::reverse(reversed.begin(), reversed.end());
  std::string text = to_hex(reversed);
  for (const std::size_t dash : kGuidDashes) text.insert(dash, 1, '-');
  return text;
}

Result<Guid> parse_guid(std::string_view text) {
  const auto malformed = [] {
    return fail(Errc::BadField, "a GUID has 8-4-4-4-12 hexadecimal digits");
  };
  if (text.size() != kGuidText) return malformed();
  std::string digits(text);
  for (auto dash = kGuidDashes.rbegin(); dash != kGuidDashes.rend(); ++dash) {
    if (digits[*dash] != '-') return malformed();
    digits.erase(*dash, 1);
  }
  Guid guid{};
  const Result<Bytes> bytes = from_hex(digits, guid.size());
  if (!bytes) return malformed();
  std::reverse_copy(bytes->begin(), bytes->end(), guid.begin());
  return guid;
}

std::string to_text(const Digest& digest) {
  return to_hex(digest);
}

Result<Digest> parse_digest(std::string_view text) {
  Digest digest{};
  const Result<Bytes> bytes = from_hex(text, digest.size());
  if (!bytes || bytes->size() != digest.size())
    return fail(Errc::BadField, "a digest has 64 hexadecimal digits");
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

std::string_view to_text(Medium medium) {
  switch (medium) {
    case Medium::Wired: return "wired";
    case Medium::Wireless: return "wireless";
    case Medium::Icmb: return "icmb";
    case Medium::Bluetooth: return "bluetooth";
    case Medium::Serial: return "serial";
  }
  return "unknown";
}

std::string_view to_text(DonorRole role) {
  switch (role) {
    case DonorRole::Console: return "console";
    case DonorRole::Peer: return "peer";
  }
  return "unknown";
}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();
    bytes_ = other.bytes_;
  }
  return *this;
}

Secret::Secret(Secret&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    bytes_ = std::exchange(other.bytes_, {});
  }
  return *this;
}

Secret::~Secret() {
  wipe();
}

void Secret::wipe() {
  if (!bytes_.empty()) explicit_bzero(bytes_.data(), bytes_.size());
  bytes_.clear();
}

}  // namespace fwr
