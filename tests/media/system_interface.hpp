// SPDX-License-Identifier: GPL-3.0-or-later
// The system interface of a BMC for tests: QEMU's ipmi-bmc-extern at the other end of a socket, and
// in the guest a KCS. The protocol is that of OpenIPMI's simulator for virtual machines.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/unique_fd.hpp"
#include "transport/endpoint.hpp"
#include "wire/ipmi.hpp"

namespace fwr::test {

/// Answers commands as they come. The loop only watches it: no datagram goes in or out.
class SystemInterface final : public transport::Endpoint {
 public:
  using Answer = std::function<wire::IpmiResponse(const wire::IpmiRequest& request, TimePoint now)>;

  /// Errors: IoFailed.
  [[nodiscard]] static Result<std::unique_ptr<SystemInterface>> connect(const std::string& socket,
                                                                        Answer answer);
  SystemInterface(UniqueFd fd, Answer answer) : fd_(std::move(fd)), answer_(std::move(answer)) {}

  [[nodiscard]] int descriptor() const override { return fd_.get(); }
  [[nodiscard]] Fit fit(const Path&) const override { return Fit::None; }
  [[nodiscard]] LinkProperties properties(const Path&) const override { return {}; }
  [[nodiscard]] Result<> receive(const Receive& take, TimePoint now) override;
  [[nodiscard]] std::size_t send(std::span<const Datagram> messages, TimePoint) override {
    return messages.size();
  }

 private:
  void hear(std::byte character, TimePoint now);
  void answer_message(TimePoint now);

  UniqueFd fd_;
  Answer answer_;
  Bytes message_;
  bool escaped_ = false;
};

}  // namespace fwr::test
