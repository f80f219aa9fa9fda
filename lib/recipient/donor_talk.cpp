// SPDX-License-Identifier: GPL-3.0-or-later
// Talking with one donor. PROTOCOL §6.4.
#include "recipient/donor_talk.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/soonest.hpp"
#include "recipient/donor_commands.hpp"
#include "session/client.hpp"
#include "session/plain_client.hpp"

namespace fwr::recipient {
namespace {

using wire::CompletionCode;

constexpr std::chrono::seconds kSessionLimitWait{10};  ///< a donor with no free session
constexpr std::chrono::seconds kLostWait{10};          // PROTOCOL §6.4
/// On links without sessions, where another node may have sent the refusal: PROTOCOL §6.4.
constexpr std::chrono::seconds kRefusedWait{1};
constexpr std::chrono::seconds kLeastPaceWindow{5};  // PROTOCOL §8.1
// PROTOCOL §8.1: the part of the time left that one of several donors may take until the lease.
constexpr std::int64_t kTurnsInTimeLeft = 4;
constexpr unsigned kLeastTurn_timeouts = 3;
constexpr std::chrono::seconds kLongestTurn{30};
constexpr unsigned kMostTurnDoublings = 10;
constexpr unsigned kGreetingDoublings = 1;  // for a donor that was lost, PROTOCOL §8.6

}  // namespace

DonorTalk::DonorTalk(const TalkContext& context, const Selection::Next& chosen, TimePoint now)
    : config_(context.config),
      selection_(context.selection),
      random_(context.random),
      nonce_(context.nonce),
      ends_(context.ends),
      offer_(chosen.index),
      in_doubt_(chosen.in_doubt),
      session_(candidate().path, config_.iana, make_client(),
               properties_of(config_.links, candidate().path.peer)) {
  if (chosen.not_before) {
    data_ = Waiting{*chosen.not_before};
  } else {
    data_ = Connecting{};
    session_.start(now);
  }
  begin_turn(std::max(now, chosen.not_before.value_or(now)));
}

std::unique_ptr<session::Conversation> DonorTalk::make_client() const {
  const LinkProperties link = properties_of(config_.links, candidate().path.peer);
  session::ClientTimers timers = timers_of(link).command;
  if (in_doubt_ && link.sessions) timers.tries = std::min(timers.tries, kTriesInDoubt);
  if (link.sessions)
    return std::make_unique<session::Client>(config_.credentials, config_.iana, timers, random_);
  if (selection_.met(offer_)) timers.greeting_doublings = kGreetingDoublings;
  return std::make_unique<session::PlainClient>(timers, link.largest_message_bytes, random_,
                                                candidate().donor);
}

void DonorTalk::enter(Event event) {
  const TalkState from = state();
  const auto to = next(from, event);
  if (!to) std::abort();  // a defect of this machine: the table has no such row
  if (*to != from) data_ = empty(*to);
  tell(TalkEntered{from, event, *to});
}

DonorTalk::Data DonorTalk::empty(TalkState state) {
  switch (state) {
    case TalkState::Waiting: return Waiting{};
    case TalkState::Connecting: return Connecting{};
    case TalkState::Vetting: return Vetting{};
    case TalkState::Accepting: return Accepting{};
    case TalkState::Holding: return Holding{};
    case TalkState::Serving: return Serving{};
    case TalkState::Reporting: return Reporting{};
    case TalkState::Leaving: break;
  }
  return Leaving{};
}

void DonorTalk::leave(Event event, const std::optional<Error>& why, TimePoint now) {
  close(why, now);
  enter(event);
}

void DonorTalk::stop(TimePoint now) {
  close(Error{Errc::Interrupted, {}}, now);
  data_ = Leaving{};
}

void DonorTalk::close(const std::optional<Error>& why, TimePoint now) {
  const auto* serving = std::get_if<Serving>(&data_);
  const Duration queue = serving != nullptr ? serving->transfer->queue() : Duration::zero();
  session_.leave(last_word(config_, session_.lease(), why), queue, now);
}

std::optional<TalkEvent> DonorTalk::poll_event() {
  if (next_event_ == events_.size()) {
    events_.clear();
    next_event_ = 0;
    return std::nullopt;
  }
  return std::move(events_[next_event_++]);
}

void DonorTalk::set_link_properties(const KnownLink& link) {
  if (auto* serving = std::get_if<Serving>(&data_);
      serving != nullptr && link.leads_to(path().peer))
    serving->transfer->set_segment(segment_granules_of(link.properties));
}

std::size_t DonorTalk::in_flight_bytes() const {
  const auto* serving = std::get_if<Serving>(&data_);
  return serving != nullptr ? serving->transfer->in_flight_bytes() : 0;
}

void DonorTalk::handle_timeout(TimePoint now) {
  if (const auto* waiting = std::get_if<Waiting>(&data_)) {
    if (now < waiting->until) return;
    enter(Event::WaitOver);
    session_.start(now);
  }
  session_.handle_timeout(now);
}

void DonorTalk::check_progress(TimePoint now) {
  if (auto* serving = std::get_if<Serving>(&data_)) {
    on_fetched(serving->transfer->handle_timeout(now), now);
    check_pace(now);  // not when the object is complete: then Stored stays the last event
  } else if (const auto* reporting = std::get_if<Reporting>(&data_)) {
    if (now >= reporting->until) end_report(Event::DonorLost, now);
  }
}

std::optional<Datagram> DonorTalk::poll_transmit(TimePoint now) {
  if (auto datagram = session_.poll_transmit(now)) return datagram;
  auto* serving = std::get_if<Serving>(&data_);
  if (serving == nullptr) return std::nullopt;
  const auto grant = serving->transfer->poll_grant(now);
  // A grant that the session does not take is lost like one on the wire: the stream repairs it.
  if (!grant || !session_.send_payload(wire::stream::encode(*grant))) return std::nullopt;
  return session_.poll_transmit(now);
}

std::optional<TimePoint> DonorTalk::deadline() const {
  Soonest soonest;
  soonest.add(session_.deadline());
  if (in_turn()) soonest.add(turn_ends_);
  if (const auto* waiting = std::get_if<Waiting>(&data_)) soonest.add(waiting->until);
  if (const auto* reporting = std::get_if<Reporting>(&data_)) soonest.add(reporting->until);
  if (const auto* serving = std::get_if<Serving>(&data_)) {
    soonest.add(serving->transfer->deadline());
    soonest.add(serving->patience.deadline());
  }
  return soonest.time();
}

// --- the session ---------------------------------------------------------------------------------

bool DonorTalk::hear(TimePoint now) {
  if (leaving()) return false;
  auto event = session_.poll_event();
  if (!event) return false;
  if (const auto* up = std::get_if<session::SessionUp>(&*event)) {
    on_session_up(up->peer, now);
  } else if (const auto* done = std::get_if<session::CommandDone>(&*event)) {
    if (session_.answers(*done)) on_answer(done->response, now);
  } else if (const auto* arrived = std::get_if<session::PayloadArrived>(&*event)) {
    session_.note_heard(now);
    if (auto* serving = std::get_if<Serving>(&data_))
      on_fetched(serving->transfer->handle_payload(arrived->payload, now), now);
  } else if (auto* down = std::get_if<session::SessionDown>(&*event)) {
    on_session_down(std::move(down->error), now);
  }
  return true;
}

void DonorTalk::on_session_up(const Guid& peer, TimePoint now) {
  if (!is<Connecting>()) return;
  selection_.proved(offer_, peer);
  if (!sessions() && peer != candidate().donor)
    return drop(
        Event::DonorLost,
        Error{Errc::SessionLost, "another system answered: " + fwr::to_text(peer) +
                                     ", the offer was of " + fwr::to_text(candidate().donor)},
        now);
  const bool accepted = selection_.verdict(offer_).accepted;
  enter(Event::SessionUp);
  std::get<Vetting>(data_).peer = peer;
  if (!sessions() && accepted) return fetch_manifest(now);
  // Offers can be forged, also in the name of this donor: in its session it says what it has.
  ask_for_image(!accepted && (!sessions() || selection_.is_sure(offer_)), now);
}

void DonorTalk::on_session_down(Error error, TimePoint now) {
  if (is<Reporting>()) return end_report(Event::DonorLost, now);
  if (is<Holding>()) return;  // the slot needs no donor any more
  if (error.code == Errc::SessionLimit && is<Connecting>())
    return drop_busy(Event::DonorLost, std::move(error), kSessionLimitWait, now);
  drop_lost(Event::DonorLost, std::move(error), now);
}

void DonorTalk::on_answer(const wire::IpmiResponse& response, TimePoint now) {
  if (const auto* vetting = std::get_if<Vetting>(&data_)) {
    if (vetting->fetch)
      on_manifest_piece(response, now);
    else
      on_image_offered(response, now);
  } else if (const auto* accepting = std::get_if<Accepting>(&data_)) {
    if (accepting->waits_for_offer)
      on_offer_again(response, now);
    else
      on_accepted(response, now);
  } else if (is<Reporting>()) {
    end_report(Event::Reported, now);
  }
}

void DonorTalk::ask(wire::IpmiRequest request, TimePoint now) {
  if (auto asked = session_.ask(std::move(request), now); !asked)
    drop(Event::DonorLost, asked.error(), now);
}

// --- looking at its images -----------------------------------------------------------------------

/// The image that was chosen, or the one `behind` it.
void DonorTalk::ask_for_image(bool behind, TimePoint now) {
  auto& data = std::get<Vetting>(data_);
  if (++data.asked > kImagesAsked) return end_walk(now);
  data.fetch.reset();
  data.behind = behind;
  data.after = behind ? candidate().digest : selection_.offer(offer_).after;
  ask(request_firmware(config_, nonce_, data.after), now);
}

void DonorTalk::on_image_offered(const wire::IpmiResponse& response, TimePoint now) {
  auto& data = std::get<Vetting>(data_);
  auto offer =
      read_own_offer(config_.iana, response, nonce_, candidate(), session_.properties(), data.peer);
  if (!offer && data.behind && offer.error().code == Errc::NoCompatibleImage) return end_walk(now);
  if (!offer) return drop(Event::ManifestRefused, offer.error(), now);
  offer->after = data.after;
  if (!data.behind) {
    auto learned = selection_.learn(offer_, *offer);
    data.moved = learned.changed;
    if (learned.changed) tell(std::move(learned.offered));
    return consider(now);
  }
  // An older donor has only its best image to say.
  if (offer->candidate.digest == data.after) return end_walk(now);
  const auto next = selection_.add_next(offer_, *offer, sessions());
  if (!next) return end_walk(now);
  selection_.asked_on(offer_);
  offer_ = *next;
  data.moved = true;
  enter(Event::NextImage);
  tell(Offered{.candidate = candidate(), .verdict = selection_.verdict(offer_)});
  if (selection_.is_gone(offer_)) return ask_for_image(true, now);
  consider(now);
}

/// Judges what the donor offers in its session.
void DonorTalk::consider(TimePoint now) {
  auto& data = std::get<Vetting>(data_);
  const policy::Verdict& verdict = selection_.verdict(offer_);
  if (!verdict.accepted) return verdict.next_may_do ? ask_for_image(true, now) : end_walk(now);
  // Where claims are in doubt, a donor that keeps its word is not left for what others only claim.
  const bool keeps_its_word = !data.moved;
  if (!(keeps_its_word && selection_.in_doubt()) && !selection_.stays_first(offer_)) {
    leave(Event::BetterDonor, std::nullopt, now);
    return tell(Outdone{});
  }
  if (std::exchange(data.moved, false)) tell(Chosen{candidate()});
  fetch_manifest(now);
}

void DonorTalk::fetch_manifest(TimePoint now) {
  auto& data = std::get<Vetting>(data_);
  data.fetch.emplace(candidate().digest, response_data_limit_bytes(session_.properties()));
  ask(get_manifest(config_, *data.fetch), now);
}

void DonorTalk::on_manifest_piece(const wire::IpmiResponse& response, TimePoint now) {
  auto& data = std::get<Vetting>(data_);
  if (response.code != CompletionCode::Ok) {
    Error error = rejected("Get Manifest", response.code, session_.properties());
    if (response.code == CompletionCode::InsufficientPrivilege)
      return drop(Event::ManifestRefused, std::move(error), now);
    return refuse_image(std::move(error), false, now);
  }
  const auto complete = data.fetch->add(config_.iana, response);
  if (!complete) return refuse_image(complete.error(), false, now);
  if (!*complete) return ask(get_manifest(config_, *data.fetch), now);

  auto vetted = vet(config_, candidate(), *data.fetch);
  if (!vetted) return refuse_image(vetted.error(), is_about_image(vetted.error().code), now);
  enter(Event::ManifestAccepted);
  std::get<Accepting>(data_).vetted = std::move(*vetted);
  ask(accept_offer(config_, nonce_, selection_.offer(offer_)), now);
}

/// `of_all`: a trusted signature says so, and no other donor of this image can change it.
void DonorTalk::refuse_image(Error error, bool of_all, TimePoint now) {
  auto& data = std::get<Vetting>(data_);
  if (!sessions() && !of_all) return drop(Event::ManifestRefused, std::move(error), now);
  if (!data.refusal) data.refusal = error;
  selection_.refuse_image(offer_, std::move(error), of_all);
  tell(Offered{.candidate = candidate(), .verdict = selection_.verdict(offer_)});
  ask_for_image(true, now);
}

/// The donor has no further image, and none that will do.
void DonorTalk::end_walk(TimePoint now) {
  const auto& refusal = std::get<Vetting>(data_).refusal;
  Error error = refusal.value_or(Error{Errc::NoOfferAcceptable, selection_.verdict(offer_).reason});
  if (!sessions() && !refusal) return doubt(Event::ManifestRefused, std::move(error), now);
  selection_.has_nothing(offer_, error);
  give_up(Event::ManifestRefused, std::move(error), now);
}

// --- the lease -----------------------------------------------------------------------------------

void DonorTalk::on_accepted(const wire::IpmiResponse& response, TimePoint now) {
  auto& data = std::get<Accepting>(data_);
  switch (response.code) {
    case CompletionCode::Ok: break;
    case CompletionCode::Busy: {
      const auto wait = busy_wait(config_, response);
      return drop_busy(
          Event::LeaseRefused,
          Error{Errc::DonorBusy, "it has room again in " + std::to_string(wait.count()) + " s"},
          wait, now);
    }
    case CompletionCode::OfferExpired:
      if (!data.asked_again) {
        data.asked_again = data.waits_for_offer = true;
        return ask(request_firmware(config_, nonce_, selection_.offer(offer_).after), now);
      }
      return drop(Event::LeaseRefused,
                  Error{Errc::OfferExpired, "also the offer that was made a moment ago"}, now);
    case CompletionCode::UnknownImage:
    case CompletionCode::ImageUnreadable:
      return drop_image(Event::LeaseRefused,
                        rejected("Accept Offer", response.code, session_.properties()), now);
    default:
      return drop(Event::LeaseRefused,
                  rejected("Accept Offer", response.code, session_.properties()), now);
  }
  const auto lease = wire::oem::strip_iana(config_.iana, response.data)
                         .and_then(wire::decode<wire::oem::AcceptOfferRs>);
  if (!lease) return drop(Event::LeaseRefused, lease.error(), now);
  on_lease(*lease, now);
}

void DonorTalk::on_offer_again(const wire::IpmiResponse& response, TimePoint now) {
  std::get<Accepting>(data_).waits_for_offer = false;
  if (response.code != CompletionCode::Ok)
    return drop(Event::LeaseRefused,
                rejected("Request Firmware", response.code, session_.properties()), now);
  const auto offer =
      wire::oem::strip_iana(config_.iana, response.data).and_then(wire::decode<wire::oem::Offer>);
  if (!offer) return drop(Event::LeaseRefused, offer.error(), now);
  const auto read = read_offer(*offer, nonce_, path());
  if (!read || read->candidate.digest != candidate().digest)
    return drop(Event::LeaseRefused,
                Error{Errc::OfferExpired, "the donor has another image to offer by now"}, now);
  selection_.renew(offer_, read->token);
  ask(accept_offer(config_, nonce_, selection_.offer(offer_)), now);
}

void DonorTalk::on_lease(const wire::oem::AcceptOfferRs& granted, TimePoint now) {
  auto& data = std::get<Accepting>(data_);
  const image::TreeShape shape(data.vetted.manifest.size_bytes);
  const auto refuse = [&](const std::string& why) {
    drop(Event::LeaseRefused, Error{Errc::BadField, "Accept Offer response: " + why}, now);
  };
  if (granted.handle == 0) return refuse("the handle is zero");
  if (granted.image_size_bytes != shape.image_size_bytes())
    return refuse("the image has " + std::to_string(granted.image_size_bytes) +
                  " bytes, its manifest says " + std::to_string(shape.image_size_bytes()));
  if (granted.tree_size_bytes != shape.tree_size_bytes())
    return refuse("the hash tree has " + std::to_string(granted.tree_size_bytes) +
                  " bytes, it should have " + std::to_string(shape.tree_size_bytes()));
  if (granted.segment_limit_granules == 0 || granted.credit_limit_bytes < kLeastCredit_bytes)
    return refuse("no segment fits into the limits");
  session_.set_lease(Lease{.handle = granted.handle,
                           .segment_limit_granules = granted.segment_limit_granules,
                           .credit_limit_bytes = granted.credit_limit_bytes,
                           .lasts = std::chrono::seconds(granted.lease_s)});
  Vetted vetted = std::move(data.vetted);
  enter(Event::LeaseGranted);
  tell(Granted{std::move(vetted)});
}

// --- the stream ----------------------------------------------------------------------------------

void DonorTalk::serve(Installation& image, TimePoint now) {
  enter(Event::SlotReady);
  auto& data = std::get<Serving>(data_);
  data.image = &image;
  data.object = &image.tree();
  data.transfer.emplace(*session_.lease(), config_.receive_buffer_bytes, candidate().round_trip,
                        session_.timers().stream);
  data.transfer->begin(*data.object, now);
  data.fetched_before = image.progress().fetched_bytes;
  begin_pace(now);
}

void DonorTalk::fetch_image(TimePoint now) {
  enter(Event::TreeComplete);
  auto& data = std::get<Serving>(data_);
  data.object = &data.image->image();
  data.transfer->begin(*data.object, now);
  begin_pace(now);
}

void DonorTalk::hold() {
  enter(Event::ImageComplete);
}

void DonorTalk::on_fetched(const Fetched<>& result, TimePoint now) {
  if (result) return tell(Stored{});
  const Failure& failure = result.error();
  switch (failure.kind) {
    case Failure::Kind::Content:
      return drop_image(Event::BadBlock,
                        Error{failure.error.code,
                              failure.error.detail + " from " + to_text(candidate().path.peer)},
                        now);
    case Failure::Kind::Donor: return drop_lost(Event::DonorLost, failure.error, now);
    case Failure::Kind::Slot:
      leave(Event::SlotFailed, failure.error, now);
      return tell(StoreFailed{failure.error});
  }
}

/// Where many donors wait, each is judged sooner: a donor that sends as little as it can takes its
/// turn and no more.
void DonorTalk::begin_pace(TimePoint now) {
  auto& data = std::get<Serving>(data_);
  Duration window = session_.timers().pace_window;
  if (sessions()) window = std::min(window, std::max<Duration>(turn(now), kLeastPaceWindow));
  data.patience.begin(data.object->window().in_place_bytes(), window, now);
}

void DonorTalk::check_pace(TimePoint now) {
  auto* data = std::get_if<Serving>(&data_);
  if (data == nullptr || data->object->complete()) return;
  const BlockWindow& window = data->object->window();
  const std::uint64_t done = window.in_place_bytes();
  const auto rate = data->patience.rate(done, now);
  if (!rate) return;
  std::uint64_t left = window.object_bytes() - done;
  // The image follows at no better pace.
  if (data->object == &data->image->tree()) {
    const BlockWindow& image = data->image->image().window();
    left += image.object_bytes() - image.in_place_bytes();
  }
  if (too_slow(*rate, left, ends_ - now) && selection_.may_be_faster(offer_, *rate, now))
    drop_slow(*rate, left, now);
}

// --- the report ----------------------------------------------------------------------------------

void DonorTalk::report(const std::string& text, TimePoint now) {
  enter(Event::Activated);
  std::get<Reporting>(data_).until = now + session_.timers().farewell;
  if (!session_.alive() ||
      !session_.ask(report_result(config_, *session_.lease(), ExitCode::Ok, text), now))
    end_report(Event::DonorLost, now);
}

void DonorTalk::end_report(Event event, TimePoint now) {
  leave(event, std::nullopt, now);
  tell(ReportEnded{event});
}

// --- its turn ------------------------------------------------------------------------------------

bool DonorTalk::in_turn() const {
  return (is<Connecting>() || is<Vetting>() || is<Accepting>()) && sessions();
}

/// How long the donor may take until the lease, while others wait for their turn.
Duration DonorTalk::turn(TimePoint now) const {
  const auto others = static_cast<std::int64_t>(selection_.others(offer_, now));
  const Duration least = kLeastTurn_timeouts * session_.timers().command.first_timeout;
  const Duration share = (ends_ - now) / (kTurnsInTimeLeft * (others + 1));
  return std::clamp<Duration>(share, least, std::max<Duration>(least, kLongestTurn));
}

void DonorTalk::begin_turn(TimePoint now) {
  const unsigned doublings = std::min(selection_.times_late(offer_), kMostTurnDoublings);
  turn_ends_ = now + turn(now) * (std::int64_t{1} << doublings);
}

/// Answers that come just in time, one after the other, must not use up the time of others.
void DonorTalk::check_turn(TimePoint now) {
  if (!in_turn() || now < turn_ends_) return;
  if (selection_.others(offer_, now) == 0) return begin_turn(now);
  drop_late(now);
}

// --- giving it up --------------------------------------------------------------------------------

/// The common end of every drop.
void DonorTalk::give_up(Event event, Error error, TimePoint now,
                        std::optional<std::chrono::seconds> waits) {
  leave(event, error, now);
  tell(GivenUp{event, {.candidate = candidate(), .error = std::move(error), .waits = waits}});
}

/// The donor refused, or what it sent was wrong.
void DonorTalk::drop(Event event, Error error, TimePoint now) {
  // Without a session another node may have said so.
  if (!sessions()) return doubt(event, std::move(error), now);
  selection_.failed(offer_, error);
  give_up(event, std::move(error), now);
}

void DonorTalk::drop_busy(Event event, Error error, std::chrono::seconds wait, TimePoint now) {
  const TimePoint again = again_after(wait, random_, now);
  selection_.busy(offer_, error, again);
  give_up(event, std::move(error), now, std::chrono::ceil<std::chrono::seconds>(again - now));
}

/// This image will not do; another one of the same donor may.
void DonorTalk::drop_image(Event event, Error error, TimePoint now) {
  // Without a session another node may have said so.
  if (!sessions()) return doubt(event, std::move(error), now);
  selection_.refuse_image(offer_, error, false);
  give_up(event, std::move(error), now);
}

/// The donor refused, but without a session another node may have said so: a refusal is believed
/// when it was heard often enough, and that need not take long. A node that answered in the place
/// of the donor may be gone later.
void DonorTalk::doubt(Event event, Error error, TimePoint now) {
  const bool passing = error.code == Errc::SessionLost;
  drop_lost(event, std::move(error), now, passing ? kLostWait : kRefusedWait);
}

void DonorTalk::drop_lost(Event event, Error error, TimePoint now) {
  drop_lost(event, std::move(error), now, kLostWait);
}

/// The session, the lease or the path broke.
void DonorTalk::drop_lost(Event event, Error error, TimePoint now, std::chrono::seconds wait) {
  const auto* serving = std::get_if<Serving>(&data_);
  const bool progressed =
      serving != nullptr && serving->image->progress().fetched_bytes > serving->fetched_before;
  selection_.lost(offer_, error, again_after(wait, random_, now), progressed,
                  in_doubt_ && is<Connecting>());
  // Heard often enough, it is believed also without a session.
  if (!sessions() && selection_.is_gone(offer_) &&
      error.exit_code() == ExitCode::VerificationFailed)
    selection_.refuse_image(offer_, error, false);
  give_up(event, std::move(error), now);
}

void DonorTalk::drop_late(TimePoint now) {
  Error error{Errc::DonorTooSlow, "no lease in its time, and others wait"};
  selection_.late(offer_, error, now);
  give_up(Event::DonorLost, std::move(error), now);
}

void DonorTalk::drop_slow(double bytes_per_s, std::uint64_t left_bytes, TimePoint now) {
  Error error{Errc::DonorTooSlow, std::to_string(static_cast<std::uint64_t>(bytes_per_s)) +
                                      " bytes a second, and " + std::to_string(left_bytes) +
                                      " bytes are missing"};
  selection_.slow(offer_, error, bytes_per_s, now);
  give_up(Event::DonorLost, std::move(error), now);
}

}  // namespace fwr::recipient
