// SPDX-License-Identifier: GPL-3.0-or-later
// The frame decoder and a node of the ICMB bus: any characters, at any times, between any messages.
#include <algorithm>
#include <deque>

#include "fuzz.hpp"
#include "link/icmb_port.hpp"

namespace fwr {
namespace {

using fuzz::Input;
using fuzz::require;
namespace icmb = wire::icmb;

/// A frame that was taken is written as it was read.
void check_decoder(ByteView characters) {
  icmb::FrameDecoder decoder;
  for (const std::byte c : characters) {
    const icmb::Heard heard = decoder.push(c);
    if (heard != icmb::Heard::Frame && heard != icmb::Heard::UnknownType) continue;
    const icmb::Frame& frame = decoder.frame();
    require(frame.payload.size() <= icmb::kPayloadLimit_bytes, "a payload is within its limit");
    icmb::FrameDecoder second;
    (void)second.push(icmb::kFlag);
    icmb::Heard last = icmb::Heard::Part;
    for (const std::byte again : icmb::encode(frame)) last = second.push(again);
    require(last == heard, "what was decoded is encoded as a frame");
    require(std::equal(frame.payload.begin(), frame.payload.end(), second.frame().payload.begin(),
                       second.frame().payload.end()),
            "with the same payload");
  }
}

enum class Action : std::uint8_t {
  Hear,
  Echo,
  Send,
  HearFrame,
  Wait,
};
constexpr std::array<fuzz::NamedAction<Action>, 5> kActions{{
    {Action::Hear, "hear"},
    {Action::Echo, "echo"},
    {Action::Send, "send"},
    {Action::HearFrame, "hear-frame"},
    {Action::Wait, "wait"},
}};

/// A port whose own characters come back, or do not, with others between them.
class Node {
 public:
  explicit Node(Input& in)
      : in_(in),
        random_(in.u32()),
        now_(std::chrono::hours(1)),
        port_(settings(in), random_, now_) {}

  void run() {
    for (int step = 0; step < kSteps && !in_.ended(); ++step) {
      now_ += std::chrono::microseconds(in_.u16() * (in_.flag() ? 64U : 1U));
      switch (fuzz::draw_action(in_, kActions)) {
        case Action::Hear: hear(fuzz::exact(in_.bytes())); break;
        case Action::Echo: echo(in_.below(64)); break;
        case Action::Send: send(); break;
        case Action::HearFrame: hear_frame(); break;
        case Action::Wait: break;
      }
      port_.handle_timeout(now_);
      settle();
    }
  }

 private:
  static constexpr int kSteps = 300;
  static constexpr int kPolls = 10'000;  // more of anything at one time is a loop without end

  static link::IcmbSettings settings(Input& in) {
    link::IcmbSettings settings;
    settings.guid = in.array<16>();
    settings.address = icmb::BusAddress{in.u16()};
    settings.fixed = in.flag();
    if (in.flag()) settings.operators.push_back(icmb::BusAddress{0x22});
    return settings;
  }
  /// Of others: they may look like our own, which then stays ahead for ever.
  void hear(const Bytes& characters) {
    foreign_ += characters.size();
    port_.handle_characters(characters, now_);
  }
  void echo(std::size_t count) {
    count = std::min(count, on_line_.size());
    const Bytes heard(on_line_.begin(), on_line_.begin() + static_cast<std::ptrdiff_t>(count));
    on_line_.erase(on_line_.begin(), on_line_.begin() + static_cast<std::ptrdiff_t>(count));
    port_.handle_characters(heard, now_);
  }
  void send() {
    Datagram message;
    message.path.peer = icmb::to_address(icmb::BusAddress{in_.u16()}, 1);
    message.bytes = fuzz::exact(in_.bytes());
    (void)port_.send(message, now_);
  }
  void hear_frame() {
    icmb::Frame frame;
    frame.destination = in_.flag() ? icmb::BusAddress::Broadcast : port_.address();
    frame.source = in_.flag() ? icmb::BusAddress{0x22} : icmb::BusAddress{in_.u16()};
    frame.type = icmb::FrameType{in_.below(7) == 0 ? in_.u8() : std::uint8_t(1 + in_.below(5))};
    frame.sequence = in_.u8();
    const Bytes payload = fuzz::exact(in_.bytes());
    frame.payload = ByteView(payload).first(std::min(payload.size(), icmb::kPayloadLimit_bytes));
    Bytes characters{icmb::kFlag};
    const Bytes encoded = icmb::encode(frame);
    characters.insert(characters.end(), encoded.begin(), encoded.end());
    hear(characters);
  }
  void settle() {
    int polls = 0;
    while (auto output = port_.poll_output(now_)) {
      if (output->discard) on_line_.clear();
      on_line_.insert(on_line_.end(), output->characters.begin(), output->characters.end());
      require(on_line_.size() <= link::IcmbLimits().ahead() + foreign_,
              "no more is ahead than the limit");
      require(++polls < kPolls, "output ends");
    }
    while (auto message = port_.poll_receive()) {
      require(!message->bytes.empty() && message->bytes.size() <= port_.kLargestMessage_bytes,
              "a message has a type and is within its limit");
      require(++polls < kPolls, "messages end");
    }
    while (auto event = port_.poll_event()) require(++polls < kPolls, "events end");
    require(port_.waiting() <= link::IcmbLimits().queued_frames + 2,
            "the queue is within its limit");
  }

  Input& in_;
  fuzz::SeededRandom random_;
  TimePoint now_;
  link::IcmbPort port_;
  std::deque<std::byte> on_line_;
  std::size_t foreign_ = 0;
};

}  // namespace
}  // namespace fwr

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fwr::fuzz::Input in(data, size);
  if (in.flag()) {
    fwr::check_decoder(in.rest());
  } else {
    fwr::Node(in).run();
  }
  return 0;
}
