#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Programs of an older commit and of today recover from each other, both ways: what was added to the
# messages since then is in bytes that the older ones leave at zero and do not read (PROTOCOL §5.2).
# The older programs are built from the history of this repository, once in a build directory.
. "$TOP_SRCDIR/tests/lib.sh"

# The last commit before a recipient could ask for another image than the best one.
old_commit=d9abef0
old=$(cd "$TOP_BUILDDIR" && pwd)/tests/interop/at-$old_commit

git -C "$TOP_SRCDIR" cat-file -e "$old_commit^{commit}" 2>/dev/null ||
  skip "commit $old_commit is not in the history of these sources"

# build_old: without optimization, and only what is run here.
build_old() (
  unset MAKEFLAGS MFLAGS MAKELEVEL
  rm -rf "$old" && mkdir -p "$old/build" &&
    git -C "$TOP_SRCDIR" archive "$old_commit" | tar -x -C "$old" &&
    cd "$old" && autoreconf -i && cd build &&
    ../configure --disable-static CXXFLAGS=-O0 CFLAGS=-O0 &&
    make -j "$(nproc)" tools/fwrecover tools/fwdonord tools/fwdonor && touch complete
)
[ -e "$old/build/complete" ] || build_old >old-build.log 2>&1 || {
  tail -n 30 old-build.log
  fail "commit $old_commit does not build"
}

. "$TOP_SRCDIR/tests/interop/common.sh"
new_fwrecover=$FWRECOVER new_fwdonord=$FWDONORD new_fwdonor=$FWDONOR
# of VERSION: the programs that the functions of common.sh run, "old" or "new".
of() {
  case $1 in
  old) FWRECOVER=$old/build/tools/fwrecover FWDONORD=$old/build/tools/fwdonord FWDONOR=$old/build/tools/fwdonor ;;
  new) FWRECOVER=$new_fwrecover FWDONORD=$new_fwdonord FWDONOR=$new_fwdonor ;;
  esac
}

make_key vendor
for version in 1.0 2.0 3.0; do
  make_image "$version" 300000
  sign "$version" "$version" 1
done
sign 3.0 3.0 1 vendor --platform manufacturer=32473,product=7 --minimum-version 2.0
slot_size=1MiB

# Each donor has a catalogue that its own fwdonor made: "one" with 2.0 alone, "all" with all three.
for donor in old new; do
  of "$donor"
  for what in one all; do
    pick_udp_port port
    eval "${donor}_$what=127.0.0.1:$port"
    donor_config "$donor-$what" console "127.0.0.1:$port"
    case $what in one) images=2.0 ;; all) images='1.0 2.0 3.0' ;; esac
    for image in $images; do add "$donor-$what" "$image"; done
    start_donor "$donor-$what"
  done
done
address_of() { eval "printf '%s' \"\$$1\""; }

# runs_first NAME: the system of NAME.toml runs 1.0, over which 3.0 cannot be installed.
runs_first() {
  cp 1.0 "$1-a"
  truncate -s 1M "$1-a"
  recover 0 "$1" adopt --active a 1.0.manifest.json
}

for pair in old:new new:old; do
  recipient=${pair%:*} donor=${pair#*:}
  of "$recipient"
  recipient_config "$recipient" "\"$(address_of "${donor}_one")\""
  say "a recipient of the $recipient version, a donor of the $donor one"
  recover 0 "$recipient" request
  version_is 2.0
  expect_installed "$recipient" 2.0
  recover 0 "$recipient" confirm
  recover 0 "$recipient" check
  # Only what is damaged is fetched.
  printf 'damaged' | dd of="$recipient-$(active_slot "$recipient")" bs=1 seek=150000 conv=notrunc status=none
  recover 0 "$recipient" request --if-needed
  version_is 2.0
  expect_installed "$recipient" 2.0
  recover 0 "$recipient" confirm
  # 3.0 can be installed over 2.0, and is the best of three.
  recipient_config "$recipient" "\"$(address_of "${donor}_all")\""
  recover 0 "$recipient" request
  version_is 3.0
  expect_installed "$recipient" 3.0
done

# A donor of the older version has its best image to offer, whatever is asked for: a recipient of today
# notices, and says why that image will not do.
of new
recipient_config first "\"$(address_of old_all)\""
runs_first first
recover 14 first request
told image-incompatible '2.0 or later'
recover 12 first --set policy.version=2.0 request
told no-offer-acceptable 'version 3.0 is not 2.0'
recover 0 first offers
[ "$(grep -c '"event":"offer"' out.json)" -eq 1 ] || fail "offers has more than the one image: $(cat out.json)"
# With one of each version the donor of today is found behind it.
recipient_config first "\"$(address_of old_all)\", \"$(address_of new_all)\""
recover 0 first request
version_is 2.0
# A recipient of the older version gets what is best, and sees nothing of the other images.
of old
recipient_config old-first "\"$(address_of new_all)\""
runs_first old-first
recover 14 old-first request

# After an update of the programs the system goes on from the record of the older ones, and both serve
# what the others put into a catalogue.
of new
recover 0 old status
recover 0 old confirm
recover 0 old check
version_before=$(active_slot old)
printf 'damaged' | dd of="old-$version_before" bs=1 seek=1000 conv=notrunc status=none
recover 0 old request --if-needed
version_is 3.0
recover 0 old confirm
for pair in old:new new:old; do
  of "${pair%:*}"
  "$FWDONOR" --config "${pair#*:}-all.toml" list >list.log 2>&1 || fail "a catalogue of the other version"
  [ "$(grep -c 'KiB' list.log)" -eq 3 ] || fail "not all images of the other version's catalogue: $(cat list.log)"
done
