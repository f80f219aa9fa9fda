// SPDX-License-Identifier: GPL-3.0-or-later
// Changes a catalogue's directory so that readers see an image whole or not at all.
#pragma once

#include <chrono>
#include <string>

#include "file/file.hpp"
#include "file/lock_file.hpp"
#include "image/manifest.hpp"

namespace fwr::donor {

/// Keeps other writers out while it lives; waits kWriterPatience for one that is there already.
/// Also removes what an interrupted writer left. Errors: AlreadyRunning, and those of
/// LockFile::take().
inline constexpr std::chrono::minutes kWriterPatience{5};
[[nodiscard]] Result<file::LockFile> lock_catalogue(const std::string& directory);

/// A directory that is being filled under a name that no reader looks at. It is removed again
/// unless publish() was successful.
class Incoming {
 public:
  [[nodiscard]] static Result<Incoming> make(const std::string& directory);
  Incoming(Incoming&& other) noexcept;
  Incoming& operator=(Incoming&&) = delete;
  ~Incoming();

  [[nodiscard]] std::string path(const char* file) const { return path_ + "/" + file; }
  /// Copies and hashes an image, and writes its tree. Errors: DigestMismatch when it is not the
  /// manifest's; NoSpace, found before the first byte where the file system tells.
  [[nodiscard]] Result<> copy_image(const std::string& from, const image::Manifest& manifest);
  /// Under its own name, flushed. What was there under that name is removed.
  [[nodiscard]] Result<> publish(const std::string& directory, const std::string& name);

 private:
  explicit Incoming(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// Takes an image out of the sight of readers at once, then removes its files.
[[nodiscard]] Result<> withdraw_directory(const std::string& directory, const std::string& name);

}  // namespace fwr::donor
