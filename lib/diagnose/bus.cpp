// SPDX-License-Identifier: GPL-3.0-or-later
// A node on a bus that asks others, and the emulator.
#include "fwrecover/bus.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <functional>
#include <memory>

#include "base/address.hpp"
#include "diagnose/bridged_bus.hpp"
#include "diagnose/bus_emulator.hpp"
#include "diagnose/bus_events.hpp"
#include "fwrecover/conclude.hpp"
#include "fwrecover/interruption.hpp"
#include "link/icmb_discovery.hpp"
#include "transport/clock.hpp"
#include "transport/icmb_line.hpp"
#include "transport/loop.hpp"
#include "wire/ipmi.hpp"

namespace fwrecover {
namespace {

using fwr::Bytes;
using fwr::ByteView;
using fwr::Datagram;
using fwr::Errc;
using fwr::Path;
using fwr::Result;
using fwr::TimePoint;
using fwr::link::IcmbEvent;
using fwr::link::make_bus_request;
using fwr::transport::IcmbLine;
using fwr::wire::CompletionCode;
using fwr::wire::icmb::BridgeCommand;
using fwr::wire::icmb::bus_address;
using fwr::wire::icmb::BusAddress;
using fwr::wire::plain::Message;

constexpr std::uint32_t kPort = 1;  // there is one line only
constexpr std::uint32_t kTries = 4;
constexpr auto kAddressPatience = std::chrono::seconds(10);

Where on_bus(const BusOptions& options) {
  Where where;
  where.bus = options.device;
  return where;
}

Result<BusAddress> parse_bus_address(const std::string& text) {
  const auto named = fwr::parse_named_address(text.starts_with("icmb:") ? text : "icmb:" + text);
  if (!named) return tl::unexpected(named.error());
  return bus_address(named->address);
}

Result<fwr::link::IcmbSettings> make_settings(const BusOptions& options) {
  fwr::link::IcmbSettings settings;
  settings.limits.baud = options.baud;
  settings.port = kPort;
  settings.fixed = options.fixed;
  if (!options.own_address.empty()) {
    const auto address = parse_bus_address(options.own_address);
    if (!address) return tl::unexpected(address.error());
    if (!is_assignable(*address))
      return fwr::fail(Errc::BadUsage, options.own_address + ": no node can have this address");
    settings.address = *address;
  }
  for (const std::string& text : options.operators) {
    const auto address = parse_bus_address(text);
    if (!address) return tl::unexpected(address.error());
    settings.operators.push_back(*address);
  }
  if (options.guid.empty()) {
    fwr::transport::SystemRandom().fill(settings.guid);
    return settings;
  }
  const auto guid = fwr::parse_guid(options.guid);
  if (!guid) return tl::unexpected(guid.error());
  settings.guid = *guid;
  return settings;
}

/// A machine on one line: it waits for an address, then begins to work.
class BusNode : public fwr::transport::Handler {
 public:
  BusNode(const BusOptions& options, Observer& observer)
      : options_(options), observer_(observer), began_(fwr::transport::now()) {}

  Result<> run() {
    auto settings = make_settings(options_);
    if (!settings) return tl::unexpected(settings.error());
    auto serial =
        fwr::transport::SerialPort::open(options_.device, {options_.baud, options_.rs485});
    if (!serial) return tl::unexpected(serial.error());
    if (options_.rs485 && !serial->driver_turns())
      observer_.on_event(Event("problem").set(
          "text", options_.device + ": the driver has no RS-485 mode; the adapter must switch "
                                    "its transmitter itself"));
    auto line = std::make_unique<IcmbLine>(
        *std::move(serial), *std::move(settings), random_, fwr::transport::now(),
        [this](const IcmbEvent& event, TimePoint now) { handle_event(event, now); });
    line_ = line.get();
    fwr::transport::Loop loop(*this);
    loop.add(std::move(line));
    loop.catch_signals({SIGINT, SIGTERM});
    auto ran = loop.run();
    if (line_ != nullptr && ran) conclude_line();
    if (!ran) return ran;
    if (error_) return tl::unexpected(*error_);
    return {};
  }

  void handle_datagram(fwr::LinkId, const Path& path, ByteView bytes, TimePoint now) override {
    handle_message({path, Bytes(bytes.begin(), bytes.end())}, now);
  }
  void handle_timeout(TimePoint now) override {
    if (ready_) return work(now);
    if (now < began_ + kAddressPatience) return;
    const bool cut = port().state() == fwr::wire::icmb::BridgeState::Error;
    stop(fwr::Error{Errc::NoResponse,
                    options_.device + (cut ? ": we do not hear ourselves, or somebody talks "
                                             "without an end"
                                           : ": no address was free in time")});
  }
  std::optional<Datagram> poll_transmit(fwr::LinkId, TimePoint) override {
    if (outgoing_.empty()) return std::nullopt;
    Datagram message = std::move(outgoing_.front());
    outgoing_.pop_front();
    return message;
  }
  void handle_link_down(fwr::LinkId, const fwr::Error& error, TimePoint) override { stop(error); }
  std::optional<TimePoint> deadline() const override {
    return ready_ ? next_work() : began_ + kAddressPatience;
  }
  void drain_events(TimePoint) override {}
  bool finished() const override { return finished_; }
  void handle_signal(int, TimePoint) override {
    if (ends_by_signal()) return stop();
    stop(fwr::Error{Errc::Interrupted, options_.device});
  }

 protected:
  virtual void begin(TimePoint now) = 0;
  virtual void work(TimePoint now) = 0;
  virtual void handle_message(const Datagram& message, TimePoint now) = 0;
  [[nodiscard]] virtual std::optional<TimePoint> next_work() const = 0;
  virtual void conclude_line() {}
  [[nodiscard]] virtual bool ends_by_signal() const { return false; }

  fwr::link::IcmbPort& port() { return line_->port(); }
  void stop(std::optional<fwr::Error> error = {}) {
    finished_ = true;
    if (!error_) error_ = std::move(error);
  }
  void send(Datagram message) { outgoing_.push_back(std::move(message)); }
  [[nodiscard]] std::string name(BusAddress address) const {
    return "icmb:" + to_text(address) + "@" + options_.device;
  }
  [[nodiscard]] fwr::Duration wait() const { return std::chrono::milliseconds(options_.wait_ms); }
  Observer& observer() { return observer_; }
  const BusOptions& options() { return options_; }

 private:
  void handle_event(const IcmbEvent& event, TimePoint now) {
    Event told("icmb-port");
    told.set("what", std::string(to_text(event.kind)));
    if (event.address != BusAddress::Unassigned) told.set("address", name(event.address));
    if (event.kind == IcmbEvent::Kind::PeerOnline || event.kind == IcmbEvent::Kind::PeerAttention)
      told.set("guid", fwr::to_text(event.guid));
    observer_.on_event(told);
    if (event.kind == IcmbEvent::Kind::AddressHeld && !ready_) {
      ready_ = true;
      begin(now);
    }
    if (event.kind == IcmbEvent::Kind::AddressRefused && !ready_)
      stop(fwr::Error{Errc::AddressUnavailable,
                      options_.own_address + ": another node has this address"});
  }

  const BusOptions& options_;
  Observer& observer_;
  TimePoint began_;
  fwr::transport::SystemRandom random_;
  IcmbLine* line_ = nullptr;  ///< the loop's
  std::deque<Datagram> outgoing_;
  bool ready_ = false;
  bool finished_ = false;
  std::optional<fwr::Error> error_;
};

class Discoverer final : public BusNode {
 public:
  using BusNode::BusNode;
  [[nodiscard]] std::size_t found() const { return told_; }

 private:
  void begin(TimePoint now) override {
    discovery_.emplace(kPort, wait(), now);
    work(now);
  }
  void work(TimePoint now) override {
    discovery_->handle_timeout(now);
    settle();
  }
  void handle_message(const Datagram& message, TimePoint now) override {
    if (!discovery_) return;
    discovery_->handle_message(message, now);
    settle();
  }
  std::optional<TimePoint> next_work() const override {
    return discovery_ ? discovery_->deadline() : std::nullopt;
  }
  void settle() {
    for (; told_ < discovery_->nodes().size(); ++told_) {
      const auto& node = discovery_->nodes()[told_];
      observer().on_event(Event("icmb-node")
                              .set("address", name(node.address))
                              .set("guid", fwr::to_text(node.guid)));
    }
    while (auto message = discovery_->poll_transmit()) send(*std::move(message));
    if (discovery_->finished()) stop();
  }
  std::optional<fwr::link::IcmbDiscovery> discovery_;
  std::size_t told_ = 0;
};

/// Asks one node one question after the other.
class Asker final : public BusNode {
 public:
  using Answers = std::vector<Message>;
  struct Question {
    Question(BridgeCommand bridge)  // NOLINT(google-explicit-constructor): most are
        : command(static_cast<std::uint8_t>(bridge)) {}
    Question(fwr::wire::NetFn function, std::uint8_t number)
        : net_fn(raw(function)), command(number) {}
    std::uint8_t net_fn = fwr::wire::icmb::kBridgeRq;
    std::uint8_t command;
  };
  Asker(const BusOptions& options, BusAddress peer, std::vector<Question> questions,
        Observer& observer)
      : BusNode(options, observer), peer_(peer), questions_(std::move(questions)) {}
  [[nodiscard]] const Answers& answers() const { return answers_; }

 private:
  void begin(TimePoint now) override {
    next_ = now;
    work(now);
  }
  void work(TimePoint now) override {
    if (now < next_) return;
    if (tries_ == kTries)
      return stop(fwr::Error{Errc::NoResponse, name(peer_) + ": no answer on the bus"});
    ++tries_;
    ask(now);
  }
  void ask(TimePoint now) {
    Path path;
    path.peer = fwr::wire::icmb::to_address(peer_, kPort);
    const Question& question = questions_[answers_.size()];
    send(make_bus_request(path, tag(), question.net_fn, question.command, {}));
    next_ = now + wait();
  }
  void handle_message(const Datagram& message, TimePoint now) override {
    const auto response = fwr::wire::plain::decode_response(message.bytes);
    if (!response || answers_.size() == questions_.size() || response->tag != tag() ||
        bus_address(message.path.peer) != peer_ ||
        response->net_fn() != (questions_[answers_.size()].net_fn | 1U) ||
        response->command != questions_[answers_.size()].command)
      return;
    const auto code = static_cast<CompletionCode>(response->data.front());
    if (code != CompletionCode::Ok)
      return stop(fwr::Error{Errc::CommandRejected, name(peer_) + ": " + describe(code)});
    answers_.push_back(*response);
    if (answers_.size() == questions_.size()) return stop();
    tries_ = 1;
    ask(now);
  }
  std::optional<TimePoint> next_work() const override { return next_; }
  [[nodiscard]] std::uint8_t tag() const { return static_cast<std::uint8_t>(answers_.size()); }

  BusAddress peer_;
  std::vector<Question> questions_;
  Answers answers_;
  std::uint32_t tries_ = 0;
  TimePoint next_{};
};

class Listener final : public BusNode {
 public:
  using BusNode::BusNode;

 private:
  void begin(TimePoint now) override {
    if (options().duration_ms > 0) end_ = now + std::chrono::milliseconds(options().duration_ms);
  }
  void work(TimePoint now) override {
    if (end_ && now >= *end_) stop();
  }
  void handle_message(const Datagram& message, TimePoint) override {
    Event event("icmb-message");
    event.set("address", name(bus_address(message.path.peer)));
    event.set("type", std::int64_t{static_cast<std::uint8_t>(message.bytes.front())});
    event.set("size", as_number(message.bytes.size() - 1));
    observer().on_event(event);
  }
  std::optional<TimePoint> next_work() const override { return end_; }
  bool ends_by_signal() const override { return true; }
  void conclude_line() override {
    Event event("icmb-statistics");
    event.set("address", name(port().address()));
    set_statistics(event, port().statistics());
    observer().on_event(event);
  }
  std::optional<TimePoint> end_;
};

template <class Body>
Result<Body> body_of(const Message& answer) {
  return fwr::wire::decode<Body>(ByteView(answer.data).subspan(1));
}

}  // namespace

static Conclusion run_bus_discover(const BusOptions& options, Observer& observer) {
  if (!options.via.empty()) return bridged_discover(options, observer);
  Discoverer machine(options, observer);
  if (auto ran = machine.run(); !ran) return conclude(ran.error(), on_bus(options));
  if (machine.found() == 0)
    return conclude({Errc::NoResponse, options.device + ": nobody else is on the bus"},
                    on_bus(options));
  return conclude_ok(counted(static_cast<std::size_t>(machine.found()), "node"));
}

static Conclusion run_bus_info(const BusOptions& options, const std::string& address,
                               Observer& observer) {
  const auto peer = parse_bus_address(address);
  if (!peer) return conclude(peer.error());
  if (!options.via.empty()) return bridged_info(options, *peer, observer);
  Asker machine(options, *peer,
                {BridgeCommand::GetAddresses, BridgeCommand::GetBridgeState,
                 BridgeCommand::GetIcmbCapabilities, BridgeCommand::GetChassisDeviceId},
                observer);
  if (auto ran = machine.run(); !ran) return conclude(ran.error(), on_bus(options));
  const auto& answers = machine.answers();
  if (answers.size() < 4) return conclude({Errc::Internal, address});
  using namespace fwr::wire::icmb;
  const auto who = body_of<GetAddressesRs>(answers[0]);
  const auto state = body_of<BridgeStateBody>(answers[1]);
  const auto capabilities = body_of<BridgeCapabilitiesRs>(answers[2]);
  const auto chassis = body_of<ChassisDeviceIdBody>(answers[3]);
  if (!who) return conclude(who.error());
  if (!state) return conclude(state.error());
  if (!capabilities) return conclude(capabilities.error());
  if (!chassis) return conclude(chassis.error());
  Event event("icmb-info");
  event.set("address", "icmb:" + to_text(*peer) + "@" + options.device);
  event.set("guid", fwr::to_text(who->guid));
  event.set("state", std::string(to_text(state->state)));
  event.set("version", std::int64_t{capabilities->version});
  event.set("revision", std::int64_t{capabilities->revision});
  event.set("payload_limit", std::int64_t{capabilities->payload_limit});
  event.set("baud", std::int64_t{capabilities->baud});
  event.set("chassis", fmt::format("{:08x}", chassis->id));
  observer.on_event(event);
  return conclude_ok("");
}

static Conclusion run_bus_statistics(const BusOptions& options, const std::string& address,
                                     Observer& observer) {
  const auto peer = parse_bus_address(address);
  if (!peer) return conclude(peer.error());
  if (!options.via.empty()) return bridged_statistics(options, *peer, observer);
  Asker machine(options, *peer, {BridgeCommand::GetBridgeStatistics}, observer);
  if (auto ran = machine.run(); !ran) return conclude(ran.error(), on_bus(options));
  if (machine.answers().empty()) return conclude({Errc::Internal, address});
  const auto statistics = body_of<fwr::wire::icmb::BridgeStatistics>(machine.answers()[0]);
  if (!statistics) return conclude(statistics.error());
  Event event("icmb-statistics");
  event.set("address", "icmb:" + to_text(*peer) + "@" + options.device);
  set_statistics(event, *statistics);
  observer.on_event(event);
  return conclude_ok("");
}

static Conclusion run_bus_device_id(const BusOptions& options, const std::string& address,
                                    Observer& observer) {
  const auto peer = parse_bus_address(address);
  if (!peer) return conclude(peer.error());
  if (!options.via.empty()) return bridged_device_id(options, *peer, observer);
  Asker machine(options, *peer, {{fwr::wire::NetFn::AppRq, kGetDeviceId}}, observer);
  if (auto ran = machine.run(); !ran) return conclude(ran.error(), on_bus(options));
  if (machine.answers().empty()) return conclude({Errc::Internal, address});
  Event event("icmb-device");
  event.set("address", "icmb:" + to_text(*peer) + "@" + options.device);
  const auto set = set_device_id(event, ByteView(machine.answers()[0].data).subspan(1));
  if (!set) return conclude(set.error());
  observer.on_event(event);
  return conclude_ok("");
}

static Conclusion run_bus_listen(const BusOptions& options, Observer& observer) {
  if (!options.via.empty())
    return conclude({Errc::BadUsage, "listen: a BMC does not hand on what others say on the bus"});
  Listener machine(options, observer);
  if (auto ran = machine.run(); !ran) return conclude(ran.error(), on_bus(options));
  return conclude_ok("");
}

Conclusion emulate_bus(const BusEmulatorOptions& options, Observer& observer) {
  fwr::transport::BusEmulatorSettings settings;
  settings.nodes = options.nodes;
  settings.bus.baud = options.baud;
  settings.bus.bit_error_rate = options.bit_error_rate;
  settings.bus.noise =
      options.noise_at_receivers ? fwr::link::BusNoise::Receiver : fwr::link::BusNoise::Line;
  settings.bus.seed = options.seed;
  settings.link_directory = options.link_directory;
  if (options.duration_ms > 0) settings.duration = std::chrono::milliseconds(options.duration_ms);
  auto emulator = fwr::transport::BusEmulator::open(settings);
  if (!emulator) return conclude(emulator.error());
  for (std::size_t i = 0; i < emulator->size(); ++i) {
    Event event("bus-node");
    event.set("node", as_number(i + 1));
    event.set("device", emulator->device(i));
    if (!emulator->link(i).empty()) event.set("link", emulator->link(i));
    observer.on_event(event);
  }
  const auto ran = emulator->run([&](const std::string& what, bool done) {
    observer.on_event(Event("bus-change").set("command", what).set("obeyed", done));
  });
  if (!ran) return conclude(ran.error());
  const auto& counters = emulator->bus().counters();
  Event event("bus-statistics");
  event.set("characters", as_number(counters.characters));
  event.set("collisions", as_number(counters.collisions));
  event.set("bit_errors", as_number(counters.bit_errors));
  event.set("late", std::chrono::duration<double>(emulator->worst_lateness()).count());
  observer.on_event(event);
  // Its links are gone by then, and SIGTERM is its good end, as in until_stopped().
  const int signal = emulator->ended_by();
  return signal == 0 || signal == SIGTERM ? conclude_ok("") : ended_by(signal, conclude_ok(""));
}

// --- what a signal ends
// ---------------------------------------------------------------------------

static const std::vector<int>& ending() {
  static const std::vector<int> kBoth{SIGINT, SIGTERM};
  return kBoth;
}

Conclusion bus_discover(const BusOptions& options, Observer& observer) {
  return interruptible(ending(), [&](const Stop&) { return run_bus_discover(options, observer); });
}
Conclusion bus_info(const BusOptions& options, const std::string& address, Observer& observer) {
  return interruptible(ending(),
                       [&](const Stop&) { return run_bus_info(options, address, observer); });
}
Conclusion bus_statistics(const BusOptions& options, const std::string& address,
                          Observer& observer) {
  return interruptible(ending(),
                       [&](const Stop&) { return run_bus_statistics(options, address, observer); });
}
Conclusion bus_device_id(const BusOptions& options, const std::string& address,
                         Observer& observer) {
  return interruptible(ending(),
                       [&](const Stop&) { return run_bus_device_id(options, address, observer); });
}
Conclusion bus_listen(const BusOptions& options, Observer& observer) {
  return until_stopped(ending(), [&](const Stop&) { return run_bus_listen(options, observer); });
}

}  // namespace fwrecover
