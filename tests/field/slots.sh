#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What is in a slot already: bytes far behind its beginning keep it from being written on a guess, and a short
# last block that is there is not fetched again. Nobody else may write what a recovery leaves, whatever the umask.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
make_image image 20480
# A last block of 100 bytes, as erased memory has them.
head -c 100 /dev/zero | tr '\0' '\377' >>image
sign image 1.0 1
pick_udp_port port
donor_config giver console "127.0.0.1:$port"
add giver image
start_donor giver
# shellcheck disable=SC2034 # for recipient_config
offer_window=300ms slot_size=3MiB
recipient_config r "\"127.0.0.1:$port\""

say 'a slot that is erased but for one byte'
for place in 0 1500000 3145727; do
  head -c 3145728 /dev/zero | tr '\0' '\377' >r-b
  printf x | dd of=r-b bs=1 seek="$place" conv=notrunc status=none
  recover 15 r request
  told active-slot-unknown 'not blank'
  asked_nobody
done

say 'modes under a umask of 0'
rm -rf r-b r-state
(umask 0 && recover 0 r request)
expect_installed r image
open_to_others=$(find r-state r-b -perm /022)
[ -z "$open_to_others" ] || fail "others may write: $open_to_others"

say 'a short last block that is there'
rm -rf r-state
recover 0 r --set slots.active=a request --without-record
expect_line out.json '"event":"recovered".*"fetched":0[,}]'
