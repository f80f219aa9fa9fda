// SPDX-License-Identifier: GPL-3.0-or-later
// The donor daemon: reads the configuration, opens sockets and links, and runs the driver.
#include "fwrecover/donor.hpp"

#include <csignal>

#include "fwrecover/advice.hpp"
#include "fwrecover/conclude.hpp"
#include "fwrecover/donor_driver.hpp"
#include "fwrecover/donor_setup.hpp"
#include "fwrecover/interruption.hpp"
#include "fwrecover/listen_addresses.hpp"
#include "fwrecover/media.hpp"
#include "transport/clock.hpp"
#include "transport/loop.hpp"
#include "transport/service_manager.hpp"
#include "transport/signals.hpp"

namespace fwrecover {
namespace {

using fwr::Errc;
using fwr::Result;
using fwr::donor::DirectoryCatalogue;

Where here();
Conclusion stopped(int signal);

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
    const auto settings = load_donor(source_);
    if (!settings) return conclude(settings.error(), here());
    for (const auto& row : settings->effective())
      observer.on_event(
          Event("setting").set("name", row.name).set("value", row.value).set("source", row.source));
    const auto config = fwr::settings::read_donor(*settings);
    tell_problems(*settings, observer);
    if (!config) return conclude(config.error(), here());
    const auto addresses = resolve_listen(*settings, config->listen);
    if (!addresses) return conclude(addresses.error(), here());
    return conclude_ok("the configuration is good");
  }

 private:
  Result<Conclusion> run(const ServeOptions& options, Observer& observer) const {
    const bool handle = options.handle_signals;
    fwr::transport::Signals ending(handle ? std::vector{SIGINT, SIGTERM} : std::vector<int>{});
    const Stop stop = [&] { return ending.arrived() || stopper_.requested(); };
    fwr::transport::Signals reloading(handle ? std::vector{SIGHUP} : std::vector<int>{});
    const auto settings = load_donor(source_);
    if (!settings) return tl::unexpected(settings.error());
    auto config = read_startable(*settings);
    tell_problems(*settings, observer);
    if (!config) return tl::unexpected(config.error());
    const auto addresses = resolve_listen(*settings, config->listen);
    if (!addresses) return tl::unexpected(addresses.error());
    if (auto ready_to = wait_for_random(observer, stop); !ready_to) {
      if (ready_to.error().code == Errc::Interrupted) return stopped(ending.number());
      return tl::unexpected(ready_to.error());
    }
    auto catalogue = DirectoryCatalogue::open(config->catalogue, config->trusted_keys);
    if (!catalogue) return tl::unexpected(catalogue.error());
    tell_problems(**catalogue, observer);
    const std::size_t images = (*catalogue)->entries().size();

    std::vector<fwr::transport::UdpSocket> sockets;
    for (const fwr::Address& address : *addresses) {
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

namespace {

Where here() {
  Where where;
  where.program = "fwdonord";
  return where;
}

/// SIGTERM and stop() are how a daemon is asked to stop: it ended well. SIGINT ends the script
/// around it, too.
Conclusion stopped(int signal) {
  Conclusion done = conclude_ok("stopped");
  return signal == 0 || signal == SIGTERM ? done : ended_by(signal, std::move(done));
}

}  // namespace
}  // namespace fwrecover
