// SPDX-License-Identifier: GPL-3.0-or-later
// Who else could change a file that decides something: owner and mode of what is open, and of the
// directory that it is in.
#pragma once

#include <optional>
#include <string>

#include "base/error.hpp"

namespace fwr::settings {

/// A whole file of at most `limit` bytes. Errors: NotFound, NoPermission, LimitExceeded, IoFailed.
[[nodiscard]] Result<std::string> read_text_file(const std::string& path, std::size_t limit);

/// A file that decides something, such as a configuration or a trusted key.
struct DecidingFile {
  std::string text;
  std::optional<std::string> complaint;  ///< which other users could change the file
};
/// Errors: those of read_text_file().
[[nodiscard]] Result<DecidingFile> read_deciding_file(const std::string& path, std::size_t limit);

/// "belongs to user 1000", "can be written by others (mode 0666)", or the same of its directory;
/// nothing when only root and the running user can change or replace it. A directory with the
/// sticky bit, such as /tmp, is good: only the owner of a file can replace it there. What is no
/// regular file, such as a pipe, has no directory.
[[nodiscard]] std::optional<std::string> complaint_about(int fd, const std::string& path);
/// The same of a directory whose files decide something, where the sticky bit is not enough: others
/// could add files. Nothing when it is not there.
[[nodiscard]] std::optional<std::string> complaint_about_directory(const std::string& path);

/// Whether what `path` leads to is in $CREDENTIALS_DIRECTORY, where systemd keeps what only the
/// service can look at: its mode shows the mask of an access control list as group permission
/// (systemd.exec(5), LoadCredential).
[[nodiscard]] bool is_service_credential(const std::string& path);
/// The credential that the service manager handed over in place of the file at `path`, which the
/// service cannot read itself: the one that has the file's name. Empty: there is none.
[[nodiscard]] std::string credential_for(const std::string& path);
/// Where a credential of this name would be; empty: there is no such directory.
[[nodiscard]] std::string credential_path(const std::string& name);

}  // namespace fwr::settings
