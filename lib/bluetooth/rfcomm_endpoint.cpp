// SPDX-License-Identifier: GPL-3.0-or-later
// The devices that are connected, those on the way, and those that have to wait.
#include "bluetooth/rfcomm_endpoint.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/retry_eintr.hpp"
#include "wire/rmcp.hpp"

namespace fwr::transport {
namespace {

constexpr std::uint64_t kListenerTag = 0;
constexpr std::uint64_t kSearchTag = 1;
constexpr std::uint64_t kNewsTag = 2;
constexpr std::uint64_t kFirstTag = 3;
constexpr std::size_t kEventsAtOnce = 32;
constexpr std::size_t kAcceptsAtOnce = 8;
/// Packets that the machine is asked for at one time, while every connection has room.
constexpr std::size_t kBurst = 4;

std::string error_text(int error) {
  return std::generic_category().message(error);
}

/// The kernel has one number for each; what may be behind it takes more words.
std::string why_refused(int error) {
  switch (error) {
    case EBADE:  // L2CAP's "security block", of our own end
      return "not authenticated: the devices are not paired, or one of them has forgotten it";
    case ECONNREFUSED:
      return error_text(error) +
             ": no donor on that channel, or bluetooth.security of either end "
             "wants a pairing that there is not";
    default: return error_text(error);
  }
}

/// Whether a packet that we send opens a session or is of one.
bool is_of_session(ByteView packet) {
  constexpr auto kFirstOfSetup = static_cast<std::uint8_t>(wire::PayloadType::OpenSessionRq);
  const auto message = wire::decode_rmcp(packet);
  if (!message) return false;
  const auto* plus = std::get_if<wire::RmcpPlusPacket>(&*message);
  return plus != nullptr &&
         (plus->header.session_id != 0 || plus->header.payload_type >= kFirstOfSetup);
}

void keep_earlier(std::optional<TimePoint>& next, std::optional<TimePoint> other) {
  if (other && (!next || *other < *next)) next = other;
}

}  // namespace

Result<std::unique_ptr<RfcommEndpoint>> RfcommEndpoint::open(std::unique_ptr<StreamSockets> sockets,
                                                             Options options,
                                                             BluetoothObserver observer) {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.is_open()) return fail(Errc::IoFailed, "Bluetooth: epoll: " + error_text(errno));
  std::unique_ptr<RfcommEndpoint> endpoint(new RfcommEndpoint(
      std::move(sockets), std::move(options), std::move(observer), std::move(epoll)));
  if (auto watched = endpoint->watch_others(); !watched) return tl::unexpected(watched.error());
  return endpoint;
}

RfcommEndpoint::RfcommEndpoint(std::unique_ptr<StreamSockets> sockets, Options options,
                               BluetoothObserver observer, UniqueFd epoll)
    : sockets_(std::move(sockets)),
      options_(std::move(options)),
      observer_(std::move(observer)),
      epoll_(std::move(epoll)),
      searches_(options_.find_channel),
      next_tag_(kFirstTag) {}

Result<> RfcommEndpoint::watch_others() {
  if (!watch(sockets_->listener(), kListenerTag) || !watch(searches_.descriptor(), kSearchTag) ||
      !watch(sockets_->news(), kNewsTag))
    return fail(Errc::IoFailed, "Bluetooth: epoll: " + error_text(errno));
  return {};
}

bool RfcommEndpoint::watch(int fd, std::uint64_t tag) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag;
  return fd < 0 || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

Endpoint::Fit RfcommEndpoint::fit(const Path& path) const {
  if (path.peer.family != AddressFamily::Bluetooth) return Fit::None;
  if (const Device* device = find(path.peer); device != nullptr && device->stream)
    return Fit::Exact;
  return dials() ? Fit::Family : Fit::None;
}

RfcommEndpoint::Device* RfcommEndpoint::find(const Address& address) const {
  const auto at = std::find_if(devices_.begin(), devices_.end(),
                               [&](const auto& device) { return device->address == address; });
  return at == devices_.end() ? nullptr : at->get();
}

RfcommEndpoint::Device* RfcommEndpoint::find(std::uint64_t tag) const {
  const auto at = std::find_if(devices_.begin(), devices_.end(),
                               [&](const auto& device) { return device->tag == tag; });
  return at == devices_.end() ? nullptr : at->get();
}

std::size_t RfcommEndpoint::connections() const {
  return static_cast<std::size_t>(std::count_if(
      devices_.begin(), devices_.end(), [](auto& device) { return device->stream.has_value(); }));
}

// --- what comes in -------------------------------------------------------------------------------

Result<> RfcommEndpoint::receive(const Receive& take, TimePoint now) {
  std::array<epoll_event, kEventsAtOnce> events{};
  const int count = retry_eintr([&] {
    return ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  });
  if (count < 0) return fail(Errc::IoFailed, "Bluetooth: epoll: " + error_text(errno));
  for (const epoll_event& event : std::span(events).first(static_cast<std::size_t>(count))) {
    if (event.data.u64 == kListenerTag) {
      accept_all(now);
    } else if (event.data.u64 == kSearchTag) {
      take_answers(now);
    } else if (event.data.u64 == kNewsTag) {
      while (const auto notice = sockets_->poll_news())
        if (observer_) observer_(*notice);
    } else if (Device* device = find(event.data.u64)) {
      if (device->connecting.is_open()) finish_connecting(*device, now);
      if (!device->stream) continue;
      // First what came before the end of a connection.
      if (auto heard = device->stream->receive(take, now); !heard)
        lose(*device, heard.error(), now);
      if (device->stream) flush(*device, now);
    }
  }
  forget_lost();
  give_places(now);
  return {};
}

void RfcommEndpoint::accept_all(TimePoint now) {
  for (std::size_t i = 0; i < kAcceptsAtOnce; ++i) {
    auto taken = sockets_->accept();
    if (!taken) return pause_accepting(taken.error(), now);
    std::optional<StreamSockets::Accepted>& accepted = *taken;
    if (!accepted) return;
    told_pause_ = false;
    const Address& peer = accepted->path.peer;
    if (Device* before = find(peer)) {
      // The other end has lost it, and we have not noticed yet.
      if (before->stream) lose(*before, {Errc::IoFailed, "the device connected again"}, now);
      forget_lost();
    }
    if (connections() >= options_.connections && !make_room(now)) {
      tell(BluetoothNotice::Kind::Refused, peer,
           fmt::format("there are {} connections already", options_.connections));
      continue;
    }
    if (const auto admitted = admit(accepted->fd.get(), peer); !admitted) {
      tell(BluetoothNotice::Kind::Refused, peer, admitted.error().detail);
      continue;
    }
    auto device = std::make_unique<Device>();
    device->tag = next_tag_++;
    device->address = peer;
    device->stream.emplace(std::move(accepted->fd), accepted->path, now);
    watch(*device, device->stream->fd(), true, false);
    devices_.push_back(std::move(device));
  }
}

void RfcommEndpoint::pause_accepting(const Error& why, TimePoint now) {
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, sockets_->listener(), nullptr);
  accept_at_ = now + kAcceptPause;
  if (!told_pause_)
    tell(BluetoothNotice::Kind::Problem, {}, "connections cannot be taken: " + why.detail);
  told_pause_ = true;
}

bool RfcommEndpoint::make_room(TimePoint now) {
  Device* silent = nullptr;
  for (const auto& device : devices_)
    if (device->stream &&
        (silent == nullptr || device->stream->heard_at() < silent->stream->heard_at()))
      silent = device.get();
  if (silent == nullptr || now < silent->stream->heard_at() + kPushedOut) return false;
  lose(*silent, {Errc::IoFailed, "it was silent, and gave way to another device"}, now);
  forget_lost();
  return true;
}

// --- what goes out -------------------------------------------------------------------------------

std::size_t RfcommEndpoint::send(std::span<const Datagram> messages, TimePoint now) {
  for (const Datagram& message : messages) {
    Device* device = find(message.path.peer);
    if (device == nullptr && dials()) device = dialled(message.path.peer, now);
    // A device that is not connected cannot be reached: lost, as on any network.
    if (device == nullptr) continue;
    if (is_of_session(message.bytes)) device->free_at = std::max(device->free_at, now + kInUse);
    if (device->stream) {
      (void)device->stream->add(message.bytes);
      continue;
    }
    if (device->queue.empty()) device->queued_at = now;
    if (!device->give_up && !device->waits_since) device->waits_since = now;
    if (device->queue.size() < kWaitingOutput_bytes)
      (void)wire::append_to_stream(device->queue, message.bytes);
  }
  for (const auto& device : devices_)
    if (device->stream && device->stream->waiting_bytes() > 0) flush(*device, now);
  forget_lost();
  give_places(now);
  return messages.size();
}

std::size_t RfcommEndpoint::room() const {
  const bool full = std::any_of(devices_.begin(), devices_.end(), [](const auto& device) {
    return device->stream && device->stream->is_full();
  });
  return full ? 0 : kBurst;
}

void RfcommEndpoint::flush(Device& device, TimePoint now) {
  if (auto sent = device.stream->flush(now); !sent) return lose(device, sent.error(), now);
  const bool waits = device.stream->wants_room();
  if (waits != device.watches_room) watch(device, device.stream->fd(), false, waits);
}

void RfcommEndpoint::watch(Device& device, int fd, bool added, bool for_room) {
  epoll_event event{};
  event.events = EPOLLIN;
  if (for_room) event.events |= EPOLLOUT;
  event.data.u64 = device.tag;
  device.watches_room = for_room;
  // It cannot fail but for memory; then the timers of both machines end the connection.
  (void)::epoll_ctl(epoll_.get(), added ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
}

// --- connections of our own ----------------------------------------------------------------------

RfcommEndpoint::Device* RfcommEndpoint::dialled(const Address& address, TimePoint now) {
  if (devices_.size() >= kDialledDevices) {
    const auto unused = std::find_if(devices_.begin(), devices_.end(), [&](const auto& device) {
      return !device->stream && !device->give_up && device->queue.empty() &&
             device->not_before <= now;
    });
    if (unused == devices_.end()) {
      tell(BluetoothNotice::Kind::Refused, address,
           fmt::format("{} other devices are asked already", kDialledDevices));
      return nullptr;
    }
    devices_.erase(unused);
  }
  auto device = std::make_unique<Device>();
  device->tag = next_tag_++;
  device->address = address;
  device->dialled = true;
  device->channel = static_cast<std::uint8_t>(address.port);
  devices_.push_back(std::move(device));
  return devices_.back().get();
}

bool RfcommEndpoint::has_place() const {
  const auto taken = std::count_if(devices_.begin(), devices_.end(), [](const auto& device) {
    return device->dialled && (device->stream || device->give_up);
  });
  return static_cast<std::size_t>(taken) < kDialledConnections;
}

std::optional<TimePoint> RfcommEndpoint::place_at() const {
  if (has_place()) return TimePoint::min();
  std::optional<TimePoint> next;
  for (const auto& device : devices_) {
    if (!device->dialled) continue;
    if (device->give_up) return std::nullopt;
    if (device->stream) keep_earlier(next, device->free_at);
  }
  return next;
}

/// Who is in use and was lost goes first.
RfcommEndpoint::Device* RfcommEndpoint::next_in_line(TimePoint now) const {
  const auto rank = [&](const Device& device) {
    return std::pair(device.free_at <= now, device.waits_since);
  };
  Device* next = nullptr;
  for (const auto& device : devices_) {
    const bool waits = !device->stream && !device->give_up && !device->queue.empty();
    if (!waits || now < device->not_before) continue;
    if (next == nullptr || rank(*device) < rank(*next)) next = device.get();
  }
  return next;
}

void RfcommEndpoint::give_places(TimePoint now) {
  while (Device* device = next_in_line(now)) {
    const auto at = place_at();
    if (!at || now < *at) return;
    if (!has_place()) push_out_one(now);
    try_to_connect(*device, now);
  }
}

/// Closes the idle device that has been silent longest, to make room.
void RfcommEndpoint::push_out_one(TimePoint now) {
  Device* silent = nullptr;
  for (const auto& device : devices_) {
    if (!device->dialled || !device->stream || now < device->free_at) continue;
    if (silent == nullptr || device->stream->heard_at() < silent->stream->heard_at())
      silent = device.get();
  }
  if (silent != nullptr)
    lose(*silent, {Errc::IoFailed, "it was not in use, and gave way to another device"}, now);
}

/// Drops queued messages that are too old; the device keeps its place in the queue.
void RfcommEndpoint::drop_what_waits(TimePoint now) {
  for (const auto& device : devices_) {
    if (device->stream || device->give_up || device->queue.empty()) continue;
    if (now < device->queued_at + kPlaceLimit) continue;
    device->queue.clear();
    tell(BluetoothNotice::Kind::Refused, device->address,
         fmt::format("it has to wait: {} other devices are connected", kDialledConnections));
  }
}

void RfcommEndpoint::try_to_connect(Device& device, TimePoint now) {
  device.waits_since.reset();
  device.give_up = now + kConnectLimit;
  device.not_before = now + kReconnect_interval;
  if (device.channel != 0) return connect(device, now);
  device.searching = true;
  if (auto started = searches_.start(device.address); !started)
    refuse(device, started.error().detail, now);
}

void RfcommEndpoint::take_answers(TimePoint now) {
  while (auto answer = searches_.poll()) {
    Device* device = find(answer->device);
    if (device == nullptr || !device->searching) continue;  // it came too late
    device->searching = false;
    if (!answer->channel) {
      refuse(*device, answer->channel.error().detail, now);
      continue;
    }
    device->channel = *answer->channel;
    device->give_up = now + kConnectLimit;
    connect(*device, now);
  }
}

void RfcommEndpoint::connect(Device& device, TimePoint now) {
  auto dialled = sockets_->dial(device.address, device.channel);
  if (!dialled) return refuse(device, dialled.error().detail, now);
  device.connecting = *std::move(dialled);
  watch(device, device.connecting.get(), true, true);
}

void RfcommEndpoint::finish_connecting(Device& device, TimePoint now) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(device.connecting.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0)
    error = errno;
  if (error != 0) {
    // Nobody listens there: it may have moved. A device that is away has the same channel later,
    // and a search for it would only take time.
    if (error == ECONNREFUSED) device.channel = static_cast<std::uint8_t>(device.address.port);
    return refuse(device, why_refused(error), now);
  }
  if (const auto admitted = admit(device.connecting.get(), device.address); !admitted)
    return refuse(device, admitted.error().detail, now);
  Path path;
  path.local = sockets_->local_end(device.connecting.get());
  path.peer = device.address;
  path.medium = Medium::Bluetooth;
  device.stream.emplace(std::move(device.connecting), path, now);
  device.free_at = std::max(device.free_at, now + kDialledTurn);
  device.give_up.reset();
  device.stream->append(device.queue);
  device.queue.clear();
  flush(device, now);
}

void RfcommEndpoint::refuse(Device& device, const std::string& why, TimePoint now) {
  device.connecting.reset();
  device.searching = false;
  device.give_up.reset();
  device.queue.clear();
  device.not_before = std::max(device.not_before, now);
  tell(BluetoothNotice::Kind::Refused, device.address, why);
}

void RfcommEndpoint::lose(Device& device, const Error& error, TimePoint now) {
  device.stream.reset();
  device.not_before = std::max(device.not_before, now + kReconnect_interval);
  tell(BluetoothNotice::Kind::Lost, device.address, error.detail);
}

void RfcommEndpoint::forget_lost() {
  std::erase_if(devices_, [](const auto& device) { return !device->dialled && !device->stream; });
}

// --- times ---------------------------------------------------------------------------------------

std::optional<TimePoint> RfcommEndpoint::deadline() const {
  std::optional<TimePoint> next = accept_at_;
  const std::optional<TimePoint> place = place_at();
  for (const auto& device : devices_) {
    keep_earlier(next, device->give_up);
    if (!device->stream) {
      if (device->queue.empty() || device->give_up) continue;
      keep_earlier(next, device->queued_at + kPlaceLimit);
      if (place) keep_earlier(next, std::max(*place, device->not_before));
      continue;
    }
    keep_earlier(next, device->stream->deadline());
    if (!device->dialled) keep_earlier(next, device->stream->heard_at() + kIdleConnection);
  }
  return next;
}

Result<> RfcommEndpoint::handle_timeout(const Receive& take, TimePoint now) {
  if (accept_at_ && now >= *accept_at_) {
    // What cannot be watched, for want of memory, is tried again.
    const bool watched = watch(sockets_->listener(), kListenerTag);
    accept_at_ = watched ? std::nullopt : std::optional(now + kAcceptPause);
  }
  for (const auto& device : devices_) {
    if (device->give_up && now >= *device->give_up) refuse(*device, "no answer", now);
    if (!device->stream) continue;
    device->stream->handle_timeout(take, now);
    flush(*device, now);
    if (!device->stream) continue;
    if (!device->dialled && now >= device->stream->heard_at() + kIdleConnection)
      lose(*device, {Errc::IoFailed, "it was silent"}, now);
  }
  forget_lost();
  give_places(now);
  drop_what_waits(now);
  return {};
}

void RfcommEndpoint::tell(BluetoothNotice::Kind kind, const Address& peer, std::string text) const {
  if (observer_) observer_({kind, peer, std::move(text), {}});
}

/// The kernel has seen to it already; a link that is not what was asked of it is looked at twice.
Result<> RfcommEndpoint::admit(int fd, const Address& peer) const {
  const std::optional<bool> encrypted = sockets_->is_encrypted(fd);
  if (options_.properties.encrypted && encrypted == false)
    return fail(Errc::IoFailed, "the link is not encrypted, and has to be");
  if (observer_) observer_({BluetoothNotice::Kind::Connected, peer, {}, encrypted});
  return {};
}

}  // namespace fwr::transport
