// SPDX-License-Identifier: GPL-3.0-or-later
// Drives the servers and the donor machine under the event loop, reloads, and reports their events.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "donor/donor.hpp"
#include "fwrecover/content_watch.hpp"
#include "fwrecover/directory_watch.hpp"
#include "fwrecover/donor.hpp"
#include "fwrecover/donor_setup.hpp"
#include "fwrecover/media.hpp"
#include "session/link_servers.hpp"
#include "transport/clock.hpp"
#include "transport/loop.hpp"

namespace fwrecover {

class DonorDriver final : public fwr::transport::Handler {
 public:
  /// The references have to outlive this object. `fixed`: the settings that a reload cannot change.
  DonorDriver(const DonorSource& source, FixedSettings fixed,
              const fwr::settings::DonorConfig& config,
              std::unique_ptr<fwr::donor::DirectoryCatalogue> catalogue, Media& media,
              const ServeOptions& options, Observer& observer);

  void handle_datagram(fwr::LinkId link, const fwr::Path& path, fwr::ByteView datagram,
                       fwr::TimePoint now) override {
    servers_.handle_datagram(link, path, datagram, now);
  }
  void handle_timeout(fwr::TimePoint now) override;
  std::optional<fwr::Datagram> poll_transmit(fwr::LinkId link, fwr::TimePoint now) override {
    return servers_.poll_transmit(link, now);
  }
  void handle_link_down(fwr::LinkId link, const fwr::Error& error, fwr::TimePoint now) override {
    servers_.handle_link_down(link);
    media_.report_down(link, error, now);
  }
  void handle_link_up(fwr::LinkId link, fwr::TimePoint now) override {
    media_.report_up(link, now);
  }
  std::optional<fwr::TimePoint> deadline() const override;
  void drain_events(fwr::TimePoint now) override;
  bool finished() const override { return finished_; }
  void handle_signal(int number, fwr::TimePoint now) override;

  /// The signal that ended it; 0: none did.
  [[nodiscard]] int ended_by() const { return ended_by_; }

 private:
  void follow(const std::string& directory, std::vector<fwr::image::PublicKey> keys,
              fwr::TimePoint now);
  void read_catalogue_again(fwr::TimePoint now);
  void reload(fwr::TimePoint now);
  void check_contents(fwr::TimePoint now);
  void withdraw(const WrongContents& wrong, fwr::TimePoint now);
  void finish(fwr::TimePoint now);

  void report(const fwr::donor::DonorEvent& happened);
  void report_logins();
  void report_login(const fwr::session::LoginEvent& happened);
  void report_left_out(const fwr::session::LoginEvent& happened);
  void report_counters();
  void report_problem(const std::string& text);

  const DonorSource& source_;
  FixedSettings fixed_;
  fwr::Guid guid_;
  const ServeOptions& options_;
  Observer& observer_;
  Media& media_;
  fwr::transport::SystemRandom random_;
  std::unique_ptr<fwr::donor::DirectoryCatalogue> catalogue_;
  std::string catalogue_path_;
  std::vector<fwr::image::PublicKey> trusted_keys_;
  DirectoryWatch watch_;
  ContentWatch contents_;
  fwr::donor::Donor donor_;
  fwr::session::LinkServers servers_;
  std::optional<fwr::TimePoint> stop_at_;
  std::optional<fwr::TimePoint> linger_until_;
  bool stopping_ = false;  ///< the time is up: running transfers may end
  bool finished_ = false;
  int ended_by_ = 0;
};

}  // namespace fwrecover
