// SPDX-License-Identifier: GPL-3.0-or-later
// TOML values, names and lines as settings have them.
#include "settings/toml_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <sstream>

#include "base/parse.hpp"
#include "settings/trusted_file.hpp"

namespace fwr::settings {
namespace {

std::optional<Value> read_node(Kind kind, const toml::node& node);

}  // namespace

std::optional<Value> convert(Kind kind, const toml::node& node) {
  auto value = read_node(kind, node);
  if (value && !fits(kind, *value)) return std::nullopt;
  return value;
}

namespace {

std::optional<Value> read_list(const toml::node& node) {
  const toml::array* array = node.as_array();
  if (array == nullptr) return std::nullopt;
  std::vector<std::string> list;
  for (const toml::node& element : *array) {
    const auto text = element.value_exact<std::string>();
    if (!text) return std::nullopt;
    list.push_back(*text);
  }
  return list;
}

/// A number alone is in units of `factor`.
std::optional<Value> read_quantity(const toml::node& node, std::int64_t factor,
                                   std::optional<std::int64_t> (*parse)(std::string_view text)) {
  std::int64_t product = 0;
  if (const auto number = node.value_exact<std::int64_t>()) {
    if (__builtin_mul_overflow(*number, factor, &product)) return std::nullopt;
    return product;
  }
  const auto text = node.value_exact<std::string>();
  if (!text) return std::nullopt;
  if (const auto value = parse(*text)) return *value;
  return std::nullopt;
}

template <class T>
std::optional<Value> read_exact(const toml::node& node) {
  if (auto value = node.value_exact<T>()) return *std::move(value);
  return std::nullopt;
}

std::optional<Value> read_node(Kind kind, const toml::node& node) {
  switch (kind) {
    case Kind::Text:
    case Kind::Path:
    case Kind::SecretPath: return read_exact<std::string>(node);
    case Kind::TextList:
    case Kind::PathList: return read_list(node);
    case Kind::Integer: return read_exact<std::int64_t>(node);
    case Kind::Boolean: return read_exact<bool>(node);
    case Kind::Duration: return read_quantity(node, 1000, parse_duration_ms);
    case Kind::Size: return read_quantity(node, 1, parse_size_bytes);
  }
  return std::nullopt;
}

bool is_absolute(const std::string& path) {
  return path.starts_with('/') && path.find('\0') == std::string::npos;
}

/// The names that systemd gives credentials: no path, and no hidden file.
bool is_credential_name(const std::string& name) {
  return !name.starts_with('.') &&
         name.find_first_of(std::string_view("/\0", 2)) == std::string::npos &&
         !credential_path(name).empty();
}

/// An empty text is refused, because a script whose variable is not set writes one. A setting that
/// is left out means "none".
bool text_fits(Kind kind, const std::string& text) {
  if (text.empty()) return false;
  if (kind == Kind::Path || kind == Kind::PathList) return is_absolute(text);
  return kind != Kind::SecretPath || is_absolute(text) || is_credential_name(text);
}

}  // namespace

bool fits(Kind kind, const Value& value) {
  const auto good = [kind](const std::string& text) { return text_fits(kind, text); };
  switch (kind) {
    case Kind::Text:
    case Kind::Path:
    case Kind::SecretPath: {
      const auto* text = std::get_if<std::string>(&value);
      return text != nullptr && good(*text);
    }
    case Kind::TextList:
    case Kind::PathList: {
      const auto* list = std::get_if<std::vector<std::string>>(&value);
      return list != nullptr && std::all_of(list->begin(), list->end(), good);
    }
    case Kind::Integer: return std::holds_alternative<std::int64_t>(value);
    case Kind::Boolean: return std::holds_alternative<bool>(value);
    case Kind::Duration:
    case Kind::Size: {
      const auto* number = std::get_if<std::int64_t>(&value);
      return number != nullptr && *number >= 0;
    }
  }
  return false;
}

std::string_view expectation(Kind kind) {
  switch (kind) {
    case Kind::Text: return "a text in quotes";
    case Kind::TextList: return "a list of texts, such as [\"one\", \"two\"]";
    case Kind::Path: return "an absolute path in quotes";
    case Kind::PathList: return "a list of absolute paths, such as [\"/etc/one\", \"/etc/two\"]";
    case Kind::SecretPath:
      return "the absolute path of a file, or the name of a credential of the service manager; "
             "what it is instead is not shown, since it may be the secret";
    case Kind::Integer: return "an integer";
    case Kind::Boolean: return "true or false";
    case Kind::Duration: return "seconds, or a text such as \"500ms\", \"10m\", \"2h\"";
    case Kind::Size: return "bytes, or a text such as \"64MiB\"";
  }
  return "another type";
}

std::string instead(Kind kind, std::string_view toml) {
  if (kind == Kind::SecretPath) return {};
  if (toml == R"("")") return ", and is empty: leave the setting out for none";
  return fmt::format(", not {}", toml);
}

std::string with_unit(Kind kind, std::int64_t value) {
  if (kind == Kind::Duration)
    return value % 1000 == 0 ? fmt::format("{}s", value / 1000) : fmt::format("{}ms", value);
  if (kind != Kind::Size) return fmt::format("{}", value);
  constexpr std::int64_t kKibi = 1024;
  if (value != 0 && value % (kKibi * kKibi) == 0)
    return fmt::format("{}MiB", value / (kKibi * kKibi));
  return value % kKibi == 0 ? fmt::format("{}KiB", value / kKibi) : fmt::format("{}B", value);
}

std::string as_toml(Kind kind, const Value& value) {
  const bool has_unit = kind == Kind::Duration || kind == Kind::Size;
  if (const auto* number = std::get_if<std::int64_t>(&value); number != nullptr && has_unit)
    return as_toml(toml::value<std::string>(with_unit(kind, *number)));
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    toml::array array;
    for (const std::string& text : *list) array.push_back(text);
    return as_toml(array);
  }
  if (const auto* text = std::get_if<std::string>(&value))
    return as_toml(toml::value<std::string>(*text));
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  return fmt::format("{}", std::get<std::int64_t>(value));
}

std::string as_toml(const toml::node& node) {
  // Escaped, in one line: the line feeds that are left stand between the elements of a list.
  constexpr auto kFlags = toml::toml_formatter::default_flags &
                          ~toml::format_flags::allow_multi_line_strings &
                          ~toml::format_flags::allow_literal_strings;
  std::ostringstream out;
  node.visit([&](const auto& value) { out << toml::toml_formatter(value, kFlags); });
  std::string text = out.str();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

bool is_line_of_toml(const std::string& text) {
  if (text.find_first_of("\r\n") != std::string::npos) return false;
  try {
    return toml::parse("# " + text).empty();
  } catch (const toml::parse_error&) {
    return false;
  }
}

std::string quoted(const std::string& name) {
  constexpr std::string_view kBare =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  if (!name.empty() && name.find_first_not_of(kBare) == std::string::npos) return name;
  return as_toml(toml::value<std::string>(name));
}

std::size_t find_outside_quotes(std::string_view text, char wanted, bool last) {
  std::size_t found = std::string_view::npos;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == '"' && c == '\\') {
      ++i;
    } else if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == wanted) {
      found = i;
      if (!last) return found;
    }
  }
  return found;
}

bool section_matches(std::string_view pattern, std::string_view section) {
  if (!pattern.ends_with(".*")) return pattern == section;
  pattern.remove_suffix(1);
  return section.size() > pattern.size() && section.starts_with(pattern) &&
         find_outside_quotes(section.substr(pattern.size()), '.', false) == std::string_view::npos;
}

std::string section_of_override(const std::string& text) {
  if (text.find_first_of("\"'") == std::string::npos) {
    // Also what is no bare key, such as a name with a blank.
    const std::size_t dot = text.find('.');
    if (dot == std::string::npos) return quoted(text);
    return text.substr(0, dot + 1) + quoted(text.substr(dot + 1));
  }
  try {
    const toml::table parsed = toml::parse(text + " = 0");
    std::string section;
    const toml::table* at = &parsed;
    while (at != nullptr && at->size() == 1) {
      const toml::table& only = *at;
      at = nullptr;
      for (const auto& [key, node] : only) {
        section += (section.empty() ? "" : ".") + quoted(std::string(key.str()));
        at = node.as_table();
      }
    }
    return section;
  } catch (const toml::parse_error&) {
    return {};
  }
}

}  // namespace fwr::settings
