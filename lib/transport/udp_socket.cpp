// SPDX-License-Identifier: GPL-3.0-or-later
// recvmmsg and sendmmsg with packet information (ip(7), ipv6(7)).
#include "transport/udp_socket.hpp"

#include <fmt/format.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/retry_eintr.hpp"
#include "transport/hosts.hpp"
#include "transport/socket_address.hpp"

namespace fwr::transport {
namespace {

constexpr std::size_t kControl_bytes = 64;  // one in_pktinfo or in6_pktinfo
static_assert(kControl_bytes >= CMSG_SPACE(sizeof(in6_pktinfo)));

tl::unexpected<Error> socket_error(const Address& local, std::string_view what) {
  const int error = errno;
  // No fault of the configuration: the port, or the address, may be ours in a moment.
  if (error == EADDRINUSE)
    return fail(Errc::AddressUnavailable, to_text(local) + ": another program serves at this port");
  if (error == EADDRNOTAVAIL)
    return fail(Errc::AddressUnavailable, to_text(local) + ": this machine has no such address");
  if (error == EACCES || error == EPERM)
    return fail(Errc::NoPermission,
                to_text(local) + ": ports below 1024 want root or CAP_NET_BIND_SERVICE");
  return fail(Errc::IoFailed,
              fmt::format("{}: {}: {}", to_text(local), what, std::strerror(error)));
}

bool set_option(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

bool set_ipv4_options(int fd) {
  return set_option(fd, IPPROTO_IP, IP_PKTINFO, 1) &&
         set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
}

bool set_ipv6_options(int fd) {
  return set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
         set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) &&
         set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE) &&
         set_option(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
}

/// Our end of the path out of the packet information: address and interface.
Address local_address(msghdr& message, AddressFamily family) {
  Address local;
  local.family = family;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      local.scope = static_cast<std::uint32_t>(info.ipi_ifindex);
      std::memcpy(local.bytes.data(), &info.ipi_spec_dst, 4);  // never a broadcast address
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      local.scope = info.ipi6_ifindex;
      // An answer to a multicast leaves from whatever address the kernel chooses there.
      if (!IN6_IS_ADDR_MULTICAST(&info.ipi6_addr))
        std::memcpy(local.bytes.data(), &info.ipi6_addr, 16);
    }
  }
  return local;
}

template <class Info>
void put_control(msghdr& message, int level, int type, const Info& info) {
  message.msg_controllen = CMSG_SPACE(sizeof info);
  cmsghdr* c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = level;
  c->cmsg_type = type;
  c->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(c), &info, sizeof info);
}

/// Leave from the address and interface of our end of the path.
void set_source(msghdr& message, const Address& local) {
  const bool any = local.bytes == std::array<std::uint8_t, 16>{};
  if (local.family == AddressFamily::Ipv4 && (!any || local.scope != 0)) {
    in_pktinfo info{};
    info.ipi_ifindex = static_cast<int>(local.scope);
    std::memcpy(&info.ipi_spec_dst, local.bytes.data(), 4);
    put_control(message, IPPROTO_IP, IP_PKTINFO, info);
  } else if (local.family == AddressFamily::Ipv6 && (!any || local.scope != 0)) {
    in6_pktinfo info{};
    info.ipi6_ifindex = local.scope;
    std::memcpy(&info.ipi6_addr, local.bytes.data(), 16);
    put_control(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
  } else {
    message.msg_control = nullptr;
    message.msg_controllen = 0;
  }
}

}  // namespace

struct UdpSocket::Buffers {
  Bytes data = Bytes(kBatch * kDatagram_bytes);
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> parts{};
  std::array<sockaddr_storage, kBatch> peers{};
  struct alignas(cmsghdr) Control {
    std::array<std::byte, kControl_bytes> bytes;
  };
  std::array<Control, kBatch> controls{};
  std::array<Received, kBatch> received{};
  // The interface of the last datagram and its medium: a lookup costs two system calls.
  std::uint32_t known_interface = 0;
  Medium known_medium = Medium::Wired;

  Medium medium(std::uint32_t interface) {
    if (interface != known_interface) {
      known_medium = medium_of_interface(interface);
      known_interface = interface;
    }
    return known_medium;
  }
};

void UdpSocket::FreeBuffers::operator()(Buffers* buffers) const {
  delete buffers;
}

namespace {

constexpr int kErrorsAtOnce = 64;  // so that a flood of them holds nothing up
constexpr std::size_t kErrorControl_bytes = 512;

/// Whether an IPv4 packet with this datagram may be cut into fragments.
bool is_small(const Datagram& datagram) {
  constexpr std::size_t kHeaders_bytes = 28;  // of IPv4 and UDP
  return datagram.bytes.size() + kHeaders_bytes <= UdpSocket::kFragmented_bytes;
}

/// RFC 792, RFC 1812 and RFC 4443: what errno does not tell apart. `here`: this system says it of
/// itself, after nobody had answered for the address.
Undelivered::Icmp meaning_of(const sock_extended_err& said, bool here) {
  using Icmp = Undelivered::Icmp;
  struct Row {
    std::uint8_t origin, type, code;
    Icmp icmp;
  };
  constexpr std::uint8_t kV4 = SO_EE_ORIGIN_ICMP;
  constexpr std::uint8_t kV6 = SO_EE_ORIGIN_ICMP6;
  constexpr std::array kRows{Row{kV4, 3, 9, Icmp::Forbidden},  Row{kV4, 3, 10, Icmp::Forbidden},
                             Row{kV4, 3, 13, Icmp::Forbidden}, Row{kV6, 1, 1, Icmp::Forbidden},
                             Row{kV6, 1, 5, Icmp::Forbidden},  Row{kV6, 1, 6, Icmp::Forbidden},
                             Row{kV4, 11, 0, Icmp::GoesRound}, Row{kV6, 3, 0, Icmp::GoesRound}};
  for (const Row& row : kRows)
    if (row.origin == said.ee_origin && row.type == said.ee_type && row.code == said.ee_code)
      return row.icmp;
  return here && said.ee_errno == EHOSTUNREACH ? Icmp::NoNeighbour : Icmp::Other;
}

/// What an ICMP message says, out of the error queue (ip(7), IP_RECVERR).
std::optional<Undelivered> icmp_error(msghdr& message, const sockaddr_storage& peer) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    const bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
    const bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) continue;
    sock_extended_err said{};
    const std::size_t size = c->cmsg_len - CMSG_LEN(0);
    if (size < sizeof said) continue;
    std::memcpy(&said, CMSG_DATA(c), sizeof said);
    // What this system itself refuses, the call that sends says as well.
    if (said.ee_origin != SO_EE_ORIGIN_ICMP && said.ee_origin != SO_EE_ORIGIN_ICMP6)
      return std::nullopt;
    Undelivered result;
    result.error = static_cast<int>(said.ee_errno);
    result.path.peer = from_sockaddr(reinterpret_cast<const sockaddr&>(peer), message.msg_namelen);
    sockaddr_storage offender{};
    const std::size_t rest = std::min(size - sizeof said, sizeof offender);
    std::memcpy(&offender, CMSG_DATA(c) + sizeof said, rest);
    result.reporter =
        from_sockaddr(reinterpret_cast<const sockaddr&>(offender), static_cast<socklen_t>(rest));
    result.reporter.port = kRmcpPort;  // has none: left out of the text
    if (result.reporter.family == AddressFamily::None) result.reporter = result.path.peer;
    result.icmp = meaning_of(said, is_own_address(result.reporter));
    return result;
  }
  return std::nullopt;
}

}  // namespace

UdpSocket::UdpSocket(UniqueFd fd, const Address& local)
    : fd_(std::move(fd)), local_(local), buffers_(new Buffers) {}

Result<UdpSocket> UdpSocket::open(const Address& local) {
  sockaddr_storage address{};
  const socklen_t size = to_sockaddr(local, address);
  if (size == 0) return fail(Errc::Internal, "a UDP socket needs an IP address");
  const bool v6 = local.family == AddressFamily::Ipv6;
  UniqueFd fd(socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return socket_error(local, "socket");
  if (!(v6 ? set_ipv6_options(fd.get()) : set_ipv4_options(fd.get())) ||
      !set_option(fd.get(), SOL_SOCKET, SO_BROADCAST, 1))
    return socket_error(local, "socket options");
  // Best effort: receive_buffer_bytes() says what the kernel gave.
  (void)set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, kBuffer_bytes);
  (void)set_option(fd.get(), SOL_SOCKET, SO_SNDBUF, kBuffer_bytes);
  if (geteuid() == 0) (void)set_option(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, kBuffer_bytes);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0)
    return socket_error(local, "bind");
  sockaddr_storage bound{};
  socklen_t bound_size = sizeof bound;
  if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &bound_size) != 0)
    return socket_error(local, "getsockname");
  return UdpSocket(std::move(fd),
                   from_sockaddr(reinterpret_cast<const sockaddr&>(bound), bound_size));
}

std::size_t UdpSocket::receive_buffer_bytes() const {
  int value = 0;
  socklen_t size = sizeof value;
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &value, &size) != 0 || value <= 0) return 65536;
  return static_cast<std::size_t>(value);
}

int UdpSocket::receive_batch() {
  Buffers& b = *buffers_;
  for (std::size_t i = 0; i < kBatch; ++i) {
    b.parts[i] = {b.data.data() + i * kDatagram_bytes, kDatagram_bytes};
    b.messages[i] = {};
    msghdr& header = b.messages[i].msg_hdr;
    header.msg_name = &b.peers[i];
    header.msg_namelen = sizeof b.peers[i];
    header.msg_iov = &b.parts[i];
    header.msg_iovlen = 1;
    header.msg_control = b.controls[i].bytes.data();
    header.msg_controllen = kControl_bytes;
  }
  return recvmmsg(fd_.get(), b.messages.data(), kBatch, MSG_DONTWAIT, nullptr);
}

std::span<const Received> UdpSocket::receive() {
  Buffers& b = *buffers_;
  int count = receive_batch();
  // An error of the network stands in front of the datagrams that have arrived.
  for (int i = 0; count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && i < kErrorsAtOnce; ++i) {
    read_icmp_errors();
    count = receive_batch();
  }
  if (count <= 0) return {};
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    msghdr& header = b.messages[i].msg_hdr;
    Received& out = b.received[i];
    out.path.peer =
        from_sockaddr(reinterpret_cast<const sockaddr&>(b.peers[i]), header.msg_namelen);
    out.path.local = local_address(header, local_.family);
    out.path.medium = b.medium(out.path.local.scope);
    out.bytes = ByteView(b.data).subspan(i * kDatagram_bytes, b.messages[i].msg_len);
  }
  return std::span(b.received).first(static_cast<std::size_t>(count));
}

std::size_t UdpSocket::send(std::span<const Datagram> datagrams) {
  Buffers& b = *buffers_;
  std::size_t taken = 0;
  bool tried = false;  // the first one that is left
  while (taken < datagrams.size()) {
    // As many as go out in the same way.
    const bool small = is_small(datagrams[taken]);
    std::size_t batch = 0;
    while (batch < kBatch && taken + batch < datagrams.size() &&
           is_small(datagrams[taken + batch]) == small) {
      const Datagram& datagram = datagrams[taken + batch];
      b.parts[batch] = {const_cast<std::byte*>(datagram.bytes.data()), datagram.bytes.size()};
      b.messages[batch] = {};
      msghdr& header = b.messages[batch].msg_hdr;
      header.msg_name = &b.peers[batch];
      header.msg_namelen = to_sockaddr(datagram.path.peer, b.peers[batch]);
      header.msg_iov = &b.parts[batch];
      header.msg_iovlen = 1;
      header.msg_control = b.controls[batch].bytes.data();
      set_source(header, datagram.path.local);
      ++batch;
    }
    allow_fragments(small);
    const int sent = sendmmsg(fd_.get(), b.messages.data(), static_cast<unsigned>(batch), 0);
    if (sent > 0) {
      taken += static_cast<std::size_t>(sent);
      tried = false;
      continue;
    }
    const int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK) return taken;
    if (error == EINTR) continue;
    // The error may be that of an ICMP message about another datagram: this one is tried again, so
    // that nobody who forges them can take a datagram away.
    read_icmp_errors();
    if (reports_ && !std::exchange(tried, true)) continue;
    if (reports_ && send_from_elsewhere(datagrams[taken], error)) {
      ++taken;
      tried = false;
      continue;
    }
    // Unreachable, too large, no such interface: lost, as on any network. So is one that there is
    // no memory for (ENOBUFS): the socket is ready meanwhile, and waiting for it would spin.
    note({datagrams[taken].path, error, {}});
    ++taken;
    tried = false;
  }
  return taken;
}

/// Who asks may have got another address, or another interface, since the path was found: DHCP, a
/// radio that roams, an adapter that was plugged in again. The system chooses then. Not for who
/// serves: an answer from another address is none.
bool UdpSocket::send_from_elsewhere(const Datagram& datagram, int error) {
  const Address& local = datagram.path.local;
  const bool of_source =
      error == EINVAL || error == ENETUNREACH || error == EADDRNOTAVAIL || error == ENODEV;
  const bool any = local.bytes == std::array<std::uint8_t, 16>{};
  if (!of_source || any || is_own_address(local)) return false;
  sockaddr_storage peer{};
  const socklen_t size = to_sockaddr(datagram.path.peer, peer);
  return retry_eintr([&] {
           return sendto(fd_.get(), datagram.bytes.data(), datagram.bytes.size(), 0,
                         reinterpret_cast<const sockaddr*>(&peer), size);
         }) >= 0;
}

/// IPv4 only: IPv6 fragments nothing here, and carries kFragmented_bytes everywhere.
void UdpSocket::allow_fragments(bool allowed) {
  if (local_.family != AddressFamily::Ipv4 || allowed == fragments_allowed_) return;
  if (set_option(fd_.get(), IPPROTO_IP, IP_MTU_DISCOVER,
                 allowed ? IP_PMTUDISC_DONT : IP_PMTUDISC_PROBE))
    fragments_allowed_ = allowed;
}

Result<> UdpSocket::report_undelivered() {
  const bool v6 = local_.family == AddressFamily::Ipv6;
  if (!set_option(fd_.get(), v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, 1))
    return socket_error(local_, "socket options");
  reports_ = true;
  return {};
}

std::vector<Undelivered> UdpSocket::take_undelivered() {
  return std::exchange(undelivered_, {});
}

void UdpSocket::note(const Undelivered& undelivered) {
  if (reports_ && undelivered_.size() < kUndelivered) undelivered_.push_back(undelivered);
}

void UdpSocket::read_icmp_errors() {
  if (!reports_) return;
  for (int i = 0; i < kErrorsAtOnce; ++i) {
    std::array<std::byte, 64> payload{};  // of the datagram that it is about: not needed
    alignas(cmsghdr) std::array<std::byte, kErrorControl_bytes> control{};
    sockaddr_storage peer{};
    iovec part{payload.data(), payload.size()};
    msghdr message{};
    message.msg_name = &peer;
    message.msg_namelen = sizeof peer;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (recvmsg(fd_.get(), &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
    if (const auto error = icmp_error(message, peer)) note(*error);
  }
}

}  // namespace fwr::transport
