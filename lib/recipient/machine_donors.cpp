// SPDX-License-Identifier: GPL-3.0-or-later
// From the offers to a lease: selecting, connecting, vetting, accepting. PROTOCOL §6.4.
#include <algorithm>
#include <utility>

#include "recipient/recovery.hpp"
#include "session/client.hpp"
#include "session/plain_client.hpp"

namespace fwr::recipient {
namespace {

using wire::CompletionCode;
using wire::oem::Command;

constexpr std::chrono::seconds kLeastSpread{1};  // PROTOCOL §6.4
// PROTOCOL §8.1: the part of the time left that one of several donors may take until the lease.
constexpr std::int64_t kTurnsInTimeLeft = 4;
constexpr unsigned kLeastTurn_timeouts = 3;
constexpr std::chrono::seconds kLongestTurn{30};
constexpr unsigned kMostTurnDoublings = 10;
constexpr unsigned kGreetingDoublings = 1;  // of a donor that was lost, PROTOCOL §8.6

/// PROTOCOL §3.1: with 83h, in how many seconds to try again.
std::chrono::seconds busy_wait(std::uint32_t iana, const wire::IpmiResponse& response) {
  std::chrono::seconds wait{1};
  if (const auto body = wire::oem::strip_iana(iana, response.data)) {
    ByteReader reader(*body);
    wait = std::chrono::seconds(reader.u16());
  }
  return std::clamp(wait, std::chrono::seconds(1), kLongestBusyWait);
}

}  // namespace

void Recovery::close_offers(TimePoint now) {
  const Discovery& discovery = std::get<Discovering>(data_).discovery;
  if (selection_) {
    for (Offered& offered : selection_->add(discovery.offers())) emit(std::move(offered));
  } else {
    selection_.emplace(config_, discovery.offers(), discovery.declines(), discovery.lasted(now));
    if (!config_.offers_only)
      for (Offered& offered : selection_->verdicts()) emit(std::move(offered));
  }
  if (config_.offers_only && !selection_->empty()) {
    survey_.emplace(config_, *selection_, nonce_, random_, now);
    return work_on_survey(now);
  }
  if (discovery.closed_early(now)) {
    asking_ = discovery;
    asking_->go_on();
  }
  enter(Event::OffersClosed, Selecting{});
  select(now);
}

void Recovery::work_on_survey(TimePoint now) {
  for (Dropped& dropped : survey_->take_dropped()) emit(std::move(dropped));
  for (Link& link : survey_->take_links()) bid_farewell(std::move(link), std::nullopt, now);
  if (!survey_->over()) return;
  survey_.reset();
  bool one_will_do = false;
  for (Offered& offered : selection_->verdicts()) {
    one_will_do = one_will_do || offered.verdict.accepted;
    emit(std::move(offered));
  }
  // Unverified, it is for the listener to say what none means.
  if (config_.verify && !one_will_do) return finish(selection_->summary(), now);
  finish(std::nullopt, now);
}

void Recovery::select(TimePoint now) {
  auto next = selection_->next(now);
  if (!next && asking_) {
    for (Offered& offered : selection_->add(asking_->offers())) emit(std::move(offered));
    next = selection_->next(now);
    if (!next && !asking_->closed(now)) {
      Discovery rest = *std::exchange(asking_, std::nullopt);
      return enter(Event::OffersAwaited, Discovering{std::move(rest)});
    }
  }
  if (!next) return fail_recovery(Event::NoneLeft, selection_->summary(), now);
  in_doubt_ = next->in_doubt;
  const Offer& offer = selection_->offer(next->index);
  const LinkProperties carrier = properties_of(config_.links, offer.candidate.path.peer);
  auto donor = std::make_unique<DonorLink>(next->index, offer.candidate.path, config_.iana,
                                           make_client(carrier, next->index), carrier);
  if (!next->not_before) donor->start(now);
  enter(Event::DonorChosen, Connecting{std::move(donor), next->not_before});
  begin_turn(std::max(now, next->not_before.value_or(now)));
  emit(Chosen{offer.candidate, !selection_->verdict(next->index).accepted});
}

std::unique_ptr<session::Conversation> Recovery::make_client(const LinkProperties& link,
                                                             std::size_t offer) {
  session::ClientTimers timers = timers_of(link).command;
  if (in_doubt_ && link.sessions) timers.tries = std::min(timers.tries, kTriesInDoubt);
  if (link.sessions)
    return std::make_unique<session::Client>(config_.credentials, config_.iana, timers, random_);
  if (selection_->met(offer)) timers.greeting_doublings = kGreetingDoublings;
  return std::make_unique<session::PlainClient>(timers, link.largest_message_bytes, random_,
                                                selection_->offer(offer).candidate.donor);
}

const policy::Candidate& Recovery::candidate() const {
  return selection_->offer(link()->offer()).candidate;
}

/// What all ways to drop a donor end with.
void Recovery::leave(Event event, Error error, TimePoint now,
                     std::optional<std::chrono::seconds> waits) {
  emit(Dropped{.candidate = candidate(), .error = error, .waits = waits});
  bid_farewell(take_link(), error, now);
  enter(event, Selecting{});
  select(now);
}

/// It refused, or what it sent was wrong.
void Recovery::drop(Event event, Error error, TimePoint now) {
  // Without a session that can have been anybody.
  if (!link()->properties().sessions) return doubt(event, std::move(error), now);
  selection_->failed(link()->offer(), error);
  leave(event, std::move(error), now);
}

void Recovery::drop_busy(Event event, Error error, std::chrono::seconds wait, TimePoint now) {
  const TimePoint again = again_after(wait, now);
  selection_->busy(link()->offer(), error, again);
  leave(event, std::move(error), now, std::chrono::ceil<std::chrono::seconds>(again - now));
}

/// This image will not do; another one of the same donor may.
void Recovery::drop_image(Event event, Error error, TimePoint now) {
  // Without a session that can have been anybody.
  if (!link()->properties().sessions) return doubt(event, std::move(error), now);
  selection_->refuse_image(link()->offer(), error, false);
  leave(event, std::move(error), now);
}

/// It refused, but without a session that can have been anybody: said often enough it is believed,
/// and that need not take long. Another system in its place may be gone later.
void Recovery::doubt(Event event, Error error, TimePoint now) {
  const bool passing = error.code == Errc::SessionLost;
  drop_lost(event, std::move(error), now, passing ? kLostWait : kRefusedWait);
}

/// The session, the lease or the path broke.
void Recovery::drop_lost(Event event, Error error, TimePoint now, std::chrono::seconds wait) {
  const bool progressed =
      link()->lease() && installation_ && installation_->progress().fetched_bytes > fetched_before_;
  const std::size_t index = link()->offer();
  const bool in_doubt = in_doubt_ && state() == State::Connecting;
  selection_->lost(index, error, again_after(wait, now), progressed, in_doubt);
  // Said often enough, it is believed also without a session.
  if (!link()->properties().sessions && selection_->is_gone(index) &&
      error.exit_code() == ExitCode::VerificationFailed)
    selection_->refuse_image(index, error, false);
  leave(event, std::move(error), now);
}

bool Recovery::in_turn() const {
  const auto* connecting = std::get_if<Connecting>(&data_);
  const bool before_lease = connecting != nullptr
                                ? !connecting->not_before
                                : state() == State::Vetting || state() == State::Accepting;
  return before_lease && link()->properties().sessions;
}

Duration Recovery::turn(TimePoint now) const {
  const auto others = static_cast<std::int64_t>(selection_->others(link()->offer(), now));
  const Duration least = kLeastTurn_timeouts * link()->timers().command.first_timeout;
  const Duration share = (ends_ - now) / (kTurnsInTimeLeft * (others + 1));
  return std::clamp<Duration>(share, least, std::max<Duration>(least, kLongestTurn));
}

void Recovery::begin_turn(TimePoint now) {
  const unsigned doublings = std::min(selection_->times_late(link()->offer()), kMostTurnDoublings);
  turn_ends_ = now + turn(now) * (std::int64_t{1} << doublings);
}

/// Answers that come just in time, one after the other, must not use up the time of others.
void Recovery::check_turn(TimePoint now) {
  if (!in_turn() || now < turn_ends_) return;
  if (selection_->others(link()->offer(), now) == 0) return begin_turn(now);
  drop_late(now);
}

void Recovery::drop_late(TimePoint now) {
  Error error{Errc::DonorTooSlow, "no lease in its time, and others wait"};
  selection_->late(link()->offer(), error, now);
  leave(Event::DonorLost, std::move(error), now);
}

void Recovery::drop_slow(double bytes_per_s, std::uint64_t left_bytes, TimePoint now) {
  Error error{Errc::DonorTooSlow, std::to_string(static_cast<std::uint64_t>(bytes_per_s)) +
                                      " bytes a second, and " + std::to_string(left_bytes) +
                                      " bytes are missing"};
  selection_->slow(link()->offer(), error, bytes_per_s, now);
  leave(Event::DonorLost, std::move(error), now);
}

/// Later by a random part: many that were sent away together must not come back together.
TimePoint Recovery::again_after(std::chrono::seconds wait, TimePoint now) {
  std::array<std::byte, 2> drawn{};
  random_.fill(drawn);
  const Duration spread = std::max<Duration>(wait / 2, kLeastSpread);
  return now + wait + spread * ByteReader(drawn).u16() / 0x10000;
}

void Recovery::ask(wire::IpmiRequest request, TimePoint now) {
  if (auto asked = link()->ask(std::move(request), now); !asked)
    drop(Event::DonorLost, asked.error(), now);
}

void Recovery::on_session_up(const Guid& peer, TimePoint now) {
  if (state() != State::Connecting) return;
  const std::size_t index = link()->offer();
  const bool sessions = link()->properties().sessions;
  selection_->proved(index, peer);
  if (!sessions && peer != candidate().donor)
    return drop(
        Event::DonorLost,
        Error{Errc::SessionLost, "another system answered: " + fwr::to_text(peer) +
                                     ", the offer was of " + fwr::to_text(candidate().donor)},
        now);
  const bool accepted = selection_->verdict(index).accepted;
  enter(Event::SessionUp, Vetting{.link = take_link(), .peer = peer});
  if (!sessions && accepted) return fetch_manifest(now);
  // Offers can be forged, also in the name of this donor: in its session it says what it has.
  ask_for_image(!accepted && (!sessions || selection_->is_sure(index)), now);
}

void Recovery::on_session_down(Error error, TimePoint now) {
  if (state() == State::Reporting) return reported(Event::DonorLost, now);
  if (!has_row(state(), Event::DonorLost)) return;  // the slot needs no donor any more
  if (error.code == Errc::SessionLimit && state() == State::Connecting)
    return drop_busy(Event::DonorLost, std::move(error), kSessionLimitWait, now);
  drop_lost(Event::DonorLost, std::move(error), now);
}

void Recovery::on_answer(const wire::IpmiResponse& response, TimePoint now) {
  if (const auto* data = std::get_if<Vetting>(&data_)) {
    if (data->fetch)
      on_manifest_piece(response, now);
    else
      on_image_offered(response, now);
  } else if (const auto* accepting = std::get_if<Accepting>(&data_)) {
    if (accepting->waits_for_offer)
      on_offer_again(response, now);
    else
      on_accepted(response, now);
  } else if (state() == State::Reporting) {
    reported(Event::Reported, now);
  }
}

/// The image that was chosen, or the one `behind` it.
void Recovery::ask_for_image(bool behind, TimePoint now) {
  auto& data = std::get<Vetting>(data_);
  if (++data.asked > kImagesAsked) return end_walk(now);
  data.fetch.reset();
  data.behind = behind;
  data.after = behind ? candidate().digest : selection_->offer(data.link->offer()).after;
  ask(wire::oem::make_request(
          config_.iana, Command::RequestFirmware,
          wire::oem::RequestFirmwareRq{
              .nonce = nonce_, .platform = config_.situation.platform, .after = data.after}),
      now);
}

void Recovery::on_image_offered(const wire::IpmiResponse& response, TimePoint now) {
  auto& data = std::get<Vetting>(data_);
  const bool sessions = data.link->properties().sessions;
  const std::size_t index = data.link->offer();
  auto offer = read_own_offer(config_.iana, response, nonce_, candidate(), data.link->properties(),
                              data.peer);
  if (!offer && data.behind && offer.error().code == Errc::NoCompatibleImage) return end_walk(now);
  if (!offer) return drop(Event::ManifestRefused, offer.error(), now);
  offer->after = data.after;
  if (!data.behind) {
    auto learned = selection_->learn(index, *offer);
    data.moved = learned.changed;
    if (learned.changed) emit(std::move(learned.offered));
    return consider(now);
  }
  // An older donor has only its best image to say.
  if (offer->candidate.digest == data.after) return end_walk(now);
  const auto next = selection_->add_next(index, *offer, sessions);
  if (!next) return end_walk(now);
  selection_->asked_on(index);
  data.link->set_offer(*next);
  data.moved = true;
  enter(Event::NextImage, Vetting(std::move(data)));
  emit(Offered{.candidate = candidate(), .verdict = selection_->verdict(*next)});
  if (selection_->is_gone(*next)) return ask_for_image(true, now);
  consider(now);
}

/// What the donor offers in its session.
void Recovery::consider(TimePoint now) {
  const std::size_t index = link()->offer();
  const policy::Verdict& verdict = selection_->verdict(index);
  if (!verdict.accepted) return verdict.next_may_do ? ask_for_image(true, now) : end_walk(now);
  // Where claims are in doubt, one who keeps its word is not left for what others only claim.
  const bool keeps_its_word = !std::get<Vetting>(data_).moved;
  if (!(keeps_its_word && selection_->in_doubt()) && !selection_->stays_first(index)) {
    bid_farewell(take_link(), std::nullopt, now);
    enter(Event::BetterDonor, Selecting{});
    return select(now);
  }
  if (std::exchange(std::get<Vetting>(data_).moved, false)) emit(Chosen{candidate()});
  fetch_manifest(now);
}

void Recovery::fetch_manifest(TimePoint now) {
  auto& data = std::get<Vetting>(data_);
  data.fetch.emplace(candidate().digest, response_data_limit_bytes(data.link->properties()));
  ask(wire::oem::make_request(config_.iana, Command::GetManifest, data.fetch->next()), now);
}

/// `of_all`: a trusted signature says so, and whoever else offers this image cannot change it.
void Recovery::refuse_image(Error error, bool of_all, TimePoint now) {
  auto& data = std::get<Vetting>(data_);
  if (!data.link->properties().sessions && !of_all)
    return drop(Event::ManifestRefused, std::move(error), now);
  const std::size_t index = data.link->offer();
  if (!data.refusal) data.refusal = error;
  selection_->refuse_image(index, std::move(error), of_all);
  emit(Offered{.candidate = candidate(), .verdict = selection_->verdict(index)});
  ask_for_image(true, now);
}

/// The donor has nothing more, and nothing that will do.
void Recovery::end_walk(TimePoint now) {
  auto& data = std::get<Vetting>(data_);
  const std::size_t index = data.link->offer();
  Error error =
      data.refusal.value_or(Error{Errc::NoOfferAcceptable, selection_->verdict(index).reason});
  if (!data.link->properties().sessions && !data.refusal)
    return doubt(Event::ManifestRefused, std::move(error), now);
  selection_->has_nothing(index, error);
  leave(Event::ManifestRefused, std::move(error), now);
}

void Recovery::on_manifest_piece(const wire::IpmiResponse& response, TimePoint now) {
  auto& data = std::get<Vetting>(data_);
  if (response.code != CompletionCode::Ok) {
    Error error = rejected("Get Manifest", response.code, data.link->properties());
    if (response.code == CompletionCode::InsufficientPrivilege)
      return drop(Event::ManifestRefused, std::move(error), now);
    return refuse_image(std::move(error), false, now);
  }
  const auto complete = data.fetch->add(config_.iana, response);
  if (!complete) return refuse_image(complete.error(), false, now);
  if (!*complete)
    return ask(wire::oem::make_request(config_.iana, Command::GetManifest, data.fetch->next()),
               now);

  auto vetted = vet(config_, candidate(), *data.fetch);
  if (!vetted) return refuse_image(vetted.error(), is_about_image(vetted.error().code), now);
  auto request = accept_request();
  enter(Event::ManifestAccepted, Accepting{.link = take_link(), .vetted = std::move(*vetted)});
  ask(std::move(request), now);
}

wire::IpmiRequest Recovery::accept_request() const {
  const Offer& offer = selection_->offer(link()->offer());
  return wire::oem::make_request(
      config_.iana, Command::AcceptOffer,
      wire::oem::AcceptOfferRq{
          .nonce = nonce_, .digest = offer.candidate.digest, .token = offer.token});
}

void Recovery::on_accepted(const wire::IpmiResponse& response, TimePoint now) {
  auto& data = std::get<Accepting>(data_);
  switch (response.code) {
    case CompletionCode::Ok: break;
    case CompletionCode::Busy: {
      const auto wait = busy_wait(config_.iana, response);
      return drop_busy(
          Event::LeaseRefused,
          Error{Errc::DonorBusy, "it has room again in " + std::to_string(wait.count()) + " s"},
          wait, now);
    }
    case CompletionCode::OfferExpired:
      if (!data.asked_again) {
        data.asked_again = data.waits_for_offer = true;
        return ask(
            wire::oem::make_request(
                config_.iana, Command::RequestFirmware,
                wire::oem::RequestFirmwareRq{.nonce = nonce_,
                                             .platform = config_.situation.platform,
                                             .after = selection_->offer(data.link->offer()).after}),
            now);
      }
      return drop(Event::LeaseRefused,
                  Error{Errc::OfferExpired, "also the offer that was made a moment ago"}, now);
    case CompletionCode::UnknownImage:
    case CompletionCode::ImageUnreadable:
      return drop_image(Event::LeaseRefused,
                        rejected("Accept Offer", response.code, link()->properties()), now);
    default:
      return drop(Event::LeaseRefused,
                  rejected("Accept Offer", response.code, link()->properties()), now);
  }
  const auto lease = wire::oem::strip_iana(config_.iana, response.data)
                         .and_then(wire::decode<wire::oem::AcceptOfferRs>);
  if (!lease) return drop(Event::LeaseRefused, lease.error(), now);
  on_lease(*lease, now);
}

void Recovery::on_offer_again(const wire::IpmiResponse& response, TimePoint now) {
  auto& data = std::get<Accepting>(data_);
  data.waits_for_offer = false;
  if (response.code != CompletionCode::Ok)
    return drop(Event::LeaseRefused,
                rejected("Request Firmware", response.code, link()->properties()), now);
  const auto offer =
      wire::oem::strip_iana(config_.iana, response.data).and_then(wire::decode<wire::oem::Offer>);
  if (!offer) return drop(Event::LeaseRefused, offer.error(), now);
  const auto read = read_offer(*offer, nonce_, data.link->path());
  if (!read || read->candidate.digest != candidate().digest)
    return drop(Event::LeaseRefused,
                Error{Errc::OfferExpired, "the donor has another image to offer by now"}, now);
  selection_->renew(data.link->offer(), read->token);
  ask(accept_request(), now);
}

void Recovery::on_lease(const wire::oem::AcceptOfferRs& granted, TimePoint now) {
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
  data.link->set_lease(Lease{.handle = granted.handle,
                             .segment_limit_granules = granted.segment_limit_granules,
                             .credit_limit_bytes = granted.credit_limit_bytes,
                             .lasts = std::chrono::seconds(granted.lease_s)});
  Vetted vetted = std::move(data.vetted);
  enter(Event::LeaseGranted, Preparing{take_link()});
  prepare(std::move(vetted), now);
}

}  // namespace fwr::recipient
