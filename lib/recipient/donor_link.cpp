// SPDX-License-Identifier: GPL-3.0-or-later
// Keeping a donor's session alive, and leaving it. PROTOCOL §2.2.
#include "recipient/donor_link.hpp"

#include <algorithm>

#include "wire/oem.hpp"

namespace fwr::recipient {

void DonorLink::start(TimePoint now) {
  last_sent_ = now;
  client_->start(now);
}

Result<> DonorLink::ask(wire::IpmiRequest request, TimePoint now) {
  const auto ticket = client_->submit(std::move(request), now);
  if (!ticket) return tl::unexpected(ticket.error());
  asked_ = *ticket;
  return {};
}

bool DonorLink::answers(const session::CommandDone& done) {
  if (keep_alive_ == done.ticket) keep_alive_.reset();
  if (asked_ != done.ticket) return false;
  asked_.reset();
  return true;
}

void DonorLink::handle_timeout(TimePoint now) {
  client_->handle_timeout(now);
  if (!alive() || asking() || keep_alive_ || now < keep_alive_due()) return;
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

std::optional<Datagram> DonorLink::poll_transmit(TimePoint now) {
  auto bytes = client_->poll_transmit();
  if (!bytes) return std::nullopt;
  last_sent_ = now;
  return Datagram{.path = path_, .bytes = std::move(*bytes)};
}

std::optional<TimePoint> DonorLink::deadline() const {
  const auto client = client_->deadline();
  if (!alive() || asking() || keep_alive_) return client;
  const TimePoint keep = keep_alive_due();
  return client ? std::min(*client, keep) : keep;
}

Farewell::Farewell(std::unique_ptr<DonorLink> link, std::optional<wire::IpmiRequest> last_word,
                   Duration queue, TimePoint now)
    : link_(std::move(link)), until_(now + link_->timers().farewell + queue) {
  if (!link_->alive()) {
    // What the session said at its end, such as that the password is another one, still goes out.
    closing_ = true;
    until_ = now + kClosingTime;
    return;
  }
  // The answer to a keep-alive can be far behind what is in flight, and was for the lease that
  // ends.
  link_->client().forget_commands();
  if (!last_word || !link_->ask(std::move(*last_word), now)) close(now);
}

void Farewell::close(TimePoint now) {
  closing_ = true;
  until_ = now + kClosingTime;
  link_->client().close(now);
}

void Farewell::pump(TimePoint now) {
  while (const auto event = link_->client().poll_event()) {
    if (const auto* done = std::get_if<session::CommandDone>(&*event)) {
      if (link_->answers(*done) && !closing_) close(now);
    } else if (std::holds_alternative<session::SessionDown>(*event)) {
      closing_ = true;
    }
  }
}

void Farewell::handle_datagram(ByteView datagram, TimePoint now) {
  if (over_) return;
  link_->client().handle_datagram(datagram, now);
  pump(now);
}

void Farewell::handle_timeout(TimePoint now) {
  if (over_) return;
  if (!closing_) link_->client().handle_timeout(now);
  pump(now);
  if (now < until_) return;
  if (closing_)
    over_ = true;  // a link without room: nobody asks for what is left
  else
    close(now);
}

std::optional<Datagram> Farewell::poll_transmit(TimePoint now) {
  if (over_) return std::nullopt;
  pump(now);
  auto datagram = link_->poll_transmit(now);
  if (!datagram && closing_) over_ = true;
  return datagram;
}

std::optional<TimePoint> Farewell::deadline() const {
  if (over_) return std::nullopt;
  const auto client = link_->client().deadline();
  if (closing_ || !client) return until_;
  return std::min(*client, until_);
}

}  // namespace fwr::recipient
