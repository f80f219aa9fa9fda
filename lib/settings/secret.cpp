// SPDX-License-Identifier: GPL-3.0-or-later
// Reads a secret, and judges how good it is.
#include "settings/secret.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>

#include "base/bytes.hpp"
#include "base/unique_fd.hpp"
#include "file/file.hpp"
#include "file/file_error.hpp"
#include "settings/secret_environment.hpp"
#include "settings/settings.hpp"
#include "settings/trusted_file.hpp"

namespace fwr::settings {
namespace {

constexpr std::string_view kKgName = "K_g";

Result<Secret> read_secret_file(const std::string& path, std::string_view what);
Result<Secret> check_secret(ByteView secret, std::string_view where, std::string_view what);

}  // namespace

Result<Secret> read_secret(const std::string& path, const char* environment,
                           std::string_view what) {
  if (!path.empty()) return read_secret_file(path, what);
  const auto given = environment_secret(environment);
  if (!given)
    return fail(Errc::BadConfiguration,
                fmt::format("no {}: name a file of mode 0600 in the configuration, or set {}", what,
                            environment));
  return check_secret(given->view(), what, what);
}

Result<Secret> read_secret_setting(const Settings& settings, std::string_view name,
                                   const char* environment, std::string_view what) {
  auto secret = read_secret(settings.secret_path(name), environment, what);
  if (!secret && settings.has(name))
    return fail(secret.error().code,
                fmt::format("{}: '{}': {}", settings.source(name), name, secret.error().detail));
  if (!secret) return secret;
  if (const auto weak = weakness(*secret))
    settings.note_problem(fmt::format("the {} of {} {}; take 20 random characters", what,
                                      settings.has(name) ? name : environment, *weak));
  return secret;
}

std::optional<std::string> weakness(const Secret& secret) {
  constexpr std::size_t kShort_bytes = 16;
  constexpr std::size_t kFewDifferent_bytes = 10;
  const ByteView bytes = secret.view();
  if (bytes.size() < kShort_bytes)
    return fmt::format("has {} bytes: whoever hears one login can try passwords of so few",
                       bytes.size());
  std::array<bool, 256> seen{};
  for (const std::byte byte : bytes) seen.at(std::to_integer<std::size_t>(byte)) = true;
  const auto different = std::count(seen.begin(), seen.end(), true);
  if (different < static_cast<std::ptrdiff_t>(kFewDifferent_bytes))
    return fmt::format("has {} different bytes only: whoever hears one login can find it",
                       different);
  return std::nullopt;
}

namespace {

bool is_control(std::byte byte) {
  return byte < std::byte{0x20} || byte == std::byte{0x7f};
}

/// A character that other tools, such as ipmitool, do not take for a part of the secret. Empty: it
/// has none.
std::string stray_character(ByteView secret) {
  const auto at = std::find_if(secret.begin(), secret.end(), is_control);
  if (at == secret.end()) return {};
  if (*at == std::byte{'\r'} && (at + 1 == secret.end() || *(at + 1) == std::byte{'\n'}))
    return "has a carriage return at the end of its line, as Windows writes it; take it away with "
           "tr -d '\\r'";
  if (*at == std::byte{'\n'}) return "has more than one line";
  return fmt::format("has a control character (0x{:02x}) as byte {}", *at, at - secret.begin() + 1);
}

/// A K_g may have any bytes. A text with line ends is still taken for a text.
bool is_binary_key(ByteView secret, std::string_view what) {
  return what == kKgName && std::any_of(secret.begin(), secret.end(), [](std::byte byte) {
           return byte >= std::byte{0x7f} ||
                  (is_control(byte) && byte != std::byte{'\r'} && byte != std::byte{'\n'});
         });
}

bool begins_as_hex(ByteView secret) {
  return secret.size() > 2 && secret[0] == std::byte{'0'} &&
         (secret[1] == std::byte{'x'} || secret[1] == std::byte{'X'});
}

/// Decodes 0x and two digits a byte, as FreeIPMI and ipmitool -y write a K_g.
Result<Secret> read_hex_key(ByteView text, std::string_view where) {
  const ByteView digits = text.subspan(2);
  std::array<std::byte, kSecretLimit_bytes> key{};
  bool good = digits.size() % 2 == 0 && digits.size() / 2 <= key.size();
  for (std::size_t i = 0; good && i < digits.size(); ++i) {
    const auto c = static_cast<unsigned char>(digits[i]);
    good = std::isxdigit(c) != 0;
    const unsigned digit = c <= '9' ? c - '0' : (c | 0x20U) - 'a' + 10;
    if (good) key.at(i / 2) = key.at(i / 2) << 4U | static_cast<std::byte>(digit);
  }
  Secret secret(ByteView(key).first(good ? digits.size() / 2 : 0));
  OPENSSL_cleanse(key.data(), key.size());
  if (good) return secret;
  return fail(Errc::BadConfiguration,
              fmt::format("{}: after 0x K_g has two hexadecimal digits for each of 1 to {} bytes",
                          where, kSecretLimit_bytes));
}

/// Checks characters and length. `where`: the secret, or the file that it is in.
Result<Secret> check_secret(ByteView secret, std::string_view where, std::string_view what) {
  if (what == kKgName && begins_as_hex(secret)) return read_hex_key(secret, where);
  if (const std::string stray = stray_character(secret);
      !stray.empty() && !is_binary_key(secret, what))
    return fail(Errc::BadConfiguration, fmt::format("{}: {}", where, stray));
  if (!secret.empty() && secret.size() <= kSecretLimit_bytes) return Secret(secret);
  return fail(Errc::BadConfiguration,
              fmt::format("{}: must have 1 to {} bytes, and has {}", where, kSecretLimit_bytes,
                          secret.empty() ? "none" : "more"));
}

/// Checks owner and mode of the open file.
Result<> check_access(int fd, const std::string& path, const std::string& where) {
  if (is_service_credential(path)) return {};
  struct stat status {};
  if (fstat(fd, &status) != 0) return file::read_failure(errno, where);
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return fail(Errc::InsecureSecret, fmt::format("{} has mode {:04o}; chmod 600 {}", where,
                                                  status.st_mode & 07777U, path));
  if (const auto wrong = complaint_about(fd, path))
    return fail(Errc::InsecureSecret, fmt::format("{} {}", where, *wrong));
  return {};
}

/// The secret passes only through buffers that are wiped.
Result<Secret> read_secret_file(const std::string& path, std::string_view what) {
  const UniqueFd fd = file::open(path, O_RDONLY);
  // The error leaves out the path, which may be a password in the wrong place.
  if (!fd.is_open() && (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG))
    return fail(Errc::NotFound, fmt::format("the {} file that is named", what));
  const std::string where = fmt::format("{} file {}", what, path);
  if (!fd.is_open()) return file::read_failure(errno, where);
  if (auto good = check_access(fd.get(), path, where); !good) return tl::unexpected(good.error());
  // Room for 0x, the digits, a line feed, and one byte that shows that there are too many.
  std::array<std::byte, 2 + 2 * kSecretLimit_bytes + 2> buffer{};
  const auto count = file::read_stream(fd.get(), path, buffer);
  std::size_t length = count.value_or(0);
  if (length > 0 && buffer.at(length - 1) == std::byte{'\n'}) --length;
  if (length == 0 && count && is_service_credential(path))
    return fail(Errc::BadConfiguration,
                fmt::format("{}: the service manager handed over nothing: the file that "
                            "LoadCredential= of the unit names is missing or empty",
                            where));
  auto secret = check_secret(ByteView(buffer).first(length), where, what);
  OPENSSL_cleanse(buffer.data(), buffer.size());
  if (!count) return tl::unexpected(count.error());
  return secret;
}

}  // namespace

}  // namespace fwr::settings
