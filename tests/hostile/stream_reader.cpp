// SPDX-License-Identifier: GPL-3.0-or-later
// One grant after the other, each asked for again until it is whole.
#include "stream_reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace fwr::hostile {

namespace {

constexpr std::uint16_t kGrant_granules = 512;
constexpr std::uint16_t kSegment_granules = 21;  // a datagram of 1,500 bytes
constexpr std::size_t kGranule = wire::oem::kGranule_bytes;
constexpr unsigned kTries = 40;

struct Part {
  std::size_t at = 0;
  std::size_t size = 0;
};

bool receive_grant(const Bytes& image, LiveSession& session, std::uint32_t number, Part part) {
  std::size_t got = 0;
  while (const auto incoming = session.receive(250ms)) {
    const auto message = wire::stream::decode_message(incoming->payload);
    if (!message) continue;
    const auto* segment = std::get_if<wire::stream::Segment>(&*message);
    if (segment == nullptr || segment->number != number) continue;
    const std::size_t offset = std::size_t{segment->offset_granules} * kGranule;
    if (offset < part.at || offset + segment->data.size() > part.at + part.size ||
        !std::equal(segment->data.begin(), segment->data.end(),
                    image.begin() + static_cast<std::ptrdiff_t>(offset))) {
      ADD_FAILURE() << "wrong bytes at " << offset;
      return false;
    }
    got += segment->data.size();
    if (got == part.size) return true;
    if (segment->last) return false;
  }
  return false;
}

}  // namespace

double stream_image(DonorProcess& donor, LiveSession& session, std::uint32_t handle) {
  const Bytes& image = donor.image();
  const auto start = std::chrono::steady_clock::now();
  std::uint32_t number = 0;
  for (std::size_t at = 0; at < image.size();) {
    const Part part{at, std::min<std::size_t>(kGrant_granules * kGranule, image.size() - at)};
    bool whole = false;
    for (unsigned tries = 0; tries < kTries && !whole; ++tries) {
      wire::stream::Grant grant;
      grant.segment_granules = kSegment_granules;
      grant.handle = handle;
      grant.number = ++number;
      grant.ranges = {{static_cast<std::uint32_t>(at / kGranule),
                       static_cast<std::uint16_t>((part.size + kGranule - 1) / kGranule)}};
      session.grant(grant);
      whole = receive_grant(image, session, number, part);
    }
    if (!whole) {
      ADD_FAILURE() << "the stream stops at " << at;
      break;
    }
    at += part.size;
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace fwr::hostile
