# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# Bluetooth in the guest: controllers that hear each other, and the daemon that knows of services.
#
# bluetooth_up COUNT gives hci0 to hci(COUNT-1), which can be found and connected to, bluetoothd with the
# classic SDP interface, and $air, a FIFO that takes the orders of virtual_controllers ("rate", "cut", ...).

air=/tmp/air

# bluetooth_address N: prints the address of hciN.
bluetooth_address() { hciconfig "hci$1" | sed -n 's/.*BD Address: \([0-9A-F:]*\).*/\1/p'; }

bluetooth_running() { [ "$(hciconfig | grep -c 'UP RUNNING')" -eq "$1" ]; }
bluetooth_findable() { [ "$(hciconfig | grep -c 'PSCAN ISCAN')" -eq "$1" ]; }

# Through the daemon, because it would undo what hciconfig sets.
bluetooth_make_findable() {
  dbus-send --system --print-reply --dest=org.bluez "/org/bluez/hci$1" \
    org.freedesktop.DBus.Properties.Set string:org.bluez.Adapter1 string:Discoverable \
    variant:boolean:true
}

bluetooth_bus() {
  cat >bus.conf <<END
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
END
  start bus.log dbus-daemon --config-file=bus.conf --nofork
  wait_for 20 test -S /run/dbus/system_bus_socket
}

bluetooth_up() {
  # Those of a section before this one.
  rm -f /run/dbus/system_bus_socket /run/sdp
  modprobe rfcomm
  modprobe hci_vhci
  [ -p "$air" ] || mkfifo "$air"
  start controllers.log virtual_controllers "$1" "$air"
  wait_for 20 test -e "/sys/class/bluetooth/hci$(($1 - 1))"
  bluetooth_bus
  mkdir -p /etc/bluetooth /var/lib/bluetooth
  bluetooth_count=$1
  printf '[General]\nName=%%h\nDiscoverableTimeout=0\n[Policy]\nAutoEnable=true\n' \
    >/etc/bluetooth/main.conf
  bluetooth_daemon
}

# bluetooth_daemon: bluetoothd, whose id is $bluetoothd, and all controllers can be found.
bluetooth_daemon() {
  rm -f /run/sdp
  start bluetoothd.log /usr/libexec/bluetooth/bluetoothd --compat -n
  # shellcheck disable=SC2034,SC2154 # for who stops it
  bluetoothd=$started
  wait_for 30 bluetooth_running "$bluetooth_count"
  wait_for 20 test -S /run/sdp
  bluetooth_number=0
  while [ "$bluetooth_number" -lt "$bluetooth_count" ]; do
    wait_for 20 bluetooth_make_findable "$bluetooth_number"
    bluetooth_number=$((bluetooth_number + 1))
  done
  wait_for 20 bluetooth_findable "$bluetooth_count"
}

# bluetooth_pair I J DIGITS: before bluetooth_up, controllers I and J know each other's link key, as if somebody
# had paired them once with a PIN of so many digits. The kernel takes 16 for security "high", fewer for "medium".
bluetooth_pair() {
  bluetooth_one=$(printf '02:1C:00:5E:00:%02X' $(($1 + 1)))
  bluetooth_other=$(printf '02:1C:00:5E:00:%02X' $(($2 + 1)))
  for bluetooth_path in "$bluetooth_one/$bluetooth_other" "$bluetooth_other/$bluetooth_one"; do
    mkdir -p "/var/lib/bluetooth/$bluetooth_path"
    cat >"/var/lib/bluetooth/$bluetooth_path/info" <<END
[General]
Name=guest
SupportedTechnologies=BR/EDR;
Trusted=true
[LinkKey]
Key=000102030405060708090A0B0C0D0E0F
Type=0
PINLength=$3
END
  done
}

# bluetooth_air ORDER: see virtual_controllers.
bluetooth_air() { printf '%s\n' "$*" >"$air"; }

# raw_stream FROM TO BYTES [WRITE_BYTES]: prints the bytes a second of a plain RFCOMM stream from hciFROM
# to hciTO.
raw_stream() {
  start raw-receive.log rfcomm_stream receive "$(bluetooth_address "$2")" 30 "$3"
  raw_receiver=$started
  sleep 0.5
  limited rfcomm_stream send "$(bluetooth_address "$1")" "$(bluetooth_address "$2")" 30 "$3" \
    "${4:-1000}" >"$work/raw-send.log" || fail 'the raw stream ended early'
  wait "$raw_receiver" || fail 'the raw stream was not received'
  sed -n 's/^received .*rate=//p' "$work/raw-receive.log"
}
