// SPDX-License-Identifier: GPL-3.0-or-later
// A second opinion on the leases of a donor: what it may serve, and how much. It sees what goes in
// and out of the machine, and knows nothing of its inside. PROTOCOL §5.4 to §5.7, §6.1, §8.2.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "chronicle.hpp"
#include "donor/donor.hpp"
#include "wire/oem.hpp"
#include "wire/stream.hpp"

namespace fwr::sim {

inline constexpr std::uint32_t kIana = 32473;

class LeaseWatch {
 public:
  LeaseWatch(const donor::DonorConfig& config, std::string name, Chronicle& chronicle)
      : config_(config), name_(std::move(name)), chronicle_(chronicle) {}

  /// After the donor answered.
  void command(const session::Requester& from, const wire::IpmiRequest& request,
               const std::optional<wire::IpmiResponse>& response, TimePoint now);
  /// Before the donor gets it.
  void payload_in(const session::Requester& from, ByteView payload, TimePoint now);
  void payload_out(const session::Application::Outgoing& out, TimePoint now);
  void session_closed(std::uint32_t session);
  void event(const donor::DonorEvent& event);
  [[nodiscard]] std::size_t leases() const { return leases_.size(); }

 private:
  struct Granted {
    wire::stream::Object object = wire::stream::Object::Image;
    std::uint16_t segment_granules = 0;
    std::vector<wire::stream::Range> unsent;
    bool refused = false;  ///< it must be: over the credit, or outside the object
  };
  struct Lease {
    std::string user;
    std::uint32_t session = 0;
    Path path;
    Digest digest{};
    std::uint64_t image_bytes = 0, tree_bytes = 0;
    Duration lasts{};
    TimePoint ends{};
    /// By number. On a bus, where anybody can pretend to be the recipient, one may come twice.
    std::multimap<std::uint32_t, Granted> grants;
    std::uint64_t unsent_bytes = 0;
  };
  void accepted(const session::Requester& from, const wire::oem::AcceptOfferRq& rq,
                const wire::IpmiResponse& response, TimePoint now);
  void read(const session::Requester& from, const wire::oem::ReadRq& rq, bool tree,
            const wire::IpmiResponse& response, TimePoint now);
  void segment(std::uint32_t session, const wire::stream::Segment& segment, TimePoint now);
  void forget_grants(Lease& lease);
  void drop_refused(Lease& lease, const wire::stream::Refusal& refusal);
  [[nodiscard]] std::uint64_t bytes_of(const Lease& lease, const Granted& granted) const;
  [[nodiscard]] bool inside(const Lease& lease, const Granted& granted) const;
  void violate(const std::string& text) { chronicle_.violate("served-without-lease", text); }

  donor::DonorConfig config_;
  std::string name_;
  Chronicle& chronicle_;
  std::map<std::uint32_t, Lease> leases_;
};

}  // namespace fwr::sim
