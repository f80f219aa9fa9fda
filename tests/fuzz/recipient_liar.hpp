// SPDX-License-Identifier: GPL-3.0-or-later
// The donors of recipient_fuzz.cpp: an honest host, and one of which the input says what it sends
// instead of what a donor should.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/soonest.hpp"
#include "fuzz.hpp"
#include "layout_codecs.hpp"
#include "support/recovery_rig.hpp"
#include "wire/stream.hpp"

namespace fwr::fuzz {

inline constexpr std::size_t kHeldLimit = 16;  ///< datagrams that come late, or again
/// Lower than that of the honest host: with the same image the liar is tried first.
inline constexpr std::uint8_t kLiar = 2;

/// A donor machine behind a session server. What it says may be put in other words.
class Host : public session::Application {
 public:
  Host(std::uint8_t host, std::vector<test::SignedImage> images, TimePoint now)
      : address(test::ipv4(host)),
        catalogue(std::move(images)),
        random_(host),
        donor(donor_config(host), catalogue, random_, now),
        server(server_config(host), test::kIana, *this, random_) {}

  std::optional<wire::IpmiResponse> handle_command(const session::Requester& from,
                                                   const wire::IpmiRequest& request,
                                                   TimePoint now) override {
    return donor.handle_command(from, request, now);
  }
  void handle_payload(const session::Requester& from, ByteView payload, TimePoint now) override {
    donor.handle_payload(from, payload, now);
  }
  std::optional<Outgoing> next_payload(LinkId link, TimePoint now) override {
    return donor.next_payload(link, now);
  }
  void session_closed(std::uint32_t session, TimePoint now) override {
    donor.session_closed(session, now);
  }

  [[nodiscard]] std::optional<TimePoint> next() const {
    Soonest soonest;
    for (const auto& at : {to_host.next(), from_host.next(), server.deadline(), donor.deadline()})
      soonest.add(at);
    return soonest.time();
  }

  Address address;
  test::MemoryCatalogue catalogue;

 private:
  static Guid guid(std::uint8_t host) {
    Guid guid{};
    guid.fill(static_cast<std::byte>(host));
    return guid;
  }
  static donor::DonorConfig donor_config(std::uint8_t host) {
    donor::DonorConfig config;
    config.iana = test::kIana;
    config.guid = guid(host);
    return config;
  }
  static session::ServerConfig server_config(std::uint8_t host) {
    session::ServerConfig config;
    config.accounts = {session::Account{.name = "fw", .password = Secret(as_bytes("secret"))}};
    config.identity.guid = guid(host);
    return config;
  }
  SeededRandom random_;

 public:
  donor::Donor donor;
  session::Server server;
  test::SimLink to_host{{.delay = std::chrono::milliseconds(1)}};
  test::SimLink from_host{{.delay = std::chrono::milliseconds(1)}};
};

// What a liar does in place of the honest thing. A byte of input has three bits for it, of which
// zero lets the thing pass.
enum class AnswerLie : std::uint8_t { Code, Shorten, AnyData, AnyBody, Forge, Silence, Damage };
inline constexpr std::array<NamedAction<AnswerLie>, 7> kAnswerLies{{
    {AnswerLie::Code, "answer-code"},
    {AnswerLie::Shorten, "answer-short"},
    {AnswerLie::AnyData, "answer-bytes"},
    {AnswerLie::AnyBody, "answer-body"},
    {AnswerLie::Forge, "answer-forged"},
    {AnswerLie::Silence, "answer-none"},
    {AnswerLie::Damage, "answer-damaged"},
}};
enum class GrantLie : std::uint8_t { Ignore, Pass };
inline constexpr std::array<NamedAction<GrantLie>, 7> kGrantLies{{
    {GrantLie::Ignore, "grant-ignored"},
    {GrantLie::Ignore, "grant-ignored"},
    {GrantLie::Pass, "grant"},
    {GrantLie::Pass, "grant"},
    {GrantLie::Pass, "grant"},
    {GrantLie::Pass, "grant"},
    {GrantLie::Pass, "grant"},
}};
enum class StreamLie : std::uint8_t { Shorten, AnyBytes, Refuse, AnySegment, Damage };
inline constexpr std::array<NamedAction<StreamLie>, 7> kStreamLies{{
    {StreamLie::Shorten, "stream-short"},
    {StreamLie::AnyBytes, "stream-bytes"},
    {StreamLie::Refuse, "stream-refusal"},
    {StreamLie::AnySegment, "stream-segment"},
    {StreamLie::Damage, "stream-damaged"},
    {StreamLie::Damage, "stream-damaged"},
    {StreamLie::Damage, "stream-damaged"},
}};
enum class Fate : std::uint8_t { Lose, Double, Damage, Shorten, Hold, Replace, Release };
inline constexpr std::array<NamedAction<Fate>, 7> kFates{{
    {Fate::Lose, "datagram-lost"},
    {Fate::Double, "datagram-twice"},
    {Fate::Damage, "datagram-damaged"},
    {Fate::Shorten, "datagram-short"},
    {Fate::Hold, "datagram-held"},
    {Fate::Replace, "datagram-bytes"},
    {Fate::Release, "datagram-released"},
}};

/// A donor that may do anything that an account allows. While the input lasts it decides what
/// becomes of each message that the donor would send.
class Liar final : public Host {
 public:
  Liar(Input& in, std::vector<test::SignedImage> images, TimePoint now)
      : Host(kLiar, std::move(images), now), in_(in) {}

  /// True: the next thing goes as it is. One byte of input is enough for up to 32 of them.
  bool lets_pass() {
    if (passes_ > 0) {
      --passes_;
      return true;
    }
    if (in_.ended()) return true;
    const std::uint8_t how = in_.u8();
    passes_ = how >> 3U;
    drawn_ = how & 7U;
    return drawn_ == 0;
  }
  /// What does not pass becomes this.
  template <class Action>
  [[nodiscard]] Action drawn(const std::array<NamedAction<Action>, 7>& table) const {
    const NamedAction<Action>& row = table.at(drawn_ - 1);
    trace(row.name);
    return row.action;
  }

  std::optional<wire::IpmiResponse> handle_command(const session::Requester& from,
                                                   const wire::IpmiRequest& request,
                                                   TimePoint now) override {
    auto answer = Host::handle_command(from, request, now);
    if (!answer || lets_pass()) return answer;
    switch (drawn(kAnswerLies)) {
      case AnswerLie::Code: answer->code = static_cast<wire::CompletionCode>(in_.u8()); break;
      case AnswerLie::Shorten: answer->data.resize(in_.u8() % (answer->data.size() + 1)); break;
      case AnswerLie::AnyData: answer->data = exact(in_.bytes()); break;
      case AnswerLie::AnyBody: {
        answer->data = wire::oem::response_data(test::kIana);
        const ByteView rest = in_.bytes();
        answer->data.insert(answer->data.end(), rest.begin(), rest.end());
        break;
      }
      case AnswerLie::Forge: answer = forged(request); break;
      case AnswerLie::Silence: return std::nullopt;
      case AnswerLie::Damage: damage(answer->data);
    }
    return answer;
  }
  void handle_payload(const session::Requester& from, ByteView payload, TimePoint now) override {
    if (const auto message = wire::stream::decode_message(payload))
      if (const auto* grant = std::get_if<wire::stream::Grant>(&*message)) grant_ = *grant;
    if (lets_pass() || drawn(kGrantLies) == GrantLie::Pass)
      Host::handle_payload(from, payload, now);
    session_ = from.session;
  }
  std::optional<Outgoing> next_payload(LinkId link, TimePoint now) override {
    auto next = Host::next_payload(link, now);
    if (!next || lets_pass()) return next;
    switch (drawn(kStreamLies)) {
      case StreamLie::Shorten: next->payload.resize(in_.u16() % (next->payload.size() + 1)); break;
      case StreamLie::AnyBytes: next->payload = exact(in_.bytes()); break;
      case StreamLie::Refuse: {
        const wire::stream::Refusal refusal{grant_.object,
                                            static_cast<wire::CompletionCode>(1 + in_.below(255)),
                                            grant_.handle, grant_.number};
        next->payload = wire::stream::encode(refusal);
        break;
      }
      case StreamLie::AnySegment: next->payload = any_segment(); break;
      case StreamLie::Damage: damage(next->payload);
    }
    return next;
  }

  /// The datagrams that go in place of one of its own.
  std::vector<Datagram> fate_of(Datagram datagram) {
    if (lets_pass()) return {std::move(datagram)};
    switch (drawn(kFates)) {
      case Fate::Lose: return {};
      case Fate::Double: return {datagram, datagram};
      case Fate::Damage: damage(datagram.bytes); break;
      case Fate::Shorten: datagram.bytes.resize(in_.u16() % (datagram.bytes.size() + 1)); break;
      case Fate::Hold:
        held_.push_back(datagram);
        if (held_.size() > kHeldLimit) held_.erase(held_.begin());
        return {};
      case Fate::Replace: {
        const Address from = datagram.path.local;
        datagram.bytes = exact(in_.bytes());
        datagram.path.local = from;
        break;
      }
      case Fate::Release:
        if (held_.empty()) break;
        return {held_.at(in_.below(held_.size())), std::move(datagram)};
    }
    return {std::move(datagram)};
  }

 private:
  /// An answer whose fields have any value.
  wire::IpmiResponse forged(const wire::IpmiRequest& request) {
    LayoutFiller filler(in_);
    const auto answer = [&](auto message) {
      std::remove_reference_t<decltype(message)>::layout(filler, message);
      return wire::IpmiResponse{wire::CompletionCode::Ok,
                                wire::oem::response_data(test::kIana, message)};
    };
    switch (static_cast<wire::oem::Command>(request.command)) {
      case wire::oem::Command::RequestFirmware: {
        wire::oem::Offer offer;
        wire::oem::Offer::layout(filler, offer);
        const auto body = wire::oem::strip_iana(test::kIana, request.data);
        const auto asked = body.and_then(wire::decode<wire::oem::RequestFirmwareRq>);
        if (asked) offer.nonce = asked->nonce;
        offer.version = 1;
        return {wire::CompletionCode::Ok, wire::oem::response_data(test::kIana, offer)};
      }
      case wire::oem::Command::GetManifest: return answer(wire::oem::GetManifestRs{});
      case wire::oem::Command::AcceptOffer: return answer(wire::oem::AcceptOfferRs{});
      case wire::oem::Command::GetDonorStatus: return answer(wire::oem::DonorStatusRs{});
      case wire::oem::Command::ListImages: return answer(wire::oem::ListImagesRs{});
      default:
        return {static_cast<wire::CompletionCode>(in_.u8()), wire::oem::response_data(test::kIana)};
    }
  }
  /// Data that answers the last grant, at any place and of any size.
  Bytes any_segment() {
    const Bytes data(in_.u16() % 40000U, static_cast<std::byte>(in_.u8()));
    wire::stream::Segment segment;
    segment.object = in_.flag() ? wire::stream::Object::Tree : grant_.object;
    segment.last = in_.flag();
    segment.handle = grant_.handle;
    segment.number = grant_.number + in_.below(3) - 1U;
    segment.offset_granules =
        in_.flag() && !grant_.ranges.empty() ? grant_.ranges.front().offset_granules : in_.u32();
    segment.data = data;
    return wire::stream::encode(segment);
  }
  void damage(Bytes& bytes) {
    if (bytes.empty()) return;
    bytes.at(in_.u16() % bytes.size()) ^= static_cast<std::byte>(in_.u8());
  }

  Input& in_;
  unsigned passes_ = 0;
  unsigned drawn_ = 0;
  std::uint32_t session_ = 0;
  wire::stream::Grant grant_;
  std::vector<Datagram> held_;
};

}  // namespace fwr::fuzz
