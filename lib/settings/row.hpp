// SPDX-License-Identifier: GPL-3.0-or-later
// The rows of a configuration file: settings, and where in a structure each of them goes.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "settings/settings.hpp"

namespace fwr::settings {

/// Puts one setting into the structure, or says what is wrong with it.
template <class Config>
using Store = Result<> (*)(const Settings& settings, std::string_view name, Config& config);

template <class Config>
struct Row {
  Setting setting;
  Store<Config> store = nullptr;  ///< nullptr: the setting is read together with another one
};

template <class>
struct OwnerOf;
template <class Member, class Class>
struct OwnerOf<Member Class::*> {
  using Type = Class;
};
/// The structure that the first of some member pointers leads into.
template <auto Member>
using Owner = typename OwnerOf<decltype(Member)>::Type;

template <class>
inline constexpr bool kIsDuration = false;
template <class Rep, class Period>
inline constexpr bool kIsDuration<std::chrono::duration<Rep, Period>> = true;

/// Copies the value of a setting. A Duration is rounded down to the unit of `out`.
template <class T>
Result<> assign(const Settings& settings, std::string_view name, T& out) {
  if constexpr (std::is_same_v<T, bool>) {
    out = settings.flag(name);
  } else if constexpr (std::is_same_v<T, std::string>) {
    out = settings.text(name);
  } else if constexpr (std::is_same_v<T, std::optional<std::string>>) {
    if (settings.has(name)) out = settings.text(name);
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    out = settings.list(name);
  } else if constexpr (kIsDuration<T>) {
    out = std::chrono::duration_cast<T>(std::chrono::milliseconds(settings.integer(name)));
  } else {
    static_assert(std::is_integral_v<T>);
    out = static_cast<T>(settings.integer(name));
  }
  return {};
}

/// A Store that copies the value to a member, or to a member of a member:
/// into<&RecipientConfig::lan, &LanConfig::port>.
template <auto First, auto... Rest>
Result<> into(const Settings& settings, std::string_view name, Owner<First>& config) {
  return assign(settings, name, ((config.*First).*....*Rest));
}

/// The same for what a function reads from the setting:
/// read_by<read_role, &RecipientConfig::policy, &policy::Policy::required_role>.
template <auto Read, auto First, auto... Rest>
Result<> read_by(const Settings& settings, std::string_view name, Owner<First>& config) {
  auto value = Read(settings, name);
  if (!value) return tl::unexpected(value.error());
  ((config.*First).*....*Rest) = *std::move(value);
  return {};
}

/// Checks the bounds of all rows and stores them, in their order.
template <class Config>
Result<> store(std::type_identity_t<std::span<const Row<Config>>> rows, const Settings& settings,
               Config& config) {
  for (const Row<Config>& row : rows) {
    if (auto good = settings.check_bounds(row.setting); !good) return good;
    if (row.store == nullptr) continue;
    if (auto done = row.store(settings, row.setting.name(), config); !done) return done;
  }
  return {};
}

/// The settings of all rows of a file, for Settings::load().
template <class... Rows>
std::vector<Setting> table_of(const Rows&... parts) {
  std::vector<Setting> table;
  const auto add = [&table](const auto& rows) {
    for (const auto& row : rows) table.push_back(row.setting);
  };
  (add(parts), ...);
  return table;
}

}  // namespace fwr::settings
