#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Whole recoveries onto real block devices: two loop devices, and two partitions of one. Each with kills at
# random instants, resume, confirmation, damage, roll-back and adoption; and every device that cannot be a slot is
# refused before anything is sent.
#
# FWR_KILLS: how many times each. FWR_SEED: the instants of an earlier run.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign losetup sfdisk blockdev mkfs.ext4 mount
need_root_for 'a loop device'

loops=
cleanup() {
  umount "$work/mounted" 2>/dev/null
  # The next one that gets the device would find it read-only.
  for loop in $loops; do blockdev --setrw "$loop"; partx -d "$loop"; losetup -d "$loop"; done 2>/dev/null
}
# loop_device VARIABLE FILE [OPTION...]
loop_device() {
  loop_variable=$1 loop_file=$2
  shift 2
  loop_made=$(losetup --find --show "$@" "$loop_file" 2>>"$work/losetup.log") ||
    skip 'this machine makes no loop devices'
  loops="$loops $loop_made"
  eval "$loop_variable=$loop_made"
}

. "$TOP_SRCDIR/tests/interop/common.sh"
if [ -n "${FWR_TEST_LONG:-}" ]; then kills=${FWR_KILLS:-100}; else kills=${FWR_KILLS:-8}; fi
seed=${FWR_SEED:-$$}
say "$kills kills, FWR_SEED=$seed"

make_key vendor
size=20000000
for version in 1 2 3; do
  make_image "v$version" $size
  sign "v$version" "$version.0" "$version"
done
pick_udp_port port
donor_config giver console "127.0.0.1:$port" 'idle = "5s"'
# Little credit makes the transfer longer, and many leases are left behind by the dead.
sed -i 's/^role/credit = "64KiB"\nleases = 255\nleases_per_user = 255\n&/' giver.toml
add giver v1
start_donor giver
donor=$started
offer_window=100ms
now_ms() { date +%s%3N; }

# publish VERSION: the donor offers it.
publish() {
  publish_version=$1.0
  add giver "v$1"
  kill -HUP "$donor"
  offered() { recover 0 r offers && grep -q "\"version\":\"$publish_version\"" out.json; }
  wait_for 20 offered
}
withdraw() {
  for digest in $("$FWDONOR" --config giver.toml --json list | sed -n 's/.*"digest":"\([0-9a-f]*\)".*/\1/p'); do
    "$FWDONOR" --config giver.toml remove "$digest" >>fwdonor.log 2>&1 || fail "fwdonor remove $digest"
  done
}
field() { sed -n "s/.*\"event\":\"$1\".*\"$2\":\([0-9]*\).*/\1/p" "$3" | tail -n 1; }
# The paths of the configuration are links, as those of /dev/disk/by-partlabel are.
use_devices() {
  recipient_config r "\"127.0.0.1:$port\""
  sed -i '/^size/d' r.toml
  rm -rf r-state r-a r-b
  ln -s "$1" r-a
  ln -s "$2" r-b
}
device_of() { readlink -f "r-$1"; }
sum_of() { head -c $size "$(device_of "$1")" | sha256sum; }

# one_life KIND A B: the life of a system whose slots are these devices.
one_life() {
  kind=$1
  use_devices "$2" "$3"
  withdraw
  publish 1
  recover 0 r request
  recover 0 r confirm
  expect_installed r v1
  recover 0 r check
  recover 0 r status
  active=$(active_slot r)
  inactive=b
  [ "$active" = b ] && inactive=a
  before=$(sum_of "$active")
  publish 2
  cp -r r-state kept-state
  begin=$(now_ms)
  recover 0 r request
  took=$(($(now_ms) - begin))
  say "$kind: a recovery takes $took ms"
  reset() {
    rm -rf r-state
    cp -r kept-state r-state
    head -c $size /dev/zero | dd of="$(device_of "$inactive")" bs=64k conv=notrunc,fsync status=none
  }
  reset
  killed=0
  span=$took
  for share in $(awk -v seed="$seed" -v kills="$kills" \
    'BEGIN { srand(seed); for (i = 0; i < kills; ++i) printf "%.4f\n", rand() }'); do
    instant=$(awk -v share="$share" -v span="$span" 'BEGIN { printf "%.3f", share * span / 1000 }')
    "$FWRECOVER" --config r.toml --json request >now.json 2>now.log &
    victim=$!
    lib_pids="$lib_pids $victim"
    sleep "$instant"
    kill -KILL "$victim" 2>/dev/null || :
    status=0
    wait "$victim" 2>/dev/null || status=$?
    case $status in
      137) killed=$((killed + 1)) ;;
      # The machine was busier when the first recovery was timed: the next instants come earlier.
      0) [ $((span * 8)) -le "$took" ] || span=$((span / 2)) ;;
      *) fail "$kind: exit status $status instead of a death, FWR_SEED=$seed: $(cat now.json)" ;;
    esac
    [ "$(sum_of "$active")" = "$before" ] ||
      fail "$kind: the active slot was touched, killed at $instant s, FWR_SEED=$seed"
    limited "$FWRECOVER" --config r.toml --json check >out.json 2>out.log ||
      fail "$kind: check after a kill at $instant s, FWR_SEED=$seed: $(cat out.json)"
    if [ "$(active_slot r)" != "$active" ]; then
      expect_installed r v2
      reset
    fi
  done
  say "$kind: $killed of $kills were killed in time"
  [ "$killed" -ge $((kills / 4)) ] || fail "only $killed of $kills were killed in time"

  # Killed in the middle, as the device shows: the next one fetches nothing of what is there again.
  done_bytes=0
  tries=0
  while [ "$done_bytes" -lt $((size / 8)) ] || [ "$done_bytes" -ge $size ]; do
    tries=$((tries + 1))
    [ "$tries" -le 60 ] || fail "$kind: no kill fell into the middle of a recovery, FWR_SEED=$seed"
    reset
    "$FWRECOVER" --config r.toml --json request >now.json 2>now.log &
    victim=$!
    lib_pids="$lib_pids $victim"
    sleep "$(awk -v seed="$seed$tries" -v span="$took" 'BEGIN { srand(seed); printf "%.3f", rand() * span / 1000 }')"
    kill -KILL "$victim" 2>/dev/null || :
    wait "$victim" 2>/dev/null || :
    # Up to the first difference; the slot held zeros before, and the image has random bytes.
    done_bytes=$(cmp -n $size "$(device_of "$inactive")" v2 2>/dev/null |
      sed -n 's/.*: [a-z]* \([0-9]*\),.*/\1/p')
    done_bytes=$((${done_bytes:-1} / 4096 * 4096))
  done
  recover 0 r request
  expect_installed r v2
  fetched=$(field recovered fetched out.json)
  say "$kind: killed with $done_bytes of $size bytes done, $fetched fetched by the next"
  [ "$fetched" -le $((size - done_bytes)) ] || fail "$kind: bytes that were there were fetched again"
  recover 0 r confirm
  recover 0 r check

  # Damage of the medium is found, and goes by another recovery, onto the other device.
  active=$(active_slot r)
  head -c 8192 /dev/urandom | dd of="$(device_of "$active")" bs=4096 seek=100 conv=notrunc,fsync status=none
  recover 10 r check
  recover 0 r request --if-needed
  expect_installed r v2
  [ "$(active_slot r)" != "$active" ] || fail "$kind: the damaged device is still active"
  recover 0 r confirm

  # Back from a trial.
  publish 3
  recover 0 r request
  expect_installed r v3
  was=$(active_slot r)
  recover 0 r rollback
  expect_installed r v2
  [ "$(active_slot r)" != "$was" ] || fail "$kind: still active after a roll-back"
  recover 0 r check

  # The state is lost; what the system runs from is told.
  active=$(active_slot r)
  rm -rf r-state
  recover 0 r adopt --active "$active" v2.manifest.json
  recover 0 r check
  expect_installed r v2
}

# refused STATUS CODE WORD...: a request with r.toml as it is now, which must ask nobody.
refused() {
  refused_status=$1 refused_code=$2
  shift 2
  recover "$refused_status" r request
  asked_nobody
  told "$refused_code" "$@"
}

truncate -s 24M disk-a disk-b
loop_device a disk-a
loop_device b disk-b
one_life 'two devices' "$a" "$b"

# What the kernel gives away only once: a mounted device, one that is set to read-only, one that is too small.
active=$(active_slot r)
inactive=$(device_of "$([ "$active" = a ] && echo b || echo a)")
mkfs.ext4 -q -F "$inactive"
mkdir mounted
if mount "$inactive" mounted 2>/dev/null; then
  echo kept >mounted/file
  refused 15 slot-write-failed mounted lsblk
  umount mounted
  mount "$inactive" mounted
  [ "$(cat mounted/file)" = kept ] || fail 'the mounted device was touched'
  umount mounted
else
  say 'nothing can be mounted here: that part was left out'
fi
if blockdev --setro "$inactive"; then
  refused 15 slot-write-failed read-only setrw
  blockdev --setrw "$inactive"
fi
truncate -s 1M disk-c
loop_device c disk-c
ln -sf "$c" "r-$([ "$active" = a ] && echo b || echo a)"
recover 12 r request
ln -sf /dev/fwrecover-no-such-device "r-$([ "$active" = a ] && echo b || echo a)"
refused 15 slot-unreadable "not there"

# The number of a loop device that nobody uses: a device without a medium, as a card reader.
mknod empty b 7 "$((900 + $$ % 90))"
if [ "$(blockdev --getsize64 empty 2>/dev/null)" = 0 ]; then
  ln -sf "$work/empty" "r-$([ "$active" = a ] && echo b || echo a)"
  refused 15 slot-unreadable 'without a medium' lsblk
  ln -sf "$inactive" "r-$([ "$active" = a ] && echo b || echo a)"
  was=$(readlink "r-$active")
  ln -sf "$work/empty" "r-$active"
  recover 10 r check
  told replacement-needed 'device ends after 0 bytes'
  ln -sf "$was" "r-$active"
else
  say 'this kernel has no devices without a medium: that part was left out'
fi

truncate -s 52M disk-d
printf 'label: gpt\nsize=24MiB\nsize=24MiB\n' | sfdisk -q disk-d
loop_device d disk-d --partscan
[ -b "${d}p1" ] || partx -a "$d" || :
if [ -b "${d}p1" ] && [ -b "${d}p2" ]; then
  one_life 'two partitions' "${d}p1" "${d}p2"
  ln -sf "$d" "r-$([ "$(active_slot r)" = a ] && echo b || echo a)"
  refused 2 bad-configuration share
else
  say 'this kernel shows no partitions of a loop device: that part was left out'
fi
