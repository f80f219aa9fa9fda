// SPDX-License-Identifier: GPL-3.0-or-later
// The error table: for each code its name, exit code, sentence and advice.
#include "base/error.hpp"

#include <array>
#include <cstddef>

namespace fwr {
namespace {

constexpr std::size_t kErrorCount = static_cast<std::size_t>(Errc::Internal) + 1;

constexpr std::array<ErrorInfo, kErrorCount> kErrors{{
    // a peer's bytes
    {Errc::Truncated, "truncated", ExitCode::Other, "a message is shorter than its layout",
     "Check the path for anything that cuts packets, and that both ends run the same release."},
    {Errc::TrailingBytes, "trailing-bytes", ExitCode::Other,
     "a message is longer than its layout allows",
     "Check that the peer speaks IPMI v2.0 on this port, and report its model if it does."},
    {Errc::BadField, "bad-field", ExitCode::Other, "a message has a field with a forbidden value",
     "Check that the peer speaks IPMI v2.0 and this protocol on this port."},
    {Errc::BadChecksum, "bad-checksum", ExitCode::Other, "a message has a wrong checksum",
     "Check cabling and media; something between the two ends changes bytes."},
    {Errc::Unsupported, "unsupported", ExitCode::Other,
     "the peer asks for a version or an algorithm that is not spoken here",
     "Update the older end, or allow what it needs in the configuration."},
    // sessions
    {Errc::AuthenticationFailed, "authentication-failed", ExitCode::Other,
     "the donor does not accept user name, password or K_g",
     "Compare user, secret file and K_g file with the accounts in the donor's fwdonord.toml."},
    {Errc::NoCommonCipherSuite, "no-common-cipher-suite", ExitCode::Other,
     "the two ends have no cipher suite in common",
     "Allow cipher suite 17 at both ends, or suite 3 at both for old equipment."},
    {Errc::PrivilegeTooLow, "privilege-too-low", ExitCode::Other,
     "the account has too little privilege for this command",
     "Give the account User privilege on the donor, or use another account."},
    {Errc::SessionLimit, "session-limit", ExitCode::Other, "the peer has no room for a session",
     "Wait a minute for idle sessions to end, then try again."},
    {Errc::SessionLost, "session-lost", ExitCode::Other, "the session with the peer has ended",
     "Check that the peer still runs and answers \"fwdiag ping\", then try again."},
    {Errc::CommandRejected, "command-rejected", ExitCode::Other, "the peer rejected a command",
     "Read the completion code that follows, and look into the peer's log for its reason."},
    {Errc::NoResponse, "no-response", ExitCode::Other, "the peer does not answer",
     "Try \"fwdiag ping\" on the same address; check address, port and firewalls (UDP 623)."},
    // images
    {Errc::BadManifest, "bad-manifest", ExitCode::VerificationFailed, "a manifest is not valid",
     "Write the manifest again with \"fwdonor manifest\", sign it, and add it to the catalogue."},
    {Errc::BadSignature, "bad-signature", ExitCode::VerificationFailed,
     "a signature does not match its manifest",
     "Sign the manifest again with minisign; if nobody changed it, distrust where it came from."},
    {Errc::UntrustedKey, "untrusted-key", ExitCode::VerificationFailed,
     "a manifest is signed with a key that is not trusted here",
     "Compare the key id with the trusted keys in fwrecover.toml; add the key only if you know "
     "it."},
    {Errc::BadBlock, "bad-block", ExitCode::VerificationFailed,
     "a block does not match the signed hash tree",
     "Run \"fwdonor verify\" on the donor that sent it; its copy of the image may be damaged."},
    {Errc::DigestMismatch, "digest-mismatch", ExitCode::VerificationFailed,
     "the image does not match its digest",
     "Recover this slot again with \"fwrecover request\"; if it comes back, suspect the flash."},
    {Errc::ImageIncompatible, "image-incompatible", ExitCode::VerificationFailed,
     "the image cannot be installed on this system",
     "Compare [system] in fwrecover.toml with the platforms and the minimum version of the "
     "manifest (\"fwdonor show\")."},
    {Errc::ImageExpired, "image-expired", ExitCode::VerificationFailed,
     "the manifest of the image has expired",
     "Put a current image into the donors' catalogues, and check the clock of this system."},
    {Errc::ImageTooOld, "image-too-old", ExitCode::VerificationFailed,
     "the image is older than this system accepts",
     "Offer an image with a higher security version, or allow the downgrade in [policy]."},
    {Errc::ImageFailedBefore, "image-failed-before", ExitCode::VerificationFailed,
     "the image ran on this system and was left",
     "Offer an image in which the fault is mended, or insist: \"fwrecover request --again\"."},
    {Errc::ImageTooLarge, "image-too-large", ExitCode::VerificationFailed,
     "the image does not fit into the slot",
     "Check that the donors offer the image for this flash layout, and the size of the slot."},
    // slots and files
    {Errc::SlotUnreadable, "slot-unreadable", ExitCode::WriteFailed, "a slot cannot be read",
     "Check that the slot's path in fwrecover.toml exists and is readable; then look for flash "
     "errors in the kernel log."},
    {Errc::SlotWriteFailed, "slot-write-failed", ExitCode::WriteFailed,
     "writing to a slot or making it active failed",
     "The active slot is untouched. Look for flash errors in the kernel log, then try again."},
    {Errc::NoSpace, "no-space", ExitCode::WriteFailed, "there is not enough space",
     "Free space where the slot and the state record are kept, then try again."},
    {Errc::NoPermission, "no-permission", ExitCode::WriteFailed, "permission denied",
     "Run the command as root, or give this user access to the path."},
    {Errc::NotFound, "not-found", ExitCode::Other, "something that was named does not exist",
     "Check the name for a spelling mistake."},
    {Errc::AlreadyExists, "already-exists", ExitCode::Other,
     "something of this name exists already",
     "Remove the existing one first, or choose another name."},
    {Errc::CorruptState, "corrupt-state", ExitCode::WriteFailed,
     "the state record is damaged in both copies",
     "Restore the file from a backup. Without one, find out which slot the system runs from, move "
     "the file away, and say which slot it is: \"fwrecover adopt --active SLOT MANIFEST\"."},
    {Errc::StateFailed, "state-failed", ExitCode::WriteFailed,
     "the state of the slots cannot be read or written",
     "The active slot is untouched. Look into the kernel log for errors of the file system that "
     "has the state directory, then try again."},
    {Errc::NewerState, "newer-state", ExitCode::WriteFailed,
     "the state record was written by a newer version of fwrecover",
     "Use that version, or a later one, on this system. Do not move the record away: it says which "
     "slot the system runs from."},
    {Errc::ActiveSlotUnknown, "active-slot-unknown", ExitCode::WriteFailed,
     "no state record says which slot the system runs from",
     "Mount the state directory if it is not mounted. Otherwise find out which slot the system "
     "runs "
     "from, and say so: \"fwrecover adopt --active SLOT MANIFEST\", or --set slots.active=SLOT."},
    {Errc::NoRecord, "no-record", ExitCode::WriteFailed,
     "no state record says which version was confirmed on this system",
     "Mount the state directory if it is not mounted. Otherwise run \"fwrecover adopt\" with the "
     "manifest of what the system runs from, or \"fwrecover request --without-record\", which "
     "judges no downgrade."},
    {Errc::IoFailed, "io-failed", ExitCode::Other, "reading or writing failed",
     "Look into the kernel log for errors of the device or file system."},
    {Errc::AddressUnavailable, "address-unavailable", ExitCode::Other,
     "this address cannot be served at",
     "End the program that uses it (\"ss -lup\" names it), or serve at another address."},
    {Errc::NothingOnTrial, "nothing-on-trial", ExitCode::Other, "no image is on trial",
     "Nothing needs to be confirmed; \"fwrecover status\" shows the slots."},
    {Errc::OnTrial, "on-trial", ExitCode::Other, "the active image is on trial",
     "Decide first: \"fwrecover confirm\" keeps it, \"fwrecover rollback\" goes back. \"fwrecover "
     "request --during-trial\" gives up the image to go back to."},
    {Errc::NoPreviousImage, "no-previous-image", ExitCode::Other,
     "there is no previous image to go back to",
     "Use \"fwrecover request\" to fetch an image from a donor."},
    // recovery
    {Errc::NoDonorAnswered, "no-donor-answered", ExitCode::NoDonor, "no donor answered",
     "Check that fwdonord runs in this broadcast domain, or name donors as targets; try "
     "\"fwdiag discover\"."},
    {Errc::NoCompatibleImage, "no-compatible-image", ExitCode::NoDonor,
     "no donor has an image for this system",
     "Compare [system] in fwrecover.toml with the platforms of the donors' images, and add an "
     "image "
     "for this system."},
    {Errc::NoOfferAcceptable, "no-offer-acceptable", ExitCode::NoneAcceptable,
     "donors answered, but no offer is acceptable",
     "Run \"fwrecover offers\": it gives the reason for each offer; then change [policy] or the "
     "donors' catalogues."},
    {Errc::AllDonorsFailed, "all-donors-failed", ExitCode::AllDonorsFailed,
     "every donor that was chosen failed",
     "Read the reason for each donor above; mend one of them and try again. What arrived is kept."},
    {Errc::DonorBusy, "donor-busy", ExitCode::Other, "the donor has no lease free",
     "Try again in some seconds, add a donor, or raise its limit of leases."},
    {Errc::DonorTooSlow, "donor-too-slow", ExitCode::Other, "the donor sends too slowly",
     "Look at the load of this donor and at the network to it, or allow a longer deadline."},
    {Errc::OfferExpired, "offer-expired", ExitCode::Other, "the offer has expired",
     "Try again: a new request gets a new offer."},
    {Errc::LeaseLost, "lease-lost", ExitCode::Other, "the donor has ended the lease",
     "Look into the donor's log: the lease expired, or the image was removed. Then try again."},
    {Errc::DeadlinePassed, "deadline-passed", ExitCode::Deadline, "the deadline has passed",
     "Try again: what arrived is kept. Raise the deadline in [policy] if the link is slow."},
    {Errc::AlreadyRunning, "already-running", ExitCode::AlreadyRunning,
     "a recovery is already running on this system",
     "Wait until it ends; the file \"lock\" in the state directory has its process id."},
    {Errc::Interrupted, "interrupted", ExitCode::Interrupted, "the command was interrupted",
     "Start it again: what arrived is kept, and the active slot is untouched."},
    {Errc::NetworkDown, "network-down", ExitCode::NoDonor, "the network is not up",
     "Look at \"ip -br address\": bring an interface up, or wait until it is, and try again."},
    {Errc::NameLookupFailed, "name-lookup-failed", ExitCode::NoDonor,
     "the name of a host could not be looked up now",
     "Look at /etc/resolv.conf and the way to the name server, then try again; an address in "
     "digits needs no name server."},
    {Errc::ReplacementNeeded, "replacement-needed", ExitCode::ReplacementNeeded,
     "the firmware needs to be replaced", "Run \"fwrecover request\"."},
    // the caller
    {Errc::BadUsage, "bad-usage", ExitCode::Usage, "the command line is not valid",
     "Run the command with --help to see its arguments."},
    {Errc::BadConfiguration, "bad-configuration", ExitCode::Usage, "the configuration is not valid",
     "Mend the named line; \"fwrecover config\" shows each value and where it comes from."},
    {Errc::InsecureSecret, "insecure-secret", ExitCode::Usage, "a secret can be read by others",
     "Run \"chmod 600\" on the file and make its user the owner; change the secret if others "
     "may have read it."},
    {Errc::LimitExceeded, "limit-exceeded", ExitCode::Other, "a limit of this program is exceeded",
     "Make the named thing smaller; fwrecover's manual pages list the limits."},
    {Errc::NotBuilt, "not-built", ExitCode::Other, "a part that is needed is not in this build",
     "Use a package that has it, or configure and build with it."},
    {Errc::Internal, "internal", ExitCode::Other, "an internal check failed",
     "This is a defect of this program: please report it with the full message."},
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
