// SPDX-License-Identifier: GPL-3.0-or-later
// Reads the image by the stream, as a recipient on a network with small packets does.
#pragma once

#include "donor_process.hpp"
#include "intruder.hpp"

namespace fwr::hostile {

/// Streams the whole image once and compares it; seconds that it took. Fails the test when it
/// stops.
double stream_image(DonorProcess& donor, LiveSession& session, std::uint32_t handle);

}  // namespace fwr::hostile
