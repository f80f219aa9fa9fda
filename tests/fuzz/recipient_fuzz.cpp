// SPDX-License-Identifier: GPL-3.0-or-later
// Fuzzes a whole recovery: the input says what a hostile donor, which has an account and therefore
// every key of its sessions, sends instead of what a donor should. An honest donor is there too.
//
// Safety holds always; and unless the slot itself fails, the recovery ends with an image, or at its
// deadline. PROTOCOL §6.4, §7.4.
#include "recipient/recovery.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "recipient_liar.hpp"
#include "support/recovery_rig.hpp"
#include "wire/stream.hpp"

namespace fwr::fuzz {
namespace {

using namespace std::chrono_literals;
using recipient::State;
using test::SignedImage;

constexpr std::uint32_t kIana = test::kIana;
constexpr std::uint32_t kFloor = 3;            ///< security floor of the system
constexpr std::uint64_t kStepLimit = 200'000;  ///< rounds of the loop below
constexpr std::chrono::seconds kDeadline{3600};
constexpr std::chrono::seconds kEndingLimit{60};  ///< after the deadline: read back, farewell
constexpr std::uint64_t kCapacity_bytes = 1U << 20;
constexpr std::uint8_t kHonest = 7;

const SignedImage& image(std::size_t which) {
  const auto content = [](std::size_t blocks, std::uint32_t seed) {
    return test::noise(blocks * 4096 + 100, seed);
  };
  static const std::array kImages{
      SignedImage::make(content(4, 1), "2.0", 5),                         // what is wanted
      SignedImage::make(content(130, 1), "2.0", 5),                       // the same, two levels
      SignedImage::make(content(3, 2), "3.0", 6),                         // better, and signed
      SignedImage::make(content(3, 3), "1.5", kFloor - 1),                // signed, but too old
      SignedImage::make(content(3, 4), "9.9", 99, test::TestSigner(66)),  // another key
      SignedImage::make(content(300, 5), "4.0", 7),                       // larger than the slot
  };
  return kImages.at(which);
}

const Bytes& running_image() {
  static const Bytes kImage = test::noise(5 * 4096, 77);
  return kImage;
}

/// In one call that nothing instruments.
bool equal(ByteView a, ByteView b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

class World {
 public:
  explicit World(Input& in) : in_(in), slots_(kCapacity_bytes) {
    const std::uint8_t kind = in_.u8();
    const std::size_t wanted = (kind & 7U) == 7 ? 1 : 0;
    const std::uint8_t more = in_.u8();
    if ((more & 31U) != 0) abort_at_ = 8U * (more & 31U);
    honest_is_there_ = (more & 32U) == 0;
    honest_ = std::make_unique<Host>(kHonest, std::vector{image(wanted)}, now_);
    std::vector<SignedImage> his{image((kind & 8U) != 0 ? wanted : 2 + in_.below(4))};
    if ((kind & 16U) != 0) lie_about(his.front());
    liar_ = std::make_unique<Liar>(in_, std::move(his), now_);
    prepare_slots((kind & 32U) != 0, (kind & 64U) != 0, wanted);
    slot_fails_ = (kind & 128U) != 0;
    if (slot_fails_) prepare_faults();
    recovery_ = std::make_unique<recipient::Recovery>(config(), slots_, random_);
  }

  void run() {
    const TimePoint began = now_;
    recovery_->start(now_, 1'800'000'000);
    for (std::uint64_t steps = 0; !recovery_->finished(); ++steps) {
      require(steps < kStepLimit, "a recovery ends after bounded work");
      require(now_ - began < kDeadline + kEndingLimit, "a recovery ends in bounded time");
      if (steps == abort_at_) recovery_->abort(now_);
      step();
      check();
    }
    require(finished_.has_value(), "a recovery says how it ended");
    require(equal(slots_.of(flash::SlotId::A), running_image()), "the running image stays");
    const bool done = recovery_->state() == State::Done;
    require(done == !finished_->error, "the end has an error unless the recovery is Done");
    if (done) require_image();
    if (!done && !slot_fails_ && !abort_at_ && honest_is_there_)
      require(finished_->error->code == Errc::DeadlinePassed,
              "with an honest donor there, it succeeds");
  }

 private:
  recipient::RecoveryConfig config() const {
    recipient::RecoveryConfig config;
    config.iana = kIana;
    config.situation.platform.manufacturer_id = 0x1234;
    config.situation.slot_capacity_bytes = kCapacity_bytes;
    config.situation.wall_clock = 1'800'000'000;
    config.situation.security_floor = kFloor;
    config.situation.installed_version = "1.0";
    config.credentials.user = "fw";
    config.credentials.password = Secret(as_bytes("secret"));
    config.trusted_keys = {test::TestSigner(1).public_key()};
    config.policy.deadline = kDeadline;
    config.targets = {{.path = Path{{}, honest_->address}, .broadcast = false},
                      {.path = Path{{}, liar_->address}, .broadcast = false}};
    return config;
  }
  /// Other bytes than those that were signed.
  void lie_about(SignedImage& image) {
    switch (in_.below(3)) {
      case 0: image.bytes.at(in_.u16() % image.bytes.size()) ^= std::byte{1}; break;
      case 1:
        if (!image.tree.empty()) image.tree.at(in_.u16() % image.tree.size()) ^= std::byte{1};
        break;
      default: image.entry.manifest_json.back() = ' ';
    }
  }
  /// Slot a is active; slot b may hold a part of what is wanted, from an attempt that was killed.
  void prepare_slots(bool interrupted, bool has_tree, std::size_t wanted) {
    slots_.of(flash::SlotId::A) = running_image();
    slots_.record.slot(flash::SlotId::A).state = flash::SlotState::Good;
    slots_.record.security_floor = kFloor;
    if (!interrupted) return;
    const SignedImage& image = fuzz::image(wanted);
    slots_.record =
        flash::begin_writing(slots_.record, image.entry.manifest_json, image.entry.signature);
    Bytes half = image.bytes;
    std::fill(half.begin() + static_cast<std::ptrdiff_t>(half.size() / 2), half.end(),
              static_cast<std::byte>(in_.u8()));
    slots_.of(flash::SlotId::B) = half;
    if (has_tree) slots_.tree = image.tree;
    if (has_tree && !slots_.tree.empty())
      slots_.tree.at(in_.u16() % slots_.tree.size()) ^= std::byte{2};
  }
  void prepare_faults() {
    const unsigned at = in_.u8();
    const auto fails = [this, at] { return ++calls_ > at && calls_ - at <= 3; };
    const Error error{Errc::SlotWriteFailed, "for this input"};
    switch (in_.below(5)) {
      case 0:
        slots_.write_fault = [=](flash::SlotId, std::uint64_t) -> std::optional<Error> {
          return fails() ? std::optional(error) : std::nullopt;
        };
        break;
      case 1:
        slots_.read_fault = [=](flash::SlotId, std::uint64_t, std::size_t) -> std::optional<Error> {
          return fails() ? std::optional(Error{Errc::SlotUnreadable, "x"}) : std::nullopt;
        };
        break;
      case 2:
        slots_.store_fault = [=](const flash::BootRecord&) -> std::optional<Error> {
          return fails() ? std::optional(error) : std::nullopt;
        };
        break;
      case 3: slots_.tree_write_error = error; break;
      default:
        slots_.on_flush = [this] {
          Bytes& slot = slots_.inactive();
          if (!slot.empty()) slot.at(calls_ % slot.size()) ^= std::byte{4};
        };
    }
  }

  // --- the network
  void step() {
    while (auto datagram = recovery_->poll_transmit(now_)) send(*datagram);
    take_events();
    if (recovery_->finished()) return;
    work(*honest_, false);
    work(*liar_, true);
    const auto wanted = recovery_->deadline();
    TimePoint next = wanted.value_or(now_ + 1s);
    for (const Host* host : {honest_.get(), static_cast<Host*>(liar_.get())})
      if (const auto at = host->next()) next = std::min(next, *at);
    now_ = std::max(now_, next);
    for (Host* host : {honest_.get(), static_cast<Host*>(liar_.get())})
      while (auto datagram = host->from_host.receive(now_)) {
        recovery_->handle_datagram(datagram->path, exact(datagram->bytes), now_);
        take_events();
      }
    if (wanted && *wanted <= now_) recovery_->handle_timeout(now_);
    take_events();
  }
  void send(const Datagram& datagram) {
    require(++sent_ < 10 * kStepLimit, "a recovery sends a bounded number of datagrams");
    for (Host* host : {honest_.get(), static_cast<Host*>(liar_.get())})
      if (host->address == datagram.path.peer && (host != honest_.get() || honest_is_there_)) {
        Datagram copy = datagram;
        copy.path.local = test::ipv4(1, 40000);
        host->to_host.send(std::move(copy), now_);
      }
  }
  void work(Host& host, bool lies) {
    while (auto in = host.to_host.receive(now_))
      host.server.handle_datagram(kLanLink, Path{host.address, in->path.local}, in->bytes, now_);
    host.server.handle_timeout(now_);
    host.donor.handle_timeout(now_);
    while (host.donor.poll_event()) {
    }
    while (auto datagram = host.server.poll_transmit(kLanLink, now_)) {
      datagram->path = Path{datagram->path.peer, host.address};
      if (!lies) {
        host.from_host.send(std::move(*datagram), now_);
        continue;
      }
      for (Datagram& one : liar_->fate_of(std::move(*datagram)))
        host.from_host.send(std::move(one), now_);
    }
  }
  void take_events() {
    while (auto event = recovery_->poll_event()) {
      if (auto* end = std::get_if<recipient::Finished>(&*event)) {
        require(!finished_, "a recovery ends once");
        finished_ = std::move(*end);
      } else if (const auto* progress = std::get_if<recipient::Progress>(&*event)) {
        require(progress->done_bytes <= progress->total_bytes, "no more than the whole");
      }
    }
  }

  // --- what holds
  void check() {
    require(!slots_.active_was_written, "the active slot is never written");
    require(!slots_.written_before_recorded, "the record says `writing` before the first byte");
    if (slots_.record.generation == generation_) return;
    generation_ = slots_.record.generation;
    require(!flash::broken_rule(slots_.record), "the record holds its rules");
    if (slots_.record.active == flash::SlotId::B) require_image();
  }
  /// Slot b is active: it holds, whole, an image that was signed and is not too old.
  void require_image() {
    require(slots_.record.active == flash::SlotId::B, "Done means that the new image is active");
    const flash::SlotInfo& slot = slots_.record.slot(flash::SlotId::B);
    require(slot.state == flash::SlotState::Trial && slots_.record.trial, "it is on trial");
    for (const std::size_t good : {0U, 1U, 2U}) {
      const SignedImage& one = fuzz::image(good);
      if (slot.manifest != one.entry.manifest_json) continue;
      const Bytes& held = slots_.of(flash::SlotId::B);
      require(held.size() >= one.bytes.size() &&
                  equal(ByteView(held).first(one.bytes.size()), one.bytes),
              "what is active is the signed image");
      return;
    }
    require(false, "only an image that is trusted and new enough becomes active");
  }

  Input& in_;
  TimePoint now_{1h};
  test::MemorySlots slots_;
  SeededRandom random_{99};
  std::unique_ptr<Host> honest_;
  std::unique_ptr<Liar> liar_;
  std::unique_ptr<recipient::Recovery> recovery_;
  std::optional<recipient::Finished> finished_;
  bool slot_fails_ = false;
  bool honest_is_there_ = true;
  std::optional<std::uint64_t> abort_at_;  ///< the administrator stops it, in this round
  unsigned calls_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t generation_ = 0;  ///< of the record that was looked at last
};

}  // namespace
}  // namespace fwr::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fwr::fuzz::Input in(data, size);
  fwr::fuzz::World(in).run();
  return 0;
}
