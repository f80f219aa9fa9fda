// SPDX-License-Identifier: GPL-3.0-or-later
// What the recovery machine does in every state: state changes, events, the end. PROTOCOL §6.4.
#include "recipient/recovery.hpp"

#include <algorithm>
#include <cassert>

namespace fwr::recipient {
namespace {

template <class Data>
concept HasLink = requires(Data& data) {
  data.link;
};
template <class Data>
concept HasTransfer = requires(Data& data) {
  data.transfer;
};

/// As many whole words as fit, with "..." where something was left out: never half a character.
std::string cut_at_word(const std::string& text, std::size_t limit_bytes) {
  constexpr std::string_view kMore = "...";
  if (text.size() <= limit_bytes) return text;
  std::size_t end = text.rfind(' ', limit_bytes - kMore.size());
  if (end == std::string::npos) {
    end = limit_bytes - kMore.size();
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  }
  return text.substr(0, end).append(kMore);
}

}  // namespace

void Recovery::enter(Event event, StateData next) {
  const State to = static_cast<State>(next.index());
  [[maybe_unused]] const auto table = transition_table();
  assert(std::any_of(table.begin(), table.end(), [&](const Row& row) {
    return row.from == state() && row.event == event && row.to == to;
  }));
  data_ = std::move(next);
  emit(Entered{to, event});
}

bool Recovery::has_row(State from, Event event) {
  const auto table = transition_table();
  return std::any_of(table.begin(), table.end(),
                     [&](const Row& row) { return row.from == from && row.event == event; });
}

DonorLink* Recovery::link() {
  return std::visit(
      [](auto& data) -> DonorLink* {
        if constexpr (HasLink<decltype(data)>) return data.link.get();
        return nullptr;
      },
      data_);
}

const DonorLink* Recovery::link() const {
  return const_cast<Recovery*>(this)->link();
}

Link Recovery::take_link() {
  return std::visit(
      [](auto& data) -> Link {
        if constexpr (HasLink<decltype(data)>) return std::move(data.link);
        return nullptr;
      },
      data_);
}

Transfer* Recovery::transfer() {
  return std::visit(
      [](auto& data) -> Transfer* {
        if constexpr (HasTransfer<decltype(data)>) return data.transfer.get();
        return nullptr;
      },
      data_);
}

const Transfer* Recovery::transfer() const {
  return const_cast<Recovery*>(this)->transfer();
}

const BlockWindow& Recovery::window() const {
  return state() == State::FetchingTree ? installation_->tree().window()
                                        : installation_->image().window();
}

void Recovery::emit(RecoveryEvent event) {
  if (events_.size() >= kEventQueue) events_.pop_front();
  events_.push_back(std::move(event));
}

void Recovery::emit_progress(TimePoint now, bool always) {
  if (!installation_ || (!always && now - last_progress_ < kProgressInterval)) return;
  last_progress_ = now;
  if (!events_.empty() && std::holds_alternative<Progress>(events_.back())) events_.pop_back();
  emit(installation_->progress());
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

void Recovery::fail_recovery(Event event, Error error, TimePoint now) {
  bid_farewell(take_link(), error, now);
  enter(event, Failed{});
  finish(std::move(error), now);
}

std::string Recovery::doing() const {
  const auto donor = [&] { return to_text(candidate().path.peer); };
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

void Recovery::check_deadline(TimePoint now) {
  if (ended_ || now < ends_ || !has_row(state(), Event::Deadline)) return;
  std::string detail =
      "after " + std::to_string(config_.policy.deadline.count()) + " s, " + doing();
  if (survey_) {
    // What was seen until now is worth more than that there was no time for the rest.
    survey_->give_up(Error{Errc::DeadlinePassed, detail});
    return work_on_survey(now);
  }
  const std::string story = selection_ ? selection_->story() : std::string();
  if (!story.empty()) detail += "; " + story;
  fail_recovery(Event::Deadline, Error{Errc::DeadlinePassed, detail}, now);
}

void Recovery::bid_farewell(Link link, const std::optional<Error>& why, TimePoint now) {
  if (!link) return;
  std::optional<wire::IpmiRequest> last_word;
  if (link->lease() && why && why->code != Errc::Interrupted) {
    const std::string text = cut_at_word(why->message(), wire::oem::kReportTextLimit_bytes);
    const ByteView bytes = as_bytes(text);
    last_word = wire::oem::make_request(
        config_.iana, wire::oem::Command::ReportResult,
        wire::oem::ReportResultRq{.handle = link->lease()->handle,
                                  .result = static_cast<std::uint8_t>(why->exit_code()),
                                  .text = Bytes(bytes.begin(), bytes.end())});
  } else if (link->lease() && why) {
    last_word = wire::oem::make_request(config_.iana, wire::oem::Command::ReleaseOffer,
                                        wire::oem::ReleaseOfferRq{.handle = link->lease()->handle});
  }
  forget_farewells();
  const Transfer* stream = transfer();
  Farewell farewell(std::move(link), std::move(last_word),
                    stream != nullptr ? stream->queue() : Duration::zero(), now);
  if (!farewell.over()) farewells_.push_back(std::move(farewell));
}

void Recovery::forget_farewells() {
  std::erase_if(farewells_, [](const Farewell& farewell) { return farewell.over(); });
}

void Recovery::start(TimePoint now, std::int64_t wall_clock) {
  assert(state() == State::Idle);
  now_ = began_ = now;
  ends_ = now + config_.policy.deadline;
  return_interval_ = config_.policy.return_after;
  wall_clock_ = wall_clock;
  random_.fill(nonce_);
  enter(Event::Start, Discovering{Discovery(config_, nonce_, now)});
}

void Recovery::abort(TimePoint now) {
  if (ended_) return;
  now_ = now;
  // The new image is active: only the donor does not know it yet.
  if (state() == State::Reporting) return reported(Event::DonorLost, now);
  const Error error{Errc::Interrupted, {}};
  if (survey_) {
    survey_->give_up(error);
    for (Link& link : survey_->take_links()) bid_farewell(std::move(link), error, now);
    survey_.reset();
  }
  bid_farewell(take_link(), error, now);
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
  // Once it was aborted the donor has only its last word.
  const DonorLink* donor = link();
  Transfer* stream = transfer();
  if (donor != nullptr && stream != nullptr && known.leads_to(donor->path().peer))
    stream->set_segment(segment_granules_of(known.properties));
}

void Recovery::handle_datagram(const Path& path, ByteView datagram, TimePoint now) {
  now_ = now;
  for (Farewell& farewell : farewells_)
    if (farewell.path().peer == path.peer) farewell.handle_datagram(datagram, now);
  if (ended_) return;
  if (survey_) {
    survey_->handle_datagram(path, datagram, now);
    return work_on_survey(now);
  }
  if (auto* data = std::get_if<Discovering>(&data_)) {
    data->discovery.handle_datagram(path, datagram, now);
    if (data->discovery.closed(now)) close_offers(now);
    return;
  }
  if (asking_) asking_->handle_datagram(path, datagram, now);
  if (DonorLink* donor = link(); donor != nullptr && donor->path().peer == path.peer) {
    donor->client().handle_datagram(datagram, now);
    pump(now);
  }
}

void Recovery::pump(TimePoint now) {
  // Each event may end the link, or the recovery.
  while (!ended_) {
    DonorLink* donor = link();
    if (donor == nullptr) return;
    auto event = donor->client().poll_event();
    if (!event) return;
    if (const auto* up = std::get_if<session::SessionUp>(&*event)) {
      on_session_up(up->peer, now);
    } else if (const auto* done = std::get_if<session::CommandDone>(&*event)) {
      if (donor->answers(*done)) on_answer(done->response, now);
    } else if (const auto* arrived = std::get_if<session::PayloadArrived>(&*event)) {
      donor->note_heard(now);
      if (Transfer* stream = transfer())
        on_fetched(stream->handle_payload(arrived->payload, now), now);
    } else if (auto* down = std::get_if<session::SessionDown>(&*event)) {
      donor->set_dead();
      on_session_down(std::move(down->error), now);
    }
  }
}

void Recovery::handle_timeout(TimePoint now) {
  now_ = now;
  for (Farewell& farewell : farewells_) farewell.handle_timeout(now);
  forget_farewells();
  if (ended_) return;
  check_deadline(now);
  if (ended_) return;
  if (survey_) {
    survey_->handle_timeout(now);
    return work_on_survey(now);
  }
  if (auto* data = std::get_if<Discovering>(&data_)) {
    data->discovery.handle_timeout(now);
    if (data->discovery.closed(now)) close_offers(now);
    return;
  }
  work_on_return(now);
  if (auto* data = std::get_if<Connecting>(&data_); data != nullptr && data->not_before) {
    if (now < *data->not_before) return;
    data->not_before.reset();
    data->link->start(now);
  }
  if (DonorLink* donor = link()) {
    donor->handle_timeout(now);
    pump(now);
  }
  if (ended_) return;
  check_turn(now);
  if (ended_) return;
  if (Transfer* stream = transfer()) {
    on_fetched(stream->handle_timeout(now), now);
    check_pace(now);
  } else if (state() == State::Verifying) {
    verify_step(now);
  } else if (const auto* data = std::get_if<Reporting>(&data_)) {
    if (now >= data->until) reported(Event::DonorLost, now);
  }
}

std::optional<Datagram> Recovery::poll_transmit(TimePoint now) {
  now_ = now;
  for (Farewell& farewell : farewells_)
    if (auto datagram = farewell.poll_transmit(now)) return datagram;
  forget_farewells();
  if (ended_) return std::nullopt;
  if (survey_) return survey_->poll_transmit(now);
  if (auto* data = std::get_if<Discovering>(&data_)) return data->discovery.poll_transmit(now);
  if (asking_)
    if (auto datagram = asking_->poll_transmit(now)) return datagram;
  DonorLink* donor = link();
  if (donor == nullptr) return std::nullopt;
  if (auto datagram = donor->poll_transmit(now)) return datagram;
  Transfer* stream = transfer();
  if (stream == nullptr) return std::nullopt;
  const auto grant = stream->poll_grant(now);
  // A grant that the session does not take is lost like one on the wire: the stream repairs it.
  if (!grant || !donor->client().send_payload(wire::stream::encode(*grant))) return std::nullopt;
  return donor->poll_transmit(now);
}

std::optional<RecoveryEvent> Recovery::poll_event() {
  if (events_.empty()) return std::nullopt;
  RecoveryEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

std::optional<TimePoint> Recovery::deadline() const {
  std::optional<TimePoint> next;
  const auto earlier = [&](std::optional<TimePoint> at) {
    if (at) next = next ? std::min(*next, *at) : *at;
  };
  for (const Farewell& farewell : farewells_) earlier(farewell.deadline());
  if (ended_) return next;
  if (has_row(state(), Event::Deadline)) earlier(ends_);
  if (survey_)
    earlier(survey_->deadline());
  else if (const auto* data = std::get_if<Discovering>(&data_))
    earlier(data->discovery.deadline());
  if (const auto* data = std::get_if<Connecting>(&data_)) earlier(data->not_before);
  if (const auto* data = std::get_if<Reporting>(&data_)) earlier(data->until);
  if (in_turn()) earlier(turn_ends_);
  if (state() == State::Verifying) earlier(now_);
  earlier(return_deadline());
  if (const DonorLink* donor = link()) earlier(donor->deadline());
  if (const Transfer* stream = transfer()) {
    earlier(stream->deadline());
    earlier(patience_.deadline());
  }
  return next;
}

Recovery::Held Recovery::held() const {
  Held held{.events = events_.size(), .farewells = farewells_.size()};
  if (installation_)
    held.block_buffers = installation_->tree().window().buffers_in_use() +
                         installation_->image().window().buffers_in_use();
  if (const Transfer* stream = transfer()) held.in_flight_bytes = stream->in_flight_bytes();
  return held;
}

bool Recovery::finished() const {
  return ended_ && events_.empty() && farewells_.empty();
}

}  // namespace fwr::recipient
