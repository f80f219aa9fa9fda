# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# What the tests of faults share: the shim before a program, and which faults a call can have.
# After tests/lib.sh.

. "$TOP_SRCDIR/tests/interop/common.sh"

shim=$TOP_BUILDDIR/tests/faults/.libs/shim.so
[ -e "$shim" ] || fail "$shim was not built"

# The program itself, not the script with which libtool starts it: the shim is to see nothing else.
real_program() {
  program_dir=$(dirname "$1")
  program_name=$(basename "$1")
  if [ -x "$program_dir/.libs/$program_name" ]; then
    printf '%s\n' "$program_dir/.libs/$program_name"
  else
    printf '%s\n' "$1"
  fi
}
FWRECOVER=$(real_program "$FWRECOVER")
FWDONORD=$(real_program "$FWDONORD")
FWDONOR=$(real_program "$FWDONOR")
FWDIAG=$(real_program "$FWDIAG")
LD_LIBRARY_PATH=$TOP_BUILDDIR/lib/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
if grep -q __asan_init "$TOP_BUILDDIR/lib/.libs/libfwrecover.so" "$FWRECOVER" 2>/dev/null; then
  skip 'AddressSanitizer wants to be the first preloaded library'
fi

# What a hanging program costs, not what a run takes.
limit_s=${FWR_COMMAND_LIMIT:-30}

# two_releases BYTES: "old" and "new", signed, and the configuration of a donor "giver" without either.
two_releases() {
  bytes=$1
  make_key vendor
  for image in old new; do make_image "$image" "$bytes"; done
  sign old 1.0 1
  sign new 2.0 2
  pick_udp_port port
  donor_config giver console "127.0.0.1:$port"
}

# counted COMMAND...: without a fault; the calls on files below $work are listed in calls, with how
# many times such a call was there before: "AT CALL PATH".
counted() {
  rm -f raw-calls
  counted_status=0
  FWR_SHIM_PATHS="$work" FWR_SHIM_LOG="$work/raw-calls" LD_PRELOAD="$shim" \
    timeout -k 5 "$limit_s" "$@" >out.txt 2>err.txt || counted_status=$?
  [ "$counted_status" -eq 0 ] || {
    cat out.txt err.txt
    fail "without a fault: exit status $counted_status of: $*"
  }
  # mkdtemp(3) makes other names each time.
  sed "s|$work/||g; s|\.incoming-[^/]*|.incoming-??????|g" raw-calls |
    awk '{ print ++seen[$0], $0 }' >calls
}

# faulty AT CALL FAULT PATH COMMAND...: with a fault. The exit status is $status, what was said is in
# out.txt and err.txt, and hit is not empty if the fault happened.
faulty() {
  case $4 in
    /*) faulty_file=$4 ;;
    *) faulty_file=$work/$4 ;;
  esac
  faulty_at=$1 faulty_call=$2 faulty_fault=$3
  shift 4
  : >hit
  status=0
  FWR_SHIM_PATHS="$work" FWR_SHIM_LOG="$work/hit" FWR_SHIM_AT=$faulty_at FWR_SHIM_CALL=$faulty_call \
    FWR_SHIM_FILE=$faulty_file FWR_SHIM_FAULT=$faulty_fault LD_PRELOAD="$shim" \
    timeout -k 5 "$limit_s" "$@" >out.txt 2>err.txt || status=$?
}

# faults_of CALL: the faults that this call can have on a real system, one a line.
faults_of() {
  case $1 in
    pread64 | read) echo EIO EIO+ EINTR SHORT DIE ;;
    pwrite64 | write) echo EIO EIO+ ENOSPC EINTR SHORT DIE DIE_TORN DIE_AFTER ;;
    open | openat) echo EIO EMFILE EACCES EINTR DIE DIE_AFTER ;;
    fsync | fdatasync) echo EIO EIO+ ENOSPC EINTR DIE DIE_AFTER ;;
    posix_fallocate) echo EIO ENOSPC EINTR DIE DIE_AFTER ;;
    ftruncate) echo EIO EINTR DIE DIE_AFTER ;;
    flock) echo ENOLCK EINTR DIE DIE_AFTER ;;
    rename | mkdir | mkdtemp) echo EIO ENOSPC EROFS DIE DIE_AFTER ;;
    unlink | unlinkat) echo EIO DIE DIE_AFTER ;;
    close) echo EIO EINTR DIE ;;
    *) echo EIO DIE ;;
  esac | tr ' ' '\n'
}

# plan SHARE: "AT CALL FAULT PATH" for the calls of the last counted command: each, or a SHAREth of
# them at even distances, beginning where the name of the test and FWR_SEED say.
plan() {
  while read -r plan_at plan_call plan_path; do
    for plan_fault in $(faults_of "$plan_call"); do
      printf '%s %s %s %s\n' "$plan_at" "$plan_call" "$plan_fault" "$plan_path"
    done
  done <calls | awk -v share="$1" -v first="$seed" '(NR + first) % share == 0'
}
seed=${FWR_SEED:-0}

# share SHORT: how thin the faults are spread: all of them in the long form.
share() { if [ -n "${FWR_TEST_LONG:-}" ]; then echo 1; else echo "$1"; fi; }

# broken REASON: what a fault led to is not right. The sweep goes on, so that all is seen at once.
broken_count=0
broken() {
  sed 's/^/  stdout: /' out.txt
  sed 's/^/  stderr: /' err.txt
  say "BROKEN: $call $at of $path with $fault, exit status $status: $*"
  broken_count=$((broken_count + 1))
  [ "$broken_count" -lt 20 ] || fail 'too much is broken to go on'
}

# How many faults did not come about: the number of writes depends on how many blocks come at a time,
# and that of reads on how often a recipient on a busy machine asks again.
missed=0
runs=0

# end_of_sweeps: fails when anything was broken, or too little was tried.
end_of_sweeps() {
  say "$runs faults, $missed did not come about"
  [ "$missed" -le $((runs / 4)) ] || fail 'too many faults did not come about'
  [ "$broken_count" -eq 0 ] || fail "$broken_count faults led to something that is not right"
}

# expect_documented STATUSES: the exit status after faulty() fits the fault, and what failed was
# said clearly: one line with a name of the file or slot, one with advice.
# Wants $at $call $fault $path.
expect_documented() {
  if [ ! -s hit ]; then
    missed=$((missed + 1))
    [ "$status" -eq 0 ] || broken 'it failed without a fault'
    return
  fi
  # What fails for good fails with every file that is touched from there on.
  case $fault in
    *+) set -- '1 2 15' ;;
  esac
  case $fault in
    DIE*)
      [ "$status" -eq 137 ] || broken 'it did not die'
      return
      ;;
    EINTR | SHORT)
      [ "$status" -eq 0 ] || broken 'this fault has to be absorbed'
      return
      ;;
  esac
  case " 0 $1 " in
    *" $status "*) ;;
    *) broken "the manual page has no such exit status, or not for this (expected 0 $1)" ;;
  esac
  [ "$status" -ne 0 ] || return 0
  [ "$(grep -c '^error: ' err.txt)" -eq 1 ] || broken 'not one line says what went wrong'
  [ "$(grep -c '^hint: ' err.txt)" -eq 1 ] || broken 'not one line says what to do'
  # A path that is a temporary one has the directory in common with what the message names.
  case $fault,$path in
    *+,*) named=$work ;;
    *,/*) named=$path ;;
    *,*'??????') named=$work/$(dirname "$path") ;;
    *,*'?'*) named=$work/${path%%\?*} ;;
    *,*/*) named=$work/$(dirname "$path") ;;
    *) named=$work/${path%.new} ;;
  esac
  grep '^error: ' err.txt | grep -q -F -e "$named" ||
    broken 'the message does not name the file'
}
