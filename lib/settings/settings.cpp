// SPDX-License-Identifier: GPL-3.0-or-later
// Reading TOML against a table of settings.
#include "settings/settings.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "settings/toml_text.hpp"
#include "settings/trusted_file.hpp"

namespace fwr::settings {
namespace {

constexpr const char* kCommandLine = "command line";

tl::unexpected<Error> unknown(const std::string& where, const std::string& name) {
  return fail(Errc::BadConfiguration, fmt::format("{}: there is no setting '{}'", where, name));
}

std::vector<std::string> texts_of(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return {*text};
  const auto* list = std::get_if<std::vector<std::string>>(&value);
  return list == nullptr ? std::vector<std::string>() : *list;
}

}  // namespace

/// Takes into the settings what the table knows.
class Settings::Reader {
 public:
  Reader(std::span<const Setting> table, Settings& out) : table_(table), out_(out) {}

  void defaults();
  /// A parsed file, or a section in it.
  Result<> table(const toml::table& content, const std::string& section, std::string_view origin);
  /// "section.key=value". A value that is not TOML, or that stands for a text, is a text.
  Result<> override_text(const std::string& text);
  Result<> override_value(const Override& override);

 private:
  Result<> setting(const std::string& section, const std::string& key, const toml::node& node,
                   const std::string& where);
  Result<> keep(const Setting& row, const std::string& name, std::optional<Value> value,
                std::string toml, const std::string& where);
  [[nodiscard]] const Setting* find(std::string_view section, std::string_view key) const;
  [[nodiscard]] bool wants_text(std::string_view section, std::string_view key) const;
  [[nodiscard]] bool known_section(std::string_view path) const;

  std::span<const Setting> table_;
  Settings& out_;
};

Result<Settings> Settings::load(std::span<const Setting> table, const std::string& path,
                                bool required, std::span<const std::string> texts,
                                std::span<const Override> values) {
  Settings settings;
  Reader reader(table, settings);
  try {
    reader.defaults();
    auto content = read_deciding_file(path, kConfigLimit_bytes);
    if (!content && (required || content.error().code != Errc::NotFound))
      return fail(
          content.error().code == Errc::NoPermission ? Errc::NoPermission : Errc::BadConfiguration,
          content.error().detail);
    if (content) {
      if (content->complaint)
        settings.note_problem(
            fmt::format("{} {}: it decides what is installed", path, *content->complaint));
      const toml::table parsed = toml::parse(content->text, path);
      if (auto done = reader.table(parsed, "", path); !done) return tl::unexpected(done.error());
    }
  } catch (const toml::parse_error& error) {
    return fail(Errc::BadConfiguration,
                fmt::format("{}:{}: {}", path, error.source().begin.line, error.description()));
  }
  for (const std::string& text : texts)
    if (auto done = reader.override_text(text); !done) return tl::unexpected(done.error());
  for (const Override& override : values)
    if (auto done = reader.override_value(override); !done) return tl::unexpected(done.error());
  return settings;
}

const Settings::Held* Settings::find(std::string_view name) const {
  const auto found = held_.find(name);
  return found == held_.end() ? nullptr : &found->second;
}
bool Settings::has(std::string_view name) const {
  return find(name) != nullptr;
}

namespace {

/// The value that is held under a name, or an empty one.
template <class T, class Held>
T value_or_empty(const Held* held) {
  const T* value = held == nullptr ? nullptr : std::get_if<T>(&held->value);
  return value == nullptr ? T{} : *value;
}

}  // namespace

std::string Settings::text(std::string_view name) const {
  return value_or_empty<std::string>(find(name));
}
std::vector<std::string> Settings::list(std::string_view name) const {
  return value_or_empty<std::vector<std::string>>(find(name));
}
std::int64_t Settings::integer(std::string_view name) const {
  return value_or_empty<std::int64_t>(find(name));
}
bool Settings::flag(std::string_view name) const {
  return value_or_empty<bool>(find(name));
}

Result<> Settings::check_bounds(const Setting& row) const {
  const std::string name = row.name();
  const auto [lowest, highest] = row.bounds;
  const std::int64_t value = integer(name);
  if (value >= lowest && value <= highest) return {};
  return complain(name, fmt::format("must be from {} to {}, and is {}", with_unit(row.kind, lowest),
                                    with_unit(row.kind, highest), with_unit(row.kind, value)));
}

std::vector<std::string> Settings::names(std::string_view section) const {
  section.remove_suffix(1);  // the star
  std::vector<std::string> names;
  for (const auto& [name, held] : held_) {
    if (!name.starts_with(section)) continue;
    // Keys have no dots.
    std::string last = name.substr(section.size(), name.rfind('.') - section.size());
    if (last.starts_with('"'))
      last = toml::parse(fmt::format("value = {}", last)).get("value")->value_or(std::string());
    if (std::find(names.begin(), names.end(), last) == names.end()) names.push_back(last);
  }
  return names;
}

std::string Settings::section_of(std::string_view section, const std::string& name) {
  section.remove_suffix(1);
  return std::string(section) + quoted(name);
}

std::string Settings::secret_path(std::string_view name) const {
  std::string path = text(name);
  if (path.empty()) return path;
  if (!path.starts_with('/')) return credential_path(path);
  std::string credential = credential_for(path);
  return credential.empty() ? path : credential;
}

std::string Settings::source(std::string_view name) const {
  const Held* held = find(name);
  return held == nullptr ? "default" : held->source;
}

tl::unexpected<Error> Settings::complain(std::string_view name, std::string_view what) const {
  return fail(Errc::BadConfiguration, fmt::format("{}: '{}' {}", source(name), name, what));
}

std::vector<Settings::Effective> Settings::effective() const {
  std::vector<Effective> all;
  for (const auto& [name, held] : held_) all.push_back({name, held.toml, held.source});
  return all;
}

void Settings::Reader::defaults() {
  for (const Setting& row : table_) {
    if (row.standard.empty() || row.section.ends_with(".*")) continue;
    const toml::table parsed = toml::parse(fmt::format("value = {}", row.standard));
    const toml::node& node = *parsed.get("value");
    out_.held_[row.name()] =
        Held{convert(row.kind, node).value(), std::string(row.standard), "default"};
  }
}

Result<> Settings::Reader::table(const toml::table& content, const std::string& section,
                                 std::string_view origin) {
  for (const auto& [key, node] : content) {
    const std::string name(key.str());
    const std::string where = fmt::format("{}:{}", origin, node.source().begin.line);
    if (const toml::table* inner = node.as_table()) {
      const std::string path =
          section.empty() ? quoted(name) : fmt::format("{}.{}", section, quoted(name));
      if (!known_section(path)) return unknown(where, fmt::format("[{}]", path));
      if (auto done = table(*inner, path, origin); !done) return done;
    } else if (auto done = setting(section, name, node, where); !done) {
      return done;
    }
  }
  return {};
}

Result<> Settings::Reader::override_text(const std::string& text) {
  if (!is_line_of_toml(text))
    return fail(Errc::BadUsage, "an override is not one line of text in UTF-8");
  const std::size_t equals = find_outside_quotes(text, '=', false);
  const std::size_t dot = find_outside_quotes(text.substr(0, equals), '.', true);
  // The value, which may be a secret, is not repeated.
  if (equals == std::string::npos || dot == std::string::npos)
    return fail(Errc::BadUsage,
                fmt::format("an override{} is not SECTION.KEY=VALUE",
                            equals == std::string::npos ? std::string()
                                                        : " of '" + text.substr(0, equals) + "'"));
  const std::string value = text.substr(equals + 1);
  const std::string section = section_of_override(text.substr(0, dot));
  const std::string key = text.substr(dot + 1, equals - dot - 1);
  try {
    const toml::table parsed = toml::parse(fmt::format("value = {}", value));
    const toml::node* node = parsed.get("value");
    // A text such as 0x0014 or 2.14 need not be quoted twice.
    if (parsed.size() == 1 && (node->is_string() || !wants_text(section, key)))
      return setting(section, key, *node, kCommandLine);
  } catch (const toml::parse_error&) {  // not TOML: a bare word
  }
  return setting(section, key, toml::value<std::string>(value), kCommandLine);
}

Result<> Settings::Reader::override_value(const Override& override) {
  const std::string name(override.name);
  const std::size_t dot = name.rfind('.');
  const Setting* row = find(name.substr(0, dot), name.substr(dot + 1));
  if (row == nullptr) return unknown(kCommandLine, name);
  for (const std::string& text : texts_of(override.value))
    if (!is_line_of_toml(text))
      return fail(Errc::BadUsage, "an override is not one line of text in UTF-8");
  const bool good = fits(row->kind, override.value);
  return keep(*row, name, good ? std::optional(override.value) : std::nullopt,
              as_toml(row->kind, override.value), kCommandLine);
}

Result<> Settings::Reader::setting(const std::string& section, const std::string& key,
                                   const toml::node& node, const std::string& where) {
  const std::string name = section.empty() ? key : fmt::format("{}.{}", section, key);
  const Setting* row = find(section, key);
  if (row == nullptr) return unknown(where, name);
  return keep(*row, name, convert(row->kind, node), as_toml(node), where);
}

Result<> Settings::Reader::keep(const Setting& row, const std::string& name,
                                std::optional<Value> value, std::string toml,
                                const std::string& where) {
  if (!value)
    return fail(Errc::BadConfiguration,
                fmt::format("{}: '{}' wants {}{}", where, name, expectation(row.kind),
                            instead(row.kind, toml)));
  out_.held_[name] = Held{*std::move(value), std::move(toml), where};
  return {};
}

const Setting* Settings::Reader::find(std::string_view section, std::string_view key) const {
  const auto found = std::find_if(table_.begin(), table_.end(), [&](const Setting& row) {
    return row.key == key && section_matches(row.section, section);
  });
  return found == table_.end() ? nullptr : &*found;
}

bool Settings::Reader::wants_text(std::string_view section, std::string_view key) const {
  const Setting* row = find(section, key);
  return row != nullptr &&
         (row->kind == Kind::Text || row->kind == Kind::Path || row->kind == Kind::SecretPath);
}

bool Settings::Reader::known_section(std::string_view path) const {
  return std::any_of(table_.begin(), table_.end(), [&](const Setting& row) {
    return section_matches(row.section, path) ||
           (row.section.ends_with(".*") && row.section.substr(0, row.section.size() - 2) == path);
  });
}

}  // namespace fwr::settings
