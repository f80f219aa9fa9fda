// SPDX-License-Identifier: GPL-3.0-or-later
// Looking at all images of all donors. PROTOCOL §5.2, §8.1.
#include "recipient/survey.hpp"

#include <algorithm>

#include "base/soonest.hpp"
#include "recipient/donor_commands.hpp"
#include "session/client.hpp"
#include "session/plain_client.hpp"
#include "session/sessionless.hpp"
#include "wire/plain.hpp"

namespace fwr::recipient {
namespace {

using wire::CompletionCode;

/// Discovery uses the first ones: its late answers are not taken for answers to these requests.
constexpr std::uint8_t kFirstSequence = kRequestRounds;
constexpr std::uint8_t kSequences = 64;  // 6 bits

}  // namespace

Survey::Survey(const RecoveryConfig& config, Selection& selection, const Nonce& nonce,
               RandomSource& random, TimePoint now)
    : config_(config), selection_(selection), nonce_(nonce), random_(random) {
  for (const std::size_t index : selection_.ranked()) {
    const Address& peer = selection_.offer(index).candidate.path.peer;
    const bool known = std::any_of(visits_.begin(), visits_.end(), [&](const Visit& visit) {
      return candidate(visit).path.peer == peer;
    });
    if (!known)
      visits_.push_back(Visit{.index = index, .link = properties_of(config_.links, peer)});
  }
  begin_visits(now);
}

bool Survey::over() const {
  return std::all_of(visits_.begin(), visits_.end(),
                     [](const Visit& visit) { return visit.step == Step::Over; });
}

bool Survey::may_begin(const Visit& visit) const {
  // A line without sessions has one conversation at a time.
  const std::size_t limit = !visit.link.sessions ? 1
                            : config_.verify     ? kDonorsVerifiedAtOnce
                                                 : visits_.size();
  std::size_t busy = 0;
  for (const Visit& other : visits_) {
    if (other.step != Step::Asking && other.step != Step::Talking) continue;
    if (other.link.sessions == visit.link.sessions) ++busy;
    // Another path to the same donor: perhaps nothing more is to be asked there.
    if (config_.verify && candidate(other).donor == candidate(visit).donor) return false;
  }
  return busy < limit;
}

void Survey::begin_visits(TimePoint now) {
  for (Visit& visit : visits_) {
    if (visit.step != Step::Waiting) continue;
    if (config_.verify && selection_.forget_twin(visit.index)) visit.step = Step::Over;
    if (visit.step == Step::Waiting && may_begin(visit)) begin(visit, now);
  }
}

void Survey::begin(Visit& visit, TimePoint now) {
  const Offer& offer = selection_.offer(visit.index);
  if (!config_.verify) {
    visit.step = Step::Asking;
    return ask_on(visit);
  }
  session::ClientTimers timers = timers_of(visit.link).command;
  // An attacker that hears a request can make offers: one that may be forged costs less time.
  if (one_failed_ && !offer.named && visit.link.sessions)
    timers.tries = std::min(timers.tries, kTriesInDoubt);
  std::unique_ptr<session::Conversation> client;
  if (visit.link.sessions)
    client = std::make_unique<session::Client>(config_.credentials, config_.iana, timers, random_);
  else
    client = std::make_unique<session::PlainClient>(timers, visit.link.largest_message_bytes,
                                                    random_, offer.candidate.donor);
  visit.step = Step::Talking;
  visit.session = std::make_unique<DonorSession>(offer.candidate.path, config_.iana,
                                                 std::move(client), visit.link);
  visit.session->start(now);
}

void Survey::end(Visit& visit) {
  if (visit.session) ended_.push_back(std::move(visit.session));
  visit.step = Step::Over;
}

void Survey::leave_donors(TimePoint now) {
  for (const auto& session : ended_)
    if (!session->leaving()) session->leave(std::nullopt, Duration::zero(), now);
}

void Survey::forget_donors() {
  std::erase_if(ended_, [](const auto& session) { return session->over(); });
}

void Survey::fail(Visit& visit, const Error& error) {
  dropped_.push_back(Dropped{.candidate = candidate(visit), .error = error});
  if (config_.verify) {
    one_failed_ = one_failed_ || !selection_.met(visit.index);
    selection_.unusable(visit.index, error);
  }
  end(visit);
}

void Survey::give_up(const Error& why, TimePoint now) {
  for (Visit& visit : visits_)
    if (visit.step != Step::Over) fail(visit, why);
  leave_donors(now);
}

// --- without a session ---------------------------------------------------------------------------

void Survey::ask_on(Visit& visit) {
  if (visit.asked++ == kImagesAsked || selection_.size() >= kImagesSurveyed) return end(visit);
  visit.after = candidate(visit).digest;
  visit.sequence = static_cast<std::uint8_t>(
      visit.sequence < kFirstSequence || visit.sequence + 1 == kSequences ? kFirstSequence
                                                                          : visit.sequence + 1);
  visit.tries = 0;
  visit.due.reset();
  visit.wait = timers_of(visit.link).first_round;
}

void Survey::on_reply(Visit& visit, const wire::IpmiResponse& response) {
  const auto body = wire::oem::strip_iana(config_.iana, response.data);
  if (!body) return;
  if (response.code != CompletionCode::Ok) {
    ByteReader reader(*body);
    Nonce nonce{};
    reader.copy_to(nonce);
    if (!reader.truncated() && nonce == nonce_) end(visit);
    return;
  }
  const auto message = wire::decode<wire::oem::Offer>(*body);
  if (!message) return;
  auto offer = read_offer(*message, nonce_, candidate(visit).path);
  if (!offer) return;
  // An older donor has only its best image to say.
  if (offer->candidate.digest == visit.after) return end(visit);
  offer->candidate.medium = candidate(visit).medium;
  offer->candidate.authenticated = candidate(visit).authenticated;
  offer->after = visit.after;
  const auto next = selection_.add_next(visit.index, *offer, false);
  if (!next) return end(visit);
  visit.index = *next;
  ask_on(visit);
}

// --- in a session --------------------------------------------------------------------------------

void Survey::pump(Visit& visit, TimePoint now) {
  while (visit.step == Step::Talking) {
    auto event = visit.session->poll_event();
    if (!event) return;
    if (const auto* up = std::get_if<session::SessionUp>(&*event)) {
      on_up(visit, up->peer, now);
    } else if (const auto* done = std::get_if<session::CommandDone>(&*event)) {
      if (visit.session->answers(*done)) on_answer(visit, done->response, now);
    } else if (const auto* down = std::get_if<session::SessionDown>(&*event)) {
      fail(visit, down->error);
    }
  }
}

void Survey::ask(Visit& visit, wire::IpmiRequest request, TimePoint now) {
  if (auto asked = visit.session->ask(std::move(request), now); !asked) fail(visit, asked.error());
}

void Survey::on_up(Visit& visit, const Guid& peer, TimePoint now) {
  visit.peer = peer;
  selection_.proved(visit.index, peer);
  if (visit.link.sessions) return ask_for_image(visit, false, now);
  if (peer != candidate(visit).donor)
    return fail(visit, Error{Errc::SessionLost, "another system answered: " + fwr::to_text(peer)});
  consider(visit, now);
}

void Survey::on_answer(Visit& visit, const wire::IpmiResponse& response, TimePoint now) {
  if (visit.fetch) return on_manifest_piece(visit, response, now);
  on_image(visit, response, now);
}

void Survey::ask_for_image(Visit& visit, bool behind, TimePoint now) {
  visit.fetch.reset();
  if (visit.asked++ == kImagesAsked || selection_.size() >= kImagesSurveyed) return end(visit);
  visit.behind = behind;
  visit.after = behind ? candidate(visit).digest : selection_.offer(visit.index).after;
  ask(visit, request_firmware(config_, nonce_, visit.after), now);
}

void Survey::on_image(Visit& visit, const wire::IpmiResponse& response, TimePoint now) {
  auto offer =
      read_own_offer(config_.iana, response, nonce_, candidate(visit), visit.link, visit.peer);
  if (!offer && visit.behind && offer.error().code == Errc::NoCompatibleImage) return end(visit);
  if (!offer) return fail(visit, offer.error());
  offer->after = visit.after;
  if (!visit.behind) {
    (void)selection_.learn(visit.index, *offer);
    return consider(visit, now);
  }
  // An older donor has only its best image to say.
  if (offer->candidate.digest == visit.after) return end(visit);
  const auto next = selection_.add_next(visit.index, *offer, visit.link.sessions);
  if (!next) return end(visit);
  visit.index = *next;
  consider(visit, now);
}

void Survey::consider(Visit& visit, TimePoint now) {
  if (!selection_.verdict(visit.index).accepted) return ask_for_image(visit, true, now);
  visit.fetch.emplace(candidate(visit).digest, response_data_limit_bytes(visit.link));
  ask(visit, get_manifest(config_, *visit.fetch), now);
}

void Survey::refuse_image(Visit& visit, Error error, bool of_all, TimePoint now) {
  selection_.refuse_image(visit.index, std::move(error), of_all);
  ask_for_image(visit, true, now);
}

void Survey::on_manifest_piece(Visit& visit, const wire::IpmiResponse& response, TimePoint now) {
  if (response.code != CompletionCode::Ok) {
    Error error = rejected("Get Manifest", response.code, visit.link);
    if (response.code == CompletionCode::InsufficientPrivilege) return fail(visit, error);
    return refuse_image(visit, std::move(error), false, now);
  }
  const auto complete = visit.fetch->add(config_.iana, response);
  if (!complete) return refuse_image(visit, complete.error(), false, now);
  if (!*complete) return ask(visit, get_manifest(config_, *visit.fetch), now);
  auto vetted = vet(config_, candidate(visit), *visit.fetch);
  if (!vetted) return refuse_image(visit, vetted.error(), is_about_image(vetted.error().code), now);
  selection_.verified(visit.index, std::move(vetted->manifest));
  ask_for_image(visit, true, now);
}

// --- the machine ---------------------------------------------------------------------------------

void Survey::handle_datagram(const Path& path, ByteView datagram, TimePoint now) {
  for (const auto& session : ended_)
    if (session->path().peer == path.peer) session->handle_datagram(datagram, now);
  for (Visit& visit : visits_) {
    if (candidate(visit).path.peer != path.peer) continue;
    if (visit.step == Step::Talking) {
      visit.session->handle_datagram(datagram, now);
      pump(visit, now);
    } else if (visit.step == Step::Asking && visit.due) {
      const auto reply = parse_offer_reply(visit.link, datagram);
      if (reply && reply->sequence == visit.sequence) on_reply(visit, reply->response);
    }
  }
  begin_visits(now);
  leave_donors(now);
}

void Survey::handle_timeout(TimePoint now) {
  for (const auto& session : ended_) session->handle_timeout(now);
  forget_donors();
  for (Visit& visit : visits_) {
    if (visit.step == Step::Talking) {
      visit.session->handle_timeout(now);
      pump(visit, now);
    } else if (visit.step == Step::Asking && visit.due && now >= *visit.due) {
      visit.wait *= 2;
      visit.due.reset();
      if (visit.tries == kSurveyTries)
        fail(visit, Error{Errc::NoResponse,
                          "asked for what it has behind version " + candidate(visit).version});
    }
  }
  begin_visits(now);
  leave_donors(now);
}

std::optional<Datagram> Survey::poll_transmit(TimePoint now) {
  for (const auto& session : ended_)
    if (auto datagram = session->poll_transmit(now)) return datagram;
  forget_donors();
  for (Visit& visit : visits_) {
    if (visit.step == Step::Talking)
      if (auto datagram = visit.session->poll_transmit(now)) return datagram;
    if (visit.step != Step::Asking || visit.due) continue;
    ++visit.tries;
    visit.due = now + visit.wait;
    const wire::IpmiRequest request = request_firmware(config_, nonce_, visit.after);
    return Datagram{.path = candidate(visit).path,
                    .bytes = visit.link.sessions
                                 ? session::sessionless_request(request, visit.sequence)
                                 : wire::plain::encode_request(request, visit.sequence)};
  }
  return std::nullopt;
}

std::optional<TimePoint> Survey::deadline() const {
  Soonest soonest;
  for (const auto& session : ended_) soonest.add(session->deadline());
  for (const Visit& visit : visits_) {
    if (visit.step == Step::Talking) soonest.add(visit.session->deadline());
    if (visit.step == Step::Asking) soonest.add(visit.due);
  }
  return soonest.time();
}

}  // namespace fwr::recipient
