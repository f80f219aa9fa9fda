#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A whole recovery, for real: usage demo.sh BUILDDIR.
#
# A damaged system, a management console and a peer server, each in its own network namespace on one
# bridge. Needs no root where unprivileged user namespaces are allowed. Without namespaces everything
# runs on 127.0.0.1 and the donors are named instead of found by broadcast; the script says which.
set -eu

build=$(cd "${1:?usage: demo.sh BUILDDIR}" && pwd)
script=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
fwrecover=$build/tools/fwrecover
fwdonord=$build/tools/fwdonord
fwdonor=$build/tools/fwdonor
for program in "$fwrecover" "$fwdonord" "$fwdonor"; do
  if [ ! -x "$program" ]; then
    echo "demo: $program is not there; type 'make' first" >&2
    exit 2
  fi
done

# --- a private network -----------------------------------------------------------------------------

if [ -z "${FWR_DEMO_NETWORK:-}" ]; then
  if unshare -rnm true 2>/dev/null; then
    FWR_DEMO_NETWORK=namespaces exec unshare -rnm sh "$script" "$build"
  fi
  FWR_DEMO_NETWORK=loopback
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/fwrecover-demo.XXXXXX")
pids=
cleanup() {
  for pid in $pids; do kill "$pid" 2>/dev/null || :; done
  wait
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

make_namespaces() {
  mount -t tmpfs tmpfs /run || return 1
  ip link set lo up && ip link add rack type bridge && ip link set rack up || return 1
  number=1
  for name in system console peer; do
    ip netns add $name &&
      ip link add "v$name" type veth peer name eth0 netns $name &&
      ip link set "v$name" master rack up &&
      ip -n $name link set lo up &&
      ip -n $name address add 10.0.0.$number/24 brd + dev eth0 &&
      ip -n $name link set eth0 up || return 1
    number=$((number + 1))
  done
}
if [ "$FWR_DEMO_NETWORK" = namespaces ] && ! make_namespaces 2>"$work/namespaces.log"; then
  FWR_DEMO_NETWORK=loopback
fi
if [ "$FWR_DEMO_NETWORK" = namespaces ]; then
  on() { name=$1; shift; ip netns exec "$name" "$@"; }
  console_address=0.0.0.0:623
  peer_address=0.0.0.0:623
  targets='[]'
  broadcast=true
else
  on() { shift; "$@"; }
  console_address=127.0.0.1:6231
  peer_address=127.0.0.1:6232
  targets="[\"$console_address\", \"$peer_address\"]"
  broadcast=false
fi

# --- telling ---------------------------------------------------------------------------------------

bold=
plain=
if [ -t 1 ]; then
  bold=$(printf '\033[1m')
  plain=$(printf '\033[0m')
fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
# run PLACE COMMAND...: shows the command as one would type it, then runs it there.
run() {
  place=$1
  shift
  shown=$(printf ' %s' "$@" | sed "s,$build/tools/,,g; s,$work/,,g")
  printf '%s$%s\n' "$place" "$shown"
  status=0
  if [ "$place" = vendor ]; then "$@" || status=$?; else on "$place" "$@" || status=$?; fi
  if [ $status -ne 0 ]; then printf '(exit status %s)\n' $status; fi
}
must() {
  if [ "$status" -ne "$1" ]; then
    echo "demo: expected exit status $1" >&2
    exit 1
  fi
}

# --- the story -------------------------------------------------------------------------------------

cd "$work"
say '1. The vendor signs two releases, 32 MiB each. The private key stays with the vendor.'
minisign -G -W -p vendor.pub -s vendor.key >/dev/null
for version in 2.13.1 2.14.0; do
  head -c 33554432 /dev/urandom >bmc-$version.img
done
printf 'donor-password-20byt' >donor.password
chmod 600 donor.password
for side in console peer; do
  if [ $side = console ]; then address=$console_address; else address=$peer_address; fi
  cat >$side.toml <<END
[catalogue]
directory = "$work/$side-catalogue"
[trust]
keys = ["$work/vendor.pub"]
[donor]
role = "$side"
name = "the $side"
guid = "$(cat /proc/sys/kernel/random/uuid)"
[lan]
listen = ["$address"]
[user.fwrecover]
password_file = "$work/donor.password"
END
done
publish() { # VERSION SECURITY SIDE
  run vendor "$fwdonor" manifest "bmc-$1.img" --name rack-bmc --image-version "$1" \
    --security-version "$2" --platform manufacturer=32473,product=7 --quiet
  must 0
  run vendor minisign -S -s vendor.key -m "bmc-$1.img.manifest.json" \
    -t "rack-bmc $1"
  must 0
  echo "Image, manifest and signature go to the $3; the private key does not."
  run "$3" "$fwdonor" --config "$3.toml" add "bmc-$1.img"
  must 0
}
publish 2.13.1 4 peer
publish 2.14.0 5 console

say '2. The console and a peer server serve the releases: fwdonord, from cron or systemd.'
serve() {
  printf '%s$ fwdonord --config %s.toml &\n' "$1" "$1"
  # Not by on(): its process would stand between us and the daemon's pid.
  if [ "$FWR_DEMO_NETWORK" = namespaces ]; then
    ip netns exec "$1" "$fwdonord" --config "$1.toml" 2>"$1.log" &
  else
    "$fwdonord" --config "$1.toml" 2>"$1.log" &
  fi
  pids="$pids $!"
  tries=0
  until grep -q ready "$1.log"; do
    tries=$((tries + 1))
    if [ $tries -gt 100 ]; then cat "$1.log" >&2; exit 1; fi
    sleep 0.05
  done
}
serve peer

cat >system.toml <<END
[system]
manufacturer = 32473
product = 7
[slots]
a = "$work/slot-a.img"
b = "$work/slot-b.img"
size = "64MiB"
state = "$work/state"
[trust]
keys = ["$work/vendor.pub"]
[donor]
user = "fwrecover"
password_file = "$work/donor.password"
[lan]
targets = $targets
broadcast = $broadcast
[policy]
offer_window = "1s"
prefer = ["security-version", "version", "role", "load", "rtt"]
END
run system "$fwrecover" --config system.toml request --quiet
must 0
run system "$fwrecover" --config system.toml confirm
must 0
serve console

say '3. Something damages the running firmware of the system.'
printf 'system$ (64 KiB of the active slot are overwritten)\n'
active=$(on system "$fwrecover" --config system.toml status --json | sed -n 's/.*"event":"status","active":"\(.\)".*/\1/p')
dd if=/dev/urandom of="slot-$active.img" bs=4096 seek=1000 count=16 conv=notrunc 2>/dev/null
run system "$fwrecover" --config system.toml check
must 10

if [ "$FWR_DEMO_NETWORK" = namespaces ]; then
  say '4. The system knows no address. Which donors answer? (broadcast on IPv4, multicast on IPv6)'
else
  say '4. Which donors answer? (no network namespaces on this machine: the two donors are named)'
fi
run system "$fwrecover" --config system.toml offers
must 0

say '5. The system recovers: the policy chooses a donor; the image is fetched, verified, written and activated on trial.'
run system "$fwrecover" --config system.toml request
must 0

say '6. The new firmware works and is confirmed. The system is healthy.'
run system "$fwrecover" --config system.toml confirm
must 0
run system "$fwrecover" --config system.toml check
must 0
run system "$fwrecover" --config system.toml status
run system "$fwrecover" --config system.toml history

say 'The log of the console:'
cat console.log

active=$(on system "$fwrecover" --config system.toml status --json | sed -n 's/.*"event":"status","active":"\(.\)".*/\1/p')
cmp -n 33554432 "slot-$active.img" bmc-2.14.0.img
say "Done: slot $active holds bmc-2.14.0.img, byte for byte."
