// SPDX-License-Identifier: GPL-3.0-or-later
// Strong types that several modules share. They convert only explicitly.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/bytes.hpp"

namespace fwr {

/// The monotonic clock's time, handed in by the driver of a machine; the core never asks for it.
using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

/// SHA-256 fs-verity digest: the identity of an image (PROTOCOL §7.1).
using Digest = std::array<std::byte, 32>;
using Nonce = std::array<std::byte, 16>;
/// IPMI System GUID as it travels (IPMI v2.0 §20.8), least significant byte first.
using Guid = std::array<std::byte, 16>;

/// Canonical text of a GUID: 8-4-4-4-12 hexadecimal digits, most significant first.
[[nodiscard]] std::string to_text(const Guid& guid);
[[nodiscard]] Result<Guid> parse_guid(std::string_view text);
[[nodiscard]] std::string to_text(const Digest& digest);  ///< 64 hexadecimal digits
[[nodiscard]] Result<Digest> parse_digest(std::string_view text);

enum class DonorRole : std::uint8_t { Console = 0, Peer = 1 };
/// Whether a peer's byte is a role of this version of the protocol.
[[nodiscard]] constexpr bool is_known(DonorRole role) {
  return role <= DonorRole::Peer;
}

/// Bits of the media field (PROTOCOL §5.2).
enum class Medium : std::uint8_t {
  Wired = 0x01,
  Wireless = 0x02,
  Icmb = 0x04,
  Bluetooth = 0x08,
  Serial = 0x10,
};
[[nodiscard]] std::string_view to_text(Medium medium);
[[nodiscard]] std::string_view to_text(DonorRole role);

/// What a system is, for compatibility (PROTOCOL §7.3). Text of `component`: 1..15 characters
/// [a-z0-9._-].
struct Platform {
  std::uint32_t manufacturer_id = 0;  ///< IANA enterprise number, 24 bits (IPMI v2.0 §20.1)
  std::uint16_t product_id = 0;
  std::uint8_t device_id = 0;
  std::uint8_t hardware_revision = 0;
  std::string component = "bmc";
  friend bool operator==(const Platform&, const Platform&) = default;
};

/// The random numbers of a machine come from its driver: OpenSSL's in the tools, a seed in the
/// simulator.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual void fill(std::span<std::byte> out) = 0;
};

/// Bytes that are wiped when they go. For passwords and keys; never logged.
class Secret {
 public:
  Secret() = default;
  explicit Secret(ByteView bytes) : bytes_(bytes.begin(), bytes.end()) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret& other);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();
  [[nodiscard]] ByteView view() const { return bytes_; }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }

 private:
  void wipe();
  Bytes bytes_;
};

}  // namespace fwr
