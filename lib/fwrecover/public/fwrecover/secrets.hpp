// SPDX-License-Identifier: GPL-3.0-or-later
// What a program does first that is given secrets.
#pragma once

#include "fwrecover/export.hpp"

namespace fwrecover {

/// Takes FWRECOVER_PASSWORD, IPMI_PASSWORD and FWRECOVER_KG out of the environment, so that neither
/// /proc nor a command that is started shows them; the library remembers them. From then on the
/// process leaves no core, and other processes of its user cannot read its memory. For the
/// beginning of a program, before it has threads. A library that is only linked to does none of
/// this.
FWR_API void protect_secrets();

}  // namespace fwrecover
