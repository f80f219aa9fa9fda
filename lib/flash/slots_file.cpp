// SPDX-License-Identifier: GPL-3.0-or-later
// Checking the paths of the slots, creating the state directory, taking its lock. PROTOCOL §7.4.
#include "flash/slots_file.hpp"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "file/file.hpp"
#include "file/file_error.hpp"
#include "file/lock_file.hpp"
#include "flash/record/state_file.hpp"
#include "flash/storage_file.hpp"
#include "flash/targets/kinds.hpp"
#include "flash/tree_file.hpp"

namespace fwr::flash {
namespace {

constexpr mode_t kDirectoryMode = 0755;
constexpr std::string_view kBootloader = "none";  ///< the only kind so far
constexpr std::array kOwnNames{
    "state",         "state.new",         "tree",        "lock", "lock.new",
    "history.jsonl", "history.jsonl.new", "history.lock"};

/// The kind of a path that cannot be a slot, or null.
const char* unfit_kind(mode_t mode) {
  if (S_ISREG(mode) || S_ISBLK(mode)) return nullptr;
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISCHR(mode)) return "a character device";
  if (S_ISSOCK(mode)) return "a socket";
  return "of an unknown kind";
}

std::string configured(const char* name, const std::string& path) {
  return "slot " + std::string(name) + " (" + path + ")";
}

/// Two paths that do not exist yet name the same file when they have one name in one directory.
bool same_missing(const std::string& a, const std::string& b) {
  file::Stat in_a{};
  file::Stat in_b{};
  return a == b ||
         (a.substr(a.rfind('/') + 1) == b.substr(b.rfind('/') + 1) &&
          ::stat(file::directory_of(a).c_str(), &in_a) == 0 &&
          ::stat(file::directory_of(b).c_str(), &in_b) == 0 && file::same_object(in_a, in_b));
}

Result<> check_paths(const FileSlotsConfig& config) {
  const std::array<std::pair<const char*, const std::string*>, 2> slots{
      {{"a", &config.slot_a}, {"b", &config.slot_b}}};
  if (config.state_directory.empty())
    return fail(Errc::BadConfiguration, "no state directory is configured");
  std::array<std::optional<file::Stat>, 2> found;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const auto& [name, path] = slots[i];
    if (path->empty())
      return fail(Errc::BadConfiguration, "no path is configured for slot " + std::string(name));
    file::Stat status{};
    // Other faults of a path come out, with their words, where it is used.
    if (::stat(path->c_str(), &status) != 0) continue;
    if (const char* kind = unfit_kind(status.st_mode))
      return fail(Errc::BadConfiguration, configured(name, *path) + " is " + kind +
                                              "; name a regular file or a block device");
    for (const char* own : kOwnNames) {
      file::Stat ours{};
      if (::stat((config.state_directory + "/" + own).c_str(), &ours) == 0 &&
          file::same_object(status, ours))
        return fail(Errc::BadConfiguration, configured(name, *path) + " is the file \"" + own +
                                                "\" of the state directory");
    }
    found[i] = status;
  }
  const std::string both =
      configured("a", config.slot_a) + " and " + configured("b", config.slot_b);
  const bool same = found[0] && found[1]     ? file::same_object(*found[0], *found[1])
                    : !found[0] && !found[1] ? same_missing(config.slot_a, config.slot_b)
                                             : false;
  if (same) return fail(Errc::BadConfiguration, both + " are the same file or device");
  if (found[0] && found[1] && share_storage(*found[0], *found[1]))
    return fail(Errc::BadConfiguration,
                both + " share storage: one is a part of the other, or lies on it");
  return {};
}

Result<> create_state_directory(const std::string& path) {
  if (::mkdir(path.c_str(), kDirectoryMode) == 0)
    return file::sync_directory(file::directory_of(path), Errc::StateFailed);
  if (errno == EEXIST) {
    // The process that created it may have died before this. Often the directory around it is not
    // ours to read.
    auto synced = file::sync_directory(file::directory_of(path), Errc::StateFailed);
    if (!synced && synced.error().code == Errc::NoPermission) return {};
    return synced;
  }
  if (errno == ENOENT)
    return fail(Errc::NotFound, "state directory " + path + " cannot be created: " +
                                    file::directory_of(path) + " does not exist");
  return file::failure_as(Errc::StateFailed, "creating state directory " + path, errno);
}

std::string lock_path(const FileSlotsConfig& config) {
  return config.state_directory + "/lock";
}

Result<Slots::Parts> parts_of(const FileSlotsConfig& config, Access access, file::LockFile lock) {
  auto bootloader = open_bootloader(kBootloader);
  if (!bootloader) return tl::unexpected(bootloader.error());
  const std::string a = configured("a", config.slot_a);
  const std::string b = configured("b", config.slot_b);
  Slots::Parts parts;
  parts.access = access;
  parts.active_without_record = config.active_without_record;
  parts.record = std::make_unique<StateFile>(config.state_directory, std::move(lock));
  parts.targets = {open_target({a, config.slot_a, config.slot_size_bytes, b, config.slot_b}),
                   open_target({b, config.slot_b, config.slot_size_bytes, a, config.slot_a})};
  parts.scratch = std::make_unique<TreeFile>(config.state_directory);
  parts.bootloader = *std::move(bootloader);
  return parts;
}

}  // namespace

Result<std::unique_ptr<Slots>> open_file_slots(const FileSlotsConfig& config, Access access) {
  auto parts = open_file_parts(config, access);
  if (!parts) return tl::unexpected(parts.error());
  return std::make_unique<Slots>(*std::move(parts));
}

Result<Slots::Parts> open_file_parts(const FileSlotsConfig& config, Access access) {
  if (auto checked = check_paths(config); !checked) return tl::unexpected(checked.error());
  if (access == Access::ReadOnly) return parts_of(config, access, {});
  if (auto created = create_state_directory(config.state_directory); !created)
    return tl::unexpected(created.error());
  auto lock = file::LockFile::take(lock_path(config));
  if (!lock && lock.error().code == Errc::IoFailed)
    return fail(Errc::StateFailed, lock.error().detail);
  if (!lock) return tl::unexpected(lock.error());
  if (auto created = StateFile(config.state_directory).create_if_missing(); !created)
    return tl::unexpected(created.error());
  return parts_of(config, access, *std::move(lock));
}

std::optional<int> slots_writer(const FileSlotsConfig& config) {
  return file::LockFile::holder(lock_path(config));
}

}  // namespace fwr::flash
