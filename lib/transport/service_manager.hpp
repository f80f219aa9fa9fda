// SPDX-License-Identifier: GPL-3.0-or-later
// Readiness to systemd, where it is there and asked for it (sd_notify(3)). Nothing otherwise.
#pragma once

namespace fwr::transport {

void notify_ready();
void notify_stopping();

}  // namespace fwr::transport
