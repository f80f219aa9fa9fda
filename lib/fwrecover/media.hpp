// SPDX-License-Identifier: GPL-3.0-or-later
// Opens the configured serial, ICMB and Bluetooth links and reports their events.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/link_properties.hpp"
#include "base/token_bucket.hpp"
#include "bluetooth/bluetooth.hpp"
#include "fwrecover/event.hpp"
#include "settings/media_config.hpp"
#include "transport/basic_mode_line.hpp"
#include "transport/hosts.hpp"
#include "transport/icmb_line.hpp"
#include "transport/loop.hpp"

namespace fwrecover {

/// Reports "link" events, at a limited rate because every node of a bus can cause them.
class LinkReporter {
 public:
  static constexpr unsigned kBurst = 50;      ///< events at once
  static constexpr unsigned kPerSecond = 10;  ///< events

  LinkReporter(const fwr::settings::LineNames& names, Observer& observer)
      : names_(names), observer_(observer) {}
  void report(std::uint32_t line, const fwr::link::IcmbEvent& event, fwr::TimePoint now);
  void report(const fwr::transport::BluetoothNotice& notice, fwr::TimePoint now);
  /// `what` is "down", "up" or "set-again".
  void report(const std::string& link, const std::string& what, const std::string& text,
              fwr::TimePoint now);
  /// "icmb:/dev/ttyS1: cut; ...": the buses that are out of order now; empty: none is.
  [[nodiscard]] std::string trouble() const;

 private:
  const fwr::settings::LineNames& names_;
  Observer& observer_;
  std::map<std::uint32_t, fwr::link::IcmbEvent::Kind> trouble_;  ///< by line: cut or babble
  fwr::TokenBucket allowed_{kPerSecond, kBurst};
};

/// The links of a program besides its network. Each serial line is one, its LinkId is the number of
/// the line; all of Bluetooth is one.
class Media {
 public:
  /// The references have to outlive this object.
  Media(const fwr::settings::MediaConfig& config, fwr::RandomSource& random, Observer& observer);

  /// The line becomes a node of a bus. `listened_to`: the peers that are heard; nullopt: all;
  /// empty: none.
  /// Errors: those of SerialPort::open().
  [[nodiscard]] fwr::Result<> open_bus(
      const std::string& device,
      std::optional<std::vector<fwr::wire::icmb::BusAddress>> listened_to,
      std::vector<fwr::wire::icmb::BusAddress> operators);
  /// A tty that is missing is an error, or is reported and waited for.
  enum class Absent : bool { Fails, Waits };
  /// The line is a cable with one peer at its other end. `iana`: the deployment's number. Errors:
  /// those of SerialPort::open().
  [[nodiscard]] fwr::Result<> open_cable(const std::string& device, std::uint32_t iana,
                                         Absent absent);
  /// Opens a donor's end of RFCOMM. `name`: of the service. Errors: those of
  /// open_rfcomm_listener().
  [[nodiscard]] fwr::Result<> open_listener(const std::string& name);
  /// Opens a recipient's end of RFCOMM. Errors: those of open_rfcomm_dialer().
  [[nodiscard]] fwr::Result<> open_dialer();
  [[nodiscard]] bool empty() const { return open_.empty(); }

  /// Hands the endpoints over to the loop, which owns them from then on.
  void add_to(fwr::transport::Loop& loop);

  struct Known {
    fwr::LinkId link = fwr::kLanLink;
    fwr::AddressFamily family = fwr::AddressFamily::None;
    std::uint32_t number = 0;
    std::string device;
    fwr::LinkProperties properties;
  };
  [[nodiscard]] std::vector<Known> known() const;
  /// The present properties of the link to this peer; nullopt: the peer is on a LAN.
  [[nodiscard]] std::optional<fwr::LinkProperties> properties(const fwr::Address& peer) const;
  /// kLanLink for an address that is on none of them.
  [[nodiscard]] fwr::LinkId link_to(const fwr::Address& peer) const;

  [[nodiscard]] std::string text(const fwr::Address& address) const {
    return fwr::transport::words_with_zones(config_.names.text(address));
  }
  [[nodiscard]] std::string named(const std::string& words) const {
    return fwr::transport::words_with_zones(config_.names.named(words));
  }
  [[nodiscard]] std::string trouble() const { return reporter_.trouble(); }
  void report_down(fwr::LinkId link, const fwr::Error& error, fwr::TimePoint now);
  void report_up(fwr::LinkId link, fwr::TimePoint now);

 private:
  static constexpr fwr::LinkId kBluetoothLink{fwr::settings::LineNames::kLineLimit + 1};

  struct Open {
    Known known;
    std::string name;  ///< "icmb:/dev/ttyS1"
    fwr::transport::Endpoint* endpoint = nullptr;
    std::unique_ptr<fwr::transport::Endpoint> owned;  ///< until the loop has it
  };
  void report_when_set_again(fwr::transport::TtyEndpoint& line, const std::string& name);
  void add_bluetooth(std::unique_ptr<fwr::transport::Endpoint> endpoint);
  [[nodiscard]] const Open* find(fwr::LinkId link) const;

  const fwr::settings::MediaConfig& config_;
  fwr::RandomSource& random_;
  Observer& observer_;
  LinkReporter reporter_;
  std::vector<Open> open_;
};

}  // namespace fwrecover
