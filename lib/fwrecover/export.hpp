// SPDX-License-Identifier: GPL-3.0-or-later
// FWR_API marks what libfwrecover.so exports; everything else is hidden.
#pragma once

#define FWR_API __attribute__((visibility("default")))
