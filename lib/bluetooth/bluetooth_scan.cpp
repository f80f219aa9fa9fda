// SPDX-License-Identifier: GPL-3.0-or-later
// Who is there, and who of them is a donor: on a thread, because libbluetooth blocks.
#include <bluetooth/bluetooth.h>
#include <bluetooth/hci.h>
#include <bluetooth/hci_lib.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <span>
#include <system_error>
#include <thread>

#include "base/unique_fd.hpp"
#include "bluetooth/bluetooth.hpp"
#include "bluetooth/sdp.hpp"
#include "transport/blocked_signals.hpp"

namespace fwr::transport {
namespace {

constexpr std::chrono::milliseconds kAskInterruption_interval{50};
constexpr std::chrono::milliseconds kInquiryUnit{1280};  // Bluetooth HCI, Inquiry command
constexpr int kShortestInquiry_units = 1;
constexpr int kLongestInquiry_units = 48;
constexpr int kNameLimit_ms = 5000;  // a page, and an answer
constexpr std::size_t kName_bytes = 249;

/// What the caller and the thread share; it goes with the last of them.
struct Board {
  explicit Board(BluetoothScanSettings wanted, Adapter own)
      : settings(std::move(wanted)), adapter(std::move(own)) {}

  const BluetoothScanSettings settings;
  const Adapter adapter;
  std::mutex mutex;  // for what follows
  std::condition_variable changed;
  std::vector<BluetoothDevice> devices;
  std::optional<Error> error;
  bool done = false;
  bool abandoned = false;
};

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

void add(Board& board, const Address& address) {
  Address device = address;
  device.port = 0;
  const std::lock_guard lock(board.mutex);
  const bool there = std::any_of(board.devices.begin(), board.devices.end(),
                                 [&](const auto& known) { return known.address == device; });
  if (!there) board.devices.push_back({device, {}, false, "not asked in time"});
}

/// The first that was not asked; nothing when all were, or nobody waits any more.
std::optional<Address> next_device(Board& board, std::size_t index) {
  const std::lock_guard lock(board.mutex);
  if (board.abandoned || index >= board.devices.size()) return std::nullopt;
  return board.devices[index].address;
}

void ask(Board& board, std::size_t index, const Address& address) {
  const auto channel = search_channel(board.adapter, address);
  const bool answered = channel || channel.error().code == Errc::NotFound;
  std::string name;
  if (answered && board.settings.names) name = ask_name(board.adapter, address);
  const std::lock_guard lock(board.mutex);
  BluetoothDevice& device = board.devices[index];
  device.name = std::move(name);
  device.donor = channel.has_value();
  device.problem = answered ? std::string() : channel.error().detail;
  if (channel) device.address.port = *channel;
}

void work(const std::shared_ptr<Board>& board) {
  for (const Address& known : board->settings.known) add(*board, known);
  if (board->settings.inquire) {
    const auto found = inquire(board->adapter, board->settings.inquiry);
    if (found)
      for (const Address& one : *found) add(*board, one);
    const std::lock_guard lock(board->mutex);
    if (!found) board->error = found.error();
  }
  // One after the other: a radio pages one device at a time.
  for (std::size_t index = 0; const auto device = next_device(*board, index); ++index)
    ask(*board, index, *device);
  const std::lock_guard lock(board->mutex);
  board->done = true;
  board->changed.notify_one();
}

}  // namespace

Result<std::vector<BluetoothDevice>> scan_bluetooth(const BluetoothScanSettings& settings,
                                                    const Patience& patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience.limit;
  auto adapter = find_working_adapter(settings.adapter);
  if (!adapter) return tl::unexpected(adapter.error());
  const auto board = std::make_shared<Board>(settings, *std::move(adapter));
  try {
    const BlockedSignals blocked;
    std::thread(work, board).detach();
  } catch (const std::system_error&) {
    return fail(Errc::IoFailed, "the system gives no thread to look for Bluetooth devices");
  }
  std::unique_lock lock(board->mutex);
  while (!board->done && std::chrono::steady_clock::now() < deadline) {
    const auto ask_at = std::chrono::steady_clock::now() + kAskInterruption_interval;
    board->changed.wait_until(lock, std::min(deadline, ask_at));
    if (patience.interrupted && patience.interrupted()) {
      board->abandoned = true;
      return fail(Errc::Interrupted, "while Bluetooth devices were looked for");
    }
  }
  board->abandoned = true;
  if (board->error && board->devices.empty()) return tl::unexpected(*board->error);
  return board->devices;
}

}  // namespace fwr::transport
