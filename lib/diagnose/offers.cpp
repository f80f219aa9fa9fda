// SPDX-License-Identifier: GPL-3.0-or-later
// What donors would offer to one system, without a session. PROTOCOL §5.2.
#include <fmt/format.h>

#include <set>

#include "diagnose/survey.hpp"
#include "diagnose/until_signal.hpp"
#include "fwrecover/version.hpp"
#include "transport/clock.hpp"
#include "transport/hosts.hpp"

namespace fwrecover {
namespace {

using fwr::ByteView;
using fwr::Errc;
using fwr::Path;
using fwr::Result;
namespace oem = fwr::wire::oem;

constexpr unsigned kImagesAsked = 256;  ///< of one donor: as many as a catalogue has

/// The completion code of a donor that has nothing to offer, when it answers this request.
std::optional<fwr::wire::CompletionCode> declined_with(ByteView datagram, const fwr::Nonce& nonce) {
  const auto reply = fwr::session::parse_sessionless_reply(datagram);
  if (!reply || reply->command != static_cast<std::uint8_t>(oem::Command::RequestFirmware) ||
      reply->response.code == fwr::wire::CompletionCode::Ok)
    return std::nullopt;
  // A server that does not know the command has no nonce to repeat.
  if (const auto body = oem::strip_iana(default_iana_pen(), reply->response.data)) {
    fwr::ByteReader reader(*body);
    fwr::Nonce said{};
    reader.copy_to(said);
    if (!reader.truncated() && said != nonce) return std::nullopt;
  }
  return reply->response.code;
}

oem::RequestFirmwareRq request_of(const DiagOptions& options) {
  oem::RequestFirmwareRq request;
  fwr::transport::SystemRandom().fill(request.nonce);
  request.platform = {options.manufacturer, options.product, options.device, options.revision,
                      options.component};
  return request;
}

/// What an answer to Request Firmware says.
class Answers {
 public:
  Answers(const oem::RequestFirmwareRq& request, const Hosts& hosts, Observer& observer)
      : request_(request), hosts_(hosts), observer_(observer) {}

  bool take(const Path& from, ByteView datagram, std::uint8_t sequence,
            std::chrono::duration<double> rtt) {
    const auto offer = parse_answer<oem::Offer>(datagram, default_iana_pen(),
                                                oem::Command::RequestFirmware, sequence);
    if (!offer) return decline(from, datagram);
    if (offer->nonce != request_.nonce) return false;
    answered_.insert(hosts_.name(from.peer));
    last_ = offer->digest;
    // An older donor has only its best image to say, and says it again.
    if (offer->digest == request_.after) return true;
    ++offers_;
    Event event("offer");
    event.set("donor", fwr::to_text(offer->donor));
    event.set("address", fwr::transport::text_with_zone(from.peer));
    event.set("medium", std::string(to_text(from.medium)));
    event.set("role", std::string(to_text(offer->role)));
    event.set("load", std::int64_t{offer->load_percent});
    event.set("rtt", rtt.count());
    event.set("version", offer->image_version);
    event.set("security_version", as_number(offer->security_version));
    event.set("size", as_number(offer->size_bytes));
    event.set("digest", fwr::to_text(offer->digest));
    observer_.on_event(event);
    return true;
  }
  [[nodiscard]] std::size_t offers() const { return offers_; }
  [[nodiscard]] const std::optional<fwr::Digest>& last() const { return last_; }
  [[nodiscard]] bool answered(const std::string& host) const { return answered_.contains(host); }
  [[nodiscard]] const std::string& declined() const { return declined_; }
  /// A donor answered, and has nothing for this system.
  [[nodiscard]] bool none_fits() const { return none_fits_; }
  /// Behind the image that was offered last there is nothing: that is no reason to tell.
  void go_on(const fwr::Digest& after) {
    request_.after = after;
    last_.reset();
  }

 private:
  bool decline(const Path& from, ByteView datagram) {
    const auto code = declined_with(datagram, request_.nonce);
    if (!code) return false;
    answered_.insert(hosts_.name(from.peer));
    const bool no_image = *code == fwr::wire::CompletionCode::NoCompatibleImage;
    if (no_image && request_.after != fwr::Digest{}) return true;
    none_fits_ = none_fits_ || no_image;
    Event event("declined");
    event.set("address", fwr::transport::text_with_zone(from.peer));
    event.set("completion", std::int64_t{static_cast<std::uint8_t>(*code)});
    event.set("reason", fwr::wire::describe(*code));
    observer_.on_event(event);
    declined_ += "; " + event.text("address") + ": " + event.text("reason");
    return true;
  }

  oem::RequestFirmwareRq request_;
  const Hosts& hosts_;
  Observer& observer_;
  std::size_t offers_ = 0;
  std::optional<fwr::Digest> last_;
  std::set<std::string> answered_;
  std::string declined_;
  bool none_fits_ = false;
};

fwr::Bytes question_of(const oem::RequestFirmwareRq& request, std::uint8_t sequence) {
  return fwr::session::sessionless_request(
      oem::make_request(default_iana_pen(), oem::Command::RequestFirmware, request), sequence);
}

/// Each host that was named and did not answer.
void tell_silent(const Hosts& hosts, const Answers& answers, const NetworkStory& network,
                 Observer& observer) {
  for (const std::string& host : hosts.typed) {
    if (answers.answered(host)) continue;
    Event event("silent");
    event.set("host", host);
    if (const std::string reason = silence_of(hosts, host, network); !reason.empty())
      event.set("reason", reason);
    observer.on_event(event);
  }
}

/// No donor has an image: none answered, or no image fits.
Conclusion without_offers(const DiagOptions& options, const std::vector<Path>& paths,
                          const Answers& answers, const std::string& story,
                          std::string_view command) {
  const fwr::Platform platform{options.manufacturer, options.product, options.device,
                               options.revision, options.component};
  return told(command,
              {answers.none_fits() ? Errc::NoCompatibleImage : Errc::NoDonorAnswered,
               fmt::format("asked {} for {}{}{}", targets_text(paths), wanted_text(platform),
                           answers.declined(), story.empty() ? "" : "; " + story)});
}

Conclusion run_discover(const DiagOptions& options, Observer& observer) {
  auto hosts = find_hosts(options.hosts);
  if (!hosts) return told("fwdiag discover", hosts.error());
  for (const auto& [name, error] : hosts->unknown)
    observer.on_event(Event("problem").set("text", error.message()));
  const bool broadcast = hosts->paths.empty();
  if (broadcast) {
    auto paths = fwr::transport::broadcast_paths(options.interfaces, fwr::kRmcpPort);
    if (!paths) return told("fwdiag discover", paths.error());
    hosts->paths = *std::move(paths);
  }
  if (auto ready = wait_for_random(observer); !ready) return told("fwdiag discover", ready.error());
  oem::RequestFirmwareRq request = request_of(options);
  request.flags = broadcast ? oem::RequestFirmwareRq::kBroadcast : 0;
  Answers answers(request, *hosts, observer);
  Survey survey(
      hosts->paths, 1, std::chrono::milliseconds(options.wait_ms), !broadcast,
      [&](std::uint8_t round) { return question_of(request, round); },
      [&](const Path& from, ByteView datagram, std::chrono::duration<double> rtt) {
        return answers.take(from, datagram, 0, rtt);
      },
      observer);
  if (auto ran = survey.run(); !ran) return told("fwdiag discover", ran.error());
  tell_silent(*hosts, answers, survey.network(), observer);
  if (answers.offers() == 0)
    return without_offers(options, hosts->paths, answers, survey.network().text(),
                          "fwdiag discover");
  return conclude_ok(counted(answers.offers(), "offer"));
}

/// One address, image after image. Whether it answered at all.
Result<bool> walk(const Path& path, const DiagOptions& options, oem::RequestFirmwareRq request,
                  Answers& answers, NetworkStory& network, Observer& observer) {
  bool answered = false;
  for (unsigned asked = 0; asked < kImagesAsked; ++asked) {
    answers.go_on(request.after);
    bool now_answered = false;
    // Later answers to the question before are none to this one.
    const auto sequence = static_cast<std::uint8_t>(asked % 64);
    Survey survey(
        {path}, 1, std::chrono::milliseconds(options.wait_ms), true,
        [&](std::uint8_t) { return question_of(request, sequence); },
        [&](const Path& from, ByteView datagram, std::chrono::duration<double> rtt) {
          if (from.peer != path.peer || !answers.take(from, datagram, sequence, rtt)) return false;
          return now_answered = true;
        },
        observer);
    if (auto ran = survey.run(); !ran) return tl::unexpected(ran.error());
    answered = answered || now_answered;
    if (!now_answered && asked == 0) network = survey.network();
    if (!now_answered && asked > 0)
      observer.on_event(Event("problem").set(
          "text", fmt::format("{}: no answer when asked for what is behind the last image",
                              fwr::transport::text_with_zone(path.peer))));
    if (!now_answered || !answers.last()) break;
    if (*answers.last() == request.after) {
      observer.on_event(Event("problem").set(
          "text", fmt::format("{}: a donor of an older release, which has only its best image to "
                              "say",
                              fwr::transport::text_with_zone(path.peer))));
      break;
    }
    request.after = *answers.last();
  }
  return answered;
}

}  // namespace

Conclusion walk_offers(const DiagOptions& options, Observer& observer) {
  constexpr std::string_view kCommand = "fwdiag images";
  const auto hosts = find_hosts(options.hosts);
  if (!hosts) return told(kCommand, hosts.error());
  if (auto ready = wait_for_random(observer); !ready) return told(kCommand, ready.error());
  const oem::RequestFirmwareRq request = request_of(options);
  Answers answers(request, *hosts, observer);
  std::string story;
  for (const std::string& host : hosts->typed) {
    NetworkStory network;
    bool answered = false;
    for (const Path& path : hosts->paths_of(host)) {
      const auto done = walk(path, options, request, answers, network, observer);
      if (!done) return told(kCommand, done.error());
      answered = *done;
      if (answered) break;
      if (const std::string text = network.text(); !text.empty())
        story += (story.empty() ? "" : "; ") + text;
    }
    if (answered) continue;
    Event event("silent");
    event.set("host", host);
    if (const std::string reason = silence_of(*hosts, host, network); !reason.empty())
      event.set("reason", reason);
    observer.on_event(event);
  }
  if (answers.offers() == 0) return without_offers(options, hosts->paths, answers, story, kCommand);
  return conclude_ok(counted(answers.offers(), "image") + " for this system");
}

Conclusion discover(const DiagOptions& options, Observer& observer) {
  return until_signal(run_discover, options, observer);
}

}  // namespace fwrecover
