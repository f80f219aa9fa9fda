// SPDX-License-Identifier: GPL-3.0-or-later
// The devices in reach, and which of them are donors: on a thread, because libbluetooth blocks.
#include <bluetooth/bluetooth.h>
#include <bluetooth/hci.h>
#include <bluetooth/hci_lib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>

#include "base/unique_fd.hpp"
#include "bluetooth/bluetooth.hpp"
#include "bluetooth/sdp.hpp"
#include "transport/worker.hpp"

namespace fwr::transport {
namespace {

constexpr std::chrono::milliseconds kInquiryUnit{1280};  // Bluetooth HCI, Inquiry command
constexpr int kShortestInquiry_units = 1;
constexpr int kLongestInquiry_units = 48;
constexpr int kNameLimit_ms = 5000;  // a page, and an answer
constexpr std::size_t kName_bytes = 249;

/// What is known so far.
struct Scan {
  std::vector<BluetoothDevice> devices;
  std::optional<Error> error;  ///< of the inquiry
  bool done = false;
};
using ScanBoard = Board<Scan>;

int units_of(std::chrono::milliseconds inquiry) {
  return std::clamp(static_cast<int>(inquiry / kInquiryUnit), kShortestInquiry_units,
                    kLongestInquiry_units);
}

struct FreeC {
  void operator()(inquiry_info* found) const { std::free(found); }  // NOLINT: libbluetooth's
};

Result<std::vector<Address>> inquire(const Adapter& adapter, std::chrono::milliseconds length) {
  inquiry_info* raw = nullptr;
  const int count = hci_inquiry(adapter.index, units_of(length), static_cast<int>(kInquiredDevices),
                                nullptr, &raw, IREQ_CACHE_FLUSH);
  const std::unique_ptr<inquiry_info, FreeC> found(raw);
  if (count < 0) return bluetooth_error("inquiry with " + adapter.name, errno);
  std::vector<Address> devices;
  for (const inquiry_info& one : std::span(found.get(), static_cast<std::size_t>(count))) {
    const Address address = from_device(one.bdaddr);
    if (std::find(devices.begin(), devices.end(), address) == devices.end())
      devices.push_back(address);
  }
  return devices;
}

std::string ask_name(const Adapter& adapter, const Address& device) {
  const UniqueFd control(hci_open_dev(adapter.index));
  if (!control.is_open()) return {};
  std::array<char, kName_bytes> name{};
  const bdaddr_t peer = to_device(device);
  if (hci_read_remote_name(control.get(), &peer, static_cast<int>(name.size()) - 1, name.data(),
                           kNameLimit_ms) < 0)
    return {};
  return name.data();
}

void add(Scan& scan, const Address& address) {
  Address device = address;
  device.port = 0;
  const bool there = std::any_of(scan.devices.begin(), scan.devices.end(),
                                 [&](const auto& known) { return known.address == device; });
  if (!there) scan.devices.push_back({device, {}, false, "not asked in time"});
}

void ask(BluetoothDevice& device, const Adapter& adapter, bool names) {
  const auto channel = search_channel(adapter, device.address);
  const bool answered = channel || channel.error().code == Errc::NotFound;
  if (answered && names) device.name = ask_name(adapter, device.address);
  device.donor = channel.has_value();
  device.problem = answered ? std::string() : channel.error().detail;
  if (channel) device.address.port = *channel;
}

void work(const BluetoothScanSettings& settings, const Adapter& adapter, ScanBoard& board) {
  Scan scan;
  for (const Address& known : settings.known) add(scan, known);
  board.post(scan);
  if (settings.inquire) {
    const auto found = inquire(adapter, settings.inquiry);
    if (found)
      for (const Address& one : *found) add(scan, one);
    else
      scan.error = found.error();
    board.post(scan);
  }
  // One after the other: a radio pages one device at a time.
  for (BluetoothDevice& device : scan.devices) {
    if (board.abandoned()) return;
    ask(device, adapter, settings.names);
    board.post(scan);
  }
  scan.done = true;
  board.post(std::move(scan));
}

}  // namespace

Result<std::vector<BluetoothDevice>> scan_bluetooth(const BluetoothScanSettings& settings,
                                                    const Patience& patience) {
  auto adapter = find_working_adapter(settings.adapter);
  if (!adapter) return tl::unexpected(adapter.error());
  const auto board = std::make_shared<ScanBoard>(1);  // the last state counts
  if (!run_detached([=, adapter = *std::move(adapter)] { work(settings, adapter, *board); }))
    return fail(Errc::IoFailed, "the system gives no thread to look for Bluetooth devices");
  Scan scan;
  const auto take = [&](Scan state) {
    scan = std::move(state);
    return scan.done;
  };
  if (board->collect(patience, take) == ScanBoard::End::Interrupted)
    return fail(Errc::Interrupted, "while Bluetooth devices were looked for");
  if (scan.error && scan.devices.empty()) return tl::unexpected(*scan.error);
  return std::move(scan.devices);
}

}  // namespace fwr::transport
