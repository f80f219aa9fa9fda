// SPDX-License-Identifier: GPL-3.0-or-later
// The record with bluetoothd, over D-Bus: org.bluez.ProfileManager1.
#include <fmt/format.h>
#include <poll.h>

#include <array>
#include <string_view>

#include "base/retry_eintr.hpp"
#include "bluetooth/sdp.hpp"
#include "config.h"

#ifdef FWR_HAVE_SYSTEMD
#include <systemd/sd-bus.h>
#endif

namespace fwr::transport {

#ifdef FWR_HAVE_SYSTEMD
namespace {

constexpr const char* kService = "org.bluez";
constexpr const char* kManagerPath = "/org/bluez";
constexpr const char* kManager = "org.bluez.ProfileManager1";
/// bluetoothd calls nothing there: it does not listen for us, and Release needs no answer.
constexpr const char* kProfilePath = "/org/fwrecover/donor";
constexpr std::uint64_t kCallLimit_us = 3'000'000;

struct CloseBus {
  void operator()(sd_bus* bus) const { (void)sd_bus_flush_close_unref(bus); }
};
using Bus = std::unique_ptr<sd_bus, CloseBus>;

struct Unref {
  void operator()(sd_bus_message* message) const { (void)sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, Unref>;

constexpr const char* kOwnerChanges =
    "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
    "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.bluez'";

/// Known to the daemon as long as it lives, and the connection.
class Profile final : public ServiceRecord {
 public:
  explicit Profile(Bus bus) : bus_(std::move(bus)) {}

  /// To be called before the record is registered, so that nothing is missed.
  [[nodiscard]] int watch() {
    return sd_bus_add_match(bus_.get(), nullptr, kOwnerChanges, &Profile::owner_changed, this);
  }
  [[nodiscard]] sd_bus* bus() const { return bus_.get(); }

  [[nodiscard]] bool wait_until_lost(int stop) override {
    while (!lost_) {
      const int processed = sd_bus_process(bus_.get(), nullptr);
      if (processed < 0) return true;  // the bus itself is gone
      if (processed > 0) continue;
      const int events = sd_bus_get_events(bus_.get());
      if (events < 0) return true;
      std::array watched{pollfd{stop, POLLIN, 0},
                         pollfd{sd_bus_get_fd(bus_.get()), static_cast<short>(events), 0}};
      (void)retry_eintr([&] { return ::poll(watched.data(), watched.size(), -1); });
      if (watched[0].revents != 0) return false;
    }
    return true;
  }

 private:
  /// The daemon that appears has no record to lose: only one that had the name takes ours with it.
  static int owner_changed(sd_bus_message* message, void* profile, sd_bus_error* /*error*/) {
    const char* name = nullptr;
    const char* before = nullptr;
    const char* after = nullptr;
    if (sd_bus_message_read(message, "sss", &name, &before, &after) >= 0 &&
        !std::string_view(before).empty())
      static_cast<Profile*>(profile)->lost_ = true;
    return 0;
  }

  bool lost_ = false;
  Bus bus_;
};

tl::unexpected<Error> refused(const std::string& why) {
  return fail(Errc::NotFound, "no bluetoothd on D-Bus: " + why);
}
std::string text_of(int error) {
  return bluetooth_error("D-Bus", -error).value().detail;
}

/// No "Channel": the daemon must not listen on it, we do. The record is whole as it is.
int append_arguments(sd_bus_message* call, const ServiceDescription& service) {
  const std::string record = record_as_xml(service);
  return sd_bus_message_append(call, "osa{sv}", kProfilePath, kServiceUuid, 6,  //
                               "Name", "s", service.name.c_str(),               //
                               "Role", "s", "server",                           //
                               "ServiceRecord", "s", record.c_str(),            //
                               "AutoConnect", "b", 0,                           //
                               "RequireAuthentication", "b", 0,                 //
                               "RequireAuthorization", "b", 0);
}

}  // namespace

Result<std::unique_ptr<ServiceRecord>> register_profile(const ServiceDescription& service,
                                                        StartDaemon start) {
  sd_bus* opened = nullptr;
  if (const int error = sd_bus_open_system(&opened); error < 0) return refused(text_of(error));
  auto profile = std::make_unique<Profile>(Bus(opened));
  if (const int error = profile->watch(); error < 0) return refused(text_of(error));
  sd_bus_message* made = nullptr;
  if (const int error = sd_bus_message_new_method_call(profile->bus(), &made, kService,
                                                       kManagerPath, kManager, "RegisterProfile");
      error < 0)
    return refused(text_of(error));
  const Message call(made);
  if (const int error =
          sd_bus_message_set_auto_start(call.get(), start == StartDaemon::Yes ? 1 : 0);
      error < 0)
    return refused(text_of(error));
  if (const int error = append_arguments(call.get(), service); error < 0)
    return refused(text_of(error));
  sd_bus_error why = SD_BUS_ERROR_NULL;
  const int answered = sd_bus_call(profile->bus(), call.get(), kCallLimit_us, &why, nullptr);
  const std::string words = why.message != nullptr ? why.message : "";
  sd_bus_error_free(&why);
  if (answered < 0) return refused(words.empty() ? text_of(answered) : words);
  return profile;
}
#else
Result<std::unique_ptr<ServiceRecord>> register_profile(const ServiceDescription&, StartDaemon) {
  return fail(Errc::NotFound, "this build has no D-Bus (libsystemd)");
}
#endif

}  // namespace fwr::transport
