// SPDX-License-Identifier: GPL-3.0-or-later
// The map from errno to Errc for file operations.
#include "file/file_error.hpp"

#include <cerrno>
#include <system_error>

namespace fwr::file {

Errc errc_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP: return Errc::NotFound;
    case EACCES:
    case EPERM:
    case EROFS: return Errc::NoPermission;
    case ENOSPC:
    case EFBIG:
    case EDQUOT: return Errc::NoSpace;
    case EEXIST:
    case ENOTEMPTY: return Errc::AlreadyExists;
    default: return Errc::IoFailed;
  }
}

std::string words_of(int error_number) {
  return std::generic_category().message(error_number);
}

tl::unexpected<Error> failure(int error_number, const std::string& what) {
  return fail(errc_of(error_number), what + ": " + words_of(error_number));
}

tl::unexpected<Error> failure_as(Errc code, const std::string& what, int error_number) {
  const Errc found = errc_of(error_number);
  if (found == Errc::NoSpace || found == Errc::NoPermission) code = found;
  // The program's own files are opened without following links, so that no other user can redirect
  // them.
  if (error_number == ELOOP)
    return fail(code, what + ": is a symbolic link, which is not followed here");
  const bool own = code == Errc::StateFailed || code == Errc::IoFailed;
  if (own && (error_number == EISDIR || error_number == ENXIO))
    return fail(code, what + ": is no regular file; move it away");
  return fail(code, what + ": " + words_of(error_number));
}

tl::unexpected<Error> read_failure(int error_number, const std::string& path) {
  if (error_number == ENXIO) return not_regular(path, "a socket, or a device that is not there");
  if (error_number == EISDIR) return not_regular(path, kind_of(S_IFDIR));
  return failure(error_number, path);
}

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode)) return "a character device";
  return S_ISBLK(mode) ? "a block device" : "something else";
}

tl::unexpected<Error> not_regular(const std::string& path, std::string_view kind) {
  return fail(Errc::IoFailed, path + ": " + std::string(kind) + ", not a regular file");
}

}  // namespace fwr::file
