// SPDX-License-Identifier: GPL-3.0-or-later
// The history: JSON lines that are appended, never changed, and thinned out now and then.
#include "flash/record/history_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>

#include "file/file.hpp"
#include "file/file_error.hpp"
#include "file/lock_file.hpp"

namespace fwr::flash {
namespace {

constexpr std::string_view kName = "history.jsonl";
constexpr std::string_view kLockName = "history.lock";
/// Rewritten only when it has twice the lines that are kept, so that appending stays cheap.
constexpr std::size_t kThinAtLines = 2 * kHistoryLines;
/// More than that is not our file; only its end is read.
constexpr std::uint64_t kFileLimit_bytes = (kThinAtLines + 1) * (kHistoryLine_bytes + 1);
/// Others append within milliseconds. A line less is better than a recovery that never ends.
constexpr std::chrono::seconds kLockPatience{2};

bool is_json_line(const std::string& line) {
  return line.size() <= kHistoryLine_bytes && nlohmann::json::accept(line);
}

Result<std::string> read_all(int fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return file::failure_as(Errc::IoFailed, "reading " + path, errno);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const std::uint64_t from = size > kFileLimit_bytes ? size - kFileLimit_bytes : 0;
  std::string text(static_cast<std::size_t>(size - from), '\0');
  if (!file::read_padded(fd, from, std::as_writable_bytes(std::span(text))))
    return file::failure_as(Errc::IoFailed, "reading " + path, errno);
  return text;
}

/// The last kHistoryLines whole lines. What follows the last line feed was torn by a power cut.
std::vector<std::string> last_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (is_json_line(line)) lines.push_back(std::move(line));
  }
  if (lines.size() > kHistoryLines)
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(kHistoryLines));
  return lines;
}

Result<> thin_out(const std::string& state_directory, const std::string& text) {
  std::string kept;
  for (const std::string& line : last_lines(text)) kept += line + "\n";
  return file::replace(state_directory, std::string(kName), as_bytes(kept), Errc::StateFailed);
}

}  // namespace

Result<> append_history(const std::string& state_directory, const std::string& line) {
  const std::string path = state_directory + "/" + std::string(kName);
  if (line.size() > kHistoryLine_bytes)
    return fail(Errc::LimitExceeded, "a history line of " + std::to_string(line.size()) +
                                         " bytes; " + std::to_string(kHistoryLine_bytes) +
                                         " are allowed");
  if (line.find('\n') != std::string::npos || !is_json_line(line))
    return fail(Errc::Internal, "not one line of JSON for " + path);
  // A lock file of its own: every user may read the history, and so could hold its lock.
  const auto lock =
      file::LockFile::take(state_directory + "/" + std::string(kLockName), kLockPatience);
  if (!lock) return tl::unexpected(lock.error());
  const UniqueFd fd = file::open_own(path, O_RDWR | O_CREAT);
  if (!fd.is_open()) return file::failure_as(Errc::IoFailed, "opening " + path, errno);
  auto text = read_all(fd.get(), path);
  if (!text) return tl::unexpected(text.error());

  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return file::failure_as(Errc::IoFailed, path, errno);
  // A torn last line goes, or it would spoil this one. Without any line in reach it is not our
  // file.
  const std::size_t last_feed = text->rfind('\n');
  const std::size_t whole = last_feed == std::string::npos ? 0 : last_feed + 1;
  const off_t end = whole == 0 ? 0 : status.st_size - static_cast<off_t>(text->size() - whole);
  if (end != status.st_size && !file::truncate_to(fd.get(), static_cast<std::uint64_t>(end)))
    return file::failure_as(Errc::IoFailed, "cutting a torn line off " + path, errno);
  text->resize(whole);
  if (!file::write_at(fd.get(), static_cast<std::uint64_t>(end), as_bytes(line + "\n")) ||
      !file::flush_data(fd.get()))
    return file::failure_as(Errc::IoFailed, "writing " + path, errno);
  if (end == 0)
    if (auto synced = file::sync_directory(state_directory, Errc::StateFailed); !synced)
      return synced;

  const auto lines = static_cast<std::size_t>(std::count(text->begin(), text->end(), '\n')) + 1;
  if (lines <= kThinAtLines && static_cast<std::uint64_t>(end) <= kFileLimit_bytes) return {};
  return thin_out(state_directory, *text + line + "\n");
}

Result<std::vector<std::string>> read_history(const std::string& state_directory) {
  const std::string path = state_directory + "/" + std::string(kName);
  const UniqueFd fd = file::open_own(path, O_RDONLY);
  if (!fd.is_open()) {
    if (errno == ENOENT) return std::vector<std::string>{};
    return file::failure_as(Errc::IoFailed, "opening " + path, errno);
  }
  const auto text = read_all(fd.get(), path);
  if (!text) return tl::unexpected(text.error());
  return last_lines(*text);
}

}  // namespace fwr::flash
