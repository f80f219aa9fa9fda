#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Each sub-command of fwdiag against a donor, and against nobody.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
make_image image 300000
sign image 1.2 3
pick_udp_port port
pick_udp_port nobody
donor_config d peer "127.0.0.2:$port" 'suite3 = true'
add d image
start_donor d
there=127.0.0.2:$port
away=127.0.0.2:$nobody

# diag STATUS COMMAND...: the exit status, and a result with the same as the last line of --json.
diag() {
  diag_want=$1
  shift
  expect_exit "$diag_want" limited "$FWDIAG" --json "$@" >out.json 2>out.log
  tail -n 1 out.json | grep -q "^{\"event\":\"result\".*\"exit_code\":${diag_want}[,}]" ||
    fail "no result with $diag_want: $(cat out.json)"
  if grep -v '^{"event":".*}$' out.json; then fail "fwdiag $1: lines that are not JSON"; fi
}
guid=$(sed -n 's/^guid = "\(.*\)"/\1/p' d.toml)

say ping
diag 0 ping "$there"
diag 0 ping --count 2 "$there"
[ "$(grep -c '"event":"pong"' out.json)" -eq 2 ] || fail "not two answers: $(cat out.json)"
diag 1 ping --wait 0.5 "$away"
told no-response

say discover
diag 0 discover --wait 1 --manufacturer 32473 --product 7 "$there"
expect_line out.json "$guid"
expect_line out.json '"version":"1.2"'
diag 11 discover --wait 0.5 --manufacturer 32473 --product 7 "$away"

say capabilities
diag 0 capabilities "$there"
expect_line out.json '"role":"peer"'
diag 1 capabilities --wait 0.5 "$away"
told no-response

say 'donor, through libfreeipmi, with both suites'
for suite in 17 3; do
  diag 0 donor --user fwrecover --password-file password --cipher-suite $suite "$there"
  expect_line out.json "$guid"
  expect_line out.json 'the d'
done
printf 'wrong' >wrong
chmod 600 wrong
diag 1 donor --user fwrecover --password-file wrong "$there"
grep -q -i password out.json || fail "nothing about the password: $(cat out.json)"
chmod 644 wrong
diag 2 donor --user fwrecover --password-file wrong "$there"
told insecure-secret
diag 2 no-such-command
told bad-usage
