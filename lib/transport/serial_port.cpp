// SPDX-License-Identifier: GPL-3.0-or-later
// termios(3), tty_ioctl(4), and the kernel's RS-485 interface (Documentation/driver-api/serial).
#include "transport/serial_port.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/serial.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "link/serial_rates.hpp"

namespace fwr::transport {
namespace {

struct Speed {
  std::uint32_t baud;
  speed_t code;
};
constexpr std::array kSpeeds{
    Speed{1200, B1200},     Speed{2400, B2400},     Speed{4800, B4800},     Speed{9600, B9600},
    Speed{19200, B19200},   Speed{38400, B38400},   Speed{57600, B57600},   Speed{115200, B115200},
    Speed{230400, B230400}, Speed{460800, B460800}, Speed{921600, B921600},
};
static_assert(std::equal(kSpeeds.begin(), kSpeeds.end(), link::kSerialRates.begin(),
                         link::kSerialRates.end(), [](const Speed& speed, std::uint32_t baud) {
                           return speed.baud == baud;
                         }));

const Speed* find_speed(std::uint32_t baud) {
  const auto* const speed = std::find_if(kSpeeds.begin(), kSpeeds.end(),
                                         [&](const Speed& known) { return known.baud == baud; });
  return speed == kSpeeds.end() ? nullptr : speed;
}

tl::unexpected<Error> tty_error(const std::string& device, std::string_view what) {
  const int error = errno;
  const std::string detail = fmt::format("{}: {}: {}", device, what, std::strerror(error));
  const SerialLine about{device};
  if (error == ENOENT || error == ENXIO || error == ENODEV)
    return fail(Errc::NotFound, detail, about);
  if (error == EACCES || error == EPERM) return fail(Errc::NoPermission, detail);
  if (error == EBUSY || error == EWOULDBLOCK) return fail(Errc::AddressUnavailable, detail, about);
  return fail(Errc::IoFailed, detail);
}

/// No line discipline, no flow control, no modem lines: every byte is a character of the bus.
/// Whoever had the tty before may have left any of them.
bool set_raw(int fd, speed_t speed) {
  const int plain = N_TTY;
  (void)ioctl(fd, TIOCSETD, &plain);
  termios settings{};
  if (tcgetattr(fd, &settings) != 0) return false;
  cfmakeraw(&settings);
  settings.c_cflag &= ~static_cast<tcflag_t>(CSTOPB | CRTSCTS | PARENB | CMSPAR);
  settings.c_cflag |= CS8 | CREAD | CLOCAL;
  settings.c_iflag &= ~static_cast<tcflag_t>(IXOFF | IXANY | INPCK | IUCLC);
  settings.c_iflag |= IGNBRK;
  settings.c_cc[VMIN] = 1;
  settings.c_cc[VTIME] = 0;
  if (cfsetispeed(&settings, speed) != 0 || cfsetospeed(&settings, speed) != 0) return false;
  if (tcsetattr(fd, TCSANOW, &settings) != 0) return false;
  (void)tcflow(fd, TCOON);
  return true;
}

/// As the driver has them, byte by byte: it need not keep all that it is told.
Bytes settings_of(int fd) {
  termios settings{};
  if (tcgetattr(fd, &settings) != 0) return {};
  const auto bytes = as_bytes(std::span(&settings, 1));
  return {bytes.begin(), bytes.end()};
}

/// With the receiver on while sending: a talker that cannot hear itself sees no collision.
bool set_rs485(int fd) {
  serial_rs485 settings{};
  settings.flags = SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND | SER_RS485_RX_DURING_TX;
  return ioctl(fd, TIOCSRS485, &settings) == 0;
}

}  // namespace

Result<SerialPort> SerialPort::open(const std::string& device, const SerialSettings& settings) {
  const Speed* const speed = find_speed(settings.baud);
  if (speed == nullptr)
    return fail(Errc::BadUsage, fmt::format("{} baud: not a rate that ttys know", settings.baud));
  UniqueFd fd(::open(device.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (!fd.is_open()) return tty_error(device, "open");
  if (isatty(fd.get()) == 0) return fail(Errc::IoFailed, device + ": not a serial line");
  // Against those who ask (uucp locks are not what getty looks at), and against everybody but root.
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0 || ioctl(fd.get(), TIOCEXCL) != 0)
    return tty_error(device, "in use");
  if (!set_raw(fd.get(), speed->code)) return tty_error(device, "line settings");
  SerialPort port(std::move(fd), device, settings);
  port.in_force_ = settings_of(port.fd());
  if (settings.rs485) port.driver_turns_ = set_rs485(port.fd());
  (void)tcflush(port.fd(), TCIOFLUSH);
  return port;
}

void SerialPort::close() {
  // What keeps others out stays with the tty for as long as any other process has it open.
  if (fd_.is_open()) (void)ioctl(fd_.get(), TIOCNXCL);
  fd_.reset();
}

Result<> SerialPort::reopen() {
  close();
  auto again = open(device_, settings_);
  if (!again) return tl::unexpected(again.error());
  *this = *std::move(again);
  return {};
}

bool SerialPort::set_again() {
  if (!is_open()) return false;
  const Bytes now = settings_of(fd());
  // What cannot be asked is gone, which reading finds out.
  if (now.empty() || now == in_force_) return false;
  if (!set_raw(fd(), find_speed(settings_.baud)->code)) return false;
  in_force_ = settings_of(fd());
  if (driver_turns_) (void)set_rs485(fd());
  return true;
}

Result<ByteView> SerialPort::read(std::span<std::byte> room) {
  if (!is_open()) return ByteView{};
  for (;;) {
    const ssize_t count = ::read(fd_.get(), room.data(), room.size());
    if (count > 0) return ByteView(room.first(static_cast<std::size_t>(count)));
    if (count == 0) return fail(Errc::IoFailed, device_ + ": the line is gone");
    if (errno == EAGAIN || errno == EWOULDBLOCK) return ByteView{};
    if (errno != EINTR) return tty_error(device_, "read");
  }
}

Result<std::size_t> SerialPort::write(ByteView characters) {
  if (!is_open()) return characters.size();
  for (;;) {
    const ssize_t count = ::write(fd_.get(), characters.data(), characters.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::size_t{0};
    if (errno != EINTR) return tty_error(device_, "write");
  }
}

void SerialPort::discard_output() {
  if (is_open()) (void)tcflush(fd_.get(), TCOFLUSH);
}

}  // namespace fwr::transport
