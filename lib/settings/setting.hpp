// SPDX-License-Identifier: GPL-3.0-or-later
// What the table of a configuration file says about one setting.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace fwr::settings {

/// What a setting holds.
using Value = std::variant<bool, std::int64_t, std::string, std::vector<std::string>>;

enum class Kind : std::uint8_t {
  Text,
  TextList,
  Path,        ///< text: an absolute path, so that it leads to the same file from everywhere
  PathList,    ///< list of them
  SecretPath,  ///< a Path, or the name of a credential of the service manager; never in an error
  Integer,
  Boolean,
  Duration,  ///< seconds as an integer, or text such as "500ms", "10m", "2h"; kept in milliseconds
  Size,      ///< bytes as an integer, or text such as "64MiB"; kept in bytes
};

/// The lowest and the highest value of an Integer, a Duration (ms) or a Size (bytes).
struct Bounds {
  std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  std::int64_t highest = std::numeric_limits<std::int64_t>::max();
};
/// The same for a Duration.
constexpr Bounds between(std::chrono::milliseconds lowest, std::chrono::milliseconds highest) {
  return {lowest.count(), highest.count()};
}

/// A section that ends in ".*" has any name in the last place: [user.NAME]. A name that is more
/// than letters, digits, - and _ is in quotes there, as in TOML: user."svc.rack7".
struct Setting {
  std::string_view section;
  std::string_view key;
  Kind kind;
  std::string_view standard;  ///< default, in TOML; empty: none
  std::string_view meaning;
  Bounds bounds = {};

  [[nodiscard]] std::string name() const { return std::string(section) + "." + std::string(key); }
};

/// A setting that a caller gives by its value, such as an option of the command line.
struct Override {
  std::string_view name;  ///< "section.key"
  Value value;
};

}  // namespace fwr::settings
