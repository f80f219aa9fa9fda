// SPDX-License-Identifier: GPL-3.0-or-later
// One image on its way into the inactive slot: outlives the donors that it comes from.
// PROTOCOL §6.4, §7.4.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "flash/slots.hpp"
#include "recipient/fetch.hpp"
#include "recipient/image_store.hpp"
#include "recipient/tree_store.hpp"
#include "recipient/vetting.hpp"
#include "recipient/words.hpp"

namespace fwr::recipient {

inline constexpr std::size_t kVerifyStep_bytes = 1U << 20;

class Installation {
 public:
  /// Makes room. The record changes with the first block that is written: what a slot has counts
  /// for as long as nothing of it was touched. `slots` must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<Installation>> begin(flash::Slots& slots,
                                                                   Vetted vetted);
  // Its stores and fetches refer to each other.
  Installation(const Installation&) = delete;
  Installation& operator=(const Installation&) = delete;
  Installation(Installation&&) = delete;
  Installation& operator=(Installation&&) = delete;
  ~Installation() = default;

  /// Another donor has the same image, perhaps with another manifest.
  [[nodiscard]] Result<> go_on_with(Vetted vetted);

  [[nodiscard]] const image::Manifest& manifest() const { return vetted_.manifest; }
  [[nodiscard]] std::string where() const { return slots_.describe(target_); }
  [[nodiscard]] flash::SlotId target() const { return target_; }
  /// First the hash tree, then the image, of which each block is verified by the tree.
  [[nodiscard]] Fetch& tree() { return tree_fetch_; }
  [[nodiscard]] const Fetch& tree() const { return tree_fetch_; }
  [[nodiscard]] Fetch& image() { return image_fetch_; }
  [[nodiscard]] const Fetch& image() const { return image_fetch_; }
  [[nodiscard]] Progress progress() const;

  /// Flushes the slot and reads back a part of it. True: all of it was read, it matches, and the
  /// record says so. Errors: DigestMismatch, SlotUnreadable, SlotWriteFailed.
  [[nodiscard]] Result<bool> verify_step();
  [[nodiscard]] Result<> activate(std::int64_t wall_clock, std::uint32_t trial_limit_s);

 private:
  Installation(flash::Slots& slots, const flash::BootRecord& record, Vetted vetted);
  [[nodiscard]] Result<> record_writing();
  [[nodiscard]] Result<> store_record(const flash::BootRecord& record);

  flash::Slots& slots_;
  flash::BootRecord record_;
  flash::SlotId target_;
  Vetted vetted_;
  bool recorded_ = false;  ///< the record says that the slot is being written with this image
  TreeStore tree_;
  Fetch tree_fetch_;
  ImageStore image_;
  Fetch image_fetch_;

  std::optional<image::TreeBuilder> reader_;  ///< while the slot is read back
  std::uint64_t read_back_ = 0;
  Bytes chunk_;
};

}  // namespace fwr::recipient
