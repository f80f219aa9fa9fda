// SPDX-License-Identifier: GPL-3.0-or-later
// A BMC for tests: bridging_bmc PORT TTY ADDRESS FAULT-FILE [SOCKET]. IPMI v2.0 on 127.0.0.1:PORT,
// and the system interface of a virtual machine at SOCKET; its channel 5 is an ICMB, the bus on
// TTY, where it has ADDRESS. What it carries there are plain messages. The one word in FAULT-FILE,
// if there is any, says what is wrong with it. Says "ready"; runs until a signal, or the end of the
// virtual machine.
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <map>
#include <string>

#include "link/icmb_discovery.hpp"
#include "session/server.hpp"
#include "system_interface.hpp"
#include "transport/clock.hpp"
#include "transport/icmb_line.hpp"
#include "transport/loop.hpp"
#include "transport/serial_port.hpp"
#include "transport/udp_socket.hpp"

namespace {

using namespace fwr;
using wire::CompletionCode;
using wire::IpmiRequest;
using wire::IpmiResponse;
using wire::icmb::BusAddress;

constexpr LinkId kBusLink{1};
constexpr LinkId kSystemLink{2};
constexpr std::uint32_t kBusPort = 1;
constexpr std::uint8_t kChannel = 5;
constexpr std::uint8_t kIcmb10 = 0x02;  // medium, and protocol
constexpr std::uint8_t kBridgeRequest = 0x20;
constexpr std::size_t kMessage_bytes = 32;
constexpr std::size_t kQueue = 64;
constexpr auto kLife = std::chrono::seconds(5);
constexpr auto kLate = std::chrono::seconds(6);

IpmiResponse code(std::uint8_t value) {
  return {static_cast<CompletionCode>(value), {}};
}
IpmiResponse data(ByteWriter&& out) {
  return {CompletionCode::Ok, std::move(out).release()};
}

class BridgingBmc final : public transport::Handler, public session::Application {
 public:
  BridgingBmc(std::string fault_file, RandomSource& random)
      : fault_file_(std::move(fault_file)), server_(config(), 0, *this, random) {}

  void use(transport::IcmbLine& line) { line_ = &line; }
  void ready() { std::printf("ready\n"), std::fflush(stdout); }

  // --- the controller ------------------------------------------------------------------------
  std::optional<IpmiResponse> handle_command(const session::Requester& from,
                                             const IpmiRequest& request, TimePoint now) override {
    fault_.clear();
    std::ifstream(fault_file_) >> fault_;
    ByteReader in(request.data);
    if (request.net_fn == wire::icmb::kBridgeRq) return local_bridge(request.command);
    if (request.net_fn != raw(wire::NetFn::AppRq)) return code(0xc1);
    switch (request.command) {
      case 0x01: return device_id();
      case 0x31: return message_flags();
      case 0x33: return get_message(now);
      case 0x34:
        if (from.privilege < wire::Privilege::Operator) return code(0xd4);
        return send_message(in, now);
      case 0x42: return channel_info(in.u8() & 0x0fU, now);
      default: return code(0xc1);
    }
  }
  void handle_payload(const session::Requester&, ByteView, TimePoint) override {}
  std::optional<Outgoing> next_payload(LinkId, TimePoint) override { return std::nullopt; }
  void session_closed(std::uint32_t, TimePoint) override {}

  // --- the loop ------------------------------------------------------------------------------
  void handle_datagram(LinkId link, const Path& path, ByteView bytes, TimePoint now) override {
    if (link == kLanLink) return server_.handle_datagram(link, path, bytes, now);
    take_response(path, bytes, now);
  }
  void handle_timeout(TimePoint now) override { server_.handle_timeout(now); }
  std::optional<Datagram> poll_transmit(LinkId link, TimePoint now) override {
    if (link == kLanLink) return server_.poll_transmit(link, now);
    if (to_bus_.empty()) return std::nullopt;
    Datagram message = std::move(to_bus_.front());
    to_bus_.pop_front();
    return message;
  }
  [[nodiscard]] std::optional<TimePoint> deadline() const override { return server_.deadline(); }
  void drain_events(TimePoint) override {}
  [[nodiscard]] bool finished() const override { return finished_; }
  void handle_signal(int, TimePoint) override { finished_ = true; }
  void handle_link_down(LinkId link, const Error&, TimePoint) override {
    if (link == kSystemLink) finished_ = true;
  }

  /// From the system interface, which needs no login.
  IpmiResponse answer(const IpmiRequest& request, TimePoint now) {
    session::Requester host;
    host.privilege = wire::Privilege::Administrator;
    return handle_command(host, request, now).value_or(code(0xc1));
  }

 private:
  struct Tracked {
    std::uint8_t sequence = 0;
    TimePoint sent;
  };
  struct Waiting {
    Bytes data;  ///< behind the completion code of Get Message
    TimePoint since;
  };

  static session::ServerConfig config() {
    session::ServerConfig made;
    made.accounts = {
        {"operator", Secret(as_bytes(std::string_view("a secret of 20 bytes"))),
         wire::Privilege::Operator},
        {"user", Secret(as_bytes(std::string_view("another secret"))), wire::Privilege::User}};
    made.allow_suite3 = true;
    made.forward_all = true;
    made.identity.device_id = 0x20;
    made.limits.replies_burst = 2000;
    made.limits.replies_per_source_per_s = 1000;
    return made;
  }

  IpmiResponse local_bridge(std::uint8_t command) const {
    if (fault_ == "no-bridge-commands") return code(0xc1);
    ByteWriter out;
    if (command == 0x00)
      out.u8(static_cast<std::uint8_t>(fault_ == "disabled" ? wire::icmb::BridgeState::Disabled
                                                            : line_->port().state()));
    else if (command == 0x02)
      out.u16(static_cast<std::uint16_t>(line_->port().address()));
    else
      return code(0xc1);
    return data(std::move(out));
  }

  IpmiResponse channel_info(std::uint8_t channel, TimePoint now) {
    // What a program before this one was not there for, any more, with every number.
    if (fault_ == "left-behind" && waiting_.empty())
      for (std::uint8_t sequence = 0; sequence < kQueue; ++sequence)
        push(kChannel, sequence, std::array{std::byte{0}}, now);
    if (channel != kChannel || fault_ == "no-channel") return code(0xcc);
    ByteWriter out;
    out.u8(kChannel);
    out.u8(kIcmb10);
    out.u8(kIcmb10);
    out.u8(0);
    out.le<3>(7154);
    out.u16(0);
    return data(std::move(out));
  }

  /// Asked over the system interface only: the server knows it too.
  static IpmiResponse device_id() {
    ByteWriter out;
    for (const unsigned byte : {0x20U, 0x01U, 0x01U, 0x00U, 0x02U, 0x00U})
      out.u8(static_cast<std::uint8_t>(byte));
    out.le<3>(7154);
    out.u16(0);
    return data(std::move(out));
  }

  IpmiResponse message_flags() const {
    ByteWriter out;
    out.u8(waiting_.empty() ? 0 : 1);
    return data(std::move(out));
  }

  IpmiResponse send_message(ByteReader& in, TimePoint now) {
    const std::uint8_t channel = in.u8();
    const std::uint8_t sequence = in.u8();
    const auto address = BusAddress{in.u16()};
    const std::uint8_t bridge = in.u8();
    const std::uint8_t responder = in.u8();
    const std::uint8_t net_fn = in.u8() >> 2U;
    const std::uint8_t command = in.u8();
    const ByteView rest = in.take_rest();
    if (in.truncated() || kMessage_bytes - 7 < rest.size()) return code(0xc7);
    if (channel != (0x40U | kChannel) || bridge != kBridgeRequest || responder != 0x20)
      return code(0xcc);
    if (fault_ == "nak") return code(0x83);
    ++tag_;
    tracked_[tag_] = {static_cast<std::uint8_t>(sequence >> 2U), now};
    Path path;
    path.local.family = AddressFamily::Icmb;
    path.local.scope = kBusPort;
    path.peer = wire::icmb::to_address(address, kBusPort);
    to_bus_.push_back(link::make_bus_request(path, tag_, net_fn, command, rest));
    return code(0);
  }

  /// A response on the bus, to a request that was bridged.
  void take_response(const Path&, ByteView bytes, TimePoint now) {
    const auto response = wire::plain::decode_response(bytes);
    if (!response) return;
    const auto found = tracked_.find(response->tag);
    if (found == tracked_.end() || found->second.sent + kLife < now) return;
    const std::uint8_t sequence = found->second.sequence;
    if (fault_ == "one-answer") tracked_.erase(found);  // the first of a broadcast only
    if (fault_ == "stale") {
      push(kChannel, static_cast<std::uint8_t>(sequence ^ 0x20U), response->data, now);
      push(kChannel + 1, sequence, response->data, now);
    }
    push(kChannel, sequence, response->data, now);
  }

  void push(unsigned channel, std::uint8_t sequence, ByteView answer, TimePoint now) {
    if (waiting_.size() == kQueue) waiting_.pop_front();
    // Another maker's node has no GUID, and says less of itself.
    if (fault_ == "vendor") answer = answer.first(std::min<std::size_t>(answer.size(), 4));
    ByteWriter out;
    out.u8(static_cast<std::uint8_t>(channel));
    out.u8(static_cast<std::uint8_t>(sequence << 2U));
    if (fault_ == "short") {
      out.u8(0);
    } else if (answer.size() + 2 > kMessage_bytes && fault_ != "wide") {
      out.u8(0xca);
    } else {
      out.u8(0);
      out.bytes(answer);
      if (fault_ == "oversize") out.zeros(300);
    }
    waiting_.push_back({std::move(out).release(), now});
  }

  IpmiResponse get_message(TimePoint now) {
    if (fault_ == "no-get-message") return code(0xc1);
    const bool held = fault_ == "late" && !waiting_.empty() && now < waiting_.front().since + kLate;
    if (waiting_.empty() || held || fault_ == "deaf") return code(0x80);
    IpmiResponse response{CompletionCode::Ok, std::move(waiting_.front().data)};
    waiting_.pop_front();
    return response;
  }

  std::string fault_file_;
  std::string fault_;
  session::Server server_;
  transport::IcmbLine* line_ = nullptr;  ///< the loop's
  std::uint8_t tag_ = 0;
  std::map<std::uint8_t, Tracked> tracked_;
  std::deque<Waiting> waiting_;
  std::deque<Datagram> to_bus_;
  bool finished_ = false;
};

int run(const std::string& port, const std::string& tty, const std::string& address,
        const std::string& fault_file, const std::string& system) {
  transport::SystemRandom random;
  BridgingBmc bmc(fault_file, random);
  const auto local = parse_address("lan:127.0.0.1:" + port);
  if (!local) return 2;
  auto socket = transport::UdpSocket::open(*local);
  auto serial = transport::SerialPort::open(tty, {19200, false});
  if (!socket || !serial) return 2;
  link::IcmbSettings settings;
  settings.port = kBusPort;
  settings.address = BusAddress{static_cast<std::uint16_t>(std::stoul(address, nullptr, 0))};
  random.fill(settings.guid);
  auto line =
      std::make_unique<transport::IcmbLine>(*std::move(serial), settings, random, transport::now(),
                                            [&](const link::IcmbEvent& event, TimePoint) {
                                              if (event.kind == link::IcmbEvent::Kind::AddressHeld)
                                                bmc.ready();
                                            });
  bmc.use(*line);
  transport::Loop loop(bmc);
  loop.add(*std::move(socket));
  loop.add(std::move(line), kBusLink);
  if (!system.empty()) {
    auto interface = test::SystemInterface::connect(
        system,
        [&](const IpmiRequest& request, TimePoint now) { return bmc.answer(request, now); });
    if (!interface) return 2;
    loop.add(*std::move(interface), kSystemLink);
  }
  loop.catch_signals({SIGINT, SIGTERM});
  return loop.run() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5 && argc != 6) return 2;
  return run(argv[1], argv[2], argv[3], argv[4], argc == 6 ? argv[5] : "");
}
