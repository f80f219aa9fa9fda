// SPDX-License-Identifier: GPL-3.0-or-later
// The donor: a catalogue of signed images, and the daemon that serves them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fwrecover/event.hpp"

namespace fwrecover {

struct DonorSource {
  std::string config_path;             ///< empty: the default file, which may be missing
  std::vector<std::string> overrides;  ///< "section.key=value" in TOML
  /// "0.0.0.0:623", "icmb:/dev/ttyS1", "serial:/dev/ttyS0": each replaces the setting of its
  /// medium, such as lan.listen. Empty: as configured.
  std::vector<std::string> listen = {};
};

struct ServeOptions {
  std::int64_t for_s =
      0;  ///< stop after so many seconds, letting running transfers end; 0: until a signal
  bool once = false;           ///< stop after the first recovery that was reported
  bool handle_signals = true;  ///< SIGINT and SIGTERM stop, SIGHUP reloads the catalogue
};

/// The daemon. Events: "listening", "ready", "offered", "accepted", "released", "reported",
/// "expired", "withdrawn", "refused", "login", "login-failed", "logins-left-out", "checked",
/// "catalogue-changed", "reloaded", "counted", "problem".
class FWR_API DonorDaemon {
 public:
  explicit DonorDaemon(DonorSource source);
  ~DonorDaemon();
  DonorDaemon(const DonorDaemon&) = delete;
  DonorDaemon& operator=(const DonorDaemon&) = delete;

  /// Returns when it was asked to stop, or could not start. Never forks.
  Conclusion serve(const ServeOptions& options, Observer& observer);
  /// Ends serve() as SIGTERM does, or the next one when none runs: sessions are closed, and the
  /// conclusion is "ok". For any thread, and for a signal handler.
  void stop() noexcept;
  /// Effective settings and where each came from. Events: "setting".
  Conclusion config(Observer& observer);

 private:
  class FWR_LOCAL Impl;
  std::unique_ptr<Impl> impl_;
};

/// What a manifest says beyond what is read from the image itself.
struct ManifestOptions {
  std::string image_path;
  std::string name;
  std::string component = "bmc";
  std::string version;
  std::uint32_t security_version = 0;
  /// "manufacturer=N,product=N,device=N,revision=LOW-HIGH", any of them; numbers decimal or 0x
  /// hexadecimal. At least one.
  std::vector<std::string> platforms;
  std::string minimum_version;  ///< empty: none
  std::int64_t created = 0;     ///< 0: now
  std::int64_t expires = 0;     ///< 0: never
  /// Empty: image_path + ".manifest.json"; "-": standard output, and no event. A device or a FIFO
  /// is written to, a link is followed: nothing but a regular file is ever replaced.
  std::string output_path;
};

/// The catalogue of a donor.
class FWR_API Catalogue {
 public:
  explicit Catalogue(DonorSource source);
  ~Catalogue();
  Catalogue(const Catalogue&) = delete;
  Catalogue& operator=(const Catalogue&) = delete;

  /// Writes the manifest of an image, to be signed with minisign. Needs no configuration. Event:
  /// "manifest".
  Conclusion manifest(const ManifestOptions& options, Observer& observer);
  /// Verifies and takes in; what is there already is no error. `signature_path` empty:
  /// manifest_path + ".minisig". Events: "added", and "problem" for what many recipients would
  /// refuse.
  Conclusion add(const std::string& image_path, const std::string& manifest_path,
                 const std::string& signature_path, Observer& observer);
  /// Events: "image" (one each), "problem".
  Conclusion list(Observer& observer);
  /// `image`: its digest, the first characters of it, its version, or NAME=VERSION, when that names
  /// one image. Events: "image", with every field.
  Conclusion show(const std::string& image, Observer& observer);
  /// Reads image and tree again; all of them when `image` is empty. Events: "verified", "problem".
  Conclusion verify(const std::string& image, Observer& observer);
  Conclusion remove(const std::string& image, Observer& observer);

 private:
  class FWR_LOCAL Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fwrecover
