// SPDX-License-Identifier: GPL-3.0-or-later
// What the files of the recipient's facade share.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flash/slot_contents.hpp"
#include "fwrecover/assessment.hpp"
#include "fwrecover/conclude.hpp"
#include "fwrecover/interruption.hpp"
#include "fwrecover/recipient.hpp"
#include "settings/recipient_config.hpp"

namespace fwrecover {

/// SIGINT, SIGTERM, and SIGHUP unless it is ignored, as nohup(1) leaves it for what outlives its
/// terminal.
[[nodiscard]] std::vector<int> ending_signals();

/// What donors are asked for.
enum class Aim : std::uint8_t { Recover, Look, LookAndVerify };

class Recipient::Impl {
 public:
  explicit Impl(RecipientSource source) : source_(std::move(source)) {}

  [[nodiscard]] fwr::Result<fwr::settings::Settings> load(
      const std::vector<fwr::settings::Override>& options = {}) const;
  /// Settings to configuration. Events: "problem".
  [[nodiscard]] fwr::Result<fwr::settings::RecipientConfig> configure(Observer& observer) const;

  /// Each that takes long runs in here: signals and stop() end it.
  Conclusion interruptible(const Work& work) {
    return fwrecover::interruptible(caught(), work, &stopper_);
  }
  void stop() noexcept { stopper_.request(); }

  Conclusion check(const Stop& stop, Observer& observer) const;
  Conclusion request(const RequestOptions& options, const Stop& stop, Observer& observer) const;
  Conclusion offers(const OffersOptions& options, const Stop& stop, Observer& observer) const;
  Conclusion status(Observer& observer) const;
  Conclusion history(Observer& observer) const;
  Conclusion confirm(const ConfirmOptions& options, const Stop& stop, Observer& observer) const;
  Conclusion rollback(bool if_expired, const Stop& stop, Observer& observer) const;
  Conclusion adopt(const AdoptOptions& options, const Stop& stop, Observer& observer) const;
  Conclusion verify(const std::string& manifest_path, const std::string& signature_path,
                    const std::string& image_path, const Stop& stop, Observer& observer) const;
  Conclusion config(Observer& observer) const;

 private:
  /// `seen`: only when the image on trial is still the one of this record.
  [[nodiscard]] Conclusion confirm_trial(const fwr::settings::RecipientConfig& config,
                                         const std::optional<fwr::flash::BootRecord>& seen,
                                         Observer& observer) const;
  [[nodiscard]] Conclusion confirm_if_healthy(const Stop& stop, Observer& observer) const;
  /// `seen`: only while the trial of this record runs.
  [[nodiscard]] Conclusion go_back(bool if_expired, fwr::flash::FailureReason reason,
                                   const std::optional<fwr::flash::BootRecord>& seen,
                                   const Stop& stop, Observer& observer) const;
  [[nodiscard]] fwr::Result<Conclusion> recover(const RequestOptions& options, Aim aim,
                                                const Stop& stop, Observer& observer) const;
  [[nodiscard]] std::vector<int> caught() const {
    return source_.handle_signals ? ending_signals() : std::vector<int>{};
  }
  RecipientSource source_;
  fwr::transport::Stopper stopper_;
};

/// The manifest of a slot when a trusted key signed it. Errors say which slot and what is wrong.
[[nodiscard]] fwr::Result<fwr::image::Manifest> trusted_manifest(
    const fwr::flash::SlotInfo& slot, const std::vector<fwr::image::PublicKey>& keys);

/// Event "activated": the active slot is another one now. It counts as a problem, for observers of
/// problems only.
[[nodiscard]] Event activated(const fwr::flash::BootRecord& record, const std::string& why);

/// Writes one line of the history, with the time. A failure is a "problem" event, never fatal.
void remember(const fwr::settings::RecipientConfig& config, const Event& event, Observer& observer);

}  // namespace fwrecover
