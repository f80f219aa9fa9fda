#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What a user names for output is never anything else afterwards: devices, FIFOs, links and directories
# stay what they are, and get the text where one can be written to them.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"

make_image image 9
manifest() {
  status=0
  limited "$FWDONOR" manifest image --name x --image-version 1 --security-version 1 --created 1 \
    --platform product=7 "$@" >out 2>tool.log || status=$?
}
# wrote FILE...: the last one ended well, and each file has the manifest.
wrote() {
  [ "$status" -eq 0 ] || {
    cat tool.log
    fail "exit status $status"
  }
  for file in "$@"; do
    expect_same "$file" wanted
    set -- .*.new elsewhere/.*.new
    [ ! -e "$1" ] && [ ! -e "$2" ] || fail "something is left beside $file"
  done
}
refused() {
  [ "$status" -eq 2 ] || fail "exit status $status instead of 2"
  grep -q -i -e "$1" tool.log || {
    cat tool.log
    fail "nothing says '$1'"
  }
}

manifest -q
[ "$status" -eq 0 ] || fail 'no manifest at all'
cp image.manifest.json wanted

echo old >there
chmod 600 there
echo mine >there.new
manifest -q -o there
wrote there
[ "$(stat -c %a there)" = 600 ] || fail 'the mode of a file that was replaced has changed'
[ "$(cat there.new)" = mine ] || fail 'a file of the user was taken for a temporary one'

for output in - /dev/stdout /proc/self/fd/1; do
  manifest -o "$output"
  wrote out
done
[ ! -e ./- ] || fail 'there is a file with the name "-"'
"$FWDONOR" manifest image --name x --image-version 1 --security-version 1 --created 1 \
  --platform product=7 -o /dev/stdout | cat >piped
cmp piped wanted || fail '/dev/stdout as a pipe'
manifest --json -o -
[ "$status" -eq 2 ] || fail '--json and the manifest went to the same place'
[ -c /dev/stdout ] || [ -L /dev/stdout ] || fail '/dev/stdout is gone'

mkfifo fifo
cat fifo >through &
reader=$!
manifest -q -o fifo
wait "$reader"
wrote through
[ -p fifo ] || fail 'the FIFO is none any more'

mkdir elsewhere directory
echo old >elsewhere/real
ln -s elsewhere/real link
ln -s link link-to-link
for link in link link-to-link; do
  echo old >elsewhere/real
  manifest -q -o "$link"
  wrote elsewhere/real
  [ -L "$link" ] || fail "$link is no link any more"
done
ln -s nowhere dangling
manifest -q -o dangling
refused 'leads nowhere'
[ -L dangling ] && [ ! -e nowhere ] || fail 'something happened to a dangling link'
manifest -q -o directory
refused 'directory'
ln -s directory link-to-directory
manifest -q -o link-to-directory
refused 'directory'
manifest -q -o missing/file
[ "$status" -eq 1 ] || fail "exit status $status for a directory that is not there"

# Nodes of our own, never those of this machine.
if [ "$(id -u)" -eq 0 ] && mknod null c 1 3 2>/dev/null && mknod full c 1 7 && mknod block b 7 250; then
  ln -s null link-to-null
  for output in null link-to-null; do
    manifest -q -o "$output"
    [ "$status" -eq 0 ] || fail "exit status $status for a character device"
  done
  [ -c null ] && [ -L link-to-null ] || fail 'a device was replaced'
  if echo x 2>/dev/null >full; then
    say 'this file system has no devices'
  else
    manifest -q -o full
    [ "$status" -eq 15 ] || fail "exit status $status instead of 15 for a full device"
    [ -c full ] || fail 'a full device was replaced'
  fi
  manifest -q -o block
  refused 'block device'
  [ -b block ] || fail 'a block device was replaced'
  mkdir public
  chmod 1777 public
  echo secret >victim
  ln -s "$work/victim" public/trap
  chown -h 65534 public/trap
  manifest -q -o public/trap
  refused 'another user'
  [ "$(cat victim)" = secret ] || fail 'a link of another user led to a file of ours'
fi

mkdir links
ln -s "$work/wanted" links/node1
status=0
limited "$FWDIAG" icmb-bus --for 10ms --link-dir links >out 2>tool.log || status=$?
[ "$status" -ne 0 ] && [ "$(readlink links/node1)" = "$work/wanted" ] ||
  fail 'a link of the user was taken for one to a pseudo-terminal'
say 'nothing was replaced but regular files'
