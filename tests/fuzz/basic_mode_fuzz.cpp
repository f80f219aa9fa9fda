// SPDX-License-Identifier: GPL-3.0-or-later
// Serial Basic Mode: any characters to the decoder, and to a port between any messages.
#include <algorithm>

#include "fuzz.hpp"
#include "link/basic_mode_port.hpp"

namespace fwr {
namespace {

using fuzz::Input;
using fuzz::require;
namespace basic_mode = wire::basic_mode;

/// A message that was taken is written as it was read.
void check_decoder(ByteView characters) {
  basic_mode::FrameDecoder decoder;
  for (const std::byte c : characters) {
    if (decoder.push(c) != basic_mode::Heard::Message) continue;
    const ByteView message = decoder.message();
    require(message.size() <= basic_mode::kLargestMessage_bytes, "a message is within its limit");
    basic_mode::FrameDecoder second;
    basic_mode::Heard last = basic_mode::Heard::Part;
    for (const std::byte again : basic_mode::encode(message)) last = second.push(again);
    require(last == basic_mode::Heard::Message, "what was decoded is encoded as a message");
    require(std::equal(message.begin(), message.end(), second.message().begin(),
                       second.message().end()),
            "with the same bytes");
  }
}

enum class Action : std::uint8_t {
  Hear,
  HearMessage,
  Say,
  Answer,
  Timeout,
  Reset,
};
constexpr std::array<fuzz::NamedAction<Action>, 6> kActions{{
    {Action::Hear, "hear"},
    {Action::HearMessage, "hear-message"},
    {Action::Say, "say"},
    {Action::Answer, "answer"},
    {Action::Timeout, "timeout"},
    {Action::Reset, "reset"},
}};

/// A port that hears any characters, and that is given anything to say.
class End {
 public:
  explicit End(Input& in) : in_(in), port_(settings(in)) {}

  void run() {
    for (int step = 0; step < kSteps && !in_.ended(); ++step) {
      now_ += std::chrono::microseconds(in_.u16() * (in_.flag() ? 64U : 1U));
      switch (fuzz::draw_action(in_, kActions)) {
        case Action::Hear: port_.handle_characters(fuzz::exact(in_.bytes()), now_); break;
        case Action::HearMessage: hear_message(); break;
        case Action::Say: say(fuzz::exact(in_.bytes())); break;
        case Action::Answer: answer(); break;
        case Action::Timeout: port_.handle_timeout(now_); break;
        case Action::Reset: port_.reset(); break;
      }
      settle();
    }
  }

 private:
  static constexpr int kSteps = 300;
  static constexpr int kPolls = 1'000;  // more of anything at one time is a loop without end
  static constexpr std::uint32_t kIana = 32473;

  static link::BasicModeSettings settings(Input& in) {
    link::BasicModeSettings settings;
    settings.baud = in.flag() ? 115200 : 1200;
    settings.iana = kIana;
    return settings;
  }
  void hear_message() {
    wire::LanMessage message;
    message.requester_address = in_.flag() ? basic_mode::kOwnAddress : in_.u8();
    message.responder_address = in_.flag() ? wire::kBmcAddress : basic_mode::kOwnAddress;
    if (in_.flag()) std::swap(message.requester_address, message.responder_address);
    message.net_fn = in_.flag() ? 0x2e : in_.u8() & 0x3fU;
    message.sequence = in_.u8() & 0x3fU;
    message.command = in_.flag() ? basic_mode::kStreamCommand : in_.u8();
    message.data = fuzz::exact(in_.bytes());
    const Bytes bytes = wire::encode(message);
    if (bytes.size() > basic_mode::kLargestMessage_bytes) return;
    port_.handle_characters(basic_mode::encode(bytes), now_);
  }
  void say(Bytes bytes) {
    Datagram message;
    message.bytes = std::move(bytes);
    (void)port_.send(message, now_);
  }
  void answer() {
    if (!asked_) return;
    wire::IpmiResponse response;
    response.code = wire::CompletionCode{in_.u8()};
    response.data = fuzz::exact(in_.bytes());
    say(wire::plain::encode_response(*asked_, response));
  }
  void settle() {
    int polls = 0;
    while (const auto output = port_.poll_output(now_)) {
      require(!output->empty(), "output has characters");
      require(++polls < kPolls, "output ends");
    }
    while (const auto message = port_.poll_receive()) {
      require(message->bytes.size() <= kLargest_bytes, "a message is within its limit");
      require(wire::plain::type_of(message->bytes).has_value(), "a message has a type");
      if (const auto request = wire::plain::decode_request(message->bytes)) asked_ = *request;
      require(++polls < kPolls, "messages end");
    }
    require(port_.room() <= link::BasicModePort::kWanted, "it wants a bounded number");
  }
  static constexpr std::size_t kLargest_bytes = basic_mode::kLargestMessage_bytes;

  Input& in_;
  TimePoint now_{std::chrono::hours(1)};
  link::BasicModePort port_;
  std::optional<wire::plain::Message> asked_;
};

}  // namespace
}  // namespace fwr

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fwr::fuzz::Input in(data, size);
  if (in.flag()) {
    fwr::check_decoder(in.rest());
  } else {
    fwr::End(in).run();
  }
  return 0;
}
