// SPDX-License-Identifier: GPL-3.0-or-later
// The calls of the loop; what changes while it serves; the events.
#include "fwrecover/donor_driver.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <csignal>
#include <set>
#include <utility>

#include "base/log_text.hpp"
#include "base/soonest.hpp"
#include "fwrecover/conclude.hpp"

namespace fwrecover {
namespace {

using fwr::Error;
using fwr::Result;
using fwr::TimePoint;
using fwr::donor::DirectoryCatalogue;
using fwr::donor::DonorEvent;
using fwr::session::LoginEvent;
using fwr::session::LoginFailure;

/// After a report: its answer, and the end of the session, still have to leave.
constexpr auto kLinger = std::chrono::seconds(1);

struct FailureWords {
  LoginFailure why;
  std::string_view reason;  ///< fwrecover(8), JSON OUTPUT
  std::string_view text;
};
const FailureWords& words_of(LoginFailure why);
const char* event_name(DonorEvent::Kind kind);
const char* privilege_name(fwr::wire::Privilege privilege);
std::set<fwr::Digest> digests_of(const DirectoryCatalogue& catalogue);
void set_system(Event& event, const fwr::Platform& system);

}  // namespace

DonorDriver::DonorDriver(const DonorSource& source, FixedSettings fixed,
                         const fwr::settings::DonorConfig& config,
                         std::unique_ptr<DirectoryCatalogue> catalogue, Media& media,
                         const ServeOptions& options, Observer& observer)
    : source_(source),
      fixed_(std::move(fixed)),
      guid_(config.donor.guid),
      options_(options),
      observer_(observer),
      media_(media),
      catalogue_(std::move(catalogue)),
      donor_(config.donor, *catalogue_, random_, fwr::transport::now()),
      servers_(config.server, config.donor.iana, donor_, random_,
               served_links(config.media, media)) {
  const TimePoint now = fwr::transport::now();
  if (options.for_s > 0) stop_at_ = now + std::chrono::seconds(options.for_s);
  contents_.check_all(*catalogue_, now);
  follow(config.catalogue, config.trusted_keys, now);
}

void DonorDriver::handle_timeout(TimePoint now) {
  servers_.handle_timeout(now);
  donor_.handle_timeout(now);
  if (contents_.deadline() && now >= *contents_.deadline()) check_contents(now);
  if (watch_.changed(now)) read_catalogue_again(now);
  if (stop_at_ && now >= *stop_at_) stopping_ = true;
  if (linger_until_ && now >= *linger_until_) finish(now);
  if (stopping_ && donor_.leases() == 0) finish(now);
}

std::optional<TimePoint> DonorDriver::deadline() const {
  fwr::Soonest soonest;
  soonest.add(servers_.deadline());
  soonest.add(donor_.deadline());
  soonest.add(contents_.deadline());
  soonest.add(watch_.deadline());
  if (!stopping_) soonest.add(stop_at_);
  soonest.add(linger_until_);
  return soonest.time();
}

void DonorDriver::handle_signal(int number, TimePoint now) {
  if (number == SIGHUP) return reload(now);
  if (ended_by_ == 0) ended_by_ = number;
  finish(now);
}

void DonorDriver::finish(TimePoint now) {
  if (finished_) return;
  servers_.close_all(now);
  finished_ = true;
  report_counters();
}

void DonorDriver::drain_events(TimePoint now) {
  while (const auto stranger = servers_.poll_refused()) {
    const std::string node = media_.text(*stranger);
    observer_.on_event(
        Event("refused").set("address", node).set("text", node + " is not in icmb.allow"));
  }
  report_logins();
  while (const auto event = donor_.poll_event()) {
    report(*event);
    if (event->kind != DonorEvent::Kind::Reported) continue;
    // The recipient may lie, or be the first to notice: to read the image again costs little.
    if (event->result == static_cast<std::uint8_t>(fwr::ExitCode::VerificationFailed))
      contents_.check_first(event->digest, now);
    if (options_.once) linger_until_ = now + kLinger;
  }
  if (stopping_ && donor_.leases() == 0) finish(now);
}

// --- what changes while it serves
// -----------------------------------------------------------------

/// The directory of the catalogue, and the keys that may have signed what is in it.
void DonorDriver::follow(const std::string& directory, std::vector<fwr::image::PublicKey> keys,
                         TimePoint now) {
  catalogue_path_ = directory;
  trusted_keys_ = std::move(keys);
  watch_.begin(directory, now);
}

/// "fwdonor add" and "fwdonor remove" take effect without a signal.
void DonorDriver::read_catalogue_again(TimePoint now) {
  auto catalogue = DirectoryCatalogue::open(catalogue_path_, trusted_keys_);
  if (!catalogue) return report_problem(catalogue.error().message());
  if (digests_of(**catalogue) == digests_of(*catalogue_)) return;
  tell_problems(**catalogue, observer_);
  donor_.replace_catalogue(**catalogue, now);
  catalogue_ = *std::move(catalogue);
  contents_.check_all(*catalogue_, now);
  observer_.on_event(
      Event("catalogue-changed").set("images", as_number(catalogue_->entries().size())));
}

/// Takes new accounts and a new catalogue: all of it or, when anything is wrong, nothing.
void DonorDriver::reload(TimePoint now) {
  const auto not_reloaded = [&](const Error& error) {
    report_problem(fmt::format("nothing was reloaded: {}", error.message()));
  };
  const auto settings = load_donor(source_);
  auto config = settings ? read_startable(*settings)
                         : Result<fwr::settings::DonorConfig>(tl::unexpected(settings.error()));
  if (settings) tell_problems(*settings, observer_);
  if (!config) return not_reloaded(config.error());
  auto catalogue = DirectoryCatalogue::open(config->catalogue, config->trusted_keys);
  if (!catalogue) return not_reloaded(catalogue.error());
  if (const std::string changed = differences(fixed_, fixed_settings(*settings)); !changed.empty())
    report_problem(fmt::format("changed, but only a restart makes it count: {}", changed));
  // The server and the donor have one name.
  config->server.identity.guid = guid_;
  tell_problems(**catalogue, observer_);
  warn_of_empty_lists(config->media, observer_);
  donor_.replace_catalogue(**catalogue, now);
  catalogue_ = *std::move(catalogue);
  contents_.check_all(*catalogue_, now);
  follow(config->catalogue, config->trusted_keys, now);
  const std::size_t accounts = config->server.accounts.size();
  servers_.reconfigure(std::move(config->server), served_links(config->media, media_), now);
  observer_.on_event(Event("reloaded")
                         .set("images", as_number(catalogue_->entries().size()))
                         .set("accounts", as_number(accounts)));
  report_counters();
}

/// An image that is not what its manifest says would cost each recipient a recovery.
void DonorDriver::check_contents(TimePoint now) {
  if (const auto wrong = contents_.step(*catalogue_, now)) withdraw(*wrong, now);
  if (!contents_.deadline())
    observer_.on_event(Event("checked").set("images", as_number(catalogue_->entries().size())));
}

void DonorDriver::withdraw(const WrongContents& wrong, TimePoint now) {
  const Error error{wrong.error.code, wrong.error.detail + "; this image is not offered any more"};
  report_problem(error.message());
  if (!catalogue_->set_aside(wrong.digest, wrong.error)) return;
  donor_.replace_catalogue(*catalogue_, now);
}

// --- events
// ---------------------------------------------------------------------------------------

void DonorDriver::report(const DonorEvent& happened) {
  Event event(event_name(happened.kind));
  event.set("address", media_.text(happened.path.peer));
  // Without a session the user is the address again.
  if (!happened.user.empty() && happened.user != to_text(happened.path.peer))
    event.set("user", happened.user);
  if (happened.digest != fwr::Digest{}) event.set("digest", fwr::to_text(happened.digest));
  if (happened.kind == DonorEvent::Kind::Reported)
    event.set("result", std::int64_t{happened.result});
  if (happened.system) set_system(event, *happened.system);
  if (!happened.text.empty()) event.set("text", happened.text);
  observer_.on_event(event);
}

void DonorDriver::report_logins() {
  while (const auto login = servers_.poll_login()) report_login(*login);
}

void DonorDriver::report_login(const LoginEvent& happened) {
  if (happened.kind == LoginEvent::Kind::LeftOut) return report_left_out(happened);
  const bool failed = happened.kind == LoginEvent::Kind::Failed;
  Event event = failed ? Event("login-failed") : Event("login");
  event.set("address", media_.text(happened.path.peer));
  // A handshake that ends before both know a cipher suite has named no user.
  if (!failed || happened.why != LoginFailure::CipherSuite) {
    event.set("user", fwr::log_text(fwr::as_bytes(happened.user)));
    event.set("privilege", std::string(privilege_name(happened.privilege)));
    event.set("cipher_suite", static_cast<std::int64_t>(happened.suite));
  }
  if (failed) {
    const FailureWords& words = words_of(happened.why);
    event.set("reason", std::string(words.reason)).set("text", std::string(words.text));
  }
  observer_.on_event(event);
}

void DonorDriver::report_left_out(const LoginEvent& happened) {
  Event event("logins-left-out");
  event.set("logins", as_number(happened.logins));
  event.set("failures", as_number(happened.failures));
  std::string text = fmt::format("and {} more failed logins", happened.failures);
  if (happened.logins > 0) text += fmt::format(", and {} more logins", happened.logins);
  if (happened.of_source > 0) {
    event.set("address", media_.text(happened.path.peer));
    event.set("of_address", as_number(happened.of_source));
    text += fmt::format("; {} failed from {}", happened.of_source, media_.text(happened.path.peer));
  }
  observer_.on_event(event.set("text", text));
}

/// The counters since the start: floods leave no other trace.
void DonorDriver::report_counters() {
  servers_.count_logins();
  report_logins();
  const auto counters = servers_.counters();
  observer_.on_event(
      Event("counted")
          .set("datagrams", as_number(counters.datagrams))
          .set("dropped", as_number(counters.dropped))
          .set("rate_limited", as_number(counters.rate_limited))
          .set("refused", as_number(counters.refused))
          .set("sessions", as_number(counters.sessions_opened))
          .set("authentication_failures", as_number(counters.authentication_failures)));
}

void DonorDriver::report_problem(const std::string& text) {
  observer_.on_event(Event("problem").set("text", text));
}

namespace {

const char* event_name(DonorEvent::Kind kind) {
  switch (kind) {
    case DonorEvent::Kind::Offered: return "offered";
    case DonorEvent::Kind::Accepted: return "accepted";
    case DonorEvent::Kind::Refused: return "refused";
    case DonorEvent::Kind::Released: return "released";
    case DonorEvent::Kind::Reported: return "reported";
    case DonorEvent::Kind::Expired: return "expired";
    case DonorEvent::Kind::Withdrawn: return "withdrawn";
  }
  return "unknown";
}

const char* privilege_name(fwr::wire::Privilege privilege) {
  using fwr::wire::Privilege;
  switch (privilege) {
    case Privilege::Callback: return "callback";
    case Privilege::User: return "user";
    case Privilege::Operator: return "operator";
    case Privilege::Administrator: return "administrator";
    case Privilege::Oem: return "oem";
    case Privilege::Highest: break;
  }
  return "highest";
}

/// In the order of the enumeration.
constexpr std::array kFailureWords{
    FailureWords{LoginFailure::UnknownUser, "unknown-user", "there is no such user here"},
    FailureWords{LoginFailure::Password, "password", "wrong password"},
    FailureWords{
        LoginFailure::NoProof, "no-proof",
        "asked for a challenge and did not answer it: a wrong password, or a search for it"},
    FailureWords{LoginFailure::Kg, "kg",
                 "the password is right, but nothing came under the keys of the session: another "
                 "K_g?"},
    FailureWords{LoginFailure::Privilege, "privilege", "wants more than the account may be"},
    FailureWords{LoginFailure::NoRoom, "no-room",
                 "the password is right, but too many are logged in"},
    FailureWords{LoginFailure::CipherSuite, "cipher-suite",
                 "wants a cipher suite that is not allowed here"},
};
const FailureWords& words_of(LoginFailure why) {
  return kFailureWords[static_cast<std::size_t>(why)];
}

std::set<fwr::Digest> digests_of(const DirectoryCatalogue& catalogue) {
  std::set<fwr::Digest> digests;
  for (const auto& entry : catalogue.entries()) digests.insert(entry.manifest.digest);
  return digests;
}

/// The system on the other side, which people may not know by its address.
void set_system(Event& event, const fwr::Platform& system) {
  event.set("component", system.component);
  event.set("manufacturer", std::int64_t{system.manufacturer_id});
  event.set("product", std::int64_t{system.product_id});
  event.set("device", std::int64_t{system.device_id});
  event.set("revision", std::int64_t{system.hardware_revision});
}

}  // namespace
}  // namespace fwrecover
