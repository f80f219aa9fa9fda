#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Addresses that are two things at once: IPv4 in the clothes of IPv6 is IPv4, for targets, listeners and the
# policy; a listener that takes what is for another one is a wrong configuration, and no other program's fault.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/interop/common.sh"

pick_udp_port port
pick_udp_port spare
donor_of_image d "[::ffff:127.0.0.1]:$port" 20000
start_donor d
expect_line d.log "listening address=lan:127.0.0.1:$port"
recipient_config r "\"127.0.0.1:$port\""

say 'targets'
for target in "[::ffff:127.0.0.1]:$port" "[::ffff:7f00:1]:$port" "[::FFFF:127.0.0.1]:$port" "[0:0:0:0:0:ffff:127.0.0.1]:$port"; do
  limited "$FWDIAG" ping "$target" >ping.log 2>&1 || {
    cat ping.log
    fail "no answer of $target"
  }
  recover 0 r offers --target "$target"
  expect_line out.json "\"address\":\"lan:127.0.0.1:$port\""
done
# Both names are of one donor.
recover 0 r offers --target "127.0.0.1:$port" --target "[::ffff:127.0.0.1]:$port"
[ "$(grep -c '"event":"offer"' out.json)" -eq 1 ] || fail 'one donor is two'

say 'the policy'
recover 12 r --set 'policy.deny=["::ffff:127.0.0.1"]' offers
told no-offer-acceptable 'the policy denies this donor'
recover 0 r --set 'policy.allow=["::ffff:127.0.0.1"]' offers
recover 12 r --set 'policy.allow=["::ffff:127.0.0.2"]' offers

# config STATUS LISTENERS [WORDS]: of a file with them.
config() {
  sed "s/^listen = .*/listen = [$2]/" d.toml >l.toml
  config_got=0
  limited "$FWDONORD" --config l.toml --show-config >config.log 2>&1 || config_got=$?
  [ "$config_got" -eq "$1" ] || {
    cat config.log
    fail "exit status $config_got instead of $1 with: $2"
  }
  [ -z "${3:-}" ] || expect_line config.log "$3"
}
say 'listeners that overlap'
both="has both lan:\\(0\\.0\\.0\\.0\\|\\[::\\]\\):$spare and"
config 2 "\"0.0.0.0:$spare\", \"127.0.0.1:$spare\"" "$both lan:127.0.0.1:$spare"
config 2 "\"127.0.0.1:$spare\", \"[::1]:$spare\", \"0.0.0.0:$spare\"" "has both lan:127.0.0.1:$spare and lan:0.0.0.0:$spare"
config 2 "\"[::]:$spare\", \"[::1]:$spare\"" "$both lan:\\[::1\\]:$spare"
config 2 "\"0.0.0.0:$spare\", \"[::ffff:127.0.0.1]:$spare\"" "$both lan:127.0.0.1:$spare"
config 2 "\"[::ffff:0.0.0.0]:$spare\", \"127.0.0.1:$spare\"" "$both lan:127.0.0.1:$spare"
config 2 "\"127.0.0.1\", \"127.0.0.1:623\"" 'has lan:127.0.0.1 twice'
config 2 "\"127.0.0.1:$spare\", \"[::ffff:127.0.0.1]:$spare\"" 'twice'
config 2 '"[fe80::1]:6230"' 'needs its interface'
config 0 "\"[::]:$spare\", \"0.0.0.0:$spare\""
config 0 "\"[::]:$spare\", \"127.0.0.1:$spare\", \"0.0.0.0:$port\""
config 0 "\"127.0.0.1:$spare\", \"127.0.0.2:$spare\""

say '[::] takes no IPv4'
sed "s/^listen = .*/listen = [\"[::]:$spare\", \"0.0.0.0:$spare\"]/" d.toml >both.toml
if "$FWDONORD" --config both.toml --for 1s >both.log 2>&1; then
  expect_line both.log "listening address=lan:\\[::\\]:$spare"
  expect_line both.log "listening address=lan:0.0.0.0:$spare"
else
  expect_line both.log 'Address family not supported'
fi

say 'an address of another machine'
expect_exit 1 limited "$FWDONORD" --config d.toml --listen "192.0.2.1:$spare" >away.log 2>&1
expect_line away.log 'this machine has no such address'
expect_line away.log 'hint: Name one of this machine'
