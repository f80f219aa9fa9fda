// SPDX-License-Identifier: GPL-3.0-or-later
// FWR_API marks what libfwrecover.so exports, FWR_LOCAL what of an exported class is not;
// everything else is hidden.
#pragma once

#define FWR_API __attribute__((visibility("default")))
#define FWR_LOCAL __attribute__((visibility("hidden")))
