#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What the system and the network report of each target is said: no route, refused, forbidden, no
# interface, no name server. One target that is out of reach keeps no other one from being asked.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign ip
need_root_for 'network namespaces'
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
make_image image 20000
sign image 1.0 1
netns_add bare # loopback only
recover_in="ip netns exec $namespace"
# shellcheck disable=SC2086 # a command and its arguments
diag() {
  diag_want=$1
  shift
  expect_exit "$diag_want" limited $recover_in "$FWDIAG" "$@" >out.json 2>out.log
}
says() {
  for word in "$@"; do
    grep -q -e "$word" out.json out.log || { cat out.json out.log; fail "nothing says: $word"; }
  done
}

say 'no route, and port refused'
recipient_config r '"203.0.113.5", "[2001:db8::5]", "127.0.0.9:6232"' false 'deadline = "20s"'
recover 11 r offers
told no-donor-answered 'lan:203.0.113.5: Network is unreachable' 'lan:\[2001:db8::5\]: Network is unreachable' \
  'port 6232 refused: fwdonord does not run there' '"event":"asked","targets":\["lan:203.0.113.5"' \
  'manufacturer=32473 product=7'
expect_line out.json '"event":"unreachable","address":"lan:203.0.113.5","error":"ENETUNREACH"'
expect_line out.json '"address":"lan:127.0.0.9:6232","error":"ECONNREFUSED","reporter":'
# shellcheck disable=SC2086
limited $recover_in "$FWRECOVER" --config r.toml -v offers >out.json 2>out.log || :
says 'asked lan:203.0.113.5, lan:\[2001:db8::5\], lan:127.0.0.9:6232 for bmc of manufacturer=32473 product=7' \
  'warning: lan:203.0.113.5: Network is unreachable'
recipient_config n '"203.0.113.5"'
recover 11 n offers
told no-donor-answered 'nothing could be sent'

say 'the same from fwdiag'
diag 1 ping --wait 0.3 203.0.113.5 127.0.0.9:6232
says '203.0.113.5: .*Network is unreachable' '127.0.0.9:6232: .*port 6232 refused'
diag 1 capabilities --wait 0.3 203.0.113.5
says 'Network is unreachable' 'nothing could be sent'
diag 11 discover --wait 0.3 --manufacturer 32473 --product 8 203.0.113.5
says 'Network is unreachable' 'bmc of manufacturer=32473 product=8'

say 'routes of this system that lead nowhere, and an interface that is not there yet'
ip -n "$namespace" route add blackhole 203.0.113.6
ip -n "$namespace" route add prohibit 203.0.113.7
recipient_config m '"203.0.113.6", "203.0.113.7"'
recover 11 m offers
told no-donor-answered '203.0.113.6: Invalid argument: a route of this system drops' \
  '203.0.113.7: Permission denied: a firewall or a route of this system' 'ip route get'
recipient_config m '"fe80::5%no-such-one"'
recover 11 m request --deadline 1s
told network-down "there is no interface 'no-such-one'"
asked_nobody

say 'what routers report, and a host that is off'
alone=$recover_in bare=$namespace
netns_add router
router=$namespace
netns_add board
ip -n "$router" link add eth0 type veth peer name eth0 netns "$namespace"
for side in "$router 1" "$namespace 2"; do
  ip -n "${side% *}" address add "10.99.0.${side#* }/24" dev eth0
  ip -n "${side% *}" address add "fd99::${side#* }/64" dev eth0 nodad
  ip -n "${side% *}" link set eth0 up
done
ip netns exec "$router" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
ip -n "$namespace" route add default via 10.99.0.1
ip -n "$namespace" route add default via fd99::1
ip -n "$router" route add prohibit 203.0.113.0/25
ip -n "$router" route add prohibit 2001:db8::/64
ip -n "$router" route add unreachable 203.0.113.128/25
recover_in="ip netns exec $namespace"
recipient_config k '"203.0.113.5", "203.0.113.200", "[2001:db8::5]", "10.99.0.9", "10.99.0.1:6233"'
# As long as the kernel asks for a neighbour.
sed -i 's/^offer_window.*/offer_window = "4s"/' k.toml
recover 11 k offers
told no-donor-answered 'lan:203.0.113.5: a firewall forbids it, reported by lan:10.99.0.1' \
  'lan:203.0.113.200: No route to host, reported by lan:10.99.0.1' \
  'lan:\[2001:db8::5\]: a firewall forbids it, reported by lan:\[fd99::1\]' \
  'lan:10.99.0.9: no host has this address on the link, or it is off' \
  'port 6233 refused: fwdonord does not run there, or its firewall refuses'
recover_in=$alone namespace=$bare

say 'one target that is out of reach keeps no other one from being asked'
donor_config d console 127.0.0.2:6230
add d image
# shellcheck disable=SC2086
start_donor d $recover_in
recipient_config s '"203.0.113.5", "127.0.0.9:6232", "[2001:db8::5]", "127.0.0.2:6230"'
recover 0 s request
expect_installed s image
diag 1 ping --wait 0.3 203.0.113.5 127.0.0.2:6230
says 'pong'

say 'nobody has such an image: the completion code, for each donor'
diag 11 discover --wait 0.5 --manufacturer 32473 --product 8 127.0.0.2:6230
says 'lan:127.0.0.2:6230: no compatible image'

say 'all addresses of a name count'
printf '::1 dual\n127.0.0.2 dual\n' >hosts
printf 'hosts: files\n' >nsswitch.conf
cat >with-hosts <<'END'
mount --bind hosts /etc/hosts && mount --bind nsswitch.conf /etc/nsswitch.conf && exec "$@"
END
alone=$recover_in
recover_in="$recover_in unshare -m sh with-hosts"
# shellcheck disable=SC2086
if $recover_in true 2>/dev/null; then
  diag 0 ping dual:6230
  diag 0 capabilities dual:6230
  diag 0 donor --user fwrecover --password-file password dual:6230
  diag 0 images --user fwrecover --password-file password dual:6230
  diag 0 images --manufacturer 32473 --product 7 dual:6230
  diag 0 discover --manufacturer 32473 --product 7 dual:6230
  diag 1 ping absent.example dual:6230
  says 'dual:6230: pong' 'absent.example: no answer: .*\(does not exist\|not known\|looked up\)' '1 of 2'
  diag 0 discover --manufacturer 32473 --product 7 absent.example dual:6230
  says 'warning: .*absent.example'
  diag 1 ping absent.example
  says 'not-found\|does not exist\|Name or service'
fi
recover_in=$alone

say 'no interface is up: another try may help'
recipient_config b '' true
recover 11 b request --deadline 1s
told network-down 'no interface is up'
asked_nobody
recipient_config c ''
recover 2 c request
told bad-configuration 'nobody to ask'
