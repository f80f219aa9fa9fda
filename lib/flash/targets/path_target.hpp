// SPDX-License-Identifier: GPL-3.0-or-later
// What targets with a path have in common: opening for reading and for writing, and the claim on
// what was opened.
#pragma once

#include <string>

#include "base/unique_fd.hpp"
#include "file/file.hpp"
#include "flash/target.hpp"

namespace fwr::flash {

class PathTarget : public Target {
 public:
  explicit PathTarget(Place place);
  ~PathTarget() override;

  [[nodiscard]] Traits traits() const override { return {}; }
  [[nodiscard]] std::string describe() const override { return place_.description; }
  [[nodiscard]] Result<> read(std::uint64_t offset, std::span<std::byte> out) override;
  [[nodiscard]] Result<bool> blank() override;
  [[nodiscard]] Result<> try_begin() override;
  [[nodiscard]] Result<> begin(std::uint64_t size) override;
  [[nodiscard]] Result<> write(std::uint64_t offset, ByteView bytes) override;
  [[nodiscard]] Result<> finish() override;
  [[nodiscard]] bool in_place() const override;
  void release() override;

 protected:
  [[nodiscard]] const Place& place() const { return place_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// "a directory" and so on for what cannot be opened for writing as this kind; empty if it can.
  [[nodiscard]] virtual std::string unfit(const file::Stat& status) const = 0;
  /// Flags of open(2) for writing besides O_RDWR.
  [[nodiscard]] virtual int write_flags(bool there) const = 0;
  /// Checks what was just opened for writing.
  [[nodiscard]] virtual Result<> check_opened(int fd) const = 0;
  /// Makes the opened target `size` bytes long. The bytes that it has stay.
  [[nodiscard]] virtual Result<> make_room(std::uint64_t size) = 0;
  /// The error of a write that failed with `error_number`.
  [[nodiscard]] virtual tl::unexpected<Error> write_failure(int error_number,
                                                            std::uint64_t offset) const;

 private:
  [[nodiscard]] Result<UniqueFd> open_for_writing() const;
  [[nodiscard]] Result<> claim();

  Place place_;
  UniqueFd fd_;           ///< for reading, and for writing once it is claimed
  bool claimed_ = false;  ///< `fd_` was opened for writing: a block device is ours alone by now
};

}  // namespace fwr::flash
