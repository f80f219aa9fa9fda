// SPDX-License-Identifier: GPL-3.0-or-later
// Reads the images of a catalogue again, a little at a time, to notice the ones that went bad.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "base/types.hpp"
#include "donor/catalogue_file.hpp"

namespace fwrecover {

struct WrongContents {
  fwr::Digest digest;
  fwr::Error error;
};

/// Checks all images after they were loaded, and one at once when a recipient reports it as wrong.
/// The steps are small, so that running transfers do not notice.
class ContentWatch {
 public:
  void check_all(const fwr::donor::DirectoryCatalogue& catalogue, fwr::TimePoint now);
  void check_first(const fwr::Digest& digest, fwr::TimePoint now);
  [[nodiscard]] std::optional<fwr::TimePoint> deadline() const;
  /// Does the next step if it is due. The result: an image that is not what its manifest says.
  [[nodiscard]] std::optional<WrongContents> step(const fwr::donor::DirectoryCatalogue& catalogue,
                                                  fwr::TimePoint now);

 private:
  [[nodiscard]] std::optional<WrongContents> begin(const fwr::donor::DirectoryCatalogue& catalogue,
                                                   fwr::TimePoint now);
  std::optional<WrongContents> failed(const fwr::Error& error, fwr::TimePoint now);

  static constexpr auto kAgainAfter = std::chrono::seconds(10);
  /// With steps of 256 KiB that is 12 MiB/s at most.
  static constexpr auto kStepEvery = std::chrono::milliseconds(20);
  std::deque<fwr::Digest> due_;
  std::set<fwr::Digest> unreadable_;  ///< at the last attempt
  std::unique_ptr<fwr::donor::ContentCheck> running_;
  fwr::Digest running_digest_{};
  fwr::TimePoint next_step_{};
};

}  // namespace fwrecover
