#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A 32 MiB recovery on loopback against atftp (blksize 1428, windowsize 16), side by side in one run.
#
#   loopback.sh BUILDDIR      FWR_BENCH_RUNS (default 7): measured runs of each, after one that warms up
#
# fwrecover finds the donor, opens a session, verifies every block, writes a slot, reads it back and
# activates it; atftp copies a file. Compared are wall times: atftp's from start to end, fwrecover's from
# the moment that it stops collecting offers, which is a setting, to its end. Figures of one run belong
# together: compare ratios, not seconds of different machines.
set -eu

build=$(cd "${1:?usage: loopback.sh BUILDDIR}" && pwd)
runs=${FWR_BENCH_RUNS:-7}
work=$(mktemp -d)
chmod 755 "$work" # atftpd serves as nobody
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || :; done
  wait
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
export PATH=$build/tools:$PATH:/usr/sbin
cd "$work"

for program in atftp atftpd minisign; do
  command -v $program >/dev/null || { echo "bench: $program is not installed" >&2; exit 2; }
done

# --- the two servers -------------------------------------------------------------------------------

minisign -G -W -p key.pub -s key >/dev/null
printf 'bench-password' >password
chmod 600 password
for size in 8 32 128; do
  head -c $((size << 20)) /dev/urandom >$size.img
  fwdonor -q manifest $size.img --name bench --image-version 1.$size --security-version 1 \
    --component b$size --platform product=7
  minisign -S -s key -m $size.img.manifest.json -t bench >/dev/null
done
cat >donor.toml <<END
[catalogue]
directory = "$work/catalogue"
[trust]
keys = ["$work/key.pub"]
[lan]
listen = ["127.0.0.1:16230"]
[user.bench]
password_file = "$work/password"
END
for size in 8 32 128; do fwdonor -q --config donor.toml add $size.img; done
"$build/tools/fwdonord" --config donor.toml 2>donor.log &
pids+=($!)
atftpd --daemon --no-fork --port 16231 --bind-address 127.0.0.1 "$work" 2>/dev/null &
pids+=($!)
for _ in $(seq 100); do grep -q ready donor.log && break; sleep 0.05; done
donor=${pids[0]}

recipient() { # SIZE: the configuration of a system that lacks that image
  cat >"$1.toml" <<END
[system]
product = 7
component = "b$1"
[slots]
a = "$work/slot-a"
b = "$work/slot-b"
size = "256MiB"
state = "$work/state"
[trust]
keys = ["$work/key.pub"]
[donor]
user = "bench"
password_file = "$work/password"
[lan]
targets = ["127.0.0.1:16230"]
broadcast = false
[policy]
offer_window = "200ms"
END
}
for size in 8 32 128; do recipient "$size"; done

# --- one run of each -------------------------------------------------------------------------------

now_us() { echo $((${EPOCHREALTIME/./})); }
cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

# Prints: wall ms from the choice to the end, ms of tree and image, ms of verification, CPU ms, peak KiB.
run_fwrecover() {
  rm -rf slot-a slot-b state
  local from=0 to line mark=0 fetch=0 verify=0
  exec {events}< <(/usr/bin/time -f '%U %S %M' -o usage fwrecover --json --config "$1.toml" request)
  while read -r line <&"$events"; do
    case $line in
      *'"state":"Selecting"'*) from=$(now_us) ;;
      *'"state":"FetchingTree"'*) mark=$(now_us) ;;
      *'"state":"Verifying"'*) to=$(now_us); fetch=$((to - mark)); mark=$to ;;
      *'"state":"Activating"'*) verify=$(($(now_us) - mark)) ;;
      *'"event":"result"'*) case $line in *'"ok":true'*) ;; *) echo "$line" >&2; exit 1 ;; esac ;;
    esac
  done
  exec {events}<&-
  to=$(now_us)
  awk -v wall=$((to - from)) -v fetch=$fetch -v verify=$verify '
    { printf "%.1f %.1f %.1f %.0f %d\n", wall / 1000, fetch / 1000, verify / 1000, ($1 + $2) * 1000, $3 }
  ' usage
}
run_atftp() {
  local from
  rm -f copy
  from=$(now_us)
  atftp --option 'blksize 1428' --option 'windowsize 16' -g -r 32.img -l copy 127.0.0.1 16231 >atftp.log 2>&1
  cmp -s copy 32.img || { echo 'bench: atftp copied something else' >&2; exit 1; }
  awk -v us=$(($(now_us) - from)) 'BEGIN { printf "%.1f\n", us / 1000 }'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

run_fwrecover 32 >/dev/null
run_atftp >/dev/null
donor_before=$(cpu_ticks "$donor")
for _ in $(seq "$runs"); do
  run_fwrecover 32 >>ours
  run_atftp >>theirs
done
donor_after=$(cpu_ticks "$donor")

ours=$(cut -d' ' -f1 ours | median)
fetch=$(cut -d' ' -f2 ours | median)
verify=$(cut -d' ' -f3 ours | median)
cpu=$(cut -d' ' -f4 ours | median)
theirs=$(median <theirs)
echo "32 MiB on loopback, medians of $runs runs, milliseconds"
printf '  %-56s %8.0f\n' \
  "fwrecover request, from the choice of a donor to its end" "$ours" \
  "  of it tree and image, verified and written" "$fetch" \
  "  of it read back and hashed again" "$verify" \
  "  CPU of the recipient" "$cpu" \
  "  CPU of the donor" "$(((donor_after - donor_before) * 1000 / $(getconf CLK_TCK) / runs))" \
  "atftp, blksize 1428, windowsize 16" "$theirs"
awk -v a="$ours" -v b="$theirs" -v f="$fetch" 'BEGIN {
  printf "ratio fwrecover / atftp: %.2f whole recovery, %.2f transfer alone (below 1: fwrecover is faster)\n", a / b, f / b }'
for size in 8 32 128; do
  printf 'peak memory of the recipient, %3d MiB image: %6d KiB\n' $size "$(run_fwrecover $size | cut -d' ' -f5)"
done
