// SPDX-License-Identifier: GPL-3.0-or-later
// Outcome, cause and advice.
#include "fwrecover/recovery_end.hpp"

#include <fmt/format.h>

#include "fwrecover/advice.hpp"
#include "fwrecover/recipient_impl.hpp"
#include "policy/words.hpp"

namespace fwrecover {
namespace {

using fwr::Errc;
using fwr::Error;

void add_story(Error& error, const RecoveryDriver& driver, const Asked& asked, const Media& media);
Conclusion conclude_failure(const Error& error, const std::optional<Errc>& cause,
                            const Where& where, std::string_view command);

}  // namespace

Asked report_asked(const fwr::recipient::RecoveryConfig& config, const Media& media,
                   Observer& observer) {
  std::vector<fwr::Path> network;
  std::vector<std::string> texts;
  std::string elsewhere;
  for (const fwr::recipient::Target& target : config.targets) {
    const bool on_line = media.link_to(target.path.peer) != fwr::kLanLink;
    texts.push_back(on_line ? media.text(target.path.peer) : target_text(target.path));
    if (on_line)
      elsewhere += (elsewhere.empty() ? "" : ", ") + texts.back();
    else
      network.push_back(target.path);
  }
  const fwr::Platform& platform = config.situation.platform;
  Asked asked{targets_text(network), wanted_text(platform)};
  if (!elsewhere.empty()) asked.targets += (asked.targets.empty() ? "" : ", ") + elsewhere;
  Event event("asked");
  event.set("targets", texts);
  event.set("component", platform.component);
  event.set("manufacturer", std::int64_t{platform.manufacturer_id});
  event.set("product", std::int64_t{platform.product_id});
  event.set("device", std::int64_t{platform.device_id});
  event.set("revision", std::int64_t{platform.hardware_revision});
  event.set("text", "asked " + asked.targets + " for " + asked.wanted);
  observer.on_event(event);
  return asked;
}

Where where_asked(bool network, const Media& media) {
  Where where;
  where.network = network;
  for (const Media::Known& line : media.known()) {
    if (line.family == fwr::AddressFamily::Icmb) where.bus = line.device;
    if (line.family == fwr::AddressFamily::Serial) where.cable = line.device;
    if (line.family == fwr::AddressFamily::Bluetooth) where.bluetooth = true;
  }
  return where;
}

Conclusion conclude_recovery(const RecoveryDriver& driver,
                             const fwr::settings::RecipientConfig& config, const Media& media,
                             const Asked& asked, const Where& where, Observer& observer) {
  fwr::recipient::Finished end = *driver.outcome();
  if (end.error) end.error->detail = media.named(end.error->detail);
  if (end.error) add_story(*end.error, driver, asked, media);
  Event event(end.error ? "failed" : "recovered");
  if (driver.donor()) {
    event.set("donor", fwr::to_text(driver.donor()->donor));
    event.set("address", media.text(driver.donor()->path.peer));
  }
  if (end.manifest) set_manifest(event, *end.manifest);
  event.set("fetched", as_number(end.progress.fetched_bytes));
  event.set("reused", as_number(end.progress.reused_bytes));
  if (end.error) {
    event.set("code", std::string(fwr::info(end.error->code).name));
    event.set("reason", end.error->message());
  }
  remember(config, event, observer);
  if (end.error) {
    return conclude_failure(*end.error, end.cause, where, "fwrecover request");
  }
  observer.on_event(event);
  return conclude_ok(
      fmt::format("recovered: {} {} is active, on trial; 'fwrecover confirm' keeps it",
                  end.manifest->name, end.manifest->version));
}

Conclusion conclude_offers(const RecoveryDriver& driver, bool verify, const Media& media,
                           const Asked& asked, const Where& where) {
  fwr::recipient::Finished end = *driver.outcome();
  if (end.error) {
    end.error->detail = media.named(end.error->detail);
    add_story(*end.error, driver, asked, media);
    return conclude_failure(*end.error, end.cause, where, "fwrecover offers");
  }
  if (driver.acceptable() == 0)
    return conclude({Errc::NoOfferAcceptable,
                     fmt::format("{}, all refused", counted(driver.offers(), "offer"))});
  return conclude_ok(fmt::format("{}, {} acceptable{}", counted(driver.offers(), "offer"),
                                 driver.acceptable(),
                                 verify ? ", verified" : " as the donors describe them"));
}

std::optional<Conclusion> conclude_nothing(const RecoveryDriver& driver,
                                           const fwr::policy::Situation& situation,
                                           const std::optional<Assessment>& assessed) {
  const auto& end = *driver.outcome();
  if (!end.error || end.error->code != Errc::NoOfferAcceptable) return std::nullopt;
  if (driver.installed()) return conclude_ok("nothing to do: " + *driver.installed());
  if (situation.only_newer && assessed && assessed->healthy)
    return conclude_ok(
        "nothing to do: no acceptable image that is newer than the installed one is "
        "offered");
  return std::nullopt;
}

void report_unjudged_expiry(const RecoveryDriver& driver, const fwr::policy::Situation& situation,
                            Observer& observer) {
  const auto& end = *driver.outcome();
  if (end.error || !end.manifest || fwr::policy::expiry_is_judged(situation, *end.manifest)) return;
  observer.on_event(Event("problem").set(
      "text", fmt::format("whether version {} has expired could not be judged: the clock of this "
                          "system is not set",
                          end.manifest->version)));
}

namespace {

/// Adds the targets, the wanted component and the troubles of the way to the sentence that is read.
void add_story(Error& error, const RecoveryDriver& driver, const Asked& asked, const Media& media) {
  if (error.exit_code() != fwr::ExitCode::NoDonor) return;
  for (const std::string& part : {"asked were " + asked.targets + " for " + asked.wanted,
                                  driver.network().text(), media.trouble()})
    if (!part.empty()) error.detail += "; " + part;
}

/// "Every donor failed" is no help: the failure of the first one has advice of its own.
Conclusion conclude_failure(const Error& error, const std::optional<Errc>& cause,
                            const Where& where, std::string_view command) {
  Conclusion conclusion = conclude(error, where);
  if (!cause) return conclusion;
  const fwr::ErrorInfo& first = fwr::info(*cause);
  conclusion.cause = std::string(first.name);
  if (error.code != Errc::AllDonorsFailed || *cause == error.code) return conclusion;
  conclusion.advice = advice_for(*cause, command, conclusion.message);
  return conclusion;
}

}  // namespace
}  // namespace fwrecover
