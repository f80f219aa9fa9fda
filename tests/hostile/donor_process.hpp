// SPDX-License-Identifier: GPL-3.0-or-later
// A live fwdonord with a signed image, as its attackers and its auditor see it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "support/stock_tool.hpp"

namespace fwr::hostile {

using namespace std::chrono_literals;

/// An account of every donor here.
struct Account {
  std::string_view name;
  std::string_view password;
};
inline constexpr Account kAlice{"alice", "correct horse"};                 // User
inline constexpr Account kBob{"bob", "battery staple 12345"};              // User
inline constexpr Account kOperator{"oper", "an operator"};                 // Operator
inline constexpr Account kRoot{"root", "some administrator"};              // Administrator
inline constexpr Account kSixteen{"sixteen-letters-", "exactly sixteen"};  // User, longest name
inline constexpr std::size_t kImage_bytes = (2U << 20) + 777;

/// Runs a program in the background; TERM, and after 3 s KILL, when the object goes.
class Process {
 public:
  Process(const std::vector<std::string>& command, const std::string& log);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool is_alive();
  /// The exit status, or 128 and the signal; nothing when it still runs after `patience`.
  [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds patience);
  void signal(int number) const;

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
};

struct DonorOptions {
  std::string session;                    ///< lines of the section [session]
  std::string donor = "lease = \"60s\"";  ///< lines of the section [donor]
};

class DonorProcess {
 public:
  /// Returns when the donor is ready; throws when that takes more than 20 s.
  explicit DonorProcess(const DonorOptions& options);

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const Bytes& image() const { return image_; }
  [[nodiscard]] bool is_alive() { return process_->is_alive(); }
  [[nodiscard]] std::size_t resident_kib() const;
  [[nodiscard]] std::size_t open_files() const;
  /// Seconds of processor time so far.
  [[nodiscard]] double cpu_s() const;
  [[nodiscard]] std::string log() const { return scratch_.get("donor.log"); }
  [[nodiscard]] const test::Scratch& scratch() const { return scratch_; }
  void signal(int number) const { process_->signal(number); }
  /// TERM; how it ended, or nothing when it did not within 20 s.
  [[nodiscard]] std::optional<int> stop();

 private:
  void write_files(const DonorOptions& options);
  void add_image();
  void start();

  test::Scratch scratch_;
  Bytes image_;
  std::unique_ptr<Process> process_;
  std::uint16_t port_ = 0;
};

/// The path of one of our programs, out of the environment that "make check" sets.
[[nodiscard]] std::string program(const char* variable);
/// Whether the long form was asked for.
[[nodiscard]] bool is_long_form();

}  // namespace fwr::hostile
