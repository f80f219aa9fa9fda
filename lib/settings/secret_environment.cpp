// SPDX-License-Identifier: GPL-3.0-or-later
// The environment belongs to the process, and so do the secrets that were taken out of it.
#include "settings/secret_environment.hpp"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace fwr::settings {
namespace {

std::map<std::string, Secret>& taken() {
  static std::map<std::string, Secret> secrets;
  return secrets;
}

std::optional<Secret> find(const char* variable) {
  if (const char* value = std::getenv(variable)) return Secret(as_bytes(std::string_view(value)));
  const auto found = taken().find(variable);
  return found == taken().end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

void take_secret(const char* variable) {
  auto secret = find(variable);
  if (!secret) return;
  const std::string head = std::string(variable) + "=";
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
    if (std::string_view(*entry).starts_with(head))
      explicit_bzero(*entry + head.size(), std::strlen(*entry + head.size()));
  (void)unsetenv(variable);
  taken().insert_or_assign(variable, *std::move(secret));
}

std::optional<Secret> environment_secret(const char* variable) {
  if (auto secret = find(variable)) return secret;
  return std::string_view(variable) == kPasswordVariable ? find(kIpmiPasswordVariable)
                                                         : std::nullopt;
}

}  // namespace fwr::settings
