// SPDX-License-Identifier: GPL-3.0-or-later
// Why a recovery would not happen: each thing that it needs, in order, until one is missing.
#pragma once

#include <string>
#include <vector>

#include "fwrecover/event.hpp"
#include "fwrecover/recipient.hpp"

namespace fwrecover {

/// Configuration, names, interfaces, ping, capabilities, offer, session, manifest and slot, as a
/// request would find them. Takes no lease and writes nothing. Ends at the first that fails, with
/// its conclusion. `hosts`: only these, as in AskOptions; empty: as configured. Event: "step", one
/// each.
FWR_API Conclusion why(const RecipientSource& source, const std::vector<std::string>& hosts,
                       Observer& observer);

}  // namespace fwrecover
