// SPDX-License-Identifier: GPL-3.0-or-later
// The environment is of the process, and so is what was taken out of it.
#include "fwrecover/secret_environment.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "fwrecover/secrets.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FWR_WATCHED_BY_SANITIZER 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define FWR_WATCHED_BY_SANITIZER 1
#endif

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

/// The bytes that /proc/PID/environ shows are those that the process began with.
void take(const char* variable) {
  auto secret = find(variable);
  if (!secret) return;
  const std::string head = std::string(variable) + "=";
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
    if (std::string_view(*entry).starts_with(head))
      explicit_bzero(*entry + head.size(), std::strlen(*entry + head.size()));
  (void)unsetenv(variable);
  taken().insert_or_assign(variable, *std::move(secret));
}

}  // namespace

std::optional<Secret> environment_secret(const char* variable) {
  if (auto secret = find(variable)) return secret;
  return std::string_view(variable) == kPasswordVariable ? find(kIpmiPasswordVariable)
                                                         : std::nullopt;
}

}  // namespace fwr::settings

namespace fwrecover {

void protect_secrets() {
  using namespace fwr::settings;
  for (const char* variable : {kPasswordVariable, kIpmiPasswordVariable, kKgVariable})
    take(variable);
  // prlimit, because a filter of system calls may have no setrlimit.
  const rlimit none{0, 0};
  (void)::prlimit(0, RLIMIT_CORE, &none, nullptr);
#ifndef FWR_WATCHED_BY_SANITIZER  // which looks at its own memory as a debugger does
  (void)::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

}  // namespace fwrecover
