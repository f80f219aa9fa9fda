// SPDX-License-Identifier: GPL-3.0-or-later
// Reading TOML against a table of settings.
#include "settings/settings.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "base/parse.hpp"
#include "file/file.hpp"
#include "file/file_error.hpp"
#include "settings/secret_environment.hpp"
#include "settings/trusted_file.hpp"

namespace fwr::settings {
namespace {

constexpr std::string_view kKgName = "K_g";

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

bool is_absolute(const std::string& path) {
  return path.starts_with('/') && path.find('\0') == std::string::npos;
}

/// As systemd names credentials: no path, and nothing hidden.
bool is_credential_name(const std::string& name) {
  return !name.starts_with('.') &&
         name.find_first_of(std::string_view("/\0", 2)) == std::string::npos &&
         !credential_path(name).empty();
}

/// An empty text is what is left of a variable that is not set: leaving the line out says "none".
std::optional<Value> to_text(const toml::node& node, bool (*is_good)(const std::string&)) {
  auto text = node.value_exact<std::string>();
  if (!text || text->empty() || !is_good(*text)) return std::nullopt;
  return *std::move(text);
}

std::optional<Value> to_list(const toml::node& node, bool (*is_good)(const std::string&)) {
  const toml::array* array = node.as_array();
  if (array == nullptr) return std::nullopt;
  std::vector<std::string> list;
  for (const toml::node& element : *array) {
    const auto text = element.value_exact<std::string>();
    if (!text || text->empty() || !is_good(*text)) return std::nullopt;
    list.push_back(*text);
  }
  return list;
}

/// A number alone is in units of `factor`.
std::optional<Value> to_quantity(const toml::node& node, std::int64_t factor,
                                 std::optional<std::int64_t> (*parse)(std::string_view text)) {
  std::int64_t product = 0;
  if (const auto number = node.value_exact<std::int64_t>()) {
    if (*number < 0 || __builtin_mul_overflow(*number, factor, &product)) return std::nullopt;
    return product;
  }
  const auto text = node.value_exact<std::string>();
  if (!text) return std::nullopt;
  if (const auto value = parse(*text)) return *value;
  return std::nullopt;
}

std::optional<Value> convert(Kind kind, const toml::node& node) {
  switch (kind) {
    case Kind::Text: return to_text(node, [](const std::string&) { return true; });
    case Kind::TextList: return to_list(node, [](const std::string&) { return true; });
    case Kind::Path: return to_text(node, is_absolute);
    case Kind::PathList: return to_list(node, is_absolute);
    case Kind::SecretPath:
      return to_text(node, [](const std::string& text) {
        return is_absolute(text) || is_credential_name(text);
      });
    case Kind::Integer:
      if (auto number = node.value_exact<std::int64_t>()) return *number;
      return std::nullopt;
    case Kind::Boolean:
      if (auto flag = node.value_exact<bool>()) return *flag;
      return std::nullopt;
    case Kind::Duration: return to_quantity(node, 1000, parse_duration_ms);
    case Kind::Size: return to_quantity(node, 1, parse_size_bytes);
  }
  return std::nullopt;
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

/// Whether a TOML file could have this on one line: UTF-8 without control characters.
bool is_line_of_toml(const std::string& text) {
  if (text.find_first_of("\r\n") != std::string::npos) return false;
  try {
    return toml::parse("# " + text).empty();
  } catch (const toml::parse_error&) {
    return false;
  }
}

/// As a TOML file has it between dots: in quotes unless it is letters, digits, - and _.
std::string quoted(const std::string& name) {
  constexpr std::string_view kBare =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  if (!name.empty() && name.find_first_not_of(kBare) == std::string::npos) return name;
  return as_toml(toml::value<std::string>(name));
}

/// Where the text leaves its quotes and has `wanted`; `from` the end: the last such place.
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

/// "section.*" matches "section.anything".
bool section_matches(std::string_view pattern, std::string_view section) {
  if (!pattern.ends_with(".*")) return pattern == section;
  pattern.remove_suffix(1);
  return section.size() > pattern.size() && section.starts_with(pattern) &&
         find_outside_quotes(section.substr(pattern.size()), '.', false) == std::string_view::npos;
}

/// The names on the left of an override, as they are in `held_`; empty: they are no TOML.
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

/// As it would be written: milliseconds and bytes are what no setting shows.
std::string with_unit(Kind kind, std::int64_t value) {
  if (kind == Kind::Duration)
    return value % 1000 == 0 ? fmt::format("{}s", value / 1000) : fmt::format("{}ms", value);
  if (kind != Kind::Size) return fmt::format("{}", value);
  constexpr std::int64_t kKibi = 1024;
  if (value != 0 && value % (kKibi * kKibi) == 0)
    return fmt::format("{}MiB", value / (kKibi * kKibi));
  return value % kKibi == 0 ? fmt::format("{}KiB", value / kKibi) : fmt::format("{}B", value);
}

}  // namespace

namespace {

/// What there is in place of what is wanted.
std::string instead(Kind kind, const toml::node& node) {
  if (kind == Kind::SecretPath) return {};
  const auto text = node.value_exact<std::string>();
  if (text && text->empty()) return ", and is empty: leave the setting out for none";
  return ", not " + as_toml(node);
}

bool is_text(Kind kind) {
  return kind == Kind::Text || kind == Kind::Path || kind == Kind::SecretPath;
}

}  // namespace

/// Walks a parsed file and takes what the table knows.
class Settings::Reader {
 public:
  Reader(std::span<const Setting> table, Settings& out) : table_(table), out_(out) {}

  void defaults() {
    for (const Setting& row : table_) {
      if (row.standard.empty() || row.section.ends_with(".*")) continue;
      const toml::table parsed = toml::parse(fmt::format("value = {}", row.standard));
      const toml::node& node = *parsed.get("value");
      out_.held_[fmt::format("{}.{}", row.section, row.key)] =
          Held{convert(row.kind, node).value(), std::string(row.standard), "default", row.kind};
    }
  }

  Result<> table(const toml::table& content, const std::string& section, std::string_view origin) {
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

  /// "section.key=value"; a value that is no TOML, or for a text, is a text.
  Result<> override_with(const std::string& text) {
    if (!is_line_of_toml(text))
      return fail(Errc::BadUsage, "an override is not one line of text in UTF-8");
    const std::size_t equals = find_outside_quotes(text, '=', false);
    const std::size_t dot = find_outside_quotes(text.substr(0, equals), '.', true);
    // The value, which may be a secret, is not repeated.
    if (equals == std::string::npos || dot == std::string::npos)
      return fail(Errc::BadUsage, fmt::format("an override{} is not SECTION.KEY=VALUE",
                                              equals == std::string::npos
                                                  ? std::string()
                                                  : " of '" + text.substr(0, equals) + "'"));
    const std::string value = text.substr(equals + 1);
    const std::string section = section_of_override(text.substr(0, dot));
    const std::string key = text.substr(dot + 1, equals - dot - 1);
    try {
      const toml::table parsed = toml::parse(fmt::format("value = {}", value));
      const toml::node* node = parsed.get("value");
      // A text such as 0x0014 or 2.14 need not be quoted twice.
      if (parsed.size() == 1 && (node->is_string() || !wants_text(section, key)))
        return setting(section, key, *node, "command line");
    } catch (const toml::parse_error&) {  // not TOML: a bare word
    }
    return setting(section, key, toml::value<std::string>(value), "command line");
  }

 private:
  Result<> setting(const std::string& section, const std::string& key, const toml::node& node,
                   const std::string& where) {
    for (const Setting& row : table_) {
      if (row.key != key || !section_matches(row.section, section)) continue;
      auto value = convert(row.kind, node);
      if (!value)
        return fail(Errc::BadConfiguration,
                    fmt::format("{}: '{}.{}' wants {}{}", where, section, key,
                                expectation(row.kind), instead(row.kind, node)));
      out_.held_[fmt::format("{}.{}", section, key)] =
          Held{*std::move(value), as_toml(node), where, row.kind};
      return {};
    }
    return unknown(where, section.empty() ? key : fmt::format("{}.{}", section, key));
  }

  [[nodiscard]] bool wants_text(std::string_view section, std::string_view key) const {
    return std::any_of(table_.begin(), table_.end(), [&](const Setting& row) {
      return is_text(row.kind) && row.key == key && section_matches(row.section, section);
    });
  }

  [[nodiscard]] bool known_section(std::string_view path) const {
    return std::any_of(table_.begin(), table_.end(), [&](const Setting& row) {
      return section_matches(row.section, path) ||
             (row.section.ends_with(".*") && row.section.substr(0, row.section.size() - 2) == path);
    });
  }

  static tl::unexpected<Error> unknown(const std::string& where, const std::string& name) {
    return fail(Errc::BadConfiguration, fmt::format("{}: there is no setting '{}'", where, name));
  }

  std::span<const Setting> table_;
  Settings& out_;
};

Result<Settings> Settings::load(std::span<const Setting> table, const std::string& path,
                                bool required, std::span<const std::string> overrides) {
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
  for (const std::string& text : overrides)
    if (auto done = reader.override_with(text); !done) return tl::unexpected(done.error());
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

template <class T>
T value_or_empty(const Value* value) {
  const T* held = value == nullptr ? nullptr : std::get_if<T>(value);
  return held == nullptr ? T{} : *held;
}

}  // namespace

std::string Settings::text(std::string_view name) const {
  const Held* held = find(name);
  return value_or_empty<std::string>(held == nullptr ? nullptr : &held->value);
}
std::vector<std::string> Settings::list(std::string_view name) const {
  const Held* held = find(name);
  return value_or_empty<std::vector<std::string>>(held == nullptr ? nullptr : &held->value);
}
std::int64_t Settings::integer(std::string_view name) const {
  const Held* held = find(name);
  return value_or_empty<std::int64_t>(held == nullptr ? nullptr : &held->value);
}
bool Settings::flag(std::string_view name) const {
  const Held* held = find(name);
  return value_or_empty<bool>(held == nullptr ? nullptr : &held->value);
}

Result<std::int64_t> Settings::integer_in(std::string_view name, std::int64_t lowest,
                                          std::int64_t highest) const {
  const std::int64_t value = integer(name);
  const Held* held = find(name);
  const Kind kind = held == nullptr ? Kind::Integer : held->kind;
  if (value < lowest || value > highest)
    return complain(name, fmt::format("must be from {} to {}, and is {}", with_unit(kind, lowest),
                                      with_unit(kind, highest), with_unit(kind, value)));
  return value;
}

std::vector<std::string> Settings::names(std::string_view section) const {
  section.remove_suffix(1);  // the star
  std::vector<std::string> names;
  for (const auto& [name, held] : held_) {
    if (!name.starts_with(section)) continue;
    // Keys have no dots.
    std::string last = name.substr(section.size(), name.rfind('.') - section.size());
    if (last.starts_with('"'))
      last = toml::parse("value = " + last).get("value")->value_or(std::string());
    if (std::find(names.begin(), names.end(), last) == names.end()) names.push_back(last);
  }
  return names;
}

std::string Settings::section_of(std::string_view section, const std::string& name) {
  section.remove_suffix(1);
  return std::string(section) + quoted(name);
}

std::string Settings::secret_path(std::string_view name) const {
  const std::string path = text(name);
  if (path.empty()) return path;
  if (!path.starts_with('/')) return credential_path(path);
  const std::string credential = credential_for(path);
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

Result<std::string> read_text_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd = file::open(path, O_RDONLY);
  if (!fd.is_open()) return file::read_failure(errno, path);
  return file::read_to_end(fd.get(), path, limit);
}

Result<DecidingFile> read_deciding_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd = file::open(path, O_RDONLY);
  if (!fd.is_open()) return file::read_failure(errno, path);
  auto complaint = complaint_about(fd.get(), path);
  auto text = file::read_to_end(fd.get(), path, limit);
  if (!text) return tl::unexpected(text.error());
  return DecidingFile{*std::move(text), std::move(complaint)};
}

namespace {

bool is_control(std::byte byte) {
  return byte < std::byte{0x20} || byte == std::byte{0x7f};
}

/// Characters that other tools, such as ipmitool, do not take for a part of it. Empty: none.
std::string stray_character(ByteView secret) {
  const auto at = std::find_if(secret.begin(), secret.end(), is_control);
  if (at == secret.end()) return {};
  if (*at == std::byte{'\r'} && (at + 1 == secret.end() || *(at + 1) == std::byte{'\n'}))
    return "has a carriage return at the end of its line, as Windows writes it; take it away with "
           "tr -d '\\r'";
  if (*at == std::byte{'\n'}) return "has more than one line";
  return fmt::format("has a control character (0x{:02x}) as byte {}", *at, at - secret.begin() + 1);
}

/// A K_g may be any bytes. One that would be a text but for the ends of its lines is one.
bool is_binary_key(ByteView secret, std::string_view what) {
  return what == kKgName && std::any_of(secret.begin(), secret.end(), [](std::byte byte) {
           return byte >= std::byte{0x7f} ||
                  (is_control(byte) && byte != std::byte{'\r'} && byte != std::byte{'\n'});
         });
}

bool begins_as_hex(ByteView secret) {
  return secret.size() > 2 && secret[0] == std::byte{'0'} &&
         (secret[1] == std::byte{'x'} || secret[1] == std::byte{'X'});
}

/// 0x and two digits a byte, as FreeIPMI and ipmitool -y have a K_g.
Result<Secret> read_hex_key(ByteView text, std::string_view where) {
  const ByteView digits = text.subspan(2);
  std::array<std::byte, kSecretLimit_bytes> key{};
  bool good = digits.size() % 2 == 0 && digits.size() / 2 <= key.size();
  for (std::size_t i = 0; good && i < digits.size(); ++i) {
    const auto c = static_cast<unsigned char>(digits[i]);
    good = std::isxdigit(c) != 0;
    const unsigned digit = c <= '9' ? c - '0' : (c | 0x20U) - 'a' + 10;
    if (good) key.at(i / 2) = key.at(i / 2) << 4U | static_cast<std::byte>(digit);
  }
  Secret secret(ByteView(key).first(good ? digits.size() / 2 : 0));
  OPENSSL_cleanse(key.data(), key.size());
  if (good) return secret;
  return fail(Errc::BadConfiguration,
              fmt::format("{}: after 0x K_g has two hexadecimal digits for each of 1 to {} bytes",
                          where, kSecretLimit_bytes));
}

/// `where`: the secret, or the file that it is in.
Result<Secret> check_secret(ByteView secret, std::string_view where, std::string_view what) {
  if (what == kKgName && begins_as_hex(secret)) return read_hex_key(secret, where);
  if (const std::string stray = stray_character(secret);
      !stray.empty() && !is_binary_key(secret, what))
    return fail(Errc::BadConfiguration, fmt::format("{}: {}", where, stray));
  if (!secret.empty() && secret.size() <= kSecretLimit_bytes) return Secret(secret);
  return fail(Errc::BadConfiguration,
              fmt::format("{}: must have 1 to {} bytes, and has {}", where, kSecretLimit_bytes,
                          secret.empty() ? "none" : "more"));
}

/// What is wrong with owner and mode of the file that is open.
Result<> check_access(int fd, const std::string& path, const std::string& where) {
  if (is_service_credential(path)) return {};
  struct stat status {};
  if (fstat(fd, &status) != 0) return file::read_failure(errno, where);
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return fail(Errc::InsecureSecret, fmt::format("{} has mode {:04o}; chmod 600 {}", where,
                                                  status.st_mode & 07777U, path));
  if (const auto wrong = complaint_about(fd, path))
    return fail(Errc::InsecureSecret, fmt::format("{} {}", where, *wrong));
  return {};
}

/// Here a secret passes through nothing that is not wiped.
Result<Secret> read_secret_file(const std::string& path, std::string_view what) {
  const UniqueFd fd = file::open(path, O_RDONLY);
  // Without the path: a password that stands in its place would be in the log.
  if (!fd.is_open() && (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG))
    return fail(Errc::NotFound, fmt::format("the {} file that is named", what));
  const std::string where = fmt::format("{} file {}", what, path);
  if (!fd.is_open()) return file::read_failure(errno, where);
  if (auto good = check_access(fd.get(), path, where); !good) return tl::unexpected(good.error());
  // As hexadecimal digits, with a line feed, and one more byte that shows that there are too many.
  std::array<std::byte, 2 + 2 * kSecretLimit_bytes + 2> buffer{};
  const auto count = file::read_stream(fd.get(), path, buffer);
  std::size_t length = count.value_or(0);
  if (length > 0 && buffer.at(length - 1) == std::byte{'\n'}) --length;
  if (length == 0 && count && is_service_credential(path))
    return fail(Errc::BadConfiguration,
                fmt::format("{}: the service manager handed over nothing: the file that "
                            "LoadCredential= of the unit names is missing or empty",
                            where));
  auto secret = check_secret(ByteView(buffer).first(length), where, what);
  OPENSSL_cleanse(buffer.data(), buffer.size());
  if (!count) return tl::unexpected(count.error());
  return secret;
}

}  // namespace

std::optional<std::string> weakness(const Secret& secret) {
  constexpr std::size_t kShort_bytes = 16;
  constexpr std::size_t kFewDifferent_bytes = 10;
  const ByteView bytes = secret.view();
  if (bytes.size() < kShort_bytes)
    return fmt::format("has {} bytes: whoever hears one login can try passwords of so few",
                       bytes.size());
  std::array<bool, 256> seen{};
  for (const std::byte byte : bytes) seen.at(std::to_integer<std::size_t>(byte)) = true;
  const auto different = std::count(seen.begin(), seen.end(), true);
  if (different < static_cast<std::ptrdiff_t>(kFewDifferent_bytes))
    return fmt::format("has {} different bytes only: whoever hears one login can find it",
                       different);
  return std::nullopt;
}

Result<Secret> read_secret(const std::string& path, const char* environment,
                           std::string_view what) {
  if (!path.empty()) return read_secret_file(path, what);
  const auto given = environment_secret(environment);
  if (!given)
    return fail(Errc::BadConfiguration,
                fmt::format("no {}: name a file of mode 0600 in the configuration, or set {}", what,
                            environment));
  return check_secret(given->view(), what, what);
}

}  // namespace fwr::settings
