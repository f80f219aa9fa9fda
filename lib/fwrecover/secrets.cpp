// SPDX-License-Identifier: GPL-3.0-or-later
// Keeps the secrets of a program away from other processes.
#include "fwrecover/secrets.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "settings/secret_environment.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FWR_WATCHED_BY_SANITIZER 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define FWR_WATCHED_BY_SANITIZER 1
#endif

namespace fwrecover {

void protect_secrets() {
  using namespace fwr::settings;
  for (const char* variable : {kPasswordVariable, kIpmiPasswordVariable, kKgVariable})
    take_secret(variable);
  // prlimit, because a filter of system calls may have no setrlimit.
  const rlimit none{0, 0};
  (void)::prlimit(0, RLIMIT_CORE, &none, nullptr);
#ifndef FWR_WATCHED_BY_SANITIZER  // which looks at its own memory as a debugger does
  (void)::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

}  // namespace fwrecover
