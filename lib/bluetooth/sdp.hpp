// SPDX-License-Identifier: GPL-3.0-or-later
// The service record of a donor: registering it, and searching for it. PROTOCOL §13.1.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/unique_fd.hpp"
#include "bluetooth/bluetooth_device.hpp"
#include "bluetooth/record_keeper.hpp"

namespace fwr::transport {

inline constexpr const char* kServiceUuid = "afd3fc45-6752-499a-a5c6-adb8c31e4f72";
inline constexpr std::chrono::seconds kSdpLimit{10};  ///< PROTOCOL §13.3, channel search

/// It blocks until the limit at most, whatever the device does. Errors: NotFound (the device is no
/// donor), NoResponse (it does not answer), IoFailed.
[[nodiscard]] Result<std::uint8_t> search_channel(const Adapter& adapter, const Address& device);
/// The same over a socket that is connected to an SDP server.
[[nodiscard]] Result<std::uint8_t> search_channel(UniqueFd connected,
                                                  std::chrono::milliseconds limit);

struct ServiceDescription {
  std::uint8_t channel = 0;
  std::string name;
};
/// The record as ProfileManager1 takes it.
[[nodiscard]] std::string record_as_xml(const ServiceDescription& service);

/// Whether D-Bus may start a bluetoothd that does not run: yes at a start, but one that a person
/// has stopped since is left alone.
enum class StartDaemon : bool { No, Yes };
/// With bluetoothd over D-Bus, or else over its legacy socket. Error: NotFound, and why each did
/// not work.
[[nodiscard]] Result<std::unique_ptr<ServiceRecord>> register_service(
    const Adapter& adapter, const ServiceDescription& service, StartDaemon start);

/// The two roads of register_service().
[[nodiscard]] Result<std::unique_ptr<ServiceRecord>> register_profile(
    const ServiceDescription& service, StartDaemon start);
[[nodiscard]] Result<std::unique_ptr<ServiceRecord>> register_legacy(
    const Adapter& adapter, const ServiceDescription& service);

}  // namespace fwr::transport
