// SPDX-License-Identifier: GPL-3.0-or-later
// The donor daemon: session server and donor machine under the event loop.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <deque>
#include <map>
#include <set>

#include "config.h"
#include "donor/log_text.hpp"
#include "fwrecover/advice.hpp"
#include "fwrecover/conclude.hpp"
#include "fwrecover/directory_watch.hpp"
#include "fwrecover/donor.hpp"
#include "fwrecover/interruption.hpp"
#include "fwrecover/media.hpp"
#include "fwrecover/version.hpp"
#include "session/link_servers.hpp"
#include "settings/addresses.hpp"
#include "settings/donor_config.hpp"
#include "transport/clock.hpp"
#include "transport/loop.hpp"
#include "transport/service_manager.hpp"
#include "transport/signals.hpp"

namespace fwrecover {
namespace {

using fwr::Errc;
using fwr::Error;
using fwr::Result;
using fwr::TimePoint;
using fwr::donor::DirectoryCatalogue;
using fwr::donor::DonorEvent;
using fwr::session::LoginEvent;
using fwr::session::LoginFailure;
using fwr::settings::on_line;

Where here() {
  Where where;
  where.donor = true;
  return where;
}

Result<fwr::settings::Settings> load(const DonorSource& source) {
  const bool named = !source.config_path.empty();
  constexpr std::array kLists{fwr::settings::AddressList{"lan.listen", ""},
                              fwr::settings::AddressList{"icmb.devices", "icmb:", true},
                              fwr::settings::AddressList{"serial.devices", "serial:", true}};
  return fwr::settings::Settings::load(
      fwr::settings::donor_table(), named ? source.config_path : std::string(default_donor_file()),
      named, source.overrides, fwr::settings::sort_addresses(source.listen, kLists));
}

/// Errors: those of reading, and what makes a start useless.
Result<fwr::settings::DonorConfig> read_startable(const fwr::settings::Settings& settings) {
  auto config = fwr::settings::read_donor(settings);
  if (!config) return config;
  const bool network = !config->listen.empty() || config->media.bluetooth.enabled;
  if (!network && config->media.names.size() == 0)
    return fwr::fail(Errc::BadConfiguration,
                     "nowhere to serve: set lan.listen, icmb.devices, serial.devices or "
                     "bluetooth.enabled, or give --listen");
  if (network && config->server.accounts.empty())
    return fwr::fail(Errc::BadConfiguration,
                     "no account: recipients need a [user.NAME] with a password_file");
  return config;
}

/// The settings that a reload leaves as they were, with their values.
using FixedSettings = std::map<std::string, std::string>;
FixedSettings fixed_settings(const fwr::settings::Settings& settings) {
  FixedSettings fixed;
  for (const auto& row : settings.effective())
    for (const std::string_view section :
         {"donor.", "lan.", "icmb.", "serial.", "bluetooth.", "protocol."})
      if (row.name.starts_with(section) && row.name != "icmb.allow")
        fixed.emplace(row.name, row.value);
  return fixed;
}

/// The names of those that are not the same in both.
std::string differences(const FixedSettings& before, const FixedSettings& after) {
  std::set<std::string> names;
  const auto collect = [&](const FixedSettings& here, const FixedSettings& there) {
    for (const auto& [name, value] : here)
      if (const auto other = there.find(name); other == there.end() || other->second != value)
        names.insert(name);
  };
  collect(before, after);
  collect(after, before);
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Who may take images on which line. On a cable that is whoever is at its other end.
std::vector<fwr::session::ServedLink> served_links(const fwr::settings::MediaConfig& config,
                                                   const Media& media) {
  using fwr::wire::icmb::BusAddress;
  std::vector<fwr::session::ServedLink> served;
  for (const Media::Known& line : media.known()) {
    fwr::session::ServedLink link;
    link.id = line.link;
    link.properties = line.properties;
    link.allowed.everybody = line.family == fwr::AddressFamily::Serial;
    for (const BusAddress peer : on_line(config.icmb.allow, line.device)) {
      if (peer == BusAddress::Broadcast) link.allowed.everybody = true;
      link.allowed.peers.push_back(to_address(peer, line.number));
    }
    served.push_back(std::move(link));
  }
  return served;
}

/// A donor that serves nobody looks as if it worked: it even makes offers.
void warn_of_empty_lists(const fwr::settings::MediaConfig& media, Observer& observer) {
  for (const std::string& device : media.icmb.devices)
    if (on_line(media.icmb.allow, device).empty())
      observer.on_event(Event("problem").set(
          "text",
          fmt::format("nobody may take images from {}: icmb.allow names no node on it", device)));
}

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

struct FailureWords {
  LoginFailure why;
  std::string_view reason;  ///< fwrecover(8), JSON OUTPUT
  std::string_view text;
};
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

struct WrongContents {
  fwr::Digest digest;
  Error error;
};

/// Reads all images again after they were loaded, and one of which a recipient says that it is
/// wrong; a little at a time, so that those who fetch do not notice.
class ContentWatch {
 public:
  void check_all(const DirectoryCatalogue& catalogue, TimePoint now) {
    running_.reset();
    due_.clear();
    for (const auto& entry : catalogue.entries()) due_.push_back(entry.manifest.digest);
    next_step_ = now + kStepEvery;
  }
  void check_first(const fwr::Digest& digest, TimePoint now) {
    // What is read already goes on: a report does not begin it anew.
    if (running_ && digest == running_digest_) return;
    std::erase(due_, digest);
    due_.push_front(digest);
    next_step_ = std::max(next_step_, now);
  }

  [[nodiscard]] std::optional<TimePoint> deadline() const {
    if (!running_ && due_.empty()) return std::nullopt;
    return next_step_;
  }

  [[nodiscard]] std::optional<WrongContents> step(const DirectoryCatalogue& catalogue,
                                                  TimePoint now) {
    if (!deadline() || now < next_step_) return std::nullopt;
    next_step_ = now + kStepEvery;
    if (!running_) {
      running_digest_ = due_.front();
      due_.pop_front();
      // Not there any more: withdrawn before.
      const bool offered =
          std::any_of(catalogue.entries().begin(), catalogue.entries().end(),
                      [&](const auto& entry) { return entry.manifest.digest == running_digest_; });
      if (!offered) return std::nullopt;
      auto begun = catalogue.begin_check(running_digest_);
      if (!begun) return failed(begun.error(), now);
      running_ = *std::move(begun);
      return std::nullopt;
    }
    const auto done = running_->step();
    if (done && !*done) return std::nullopt;
    running_.reset();
    if (!done) return failed(done.error(), now);
    unreadable_.erase(running_digest_);
    return std::nullopt;
  }

 private:
  /// What cannot be read may be readable soon: lack of descriptors passes. Once more, and later.
  std::optional<WrongContents> failed(const Error& error, TimePoint now) {
    if (error.code == Errc::DigestMismatch || unreadable_.erase(running_digest_) != 0)
      return WrongContents{running_digest_, error};
    unreadable_.insert(running_digest_);
    due_.push_back(running_digest_);
    next_step_ = now + kAgainAfter;
    return std::nullopt;
  }

  static constexpr auto kAgainAfter = std::chrono::seconds(10);
  /// With steps of 256 KiB that is 12 MiB/s at most.
  static constexpr auto kStepEvery = std::chrono::milliseconds(20);
  std::deque<fwr::Digest> due_;
  std::set<fwr::Digest> unreadable_;  ///< at the last try
  std::unique_ptr<fwr::donor::ContentCheck> running_;
  fwr::Digest running_digest_{};
  TimePoint next_step_{};
};

/// Servers and donor as the loop drives them, and when to stop.
class DonorDriver final : public fwr::transport::Handler {
 public:
  DonorDriver(const DonorSource& source, FixedSettings fixed,
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
    if (options.for_s > 0) stop_at_ = fwr::transport::now() + std::chrono::seconds(options.for_s);
    contents_.check_all(*catalogue_, fwr::transport::now());
    follow(config.catalogue, config.trusted_keys, fwr::transport::now());
  }

  void handle_datagram(fwr::LinkId link, const fwr::Path& path, fwr::ByteView datagram,
                       TimePoint now) override {
    servers_.handle_datagram(link, path, datagram, now);
  }

  void handle_timeout(TimePoint now) override {
    servers_.handle_timeout(now);
    donor_.handle_timeout(now);
    if (contents_.deadline() && now >= *contents_.deadline()) check_contents(now);
    if (watch_.changed(now)) read_catalogue_again(now);
    if (stop_at_ && now >= *stop_at_) stopping_ = true;
    if (linger_until_ && now >= *linger_until_) finish(now);
    if (stopping_ && donor_.leases() == 0) finish(now);
  }

  std::optional<fwr::Datagram> poll_transmit(fwr::LinkId link, TimePoint now) override {
    return servers_.poll_transmit(link, now);
  }

  void handle_link_down(fwr::LinkId link, const Error& error, TimePoint now) override {
    servers_.handle_link_down(link);
    media_.report_down(link, error, now);
  }
  void handle_link_up(fwr::LinkId link, TimePoint now) override { media_.report_up(link, now); }

  std::optional<TimePoint> deadline() const override {
    std::optional<TimePoint> earliest = servers_.deadline();
    for (const auto& due :
         {donor_.deadline(), contents_.deadline(), std::optional(watch_.deadline()),
          stopping_ ? std::nullopt : stop_at_, linger_until_})
      if (due && (!earliest || *due < *earliest)) earliest = due;
    return earliest;
  }

  void drain_events(TimePoint now) override {
    while (const auto stranger = servers_.poll_refused()) tell_refused(media_.text(*stranger));
    tell_logins();
    while (const auto event = donor_.poll_event()) {
      tell(*event);
      // Perhaps a liar, perhaps the first to notice: it costs nothing but reading the image again.
      if (event->kind == DonorEvent::Kind::Reported &&
          event->result == static_cast<std::uint8_t>(fwr::ExitCode::VerificationFailed))
        contents_.check_first(event->digest, now);
      // The answer to the report, and the end of the session, still have to leave.
      if (event->kind == DonorEvent::Kind::Reported && options_.once) linger_until_ = now + kLinger;
    }
    if (stopping_ && donor_.leases() == 0) finish(now);
  }

  bool finished() const override { return finished_; }

  void handle_signal(int number, TimePoint now) override {
    if (number == SIGHUP) return reload(now);
    if (ended_by_ == 0) ended_by_ = number;
    finish(now);
  }

  /// 0: no signal did.
  [[nodiscard]] int ended_by() const { return ended_by_; }

 private:
  static constexpr auto kLinger = std::chrono::seconds(1);

  /// An image that is not what its manifest says would cost each recipient a recovery.
  void check_contents(TimePoint now) {
    if (const auto wrong = contents_.step(*catalogue_, now)) withdraw(*wrong, now);
    if (!contents_.deadline())
      observer_.on_event(Event("checked").set("images", as_number(catalogue_->entries().size())));
  }

  void withdraw(const WrongContents& wrong, TimePoint now) {
    problem(Error{wrong.error.code, wrong.error.detail + "; this image is not offered any more"});
    if (!catalogue_->set_aside(wrong.digest, wrong.error)) return;
    donor_.replace_catalogue(*catalogue_, now);
  }

  void tell(const DonorEvent& happened) {
    Event event(event_name(happened.kind));
    event.set("address", media_.text(happened.path.peer));
    // Without a session it is the address again.
    if (!happened.user.empty() && happened.user != to_text(happened.path.peer))
      event.set("user", happened.user);
    if (happened.digest != fwr::Digest{}) event.set("digest", fwr::to_text(happened.digest));
    if (happened.kind == DonorEvent::Kind::Reported)
      event.set("result", std::int64_t{happened.result});
    if (happened.system) say_system(event, *happened.system);
    if (!happened.text.empty()) event.set("text", happened.text);
    observer_.on_event(event);
  }

  /// What is on the other side, for people who do not know it by its address.
  static void say_system(Event& event, const fwr::Platform& system) {
    event.set("component", system.component);
    event.set("manufacturer", std::int64_t{system.manufacturer_id});
    event.set("product", std::int64_t{system.product_id});
    event.set("device", std::int64_t{system.device_id});
    event.set("revision", std::int64_t{system.hardware_revision});
  }

  void tell_logins() {
    while (const auto login = servers_.poll_login()) tell_login(*login);
  }
  void tell_login(const LoginEvent& happened) {
    if (happened.kind == LoginEvent::Kind::LeftOut) return tell_left_out(happened);
    const bool failed = happened.kind == LoginEvent::Kind::Failed;
    Event event = failed ? Event("login-failed") : Event("login");
    event.set("address", media_.text(happened.path.peer));
    // Before the handshake has named a user, and a suite that both know, there is none.
    if (!failed || happened.why != LoginFailure::CipherSuite) {
      event.set("user", fwr::donor::log_text(fwr::as_bytes(happened.user)));
      event.set("privilege", std::string(privilege_name(happened.privilege)));
      event.set("cipher_suite", static_cast<std::int64_t>(happened.suite));
    }
    if (failed) {
      const FailureWords& words = words_of(happened.why);
      event.set("reason", std::string(words.reason)).set("text", std::string(words.text));
    }
    observer_.on_event(event);
  }

  void tell_left_out(const LoginEvent& happened) {
    Event event("logins-left-out");
    event.set("logins", as_number(happened.logins));
    event.set("failures", as_number(happened.failures));
    std::string text = fmt::format("and {} more failed logins", happened.failures);
    if (happened.logins > 0) text += fmt::format(", and {} more logins", happened.logins);
    if (happened.of_source > 0) {
      event.set("address", media_.text(happened.path.peer));
      event.set("of_address", as_number(happened.of_source));
      text +=
          fmt::format("; {} failed from {}", happened.of_source, media_.text(happened.path.peer));
    }
    observer_.on_event(event.set("text", text));
  }

  void tell_refused(const std::string& node) {
    observer_.on_event(
        Event("refused").set("address", node).set("text", node + " is not in icmb.allow"));
  }

  void finish(TimePoint now) {
    if (finished_) return;
    servers_.close_all(now);
    finished_ = true;
    count();
  }

  /// What the network did since the start: floods leave no other trace.
  void count() {
    servers_.count_logins();
    tell_logins();
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

  /// Where the catalogue is, and who may have signed what is in it.
  void follow(const std::string& directory, std::vector<fwr::image::PublicKey> keys,
              TimePoint now) {
    catalogue_path_ = directory;
    trusted_keys_ = std::move(keys);
    watch_.begin(directory, now);
  }

  [[nodiscard]] static std::set<fwr::Digest> digests_of(const DirectoryCatalogue& catalogue) {
    std::set<fwr::Digest> digests;
    for (const auto& entry : catalogue.entries()) digests.insert(entry.manifest.digest);
    return digests;
  }

  /// "fwdonor add" and "fwdonor remove" count without a signal.
  void read_catalogue_again(TimePoint now) {
    auto catalogue = DirectoryCatalogue::open(catalogue_path_, trusted_keys_);
    if (!catalogue) return problem(catalogue.error());
    if (digests_of(**catalogue) == digests_of(*catalogue_)) return;
    tell_problems(**catalogue, observer_);
    donor_.replace_catalogue(**catalogue, now);
    catalogue_ = *std::move(catalogue);
    contents_.check_all(*catalogue_, now);
    observer_.on_event(
        Event("catalogue-changed").set("images", as_number(catalogue_->entries().size())));
  }

  /// New accounts and a new catalogue. All of it, or, when anything is wrong, nothing.
  void reload(TimePoint now) {
    const auto settings = load(source_);
    auto config = settings ? read_startable(*settings)
                           : Result<fwr::settings::DonorConfig>(tl::unexpected(settings.error()));
    if (settings) tell_problems(*settings, observer_);
    if (!config) return not_reloaded(config.error());
    auto catalogue = DirectoryCatalogue::open(config->catalogue, config->trusted_keys);
    if (!catalogue) return not_reloaded(catalogue.error());
    if (const std::string changed = differences(fixed_, fixed_settings(*settings));
        !changed.empty())
      observer_.on_event(Event("problem").set(
          "text", fmt::format("changed, but only a restart makes it count: {}", changed)));
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
    count();
  }

  void not_reloaded(const Error& error) {
    observer_.on_event(
        Event("problem").set("text", fmt::format("nothing was reloaded: {}", error.message())));
  }

  void problem(const Error& error) {
    observer_.on_event(Event("problem").set("text", error.message()));
  }

  const DonorSource& source_;
  FixedSettings fixed_;
  fwr::Guid guid_;
  const ServeOptions& options_;
  Observer& observer_;
  Media& media_;
  fwr::transport::SystemRandom random_;
  std::unique_ptr<DirectoryCatalogue> catalogue_;
  std::string catalogue_path_;
  std::vector<fwr::image::PublicKey> trusted_keys_;
  DirectoryWatch watch_;
  ContentWatch contents_;
  fwr::donor::Donor donor_;
  fwr::session::LinkServers servers_;
  std::optional<TimePoint> stop_at_;
  std::optional<TimePoint> linger_until_;
  bool stopping_ = false;  ///< no time left: running transfers may end
  bool finished_ = false;
  int ended_by_ = 0;
};

/// SIGTERM and stop() are how a daemon is asked to stop: it ended well. SIGINT ends the script
/// around it, too.
Conclusion stopped(int signal) {
  Conclusion done = conclude_ok("stopped");
  return signal == 0 || signal == SIGTERM ? done : ended_by(signal, std::move(done));
}

/// Errors: of the first line that does not open.
Result<> open_media(const fwr::settings::DonorConfig& config, Media& media, Observer& observer) {
  const fwr::settings::MediaConfig& named = config.media;
  for (const std::string& device : named.icmb.devices) {
    if (auto opened = media.open_bus(device, std::nullopt, on_line(named.icmb.operators, device));
        !opened)
      return opened;
    observer.on_event(Event("listening").set("address", "icmb:" + device));
  }
  for (const std::string& device : named.serial.devices) {
    if (auto opened = media.open_cable(device, config.donor.iana, Media::Absent::Waits); !opened)
      return opened;
    observer.on_event(Event("listening").set("address", "serial:" + device));
  }
  if (named.bluetooth.enabled) {
    if (auto opened = media.open_listener(config.donor.name); !opened) return opened;
    observer.on_event(Event("listening").set("address", "bt:" + named.bluetooth.link.adapter));
  }
  return {};
}

/// What capabilities and offers say.
std::uint8_t media_bits(bool network, const Media& media) {
  auto bits = network ? static_cast<std::uint8_t>(fwr::Medium::Wired) : std::uint8_t{0};
  for (const Media::Known& line : media.known())
    bits |= static_cast<std::uint8_t>(line.properties.medium);
  return bits;
}

}  // namespace

class DonorDaemon::Impl {
 public:
  explicit Impl(DonorSource source) : source_(std::move(source)) {}

  Conclusion serve(const ServeOptions& options, Observer& observer) {
    const auto done = run(options, observer);
    stopper_.clear();
    return done ? *done : conclude(done.error(), here());
  }
  void stop() noexcept { stopper_.request(); }

  Conclusion config(Observer& observer) const {
    const auto settings = load(source_);
    if (!settings) return conclude(settings.error(), here());
    for (const auto& row : settings->effective())
      observer.on_event(
          Event("setting").set("name", row.name).set("value", row.value).set("source", row.source));
    const auto config = fwr::settings::read_donor(*settings);
    tell_problems(*settings, observer);
    if (!config) return conclude(config.error(), here());
    return conclude_ok("the configuration is good");
  }

 private:
  Result<Conclusion> run(const ServeOptions& options, Observer& observer) const {
    const bool handle = options.handle_signals;
    fwr::transport::Signals ending(handle ? std::vector{SIGINT, SIGTERM} : std::vector<int>{});
    const Stop stop = [&] { return ending.arrived() || stopper_.requested(); };
    fwr::transport::Signals reloading(handle ? std::vector{SIGHUP} : std::vector<int>{});
    const auto settings = load(source_);
    if (!settings) return tl::unexpected(settings.error());
    auto config = read_startable(*settings);
    tell_problems(*settings, observer);
    if (!config) return tl::unexpected(config.error());
    if (auto ready_to = wait_for_random(observer, stop); !ready_to) {
      if (ready_to.error().code == Errc::Interrupted) return stopped(ending.number());
      return tl::unexpected(ready_to.error());
    }
    auto catalogue = DirectoryCatalogue::open(config->catalogue, config->trusted_keys);
    if (!catalogue) return tl::unexpected(catalogue.error());
    tell_problems(**catalogue, observer);
    const std::size_t images = (*catalogue)->entries().size();

    std::vector<fwr::transport::UdpSocket> sockets;
    for (const fwr::Address& address : config->listen) {
      auto socket = fwr::transport::UdpSocket::open(address);
      if (!socket) return tl::unexpected(socket.error());
      observer.on_event(Event("listening").set("address", to_text(socket->local())));
      sockets.push_back(*std::move(socket));
    }
    // A reload replaces the configuration; the open links keep theirs.
    const fwr::settings::MediaConfig media_config = config->media;
    fwr::transport::SystemRandom random;
    Media media(media_config, random, observer);
    if (auto opened = open_media(*config, media, observer); !opened)
      return tl::unexpected(opened.error());
    warn_of_empty_lists(media_config, observer);
    Event ready("ready");
    ready.set("donor", fwr::to_text(config->donor.guid));
    ready.set("role", std::string(to_text(config->donor.role)));
    ready.set("name", config->donor.name);
    ready.set("images", as_number(images));

    config->donor.wall_clock = fwr::transport::wall_clock;
    config->donor.media = media_bits(!sockets.empty(), media);
    DonorDriver driver(source_, fixed_settings(*settings), *config, *std::move(catalogue), media,
                       options, observer);
    // Secrets are the server's alone from now on: what it replaces is wiped.
    config->server = {};
    fwr::transport::Loop loop(driver);
    for (auto& socket : sockets) loop.add(std::move(socket));
    media.add_to(loop);
    if (handle) loop.catch_signals({SIGINT, SIGTERM, SIGHUP});
    loop.listen_to(stopper_);
    // The loop sees what comes from now on; what came before must not be lost.
    if (stop()) return stopped(ending.number());
    observer.on_event(ready);
    fwr::transport::notify_ready();
    if (reloading.arrived()) driver.handle_signal(SIGHUP, fwr::transport::now());
    if (auto ran = loop.run(); !ran) return tl::unexpected(ran.error());
    fwr::transport::notify_stopping();
    return stopped(driver.ended_by());
  }

  DonorSource source_;
  fwr::transport::Stopper stopper_;
};

DonorDaemon::DonorDaemon(DonorSource source) : impl_(std::make_unique<Impl>(std::move(source))) {}
DonorDaemon::~DonorDaemon() = default;
Conclusion DonorDaemon::serve(const ServeOptions& options, Observer& observer) {
  return advise(impl_->serve(options, observer), "fwdonord");
}
void DonorDaemon::stop() noexcept {
  impl_->stop();
}
Conclusion DonorDaemon::config(Observer& observer) {
  return impl_->config(observer);
}

}  // namespace fwrecover
