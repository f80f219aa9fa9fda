#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# On a bridge, donors are found by broadcast on IPv4 and by multicast on IPv6, without any address in the
# recipient's configuration; behind a router, by a configured range.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign unshare ip mount
in_own_namespaces nm
. "$TOP_SRCDIR/tests/interop/common.sh"
own_ip_netns

ip link set lo up
ip link add rack type bridge
ip link set rack up
for name in recipient console peer far; do
  ip netns add $name || skip 'network namespaces cannot be made here'
  ip link add v$name type veth peer name eth0 netns $name
  ip -n $name link set lo up
  ip -n $name link set eth0 up
  ip link set v$name up
  [ $name = far ] || ip link set v$name master rack
done
on() { ip netns exec "$@"; }
v4() { # recipient .1, console .2 and peer .3 on the bridge; this namespace routes to "far"
  number=1
  for name in recipient console peer; do
    ip -n $name address add 10.8.0.$number/24 brd + dev eth0
    ip -n $name route add default via 10.8.0.254
    number=$((number + 1))
  done
  ip address add 10.8.0.254/24 dev rack
  ip address add 10.9.0.254/24 dev vfar
  ip -n far address add 10.9.0.5/24 brd + dev eth0
  ip -n far route add default via 10.9.0.254
  echo 1 >/proc/sys/net/ipv4/ip_forward
}

make_key vendor
for version in 1.0 2.0 3.0; do
  make_image image-$version 300000
  sign image-$version $version 1
done
donor_config console console 0.0.0.0:623
donor_config peer peer 0.0.0.0:623
donor_config far console 0.0.0.0:623
sed -i 's/listen = .*/listen = ["0.0.0.0:623", "[::]:623"]/' console.toml peer.toml
add peer image-1.0
add console image-2.0
add far image-3.0
offer_window=3s
recipient_config near '' true
recipient_config range '"10.9.0.[1-8]"' false
recover_in='ip netns exec recipient'

v4
start_donor peer ip netns exec peer
echo "$started" >peer.pid
start_donor console ip netns exec console
echo "$started" >console.pid
start_donor far ip netns exec far

offers() { grep -c '"event":"offer"' out.json; }

say 'IPv4 broadcast finds both donors of the bridge, and not the one behind the router'
recover 0 near offers
[ "$(offers)" -eq 2 ] || fail "$(offers) offers instead of 2"
for address in 10.8.0.2 10.8.0.3; do expect_line out.json "lan:$address\""; done
recover 0 near request
recover_in=
expect_installed near image-2.0

say 'lan.interfaces, and fwdiag discover --interface: broadcasts go to one network of two'
ip netns add aside
ip link add eth1 netns recipient type veth peer name eth0 netns aside
for name in recipient:eth1:1 aside:eth0:2 aside:lo:; do
  device=${name#*:}
  [ -z "${name##*:}" ] || ip -n "${name%%:*}" address add "10.7.0.${name##*:}/24" brd + dev "${device%:*}"
  ip -n "${name%%:*}" link set "${device%:*}" up
done
donor_config aside console 0.0.0.0:623
add aside image-1.0
start_donor aside ip netns exec aside
recover_in='ip netns exec recipient'
recover 0 near offers
[ "$(offers)" -eq 3 ] || fail "$(offers) offers instead of 3"
recover 12 near --set 'lan.interfaces=["eth1"]' offers
[ "$(offers)" -eq 1 ] || fail "$(offers) offers instead of 1"
expect_line out.json 'lan:10.7.0.2"'
discover() { on recipient timeout 30 "$FWDIAG" --json discover --wait 2 --manufacturer 32473 --product 7 "$@" >out.json; }
discover --interface eth1 || fail 'fwdiag discover --interface eth1'
if grep '10\.8\.' out.json; then fail 'another interface was used'; fi
expect_line out.json '10\.7\.0\.2'
discover --interface eth0 || fail 'fwdiag discover --interface eth0'
if grep '10\.7\.' out.json; then fail 'another interface was used'; fi
expect_line out.json '10\.8\.0\.3'
ip -n recipient link set eth1 down
recover_in=

say 'a range finds the donor behind the router'
recover_in='ip netns exec recipient'
recover 0 range offers
[ "$(offers)" -eq 1 ] || fail "$(offers) offers instead of 1"
expect_line out.json 'lan:10.9.0.5"'
recover 0 range request
expect_installed range image-3.0

say 'IPv6 multicast finds both when there is no IPv4'
for name in recipient console peer; do ip -n $name -4 address flush dev eth0; done
# A link-local address can be used when duplicate address detection has ended.
for name in recipient console peer; do
  settled() { ip -n "$name" -6 address show dev eth0 | grep fe80 | grep -q -v tentative; }
  wait_for 20 settled
done
recipient_config six '' true
recover 0 six offers
[ "$(offers)" -eq 2 ] || fail "$(offers) offers instead of 2"
expect_line out.json 'fe80::'
recover 0 six request
expect_installed six image-2.0

say 'policy.donors: so many are tried that were found by broadcast in one network'
make_image large 50000000
sign large 4.0 1
sed -i 's/^role = .*/credit = "64KiB"\n&/' console.toml
add console large
add peer large
restart() {
  for name in console peer; do
    stop_process "$(cat $name.pid)" || :
    start_donor $name ip netns exec $name
    echo "$started" >$name.pid
  done
}
recipient_config few '' true
limits=1
[ -z "${FWR_TEST_LONG:-}" ] || limits="1 2"
for limit in $limits; do
  restart
  rm -rf few-* fifo
  mkfifo fifo
  ip netns exec recipient timeout -k 5 90 "$FWRECOVER" --config few.toml --json --set 'lan.interfaces=["eth0"]' \
    --set "policy.donors=$limit" request >fifo 2>few.log &
  recipient=$!
  while read -r line; do
    printf '%s\n' "$line"
    case $line in *'"state":"FetchingImage"'*) [ -e met ] || { kill -KILL "$(cat console.pid)" && : >met; } ;; esac
  done <fifo >few.json
  status=0
  wait "$recipient" || status=$?
  [ -e met ] || fail 'no transfer began'
  rm met
  case $limit:$status in
  1:13 | 2:0) ;;
  *) fail "policy.donors=$limit: exit status $status: $(tail -n 3 few.json)" ;;
  esac
done
