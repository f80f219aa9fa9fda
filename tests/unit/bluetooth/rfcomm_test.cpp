// SPDX-License-Identifier: GPL-3.0-or-later
// Connections as one endpoint, with streams of the loopback network in the place of RFCOMM's.
#include "bluetooth/rfcomm_endpoint.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>

#include "bluetooth/bluetooth.hpp"
#include "config.h"
#include "transport/clock.hpp"
#include "transport/loop.hpp"
#include "wire/rmcp.hpp"
#ifdef FWR_HAVE_BLUETOOTH
#include "bluetooth/sdp.hpp"
#endif

namespace fwr::transport {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = BluetoothNotice::Kind;

Address device(std::uint8_t last, std::uint16_t channel = 0) {
  Address address;
  address.family = AddressFamily::Bluetooth;
  address.bytes[5] = last;
  address.port = channel;
  return address;
}

Bytes packet(std::size_t size, std::uint8_t fill) {
  Bytes bytes(size, static_cast<std::byte>(fill));
  bytes[0] = std::byte{0x06};
  return bytes;
}

Datagram to(const Address& peer, Bytes bytes) {
  Datagram message;
  message.path.peer = peer;
  message.bytes = std::move(bytes);
  return message;
}

/// A socket pair: the near end is an endpoint's, the far end the test's.
struct Pair {
  Pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()));
    near = UniqueFd(ends[0]);
    far = UniqueFd(ends[1]);
  }
  UniqueFd near;
  UniqueFd far;
};

/// What the test decides, behind the endpoint's back. Its listener is a socket pair: a byte in it
/// means that a caller waits.
struct World {
  Pair bell;
  std::vector<std::pair<Address, UniqueFd>> callers;
  std::map<std::uint8_t, UniqueFd> far;  ///< by the last octet of who was dialled
  std::vector<std::uint8_t> channels;    ///< that were dialled
  Pair news;                             ///< a byte in it is news
  std::optional<bool> encrypted;
  bool refuse = false;
  bool accepts = false;
  bool no_descriptors = false;

  void call(std::uint8_t who, UniqueFd near) {
    callers.emplace_back(device(who), std::move(near));
    EXPECT_EQ(1, ::write(bell.far.get(), "x", 1));
  }
};

class FakeSockets final : public StreamSockets {
 public:
  explicit FakeSockets(World& world) : world_(world) {}
  [[nodiscard]] int listener() const override {
    return world_.accepts ? world_.bell.near.get() : -1;
  }
  [[nodiscard]] Result<std::optional<Accepted>> accept() override {
    if (world_.no_descriptors) return fail(Errc::IoFailed, "too many open files");
    if (world_.callers.empty()) return std::nullopt;
    char byte = 0;
    (void)!::read(world_.bell.near.get(), &byte, 1);
    Accepted accepted{std::move(world_.callers.front().second), {}};
    accepted.path.peer = world_.callers.front().first;
    accepted.path.local = device(0xff);
    accepted.path.medium = Medium::Bluetooth;
    world_.callers.erase(world_.callers.begin());
    return accepted;
  }
  [[nodiscard]] Result<UniqueFd> dial(const Address& who, std::uint8_t channel) override {
    world_.channels.push_back(channel);
    if (world_.refuse) return fail(Errc::IoFailed, "refused");
    Pair pair;
    world_.far[who.bytes[5]] = std::move(pair.far);
    return std::move(pair.near);
  }
  [[nodiscard]] Address local_end(int) const override { return device(0xff); }
  [[nodiscard]] std::optional<bool> is_encrypted(int) const override { return world_.encrypted; }
  [[nodiscard]] int news() const override { return world_.news.near.get(); }
  [[nodiscard]] std::optional<BluetoothNotice> poll_news() override {
    char byte = 0;
    if (::read(world_.news.near.get(), &byte, 1) != 1) return std::nullopt;
    return BluetoothNotice{Kind::Registered, {}, "the record", {}};
  }

 private:
  World& world_;
};

class RfcommEndpointTest : public testing::Test {
 protected:
  void open(ChannelSearch search = {}, std::size_t connections = 2) {
    RfcommEndpoint::Options options;
    options.properties.medium = Medium::Bluetooth;
    options.properties.encrypted = wants_encryption_;
    options.connections = connections;
    options.find_channel = std::move(search);
    auto opened = RfcommEndpoint::open(std::make_unique<FakeSockets>(world_), std::move(options),
                                       [this](const auto& notice) { notices_.push_back(notice); });
    ASSERT_TRUE(opened) << opened.error().message();
    endpoint_ = *std::move(opened);
  }
  void listen(std::size_t connections = 2) {
    world_.accepts = true;
    open({}, connections);
  }
  void dial() {
    open([](const Address&) -> Result<std::uint8_t> { return std::uint8_t{9}; });
  }

  /// What an event loop does: events while there are some, timeouts when they are due.
  void run() {
    for (int i = 0; i < 200; ++i) {
      pollfd watched{endpoint_->descriptor(), POLLIN, 0};
      if (::poll(&watched, 1, 0) <= 0) break;
      ASSERT_TRUE(endpoint_->receive(take_, now_));
    }
    if (const auto due = endpoint_->deadline(); due && *due <= now_) {
      ASSERT_TRUE(endpoint_->handle_timeout(take_, now_));
    }
  }
  /// The same, when something that a thread does has to come first.
  void run_when_ready() {
    pollfd watched{endpoint_->descriptor(), POLLIN, 0};
    EXPECT_EQ(1, ::poll(&watched, 1, 10'000));
    run();
  }
  void pass(Duration time) {
    now_ += time;
    run();
  }
  void send(const Address& peer, const Bytes& bytes) {
    const std::array messages{to(peer, bytes)};
    EXPECT_EQ(1U, endpoint_->send(messages, now_));
  }
  static void write_packet(int fd, const Bytes& bytes) {
    Bytes framed;
    ASSERT_TRUE(wire::append_to_stream(framed, bytes));
    EXPECT_EQ(static_cast<ssize_t>(framed.size()), ::write(fd, framed.data(), framed.size()));
  }
  static std::vector<Bytes> read_packets(int fd, wire::StreamDecoder& decoder) {
    Bytes room(65536);
    std::vector<Bytes> packets;
    for (;;) {
      const ssize_t count = ::read(fd, room.data(), room.size());
      if (count <= 0) return packets;
      decoder.push(ByteView(room).first(static_cast<std::size_t>(count)));
      while (const auto one = decoder.next()) packets.emplace_back(one->begin(), one->end());
    }
  }
  static std::vector<Bytes> read_packets(int fd) {
    wire::StreamDecoder decoder;
    return read_packets(fd, decoder);
  }
  std::size_t count(Kind kind) const {
    return static_cast<std::size_t>(std::count_if(
        notices_.begin(), notices_.end(), [&](const auto& notice) { return notice.kind == kind; }));
  }

  World world_;
  bool wants_encryption_ = false;
  TimePoint now_ = TimePoint() + std::chrono::hours(1);
  std::vector<BluetoothNotice> notices_;
  std::vector<Datagram> received_;
  const Endpoint::Receive take_ = [this](const Path& path, ByteView bytes) {
    received_.push_back({path, Bytes(bytes.begin(), bytes.end())});
  };
  std::unique_ptr<RfcommEndpoint> endpoint_;
};

TEST_F(RfcommEndpointTest, TakesConnectionsAndAnswersOnThem) {
  listen();
  Pair one;
  Pair two;
  world_.call(1, std::move(one.near));
  world_.call(2, std::move(two.near));
  write_packet(one.far.get(), packet(40, 1));
  write_packet(two.far.get(), packet(50, 2));
  run();
  EXPECT_EQ(2U, endpoint_->connections());
  ASSERT_EQ(2U, received_.size());
  EXPECT_EQ(device(1), received_[0].path.peer);
  EXPECT_EQ(device(0xff), received_[0].path.local);
  EXPECT_EQ(Medium::Bluetooth, received_[0].path.medium);
  EXPECT_EQ(packet(50, 2), received_[1].bytes);
  EXPECT_EQ(Endpoint::Fit::Exact, endpoint_->fit(received_[0].path));
  send(device(2), packet(60, 3));
  send(device(3), packet(60, 4));  // not connected: lost
  EXPECT_TRUE(read_packets(one.far.get()).empty());
  EXPECT_EQ(std::vector<Bytes>{packet(60, 3)}, read_packets(two.far.get()));
}

TEST_F(RfcommEndpointTest, ClosesALinkThatIsNotEncryptedAndHasToBe) {
  wants_encryption_ = true;
  world_.encrypted = false;
  listen();
  Pair one;
  world_.call(1, std::move(one.near));
  run();
  EXPECT_EQ(0U, endpoint_->connections());
  EXPECT_EQ(1U, count(Kind::Refused));
  char byte = 0;
  EXPECT_EQ(0, ::read(one.far.get(), &byte, 1)) << "it is closed";
  dial();
  send(device(7, 5), packet(40, 1));
  run();
  EXPECT_EQ(0U, endpoint_->connections());
  EXPECT_EQ(2U, count(Kind::Refused));
  EXPECT_TRUE(read_packets(world_.far.at(7).get()).empty());
  world_.encrypted = true;
  pass(kReconnect_interval);
  send(device(7, 5), packet(40, 1));
  run();
  EXPECT_EQ(1U, read_packets(world_.far.at(7).get()).size());
  EXPECT_EQ(true, notices_.back().encrypted);
}

TEST_F(RfcommEndpointTest, TellsWhatHappensToTheRecordOfItsService) {
  listen();
  EXPECT_EQ(2, ::write(world_.news.far.get(), "xx", 2));
  run();
  EXPECT_EQ(2U, count(Kind::Registered));
}

TEST_F(RfcommEndpointTest, FitsWhereItIsOrCanBeConnected) {
  Path path;
  path.peer = device(1);
  listen();
  EXPECT_EQ(Endpoint::Fit::None, endpoint_->fit(path));
  dial();
  EXPECT_EQ(Endpoint::Fit::Family, endpoint_->fit(path));
  path.peer.family = AddressFamily::Ipv4;
  EXPECT_EQ(Endpoint::Fit::None, endpoint_->fit(path));
  EXPECT_EQ(Medium::Bluetooth, endpoint_->properties(path).medium);
}

TEST_F(RfcommEndpointTest, HandsInWhatCameBeforeTheEndOfAConnection) {
  listen();
  Pair one;
  world_.call(1, std::move(one.near));
  write_packet(one.far.get(), packet(40, 1));
  one.far.reset();
  run();
  EXPECT_EQ(1U, received_.size());
  EXPECT_EQ(0U, endpoint_->connections());
  ASSERT_EQ(1U, count(Kind::Lost));
  EXPECT_EQ("the other end closed it", notices_.back().text);
}

TEST_F(RfcommEndpointTest, PassesOverGarbageAndAPacketThatDoesNotEnd) {
  listen();
  Pair one;
  world_.call(1, std::move(one.near));
  EXPECT_EQ(9, ::write(one.far.get(), "FWFWhello", 9));
  write_packet(one.far.get(), packet(40, 1));
  const Bytes open_header{std::byte{0x46}, std::byte{0x57}, std::byte{0x00}, std::byte{0x10},
                          std::byte{0xff}, std::byte{0xef}, std::byte{0x06}};
  EXPECT_EQ(7, ::write(one.far.get(), open_header.data(), open_header.size()));
  write_packet(one.far.get(), packet(40, 2));
  run();
  EXPECT_EQ(1U, received_.size());
  ASSERT_TRUE(endpoint_->deadline());
  EXPECT_EQ(now_ + kUnendedPacket, *endpoint_->deadline());
  pass(kUnendedPacket);
  ASSERT_EQ(2U, received_.size());
  EXPECT_EQ(packet(40, 2), received_[1].bytes);
  EXPECT_EQ(1U, endpoint_->connections());
}

TEST_F(RfcommEndpointTest, DoesNotSpinWhenItCannotAccept) {
  listen();
  world_.no_descriptors = true;
  Pair one;
  world_.call(1, std::move(one.near));
  for (int i = 0; i < 3; ++i) {
    run();
    pollfd watched{endpoint_->descriptor(), POLLIN, 0};
    EXPECT_EQ(0, ::poll(&watched, 1, 0)) << "it is ready, and nothing can be done";
    ASSERT_EQ(now_ + kAcceptPause, endpoint_->deadline());
    pass(kAcceptPause);
  }
  EXPECT_EQ(1U, count(Kind::Problem)) << "said once";
  world_.no_descriptors = false;
  run();
  pass(kAcceptPause);
  run();
  EXPECT_EQ(1U, endpoint_->connections());
  EXPECT_FALSE(endpoint_->deadline() && *endpoint_->deadline() <= now_);
}

TEST_F(RfcommEndpointTest, ReplacesAConnectionOfTheSameDevice) {
  listen();
  Pair before;
  Pair after;
  world_.call(1, std::move(before.near));
  run();
  world_.call(1, std::move(after.near));
  run();
  EXPECT_EQ(1U, endpoint_->connections());
  EXPECT_EQ(1U, count(Kind::Lost));
  send(device(1), packet(40, 1));
  EXPECT_EQ(1U, read_packets(after.far.get()).size());
}

TEST_F(RfcommEndpointTest, RefusesOneTooManyUnlessAnotherIsSilent) {
  listen(2);
  std::array<Pair, 4> pairs;
  world_.call(1, std::move(pairs[0].near));
  world_.call(2, std::move(pairs[1].near));
  run();
  world_.call(3, std::move(pairs[2].near));
  run();
  EXPECT_EQ(2U, endpoint_->connections());
  EXPECT_EQ(1U, count(Kind::Refused));
  char byte = 0;
  EXPECT_EQ(0, ::read(pairs[2].far.get(), &byte, 1)) << "it is closed";
  pass(kPushedOut);
  write_packet(pairs[0].far.get(), packet(40, 1));
  run();
  world_.call(4, std::move(pairs[3].near));
  run();
  EXPECT_EQ(2U, endpoint_->connections());
  EXPECT_EQ(device(4), notices_.back().peer);
  EXPECT_EQ(0, ::read(pairs[1].far.get(), &byte, 1)) << "the one that was silent gave way";
}

TEST_F(RfcommEndpointTest, GarbageDoesNotKeepAPlace) {
  listen(2);
  std::array<Pair, 3> pairs;
  world_.call(1, std::move(pairs[0].near));
  world_.call(2, std::move(pairs[1].near));
  run();
  // A header whose packet never ends, and bytes that are none.
  const Bytes header{std::byte{0x46}, std::byte{0x57}, std::byte{0x00}, std::byte{0x20},
                     std::byte{0xff}, std::byte{0xdf}, std::byte{0x06}};
  EXPECT_EQ(7, ::write(pairs[0].far.get(), header.data(), header.size()));
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(1, ::write(pairs[0].far.get(), "z", 1));
    EXPECT_EQ(1, ::write(pairs[1].far.get(), "z", 1));
    run();
    pass(seconds(1));
  }
  world_.call(3, std::move(pairs[2].near));
  run();
  EXPECT_EQ(0U, count(Kind::Refused));
  EXPECT_EQ(Endpoint::Fit::Exact, endpoint_->fit(to(device(3), {}).path));
}

TEST_F(RfcommEndpointTest, ClosesTakenConnectionsThatAreIdle) {
  listen();
  Pair one;
  world_.call(1, std::move(one.near));
  run();
  pass(kIdleConnection - seconds(1));
  EXPECT_EQ(1U, endpoint_->connections());
  pass(seconds(1));
  EXPECT_EQ(0U, endpoint_->connections());
}

TEST_F(RfcommEndpointTest, ConnectsWhenThereIsSomethingToSend) {
  dial();
  send(device(7, 5), packet(40, 1));
  send(device(7, 5), packet(40, 2));
  run();
  EXPECT_EQ(std::vector<std::uint8_t>{5}, world_.channels);
  EXPECT_EQ((std::vector<Bytes>{packet(40, 1), packet(40, 2)}),
            read_packets(world_.far.at(7).get()));
  write_packet(world_.far.at(7).get(), packet(50, 3));
  run();
  ASSERT_EQ(1U, received_.size());
  EXPECT_EQ(device(7, 5), received_[0].path.peer) << "as the machine said it";
  EXPECT_EQ(Medium::Bluetooth, received_[0].path.medium);
  EXPECT_EQ(1U, count(Kind::Connected));
}

TEST_F(RfcommEndpointTest, AsksForTheChannelThatIsMissing) {
  dial();
  send(device(7), packet(40, 1));
  run_when_ready();
  run();
  EXPECT_EQ(std::vector<std::uint8_t>{9}, world_.channels);
  EXPECT_EQ(1U, read_packets(world_.far.at(7).get()).size());
}

TEST_F(RfcommEndpointTest, SaysThatADeviceIsNoDonor) {
  open([](const Address&) -> Result<std::uint8_t> { return fail(Errc::NotFound, "no service"); });
  send(device(7), packet(40, 1));
  run_when_ready();
  EXPECT_TRUE(world_.channels.empty());
  ASSERT_EQ(1U, count(Kind::Refused));
  EXPECT_EQ("no service", notices_.back().text);
  EXPECT_FALSE(endpoint_->deadline()) << "nothing waits any more";
}

TEST_F(RfcommEndpointTest, DoesNotWaitForASearchThatHangs) {
  std::atomic<bool> end = false;
  std::atomic<bool> ended = false;
  open([&](const Address&) -> Result<std::uint8_t> {
    while (!end) std::this_thread::sleep_for(milliseconds(1));
    ended = true;
    return fail(Errc::NoResponse, "late");
  });
  send(device(7), packet(40, 1));
  pass(kConnectLimit - milliseconds(1));
  EXPECT_EQ(0U, count(Kind::Refused));
  pass(milliseconds(1));
  EXPECT_EQ(1U, count(Kind::Refused));
  end = true;
  run_when_ready();
  EXPECT_TRUE(ended);
  EXPECT_EQ(1U, count(Kind::Refused)) << "what came too late says nothing";
}

TEST_F(RfcommEndpointTest, SearchesOnceAtATime) {
  std::atomic<bool> end = false;
  std::atomic<int> began = 0;
  open([&](const Address&) -> Result<std::uint8_t> {
    ++began;
    while (!end) std::this_thread::sleep_for(milliseconds(1));
    return std::uint8_t{9};
  });
  for (int i = 0; i < 5; ++i) {  // refused after ten seconds, tried again
    send(device(7), packet(40, static_cast<std::uint8_t>(i)));
    pass(kConnectLimit);
  }
  EXPECT_GE(count(Kind::Refused), 4U);
  send(device(7), packet(40, 9));
  end = true;
  run_when_ready();
  run();
  EXPECT_EQ(1, began);
  EXPECT_EQ(std::vector<std::uint8_t>{9}, world_.channels) << "a late answer is one";
}

TEST(ChannelSearches, AreBounded) {
  std::atomic<bool> end = false;
  std::atomic<std::size_t> ended = 0;
  ChannelSearches searches([&](const Address&) -> Result<std::uint8_t> {
    while (!end) std::this_thread::sleep_for(milliseconds(1));
    ++ended;
    return std::uint8_t{9};
  });
  std::uint8_t who = 0;
  while (who < kSearchesAtOnce) EXPECT_TRUE(searches.start(device(who++)));
  EXPECT_TRUE(searches.start(device(0))) << "it runs already";
  const auto refused = searches.start(device(who));
  ASSERT_FALSE(refused);
  EXPECT_EQ(Errc::IoFailed, refused.error().code);
  end = true;
  std::size_t answers = 0;
  while (answers < kSearchesAtOnce) answers += searches.poll() ? 1 : 0;
  EXPECT_EQ(kSearchesAtOnce, ended);
  EXPECT_TRUE(searches.start(device(who)));
  while (!searches.poll()) std::this_thread::sleep_for(milliseconds(1));
}

TEST_F(RfcommEndpointTest, ConnectsAgainNotTooSoon) {
  dial();
  send(device(7, 5), packet(40, 1));
  run();
  world_.far.at(7).reset();
  run();
  EXPECT_EQ(1U, count(Kind::Lost));
  send(device(7, 5), packet(40, 2));
  run();
  EXPECT_EQ(1U, world_.channels.size());
  EXPECT_EQ(now_ + kReconnect_interval, endpoint_->deadline());
  pass(kReconnect_interval);
  run();
  EXPECT_EQ(2U, world_.channels.size());
  EXPECT_EQ(std::vector<Bytes>{packet(40, 2)}, read_packets(world_.far.at(7).get()));
  EXPECT_EQ(2U, count(Kind::Connected));
}

TEST_F(RfcommEndpointTest, RemembersTheChannelOfADeviceThatIsAway) {
  std::atomic<int> searches = 0;
  open([&](const Address&) -> Result<std::uint8_t> {
    ++searches;
    return std::uint8_t{9};
  });
  send(device(7), packet(40, 1));
  run_when_ready();
  run();
  world_.far.at(7).reset();
  world_.refuse = true;
  run();
  for (int i = 0; i < 3; ++i) {
    pass(kReconnect_interval);
    send(device(7), packet(40, 1));
  }
  world_.refuse = false;
  pass(kReconnect_interval);
  send(device(7), packet(40, 2));
  run();
  EXPECT_EQ(1, searches);
  EXPECT_EQ(std::vector<Bytes>{packet(40, 2)}, read_packets(world_.far.at(7).get()));
}

TEST_F(RfcommEndpointTest, SaysEachTimeThatNobodyAnswers) {
  world_.refuse = true;
  dial();
  for (int i = 0; i < 3; ++i) {
    send(device(7, 5), packet(40, 1));
    send(device(7, 5), packet(40, 1));
    pass(kReconnect_interval);
  }
  EXPECT_EQ(world_.channels.size(), count(Kind::Refused));
  EXPECT_LE(world_.channels.size(), 4U);
  EXPECT_GE(world_.channels.size(), 3U);
}

TEST_F(RfcommEndpointTest, KeepsABoundedQueueWhileItConnects) {
  std::atomic<bool> end = false;
  open([&](const Address&) -> Result<std::uint8_t> {
    while (!end) std::this_thread::sleep_for(milliseconds(1));
    return std::uint8_t{3};
  });
  for (int i = 0; i < 100; ++i) send(device(7), packet(1000, static_cast<std::uint8_t>(i)));
  end = true;
  run_when_ready();
  run();
  const auto arrived = read_packets(world_.far.at(7).get());
  ASSERT_EQ(33U, arrived.size()) << "32 KiB, and the one that goes over it";
  EXPECT_EQ(packet(1000, 0), arrived.front()) << "the oldest: requests that others repeat";
}

TEST_F(RfcommEndpointTest, ASeventeenthTargetIsReachedInTheEnd) {
  dial();
  std::set<std::uint8_t> reached;
  for (int round = 0; round < 8; ++round) {
    for (std::uint8_t who = 0; who < 17; ++who) send(device(who, 5), packet(40, 1));
    pass(seconds(2));
    EXPECT_LE(endpoint_->connections(), kDialledConnections);
    for (const auto& [who, fd] : world_.far)
      if (!read_packets(fd.get()).empty()) reached.insert(who);
  }
  EXPECT_EQ(17U, reached.size());
  ASSERT_GT(count(Kind::Lost), 0U);
  const auto gave_way = std::find_if(notices_.begin(), notices_.end(),
                                     [](const auto& one) { return one.kind == Kind::Lost; });
  EXPECT_NE(std::string::npos, gave_way->text.find("gave way")) << gave_way->text;
}

TEST_F(RfcommEndpointTest, AConnectionInUseDoesNotGiveWay) {
  dial();
  wire::RmcpPlusHeader header;
  header.session_id = 7;
  const Bytes of_session = wire::encode_plain(header, Bytes(20));
  std::size_t arrived = 0;
  for (int round = 0; round < 20; ++round) {
    if (round % 9 == 0) {  // every 18 s: with a keep-alive every 20 s a session has as much
      send(device(0, 5), of_session);
      run();
      arrived += read_packets(world_.far.at(0).get()).size();
    }
    for (std::uint8_t who = 1; who < 17; ++who) send(device(who, 5), packet(40, 1));
    pass(seconds(2));
  }
  EXPECT_EQ(3U, arrived);
  EXPECT_EQ(17U, world_.far.size());
  for (const auto& notice : notices_)
    EXPECT_FALSE(notice.kind == Kind::Lost && notice.peer == device(0, 5)) << notice.text;
  // When it is not used any more it does.
  for (int round = 0; round < 30; ++round) {
    for (std::uint8_t who = 1; who < 17; ++who) send(device(who, 5), packet(40, 1));
    pass(seconds(2));
  }
  EXPECT_TRUE(std::any_of(notices_.begin(), notices_.end(), [](const auto& notice) {
    return notice.kind == Kind::Lost && notice.peer == device(0, 5);
  }));
}

TEST_F(RfcommEndpointTest, SaysThatADeviceHasToWait) {
  dial();
  wire::RmcpPlusHeader header;
  header.session_id = 7;
  const Bytes of_session = wire::encode_plain(header, Bytes(20));
  for (std::uint8_t who = 0; who < kDialledConnections; ++who) send(device(who, 5), of_session);
  run();
  send(device(20, 5), packet(40, 1));
  ASSERT_EQ(now_ + kPlaceLimit, endpoint_->deadline());
  pass(kPlaceLimit);
  ASSERT_EQ(1U, count(Kind::Refused));
  EXPECT_EQ(device(20, 5), notices_.back().peer);
  EXPECT_EQ(kDialledConnections, endpoint_->connections());
  EXPECT_FALSE(endpoint_->deadline()) << "nothing waits any more";
}

TEST_F(RfcommEndpointTest, ClosesNoConnectionWhileAnAttemptIsUnderWay) {
  std::atomic<bool> end = false;
  open([&](const Address&) -> Result<std::uint8_t> {
    while (!end) std::this_thread::sleep_for(milliseconds(1));
    return fail(Errc::NoResponse, "away");
  });
  send(device(0), packet(40, 1));  // its channel is being searched
  for (std::uint8_t who = 1; who < 9; ++who) send(device(who, 5), packet(40, 1));
  run();
  pass(kDialledTurn);
  EXPECT_EQ(0U, count(Kind::Lost));
  EXPECT_EQ(kDialledConnections - 1, endpoint_->connections());
  end = true;
  run_when_ready();
  run();
  EXPECT_EQ(9U - 1, world_.far.size()) << "one got the place, another one that of a connection";
}

TEST_F(RfcommEndpointTest, KeepsABoundedTableOfDevices) {
  dial();
  for (std::uint8_t who = 0; who < kDialledDevices + 20; ++who) send(device(who, 5), packet(40, 1));
  run();
  EXPECT_EQ(kDialledConnections, endpoint_->connections());
  EXPECT_EQ(20U, count(Kind::Refused)) << "said, not dropped without a word";
  // Once the others have had their turn there is room for those too.
  for (int i = 0; i < 60; ++i) pass(seconds(1));
  send(device(kDialledDevices + 1, 5), packet(40, 1));
  run();
  EXPECT_TRUE(world_.far.contains(kDialledDevices + 1));
}

TEST_F(RfcommEndpointTest, WaitsForRoomAndLosesNothing) {
  listen();
  Pair one;
  world_.call(1, std::move(one.near));
  run();
  constexpr int kPackets = 400;
  wire::StreamDecoder decoder;
  std::vector<Bytes> arrived;
  int sent = 0;
  int waited = 0;
  for (int turn = 0; turn < 10'000 && arrived.size() < kPackets; ++turn) {
    while (sent < kPackets && endpoint_->room() > 0) {
      send(device(1), packet(8000, static_cast<std::uint8_t>(sent)));
      ++sent;
    }
    if (endpoint_->room() == 0) {
      ++waited;
      for (Bytes& bytes : read_packets(one.far.get(), decoder)) arrived.push_back(std::move(bytes));
    }
    run();
    if (sent == kPackets)
      for (Bytes& bytes : read_packets(one.far.get(), decoder)) arrived.push_back(std::move(bytes));
  }
  ASSERT_EQ(static_cast<std::size_t>(kPackets), arrived.size());
  for (int i = 0; i < kPackets; ++i)
    ASSERT_EQ(packet(8000, static_cast<std::uint8_t>(i)), arrived[static_cast<std::size_t>(i)]);
  EXPECT_GT(waited, 2) << "it never was without room";
}

TEST_F(RfcommEndpointTest, DoesNotLetAStuckDeviceBlockTheOthers) {
  listen();
  Pair stuck;
  Pair other;
  world_.call(1, std::move(stuck.near));
  world_.call(2, std::move(other.near));
  run();
  while (endpoint_->room() > 0) send(device(1), packet(8000, 1));
  ASSERT_TRUE(endpoint_->deadline());
  pass(kStuckOutput);
  EXPECT_GT(endpoint_->room(), 0U);
  for (int i = 0; i < 100; ++i) send(device(1), packet(8000, 2));  // dropped
  send(device(2), packet(40, 3));
  EXPECT_EQ(1U, read_packets(other.far.get()).size());
  // It moves again, and gets what comes from now on.
  wire::StreamDecoder decoder;
  std::size_t arrived = 0;
  for (int i = 0; i < 100; ++i) {
    arrived += read_packets(stuck.far.get(), decoder).size();
    run();
  }
  send(device(1), packet(40, 4));
  const auto last = read_packets(stuck.far.get(), decoder);
  ASSERT_EQ(1U, last.size());
  EXPECT_EQ(packet(40, 4), last[0]);
  EXPECT_EQ(0U, decoder.skipped_bytes()) << "packets are dropped whole";
  EXPECT_LT(arrived, 100U);
}

// --- a connection that is really made, in the loop -----------------------------------------------

/// Streams of the loopback network: connecting takes a while, and may be refused.
class TcpSockets final : public StreamSockets {
 public:
  TcpSockets(UniqueFd listener, std::uint16_t port) : listener_(std::move(listener)), port_(port) {}
  static std::pair<UniqueFd, std::uint16_t> make_listener() {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(0, ::bind(fd.get(), reinterpret_cast<sockaddr*>(&own), sizeof own));
    EXPECT_EQ(0, ::listen(fd.get(), 4));
    socklen_t size = sizeof own;
    EXPECT_EQ(0, ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&own), &size));
    return {std::move(fd), ntohs(own.sin_port)};
  }
  [[nodiscard]] int listener() const override { return listener_.get(); }
  [[nodiscard]] Result<std::optional<Accepted>> accept() override {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK));
    if (!fd.is_open()) return std::nullopt;
    Accepted accepted{std::move(fd), {}};
    accepted.path.peer = device(1);
    accepted.path.medium = Medium::Bluetooth;
    return accepted;
  }
  [[nodiscard]] Result<UniqueFd> dial(const Address&, std::uint8_t) override {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer.sin_port = htons(port_);
    const int begun = ::connect(fd.get(), reinterpret_cast<sockaddr*>(&peer), sizeof peer);
    EXPECT_TRUE(begun == 0 || errno == EINPROGRESS);
    return fd;
  }
  [[nodiscard]] Address local_end(int) const override { return device(2); }

 private:
  UniqueFd listener_;
  std::uint16_t port_;
};

TEST_F(RfcommEndpointTest, SaysWhyAConnectionWasRefused) {
  auto [listener, port] = TcpSockets::make_listener();
  listener.reset();
  RfcommEndpoint::Options options;
  std::atomic<int> searches = 0;
  options.find_channel = [&](const Address&) -> Result<std::uint8_t> {
    ++searches;
    return std::uint8_t{1};
  };
  auto opened = RfcommEndpoint::open(std::make_unique<TcpSockets>(UniqueFd(), port), options,
                                     [this](const auto& notice) { notices_.push_back(notice); });
  ASSERT_TRUE(opened);
  endpoint_ = *std::move(opened);
  for (std::size_t attempt = 1; attempt <= 2; ++attempt) {
    send(device(7), packet(40, 1));
    while (count(Kind::Refused) < attempt) run_when_ready();
    now_ += kReconnect_interval;
  }
  EXPECT_NE(std::string::npos, notices_.back().text.find("refused")) << notices_.back().text;
  EXPECT_EQ(2, searches) << "it may have moved to another channel";
}

/// Sends `count` packets to the other end, which echoes them.
class Echoes final : public Handler {
 public:
  static constexpr std::size_t kCount = 300;
  void handle_datagram(LinkId, const Path& path, ByteView bytes, TimePoint) override {
    if (path.peer.bytes[5] == 1) {
      echoes_.push_back(to(path.peer, Bytes(bytes.begin(), bytes.end())));
    } else {
      good_ = good_ && bytes.size() == 8000 && bytes.back() == std::byte(arrived_ & 0xffU);
      ++arrived_;
    }
  }
  void handle_timeout(TimePoint) override { late_ = true; }
  std::optional<Datagram> poll_transmit(LinkId, TimePoint) override {
    if (!echoes_.empty()) {
      Datagram message = std::move(echoes_.front());
      echoes_.erase(echoes_.begin());
      return message;
    }
    // Before it is connected little is kept; and then more than all buffers hold.
    if (sent_ == kCount || sent_ >= (arrived_ == 0 ? 2 : arrived_ + 64)) return std::nullopt;
    return to(device(7, 1), packet(8000, static_cast<std::uint8_t>(sent_++)));
  }
  std::optional<TimePoint> deadline() const override { return deadline_; }
  void drain_events(TimePoint) override {}
  bool finished() const override { return late_ || arrived_ == kCount; }
  void handle_signal(int, TimePoint) override { late_ = true; }

  std::vector<Datagram> echoes_;
  std::size_t sent_ = 0;
  std::size_t arrived_ = 0;
  bool good_ = true;
  bool late_ = false;
  TimePoint deadline_ = now() + seconds(30);
};

TEST(RfcommEndpointInTheLoop, CarriesPacketsBothWays) {
  auto [listener, port] = TcpSockets::make_listener();
  Echoes machine;
  Loop loop(machine);
  RfcommEndpoint::Options options;
  auto donor = RfcommEndpoint::open(std::make_unique<TcpSockets>(std::move(listener), port),
                                    options, BluetoothObserver());
  ASSERT_TRUE(donor);
  options.find_channel = [](const Address&) -> Result<std::uint8_t> { return std::uint8_t{1}; };
  auto recipient = RfcommEndpoint::open(std::make_unique<TcpSockets>(UniqueFd(), port), options,
                                        BluetoothObserver());
  ASSERT_TRUE(recipient);
  // One endpoint sends only to its connected devices; the other one dials the rest.
  loop.add(*std::move(donor));
  loop.add(*std::move(recipient));
  ASSERT_TRUE(loop.run());
  EXPECT_FALSE(machine.late_) << machine.arrived_ << " of " << machine.sent_ << " came back";
  EXPECT_TRUE(machine.good_);
}

TEST(Bluetooth, HasWordsForItsSecurity) {
  for (const auto security :
       {BluetoothSecurity::Low, BluetoothSecurity::Medium, BluetoothSecurity::High})
    EXPECT_EQ(security, link::parse_bluetooth_security(to_text(security)));
  EXPECT_EQ(Errc::BadUsage, link::parse_bluetooth_security("none").error().code);
}

#ifdef FWR_HAVE_BLUETOOTH
TEST(ServiceRecord, IsWellFormedWhateverTheDonorIsCalled) {
  const std::string xml = record_as_xml({7, "a \"rack\" <of> 'two' & more\n"});
  EXPECT_NE(std::string::npos, xml.find("<uint8 value=\"0x07\"/>"));
  EXPECT_NE(std::string::npos, xml.find(kServiceUuid));
  EXPECT_NE(std::string::npos,
            xml.find("<text value=\"a &#34;rack&#34; &#60;of&#62; &#39;two&#39; &#38; more\"/>"))
      << xml;
}
#endif

TEST(Bluetooth, SaysWhatIsMissingWhereThereIsNone) {
  // On a system with Bluetooth there is no such adapter; on others the kernel or the build lacks
  // it.
  RfcommListenerSettings settings;
  settings.link.adapter = "hci99";
  const auto opened = open_rfcomm_listener(settings, BluetoothObserver());
  ASSERT_FALSE(opened);
  EXPECT_EQ(Errc::NotFound, opened.error().code) << opened.error().message();
  EXPECT_NE(std::string::npos, opened.error().detail.find("Bluetooth"));
  BluetoothScanSettings scan;
  scan.adapter = "hci99";
  const auto scanned = scan_bluetooth(scan, Patience());
  ASSERT_FALSE(scanned);
  EXPECT_EQ(opened.error().code, scanned.error().code);
}

}  // namespace
}  // namespace fwr::transport
