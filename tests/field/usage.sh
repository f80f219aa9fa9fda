#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Commands that do not exist, that are missing, or lack options: what is said, and where it sends one.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"

# wrong WORDS COMMAND...: exit status 2, and the words in what is said.
wrong() {
  words=$1
  shift
  expect_exit 2 "$@" >out.log 2>&1
  grep -q -e "$words" out.log || { cat out.log; fail "nothing says '$words': $*"; }
}
for pair in requset:request reqest:request ofers:offers chekc:check stat:status; do
  wrong "unknown command '${pair%%:*}'; did you mean '${pair#*:}'?" "$FWRECOVER" "${pair%%:*}"
  wrong "did you mean '${pair#*:}'?" "$FWRECOVER" --config x.toml --json "${pair%%:*}" --target h
done
wrong "unknown command 'no-such-command'; known are check, request" "$FWRECOVER" no-such-command
wrong "unknown command 'pign'; did you mean 'ping'?" "$FWDIAG" pign host
wrong 'a command is missing: .*request' "$FWRECOVER"
wrong 'a command is missing: .*manifest' "$FWDONOR" --json
wrong 'missing: .*--name.*--image-version.*--security-version' "$FWDONOR" manifest image
wrong "Run 'fwdonor manifest --help'" "$FWDONOR" manifest image
wrong "Run 'fwrecover request --help'" "$FWRECOVER" request --no-such-option
"$FWRECOVER" help >out.log || fail 'help'
expect_line out.log '  request '
"$FWRECOVER" help request >out.log || fail 'help request'
expect_line out.log '^  --if-needed  *Do nothing'
expect_line out.log '^Usage: fwrecover request \[OPTIONS\]$'
if grep -e --verbose out.log; then fail 'the options of the program are among those of a sub-command'; fi
"$FWDIAG" icmb --help >out.log || fail 'icmb --help'
expect_line out.log '^  --baud NUMBER=19200 Excludes: --via$'
expect_line out.log '^ \{32\}Rate of the bus$'
expect_line out.log '^Usage: fwdiag icmb \[OPTIONS\] what\.\.\.$'
for tool in "$FWRECOVER" "$FWDONORD" "$FWDONOR" "$FWDIAG"; do
  "$tool" --help >out.log || fail "$tool --help"
  expect_line out.log "^Usage: $(basename "$tool")"
done
"$FWDIAG" -V >out.log || fail '-V'
expect_line out.log '^fwdiag [0-9]'

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
  say 'without privilege'
  chmod 711 .
  printf '[lan]\nlisten = ["127.0.0.1:623"]\n' >closed.toml
  chmod 600 closed.toml
  expect_exit 15 limited setpriv --reuid=65534 --clear-groups --inh-caps=-all \
    "$FWRECOVER" --config closed.toml config >out.log 2>&1
fi
