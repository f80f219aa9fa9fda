// SPDX-License-Identifier: GPL-3.0-or-later
// Adapters, by the kernel's name or by their address.
#include "bluetooth/bluetooth_device.hpp"

#include <bluetooth/hci.h>
#include <bluetooth/hci_lib.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/unique_fd.hpp"

namespace fwr::transport {
namespace {

constexpr std::size_t kOctets = 6;
constexpr std::size_t kAddressText_bytes = 18;  // with its end

/// Error, when this kernel has no Bluetooth at all.
Result<> check_kernel() {
  const UniqueFd control(::socket(AF_BLUETOOTH, SOCK_RAW | SOCK_CLOEXEC, BTPROTO_HCI));
  if (!control.is_open()) return bluetooth_error("adapters", errno);
  return {};
}

}  // namespace

bdaddr_t to_device(const Address& address) {
  bdaddr_t device{};
  std::reverse_copy(address.bytes.begin(), address.bytes.begin() + kOctets, std::begin(device.b));
  return device;
}

Address from_device(const bdaddr_t& device) {
  Address address;
  address.family = AddressFamily::Bluetooth;
  std::reverse_copy(std::begin(device.b), std::end(device.b), address.bytes.begin());
  return address;
}

Result<Adapter> find_adapter(const std::string& name) {
  if (auto there = check_kernel(); !there) return tl::unexpected(there.error());
  if (name.empty()) return Adapter{-1, {}, "any adapter"};
  Adapter adapter;
  adapter.name = name;
  // hci_devid() takes an address only of adapters that are up; so does this for "hci0".
  adapter.index = hci_devid(name.c_str());
  if (adapter.index < 0 || hci_devba(adapter.index, &adapter.own) < 0)
    return fail(Errc::NotFound, fmt::format("Bluetooth adapter {} is not there, or is off", name),
                BluetoothAdapter{});
  return adapter;
}

Result<Adapter> find_working_adapter(const std::string& name) {
  auto adapter = find_adapter(name);
  if (!adapter || adapter->index >= 0) return adapter;
  adapter->index = hci_get_route(nullptr);
  if (adapter->index < 0 || hci_devba(adapter->index, &adapter->own) < 0)
    return fail(Errc::NotFound, "no Bluetooth adapter is there and on", BluetoothAdapter{});
  adapter->name = fmt::format("hci{}", adapter->index);
  return adapter;
}

std::optional<bool> is_link_encrypted(const bdaddr_t& own, const bdaddr_t& device) {
  std::array<char, kAddressText_bytes> name{};
  (void)ba2str(&own, name.data());
  const int index = hci_devid(name.data());
  const UniqueFd adapter(index < 0 ? -1 : hci_open_dev(index));
  if (!adapter.is_open()) return std::nullopt;
  // The kernel writes its answer behind the question.
  hci_conn_info_req question{};
  question.bdaddr = device;
  question.type = ACL_LINK;
  hci_conn_info answer{};
  alignas(hci_conn_info_req) std::array<char, sizeof question + sizeof answer> both{};
  std::memcpy(both.data(), &question, sizeof question);
  if (::ioctl(adapter.get(), HCIGETCONNINFO, both.data()) != 0) return std::nullopt;
  std::memcpy(&answer, both.data() + sizeof question, sizeof answer);
  return (answer.link_mode & HCI_LM_ENCRYPT) != 0;
}

tl::unexpected<Error> bluetooth_error(const std::string& what, int error) {
  const std::string detail =
      fmt::format("Bluetooth: {}: {}", what, std::generic_category().message(error));
  switch (error) {
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
      return fail(Errc::NotFound,
                  detail +
                      " (this kernel has no Bluetooth, or the service may not use "
                      "it: RestrictAddressFamilies)",
                  BluetoothAdapter{});
    case EACCES:
    case EPERM: return fail(Errc::NoPermission, detail);
    case EADDRINUSE: return fail(Errc::AddressUnavailable, detail);
    case ENODEV:
    case EADDRNOTAVAIL: return fail(Errc::NotFound, detail, BluetoothAdapter{});
    default: return fail(Errc::IoFailed, detail);
  }
}

}  // namespace fwr::transport
