// SPDX-License-Identifier: GPL-3.0-or-later
// The steps that come before a recovery, one after the other.
#include "fwrecover/why.hpp"

#include <fmt/format.h>

#include <array>
#include <csignal>
#include <set>

#include "diagnose/survey.hpp"
#include "fwrecover/advice.hpp"
#include "fwrecover/find_targets.hpp"
#include "fwrecover/interruption.hpp"
#include "fwrecover/recipient_links.hpp"
#include "fwrecover/version.hpp"
#include "settings/addresses.hpp"
#include "settings/recipient_config.hpp"
#include "transport/hosts.hpp"
#include "transport/resolver.hpp"
#include "wire/rmcp.hpp"

namespace fwrecover {
namespace {

using fwr::Errc;
using fwr::Path;
using fwr::Result;
namespace oem = fwr::wire::oem;

constexpr std::array<std::string_view, 9> kSteps{"configuration", "names",        "interfaces",
                                                 "ping",          "capabilities", "offer",
                                                 "session",       "manifest",     "slot"};
constexpr std::chrono::milliseconds kAnswer_wait{1000};
constexpr unsigned kAttempts = 2;  ///< one datagram may be lost
constexpr std::size_t kShown = 3;  ///< of many reasons

/// "a; b; c; and 4 more", each once.
std::string few(const std::vector<std::string>& all) {
  std::string text;
  std::set<std::string> told;
  for (const std::string& one : all) {
    if (!told.insert(one).second || told.size() > kShown) continue;
    text += (text.empty() ? "" : "; ") + one;
  }
  if (told.size() > kShown) text += fmt::format("; and {} more", told.size() - kShown);
  return text;
}

constexpr std::string_view kSlotsFirst = "not asked: the slots and their record come first";

/// What this system has itself, and donors have nothing to do with.
bool is_of_slots(const std::string& code) {
  constexpr std::array kCodes{Errc::NoRecord,          Errc::CorruptState,    Errc::StateFailed,
                              Errc::SlotUnreadable,    Errc::SlotWriteFailed, Errc::NoSpace,
                              Errc::ActiveSlotUnknown, Errc::NoPermission,    Errc::AlreadyRunning};
  return std::any_of(kCodes.begin(), kCodes.end(),
                     [&](Errc one) { return fwr::info(one).name == code; });
}

/// What donors say, as `fwrecover offers` hears it.
class Collector final : public Observer {
 public:
  explicit Collector(Observer& observer) : observer_(observer) {}
  void on_event(const Event& event) override {
    if (event.name() == "offer") {
      addresses_.insert(event.text("address"));
      if (event.flag("acceptable")) {
        if (best.empty())
          best = fmt::format("version {} from {}", event.text("version"), event.text("address"));
      } else {
        refusals.push_back(fmt::format("version {} from {}: {}", event.text("version"),
                                       event.text("address"), event.text("reason")));
      }
    } else if (event.name() == "dropped") {
      lost_.insert(event.text("address"));
      losses.push_back(event.text("address") + ": " + event.text("reason"));
      if (code.empty()) code = event.text("code");
    } else if (event.name() == "problem") {
      observer_.on_event(event);
    }
  }
  /// No donor with an offer could be asked in a session.
  [[nodiscard]] bool all_lost() const {
    return !addresses_.empty() &&
           std::includes(lost_.begin(), lost_.end(), addresses_.begin(), addresses_.end());
  }
  [[nodiscard]] bool heard() const { return !addresses_.empty() || !lost_.empty(); }
  [[nodiscard]] std::size_t donors() const { return addresses_.size(); }

  std::string best;
  std::vector<std::string> refusals, losses;
  std::string code;  ///< of the first loss

 private:
  Observer& observer_;
  std::set<std::string> addresses_, lost_;
};

class Walk {
 public:
  Walk(const RecipientSource& source, const std::vector<std::string>& hosts, const Stop& stop,
       Observer& observer)
      : source_(source),
        ask_{.targets = hosts},
        stop_(stop),
        observer_(observer),
        recipient_(source) {}

  Conclusion run() {
    using Step = Conclusion (Walk::*)();
    constexpr std::array<Step, 9> kRuns{
        &Walk::configuration, &Walk::names,   &Walk::interfaces, &Walk::ping, &Walk::capabilities,
        &Walk::offer,         &Walk::session, &Walk::manifest,   &Walk::slot};
    std::optional<Conclusion> failed;
    for (std::size_t i = 0; i < kSteps.size(); ++i) {
      if (stop_() && !failed) return conclude({Errc::Interrupted, {}});
      if (failed) {
        tell(kSteps[i], false, false, fmt::format("not looked at, because of {}", kSteps[ended_]));
        continue;
      }
      skipped_ = false;
      Conclusion done = (this->*kRuns[i])();
      tell(kSteps[i], done.ok() && !skipped_, !skipped_, done.message, done.ok() ? "" : done.code);
      if (done.ok()) continue;
      ended_ = i;
      failed = advise(std::move(done), "fwdiag why");
    }
    if (failed) {
      failed->message = fmt::format("it ends at {}: {}", kSteps[ended_], failed->message);
      return *failed;
    }
    return conclude_ok(found_);
  }

 private:
  void tell(std::string_view step, bool ok, bool known, const std::string& text,
            const std::string& code = {}) {
    Event event("step");
    event.set("step", std::string(step));
    event.set("ok", ok);
    event.set("known", known);
    if (!code.empty()) event.set("code", code);
    event.set("text", text);
    observer_.on_event(event);
  }
  Conclusion skip(const std::string& why) {
    skipped_ = true;
    return conclude_ok(why);
  }

  Conclusion configuration() {
    const bool named = !source_.config_path.empty();
    const std::string path = named ? source_.config_path : std::string(default_recipient_file());
    settings_.emplace(fwr::settings::Settings::load(fwr::settings::recipient_table(), path, named,
                                                    source_.overrides,
                                                    fwr::settings::sort_targets(ask_.targets)));
    if (!*settings_) return conclude(settings_->error());
    auto config = fwr::settings::read_recipient(**settings_);
    tell_problems(**settings_, observer_);
    if (!config) return conclude(config.error());
    config_ = *std::move(config);
    if (auto numbered = number_zones(config_->policy); !numbered) return conclude(numbered.error());
    if (config_->trusted_keys.empty())
      return conclude({Errc::BadConfiguration,
                       "no trusted public key: put your vendor's minisign key where trust.keys "
                       "looks"});
    // Two slots in one place, or what is no slot at all.
    const auto slots = fwr::flash::open_file_slots(config_->slots, fwr::flash::Access::ReadOnly);
    if (!slots && slots.error().code == Errc::BadConfiguration) return conclude(slots.error());
    const bool lines = asks_on_lines(config_->media);
    std::string account = "an account";
    if (auto credentials = fwr::settings::read_credentials(**settings_); !credentials) {
      if (!lines || !fwr::settings::lacks_password(**settings_))
        return conclude(credentials.error());
      account = "no account, which lines without sessions do not need";
    }
    tell_problems(**settings_, observer_);
    return conclude_ok(fmt::format("{}, {}, {}, platform {}", path,
                                   counted(config_->trusted_keys.size(), "trusted key"), account,
                                   wanted_text(config_->platform)));
  }

  Conclusion names() {
    const auto& lan = config_->lan;
    if (lan.targets.empty() && !lan.broadcast && !asks_elsewhere(config_->media))
      return conclude(find_targets(lan, false, {}, {}).error());
    std::vector<std::string> hosts;
    for (const std::string& range : lan.targets) {
      const auto expanded = fwr::transport::expand_range(range);
      if (!expanded) return conclude(expanded.error());
      hosts.insert(hosts.end(), expanded->begin(), expanded->end());
    }
    if (hosts.empty())
      return skip(lan.broadcast ? "no donor is named: all in reach are asked by broadcast"
                                : "no donor on a network is named");
    const auto found = fwr::transport::resolve_all(hosts, lan.port, {.interrupted = stop_});
    if (!found) return conclude(found.error());
    std::vector<std::string> texts;
    std::optional<fwr::Error> first;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      const auto& addresses = found->at(i);
      if (!addresses) {
        if (!first) first = addresses.error();
        observer_.on_event(Event("problem").set("text", addresses.error().message()));
        continue;
      }
      hosts_.typed.push_back(hosts[i]);
      for (const fwr::Address& address : *addresses) {
        if (!hosts_.names.emplace(address, hosts[i]).second) continue;
        hosts_.paths.push_back(Path{{}, address, {}});
        texts.push_back(fwr::transport::text_with_zone(address));
      }
    }
    if (hosts_.paths.empty() && first) return conclude(*first);
    return conclude_ok(fmt::format("{} of {} found: {}", counted(hosts_.typed.size(), "name"),
                                   hosts.size(), few(texts)));
  }

  Conclusion interfaces() {
    const auto& lan = config_->lan;
    if (!lan.broadcast && hosts_.paths.empty()) return skip("no network is asked");
    if (!lan.broadcast) return skip("no broadcast: the system finds the way to each target");
    const auto paths = fwr::transport::broadcast_paths(lan.interfaces, lan.port);
    if (paths) return conclude_ok("broadcast on " + targets_text(*paths));
    if (hosts_.paths.empty() && !asks_elsewhere(config_->media)) return conclude(paths.error());
    return skip(paths.error().message() + "; only what is named is asked");
  }

  Conclusion conclude_answers(const Answered& answered, const NetworkStory& network,
                              const std::string& what, const std::string& otherwise) {
    std::vector<std::string> silent;
    for (const std::string& host : hosts_.typed) {
      if (answered.contains(host)) continue;
      const std::string reason = silence_of(hosts_, host, network);
      silent.push_back(host + ": " + (reason.empty() ? "no answer" : reason));
    }
    std::string text =
        fmt::format("{} of {} {}", answered.size(), counted(hosts_.typed.size(), "host"), what);
    if (!silent.empty()) text += "; " + few(silent);
    if (!answered.empty()) return conclude_ok(text);
    if (network.nothing_left()) text += "; nothing could be sent";
    if (!otherwise.empty()) text += "; " + otherwise;
    // Others may answer a broadcast, or on another medium.
    if (config_->lan.broadcast || asks_elsewhere(config_->media)) return skip(text);
    return conclude({Errc::NoDonorAnswered, text});
  }

  /// Asks each host once, and the silent ones once more.
  Result<Answered> ask_hosts(const Survey::Question& question,
                             const std::function<bool(fwr::ByteView)>& is_answer,
                             NetworkStory& network) {
    Answered answered;
    for (unsigned attempt = 0; attempt < kAttempts; ++attempt) {
      std::vector<Path> paths;
      for (const Path& path : hosts_.paths)
        if (!answered.contains(hosts_.name(path.peer))) paths.push_back(path);
      if (paths.empty() || stop_()) break;
      Survey survey(
          paths, 1, kAnswer_wait, true, question,
          [&](const Path& from, fwr::ByteView datagram, std::chrono::duration<double>) {
            if (!is_answer(datagram) || !hosts_.names.contains(from.peer)) return false;
            ++answered[hosts_.name(from.peer)];
            return true;
          },
          observer_);
      if (auto ran = survey.run(); !ran) return tl::unexpected(ran.error());
      network = survey.network();
    }
    return answered;
  }

  Conclusion ping() {
    if (hosts_.paths.empty()) return skip("no host is named");
    NetworkStory network;
    const auto answered = ask_hosts(
        [](std::uint8_t round) { return fwr::wire::encode(fwr::wire::PresencePing{round}); },
        [](fwr::ByteView datagram) {
          const auto message = fwr::wire::decode_rmcp(datagram);
          return message && std::get_if<fwr::wire::PresencePong>(&*message) != nullptr;
        },
        network);
    if (!answered) return conclude(answered.error());
    return conclude_answers(*answered, network, "answered", "");
  }

  Conclusion capabilities() {
    if (hosts_.paths.empty()) return skip("no host is named");
    constexpr auto kCommand = oem::Command::GetRecoveryCapabilities;
    NetworkStory network;
    const auto answered = ask_hosts(
        [&](std::uint8_t round) {
          return fwr::session::sessionless_request(
              oem::make_request(config_->iana, kCommand, oem::CapabilitiesRq{}), round);
        },
        [&](fwr::ByteView datagram) {
          return parse_answer<oem::CapabilitiesRs>(datagram, config_->iana, kCommand, 0)
              .has_value();
        },
        network);
    if (!answered) return conclude(answered.error());
    return conclude_answers(
        *answered, network, "are donors",
        fmt::format("what answers pings is no fwdonord, or has another IANA number than {}",
                    config_->iana));
  }

  Conclusion offer() {
    Collector said(observer_);
    Conclusion done = recipient_.offers({.ask = ask_}, said);
    if (!done.ok() && is_of_slots(done.code)) {
      of_slots_ = done;
      return skip(std::string(kSlotsFirst));
    }
    if (done.ok()) return conclude_ok(done.message + ", best " + said.best);
    if (!said.refusals.empty()) done.message += ": " + few(said.refusals);
    return done;
  }

  Conclusion session() {
    if (of_slots_) return skip(std::string(kSlotsFirst));
    said_.emplace(observer_);
    verified_ = recipient_.offers({.ask = ask_, .verify = true}, *said_);
    if (!verified_.ok() && is_of_slots(verified_.code)) {
      of_slots_ = verified_;
      return skip(std::string(kSlotsFirst));
    }
    // With no donor to ask any more it ends as at the offer.
    if (!verified_.ok() && !said_->heard()) return verified_;
    if (!said_->all_lost())
      return conclude_ok(fmt::format("{} asked in a session{}", counted(said_->donors(), "donor"),
                                     said_->losses.empty() ? "" : "; " + few(said_->losses)));
    Conclusion done = verified_;
    done.message = few(said_->losses);
    if (const auto advice = general_advice(said_->code); !advice.empty()) {
      done.code = said_->code;
      done.advice = std::string(advice);
    }
    return done;
  }

  Conclusion manifest() {
    if (of_slots_) return skip(std::string(kSlotsFirst));
    if (verified_.ok()) {
      found_ = verified_.message;
      if (said_->best.empty()) return conclude_ok(verified_.message);
      found_ = "a request would install " + said_->best;
      return conclude_ok("a trusted key signed " + said_->best + ", and the policy takes it");
    }
    Conclusion done = verified_;
    done.message = said_->refusals.empty() ? done.message : few(said_->refusals);
    return done;
  }

  Conclusion slot() {
    if (of_slots_) return *of_slots_;
    auto slots = fwr::flash::open_file_slots(config_->slots, fwr::flash::Access::ReadOnly);
    if (!slots) return conclude(slots.error());
    const auto record = (*slots)->load_record();
    if (!record) return conclude(record.error());
    const fwr::flash::SlotId target = other(record->active);
    if (auto writable = (*slots)->try_out(target); !writable) return conclude(writable.error());
    const auto capacity = (*slots)->capacity(target);
    if (!capacity) return conclude(capacity.error());
    return conclude_ok(
        fmt::format("{} can be written, {} bytes", (*slots)->describe(target), *capacity));
  }

  const RecipientSource& source_;
  AskOptions ask_;
  const Stop& stop_;
  Observer& observer_;
  Recipient recipient_;
  std::optional<Result<fwr::settings::Settings>> settings_;
  std::optional<fwr::settings::RecipientConfig> config_;
  Hosts hosts_;
  std::optional<Collector> said_;
  Conclusion verified_;
  std::optional<Conclusion> of_slots_;
  std::string found_;
  std::size_t ended_ = 0;
  bool skipped_ = false;
};

}  // namespace

Conclusion why(const RecipientSource& given, const std::vector<std::string>& hosts,
               Observer& observer) {
  RecipientSource source = given;
  if (!hosts.empty())  // no donor but those that are named
    for (const char* setting :
         {"lan.broadcast=false", "icmb.broadcast=false", "bluetooth.inquiry=false",
          "lan.targets=[]", "icmb.targets=[]", "serial.devices=[]", "bluetooth.targets=[]"})
      source.overrides.emplace_back(setting);
  return interruptible(
      source.handle_signals ? std::vector<int>{SIGINT, SIGTERM} : std::vector<int>{},
      [&](const Stop& stop) { return Walk(source, hosts, stop, observer).run(); });
}

}  // namespace fwrecover
