// SPDX-License-Identifier: GPL-3.0-or-later
// What comes from the kernel and what goes there; the data, the orders and the loop.
#include "virtual_air.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <sstream>

namespace fwr::vm {

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

}  // namespace fwr::vm
