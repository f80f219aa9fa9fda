// SPDX-License-Identifier: GPL-3.0-or-later
// The recovery itself: the machine of lib/recipient under the event loop.
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>

#include "fwrecover/advice.hpp"
#include "fwrecover/media.hpp"
#include "fwrecover/network_story.hpp"
#include "fwrecover/recipient_impl.hpp"
#include "fwrecover/recipient_links.hpp"
#include "policy/words.hpp"
#include "recipient/recovery.hpp"
#include "recipient/situation.hpp"
#include "session/standard_commands.hpp"
#include "settings/addresses.hpp"
#include "transport/clock.hpp"
#include "transport/loop.hpp"
#include "transport/resolver.hpp"

namespace fwrecover {
namespace {

using fwr::Errc;
using fwr::Error;
using fwr::Result;
using fwr::TimePoint;
using fwr::recipient::Recovery;

void set_candidate(Event& event, const fwr::policy::Candidate& candidate, const Media& media) {
  event.set("donor", fwr::to_text(candidate.donor));
  event.set("address", media.text(candidate.path.peer));
  event.set("medium", std::string(to_text(candidate.medium)));
  event.set("role", std::string(to_text(candidate.role)));
  event.set("load", std::int64_t{candidate.load_percent});
  event.set("rtt", std::chrono::duration<double>(candidate.round_trip).count());
  event.set("version", candidate.version);
  event.set("security_version", as_number(candidate.security_version));
  event.set("size", as_number(candidate.size_bytes));
  event.set("digest", fwr::to_text(candidate.digest));
}

/// On which terms the signed manifest allows its image.
void set_terms(Event& event, const fwr::image::Manifest& manifest) {
  event.set("name", manifest.name);
  if (manifest.minimum_version) event.set("minimum_version", *manifest.minimum_version);
  if (manifest.expires) event.set("expires", *manifest.expires);
}

void set_progress(Event& event, const fwr::recipient::Progress& progress) {
  event.set("done", as_number(progress.done_bytes));
  event.set("total", as_number(progress.total_bytes));
  event.set("fetched", as_number(progress.fetched_bytes));
  event.set("reused", as_number(progress.reused_bytes));
}

/// The recovery machine as the loop drives it; its events go to the observer as they come.
class RecoveryDriver final : public fwr::transport::Handler {
 public:
  /// `looks`: for offers, and not for a recovery.
  RecoveryDriver(Recovery& recovery, bool looks, const fwr::session::DeviceIdentity& identity,
                 Media& media, Observer& observer)
      : recovery_(recovery),
        looks_(looks),
        identity_(identity),
        media_(media),
        observer_(observer) {}

  void handle_datagram(fwr::LinkId link, const fwr::Path& path, fwr::ByteView datagram,
                       TimePoint now) override {
    if (link != fwr::kLanLink) follow(path.peer, now);
    if (path.peer.family == fwr::AddressFamily::Serial) answer(link, path, datagram);
    recovery_.handle_datagram(path, datagram, now);
  }
  void handle_timeout(TimePoint now) override {
    if (const auto due = recovery_.deadline(); due && *due <= now) recovery_.handle_timeout(now);
  }
  std::optional<fwr::Datagram> poll_transmit(fwr::LinkId link, TimePoint now) override {
    if (media_.empty()) return noted(recovery_.poll_transmit(now));
    if (auto kept = take_kept(link)) return kept;
    while (auto datagram = recovery_.poll_transmit(now)) {
      const fwr::LinkId there = media_.link_to(datagram->path.peer);
      if (there == link) return noted(std::move(datagram));
      keep(there, *std::move(datagram));
    }
    return std::nullopt;
  }
  void handle_link_down(fwr::LinkId link, const Error& error, TimePoint now) override {
    media_.report_down(link, error, now);
  }
  void handle_link_up(fwr::LinkId link, TimePoint now) override { media_.report_up(link, now); }
  void handle_undelivered(fwr::LinkId, const fwr::transport::Undelivered& undelivered,
                          TimePoint) override {
    network_.note(undelivered, observer_);
  }
  std::optional<TimePoint> deadline() const override {
    const auto due = recovery_.deadline();
    if (!state_ || recovery_.finished()) return due;
    return due ? std::min(*due, next_waiting_) : next_waiting_;
  }
  bool finished() const override { return recovery_.finished(); }
  void handle_signal(int, TimePoint now) override { recovery_.abort(now); }

  void drain_events(TimePoint now) override {
    while (auto event = recovery_.poll_event())
      std::visit([&](const auto& held) { tell(held, now); }, *event);
    tell_waiting(now);
  }

  [[nodiscard]] const std::optional<fwr::recipient::Finished>& outcome() const { return outcome_; }
  [[nodiscard]] std::size_t offers() const { return offers_; }
  [[nodiscard]] std::size_t acceptable() const { return acceptable_; }
  /// Why an offer was refused that is no better than what is installed.
  [[nodiscard]] const std::optional<std::string>& installed() const { return installed_; }
  [[nodiscard]] const NetworkStory& network() const { return network_; }
  [[nodiscard]] const std::optional<fwr::policy::Candidate>& donor() const { return donor_; }

 private:
  static constexpr auto kProgressInterval = std::chrono::milliseconds(200);
  static constexpr auto kWaitingInterval = std::chrono::seconds(1);
  static constexpr auto kFollowInterval = std::chrono::seconds(1);
  static constexpr std::size_t kKeptDatagrams = 64;  ///< for a link that was not asked yet

  /// Who is at the other end of a cable may ask who we are.
  void answer(fwr::LinkId link, const fwr::Path& path, fwr::ByteView datagram) {
    constexpr std::uint8_t kLunBits = 0x03;
    const auto request = fwr::wire::plain::decode_request(datagram);
    if (!request) return;
    std::optional<fwr::wire::IpmiResponse> known;
    if ((request->net_fn_lun & kLunBits) == 0)
      known = fwr::session::answer_identity_command(
          identity_, {request->net_fn(), request->command, request->data});
    keep(link, {path, fwr::wire::plain::encode_response(
                          *request, known.value_or(fwr::wire::IpmiResponse{
                                        fwr::wire::CompletionCode::InvalidCommand, {}}))});
  }

  std::optional<fwr::Datagram> noted(std::optional<fwr::Datagram> datagram) {
    if (datagram) network_.note_sent(datagram->path);
    return datagram;
  }

  void keep(fwr::LinkId link, fwr::Datagram datagram) {
    auto& queue = kept_[link];
    // As on a network that is full: what is lost is said again.
    if (queue.size() == kKeptDatagrams) queue.pop_front();
    queue.push_back(std::move(datagram));
  }

  std::optional<fwr::Datagram> take_kept(fwr::LinkId link) {
    const auto found = kept_.find(link);
    if (found == kept_.end() || found->second.empty()) return std::nullopt;
    fwr::Datagram datagram = std::move(found->second.front());
    found->second.pop_front();
    return datagram;
  }

  /// What noise makes the best message size changes as a line is listened to.
  void follow(const fwr::Address& peer, TimePoint now) {
    if (now < next_follow_) return;
    next_follow_ = now + kFollowInterval;
    if (const auto properties = media_.properties(peer))
      recovery_.set_link_properties({peer.family, peer.scope, *properties});
  }

  void moved(TimePoint now) {
    moved_ = now;
    next_waiting_ = now + kWaitingInterval;
  }

  /// Nothing comes: whoever looks on hears every second for how long, and that we live. Offers are
  /// collected for a time of their own, whatever comes.
  void tell_waiting(TimePoint now) {
    if (!state_ || recovery_.finished() || outcome_ || now < next_waiting_) return;
    next_waiting_ = now + kWaitingInterval;
    const bool asks = *state_ == fwr::recipient::State::Discovering;
    Event event("waiting");
    event.set("state", std::string(to_text(*state_)));
    event.set("seconds", std::chrono::duration<double>(now - (asks ? entered_ : moved_)).count());
    if (donor_ && waits_for_donor(*state_)) event.set("address", media_.text(donor_->path.peer));
    observer_.on_event(event);
  }

  static bool waits_for_donor(fwr::recipient::State state) {
    using State = fwr::recipient::State;
    return state == State::Connecting || state == State::Vetting || state == State::Accepting ||
           state == State::FetchingTree || state == State::FetchingImage ||
           state == State::Reporting;
  }

  void tell(const fwr::recipient::Entered& entered, TimePoint now) {
    state_ = entered.state;
    entered_ = now;
    moved(now);
    observer_.on_event(Event("state").set("state", std::string(to_text(entered.state))));
  }
  void tell(const fwr::recipient::Offered& offered, TimePoint) {
    Event event("offer");
    set_candidate(event, offered.candidate, media_);
    event.set("acceptable", offered.verdict.accepted);
    event.set("reason", media_.named(offered.verdict.reason));
    if (offered.rank != 0) event.set("rank", as_number(offered.rank));
    if (looks_) event.set("verified", offered.manifest.has_value());
    if (offered.manifest) set_terms(event, *offered.manifest);
    observer_.on_event(event);
    ++offers_;
    if (offered.verdict.accepted) ++acceptable_;
    if (offered.verdict.installed) installed_ = media_.named(offered.verdict.reason);
  }
  void tell(const fwr::recipient::Chosen& chosen, TimePoint) {
    told_whole_ = false;
    told_.reset();
    donor_ = chosen.candidate;
    Event event("donor");
    set_candidate(event, chosen.candidate, media_);
    // The same one, which was busy.
    if (waits_for_ == chosen.candidate.path.peer) event.set("again", true);
    if (chosen.further) event.set("further", true);
    waits_for_.reset();
    observer_.on_event(event);
  }
  void tell(const fwr::recipient::Dropped& dropped, TimePoint) {
    Event event("dropped");
    set_candidate(event, dropped.candidate, media_);
    event.set("code", std::string(fwr::info(dropped.error.code).name));
    event.set("reason", media_.named(dropped.error.message()));
    if (dropped.waits) {
      event.set("waits", std::int64_t{dropped.waits->count()});
      waits_for_ = dropped.candidate.path.peer;
    }
    observer_.on_event(event);
  }
  static bool whole_of(const fwr::recipient::Progress& progress) {
    return progress.done_bytes == progress.total_bytes;
  }
  /// Not more often than people can read, but always the last one.
  void tell(const fwr::recipient::Progress& progress, TimePoint now) {
    // What comes a second time moves nothing.
    if (told_ && told_->done_bytes == progress.done_bytes &&
        told_->fetched_bytes == progress.fetched_bytes && told_whole_ == whole_of(progress))
      return;
    moved(now);
    const bool whole = whole_of(progress);
    if (whole ? told_whole_ : now < next_progress_) return;
    told_whole_ = whole;
    next_progress_ = now + kProgressInterval;
    told_ = progress;
    Event event("progress");
    set_progress(event, progress);
    observer_.on_event(event);
  }
  void tell(const fwr::recipient::Finished& finished, TimePoint) { outcome_ = finished; }

  Recovery& recovery_;
  bool looks_;
  fwr::session::DeviceIdentity identity_;
  Media& media_;
  Observer& observer_;
  NetworkStory network_;
  std::map<fwr::LinkId, std::deque<fwr::Datagram>> kept_;
  TimePoint next_follow_{};
  std::optional<fwr::recipient::Finished> outcome_;
  std::optional<fwr::policy::Candidate> donor_;
  std::optional<fwr::Address> waits_for_;
  std::size_t offers_ = 0;
  std::size_t acceptable_ = 0;
  std::optional<std::string> installed_;
  TimePoint next_progress_{};
  std::optional<fwr::recipient::State> state_;
  TimePoint entered_{};       ///< the state
  TimePoint moved_{};         ///< when something came last
  TimePoint next_waiting_{};  ///< when it is told that nothing does
  bool told_whole_ = false;
  std::optional<fwr::recipient::Progress> told_;
};

/// Whether anything that follows can end in the slot: found out before a word goes to the network.
Result<fwr::policy::Situation> look_around(const fwr::settings::RecipientConfig& config,
                                           fwr::flash::Slots& slots, bool offers_only) {
  const auto record = slots.load_record();
  if (!record) return tl::unexpected(record.error());
  auto situation = fwr::recipient::situation_of(*record);
  situation.platform = config.platform;
  situation.wall_clock = fwr::transport::wall_clock();
  const fwr::flash::SlotId target = other(record->active);
  const auto capacity = slots.capacity(target);
  if (!offers_only) {
    if (!capacity) return tl::unexpected(capacity.error());
    // All that a slot may hold, because nobody has said yet how large the image will be.
    const auto room = slots.prepare(target, std::min(*capacity, fwr::image::kImageLimit_bytes));
    if (!room) return tl::unexpected(room.error());
  }
  situation.slot_capacity_bytes = capacity ? *capacity : fwr::image::kImageLimit_bytes;
  return situation;
}

/// Whether a trial runs that can still end by going back: a recovery would take that from it.
/// Errors: Interrupted.
Result<bool> can_go_back(fwr::flash::Slots& slots, const Stop& stop) {
  const auto record = slots.load_record();
  if (!record || !record->trial) return false;
  const auto back = fwr::flash::go_back(slots, *record, stop);
  if (!back && back.error().code == Errc::Interrupted) return tl::unexpected(back.error());
  return back.has_value();
}

/// Without a record nothing says what was confirmed here, and slots.active says only where it is.
/// Errors: NoRecord, and those of Slots::blank().
Result<> know_what_ran(const RequestOptions& options, const fwr::settings::RecipientConfig& config,
                       fwr::flash::Slots& slots) {
  if (options.without_record || !config.slots.active_without_record) return {};
  const auto record = slots.load_record();
  if (!record) return tl::unexpected(record.error());
  if (record->generation != 0) return {};
  for (const fwr::flash::SlotId slot : {fwr::flash::SlotId::A, fwr::flash::SlotId::B}) {
    const auto blank = slots.blank(slot);
    // What cannot be read may have held anything.
    if (!blank || !*blank)
      return fwr::fail(Errc::NoRecord,
                       fmt::format("there is none in {}, and {} is not blank",
                                   config.slots.state_directory, slots.describe(slot)));
  }
  return {};
}

/// What could not be judged, unless nothing ever ran here.
void tell_unjudged(const fwr::settings::RecipientConfig& config,
                   const fwr::policy::Situation& situation, fwr::flash::Slots& slots,
                   Observer& observer) {
  const auto unjudged = fwr::policy::unjudged_gates(config.policy, situation);
  if (!unjudged) return;
  const auto record = slots.load_record();
  const auto blank = record ? slots.blank(record->active) : Result<bool>(false);
  if (!blank || !*blank) observer.on_event(Event("problem").set("text", *unjudged));
}

/// What the administrator asked for, and what the active slot holds.
void complete(fwr::policy::Situation& situation, const RequestOptions& options,
              const std::optional<Assessment>& assessed) {
  const bool healthy = assessed && assessed->healthy;
  situation.only_newer = options.if_newer && (!options.if_needed || healthy);
  if (options.again) situation.failed.clear();
  if (!assessed || !assessed->whole_image) return;
  if (healthy && !options.reinstall) situation.healthy_image = assessed->whole_image;
  // Left undecided, with nothing to go back to: to write it again would begin the same once more.
  if (assessed->only_trial && !options.again)
    situation.failed.push_back(
        {*assessed->whole_image, 0,
         "is active and ran out of its trial; \"fwrecover confirm\" keeps it"});
}

/// A whole image that nobody confirmed needs a decision, not another image in the place of the one
/// to go back to. Told as a problem, so that cron mails it.
Conclusion leave_trial(const Assessment& assessment, Observer& observer) {
  observer.on_event(Event("problem").set(
      "text",
      assessment.summary + "; 'fwrecover confirm' keeps it, 'fwrecover rollback' goes back"));
  return conclude_ok("nothing requested: the other slot holds the image to go back to");
}

/// Nobody has decided yet, and there is time: cron shall not mail that each hour. A trial that does
/// not end by itself would keep all newer images away in silence.
Conclusion leave_healthy_trial(fwr::flash::Slots& slots, Observer& observer) {
  const auto record = slots.load_record();
  if (!record || !record->trial || record->trial->limit_s == 0) {
    observer.on_event(Event("problem").set(
        "text",
        "the image is on trial without a limit; 'fwrecover confirm' keeps it, 'fwrecover rollback' "
        "goes back"));
    return conclude_ok("nothing requested: the other slot holds the image to go back to");
  }
  return conclude_ok(fmt::format(
      "nothing requested: slot {} is on trial until {}; 'fwrecover confirm' keeps its image",
      to_text(record->active),
      fwr::policy::date_words(record->trial->began + record->trial->limit_s)));
}

/// The account for all links with sessions. Without one these are left out, and that is told, when
/// there are links that need none. Errors: those of read_credentials().
Result<fwr::session::Credentials> take_account(const fwr::settings::Settings& settings,
                                               fwr::settings::RecipientConfig& config,
                                               fwr::settings::FoundTargets& found,
                                               Observer& observer) {
  auto& bluetooth = config.media.bluetooth;
  if (found.targets.empty() && !bluetooth.is_used()) return fwr::session::Credentials{};
  auto credentials = fwr::settings::read_credentials(settings);
  // A file that is there but cannot be read, or a wrong one, is a mistake on every link.
  const bool can_do_without = asks_on_lines(config.media) && !config.policy.authenticated &&
                              fwr::settings::lacks_password(settings);
  if (credentials || !can_do_without) return credentials;
  const std::string left_out = found.targets.empty() ? "Bluetooth is"
                               : bluetooth.is_used() ? "the network and Bluetooth are"
                                                     : "the network is";
  observer.on_event(
      Event("problem").set("text", fmt::format("{} left out, without an account on the donors: {}",
                                               left_out, credentials.error().detail)));
  found.targets.clear();
  bluetooth.targets.clear();
  bluetooth.inquiry = false;
  return fwr::session::Credentials{};
}

struct Sockets {
  std::vector<fwr::transport::UdpSocket> sockets;
  std::size_t receive_buffer_bytes = 0;
};

/// One of each address family that the system has.
Result<Sockets> open_sockets() {
  Sockets opened;
  std::optional<Error> first_error;
  for (const auto family : {fwr::AddressFamily::Ipv4, fwr::AddressFamily::Ipv6}) {
    fwr::Address any;
    any.family = family;
    auto socket = fwr::transport::UdpSocket::open(any);
    if (!socket) {
      if (!first_error) first_error = socket.error();
      continue;
    }
    const std::size_t buffer = socket->receive_buffer_bytes();
    opened.receive_buffer_bytes =
        opened.sockets.empty() ? buffer : std::min(opened.receive_buffer_bytes, buffer);
    // Without it there are fewer words when something goes wrong, and nothing else.
    (void)socket->report_undelivered();
    opened.sockets.push_back(*std::move(socket));
  }
  if (opened.sockets.empty()) return tl::unexpected(*first_error);
  return opened;
}

/// Names that take long to look up count, too; what is left is never nothing.
std::chrono::seconds left_of(std::chrono::seconds deadline, TimePoint began) {
  const auto used = std::chrono::duration_cast<std::chrono::seconds>(fwr::transport::now() - began);
  return std::max(deadline - used, std::chrono::seconds(1));
}

/// In words.
struct Asked {
  std::string targets;
  std::string wanted;
};

/// Also tells it.
Asked tell_asked(const fwr::recipient::RecoveryConfig& config, const Media& media,
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

/// What was asked, whom, and why they may not have heard it: said where it is read, not only above.
void add_story(Error& error, const RecoveryDriver& driver, const Asked& asked, const Media& media) {
  if (error.exit_code() != fwr::ExitCode::NoDonor) return;
  for (const std::string& part : {"asked were " + asked.targets + " for " + asked.wanted,
                                  driver.network().text(), media.trouble()})
    if (!part.empty()) error.detail += "; " + part;
}

/// That every donor failed helps nobody: what the first one failed with has its own advice.
Conclusion conclude_failure(const Error& error, const std::optional<Errc>& cause,
                            const Where& where, std::string_view command) {
  Conclusion conclusion = conclude(error, where);
  if (!cause) return conclusion;
  const fwr::ErrorInfo& first = fwr::info(*cause);
  conclusion.cause = std::string(first.name);
  if (error.code != Errc::AllDonorsFailed || *cause == error.code) return conclusion;
  conclusion.advice = advice_for(first.name, command, conclusion.message);
  if (conclusion.advice.empty()) conclusion.advice = std::string(first.advice);
  return conclusion;
}

Conclusion conclude_recovery(const RecoveryDriver& driver,
                             const fwr::settings::RecipientConfig& config, const Media& media,
                             const Asked& asked, const Where& where, Observer& observer) {
  fwr::recipient::Finished end = *driver.outcome();
  if (end.error) end.error->detail = config.media.names.named(end.error->detail);
  if (end.error) add_story(*end.error, driver, asked, media);
  Event event(end.error ? "failed" : "recovered");
  if (driver.donor()) {
    event.set("donor", fwr::to_text(driver.donor()->donor));
    event.set("address", config.media.names.text(driver.donor()->path.peer));
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

/// Donors answered, and what is installed is as good as what they have: that is no failure.
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

/// An image may have expired long ago, for all that a clock that stands still says.
void tell_unjudged_expiry(const RecoveryDriver& driver, const fwr::policy::Situation& situation,
                          Observer& observer) {
  const auto& end = *driver.outcome();
  if (end.error || !end.manifest || fwr::policy::expiry_is_judged(situation, *end.manifest)) return;
  observer.on_event(Event("problem").set(
      "text", fmt::format("whether version {} has expired could not be judged: the clock of this "
                          "system is not set",
                          end.manifest->version)));
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

/// Options that mean the same as settings are overrides of them.
std::vector<fwr::settings::Override> overrides_of(const AskOptions& options) {
  auto overrides = fwr::settings::sort_targets(options.targets);
  if (!options.broadcast)
    for (const char* setting : {"lan.broadcast", "icmb.broadcast", "bluetooth.inquiry"})
      overrides.push_back({setting, false});
  if (options.deadline_ms != 0) overrides.push_back({"policy.deadline", options.deadline_ms});
  return overrides;
}

}  // namespace

/// As settle() does, for who only wants to know what a request would do.
Result<Assessment> Recipient::Impl::look_at_installed(const fwr::settings::RecipientConfig& config,
                                                      fwr::flash::Slots& slots, const Stop& stop,
                                                      Observer& observer) const {
  if (auto known = know_what_ran(RequestOptions{}, config, slots); !known)
    return tl::unexpected(known.error());
  Silent silent;
  Assessment assessed = assess(config, slots, stop, silent);
  if (assessed.hidden && assessed.hidden->code == Errc::Interrupted)
    return tl::unexpected(*assessed.hidden);
  const auto way_back = can_go_back(slots, stop);
  if (!way_back) return tl::unexpected(way_back.error());
  if (*way_back)
    observer.on_event(Event("problem").set(
        "text",
        "the active image is on trial: until \"fwrecover confirm\" or \"fwrecover rollback\" a "
        "request would refuse all of them"));
  return assessed;
}

Result<std::optional<Conclusion>> Recipient::Impl::settle(
    const RequestOptions& options, const fwr::settings::RecipientConfig& config,
    fwr::flash::Slots& slots, const Stop& stop, std::optional<Assessment>& assessed,
    Observer& observer) const {
  if (auto known = know_what_ran(options, config, slots); !known)
    return tl::unexpected(known.error());
  Silent silent;
  assessed = assess(config, slots, stop, silent);
  if (assessed->hidden && assessed->hidden->code == Errc::Interrupted)
    return tl::unexpected(*assessed->hidden);
  if (options.if_needed && !options.if_newer && assessed->healthy)
    return conclude_ok("nothing to do: " + assessed->summary);
  if (options.during_trial) return std::nullopt;
  const auto way_back = can_go_back(slots, stop);
  if (!way_back) return tl::unexpected(way_back.error());
  if (!*way_back) return std::nullopt;
  if (options.if_needed && assessed->only_trial) return leave_trial(*assessed, observer);
  if (options.if_newer && assessed->only_trial) return leave_trial(*assessed, observer);
  if (options.if_newer && assessed->healthy) return leave_healthy_trial(slots, observer);
  return fwr::fail(Errc::OnTrial, "a recovery would overwrite the good image in the other slot");
}

Result<Conclusion> Recipient::Impl::recover(const RequestOptions& options, Aim aim,
                                            const Stop& stop, Observer& observer) const {
  const bool offers_only = aim != Aim::Recover;
  const bool verify = aim == Aim::LookAndVerify;
  const auto settings = load(overrides_of(options.ask));
  if (!settings) return tl::unexpected(settings.error());
  auto config = fwr::settings::read_recipient(*settings);
  tell_problems(*settings, observer);
  if (!config) return tl::unexpected(config.error());
  if (config->trusted_keys.empty() && aim != Aim::Look)
    return fwr::fail(
        Errc::BadConfiguration,
        "no trusted public key: put your vendor's minisign key where trust.keys looks");
  const TimePoint asleep = fwr::transport::now();
  if (auto ready = wait_for_random(observer, stop, asleep + config->policy.deadline); !ready)
    return tl::unexpected(ready.error());
  const fwr::Duration waited = fwr::transport::now() - asleep;
  using fwr::flash::Access;
  auto slots = fwr::flash::open_file_slots(config->slots,
                                           offers_only ? Access::ReadOnly : Access::ReadWrite);
  if (!slots) return tl::unexpected(slots.error());
  std::optional<Assessment> assessed;
  if (!offers_only) {
    auto settled = settle(options, *config, **slots, stop, assessed, observer);
    if (!settled) return tl::unexpected(settled.error());
    if (*settled) return **std::move(settled);
  } else if (verify) {
    auto looked = look_at_installed(*config, **slots, stop, observer);
    if (!looked) return tl::unexpected(looked.error());
    assessed = *std::move(looked);
  }

  fwr::recipient::RecoveryConfig recovery_config;
  auto situation = look_around(*config, **slots, offers_only);
  if (!situation) return tl::unexpected(situation.error());
  complete(*situation, options, assessed);
  tell_unjudged(*config, *situation, **slots, observer);
  const TimePoint began = fwr::transport::now() - waited;
  const auto patience =
      std::min<std::chrono::milliseconds>(config->policy.deadline, fwr::transport::kResolve_limit);
  // Who only looks does not want to wait for a network longer than for offers.
  const auto look_for =
      offers_only
          ? std::chrono::duration_cast<std::chrono::milliseconds>(config->policy.offer_window)
          : patience;
  auto found = fwr::settings::find_targets(config->lan, asks_elsewhere(config->media),
                                           {.limit = patience, .interrupted = stop}, look_for);
  if (!found) return tl::unexpected(found.error());
  for (const Error& problem : found->problems)
    observer.on_event(Event("problem").set("text", problem.message()));
  if (aim != Aim::Look) {
    auto credentials = take_account(*settings, *config, *found, observer);
    tell_problems(*settings, observer);
    if (!credentials) return tl::unexpected(credentials.error());
    recovery_config.credentials = *std::move(credentials);
  }
  const bool network = !found->targets.empty();
  auto sockets = network ? open_sockets() : Result<Sockets>(Sockets{});
  if (!sockets) return tl::unexpected(sockets.error());
  fwr::transport::SystemRandom random;
  Media media(config->media, random, observer);
  auto elsewhere = open_links(*config, network, stop, media, observer);
  if (!elsewhere) return tl::unexpected(elsewhere.error());

  recovery_config.iana = config->iana;
  recovery_config.policy = config->policy;
  recovery_config.policy.deadline = left_of(config->policy.deadline, began);
  recovery_config.situation = *situation;
  recovery_config.trusted_keys = config->trusted_keys;
  recovery_config.targets = std::move(found->targets);
  recovery_config.targets.insert(recovery_config.targets.end(), elsewhere->begin(),
                                 elsewhere->end());
  for (const Media::Known& line : media.known())
    recovery_config.links.push_back({line.family, line.number, line.properties});
  recovery_config.trial_limit_s = config->trial_limit_s;
  if (network) recovery_config.receive_buffer_bytes = sockets->receive_buffer_bytes;
  recovery_config.offers_only = offers_only;
  recovery_config.verify = verify;

  const Asked asked = tell_asked(recovery_config, media, observer);
  Recovery recovery(std::move(recovery_config), **slots, random);
  fwr::session::DeviceIdentity identity;
  identity.guid = config->media.icmb.node.guid;
  identity.device_id = config->platform.device_id;
  identity.manufacturer_id = config->platform.manufacturer_id;
  identity.product_id = config->platform.product_id;
  RecoveryDriver driver(recovery, offers_only, identity, media, observer);
  fwr::transport::Loop loop(driver);
  for (auto& socket : sockets->sockets) loop.add(std::move(socket));
  media.add_to(loop);
  loop.catch_signals(caught());
  loop.listen_to(stopper_);
  // The loop sees what comes from now on; what came before must not be lost.
  if (stop()) return fwr::fail(Errc::Interrupted, "before anything was requested");
  recovery.start(fwr::transport::now(), fwr::transport::wall_clock().value_or(0));
  if (auto ran = loop.run(); !ran) return tl::unexpected(ran.error());
  // Whatever becomes of the history: the next one may begin.
  slots->reset();
  const Where where = where_asked(network, media);
  if (!driver.outcome()) return fwr::fail(Errc::Internal, "the recovery ended without a result");
  // That what is installed is as good as what donors have is found out only when it was looked at.
  if (aim != Aim::Look)
    if (auto nothing = conclude_nothing(driver, *situation, assessed)) return *std::move(nothing);
  if (offers_only) return conclude_offers(driver, verify, media, asked, where);
  tell_unjudged_expiry(driver, *situation, observer);
  Conclusion done = conclude_recovery(driver, *config, media, asked, where, observer);
  // The slots, and the lock with them, were given up before the history was written.
  if (done.ok())
    if (auto now = fwr::flash::open_file_slots(config->slots, Access::ReadOnly))
      if (const auto record = (*now)->load_record())
        observer.on_event(activated(*record, "on trial; 'fwrecover confirm' keeps it"));
  return done;
}

Conclusion Recipient::Impl::request(const RequestOptions& options, const Stop& stop,
                                    Observer& observer) const {
  const auto done = recover(options, Aim::Recover, stop, observer);
  return done ? *done : conclude(done.error());
}

Conclusion Recipient::Impl::offers(const OffersOptions& options, const Stop& stop,
                                   Observer& observer) const {
  const auto done = recover({.ask = options.ask}, options.verify ? Aim::LookAndVerify : Aim::Look,
                            stop, observer);
  return done ? *done : conclude(done.error());
}

}  // namespace fwrecover
