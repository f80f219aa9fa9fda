// SPDX-License-Identifier: GPL-3.0-or-later
// The links of a program besides its network: opened as configured, and told about.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/link_properties.hpp"
#include "bluetooth/bluetooth.hpp"
#include "fwrecover/event.hpp"
#include "settings/media_config.hpp"
#include "transport/basic_mode_line.hpp"
#include "transport/icmb_line.hpp"
#include "transport/loop.hpp"

namespace fwrecover {

/// "link" events for who watches: at most so many at once and in a second, because whoever is on a
/// bus can cause them.
class LinkTeller {
 public:
  static constexpr double kBurst = 50;
  static constexpr double kPerSecond = 10;

  LinkTeller(const fwr::settings::LineNames& names, Observer& observer)
      : names_(names), observer_(observer) {}
  void tell(std::uint32_t line, const fwr::link::IcmbEvent& event, fwr::TimePoint now);
  void tell(const fwr::transport::BluetoothNotice& notice, fwr::TimePoint now);
  /// `what` is "down", "up" or "set-again".
  void tell(const std::string& link, const std::string& what, const std::string& text,
            fwr::TimePoint now);
  /// "icmb:/dev/ttyS1: cut; ..." of buses that are not in order now; empty: all are.
  [[nodiscard]] std::string trouble() const;

 private:
  bool may_tell(fwr::TimePoint now);
  const fwr::settings::LineNames& names_;
  Observer& observer_;
  std::map<std::uint32_t, fwr::link::IcmbEvent::Kind> trouble_;  ///< by line: cut or babble
  double budget_ = kBurst;
  fwr::TimePoint refilled_{};
};

/// Serial lines, each a link of its own: its LinkId is the number of the line. And Bluetooth, one
/// link.
class Lines {
 public:
  /// All of them outlive the lines.
  Lines(const fwr::settings::MediaConfig& media, fwr::RandomSource& random, Observer& observer);

  /// The line becomes a node of a bus. `listened_to`: to whom; nothing: to all; empty: to nobody.
  /// Errors: those of SerialPort::open().
  [[nodiscard]] fwr::Result<> open_bus(
      const std::string& device,
      std::optional<std::vector<fwr::wire::icmb::BusAddress>> listened_to,
      std::vector<fwr::wire::icmb::BusAddress> operators);
  /// What a tty that is not there means: an error, or that it is told of and waited for.
  enum class Absent : bool { Fails, Waits };
  /// The line is a cable with one peer at the other end, whoever that is. `iana`: of the
  /// deployment. Errors: those of SerialPort::open().
  [[nodiscard]] fwr::Result<> open_cable(const std::string& device, std::uint32_t iana,
                                         Absent absent);
  /// A donor's end of RFCOMM; `name` is that of its service. Errors: of open_rfcomm_listener().
  [[nodiscard]] fwr::Result<> open_listener(const std::string& name);
  /// A recipient's. Errors: of open_rfcomm_dialer().
  [[nodiscard]] fwr::Result<> open_dialer();
  [[nodiscard]] bool empty() const { return open_.empty(); }

  /// Hands all of them over; they live as long as the loop.
  void add_to(fwr::transport::Loop& loop);

  struct Known {
    fwr::LinkId link = fwr::kLanLink;
    fwr::AddressFamily family = fwr::AddressFamily::None;
    std::uint32_t number = 0;
    std::string device;
    fwr::LinkProperties properties;
  };
  [[nodiscard]] std::vector<Known> known() const;
  /// As it is towards this peer now.
  [[nodiscard]] std::optional<fwr::LinkProperties> properties(const fwr::Address& peer) const;
  /// kLanLink for who is on none of them.
  [[nodiscard]] fwr::LinkId link_to(const fwr::Address& peer) const;

  [[nodiscard]] std::string text(const fwr::Address& address) const {
    return media_.names.text(address);
  }
  [[nodiscard]] std::string named(const std::string& words) const {
    return media_.names.named(words);
  }
  [[nodiscard]] std::string trouble() const { return teller_.trouble(); }
  void tell_down(fwr::LinkId link, const fwr::Error& error, fwr::TimePoint now);
  void tell_up(fwr::LinkId link, fwr::TimePoint now);

 private:
  static constexpr fwr::LinkId kBluetoothLink{fwr::settings::LineNames::kLineLimit + 1};

  struct Open {
    Known known;
    std::string name;  ///< "icmb:/dev/ttyS1"
    fwr::transport::Endpoint* endpoint = nullptr;
    std::unique_ptr<fwr::transport::Endpoint> owned;  ///< until the loop has it
  };
  void tell_when_set_again(fwr::transport::TtyEndpoint& line, const std::string& name);
  void add_bluetooth(std::unique_ptr<fwr::transport::Endpoint> endpoint);
  [[nodiscard]] const Open* find(fwr::LinkId link) const;

  const fwr::settings::MediaConfig& media_;
  fwr::RandomSource& random_;
  Observer& observer_;
  LinkTeller teller_;
  std::vector<Open> open_;
};

}  // namespace fwrecover
