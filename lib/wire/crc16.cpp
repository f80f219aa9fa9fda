// SPDX-License-Identifier: GPL-3.0-or-later
// CRC-16/X-25, a byte at a time.
#include "wire/crc16.hpp"

#include <array>

namespace fwr::wire {
namespace {

constexpr std::uint16_t kPolynomial = 0x8408;  // 1021h, bits reversed
constexpr std::uint16_t kAllOnes = 0xffff;

constexpr std::array<std::uint16_t, 256> make_crc_table() {
  std::array<std::uint16_t, 256> table{};
  for (unsigned i = 0; i < table.size(); ++i) {
    unsigned value = i;
    for (int bit = 0; bit < 8; ++bit)
      value = (value >> 1U) ^ ((value & 1U) != 0 ? kPolynomial : 0U);
    table[i] = static_cast<std::uint16_t>(value);
  }
  return table;
}
constexpr std::array<std::uint16_t, 256> kCrcTable = make_crc_table();

}  // namespace

std::uint16_t crc16(ByteView bytes) {
  std::uint16_t crc = kAllOnes;
  for (const std::byte b : bytes) {
    const auto index = static_cast<std::uint8_t>((crc ^ static_cast<std::uint8_t>(b)) & 0xffU);
    crc = static_cast<std::uint16_t>((crc >> 8U) ^ kCrcTable[index]);
  }
  return crc ^ kAllOnes;
}

}  // namespace fwr::wire
