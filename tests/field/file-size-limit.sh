#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A limit for the size of files (ulimit -f) is an error like a full disk: it is said, with an exit code, nothing is
# left behind, and the program goes on when the limit is gone.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
make_image image 2000000
sign image 1.0 1
pick_udp_port port
donor_config d console "127.0.0.1:$port"

# within STATUS COMMAND...: with at most 256 KiB a file.
within() {
  within_want=$1
  shift
  within_got=0
  (ulimit -f 512 && limited "$@") >out.log 2>&1 || within_got=$?
  cat out.log
  [ "$within_got" -eq "$within_want" ] || fail "exit status $within_got instead of $within_want: $*"
}
say 'the catalogue'
within 15 "$FWDONOR" --config d.toml add image
expect_line out.log '^error: there is not enough space: .*: File too large'
expect_line out.log '^hint: A limit for the size of files'
[ "$(find d-catalogue -mindepth 1 ! -name .lock | wc -l)" -eq 0 ] || fail "left behind: $(ls -A d-catalogue)"
add d image

say 'a slot'
start_donor d
recipient_config r "\"127.0.0.1:$port\""
within 15 "$FWRECOVER" --config r.toml request
expect_line out.log 'File too large'
expect_line out.log '^hint: A limit for the size of files'
recover 0 r request
expect_installed r image
