// SPDX-License-Identifier: GPL-3.0-or-later
// Hears what goes over the loopback interface, as anybody does on a shared link. Needs raw sockets.
#pragma once

#include <optional>

#include "peer.hpp"
#include "wire/ipmi.hpp"
#include "wire/oem.hpp"

namespace fwr::hostile {

/// A Request Firmware without a session that was on its way to some donor.
struct Heard {
  Host host;  ///< the recipient's
  std::uint16_t port = 0;
  Host donor;
  wire::LanMessage message;
  wire::oem::RequestFirmwareRq request;
  Bytes datagram;

  /// What answers it.
  [[nodiscard]] Bytes answer(const wire::oem::Offer& offer) const;
};

class Wiretap {
 public:
  /// Listens to what is sent to this UDP port.
  explicit Wiretap(std::uint16_t port);

  [[nodiscard]] bool may() const { return fd_.is_open(); }
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// The next request among what has come; nothing when that is all.
  [[nodiscard]] std::optional<Heard> next();

 private:
  UniqueFd fd_;
  std::uint16_t port_;
};

}  // namespace fwr::hostile
