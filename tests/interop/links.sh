#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# One donor on two links at the same time, a slow bus and the network: neither waits for the other,
# who is not in the list gets an offer and no more, and reload changes the list.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"

baud=115200
slow_bytes=98304 # 8.5 s of this bus, and more on a busy machine
fast_bytes=8388608

mkdir bus
mkfifo bus/commands
# shellcheck disable=SC2094 # opened for both, so that neither waits
exec 3<>bus/commands
start bus.log sh -c "exec '$FWDIAG' --json icmb-bus --nodes 3 --baud $baud --link-dir '$work/bus' <bus/commands"
wait_for_line 30 bus.log '"node":3'

make_key vendor
make_image small "$slow_bytes"
sign small 2.0 1
make_image large "$fast_bytes"
sign large 3.0 1 vendor --platform manufacturer=32473,product=8
pick_udp_port port
# shellcheck disable=SC2154 # set by pick_udp_port
donor_config both console "127.0.0.1:$port"
# list ADDRESS: who may take images on the bus.
list() {
  sed '/^\[icmb\]/,$d' both.toml >both.new
  cat >>both.new <<END
[icmb]
devices = ["$work/bus/node1"]
baud = $baud
address = "0x0011"
allow = ["$1"]
END
  mv both.new both.toml
}
list 0x0077
add both small
add both large
start_donor both
both=$started

# One asks on the bus only, and one on the network only.
slot_size=1MiB recipient_config slow ''
cat >>slow.toml <<END
media = ["icmb"]
[icmb]
devices = ["$work/bus/node2"]
baud = $baud
address = "0x0012"
END
slot_size=16MiB recipient_config fast "\"127.0.0.1:$port\""
sed 's/^product = 7/product = 8/' fast.toml >fast.new && mv fast.new fast.toml

say 'who is not in the list gets an offer, and no more'
recover 13 slow request
expect_line out.json '"event":"offer"'
if grep -q '"event":"accepted"' both.log; then fail 'a stranger got a lease'; fi

say 'reload changes the list'
list 0x0012
kill -HUP "$both"
wait_for_line 30 both.log reloaded

say 'a network and a bus at the same time'
start slow.log "$FWRECOVER" --config slow.toml --json request
slow=$started
wait_for_line 60 slow.log '"state":"FetchingImage"'
recover 0 fast request
expect_installed fast large
if grep -q '"event":"recovered"' slow.log; then fail 'the bus was not slow enough to see that the network does not wait for it'; fi
wait_for_line 90 slow.log '"event":"recovered"'
expect_installed slow small
expect_line slow.log '"event":"recovered".*"address":"icmb:0x0011@'
expect_line both.log 'reported.*icmb:0x0012@'
kill "$slow" 2>/dev/null || true

say 'the daemon ends, with what it counted'
kill "$both"
wait_for_line 30 both.log counted
