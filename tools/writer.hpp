// SPDX-License-Identifier: GPL-3.0-or-later
// Standard output and standard error that never make the program wait: a thread writes what is
// queued.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tool {

/// What a reader that does not read may cost.
enum class Patience : std::uint8_t {
  Shows,  ///< nothing is done but to show: all of it waits for the reader, as with cat(1)
  Acts,   ///< the work goes on; its end waits while the reader reads, and for a bounded time more
  Logs,   ///< as Acts, with less at the end
};

/// What became of one stream.
struct Delivery {
  int error = 0;           ///< errno of the first write that failed, but for EPIPE
  std::uint64_t lost = 0;  ///< lines that were neither written nor reported
};

/// Both streams. What goes to the same file, terminal or pipe keeps its order.
class Writer {
 public:
  enum class Stream : std::uint8_t { Out, Err };
  using LostText = std::function<std::string(std::uint64_t lines)>;

  explicit Writer(Patience patience);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Whole lines. Without room for them they are counted, and told with `lost_text` when there is
  /// room again.
  void put(Stream stream, std::string lines);
  /// What the next one replaces when it was not written yet: a bar.
  void put_transient(Stream stream, std::string text);
  /// In any case, as the last line of a stream.
  void put_last(Stream stream, std::string lines);
  /// One entry of the journal, as "FIELD=value"; `line` on standard error without a journal.
  void put_journal(std::vector<std::string> fields, std::string line);
  void tell_lost_by(LostText text);

  /// Waits as patience says. What was not written by then counts as lost.
  [[nodiscard]] Delivery finish(Stream stream);

 private:
  class Queue;
  [[nodiscard]] Queue& queue(Stream stream) { return stream == Stream::Out ? *out_ : *err_; }
  Patience patience_;
  std::shared_ptr<Queue> out_;
  std::shared_ptr<Queue> err_;
};

/// Whether standard error is the journal: JOURNAL_STREAM is inherited by whoever is started, also
/// when its standard error is another file by then (systemd.exec(5)).
[[nodiscard]] bool stderr_is_journal();

}  // namespace tool
