// SPDX-License-Identifier: GPL-3.0-or-later
// From the core's results to the facade's conclusions.
#include "fwrecover/conclude.hpp"

namespace fwrecover {

Conclusion conclude(const fwr::Error& error) {
  const fwr::ErrorInfo& row = fwr::info(error.code);
  return Conclusion{static_cast<int>(row.exit_code), std::string(row.name), error.message(),
                    std::string(row.advice)};
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
