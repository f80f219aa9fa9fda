// SPDX-License-Identifier: GPL-3.0-or-later
// The framing of RMCP on a stream: sync, length, inverted length, packet. PROTOCOL §13.2.
#include "wire/rmcp_stream.hpp"

#include <algorithm>

#include "wire/rmcp.hpp"

namespace fwr::wire {
namespace {

constexpr std::uint16_t kEveryBit = 0xffff;

bool is_packet_size(std::size_t size) {
  return size >= kSmallestStreamPacket_bytes && size <= kLargestStreamPacket_bytes;
}

/// The packet's size, when these bytes are a header.
std::optional<std::size_t> read_header(ByteView bytes) {
  ByteReader in(bytes);
  const ByteView sync = in.take(kStreamSync.size());
  const std::uint16_t size = in.u16();
  const std::uint16_t inverted = in.u16();
  if (!std::equal(sync.begin(), sync.end(), kStreamSync.begin(), kStreamSync.end())) return {};
  if ((size ^ inverted) != kEveryBit || !is_packet_size(size)) return {};
  return size;
}

}  // namespace

Result<> append_to_stream(Bytes& stream, ByteView packet) {
  if (!is_packet_size(packet.size())) return fail(Errc::BadField, "size of a packet on a stream");
  ByteWriter header(kStreamHeader_bytes);
  header.bytes(kStreamSync);
  header.u16(static_cast<std::uint16_t>(packet.size()));
  header.u16(static_cast<std::uint16_t>(packet.size() ^ kEveryBit));
  stream.insert(stream.end(), header.view().begin(), header.view().end());
  stream.insert(stream.end(), packet.begin(), packet.end());
  return {};
}

void StreamDecoder::push(ByteView bytes) {
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(begin_));
  begin_ = 0;
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

std::optional<ByteView> StreamDecoder::next() {
  for (;;) {
    if (expected_ == 0) {
      find_sync();
      if (waiting().size() < kStreamHeader_bytes) return std::nullopt;
      const auto size = read_header(waiting().first(kStreamHeader_bytes));
      if (!size) {
        skip(1);
        continue;
      }
      expected_ = *size;
    }
    const ByteView behind = waiting().subspan(kStreamHeader_bytes);
    if (!behind.empty() && behind.front() != std::byte{kRmcpVersion}) {
      give_up();
      continue;
    }
    if (behind.size() < expected_) return std::nullopt;
    const ByteView packet = behind.first(expected_);
    begin_ += kStreamHeader_bytes + expected_;
    expected_ = 0;
    return packet;
  }
}

void StreamDecoder::give_up() {
  if (expected_ == 0) return;
  expected_ = 0;
  skip(1);
}

void StreamDecoder::find_sync() {
  const ByteView bytes = waiting();
  const auto sync = std::search(bytes.begin(), bytes.end(), kStreamSync.begin(), kStreamSync.end());
  if (sync != bytes.end()) return skip(static_cast<std::size_t>(sync - bytes.begin()));
  // The last byte may be the first one of a sync.
  const bool begun = !bytes.empty() && bytes.back() == kStreamSync.front();
  skip(bytes.size() - (begun ? 1 : 0));
}

void StreamDecoder::skip(std::size_t count) {
  begin_ += count;
  skipped_ += count;
}

}  // namespace fwr::wire
