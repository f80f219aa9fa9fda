// SPDX-License-Identifier: GPL-3.0-or-later
// The commands that a recipient sends to a donor. PROTOCOL §5.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "recipient/transfer.hpp"
#include "recipient/vetting.hpp"
#include "recipient/words.hpp"
#include "wire/ipmi.hpp"

namespace fwr::recipient {

/// Asks for the image that comes `after` this one; zeros: for the best one.
[[nodiscard]] wire::IpmiRequest request_firmware(const RecoveryConfig& config, const Nonce& nonce,
                                                 const Digest& after);
/// Asks for the next piece.
[[nodiscard]] wire::IpmiRequest get_manifest(const RecoveryConfig& config,
                                             const ManifestFetch& fetch);
[[nodiscard]] wire::IpmiRequest accept_offer(const RecoveryConfig& config, const Nonce& nonce,
                                             const Offer& offer);
[[nodiscard]] wire::IpmiRequest report_result(const RecoveryConfig& config, const Lease& lease,
                                              ExitCode result, const std::string& text);
/// The last command for a donor that granted a lease, when the recovery does without it: a report
/// of the reason `why`, or the release of the lease. nullopt: there is nothing to say.
[[nodiscard]] std::optional<wire::IpmiRequest> last_word(const RecoveryConfig& config,
                                                         const std::optional<Lease>& lease,
                                                         const std::optional<Error>& why);

/// PROTOCOL §3.1: with 83h, in how many seconds to try again.
[[nodiscard]] std::chrono::seconds busy_wait(const RecoveryConfig& config,
                                             const wire::IpmiResponse& response);

}  // namespace fwr::recipient
