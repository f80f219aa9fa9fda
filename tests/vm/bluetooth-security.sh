# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# A part of bluetooth.sh: what bluetooth.security asks of a link, and a bluetoothd that restarts. hci0 and hci1 are
# paired with a PIN of 16 digits, hci1 and hci2 with one of 4, hci0 and hci2 not at all.
# shellcheck disable=SC2034,SC2154 # the variables of bluetooth.sh

make_image small 65536
sign small 3.0 1

# guarded_donor ADAPTER LEVEL: on channel 25, serves "small"; its id is $guarded.
guarded_donor() {
  rm -rf guarded-catalogue
  bluetooth_donor guarded "$1" 25 small "security = \"$2\""
  start_donor guarded
  guarded=$started
}
# secured STATUS ADAPTER LEVEL TARGET: a request from hciADAPTER that wants that level of the link.
secured() {
  secured_status=$1
  adapter=hci$2 offer_window=2s
  bluetooth_recipient guest "security = \"$3\"" "targets = [\"bt:$4\"]"
  adapter='' offer_window=3s
  rm -rf guest-a guest-b guest-state
  recover "$secured_status" guest request
}
# link_is_encrypted: so both say.
link_is_encrypted() {
  expect_line out.json '"event":"link","link":"bt","what":"connected".*"encrypted":true'
  tail -n 9 guarded.log | grep -q 'what=connected.*encrypted=true' || {
    cat guarded.log
    fail 'the donor did not say that the link is encrypted'
  }
}

it 'encrypts the link of paired devices at security medium'
guarded_donor 0 medium
secured 0 1 medium "$donor_address/25"
link_is_encrypted

it 'refuses a device that is not paired at security medium'
secured 11 2 medium "$donor_address/25"
told no-donor-answered '"what":"refused".*not authenticated: the devices are not paired'

all_of_security() {
  it 'encrypts when only one end asks for it, and refuses strangers then'
  secured 11 2 low "$donor_address/25"
  told no-donor-answered '"what":"refused".*wants a pairing'
  if grep "$other_address" guarded.log; then fail 'the donor let the stranger in'; fi
  secured 0 1 low "$donor_address/25"
  link_is_encrypted
  stop_process "$guarded"
  guarded_donor 0 low
  secured 11 2 medium "$donor_address/25"
  # Over the link that the attempt before left, the kernel says only that it was refused.
  told no-donor-answered '"what":"refused".*\(not authenticated: the devices are not paired\|wants a pairing\)'
  secured 0 1 medium "$donor_address/25"
  link_is_encrypted

  it 'wants at security high a key that took a long PIN'
  stop_process "$guarded"
  guarded_donor 0 high
  secured 0 1 high "$donor_address/25"
  link_is_encrypted
  stop_process "$guarded"
  guarded_donor 2 high
  secured 11 1 medium "$other_address/25"
  told no-donor-answered '"what":"refused".*wants a pairing'
  stop_process "$guarded"
  guarded_donor 2 medium
  secured 0 1 medium "$other_address/25"
  link_is_encrypted
}
! long_form || all_of_security
stop_process "$guarded"

it 'registers its record again when bluetoothd comes back'
stop_process "$bluetoothd"
wait_for_line 10 console.log 'what=problem .*no SDP record.* gone'
bluetooth_daemon
back=$(now_ms)
wait_for_line 30 console.log 'what=registered'
figure "bluetoothd back: the record is there after $(($(now_ms) - back)) ms"
scan --inquiry 0 "$donor_address"
expect_line scan.json "\"address\":\"bt:$donor_address/23\",\"donor\":true"
