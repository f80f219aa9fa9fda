// SPDX-License-Identifier: GPL-3.0-or-later
// The table of advice by error and command.
#include "fwrecover/advice.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"

namespace fwrecover {
namespace {

struct Row {
  std::string_view code;
  std::string_view command;  ///< the command begins with it
  std::string_view words;    ///< the message has them
  std::string_view advice;
};

// The first one that fits counts: those with words before those without.
constexpr std::array kRows{
    Row{"no-permission", "", "Read-only file system",
        "The file system is read-only: mount it writable, or name a place on another one."},
    Row{"state-failed", "", "Read-only file system",
        "The file system of the state directory is read-only: mount it writable."},
    Row{"no-permission", "", "ports below 1024",
        "Start it as root or with CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities), or serve at "
        "a "
        "port above 1023."},
    Row{"slot-write-failed", "", "another program uses it",
        "The active slot is untouched. \"lsblk\" and \"cat /proc/swaps\" show what is mounted or "
        "used as swap, also in other mount namespaces: end that, or mend the path in [slots]."},
    Row{"slot-write-failed", "", "is set to read-only",
        "The active slot is untouched. Make the device writable, or mend the path in [slots]."},
    Row{"slot-write-failed", "", "does not become active",
        "The active slot is untouched. Something replaced, removed or mounted over the path of the "
        "slot "
        "meanwhile: look at it with \"ls -l\" and \"lsblk\", then try again."},
    Row{"slot-unreadable", "", "there is no such device",
        "\"lsblk\" shows the devices that are there: plug it in, load its driver, or mend the path "
        "in [slots]."},
    Row{"slot-unreadable", "", "without a medium",
        "\"lsblk\" shows the devices and their sizes: give it its medium, or mend the path in "
        "[slots]."},
    Row{"no-space", "", "File too large",
        "A limit for the size of files is in force (\"ulimit -f\", LimitFSIZE= of a unit): raise "
        "it."},
    Row{"io-failed", "", "not a regular file",
        "Name a regular file: what is elsewhere is copied into one first."},
    Row{"io-failed", "", "its writer has sent nothing",
        "See why what writes into the pipe does not go on, or name a regular file."},
    Row{"address-unavailable", "", "no such address",
        "Name one of this machine's (\"ip address\" shows them), or 0.0.0.0 or [::] for all; for "
        "one "
        "that comes later, start later."},
    Row{"io-failed", "", "nothing came through this pipe",
        "Look whether the program that writes into the pipe runs, and what it said."},
    Row{"no-space", "fwdonor", "", "Free space where the message says, then try again."},
    Row{"not-found", "", ".minisig",
        "The manifest is not signed yet: minisign -S -s KEY -m MANIFEST."},
    Row{"not-found", "fwdonor add", ".manifest.json",
        "There is no manifest yet: \"fwdonor manifest\" writes it, then sign it with minisign."},
    Row{"already-exists", "fwdonor add", "",
        "Take the image out first (\"fwdonor remove\"), then add it with what is new."},
    Row{"deadline-passed", "fwrecover request", "tried:",
        "Mend what the message says of the donors, or name others; what arrived is kept."},
    Row{"bad-configuration", "", "nobody to ask",
        "Name a donor with --target or in lan.targets, or allow to broadcast."},
    Row{"image-incompatible", "", "it can be installed over version",
        "Install a version in between first: the manifest says from which one it can be installed "
        "(\"fwdonor show\")."},
    Row{"no-response", "fwdiag ping", "",
        "Check that the system is on, its address and port, and firewalls (UDP 623). Some systems "
        "answer no ping: try \"fwdiag capabilities\" on the same address."},
    Row{"session-lost", "fwdiag ping", "", "Check that the peer still runs, then try again."},
    Row{"no-donor-answered", "fwdiag discover", "",
        "Check that fwdonord runs there and has an image for this platform (\"fwdonor list\" on "
        "the "
        "donor), and firewalls: a donor lets UDP port 623 in, and one that asks by broadcast lets "
        "in "
        "what comes from UDP port 623."},
    Row{"no-donor-answered", "fwrecover", "nothing could be sent",
        "This system has no way to any of them: look at \"ip -br address\" and \"ip route get "
        "ADDRESS\", then try again."},
    Row{"no-donor-answered", "fwrecover", "fwdonord does not run there",
        "Start fwdonord there, or let UDP port 623 in; or check address and port of the target."},
    Row{"no-donor-answered", "fwrecover", "a firewall",
        "Let UDP port 623 through where the message says, or name other donors as targets."},
    Row{"no-donor-answered", "fwrecover", "255.255.255.255",
        "Check that fwdonord runs in this broadcast domain, or name donors as targets; try "
        "\"fwdiag "
        "discover\". A stateful firewall of this system drops answers to a broadcast: let in what "
        "comes from UDP port 623."},
    Row{"no-donor-answered", "fwrecover", "ff02::1",
        "Check that fwdonord runs in this broadcast domain, or name donors as targets; try "
        "\"fwdiag "
        "discover\". A stateful firewall of this system drops answers to a broadcast: let in what "
        "comes from UDP port 623."},
    Row{"no-donor-answered", "fwrecover", "",
        "Check that fwdonord runs on the named donors, their addresses, and firewalls (UDP port "
        "623): "
        "try \"fwdiag ping\" on the same address; \"ip neigh\" shows FAILED for a host that is "
        "off."},
    Row{"no-offer-acceptable", "fwrecover offers", "",
        "Read the reason of each offer above; then change [policy] or the donors' catalogues."},
    Row{"bad-manifest", "fwdonor manifest", "",
        "Change the option that the message names, and try again."},
    Row{"bad-manifest", "fwdonor verify", "",
        "Remove this image from the catalogue, and add it again with its manifest and signature."},
    Row{"bad-block", "fwdonor verify", "",
        "Remove this image from the catalogue, and add a good copy."},
    Row{"digest-mismatch", "fwdonor", "",
        "The image is not the one of this manifest: fetch a good copy of the image, and look "
        "whether "
        "manifest and image belong together."},
    Row{"digest-mismatch", "fwrecover verify", "",
        "Look whether manifest and image belong together; if they do, the copy of the image is "
        "damaged."},
    Row{"digest-mismatch", "fwrecover adopt", "",
        "Take the manifest of the image that is in this slot, or name the other slot."},
    Row{"digest-mismatch", "fwrecover request", "",
        "Try again; if it comes back, suspect the flash of the slot."},
    Row{"untrusted-key", "fwdonor", "",
        "Compare the key id with the trusted keys in fwdonord.toml; add the key only if you know "
        "it."},
    Row{"image-incompatible", "fwdonor show", "",
        "Compare [system] in fwrecover.toml with the platforms of the manifest."},
    Row{"corrupt-state", "fwrecover adopt", "",
        "Restore the file from a backup. Without one, move the damaged file away first, and then "
        "say "
        "which slot the system runs from, with --active."},
    Row{"active-slot-unknown", "fwrecover adopt", "",
        "Mount the state directory if it is not mounted. Otherwise find out which slot the system "
        "runs from, and say so with --active."},
    Row{"image-failed-before", "fwrecover request", "",
        "Offer an image in which the fault is mended, or insist with --again."},
    Row{"no-record", "fwrecover request", "",
        "Mount the state directory if it is not mounted. Otherwise run \"fwrecover adopt\" with "
        "the "
        "manifest of what the system runs from, or add --without-record, which judges no "
        "downgrade."},
    Row{"no-record", "fwrecover adopt", "",
        "Mount the state directory if it is not mounted. Otherwise say with --active which slot "
        "the "
        "system runs from."},
    Row{"nothing-on-trial", "fwrecover status", "", "Nothing needs to be confirmed."},
    Row{"on-trial", "fwrecover request", "",
        "Decide first: \"fwrecover confirm\" keeps the image, \"fwrecover rollback\" goes back. "
        "With "
        "--during-trial the image to go back to is given up."},
    Row{"on-trial", "fwrecover confirm", "",
        "\"fwrecover status\" shows the trial, \"fwrecover rollback\" goes back."},
    Row{"on-trial", "fwrecover rollback", "",
        "\"fwrecover status\" shows the trial, \"fwrecover confirm\" keeps the image."},
    Row{"no-previous-image", "fwrecover request", "",
        "Look at the slots with \"fwrecover status\"."},
    Row{"replacement-needed", "fwrecover request", "", "Read what is wrong above, and try again."},
    Row{"bad-configuration", "fwrecover config", "",
        "Mend the named line or option; fwrecover.toml(5) has all settings."},
    Row{"bad-configuration", "fwdonor", "",
        "Mend the named line; fwdonord.toml(5) has all settings."},
    Row{"bad-configuration", "fwdiag", "FWRECOVER_PASSWORD",
        "Name the file with --password-file: fwdiag reads no configuration."},
    Row{"bad-configuration", "fwdiag", "", "Mend what the message names."},
};

}  // namespace

std::string advice_for(std::string_view code, std::string_view command, std::string_view message) {
  const auto found = std::find_if(kRows.begin(), kRows.end(), [&](const Row& row) {
    return row.code == code && command.starts_with(row.command) &&
           message.find(row.words) != std::string_view::npos;
  });
  return found == kRows.end() ? std::string() : std::string(found->advice);
}

Conclusion advise(Conclusion conclusion, std::string_view command) {
  if (conclusion.ok()) return conclusion;
  const auto is_of_table = [&] {
    for (auto i = 0U; i <= static_cast<unsigned>(fwr::Errc::Internal); ++i)
      if (fwr::info(static_cast<fwr::Errc>(i)).advice == conclusion.advice) return true;
    return false;
  };
  std::string better = advice_for(conclusion.code, command, conclusion.message);
  if (!better.empty() && is_of_table()) conclusion.advice = std::move(better);
  return conclusion;
}

}  // namespace fwrecover
