// SPDX-License-Identifier: GPL-3.0-or-later
// What every hostile case runs beside: a donor with an honest session and a lease. After the case
// the donor is the same process, as large as before, and serves the honest one as before.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "donor_process.hpp"
#include "intruder.hpp"

namespace fwr::hostile {

/// One donor and its honest client, which outlive the cases that attack them.
class Scene {
 public:
  explicit Scene(const DonorOptions& options, CipherSuite suite = CipherSuite::Suite17);

  [[nodiscard]] DonorProcess& donor() { return donor_; }
  [[nodiscard]] LiveSession& honest() { return *honest_; }
  [[nodiscard]] std::uint16_t port() const { return donor_.port(); }
  [[nodiscard]] std::uint32_t lease() const { return lease_; }
  /// Status and a read of right bytes; says what is wrong in the test's words.
  void expect_honest_is_served();
  /// All that was sent before has been handled when this returns.
  void settle();
  /// Sessions that are up, as the honest administrator sees them.
  [[nodiscard]] unsigned active_sessions();
  /// Checks that the donor uses almost no processor time while no request arrives.
  void expect_rest();
  /// Stops the donor and checks that it ends with status 0.
  void expect_clean_end();
  void note_size();
  void expect_same_size();
  void expect_alive();

 private:
  void let_honest_in(CipherSuite suite);

  DonorProcess donor_;
  std::unique_ptr<LiveSession> honest_;
  std::uint32_t lease_ = 0;
  std::uint64_t read_at_ = 0;
  std::size_t first_kib_ = 0;  ///< once warm
  std::size_t open_files_ = 0;
};

/// The scene of this name, started when the first case wants it, ended after the last case.
[[nodiscard]] Scene& kept_scene(const std::string& name, const DonorOptions& options,
                                CipherSuite suite = CipherSuite::Suite17);
/// A donor that speaks suite 17 only, and one that also speaks suite 3.
[[nodiscard]] Scene& strict_scene();
[[nodiscard]] Scene& lenient_scene();

class HostileTest : public ::testing::Test {
 protected:
  explicit HostileTest(Scene& scene = strict_scene()) : scene_(scene) {}
  void SetUp() override;
  void TearDown() override;

  [[nodiscard]] std::uint16_t port() const { return scene_.port(); }
  [[nodiscard]] LiveSession& honest() { return scene_.honest(); }
  void settle() { scene_.settle(); }
  /// What the donor says to these datagrams from a new source.
  [[nodiscard]] std::vector<Bytes> answers_to(const std::vector<Bytes>& datagrams);
  void expect_silence(const std::vector<Bytes>& datagrams);
  /// Nothing has come to this peer, and nothing will.
  void expect_silence(Peer& peer);
  /// This status, and nothing more than a status, from a new source.
  void expect_status(RakpStatus status, PayloadType type, ByteView payload);

  Scene& scene_;

 private:
  unsigned sessions_before_ = 0;
};

/// The same against the donor that also speaks suite 3.
class LenientTest : public HostileTest {
 protected:
  LenientTest() : HostileTest(lenient_scene()) {}
};

}  // namespace fwr::hostile
