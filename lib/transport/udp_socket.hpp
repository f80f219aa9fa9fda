// SPDX-License-Identifier: GPL-3.0-or-later
// A UDP socket that knows at which address and interface a datagram arrived, and sends in batches.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/address.hpp"
#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "transport/undelivered.hpp"

namespace fwr::transport {

struct Received {
  Path path;       ///< local: the address and interface at which it arrived
  ByteView bytes;  ///< valid until the next receive()
};

class UdpSocket {
 public:
  static constexpr std::size_t kBatch = 32;  ///< datagrams a system call
  static constexpr std::size_t kDatagram_bytes = 65536;
  static constexpr int kBuffer_bytes = 4 << 20;  ///< asked of the kernel, which may give less

  static constexpr std::size_t kUndelivered = 256;  ///< kept until they are taken
  /// An IPv4 packet of up to so many bytes may be fragmented on its way; IPv6 carries it
  /// everywhere.
  static constexpr std::size_t kFragmented_bytes = 1280;

  /// Bound to `local` (port 0: any). A datagram of more than kFragmented_bytes is sent with DF set:
  /// one that is too large for the path is lost, which is what the segment size probe wants
  /// (PROTOCOL §6.1). Errors: AddressUnavailable, NoPermission (a port that wants privilege),
  /// IoFailed.
  [[nodiscard]] static Result<UdpSocket> open(const Address& local);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] AddressFamily family() const { return local_.family; }
  [[nodiscard]] const Address& local() const { return local_; }
  [[nodiscard]] std::size_t receive_buffer_bytes() const;

  /// Up to kBatch datagrams, none when none is waiting.
  [[nodiscard]] std::span<const Received> receive();
  /// How many of them, from the front, were taken; fewer: the buffer is full. One that the network
  /// refuses counts as taken and lost.
  [[nodiscard]] std::size_t send(std::span<const Datagram> datagrams);

  /// From now on keeps what could not be sent, and the ICMP messages that come back. Errors:
  /// IoFailed.
  [[nodiscard]] Result<> report_undelivered();
  /// What was kept since the last call, at most kUndelivered.
  [[nodiscard]] std::vector<Undelivered> take_undelivered();

 private:
  struct Buffers;
  UdpSocket(UniqueFd fd, const Address& local);
  UniqueFd fd_;
  Address local_;  ///< as bound, with the port that the kernel chose
  struct FreeBuffers {
    void operator()(Buffers* buffers) const;
  };
  bool send_from_elsewhere(const Datagram& datagram, int error);
  void note(const Undelivered& undelivered);
  void read_icmp_errors();
  int receive_batch();
  void allow_fragments(bool allowed);

  std::unique_ptr<Buffers, FreeBuffers> buffers_;
  bool reports_ = false;
  bool fragments_allowed_ = false;
  std::vector<Undelivered> undelivered_;
};

}  // namespace fwr::transport
