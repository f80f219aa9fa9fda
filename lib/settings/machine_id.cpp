// SPDX-License-Identifier: GPL-3.0-or-later
// Makes the GUID of this system from /etc/machine-id.
#include "settings/machine_id.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>

#include "settings/trusted_file.hpp"

namespace fwr::settings {
namespace {

constexpr const char* kMachineId = "/etc/machine-id";

/// machine-id(5): 32 hexadecimal digits in a line, not all zero. An image that many machines start
/// from has an empty file there, or "uninitialized".
bool is_machine_id(std::string_view text) {
  constexpr std::size_t kDigits = 32;
  if (text.ends_with('\n')) text.remove_suffix(1);
  return text.size() == kDigits && text.find_first_not_of("0123456789abcdefABCDEF") == text.npos &&
         text.find_first_not_of('0') != text.npos;
}

}  // namespace

std::string host_name() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return "unnamed";
  return name;
}

Result<Guid> machine_guid(std::string_view role, std::string& doubt) {
  constexpr std::size_t kLimit_bytes = 64;
  const auto id = read_text_file(kMachineId, kLimit_bytes);
  const bool good = id && is_machine_id(*id);
  if (!good)
    doubt = fmt::format(
        "{}: the identity of this system is made from its host name, {}, which "
        "others may have, too; systemd-machine-id-setup(1) makes an id",
        id ? fmt::format("{} has no id", kMachineId) : id.error().detail, host_name());
  const std::string text = fmt::format("fwrecover {} {}", role, good ? *id : host_name());
  std::array<unsigned char, 32> hash{};
  if (EVP_Q_digest(nullptr, "SHA256", nullptr, text.data(), text.size(), hash.data(), nullptr) != 1)
    return fail(Errc::Internal, "SHA-256 is not available");
  Guid guid{};
  for (std::size_t i = 0; i < guid.size(); ++i) guid[i] = static_cast<std::byte>(hash[i]);
  // Version 4, variant 10b (RFC 4122 §4.4); bytes travel least significant first.
  guid[9] = (guid[9] & std::byte{0x0f}) | std::byte{0x40};
  guid[7] = (guid[7] & std::byte{0x3f}) | std::byte{0x80};
  return guid;
}

}  // namespace fwr::settings
