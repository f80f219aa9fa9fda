// SPDX-License-Identifier: GPL-3.0-or-later
// The hash tree of the image that is written, in the state directory's file "tree".
#pragma once

#include <string>

#include "base/unique_fd.hpp"
#include "flash/stores.hpp"

namespace fwr::flash {

class TreeFile final : public Scratch {
 public:
  explicit TreeFile(const std::string& state_directory) : path_(state_directory + "/tree") {}

  [[nodiscard]] Result<> reserve(std::uint64_t size) override;
  [[nodiscard]] Result<> read(std::uint64_t offset, std::span<std::byte> out) override;
  [[nodiscard]] Result<> write(std::uint64_t offset, ByteView bytes) override;

 private:
  [[nodiscard]] Result<> open(int flags);

  std::string path_;
  UniqueFd fd_;
  bool writable_ = false;
};

}  // namespace fwr::flash
