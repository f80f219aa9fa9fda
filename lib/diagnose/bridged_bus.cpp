// SPDX-License-Identifier: GPL-3.0-or-later
// Questions to the nodes of a bus, one after the other, through libfreeipmi.
#include "diagnose/bridged_bus.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>

#include "diagnose/bmc_account.hpp"
#include "diagnose/bus_events.hpp"
#include "fwrecover/conclude.hpp"
#include "oem/icmb_bridge.h"
#include "transport/hosts.hpp"
#include "wire/ipmi.hpp"
#include "wire/rakp.hpp"

namespace fwrecover {
namespace {

using fwr::Bytes;
using fwr::ByteView;
using fwr::Errc;
using fwr::Error;
using fwr::Result;
using fwr::wire::icmb::BridgeCommand;
using fwr::wire::icmb::BusAddress;

constexpr std::string_view kLan = "lan:";
constexpr std::string_view kInBand = "in-band";
constexpr unsigned kTries = 4;                  // as on a line
constexpr unsigned kShortestSession_ms = 5000;  // a BMC is slow, and a bus behind it
constexpr unsigned kRetransmission_ms = 1000;
constexpr std::uint8_t kIcmb09 = 3;  // medium type; 2: v1.0

struct Question {
  std::uint8_t net_fn = fwr::wire::icmb::kBridgeRq;
  std::uint8_t command = 0;
};
Question bridge(BridgeCommand command) {
  return {fwr::wire::icmb::kBridgeRq, static_cast<std::uint8_t>(command)};
}

Bytes to_bytes(const FwrIcmbAnswer& answer) {
  const auto bytes = std::as_bytes(std::span(answer.data).first(answer.length));
  return {bytes.begin(), bytes.end()};
}

/// An open BMC with a channel on a bus.
class Road {
 public:
  static Result<Road> open(const BusOptions& options, Observer& observer);

  [[nodiscard]] FwrIcmbBridge* bridge() const { return bridge_.get(); }
  [[nodiscard]] unsigned wait_ms() const { return wait_ms_; }
  [[nodiscard]] const std::string& via() const { return via_; }

  /// What it answered, without the completion code. Errors: NoResponse, CommandRejected, BadField;
  /// all others end the road.
  [[nodiscard]] Result<Bytes> ask(BusAddress node, Question question, unsigned tries = kTries);
  /// Says what the road is and, as far as the BMC knows, which node it is itself.
  [[nodiscard]] Result<> introduce(Observer& observer);
  [[nodiscard]] Error error_of(const FwrBmcError& error) const {
    return {errc_of_bmc(error.code), via_ + ": " + error.text};
  }
  [[nodiscard]] Event event(const char* name, BusAddress node) const {
    Event made(name);
    made.set("address", "icmb:" + to_text(node));
    made.set("via", via_);
    return made;
  }

 private:
  struct Close {
    void operator()(FwrIcmbBridge* bridge) const { fwr_icmb_close(bridge); }
  };
  Road(std::string via, unsigned wait_ms) : via_(std::move(via)), wait_ms_(wait_ms) {}
  [[nodiscard]] Result<> connect(FwrBmcAccess& access, const BusOptions& options);
  [[nodiscard]] Result<std::optional<Bytes>> ask_local(BridgeCommand command);

  std::unique_ptr<FwrIcmbBridge, Close> bridge_;
  std::string via_;
  unsigned wait_ms_;
  BusAddress local_ = BusAddress::Unassigned;  ///< of the BMC itself
};

Result<> check_usage(const BusOptions& options) {
  const bool lan = options.via.starts_with(kLan) && options.via.size() > kLan.size();
  if (!lan && options.via != kInBand)
    return fwr::fail(Errc::BadUsage, options.via + ": is neither lan:HOST nor in-band");
  const bool account =
      !options.user.empty() || !options.password_file.empty() || !options.kg_file.empty();
  if (lan && options.user.empty())
    return fwr::fail(Errc::BadUsage, options.via + ": the account on the BMC is missing");
  if (!lan && account) return fwr::fail(Errc::BadUsage, "in-band: there is no account");
  return {};
}

Result<> Road::connect(FwrBmcAccess& access, const BusOptions& options) {
  FwrBmcError error{};
  bridge_.reset(fwr_icmb_open(&access, options.channel, &error));
  if (bridge_) return {};
  Error told = error_of(error);
  if (told.code == Errc::PrivilegeTooLow) told.detail += "; bridging needs Operator";
  return tl::unexpected(told);
}

Result<Road> Road::open(const BusOptions& options, Observer& observer) {
  if (auto usable = check_usage(options); !usable) return tl::unexpected(usable.error());
  Road road(options.via,
            static_cast<unsigned>(std::clamp<std::int64_t>(options.wait_ms, 1, FWR_ICMB_LIFE_MS)));
  FwrBmcAccess access{};
  if (options.via == kInBand) {
    if (auto connected = road.connect(access, options); !connected)
      return tl::unexpected(connected.error());
    return road;
  }
  const std::string host = options.via.substr(kLan.size());
  if (auto good = fwr::transport::check_host(host); !good) return tl::unexpected(good.error());
  const auto account = read_bmc_account({options.password_file, options.kg_file});
  if (!account) return tl::unexpected(account.error());
  if (auto ready = wait_for_random(observer); !ready) return tl::unexpected(ready.error());
  const SecretText password(account->password);
  const ByteView kg = account->kg.view();
  access.host = host.c_str();
  access.user_name = options.user.c_str();
  access.password = password.c_str();
  access.k_g = kg.empty() ? nullptr : reinterpret_cast<const unsigned char*>(kg.data());
  access.k_g_length = static_cast<unsigned>(kg.size());
  access.privilege_level = static_cast<std::uint8_t>(fwr::wire::Privilege::Operator);
  access.cipher_suite_id = static_cast<std::uint8_t>(options.cipher_suite);
  access.session_timeout = std::max(road.wait_ms(), kShortestSession_ms);
  access.retransmission_timeout = kRetransmission_ms;
  if (auto connected = road.connect(access, options); !connected)
    return tl::unexpected(connected.error());
  return road;
}

Result<std::optional<Bytes>> Road::ask_local(BridgeCommand command) {
  FwrBmcError error{};
  FwrIcmbAnswer answer{};
  if (fwr_icmb_ask_local(bridge(), static_cast<std::uint8_t>(command), &answer, &error) == 0)
    return to_bytes(answer);
  if (error.code == FWR_BMC_REJECTED || error.code == FWR_BMC_MALFORMED ||
      error.code == FWR_BMC_PRIVILEGE)
    return std::nullopt;  // it need not know these
  return tl::unexpected(error_of(error));
}

Result<> Road::introduce(Observer& observer) {
  using namespace fwr::wire::icmb;
  const FwrIcmbChannel channel = fwr_icmb_channel(bridge());
  Event told("icmb-channel");
  told.set("via", via_);
  told.set("channel", std::int64_t{channel.number});
  told.set("medium", std::string(channel.medium == kIcmb09 ? "icmb-0.9" : "icmb-1.0"));
  const auto address = ask_local(BridgeCommand::GetIcmbAddress);
  if (!address) return tl::unexpected(address.error());
  const auto state = ask_local(BridgeCommand::GetBridgeState);
  if (!state) return tl::unexpected(state.error());
  if (*address) {
    const auto body = fwr::wire::decode<IcmbAddressBody>(**address);
    if (body && is_assignable(body->address)) {
      local_ = body->address;
      told.set("address", "icmb:" + to_text(local_));
    }
  }
  std::optional<BridgeState> known;
  if (*state) {
    const auto body = fwr::wire::decode<BridgeStateBody>(**state);
    if (body) known = body->state;
  }
  if (known) told.set("state", std::string(to_text(*known)));
  observer.on_event(told);
  if (known && *known != BridgeState::Enabled)
    observer.on_event(Event("problem").set(
        "text", fmt::format("{}: its bridge is not enabled, but in the state '{}'", via_,
                            to_text(*known))));
  return {};
}

Result<Bytes> Road::ask(BusAddress node, Question question, unsigned tries) {
  FwrBmcError error{};
  FwrIcmbAnswer answer{};
  const bool local = node == local_ && question.net_fn == fwr::wire::icmb::kBridgeRq;
  FwrIcmbRequest request{};
  request.node = static_cast<std::uint16_t>(node);
  request.net_fn = question.net_fn;
  request.command = question.command;
  const int result = local ? fwr_icmb_ask_local(bridge(), question.command, &answer, &error)
                           : fwr_icmb_ask(bridge(), &request, tries, wait_ms_, &answer, &error);
  if (result == 0) return to_bytes(answer);
  return tl::unexpected(
      Error{errc_of_bmc(error.code), fmt::format("icmb:{} via {}: {}", to_text(node), via_,
                                                 static_cast<const char*>(error.text))});
}

/// A node that does not answer one question may answer another.
bool is_of_node(const Error& error) {
  return error.code == Errc::NoResponse || error.code == Errc::CommandRejected ||
         error.code == Errc::BadField || error.code == Errc::PrivilegeTooLow;
}

/// Answers of one node: those that came, and why the first of the others did not.
struct Interview {
  std::optional<Bytes> state, capabilities, chassis, addresses;
  std::optional<Error> first;

  [[nodiscard]] bool empty() const { return !state && !capabilities && !chassis && !addresses; }
};

Result<Interview> interview(Road& road, BusAddress node) {
  struct Row {
    BridgeCommand command;
    std::optional<Bytes> Interview::*answer;
    unsigned tries;
  };
  // A node that got SetDiscovered may keep silent to the last one.
  constexpr std::array kRows{
      Row{BridgeCommand::GetBridgeState, &Interview::state, kTries},
      Row{BridgeCommand::GetIcmbCapabilities, &Interview::capabilities, kTries},
      Row{BridgeCommand::GetChassisDeviceId, &Interview::chassis, kTries},
      Row{BridgeCommand::GetAddresses, &Interview::addresses, 1},
  };
  Interview answers;
  for (const Row& row : kRows) {
    auto answer = road.ask(node, bridge(row.command), row.tries);
    if (answer) {
      answers.*row.answer = *std::move(answer);
      continue;
    }
    // Silence to the first question: there is no node.
    if (!is_of_node(answer.error()) || (answer.error().code == Errc::NoResponse && answers.empty()))
      return tl::unexpected(answer.error());
    if (!answers.first) answers.first = answer.error();
  }
  if (answers.empty() && answers.first) return tl::unexpected(*answers.first);
  return answers;
}

/// Only what was understood: layouts of other makers are not published.
void set_interview(Event& event, const Interview& answers) {
  using namespace fwr::wire::icmb;
  constexpr std::size_t kPublishedCapabilities_bytes = 3;
  if (answers.addresses) {
    const auto body = fwr::wire::decode<GetAddressesRs>(*answers.addresses);
    if (body) event.set("guid", fwr::to_text(body->guid));
  }
  if (answers.state) {
    const auto body = fwr::wire::decode<BridgeStateBody>(*answers.state);
    if (body) event.set("state", std::string(to_text(body->state)));
  }
  if (answers.capabilities && answers.capabilities->size() >= kPublishedCapabilities_bytes) {
    fwr::ByteReader in(*answers.capabilities);
    event.set("version", std::int64_t{in.u8()});
    event.set("revision", std::int64_t{in.u8()});
    const auto body = fwr::wire::decode<BridgeCapabilitiesRs>(*answers.capabilities);
    if (body) {
      event.set("payload_limit", std::int64_t{body->payload_limit});
      event.set("baud", std::int64_t{body->baud});
    }
  }
  if (answers.chassis) {
    const auto body = fwr::wire::decode<ChassisDeviceIdBody>(*answers.chassis);
    if (body) event.set("chassis", fmt::format("{:08x}", body->id));
  }
}

/// Opens the road and lets `work` use it.
template <class Work>
Conclusion on_road(const BusOptions& options, Observer& observer, const Work& work) {
  auto road = Road::open(options, observer);
  if (!road) return conclude(road.error());
  if (auto introduced = road->introduce(observer); !introduced) return conclude(introduced.error());
  return work(*road);
}

}  // namespace

Conclusion bridged_discover(const BusOptions& options, Observer& observer) {
  return on_road(options, observer, [&](Road& road) {
    struct Found {
      const Road& road;
      Observer& observer;
      std::size_t count = 0;
    } found{road, observer};
    const auto tell = [](void* context, const FwrIcmbNode* node) {
      auto& here = *static_cast<Found*>(context);
      ++here.count;
      Event event = here.road.event("icmb-node", BusAddress{node->address});
      if (node->has_guid != 0) {
        fwr::Guid guid{};
        std::memcpy(guid.data(), std::data(node->guid), guid.size());
        event.set("guid", fwr::to_text(guid));
      }
      here.observer.on_event(event);
    };
    FwrBmcError error{};
    if (fwr_icmb_discover(road.bridge(), road.wait_ms(), tell, &found, &error) != 0)
      return conclude(road.error_of(error));
    if (found.count == 0)
      return conclude({Errc::NoResponse, road.via() + ": nobody else is on the bus"});
    return conclude_ok(counted(static_cast<std::size_t>(found.count), "node"));
  });
}

Conclusion bridged_info(const BusOptions& options, BusAddress node, Observer& observer) {
  return on_road(options, observer, [&](Road& road) {
    const auto answers = interview(road, node);
    if (!answers) return conclude(answers.error());
    Event event = road.event("icmb-info", node);
    set_interview(event, *answers);
    observer.on_event(event);
    return conclude_ok("");
  });
}

Conclusion bridged_statistics(const BusOptions& options, BusAddress node, Observer& observer) {
  return on_road(options, observer, [&](Road& road) {
    const auto answer = road.ask(node, bridge(BridgeCommand::GetBridgeStatistics));
    if (!answer && answer.error().code == Errc::CommandRejected)
      return conclude({Errc::CommandRejected,
                       answer.error().detail + "; counters of 64 bytes do not fit into a bridged "
                                               "message: ask over a line of the bus"});
    if (!answer) return conclude(answer.error());
    const auto body = fwr::wire::decode<fwr::wire::icmb::BridgeStatistics>(*answer);
    if (!body)
      return conclude({Errc::Unsupported,
                       fmt::format("icmb:{} via {}: {} bytes of counters in a layout that is not "
                                   "published",
                                   to_text(node), road.via(), answer->size())});
    Event event = road.event("icmb-statistics", node);
    set_statistics(event, *body);
    observer.on_event(event);
    return conclude_ok("");
  });
}

Conclusion bridged_device_id(const BusOptions& options, BusAddress node, Observer& observer) {
  return on_road(options, observer, [&](Road& road) {
    const auto answer = road.ask(node, {raw(fwr::wire::NetFn::AppRq), kGetDeviceId});
    if (!answer) return conclude(answer.error());
    Event event = road.event("icmb-device", node);
    if (auto set = set_device_id(event, *answer); !set) return conclude(set.error());
    observer.on_event(event);
    return conclude_ok("");
  });
}

}  // namespace fwrecover
