// SPDX-License-Identifier: GPL-3.0-or-later
// From the core's results to the facade's conclusions.
#include "fwrecover/conclude.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "base/log_text.hpp"
#include "fwrecover/advice.hpp"
#include "transport/clock.hpp"

namespace fwrecover {
namespace {

using fwr::Errc;

std::string advice_for_silence(const Where& where) {
  std::string advice;
  const auto add = [&](const std::string& sentence) {
    advice += (advice.empty() ? "" : " ") + sentence;
  };
  if (!where.bus.empty())
    add("Check address, baud and wiring; \"fwdiag icmb " + where.bus +
        " discover\" shows who is on the bus.");
  if (!where.cable.empty())
    add("Check that fwdonord serves the other end of " + where.cable +
        ", at the same baud, and that the cable is crossed.");
  if (where.bluetooth) add("\"fwdiag bt scan\" shows which Bluetooth devices are donors.");
  if (where.network && !advice.empty()) add("For the network try \"fwdiag discover\".");
  return advice;
}

std::string advice_here(const fwr::Error& error, const Where& where) {
  const bool silence = error.code == Errc::NoDonorAnswered || error.code == Errc::NoResponse;
  std::string advice = silence ? advice_for_silence(where) : advice_about(error.code, error.about);
  if (!advice.empty()) return advice;
  if (where.program.empty()) return std::string(general_advice(error.code));
  return advice_for(error.code, where.program, error.message());
}

}  // namespace

std::string counted(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

Conclusion conclude(const fwr::Error& error, const Where& where) {
  const fwr::ErrorInfo& row = fwr::info(error.code);
  return Conclusion{static_cast<int>(row.exit_code), std::string(row.name),
                    fwr::log_text(fwr::as_bytes(error.message())), advice_here(error, where)};
}

Conclusion conclude_ok(const std::string& message) {
  return Conclusion{0, "ok", fwr::log_text(fwr::as_bytes(message)), {}};
}

fwr::Result<> wait_for_random(Observer& observer, const std::function<bool()>& interrupted,
                              std::optional<fwr::TimePoint> deadline) {
  const auto tell = [&] {
    observer.on_event(Event("problem").set(
        "text", "waiting for the random numbers of this system, which has not been on for long"));
  };
  return fwr::transport::wait_for_random(tell, interrupted, deadline);
}

void tell_problems(const fwr::settings::Settings& settings, Observer& observer) {
  for (const std::string& text : settings.take_problems())
    observer.on_event(
        Event("problem").set("text", fwr::log_text(fwr::as_bytes(std::string_view(text)))));
}

std::string foreign_words(const fwr::donor::DirectoryCatalogue& catalogue) {
  constexpr std::size_t kShown = 3;
  const std::vector<std::string>& foreign = catalogue.foreign();
  if (foreign.empty()) return {};
  std::string names;
  for (const std::string& name : std::span(foreign).first(std::min(foreign.size(), kShown)))
    names += (names.empty() ? "" : ", ") + name;
  if (foreign.size() > kShown) names += ", ...";
  return "left alone in the catalogue's directory, since it is no image: " + names;
}

void tell_problems(const fwr::donor::DirectoryCatalogue& catalogue, Observer& observer) {
  const auto tell = [&](const std::string& text) {
    observer.on_event(
        Event("problem").set("text", fwr::log_text(fwr::as_bytes(std::string_view(text)))));
  };
  for (const fwr::Error& problem : catalogue.problems()) tell(problem.message());
  if (const std::string words = foreign_words(catalogue); !words.empty()) tell(words);
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
