// SPDX-License-Identifier: GPL-3.0-or-later
// pty(7), signalfd(2), and absolute times for each character.
#include "diagnose/bus_emulator.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pty.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "transport/clock.hpp"

namespace fwr::transport {
namespace {

constexpr auto kClosedCheck = std::chrono::milliseconds(20);  // whether a program opened a tty
constexpr auto kLongestWait = std::chrono::seconds(1);
constexpr std::size_t kInput_bytes = 256;  // of one command
constexpr unsigned long kTimerSlack_ns = 1;

tl::unexpected<Error> system_error(const std::string& what) {
  return fail(Errc::IoFailed, fmt::format("{}: {}", what, std::strerror(errno)));
}

Result<UniqueFd> watch_signals(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return system_error("signals");
  UniqueFd fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd.is_open()) return system_error("signals");
  return fd;
}

timespec to_timespec(Duration duration) {
  const auto ns = std::max<std::int64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count(), 0);
  timespec result{};
  result.tv_sec = static_cast<std::time_t>(ns / 1'000'000'000);
  result.tv_nsec = static_cast<long>(ns % 1'000'000'000);
  return result;
}

/// Empty: no link.
std::string link_target(const std::string& path) {
  std::array<char, 128> target{};
  const ssize_t length = readlink(path.c_str(), target.data(), target.size());
  return length > 0 ? std::string(target.data(), static_cast<std::size_t>(length)) : std::string();
}

}  // namespace

Result<NodeLink> NodeLink::make(const std::string& device, const std::string& path) {
  // A link of a run that was killed may go; anything else is not ours.
  if (link_target(path).starts_with("/dev/pts/")) (void)unlink(path.c_str());
  if (symlink(device.c_str(), path.c_str()) != 0) {
    const int error = errno;
    const std::string detail = fmt::format("{}: {}", path, std::strerror(error));
    if (error == EACCES || error == EPERM || error == EROFS)
      return fail(Errc::NoPermission, detail);
    return fail(error == EEXIST ? Errc::AlreadyExists : Errc::IoFailed, detail);
  }
  NodeLink link;
  link.device_ = device;
  link.path_ = path;
  return link;
}

NodeLink::~NodeLink() {
  if (path_.empty()) return;
  if (link_target(path_) == device_) (void)unlink(path_.c_str());
}

BusEmulator::BusEmulator(const BusEmulatorSettings& settings)
    : settings_(settings), bus_(settings.nodes, settings.bus) {}

Result<BusEmulator> BusEmulator::open(const BusEmulatorSettings& settings) {
  if (settings.nodes < 1 || settings.nodes > kNodeLimit)
    return fail(Errc::BadUsage, fmt::format("a bus has 1 to {} nodes", kNodeLimit));
  BusEmulator emulator(settings);
  auto signals = watch_signals({SIGINT, SIGTERM, SIGUSR1, SIGUSR2});
  if (!signals) return tl::unexpected(signals.error());
  emulator.signals_ = *std::move(signals);
  if (auto opened = emulator.open_ttys(); !opened) return tl::unexpected(opened.error());
  // Characters are half a millisecond apart: the default slack would be a tenth of one.
  (void)prctl(PR_SET_TIMERSLACK, kTimerSlack_ns, 0UL, 0UL, 0UL);
  return emulator;
}

Result<> BusEmulator::open_ttys() {
  for (std::size_t i = 0; i < settings_.nodes; ++i) {
    Tty tty;
    termios raw{};
    cfmakeraw(&raw);
    raw.c_cflag |= CS8 | CREAD | CLOCAL;
    int master = -1;
    int slave = -1;
    if (openpty(&master, &slave, nullptr, &raw, nullptr) != 0)
      return system_error("pseudo-terminal");
    const UniqueFd closes(slave);
    tty.master = UniqueFd(master);
    std::array<char, 128> name{};
    if (ttyname_r(slave, name.data(), name.size()) != 0 ||
        fcntl(master, F_SETFL, O_NONBLOCK) != 0 || fcntl(master, F_SETFD, FD_CLOEXEC) != 0)
      return system_error("pseudo-terminal");
    tty.device = name.data();
    if (!settings_.link_directory.empty()) {
      auto link =
          NodeLink::make(tty.device, fmt::format("{}/node{}", settings_.link_directory, i + 1));
      if (!link) return tl::unexpected(link.error());
      tty.link = *std::move(link);
    }
    ttys_.push_back(std::move(tty));
  }
  return {};
}

Result<> BusEmulator::run(const Tell& tell) {
  const TimePoint began = now();
  for (;;) {
    const TimePoint time = now();
    if (const auto due = bus_.next(); due && time > *due)
      worst_lateness_ = std::max(worst_lateness_, time - *due);
    bus_.advance(time);
    move_characters(time);
    TimePoint until = time + kLongestWait;
    if (const auto due = bus_.next()) until = std::min(until, *due);
    if (settings_.duration) {
      if (time - began >= *settings_.duration) return {};
      until = std::min(until, began + *settings_.duration);
    }
    const auto stop = wait(tell, until);
    if (!stop) return tl::unexpected(stop.error());
    if (*stop) return {};
  }
}

void BusEmulator::move_characters(TimePoint now) {
  for (std::size_t i = 0; i < ttys_.size(); ++i) {
    const Bytes heard = bus_.take_heard(i);
    // Characters that are not read are lost, as in a UART.
    if (!heard.empty() && now >= ttys_[i].closed_until)
      (void)!::write(ttys_[i].master.get(), heard.data(), heard.size());
    read_tty(i, now);
  }
}

/// Only as much as the UART holds: the rest can be taken back by its writer.
void BusEmulator::read_tty(std::size_t node, TimePoint now) {
  Tty& tty = ttys_[node];
  const std::size_t room = bus_.room(node);
  if (room == 0 || now < tty.closed_until) return;
  std::array<std::byte, 64> buffer{};
  const ssize_t count = ::read(tty.master.get(), buffer.data(), std::min(room, buffer.size()));
  if (count > 0)
    bus_.write(node, ByteView(buffer).first(static_cast<std::size_t>(count)), now);
  else if (count < 0 && errno == EIO)
    tty.closed_until = now + kClosedCheck;
}

/// True: the end.
Result<bool> BusEmulator::wait(const Tell& tell, TimePoint until) {
  std::vector<pollfd> watched;
  watched.reserve(ttys_.size() + 2);
  watched.push_back({signals_.get(), POLLIN, 0});
  watched.push_back({input_open_ ? STDIN_FILENO : -1, POLLIN, 0});
  const TimePoint time = now();
  for (std::size_t i = 0; i < ttys_.size(); ++i) {
    const bool closed = time < ttys_[i].closed_until;
    if (closed) until = std::min(until, ttys_[i].closed_until);
    watched.push_back({closed || bus_.room(i) == 0 ? -1 : ttys_[i].master.get(), POLLIN, 0});
  }
  const timespec timeout = to_timespec(until - now());
  if (ppoll(watched.data(), watched.size(), &timeout, nullptr) < 0 && errno != EINTR)
    return system_error("poll");
  if (watched[1].revents != 0) read_commands(tell);
  return watched[0].revents != 0 && handle_signal(tell);
}

bool BusEmulator::handle_signal(const Tell& tell) {
  signalfd_siginfo info{};
  if (::read(signals_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return false;
  const auto number = static_cast<int>(info.ssi_signo);
  if (number != SIGUSR1 && number != SIGUSR2) {
    ended_by_ = number;
    return true;
  }
  obey(number == SIGUSR1 ? "cut all" : "join all", tell);
  return false;
}

void BusEmulator::read_commands(const Tell& tell) {
  std::array<char, kInput_bytes> buffer{};
  const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (count <= 0) {
    input_open_ = count < 0 && (errno == EAGAIN || errno == EINTR);
    return;
  }
  input_.append(buffer.data(), static_cast<std::size_t>(count));
  for (std::size_t end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
    const std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    if (!line.empty()) obey(line, tell);
  }
  if (input_.size() > kInput_bytes) input_.clear();
}

void BusEmulator::obey(const std::string& line, const Tell& tell) {
  const std::size_t space = std::min(line.find(' '), line.size());
  const std::string verb = line.substr(0, space);
  const std::string rest = space < line.size() ? line.substr(space + 1) : std::string();
  bool done = false;
  if (verb == "ber") {
    char* end = nullptr;
    const double rate = std::strtod(rest.c_str(), &end);
    done = !rest.empty() && *end == '\0' && rate >= 0 && rate <= 0.5;
    if (done) bus_.set_bit_error_rate(rate);
  } else {
    done = obey_for_nodes(verb, rest);
  }
  tell(line, done);
}

bool BusEmulator::obey_for_nodes(const std::string& verb, const std::string& which) {
  std::size_t first = 0;
  std::size_t last = ttys_.size();
  if (which != "all") {
    const char* const end = which.data() + which.size();
    const auto [stop, error] = std::from_chars(which.data(), end, last);
    if (error != std::errc() || stop != end || last < 1 || last > ttys_.size()) return false;
    first = last - 1;
  }
  for (std::size_t i = first; i < last; ++i) {
    if (verb == "cut" || verb == "join")
      bus_.set_connected(i, verb == "join");
    else if (verb == "babble" || verb == "quiet")
      bus_.set_babbling(i, verb == "babble", now());
    else
      return false;
  }
  return true;
}

}  // namespace fwr::transport
