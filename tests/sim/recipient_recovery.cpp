// SPDX-License-Identifier: GPL-3.0-or-later
// One recovery of a recipient in the simulator: how it starts, how it is driven, and what is
// checked of it.
#include <algorithm>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>

#include "donor_host.hpp"
#include "lease_watch.hpp"
#include "recipient/recovery.hpp"
#include "recipient/situation.hpp"
#include "recipient_host.hpp"

namespace fwr::sim {
namespace {

using recipient::State;

constexpr std::uint16_t kFirstPort = 40000;
/// After the deadline: a report (2 s) and farewells (2 s, and up to 5 s behind what is in flight).
constexpr std::chrono::seconds kAfterDeadline{11};
/// Each lasts 2 s to 7 s, and a donor that was busy is tried again after a second at the earliest.
constexpr std::size_t kFarewells = 3 * 8;
// What a recovery may send: a few commands for each donor, repeats, and grants.
constexpr std::uint64_t kDatagramsOfRecovery = 200;
constexpr std::uint64_t kDatagramsOfDonor = 150;
constexpr std::uint64_t kDatagramsPerSecond = 60;
constexpr std::uint64_t kDatagramsPerBlock = 8;
constexpr std::uint64_t kGranulesPerBlock = 64;
/// 35 % of 90 s: plan_bus.cpp.
constexpr std::chrono::seconds kLongestCutPhase{32};

/// What an event says, for the fingerprint of a run.
std::string text_of(const policy::Candidate& candidate) {
  return fmt::format("{} by {}: {} {} {} security {} {} bytes", fwr::to_text(candidate.donor),
                     to_text(candidate.path.peer), candidate.component, candidate.version,
                     fwr::to_text(candidate.digest), candidate.security_version,
                     candidate.size_bytes);
}
std::string text_of(const recipient::Offered& offered) {
  return fmt::format("offered {} {} {} {}", text_of(offered.candidate), offered.verdict.accepted,
                     offered.verdict.reason, offered.rank);
}
std::string text_of(const recipient::Chosen& chosen) {
  return fmt::format("chosen {} {}", text_of(chosen.candidate), chosen.further);
}
std::string text_of(const recipient::Dropped& dropped) {
  return fmt::format("dropped {}: {} {}", text_of(dropped.candidate), dropped.error.message(),
                     dropped.waits ? dropped.waits->count() : -1);
}
std::string text_of(const recipient::Progress& progress) {
  return fmt::format("progress {} {} {} {}", progress.done_bytes, progress.total_bytes,
                     progress.fetched_bytes, progress.reused_bytes);
}
std::string text_of(const recipient::Finished& finished) {
  return fmt::format("finished {} {} {} {}",
                     finished.error ? finished.error->message() : "recovered",
                     finished.cause ? static_cast<int>(*finished.cause) : -1,
                     finished.manifest ? fwr::to_text(finished.manifest->digest) : "-",
                     text_of(finished.progress));
}

template <class S>
std::optional<std::size_t> row_of(std::span<const recipient::Row<S>> table, S from,
                                  recipient::Event event, S to) {
  const auto row = std::find_if(table.begin(), table.end(), [&](const recipient::Row<S>& one) {
    return one.from == from && one.event == event && one.to == to;
  });
  if (row == table.end()) return std::nullopt;
  return static_cast<std::size_t>(row - table.begin());
}

}  // namespace

policy::Situation RecipientHost::situation(flash::Slots& slots, const flash::BootRecord& record) {
  policy::Situation situation = recipient::situation_of(record);
  situation.platform.manufacturer_id = kManufacturer;
  situation.wall_clock = wall_clock();
  situation.slot_capacity_bytes = slots.capacity(flash::other(record.active)).value_or(0);
  return situation;
}

/// Whether a bus of this system is in the cut phase of its flapping.
bool RecipientHost::is_cut_off_for_a_while() const {
  return std::any_of(mine_.media.begin(), mine_.media.end(), [&](std::size_t medium) {
    const Bus* bus = network_.bus(medium);
    return bus != nullptr && bus->is_flapped_away(chronicle_.now());
  });
}

/// As `fwrecover request` does it.
void RecipientHost::start_recovery() {
  ++attempts_;
  if (healed()) ++attempts_after_;
  begins_cut_off_ = healed() && is_cut_off_for_a_while();
  witness_.look();
  if (!open_slots()) {
    if (disk_.is_off()) return fall_if_off();
    return rest();
  }
  const auto record = slots_->load_record();
  if (!record) {
    slots_.reset();
    if (disk_.is_off()) return fall_if_off();
    return rest();
  }
  recipient::RecoveryConfig config = recovery_config(*record);
  const auto room = slots_->prepare(
      flash::other(record->active),
      std::min<std::uint64_t>(config.situation.slot_capacity_bytes, image::kImageLimit_bytes));
  if (!room) {
    chronicle_.note("recipient {} has no room: {}", number_, room.error().message());
    slots_.reset();
    if (disk_.is_off()) return fall_if_off();
    return rest();
  }
  port_ = static_cast<std::uint16_t>(kFirstPort + attempts_ % 3);
  open_media(config);
  must_succeed_ =
      must_succeed_ || (healed() && steady_(config.policy, config.situation, std::nullopt));
  policy_ = config.policy;
  situation_ = config.situation;
  began_ = chronicle_.now();
  sent_before_ = network_.sent(number_);
  donors_chosen_ = 0;
  offers_ = 0;
  image_bytes_ = 0;
  ended_ = false;
  state_ = State::Idle;
  phase_ = Phase::Recovering;
  chronicle_.note("recipient {} starts recovery {}", number_, attempts_);
  recovery_ = std::make_unique<recipient::Recovery>(std::move(config), *slots_, random_);
  recovery_->start(began_, wall_clock().value_or(0));
  drive();
}

recipient::RecoveryConfig RecipientHost::recovery_config(const flash::BootRecord& record) {
  recipient::RecoveryConfig config;
  config.iana = kIana;
  config.policy = mine_.policy;
  if (healed()) {
    config.policy.deadline = policy::Policy{}.deadline;
    config.policy.offer_window = policy::Policy{}.offer_window;
    config.policy.donors_tried = policy::Policy{}.donors_tried;
  }
  config.situation = situation(*slots_, record);
  config.credentials.user = std::string(kUser);
  config.credentials.password = Secret(as_bytes(kPassword));
  config.trusted_keys = {signer(kTrustedKey).public_key()};
  config.trial_limit_s = mine_.trial_limit_s;
  config.receive_buffer_bytes = mine_.receive_buffer_bytes;
  return config;
}

/// Opens this recipient's end of each medium, and names the donors or a broadcast on it.
void RecipientHost::open_media(recipient::RecoveryConfig& config) {
  for (const std::size_t medium : mine_.media) {
    const Path path = way_to_all(plan_, medium, number_, port_);
    network_.open(medium, number_, chronicle_.now());
    if (const Bus* bus = network_.bus(medium))
      config.links.push_back(
          {AddressFamily::Icmb, line_of(medium), bus->port(number_)->properties()});
    if (!mine_.unicast) {
      config.targets.push_back({.path = path, .broadcast = true});
      continue;
    }
    for (std::size_t i = 0; i < plan_.donors.size(); ++i) {
      Path to = path;
      to.peer = plan_.media[medium].bus
                    ? wire::icmb::to_address(wish_of(kFirstDonor + i), line_of(medium))
                    : address_of(medium, kFirstDonor + i, kRmcpPort);
      config.targets.push_back({.path = to, .broadcast = false});
    }
  }
}

/// Noise makes another message size the best one.
void RecipientHost::follow(const Path& path) {
  constexpr std::chrono::seconds kFollow{1};
  if (path.peer.family != AddressFamily::Icmb || chronicle_.now() < follows_) return;
  follows_ = chronicle_.now() + kFollow;
  const link::IcmbPort* port = network_.bus(medium_of(path.peer))->port(number_);
  if (port == nullptr) return;
  recovery_->set_link_properties({path.peer.family, path.peer.scope, port->properties(path.peer)});
}

void RecipientHost::drive() {
  if (disk_.is_off()) return fall_if_off();
  if (recovery_ == nullptr) return;
  const TimePoint now = chronicle_.now();
  while (auto datagram = recovery_->poll_transmit(now)) {
    if (disk_.is_off()) return fall_if_off();
    network_.send(number_, *std::move(datagram), now);
  }
  check_held();
  take_events();
  check_bounds();
  if (disk_.is_off()) return fall_if_off();
  if (!recovery_->finished()) return;
  if (!ended_) violate("bounded-time", "the machine has finished without saying how it ended");
  end_process();
  phase_ = Phase::Up;
  if (succeeded_ && dice_.chance(0.7)) {
    // Into the new firmware; what was not flushed is flushed on the way down.
    disk_.close_all();
    phase_ = Phase::Off;
    wakes_ = now + dice_.time(std::chrono::milliseconds(100), std::chrono::seconds(20));
    return;
  }
  rest();
}

void RecipientHost::take_events() {
  while (auto event = recovery_->poll_event()) {
    if (disk_.is_off()) return;
    std::visit(
        [this](const auto& happened) {
          using Kind = std::decay_t<decltype(happened)>;
          if constexpr (!std::is_same_v<Kind, recipient::Entered> &&
                        !std::is_same_v<Kind, recipient::TalkEntered>)
            chronicle_.mix(Strand::Events, fmt::format("{} {}", number_, text_of(happened)));
        },
        *event);
    if (const auto* entered_state = std::get_if<recipient::Entered>(&*event)) {
      entered(*entered_state);
    } else if (const auto* talk = std::get_if<recipient::TalkEntered>(&*event)) {
      entered(*talk);
    } else if (std::holds_alternative<recipient::Offered>(*event)) {
      if (++offers_ > recipient::kOffersKept + 2 * recipient::kImagesConsidered)
        violate("limits", fmt::format("{} offers are kept", offers_));
    } else if (const auto* chosen = std::get_if<recipient::Chosen>(&*event)) {
      ++donors_chosen_;
      image_bytes_ += std::min<std::uint64_t>(chosen->candidate.size_bytes, 1U << 22);
      chronicle_.note("recipient {} chooses {}", number_, to_text(chosen->candidate.path.peer));
    } else if (const auto* dropped = std::get_if<recipient::Dropped>(&*event)) {
      chronicle_.note("recipient {} drops {}: {}", number_, to_text(dropped->candidate.path.peer),
                      dropped->error.message());
    } else if (const auto* end = std::get_if<recipient::Finished>(&*event)) {
      finished(*end);
    }
  }
}

void RecipientHost::entered(const recipient::Entered& entered) {
  using recipient::phase_of;
  chronicle_.mix(Strand::States, fmt::format("{} {} {}", number_, recipient::to_text(entered.event),
                                             recipient::to_text(entered.state)));
  chronicle_.note("recipient {} {} --{}--> {}", number_, recipient::to_text(state_),
                  recipient::to_text(entered.event), recipient::to_text(entered.state));
  const auto from = std::exchange(state_, entered.state);
  // Within one phase the talk with the donor went on, which has a table of its own.
  if (phase_of(from) == phase_of(state_)) return;
  const auto row =
      row_of(recipient::recovery_table(), phase_of(from), entered.event, phase_of(state_));
  if (!row)
    violate("transition",
            fmt::format("{} --{}--> {} is not in the table", recipient::to_text(from),
                        recipient::to_text(entered.event), recipient::to_text(state_)));
  else
    ++rows_.at(*row);
}

void RecipientHost::entered(const recipient::TalkEntered& entered) {
  const auto row = row_of(recipient::talk_table(), entered.from, entered.event, entered.state);
  if (!row)
    violate("transition",
            fmt::format("talk {} --{}--> {} is not in the table", recipient::to_text(entered.from),
                        recipient::to_text(entered.event), recipient::to_text(entered.state)));
  else
    ++rows_.at(recipient::recovery_table().size() + *row);
}

void RecipientHost::finished(const recipient::Finished& finished) {
  ended_ = true;
  const std::size_t outcome =
      finished.error ? static_cast<std::size_t>(finished.error->code) : kOutcomes - 1;
  ++outcomes_.at(outcome);
  chronicle_.note("recipient {} ends: {}", number_,
                  finished.error ? finished.error->message() : std::string("recovered"));
  if (finished.error && finished.error->code == Errc::Internal)
    violate("internal-error", finished.error->message());
  succeeded_ = !finished.error;
  // It proves nothing about liveness: several such recoveries fit into one cut phase.
  if (!succeeded_ && begins_cut_off_ && chronicle_.now() - began_ < kLongestCutPhase)
    --attempts_after_;
  // What dies costs time, never the recovery, while another way is left.
  if (!succeeded_ && steady_(policy_, situation_, began_))
    violate("fall-over", "it failed, and an honest donor was in reach all the time: " +
                             finished.error->message());
  if (succeeded_ && !disk_.is_off()) witness_.recovered(finished.manifest);
}

void RecipientHost::check_held() const {
  const auto held = recovery_->held();
  const auto check = [&](std::string_view what, std::size_t count, std::size_t limit) {
    if (count > limit) violate("limits", fmt::format("{} {}, the limit is {}", count, what, limit));
  };
  check("events", held.events, recipient::kEventQueue);
  check("farewells", held.farewells, kFarewells);
  check("blocks in part", held.block_buffers, recipient::kBlocksInWindow);
  check("bytes in flight", held.in_flight_bytes,
        std::max(mine_.receive_buffer_bytes / 2, recipient::kLeastCredit_bytes));
}

void RecipientHost::check_bounds() const {
  const auto took = chronicle_.now() - began_;
  // PROTOCOL §8.6: a last word over a slow line takes two talks of others longer.
  Duration longer{};
  for (const std::size_t medium : mine_.media)
    if (const auto& bus = plan_.media[medium].bus)
      longer = std::max<Duration>(longer, std::chrono::seconds(4 * 6144 * 10 / bus->baud + 1));
  if (took > policy_.deadline + kAfterDeadline + longer)
    violate("bounded-time",
            fmt::format("the recovery lasts {:.1f} s, its deadline is {} s",
                        std::chrono::duration<double>(took).count(), policy_.deadline.count()));
  const auto seconds =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(took).count());
  const std::uint64_t blocks = image_bytes_ / 4096 + 2;
  // A donor with a small limit needs more grants.
  std::uint64_t fewest = kGranulesPerBlock;
  for (const DonorPlan& donor : plan_.donors)
    fewest = std::min<std::uint64_t>({fewest, donor.config.segment_limit_granules,
                                      std::max<std::uint64_t>(donor.config.credit_bytes / 192, 1)});
  for (const Fault& fault : plan_.faults)
    if (fault.enabled && fault.kind == FaultKind::LieWrongSizes) fewest = 1;
  const std::uint64_t limit = kDatagramsOfRecovery + kDatagramsOfDonor * donors_chosen_ +
                              kDatagramsPerSecond * seconds +
                              (kDatagramsPerBlock + 2 * kGranulesPerBlock / fewest) * blocks;
  const std::uint64_t sent = network_.sent(number_) - sent_before_;
  if (sent > limit)
    violate("bounded-messages", fmt::format("{} datagrams in {} s, with {} donors and {} blocks",
                                            sent, seconds, donors_chosen_, blocks));
}

}  // namespace fwr::sim
