// SPDX-License-Identifier: GPL-3.0-or-later
// Terms of a link. PROTOCOL §11.7.
#include "donor/link_terms.hpp"

#include <algorithm>

#include "base/slow_link.hpp"
#include "wire/plain.hpp"
#include "wire/stream.hpp"

namespace fwr::donor {
namespace {

// On a link without sessions, besides the data: the header, completion code, IANA number; and in
// Get Manifest the total.
constexpr std::size_t kReadOverhead_bytes = wire::plain::kHeader_bytes + 1 + 3;
constexpr std::size_t kManifestOverhead_bytes = kReadOverhead_bytes + 2;
constexpr std::size_t kStreamOverhead_bytes = 1 + wire::stream::kSegmentHeader_bytes;

// A recipient that grants more than this on a slow link cannot wait for all of it, and would keep
// the link from others.
constexpr std::uint64_t kCredit_s = 30;
constexpr std::uint64_t kLeastCredit_bytes = 16384;
// So many recipients may share a slow link.
constexpr std::uint64_t kSharers = 64;

std::uint16_t room(const LinkProperties& link, std::size_t overhead_bytes, std::uint16_t usual) {
  const std::size_t message = link.largest_message_bytes;
  const std::size_t left = message > overhead_bytes ? message - overhead_bytes : 1;
  return static_cast<std::uint16_t>(std::min<std::size_t>(left, usual));
}

}  // namespace

LinkTerms terms_of(const LinkProperties& link, LinkTerms usual) {
  LinkTerms terms = usual;
  if (!link.sessions) {
    terms.read_limit_bytes = room(link, kReadOverhead_bytes, usual.read_limit_bytes);
    terms.manifest_limit_bytes = room(link, kManifestOverhead_bytes, usual.manifest_limit_bytes);
    const std::size_t message = link.largest_message_bytes;
    const std::size_t data = message > kStreamOverhead_bytes ? message - kStreamOverhead_bytes : 0;
    const std::size_t granules = std::max<std::size_t>(data / wire::oem::kGranule_bytes, 1);
    terms.segment_limit_granules =
        static_cast<std::uint16_t>(std::min<std::size_t>(granules, usual.segment_limit_granules));
  }
  if (!is_slow(link)) return terms;
  const std::uint64_t credit =
      std::max(link.bits_per_s / kBitsOfCharacter * kCredit_s, kLeastCredit_bytes);
  terms.credit_limit_bytes =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(credit, usual.credit_limit_bytes));
  terms.slack = slack_of(link);
  terms.least_rate_bytes_per_s = static_cast<std::uint32_t>(std::min<std::uint64_t>(
      std::max<std::uint64_t>(link.bits_per_s / kBitsOfCharacter / kSharers, 1),
      usual.least_rate_bytes_per_s));
  return terms;
}

}  // namespace fwr::donor
