// SPDX-License-Identifier: GPL-3.0-or-later
// Configuration: a table of settings drives reading, defaults, `config` output and the manual
// pages' test.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "settings/setting.hpp"

namespace fwr::settings {

/// The settings of one program after reading: defaults, then the file, then overrides.
class Settings {
 public:
  /// A file that is missing is an error only when `required`. `texts` are "section.key=value" in
  /// TOML, as --set has them; `values` win over them. Errors: BadConfiguration with file, line, and
  /// what is expected there; BadUsage for an override that no file could have.
  [[nodiscard]] static Result<Settings> load(std::span<const Setting> table,
                                             const std::string& path, bool required,
                                             std::span<const std::string> texts,
                                             std::span<const Override> values = {});

  [[nodiscard]] bool has(std::string_view name) const;  ///< "section.key", also by default
  [[nodiscard]] std::string text(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> list(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(
      std::string_view name) const;  ///< durations in ms, sizes in bytes
  [[nodiscard]] bool flag(std::string_view name) const;
  /// Errors: BadConfiguration, naming setting, source and bounds.
  [[nodiscard]] Result<> check_bounds(const Setting& row) const;
  /// The names in the last place of a section such as "user.*", without quotes.
  [[nodiscard]] std::vector<std::string> names(std::string_view section) const;
  /// The section with this name in the last place, with the quotes that it needs.
  [[nodiscard]] static std::string section_of(std::string_view section, const std::string& name);
  /// A SecretPath as a path. The name of a credential gets its directory; in place of a path stands
  /// the credential that the service manager handed over for it, if there is one.
  [[nodiscard]] std::string secret_path(std::string_view name) const;
  /// "default", "command line", or "FILE:LINE".
  [[nodiscard]] std::string source(std::string_view name) const;
  /// An error about a setting, with the place that the value came from.
  [[nodiscard]] tl::unexpected<Error> complain(std::string_view name, std::string_view what) const;

  /// A warning that the program prints once: take_problems() takes them away.
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
  };
  class Reader;
  [[nodiscard]] const Held* find(std::string_view name) const;
  std::map<std::string, Held, std::less<>> held_;
  mutable std::vector<std::string> problems_;
};

inline constexpr std::size_t kConfigLimit_bytes = 1U << 20;

}  // namespace fwr::settings
