// SPDX-License-Identifier: GPL-3.0-or-later
// What the tools print: JSON lines, or words, tables and a progress bar for people.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "fwrecover/event.hpp"
#include "writer.hpp"

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
  explicit Output(Writer& writer) : writer_(writer) {}
  virtual void finish(const fwrecover::Conclusion& conclusion) = 0;

 protected:
  [[nodiscard]] Writer& writer() { return writer_; }

 private:
  Writer& writer_;
};

/// One JSON object a line on standard output, the last being the result. fwrecover(8), JSON OUTPUT.
class JsonOutput final : public Output {
 public:
  explicit JsonOutput(Writer& writer);
  void on_event(const fwrecover::Event& event) override;
  void finish(const fwrecover::Conclusion& conclusion) override;
};

/// The line at the bottom of a terminal that is written over: it goes before anything else is said.
class StatusLine {
 public:
  explicit StatusLine(Writer& writer);
  [[nodiscard]] bool works() const { return works_; }
  /// Columns that it may have: the last one stays free, so that no terminal wraps.
  [[nodiscard]] std::size_t columns() const;
  void show(const std::string& text);
  void clear();

 private:
  Writer& writer_;
  bool works_;
  std::size_t shown_columns_ = 0;
};

/// How fast a recovery is: of what came from donors, not of what was there.
class Pace {
 public:
  using Clock = std::chrono::steady_clock;
  void add(std::int64_t fetched, Clock::time_point now);
  [[nodiscard]] double bytes_per_second() const;

 private:
  struct Sample {
    Clock::time_point time;
    std::int64_t fetched = 0;
  };
  std::vector<Sample> samples_;  ///< of the last seconds, and the one before them
};

/// Results on standard output; progress, warnings and errors on standard error.
class TextOutput final : public Output {
 public:
  TextOutput(Writer& writer, Verbosity verbosity);
  void on_event(const fwrecover::Event& event) override;
  void finish(const fwrecover::Conclusion& conclusion) override;

 private:
  void say(Writer::Stream stream, const std::string& text);
  void progress(const fwrecover::Event& event);
  void waiting(const fwrecover::Event& event);
  void flush_table();
  [[nodiscard]] std::string what_is_new(const std::string& message) const;

  Verbosity verbosity_;
  StatusLine status_;
  Pace pace_;
  std::string position_;  ///< "43%  6.9 MiB of 16.0 MiB": stays while it waits
  std::chrono::steady_clock::time_point last_line_{};
  std::vector<fwrecover::Event> rows_;  ///< of one table
  std::string change_told_;             ///< "added rack-bmc 2.14.0"
};

/// A log for a daemon: one line an event on standard error, with the time, or an entry with fields
/// in the journal.
class LogOutput final : public Output {
 public:
  LogOutput(Writer& writer, Verbosity verbosity);
  void on_event(const fwrecover::Event& event) override;
  void finish(const fwrecover::Conclusion& conclusion) override;

 private:
  enum class Priority : std::uint8_t { Error = 3, Warning = 4, Notice = 5, Info = 6 };
  void log(Priority priority, const std::string& message, const fwrecover::Event* event = nullptr);

  Verbosity verbosity_;
  bool journal_;
};

/// "31.4 MiB", "812 B"
[[nodiscard]] std::string human_size(double bytes);
/// "1:02:03", "0:07"
[[nodiscard]] std::string human_time(double seconds);
/// A value of "key=value": in quotation marks when it would not end where it ends.
[[nodiscard]] std::string quoted(const std::string& text);

}  // namespace tool
