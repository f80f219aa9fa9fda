// SPDX-License-Identifier: GPL-3.0-or-later
// Result<T> and Error: how every fallible function of the library answers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <variant>

namespace fwr {

/// Exit codes of the tools: a stable contract (fwrecover(8), EXIT STATUS).
enum class ExitCode : std::uint8_t {
  Ok = 0,
  Other = 1,
  Usage = 2,
  ReplacementNeeded = 10,
  NoDonor = 11,
  NoneAcceptable = 12,
  AllDonorsFailed = 13,
  VerificationFailed = 14,
  WriteFailed = 15,
  Deadline = 16,
  AlreadyRunning = 17,
  // 128 and the number of the signal that ended the program, as a shell sees it
  HungUp = 129,
  Interrupted = 130,
  Terminated = 143,
};

/// What went wrong, one code for one kind of cause. The table in error.cpp gives each code its
/// stable name (used in JSON), its exit code and one sentence. What to do next depends on the
/// program: fwrecover/advice.cpp.
enum class Errc : std::uint8_t {
  // a peer's bytes
  Truncated,      ///< shorter than its own layout says
  TrailingBytes,  ///< longer than its layout allows
  BadField,       ///< a field has a value that its specification forbids
  BadChecksum,
  Unsupported,  ///< well formed, but a version or algorithm that we do not speak
  // sessions
  AuthenticationFailed,  ///< wrong password, K_g or user name
  NoCommonCipherSuite,
  PrivilegeTooLow,
  SessionLimit,  ///< the peer has no room for a session
  SessionLost,
  CommandRejected,  ///< a completion code other than 00h
  NoResponse,
  // images
  BadManifest,
  BadSignature,
  UntrustedKey,
  BadBlock,  ///< a block that does not match the signed hash tree
  DigestMismatch,
  ImageIncompatible,
  ImageExpired,
  ImageTooOld,
  ImageFailedBefore,  ///< it was rolled back, or ran out of its trial
  ImageTooLarge,
  // slots and files
  SlotUnreadable,
  SlotWriteFailed,
  NoSpace,
  NoPermission,
  NotFound,
  AlreadyExists,
  CorruptState,
  StateFailed,        ///< a file of the state directory
  NewerState,         ///< a state record that this version does not understand
  ActiveSlotUnknown,  ///< no state record, and the slot to write holds something
  NoRecord,           ///< no state record, and what ran here is not known
  IoFailed,
  AddressUnavailable,  ///< a port that is taken, an address that is not there
  NothingOnTrial,
  OnTrial,  ///< what was asked for would take from a trial the image to go back to
  NoPreviousImage,
  // recovery
  NoDonorAnswered,
  NoCompatibleImage,  ///< donors answered that they have none for this system
  NoOfferAcceptable,
  AllDonorsFailed,
  DonorBusy,
  DonorTooSlow,
  OfferExpired,
  LeaseLost,
  DeadlinePassed,
  AlreadyRunning,
  Interrupted,
  NetworkDown,       ///< no interface is up: it may be in a moment
  NameLookupFailed,  ///< no name server answered: one may in a moment
  ReplacementNeeded,
  // the caller
  BadUsage,
  BadConfiguration,
  InsecureSecret,  ///< a secret file that others can read
  LimitExceeded,   ///< one of our named limits
  NotBuilt,        ///< a part that was left out of this build
  Internal,        ///< our own defect
};

/// One row of the error table.
struct ErrorInfo {
  Errc code;
  std::string_view name;  ///< stable, lower-case-with-dashes; appears in JSON
  ExitCode exit_code;
  std::string_view sentence;  ///< what happened, without a full stop
};

const ErrorInfo& info(Errc code);

/// The thing that an error is about, where advice depends on it.
struct SerialLine {
  std::string device;
};
struct BluetoothAdapter {};
struct MissingCatalogue {};
using Subject = std::variant<std::monostate, SerialLine, BluetoothAdapter, MissingCatalogue>;

/// `detail` says what and where, in words an administrator can act on ("slot B (/dev/mmcblk0p3),
/// block 17").
struct Error {
  Errc code;
  std::string detail;
  Subject about{};

  /// "<sentence>: <detail>"
  [[nodiscard]] std::string message() const;
  [[nodiscard]] ExitCode exit_code() const { return info(code).exit_code; }
};

template <class T = void>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(Errc code, std::string detail = {},
                                                Subject about = {}) {
  return tl::unexpected<Error>(Error{code, std::move(detail), std::move(about)});
}

}  // namespace fwr
