// SPDX-License-Identifier: GPL-3.0-or-later
// Listening, accepting and connecting, never waiting.
#include "bluetooth/rfcomm_socket.hpp"

#include <bluetooth/rfcomm.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/retry_eintr.hpp"

namespace fwr::transport {
namespace {

constexpr int kBacklog = 8;

std::uint8_t level_of(BluetoothSecurity security) {
  switch (security) {
    case BluetoothSecurity::Low: return BT_SECURITY_LOW;
    case BluetoothSecurity::Medium: return BT_SECURITY_MEDIUM;
    case BluetoothSecurity::High: return BT_SECURITY_HIGH;
  }
  return BT_SECURITY_HIGH;
}

sockaddr_rc socket_address(const bdaddr_t& device, std::uint8_t channel) {
  sockaddr_rc address{};
  address.rc_family = AF_BLUETOOTH;
  address.rc_bdaddr = device;
  address.rc_channel = channel;
  return address;
}

/// A socket with its level, bound to the adapter and channel; zero: any.
Result<UniqueFd> bound_socket(const bdaddr_t& own, BluetoothSecurity security,
                              std::uint8_t channel) {
  UniqueFd fd(::socket(AF_BLUETOOTH, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, BTPROTO_RFCOMM));
  if (!fd.is_open()) return bluetooth_error("RFCOMM", errno);
  bt_security level{};
  level.level = level_of(security);
  if (::setsockopt(fd.get(), SOL_BLUETOOTH, BT_SECURITY, &level, sizeof level) != 0)
    return bluetooth_error(fmt::format("security {}", to_text(security)), errno);
  const sockaddr_rc address = socket_address(own, channel);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return bluetooth_error(
        channel == 0 ? std::string("bind") : fmt::format("RFCOMM channel {}", channel), errno);
  return fd;
}

/// The kernel says only on which channel they met.
Address device_of(const sockaddr_rc& address) {
  return from_device(address.rc_bdaddr);
}

class RfcommSockets final : public StreamSockets {
 public:
  RfcommSockets(const bdaddr_t& own, BluetoothSecurity security, UniqueFd listener)
      : own_(own), security_(security), listener_(std::move(listener)) {}

  [[nodiscard]] int listener() const override { return listener_.get(); }

  [[nodiscard]] Result<std::optional<Accepted>> accept() override {
    sockaddr_rc peer{};
    socklen_t size = sizeof peer;
    UniqueFd fd(retry_eintr([&] {
      return ::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&peer), &size,
                       SOCK_CLOEXEC | SOCK_NONBLOCK);
    }));
    const bool nobody = errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED;
    if (!fd.is_open() && nobody) return std::nullopt;
    if (!fd.is_open()) return bluetooth_error("accept", errno);
    Path path;
    path.local = local_end(fd.get());
    path.peer = device_of(peer);
    path.medium = Medium::Bluetooth;
    return Accepted{std::move(fd), path};
  }

  [[nodiscard]] Result<UniqueFd> dial(const Address& device, std::uint8_t channel) override {
    auto fd = bound_socket(own_, security_, 0);
    if (!fd) return fd;
    const sockaddr_rc peer = socket_address(to_device(device), channel);
    const int begun = retry_eintr([&] {
      return ::connect(fd->get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer);
    });
    if (begun != 0 && errno != EINPROGRESS && errno != EAGAIN)
      return bluetooth_error(fmt::format("RFCOMM channel {}", channel), errno);
    return fd;
  }

  [[nodiscard]] Address local_end(int fd) const override {
    sockaddr_rc own{};
    socklen_t size = sizeof own;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) != 0) return {};
    return device_of(own);
  }

  /// A socket says only what was asked of it; the link, by which keys were used, is the adapter's.
  [[nodiscard]] std::optional<bool> is_encrypted(int fd) const override {
    sockaddr_rc own{};
    sockaddr_rc peer{};
    socklen_t own_size = sizeof own;
    socklen_t peer_size = sizeof peer;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &own_size) != 0 ||
        ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0)
      return std::nullopt;
    return is_link_encrypted(own.rc_bdaddr, peer.rc_bdaddr);
  }

 private:
  bdaddr_t own_;
  BluetoothSecurity security_;
  UniqueFd listener_;
};

}  // namespace

Result<std::unique_ptr<StreamSockets>> open_rfcomm_sockets(const Adapter& adapter,
                                                           BluetoothSecurity security,
                                                           std::uint8_t channel) {
  UniqueFd listener;
  if (channel != 0) {
    auto bound = bound_socket(adapter.own, security, channel);
    if (!bound) return tl::unexpected(bound.error());
    if (::listen(bound->get(), kBacklog) != 0)
      return bluetooth_error(fmt::format("RFCOMM channel {}", channel), errno);
    listener = *std::move(bound);
  }
  return std::make_unique<RfcommSockets>(adapter.own, security, std::move(listener));
}

}  // namespace fwr::transport
