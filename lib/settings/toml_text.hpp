// SPDX-License-Identifier: GPL-3.0-or-later
// TOML values, names and lines as settings have them.
#pragma once

#include <toml++/toml.h>

#include <optional>
#include <string>
#include <string_view>

#include "settings/setting.hpp"

namespace fwr::settings {

/// Nothing: the node is not of this kind.
[[nodiscard]] std::optional<Value> convert(Kind kind, const toml::node& node);
/// Whether a setting of this kind may have the value.
[[nodiscard]] bool fits(Kind kind, const Value& value);
/// The words for a kind in an error: "an integer".
[[nodiscard]] std::string_view expectation(Kind kind);
/// The end of an error about a value that is not of this kind: what is there instead, in TOML.
/// Empty for a SecretPath, where it may be the secret.
[[nodiscard]] std::string instead(Kind kind, std::string_view toml);
/// A number of this kind as a file has it: "10s", "64MiB".
[[nodiscard]] std::string with_unit(Kind kind, std::int64_t value);

/// In one line of TOML.
[[nodiscard]] std::string as_toml(const toml::node& node);
[[nodiscard]] std::string as_toml(Kind kind, const Value& value);
/// Whether a TOML file could have this text in one line: UTF-8 without control characters.
[[nodiscard]] bool is_line_of_toml(const std::string& text);

/// A part of a name as TOML has it between dots: in quotes unless it is letters, digits, - and _.
[[nodiscard]] std::string quoted(const std::string& name);
/// The first or the last `wanted` that is not inside of quotes; npos: there is none.
[[nodiscard]] std::size_t find_outside_quotes(std::string_view text, char wanted, bool last);
/// "section.*" matches "section.anything".
[[nodiscard]] bool section_matches(std::string_view pattern, std::string_view section);
/// The section of an override with the quotes that it needs; empty: the text is not TOML.
[[nodiscard]] std::string section_of_override(const std::string& text);

}  // namespace fwr::settings
