// SPDX-License-Identifier: GPL-3.0-or-later
// SDP with libbluetooth.
#include "bluetooth/sdp.hpp"

#include <bluetooth/sdp.h>
#include <bluetooth/sdp_lib.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <span>
#include <string_view>
#include <system_error>
#include <thread>

#include "base/bytes.hpp"
#include "base/retry_eintr.hpp"
#include "transport/blocked_signals.hpp"

namespace fwr::transport {
namespace {

constexpr std::size_t kUuid_bytes = 16;

template <class Thing, auto Free>
struct Freed {
  void operator()(Thing* thing) const { (void)Free(thing); }
};
using Session = std::unique_ptr<sdp_session_t, Freed<sdp_session_t, sdp_close>>;
using Record = std::unique_ptr<sdp_record_t, Freed<sdp_record_t, sdp_record_free>>;

void free_list(sdp_list_t* list) {
  sdp_list_free(list, nullptr);
}
using List = std::unique_ptr<sdp_list_t, Freed<sdp_list_t, free_list>>;
List list_of(void* first, void* second = nullptr) {
  sdp_list_t* list = sdp_list_append(nullptr, first);
  return List(second == nullptr ? list : sdp_list_append(list, second));
}

uuid_t service_uuid() {
  std::string digits(kServiceUuid);
  std::erase(digits, '-');
  const auto bytes = from_hex(digits, kUuid_bytes);
  uuid_t uuid{};
  if (bytes) sdp_uuid128_create(&uuid, bytes->data());
  return uuid;
}

uuid_t short_uuid(std::uint16_t number) {
  uuid_t uuid{};
  sdp_uuid16_create(&uuid, number);
  return uuid;
}

/// Blocking connections can sleep through a refusal, so this one is waited for by ourselves.
Result<Session> connect_to(const Adapter& adapter, const bdaddr_t& device) {
  Session session(sdp_connect(&adapter.own, &device, SDP_NON_BLOCKING));
  if (!session) return bluetooth_error("SDP", errno);
  const int fd = sdp_get_socket(session.get());
  pollfd made{fd, POLLOUT, 0};
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(kSdpLimit);
  const int ready = retry_eintr([&] { return ::poll(&made, 1, static_cast<int>(limit.count())); });
  int error = 0;
  socklen_t size = sizeof error;
  if (ready > 0) (void)::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (ready <= 0) return fail(Errc::NoResponse, "the device does not answer");
  if (error != 0) return fail(Errc::NoResponse, bluetooth_error("SDP", error).value().detail);
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0)
    return bluetooth_error("SDP", errno);
  return session;
}

/// libbluetooth waits 20 s for each part of an answer, and a peer may give as many parts as it
/// likes: ends the conversation at the limit, so that no thread and no socket outlives it.
class Ending {
 public:
  /// Throws std::system_error when the system gives no thread.
  Ending(int fd, std::chrono::steady_clock::time_point at)
      : thread_([this, fd, at] {
          std::unique_lock lock(mutex_);
          if (!changed_.wait_until(lock, at, [this] { return done_; }))
            (void)::shutdown(fd, SHUT_RDWR);
        }) {}
  ~Ending() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;
  Ending(Ending&&) = delete;
  Ending& operator=(Ending&&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_;  // the last: it uses the others
};

/// The RFCOMM channel of a record, 0 when it has none that can be.
std::uint8_t channel_of(const sdp_record_t& record) {
  constexpr int kHighest = 30;
  sdp_list_t* protocols = nullptr;
  if (sdp_get_access_protos(&record, &protocols) != 0) return 0;
  const int channel = sdp_get_proto_port(protocols, RFCOMM_UUID);
  for (sdp_list_t* one = protocols; one != nullptr; one = one->next)
    free_list(static_cast<sdp_list_t*>(one->data));
  free_list(protocols);
  return channel >= 1 && channel <= kHighest ? static_cast<std::uint8_t>(channel) : 0;
}

/// The conversation itself.
Result<std::uint8_t> ask_for_channel(sdp_session_t* session) {
  uuid_t ours = service_uuid();
  std::uint32_t everything = 0xffff;  // attributes 0000h to FFFFh
  const List classes = list_of(&ours);
  const List attributes = list_of(&everything);
  sdp_list_t* found = nullptr;
  if (sdp_service_search_attr_req(session, classes.get(), SDP_ATTR_REQ_RANGE, attributes.get(),
                                  &found) != 0)
    return fail(Errc::NoResponse, "the device does not answer an SDP search");
  std::uint8_t channel = 0;
  for (sdp_list_t* one = found; one != nullptr; one = one->next) {
    const Record record(static_cast<sdp_record_t*>(one->data));
    if (channel == 0 && record) channel = channel_of(*record);
  }
  free_list(found);
  if (channel == 0) return fail(Errc::NotFound, "the device has no service of this kind");
  return channel;
}

Result<std::uint8_t> search_until(const Session& session,
                                  std::chrono::steady_clock::time_point limit) {
  try {
    const BlockedSignals blocked;
    const Ending ending(sdp_get_socket(session.get()), limit);
    return ask_for_channel(session.get());
  } catch (const std::system_error&) {
    return fail(Errc::IoFailed, "the system gives no thread to bound an SDP search");
  }
}

Record make_record(const ServiceDescription& service) {
  Record record(sdp_record_alloc());
  if (!record) return record;
  uuid_t ours = service_uuid();
  uuid_t root = short_uuid(PUBLIC_BROWSE_GROUP);
  uuid_t l2cap = short_uuid(L2CAP_UUID);
  uuid_t rfcomm = short_uuid(RFCOMM_UUID);
  std::uint8_t channel = service.channel;
  sdp_set_service_id(record.get(), ours);
  const List classes = list_of(&ours);
  sdp_set_service_classes(record.get(), classes.get());
  const List groups = list_of(&root);
  sdp_set_browse_groups(record.get(), groups.get());
  const std::unique_ptr<sdp_data_t, Freed<sdp_data_t, sdp_data_free>> number(
      sdp_data_alloc(SDP_UINT8, &channel));
  const List lower = list_of(&l2cap);
  const List upper = list_of(&rfcomm, number.get());
  const List stack = list_of(lower.get(), upper.get());
  const List stacks = list_of(stack.get());
  sdp_set_access_protos(record.get(), stacks.get());
  sdp_set_info_attr(record.get(), service.name.c_str(), nullptr, nullptr);
  return record;
}

class LegacyRecord final : public ServiceRecord {
 public:
  LegacyRecord(Session session, Record record)
      : record_(std::move(record)), session_(std::move(session)) {}

  /// The server says nothing unasked: what can be read is the end.
  [[nodiscard]] bool wait_until_lost(int stop) override {
    std::array watched{pollfd{stop, POLLIN, 0}, pollfd{sdp_get_socket(session_.get()), POLLIN, 0}};
    (void)retry_eintr([&] { return ::poll(watched.data(), watched.size(), -1); });
    return watched[0].revents == 0;
  }

 private:
  Record record_;
  Session session_;  // closed first: then the server forgets the record
};

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'')
      out += fmt::format("&#{};", static_cast<int>(c));
    else if (static_cast<unsigned char>(c) >= 0x20U)
      out += c;
  }
  return out;
}

}  // namespace

Result<std::uint8_t> search_channel(const Adapter& adapter, const Address& device) {
  const auto limit = std::chrono::steady_clock::now() + kSdpLimit;
  auto session = connect_to(adapter, to_device(device));
  if (!session) return tl::unexpected(session.error());
  return search_until(*session, limit);
}

Result<std::uint8_t> search_channel(UniqueFd connected, std::chrono::milliseconds limit) {
  const int copy = ::fcntl(connected.get(), F_DUPFD_CLOEXEC, 0);  // libbluetooth closes it
  if (copy < 0) return bluetooth_error("SDP", errno);
  const Session session(sdp_create(copy, 0));
  if (!session) {
    (void)::close(copy);
    return fail(Errc::IoFailed, "SDP: no memory");
  }
  return search_until(session, std::chrono::steady_clock::now() + limit);
}

std::string record_as_xml(const ServiceDescription& service) {
  return fmt::format(
      R"(<?xml version="1.0" encoding="UTF-8" ?><record>)"
      R"(<attribute id="0x0001"><sequence><uuid value="{0}"/></sequence></attribute>)"
      R"(<attribute id="0x0003"><uuid value="{0}"/></attribute>)"
      R"(<attribute id="0x0004"><sequence><sequence><uuid value="0x0100"/></sequence>)"
      R"(<sequence><uuid value="0x0003"/><uint8 value="0x{1:02x}"/></sequence></sequence>)"
      R"(</attribute>)"
      R"(<attribute id="0x0005"><sequence><uuid value="0x1002"/></sequence></attribute>)"
      R"(<attribute id="0x0100"><text value="{2}"/></attribute></record>)",
      kServiceUuid, service.channel, escaped(service.name));
}

Result<std::unique_ptr<ServiceRecord>> register_legacy(const Adapter& adapter,
                                                       const ServiceDescription& service) {
  const bdaddr_t any{};
  const bdaddr_t local{{0, 0, 0, 0xff, 0xff, 0xff}};  // its server is on this system
  Session session(sdp_connect(&any, &local, SDP_RETRY_IF_BUSY));
  if (!session)
    return fail(Errc::NotFound, "no legacy SDP server (bluetoothd --compat): " +
                                    bluetooth_error("SDP", errno).value().detail);
  Record record = make_record(service);
  if (!record) return fail(Errc::IoFailed, "SDP record: no memory");
  bdaddr_t own = adapter.own;
  if (sdp_device_record_register(session.get(), &own, record.get(), 0) != 0)
    return fail(Errc::NotFound, "the legacy SDP server refused the record");
  return std::make_unique<LegacyRecord>(std::move(session), std::move(record));
}

Result<std::unique_ptr<ServiceRecord>> register_service(const Adapter& adapter,
                                                        const ServiceDescription& service,
                                                        StartDaemon start) {
  auto profile = register_profile(service, start);
  if (profile) return profile;
  auto legacy = register_legacy(adapter, service);
  if (legacy) return legacy;
  return fail(Errc::NotFound, profile.error().detail + "; " + legacy.error().detail);
}

}  // namespace fwr::transport
