// SPDX-License-Identifier: GPL-3.0-or-later
// Claims, defences and conflicts of bus addresses. PROTOCOL §11.3.
#include "link/icmb_assignment.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "wire/crc16.hpp"

namespace fwr::link {
namespace {

using wire::icmb::AddressMessage;
using wire::icmb::AddressMessageKind;
using wire::icmb::BusAddress;

constexpr std::uint16_t kAssignable = static_cast<std::uint16_t>(BusAddress::Last);  // how many

BusAddress assignable(std::uint16_t number) {
  return static_cast<BusAddress>(1 + number % kAssignable);
}

}  // namespace

IcmbAssignment::IcmbAssignment(const IcmbLimits& limits, RandomSource& random, const Guid& guid)
    : limits_(limits), random_(random), guid_(guid) {}

void IcmbAssignment::start(BusAddress wish, bool fixed, TimePoint now) {
  wish_ = is_assignable(wish) ? wish : BusAddress::Unassigned;
  fixed_ = fixed && is_assignable(wish);
  claim(is_assignable(wish) ? wish : assignable(wire::crc16(guid_)), now);
}

void IcmbAssignment::stop() {
  state_ = State::Off;
  returning_ = false;
  next_.reset();
  wanted_.reset();
}

BusAddress IcmbAssignment::address() const {
  return state_ == State::Holding ? address_ : BusAddress::Unassigned;
}

BusAddress IcmbAssignment::random_address() {
  std::array<std::byte, 2> bytes{};
  random_.fill(bytes);
  return assignable(ByteReader(bytes).u16());
}

/// The GUID that is lower as text keeps an address. Two of the same are a defect of their maker:
/// then both give way, and meet again with a chance of one in 65,279 only.
bool IcmbAssignment::outranks(const Guid& other) const {
  return std::lexicographical_compare(guid_.rbegin(), guid_.rend(), other.rbegin(), other.rend());
}

void IcmbAssignment::claim(BusAddress candidate, TimePoint now) {
  state_ = State::Claiming;
  address_ = candidate;
  returning_ = false;
  claims_sent_ = 0;
  in_transit_ = false;
  wanted_.reset();
  next_ = now;
}

void IcmbAssignment::move_on(TimePoint now) {
  if (fixed_) {
    state_ = State::Refused;
    wanted_.reset();
    next_ = now + limits_.conflict_retry;
    change_ = Change::Refused;
    return;
  }
  claim(random_address(), now);
  change_ = Change::Moved;
}

void IcmbAssignment::hold(BusAddress address, TimePoint now) {
  state_ = State::Holding;
  address_ = address;
  returning_ = false;
  change_ = Change::Held;
  next_.reset();
  if (is_away()) next_ = now + limits_.conflict_retry;
}

bool IcmbAssignment::is_away() const {
  return state_ == State::Holding && is_assignable(wish_) && address_ != wish_;
}

void IcmbAssignment::give_up_wish(TimePoint now) {
  returning_ = false;
  if (wanted_ && wanted_->address == wish_) wanted_.reset();
  next_ = now + limits_.conflict_retry;
}

void IcmbAssignment::handle_talker(BusAddress source, TimePoint now) {
  if (is_away() && source == wish_) give_up_wish(now);
}

void IcmbAssignment::defend(TimePoint now) {
  if (defended_at_ && now - *defended_at_ < limits_.defence_interval) return;
  defended_at_ = now;
  wanted_ = AddressMessage{AddressMessageKind::Defence, address_, guid_};
}

void IcmbAssignment::handle_message(const AddressMessage& message, TimePoint now) {
  if (returning_ && message.address == wish_) {
    if (message.kind == AddressMessageKind::Defence || !outranks(message.guid))
      give_up_wish(now);
    else
      next_ = now;
    return;
  }
  if (message.address != address_) return;
  switch (state_) {
    case State::Off:
    case State::Refused: return;
    case State::Claiming:
      if (message.kind == AddressMessageKind::Defence || !outranks(message.guid))
        move_on(now);
      else
        next_ = now;  // at once, so that the other one hears of us before it is done
      return;
    case State::Holding:
      // Any node on the bus can send this: the address is claimed once more, and a holder objects
      // again.
      if (message.kind == AddressMessageKind::Defence && !outranks(message.guid))
        claim(address_, now);
      else
        defend(now);
      return;
  }
}

bool IcmbAssignment::uses(BusAddress address) const {
  return is_assignable(address) && address == address_ &&
         (state_ == State::Holding || state_ == State::Claiming);
}

void IcmbAssignment::handle_impostor(TimePoint now) {
  if (state_ == State::Holding) defend(now);
  if (state_ == State::Claiming) move_on(now);
}

void IcmbAssignment::handle_restored(TimePoint now) {
  if (state_ == State::Holding) defend(now);
}

void IcmbAssignment::handle_sent(TimePoint now) {
  if (!std::exchange(in_transit_, false) || (state_ != State::Claiming && !returning_)) return;
  // The time to object begins when the claim has been heard, not when it was made.
  ++claims_sent_;
  next_ = now + limits_.claim_interval;
}

void IcmbAssignment::handle_timeout(TimePoint now) {
  if (!next_ || now < *next_) return;
  next_.reset();
  if (state_ == State::Refused) claim(address_, now);
  if (is_away() && !std::exchange(returning_, true)) claims_sent_ = 0;
  if (state_ != State::Claiming && !returning_) return;
  const BusAddress candidate = returning_ ? wish_ : address_;
  if (claims_sent_ >= limits_.claims) return hold(candidate, now);
  send_claim(candidate, now);
}

void IcmbAssignment::send_claim(BusAddress candidate, TimePoint now) {
  wanted_ = AddressMessage{AddressMessageKind::Claim, candidate, guid_};
  next_ = now + limits_.claim_retry;  // if the line does not take it
}

std::optional<TimePoint> IcmbAssignment::deadline() const {
  return next_;
}

std::optional<AddressMessage> IcmbAssignment::poll_message() {
  if (!wanted_) return std::nullopt;
  in_transit_ = wanted_->kind == AddressMessageKind::Claim;
  return std::exchange(wanted_, std::nullopt);
}

std::optional<IcmbAssignment::Change> IcmbAssignment::poll_change() {
  return std::exchange(change_, std::nullopt);
}

}  // namespace fwr::link
