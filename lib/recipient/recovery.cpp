// SPDX-License-Identifier: GPL-3.0-or-later
// The recovery machine's public face.
#include "recipient/recovery.hpp"

#include "recipient/machine.hpp"

namespace fwr::recipient {

Recovery::Recovery(RecoveryConfig config, flash::Slots& slots, RandomSource& random)
    : impl_(std::make_unique<Impl>(std::move(config), slots, random)) {}
Recovery::~Recovery() = default;

void Recovery::start(TimePoint now, std::int64_t wall_clock) {
  impl_->start(now, wall_clock);
}
void Recovery::abort(TimePoint now) {
  impl_->abort(now);
}
void Recovery::set_link_properties(const KnownLink& link) {
  impl_->set_link_properties(link);
}
void Recovery::handle_datagram(const Path& path, ByteView datagram, TimePoint now) {
  impl_->handle_datagram(path, datagram, now);
}
void Recovery::handle_timeout(TimePoint now) {
  impl_->handle_timeout(now);
}
std::optional<Datagram> Recovery::poll_transmit(TimePoint now) {
  return impl_->poll_transmit(now);
}
std::optional<RecoveryEvent> Recovery::poll_event() {
  return impl_->poll_event();
}
std::optional<TimePoint> Recovery::deadline() const {
  return impl_->deadline();
}
bool Recovery::finished() const {
  return impl_->finished();
}
State Recovery::state() const {
  return impl_->state();
}
Recovery::Held Recovery::held() const {
  return impl_->held();
}

}  // namespace fwr::recipient
