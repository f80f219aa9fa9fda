#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Options and settings that ask nobody but named donors leave every other medium alone: --no-broadcast does
# not even look for a Bluetooth adapter, whatever the configuration says about inquiries.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"
need_program minisign

pick_udp_port port
donor_of_image console "127.0.0.1:$port" 9
start_donor console
recipient_config recipient "\"127.0.0.1:$port\""
printf '[bluetooth]\ninquiry = true\n' >>recipient.toml

recover 0 recipient offers
grep '"event":"problem"' out.json >problems || skip 'this machine has a Bluetooth adapter'
say "without the option: $(cat problems)"

recover 0 recipient offers --no-broadcast
if grep '"event":"problem"' out.json; then fail '--no-broadcast looks for an adapter'; fi
recover 0 recipient offers --no-broadcast --target "127.0.0.1:$port"
if grep '"event":"problem"' out.json; then fail '--no-broadcast looks for an adapter'; fi
recover 0 recipient --set bluetooth.inquiry=true offers --no-broadcast
if grep '"event":"problem"' out.json; then fail '--set undoes --no-broadcast'; fi
recover 0 recipient request --no-broadcast
if grep '"event":"problem"' out.json; then fail '--no-broadcast looks for an adapter'; fi
