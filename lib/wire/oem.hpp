// SPDX-License-Identifier: GPL-3.0-or-later
// The OEM commands of fwrecover. PROTOCOL §3, §4, §5.
//
// The structures hold what follows the IANA number: make_request() and response_data() put it in
// front, strip_iana() checks it. The completion code of a response is IpmiResponse's.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/types.hpp"
#include "wire/ipmi.hpp"
#include "wire/layout.hpp"
#include "wire/rakp.hpp"

namespace fwr::wire::oem {

inline constexpr std::uint8_t kProtocolVersion = 1;  // PROTOCOL §10
inline constexpr std::uint8_t kOldestVersion = 1;
inline constexpr std::size_t kReadLimit_bytes = 900;        // §5.6: fits every stock client
inline constexpr std::size_t kManifestLimit_bytes = 16384;  // §5.3
inline constexpr std::size_t kSignatureLimit_bytes = 2048;
inline constexpr std::size_t kReportTextLimit_bytes = 128;  // §5.7
inline constexpr std::size_t kGranule_bytes = 64;           // §6.1

enum class Command : std::uint8_t {
  GetRecoveryCapabilities = 0x01,
  RequestFirmware = 0x02,
  GetManifest = 0x03,
  AcceptOffer = 0x04,
  ReleaseOffer = 0x05,
  ReadHashTree = 0x06,
  ReadImage = 0x07,
  ReportResult = 0x08,
  GetDonorStatus = 0x09,
  ListImages = 0x0a,
};

/// PROTOCOL §4, one row a command.
struct CommandInfo {
  Command command;
  std::string_view name;
  Privilege privilege;
  bool needs_session;
};
inline constexpr std::array kCommands{
    CommandInfo{Command::GetRecoveryCapabilities, "Get Recovery Capabilities", Privilege::User,
                false},
    CommandInfo{Command::RequestFirmware, "Request Firmware", Privilege::User, false},
    CommandInfo{Command::GetManifest, "Get Manifest", Privilege::User, true},
    CommandInfo{Command::AcceptOffer, "Accept Offer", Privilege::User, true},
    CommandInfo{Command::ReleaseOffer, "Release Offer", Privilege::User, true},
    CommandInfo{Command::ReadHashTree, "Read Hash Tree", Privilege::User, true},
    CommandInfo{Command::ReadImage, "Read Image", Privilege::User, true},
    CommandInfo{Command::ReportResult, "Report Result", Privilege::User, true},
    CommandInfo{Command::GetDonorStatus, "Get Donor Status", Privilege::User, true},
    CommandInfo{Command::ListImages, "List Images", Privilege::User, true},
};
/// The row of a command byte, or nullptr for a command that is not ours.
[[nodiscard]] const CommandInfo* find_command(std::uint8_t command);

/// PROTOCOL §5.1
struct CapabilitiesRq {
  static constexpr std::string_view kName = "Get Recovery Capabilities request";
  std::uint8_t version = kProtocolVersion;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<1>("version", m.version);  // 4
    c.template padding<28>("padding");       // 5:32
  }
};
struct CapabilitiesRs {
  static constexpr std::string_view kName = "Get Recovery Capabilities response";
  std::uint8_t version = kProtocolVersion;
  std::uint8_t oldest_version = kOldestVersion;
  DonorRole role = DonorRole::Console;
  std::uint8_t media = 0;  ///< bits of Medium
  std::uint16_t read_limit_bytes = kReadLimit_bytes;
  std::uint16_t segment_limit_granules = 0;
  std::uint32_t credit_limit_bytes = 0;
  std::uint8_t lease_limit = 0;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<1>("version", m.version);                       // 5
    c.template le<1>("oldest version", m.oldest_version);         // 6
    c.template le<1>("role", m.role);                             // 7
    c.template le<1>("media", m.media);                           // 8
    c.template le<2>("read limit", m.read_limit_bytes);           // 9:10
    c.template le<2>("segment limit", m.segment_limit_granules);  // 11:12
    c.template le<4>("credit limit", m.credit_limit_bytes);       // 13:16
    c.template le<1>("lease limit", m.lease_limit);               // 17
  }
};

/// PROTOCOL §5.2
struct RequestFirmwareRq {
  static constexpr std::string_view kName = "Request Firmware request";
  static constexpr std::uint8_t kBroadcast = 0x01;  ///< flags b0
  std::uint8_t version = kProtocolVersion;
  std::uint8_t flags = 0;
  Nonce nonce{};
  Platform platform;
  Digest after{};  ///< the next image behind this one is wanted; zeros: the best one
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<1>("version", m.version);                               // 4
    c.template le<1>("flags", m.flags);                                   // 5
    c.template bytes<16>("nonce", m.nonce);                               // 6:21
    c.template le<3>("manufacturer id", m.platform.manufacturer_id);      // 22:24
    c.template le<2>("product id", m.platform.product_id);                // 25:26
    c.template le<1>("device id", m.platform.device_id);                  // 27
    c.template le<1>("hardware revision", m.platform.hardware_revision);  // 28
    c.template text<16>("component", m.platform.component);               // 29:44
    c.template optional_bytes<32>("after", m.after);                      // 45:76
    c.template padding<84>("padding");                                    // 77:160
  }
};
struct Offer {
  static constexpr std::string_view kName = "Offer";
  std::uint8_t version = kProtocolVersion;
  DonorRole role = DonorRole::Console;
  std::uint8_t media = 0;  ///< bits of Medium
  std::uint8_t load_percent = 0;
  Nonce nonce{};
  Guid donor{};
  Digest digest{};
  std::uint32_t security_version = 0;
  std::uint64_t size_bytes = 0;
  std::uint16_t hold_s = 0;
  std::array<std::byte, 16> token{};
  std::string image_version;
  std::string component;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<1>("version", m.version);                    // 5
    c.template le<1>("role", m.role);                          // 6
    c.template le<1>("media", m.media);                        // 7
    c.template le<1>("load", m.load_percent);                  // 8
    c.template bytes<16>("nonce", m.nonce);                    // 9:24
    c.template bytes<16>("donor guid", m.donor);               // 25:40
    c.template bytes<32>("digest", m.digest);                  // 41:72
    c.template le<4>("security version", m.security_version);  // 73:76
    c.template le<5>("size", m.size_bytes);                    // 77:81
    c.template le<2>("hold", m.hold_s);                        // 82:83
    c.template bytes<16>("token", m.token);                    // 84:99
    c.template text<32>("image version", m.image_version);     // 100:131
    c.template text<16>("component", m.component);             // 132:147
  }
};

/// PROTOCOL §5.3
enum class ManifestPart : std::uint8_t { Manifest = 0, Signature = 1 };
[[nodiscard]] constexpr bool is_known(ManifestPart part) {
  return part <= ManifestPart::Signature;
}
struct GetManifestRq {
  static constexpr std::string_view kName = "Get Manifest request";
  Digest digest{};
  ManifestPart part = ManifestPart::Manifest;
  std::uint16_t offset = 0;
  std::uint16_t count = 0;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template bytes<32>("digest", m.digest);  // 4:35
    c.template le<1>("part", m.part);          // 36
    c.template le<2>("offset", m.offset);      // 37:38
    c.template le<2>("count", m.count);        // 39:40
  }
};
struct GetManifestRs {
  static constexpr std::string_view kName = "Get Manifest response";
  std::uint16_t total = 0;
  Bytes data;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<2>("total", m.total);  // 5:6
    c.rest("data", m.data);              // 7:
  }
};

/// PROTOCOL §5.4
struct AcceptOfferRq {
  static constexpr std::string_view kName = "Accept Offer request";
  Nonce nonce{};
  Digest digest{};
  std::array<std::byte, 16> token{};
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template bytes<16>("nonce", m.nonce);    // 4:19
    c.template bytes<32>("digest", m.digest);  // 20:51
    c.template bytes<16>("token", m.token);    // 52:67
  }
};
struct AcceptOfferRs {
  static constexpr std::string_view kName = "Accept Offer response";
  std::uint32_t handle = 0;
  std::uint16_t lease_s = 0;
  std::uint64_t image_size_bytes = 0;
  std::uint64_t tree_size_bytes = 0;
  std::uint16_t segment_limit_granules = 0;
  std::uint32_t credit_limit_bytes = 0;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<4>("handle", m.handle);                         // 5:8
    c.template le<2>("lease", m.lease_s);                         // 9:10
    c.template le<5>("image size", m.image_size_bytes);           // 11:15
    c.template le<5>("tree size", m.tree_size_bytes);             // 16:20
    c.template le<2>("segment limit", m.segment_limit_granules);  // 21:22
    c.template le<4>("credit limit", m.credit_limit_bytes);       // 23:26
  }
};

/// PROTOCOL §5.5. The response is empty.
struct ReleaseOfferRq {
  static constexpr std::string_view kName = "Release Offer request";
  std::uint32_t handle = 0;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<4>("handle", m.handle);  // 4:7
  }
};

/// PROTOCOL §5.6: Read Hash Tree and Read Image.
struct ReadRq {
  static constexpr std::string_view kName = "Read request";
  std::uint32_t handle = 0;
  std::uint64_t offset = 0;
  std::uint16_t count = 0;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<4>("handle", m.handle);  // 4:7
    c.template le<5>("offset", m.offset);  // 8:12
    c.template le<2>("count", m.count);    // 13:14
  }
};
struct ReadRs {
  static constexpr std::string_view kName = "Read response";
  Bytes data;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.rest("data", m.data);  // 5:
  }
};

/// PROTOCOL §5.7. The response is empty.
struct ReportResultRq {
  static constexpr std::string_view kName = "Report Result request";
  std::uint32_t handle = 0;
  std::uint8_t result = 0;
  Bytes text;  ///< UTF-8, at most kReportTextLimit_bytes
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<4>("handle", m.handle);  // 4:7
    c.template le<1>("result", m.result);  // 8
    c.rest("text", m.text);                // 9:
  }
};

/// PROTOCOL §5.8. The request is empty.
struct DonorStatusRs {
  static constexpr std::string_view kName = "Get Donor Status response";
  DonorRole role = DonorRole::Console;
  std::uint8_t load_percent = 0;
  Guid donor{};
  std::uint16_t images = 0;
  std::uint8_t leases = 0;
  std::uint8_t lease_limit = 0;
  std::uint32_t uptime_s = 0;
  std::uint32_t recovered = 0;
  std::uint32_t failed = 0;
  std::uint64_t bytes_served = 0;
  std::string name;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<1>("role", m.role);                  // 5
    c.template le<1>("load", m.load_percent);          // 6
    c.template bytes<16>("donor guid", m.donor);       // 7:22
    c.template le<2>("images", m.images);              // 23:24
    c.template le<1>("leases", m.leases);              // 25
    c.template le<1>("lease limit", m.lease_limit);    // 26
    c.template le<4>("uptime", m.uptime_s);            // 27:30
    c.template le<4>("recovered", m.recovered);        // 31:34
    c.template le<4>("failed", m.failed);              // 35:38
    c.template le<8>("bytes served", m.bytes_served);  // 39:46
    c.template text<32>("name", m.name);               // 47:78
  }
};

/// PROTOCOL §5.9
struct ListImagesRq {
  static constexpr std::string_view kName = "List Images request";
  Digest after{};  ///< zeros: the first one is wanted
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template bytes<32>("after", m.after);  // 4:35
  }
};
struct ListImagesRs {
  static constexpr std::string_view kName = "List Images response";
  static constexpr std::uint8_t kExpired = 0x01;  ///< flags b0
  Digest digest{};
  std::uint8_t flags = 0;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template bytes<32>("digest", m.digest);  // 5:36
    c.template le<1>("flags", m.flags);        // 37
  }
};

/// Request data: our IANA number, then the message. PROTOCOL §3.
template <class Message>
[[nodiscard]] IpmiRequest make_request(std::uint32_t iana, Command command, const Message& message);
[[nodiscard]] IpmiRequest make_request(std::uint32_t iana, Command command);  ///< no fields

/// Response data after the completion code: our IANA number, then the message.
template <class Message>
[[nodiscard]] Bytes response_data(std::uint32_t iana, const Message& message);
[[nodiscard]] Bytes response_data(std::uint32_t iana);

/// Checks the IANA number and gives what follows it. Errors: Truncated; BadField for another IANA
/// number.
[[nodiscard]] Result<ByteView> strip_iana(std::uint32_t iana, ByteView data);

template <class Message>
IpmiRequest make_request(std::uint32_t iana, Command command, const Message& message) {
  IpmiRequest request = make_request(iana, command);
  const Bytes body = encode(message);
  request.data.insert(request.data.end(), body.begin(), body.end());
  return request;
}
template <class Message>
Bytes response_data(std::uint32_t iana, const Message& message) {
  Bytes data = response_data(iana);
  const Bytes body = encode(message);
  data.insert(data.end(), body.begin(), body.end());
  return data;
}

}  // namespace fwr::wire::oem
