// SPDX-License-Identifier: GPL-3.0-or-later
// [trust]: the public keys that may sign firmware.
#include "settings/trusted_keys.hpp"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <array>

#include "config.h"
#include "settings/trusted_file.hpp"

namespace fwr::settings {
namespace {

using Keys = std::vector<image::PublicKey>;

Result<> store_keys(const Settings& settings, std::string_view name, Keys& keys);
Result<image::PublicKey> read_key(const Settings& settings, std::string_view name,
                                  const std::string& path);
std::vector<std::string> expand_pattern(const std::string& pattern);

constexpr std::array<Row<Keys>, 1> kRows{{
    {{"trust", "keys", Kind::PathList, "[\"" FWR_SYSCONFDIR "/fwrecover/keys/*.pub\"]",
      "minisign public keys that may sign firmware"},
     store_keys},
}};

}  // namespace

std::span<const Row<Keys>> trust_rows() {
  return kRows;
}

Result<Keys> read_trusted_keys(const Settings& settings) {
  Keys keys;
  if (auto done = store(trust_rows(), settings, keys); !done) return tl::unexpected(done.error());
  return keys;
}

namespace {

Result<> store_keys(const Settings& settings, std::string_view name, Keys& keys) {
  std::vector<std::string> paths;
  for (const std::string& pattern : settings.list(name)) {
    for (const std::string& path : expand_pattern(pattern)) {
      auto key = read_key(settings, name, path);
      if (!key) return tl::unexpected(key.error());
      const auto same_id =
          std::find_if(keys.begin(), keys.end(),
                       [&](const image::PublicKey& known) { return known.id == key->id; });
      if (same_id != keys.end() && same_id->key == key->key) continue;
      if (same_id != keys.end())
        settings.note_problem(
            fmt::format("{} and {} are different keys with one id, {}: both are tried, and one of "
                        "them was made to be taken for the other",
                        paths.at(static_cast<std::size_t>(same_id - keys.begin())), path,
                        image::to_text(key->id)));
      if (keys.size() == image::kTrustedKeyLimit)
        return settings.complain(name,
                                 fmt::format("names more than {} keys", image::kTrustedKeyLimit));
      keys.push_back(*key);
      paths.push_back(path);
    }
  }
  return {};
}

/// Refuses a key that another user could change.
Result<image::PublicKey> read_key(const Settings& settings, std::string_view name,
                                  const std::string& path) {
  constexpr std::size_t kKeyFileLimit_bytes = 4096;
  const auto file = read_deciding_file(path, kKeyFileLimit_bytes);
  if (!file) return settings.complain(name, file.error().message());
  if (file->complaint)
    return settings.complain(
        name, fmt::format("names {}, which {}: only root and the user of this program may "
                          "change the keys that it trusts",
                          path, *file->complaint));
  auto key = image::parse_public_key(file->text);
  if (!key) return settings.complain(name, fmt::format("names {}: {}", path, key.error().detail));
  return key;
}

/// The files that match a pattern such as ".../keys/*.pub".
std::vector<std::string> expand_pattern(const std::string& pattern) {
  if (pattern.find_first_of("*?[") == std::string::npos) return {pattern};
  glob_t found{};
  std::vector<std::string> files;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return files;
}

}  // namespace

}  // namespace fwr::settings
