// SPDX-License-Identifier: GPL-3.0-or-later
// Files that decide something: reads them, and judges by owner and mode of the file and its
// directory which other users could change them.
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

/// Why other users could change or replace an open file: "belongs to user 1000", "can be written by
/// others (mode 0666)", or the same about its directory. Nothing: only root and the running user
/// can. A directory with the sticky bit, such as /tmp, is good, because only the owner of a file
/// can replace it there. Only a regular file has a directory; a pipe has none.
[[nodiscard]] std::optional<std::string> complaint_about(int fd, const std::string& path);
/// The same for a directory whose files decide something. There the sticky bit is not enough,
/// because other users could add files. Nothing if the directory does not exist.
[[nodiscard]] std::optional<std::string> complaint_about_directory(const std::string& path);

/// True if `path` leads into $CREDENTIALS_DIRECTORY, whose files only the service can read although
/// their mode shows the mask of an access control list as group permission (systemd.exec(5),
/// LoadCredential).
[[nodiscard]] bool is_service_credential(const std::string& path);
/// The path of the credential with the same file name as `path`. The service manager hands it over
/// in place of a file that the service cannot read. Empty: there is none.
[[nodiscard]] std::string credential_for(const std::string& path);
/// The path that a credential with this name would have. Empty: there is no directory for them.
[[nodiscard]] std::string credential_path(const std::string& name);

}  // namespace fwr::settings
