// SPDX-License-Identifier: GPL-3.0-or-later
// A recovery machine under a plain socket: light enough for hundreds of them in one process.
#include "client.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <variant>

#include "transport/socket_address.hpp"

namespace fwr::soak {
namespace {

constexpr std::size_t kDatagram_bytes = 65536;

/// 127.1.0.1 and following: each system has an address of its own, as on a real network.
Address address_of(std::uint32_t host) {
  Address address;
  address.family = AddressFamily::Ipv4;
  address.bytes = {127, 1, static_cast<std::uint8_t>(host / 250),
                   static_cast<std::uint8_t>(1 + host % 250)};
  return address;
}

UniqueFd open_socket(Address& local) {
  sockaddr_storage address{};
  socklen_t size = transport::to_sockaddr(local, address);
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open() || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error(std::string("a socket at ") + to_text(local) + ": " +
                             std::strerror(errno));
  local = transport::from_sockaddr(reinterpret_cast<const sockaddr&>(address), size);
  return fd;
}

std::size_t receive_buffer_bytes(int fd) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &size) != 0 || value <= 0) return 65536;
  return static_cast<std::size_t>(value);
}

}  // namespace

Client::Client(const Crowd& crowd, std::uint32_t host, TimePoint now)
    : crowd_(crowd), host_(host), slots_(crowd.image.size()), began_(now) {
  path_.local = address_of(host);
  path_.peer = crowd.donor;
  socket_ = open_socket(path_.local);
  recipient::RecoveryConfig config;
  config.iana = 32473;
  config.policy.deadline = crowd.deadline;
  config.situation.platform.manufacturer_id = 32473;
  config.situation.platform.product_id = 7;
  config.situation.slot_capacity_bytes = crowd.image.size();
  config.situation.wall_clock = transport::wall_clock();
  config.credentials = crowd.credentials;
  config.trusted_keys = {crowd.key};
  config.targets = {recipient::Target{.path = path_, .broadcast = false}};
  config.receive_buffer_bytes = receive_buffer_bytes(socket_.get());
  recovery_ = std::make_unique<recipient::Recovery>(std::move(config), slots_, random_);
  recovery_->start(now, transport::wall_clock().value_or(0));
}

void Client::receive(TimePoint now) {
  // One buffer for all: a datagram is handed over before the next one comes.
  static Bytes buffer(kDatagram_bytes);
  constexpr int kDatagramsPerTurn = 64;
  for (int i = 0; i < kDatagramsPerTurn; ++i) {
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0) return;
    ++received_;
    recovery_->handle_datagram(path_, ByteView(buffer).first(static_cast<std::size_t>(count)), now);
  }
}

void Client::send(TimePoint now) {
  while (unsent_ || (unsent_ = recovery_->poll_transmit(now))) {
    sockaddr_storage peer{};
    const socklen_t size = transport::to_sockaddr(unsent_->path.peer, peer);
    const ssize_t sent = ::sendto(socket_.get(), unsent_->bytes.data(), unsent_->bytes.size(), 0,
                                  reinterpret_cast<const sockaddr*>(&peer), size);
    if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) return;
    unsent_.reset();
  }
}

void Client::work(TimePoint now) {
  if (const auto due = recovery_->deadline(); due && *due <= now) recovery_->handle_timeout(now);
  send(now);
}

void Client::drain(Tally& tally) {
  while (auto event = recovery_->poll_event()) {
    if (const auto* dropped = std::get_if<recipient::Dropped>(&*event)) {
      if (dropped->error.code == Errc::DonorBusy)
        ++tally.busy;
      else if (dropped->error.code == Errc::SessionLimit)
        ++tally.session_limit;
      else
        ++tally.dropped[dropped->error.message()];
    }
    if (auto* finished = std::get_if<recipient::Finished>(&*event))
      finished_ = std::move(*finished);
  }
}

void Client::settle(Tally& tally, TimePoint now) {
  drain(tally);
  if (!finished_) {
    ++tally.failed["no result"];
  } else if (finished_->error) {
    ++tally.failed[finished_->error->message()];
  } else if (!std::equal(crowd_.image.begin(), crowd_.image.end(),
                         slots_.of(slots_.record.active).begin(),
                         slots_.of(slots_.record.active).end())) {
    ++tally.failed["another image than the donor's"];
  } else {
    ++tally.completions;
  }
  tally.longest_s = std::max(tally.longest_s, std::chrono::duration<double>(now - began_).count());
}

}  // namespace fwr::soak
