// SPDX-License-Identifier: GPL-3.0-or-later
// The error table: for each code its name, exit code and sentence.
#include "base/error.hpp"

#include <array>
#include <cstddef>

namespace fwr {
namespace {

constexpr std::size_t kErrorCount = static_cast<std::size_t>(Errc::Internal) + 1;

constexpr std::array<ErrorInfo, kErrorCount> kErrors{{
    // a peer's bytes
    {Errc::Truncated, "truncated", ExitCode::Other, "a message is shorter than its layout"},
    {Errc::TrailingBytes, "trailing-bytes", ExitCode::Other,
     "a message is longer than its layout allows"},
    {Errc::BadField, "bad-field", ExitCode::Other, "a message has a field with a forbidden value"},
    {Errc::BadChecksum, "bad-checksum", ExitCode::Other, "a message has a wrong checksum"},
    {Errc::Unsupported, "unsupported", ExitCode::Other,
     "the peer asks for a version or an algorithm that is not spoken here"},
    // sessions
    {Errc::AuthenticationFailed, "authentication-failed", ExitCode::Other,
     "the donor does not accept user name, password or K_g"},
    {Errc::NoCommonCipherSuite, "no-common-cipher-suite", ExitCode::Other,
     "the two ends have no cipher suite in common"},
    {Errc::PrivilegeTooLow, "privilege-too-low", ExitCode::Other,
     "the account has too little privilege for this command"},
    {Errc::SessionLimit, "session-limit", ExitCode::Other, "the peer has no room for a session"},
    {Errc::SessionLost, "session-lost", ExitCode::Other, "the session with the peer has ended"},
    {Errc::CommandRejected, "command-rejected", ExitCode::Other, "the peer rejected a command"},
    {Errc::NoResponse, "no-response", ExitCode::Other, "the peer does not answer"},
    // images
    {Errc::BadManifest, "bad-manifest", ExitCode::VerificationFailed, "a manifest is not valid"},
    {Errc::BadSignature, "bad-signature", ExitCode::VerificationFailed,
     "a signature does not match its manifest"},
    {Errc::UntrustedKey, "untrusted-key", ExitCode::VerificationFailed,
     "a manifest is signed with a key that is not trusted here"},
    {Errc::BadBlock, "bad-block", ExitCode::VerificationFailed,
     "a block does not match the signed hash tree"},
    {Errc::DigestMismatch, "digest-mismatch", ExitCode::VerificationFailed,
     "the image does not match its digest"},
    {Errc::ImageIncompatible, "image-incompatible", ExitCode::VerificationFailed,
     "the image cannot be installed on this system"},
    {Errc::ImageExpired, "image-expired", ExitCode::VerificationFailed,
     "the manifest of the image has expired"},
    {Errc::ImageTooOld, "image-too-old", ExitCode::VerificationFailed,
     "the image is older than this system accepts"},
    {Errc::ImageFailedBefore, "image-failed-before", ExitCode::VerificationFailed,
     "the image ran on this system and was left"},
    {Errc::ImageTooLarge, "image-too-large", ExitCode::VerificationFailed,
     "the image does not fit into the slot"},
    // slots and files
    {Errc::SlotUnreadable, "slot-unreadable", ExitCode::WriteFailed, "a slot cannot be read"},
    {Errc::SlotWriteFailed, "slot-write-failed", ExitCode::WriteFailed,
     "writing to a slot or making it active failed"},
    {Errc::NoSpace, "no-space", ExitCode::WriteFailed, "there is not enough space"},
    {Errc::NoPermission, "no-permission", ExitCode::WriteFailed, "permission denied"},
    {Errc::NotFound, "not-found", ExitCode::Other, "something that was named does not exist"},
    {Errc::AlreadyExists, "already-exists", ExitCode::Other,
     "something of this name exists already"},
    {Errc::CorruptState, "corrupt-state", ExitCode::WriteFailed,
     "the state record is damaged in both copies"},
    {Errc::StateFailed, "state-failed", ExitCode::WriteFailed,
     "the state of the slots cannot be read or written"},
    {Errc::NewerState, "newer-state", ExitCode::WriteFailed,
     "the state record was written by a newer version of fwrecover"},
    {Errc::ActiveSlotUnknown, "active-slot-unknown", ExitCode::WriteFailed,
     "no state record says which slot the system runs from"},
    {Errc::NoRecord, "no-record", ExitCode::WriteFailed,
     "no state record says which version was confirmed on this system"},
    {Errc::IoFailed, "io-failed", ExitCode::Other, "reading or writing failed"},
    {Errc::AddressUnavailable, "address-unavailable", ExitCode::Other,
     "this address or line cannot be used"},
    {Errc::NothingOnTrial, "nothing-on-trial", ExitCode::Other, "no image is on trial"},
    {Errc::OnTrial, "on-trial", ExitCode::Other, "the active image is on trial"},
    {Errc::NoPreviousImage, "no-previous-image", ExitCode::Other,
     "there is no previous image to go back to"},
    // recovery
    {Errc::NoDonorAnswered, "no-donor-answered", ExitCode::NoDonor, "no donor answered"},
    {Errc::NoCompatibleImage, "no-compatible-image", ExitCode::NoDonor,
     "no donor has an image for this system"},
    {Errc::NoOfferAcceptable, "no-offer-acceptable", ExitCode::NoneAcceptable,
     "donors answered, but no offer is acceptable"},
    {Errc::AllDonorsFailed, "all-donors-failed", ExitCode::AllDonorsFailed,
     "every donor that was chosen failed"},
    {Errc::DonorBusy, "donor-busy", ExitCode::Other, "the donor has no lease free"},
    {Errc::DonorTooSlow, "donor-too-slow", ExitCode::Other, "the donor sends too slowly"},
    {Errc::OfferExpired, "offer-expired", ExitCode::Other, "the offer has expired"},
    {Errc::LeaseLost, "lease-lost", ExitCode::Other, "the donor has ended the lease"},
    {Errc::DeadlinePassed, "deadline-passed", ExitCode::Deadline, "the deadline has passed"},
    {Errc::AlreadyRunning, "already-running", ExitCode::AlreadyRunning,
     "a recovery is already running on this system"},
    {Errc::Interrupted, "interrupted", ExitCode::Interrupted, "the command was interrupted"},
    {Errc::NetworkDown, "network-down", ExitCode::NoDonor, "the network is not up"},
    {Errc::NameLookupFailed, "name-lookup-failed", ExitCode::NoDonor,
     "the name of a host could not be looked up now"},
    {Errc::ReplacementNeeded, "replacement-needed", ExitCode::ReplacementNeeded,
     "the firmware needs to be replaced"},
    // the caller
    {Errc::BadUsage, "bad-usage", ExitCode::Usage, "the command line is not valid"},
    {Errc::BadConfiguration, "bad-configuration", ExitCode::Usage,
     "the configuration is not valid"},
    {Errc::InsecureSecret, "insecure-secret", ExitCode::Usage, "a secret can be read by others"},
    {Errc::LimitExceeded, "limit-exceeded", ExitCode::Other, "a limit of this program is exceeded"},
    {Errc::NotBuilt, "not-built", ExitCode::Other, "this build lacks a required feature"},
    {Errc::Internal, "internal", ExitCode::Other, "an internal check failed"},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kErrors.size(); ++i)
    if (static_cast<std::size_t>(kErrors[i].code) != i || kErrors[i].name.empty()) return false;
  return true;
}
static_assert(in_order(), "the rows of kErrors have the order of Errc");

}  // namespace

const ErrorInfo& info(Errc code) {
  const auto index = static_cast<std::size_t>(code);
  return index < kErrors.size() ? kErrors[index] : kErrors.back();
}

std::string Error::message() const {
  std::string text(info(code).sentence);
  if (!detail.empty()) text.append(": ").append(detail);
  return text;
}

}  // namespace fwr
