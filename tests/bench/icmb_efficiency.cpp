// SPDX-License-Identifier: GPL-3.0-or-later
// How much of an ICMB bus arrives as image: recipient, donor and two idle nodes, the machines of
// the programs, on link::BusModel in virtual time.
//   icmb-efficiency [BAUD [IMAGE_KIB [SEED [CLEAN NOISY]]]]
// CLEAN and NOISY are the shares below which it fails.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "link/bus_model.hpp"
#include "link/icmb_port.hpp"
#include "recipient/recovery.hpp"
#include "session/link_servers.hpp"
#include "support/memory_slots.hpp"
#include "support/recovery_rig.hpp"
#include "support/test_signer.hpp"
#include "wire/stream.hpp"

namespace {

using namespace fwr;
using wire::icmb::BusAddress;

constexpr std::size_t kNodes = 4;
constexpr LinkId kBusLink{1};
constexpr std::uint32_t kLine = 1;
constexpr auto kLimit = std::chrono::hours(12);  // of virtual time
constexpr std::size_t kRoom_bytes = 4096;        // as transport/icmb_line.cpp keeps

struct Options {
  std::uint32_t baud = 19200;
  std::size_t image_bytes = 256 << 10;
  std::uint64_t seed = 1;
  double bit_error_rate = 0;
};

struct Measured {
  bool recovered = false;
  double transfer_s = 0;
  double efficiency = 0;
  link::BusModel::Counters bus;
};

Guid guid_of(std::size_t node) {
  Guid guid{};
  guid.fill(static_cast<std::byte>(node + 1));
  return guid;
}

class Bench {
 public:
  explicit Bench(const Options& options)
      : options_(options),
        bus_(
            kNodes,
            {.baud = options.baud, .bit_error_rate = options.bit_error_rate, .seed = options.seed}),
        image_(test::SignedImage::make(
            test::noise(options.image_bytes, static_cast<std::uint32_t>(options.seed)), "2.0", 2)),
        catalogue_({image_}),
        slots_(options.image_bytes * 2) {
    for (std::size_t node = 0; node < kNodes; ++node) {
      link::IcmbSettings settings;
      settings.limits.baud = options.baud;
      settings.guid = guid_of(node);
      settings.address = BusAddress{static_cast<std::uint16_t>(0x10 + node)};
      random_.push_back(std::make_unique<test::SeededRandom>(
          static_cast<std::uint32_t>(options.seed * 10 + node)));
      ports_.push_back(std::make_unique<link::IcmbPort>(settings, *random_.back(), now_));
    }
    run_until([&] {
      return std::all_of(ports_.begin(), ports_.end(), [](const auto& port) {
        return port->address() != BusAddress::Unassigned;
      });
    });
    make_donor();
    make_recipient();
  }

  Measured run() {
    recovery_->start(now_, 1'700'000'000);
    run_until([&] { return finished_.has_value(); });
    Measured measured;
    measured.recovered = finished_ && !finished_->error;
    if (finished_ && finished_->error)
      std::fprintf(stderr, "icmb-efficiency: %s\n", finished_->error->message().c_str());
    measured.transfer_s = std::chrono::duration<double>(ended_ - began_).count();
    const double line_bytes = measured.transfer_s * options_.baud / 10;
    measured.efficiency = static_cast<double>(options_.image_bytes) / line_bytes;
    measured.bus = bus_.counters();
    return measured;
  }

 private:
  static constexpr std::size_t kRecipient = 0;
  static constexpr std::size_t kDonor = 1;

  void make_donor() {
    donor::DonorConfig config;
    config.iana = test::kIana;
    config.guid = guid_of(kDonor);
    config.name = "bench";
    config.media = static_cast<std::uint8_t>(Medium::Icmb);
    donor_ = std::make_unique<donor::Donor>(config, catalogue_, *random_[kDonor], now_);
    session::ServerConfig server;
    server.identity.guid = config.guid;
    session::ServedLink link;
    link.id = kBusLink;
    link.properties = ports_[kDonor]->properties();
    link.allowed.everybody = true;
    servers_ = std::make_unique<session::LinkServers>(server, test::kIana, *donor_,
                                                      *random_[kDonor], std::vector{link});
  }

  void make_recipient() {
    recipient::RecoveryConfig config;
    config.iana = test::kIana;
    config.situation.platform.manufacturer_id = 0x1234;
    config.situation.slot_capacity_bytes = options_.image_bytes * 2;
    config.trusted_keys = {test::TestSigner(1).public_key()};
    recipient::Target everyone;
    everyone.path.peer = wire::icmb::to_address(BusAddress::Broadcast, kLine);
    everyone.path.medium = Medium::Icmb;
    everyone.broadcast = true;
    config.targets = {everyone};
    config.policy.deadline = kLimit;
    config.links = {{AddressFamily::Icmb, kLine, ports_[kRecipient]->properties()}};
    recovery_ =
        std::make_unique<recipient::Recovery>(std::move(config), slots_, *random_[kRecipient]);
  }

  void run_until(const std::function<bool()>& done) {
    const TimePoint end = now_ + kLimit;
    while (!done() && now_ < end) step();
  }

  void step() {
    std::optional<TimePoint> next = bus_.next();
    const auto consider = [&](std::optional<TimePoint> due) {
      if (due && (!next || *due < *next)) next = due;
    };
    for (const auto& port : ports_) consider(port->deadline());
    if (recovery_) consider(recovery_->deadline());
    if (donor_) consider(donor_->deadline());
    if (servers_) consider(servers_->deadline());
    now_ = std::max(now_, next.value_or(now_ + std::chrono::seconds(1)));
    bus_.advance(now_);
    for (std::size_t node = 0; node < kNodes; ++node) work(node);
    if (recovery_) work_recipient();
    if (donor_) work_donor();
  }

  void work(std::size_t node) {
    link::IcmbPort& port = *ports_[node];
    if (const Bytes heard = bus_.take_heard(node); !heard.empty())
      port.handle_characters(heard, now_);
    if (const auto due = port.deadline(); due && *due <= now_) port.handle_timeout(now_);
    while (port.poll_event()) {
    }
    pump(node);
  }
  void pump(std::size_t node) {
    while (auto output = ports_[node]->poll_output(now_)) {
      if (output->discard) bus_.discard(node);
      if (!output->characters.empty()) bus_.write(node, output->characters, now_);
    }
  }

  void work_recipient() {
    link::IcmbPort& port = *ports_[kRecipient];
    while (auto message = port.poll_receive()) {
      follow(port, message->path.peer);
      recovery_->handle_datagram(message->path, message->bytes, now_);
    }
    if (const auto due = recovery_->deadline(); due && *due <= now_)
      recovery_->handle_timeout(now_);
    while (port.waiting_bytes() < kRoom_bytes) {
      auto datagram = recovery_->poll_transmit(now_);
      if (!datagram) break;
      (void)port.send(*datagram, now_);
    }
    pump(kRecipient);
    while (auto event = recovery_->poll_event()) {
      if (const auto* entered = std::get_if<recipient::Entered>(&*event)) {
        if (entered->state == recipient::State::FetchingTree) began_ = now_;
        if (entered->state == recipient::State::Verifying) ended_ = now_;
      }
      if (auto* finished = std::get_if<recipient::Finished>(&*event)) finished_ = *finished;
    }
  }
  /// As the program does: what noise makes the best message size.
  void follow(const link::IcmbPort& port, const Address& peer) {
    if (now_ < next_follow_) return;
    next_follow_ = now_ + std::chrono::seconds(1);
    recovery_->set_link_properties({AddressFamily::Icmb, kLine, port.properties(peer)});
  }

  void work_donor() {
    link::IcmbPort& port = *ports_[kDonor];
    while (auto message = port.poll_receive())
      servers_->handle_datagram(kBusLink, message->path, message->bytes, now_);
    if (const auto due = servers_->deadline(); due && *due <= now_) servers_->handle_timeout(now_);
    if (const auto due = donor_->deadline(); due && *due <= now_) donor_->handle_timeout(now_);
    while (port.waiting_bytes() < kRoom_bytes) {
      auto datagram = servers_->poll_transmit(kBusLink, now_);
      if (!datagram) break;
      (void)port.send(*datagram, now_);
    }
    pump(kDonor);
    while (donor_->poll_event()) {
    }
  }

  Options options_;
  TimePoint now_{};
  link::BusModel bus_;
  test::SignedImage image_;
  test::MemoryCatalogue catalogue_;
  test::MemorySlots slots_;
  std::vector<std::unique_ptr<test::SeededRandom>> random_;
  std::vector<std::unique_ptr<link::IcmbPort>> ports_;
  std::unique_ptr<donor::Donor> donor_;
  std::unique_ptr<session::LinkServers> servers_;
  std::unique_ptr<recipient::Recovery> recovery_;
  TimePoint next_follow_{};
  TimePoint began_{};
  TimePoint ended_{};
  std::optional<recipient::Finished> finished_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (argc > 1) options.baud = static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10));
  if (argc > 2) options.image_bytes = std::strtoul(argv[2], nullptr, 10) << 10U;
  if (argc > 3) options.seed = std::strtoul(argv[3], nullptr, 10);
  std::array<double, 2> least{};
  if (argc > 5) least = {std::strtod(argv[4], nullptr), std::strtod(argv[5], nullptr)};
  bool good = true;
  std::printf("ICMB at %u baud, %zu KiB that cannot be compressed, tree included, virtual time\n",
              options.baud, options.image_bytes >> 10U);
  constexpr std::array kRates{0.0, 1e-5};
  for (std::size_t i = 0; i < kRates.size(); ++i) {
    const double rate = kRates.at(i);
    options.bit_error_rate = rate;
    const Measured measured = Bench(options).run();
    good = good && measured.recovered && measured.efficiency >= least.at(i);
    std::printf("  bit errors %-6g image bytes / line bytes %.3f   (%.1f s, %llu bits damaged)%s\n",
                rate, measured.efficiency, measured.transfer_s,
                static_cast<unsigned long long>(measured.bus.bit_errors),
                measured.recovered ? "" : "   NOT RECOVERED");
  }
  return good ? 0 : 1;
}
