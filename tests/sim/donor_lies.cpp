// SPDX-License-Identifier: GPL-3.0-or-later
// The lies of donors that lie: after the real machine answered, and in what its catalogue says.
#include <algorithm>

#include "donor_host.hpp"

namespace fwr::sim {
namespace {

using wire::CompletionCode;
namespace oem = wire::oem;
namespace stream = wire::stream;

}  // namespace

bool DonorHost::lying(FaultKind kind, TimePoint now) const {
  return lies_ && std::any_of(plan_.faults.begin(), plan_.faults.end(), [&](const Fault& fault) {
           return fault.kind == kind && fault.target == host() && fault.active(now);
         });
}

/// What the machine offers is `manifest`; what it sends is the text.
void DonorHost::set_lies(SimCatalogue& catalogue, TimePoint now) {
  catalogue.dice = dice_.fork(91);
  catalogue.chronicle = &chronicle_;
  if (lying(FaultKind::LieWrongBlock, now)) catalogue.wrong_blocks = 0.3;
  if (lying(FaultKind::LieWrongTree, now)) catalogue.wrong_tree = 0.5;
  if (lying(FaultKind::LieUnreadable, now)) catalogue.unreadable = 0.3;
  for (std::size_t i = 0; i < catalogue.releases().size(); ++i) {
    donor::Entry& entry = catalogue.entry(i);
    ReleaseSpec spec = catalogue.releases()[i].spec;
    if (lying(FaultKind::LieWrongManifest, now)) {
      entry.manifest_json[dice_.below(entry.manifest_json.size())] ^= 1;
      chronicle_.injected(FaultKind::LieWrongManifest);
    }
    if (lying(FaultKind::LieForeignManifest, now)) {
      spec.content = (spec.content + 2) % kFirstLarge;
      const Release other = make_release(spec);
      entry.manifest_json = other.entry.manifest_json;
      entry.signature = other.entry.signature;
      chronicle_.injected(FaultKind::LieForeignManifest);
    }
    if (lying(FaultKind::LieWrongSignature, now)) {
      entry.signature = signer(kAttackersKey).sign(entry.manifest_json);
      chronicle_.injected(FaultKind::LieWrongSignature);
    }
    if (lying(FaultKind::LieOlderImage, now)) {
      entry.manifest.security_version += 5;
      entry.manifest.version = "9.9";
      chronicle_.injected(FaultKind::LieOlderImage);
    }
    if (lying(FaultKind::LieOtherPlatform, now)) {
      spec.manufacturer = kManufacturer + 1;
      const Release other = make_release(spec);
      entry.manifest_json = other.entry.manifest_json;
      entry.signature = other.entry.signature;
      chronicle_.injected(FaultKind::LieOtherPlatform);
    }
  }
}

void DonorHost::lie_about(const session::Requester& from, const wire::IpmiRequest& request,
                          std::optional<wire::IpmiResponse>& response, TimePoint now) {
  if (!response || !from.authenticated()) return;
  if (lying(FaultKind::LieGarbage, now) && dice_.chance(0.3)) {
    chronicle_.injected(FaultKind::LieGarbage);
    response->data.resize(dice_.below(response->data.size() + 8));
    for (std::byte& byte : response->data)
      if (dice_.chance(0.2)) byte = static_cast<std::byte>(dice_.below(256));
  }
  if (request.command != static_cast<std::uint8_t>(oem::Command::AcceptOffer)) return;
  if (lying(FaultKind::LieEndlessBusy, now)) {
    chronicle_.injected(FaultKind::LieEndlessBusy);
    ByteWriter data;
    data.bytes(oem::response_data(kIana));
    data.u16(static_cast<std::uint16_t>(dice_.below(90)));
    *response = {CompletionCode::Busy, std::move(data).release()};
    return;
  }
  if (!lying(FaultKind::LieWrongSizes, now) || response->code != CompletionCode::Ok) return;
  auto rs = oem::strip_iana(kIana, response->data).and_then(wire::decode<oem::AcceptOfferRs>);
  if (!rs) return;
  chronicle_.injected(FaultKind::LieWrongSizes);
  switch (dice_.below(6)) {
    case 0: rs->handle = 0; break;
    case 1: rs->image_size_bytes ^= std::uint64_t{1} << dice_.below(40); break;
    case 2: rs->tree_size_bytes += 4096; break;
    case 3: rs->segment_limit_granules = static_cast<std::uint16_t>(dice_.below(3)); break;
    case 4: rs->credit_limit_bytes = static_cast<std::uint32_t>(dice_.below(400)); break;
    default: rs->segment_limit_granules = 0xffff; break;
  }
  response->data = oem::response_data(kIana, *rs);
}

/// False: this message is not sent.
bool DonorHost::lie_payload(Outgoing& out, TimePoint now) {
  if (lying(FaultKind::LieSilent, now)) {
    chronicle_.injected(FaultKind::LieSilent);
    return false;
  }
  const auto message = stream::decode_message(out.payload);
  if (!message) return true;
  const auto* sent = std::get_if<stream::Segment>(&*message);
  if (sent == nullptr) return true;
  stream::Segment segment = *sent;
  const Bytes data(segment.data.begin(), segment.data.end());
  segment.data = data;
  if (lying(FaultKind::LieEndsLeases, now) && dice_.chance(0.1)) {
    chronicle_.injected(FaultKind::LieEndsLeases);
    out.payload = encode(stream::Refusal{
        segment.object, dice_.chance(0.5) ? CompletionCode::LeaseEnded : CompletionCode::Busy,
        segment.handle, segment.number});
    return true;
  }
  if (lying(FaultKind::LieWrongSegments, now) && dice_.chance(0.2)) {
    chronicle_.injected(FaultKind::LieWrongSegments);
    switch (dice_.below(6)) {
      case 0: segment.offset_granules += static_cast<std::uint32_t>(dice_.between(1, 200)); break;
      case 1: segment.handle ^= 1U; break;
      case 2: segment.number += static_cast<std::uint32_t>(dice_.between(1, 1000)); break;
      case 3: segment.last = !segment.last; break;
      case 4: segment.data = segment.data.first(dice_.below(segment.data.size()) + 1); break;
      default: segment.offset_granules = 0xffffffffU; break;
    }
    out.payload = encode(segment);
  }
  if (lying(FaultKind::TricklingDonor, now)) {
    chronicle_.injected(FaultKind::TricklingDonor);
    segment.data = segment.data.first(std::min(segment.data.size(), oem::kGranule_bytes));
    out.payload = encode(segment);
    trickle_at_ = now + std::chrono::milliseconds(9500);
  }
  return true;
}

}  // namespace fwr::sim
