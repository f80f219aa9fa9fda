#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Media together: a console on the LAN and a peer in reach of Bluetooth. The LAN goes down in the middle, and the
# recovery goes on over Bluetooth with what it has; in the long form the LAN comes back, and so does the recovery.
. "$TOP_SRCDIR/tests/vm/guest.sh"
. "$TOP_SRCDIR/tests/vm/bluetooth-lib.sh"
command -v rfcomm_stream >/dev/null || skip 'configured without Bluetooth'

cleanup() { cp out.json /results/media.json 2>/dev/null; }

# begin_request: a recovery in the background, its events in out.json.
begin_request() {
  rm -rf system-a system-b system-state
  : >out.json
  start request.log sh -c "exec $FWRECOVER --config system.toml --json request >out.json"
  request=$started
}
end_request() {
  status=0
  wait "$request" || status=$?
  if [ "$status" -ne 0 ]; then
    cat out.json
    fail "the recovery ended with $status"
  fi
  expect_installed system image
}
# serves MEDIUM COUNT: whether COUNT donors have been tried over MEDIUM.
serves() { [ "$(grep -c "\"event\":\"donor\".*\"medium\":\"$1\"" out.json)" -ge "$2" ]; }
# has MEGABYTES: whether so much is in the slot.
has() { grep -q "\"event\":\"progress\",\"done\":[$1-9][0-9]\{6,\}" out.json; }
fetched() { sed -n 's/.*"event":"recovered".*"fetched":\([0-9]*\).*/\1/p' out.json; }
# fetched_once: hardly anything that had arrived was fetched again.
fetched_once() {
  [ "$(fetched)" -le $((size + size / 20)) ] ||
    fail "$(fetched) bytes were fetched for an image of $size"
}

it 'finds a donor on the LAN and one over Bluetooth'
bluetooth_up 2
ip netns add console
ip link add lan0 type veth peer name eth0 netns console
ip address add 10.8.0.1/24 dev lan0
ip link set lan0 up
ip -n console address add 10.8.0.2/24 dev eth0
ip -n console link set eth0 up
make_key vendor
size=2097152
! long_form || size=4194304
make_image image $size
sign image 1.0 1
donor_config console console 10.8.0.2:623
donor_config peer peer 127.0.0.1:623
cat >>peer.toml <<END
[bluetooth]
enabled = true
adapter = "hci0"
END
add console image
add peer image
start_donor console ip netns exec console
start_donor peer
# shellcheck disable=SC2034 # for recipient_config
slot_size=8MiB
# shellcheck disable=SC2034
offer_window=4s
recipient_config system '"10.8.0.2"' false 'media = ["wired", "bluetooth"]
prefer = ["medium"]'
cat >>system.toml <<END
[bluetooth]
targets = ["bt:$(bluetooth_address 0)"]
adapter = "hci1"
END
recover 0 system offers
expect_line out.json '"event":"offer".*"medium":"wired"'
expect_line out.json '"event":"offer".*"medium":"bluetooth"'

it 'goes on over Bluetooth when the LAN goes down in the middle'
ip netns exec console tc qdisc add dev eth0 root netem rate 6mbit
begin=$(now_ms)
begin_request
wait_for 120 has 1
ip link set lan0 down
down=$(now_ms)
wait_for 120 serves bluetooth 1
over=$(now_ms)
end_request
fetched_once
figure "LAN lost: the donor over Bluetooth is tried after $((over - down)) ms;" \
  "$size bytes in $(($(now_ms) - begin)) ms, $(fetched) fetched"

long_form || exit 0

it 'returns to the LAN when it is back'
ip link set lan0 up
bluetooth_air rate 12000
begin=$(now_ms)
begin_request
wait_for 120 has 1
ip link set lan0 down
wait_for 120 serves bluetooth 1
sleep 5
ip link set lan0 up
back=$(now_ms)
# A better medium is asked again after 60 s to 90 s, and again when it did not answer then.
wait_for 240 serves wired 2
figure "LAN back: its donor is tried after $(($(now_ms) - back)) ms"
end_request
fetched_once
figure "LAN lost and back: $size bytes in $(($(now_ms) - begin)) ms, $(fetched) fetched"
bluetooth_air rate 0
