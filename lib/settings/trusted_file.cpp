// SPDX-License-Identifier: GPL-3.0-or-later
// Judges which other users could change a file that decides something.
#include "settings/trusted_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>

#include "base/unique_fd.hpp"
#include "file/file.hpp"
#include "file/file_error.hpp"

namespace fwr::settings {
namespace {

/// Without links; empty when it cannot be found.
std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> place(realpath(path.c_str(), nullptr),
                                                          &std::free);
  return place ? place.get() : std::string();
}

std::optional<std::string> complaint(const struct stat& status, bool sticky_is_enough) {
  if (status.st_uid != 0 && status.st_uid != geteuid())
    return fmt::format("belongs to user {}", status.st_uid);
  const bool protects = sticky_is_enough && (status.st_mode & S_ISVTX) != 0;
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !protects)
    return fmt::format("can be written by others (mode {:04o})", status.st_mode & 07777U);
  return std::nullopt;
}

std::optional<std::string> complaint_about_place(const std::string& directory) {
  struct stat status {};
  if (stat(directory.c_str(), &status) != 0) return std::nullopt;
  if (const auto wrong = complaint(status, true))
    return fmt::format("is in {}, which {}", directory, *wrong);
  return std::nullopt;
}

}  // namespace

Result<std::string> read_text_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd = file::open(path, O_RDONLY);
  if (!fd.is_open()) return file::read_failure(errno, path);
  return file::read_to_end(fd.get(), path, limit);
}

Result<DecidingFile> read_deciding_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd = file::open(path, O_RDONLY);
  if (!fd.is_open()) return file::read_failure(errno, path);
  auto complaint = complaint_about(fd.get(), path);
  auto text = file::read_to_end(fd.get(), path, limit);
  if (!text) return tl::unexpected(text.error());
  return DecidingFile{*std::move(text), std::move(complaint)};
}

std::optional<std::string> complaint_about(int fd, const std::string& path) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return "cannot be looked at";
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  if (auto wrong = complaint(status, false)) return wrong;
  // A file without a name: only a process that has it open can reach it.
  if (status.st_nlink == 0) return std::nullopt;
  if (auto wrong = complaint_about_place(file::directory_of(path))) return wrong;
  const std::string real = real_path(path);
  return real.empty() ? std::nullopt : complaint_about_place(file::directory_of(real));
}

std::optional<std::string> complaint_about_directory(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return std::nullopt;
  return complaint(status, false);
}

bool is_service_credential(const std::string& path) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  const std::string real = real_path(path);
  if (directory == nullptr || *directory != '/' || real.empty()) return false;
  struct stat wanted {};
  struct stat found {};
  return stat(directory, &wanted) == 0 && stat(file::directory_of(real).c_str(), &found) == 0 &&
         wanted.st_dev == found.st_dev && wanted.st_ino == found.st_ino;
}

std::string credential_for(const std::string& path) {
  std::string credential = credential_path(path.substr(path.rfind('/') + 1));
  return credential.empty() || access(credential.c_str(), F_OK) != 0 ? std::string() : credential;
}

std::string credential_path(const std::string& name) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr || *directory != '/') return {};
  return fmt::format("{}/{}", directory, name);
}

}  // namespace fwr::settings
