// SPDX-License-Identifier: GPL-3.0-or-later
// Drives the recovery machine under the event loop, and reports its events as those of the facade.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "fwrecover/event.hpp"
#include "fwrecover/media.hpp"
#include "fwrecover/network_story.hpp"
#include "recipient/recovery.hpp"
#include "session/server.hpp"
#include "transport/loop.hpp"

namespace fwrecover {

class RecoveryDriver final : public fwr::transport::Handler {
 public:
  /// `looks`: the machine looks for offers only. The references have to outlive this object.
  RecoveryDriver(fwr::recipient::Recovery& recovery, bool looks,
                 const fwr::session::DeviceIdentity& identity, Media& media, Observer& observer)
      : recovery_(recovery),
        looks_(looks),
        identity_(identity),
        media_(media),
        observer_(observer) {}

  void handle_datagram(fwr::LinkId link, const fwr::Path& path, fwr::ByteView datagram,
                       fwr::TimePoint now) override;
  void handle_timeout(fwr::TimePoint now) override;
  std::optional<fwr::Datagram> poll_transmit(fwr::LinkId link, fwr::TimePoint now) override;
  void handle_link_down(fwr::LinkId link, const fwr::Error& error, fwr::TimePoint now) override {
    media_.report_down(link, error, now);
  }
  void handle_link_up(fwr::LinkId link, fwr::TimePoint now) override {
    media_.report_up(link, now);
  }
  void handle_undelivered(fwr::LinkId, const fwr::transport::Undelivered& undelivered,
                          fwr::TimePoint) override {
    network_.note(undelivered, observer_);
  }
  std::optional<fwr::TimePoint> deadline() const override;
  bool finished() const override { return recovery_.finished(); }
  void handle_signal(int, fwr::TimePoint now) override { recovery_.abort(now); }
  void drain_events(fwr::TimePoint now) override;

  /// How the recovery ended; nullopt: it has not.
  [[nodiscard]] const std::optional<fwr::recipient::Finished>& outcome() const { return outcome_; }
  [[nodiscard]] std::size_t offers() const { return offers_; }
  [[nodiscard]] std::size_t acceptable() const { return acceptable_; }
  /// Why an offer was refused that is no better than what is installed.
  [[nodiscard]] const std::optional<std::string>& installed() const { return installed_; }
  [[nodiscard]] const NetworkStory& network() const { return network_; }
  [[nodiscard]] const std::optional<fwr::policy::Candidate>& donor() const { return donor_; }

 private:
  void answer(fwr::LinkId link, const fwr::Path& path, fwr::ByteView datagram);
  void follow(const fwr::Address& peer, fwr::TimePoint now);
  std::optional<fwr::Datagram> noted(std::optional<fwr::Datagram> datagram);
  void keep(fwr::LinkId link, fwr::Datagram datagram);
  std::optional<fwr::Datagram> take_kept(fwr::LinkId link);

  void report(const fwr::recipient::Entered& entered, fwr::TimePoint now);
  /// Each step of the talk with a donor, of which Entered says what is reported.
  static void report(const fwr::recipient::TalkEntered&, fwr::TimePoint) {}
  void report(const fwr::recipient::Offered& offered, fwr::TimePoint now);
  void report(const fwr::recipient::Chosen& chosen, fwr::TimePoint now);
  void report(const fwr::recipient::Dropped& dropped, fwr::TimePoint now);
  void report(const fwr::recipient::Progress& progress, fwr::TimePoint now);
  void report(const fwr::recipient::Finished& finished, fwr::TimePoint now);
  void report_waiting(fwr::TimePoint now);
  void note_progress(fwr::TimePoint now);

  fwr::recipient::Recovery& recovery_;
  bool looks_;
  fwr::session::DeviceIdentity identity_;
  Media& media_;
  Observer& observer_;
  NetworkStory network_;

  /// Datagrams for a link that the loop did not ask about yet.
  std::map<fwr::LinkId, std::deque<fwr::Datagram>> kept_;
  fwr::TimePoint next_follow_{};

  std::optional<fwr::recipient::Finished> outcome_;
  std::optional<fwr::policy::Candidate> donor_;
  std::optional<fwr::Address> waits_for_;  ///< a busy donor that will be asked again
  std::size_t offers_ = 0;
  std::size_t acceptable_ = 0;
  std::optional<std::string> installed_;

  std::optional<fwr::recipient::State> state_;
  fwr::TimePoint entered_{};       ///< when the state began
  fwr::TimePoint moved_{};         ///< the last progress
  fwr::TimePoint next_waiting_{};  ///< the next "waiting" event
  fwr::TimePoint next_progress_{};
  bool reported_whole_ = false;
  std::optional<fwr::recipient::Progress> reported_;
};

}  // namespace fwrecover
