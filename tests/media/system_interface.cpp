// SPDX-License-Identifier: GPL-3.0-or-later
// Messages and commands between a virtual machine and its BMC: escaped bytes with a mark behind
// them.
#include "system_interface.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace fwr::test {
namespace {

constexpr std::byte kEndOfMessage{0xa0};
constexpr std::byte kEndOfCommand{0xa1};  // of the machine to its BMC: version, capabilities, reset
constexpr std::byte kEscape{0xaa};
constexpr std::byte kEscapeBit{0x10};
constexpr std::size_t kMessageLimit_bytes = 512;
constexpr std::size_t kShortest_bytes = 4;  // number, netFn/LUN, command, checksum

void put(Bytes& line, std::byte byte) {
  if (byte == kEndOfMessage || byte == kEndOfCommand || byte == kEscape) {
    line.push_back(kEscape);
    byte |= kEscapeBit;
  }
  line.push_back(byte);
}

unsigned sum(ByteView bytes) {
  unsigned total = 0;
  for (const std::byte byte : bytes) total += static_cast<unsigned>(byte);
  return total & 0xffU;
}

}  // namespace

Result<std::unique_ptr<SystemInterface>> SystemInterface::connect(const std::string& socket,
                                                                  Answer answer) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path) return fail(Errc::IoFailed, socket);
  std::copy(socket.begin(), socket.end(), std::begin(address.sun_path));
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.is_open() ||
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(Errc::IoFailed, socket);
  return std::make_unique<SystemInterface>(std::move(fd), std::move(answer));
}

Result<> SystemInterface::receive(const Receive&, TimePoint now) {
  std::array<std::byte, 1024> heard{};
  const ssize_t count = ::recv(fd_.get(), heard.data(), heard.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  if (count <= 0) return fail(Errc::IoFailed, "the virtual machine is gone");
  for (const std::byte character : ByteView(heard).first(static_cast<std::size_t>(count)))
    hear(character, now);
  return {};
}

void SystemInterface::hear(std::byte character, TimePoint now) {
  if (character == kEndOfMessage) answer_message(now);
  if (character == kEndOfMessage || character == kEndOfCommand) {
    message_.clear();
    escaped_ = false;
    return;
  }
  if (character == kEscape) {
    escaped_ = true;
    return;
  }
  if (message_.size() == kMessageLimit_bytes) return;
  message_.push_back(escaped_ ? character & ~kEscapeBit : character);
  escaped_ = false;
}

void SystemInterface::answer_message(TimePoint now) {
  if (message_.size() < kShortest_bytes || sum(message_) != 0) return;
  wire::IpmiRequest request;
  request.net_fn = static_cast<std::uint8_t>(message_[1]) >> 2U;
  request.command = static_cast<std::uint8_t>(message_[2]);
  request.data.assign(message_.begin() + 3, message_.end() - 1);
  const wire::IpmiResponse response = answer_(request, now);
  Bytes out{message_[0], message_[1] | std::byte{1U << 2U}, message_[2],
            static_cast<std::byte>(response.code)};
  out.insert(out.end(), response.data.begin(), response.data.end());
  out.push_back(static_cast<std::byte>(0x100U - sum(out)));
  Bytes line;
  for (const std::byte byte : out) put(line, byte);
  line.push_back(kEndOfMessage);
  // It waits for each answer, so there is room.
  (void)::send(fd_.get(), line.data(), line.size(), MSG_NOSIGNAL);
}

}  // namespace fwr::test
