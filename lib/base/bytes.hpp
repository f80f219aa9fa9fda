// SPDX-License-Identifier: GPL-3.0-or-later
// Byte spans, bounds-checked cursors and hexadecimal text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace fwr {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

[[nodiscard]] inline ByteView as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
[[nodiscard]] inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
[[nodiscard]] std::string to_hex(ByteView bytes);
/// Only an even number of hexadecimal digits, at most `limit` bytes.
[[nodiscard]] Result<Bytes> from_hex(std::string_view text, std::size_t limit);

/// Compares in time that depends on the lengths only. Different lengths are unequal.
[[nodiscard]] bool equal_constant_time(ByteView a, ByteView b);

/// Reads fields in order. The first read past the end latches `truncated()`, and every later read
/// gives zeros, so that a decoder checks once, at its end, with `finish()`.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : rest_(bytes) {}

  template <std::size_t N>
  [[nodiscard]] std::uint64_t le() {
    static_assert(N >= 1 && N <= 8);
    std::uint64_t value = 0;
    const ByteView field = take(N);
    for (std::size_t i = 0; i < field.size(); ++i)
      value |= static_cast<std::uint64_t>(field[i]) << (8 * i);
    return value;
  }
  [[nodiscard]] std::uint8_t u8() { return static_cast<std::uint8_t>(le<1>()); }
  [[nodiscard]] std::uint16_t u16() { return static_cast<std::uint16_t>(le<2>()); }
  [[nodiscard]] std::uint32_t u32() { return static_cast<std::uint32_t>(le<4>()); }

  /// A view of the next `count` bytes; empty, and latched, when there are fewer.
  [[nodiscard]] ByteView take(std::size_t count) {
    if (count > rest_.size()) {
      truncated_ = true;
      rest_ = {};
      return {};
    }
    const ByteView field = rest_.first(count);
    rest_ = rest_.subspan(count);
    return field;
  }
  template <std::size_t N>
  void copy_to(std::array<std::byte, N>& out) {
    const ByteView field = take(N);
    if (field.size() == N) std::memcpy(out.data(), field.data(), N);
  }
  [[nodiscard]] ByteView take_rest() { return take(rest_.size()); }
  [[nodiscard]] std::size_t remaining() const { return rest_.size(); }
  [[nodiscard]] bool truncated() const { return truncated_; }

  /// Error unless every byte was consumed and none was missing. `what` names the message.
  [[nodiscard]] Result<> finish(std::string_view what) const;
  /// Error only when bytes were missing: what follows is from a later version (PROTOCOL §10).
  [[nodiscard]] Result<> finish_open(std::string_view what) const;

 private:
  ByteView rest_;
  bool truncated_ = false;
};

/// Appends fields in order to a buffer that it owns.
class ByteWriter {
 public:
  ByteWriter() = default;
  explicit ByteWriter(std::size_t expected_size) { bytes_.reserve(expected_size); }

  template <std::size_t N>
  void le(std::uint64_t value) {
    static_assert(N >= 1 && N <= 8);
    for (std::size_t i = 0; i < N; ++i)
      bytes_.push_back(static_cast<std::byte>((value >> (8 * i)) & 0xffU));
  }
  void u8(std::uint8_t value) { le<1>(value); }
  void u16(std::uint16_t value) { le<2>(value); }
  void u32(std::uint32_t value) { le<4>(value); }
  void bytes(ByteView view) { bytes_.insert(bytes_.end(), view.begin(), view.end()); }
  void zeros(std::size_t count) { bytes_.insert(bytes_.end(), count, std::byte{0}); }

  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] ByteView view() const { return bytes_; }
  [[nodiscard]] Bytes release() && { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

}  // namespace fwr
