// SPDX-License-Identifier: GPL-3.0-or-later
// From the lease to the end: preparing, fetching, verifying, activating, reporting. PROTOCOL §6.4.
#include "recipient/recovery.hpp"

namespace fwr::recipient {

namespace {
constexpr std::chrono::seconds kLeastPaceWindow{5};  // PROTOCOL §8.1
}  // namespace

void Recovery::prepare(Vetted vetted, TimePoint now) {
  Result<> ready;
  if (installation_ && installation_->manifest().digest == vetted.manifest.digest) {
    ready = installation_->go_on_with(std::move(vetted));
  } else {
    installation_.reset();
    auto begun = Installation::begin(slots_, std::move(vetted));
    if (begun)
      installation_ = std::move(*begun);
    else
      ready = tl::unexpected(begun.error());
  }
  if (!ready) return fail_recovery(Event::SlotFailed, ready.error(), now);

  Link donor = take_link();
  auto stream = std::make_unique<Transfer>(*donor->lease(), config_.receive_buffer_bytes,
                                           selection_->offer(donor->offer()).candidate.round_trip,
                                           donor->timers().stream);
  stream->begin(installation_->tree(), now);
  fetched_before_ = installation_->progress().fetched_bytes;
  const Duration pace_window = donor->timers().pace_window;
  enter(Event::SlotReady, FetchingTree{std::move(donor), std::move(stream)});
  begin_pace(installation_->tree().window().in_place_bytes(), pace_window, now);
  expect_return(now);
  after_fetch_step(now);
}

void Recovery::on_fetched(const Fetched<>& result, TimePoint now) {
  if (result) return after_fetch_step(now);
  const Failure& failure = result.error();
  switch (failure.kind) {
    case Failure::Kind::Content:
      return drop_image(Event::BadBlock,
                        Error{failure.error.code,
                              failure.error.detail + " from " + to_text(candidate().path.peer)},
                        now);
    case Failure::Kind::Donor: return drop_lost(Event::DonorLost, failure.error, now);
    case Failure::Kind::Slot: return fail_recovery(Event::SlotFailed, failure.error, now);
  }
}

void Recovery::after_fetch_step(TimePoint now) {
  emit_progress(now, false);
  if (!transfer()->complete()) return;
  if (state() == State::FetchingTree) {
    auto tree = std::move(std::get<FetchingTree>(data_));
    tree.transfer->begin(installation_->image(), now);
    const Duration pace_window = tree.link->timers().pace_window;
    enter(Event::TreeComplete, FetchingImage{std::move(tree.link), std::move(tree.transfer)});
    return begin_pace(installation_->image().window().in_place_bytes(), pace_window, now);
  }
  emit_progress(now, true);
  asking_.reset();
  enter(Event::ImageComplete, Verifying{take_link()});
}

/// Where many wait, each is judged sooner: a donor that sends as little as it can takes its turn
/// and no more.
void Recovery::begin_pace(std::uint64_t in_place_bytes, Duration window, TimePoint now) {
  if (link()->properties().sessions)
    window = std::min(window, std::max<Duration>(turn(now), kLeastPaceWindow));
  patience_.begin(in_place_bytes, window, now);
}

void Recovery::check_pace(TimePoint now) {
  if (ended_ || transfer() == nullptr) return;
  const std::uint64_t done = window().in_place_bytes();
  const auto rate = patience_.rate(done, now);
  if (!rate) return;
  std::uint64_t left = window().object_bytes() - done;
  // The image follows at no better pace.
  if (state() == State::FetchingTree)
    left += installation_->image().window().object_bytes() -
            installation_->image().window().in_place_bytes();
  if (too_slow(*rate, left, ends_ - now) && selection_->may_be_faster(link()->offer(), *rate, now))
    drop_slow(*rate, left, now);
}

void Recovery::verify_step(TimePoint now) {
  const auto verified = installation_->verify_step();
  if (!verified) return fail_recovery(Event::SlotFailed, verified.error(), now);
  if (!*verified) return;
  enter(Event::SlotVerified, Activating{take_link()});
  activate(now);
}

void Recovery::activate(TimePoint now) {
  const auto lasted = std::chrono::duration_cast<std::chrono::seconds>(now - began_);
  // Begun in 1970, the trial would be over as soon as somebody sets the clock.
  const std::uint32_t limit_s = wall_clock_ > 0 ? config_.trial_limit_s : 0;
  const auto active = installation_->activate(wall_clock_ + lasted.count(), limit_s);
  if (!active) return fail_recovery(Event::SlotFailed, active.error(), now);
  activated_ = true;
  const DonorLink* donor = link();
  const Duration patience = donor != nullptr ? donor->timers().farewell : Duration::zero();
  enter(Event::Activated, Reporting{take_link(), now + patience});
  report(now);
}

void Recovery::report(TimePoint now) {
  DonorLink* donor = link();
  if (donor == nullptr || !donor->alive()) return reported(Event::DonorLost, now);
  const image::Manifest& manifest = installation_->manifest();
  const std::string text = manifest.component + " " + manifest.version + " is in slot " +
                           std::string(flash::to_text(installation_->target()));
  const ByteView bytes = as_bytes(text);
  const auto asked =
      donor->ask(wire::oem::make_request(
                     config_.iana, wire::oem::Command::ReportResult,
                     wire::oem::ReportResultRq{.handle = donor->lease()->handle,
                                               .result = static_cast<std::uint8_t>(ExitCode::Ok),
                                               .text = Bytes(bytes.begin(), bytes.end())}),
                 now);
  if (!asked) reported(Event::DonorLost, now);
}

void Recovery::reported(Event event, TimePoint now) {
  bid_farewell(take_link(), std::nullopt, now);
  enter(event, Done{});
  finish(std::nullopt, now);
}

}  // namespace fwr::recipient
