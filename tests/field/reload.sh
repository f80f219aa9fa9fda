#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What fwdonord takes in at SIGHUP is all or nothing: a new password beside anything that is wrong does not
# count, and the old one still does. Both are told.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
make_image image 20000
sign image 1.0 1
printf 'new-password' >new
chmod 600 new
cp -p password old
pick_udp_port port
donor_config d console "127.0.0.1:$port"
cp d.toml good.toml
add d image
start_donor d
daemon=$started

# enters STATUS PASSWORD: how a login with it ends.
enters() {
  expect_exit "$1" limited "$FWDIAG" donor --user fwrecover --password-file "$2" "127.0.0.1:$port" >login.log 2>&1
  [ "$1" -eq 0 ] || expect_line login.log "password"
}
# tells COUNT PATTERN: the log has so many lines of that kind.
tells() { [ "$(grep -c -e "$2" d.log)" -eq "$1" ]; }

enters 0 old
enters 1 new
missing=$work/missing
nothing=0
# nothing_of WHAT: after the fault that was made.
nothing_of() {
  say "a new password, and $1"
  cp new password
  kill -HUP "$daemon"
  nothing=$((nothing + 1))
  wait_for 20 tells "$nothing" 'warning: nothing was reloaded: .'
  tells 0 ' reloaded ' || fail 'it says that it reloaded something'
  enters 0 old
  enters 1 new
  cp old password
  cp good.toml d.toml
}
mv d-catalogue away
nothing_of 'a catalogue that is gone'
: >d-catalogue
nothing_of 'a catalogue that is a file'
rm d-catalogue
mv away d-catalogue
sed -i "s|^keys = .*|keys = [\"$missing\"]|" d.toml
nothing_of 'a key that is gone'
printf '[user.second]\npassword_file = "%s"\n' "$missing" >>d.toml
nothing_of 'an account without its password'
printf 'rubbish\n' >>d.toml
nothing_of 'a file that cannot be read'
sed -i 's/^role = .*/role = "pear"/' d.toml
nothing_of 'a value that is wrong'

say 'when nothing is wrong it counts, and that is told'
cp new password
kill -HUP "$daemon"
wait_for 20 tells 1 ' reloaded images=1 accounts=1'
enters 0 new
enters 1 old
