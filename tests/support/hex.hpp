// SPDX-License-Identifier: GPL-3.0-or-later
// Byte vectors in tests, written as hexadecimal digits with spaces.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace fwr::test {

inline constexpr std::size_t kVectorLimit_bytes = 65536;

/// hex("06 00 ff 07"). White space and "|" only separate.
inline Bytes hex(std::string_view text) {
  std::string digits;
  for (const char c : text)
    if (c != ' ' && c != '\n' && c != '|') digits.push_back(c);
  const Result<Bytes> bytes = from_hex(digits, kVectorLimit_bytes);
  if (!bytes) {
    ADD_FAILURE() << "not hexadecimal: " << text;
    return {};
  }
  return *bytes;
}

inline std::string spaced(ByteView bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    text += (i == 0 ? "" : " ") + to_hex(bytes.subspan(i, 1));
  return text;
}

/// A copy whose allocation ends where the view ends, so that a sanitizer sees each byte too far.
inline Bytes exact(ByteView view) {
  return Bytes(view.begin(), view.end());
}

inline Bytes joined(ByteView a, ByteView b) {
  Bytes bytes = exact(a);
  bytes.insert(bytes.end(), b.begin(), b.end());
  return bytes;
}

/// Each proper prefix, from the empty one, must be rejected with the code. `accepts(prefix)` gives
/// a Result.
template <class Decode>
void expect_every_prefix_fails(const Bytes& whole, Errc code, Decode&& decode) {
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes prefix = exact(ByteView(whole).first(size));
    const auto result = decode(ByteView(prefix));
    ASSERT_FALSE(result.has_value()) << size << " bytes of " << spaced(whole);
    EXPECT_EQ(code, result.error().code) << size << " bytes: " << result.error().message();
  }
}

}  // namespace fwr::test
