#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What a donor has, for whom, seen from outside: everything in a session, and without one no more than
# what it offers to one system. All addresses of a name count.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
for version in 1.0 2.0 3.0 4.0; do make_image "$version" 100000; done
sign 1.0 1.0 1
sign 2.0 2.0 2
sign 3.0 3.0 2 vendor --platform manufacturer=32473,product=8,revision=1-3
sign 4.0 4.0 2 vendor --platform any --minimum-version 2.0 --created 2000-01-01 --expires 2001-01-01
pick_udp_port port
address="127.0.0.1:$port"
donor_config donor console "$address"
sed -i "s|^listen = .*|listen = [\"$address\", \"127.0.0.2:$port\"]|" donor.toml
for version in 1.0 2.0 3.0 4.0; do add donor "$version"; done
start_donor donor

# diag STATUS COMMAND...: lines in out.json.
diag() {
  diag_want=$1
  shift
  diag_got=0
  limited "$FWDIAG" --json "$@" >out.json 2>out.log || diag_got=$?
  [ "$diag_got" -eq "$diag_want" ] || fail "exit $diag_got instead of $diag_want: fwdiag $*: $(cat out.json)"
}
count() { grep -c "\"event\":\"$1\"" out.json || true; }

say 'all of it, in a session'
diag 0 images --user fwrecover --password-file password "$address"
[ "$(count image)" -eq 4 ] || fail "not four images: $(cat out.json)"
grep -q '"version":"3.0".*"platforms":\["manufacturer=32473,product=8,revision=1-3"\].*"offered":true' out.json ||
  fail "not for whom 3.0 is: $(cat out.json)"
grep -q '"version":"4.0".*"platforms":\["any"\],"minimum_version":"2.0","expires":978307200,"offered":false' out.json ||
  fail "4.0 has expired: $(cat out.json)"
expect_exit 0 "$FWDIAG" images --user fwrecover --password-file password "$address" >text 2>&1
grep -q '^HOST.*PLATFORMS' text || fail "no table: $(cat text)"
diag 1 images --user nobody --password-file password "$address"
[ "$(count image)" -eq 0 ] || fail 'images without an account'

FWRECOVER_PASSWORD=$password diag 0 images --user fwrecover --environment-password --workaround-flags none --wait 3 "$address"
[ "$(count image)" -eq 4 ] || fail "not four images: $(cat out.json)"
# It has no K_g, and does not allow suite 3.
(umask 077 && printf 'not its key' >kg)
diag 1 images --user fwrecover --password-file password --kg-file kg "$address"
diag 1 images --user fwrecover --password-file password --cipher-suite 3 "$address"

say 'what one system is offered, without'
diag 0 images --manufacturer 32473 --product 7 "$address"
[ "$(count offer)" -eq 2 ] || fail "not two offers: $(cat out.json)"
told ok '2 images for this system'
diag 0 images --manufacturer 32473 --product 8 --revision 2 "$address"
[ "$(count offer)" -eq 1 ] || fail "not one offer: $(cat out.json)"
diag 11 images --manufacturer 32473 --product 7 --component fan "$address"
diag 0 images --manufacturer 32473 --product 7 --device 5 --component bmc "$address"
diag 11 images --manufacturer 32473 --product 9 "$address"
told no-compatible-image 'no compatible image' 'product=9'
grep -q '"event":"declined".*"completion":128' out.json || fail "no completion code: $(cat out.json)"
diag 2 images --product 7 --user fwrecover "$address"
pick_udp_port nobody
diag 11 images --product 7 "127.0.0.1:$nobody"
told no-donor-answered
grep -q '"event":"silent"' out.json || fail "nothing says who is silent: $(cat out.json)"

say 'no compatible image is no silence'
diag 11 discover --product 9 "$address"
told no-compatible-image 'no compatible image'
diag 0 discover --manufacturer 32473 --product 7 "$address" "127.0.0.1:$nobody"
grep -q "\"event\":\"silent\",\"host\":\"127.0.0.1:$nobody\"" out.json ||
  fail "nothing says who is silent: $(cat out.json)"

say 'one donor is one row, with all addresses that it answered at'
expect_exit 0 "$FWDIAG" discover --manufacturer 32473 --product 7 "$address" "127.0.0.2:$port" >text 2>&1
grep -q '^DONOR.*GUID' text || fail "no head: $(cat text)"
[ "$(grep -c 'lan:' text)" -eq 1 ] || fail "not one row: $(cat text)"
grep -q 'lan:127.0.0.1:.*lan:127.0.0.2:\|lan:127.0.0.2:.*lan:127.0.0.1:' text || fail "not both addresses: $(cat text)"
