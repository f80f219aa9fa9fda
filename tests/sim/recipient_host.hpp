// SPDX-License-Identifier: GPL-3.0-or-later
// A recipient's system in the simulator: it boots, judges its firmware, recovers with the real
// machine on the real flash code, and loses its power.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flash_witness.hpp"
#include "network.hpp"
#include "recipient/recovery.hpp"

namespace fwr::sim {

/// As recovery_table(), behind it talk_table().
using RecoveryRows = std::array<std::uint64_t, 96>;
inline constexpr std::size_t kOutcomes = 64;  ///< by Errc; the last one is success

class RecipientHost {
 public:
  /// Whether an honest donor with an image for this recipient can be reached, and, since a moment
  /// that is given, could be all the time.
  using Steady = std::function<bool(const policy::Policy&, const policy::Situation&,
                                    std::optional<TimePoint> since)>;
  RecipientHost(const Plan& plan, std::size_t number, Network& network, Chronicle& chronicle,
                Steady steady);

  void handle(const Delivery& delivery, TimePoint now);
  void work(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> next(TimePoint now) const;
  /// It wants nothing any more.
  [[nodiscard]] bool settled() const { return phase_ == Phase::Settled; }

  [[nodiscard]] std::size_t host() const { return number_; }
  [[nodiscard]] const RecoveryRows& rows() const { return rows_; }
  [[nodiscard]] const std::array<std::uint64_t, kOutcomes>& outcomes() const { return outcomes_; }
  [[nodiscard]] std::uint64_t power_cuts() const { return cuts_; }
  /// Where its recovery listens, when one is running.
  [[nodiscard]] std::optional<Address> listens_on(std::size_t medium) const;
  [[nodiscard]] bool is_recovering() const { return recovery_ != nullptr; }

 private:
  enum class Phase : std::uint8_t { Off, Up, Recovering, Settled };
  void install_factory();
  [[nodiscard]] int before_disk_call(const DiskCall& call);
  void after_disk_call(const DiskCall& call);
  [[nodiscard]] bool strikes(FaultKind kind);
  void count_operation(bool before);
  void count_input();
  void planned_events(TimePoint now);
  void cut_power();
  void fall_if_off();
  void kill_process();
  void end_process();
  void boot();
  bool open_slots();
  void look_after_trial(flash::Slots& slots);
  void start_recovery();
  [[nodiscard]] recipient::RecoveryConfig recovery_config(const flash::BootRecord& record);
  void open_media(recipient::RecoveryConfig& config);
  [[nodiscard]] bool is_cut_off_for_a_while() const;
  void drive();
  void follow(const Path& path);
  void take_events();
  void entered(const recipient::Entered& entered);
  void entered(const recipient::TalkEntered& entered);
  void finished(const recipient::Finished& finished);
  void check_held() const;
  void check_bounds() const;
  void rest();
  void decide();
  [[nodiscard]] std::optional<std::int64_t> wall_clock() const;
  [[nodiscard]] policy::Situation situation(flash::Slots& slots, const flash::BootRecord& record);
  [[nodiscard]] bool healed() const { return chronicle_.now() >= plan_.heals; }
  void violate(const char* checker, const std::string& text) const {
    chronicle_.violate(checker, fmt::format("recipient {}: {}", number_, text));
  }

  const Plan& plan_;
  const RecipientPlan& mine_;
  std::size_t number_;
  Network& network_;
  Chronicle& chronicle_;
  Steady steady_;
  Dice dice_, disk_dice_;
  DiceRandom random_;
  Disk disk_;
  Mounted mounted_;
  FlashPaths paths_;
  FlashWitness witness_;

  Phase phase_ = Phase::Off;
  TimePoint wakes_{};
  std::unique_ptr<flash::Slots> slots_;
  std::unique_ptr<recipient::Recovery> recovery_;
  recipient::State state_ = recipient::State::Idle;
  bool ended_ = false;
  std::uint16_t port_ = 0;
  TimePoint began_{};
  std::uint64_t sent_before_ = 0;
  policy::Policy policy_;
  policy::Situation situation_;
  std::uint64_t image_bytes_ = 0;
  unsigned donors_chosen_ = 0;
  TimePoint follows_{};
  std::size_t offers_ = 0;

  std::uint64_t operations_ = 0, inputs_ = 0;
  std::vector<std::size_t> done_faults_;
  Duration clock_jumps_{};
  unsigned attempts_ = 0;
  unsigned attempts_after_ = 0;
  bool begins_cut_off_ = false;
  bool succeeded_ = false;
  bool must_succeed_ = false;
  Duration off_for_{};
  bool killed_ = false;
  std::uint64_t cuts_ = 0;
  RecoveryRows rows_{};
  std::array<std::uint64_t, kOutcomes> outcomes_{};
};

}  // namespace fwr::sim
