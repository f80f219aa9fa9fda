// SPDX-License-Identifier: GPL-3.0-or-later
// Readiness to systemd.
#include "transport/service_manager.hpp"

#include "config.h"

#ifdef FWR_HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

namespace fwr::transport {
namespace {

void notify([[maybe_unused]] const char* state) {
#ifdef FWR_HAVE_SYSTEMD
  (void)sd_notify(0, state);
#endif
}

}  // namespace

void notify_ready() {
  notify("READY=1");
}
void notify_stopping() {
  notify("STOPPING=1");
}

}  // namespace fwr::transport
