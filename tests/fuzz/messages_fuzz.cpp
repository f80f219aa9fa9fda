// SPDX-License-Identifier: GPL-3.0-or-later
// Fuzzes IPMI messages, the OEM commands and the image stream. The first byte says which message,
// and whether the rest are its bytes or its fields.
//
// encode(decode(bytes)) == bytes, once the bits that a receiver ignores (PROTOCOL §10) are zero.
#include <tuple>
#include <utility>
#include <variant>

#include "fuzz.hpp"
#include "layout_codecs.hpp"
#include "session/sessionless.hpp"
#include "wire/ipmi.hpp"
#include "wire/oem.hpp"
#include "wire/rmcp.hpp"
#include "wire/stream.hpp"

namespace fwr::fuzz {
namespace {

using namespace wire;
namespace oem = wire::oem;

constexpr std::uint32_t kIana = 32473;

// --- one layout ----------------------------------------------------------------------------------

template <class Message>
std::vector<std::string> fields_of(const Message& message) {
  LayoutFields fields;
  Message::layout(fields, message);
  std::vector<std::string> all = fields.values();
  if constexpr (std::is_same_v<Message, stream::Grant>) {
    LayoutFields ranges;
    for (const stream::Range& range : message.ranges) stream::Range::layout(ranges, range);
    all.insert(all.end(), ranges.values().begin(), ranges.values().end());
  }
  return all;
}

template <class Message>
Bytes significant(const Message& message, ByteView bytes) {
  SignificantBits bits(exact(bytes));
  Message::layout(bits, message);
  if constexpr (std::is_same_v<Message, stream::Grant>)
    for (const stream::Range& range : message.ranges) stream::Range::layout(bits, range);
  return std::move(bits).release();
}

template <class Message>
void layout_bytes(ByteView bytes) {
  const auto message = decode<Message>(exact(bytes));
  if (!message) return;
  const Bytes again = wire::encode(*message);
  require(again == significant(*message, bytes), "encode(decode(x)) == x: OEM command");
  const auto twice = decode<Message>(again);
  require(twice && fields_of(*twice) == fields_of(*message), "decode(encode(x)) == x: OEM command");
}

template <class Message>
void layout_fields(Input& in) {
  Message message;
  LayoutFiller filler(in);
  Message::layout(filler, message);
  const auto read = decode<Message>(wire::encode(message));
  require(read && fields_of(*read) == fields_of(message), "decode(encode(x)) == x: OEM command");
}

using Layouts =
    std::tuple<oem::CapabilitiesRq, oem::CapabilitiesRs, oem::RequestFirmwareRq, oem::Offer,
               oem::GetManifestRq, oem::GetManifestRs, oem::AcceptOfferRq, oem::AcceptOfferRs,
               oem::ReleaseOfferRq, oem::ReadRq, oem::ReadRs, oem::ReportResultRq,
               oem::DonorStatusRs, oem::ListImagesRq, oem::ListImagesRs>;
constexpr std::array<std::string_view, std::tuple_size_v<Layouts>> kLayoutNames{
    "capabilities-rq", "capabilities-rs", "request-firmware-rq",
    "offer",           "get-manifest-rq", "get-manifest-rs",
    "accept-offer-rq", "accept-offer-rs", "release-offer-rq",
    "read-rq",         "read-rs",         "report-result-rq",
    "donor-status-rs", "list-images-rq",  "list-images-rs"};

template <std::size_t... I>
void any_layout(std::size_t which, bool from_fields, Input& in, std::index_sequence<I...>) {
  const auto one = [&]<std::size_t J>() {
    using Message = std::tuple_element_t<J, Layouts>;
    if (which != J) return;
    if (from_fields)
      layout_fields<Message>(in);
    else
      layout_bytes<Message>(in.rest());
  };
  (one.template operator()<I>(), ...);
}

// --- the image stream ----------------------------------------------------------------------------

void stream_bytes(ByteView bytes) {
  const Bytes input = exact(bytes);
  const auto message = stream::decode_message(input);
  if (!message) return;
  std::visit(
      [&](const auto& one) {
        const Bytes again = stream::encode(one);
        require(again == significant(one, input), "encode(decode(x)) == x: image stream");
        const auto twice = stream::decode_message(again);
        require(twice && twice->index() == message->index(),
                "a decoder accepts what its encoder wrote: image stream");
      },
      *message);
}

template <class Message>
void stream_fields(Message message) {
  const Bytes written = stream::encode(message);
  const auto read = stream::decode_message(written);
  const auto* same = read ? std::get_if<Message>(&*read) : nullptr;
  require(same != nullptr && fields_of(*same) == fields_of(message),
          "decode(encode(x)) == x: image stream");
}

void any_stream_fields(Input& in) {
  LayoutFiller filler(in);
  switch (in.below(3)) {
    case 0: {
      stream::Grant grant;
      stream::Grant::layout(filler, grant);
      for (stream::Range& range : grant.ranges) stream::Range::layout(filler, range);
      // What the decoder refuses by rule (PROTOCOL §6.1).
      grant.segment_granules = std::max<std::uint16_t>(grant.segment_granules, 1);
      for (stream::Range& range : grant.ranges)
        range.length_granules = std::max<std::uint16_t>(range.length_granules, 1);
      return stream_fields(grant);
    }
    case 1: {
      stream::Segment segment;
      stream::Segment::layout(filler, segment);
      if (!segment.data.empty()) stream_fields(segment);
      return;
    }
    default: {
      stream::Refusal refusal;
      stream::Refusal::layout(filler, refusal);
      if (refusal.reason != CompletionCode::Ok) stream_fields(refusal);
      return;
    }
  }
}

// --- IPMI messages -------------------------------------------------------------------------------

auto fields_of(const LanMessage& m) {
  return std::tuple(m.responder_address, m.net_fn, m.responder_lun, m.requester_address, m.sequence,
                    m.requester_lun, m.command, m.data);
}

/// Every bit of an IPMI message means something.
void lan_bytes(ByteView bytes) {
  const auto message = decode_lan_message(exact(bytes));
  if (!message) return;
  require(encode(*message) == exact(bytes), "encode(decode(x)) == x: IPMI message");
}

void lan_fields(Input& in) {
  LanMessage message;
  message.responder_address = in.u8();
  message.net_fn = in.u8() & 0x3fU;
  message.responder_lun = in.u8() & 0x03U;
  message.requester_address = in.u8();
  message.sequence = in.u8() & 0x3fU;
  message.requester_lun = in.u8() & 0x03U;
  message.command = in.u8();
  message.data = exact(in.bytes());
  if (message.is_response() && message.data.empty()) return;
  const auto read = decode_lan_message(encode(message));
  require(read && fields_of(*read) == fields_of(message), "decode(encode(x)) == x: IPMI message");
}

/// A request without a session, its answer, and the enterprise number in both.
void sessionless(Input& in) {
  const std::uint8_t sequence = in.u8() & 0x3fU;
  const auto command = static_cast<oem::Command>(in.u8());
  IpmiRequest request = oem::make_request(kIana, command);
  const ByteView some = in.bytes();
  const ByteView body = some.first(std::min<std::size_t>(some.size(), 200));  // fits IPMI v1.5
  request.data.insert(request.data.end(), body.begin(), body.end());
  const auto stripped = oem::strip_iana(kIana, request.data);
  require(stripped && exact(*stripped) == exact(body), "strip_iana undoes make_request");

  const Bytes datagram = session::sessionless_request(request, sequence);
  require(!session::parse_sessionless_reply(datagram), "a request is no reply");
  const LanMessage asked = make_lan_request(request, sequence);
  const IpmiResponse answer{static_cast<CompletionCode>(in.u8()), request.data};
  const Bytes reply = encode(SessionlessV15{encode(make_lan_response(asked, answer))});
  const auto read = session::parse_sessionless_reply(reply);
  require(read && read->sequence == sequence && read->command == request.command &&
              read->response.code == answer.code && read->response.data == answer.data,
          "a reply reads back");
  (void)session::parse_sessionless_reply(exact(in.rest()));
}

void one(Input& in) {
  constexpr std::size_t kLayouts = std::tuple_size_v<Layouts>;
  const std::uint8_t which = in.u8();
  const bool from_fields = (which & 0x80U) != 0;
  const std::size_t message = (which & 0x7fU) % (kLayouts + 3);
  trace(message < kLayouts        ? kLayoutNames.at(message)
        : message == kLayouts     ? "stream"
        : message == kLayouts + 1 ? "ipmi"
                                  : "sessionless");
  if (from_fields) trace("fields");
  if (message == kLayouts) return from_fields ? any_stream_fields(in) : stream_bytes(in.rest());
  if (message == kLayouts + 1) return from_fields ? lan_fields(in) : lan_bytes(in.rest());
  if (message == kLayouts + 2) return sessionless(in);
  any_layout(message, from_fields, in, std::make_index_sequence<kLayouts>());
}

}  // namespace
}  // namespace fwr::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fwr::fuzz::Input in(data, size);
  fwr::fuzz::one(in);
  return 0;
}
