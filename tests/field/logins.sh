#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A donor's log says who logged in, and whose login failed for which reason; never a secret, and never
# so much that it fills a disk. What accepts an image is named, not only its address.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign ipmitool
. "$TOP_SRCDIR/tests/interop/common.sh"

pick_udp_port port
pick_udp_port other_port
donor_of_image d "127.0.0.1:$port" 20000
kg=a-key-of-20-bytes-abc
printf '%.20s' "$kg" >kg
chmod 600 kg
donor_config k console "127.0.0.1:$other_port" "kg_file = \"$work/kg\""
add k image
printf 'a-wrong-password' >wrong
chmod 600 wrong

# ipmi STATUS PORT PASSWORD-FILE ARGUMENT...: without a second try, so that each is one login.
ipmi() {
  ipmi_want=$1 ipmi_port=$2 ipmi_file=$3
  shift 3
  expect_exit "$ipmi_want" limited ipmitool -I lanplus -H 127.0.0.1 -p "$ipmi_port" -R 1 -N 2 -f "$ipmi_file" "$@" mc info \
    >>ipmitool.log 2>&1
}
# fail_login: as a recipient does, which says so.
recipient_config r "\"127.0.0.1:$port\""
fail_login() { recover 13 r --set "donor.password_file=$work/wrong" request; }
log=d.log
wants_line() { wait_for_line 20 "$log" "$1"; }

start_donor d
text=$started
start k.log sh -c "exec '$FWDONORD' --config k.toml --json >k.jsonl"
json=$started
wait_for_line 30 k.jsonl '"event":"ready"'

say 'logins, and logins that fail'
# What a client with another password or K_g does not say is known after 10 s: all of it at once.
ipmi 0 "$port" password -C 17 -L USER -U fwrecover
ipmi 1 "$port" wrong -C 17 -L USER -U fwrecover
ipmi 1 "$port" password -C 17 -L USER -U mallory
ipmi 1 "$port" password -C 17 -L ADMINISTRATOR -U fwrecover
ipmi 1 "$port" password -C 3 -L USER -U fwrecover
ipmi 1 "$other_port" password -C 17 -L USER -U fwrecover
wants_line ' login address=lan:127.0.0.1:[0-9]* user=fwrecover privilege=user cipher_suite=17$'
wants_line ' login-failed .* user=fwrecover privilege=administrator .* reason=privilege '
wants_line ' login-failed address=[^ ]* reason=cipher-suite '
fail_login
wants_line ' login-failed .* user=fwrecover .* reason=password text="wrong password"'
wants_line ' login-failed .* user=mallory .* reason=unknown-user '
wants_line ' login-failed .* user=fwrecover .* reason=no-proof '

say 'the same in JSON, and another K_g'
log=k.jsonl
wants_line '"event":"login-failed",.*"user":"fwrecover",.*"reason":"kg","text":'
if grep -q '"event":"login"' k.jsonl; then fail 'who has another K_g did not log in'; fi
ipmi 0 "$other_port" password -C 17 -L USER -U fwrecover -y "$(od -An -tx1 kg | tr -d ' \n')"
wants_line '"event":"login",.*"address":"lan:[^"]*","user":"fwrecover","privilege":"user","cipher_suite":17'

say 'more failures than anybody reads are counted'
log=d.log
tries=0
while [ "$tries" -lt 8 ]; do
  fail_login
  tries=$((tries + 1))
done
kill -HUP "$text"
wants_line ' logins-left-out logins=0 failures=7 .*text="and 7 more failed logins; 12 failed from lan:127.0.0.1'
wants_line ' counted .*authentication_failures=9'
lines=$(grep ' login-failed ' d.log | grep -c -v 'reason=cipher-suite')
[ "$lines" -eq 5 ] || { cat d.log; fail "$lines lines of failed logins within a minute"; }

say 'what it is that accepts and reports'
recover 0 r --set system.device=9 --set system.revision=4 request
for event in accepted reported; do
  wants_line " $event address=.* component=bmc manufacturer=32473 product=7 device=9 revision=4"
done

say 'no secret in any of it'
for process in "$text" "$json"; do stop_process "$process" || :; done
for secret in "$password" a-wrong-password "$(cat kg)"; do
  if grep -q -e "$secret" d.log k.jsonl k.log; then fail "a log has the secret $secret"; fi
done
