#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# "fwrecover offers" shows every image that a donor has for this system, with rank and verdict, and with
# --verify "acceptable" means that a request would install it.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"

donor_of_obstacles 100000
recipient_config r "\"$address\""
recover 0 r request --set policy.version=1.0
recover 0 r confirm

# offer VERSION WORD...: the one line about this image has all words.
offer() {
  offer_version=$1
  shift
  [ "$(grep -c "\"event\":\"offer\".*\"version\":\"$offer_version\"" out.json)" -eq 1 ] ||
    fail "not one offer of $offer_version: $(cat out.json)"
  grep "\"event\":\"offer\".*\"version\":\"$offer_version\"" out.json >line
  for offer_word in "$@"; do
    grep -q -e "$offer_word" line || fail "no '$offer_word' in: $(cat line)"
  done
}

# As the donor describes them: neither the key nor the lowest version is known.
recover 0 r offers
told ok '5 offers, 4 acceptable as the donors describe them'
offer 5.0 '"acceptable":false' 'slot holds' '"verified":false'
offer 4.0 '"rank":1' '"acceptable":true' '"verified":false'
offer 3.0 '"rank":2' '"acceptable":true'
offer 2.0 '"rank":3'
offer 1.0 '"rank":4'

# As a request would find them.
recover 0 r offers --verify
told ok '5 offers, 1 acceptable, verified'
offer 5.0 '"acceptable":false' 'slot holds' '"verified":false'
offer 4.0 '"acceptable":false' 'key' '"verified":false'
offer 3.0 '"acceptable":false' 'over version 2.0'
offer 2.0 '"acceptable":true' '"rank":1' '"verified":true' '"name":"test-bmc"'
offer 1.0 '"acceptable":false' 'is installed and healthy'
[ "$(grep -c accepted donor.log)" -eq 1 ] || fail 'a lease was taken to look at the images'

# For people, on a narrow terminal too.
"$FWRECOVER" --config r.toml offers --verify >text 2>&1 || fail "offers --verify: $(cat text)"
grep -q '^# ' text || fail "no head: $(cat text)"
grep -q '^1 .*2\.0.*acceptable$' text || fail "no first rank: $(cat text)"
grep -q '^- .*4\.0.*refused: ' text || fail "no refused one: $(cat text)"

# And a request does install it.
recover 0 r request
grep -q '"event":"recovered".*"version":"2.0"' out.json || fail 'a request took another image'
recover 0 r offers --verify
grep -q "is on trial: until" out.json ||
  fail 'nothing says that a trial is in the way'
recover 0 r confirm

# A session that does not come up: what it has cannot be had, and the exit code is that of request.
printf wrong >other
chmod 600 other
recover 13 r --set 'slots.size="64MiB"' --set "donor.password_file=$work/other" offers --verify
told all-donors-failed 'does not accept user name' '"cause":"authentication-failed"'
offer 5.0 '"acceptable":false' 'does not accept user name'
recover 0 r --set "donor.password_file=$work/other" offers
recover 13 r --set 'slots.size="64MiB"' --set "donor.password_file=$work/other" request
told all-donors-failed '"cause":"authentication-failed"' '"advice":"Compare user, secret file'

# Nobody else signs what this system takes.
recover 14 r --set 'slots.size="64MiB"' --set "trust.keys=[\"$work/stranger.pub\"]" \
  --set policy.version=5.0 offers --verify
told untrusted-key
