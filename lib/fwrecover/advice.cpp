// SPDX-License-Identifier: GPL-3.0-or-later
// The one table of advice: general advice for every error, and better advice by subject, command
// and words of the message.
#include "fwrecover/advice.hpp"

#include <algorithm>
#include <array>
#include <type_traits>

namespace fwrecover {
namespace {

using fwr::Errc;

struct SubjectRow {
  Errc code;
  std::size_t about;        ///< alternative of fwr::Subject
  std::string_view advice;  ///< "{}" is the device of a line
};
struct Row {
  Errc code;
  std::string_view command;  ///< the command begins with it
  std::string_view words;    ///< the message has them
  std::string_view advice;
};
struct General {
  Errc code;
  std::string_view advice;
};

template <class Kind, std::size_t i = 0>
constexpr std::size_t index_of() {
  if constexpr (std::is_same_v<std::variant_alternative_t<i, fwr::Subject>, Kind>)
    return i;
  else
    return index_of<Kind, i + 1>();
}

constexpr std::array kSubjectRows{
    SubjectRow{Errc::AddressUnavailable, index_of<fwr::SerialLine>(),
               "End the program that uses it (\"fuser {}\" names it), or take another line."},
    SubjectRow{Errc::NotFound, index_of<fwr::SerialLine>(),
               "Check the name, and that the adapter is plugged in; a service sees no devices "
               "without the drop-in of contrib/lines."},
    SubjectRow{Errc::NotFound, index_of<fwr::BluetoothAdapter>(),
               "See whether an adapter is there and on (\"bluetoothctl show\"); a service needs "
               "the drop-in of contrib/lines."},
    SubjectRow{Errc::NotFound, index_of<fwr::MissingCatalogue>(),
               "\"fwdonor add\" makes it with the first image; or name another directory: "
               "catalogue.directory."},
};

// The first one that fits counts: those with words before those without.
constexpr std::array kRows{
    Row{Errc::NoPermission, "", "Read-only file system",
        "The file system is read-only: mount it writable, or name a place on another one."},
    Row{Errc::StateFailed, "", "Read-only file system",
        "The file system of the state directory is read-only: mount it writable."},
    Row{Errc::NoPermission, "", "ports below 1024",
        "Start it as root or with CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities), or listen "
        "on a port above 1023."},
    Row{Errc::SlotWriteFailed, "", "another program uses it",
        "The active slot is untouched. \"lsblk\" and \"cat /proc/swaps\" show what is mounted or "
        "used as swap, also in other mount namespaces: end that, or correct the path in [slots]."},
    Row{Errc::SlotWriteFailed, "", "is set to read-only",
        "The active slot is untouched. Make the device writable, or correct the path in [slots]."},
    Row{Errc::SlotWriteFailed, "", "does not become active",
        "The active slot is untouched. Something replaced, removed or mounted over the path of the "
        "slot meanwhile: look at it with \"ls -l\" and \"lsblk\", then try again."},
    Row{Errc::SlotUnreadable, "", "there is no such device",
        "\"lsblk\" shows the devices that are there: plug it in, load its driver, or correct the "
        "path in [slots]."},
    Row{Errc::SlotUnreadable, "", "without a medium",
        "\"lsblk\" shows the devices and their sizes: give it its medium, or correct the path in "
        "[slots]."},
    Row{Errc::NoSpace, "", "File too large",
        "A limit for the size of files is in force (\"ulimit -f\", LimitFSIZE= of a unit): raise "
        "it."},
    Row{Errc::IoFailed, "", "not a regular file",
        "Name a regular file: what is elsewhere is copied into one first."},
    Row{Errc::IoFailed, "", "its writer has sent nothing",
        "See why what writes into the pipe does not go on, or name a regular file."},
    Row{Errc::AddressUnavailable, "", "no such address",
        "Name one of this machine's (\"ip address\" shows them), or 0.0.0.0 or [::] for all; for "
        "one that comes later, start later."},
    Row{Errc::IoFailed, "", "nothing came through this pipe",
        "Look whether the program that writes into the pipe runs, and what it said."},
    Row{Errc::NoSpace, "fwdonor", "", "Free space where the message says, then try again."},
    Row{Errc::NotFound, "", ".minisig",
        "The manifest is not signed yet: minisign -S -s KEY -m MANIFEST."},
    Row{Errc::NotFound, "fwdonor add", ".manifest.json",
        "There is no manifest yet: \"fwdonor manifest\" writes it, then sign it with minisign."},
    Row{Errc::AlreadyExists, "fwdonor add", "",
        "Take the image out first (\"fwdonor remove\"), then add it with what is new."},
    Row{Errc::DeadlinePassed, "fwrecover request", "tried:",
        "Correct what the message says of the donors, or name others; what arrived is kept."},
    Row{Errc::BadConfiguration, "", "nobody to ask",
        "Name a donor with --target or in lan.targets, or allow to broadcast."},
    Row{Errc::ImageIncompatible, "", "it can be installed over version",
        "Install a version in between first: the manifest says from which one it can be installed "
        "(\"fwdonor show\")."},
    Row{Errc::NoResponse, "fwdiag ping", "",
        "Check that the system is on, its address and port, and firewalls (UDP 623). Some systems "
        "answer no ping: try \"fwdiag capabilities\" on the same address."},
    Row{Errc::SessionLost, "fwdiag ping", "", "Check that the peer still runs, then try again."},
    Row{Errc::NoDonorAnswered, "fwdiag discover", "",
        "Check that fwdonord runs there and has an image for this platform (\"fwdonor list\" on "
        "the donor), and firewalls: a donor lets UDP port 623 in, and one that asks by broadcast "
        "lets in what comes from UDP port 623."},
    Row{Errc::NoDonorAnswered, "fwrecover", "nothing could be sent",
        "This system has no way to any of them: look at \"ip -br address\" and \"ip route get "
        "ADDRESS\", then try again."},
    Row{Errc::NoDonorAnswered, "fwrecover", "fwdonord does not run there",
        "Start fwdonord there, or let UDP port 623 in; or check address and port of the target."},
    Row{Errc::NoDonorAnswered, "fwrecover", "a firewall",
        "Let UDP port 623 through where the message says, or name other donors as targets."},
    Row{Errc::NoDonorAnswered, "fwrecover", "255.255.255.255",
        "Check that fwdonord runs in this broadcast domain, or name donors as targets; try "
        "\"fwdiag discover\". A stateful firewall of this system drops answers to a broadcast: let "
        "in what comes from UDP port 623."},
    Row{Errc::NoDonorAnswered, "fwrecover", "ff02::1",
        "Check that fwdonord runs in this broadcast domain, or name donors as targets; try "
        "\"fwdiag discover\". A stateful firewall of this system drops answers to a broadcast: let "
        "in what comes from UDP port 623."},
    Row{Errc::NoDonorAnswered, "fwrecover", "",
        "Check that fwdonord runs on the named donors, their addresses, and firewalls (UDP port "
        "623): try \"fwdiag ping\" on the same address; \"ip neigh\" shows FAILED for a host that "
        "is off."},
    Row{Errc::NoOfferAcceptable, "fwrecover offers", "",
        "Read the reason of each offer above; then change [policy] or the donors' catalogues."},
    Row{Errc::BadManifest, "fwdonor manifest", "",
        "Change the option that the message names, and try again."},
    Row{Errc::BadManifest, "fwdonor verify", "",
        "Remove this image from the catalogue, and add it again with its manifest and signature."},
    Row{Errc::BadBlock, "fwdonor verify", "",
        "Remove this image from the catalogue, and add a good copy."},
    Row{Errc::DigestMismatch, "fwdonor", "",
        "The image is not the one of this manifest: fetch a good copy of the image, and look "
        "whether manifest and image belong together."},
    Row{Errc::DigestMismatch, "fwrecover verify", "",
        "Look whether manifest and image belong together; if they do, the copy of the image is "
        "damaged."},
    Row{Errc::DigestMismatch, "fwrecover adopt", "",
        "Take the manifest of the image that is in this slot, or name the other slot."},
    Row{Errc::DigestMismatch, "fwrecover request", "",
        "Try again; if it comes back, suspect the flash of the slot."},
    Row{Errc::UntrustedKey, "fwdonor", "",
        "Compare the key id with the trusted keys in fwdonord.toml; add the key only if you know "
        "it."},
    Row{Errc::ImageIncompatible, "fwdonor show", "",
        "Compare [system] in fwrecover.toml with the platforms of the manifest."},
    Row{Errc::CorruptState, "fwrecover adopt", "",
        "Restore the file from a backup. Without one, move the damaged file away first, and then "
        "say which slot the system runs from, with --active."},
    Row{Errc::ActiveSlotUnknown, "fwrecover adopt", "",
        "Mount the state directory if it is not mounted. Otherwise find out which slot the system "
        "runs from, and say so with --active."},
    Row{Errc::ImageFailedBefore, "fwrecover request", "",
        "Offer an image in which the fault is corrected, or insist with --again."},
    Row{Errc::NoRecord, "fwrecover request", "",
        "Mount the state directory if it is not mounted. Otherwise run \"fwrecover adopt\" with "
        "the manifest of what the system runs from, or add --without-record, which judges no "
        "downgrade."},
    Row{Errc::NoRecord, "fwrecover adopt", "",
        "Mount the state directory if it is not mounted. Otherwise say with --active which slot "
        "the system runs from."},
    Row{Errc::NothingOnTrial, "fwrecover status", "", "Nothing needs to be confirmed."},
    Row{Errc::OnTrial, "fwrecover request", "",
        "Decide first: \"fwrecover confirm\" keeps the image, \"fwrecover rollback\" goes back. "
        "With --during-trial the image to go back to is given up."},
    Row{Errc::OnTrial, "fwrecover confirm", "",
        "\"fwrecover status\" shows the trial, \"fwrecover rollback\" goes back."},
    Row{Errc::OnTrial, "fwrecover rollback", "",
        "\"fwrecover status\" shows the trial, \"fwrecover confirm\" keeps the image."},
    Row{Errc::NoPreviousImage, "fwrecover request", "",
        "Look at the slots with \"fwrecover status\"."},
    Row{Errc::ReplacementNeeded, "fwrecover request", "",
        "Read what is wrong above, and try again."},
    Row{Errc::BadConfiguration, "fwrecover config", "",
        "Correct the named line or option; fwrecover.toml(5) has all settings."},
    Row{Errc::BadConfiguration, "fwdonord", "",
        "Correct the named line; \"fwdonord --show-config\" shows each value and where it comes "
        "from."},
    Row{Errc::BadConfiguration, "fwdonor", "",
        "Correct the named line; fwdonord.toml(5) has all settings."},
    Row{Errc::BadConfiguration, "fwdiag", "FWRECOVER_PASSWORD",
        "Name the file with --password-file: fwdiag reads no configuration."},
    Row{Errc::BadConfiguration, "fwdiag", "", "Correct what the message names."},
};

// fwrecover(8), ERROR NAMES. In the order of the enumeration.
constexpr std::array kGeneral{
    General{
        Errc::Truncated,
        "Check the path for anything that cuts packets, and that both ends run the same release."},
    General{Errc::TrailingBytes,
            "Check that the peer speaks IPMI v2.0 on this port, and report its model if it does."},
    General{Errc::BadField, "Check that the peer speaks IPMI v2.0 and this protocol on this port."},
    General{Errc::BadChecksum,
            "Check cabling and media; something between the two ends changes bytes."},
    General{Errc::Unsupported,
            "Update the older end, or allow what it needs in the configuration."},
    General{
        Errc::AuthenticationFailed,
        "Compare user, secret file and K_g file with the accounts in the donor's fwdonord.toml."},
    General{Errc::NoCommonCipherSuite,
            "Allow cipher suite 17 at both ends, or suite 3 at both for old equipment."},
    General{Errc::PrivilegeTooLow,
            "Give the account User privilege on the donor, or use another account."},
    General{Errc::SessionLimit, "Wait a minute for idle sessions to end, then try again."},
    General{Errc::SessionLost,
            "Check that the peer still runs and answers \"fwdiag ping\", then try again."},
    General{Errc::CommandRejected,
            "Read the completion code that follows, and check the peer's log for its reason."},
    General{
        Errc::NoResponse,
        "Try \"fwdiag ping\" on the same address; check address, port and firewalls (UDP 623)."},
    General{Errc::BadManifest,
            "Write the manifest again with \"fwdonor manifest\", sign it, and add it to the "
            "catalogue."},
    General{Errc::BadSignature,
            "Sign the manifest again with minisign; if it was not changed on purpose, distrust its "
            "source."},
    General{Errc::UntrustedKey,
            "Compare the key id with the trusted keys in fwrecover.toml; add the key only if you "
            "know it."},
    General{
        Errc::BadBlock,
        "Run \"fwdonor verify\" on the donor that sent it; its copy of the image may be damaged."},
    General{
        Errc::DigestMismatch,
        "Recover this slot again with \"fwrecover request\"; if it comes back, suspect the flash."},
    General{Errc::ImageIncompatible,
            "Compare [system] in fwrecover.toml with the platforms and the minimum version of the "
            "manifest (\"fwdonor show\")."},
    General{Errc::ImageExpired,
            "Put a current image into the donors' catalogues, and check the clock of this system."},
    General{Errc::ImageTooOld,
            "Offer an image with a higher security version, or allow the downgrade in [policy]."},
    General{Errc::ImageFailedBefore,
            "Offer an image in which the fault is corrected, or insist: \"fwrecover request "
            "--again\"."},
    General{
        Errc::ImageTooLarge,
        "Check that the donors offer the image for this flash layout, and the size of the slot."},
    General{Errc::SlotUnreadable,
            "Check that the slot's path in fwrecover.toml exists and is readable; then look for "
            "flash errors in the kernel log."},
    General{
        Errc::SlotWriteFailed,
        "The active slot is untouched. Look for flash errors in the kernel log, then try again."},
    General{Errc::NoSpace,
            "Free space where the slot and the state record are kept, then try again."},
    General{Errc::NoPermission, "Run the command as root, or give this user access to the path."},
    General{Errc::NotFound, "Check the name for a spelling mistake."},
    General{Errc::AlreadyExists, "Remove the existing one first, or choose another name."},
    General{Errc::CorruptState,
            "Restore the file from a backup. Without one, find out which slot the system runs "
            "from, move the file away, and say which slot it is: \"fwrecover adopt --active SLOT "
            "MANIFEST\"."},
    General{Errc::StateFailed,
            "The active slot is untouched. Check the kernel log for errors of the file system that "
            "has the state directory, then try again."},
    General{Errc::NewerState,
            "Use that version, or a later one, on this system. Do not move the record away: it "
            "says which slot the system runs from."},
    General{Errc::ActiveSlotUnknown,
            "Mount the state directory if it is not mounted. Otherwise find out which slot the "
            "system runs from, and say so: \"fwrecover adopt --active SLOT MANIFEST\", or --set "
            "slots.active=SLOT."},
    General{Errc::NoRecord,
            "Mount the state directory if it is not mounted. Otherwise run \"fwrecover adopt\" "
            "with the manifest of what the system runs from, or \"fwrecover request "
            "--without-record\", which judges no downgrade."},
    General{Errc::IoFailed, "Check the kernel log for errors of the device or file system."},
    General{Errc::AddressUnavailable,
            "End the program that uses it (\"ss -lup\" names it), or listen on another one."},
    General{Errc::NothingOnTrial,
            "Nothing needs to be confirmed; \"fwrecover status\" shows the slots."},
    General{Errc::OnTrial,
            "Decide first: \"fwrecover confirm\" keeps it, \"fwrecover rollback\" goes back. "
            "\"fwrecover request --during-trial\" gives up the image to go back to."},
    General{Errc::NoPreviousImage, "Use \"fwrecover request\" to fetch an image from a donor."},
    General{Errc::NoDonorAnswered,
            "Check that fwdonord runs in this broadcast domain, or name donors as targets; try "
            "\"fwdiag discover\"."},
    General{Errc::NoCompatibleImage,
            "Compare [system] in fwrecover.toml with the platforms of the donors' images, and add "
            "an image for this system."},
    General{Errc::NoOfferAcceptable,
            "Run \"fwrecover offers\": it gives the reason for each offer; then change [policy] or "
            "the donors' catalogues."},
    General{Errc::AllDonorsFailed,
            "Read the reason for each donor above; correct one of them and try again. What arrived "
            "is kept."},
    General{Errc::DonorBusy,
            "Try again in some seconds, add a donor, or raise its limit of leases."},
    General{Errc::DonorTooSlow,
            "Look at the load of this donor and at the network to it, or allow a longer deadline."},
    General{Errc::OfferExpired, "Try again: a new request gets a new offer."},
    General{Errc::LeaseLost,
            "Check the donor's log: the lease expired, or the image was removed. Then try again."},
    General{Errc::DeadlinePassed,
            "Try again: what arrived is kept. Raise the deadline in [policy] if the link is slow."},
    General{Errc::AlreadyRunning,
            "Wait until it ends; the file \"lock\" in the state directory has its process id."},
    General{Errc::Interrupted,
            "Start it again: what arrived is kept, and the active slot is untouched."},
    General{
        Errc::NetworkDown,
        "Look at \"ip -br address\": bring an interface up, or wait until it is, and try again."},
    General{Errc::NameLookupFailed,
            "Look at /etc/resolv.conf and the way to the name server, then try again; an address "
            "in digits needs no name server."},
    General{Errc::ReplacementNeeded, "Run \"fwrecover request\"."},
    General{Errc::BadUsage, "Run the command with --help to see its arguments."},
    General{
        Errc::BadConfiguration,
        "Correct the named line; \"fwrecover config\" shows each value and where it comes from."},
    General{Errc::InsecureSecret,
            "Run \"chmod 600\" on the file and make its user the owner; change the secret if "
            "others may have read it."},
    General{Errc::LimitExceeded,
            "Make the named thing smaller; fwrecover's manual pages list the limits."},
    General{Errc::NotBuilt, "Use a package that has it, or configure and build with it."},
    General{Errc::Internal,
            "This is a defect of this program: please report it with the full message."},
};
static_assert(kGeneral.size() == static_cast<std::size_t>(Errc::Internal) + 1);
static_assert([] {
  for (std::size_t i = 0; i < kGeneral.size(); ++i)
    if (kGeneral.at(i).code != static_cast<Errc>(i)) return false;
  return true;
}());

bool is_general(std::string_view advice) {
  return std::any_of(kGeneral.begin(), kGeneral.end(),
                     [&](const General& row) { return row.advice == advice; });
}

/// The first row that fits; nullptr: only the general advice does.
const Row* find_row(std::string_view code, std::string_view command, std::string_view message) {
  const auto* const found = std::find_if(kRows.begin(), kRows.end(), [&](const Row& row) {
    return fwr::info(row.code).name == code && command.starts_with(row.command) &&
           message.find(row.words) != std::string_view::npos;
  });
  return found == kRows.end() ? nullptr : found;
}

}  // namespace

std::string_view general_advice(Errc code) {
  return kGeneral.at(static_cast<std::size_t>(code)).advice;
}

std::string_view general_advice(std::string_view code) {
  for (const General& row : kGeneral)
    if (fwr::info(row.code).name == code) return row.advice;
  return {};
}

std::string advice_about(Errc code, const fwr::Subject& about) {
  const auto found = std::find_if(
      kSubjectRows.begin(), kSubjectRows.end(),
      [&](const SubjectRow& row) { return row.code == code && row.about == about.index(); });
  if (found == kSubjectRows.end()) return {};
  std::string advice(found->advice);
  if (const auto* line = std::get_if<fwr::SerialLine>(&about))
    if (const auto at = advice.find("{}"); at != std::string::npos)
      advice.replace(at, 2, line->device);
  return advice;
}

std::string advice_for(Errc code, std::string_view command, std::string_view message) {
  const Row* const row = find_row(fwr::info(code).name, command, message);
  return std::string(row != nullptr ? row->advice : general_advice(code));
}

Conclusion advise(Conclusion conclusion, std::string_view command) {
  if (conclusion.ok() || !is_general(conclusion.advice)) return conclusion;
  if (const Row* const row = find_row(conclusion.code, command, conclusion.message))
    conclusion.advice = std::string(row->advice);
  return conclusion;
}

}  // namespace fwrecover
