// SPDX-License-Identifier: GPL-3.0-or-later
// From the core's results to the facade's conclusions.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/types.hpp"
#include "donor/catalogue_file.hpp"
#include "fwrecover/event.hpp"
#include "image/manifest.hpp"
#include "settings/settings.hpp"

namespace fwrecover {

/// What was asked or opened, for advice: what helps on a network does not help on a bus.
struct Where {
  bool network = false;
  std::string bus;    ///< a tty of one
  std::string cable;  ///< a tty of one
  bool bluetooth = false;
  std::string program{};  ///< "fwdonord"; empty: the general advice is meant for it
};
/// The conclusion of a failure, with advice for this place. Its message, like the text of events,
/// is valid UTF-8 without control characters.
[[nodiscard]] Conclusion conclude(const fwr::Error& error, const Where& where = {});
/// "1 offer", "2 offers".
[[nodiscard]] std::string counted(std::size_t count, const std::string& noun);
[[nodiscard]] Conclusion conclude_ok(const std::string& message);
[[nodiscard]] inline std::int64_t as_number(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}
/// Says so when it has to wait for the system's random numbers. Errors: IoFailed; Interrupted, soon
/// after `interrupted` says so; DeadlinePassed.
[[nodiscard]] fwr::Result<> wait_for_random(Observer& observer,
                                            const std::function<bool()>& interrupted = nullptr,
                                            std::optional<fwr::TimePoint> deadline = std::nullopt);
/// What the settings have to say that is no error, as "problem" events.
void tell_problems(const fwr::settings::Settings& settings, Observer& observer);
/// What is in a catalogue and cannot be served: broken entries, and what is no image, which is no
/// fault. As "problem" events.
void tell_problems(const fwr::donor::DirectoryCatalogue& catalogue, Observer& observer);
/// The second of these, in words; empty: there is none.
[[nodiscard]] std::string foreign_words(const fwr::donor::DirectoryCatalogue& catalogue);
/// "name", "component", "version", "security_version", "size", "digest", "created" of a manifest.
void set_manifest(Event& event, const fwr::image::Manifest& manifest);

}  // namespace fwrecover
