// SPDX-License-Identifier: GPL-3.0-or-later
// A slot in a regular file, which is created when it is needed.
#pragma once

#include "flash/targets/path_target.hpp"

namespace fwr::flash {

class FileTarget final : public PathTarget {
 public:
  using PathTarget::PathTarget;
  [[nodiscard]] Result<std::uint64_t> capacity() override;

 protected:
  [[nodiscard]] std::string unfit(const file::Stat& status) const override;
  [[nodiscard]] int write_flags(bool there) const override;
  [[nodiscard]] Result<> check_opened(int /*fd*/) const override { return {}; }
  [[nodiscard]] Result<> make_room(std::uint64_t size) override;
};

}  // namespace fwr::flash
