// SPDX-License-Identifier: GPL-3.0-or-later
// The commands of a controller, and the events that follow.
#include "virtual_air.hpp"

#include <algorithm>
#include <cstdio>

namespace fwr::vm {
namespace {

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

}  // namespace

const std::map<unsigned, Air::Command>& Air::commands() {
  static const std::map<unsigned, Command> kCommands{
      {0x0401, {5, &Air::inquiry}},
      {0x0402, {0, &Air::inquiry_cancel}},
      {0x0405, {13, &Air::create_connection}},
      {0x0406, {3, &Air::disconnect}},
      {0x0408, {6, &Air::create_connection_cancel}},
      {0x0409, {7, &Air::accept_connection}},
      {0x040a, {7, &Air::reject_connection}},
      {0x040b, {22, &Air::link_key}},
      {0x040c, {6, &Air::no_link_key}},
      {0x040f, {4, &Air::change_packet_type}},
      {0x0411, {2, &Air::authenticate}},
      {0x0413, {3, &Air::encrypt}},
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
  controllers_[me].links[mine] = {peer, theirs, {}, false, {}};
  controllers_[peer].links[theirs] = {me, mine, {}, false, {}};
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

// --- keys ----------------------------------------------------------------------------------------
//
// The side that wants to authenticate asks its host for the key of the other, then the other side
// asks its own; the keys are compared here, where the challenge would be on the air.

std::vector<Handle> Air::authenticating(std::size_t me, View address) const {
  const std::size_t peer = find(address);
  std::vector<Handle> handles;
  for (const auto& [handle, link] : controllers_[me].links)
    if (link.peer == peer && link.authenticates) handles.push_back(handle);
  return handles;
}

void Air::authenticated(std::size_t me, Handle handle, Status status) {
  Link& link = controllers_[me].links[handle];
  link.authenticates = false;
  link.key.reset();
  event(me, 0x06, Bytes{code(status), low(handle), high(handle)});
}

void Air::authenticate(std::size_t me, View p) {
  const auto handle = static_cast<Handle>(u16(p, 0));
  const auto found = controllers_[me].links.find(handle);
  const bool known = found != controllers_[me].links.end();
  command_status(me, 0x0411, known ? Status::Success : Status::UnknownConnection);
  if (!known) return;
  found->second.authenticates = true;
  event(me, 0x17, controllers_[found->second.peer].address);
}

void Air::link_key(std::size_t me, View p) {
  Bytes answer{code(Status::Success)};
  append(answer, p.first(6));
  command_complete(me, 0x040b, answer);
  Key key{};
  std::ranges::copy(p.subspan(6, key.size()), key.begin());
  const std::size_t peer = find(p);
  if (peer == controllers_.size()) return;
  for (const Handle handle : authenticating(me, p)) {
    controllers_[me].links[handle].key = key;
    event(peer, 0x17, controllers_[me].address);
  }
  for (const Handle handle : authenticating(peer, controllers_[me].address)) {
    const std::optional<Key> theirs = controllers_[peer].links[handle].key;
    if (!theirs) continue;  // its host has not answered yet
    authenticated(peer, handle, *theirs == key ? Status::Success : Status::AuthenticationFailure);
  }
}

void Air::no_link_key(std::size_t me, View p) {
  Bytes answer{code(Status::Success)};
  append(answer, p.first(6));
  command_complete(me, 0x040c, answer);
  const std::size_t peer = find(p);
  if (peer == controllers_.size()) return;
  for (const Handle handle : authenticating(me, p)) authenticated(me, handle, Status::KeyMissing);
  for (const Handle handle : authenticating(peer, controllers_[me].address))
    authenticated(peer, handle, Status::KeyMissing);
}

void Air::encrypt(std::size_t me, View p) {
  const auto handle = static_cast<Handle>(u16(p, 0));
  const auto found = controllers_[me].links.find(handle);
  const bool known = found != controllers_[me].links.end();
  command_status(me, 0x0413, known ? Status::Success : Status::UnknownConnection);
  if (!known) return;
  const Link& link = found->second;
  event(me, 0x08, Bytes{0, low(handle), high(handle), p[2]});
  event(link.peer, 0x08, Bytes{0, low(link.peer_handle), high(link.peer_handle), p[2]});
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

}  // namespace fwr::vm
