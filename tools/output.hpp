// SPDX-License-Identifier: GPL-3.0-or-later
// What the tools print: JSON lines, or words, tables and a progress bar for people.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "fwrecover/event.hpp"

namespace tool {

enum class Verbosity : std::uint8_t { Quiet, Normal, Verbose };

/// Global options of every tool.
struct Global {
  std::string config_path;
  std::vector<std::string> overrides;  ///< --set
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  [[nodiscard]] Verbosity verbosity() const {
    return quiet ? Verbosity::Quiet : verbose ? Verbosity::Verbose : Verbosity::Normal;
  }
};

/// Prints events as they come, and the conclusion at the end.
class Output : public fwrecover::Observer {
 public:
  /// Prints the conclusion; its exit code, for main() to return.
  [[nodiscard]] virtual int finish(const fwrecover::Conclusion& conclusion) = 0;
};

/// One JSON object a line on standard output, the last being the result. fwrecover(8), JSON OUTPUT.
class JsonOutput final : public Output {
 public:
  void on_event(const fwrecover::Event& event) override;
  int finish(const fwrecover::Conclusion& conclusion) override;
};

/// Results on standard output; progress, warnings and errors on standard error.
class TextOutput final : public Output {
 public:
  explicit TextOutput(Verbosity verbosity);
  void on_event(const fwrecover::Event& event) override;
  int finish(const fwrecover::Conclusion& conclusion) override;

 private:
  void progress(const fwrecover::Event& event);
  void end_bar();
  void flush_table();

  Verbosity verbosity_;
  bool bar_;               ///< standard error is a terminal
  bool bar_open_ = false;  ///< the cursor stands behind a bar
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point last_line_;
  std::int64_t first_done_ = -1;  ///< bytes at the first progress event: not part of the rate
  std::string table_;             ///< which event the rows are of
  std::vector<std::vector<std::string>> rows_;
};

/// A log for a daemon: one line an event on standard error, with the time unless the journal adds
/// it.
class LogOutput final : public Output {
 public:
  explicit LogOutput(Verbosity verbosity);
  void on_event(const fwrecover::Event& event) override;
  int finish(const fwrecover::Conclusion& conclusion) override;

 private:
  Verbosity verbosity_;
};

/// "31.4 MiB", "812 B"
[[nodiscard]] std::string human_size(double bytes);
/// "1:02:03", "0:07"
[[nodiscard]] std::string human_time(double seconds);

}  // namespace tool
