// SPDX-License-Identifier: GPL-3.0-or-later
// Configuration: a table of settings drives reading, defaults, `config` output and the manual
// pages' test.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/types.hpp"

namespace fwr::settings {

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

/// What a setting holds.
using Value = std::variant<bool, std::int64_t, std::string, std::vector<std::string>>;

/// One row. A section that ends in ".*" has any name in the last place: [user.NAME]. A name that is
/// more than letters, digits, - and _ is in quotes there, as in TOML: user."svc.rack7".
struct Setting {
  std::string_view section;
  std::string_view key;
  Kind kind;
  std::string_view standard;  ///< default, in TOML; empty: none
  std::string_view meaning;
};

/// The settings of one program after reading: defaults, then the file, then overrides.
class Settings {
 public:
  /// A file that is missing is an error only when `required`. Errors: BadConfiguration with file,
  /// line, and what is expected there.
  [[nodiscard]] static Result<Settings> load(std::span<const Setting> table,
                                             const std::string& path, bool required,
                                             std::span<const std::string> overrides);

  [[nodiscard]] bool has(std::string_view name) const;  ///< "section.key", also by default
  [[nodiscard]] std::string text(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> list(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(
      std::string_view name) const;  ///< durations in ms, sizes in bytes
  [[nodiscard]] bool flag(std::string_view name) const;
  /// An integer within bounds. Errors: BadConfiguration, naming setting, source and bounds.
  [[nodiscard]] Result<std::int64_t> integer_in(std::string_view name, std::int64_t lowest,
                                                std::int64_t highest) const;
  /// The names in the last place of a section such as "user.*", without quotes.
  [[nodiscard]] std::vector<std::string> names(std::string_view section) const;
  /// The section with this name in the last place, with the quotes that it needs.
  [[nodiscard]] static std::string section_of(std::string_view section, const std::string& name);
  /// A SecretPath, with the credential's directory in front of its name; of a path the credential
  /// that was handed over in its place, when there is one.
  [[nodiscard]] std::string secret_path(std::string_view name) const;
  /// "default", "command line", or "FILE:LINE".
  [[nodiscard]] std::string source(std::string_view name) const;
  /// A complaint about a setting that says where it came from.
  [[nodiscard]] tl::unexpected<Error> complain(std::string_view name, std::string_view what) const;

  /// What is no error and has to be said all the same, once: who asks takes it away.
  void note_problem(std::string text) const { problems_.push_back(std::move(text)); }
  [[nodiscard]] std::vector<std::string> take_problems() const {
    return std::exchange(problems_, {});
  }

  struct Effective {
    std::string name;
    std::string value;  ///< in TOML
    std::string source;
  };
  [[nodiscard]] std::vector<Effective> effective() const;

 private:
  struct Held {
    Value value;
    std::string toml;
    std::string source;
    Kind kind = Kind::Text;
  };
  class Reader;
  [[nodiscard]] const Held* find(std::string_view name) const;
  std::map<std::string, Held, std::less<>> held_;
  mutable std::vector<std::string> problems_;
};

/// Settings::integer_in() into whatever type the bounds fit.
template <class T>
[[nodiscard]] Result<> narrow(const Settings& settings, std::string_view name, std::int64_t lowest,
                              std::int64_t highest, T& out) {
  const auto value = settings.integer_in(name, lowest, highest);
  if (!value) return tl::unexpected(value.error());
  out = static_cast<T>(*value);
  return {};
}

inline constexpr std::size_t kConfigLimit_bytes = 1U << 20;
inline constexpr std::size_t kSecretLimit_bytes = 20;  ///< IPMI v2.0 §22.30, Set User Password

/// A password or K_g: one line of a file that only its owner, root or the running user, can read or
/// replace, or the value of an environment variable when the path is empty. Control characters are
/// refused, so that other tools take the same file for the same password; a K_g may have them when
/// it is no text. Errors: InsecureSecret (others can read or replace it), NotFound (which does not
/// repeat the path: it may be the secret itself), BadConfiguration (empty, longer than 20 bytes,
/// more than one line).
[[nodiscard]] Result<Secret> read_secret(const std::string& path, const char* environment,
                                         std::string_view what);
/// What is weak about a secret, for a warning: it is short, or has few different bytes.
[[nodiscard]] std::optional<std::string> weakness(const Secret& secret);

/// A whole file of at most `limit` bytes. Errors: NotFound, NoPermission, LimitExceeded, IoFailed.
[[nodiscard]] Result<std::string> read_text_file(const std::string& path, std::size_t limit);
/// The same of a file that decides something. `complaint`: who else could change it.
struct DecidingFile {
  std::string text;
  std::optional<std::string> complaint;
};
[[nodiscard]] Result<DecidingFile> read_deciding_file(const std::string& path, std::size_t limit);

}  // namespace fwr::settings
