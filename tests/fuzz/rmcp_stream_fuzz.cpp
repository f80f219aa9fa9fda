// SPDX-License-Identifier: GPL-3.0-or-later
// RMCP packets on a byte stream: any bytes, in any pieces. PROTOCOL §13.2.
#include <algorithm>
#include <vector>

#include "fuzz.hpp"
#include "wire/rmcp_stream.hpp"

namespace fwr {
namespace {

using fuzz::Input;
using fuzz::require;

std::vector<Bytes> take_all(wire::StreamDecoder& decoder) {
  std::vector<Bytes> taken;
  while (const auto packet = decoder.next()) {
    require(packet->size() >= wire::kSmallestStreamPacket_bytes &&
                packet->size() <= wire::kLargestStreamPacket_bytes,
            "a packet is within its limits");
    taken.push_back(fuzz::exact(*packet));
  }
  return taken;
}

/// Each packet is a copy of what was sent, and how the stream was cut changes nothing.
void check(Input& in) {
  wire::StreamDecoder decoder;
  wire::StreamDecoder at_once;
  Bytes all;
  std::vector<Bytes> taken;
  while (!in.ended()) {
    const Bytes piece = fuzz::exact(in.bytes());
    all.insert(all.end(), piece.begin(), piece.end());
    decoder.push(piece);
    for (Bytes& packet : take_all(decoder)) taken.push_back(std::move(packet));
  }
  at_once.push(all);
  require(take_all(at_once) == taken, "the pieces of a stream do not matter");
  require(at_once.skipped_bytes() == decoder.skipped_bytes(), "nor for what is passed over");
  std::size_t framed = 0;
  Bytes stream;
  for (const Bytes& packet : taken) {
    framed += wire::kStreamHeader_bytes + packet.size();
    require(wire::append_to_stream(stream, packet).has_value(), "a packet can be sent again");
  }
  require(framed + decoder.skipped_bytes() <= all.size(), "no byte counts twice");
  wire::StreamDecoder clean;
  clean.push(stream);
  require(take_all(clean) == taken, "decode(encode(x)) == x");
  require(clean.skipped_bytes() == 0, "nothing of it is passed over");
  decoder.give_up();
  (void)take_all(decoder);
}

}  // namespace
}  // namespace fwr

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fwr::fuzz::Input in(data, size);
  fwr::check(in);
  return 0;
}
