#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A system that fails as a whole: file systems that are full, read-only or closed to the user, a clock that
# was set, no random numbers, no memory, no descriptors, nobody who reads what is printed.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign prlimit
. "$TOP_SRCDIR/tests/faults/common.sh"

make_key vendor
make_image image 262144
sign image 1.0 1
pick_udp_port port
donor_config giver console "127.0.0.1:$port"
add giver image
start_donor giver
# shellcheck disable=SC2034 # for recipient_config
offer_window=5s slot_size=256KiB
target="\"127.0.0.1:$port\""

# told_clearly WORD: the last recover said in one line what is wrong with WORD, and what to do.
told_clearly() {
  tail -n 1 out.json | grep -q '"message":"[^"]*'"$1" || { cat out.json; fail "the message does not name $1"; }
  tail -n 1 out.json | grep -q '"advice":"' || { cat out.json; fail 'the message has no advice'; }
}
fresh() { rm -rf r-* && recipient_config r "$target"; }
# installed: a recovery without a fault, with what is left on the disk.
installed() {
  recover 0 r request
  expect_installed r image
}

say 'a clock that is set back a year, before the first trial'
fresh
year=31536000
past() { FWR_SHIM_CLOCK=-$year LD_PRELOAD=$shim "$@"; }
future() { FWR_SHIM_CLOCK=$year LD_PRELOAD=$shim "$@"; }
shifted() {
  shifted_want=$1 shifted_clock=$2
  shift 2
  shifted_got=0
  "$shifted_clock" timeout -k 5 "$limit_s" "$FWRECOVER" --config r.toml --json "$@" >out.json 2>out.log ||
    shifted_got=$?
  [ "$shifted_got" -eq "$shifted_want" ] || {
    cat out.json
    fail "exit status $shifted_got instead of $shifted_want: $shifted_clock, $*"
  }
}
# A clock before 2026 is one that is not set: a BMC without a battery.
shifted 0 past request
expect_installed r image
shifted 0 past check
shifted 0 past status
if grep -q trial_ends out.json; then fail 'a trial that began without a clock has an end'; fi
shifted 0 future rollback --if-expired
told ok 'no trial has run out'
recover 0 r confirm

say 'a clock that is set back, or ahead, during a trial'
make_image next 262144
sign next 2.0 2
add giver next
kill -HUP "$started"
wait_for_line 10 giver.log ' reloaded '
recover 0 r request
expect_installed r next
shifted 0 past check
shifted 0 past rollback --if-expired
told ok 'no trial has run out'
shifted 0 past request --if-needed
expect_installed r next
shifted 0 future status
grep -q '"trial_expired":true' out.json || fail 'a year later the trial has not expired'
shifted 10 future check
shifted 0 future rollback --if-expired
expect_installed r image
shifted 0 past status
recover 0 r check
"$FWDONOR" --config giver.toml remove "$(sed -n 's/.*"digest": *"\([0-9a-f]*\)".*/\1/p' next.manifest.json)" \
  >>fwdonor.log 2>&1 || fail 'fwdonor remove'
kill -HUP "$started"
sleep 0.2

say 'no random numbers'
fresh
blind() { FWR_SHIM_RANDOM=NONE LD_PRELOAD=$shim "$@"; }
shifted 1 blind request
told_clearly 'random numbers'
shifted 1 blind offers
if [ -e r-a ] || [ -e r-b ]; then fail 'a slot was made without random numbers'; fi
status=0
# shellcheck disable=SC2153
blind timeout -k 5 "$limit_s" "$FWDONORD" --config giver.toml --for 5s >daemon.txt 2>&1 || status=$?
[ "$status" -eq 1 ] || fail "fwdonord without random numbers: exit status $status"
expect_line daemon.txt 'error: .*random numbers'
say 'random numbers that come late'
late() { FWR_SHIM_RANDOM=BLOCK LD_PRELOAD=$shim "$@"; }
shifted 0 late request
grep -c '"event":"problem".*waiting for the random numbers' out.json | grep -qx 1 || fail 'it waited without a word'
expect_installed r image
pick_udp_port other
start late.log env FWR_SHIM_RANDOM=BLOCK LD_PRELOAD="$shim" "$FWDONORD" --config giver.toml --for 10s \
  --set 'lan.listen=["127.0.0.1:'"$other"'"]'
wait_for_line 20 late.log 'waiting for the random numbers'
wait_for_line 20 late.log ready
stop_process "$started" || fail 'a donor that had to wait does not end well'

say 'random numbers that never come: a signal and the deadline end the waiting'
fresh
never() { FWR_SHIM_RANDOM=NEVER LD_PRELOAD=$shim "$@"; }
shifted 16 never request --deadline 2s
told deadline-passed 'random numbers'
for signal in HUP TERM; do
  start never.log env FWR_SHIM_RANDOM=NEVER LD_PRELOAD="$shim" "$FWRECOVER" --config r.toml --json request
  wait_for_line 20 never.log 'waiting for the random numbers'
  kill "-$signal" "$started"
  if wait "$started"; then fail "SIG$signal: a recovery without random numbers ended well"; fi
  expect_line "$work/never.log" '"event":"result".*"code":"interrupted"'
done

say 'too few descriptors'
for count in 3 4 5 6 7 8 9 10 11 12; do
  fresh
  status=0
  timeout -k 5 "$limit_s" prlimit --nofile="$count" "$FWRECOVER" --config r.toml --json request \
    >out.json 2>out.log || status=$?
  case $status in
    0) expect_installed r image ;;
    # The program did not even start: the linker's or timeout's words.
    125 | 126 | 127) ;;
    1 | 2 | 11 | 13 | 15)
      tail -n 1 out.json | grep -q '"event":"result".*"advice":"' || {
        cat out.json out.log
        fail "$count descriptors: no result"
      }
      ;;
    *)
      cat out.json out.log
      fail "$count descriptors: exit status $status"
      ;;
  esac
  installed
done

say 'too little memory'
tried=0
for kib in 16000 20000 24000 28000 32000 40000; do
  fresh
  status=0
  timeout -k 5 "$limit_s" prlimit --as=$((kib * 1024)) "$FWRECOVER" --config r.toml --json \
    request >out.json 2>out.log || status=$?
  case $status in
    0) tried=$((tried + 1)) ;;
    125 | 126 | 127) ;; # the linker had not enough
    1 | 2 | 13 | 15)
      tried=$((tried + 1))
      tail -n 1 out.json | grep -q '"event":"result"' || fail "$kib KiB: no result"
      ;;
    *)
      cat out.json out.log
      fail "$kib KiB of memory: exit status $status"
      ;;
  esac
  installed
done
[ "$tried" -ge 1 ] || fail 'no limit let the program start'

say 'nobody reads what is printed'
fresh
status=0
timeout -k 5 "$limit_s" "$FWRECOVER" --config r.toml request >/dev/full 2>&1 || status=$?
[ "$status" -eq 0 ] || fail "exit status $status of a recovery whose words are lost"
expect_installed r image
fresh
{ timeout -k 5 "$limit_s" "$FWRECOVER" --config r.toml --verbose request 2>&1 || echo "$?" >status.txt; } | true
[ ! -e status.txt ] || fail "exit status $(cat status.txt) of a recovery without a reader"
expect_installed r image

if [ "$(id -u)" -ne 0 ]; then
  say 'the rest needs root'
  exit 0
fi

say 'a state directory that is closed to this user'
fresh
installed
chmod 755 "$work"
cp password weak-password
chown 65534 weak-password
chmod 600 weak-password
sed -i 's|/password"|/weak-password"|' r.toml
chmod 700 r-state
# shellcheck disable=SC2034 # for recover
recover_in='setpriv --reuid=65534 --regid=65534 --clear-groups'
recover 15 r request
told no-permission
told_clearly "$work/r-state"
asked_nobody
recover 15 r status
told_clearly "$work/r-state"
# shellcheck disable=SC2034
recover_in=
rm weak-password
fresh
installed

if ! unshare -m true 2>/dev/null; then
  say 'the rest needs mount namespaces'
  exit 0
fi

say 'full file systems'
# on-tmpfs SIZE DIRECTORY SCRIPT: SCRIPT in a mount namespace where DIRECTORY is that small.
# shellcheck disable=SC2016
on_tmpfs() {
  tmpfs_size=$1 tmpfs_at=$2
  shift 2
  # Only this shell sees the file system: without the trap of the outer one.
  timeout -k 5 120 unshare -m sh -eu -c '
    mount -t tmpfs -o size='"$tmpfs_size"' tmpfs "$1"; shift; . ./inside' sh "$tmpfs_at" "$@" ||
    fail "in a small file system: $*"
}
# run STATUS WORD COMMAND...: inside; the message has the word.
cat >inside <<'END'
run() {
  run_want=$1 run_word=$2
  shift 2
  run_got=0
  timeout -k 5 "$limit_s" "$@" >run.txt 2>&1 || run_got=$?
  [ "$run_got" -eq "$run_want" ] && grep -q -e "$run_word" run.txt || {
    cat run.txt
    echo "exit status $run_got instead of $run_want, or nothing of $run_word: $*"
    exit 1
  }
}
"$@"
END
export limit_s FWRECOVER FWDONOR work
cat >full-state.sh <<'END'
# The record's 128 KiB do not fit.
run 15 'not enough space.*r-state' "$FWRECOVER" --config r.toml request
run 0 'slot a counts as active' "$FWRECOVER" --config r.toml status
[ "$(find r-state -type f -size +1000k | wc -l)" -eq 0 ]
# Room, and later none again: what is there stays as it is.
mount -o remount,size=2m r-state
run 0 recovered "$FWRECOVER" --config r.toml request
run 0 confirmed "$FWRECOVER" --config r.toml confirm
head -c 4000000 /dev/zero >r-state/filler 2>/dev/null || :
run 0 'is active' "$FWRECOVER" --config r.toml status
run 0 '' "$FWRECOVER" --config r.toml check
# All that a recovery writes was allocated before; only the history has no room for another line.
rm -f r-a
run 0 recovered "$FWRECOVER" --config r.toml request --reinstall
run 0 '' "$FWRECOVER" --config r.toml check
END
cat >full-catalogue.sh <<'END'
cp -p kept/* giver-catalogue -r
run 15 'not enough space.*giver-catalogue' "$FWDONOR" --config giver.toml add next
run 0 '' "$FWDONOR" --config giver.toml verify
[ -z "$(find giver-catalogue -name '.incoming*' -o -name '.outgoing*')" ]
mount -o remount,size=2m giver-catalogue
run 0 added "$FWDONOR" --config giver.toml add next
run 0 '' "$FWDONOR" --config giver.toml verify
END
cat >read-only.sh <<'END'
run 0 recovered "$FWRECOVER" --config r.toml request
mount -o remount,ro r-state
run 0 'is active' "$FWRECOVER" --config r.toml status
run 0 '' "$FWRECOVER" --config r.toml check
run 15 'Read-only file system' "$FWRECOVER" --config r.toml request
run 15 'Read-only file system' "$FWRECOVER" --config r.toml confirm
mount -o remount,rw r-state
run 0 confirmed "$FWRECOVER" --config r.toml confirm
END
cat >read-only-catalogue.sh <<'END'
cp -p kept/* giver-catalogue -r
mount -o remount,ro giver-catalogue
run 15 'Read-only file system' "$FWDONOR" --config giver.toml add next
run 15 'Read-only file system' "$FWDONOR" --config giver.toml remove "$(ls kept)"
run 0 '' "$FWDONOR" --config giver.toml verify
END
fresh
mkdir r-state
on_tmpfs 100k r-state . ./full-state.sh
fresh
mkdir r-state
on_tmpfs 2m r-state . ./read-only.sh
mkdir kept
cp -rp giver-catalogue/[0-9a-f]* kept/
on_tmpfs 500k giver-catalogue . ./full-catalogue.sh
on_tmpfs 2m giver-catalogue . ./read-only-catalogue.sh
