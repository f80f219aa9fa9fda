// SPDX-License-Identifier: GPL-3.0-or-later
// The C code that looks at a bus through a BMC, against a BMC over real RMCP+ whose channel the
// test writes.
#include "oem/icmb_bridge.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <set>
#include <vector>

#include "base/bytes.hpp"
#include "donor_query_fixture.hpp"
#include "wire/ipmi.hpp"

namespace fwr::test {
namespace {

using wire::CompletionCode;
using wire::IpmiRequest;
using wire::IpmiResponse;

constexpr std::uint8_t kChannel = 7;
constexpr std::uint8_t kIcmb09 = 0x03;
constexpr std::uint8_t kIpmb = 0x01;
constexpr unsigned kWait_ms = 150;

Bytes bytes_of(std::initializer_list<unsigned> values) {
  Bytes out;
  for (const unsigned value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}
IpmiResponse code(std::uint8_t value) {
  return {static_cast<CompletionCode>(value), {}};
}

/// What a request for Send Message says.
struct Sent {
  explicit Sent(const IpmiRequest& request) : whole(request.data) {
    ByteReader in(request.data);
    channel = in.u8();
    sequence = in.u8();
    node = in.u16();
    bridge = in.u8();
    responder = in.u8();
    net_fn = in.u8() >> 2U;
    command = in.u8();
  }
  Bytes whole;
  std::uint8_t channel = 0, sequence = 0, bridge = 0, responder = 0, net_fn = 0, command = 0;
  std::uint16_t node = 0;
};

/// A BMC with an IPMB and an ICMB. Only the server's thread is in it while a call runs.
class ScriptedBmc {
 public:
  using Answers = std::vector<Bytes>;  ///< behind the completion code of Get Message
  using Bus = std::function<Answers(const Sent&)>;

  explicit ScriptedBmc(Bus bus)
      : bus_(std::move(bus)), server_(config(), 32473, [this](const IpmiRequest& request) {
          return std::optional<IpmiResponse>(answer(request));
        }) {
    access.host = server_.host();
    access.user_name = "operator";
    access.password = "a secret of 20 bytes";
    access.privilege_level = 3;
    access.cipher_suite_id = 17;
    access.session_timeout = 3000;
    access.retransmission_timeout = 600;
  }

  /// Another answer to a command of function App.
  std::map<std::uint8_t, IpmiResponse> instead;
  std::map<std::uint8_t, std::uint8_t> media{{1, 0x04}, {3, kIpmb}, {kChannel, kIcmb09}};
  std::vector<Sent> sent;
  std::deque<Bytes> waiting;
  FwrBmcAccess access{};

 private:
  static session::ServerConfig config() {
    session::ServerConfig made;
    made.accounts = {{"operator", Secret(as_bytes(std::string_view("a secret of 20 bytes"))),
                      wire::Privilege::Operator}};
    made.forward_all = true;
    made.limits.replies_burst = 10000;
    made.limits.replies_per_source_per_s = 10000;
    return made;
  }

  IpmiResponse answer(const IpmiRequest& request) {
    if (request.net_fn == 0x02)
      return request.command == 0x02 ? IpmiResponse{CompletionCode::Ok, bytes_of({0x21, 0x00})}
                                     : code(0xc1);
    if (const auto other = instead.find(request.command); other != instead.end())
      return other->second;
    ByteReader in(request.data);
    switch (request.command) {
      case 0x33: {
        if (waiting.empty()) return code(0x80);
        IpmiResponse response{CompletionCode::Ok, waiting.front()};
        waiting.pop_front();
        return response;
      }
      case 0x34:
        sent.emplace_back(request);
        for (Bytes& message : bus_(sent.back())) waiting.push_back(std::move(message));
        return code(0);
      case 0x42: {
        const auto medium = media.find(in.u8() & 0x0fU);
        if (medium == media.end()) return code(0xcc);
        return {CompletionCode::Ok,
                bytes_of({medium->first, medium->second, 0x02, 0, 0xf2, 0x1b, 0, 0, 0})};
      }
      default: return code(0xc1);
    }
  }

  Bus bus_;
  LoopbackDonor server_;
};

/// An answer of the node: the bridge's completion code, the node's, and data.
Bytes reply(const Sent& to, const std::vector<unsigned>& rest) {
  Bytes message = bytes_of({kChannel, to.sequence});
  for (const unsigned value : rest) message.push_back(static_cast<std::byte>(value));
  return message;
}
ScriptedBmc::Answers silence(const Sent&) {
  return {};
}

struct Bridge {
  explicit Bridge(ScriptedBmc& bmc, std::uint8_t channel = 0)
      : open(fwr_icmb_open(&bmc.access, channel, &error)) {}
  ~Bridge() { fwr_icmb_close(open); }
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;
  Bridge(Bridge&&) = delete;
  Bridge& operator=(Bridge&&) = delete;

  int ask(unsigned tries = 1, std::size_t data_bytes = 0) {
    const std::vector<unsigned char> data(data_bytes, 0x5a);
    FwrIcmbRequest request{};
    request.node = 0x1234;
    request.net_fn = 0x06;
    request.command = 0x01;
    request.data = data.data();
    request.length = data.size();
    const int result = fwr_icmb_ask(open, &request, tries, kWait_ms, &answer, &error);
    EXPECT_EQ(result == 0, error.code == FWR_BMC_OK) << error.text;
    return error.code;
  }
  std::vector<FwrIcmbNode> discover() {
    std::vector<FwrIcmbNode> nodes;
    const auto found = [](void* context, const FwrIcmbNode* node) {
      static_cast<std::vector<FwrIcmbNode>*>(context)->push_back(*node);
    };
    EXPECT_EQ(0, fwr_icmb_discover(open, kWait_ms, found, &nodes, &error)) << error.text;
    return nodes;
  }

  FwrBmcError error{};
  FwrIcmbAnswer answer{};
  FwrIcmbBridge* open;
};

TEST(IcmbBridge, FindsTheChannelThatSaysItIsOne) {
  ScriptedBmc bmc(silence);
  const Bridge bridge(bmc);
  ASSERT_NE(nullptr, bridge.open) << bridge.error.text;
  EXPECT_EQ(kChannel, fwr_icmb_channel(bridge.open).number);
  EXPECT_EQ(kIcmb09, fwr_icmb_channel(bridge.open).medium);
}

TEST(IcmbBridge, SaysThatThereIsNoSuchChannel) {
  ScriptedBmc bmc(silence);
  const Bridge other(bmc, 3);
  EXPECT_EQ(nullptr, other.open);
  EXPECT_EQ(FWR_BMC_NO_CHANNEL, other.error.code) << other.error.text;
  bmc.media.erase(kChannel);
  const Bridge none(bmc);
  EXPECT_EQ(nullptr, none.open);
  EXPECT_EQ(FWR_BMC_NO_CHANNEL, none.error.code) << none.error.text;
  const Bridge absurd(bmc, 12);
  EXPECT_EQ(FWR_BMC_BAD_ARGUMENT, absurd.error.code) << absurd.error.text;
}

TEST(IcmbBridge, SaysThatTheAccountIsWrong) {
  ScriptedBmc bmc(silence);
  bmc.access.password = "guessed";
  EXPECT_EQ(FWR_BMC_AUTHENTICATION, Bridge(bmc).error.code);
  bmc.access.password = "a secret of 20 bytes";
  bmc.access.privilege_level = 4;
  EXPECT_EQ(FWR_BMC_PRIVILEGE, Bridge(bmc).error.code);
  bmc.access.host = "";
  EXPECT_EQ(FWR_BMC_BAD_ARGUMENT, Bridge(bmc).error.code);
}

TEST(IcmbBridge, SendsTheBytesOfTheTable) {
  ScriptedBmc bmc([](const Sent& sent) -> ScriptedBmc::Answers {
    return {reply(sent, {0x00, 0x00, 0xaa, 0xbb})};
  });
  Bridge bridge(bmc);
  ASSERT_EQ(FWR_BMC_OK, bridge.ask(1, 2)) << bridge.error.text;
  ASSERT_EQ(2U, bridge.answer.length);
  EXPECT_EQ(0xaa, bridge.answer.data[0]);
  ASSERT_EQ(1U, bmc.sent.size());
  const std::uint8_t sequence = bmc.sent[0].sequence;
  EXPECT_EQ(0, sequence & 3U);
  EXPECT_EQ(bytes_of({0x40U | kChannel, sequence, 0x34, 0x12, 0x20, 0x20, 0x18, 0x01, 0x5a, 0x5a}),
            bmc.sent[0].whole);
}

TEST(IcmbBridge, SendsNoMoreThanFits) {
  ScriptedBmc bmc([](const Sent& sent) -> ScriptedBmc::Answers {
    return {reply(sent, {0x00, 0x00})};
  });
  Bridge bridge(bmc);
  EXPECT_EQ(FWR_BMC_OK, bridge.ask(1, FWR_ICMB_REQUEST_MAX)) << bridge.error.text;
  EXPECT_EQ(1U + 32U, bmc.sent.at(0).whole.size());
  EXPECT_EQ(FWR_BMC_BAD_ARGUMENT, bridge.ask(1, FWR_ICMB_REQUEST_MAX + 1));
  EXPECT_EQ(1U, bmc.sent.size());
}

TEST(IcmbBridge, TakesOnlyTheAnswerWithItsNumberFromItsChannel) {
  ScriptedBmc bmc([](const Sent& sent) -> ScriptedBmc::Answers {
    Bytes stale = reply(sent, {0x00, 0x00, 0x01});
    stale[1] ^= std::byte{0x80};
    Bytes foreign = reply(sent, {0x00, 0x00, 0x02});
    foreign[0] = std::byte{kChannel - 1};
    return {stale, foreign, bytes_of({kChannel}), bytes_of({kChannel, sent.sequence}),
            reply(sent, {0x00, 0x00, 0x03})};
  });
  Bridge bridge(bmc);
  ASSERT_EQ(FWR_BMC_OK, bridge.ask()) << bridge.error.text;
  ASSERT_EQ(1U, bridge.answer.length);
  EXPECT_EQ(3, bridge.answer.data[0]);
  EXPECT_TRUE(bmc.waiting.empty());
}

TEST(IcmbBridge, DoesNotTakeALateAnswerForThatOfTheNextQuestion) {
  Bytes late;
  ScriptedBmc bmc([&](const Sent& sent) -> ScriptedBmc::Answers {
    if (!late.empty()) return {late, reply(sent, {0x00, 0x00, 0x02})};
    late = reply(sent, {0x00, 0x00, 0x01});
    return {};
  });
  Bridge bridge(bmc);
  ASSERT_EQ(FWR_BMC_OK, bridge.ask(2)) << bridge.error.text;
  EXPECT_EQ(2, bridge.answer.data[0]);
}

TEST(IcmbBridge, UsesNoNumberAgainWhileItLives) {
  ScriptedBmc bmc([](const Sent& sent) -> ScriptedBmc::Answers {
    return {reply(sent, {0x00, 0x00})};
  });
  Bridge bridge(bmc);
  const auto began = std::chrono::steady_clock::now();
  std::set<std::uint8_t> numbers;
  for (int i = 0; i < 64; ++i) {
    ASSERT_EQ(FWR_BMC_OK, bridge.ask()) << bridge.error.text;
    numbers.insert(bmc.sent.back().sequence);
  }
  EXPECT_EQ(64U, numbers.size());
  ASSERT_EQ(FWR_BMC_OK, bridge.ask()) << bridge.error.text;
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(FWR_ICMB_LIFE_MS));
}

TEST(IcmbBridge, GivesUpANodeThatDoesNotAnswer) {
  ScriptedBmc bmc(silence);
  Bridge bridge(bmc);
  EXPECT_EQ(FWR_BMC_NO_ANSWER, bridge.ask(3)) << bridge.error.text;
  EXPECT_EQ(3U, bmc.sent.size());
}

TEST(IcmbBridge, NamesWhoRefused) {
  std::vector<unsigned> answer;
  ScriptedBmc bmc([&](const Sent& sent) -> ScriptedBmc::Answers { return {reply(sent, answer)}; });
  Bridge bridge(bmc);
  answer = {0xd3};
  EXPECT_EQ(FWR_BMC_REJECTED, bridge.ask(4));
  EXPECT_EQ(0xd3, bridge.error.completion_code);
  EXPECT_NE(nullptr, std::strstr(bridge.error.text, "bridge of the node")) << bridge.error.text;
  answer = {0x00, 0xc1};
  EXPECT_EQ(FWR_BMC_REJECTED, bridge.ask(4));
  EXPECT_EQ(0xc1, bridge.error.completion_code);
  EXPECT_NE(nullptr, std::strstr(bridge.error.text, "refused by the node")) << bridge.error.text;
  EXPECT_EQ(2U, bmc.sent.size());
}

TEST(IcmbBridge, TriesAgainWhenTheBusIsBusy) {
  ScriptedBmc bmc(silence);
  bmc.instead[0x34] = code(0x83);
  Bridge bridge(bmc);
  EXPECT_EQ(FWR_BMC_REJECTED, bridge.ask(2));
  EXPECT_STREQ("Send Message: refused by the BMC: nobody at this address took it (NAK) (83h)",
               bridge.error.text);
  int refusals = 2;
  ScriptedBmc busy([&](const Sent& sent) -> ScriptedBmc::Answers {
    if (refusals-- > 0) return {reply(sent, {0xc0})};
    return {reply(sent, {0x00, 0x00})};
  });
  Bridge patient(busy);
  EXPECT_EQ(FWR_BMC_OK, patient.ask(3)) << patient.error.text;
}

TEST(IcmbBridge, SaysThatTheBmcDoesNotBridgeOverLan) {
  ScriptedBmc bmc(silence);
  Bridge bridge(bmc);
  bmc.instead[0x33] = code(0xc1);
  EXPECT_EQ(FWR_BMC_REJECTED, bridge.ask(4));
  EXPECT_STREQ("Get Message: refused by the BMC: the command is unknown (C1h)", bridge.error.text);
  bmc.instead[0x34] = code(0xd4);
  EXPECT_EQ(FWR_BMC_PRIVILEGE, bridge.ask(4)) << bridge.error.text;
  EXPECT_EQ(1U, bmc.sent.size());
}

TEST(IcmbBridge, RefusesAnswersThatAreTooLongOrTooShort) {
  std::size_t length = 0;
  ScriptedBmc bmc([&](const Sent& sent) -> ScriptedBmc::Answers {
    Bytes message = reply(sent, {0x00});
    message.resize(3 + length);
    return {message};
  });
  Bridge bridge(bmc);
  length = 0;  // no completion code of the node
  EXPECT_EQ(FWR_BMC_MALFORMED, bridge.ask()) << bridge.error.text;
  length = 1 + FWR_ICMB_ANSWER_MAX;
  ASSERT_EQ(FWR_BMC_OK, bridge.ask()) << bridge.error.text;
  EXPECT_EQ(std::size_t{FWR_ICMB_ANSWER_MAX}, bridge.answer.length);
  length = 2 + FWR_ICMB_ANSWER_MAX;
  EXPECT_EQ(FWR_BMC_MALFORMED, bridge.ask()) << bridge.error.text;
  length = 900;
  EXPECT_EQ(FWR_BMC_MALFORMED, bridge.ask()) << bridge.error.text;
}

TEST(IcmbBridge, AsksTheBridgeOfTheBmcItself) {
  ScriptedBmc bmc(silence);
  Bridge bridge(bmc);
  ASSERT_EQ(0, fwr_icmb_ask_local(bridge.open, 0x02, &bridge.answer, &bridge.error));
  ASSERT_EQ(2U, bridge.answer.length);
  EXPECT_EQ(0x21, bridge.answer.data[0]);
  EXPECT_EQ(-1, fwr_icmb_ask_local(bridge.open, 0x00, &bridge.answer, &bridge.error));
  EXPECT_EQ(FWR_BMC_REJECTED, bridge.error.code);
  EXPECT_TRUE(bmc.sent.empty());
}

/// Nodes that keep silent when they know that they were found.
struct Nodes {
  std::vector<std::uint16_t> addresses;
  std::size_t at_once = 64;  ///< answers that the BMC brings to one request
  std::set<std::uint16_t> know;
  std::size_t prepared = 0;

  ScriptedBmc::Answers answer(const Sent& sent) {
    EXPECT_EQ(0x02, sent.net_fn);
    ScriptedBmc::Answers answers;
    if (sent.command == 0x10) {
      EXPECT_EQ(0xffff, sent.node);
      if (prepared++ == 0) know.clear();
    } else if (sent.command == 0x11) {
      EXPECT_EQ(0xffff, sent.node);
      for (const std::uint16_t address : addresses)
        if (!know.contains(address) && answers.size() < at_once)
          answers.push_back(reply(sent, {0x00, 0x00, address & 0xffU, unsigned{address} >> 8U}));
    } else if (sent.command == 0x12) {
      know.insert(sent.node);
      answers.push_back(reply(sent, {0x00, 0x00}));
    }
    return answers;
  }
};

TEST(IcmbBridge, FindsAllNodesWhetherTheBmcBringsOneAnswerOrAll) {
  for (const std::size_t at_once : {std::size_t{1}, std::size_t{64}}) {
    Nodes nodes{{0x0012, 0x0013, 0xfeff}, at_once, {0x0012}, 0};
    ScriptedBmc bmc([&](const Sent& sent) { return nodes.answer(sent); });
    Bridge bridge(bmc);
    const auto found = bridge.discover();
    ASSERT_EQ(3U, found.size());
    EXPECT_EQ(0x0012, found[0].address);
    EXPECT_EQ(0xfeff, found[2].address);
    EXPECT_EQ(0, found[0].has_guid);
    EXPECT_EQ(2U, nodes.prepared);
  }
}

TEST(IcmbBridge, FindsNobodyOnAnEmptyBus) {
  ScriptedBmc bmc(silence);
  Bridge bridge(bmc);
  EXPECT_TRUE(bridge.discover().empty());
}

TEST(IcmbBridge, BelievesNoImpossibleAddress) {
  Nodes nodes{{0x0000, 0xff00, 0xffff, 0x0001}, 64, {}, 0};
  ScriptedBmc bmc([&](const Sent& sent) { return nodes.answer(sent); });
  Bridge bridge(bmc);
  const auto found = bridge.discover();
  ASSERT_EQ(1U, found.size());
  EXPECT_EQ(0x0001, found[0].address);
}

TEST(IcmbBridge, TakesAGuidWhereThereIsOne) {
  ScriptedBmc bmc([](const Sent& sent) -> ScriptedBmc::Answers {
    if (sent.command != 0x11) return {};
    return {reply(sent, {0,    0,    0x14, 0x00, 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5,
                         0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff})};
  });
  Bridge bridge(bmc);
  const auto found = bridge.discover();
  ASSERT_EQ(1U, found.size());
  ASSERT_NE(0, found[0].has_guid);
  EXPECT_EQ(0xf0, found[0].guid[0]);
  EXPECT_EQ(0xff, found[0].guid[15]);
}

TEST(IcmbBridge, EndsWhenNodesNeverCease) {
  // Each GetAddresses brings a new one: more than a bus has.
  std::uint16_t next = 1;
  ScriptedBmc bmc([&](const Sent& sent) -> ScriptedBmc::Answers {
    if (sent.command != 0x11) return {reply(sent, {0x00, 0x00})};
    ScriptedBmc::Answers answers;
    for (int i = 0; i < 20; ++i, ++next)
      answers.push_back(reply(sent, {0x00, 0x00, next & 0xffU, unsigned{next} >> 8U}));
    return answers;
  });
  Bridge bridge(bmc);
  EXPECT_EQ(std::size_t{FWR_ICMB_NODES_MAX}, bridge.discover().size());
}

}  // namespace
}  // namespace fwr::test
