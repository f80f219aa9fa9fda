// SPDX-License-Identifier: GPL-3.0-or-later
// What a donor says in a session: how it is, and what it has. Over libfreeipmi.
#include <fmt/format.h>

#include <cstring>
#include <set>

#include "diagnose/bmc_account.hpp"
#include "diagnose/survey.hpp"
#include "diagnose/until_signal.hpp"
#include "donor/catalogue_review.hpp"
#include "fwrecover/version.hpp"
#include "oem/donor_query.h"
#include "transport/hosts.hpp"
#include "wire/rakp.hpp"

namespace fwrecover {
namespace {

using fwr::ByteView;
using fwr::Errc;
using fwr::Path;
using fwr::Result;
namespace oem = fwr::wire::oem;

oem::CapabilitiesRs from_query(const FwrDonorCapabilities& c) {
  oem::CapabilitiesRs result;
  result.version = c.version;
  result.oldest_version = c.oldest_version;
  result.role = c.role == 1 ? fwr::DonorRole::Peer : fwr::DonorRole::Console;
  result.media = c.media;
  result.read_limit_bytes = c.read_limit;
  result.segment_limit_granules = c.segment_limit;
  result.credit_limit_bytes = c.credit_limit;
  result.lease_limit = c.lease_limit;
  return result;
}

void tell_status(const std::string& host, const FwrDonorStatus& s, Observer& observer) {
  fwr::Guid guid{};
  std::memcpy(guid.data(), s.guid, guid.size());
  Event event("donor-status");
  event.set("host", host);
  event.set("donor", fwr::to_text(guid));
  event.set("name", std::string(s.name));
  event.set("role",
            std::string(to_text(s.role == 1 ? fwr::DonorRole::Peer : fwr::DonorRole::Console)));
  event.set("load", std::int64_t{s.load});
  event.set("images", std::int64_t{s.images});
  event.set("leases", std::int64_t{s.leases});
  event.set("lease_limit", std::int64_t{s.lease_limit});
  event.set("uptime", std::int64_t{s.uptime});
  event.set("recovered", std::int64_t{s.recovered});
  event.set("failed", std::int64_t{s.failed});
  event.set("bytes_served", as_number(s.bytes_served));
  observer.on_event(event);
}

/// An account and how to use it, in the words of the C interface. It outlives the query.
class Access {
 public:
  Access(const DiagOptions& options, const BmcAccount& account)
      : options_(options), password_(account.password), kg_(account.kg.view()) {}

  [[nodiscard]] FwrDonorAccess at(const std::string& host) const {
    FwrDonorAccess access{};
    access.size = sizeof access;
    access.host = host.c_str();
    access.user_name = options_.user.c_str();
    access.password = password_.c_str();
    access.k_g = kg_.empty() ? nullptr : reinterpret_cast<const unsigned char*>(kg_.data());
    access.k_g_length = static_cast<unsigned>(kg_.size());
    access.privilege_level = static_cast<std::uint8_t>(fwr::wire::Privilege::User);
    access.cipher_suite_id = static_cast<std::uint8_t>(options_.cipher_suite);
    access.session_timeout = static_cast<unsigned>(std::max<std::int64_t>(options_.wait_ms, 1000));
    access.retransmission_timeout = access.session_timeout / 4;
    access.iana = default_iana_pen();
    return access;
  }

 private:
  const DiagOptions& options_;
  SecretText password_;
  ByteView kg_;
};

fwr::Error error_of(const std::string& host, const FwrDonorError& error) {
  return {errc_of_bmc(error.code), fmt::format("{}: {}", host, error.text)};
}

Result<> query_donor(const std::string& host, const std::string& address, const Access& access,
                     Observer& observer) {
  const FwrDonorAccess there = access.at(address);
  FwrDonorAnswer answer{};
  answer.size = sizeof answer;
  FwrDonorError error{};
  error.size = sizeof error;
  if (fwr_donor_query(&there, nullptr, &answer, &error) != 0)
    return tl::unexpected(error_of(host, error));
  Event event("capabilities");
  event.set("host", host);
  set_capabilities(event, from_query(answer.capabilities));
  observer.on_event(event);
  tell_status(host, answer.status, observer);
  return {};
}

struct Listing {
  const std::string& host;
  Observer& observer;
  std::size_t images = 0;
};

int tell_image(const FwrDonorImage* image, void* context) {
  auto& listing = *static_cast<Listing*>(context);
  const auto manifest = fwr::image::parse_manifest({image->manifest, image->manifest_length});
  if (!manifest) {
    listing.observer.on_event(Event("problem").set(
        "text", fmt::format("{}: {}", listing.host, manifest.error().message())));
    return 0;
  }
  ++listing.images;
  Event event("image");
  event.set("host", listing.host);
  set_manifest(event, *manifest);
  std::vector<std::string> platforms;
  for (const auto& match : manifest->platforms)
    platforms.push_back(fwr::donor::platform_text(match));
  event.set("platforms", platforms);
  if (manifest->minimum_version) event.set("minimum_version", *manifest->minimum_version);
  if (manifest->expires) event.set("expires", *manifest->expires);
  event.set("offered", (image->flags & oem::ListImagesRs::kExpired) == 0);
  listing.observer.on_event(event);
  return 0;
}

/// List Images came with a later release.
constexpr std::uint8_t kInvalidCommand = 0xc1;

Result<> list_images(const std::string& host, const std::string& address, const Access& access,
                     std::size_t& images, Observer& observer) {
  const FwrDonorAccess there = access.at(address);
  FwrDonorError error{};
  error.size = sizeof error;
  Listing listing{host, observer};
  const int failed = fwr_donor_list_images(&there, tell_image, &listing, &error);
  images += listing.images;
  if (failed == 0) return {};
  if (error.code == FWR_DONOR_REJECTED && error.completion_code == kInvalidCommand)
    return fwr::fail(Errc::CommandRejected,
                     fmt::format("{}: this donor is of an older release, and does not list its "
                                 "images; without --user it says what it has for one system "
                                 "(--product)",
                                 host));
  return tl::unexpected(error_of(host, error));
}

/// Whether another address of the same host may do better.
bool is_about_address(Errc code) {
  return code == Errc::NoResponse || code == Errc::NotFound || code == Errc::Internal;
}

/// As libfreeipmi takes it: without "lan:".
std::string plain_text(const fwr::Address& address) {
  constexpr std::string_view kScheme = "lan:";
  std::string text = fwr::transport::text_with_zone(address);
  if (text.starts_with(kScheme)) text.erase(0, kScheme.size());
  return text;
}

using Ask = std::function<Result<>(const std::string& host, const std::string& address)>;

/// All hosts, and of each the first address that answers.
Conclusion ask_all(const DiagOptions& options, const std::string& command, const Ask& ask,
                   Observer& observer) {
  const auto hosts = find_hosts(options.hosts);
  if (!hosts) return told(command, hosts.error());
  std::optional<fwr::Error> first;
  for (const std::string& host : hosts->typed) {
    std::optional<fwr::Error> of_host;
    if (const auto unknown = hosts->unknown.find(host); unknown != hosts->unknown.end())
      of_host = unknown->second;
    for (const Path& path : hosts->paths_of(host)) {
      const auto done = ask(host, plain_text(path.peer));
      if (done) {
        of_host.reset();
        break;
      }
      // What an address said is worth more than that another one is silent.
      if (!of_host || is_about_address(of_host->code)) of_host = done.error();
      if (!is_about_address(done.error().code)) break;
    }
    if (!of_host) continue;
    if (hosts->typed.size() > 1)
      observer.on_event(Event("problem").set("text", of_host->message()));
    if (!first) first = of_host;
  }
  return first ? told(command, *first) : conclude_ok("");
}

}  // namespace

Conclusion donor(const DiagOptions& options, Observer& observer) {
  const auto account = read_bmc_account({options.password_file, options.kg_file});
  if (!account) return told("fwdiag donor", account.error());
  if (auto ready = wait_for_random(observer); !ready) return told("fwdiag donor", ready.error());
  const Access access(options, *account);
  return ask_all(
      options, "fwdiag donor",
      [&](const std::string& host, const std::string& address) {
        return query_donor(host, address, access, observer);
      },
      observer);
}

Conclusion images(const DiagOptions& options, Observer& observer) {
  if (options.user.empty()) return until_signal(walk_offers, options, observer);
  const auto account = read_bmc_account({options.password_file, options.kg_file});
  if (!account) return told("fwdiag images", account.error());
  if (auto ready = wait_for_random(observer); !ready) return told("fwdiag images", ready.error());
  const Access access(options, *account);
  std::size_t count = 0;
  Conclusion done = ask_all(
      options, "fwdiag images",
      [&](const std::string& host, const std::string& address) {
        return list_images(host, address, access, count, observer);
      },
      observer);
  return done.ok() ? conclude_ok(counted(count, "image")) : done;
}

}  // namespace fwrecover
