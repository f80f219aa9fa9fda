// SPDX-License-Identifier: GPL-3.0-or-later
// A bus for people without hardware: pseudo-terminals on a link::BusModel, in real time.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "link/bus_model.hpp"

namespace fwr::transport {

struct BusEmulatorSettings {
  std::size_t nodes = 2;
  link::BusOptions bus;
  std::string link_directory;        ///< with links "node1", "node2", ... to the ttys; empty: none
  std::optional<Duration> duration;  ///< nothing: until SIGINT or SIGTERM
};

/// A symbolic link that goes with its maker, unless it leads elsewhere by then.
class NodeLink {
 public:
  NodeLink() = default;
  /// Errors: NoPermission, AlreadyExists, IoFailed.
  [[nodiscard]] static Result<NodeLink> make(const std::string& device, const std::string& path);
  NodeLink(const NodeLink&) = delete;
  NodeLink& operator=(const NodeLink&) = delete;
  NodeLink(NodeLink&& other) noexcept
      : device_(std::exchange(other.device_, {})), path_(std::exchange(other.path_, {})) {}
  NodeLink& operator=(NodeLink&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(path_, other.path_);
    return *this;
  }
  ~NodeLink();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string device_;
  std::string path_;
};

class BusEmulator {
 public:
  static constexpr std::size_t kNodeLimit = 64;  ///< as many chassis as an ICMB has

  /// A line of standard input, or a signal: what it did, or why not.
  using Tell = std::function<void(const std::string& what, bool done)>;

  /// Errors: BadUsage, IoFailed, and those of the links.
  [[nodiscard]] static Result<BusEmulator> open(const BusEmulatorSettings& settings);

  [[nodiscard]] const std::string& device(std::size_t node) const { return ttys_[node].device; }
  [[nodiscard]] const std::string& link(std::size_t node) const { return ttys_[node].link.path(); }
  [[nodiscard]] std::size_t size() const { return ttys_.size(); }
  [[nodiscard]] const link::BusModel& bus() const { return bus_; }
  /// The longest time that a character came too late: how busy the machine was.
  /// The signal that ended run(); 0: its time was up. It stays blocked.
  [[nodiscard]] int ended_by() const { return ended_by_; }
  [[nodiscard]] Duration worst_lateness() const { return worst_lateness_; }

  /// Obeys "cut N", "join N", "babble N", "quiet N" (N from 1, or "all"), "ber RATE" on standard
  /// input; SIGUSR1 cuts all, SIGUSR2 joins all. Error: IoFailed.
  [[nodiscard]] Result<> run(const Tell& tell);

 private:
  struct Tty {
    UniqueFd master;
    std::string device;
    NodeLink link;             ///< goes before the master: then another program may get this tty
    TimePoint closed_until{};  ///< no program has it open: asked again then
  };
  explicit BusEmulator(const BusEmulatorSettings& settings);
  [[nodiscard]] Result<> open_ttys();
  void move_characters(TimePoint now);
  void read_tty(std::size_t node, TimePoint now);
  [[nodiscard]] Result<bool> wait(const Tell& tell, TimePoint until);
  [[nodiscard]] bool handle_signal(const Tell& tell);
  void read_commands(const Tell& tell);
  void obey(const std::string& line, const Tell& tell);
  [[nodiscard]] bool obey_for_nodes(const std::string& verb, const std::string& which);

  BusEmulatorSettings settings_;
  link::BusModel bus_;
  std::vector<Tty> ttys_;
  UniqueFd signals_;
  std::string input_;
  bool input_open_ = true;
  Duration worst_lateness_{};
  int ended_by_ = 0;
};

}  // namespace fwr::transport
