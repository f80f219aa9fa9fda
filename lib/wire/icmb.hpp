// SPDX-License-Identifier: GPL-3.0-or-later
// Frames of the ICMB bus, and what they carry. PROTOCOL §11. The framing is ours.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/types.hpp"
#include "wire/layout.hpp"

namespace fwr::wire::icmb {

inline constexpr std::byte kFlag{0x7e};
inline constexpr std::byte kEscape{0x7d};
inline constexpr std::byte kEscapeMask{0x20};
inline constexpr std::size_t kHeader_bytes = 6;  ///< destination, source, type, sequence
inline constexpr std::size_t kCheck_bytes = 2;
inline constexpr std::size_t kShortestFrame_bytes = kHeader_bytes + kCheck_bytes;
inline constexpr std::size_t kPayloadLimit_bytes = 2048;
/// What a frame costs on the line besides its payload, in a burst and before escapes: its header,
/// its check and one flag.
inline constexpr std::size_t kFrameOverhead_bytes = kShortestFrame_bytes + 1;

/// Address of a node on the bus. 0001h to FEFFh can be assigned; the rest is reserved.
enum class BusAddress : std::uint16_t { Unassigned = 0x0000, Last = 0xfeff, Broadcast = 0xffff };
[[nodiscard]] constexpr bool is_assignable(BusAddress address) {
  return address != BusAddress::Unassigned && address <= BusAddress::Last;
}
/// "0x0014"
[[nodiscard]] std::string to_text(BusAddress address);
/// `port` is the number of our own line, Address::scope.
[[nodiscard]] Address to_address(BusAddress address, std::uint32_t port);
/// Unassigned for an address of another family.
[[nodiscard]] BusAddress bus_address(const Address& address);

enum class FrameType : std::uint8_t {
  Request = 0x01,
  Response = 0x02,
  Stream = 0x03,
  Address = 0x04,
  Event = 0x05,
};
[[nodiscard]] constexpr bool is_known(FrameType type) {
  return type >= FrameType::Request && type <= FrameType::Event;
}

/// `payload` views bytes of somebody else: of the decoder until its next character.
struct Frame {
  BusAddress destination = BusAddress::Broadcast;
  BusAddress source = BusAddress::Unassigned;
  FrameType type = FrameType::Request;
  std::uint8_t sequence = 0;
  ByteView payload;
};

/// Without the opening flag, with escapes and the closing flag: in a burst the closing flag of one
/// frame opens the next. Precondition: the payload is within its limit.
[[nodiscard]] Bytes encode(const Frame& frame);

/// What a character was, or completed.
enum class Heard : std::uint8_t {
  Part,         ///< of a frame that is not complete, or a flag between two
  Frame,        ///< frame() is whole
  UnknownType,  ///< frame() is whole, of a type that we do not know
  Runt,         ///< fewer characters than a frame has
  BadChecksum,
  Abandoned,  ///< given up by its talker, or longer than any frame
  NotStart,   ///< outside of a frame
};

/// Finds frames in characters. Survives any; after garbage the next flag starts anew.
class FrameDecoder {
 public:
  FrameDecoder() { bytes_.reserve(kShortestFrame_bytes + kPayloadLimit_bytes); }
  [[nodiscard]] Heard push(std::byte character);
  /// After silence: what comes is outside until a flag. True when a frame was open.
  bool forget();
  /// After push() returned Frame or UnknownType; after BadChecksum what it seemed to be.
  [[nodiscard]] const Frame& frame() const { return frame_; }
  [[nodiscard]] bool in_frame() const { return state_ != State::Outside && !bytes_.empty(); }

 private:
  enum class State : std::uint8_t { Outside, Inside, Escaped };
  [[nodiscard]] Heard close();

  State state_ = State::Outside;
  Bytes bytes_;
  Bytes complete_;
  Frame frame_;
};

/// PROTOCOL §11.3
enum class AddressMessageKind : std::uint8_t { Claim = 1, Defence = 2 };
[[nodiscard]] constexpr bool is_known(AddressMessageKind kind) {
  return kind == AddressMessageKind::Claim || kind == AddressMessageKind::Defence;
}
struct AddressMessage {
  static constexpr std::string_view kName = "ICMB address message";
  AddressMessageKind kind = AddressMessageKind::Claim;
  BusAddress address = BusAddress::Unassigned;
  Guid guid{};
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<1>("kind", m.kind);        // 0
    c.template le<2>("address", m.address);  // 1:2
    c.template bytes<16>("guid", m.guid);    // 3:18
  }
};

/// PROTOCOL §11.5, SendICMBEventMessage
enum class BusEvent : std::uint8_t { Online = 0, Attention = 1 };
[[nodiscard]] constexpr bool is_known(BusEvent event) {
  return event <= BusEvent::Attention;
}
struct EventMessage {
  static constexpr std::string_view kName = "ICMB event";
  BusEvent event = BusEvent::Online;
  Guid guid{};
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<1>("event", m.event);    // 0
    c.template bytes<16>("guid", m.guid);  // 1:16
  }
};

// --- bridge commands, PROTOCOL §11.5 ------------------------------------------------------------

inline constexpr std::uint8_t kBridgeRq = 0x02;  ///< network function
inline constexpr std::uint8_t kBridgeRs = 0x03;

enum class BridgeCommand : std::uint8_t {
  GetBridgeState = 0x00,
  SetBridgeState = 0x01,
  GetIcmbAddress = 0x02,
  SetIcmbAddress = 0x03,
  GetBridgeStatistics = 0x05,
  GetIcmbCapabilities = 0x06,
  ClearBridgeStatistics = 0x08,
  PrepareForDiscovery = 0x10,
  GetAddresses = 0x11,
  SetDiscovered = 0x12,
  GetChassisDeviceId = 0x13,
  SetChassisDeviceId = 0x14,
};

/// FACTS of the public drafts: 0 disabled, 1 enabled, 2 assigning an address, 3 error.
enum class BridgeState : std::uint8_t { Disabled = 0, Enabled = 1, Assigning = 2, Error = 3 };
[[nodiscard]] constexpr bool is_known(BridgeState state) {
  return state <= BridgeState::Error;
}
[[nodiscard]] std::string_view to_text(BridgeState state);

struct BridgeStateBody {
  static constexpr std::string_view kName = "Bridge State";
  BridgeState state = BridgeState::Disabled;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<1>("state", m.state);
  }
};
struct IcmbAddressBody {
  static constexpr std::string_view kName = "ICMB Address";
  BusAddress address = BusAddress::Unassigned;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<2>("address", m.address);
  }
};
struct GetAddressesRs {
  static constexpr std::string_view kName = "GetAddresses response";
  BusAddress address = BusAddress::Unassigned;
  Guid guid{};
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<2>("address", m.address);  // 2:3
    c.template bytes<16>("guid", m.guid);    // 4:19
  }
};
struct BridgeCapabilitiesRs {
  static constexpr std::string_view kName = "Get ICMB Capabilities response";
  static constexpr std::uint8_t kManagementBridge = 0x02;  ///< flags b1
  std::uint8_t version = 1;
  std::uint8_t revision = 0;
  std::uint8_t flags = kManagementBridge;
  std::uint16_t payload_limit = kPayloadLimit_bytes;
  std::uint32_t baud = 0;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<1>("version", m.version);              // 2
    c.template le<1>("revision", m.revision);            // 3
    c.template le<1>("flags", m.flags);                  // 4
    c.template le<2>("payload limit", m.payload_limit);  // 5:6
    c.template le<4>("baud", m.baud);                    // 7:10
  }
};
/// The first ten are the counters that the public material names; the others are ours.
struct BridgeStatistics {
  static constexpr std::string_view kName = "Get Bridge Statistics response";
  std::uint32_t sent = 0;
  std::uint32_t received = 0;
  std::uint32_t other_address = 0;
  std::uint32_t runts = 0;
  std::uint32_t bad_checksum = 0;
  std::uint32_t unknown_type = 0;
  std::uint32_t not_start = 0;  ///< characters outside of a frame
  std::uint32_t restarts = 0;   ///< frames that were given up before their end
  std::uint32_t arbitration_wins = 0;
  std::uint32_t arbitration_losses = 0;
  std::uint32_t line_errors = 0;  ///< own echo that differed when the line was ours
  std::uint32_t duplicates = 0;
  std::uint32_t dropped = 0;  ///< own frames: no room, too old, too many tries
  std::uint32_t cuts = 0;     ///< times that no echo was heard
  std::uint32_t babbles = 0;
  std::uint32_t conflicts = 0;  ///< of our address
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<4>("sent", m.sent);                              // 2:5
    c.template le<4>("received", m.received);                      // 6:9
    c.template le<4>("other address", m.other_address);            // 10:13
    c.template le<4>("runts", m.runts);                            // 14:17
    c.template le<4>("bad checksum", m.bad_checksum);              // 18:21
    c.template le<4>("unknown type", m.unknown_type);              // 22:25
    c.template le<4>("not start", m.not_start);                    // 26:29
    c.template le<4>("restarts", m.restarts);                      // 30:33
    c.template le<4>("arbitration wins", m.arbitration_wins);      // 34:37
    c.template le<4>("arbitration losses", m.arbitration_losses);  // 38:41
    c.template le<4>("line errors", m.line_errors);                // 42:45
    c.template le<4>("duplicates", m.duplicates);                  // 46:49
    c.template le<4>("dropped", m.dropped);                        // 50:53
    c.template le<4>("cuts", m.cuts);                              // 54:57
    c.template le<4>("babbles", m.babbles);                        // 58:61
    c.template le<4>("conflicts", m.conflicts);                    // 62:65
  }
};
struct ChassisDeviceIdBody {
  static constexpr std::string_view kName = "Chassis Device Id";
  std::uint32_t id = 0;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<4>("id", m.id);
  }
};

}  // namespace fwr::wire::icmb
