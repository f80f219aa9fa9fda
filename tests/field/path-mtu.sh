#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Between donor and recipient is a link that carries less than both of them send: IPv4 with an MTU of 1,000 and
# of 576, IPv6 with its smallest one, 1,280; with the ICMP messages that say so, and through routers that keep
# them for themselves. Each time a whole recovery succeeds, at the size that the path carries.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign unshare ip mount
in_own_namespaces nm
. "$TOP_SRCDIR/tests/interop/common.sh"
own_ip_netns

# Donor, two routers, recipient: only the routers know of the narrow link between them.
ip link set lo up
previous=
net=0
for name in donor near far recipient; do
  ip netns add $name || skip 'network namespaces cannot be made here'
  ip -n $name link set lo up
  ip netns exec $name sysctl -q -w net.ipv6.conf.default.accept_dad=0
  if [ -n "$previous" ]; then
    ip -n "$previous" link add right type veth peer name left netns $name
    for end in "$previous right 1" "$name left 2"; do
      # shellcheck disable=SC2086 # three words
      set -- $end
      ip -n "$1" address add "10.8.$net.$3/24" dev "$2"
      ip -n "$1" address add "fd08:0:0:$net::$3/64" dev "$2" nodad || skip 'IPv6 is not there'
      ip -n "$1" link set "$2" up
    done
    net=$((net + 1))
  fi
  previous=$name
done
for name in near far; do
  ip netns exec $name sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
done
route() { # NAMESPACE NET GATEWAY: to the IPv4 and the IPv6 network of that number
  ip -n "$1" route add "10.8.$2.0/24" via "10.8.$3"
  ip -n "$1" route add "fd08:0:0:$2::/64" via "fd08:0:0:$(printf '%s' "$3" | sed 's/\./::/')"
}
route donor 1 0.2 && route donor 2 0.2
route near 2 1.2
route far 0 1.1
route recipient 1 2.1 && route recipient 0 2.1
silent='iif lo ipproto icmp blackhole'
silent_v6='iif lo ipproto ipv6-icmp blackhole'
# narrow MTU: of the link between the routers. No path is remembered from before.
narrow() {
  ip -n near link set right mtu "$1"
  ip -n far link set left mtu "$1"
  for name in donor recipient; do ip -n $name route flush cache; done
}
# counted NAMESPACE COLUMN: of /proc/net/snmp.
counted() {
  # shellcheck disable=SC2016 # for awk and sed
  ip netns exec "$1" awk -v wanted="$2" '
    $1 != last { for (i = 2; i <= NF; i++) if ($i == wanted) at = i; last = $1; next }
    at && !found { print $at; found = 1 }' /proc/net/snmp
}

make_key vendor
make_image image 400000
sign image 1.0 1
donor_config donor console 0.0.0.0:623
sed -i 's/listen = .*/listen = ["0.0.0.0:623", "[::]:623"]/' donor.toml
add donor image
offer_window=300ms
start_donor donor ip netns exec donor
recover_in='ip netns exec recipient'

# whole WHAT ADDRESS: a recovery from there, as fast as a path that only has to be found.
whole() {
  say "$1"
  rm -rf r-a r-b r-state
  recipient_config r "\"$2\""
  wait_for 20 ip netns exec recipient "$FWDIAG" ping --wait 1 "$2"
  began=$(date +%s%3N)
  recover 0 r request --deadline 30s
  say "figure: $(($(date +%s%3N) - began)) ms"
  recover_in='' expect_installed r image
  # A path that is only narrow is no reason to leave a donor.
  if grep '"event":"dropped"' out.json; then fail 'the donor was dropped'; fi
}
# cut_on_the_way: the routers made fragments of it, which they would not with DF.
cut_on_the_way() { [ "$(counted near FragOKs)" -gt "$1" ] || fail 'nothing was fragmented on the way'; }

# First, because a link with less than 1,280 loses its IPv6 addresses.
narrow 1280
whole 'IPv6, 1,280' '[fd08::1]'
# shellcheck disable=SC2086 # a list of words
for name in near far; do ip -n $name -6 rule add $silent_v6; done
narrow 1280
whole 'IPv6, 1,280, and no ICMP message says so' '[fd08::1]'
# shellcheck disable=SC2086 # a list of words
for name in near far; do ip -n $name -6 rule del $silent_v6; done

narrow 1500
whole 'IPv4, 1,500' 10.8.0.1
for mtu in 1000 576; do
  narrow $mtu
  fragments=$(counted near FragOKs) refused=$(counted near OutDestUnreachs)
  whole "IPv4, $mtu" 10.8.0.1
  cut_on_the_way "$fragments"
  [ "$(counted near OutDestUnreachs)" -gt "$refused" ] || fail 'no larger size was tried'
  for name in near far; do
    # shellcheck disable=SC2086 # a list of words
    ip -n $name rule add $silent || skip 'no routing by protocol here'
  done
  narrow $mtu
  fragments=$(counted near FragOKs)
  whole "IPv4, $mtu, and no ICMP message says so" 10.8.0.1
  cut_on_the_way "$fragments"
  # shellcheck disable=SC2086 # a list of words
  for name in near far; do ip -n $name rule del $silent; done
done
