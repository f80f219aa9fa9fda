// SPDX-License-Identifier: GPL-3.0-or-later
// Signals that would end the process, kept until they are asked for: for work outside of the loop.
#pragma once

#include <memory>
#include <vector>

namespace fwr::transport {

class Signals {
 public:
  /// Caught from here on until it goes; an empty list catches nothing. A Loop may catch the same
  /// ones while this lives: both see them.
  explicit Signals(const std::vector<int>& numbers);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  Signals(Signals&&) = delete;
  Signals& operator=(Signals&&) = delete;

  /// Whether one of them arrived since.
  [[nodiscard]] bool arrived();
  /// The first that did; 0: none yet.
  [[nodiscard]] int number();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fwr::transport
