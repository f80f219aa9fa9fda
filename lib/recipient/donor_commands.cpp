// SPDX-License-Identifier: GPL-3.0-or-later
// Commands to a donor, from what the recovery knows. PROTOCOL §5.
#include "recipient/donor_commands.hpp"

#include <algorithm>

#include "recipient/selection.hpp"
#include "wire/oem.hpp"

namespace fwr::recipient {
namespace {

using wire::oem::Command;

/// As many whole words as fit, with "..." where something was left out: never half a character.
std::string cut_at_word(const std::string& text, std::size_t limit_bytes) {
  constexpr std::string_view kMore = "...";
  if (text.size() <= limit_bytes) return text;
  std::size_t end = text.rfind(' ', limit_bytes - kMore.size());
  if (end == std::string::npos) {
    end = limit_bytes - kMore.size();
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  }
  return text.substr(0, end).append(kMore);
}

}  // namespace

wire::IpmiRequest request_firmware(const RecoveryConfig& config, const Nonce& nonce,
                                   const Digest& after) {
  return wire::oem::make_request(
      config.iana, Command::RequestFirmware,
      wire::oem::RequestFirmwareRq{
          .nonce = nonce, .platform = config.situation.platform, .after = after});
}

wire::IpmiRequest get_manifest(const RecoveryConfig& config, const ManifestFetch& fetch) {
  return wire::oem::make_request(config.iana, Command::GetManifest, fetch.next());
}

wire::IpmiRequest accept_offer(const RecoveryConfig& config, const Nonce& nonce,
                               const Offer& offer) {
  return wire::oem::make_request(
      config.iana, Command::AcceptOffer,
      wire::oem::AcceptOfferRq{
          .nonce = nonce, .digest = offer.candidate.digest, .token = offer.token});
}

wire::IpmiRequest report_result(const RecoveryConfig& config, const Lease& lease, ExitCode result,
                                const std::string& text) {
  const ByteView bytes = as_bytes(text);
  return wire::oem::make_request(
      config.iana, Command::ReportResult,
      wire::oem::ReportResultRq{.handle = lease.handle,
                                .result = static_cast<std::uint8_t>(result),
                                .text = Bytes(bytes.begin(), bytes.end())});
}

std::optional<wire::IpmiRequest> last_word(const RecoveryConfig& config,
                                           const std::optional<Lease>& lease,
                                           const std::optional<Error>& why) {
  if (!lease || !why) return std::nullopt;
  if (why->code == Errc::Interrupted)
    return wire::oem::make_request(config.iana, Command::ReleaseOffer,
                                   wire::oem::ReleaseOfferRq{.handle = lease->handle});
  return report_result(config, *lease, why->exit_code(),
                       cut_at_word(why->message(), wire::oem::kReportTextLimit_bytes));
}

std::chrono::seconds busy_wait(const RecoveryConfig& config, const wire::IpmiResponse& response) {
  std::chrono::seconds wait{1};
  if (const auto body = wire::oem::strip_iana(config.iana, response.data)) {
    ByteReader reader(*body);
    wait = std::chrono::seconds(reader.u16());
  }
  return std::clamp(wait, std::chrono::seconds(1), kLongestBusyWait);
}

}  // namespace fwr::recipient
