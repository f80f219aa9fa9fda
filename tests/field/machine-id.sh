#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Machines that were started from one image: what /etc/machine-id has before it is an id makes no two of them
# one donor, and that is told. An id gives the GUID that it always gave.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign unshare mount hostname
[ -f /etc/machine-id ] || skip 'there is no /etc/machine-id to put another one over'
if unshare -mu true 2>/dev/null; then inside=-mu; else inside=-rmu; fi
unshare $inside true 2>/dev/null || skip 'nothing can be mounted here'
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
pick_udp_port port
donor_config d console "127.0.0.1:$port"
sed -i '/^guid = /d' d.toml
mkdir -p d-catalogue

# guid_of ID HOST: of a donor on a machine with them, in $guid.
guid_of() {
  printf '%b' "$1" >id
  : >d.log
  # shellcheck disable=SC2016 # for the shell in there
  start d.log unshare $inside sh -c 'mount --bind id /etc/machine-id && hostname "$1" && exec "$2" --config d.toml' \
    sh "$2" "$FWDONORD"
  wait_for_line 30 d.log ' ready donor='
  guid=$(sed -n 's/.* ready donor=\([^ ]*\).*/\1/p' d.log)
  stop_process "$started" || fail "fwdonord ended with $?"
}
warns() { grep -q 'warning: .*/etc/machine-id has no id.*from its host name, .*donor.guid' d.log; }

say 'an id'
guid_of '0123456789abcdef0123456789abcdef\n' one
# By hand: SHA-256 of "fwrecover donor ID", version 4, and the bytes of each field reversed.
[ "$guid" = "$(printf 'fwrecover donor 0123456789abcdef0123456789abcdef\n' | sha256sum | awk '{
  hex = substr($1, 1, 32)
  for (i = 0; i < 16; i++) byte[i] = substr(hex, 2 * i + 1, 2)
  byte[9] = sprintf("4%s", substr(byte[9], 2))
  v = index("0123456789abcdef", substr(byte[7], 1, 1)) - 1
  byte[7] = substr("89ab", v % 4 + 1, 1) substr(byte[7], 2)
  for (i = 15; i >= 0; i--) printf "%s%s", byte[i], (i == 12 || i == 10 || i == 8 || i == 6) ? "-" : ""
}')" ] || fail "another GUID than ever: $guid"
if warns; then fail 'it warns of an id'; fi
same=$guid
guid_of '0123456789abcdef0123456789abcdef\n' two
[ "$guid" = "$same" ] || fail 'the host name changes what an id says'

say 'none'
for id in '' '\n' 'uninitialized\n' '00000000000000000000000000000000\n' '0123456789abcdef\n' \
  '0123456789abcdef0123456789abcdeg\n' '01234567-89ab-cdef-0123-456789abcdef\n'; do
  guid_of "$id" one
  warns || {
    cat d.log
    fail "nothing warns of '$id'"
  }
  first=$guid
  guid_of "$id" two
  [ "$guid" != "$first" ] || fail "two machines with '$id' are one donor"
  guid_of "$id" one
  [ "$guid" = "$first" ] || fail "another GUID at the next start with '$id'"
done
wanted=8a0b6d1e-37a5-4c2f-9a55-0c4f0d6b7e21
sed -i "s/^role = .*/&\\nguid = \"$wanted\"/" d.toml
guid_of 'uninitialized\n' one
[ "$guid" = "$wanted" ] || fail "donor.guid does not count: $guid"
if warns; then fail 'it warns when donor.guid says it'; fi
