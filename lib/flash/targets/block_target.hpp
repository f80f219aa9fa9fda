// SPDX-License-Identifier: GPL-3.0-or-later
// A slot in a block device, which has a size of its own and may lose its medium.
#pragma once

#include "flash/targets/path_target.hpp"

namespace fwr::flash {

class BlockTarget final : public PathTarget {
 public:
  using PathTarget::PathTarget;
  /// True for a block device, and for a path in /dev where nothing is now: a device that is missing
  /// must not become a file in the device directory.
  [[nodiscard]] static bool fits(const std::string& path);

  [[nodiscard]] Result<std::uint64_t> capacity() override;
  [[nodiscard]] Result<> read(std::uint64_t offset, std::span<std::byte> out) override;

 protected:
  [[nodiscard]] std::string unfit(const file::Stat& status) const override;
  [[nodiscard]] int write_flags(bool there) const override;
  [[nodiscard]] Result<> check_opened(int fd) const override;
  [[nodiscard]] Result<> make_room(std::uint64_t /*size*/) override { return {}; }
  [[nodiscard]] tl::unexpected<Error> write_failure(int error_number,
                                                    std::uint64_t offset) const override;

 private:
  [[nodiscard]] tl::unexpected<Error> set_to_read_only() const;
};

}  // namespace fwr::flash
