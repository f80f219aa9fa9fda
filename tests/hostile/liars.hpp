// SPDX-License-Identifier: GPL-3.0-or-later
// Donors with an account that promise more than they keep, each on an address of its own, and a
// listener who answers Request Firmware as soon as it hears one.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "donor_process.hpp"
#include "wiretap.hpp"

namespace fwr::hostile {

/// How far a liar goes with a recipient that came to fetch what it offered.
enum class Lie {
  NoSession,        ///< nothing answers
  ClaimsNothing,    ///< in its session it has no image
  RefusesManifest,  ///< and says so
  RubbishManifest,  ///< noise in its place
  Silent,           ///< nothing more once the session is up
  RefusesLease,     ///< shows the honest donor's manifest
  BusyForEver,      ///< the same, and never has room
  RubbishLease,     ///< a lease of sizes that cannot be
  RubbishTree,      ///< a lease, and noise for blocks
};
[[nodiscard]] const char* to_text(Lie lie);

/// What all liars know of the image of the honest donor.
struct Truth {
  wire::oem::Offer offer;
  Bytes manifest;
  Bytes signature;
};

class Gang {
 public:
  Gang(std::uint16_t port, Truth truth);
  ~Gang();
  Gang(const Gang&) = delete;
  Gang& operator=(const Gang&) = delete;

  /// One more liar. Its offers claim to be better than the honest one's and those of earlier
  /// liars'.
  void add(Host host, Lie lie, unsigned guids = 1);
  /// For everything that is heard before the liars answer it; in the thread of the gang.
  void on_heard(std::function<void(const Heard&)> call) { on_heard_ = std::move(call); }
  /// For everything that was heard so long ago; once for each request.
  void after(std::chrono::milliseconds delay, std::function<void(const Heard&)> call);
  void start();

  /// Sessions that recipients opened with liars.
  [[nodiscard]] unsigned sessions() const { return sessions_; }
  [[nodiscard]] unsigned heard() const { return heard_; }

 private:
  class Liar;
  struct Later {
    std::chrono::steady_clock::time_point at;
    Heard heard;
  };
  void run();
  void tell();

  std::uint16_t port_;
  Truth truth_;
  Wiretap tap_;
  std::vector<std::unique_ptr<Liar>> liars_;
  std::function<void(const Heard&)> on_heard_;
  std::chrono::milliseconds delay_{};
  std::function<void(const Heard&)> after_;
  std::vector<Later> later_;
  std::atomic<unsigned> sessions_ = 0;
  std::atomic<unsigned> heard_ = 0;
  std::atomic<bool> stops_ = false;
  std::thread thread_;
};

/// Of number 0, 1, 2, ...: each better than the one before, and all better than what is true.
[[nodiscard]] wire::oem::Offer better_offer(const Truth& truth, unsigned number, const Guid& donor);
[[nodiscard]] Guid guid_of_liar(unsigned number);

}  // namespace fwr::hostile
