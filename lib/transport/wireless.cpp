// SPDX-License-Identifier: GPL-3.0-or-later
// Two questions over generic netlink: the number of the family "nl80211", then the interface.
#include "transport/wireless.hpp"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/nl80211.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "base/unique_fd.hpp"

namespace fwr::transport {
namespace {

using Message = std::vector<std::byte>;

constexpr std::size_t kHeaders_bytes = NLMSG_HDRLEN + GENL_HDRLEN;
constexpr std::size_t kAnswer_bytes = 8192;  // netlink sends no longer ones unasked

void append(Message& message, const void* data, std::size_t size) {
  const std::size_t at = message.size();
  message.resize(at + NLMSG_ALIGN(size));
  std::memcpy(message.data() + at, data, size);
}

/// A request with one attribute.
Message request(std::uint16_t family, std::uint8_t command, std::uint16_t attribute,
                std::span<const std::byte> value) {
  nlmsghdr head{};
  head.nlmsg_type = family;
  head.nlmsg_flags = NLM_F_REQUEST;
  genlmsghdr generic{};
  generic.cmd = command;
  generic.version = 1;
  nlattr about{};
  about.nla_type = attribute;
  about.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + value.size());
  head.nlmsg_len = static_cast<std::uint32_t>(kHeaders_bytes + NLA_HDRLEN + value.size());
  Message message;
  append(message, &head, sizeof head);
  append(message, &generic, sizeof generic);
  append(message, &about, sizeof about);
  append(message, value.data(), value.size());
  return message;
}

/// The answer; empty when there was none, or one that says that something is wrong. The kernel
/// answers before send() returns, so that nothing waits here.
Message ask(const UniqueFd& netlink, const Message& question) {
  if (::send(netlink.get(), question.data(), question.size(), 0) < 0) return {};
  Message answer(kAnswer_bytes);
  const ssize_t count = ::recv(netlink.get(), answer.data(), answer.size(), MSG_DONTWAIT);
  if (count < static_cast<ssize_t>(kHeaders_bytes)) return {};
  answer.resize(static_cast<std::size_t>(count));
  nlmsghdr head{};
  std::memcpy(&head, answer.data(), sizeof head);
  return head.nlmsg_type == NLMSG_ERROR ? Message{} : answer;
}

/// A 16-bit attribute of an answer.
std::optional<std::uint16_t> number(std::span<const std::byte> answer, std::uint16_t type) {
  std::span<const std::byte> rest = answer.subspan(kHeaders_bytes);
  while (rest.size() >= NLA_HDRLEN) {
    nlattr attribute{};
    std::memcpy(&attribute, rest.data(), sizeof attribute);
    if (attribute.nla_len < NLA_HDRLEN || attribute.nla_len > rest.size()) break;
    std::uint16_t value = 0;
    if ((attribute.nla_type & NLA_TYPE_MASK) == type &&
        attribute.nla_len == NLA_HDRLEN + sizeof value) {
      std::memcpy(&value, rest.data() + NLA_HDRLEN, sizeof value);
      return value;
    }
    const std::size_t whole = NLA_ALIGN(attribute.nla_len);
    if (whole >= rest.size()) break;
    rest = rest.subspan(whole);
  }
  return std::nullopt;
}

}  // namespace

std::optional<bool> is_wireless(std::uint32_t interface) {
  // Asking for a family that is not there would make the kernel look for its module, and wait.
  struct stat status {};
  if (::stat("/sys/class/ieee80211", &status) != 0) return std::nullopt;
  const UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC));
  if (!netlink.is_open()) return std::nullopt;
  constexpr std::array kFamily{'n', 'l', '8', '0', '2', '1', '1', '\0'};
  const Message answer =
      ask(netlink, request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME,
                           std::as_bytes(std::span(kFamily))));
  if (answer.empty()) return std::nullopt;
  const auto family = number(answer, CTRL_ATTR_FAMILY_ID);
  if (!family) return std::nullopt;
  // Only a radio has an answer to this.
  return !ask(netlink, request(*family, NL80211_CMD_GET_INTERFACE, NL80211_ATTR_IFINDEX,
                               std::as_bytes(std::span(&interface, 1))))
              .empty();
}

}  // namespace fwr::transport
