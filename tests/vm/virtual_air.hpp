// SPDX-License-Identifier: GPL-3.0-or-later
// Bluetooth controllers as the kernel sees them, and the air between them.
//
// HCI is specified in the Bluetooth Core Specification, volume 4, part E; opcodes and event codes
// are written as there: group << 10 | command.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fwr::vm {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using DeviceAddress = std::array<std::uint8_t, 6>;  // least significant byte first
using Key = std::array<std::uint8_t, 16>;
using Handle = std::uint16_t;

inline constexpr std::size_t kControllers_max = 16;
inline constexpr std::size_t kPacket_bytes =
    4096;  // more than HCI's largest command or ACL packet here
inline constexpr std::size_t kOrders_bytes = 4096;
inline constexpr std::size_t kName_bytes = 248;
inline constexpr std::uint8_t kAclPacket_bytes_low =
    0xfd;  // 1021, what EDR controllers commonly have
inline constexpr std::uint8_t kAclPacket_bytes_high = 0x03;
inline constexpr std::uint8_t kAclPackets = 8;
inline constexpr Handle kHandle_mask = 0x0fff;
inline constexpr auto kInquiryUnit = 1280ms;
inline constexpr auto kInquiryAnswer = 20ms;  // between two devices that answer
inline constexpr auto kPageTimeout = 500ms;   // until an absent device is given up

// Packet types of the vhci device.
inline constexpr std::uint8_t kCommand = 0x01;
inline constexpr std::uint8_t kAcl = 0x02;
inline constexpr std::uint8_t kEvent = 0x04;
inline constexpr std::uint8_t kVendor = 0xff;

enum class Status : std::uint8_t {
  Success = 0x00,
  UnknownCommand = 0x01,
  UnknownConnection = 0x02,
  PageTimeout = 0x04,
  AuthenticationFailure = 0x05,
  KeyMissing = 0x06,
  SupervisionTimeout = 0x08,
  InvalidParameters = 0x12,
  TerminatedByRemote = 0x13,
  TerminatedByLocal = 0x16,
};
constexpr std::uint8_t code(Status status) {
  return static_cast<std::uint8_t>(status);
}

constexpr std::uint8_t low(unsigned value) {
  return static_cast<std::uint8_t>(value & 0xffU);
}
constexpr std::uint8_t high(unsigned value) {
  return static_cast<std::uint8_t>((value >> 8U) & 0xffU);
}
constexpr unsigned u16(View bytes, std::size_t at) {
  return bytes[at] | static_cast<unsigned>(bytes[at + 1]) << 8U;
}
inline void append(Bytes& to, View bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

/// What is due at its time; of the same time, what was asked for first.
class Timers {
 public:
  void at(TimePoint due, std::function<void()> run) {
    queue_.push({due, sequence_++, std::move(run)});
  }
  void run_until(TimePoint now) {
    while (!queue_.empty() && queue_.top().due <= now) {
      const auto run = queue_.top().run;
      queue_.pop();
      run();
    }
  }
  [[nodiscard]] bool empty() const { return queue_.empty(); }
  [[nodiscard]] TimePoint next() const { return queue_.top().due; }

 private:
  struct Entry {
    TimePoint due;
    std::uint64_t sequence = 0;
    std::function<void()> run;
    bool operator<(const Entry& other) const {  // the top of the queue is the greatest
      return due != other.due ? due > other.due : sequence > other.sequence;
    }
  };
  std::priority_queue<Entry> queue_;
  std::uint64_t sequence_ = 0;
};

struct Link {
  std::size_t peer = 0;        // which controller
  Handle peer_handle = 0;      // what the link is called there
  TimePoint free;              // when the air has carried what was sent last
  bool authenticates = false;  // this side has asked for it, and it goes on
  std::optional<Key> key;      // what its host said then
};

struct Controller {
  int fd = -1;
  DeviceAddress address{};
  std::array<std::uint8_t, 3> device_class{};
  std::array<std::uint8_t, kName_bytes> name{};
  bool inquiry_scan = false;
  bool page_scan = false;
  bool in_range = true;
  std::uint64_t inquiry = 0;  // counts up when an inquiry begins or ends
  std::map<Handle, Link> links;
};

class Air {
 public:
  explicit Air(std::size_t count) : controllers_(count) {}

  /// False, with words on stderr, when the kernel makes no controllers.
  bool open();
  /// False when the kernel's side is gone.
  bool run(int orders);

 private:
  using Handler = void (Air::*)(std::size_t, View);
  struct Command {
    std::size_t parameter_bytes;  // at least
    Handler handler;
  };
  static const std::map<unsigned, Command>& commands();

  void put(std::size_t me, const Bytes& packet) const;
  void event(std::size_t me, std::uint8_t what, View parameters) const;
  void command_complete(std::size_t me, unsigned opcode, View answer) const;
  void command_status(std::size_t me, unsigned opcode, Status status) const;
  void connection_complete(std::size_t me, Status status, Handle handle,
                           const DeviceAddress& peer) const;
  void drop(std::size_t me, Handle handle, Status mine, Status theirs);
  void drop_all(std::size_t me, Status mine, Status theirs);

  void command(std::size_t me, View packet);
  void acl(std::size_t me, Bytes packet);
  void order(const std::string& line);
  void read_orders(int orders);
  void read_controller(std::size_t me);

  // Commands, in the order of their opcodes.
  void inquiry(std::size_t me, View p);
  void inquiry_cancel(std::size_t me, View p);
  void create_connection(std::size_t me, View p);
  void disconnect(std::size_t me, View p);
  void create_connection_cancel(std::size_t me, View p);
  void accept_connection(std::size_t me, View p);
  void reject_connection(std::size_t me, View p);
  void link_key(std::size_t me, View p);
  void no_link_key(std::size_t me, View p);
  void change_packet_type(std::size_t me, View p);
  void authenticate(std::size_t me, View p);
  void encrypt(std::size_t me, View p);
  void remote_name(std::size_t me, View p);
  void remote_features(std::size_t me, View p);
  void remote_version(std::size_t me, View p);
  void clock_offset(std::size_t me, View p);
  void reset(std::size_t me, View p);
  void write_name(std::size_t me, View p);
  void read_name(std::size_t me, View p);
  void read_scan(std::size_t me, View p);
  void write_scan(std::size_t me, View p);
  void read_class(std::size_t me, View p);
  void write_class(std::size_t me, View p);
  void write_supervision_timeout(std::size_t me, View p);
  void read_commands(std::size_t me, View p);
  void read_features(std::size_t me, View p);
  void read_address(std::size_t me, View p);

  /// The index of the controller with this address, or controllers_.size().
  [[nodiscard]] std::size_t find(View address) const;
  [[nodiscard]] bool can_page(std::size_t me, std::size_t peer) const;
  [[nodiscard]] Handle free_handle(std::size_t me) const;
  /// The links of `me` to the device with this address that want authentication.
  [[nodiscard]] std::vector<Handle> authenticating(std::size_t me, View address) const;
  void authenticated(std::size_t me, Handle handle, Status status);

  std::vector<Controller> controllers_;
  Timers timers_;
  double rate_bytes_s_ = 0;
  std::string unread_orders_;
};

}  // namespace fwr::vm
