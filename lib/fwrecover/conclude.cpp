// SPDX-License-Identifier: GPL-3.0-or-later
// From the core's results to the facade's conclusions.
#include "fwrecover/conclude.hpp"

#include "donor/log_text.hpp"
#include "transport/clock.hpp"

namespace fwrecover {

Conclusion conclude(const fwr::Error& error) {
  const fwr::ErrorInfo& row = fwr::info(error.code);
  return Conclusion{static_cast<int>(row.exit_code), std::string(row.name),
                    fwr::donor::log_text(fwr::as_bytes(error.message())), std::string(row.advice)};
}

Conclusion conclude_ok(const std::string& message) {
  return Conclusion{0, "ok", fwr::donor::log_text(fwr::as_bytes(message)), {}};
}

fwr::Result<> wait_for_random(Observer& observer, const std::function<bool()>& interrupted) {
  const auto tell = [&] {
    observer.on_event(Event("problem").set(
        "text", "waiting for the random numbers of this system, which has not been on for long"));
  };
  return fwr::transport::wait_for_random(tell, interrupted);
}

void set_manifest(Event& event, const fwr::image::Manifest& manifest) {
  event.set("name", manifest.name);
  event.set("component", manifest.component);
  event.set("version", manifest.version);
  event.set("security_version", as_number(manifest.security_version));
  event.set("size", as_number(manifest.size_bytes));
  event.set("digest", fwr::to_text(manifest.digest));
  event.set("created", manifest.created);
}

}  // namespace fwrecover
