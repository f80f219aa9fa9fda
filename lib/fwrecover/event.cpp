// SPDX-License-Identifier: GPL-3.0-or-later
// Fields of events.
#include "fwrecover/event.hpp"

#include <algorithm>

namespace fwrecover {
namespace {

template <class T>
T held_or_empty(const Value* value) {
  const T* held = value == nullptr ? nullptr : std::get_if<T>(value);
  return held == nullptr ? T{} : *held;
}

}  // namespace

Observer::~Observer() = default;

Event& Event::set(std::string key, Value value) & {
  fields_.emplace_back(std::move(key), std::move(value));
  return *this;
}
Event&& Event::set(std::string key, Value value) && {
  fields_.emplace_back(std::move(key), std::move(value));
  return std::move(*this);
}

const Value* Event::find(std::string_view key) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(),
                                  [&](const auto& field) { return field.first == key; });
  return found == fields_.end() ? nullptr : &found->second;
}

bool Event::has(std::string_view key) const {
  return find(key) != nullptr;
}
bool Event::flag(std::string_view key) const {
  return held_or_empty<bool>(find(key));
}
std::int64_t Event::number(std::string_view key) const {
  return held_or_empty<std::int64_t>(find(key));
}
double Event::real(std::string_view key) const {
  return held_or_empty<double>(find(key));
}
std::string Event::text(std::string_view key) const {
  return held_or_empty<std::string>(find(key));
}
std::vector<std::string> Event::list(std::string_view key) const {
  return held_or_empty<std::vector<std::string>>(find(key));
}

}  // namespace fwrecover
