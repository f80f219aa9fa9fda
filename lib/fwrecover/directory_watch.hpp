// SPDX-License-Identifier: GPL-3.0-or-later
// Whether names came into a directory, or left it.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "base/types.hpp"

namespace fwrecover {

/// Looks every kInterval, which costs nothing and works on every file system. What is not there at
/// the moment has not changed.
class DirectoryWatch {
 public:
  static constexpr std::chrono::seconds kInterval{2};

  /// From now on.
  void begin(std::string path, fwr::TimePoint now) {
    path_ = std::move(path);
    known_ = seen_ = look();
    next_ = now + kInterval;
  }
  [[nodiscard]] fwr::TimePoint deadline() const { return next_; }
  /// Changed since, and at rest from one look to the next.
  [[nodiscard]] bool changed(fwr::TimePoint now) {
    if (now < next_) return false;
    next_ = now + kInterval;
    const auto there = look();
    if (!there) return false;
    const bool at_rest = there == seen_;
    seen_ = there;
    if (!at_rest || there == known_) return false;
    known_ = there;
    return true;
  }

 private:
  using State = std::tuple<dev_t, ino_t, std::int64_t, std::int64_t>;
  [[nodiscard]] std::optional<State> look() const {
    struct stat status {};
    if (::stat(path_.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return std::nullopt;
    return State{status.st_dev, status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
  }

  std::string path_;
  std::optional<State> known_;  ///< the state that was reported
  std::optional<State> seen_;   ///< at the last look
  fwr::TimePoint next_{};
};

}  // namespace fwrecover
