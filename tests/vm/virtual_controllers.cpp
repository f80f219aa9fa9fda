// SPDX-License-Identifier: GPL-3.0-or-later
// Bluetooth controllers on /dev/vhci that hear each other through an air of this program's making.
//
//   virtual_controllers COUNT ORDERS
//
// makes hci0 to hci(COUNT-1), basic rate with EDR, any number of links each, without pairing and
// without LE. ORDERS is a FIFO with one order a line:
//
//   rate N     every direction of every link carries N bytes of ACL data a second; 0: no limit
//   cut I J    the links between controllers I and J are lost, as after a supervision timeout
//   gone I     controller I is out of range: its links are lost, and nobody finds it
//   back I     it is there again
//
// HCI is specified in the Bluetooth Core Specification, volume 4, part E; opcodes and event codes
// are written as there: group << 10 | command.

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <queue>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using DeviceAddress = std::array<std::uint8_t, 6>;  // least significant byte first
using Handle = std::uint16_t;

constexpr std::size_t kControllers_max = 16;
constexpr std::size_t kPacket_bytes = 4096;  // more than HCI's largest command or ACL packet here
constexpr std::size_t kOrders_bytes = 4096;
constexpr std::size_t kName_bytes = 248;
constexpr std::uint8_t kAclPacket_bytes_low = 0xfd;  // 1021, what EDR controllers commonly have
constexpr std::uint8_t kAclPacket_bytes_high = 0x03;
constexpr std::uint8_t kAclPackets = 8;
constexpr Handle kHandle_mask = 0x0fff;
constexpr auto kInquiryUnit = 1280ms;
constexpr auto kInquiryAnswer = 20ms;  // between two devices that answer
constexpr auto kPageTimeout = 500ms;   // until an absent device is given up

// Packet types of the vhci device.
constexpr std::uint8_t kCommand = 0x01;
constexpr std::uint8_t kAcl = 0x02;
constexpr std::uint8_t kEvent = 0x04;
constexpr std::uint8_t kVendor = 0xff;

enum class Status : std::uint8_t {
  Success = 0x00,
  UnknownCommand = 0x01,
  UnknownConnection = 0x02,
  PageTimeout = 0x04,
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
void append(Bytes& to, View bytes) {
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
  std::size_t peer = 0;    // which controller
  Handle peer_handle = 0;  // what the link is called there
  TimePoint free;          // when the air has carried what was sent last
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

/// Basic rate and EDR with three- and five-slot packets; neither secure simple pairing nor LE.
constexpr std::array<std::uint8_t, 8> kFeatures{0xff, 0xff, 0x8d, 0xfe, 0x9b, 0xf9, 0x00, 0x00};

/// Commands that always have the same answer: the status, then what they return.
const std::map<unsigned, Bytes>& fixed_answers() {
  static const std::map<unsigned, Bytes> kAnswers{
      {0x080d, {0, 0, 0}},                          // Write Link Policy Settings
      {0x080e, {0, 0, 0}},                          // Read Default Link Policy Settings
      {0x080f, {0}},                                // Write Default Link Policy Settings
      {0x0c01, {0}},                                // Set Event Mask
      {0x0c05, {0}},                                // Set Event Filter
      {0x0c0d, {0, 0, 0, 0, 0}},                    // Read Stored Link Key
      {0x0c12, {0, 0, 0}},                          // Delete Stored Link Key
      {0x0c16, {0}},                                // Write Connection Accept Timeout
      {0x0c18, {0}},                                // Write Page Timeout
      {0x0c1b, {0, 0x00, 0x08, 0x12, 0x00}},        // Read Page Scan Activity
      {0x0c1c, {0}},                                // Write Page Scan Activity
      {0x0c25, {0, 0x60, 0x00}},                    // Read Voice Setting
      {0x0c26, {0}},                                // Write Voice Setting
      {0x0c33, {0}},                                // Host Buffer Size
      {0x0c38, {0, 1}},                             // Read Number Of Supported IAC
      {0x0c39, {0, 1, 0x33, 0x8b, 0x9e}},           // Read Current IAC LAP
      {0x0c3a, {0}},                                // Write Current IAC LAP
      {0x0c43, {0}},                                // Write Inquiry Scan Type
      {0x0c45, {0}},                                // Write Inquiry Mode
      {0x0c46, {0, 0}},                             // Read Page Scan Type
      {0x0c47, {0}},                                // Write Page Scan Type
      {0x1001, {0, 3, 0, 0, 3, 0x3f, 0x00, 0, 0}},  // Read Local Version: 2.0
      {0x1005,                                      // Read Buffer Size
       {0, kAclPacket_bytes_low, kAclPacket_bytes_high, 0, kAclPackets, 0, 0, 0}},
  };
  return kAnswers;
}

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
  void change_packet_type(std::size_t me, View p);
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

  std::vector<Controller> controllers_;
  Timers timers_;
  double rate_bytes_s_ = 0;
  std::string unread_orders_;
};

const std::map<unsigned, Air::Command>& Air::commands() {
  static const std::map<unsigned, Command> kCommands{
      {0x0401, {5, &Air::inquiry}},
      {0x0402, {0, &Air::inquiry_cancel}},
      {0x0405, {13, &Air::create_connection}},
      {0x0406, {3, &Air::disconnect}},
      {0x0408, {6, &Air::create_connection_cancel}},
      {0x0409, {7, &Air::accept_connection}},
      {0x040a, {7, &Air::reject_connection}},
      {0x040f, {4, &Air::change_packet_type}},
      {0x0419, {6, &Air::remote_name}},
      {0x041b, {2, &Air::remote_features}},
      {0x041d, {2, &Air::remote_version}},
      {0x041f, {2, &Air::clock_offset}},
      {0x0c03, {0, &Air::reset}},
      {0x0c13, {kName_bytes, &Air::write_name}},
      {0x0c14, {0, &Air::read_name}},
      {0x0c19, {0, &Air::read_scan}},
      {0x0c1a, {1, &Air::write_scan}},
      {0x0c23, {0, &Air::read_class}},
      {0x0c24, {3, &Air::write_class}},
      {0x0c37, {4, &Air::write_supervision_timeout}},
      {0x1002, {0, &Air::read_commands}},
      {0x1003, {0, &Air::read_features}},
      {0x1009, {0, &Air::read_address}},
  };
  return kCommands;
}

bool Air::open() {
  for (std::size_t i = 0; i < controllers_.size(); ++i) {
    Controller& controller = controllers_[i];
    controller.address = {static_cast<std::uint8_t>(i + 1), 0x00, 0x5e, 0x00, 0x1c, 0x02};
    controller.fd = ::open("/dev/vhci", O_RDWR | O_CLOEXEC);
    if (controller.fd < 0) {
      std::perror("/dev/vhci");
      return false;
    }
    // A vendor packet with 0 asks for a primary controller; the kernel answers with its number.
    put(i, {kVendor, 0x00});
    std::array<std::uint8_t, 8> answer{};
    if (::read(controller.fd, answer.data(), answer.size()) < 1) return false;
    if (::fcntl(controller.fd, F_SETFL, O_NONBLOCK) != 0) return false;
  }
  return true;
}

std::size_t Air::find(View address) const {
  const auto same = [&](const Controller& controller) {
    return std::ranges::equal(controller.address, address.first(controller.address.size()));
  };
  return static_cast<std::size_t>(std::ranges::find_if(controllers_, same) - controllers_.begin());
}

bool Air::can_page(std::size_t me, std::size_t peer) const {
  return peer < controllers_.size() && peer != me && controllers_[me].in_range &&
         controllers_[peer].in_range && controllers_[peer].page_scan;
}

Handle Air::free_handle(std::size_t me) const {
  Handle handle = 1;
  while (controllers_[me].links.contains(handle)) ++handle;
  return handle;
}

void Air::put(std::size_t me, const Bytes& packet) const {
  if (::write(controllers_[me].fd, packet.data(), packet.size()) < 0) std::perror("vhci");
}

void Air::event(std::size_t me, std::uint8_t what, View parameters) const {
  Bytes packet{kEvent, what, static_cast<std::uint8_t>(parameters.size())};
  append(packet, parameters);
  put(me, packet);
}

void Air::command_complete(std::size_t me, unsigned opcode, View answer) const {
  Bytes parameters{1, low(opcode), high(opcode)};
  append(parameters, answer);
  event(me, 0x0e, parameters);
}

void Air::command_status(std::size_t me, unsigned opcode, Status status) const {
  event(me, 0x0f, Bytes{code(status), 1, low(opcode), high(opcode)});
}

void Air::connection_complete(std::size_t me, Status status, Handle handle,
                              const DeviceAddress& peer) const {
  Bytes parameters{code(status), low(handle), high(handle)};
  append(parameters, peer);
  append(parameters, Bytes{1, 0});  // ACL, not encrypted
  event(me, 0x03, parameters);
}

void Air::drop(std::size_t me, Handle handle, Status mine, Status theirs) {
  const auto found = controllers_[me].links.find(handle);
  if (found == controllers_[me].links.end()) return;
  const Link link = found->second;
  controllers_[me].links.erase(found);
  controllers_[link.peer].links.erase(link.peer_handle);
  event(me, 0x05, Bytes{0, low(handle), high(handle), code(mine)});
  event(link.peer, 0x05, Bytes{0, low(link.peer_handle), high(link.peer_handle), code(theirs)});
}

void Air::drop_all(std::size_t me, Status mine, Status theirs) {
  while (!controllers_[me].links.empty())
    drop(me, controllers_[me].links.begin()->first, mine, theirs);
}

void Air::command(std::size_t me, View packet) {
  const unsigned opcode = u16(packet, 1);
  const View parameters = packet.subspan(4);
  if (const auto fixed = fixed_answers().find(opcode); fixed != fixed_answers().end()) {
    command_complete(me, opcode, fixed->second);
    return;
  }
  const auto known = commands().find(opcode);
  if (known == commands().end()) {
    std::fprintf(stderr, "hci%zu: command %04x is not known\n", me, opcode);
    command_complete(me, opcode, Bytes{code(Status::UnknownCommand)});
  } else if (parameters.size() < known->second.parameter_bytes) {
    command_complete(me, opcode, Bytes{code(Status::InvalidParameters)});
  } else {
    (this->*known->second.handler)(me, parameters);
  }
}

// --- finding and connecting ----------------------------------------------------------------------

void Air::inquiry(std::size_t me, View p) {
  command_status(me, 0x0401, Status::Success);
  const std::uint64_t id = ++controllers_[me].inquiry;
  const TimePoint begin = Clock::now();
  const auto length = p[3] * kInquiryUnit;
  const unsigned most = p[4];
  unsigned found = 0;
  for (std::size_t peer = 0; peer < controllers_.size(); ++peer) {
    const Controller& other = controllers_[peer];
    if (peer == me || !other.inquiry_scan || !other.in_range || !controllers_[me].in_range)
      continue;
    if (most != 0 && found == most) break;
    ++found;
    timers_.at(begin + found * kInquiryAnswer, [this, me, peer, id] {
      if (controllers_[me].inquiry != id) return;
      Bytes result{1};
      append(result, controllers_[peer].address);
      append(result, Bytes{1, 0, 0});  // page scan repetition mode, reserved
      append(result, controllers_[peer].device_class);
      append(result, Bytes{0, 0});  // clock offset
      event(me, 0x02, result);
    });
  }
  const bool full = most != 0 && found == most;
  timers_.at(begin + (full ? (found + 1) * kInquiryAnswer : length), [this, me, id] {
    if (controllers_[me].inquiry != id) return;
    ++controllers_[me].inquiry;
    event(me, 0x01, Bytes{0});
  });
}

void Air::inquiry_cancel(std::size_t me, View /*p*/) {
  ++controllers_[me].inquiry;
  command_complete(me, 0x0402, Bytes{0});
}

void Air::create_connection(std::size_t me, View p) {
  command_status(me, 0x0405, Status::Success);
  const std::size_t peer = find(p);
  if (can_page(me, peer)) {
    Bytes request;
    append(request, controllers_[me].address);
    append(request, controllers_[me].device_class);
    request.push_back(1);  // ACL
    event(peer, 0x04, request);
    return;
  }
  DeviceAddress address{};
  std::ranges::copy(p.first(address.size()), address.begin());
  timers_.at(Clock::now() + kPageTimeout,
             [this, me, address] { connection_complete(me, Status::PageTimeout, 0, address); });
}

void Air::disconnect(std::size_t me, View p) {
  const auto handle = static_cast<Handle>(u16(p, 0));
  const bool known = controllers_[me].links.contains(handle);
  command_status(me, 0x0406, known ? Status::Success : Status::UnknownConnection);
  drop(me, handle, Status::TerminatedByLocal, Status::TerminatedByRemote);
}

void Air::create_connection_cancel(std::size_t me, View p) {
  Bytes answer{code(Status::UnknownConnection)};  // it ends by itself
  append(answer, p.first(6));
  command_complete(me, 0x0408, answer);
}

void Air::accept_connection(std::size_t me, View p) {
  command_status(me, 0x0409, Status::Success);
  const std::size_t peer = find(p);
  if (peer == controllers_.size()) return;
  const Handle mine = free_handle(me);
  const Handle theirs = free_handle(peer);
  controllers_[me].links[mine] = {peer, theirs, {}};
  controllers_[peer].links[theirs] = {me, mine, {}};
  connection_complete(me, Status::Success, mine, controllers_[peer].address);
  connection_complete(peer, Status::Success, theirs, controllers_[me].address);
}

void Air::reject_connection(std::size_t me, View p) {
  command_status(me, 0x040a, Status::Success);
  const std::size_t peer = find(p);
  if (peer == controllers_.size()) return;
  const auto reason = static_cast<Status>(p[6]);
  connection_complete(me, reason, 0, controllers_[peer].address);
  connection_complete(peer, reason, 0, controllers_[me].address);
}

void Air::change_packet_type(std::size_t me, View p) {
  command_status(me, 0x040f, Status::Success);
  event(me, 0x1d, Bytes{0, p[0], p[1], p[2], p[3]});
}

void Air::remote_name(std::size_t me, View p) {
  command_status(me, 0x0419, Status::Success);
  const std::size_t peer = find(p);
  const bool there = can_page(me, peer);
  Bytes answer{code(there ? Status::Success : Status::PageTimeout)};
  append(answer, p.first(6));
  if (there) append(answer, controllers_[peer].name);
  answer.resize(1 + 6 + kName_bytes);
  timers_.at(Clock::now() + (there ? 0ms : kPageTimeout),
             [this, me, answer] { event(me, 0x07, answer); });
}

void Air::remote_features(std::size_t me, View p) {
  command_status(me, 0x041b, Status::Success);
  Bytes answer{0, p[0], p[1]};
  append(answer, kFeatures);
  event(me, 0x0b, answer);
}

void Air::remote_version(std::size_t me, View p) {
  command_status(me, 0x041d, Status::Success);
  event(me, 0x0c, Bytes{0, p[0], p[1], 3, 0x3f, 0x00, 0, 0});
}

void Air::clock_offset(std::size_t me, View p) {
  command_status(me, 0x041f, Status::Success);
  event(me, 0x1c, Bytes{0, p[0], p[1], 0, 0});
}

// --- a controller's own state --------------------------------------------------------------------

void Air::reset(std::size_t me, View /*p*/) {
  drop_all(me, Status::TerminatedByLocal, Status::SupervisionTimeout);
  ++controllers_[me].inquiry;
  controllers_[me].inquiry_scan = false;
  controllers_[me].page_scan = false;
  command_complete(me, 0x0c03, Bytes{0});
}

void Air::write_name(std::size_t me, View p) {
  std::ranges::copy(p.first(kName_bytes), controllers_[me].name.begin());
  command_complete(me, 0x0c13, Bytes{0});
}

void Air::read_name(std::size_t me, View /*p*/) {
  Bytes answer{0};
  append(answer, controllers_[me].name);
  command_complete(me, 0x0c14, answer);
}

void Air::read_scan(std::size_t me, View /*p*/) {
  const Controller& controller = controllers_[me];
  const unsigned bits = (controller.inquiry_scan ? 1U : 0U) | (controller.page_scan ? 2U : 0U);
  command_complete(me, 0x0c19, Bytes{0, low(bits)});
}

void Air::write_scan(std::size_t me, View p) {
  controllers_[me].inquiry_scan = (p[0] & 1U) != 0;
  controllers_[me].page_scan = (p[0] & 2U) != 0;
  command_complete(me, 0x0c1a, Bytes{0});
}

void Air::read_class(std::size_t me, View /*p*/) {
  Bytes answer{0};
  append(answer, controllers_[me].device_class);
  command_complete(me, 0x0c23, answer);
}

void Air::write_class(std::size_t me, View p) {
  std::ranges::copy(p.first(3), controllers_[me].device_class.begin());
  command_complete(me, 0x0c24, Bytes{0});
}

void Air::write_supervision_timeout(std::size_t me, View p) {
  command_complete(me, 0x0c37, Bytes{0, p[0], p[1]});
}

void Air::read_commands(std::size_t me, View /*p*/) {
  Bytes answer(1 + 64);
  answer[1] = 0xff;      // octet 0: inquiry, connections
  answer[1 + 2] = 0xc0;  // octet 2: remote version, clock offset
  answer[1 + 4] = 0x02;  // octet 4: QoS setup
  command_complete(me, 0x1002, answer);
}

void Air::read_features(std::size_t me, View /*p*/) {
  Bytes answer{0};
  append(answer, kFeatures);
  command_complete(me, 0x1003, answer);
}

void Air::read_address(std::size_t me, View /*p*/) {
  Bytes answer{0};
  append(answer, controllers_[me].address);
  command_complete(me, 0x1009, answer);
}

// --- data ----------------------------------------------------------------------------------------

/// Bits 12 and 13 of the handle say where an L2CAP packet begins: 0 from the host (not flushable)
/// arrives as 2, a continuation (1) as itself.
void Air::acl(std::size_t me, Bytes packet) {
  const unsigned head = u16(packet, 1);
  const auto handle = static_cast<Handle>(head & kHandle_mask);
  const auto found = controllers_[me].links.find(handle);
  if (found == controllers_[me].links.end()) return;
  Link& link = found->second;
  const std::size_t peer = link.peer;
  const Handle peer_handle = link.peer_handle;
  unsigned boundary = (head >> 12U) & 3U;
  if (boundary == 0) boundary = 2;
  packet[1] = low(peer_handle);
  packet[2] = high(peer_handle | boundary << 12U);
  constexpr std::size_t kHeader_bytes = 5;  // the packet type, the handle, the length
  const auto data_bytes = static_cast<double>(packet.size() - kHeader_bytes);
  auto deliver = [this, me, handle, peer, peer_handle, packet = std::move(packet)] {
    if (!controllers_[me].links.contains(handle)) return;
    put(peer, packet);
    // Number Of Completed Packets: room for one more.
    event(me, 0x13, Bytes{1, low(handle), high(handle), 1, 0});
  };
  if (rate_bytes_s_ <= 0) {
    deliver();
    return;
  }
  const std::chrono::duration<double> air_time(data_bytes / rate_bytes_s_);
  link.free =
      std::max(Clock::now(), link.free) + std::chrono::duration_cast<Clock::duration>(air_time);
  timers_.at(link.free, std::move(deliver));
}

// --- orders and the loop -------------------------------------------------------------------------

void Air::order(const std::string& line) {
  std::istringstream words(line);
  std::string what;
  words >> what;
  if (what == "rate") {
    if (words >> rate_bytes_s_) return;
  } else if (std::size_t i = controllers_.size(); words >> i && i < controllers_.size()) {
    if (what == "gone") {
      controllers_[i].in_range = false;
      drop_all(i, Status::SupervisionTimeout, Status::SupervisionTimeout);
      return;
    }
    if (what == "back") {
      controllers_[i].in_range = true;
      return;
    }
    if (std::size_t j = controllers_.size(); what == "cut" && words >> j) {
      const std::map<Handle, Link> links = controllers_[i].links;
      for (const auto& [handle, link] : links)
        if (link.peer == j) drop(i, handle, Status::SupervisionTimeout, Status::SupervisionTimeout);
      return;
    }
  }
  std::fprintf(stderr, "no such order: %s\n", line.c_str());
}

void Air::read_orders(int orders) {
  std::array<char, kOrders_bytes> text{};
  const ssize_t count = ::read(orders, text.data(), text.size());
  if (count <= 0) return;
  unread_orders_.append(text.data(), static_cast<std::size_t>(count));
  for (std::size_t end = 0; (end = unread_orders_.find('\n')) != std::string::npos;) {
    order(unread_orders_.substr(0, end));
    unread_orders_.erase(0, end + 1);
  }
  if (unread_orders_.size() > kOrders_bytes) unread_orders_.clear();
}

/// A few packets, so that one busy controller does not keep the others waiting.
void Air::read_controller(std::size_t me) {
  constexpr int kPackets = 4;
  constexpr std::size_t kCommandHeader_bytes = 4;
  constexpr std::size_t kAclHeader_bytes = 5;
  Bytes packet;
  for (int i = 0; i < kPackets; ++i) {
    packet.resize(kPacket_bytes);
    const ssize_t count = ::read(controllers_[me].fd, packet.data(), packet.size());
    if (count <= 0) return;
    packet.resize(static_cast<std::size_t>(count));
    if (packet[0] == kCommand && packet.size() >= kCommandHeader_bytes) command(me, packet);
    if (packet[0] == kAcl && packet.size() >= kAclHeader_bytes) acl(me, packet);
  }
}

bool Air::run(int orders) {
  std::vector<pollfd> wanted;
  wanted.reserve(controllers_.size() + 1);
  for (const Controller& controller : controllers_) wanted.push_back({controller.fd, POLLIN, 0});
  wanted.push_back({orders, POLLIN, 0});
  while (true) {
    timespec wait{};
    if (!timers_.empty()) {
      const auto left = std::max(timers_.next() - Clock::now(), Clock::duration::zero());
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
      wait.tv_sec = seconds.count();
      wait.tv_nsec = std::chrono::nanoseconds(left - seconds).count();
    }
    const int ready =
        ::ppoll(wanted.data(), wanted.size(), timers_.empty() ? nullptr : &wait, nullptr);
    if (ready < 0 && errno != EINTR) return false;
    timers_.run_until(Clock::now());
    if (ready <= 0) continue;
    for (std::size_t i = 0; i < controllers_.size(); ++i) {
      if ((wanted[i].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return false;
      if ((wanted[i].revents & POLLIN) != 0) read_controller(i);
    }
    if ((wanted.back().revents & POLLIN) != 0) read_orders(orders);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv, argv + argc);
  std::size_t count = 0;
  if (arguments.size() == 3)
    std::from_chars(arguments[1].data(), arguments[1].data() + arguments[1].size(), count);
  if (count == 0 || count > kControllers_max) {
    std::fprintf(stderr, "usage: virtual_controllers 1..%zu FIFO\n", kControllers_max);
    return 2;
  }
  // Open for both directions, so that it does not end when a writer goes.
  const int orders = ::open(argv[2], O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (orders < 0) {
    std::perror(argv[2]);
    return 1;
  }
  Air air(count);
  return air.open() && air.run(orders) ? 0 : 1;
}
