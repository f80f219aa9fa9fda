#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# LAN over Wi-Fi, with simulated radios and real WPA2: a console behind the access point, a peer that is another
# station, and a recipient that finds both by broadcast. The long form has two access points to roam between.
. "$TOP_SRCDIR/tests/vm/guest.sh"

# One radio each for the peer and the recipient, and one or two for access points.
access_points=1
! long_form || access_points=2
in_recipient() { ip netns exec recipient "$@"; }

# access_point INTERFACE CHANNEL: in the bridge "rack".
access_point() {
  cat >"hostapd-$1.conf" <<END
interface=$1
bridge=rack
driver=nl80211
ctrl_interface=/run/hostapd
ssid=rack
hw_mode=g
channel=$2
wpa=2
wpa_key_mgmt=WPA-PSK
rsn_pairwise=CCMP
wpa_passphrase=recovery-road
END
  start "hostapd-$1.log" hostapd "hostapd-$1.conf"
}

# station NAME RADIO ADDRESS: a namespace with one radio that knows the pass phrase.
station() {
  ip netns add "$1"
  iw phy "phy$2" set netns name "$1"
  ip -n "$1" link set lo up
  ip -n "$1" address add "$3/24" brd + dev "wlan$2"
  cat >"station-$1.conf" <<END
ctrl_interface=/run/station-$1
network={
  ssid="rack"
  psk="recovery-road"
  scan_freq=2412 2437
}
END
  start "station-$1.log" ip netns exec "$1" wpa_supplicant -D nl80211 -i "wlan$2" \
    -c "station-$1.conf"
}
associated() { wpa_cli -p "/run/station-$1" -i "wlan$2" status | grep -q '^wpa_state=COMPLETED'; }

# impair QDISC...: what leaves the recipient and what is sent to it over the air.
impair() {
  in_recipient tc qdisc add dev wlan2 root netem "$@"
  tc qdisc add dev wlan0 root netem "$@"
  [ "$access_points" -eq 1 ] || tc qdisc add dev wlan3 root netem "$@"
}
unimpair() {
  in_recipient tc qdisc del dev wlan2 root
  tc qdisc del dev wlan0 root
  [ "$access_points" -eq 1 ] || tc qdisc del dev wlan3 root
}

# result_of FIELD: prints a number of the event "recovered".
result_of() { sed -n "s/.*\"event\":\"recovered\".*\"$1\":\([0-9]*\).*/\1/p" out.json; }

# recovers WHAT IMAGE: a request that installs IMAGE, and how fast.
recovers() {
  rm -rf station-a station-b station-state
  begin=$(now_ms)
  recover 0 station request
  took=$(($(now_ms) - begin))
  expect_installed station "$2"
  size=$(stat -c %s "$2")
  figure "$1: $size bytes in $took ms, with the offer window of $offer_window"
}

it 'associates with WPA2'
modprobe mac80211_hwsim radios=$((2 + access_points))
ip link add rack type bridge
ip address add 10.9.0.1/24 brd + dev rack
ip link set rack up
access_point wlan0 1
[ "$access_points" -eq 1 ] || access_point wlan3 6
station peer 1 10.9.0.11
station recipient 2 10.9.0.12
make_key vendor
make_image small 300000
sign small 1.0 1
wait_for 60 associated peer 1
wait_for 60 associated recipient 2

it 'finds a donor behind the access point and one that is a station, by broadcast'
donor_config console console 0.0.0.0:623
donor_config peer peer 0.0.0.0:623
add console small
add peer small
start_donor console
console=$started
start_donor peer ip netns exec peer
peer=$started
# shellcheck disable=SC2034 # for recipient_config
slot_size=8MiB
offer_window=2s
# shellcheck disable=SC2034 # for recover
recover_in='ip netns exec recipient'
recipient_config station '' true
recover 0 station offers
for address in 10.9.0.1 10.9.0.11; do
  expect_line out.json "\"event\":\"offer\".*lan:$address\".*\"medium\":\"wireless\""
done

it 'knows a radio also where /sys shows the interfaces of another namespace'
# shellcheck disable=SC2034
recover_in='nsenter --net=/run/netns/recipient'
offer_window=1s
recipient_config station '' true
recover 0 station offers
expect_line out.json '"event":"offer".*"medium":"wireless"'
if grep '"medium":"wired"' out.json; then fail 'an offer came over a wire'; fi
# shellcheck disable=SC2034
recover_in='ip netns exec recipient'

it 'recovers over the air'
recovers 'clean air' small

it 'takes nothing over the air that the policy wants by wire'
recipient_config station '' true 'media = ["wired"]'
recover 12 station request
told no-offer-acceptable wireless
recipient_config station '' true

it 'recovers with 5 % loss and 20 ms delay each way'
impair delay 20ms loss 5%
recovers '5 % loss, 20 ms' small
unimpair

long_form || exit 0

it 'recovers 4 MiB'
make_image large 4194304
sign large 2.0 1
add console large
add peer large
kill -HUP "$console" "$peer"
wait_for_line 30 console.log 'reloaded.*images=2'
wait_for_line 30 peer.log 'reloaded.*images=2'
recovers 'clean air' large

it 'recovers 4 MiB with 5 % loss and 20 ms delay each way'
impair delay 20ms loss 5%
recovers '5 % loss, 20 ms' large
unimpair

# interrupted WHAT COMMAND...: a recovery of 4 MiB that COMMAND happens to in the middle. Nothing that had
# arrived is fetched again.
interrupted() {
  what=$1
  shift
  rm -rf station-a station-b station-state
  : >out.json
  impair rate 6mbit
  begin=$(now_ms)
  start request.log ip netns exec recipient sh -c \
    "exec $FWRECOVER --config station.toml --json request >out.json"
  request=$started
  in_the_middle() { grep -q '"event":"progress","done":[1-9][0-9]\{6,\}' out.json; }
  wait_for 60 in_the_middle
  "$@" || fail "$* ended with $?"
  wait "$request" || fail "the recovery ended with $?"
  unimpair
  expect_installed station large
  fetched=$(result_of fetched)
  [ "$fetched" -le 4300000 ] || fail "$fetched bytes were fetched for an image of 4194304"
  figure "$what in the middle: $(($(now_ms) - begin)) ms, $fetched bytes fetched"
}
events() { grep -c "$1" station-recipient.log || :; }

it 'goes on after the access point throws the station out'
address=$(in_recipient cat /sys/class/net/wlan2/address)
before=$(events CTRL-EVENT-DISCONNECTED)
throw_out() {
  for radio in wlan0 wlan3; do hostapd_cli -p /run/hostapd -i $radio deauthenticate "$address"; done
}
interrupted 'thrown out' throw_out
[ "$(events CTRL-EVENT-DISCONNECTED)" -gt "$before" ] || fail 'the station stayed'

it 'goes on after five seconds without the access point'
away() {
  wpa_cli -p /run/station-recipient -i wlan2 disconnect
  sleep 5
  wpa_cli -p /run/station-recipient -i wlan2 reconnect
}
interrupted 'five seconds away' away

it 'goes on over the other access point'
bssid() { wpa_cli -p /run/station-recipient -i wlan2 status | sed -n 's/^bssid=//p'; }
wait_for 30 associated recipient 2
first=$(bssid)
roam() {
  for radio in wlan0 wlan3; do
    other=$(cat /sys/class/net/$radio/address)
    [ "$other" = "$first" ] || wpa_cli -p /run/station-recipient -i wlan2 roam "$other"
  done
}
interrupted 'roaming' roam
[ "$(bssid)" != "$first" ] || fail 'the station did not roam'
