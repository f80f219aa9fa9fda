// SPDX-License-Identifier: GPL-3.0-or-later
// Connections to several devices as one endpoint: it takes them, or makes them. PROTOCOL §13.3.
#pragma once

#include <memory>
#include <vector>

#include "bluetooth/bluetooth_names.hpp"
#include "bluetooth/channel_search.hpp"
#include "bluetooth/packet_stream.hpp"

namespace fwr::transport {

inline constexpr Duration kConnectLimit = std::chrono::seconds(10);
inline constexpr Duration kReconnect_interval = std::chrono::seconds(1);
inline constexpr Duration kIdleConnection = std::chrono::seconds(120);
inline constexpr Duration kPushedOut = std::chrono::seconds(30);  ///< of silence
/// A caller that cannot be taken (no descriptor, no memory) still waits, and would wake us at once.
inline constexpr Duration kAcceptPause = std::chrono::seconds(1);
inline constexpr std::size_t kDialledDevices =
    64;  ///< in the table: the devices that settings and inquiry name
inline constexpr std::size_t kDialledConnections = 7;  ///< at one time; a piconet has seven
/// After so long a connection that no session uses gives way to a device that waits for a place.
inline constexpr Duration kDialledTurn = std::chrono::seconds(3);
inline constexpr Duration kInUse =
    std::chrono::seconds(30);  ///< since the last packet of a session
inline constexpr Duration kPlaceLimit = std::chrono::seconds(10);  ///< what waits longer is dropped

/// The system calls of RFCOMM. Tests have others.
class StreamSockets {
 public:
  StreamSockets() = default;
  StreamSockets(const StreamSockets&) = delete;
  StreamSockets& operator=(const StreamSockets&) = delete;
  StreamSockets(StreamSockets&&) = delete;
  StreamSockets& operator=(StreamSockets&&) = delete;
  virtual ~StreamSockets() = default;

  struct Accepted {
    UniqueFd fd;
    Path path;
  };
  /// A descriptor that is readable when a device wants a connection; negative: none may.
  [[nodiscard]] virtual int listener() const = 0;
  /// nullopt: no device waits any more. Error: IoFailed, the one that waits cannot be taken now.
  [[nodiscard]] virtual Result<std::optional<Accepted>> accept() = 0;
  /// Begins a connection without waiting: writable when it is made.
  [[nodiscard]] virtual Result<UniqueFd> dial(const Address& device, std::uint8_t channel) = 0;
  /// The own end of a connection that was made.
  [[nodiscard]] virtual Address local_end(int fd) const = 0;
  /// Readable when poll_news() has something; negative: it never has.
  [[nodiscard]] virtual int news() const { return -1; }
  /// What happened to that which the sockets go with, such as a service record.
  [[nodiscard]] virtual std::optional<BluetoothNotice> poll_news() { return std::nullopt; }
  /// Whether the link under such a connection is encrypted now. nullopt: the kernel does not say.
  [[nodiscard]] virtual std::optional<bool> is_encrypted(int fd) const {
    (void)fd;
    return std::nullopt;
  }
};

class RfcommEndpoint final : public Endpoint {
 public:
  struct Options {
    LinkProperties properties{};   ///< `encrypted`: others are closed at once
    std::size_t connections = 7;   ///< that were taken, at one time
    ChannelSearch find_channel{};  ///< empty: it never dials
  };
  /// Error: IoFailed, the system gives no descriptor.
  [[nodiscard]] static Result<std::unique_ptr<RfcommEndpoint>> open(
      std::unique_ptr<StreamSockets> sockets, Options options, BluetoothObserver observer);

  [[nodiscard]] int descriptor() const override { return epoll_.get(); }
  [[nodiscard]] Fit fit(const Path& path) const override;
  [[nodiscard]] LinkProperties properties(const Path&) const override {
    return options_.properties;
  }
  [[nodiscard]] Result<> receive(const Receive& take, TimePoint now) override;
  [[nodiscard]] std::size_t send(std::span<const Datagram> messages, TimePoint now) override;
  [[nodiscard]] std::size_t room() const override;
  [[nodiscard]] std::optional<TimePoint> deadline() const override;
  [[nodiscard]] Result<> handle_timeout(const Receive& take, TimePoint now) override;

  [[nodiscard]] std::size_t connections() const;

 private:
  /// What is known of one device. `stream` is there while it is connected.
  struct Device {
    std::uint64_t tag = 0;  ///< in the epoll set
    Address address;        ///< as the machine says it
    bool dialled = false;
    std::uint8_t channel = 0;  ///< 0: to be searched
    bool searching = false;
    UniqueFd connecting;
    std::optional<PacketStream> stream;
    Bytes queue;                           ///< framed, while it is not connected
    std::optional<TimePoint> give_up;      ///< of the search or connection that is under way
    TimePoint queued_at{};                 ///< since when the queue is not empty
    std::optional<TimePoint> waits_since;  ///< for a place; the longest is the next
    TimePoint free_at{};                   ///< of its place, when it is connected and others wait
    TimePoint not_before{};                ///< of the next attempt
    bool watches_room = false;
  };
  using Devices = std::vector<std::unique_ptr<Device>>;

  RfcommEndpoint(std::unique_ptr<StreamSockets> sockets, Options options,
                 BluetoothObserver observer, UniqueFd epoll);
  [[nodiscard]] Result<> watch_others();
  [[nodiscard]] bool watch(int fd, std::uint64_t tag);

  [[nodiscard]] bool dials() const { return static_cast<bool>(options_.find_channel); }
  [[nodiscard]] Device* find(const Address& address) const;
  [[nodiscard]] Device* find(std::uint64_t tag) const;
  void accept_all(TimePoint now);
  void pause_accepting(const Error& why, TimePoint now);
  [[nodiscard]] bool make_room(TimePoint now);
  [[nodiscard]] Device* dialled(const Address& address, TimePoint now);
  /// When one more device can be connected to. Nothing: when an attempt that is under way has
  /// ended.
  [[nodiscard]] std::optional<TimePoint> place_at() const;
  [[nodiscard]] bool has_place() const;
  [[nodiscard]] Device* next_in_line(TimePoint now) const;
  void give_places(TimePoint now);
  void push_out_one(TimePoint now);
  void drop_what_waits(TimePoint now);
  void try_to_connect(Device& device, TimePoint now);
  void connect(Device& device, TimePoint now);
  void take_answers(TimePoint now);
  void finish_connecting(Device& device, TimePoint now);
  void refuse(Device& device, const std::string& why, TimePoint now);
  void flush(Device& device, TimePoint now);
  void lose(Device& device, const Error& error, TimePoint now);
  /// Of those that were taken nothing is kept.
  void forget_lost();
  void watch(Device& device, int fd, bool added, bool for_room);
  void tell(BluetoothNotice::Kind kind, const Address& peer, std::string text) const;
  /// Tells that it is connected. Error: IoFailed, the link is less than it has to be.
  [[nodiscard]] Result<> admit(int fd, const Address& peer) const;

  std::unique_ptr<StreamSockets> sockets_;
  Options options_;
  BluetoothObserver observer_;
  UniqueFd epoll_;
  ChannelSearches searches_;
  Devices devices_;
  std::uint64_t next_tag_;
  std::optional<TimePoint> accept_at_;  // while the listener is not watched
  bool told_pause_ = false;             // of those in a row, once
};

}  // namespace fwr::transport
