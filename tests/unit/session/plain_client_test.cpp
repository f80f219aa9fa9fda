// SPDX-License-Identifier: GPL-3.0-or-later
// The client on links without sessions. PROTOCOL §11.4.
#include <gtest/gtest.h>

#include "session/plain_client.hpp"
#include "support/random.hpp"

namespace fwr::session {
namespace {

using namespace std::chrono_literals;
using wire::plain::Message;
using wire::plain::Type;

constexpr std::size_t kLargest_bytes = 300;

class PlainClientTest : public ::testing::Test {
 protected:
  Message sent() {
    const auto bytes = client.poll_transmit();
    EXPECT_TRUE(bytes.has_value());
    const auto message = wire::plain::decode_request(bytes.value_or(Bytes{}));
    EXPECT_TRUE(message.has_value());
    return message.value_or(Message{});
  }
  void answer(const Message& request, Bytes data,
              wire::CompletionCode code = wire::CompletionCode::Ok) {
    client.handle_datagram(
        wire::plain::encode_response(request, {.code = code, .data = std::move(data)}), now);
  }
  void connect() {
    client.start(now);
    answer(sent(), Bytes(16, std::byte{7}));
    const auto event = client.poll_event();
    ASSERT_TRUE(event && std::holds_alternative<SessionUp>(*event));
  }
  static wire::IpmiRequest read(std::uint8_t what) { return {0x2e, what, Bytes(3, std::byte{1})}; }

  test::ScriptedRandom random;  // zeros
  TimePoint now{1h};
  PlainClient client{ClientTimers{.first_timeout = 1000ms, .tries = 3}, kLargest_bytes, random};
};

TEST_F(PlainClientTest, IsUpWhenThePeerHasSaidWhoItIs) {
  EXPECT_FALSE(client.poll_transmit());
  client.start(now);
  const Message greeting = sent();
  EXPECT_EQ(greeting.net_fn(), 0x06);
  EXPECT_EQ(greeting.command, 0x37);
  EXPECT_FALSE(client.up());
  answer(greeting, Bytes(16, std::byte{7}));
  EXPECT_TRUE(client.up());
  const auto event = client.poll_event();
  ASSERT_TRUE(event && std::holds_alternative<SessionUp>(*event));
  Guid expected;
  expected.fill(std::byte{7});
  EXPECT_EQ(std::get<SessionUp>(*event).peer, expected);
  EXPECT_FALSE(client.deadline());
}

TEST_F(PlainClientTest, EndsWhenThePeerDoesNotSayWhoItIs) {
  client.start(now);
  answer(sent(), Bytes(15));
  const auto event = client.poll_event();
  ASSERT_TRUE(event && std::holds_alternative<SessionDown>(*event));
  EXPECT_EQ(std::get<SessionDown>(*event).error.code, Errc::BadField);
}

TEST_F(PlainClientTest, EndsWhenThePeerRefusesToSayWhoItIs) {
  client.start(now);
  answer(sent(), {}, wire::CompletionCode::InvalidCommand);
  const auto event = client.poll_event();
  ASSERT_TRUE(event && std::holds_alternative<SessionDown>(*event));
  EXPECT_EQ(std::get<SessionDown>(*event).error.code, Errc::CommandRejected);
}

TEST_F(PlainClientTest, WaitsLessLongForThePeerToSayWhoItIsWhenItSaidSoBefore) {
  const auto silent_for = [&](unsigned doublings) {
    PlainClient another({.first_timeout = 1000ms, .tries = 4, .greeting_doublings = doublings},
                        kLargest_bytes, random);
    TimePoint time = now;
    another.start(time);
    while (const auto due = another.deadline()) another.handle_timeout(time = *due);
    return time - now;
  };
  // Each a quarter shorter, as these random numbers are: 1 s, 2 s, then 4 s and 8 s or 2 s again.
  EXPECT_EQ(silent_for(16), 11250ms);
  EXPECT_EQ(silent_for(1), 5250ms);
}

TEST_F(PlainClientTest, SendsOneCommandAtATime) {
  connect();
  const auto first = client.submit(read(1), now);
  const auto second = client.submit(read(2), now);
  ASSERT_TRUE(first && second);
  const Message asked = sent();
  EXPECT_EQ(asked.command, 1);
  EXPECT_FALSE(client.poll_transmit());
  answer(asked, Bytes(2, std::byte{9}));
  const auto event = client.poll_event();
  ASSERT_TRUE(event && std::holds_alternative<CommandDone>(*event));
  EXPECT_EQ(std::get<CommandDone>(*event).ticket, *first);
  EXPECT_EQ(std::get<CommandDone>(*event).response.data, Bytes(2, std::byte{9}));
  const Message next = sent();
  EXPECT_EQ(next.command, 2);
  EXPECT_NE(next.tag, asked.tag);
}

TEST_F(PlainClientTest, SendsTheNextCommandAtOnceWhenTheOthersAreForgotten) {
  connect();
  ASSERT_TRUE(client.submit(read(1), now));
  ASSERT_TRUE(client.submit(read(2), now));
  const Message forgotten = sent();
  client.forget_commands();
  EXPECT_FALSE(client.deadline());
  const auto last = client.submit(read(3), now);
  ASSERT_TRUE(last);
  const Message asked = sent();
  EXPECT_EQ(asked.command, 3);
  answer(forgotten, {});
  EXPECT_FALSE(client.poll_event());
  answer(asked, {});
  const auto event = client.poll_event();
  ASSERT_TRUE(event && std::holds_alternative<CommandDone>(*event));
  EXPECT_EQ(std::get<CommandDone>(*event).ticket, *last);
}

TEST_F(PlainClientTest, TakesNoAnswerToSomethingElse) {
  connect();
  ASSERT_TRUE(client.submit(read(1), now));
  const Message asked = sent();
  Message other = asked;
  ++other.tag;
  answer(other, {});
  other = asked;
  ++other.command;
  answer(other, {});
  other = asked;
  other.net_fn_lun = static_cast<std::uint8_t>(other.net_fn_lun - 8);
  answer(other, {});
  EXPECT_FALSE(client.poll_event());
  answer(asked, {});
  EXPECT_TRUE(client.poll_event());
  answer(asked, {});  // it came twice
  EXPECT_FALSE(client.poll_event());
}

TEST_F(PlainClientTest, RepeatsACommandAndGivesUp) {
  connect();
  ASSERT_TRUE(client.submit(read(1), now));
  const Message first = sent();
  ASSERT_TRUE(client.deadline());
  const TimePoint early = *client.deadline();
  client.handle_timeout(early - 1ms);
  EXPECT_FALSE(client.poll_transmit());
  client.handle_timeout(early);
  const Message again = sent();
  EXPECT_EQ(again.tag, first.tag);
  EXPECT_EQ(*client.deadline() - early, 2 * (early - now));
  client.handle_timeout(*client.deadline());
  (void)sent();
  client.handle_timeout(*client.deadline());
  const auto event = client.poll_event();
  ASSERT_TRUE(event && std::holds_alternative<SessionDown>(*event));
  EXPECT_EQ(std::get<SessionDown>(*event).error.code, Errc::SessionLost);
  EXPECT_FALSE(client.submit(read(1), now));
  EXPECT_FALSE(client.send_payload(Bytes(3)));
  EXPECT_FALSE(client.deadline());
}

TEST_F(PlainClientTest, SaysThatNobodyAnswered) {
  client.start(now);
  while (client.deadline()) client.handle_timeout(*client.deadline());
  const auto event = client.poll_event();
  ASSERT_TRUE(event && std::holds_alternative<SessionDown>(*event));
  EXPECT_EQ(std::get<SessionDown>(*event).error.code, Errc::NoResponse);
}

TEST_F(PlainClientTest, BearsWithAPeerThatSendsSomethingElse) {
  connect();
  ASSERT_TRUE(client.submit(read(1), now));
  for (int i = 0; i < 10; ++i) {
    client.note_alive();
    client.handle_timeout(*client.deadline());
    (void)sent();
  }
  EXPECT_TRUE(client.up());
}

TEST_F(PlainClientTest, CarriesMessagesOfTheStream) {
  EXPECT_FALSE(client.send_payload(Bytes(3)));
  connect();
  ASSERT_TRUE(client.send_payload(Bytes(3, std::byte{5})));
  const auto bytes = client.poll_transmit();
  ASSERT_TRUE(bytes);
  EXPECT_EQ(*bytes, (Bytes{std::byte{3}, std::byte{5}, std::byte{5}, std::byte{5}}));
  client.handle_datagram(wire::plain::encode_stream(Bytes(4, std::byte{6})), now);
  const auto event = client.poll_event();
  ASSERT_TRUE(event && std::holds_alternative<PayloadArrived>(*event));
  EXPECT_EQ(std::get<PayloadArrived>(*event).payload, Bytes(4, std::byte{6}));
}

TEST_F(PlainClientTest, SendsNothingThatTheLinkDoesNotTake) {
  connect();
  EXPECT_TRUE(client.submit({0x2e, 1, Bytes(kLargest_bytes - 4)}, now));
  EXPECT_FALSE(client.submit({0x2e, 1, Bytes(kLargest_bytes - 3)}, now));
  EXPECT_TRUE(client.send_payload(Bytes(kLargest_bytes - 1)));
  EXPECT_FALSE(client.send_payload(Bytes(kLargest_bytes)));
}

TEST_F(PlainClientTest, KeepsNoMoreThanItsQueuesHold) {
  connect();
  std::size_t taken = 0;
  while (client.submit(read(1), now)) ++taken;
  EXPECT_EQ(taken, Conversation::kCommandQueue + 1);  // one of them is under way
  taken = 0;
  while (client.send_payload(Bytes(1))) ++taken;
  EXPECT_EQ(taken, Conversation::kPayloadQueue);
  for (int i = 0; i < 10000; ++i) client.handle_datagram(wire::plain::encode_stream(Bytes(1)), now);
  taken = 0;
  while (client.poll_event()) ++taken;
  EXPECT_LT(taken, 1000U);
}

TEST_F(PlainClientTest, SaysNothingMoreWhenItIsClosed) {
  connect();
  ASSERT_TRUE(client.submit(read(1), now));
  (void)sent();
  client.close(now);
  const auto event = client.poll_event();
  ASSERT_TRUE(event && std::holds_alternative<SessionDown>(*event));
  EXPECT_EQ(std::get<SessionDown>(*event).error.code, Errc::Interrupted);
  EXPECT_FALSE(client.poll_transmit());
  EXPECT_FALSE(client.up());
  client.close(now);
  EXPECT_FALSE(client.poll_event());
}

TEST_F(PlainClientTest, IgnoresWhatIsNoMessage) {
  connect();
  client.handle_datagram({}, now);
  client.handle_datagram(Bytes(1, std::byte{9}), now);
  client.handle_datagram(Bytes(1, std::byte{2}), now);
  client.handle_datagram(wire::plain::encode_request(read(1), 0), now);
  EXPECT_FALSE(client.poll_event());
  EXPECT_FALSE(client.poll_transmit());
}

}  // namespace
}  // namespace fwr::session
