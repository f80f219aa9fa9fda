#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Settings and options do what the manual pages say, in whole recoveries: those that no other test of whole
# programs has (doc/TESTING.md, "Promises of the manuals").
# shellcheck disable=SC2034 # for tests/interop/common.sh
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
make_image one 150000
make_image two 160000
sign one 1.0 1
sign two 2.0 2
pick_udp_port port
offer_window=300ms
slot_size=1MiB
# fresh: nothing was ever installed on r.
fresh() { rm -rf r-a r-b r-state; }
# stop_donors: all that start_donor started since the last time.
donors=
serve() {
  for serve_name in "$@"; do
    start_donor "$serve_name"
    donors="$donors $started"
  done
}
stop_donors() {
  for donor in $donors; do stop_process "$donor" || :; done
  donors=
}
from() { expect_line out.json "\"event\":\"recovered\".*\"address\":\"lan:$1"; }

say 'lan.port, donor.user, accounts by environment, K_g in files and by environment'
printf 'a second secret' >kg
chmod 600 kg
donor_config first console "127.0.0.1:$port" "kg_file = \"$work/kg\""
sed -i 's/^\[user.fwrecover\]/[user.rack7]/' first.toml
add first one
serve first
recipient_config r '"127.0.0.1"'
sed -i "s/^\[lan\]/&\nport = $port/; s/^user = .*/user = \"rack7\"\nkg_file = \"$(printf '%s' "$work/kg" | sed 's,/,\\/,g')\"/" r.toml
recover 0 r request
expect_installed r one
fresh
sed -i '/^kg_file/d; /^password_file/d' r.toml
recover 13 r --set "donor.password_file=$work/password" request
grep -q -i 'k_g\|password' out.json || fail 'nothing about the key'
FWRECOVER_PASSWORD=$password FWRECOVER_KG='a second secret' recover 0 r request
expect_installed r one
expect_exit 0 limited "$FWDIAG" donor --user rack7 --password-file password --kg-file kg "127.0.0.1:$port" >diag.log 2>&1
expect_line diag.log 'first'
expect_exit 1 limited "$FWDIAG" donor --user rack7 --password-file password "127.0.0.1:$port" >diag.log 2>&1
# A credential of the service manager, by its name.
fresh
mkdir credentials
cp password credentials/of-the-donors
chmod 600 credentials/of-the-donors
export CREDENTIALS_DIRECTORY="$work/credentials"
recover 0 r --set donor.password_file=of-the-donors --set "donor.kg_file=$work/kg" request
unset CREDENTIALS_DIRECTORY
stop_donors

say 'what a donor is shown as: donor.name, donor.role, donor.guid; what it calls its device'
donor_config shown peer "127.0.0.1:$port"
cat >>shown.toml <<END_OF_SETTINGS
[device]
manufacturer = 4711
product = 77
device = 12
revision = 3
END_OF_SETTINGS
sed -i 's/^name = .*/name = "cellar"/' shown.toml
add shown one
serve shown
if command -v ipmitool >/dev/null; then
  limited ipmitool -I lanplus -C 17 -L user -H 127.0.0.1 -p "$port" -U fwrecover -f password mc info >mc.log 2>&1 ||
    fail 'ipmitool mc info'
  for line in 'Device ID *: 12$' 'Device Revision *: 3$' 'Manufacturer ID *: 4711$' 'Product ID *: 77 '; do expect_line mc.log "$line"; done
fi
recipient_config r "\"127.0.0.1:$port\""
fresh
recover 0 r offers
expect_line out.json "\"donor\":\"$(sed -n 's/^guid = "\(.*\)"/\1/p' shown.toml)\".*\"role\":\"peer\""
limited "$FWDIAG" --json donor --user fwrecover --password-file password "127.0.0.1:$port" >diag.log 2>&1 || fail 'fwdiag donor'
expect_line diag.log '"cellar"'
stop_donors

say 'system.device, system.revision, system.component'
donor_config parts console "127.0.0.1:$port"
sign two 2.0 2 vendor --platform manufacturer=32473,product=7,device=32,revision=1-3 --component psu
add parts one
add parts two
serve parts
recipient_config r "\"127.0.0.1:$port\""
sed -i 's/^product = .*/&\ndevice = 32\nrevision = 2\ncomponent = "psu"/' r.toml
fresh
recover 0 r request
expect_installed r two
for wrong in device=33 revision=4 component=fan; do
  recover 11 r --set "system.$wrong" offers
  told no-compatible-image
done
fresh
recover 0 r --set system.component=bmc offers
expect_line out.json '"version":"1.0"'
discover() { limited "$FWDIAG" --json discover --wait 1 --manufacturer 32473 --product 7 "$@" "127.0.0.1:$port" >out.json 2>out.log; }
expect_exit 0 discover --device 32 --revision 2 --component psu
expect_line out.json '"version":"2.0"'
expect_exit 11 discover --device 32 --revision 4 --component psu
expect_exit 11 discover --device 33 --revision 2 --component psu
stop_donors
sign two 2.0 2
recipient_config r '"127.0.0.1", "127.0.0.2"'
sed -i "s/^\[lan\]/&\nport = $port/" r.toml

say 'policy.prefer, policy.preferred_role'
donor_config console console "127.0.0.1:$port"
donor_config peer peer "127.0.0.2:$port"
add console one
add peer one
add peer two
serve console peer
fresh
recover 0 r request
from 127.0.0.2
expect_installed r two
fresh
recover 0 r --set 'policy.prefer=["role","version"]' request
from 127.0.0.1
expect_installed r one
fresh
recover 0 r --set 'policy.prefer=["role"]' --set policy.preferred_role=peer request
from 127.0.0.2
stop_donors

say 'policy.allow; donor.cipher_suite and session.suite3'
sed -i 's/^role = .*/&\n/; s/^\[session\]/&\nsuite3 = true/' peer.toml
serve console peer
fresh
recover 0 r --set 'policy.allow=["127.0.0.1"]' request
from 127.0.0.1
fresh
recover 13 r --set 'policy.allow=["127.0.0.1"]' --set donor.cipher_suite=3 request
recover 0 r --set donor.cipher_suite=3 request
from 127.0.0.2
recover 12 r --set 'policy.allow=["127.0.0.3"]' offers
stop_donors

say 'protocol.iana; donor.hold: an offer that ran out while offers were collected'
sed -i 's/^role = .*/&\nhold = "1s"/; s/^\[donor\]/[protocol]\niana = 4711\n&/' peer.toml
serve peer
fresh
recover 11 r offers
recover 0 r --set protocol.iana=4711 --set policy.offer_window=2s request
expect_installed r two
stop_donors

# --- limits of a donor -------------------------------------------------------------------------------------

# standing_still NAME OPTION...: a recovery that stops, with its lease, as soon as blocks come in; its id is $still.
standing_still() {
  still_name=$1
  shift
  rm -f still.fifo
  mkfifo still.fifo
  "$FWRECOVER" --config "$still_name.toml" --json request "$@" >still.fifo 2>still.log &
  still=$!
  lib_pids="$lib_pids $still"
  exec 4<still.fifo
  while read -r line <&4; do
    case $line in *'"state":"FetchingImage"'*) break ;; esac
  done
  kill -STOP "$still"
  cat <&4 >still.jsonl &
  exec 4<&-
}
slow_donor() { # NAME SETTING-OF-DONOR [SETTING-OF-SESSION]
  donor_config "$1" console "127.0.0.1:$port" "${3:-}"
  # Little credit, and an image that takes a while.
  sed -i "s/^role = .*/&\ncredit = \"64KiB\"\n$2/; s/^lease = .*/lease = \"20s\"/" "$1.toml"
  printf '[user.second]\npassword_file = "%s"\n' "$work/password" >>"$1.toml"
  add "$1" large
  serve "$1"
}
make_image large 50000000
sign large 3.0 3
slot_size=64MiB
recipient_config holder "\"127.0.0.1:$port\""
recipient_config other "\"127.0.0.1:$port\""

for limit in leases=1 leases_per_user=1 sessions=1; do
  say "$limit"
  case $limit in
  sessions=*) slow_donor "$limit" 'leases = 8' 'sessions = 1' ;;
  *) slow_donor "$limit" "${limit%=*} = 1" ;;
  esac
  rm -rf holder-* other-*
  standing_still holder
  recover_got=0
  limited "$FWRECOVER" --config other.toml --json request --deadline 2s >out.json 2>out.log || recover_got=$?
  case $recover_got in 13 | 16) ;; *) fail "$limit: exit status $recover_got: $(tail -n 1 out.json)" ;; esac
  rm -rf other-*
  if [ "$limit" = leases_per_user=1 ]; then recover 0 other --set donor.user=second request; fi
  kill -CONT "$still"
  wait "$still" || fail "$limit: the first recovery ended with $?"
  recover 0 other request
  stop_donors
done
