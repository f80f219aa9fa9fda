// SPDX-License-Identifier: GPL-3.0-or-later
// Preparing, verifying and activating the inactive slot. PROTOCOL §7.4.
#include "recipient/installation.hpp"

#include <algorithm>
#include <utility>

namespace fwr::recipient {

Installation::Installation(flash::Slots& slots, const flash::BootRecord& record, Vetted vetted)
    : slots_(slots),
      record_(record),
      target_(flash::other(record.active)),
      vetted_(std::move(vetted)),
      tree_(slots, vetted_.manifest.size_bytes, vetted_.manifest.digest),
      tree_fetch_(wire::stream::Object::Tree, tree_),
      image_(slots, target_, tree_, [this] { return record_writing(); }),
      image_fetch_(wire::stream::Object::Image, image_) {}

Result<std::unique_ptr<Installation>> Installation::begin(flash::Slots& slots, Vetted vetted) {
  const auto record = slots.load_record();
  if (!record) return tl::unexpected(record.error());
  std::unique_ptr<Installation> made(new Installation(slots, *record, std::move(vetted)));
  if (auto room = slots.prepare(made->target_, made->manifest().size_bytes); !room)
    return tl::unexpected(room.error());
  return made;
}

Result<> Installation::go_on_with(Vetted vetted) {
  vetted_ = std::move(vetted);
  return std::exchange(recorded_, false) ? record_writing() : Result<>{};
}

/// PROTOCOL §7.4: before the first byte of the inactive slot changes, and not earlier. A donor that
/// promises and sends nothing must not cost the image that a roll-back would go to.
Result<> Installation::record_writing() {
  if (recorded_) return {};
  const flash::SlotInfo& known = record_.slot(target_);
  const bool known_already = known.state == flash::SlotState::Writing &&
                             known.manifest == vetted_.json && known.signature == vetted_.signature;
  if (!known_already) {
    auto stored = store_record(flash::begin_writing(record_, vetted_.json, vetted_.signature));
    if (!stored) return stored;
  }
  recorded_ = true;
  return {};
}

Result<> Installation::store_record(const flash::BootRecord& record) {
  if (auto stored = slots_.store_record(record); !stored) return stored;
  record_ = record;
  return {};
}

Progress Installation::progress() const {
  return Progress{.done_bytes = image_.fetched_bytes() + image_.reused_bytes(),
                  .total_bytes = manifest().size_bytes,
                  .fetched_bytes = image_.fetched_bytes(),
                  .reused_bytes = image_.reused_bytes()};
}

Result<bool> Installation::verify_step() {
  const std::uint64_t size = manifest().size_bytes;
  if (!reader_) {
    // Where the whole image was there already, nothing was written until now.
    if (auto recorded = record_writing(); !recorded) return tl::unexpected(recorded.error());
    if (auto flushed = slots_.flush(target_); !flushed) return tl::unexpected(flushed.error());
    reader_.emplace(size, image::TreeBuilder::Emit{});
    read_back_ = 0;
    chunk_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(size, kVerifyStep_bytes)));
    return false;
  }
  const auto part = std::span(chunk_).first(
      static_cast<std::size_t>(std::min<std::uint64_t>(chunk_.size(), size - read_back_)));
  if (auto read = slots_.read(target_, read_back_, part); !read)
    return tl::unexpected(read.error());
  if (auto added = reader_->add(part); !added) return tl::unexpected(added.error());
  read_back_ += part.size();
  if (read_back_ < size) return false;

  const auto digest = reader_->finish();
  reader_.reset();
  chunk_ = {};
  if (!digest) return tl::unexpected(digest.error());
  if (*digest != manifest().digest)
    return fail(Errc::DigestMismatch, where() + " does not hold what was written to it: read " +
                                          fwr::to_text(*digest) + ", expected " +
                                          fwr::to_text(manifest().digest));
  if (auto stored = store_record(flash::mark_verified(record_)); !stored)
    return tl::unexpected(stored.error());
  return true;
}

Result<> Installation::activate(std::int64_t wall_clock, std::uint32_t trial_limit_s) {
  const auto active = flash::activate(record_, wall_clock, trial_limit_s);
  if (!active) return tl::unexpected(active.error());
  return store_record(*active);
}

}  // namespace fwr::recipient
