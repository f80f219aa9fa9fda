// SPDX-License-Identifier: GPL-3.0-or-later
// RMCP packets on a byte stream, which has no packets of its own. PROTOCOL §13.2.
#pragma once

#include <array>
#include <optional>

#include "base/bytes.hpp"

namespace fwr::wire {

inline constexpr std::array kStreamSync{std::byte{0x46}, std::byte{0x57}};  // "FW"
inline constexpr std::size_t kStreamHeader_bytes = 6;
inline constexpr std::size_t kSmallestStreamPacket_bytes = 4;  // the RMCP header
/// The largest segment for jumbo frames (§6.1), 8,192 bytes, and what a session puts around it.
inline constexpr std::size_t kLargestStreamPacket_bytes = 8448;

/// Appends header and packet. Error: BadField, the packet's size is outside of the limits.
[[nodiscard]] Result<> append_to_stream(Bytes& stream, ByteView packet);

/// Finds packets in what arrives, however it is cut, and passes over what is none.
class StreamDecoder {
 public:
  /// Keeps a copy. When next() has nothing left, less than one header and one packet stays.
  void push(ByteView bytes);
  /// The next whole packet; the view lives until the next call of push() or next().
  [[nodiscard]] std::optional<ByteView> next();
  /// A header was found whose packet is not complete.
  [[nodiscard]] bool inside_packet() const { return expected_ > 0; }
  /// The rest of that packet does not come: its header was none, and the search goes on behind it.
  void give_up();
  /// Bytes that belonged to no packet, so far.
  [[nodiscard]] std::uint64_t skipped_bytes() const { return skipped_; }

 private:
  [[nodiscard]] ByteView waiting() const { return ByteView(buffer_).subspan(begin_); }
  /// Puts the front to where a header can begin.
  void find_sync();
  void skip(std::size_t count);

  Bytes buffer_;
  std::size_t begin_ = 0;     ///< of what waits, in `buffer_`
  std::size_t expected_ = 0;  ///< bytes of the packet behind the header at the front; 0: none there
  std::uint64_t skipped_ = 0;
};

}  // namespace fwr::wire
