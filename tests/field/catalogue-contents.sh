#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A catalogue whose contents are not what was signed: a donor notices by itself, or when a recipient says so,
# tells it, and offers that image to nobody any more. No link leads out of a catalogue.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
make_image old 300000
make_image new 900000
sign old 1.0 1
sign new 2.0 2
pick_udp_port port
donor_config giver console "127.0.0.1:$port"
add giver old
add giver new
offer_window=300ms
recipient_config r "\"127.0.0.1:$port\""
entry=giver-catalogue/$(digest_of new)
damage() { printf 'x' | dd of="$entry/image" bs=1 seek=700000 conv=notrunc status=none; }
offered() { recover 0 r offers && grep -q "\"version\":\"$1\"" out.json; }

say 'damaged before the donor starts'
damage
start_donor giver
wait_for_line 20 giver.log "warning: .*$(digest_of new).*not offered any more"
offered 1.0 || fail 'the other image is not offered'

say 'repaired, and loaded again'
cp new "$entry/image"
kill -HUP "$started"
wait_for_line 20 giver.log 'reloaded.*images=2'
offered 2.0 || fail 'the repaired image is not offered'

say 'damaged later: the first recipient that fails tells the donor'
wait_for_line 20 giver.log 'checked.*images=2'
before=$(grep -c 'not offered any more' giver.log)
damage
# It may be checked between the two, too: then the other image is what it gets.
limited "$FWRECOVER" --config r.toml --json request >out.json 2>out.log || :
noticed() { [ "$(grep -c 'not offered any more' giver.log)" -gt "$before" ]; }
wait_for 20 noticed
offered 1.0 || fail 'the other image is not offered'

say 'a link instead of the image'
mv "$entry/image" elsewhere
cp new elsewhere
ln -s "$work/elsewhere" "$entry/image"
kill -HUP "$started"
wait_for_line 20 giver.log 'warning: .*symbolic link'
wait_for_line 20 giver.log 'reloaded.*images=1'
offered 1.0 || fail 'the other image is not offered'
