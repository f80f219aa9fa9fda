// SPDX-License-Identifier: GPL-3.0-or-later
// Keeping a donor's session alive, and leaving it. PROTOCOL §2.2, §8.6.
#include "recipient/donor_session.hpp"

#include <utility>

#include "base/soonest.hpp"
#include "wire/oem.hpp"

namespace fwr::recipient {

void DonorSession::start(TimePoint now) {
  last_sent_ = now;
  client_->start(now);
}

Result<> DonorSession::ask(wire::IpmiRequest request, TimePoint now) {
  const auto ticket = client_->submit(std::move(request), now);
  if (!ticket) return tl::unexpected(ticket.error());
  asked_ = *ticket;
  return {};
}

bool DonorSession::answers(const session::CommandDone& done) {
  if (keep_alive_ == done.ticket) keep_alive_.reset();
  if (asked_ != done.ticket) return false;
  asked_.reset();
  return true;
}

void DonorSession::note_heard(TimePoint now) {
  last_heard_ = now;
  if (lease_ && !asked_) client_->note_alive();
}

std::optional<session::ClientEvent> DonorSession::poll_event() {
  auto event = client_->poll_event();
  if (event && std::holds_alternative<session::SessionDown>(*event)) dead_ = true;
  return event;
}

void DonorSession::handle_datagram(ByteView datagram, TimePoint now) {
  if (over()) return;
  client_->handle_datagram(datagram, now);
  if (leaving()) hear_last_answer(now);
}

void DonorSession::handle_timeout(TimePoint now) {
  if (leaving()) return finish_leaving(now);
  client_->handle_timeout(now);
  if (may_keep_alive() && now >= keep_alive_due()) keep_alive(now);
}

std::optional<Datagram> DonorSession::poll_transmit(TimePoint now) {
  if (over()) return std::nullopt;
  if (leaving()) hear_last_answer(now);
  auto bytes = client_->poll_transmit();
  if (!bytes) {
    if (phase_ == Phase::Closing) phase_ = Phase::Over;
    return std::nullopt;
  }
  last_sent_ = now;
  return Datagram{.path = path_, .bytes = std::move(*bytes)};
}

std::optional<TimePoint> DonorSession::deadline() const {
  Soonest soonest;
  switch (phase_) {
    case Phase::Open:
      soonest.add(client_->deadline());
      if (may_keep_alive()) soonest.add(keep_alive_due());
      break;
    case Phase::LastWord:
      soonest.add(client_->deadline());
      soonest.add(until_);
      break;
    case Phase::Closing: soonest.add(until_); break;
    case Phase::Over: break;
  }
  return soonest.time();
}

// --- keeping it alive ----------------------------------------------------------------------------

TimePoint DonorSession::keep_alive_due() const {
  if (!lease_) return last_sent_ + timers_.keep_session;
  const Duration patience = std::min(timers_.keep_session, std::max(lease_->lasts / 3, kLeastKeep));
  return std::min(std::max(last_sent_, last_heard_) + timers_.keep_lease, last_sent_ + patience);
}

void DonorSession::keep_alive(TimePoint now) {
  last_sent_ = now;
  // A read keeps session and lease: verifying a large slot takes its time.
  const auto ticket = client_->submit(
      lease_ ? wire::oem::make_request(
                   iana_, wire::oem::Command::ReadImage,
                   wire::oem::ReadRq{.handle = lease_->handle, .offset = 0, .count = 1})
             : wire::oem::make_request(iana_, wire::oem::Command::GetDonorStatus),
      now);
  // A full queue means that enough is on its way: then there is nothing to keep alive.
  if (ticket) keep_alive_ = *ticket;
}

// --- leaving -------------------------------------------------------------------------------------

void DonorSession::leave(std::optional<wire::IpmiRequest> last_word, Duration queue,
                         TimePoint now) {
  if (!alive()) {
    // What the session said at its end, such as that the password is another one, still goes out.
    phase_ = Phase::Closing;
    until_ = now + kClosingTime;
    return;
  }
  phase_ = Phase::LastWord;
  until_ = now + timers_.farewell + queue;
  // The answer to a keep-alive can be far behind what is in flight, and was for the lease that
  // ends.
  client_->forget_commands();
  if (!last_word || !ask(std::move(*last_word), now)) close(now);
}

void DonorSession::close(TimePoint now) {
  phase_ = Phase::Closing;
  until_ = now + kClosingTime;
  client_->close(now);
}

void DonorSession::hear_last_answer(TimePoint now) {
  while (const auto event = client_->poll_event()) {
    if (const auto* done = std::get_if<session::CommandDone>(&*event)) {
      if (answers(*done) && phase_ == Phase::LastWord) close(now);
    } else if (std::holds_alternative<session::SessionDown>(*event)) {
      phase_ = Phase::Closing;
    }
  }
}

void DonorSession::finish_leaving(TimePoint now) {
  if (over()) return;
  if (phase_ == Phase::LastWord) client_->handle_timeout(now);
  hear_last_answer(now);
  if (now < until_) return;
  if (phase_ == Phase::Closing)
    phase_ = Phase::Over;  // the link has no room: what is left is not sent any more
  else
    close(now);
}

}  // namespace fwr::recipient
