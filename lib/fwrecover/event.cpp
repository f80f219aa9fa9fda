// SPDX-License-Identifier: GPL-3.0-or-later
// Fields of events.
#include "fwrecover/event.hpp"

#include <algorithm>

#include "base/log_text.hpp"

namespace fwrecover {
namespace {

template <class T>
T held_or_empty(const Value* value) {
  const T* held = value == nullptr ? nullptr : std::get_if<T>(value);
  return held == nullptr ? T{} : *held;
}

std::string made_safe(const std::string& text) {
  return fwr::log_text(fwr::as_bytes(text));
}

/// Peers choose names, versions and reports, and all of it ends on terminals: here is the one place
/// that every text passes.
Value made_safe(Value value) {
  if (auto* text = std::get_if<std::string>(&value)) *text = made_safe(*text);
  if (auto* list = std::get_if<std::vector<std::string>>(&value))
    for (std::string& text : *list) text = made_safe(text);
  return value;
}

}  // namespace

Observer::~Observer() = default;

Event& Event::set(std::string key, Value value) & {
  fields_.emplace_back(std::move(key), made_safe(std::move(value)));
  return *this;
}
Event&& Event::set(std::string key, Value value) && {
  fields_.emplace_back(std::move(key), made_safe(std::move(value)));
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
