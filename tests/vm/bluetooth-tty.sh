# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# A part of bluetooth.sh: Serial Basic Mode on a second RFCOMM channel, whose two ends are ttys. PROTOCOL §13.4.
# shellcheck disable=SC2034,SC2154 # the variables of bluetooth.sh

# The donor's end comes and goes with each connection; the client's is made by connecting.
# As fwrecover-rfcomm.service does.
start watch.log rfcomm -i hci0 --raw --auth --encrypt watch 0 7
watch=$started
mkdir -p tty-catalogue
cat >tty.toml <<END
[catalogue]
directory = "$work/tty-catalogue"
[trust]
keys = ["$work/vendor.pub"]
[donor]
name = "the tty"
guid = "00112233-4455-6677-8899-aabbccddeeff"
[serial]
devices = ["/dev/rfcomm0"]
END
add tty small

# ups COUNT: whether the donor has opened its end so often.
ups() { [ "$(grep -c 'link=serial:/dev/rfcomm0 what=up' tty.log)" -ge "$1" ]; }
# connect_tty COUNT: the client's end is /dev/rfcomm1, and the donor opens its own, for the time COUNT.
connect_tty() {
  start connect.log rfcomm -i hci1 --raw --auth --encrypt connect 1 "$donor_address" 7
  connection=$started
  wait_for 20 test -c /dev/rfcomm1
  wait_for 20 ups "$1"
}
# stock WANT ARGUMENT...: ipmitool over it, whose words match.
stock() {
  stock_want=$1
  shift
  limited ipmitool -I serial-basic -D /dev/rfcomm1:115200 "$@" >stock.out 2>stock.errors || {
    cat stock.out stock.errors tty.log
    fail "ipmitool $*"
  }
  tr -s ' \n' ' ' <stock.out >stock.log
  expect_line stock.log "$stock_want"
}
# An OEM command: Get Recovery Capabilities, of a console that has serial lines.
answers() {
  stock 'Manufacturer ID : 32473' mc info
  stock '^ d9 7e 00 01 01 00 1[0-9a-f] ' raw 0x2e 0x01 0xd9 0x7e 0x00 0x01
}

it 'answers ipmitool -I serial-basic over an RFCOMM tty'
start_donor tty
tty=$started
expect_line tty.log 'link=serial:/dev/rfcomm0 what=down'
connect_tty 1
answers

it 'answers again after that connection was lost and came back'
bluetooth_air cut 0 1
wait_for 20 test ! -e /dev/rfcomm1
wait_for 20 test ! -e /dev/rfcomm0
[ "$(grep -c 'link=serial:/dev/rfcomm0 what=down' tty.log)" -eq 2 ] || fail "not down: $(cat tty.log)"
connect_tty 2
answers

recovers_over_the_tty() {
  it 'recovers over that tty, too, also when the donor starts last'
  stop_process "$tty"
  recipient_config cabled '' false
  printf '[serial]\ndevices = ["/dev/rfcomm1"]\n' >>cabled.toml
  start_donor tty
  tty=$started
  recover 0 cabled request
  expect_line out.json '"event":"donor".*"address":"serial:/dev/rfcomm1","medium":"serial"'
  expect_installed cabled small

  it 'lets no stranger on that tty'
  stop_process "$connection" || :
  wait_for 20 test ! -e /dev/rfcomm0
  # It says so, and ends with 0.
  limited rfcomm -i hci2 connect 2 "$donor_address" 7 >stranger.log 2>&1
  expect_line stranger.log "Can't connect RFCOMM socket"
  [ ! -e /dev/rfcomm0 ] || fail 'a device that is not paired was let in'
}
! long_form || recovers_over_the_tty
stop_process "$connection" || :
stop_process "$tty"
stop_process "$watch" || :
# What it says when the last user of such a tty closes it and opens it at once.
if dmesg | grep -e 'refcount_t' -e 'tty_port'; then fail 'the kernel lost count of who has a tty'; fi
