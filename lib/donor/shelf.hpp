// SPDX-License-Identifier: GPL-3.0-or-later
// The catalogue that the donor serves at present, and the count of the bytes read from it.
#pragma once

#include <cstdint>
#include <span>

#include "base/types.hpp"
#include "donor/catalogue.hpp"
#include "donor/lease.hpp"
#include "wire/stream.hpp"

namespace fwr::donor {

class Shelf {
 public:
  /// `catalogue` must outlive the shelf, or be replaced first.
  explicit Shelf(Catalogue& catalogue) : catalogue_(&catalogue) {}

  [[nodiscard]] Catalogue& catalogue() const { return *catalogue_; }
  void replace(Catalogue& catalogue) { catalogue_ = &catalogue; }
  /// Fills `out` from an object of the lease, and counts it as served. Errors as of the catalogue.
  [[nodiscard]] Result<> read(Lease& lease, wire::stream::Object object, std::uint64_t offset,
                              std::span<std::byte> out, TimePoint now) {
    auto done = object == wire::stream::Object::Image
                    ? catalogue_->read_image(lease.digest, offset, out)
                    : catalogue_->read_tree(lease.digest, offset, out);
    if (!done) return done;
    bytes_served_ += out.size();
    lease.note_served(object, offset, out.size(), now);
    return done;
  }
  [[nodiscard]] std::uint64_t bytes_served() const { return bytes_served_; }

 private:
  Catalogue* catalogue_;
  std::uint64_t bytes_served_ = 0;
};

}  // namespace fwr::donor
