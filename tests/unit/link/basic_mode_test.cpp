// SPDX-License-Identifier: GPL-3.0-or-later
// One end of a serial cable: what becomes of messages and of characters, and when.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "link/basic_mode_port.hpp"
#include "support/hex.hpp"
#include "wire/oem.hpp"

namespace fwr::link {
namespace {

using test::hex;
using namespace std::chrono_literals;
namespace basic_mode = wire::basic_mode;
namespace plain = wire::plain;

constexpr std::uint32_t kIana = 32473;

BasicModeSettings settings(std::uint32_t baud = 115200) {
  BasicModeSettings settings;
  settings.baud = baud;
  settings.line = 2;
  settings.iana = kIana;
  return settings;
}

struct End {
  explicit End(std::uint32_t baud = 115200) : port(settings(baud)) {}

  /// All that it writes until `until`.
  Bytes written(TimePoint until) {
    Bytes all;
    for (; now <= until; now += 1ms) {
      port.handle_timeout(now);
      while (const auto output = port.poll_output(now))
        all.insert(all.end(), output->begin(), output->end());
    }
    return all;
  }
  Bytes written() { return written(now + 1s); }
  bool send(Bytes message) {
    Datagram datagram;
    datagram.path.peer.family = AddressFamily::Serial;
    datagram.bytes = std::move(message);
    return port.send(datagram, now);
  }
  std::vector<Bytes> received() {
    std::vector<Bytes> all;
    while (auto message = port.poll_receive()) all.push_back(std::move(message->bytes));
    return all;
  }

  TimePoint now = TimePoint(1h);
  BasicModePort port;
};

Bytes bytes_of(std::string_view text) {
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

Bytes stock_request(std::uint8_t net_fn, std::uint8_t command, Bytes data, std::uint8_t sequence) {
  const Bytes message =
      wire::encode(wire::make_lan_request({net_fn, command, std::move(data)}, sequence));
  return basic_mode::encode(message);
}

plain::Message only_request(End& end) {
  const auto received = end.received();
  EXPECT_EQ(1U, received.size());
  const auto request = plain::decode_request(received.at(0));
  EXPECT_TRUE(request.has_value());
  return request.value_or(plain::Message{});
}

TEST(BasicModePort, HandsUpTheRequestOfAStockClientAndAnswersInItsTerms) {
  End donor;
  donor.port.handle_characters(hex("a0 20 18 c8 81 04 01 7a a5"), donor.now);
  const plain::Message request = only_request(donor);
  EXPECT_EQ(0x06 << 2, request.net_fn_lun);
  EXPECT_EQ(0x01, request.command);
  EXPECT_TRUE(
      donor.send(plain::encode_response(request, {wire::CompletionCode::Ok, hex("20 01 a0")})));
  // Handshake; then the addresses exchanged, the escaped byte, both checks.
  EXPECT_EQ(hex("a6 | a0 | 81 1c 63 | 20 04 01 00 20 01 aab0 1a | a5"), donor.written());
}

TEST(BasicModePort, SaysWhereAMessageComesFrom) {
  End donor;
  donor.port.handle_characters(stock_request(0x06, 0x01, {}, 1), donor.now);
  const auto message = donor.port.poll_receive();
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ("serial:@2", to_text(message->path.peer));
  EXPECT_EQ(Medium::Serial, message->path.medium);
}

TEST(BasicModePort, ExchangesTheLuns) {
  End donor;
  wire::LanMessage asked = wire::make_lan_request({0x06, 0x01, {}}, 5);
  asked.responder_lun = 2;
  asked.requester_lun = 1;
  donor.port.handle_characters(basic_mode::encode(wire::encode(asked)), donor.now);
  const plain::Message request = only_request(donor);
  EXPECT_EQ((0x06 << 2) | 2, request.net_fn_lun);
  ASSERT_TRUE(
      donor.send(plain::encode_response(request, {wire::CompletionCode::InvalidCommand, {}})));
  basic_mode::FrameDecoder decoder;
  for (const std::byte c : donor.written()) (void)decoder.push(c);
  const auto answer = wire::decode_lan_message(decoder.message());
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(1, answer->responder_lun);
  EXPECT_EQ(2, answer->requester_lun);
  EXPECT_EQ(5, answer->sequence);
}

TEST(BasicModePort, AnswersARequestOnce) {
  End donor;
  donor.port.handle_characters(stock_request(0x06, 0x01, {}, 1), donor.now);
  const plain::Message request = only_request(donor);
  const Bytes answer = plain::encode_response(request, {});
  EXPECT_TRUE(donor.send(answer));
  EXPECT_FALSE(donor.send(answer));
  EXPECT_EQ(1U, donor.port.statistics().dropped);
}

TEST(BasicModePort, CutsAResponseForAStockClientOnly) {
  const Bytes data(100, std::byte{0x55});
  for (const bool stock : {true, false}) {
    End donor;
    wire::LanMessage asked = wire::make_lan_request({0x2e, 0x09, hex("d9 7e 00")}, 5);
    if (!stock) asked.requester_address = basic_mode::kOwnAddress;
    donor.port.handle_characters(basic_mode::encode(wire::encode(asked)), donor.now);
    const plain::Message request = only_request(donor);
    ASSERT_TRUE(donor.send(plain::encode_response(request, {wire::CompletionCode::Ok, data})));
    basic_mode::FrameDecoder decoder;
    for (const std::byte c : donor.written()) (void)decoder.push(c);
    EXPECT_EQ(stock ? basic_mode::kStockMessage_bytes : 108U, decoder.message().size());
    EXPECT_TRUE(wire::decode_lan_message(decoder.message()).has_value());
    EXPECT_EQ(stock ? 1U : 0U, donor.port.statistics().cut);
  }
}

TEST(BasicModePort, CompletesTheShortRequestOfAStockClient) {
  wire::oem::RequestFirmwareRq wanted;
  wanted.nonce.fill(std::byte{7});
  wanted.platform.component = "bmc";
  wire::IpmiRequest whole =
      wire::oem::make_request(kIana, wire::oem::Command::RequestFirmware, wanted);
  whole.data.resize(31);  // up to the text
  End donor;
  donor.port.handle_characters(stock_request(whole.net_fn, whole.command, whole.data, 1),
                               donor.now);
  const plain::Message request = only_request(donor);
  Bytes expected = whole.data;
  expected.resize(160);
  EXPECT_EQ(expected, request.data);
  // Ours are what they are.
  wire::LanMessage asked = wire::make_lan_request(whole, 2);
  asked.requester_address = basic_mode::kOwnAddress;
  donor.port.handle_characters(basic_mode::encode(wire::encode(asked)), donor.now);
  EXPECT_EQ(31U, only_request(donor).data.size());
}

TEST(BasicModePort, DropsARequestToAnotherAddress) {
  End donor;
  wire::LanMessage asked = wire::make_lan_request({0x06, 0x01, {}}, 5);
  asked.responder_address = 0x24;
  donor.port.handle_characters(basic_mode::encode(wire::encode(asked)), donor.now);
  EXPECT_TRUE(donor.received().empty());
  EXPECT_EQ(1U, donor.port.statistics().not_ours);
}

TEST(BasicModePort, DropsWhatIsDamagedAndSaysThatThereIsRoom) {
  End donor;
  donor.port.handle_characters(hex("a0 20 18 c8 81 04 01 7b a5"), donor.now);
  donor.port.handle_characters(hex("a0 a5"), donor.now);
  EXPECT_TRUE(donor.received().empty());
  EXPECT_EQ(2U, donor.port.statistics().bad_checksums);
  EXPECT_EQ(hex("a6 a6"), donor.written());
}

TEST(BasicModePort, ForgetsAMessageInWhichNothingComes) {
  End donor;
  donor.port.handle_characters(hex("a0 20 18 c8"), donor.now);
  EXPECT_EQ(donor.now + BasicModePort::kCharacterTimeout, donor.port.deadline());
  donor.now += BasicModePort::kCharacterTimeout;
  donor.port.handle_timeout(donor.now);
  EXPECT_EQ(std::nullopt, donor.port.deadline());
  donor.port.handle_characters(hex("81 04 01 7a a5"), donor.now);
  EXPECT_TRUE(donor.received().empty());
  EXPECT_EQ(1U, donor.port.statistics().unfinished);
  EXPECT_EQ(5U, donor.port.statistics().not_start);
}

/// Two ends of one cable, without its time.
struct Cable {
  void run() {
    for (int i = 0; i < 200; ++i) {
      a.now += 10ms;
      b.now = a.now;
      while (const auto out = a.port.poll_output(a.now)) b.port.handle_characters(*out, b.now);
      while (const auto out = b.port.poll_output(b.now)) a.port.handle_characters(*out, a.now);
    }
  }
  End a;
  End b;
};

TEST(BasicModePort, CarriesAQuestionAndItsAnswerUnderTheTagOfTheAsker) {
  Cable cable;
  ASSERT_TRUE(cable.a.send(plain::encode_request({0x06, 0x37, bytes_of("x")}, 201)));
  cable.run();
  const plain::Message request = only_request(cable.b);
  EXPECT_EQ(bytes_of("x"), request.data);
  ASSERT_TRUE(cable.b.send(plain::encode_response(request, {{}, bytes_of("answer")})));
  cable.run();
  const auto answers = cable.a.received();
  ASSERT_EQ(1U, answers.size());
  const auto answer = plain::decode_response(answers[0]);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(201, answer->tag);
  EXPECT_EQ(0x07 << 2, answer->net_fn_lun);
  EXPECT_EQ(bytes_of(std::string_view("\0answer", 7)), answer->data);
  EXPECT_EQ(1U, cable.a.port.statistics().handshakes);
  EXPECT_EQ(1U, cable.b.port.statistics().handshakes);
}

TEST(BasicModePort, TellsApartMoreQuestionsThanSequenceNumbers) {
  Cable cable;
  for (unsigned i = 0; i < 200; ++i) {
    const auto tag = static_cast<std::uint8_t>(i);
    ASSERT_TRUE(cable.a.send(plain::encode_request({0x06, 0x37, {}}, tag)));
    cable.run();
    ASSERT_TRUE(cable.b.send(plain::encode_response(only_request(cable.b), {})));
    cable.run();
    const auto answers = cable.a.received();
    ASSERT_EQ(1U, answers.size());
    EXPECT_EQ(tag, plain::decode_response(answers[0])->tag);
  }
}

TEST(BasicModePort, TakesAnAnswerOnceAndOnlyToItsOwnQuestion) {
  End recipient;
  ASSERT_TRUE(recipient.send(plain::encode_request({0x06, 0x37, {}}, 7)));
  (void)recipient.written();
  wire::LanMessage asked = wire::make_lan_request({0x06, 0x37, {}}, 1);
  asked.requester_address = basic_mode::kOwnAddress;
  const auto answer = [&](auto change) {
    wire::LanMessage message = wire::make_lan_response(asked, {});
    change(message);
    recipient.port.handle_characters(basic_mode::encode(wire::encode(message)), recipient.now);
    return recipient.received().size();
  };
  EXPECT_EQ(0U, answer([](wire::LanMessage& m) { m.sequence = 2; }));
  EXPECT_EQ(0U, answer([](wire::LanMessage& m) { m.command = 0x38; }));
  EXPECT_EQ(0U, answer([](wire::LanMessage& m) { m.net_fn = 0x2f; }));
  EXPECT_EQ(0U, answer([](wire::LanMessage& m) { m.responder_address = 0x81; }));
  EXPECT_EQ(0U, answer([](wire::LanMessage& m) { m.requester_address = 0x24; }));
  EXPECT_EQ(1U, answer([](wire::LanMessage&) {}));
  EXPECT_EQ(0U, answer([](wire::LanMessage&) {}));
}

TEST(BasicModePort, CarriesTheLargestStreamMessageBothWays) {
  Cable cable;
  for (const std::size_t size : {std::size_t{1}, basic_mode::kLargestStream_bytes}) {
    const Bytes message(size, std::byte{0xa0});  // all of it is escaped
    ASSERT_TRUE(cable.a.send(plain::encode_stream(message)));
    ASSERT_TRUE(cable.b.send(plain::encode_stream(message)));
    cable.run();
    EXPECT_EQ(std::vector<Bytes>{plain::encode_stream(message)}, cable.a.received());
    EXPECT_EQ(std::vector<Bytes>{plain::encode_stream(message)}, cable.b.received());
  }
  EXPECT_FALSE(cable.a.send(plain::encode_stream(Bytes(basic_mode::kLargestStream_bytes + 1))));
}

TEST(BasicModePort, DropsAStreamMessageThatOnlyTheSumWouldPass) {
  End sender;
  ASSERT_TRUE(sender.send(plain::encode_stream(bytes_of("abcdefgh"))));
  Bytes characters = sender.written();
  End receiver;
  receiver.port.handle_characters(characters, receiver.now);
  EXPECT_EQ(1U, receiver.received().size());
  // Two bytes exchanged: the same sum.
  const auto at = std::find(characters.begin(), characters.end(), std::byte{'c'});
  std::swap(*at, *(at + 1));
  receiver.port.handle_characters(characters, receiver.now);
  EXPECT_TRUE(receiver.received().empty());
  EXPECT_EQ(1U, receiver.port.statistics().bad_checksums);
}

TEST(BasicModePort, DropsAStreamMessageOfAnotherEnterprise) {
  BasicModeSettings other = settings();
  other.iana = 1;
  BasicModePort sender(other);
  Datagram message;
  message.bytes = plain::encode_stream(bytes_of("x"));
  const TimePoint now(1h);
  ASSERT_TRUE(sender.send(message, now));
  End receiver;
  receiver.port.handle_characters(sender.poll_output(now).value(), now);
  EXPECT_TRUE(receiver.received().empty());
  EXPECT_EQ(1U, receiver.port.statistics().not_ours);
}

TEST(BasicModePort, KeepsThePaceOfTheLine) {
  constexpr std::uint32_t kBaud = 9600;
  End sender(kBaud);
  const Bytes message = plain::encode_stream(Bytes(948, std::byte{0x55}));
  const TimePoint start = sender.now;
  std::size_t sent = 0;
  for (; sender.now < start + 10s;
       sender.now = std::max(sender.now + 1ms, sender.port.deadline().value_or(sender.now))) {
    while (sender.port.room() > 0) ASSERT_TRUE(sender.send(message));
    while (const auto output = sender.port.poll_output(sender.now)) {
      sent += output->size();
      // Never more than one message and what the line sends in 50 ms ahead of the line.
      const auto elapsed = std::chrono::duration<double>(sender.now - start).count();
      EXPECT_LE(static_cast<double>(sent), (elapsed + 0.051) * kBaud / 10 + 962);
    }
  }
  EXPECT_GE(sent, 9600U);
}

TEST(BasicModePort, WantsMoreOnlyWhileLittleWaits) {
  End sender;
  const Bytes message = plain::encode_stream(Bytes(1000, std::byte{0x55}));
  EXPECT_EQ(BasicModePort::kWanted, sender.port.room());
  ASSERT_TRUE(sender.send(message));
  ASSERT_TRUE(sender.send(message));
  EXPECT_EQ(0U, sender.port.room());
  ASSERT_TRUE(sender.port.poll_output(sender.now).has_value());
  EXPECT_EQ(1U, sender.port.room());
  // The second one when the line has nearly sent the first: 88 ms at 115200.
  EXPECT_FALSE(sender.port.poll_output(sender.now).has_value());
  const auto next = sender.port.deadline();
  ASSERT_TRUE(next.has_value());
  EXPECT_GT(*next, sender.now + 30ms);
  EXPECT_LT(*next, sender.now + 40ms);
  EXPECT_TRUE(sender.port.poll_output(*next).has_value());
}

TEST(BasicModePort, DropsWhatHasNoRoom) {
  End sender;
  const Bytes message = plain::encode_stream(bytes_of("x"));
  for (std::size_t i = 0; i < BasicModePort::kQueue; ++i) EXPECT_TRUE(sender.send(message));
  EXPECT_FALSE(sender.send(message));
  EXPECT_EQ(1U, sender.port.statistics().dropped);
  const Bytes request = stock_request(0x06, 0x01, {}, 1);
  for (std::size_t i = 0; i < BasicModePort::kQueue + 1; ++i)
    sender.port.handle_characters(request, sender.now);
  EXPECT_EQ(BasicModePort::kQueue, sender.received().size());
  EXPECT_EQ(2U, sender.port.statistics().dropped);
}

TEST(BasicModePort, RejectsWhatIsNoMessage) {
  End sender;
  for (const char* bad : {"", "00", "04 00", "01", "01 00 1c 01", "02 00 18 01 00", "02 00 1c 01"})
    EXPECT_FALSE(sender.send(hex(bad))) << bad;
  EXPECT_TRUE(sender.written().empty());
}

TEST(BasicModePort, ForgetsWhatWasUnderWayWhenTheLineWasAway) {
  End end;
  ASSERT_TRUE(end.send(plain::encode_stream(bytes_of("x"))));
  end.port.handle_characters(hex("a0 20"), end.now);
  end.port.reset();
  EXPECT_FALSE(end.port.poll_output(end.now).has_value());
  EXPECT_EQ(std::nullopt, end.port.deadline());
}

TEST(BasicModePort, SaysWhatItIs) {
  const LinkProperties link = BasicModePort(settings(19200)).properties();
  EXPECT_EQ(Medium::Serial, link.medium);
  EXPECT_EQ(19200U, link.bits_per_s);
  EXPECT_FALSE(link.sessions);
  EXPECT_FALSE(link.shared);
  EXPECT_FALSE(link.half_duplex);
  EXPECT_EQ(2065U, link.largest_message_bytes);
}

}  // namespace
}  // namespace fwr::link
