// SPDX-License-Identifier: GPL-3.0-or-later
// What the facade asks for, in a build with Bluetooth.
#include "bluetooth/bluetooth.hpp"

#include "bluetooth/rfcomm_endpoint.hpp"
#include "bluetooth/rfcomm_socket.hpp"
#include "bluetooth/sdp.hpp"

namespace fwr::transport {
namespace {

/// What a link surely has: one way at basic rate, 723 kb/s. EDR has up to three times as much. To
/// the recipient it is a slow link then, whose retransmission times outlast the 36 ms that a
/// segment takes, and the queues in front of it (PROTOCOL §8.6).
constexpr std::uint64_t kRate_bps = 720'000;
/// A segment of 8,192 bytes, so that with the session around it it fits in a packet.
constexpr std::size_t kSuggested_bytes = 8192 + 17;

LinkProperties properties_of(BluetoothSecurity security) {
  LinkProperties properties;
  properties.medium = Medium::Bluetooth;
  properties.largest_message_bytes = wire::kLargestStreamPacket_bytes;
  properties.suggested_message_bytes = kSuggested_bytes;
  properties.bits_per_s = kRate_bps;
  properties.authenticated = security == BluetoothSecurity::High;
  properties.encrypted = security != BluetoothSecurity::Low;
  properties.shared = false;
  return properties;
}

constexpr const char* kNoRecord = "no SDP record, so recipients have to know address and channel: ";

/// A listener, and the record that leads to it.
class RegisteredSockets final : public StreamSockets {
 public:
  RegisteredSockets(std::unique_ptr<StreamSockets> sockets, std::unique_ptr<ServiceRecord> record,
                    RecordKeeper::Register again)
      : sockets_(std::move(sockets)), keeper_(std::move(record), std::move(again), {}) {}
  [[nodiscard]] int listener() const override { return sockets_->listener(); }
  [[nodiscard]] Result<std::optional<Accepted>> accept() override { return sockets_->accept(); }
  [[nodiscard]] Result<UniqueFd> dial(const Address& device, std::uint8_t channel) override {
    return sockets_->dial(device, channel);
  }
  [[nodiscard]] Address local_end(int fd) const override { return sockets_->local_end(fd); }
  [[nodiscard]] std::optional<bool> is_encrypted(int fd) const override {
    return sockets_->is_encrypted(fd);
  }
  [[nodiscard]] int news() const override { return keeper_.descriptor(); }
  [[nodiscard]] std::optional<BluetoothNotice> poll_news() override {
    const auto what = keeper_.poll();
    if (!what) return std::nullopt;
    if (*what == RecordKeeper::News::Registered)
      return BluetoothNotice{BluetoothNotice::Kind::Registered, {}, "the SDP record", {}};
    return BluetoothNotice{
        BluetoothNotice::Kind::Problem,
        {},
        std::string(kNoRecord) + "who kept it is gone; tried again until it is back",
        {}};
  }

 private:
  std::unique_ptr<StreamSockets> sockets_;
  RecordKeeper keeper_;
};

Result<std::unique_ptr<Endpoint>> as_endpoint(Result<std::unique_ptr<RfcommEndpoint>> opened) {
  if (!opened) return tl::unexpected(opened.error());
  return std::unique_ptr<Endpoint>(*std::move(opened));
}

}  // namespace

Result<std::unique_ptr<Endpoint>> open_rfcomm_listener(const RfcommListenerSettings& settings,
                                                       BluetoothObserver observer) {
  const auto adapter = find_adapter(settings.link.adapter);
  if (!adapter) return tl::unexpected(adapter.error());
  auto sockets = open_rfcomm_sockets(*adapter, settings.link.security, settings.channel);
  if (!sockets) return tl::unexpected(sockets.error());
  const ServiceDescription service{settings.channel, settings.name};
  auto record = register_service(*adapter, service, StartDaemon::Yes);
  if (!record && observer)
    observer({BluetoothNotice::Kind::Problem, {}, kNoRecord + record.error().detail, {}});
  const auto again = [adapter = *adapter, service] {
    return register_service(adapter, service, StartDaemon::No);
  };
  RfcommEndpoint::Options options;
  options.properties = properties_of(settings.link.security);
  options.connections = settings.connections;
  return as_endpoint(
      RfcommEndpoint::open(std::make_unique<RegisteredSockets>(
                               *std::move(sockets), record ? *std::move(record) : nullptr, again),
                           std::move(options), std::move(observer)));
}

Result<std::unique_ptr<Endpoint>> open_rfcomm_dialer(const BluetoothSettings& settings,
                                                     BluetoothObserver observer) {
  const auto adapter = find_adapter(settings.adapter);
  if (!adapter) return tl::unexpected(adapter.error());
  auto sockets = open_rfcomm_sockets(*adapter, settings.security, 0);
  if (!sockets) return tl::unexpected(sockets.error());
  RfcommEndpoint::Options options;
  options.properties = properties_of(settings.security);
  options.find_channel = [adapter = *adapter](const Address& device) {
    return search_channel(adapter, device);
  };
  return as_endpoint(
      RfcommEndpoint::open(*std::move(sockets), std::move(options), std::move(observer)));
}

}  // namespace fwr::transport
