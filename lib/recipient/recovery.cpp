// SPDX-License-Identifier: GPL-3.0-or-later
// A recovery as a whole: states, events, the slot and the end. PROTOCOL §6.4.
#include "recipient/recovery.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/soonest.hpp"

namespace fwr::recipient {

Recovery::Recovery(RecoveryConfig config, flash::Slots& slots, RandomSource& random)
    : config_(std::move(config)),
      slots_(slots),
      random_(random),
      better_(config_, nonce_, random_) {}

void Recovery::enter(Event event) {
  const auto to = next(phase_, event);
  if (!to) std::abort();  // a defect of this machine: the table has no such row
  phase_ = *to;
  if (phase_ != Phase::Discovering) discovery_.reset();
  emit(Entered{reported(phase_, TalkState::Connecting), event});
}

State Recovery::state() const {
  return reported(phase_, talk() != nullptr ? talk()->state() : TalkState::Leaving);
}

void Recovery::start(TimePoint now, std::int64_t wall_clock) {
  now_ = began_ = now;
  ends_ = now + config_.policy.deadline;
  wall_clock_ = wall_clock;
  random_.fill(nonce_);
  enter(Event::Start);
  discovery_.emplace(config_, nonce_, now);
}

void Recovery::abort(TimePoint now) {
  if (ended_) return;
  now_ = now;
  // The new image is active: only the donor does not know it yet.
  if (phase_ == Phase::Reporting) {
    leave_donor(Event::DonorLost, std::nullopt, now);
    return on(ReportEnded{Event::DonorLost}, now);
  }
  const Error error{Errc::Interrupted, {}};
  if (survey_) survey_->give_up(error, now);
  if (DonorTalk* donor = talk()) donor->stop(now);
  finish(error, now);
}

void Recovery::set_link_properties(const KnownLink& known) {
  const auto place =
      std::find_if(config_.links.begin(), config_.links.end(), [&](const KnownLink& other) {
        return other.family == known.family && other.scope == known.scope;
      });
  if (place == config_.links.end())
    config_.links.push_back(known);
  else
    place->properties = known.properties;
  if (DonorTalk* donor = talk()) donor->set_link_properties(known);
}

void Recovery::handle_datagram(const Path& path, ByteView datagram, TimePoint now) {
  now_ = now;
  for (const auto& leaving : talks_)
    if (leaving->leaving() && leaving->path().peer == path.peer)
      leaving->handle_datagram(datagram, now);
  if (survey_) {
    survey_->handle_datagram(path, datagram, now);
    return work_on_survey(now);
  }
  if (ended_) return;
  if (discovery_) {
    discovery_->handle_datagram(path, datagram, now);
    if (discovery_->closed(now)) close_offers(now);
    return;
  }
  better_.handle_datagram(path, datagram, now);
  if (DonorTalk* donor = talk(); donor != nullptr && donor->path().peer == path.peer) {
    donor->handle_datagram(datagram, now);
    hear(now);
  }
}

void Recovery::handle_timeout(TimePoint now) {
  now_ = now;
  for (const auto& leaving : talks_)
    if (leaving->leaving()) leaving->handle_timeout(now);
  forget_talks();
  check_deadline(now);
  if (survey_) {
    survey_->handle_timeout(now);
    return work_on_survey(now);
  }
  if (ended_) return;
  if (discovery_) {
    discovery_->handle_timeout(now);
    if (discovery_->closed(now)) close_offers(now);
    return;
  }
  work_on_return(now);
  if (DonorTalk* donor = talk()) {
    donor->handle_timeout(now);
    hear(now);
  }
  if (DonorTalk* donor = talk()) {
    donor->check_turn(now);
    heed(*donor, now);
  }
  const bool verifying = phase_ == Phase::Verifying;
  if (DonorTalk* donor = talk()) {
    donor->check_progress(now);
    heed(*donor, now);
  }
  if (verifying && !ended_) verify_step(now);
}

std::optional<Datagram> Recovery::poll_transmit(TimePoint now) {
  now_ = now;
  for (const auto& leaving : talks_)
    if (leaving->leaving())
      if (auto datagram = leaving->poll_transmit(now)) return datagram;
  forget_talks();
  if (survey_) return survey_->poll_transmit(now);
  if (ended_) return std::nullopt;
  if (discovery_) return discovery_->poll_transmit(now);
  if (auto datagram = better_.poll_transmit(now)) return datagram;
  DonorTalk* donor = talk();
  return donor != nullptr ? donor->poll_transmit(now) : std::nullopt;
}

std::optional<RecoveryEvent> Recovery::poll_event() {
  if (events_.empty()) return std::nullopt;
  RecoveryEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

std::optional<TimePoint> Recovery::deadline() const {
  Soonest soonest;
  for (const auto& one : talks_) soonest.add(one->deadline());
  if (survey_) soonest.add(survey_->deadline());
  if (ended_) return soonest.time();
  if (next(phase_, Event::Deadline)) soonest.add(ends_);
  if (discovery_ && !survey_) soonest.add(discovery_->deadline());
  if (has_work()) soonest.add(now_);
  soonest.add(better_.deadline(sending()));
  return soonest.time();
}

Recovery::Held Recovery::held() const {
  Held held{.events = events_.size(), .farewells = talks_.size()};
  if (const DonorTalk* donor = talk()) {
    --held.farewells;
    held.in_flight_bytes = donor->in_flight_bytes();
  }
  if (survey_) held.farewells += survey_->farewells();
  if (installation_)
    held.block_buffers = installation_->tree().window().buffers_in_use() +
                         installation_->image().window().buffers_in_use();
  return held;
}

bool Recovery::finished() const {
  return ended_ && events_.empty() && talks_.empty() && (!survey_ || survey_->farewells() == 0);
}

// --- the talks -----------------------------------------------------------------------------------

const DonorTalk* Recovery::talk() const {
  return talks_.empty() || talks_.back()->leaving() ? nullptr : talks_.back().get();
}

DonorTalk* Recovery::talk() {
  return talks_.empty() || talks_.back()->leaving() ? nullptr : talks_.back().get();
}

void Recovery::leave_donor(Event event, const std::optional<Error>& why, TimePoint now) {
  DonorTalk* donor = talk();
  if (donor == nullptr) return;
  donor->leave(event, why, now);
  heed(*donor, now);
}

void Recovery::forget_talks() {
  std::erase_if(talks_, [](const auto& one) { return one->over(); });
}

/// Takes what the donor in use said. Each event may end the talk, or the recovery.
void Recovery::hear(TimePoint now) {
  while (!ended_) {
    DonorTalk* donor = talk();
    if (donor == nullptr || !donor->hear(now)) return;
    heed(*donor, now);
  }
}

void Recovery::heed(DonorTalk& donor, TimePoint now) {
  while (!ended_) {
    auto event = donor.poll_event();
    if (!event) return;
    std::visit([&](auto& happened) { on(std::move(happened), now); }, *event);
  }
}

void Recovery::on(TalkEntered event, TimePoint) {
  emit(event);
  // What a donor says before its lease is a state of the recovery to those that watch it.
  if (event.state == TalkState::Vetting || event.state == TalkState::Accepting)
    emit(Entered{reported(phase_, event.state), event.event});
}

void Recovery::on(Offered event, TimePoint) {
  emit(std::move(event));
}

void Recovery::on(Chosen event, TimePoint) {
  emit(std::move(event));
}

void Recovery::on(GivenUp event, TimePoint now) {
  emit(std::move(event.dropped));
  enter(event.event);
  select(now);
}

void Recovery::on(Outdone, TimePoint now) {
  enter(Event::BetterDonor);
  select(now);
}

// --- the offers ----------------------------------------------------------------------------------

void Recovery::close_offers(TimePoint now) {
  if (selection_) {
    emit_all(selection_->add(discovery_->offers()));
  } else {
    selection_.emplace(config_, discovery_->offers(), discovery_->declines(),
                       discovery_->lasted(now));
    if (!config_.offers_only) emit_all(selection_->verdicts());
  }
  if (config_.offers_only && !selection_->empty()) {
    survey_.emplace(config_, *selection_, nonce_, random_, now);
    return work_on_survey(now);
  }
  if (discovery_->closed_early(now)) better_.listen_on(*discovery_);
  enter(Event::OffersClosed);
  select(now);
}

void Recovery::work_on_survey(TimePoint now) {
  if (ended_) return;
  for (Dropped& dropped : survey_->take_dropped()) emit(std::move(dropped));
  if (!survey_->over()) return;
  std::vector<Offered> verdicts = selection_->verdicts();
  const bool one_will_do =
      std::any_of(verdicts.begin(), verdicts.end(),
                  [](const Offered& offered) { return offered.verdict.accepted; });
  emit_all(std::move(verdicts));
  // Unverified, it is for the listener to say what none means.
  if (config_.verify && !one_will_do) return finish(selection_->summary(), now);
  finish(std::nullopt, now);
}

void Recovery::select(TimePoint now) {
  auto next = selection_->next(now);
  if (const Discovery* late = better_.discovery(); !next && late != nullptr) {
    emit_all(selection_->add(late->offers()));
    next = selection_->next(now);
    if (!next && !late->closed(now)) {
      discovery_ = better_.take_discovery();
      return enter(Event::OffersAwaited);
    }
  }
  if (!next) return fail_recovery(Event::NoneLeft, selection_->summary(), now);
  const DonorTalk& donor = *talks_.emplace_back(std::make_unique<DonorTalk>(
      TalkContext{config_, *selection_, random_, nonce_, ends_}, *next, now));
  enter(Event::DonorChosen);
  emit(Chosen{donor.candidate(), !selection_->verdict(next->index).accepted});
}

void Recovery::work_on_return(TimePoint now) {
  const auto used = sending() ? std::optional(talk()->candidate().medium) : std::nullopt;
  if (better_.handle_timeout(used, now)) on_more_offers(now);
}

void Recovery::on_more_offers(TimePoint now) {
  const auto discovery = better_.take_discovery();
  emit_all(selection_->add(discovery->offers()));
  if (!sending()) return;
  if (config_.policy.return_to_better && selection_->prefer_to(talk()->offer(), now)) {
    better_.note_return();
    leave_donor(Event::BetterDonor, Error{Errc::Interrupted, {}}, now);
    enter(Event::BetterDonor);
    return select(now);
  }
  better_.expect(talk()->candidate().medium, now);
}

// --- the slot ------------------------------------------------------------------------------------

void Recovery::on(Granted event, TimePoint now) {
  enter(Event::LeaseGranted);
  if (auto ready = prepare(std::move(event.vetted)); !ready)
    return fail_recovery(Event::SlotFailed, ready.error(), now);
  talk()->serve(*installation_, now);
  enter(Event::SlotReady);
  better_.expect(talk()->candidate().medium, now);
  on(Stored{}, now);
}

Result<> Recovery::prepare(Vetted vetted) {
  if (installation_ && installation_->manifest().digest == vetted.manifest.digest)
    return installation_->go_on_with(std::move(vetted));
  installation_.reset();
  auto begun = Installation::begin(slots_, std::move(vetted));
  if (!begun) return tl::unexpected(begun.error());
  installation_ = std::move(*begun);
  return {};
}

void Recovery::on(Stored, TimePoint now) {
  emit_progress(now, false);
  if (phase_ == Phase::FetchingTree) {
    if (!installation_->tree().complete()) return;
    talk()->fetch_image(now);
    return enter(Event::TreeComplete);
  }
  if (!installation_->image().complete()) return;
  emit_progress(now, true);
  (void)better_.take_discovery();
  talk()->hold();
  enter(Event::ImageComplete);
}

void Recovery::on(StoreFailed event, TimePoint now) {
  fail_recovery(Event::SlotFailed, std::move(event.error), now);
}

void Recovery::verify_step(TimePoint now) {
  const auto verified = installation_->verify_step();
  if (!verified) return fail_recovery(Event::SlotFailed, verified.error(), now);
  if (!*verified) return;
  enter(Event::SlotVerified);
  activate(now);
}

void Recovery::activate(TimePoint now) {
  const auto lasted = std::chrono::duration_cast<std::chrono::seconds>(now - began_);
  // Begun in 1970, the trial would be over as soon as the clock is set.
  const std::uint32_t limit_s = wall_clock_ > 0 ? config_.trial_limit_s : 0;
  const auto active = installation_->activate(wall_clock_ + lasted.count(), limit_s);
  if (!active) return fail_recovery(Event::SlotFailed, active.error(), now);
  activated_ = true;
  enter(Event::Activated);
  const image::Manifest& manifest = installation_->manifest();
  DonorTalk& donor = *talk();
  donor.report(manifest.component + " " + manifest.version + " is in slot " +
                   std::string(flash::to_text(installation_->target())),
               now);
  heed(donor, now);
}

void Recovery::on(ReportEnded event, TimePoint now) {
  enter(event.event);
  finish(std::nullopt, now);
}

// --- the end -------------------------------------------------------------------------------------

void Recovery::check_deadline(TimePoint now) {
  if (ended_ || now < ends_ || !next(phase_, Event::Deadline)) return;
  std::string detail =
      "after " + std::to_string(config_.policy.deadline.count()) + " s, " + doing();
  // What the survey has seen until now is worth more than that there was no time for the rest.
  if (survey_) return survey_->give_up(Error{Errc::DeadlinePassed, detail}, now);
  const std::string story = selection_ ? selection_->story() : std::string();
  if (!story.empty()) detail += "; " + story;
  fail_recovery(Event::Deadline, Error{Errc::DeadlinePassed, detail}, now);
}

std::string Recovery::doing() const {
  const auto donor = [&] { return to_text(talk()->path().peer); };
  switch (state()) {
    case State::Discovering: return "while offers were collected";
    case State::Connecting: return "while connecting to " + donor();
    case State::Vetting: return "while the manifest came from " + donor();
    case State::Accepting: return "while asking " + donor() + " for a lease";
    case State::FetchingTree: return "while the hash tree came from " + donor();
    case State::FetchingImage: {
      const Progress progress = installation_->progress();
      return "while the image came from " + donor() + ", " + std::to_string(progress.done_bytes) +
             " of " + std::to_string(progress.total_bytes) +
             " bytes are in the slot and stay there for the next attempt";
    }
    case State::Idle:
    case State::Selecting:
    case State::Preparing:
    case State::Verifying:
    case State::Activating:
    case State::Reporting:
    case State::Done:
    case State::Failed: break;
  }
  return {};
}

void Recovery::fail_recovery(Event event, Error error, TimePoint now) {
  leave_donor(event, error, now);
  enter(event);
  finish(std::move(error), now);
}

void Recovery::finish(std::optional<Error> error, TimePoint now) {
  emit_progress(now, true);
  Finished end{
      .error = std::move(error), .cause = std::nullopt, .manifest = std::nullopt, .progress = {}};
  if (end.error && selection_) end.cause = selection_->cause();
  if (installation_) end.progress = installation_->progress();
  if (installation_ && activated_) end.manifest = installation_->manifest();
  emit(std::move(end));
  ended_ = true;
}

// --- what it reports -----------------------------------------------------------------------------

void Recovery::emit(RecoveryEvent event) {
  if (events_.size() >= kEventQueue) events_.pop_front();
  events_.push_back(std::move(event));
}

void Recovery::emit_all(std::vector<Offered> offers) {
  for (Offered& offered : offers) emit(std::move(offered));
}

void Recovery::emit_progress(TimePoint now, bool always) {
  if (!installation_ || (!always && now - last_progress_ < kProgressInterval)) return;
  last_progress_ = now;
  if (!events_.empty() && std::holds_alternative<Progress>(events_.back())) events_.pop_back();
  emit(installation_->progress());
}

}  // namespace fwr::recipient
