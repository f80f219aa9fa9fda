// SPDX-License-Identifier: GPL-3.0-or-later
// Requests and looks for offers: configuration, slots, targets and links; the recovery under the
// loop; its conclusion.
#include <fmt/format.h>

#include <algorithm>

#include "fwrecover/advice.hpp"
#include "fwrecover/find_targets.hpp"
#include "fwrecover/media.hpp"
#include "fwrecover/recipient_impl.hpp"
#include "fwrecover/recipient_links.hpp"
#include "fwrecover/recovery_driver.hpp"
#include "fwrecover/recovery_end.hpp"
#include "fwrecover/recovery_need.hpp"
#include "policy/words.hpp"
#include "recipient/recovery.hpp"
#include "recipient/situation.hpp"
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

struct Sockets {
  std::vector<fwr::transport::UdpSocket> sockets;
  std::size_t receive_buffer_bytes = 0;
};

std::vector<fwr::settings::Override> overrides_of(const AskOptions& options);
Result<fwr::policy::Situation> look_around(const fwr::settings::RecipientConfig& config,
                                           fwr::flash::Slots& slots, bool offers_only);
void tell_unjudged(const fwr::settings::RecipientConfig& config,
                   const fwr::policy::Situation& situation, fwr::flash::Slots& slots,
                   Observer& observer);
void complete(fwr::policy::Situation& situation, const RequestOptions& options,
              const std::optional<Assessment>& assessed);
Result<fwr::session::Credentials> take_account(const fwr::settings::Settings& settings,
                                               fwr::settings::RecipientConfig& config,
                                               FoundTargets& found, Observer& observer);
std::chrono::seconds left_of(std::chrono::seconds deadline, TimePoint began);
Result<Sockets> open_sockets();

}  // namespace

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

Result<Conclusion> Recipient::Impl::recover(const RequestOptions& options, Aim aim,
                                            const Stop& stop, Observer& observer) const {
  const bool offers_only = aim != Aim::Recover;
  const bool verify = aim == Aim::LookAndVerify;
  const auto settings = load(overrides_of(options.ask));
  if (!settings) return tl::unexpected(settings.error());
  auto config = fwr::settings::read_recipient(*settings);
  tell_problems(*settings, observer);
  if (!config) return tl::unexpected(config.error());
  if (auto numbered = number_zones(config->policy); !numbered)
    return tl::unexpected(numbered.error());
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
  auto found = find_targets(config->lan, asks_elsewhere(config->media),
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

  const Asked asked = report_asked(recovery_config, media, observer);
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
  report_unjudged_expiry(driver, *situation, observer);
  Conclusion done = conclude_recovery(driver, *config, media, asked, where, observer);
  // The slots, and the lock with them, were given up before the history was written.
  if (done.ok())
    if (auto now = fwr::flash::open_file_slots(config->slots, Access::ReadOnly))
      if (const auto record = (*now)->load_record())
        observer.on_event(activated(*record, "on trial; 'fwrecover confirm' keeps it"));
  return done;
}

namespace {

/// Options that mean the same as settings are overrides of them.
std::vector<fwr::settings::Override> overrides_of(const AskOptions& options) {
  auto overrides = fwr::settings::sort_targets(options.targets);
  if (!options.broadcast)
    for (const char* setting : {"lan.broadcast", "icmb.broadcast", "bluetooth.inquiry"})
      overrides.push_back({setting, false});
  if (options.deadline_ms != 0) overrides.push_back({"policy.deadline", options.deadline_ms});
  return overrides;
}

/// Checks that the slot can be written before anything is sent.
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
    // All that a slot may hold, because the size of the image is not known yet.
    const auto room = slots.prepare(target, std::min(*capacity, fwr::image::kImageLimit_bytes));
    if (!room) return tl::unexpected(room.error());
  }
  situation.slot_capacity_bytes = capacity ? *capacity : fwr::image::kImageLimit_bytes;
  return situation;
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

/// The account for all links with sessions. Without one these are left out, as a "problem", when
/// there are links that need none. Errors: those of read_credentials().
Result<fwr::session::Credentials> take_account(const fwr::settings::Settings& settings,
                                               fwr::settings::RecipientConfig& config,
                                               FoundTargets& found, Observer& observer) {
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

}  // namespace
}  // namespace fwrecover
