#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Each image of a donor can be had, not only its best one: a stepping stone, a pinned version, what fits
# the slot, what has not expired, and what a key signed that this system trusts.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"

donor_of_obstacles 300000
recipient_config r "\"$address\""

# keep: the image on trial is confirmed.
keep() { recover 0 r confirm; }

say_first() { grep -q "\"event\":\"offer\".*\"version\":\"$1\".*\"acceptable\":false.*$2" out.json ||
  fail "no verdict on $1 with '$2': $(cat out.json)"; }

# An older version is wanted, once: the example of fwrecover(8).
recover 0 r --set policy.downgrade=true --set policy.version=1.0 request
# Nobody reads that an image was chosen which was refused a line before.
grep '"event":"donor"' out.json | grep -v '"further":true' >chosen || fail 'no donor was chosen'
grep -q -v '"version":"1.0"' chosen && fail "another image than 1.0 was chosen: $(cat chosen)"
version_is 1.0
keep
# 1.0 to 2.0 to 3.0: two requests, past what is too large and what a stranger signed.
recover 0 r request
version_is 2.0
say_first 5.0 'slot holds'
say_first 4.0 'key'
say_first 3.0 'over version 2.0'
keep
recover 0 r request
version_is 3.0
keep
# A version that nobody has ends with the reasons, and not as if nobody had answered.
recover 12 r --set policy.version=7.0 request
told no-offer-acceptable 'version 5.0 is not 7.0' 'version 1.0 is not 7.0'
