// SPDX-License-Identifier: GPL-3.0-or-later
// The record with bluetoothd, over D-Bus: org.bluez.ProfileManager1.
#include <fmt/format.h>

#include "config.h"
#include "transport/sdp.hpp"

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

/// Known to the daemon as long as the connection lives.
class Profile final : public ServiceRecord {
 public:
  explicit Profile(Bus bus) : bus_(std::move(bus)) {}

 private:
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

Result<std::unique_ptr<ServiceRecord>> register_profile(const ServiceDescription& service) {
  sd_bus* opened = nullptr;
  if (const int error = sd_bus_open_system(&opened); error < 0) return refused(text_of(error));
  Bus bus(opened);
  sd_bus_message* made = nullptr;
  if (const int error = sd_bus_message_new_method_call(bus.get(), &made, kService, kManagerPath,
                                                       kManager, "RegisterProfile");
      error < 0)
    return refused(text_of(error));
  const Message call(made);
  if (const int error = append_arguments(call.get(), service); error < 0)
    return refused(text_of(error));
  sd_bus_error why = SD_BUS_ERROR_NULL;
  const int answered = sd_bus_call(bus.get(), call.get(), kCallLimit_us, &why, nullptr);
  const std::string words = why.message != nullptr ? why.message : "";
  sd_bus_error_free(&why);
  if (answered < 0) return refused(words.empty() ? text_of(answered) : words);
  return std::make_unique<Profile>(std::move(bus));
}
#else
Result<std::unique_ptr<ServiceRecord>> register_profile(const ServiceDescription&) {
  return fail(Errc::NotFound, "this build has no D-Bus (libsystemd)");
}
#endif

}  // namespace fwr::transport
