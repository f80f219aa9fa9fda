#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Secrets do not remain where nobody expects them: in the environment of a process and of what it starts, in a
# core, in the memory of a donor that was given another password. And a K_g may be written as elsewhere.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
need_root_for 'reading what the kernel says of a process that hides its secrets'
. "$TOP_SRCDIR/tests/interop/common.sh"

pick_udp_port port
pick_udp_port nobody
donor_of_image d "127.0.0.1:$port" 20000
first=$(head -c 10 /dev/urandom | od -An -tx1 | tr -d ' \n')
second=$(head -c 10 /dev/urandom | od -An -tx1 | tr -d ' \n')
printf '%s' "$first" >password

# in_memory PID TEXT: how often it is in what the process may write.
in_memory() {
  grep -E '^[0-9a-f]+-[0-9a-f]+ rw' "/proc/$1/maps" | grep -v -e '\[v' | while read -r range _; do
    start_page=$(printf '%d' "0x${range%-*}") end_page=$(printf '%d' "0x${range#*-}")
    dd if="/proc/$1/mem" bs=4096 skip=$((start_page / 4096)) count=$(((end_page - start_page) / 4096)) 2>/dev/null || :
  done | grep -a -o -F -e "$2" | wc -l
}

say 'the environment'
without_secret() { # PID
  tr '\0' '\n' <"/proc/$1/environ" >environ.txt
  if grep -q -F -e "$first" -e "$second" environ.txt; then fail "a secret is in the environment of $1"; fi
}
recipient_config r "\"127.0.0.1:$nobody\""
sed '/^password_file/d' r.toml >bare.toml
start waits.log env "FWRECOVER_PASSWORD=$first" "IPMI_PASSWORD=$second" FWRECOVER_KG="$second" \
  "$FWRECOVER" --config bare.toml --set 'policy.offer_window="30s"' -v offers
waits=$started
wait_for_line 30 waits.log asked
without_secret "$waits"
stop_process "$waits" || :
# What it starts does not get them either.
printf '#!/bin/sh\nenv >"%s"\n' "$work/child.txt" >look
chmod +x look
printf '[health]\ncommands = ["%s"]\n' "$work/look" >>bare.toml
say 'the password is found all the same, also under the name that ipmitool has for it'
start_donor d
sed "s/$nobody/$port/" bare.toml >named.toml
for variable in FWRECOVER_PASSWORD IPMI_PASSWORD; do
  expect_exit 0 limited env "$variable=$first" "$FWRECOVER" --config named.toml request --reinstall --during-trial >>request.log 2>&1
  expect_exit 0 limited env "$variable=$first" "$FWDIAG" donor --user fwrecover "127.0.0.1:$port" >>request.log 2>&1
done
expect_exit 0 limited env "FWRECOVER_PASSWORD=$first" "IPMI_PASSWORD=$second" \
  "$FWRECOVER" --config named.toml confirm --if-healthy >>request.log 2>&1
[ -s child.txt ] || fail 'the command of [health] did not run'
if grep -q -e PASSWORD child.txt; then fail 'a command of [health] gets the password'; fi

say 'no core'
grep -q '^Max core file size *0 *0 ' "/proc/$started/limits" || fail 'a donor may leave a core'
mkdir cores
(
  cd cores
  # shellcheck disable=SC3045 # where there is none, there is no core either
  ulimit -c unlimited 2>/dev/null || :
  exec "$FWRECOVER" --config "$work/r.toml" --set 'policy.offer_window="30s"' -v offers
) >core.log 2>&1 &
dies=$!
wait_for_line 30 core.log asked
grep -q '^Max core file size *0 *0 ' "/proc/$dies/limits" || fail 'a recipient may leave a core'
kill -SEGV "$dies"
status=0
wait "$dies" || status=$?
[ "$status" -eq 139 ] || fail "a segmentation fault ended it with $status"
[ -z "$(ls cores)" ] || fail "there is a core: $(ls cores)"

say 'the password that a donor had before'
before=$(in_memory "$started" "$first")
[ "$before" -ge 1 ] || fail 'the password is not found in the memory of the donor: this test sees nothing'
[ "$before" -le 2 ] || fail "the password is $before times in the memory of the donor"
printf '%s' "$second" >password
kill -HUP "$started"
wait_for_line 30 d.log reloaded
[ "$(in_memory "$started" "$second")" -ge 1 ] || fail 'the new password is not there'
left=$(in_memory "$started" "$first")
[ "$left" -eq 0 ] || fail "the old password is still $left times in the memory of the donor"
stop_process "$started" || :

say 'K_g in hexadecimal'
printf '0x%s\n' 00112233445566778899aabbccddeeff00112233 >kg
chmod 600 kg
donor_config k console "127.0.0.1:$port" "kg_file = \"$work/kg\""
add k image
start_donor k
expect_exit 0 limited env "FWRECOVER_PASSWORD=$second" \
  "$FWDIAG" donor --user fwrecover --kg-file kg "127.0.0.1:$port" >>request.log 2>&1
if command -v ipmitool >/dev/null; then
  expect_exit 0 limited ipmitool -I lanplus -C 17 -H 127.0.0.1 -p "$port" -L USER -U fwrecover -f password \
    -y 00112233445566778899aabbccddeeff00112233 mc info >>request.log 2>&1
fi
for wrong in 0x001 0x00zz 0x00112233445566778899aabbccddeeff0011223344; do
  printf '%s' "$wrong" >kg
  expect_exit 2 limited "$FWDIAG" donor --user fwrecover --password-file password --kg-file kg "127.0.0.1:$port" >>request.log 2>&1
done
