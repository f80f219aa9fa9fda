#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Where a file is wanted, and something else has the name: it is said what is there, with advice that helps, and
# nothing hangs, also not on a pipe whose other end does nothing.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign perl
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
make_image image 20000
sign image 1.0 1
make_image other 20000
sign other 2.0 1
donor_config d console 127.0.0.1
add d image
offer_window=300ms recipient_config r '"127.0.0.1:9"'
mkdir directory
mkfifo pipe
perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0) && bind(S, sockaddr_un("socket")) || die "$!"'
ln -s loop loop
ln -s nowhere dangling
: >empty
made='directory pipe socket loop dangling empty'
if mknod device c 1 5 2>/dev/null && head -c 1 device >one-byte 2>/dev/null; then made="$made device"; else rm -f device; fi

# refused WORDS COMMAND...: soon, by a message with the words, one of them what is there.
refused() {
  refused_words=$1
  shift
  refused_got=0
  limit_s=20
  limited "$@" >out.log 2>&1 || refused_got=$?
  case $refused_got in 1 | 2 | 14) ;; *) cat out.log && fail "exit status $refused_got of: $*" ;; esac
  grep -q "^error: .*$refused_words" out.log || {
    cat out.log
    fail "nothing says '$refused_words': $*"
  }
  if grep -q 'kernel log' out.log; then fail "the advice is for a device that fails: $*"; fi
}
words_for() {
  case $1 in
    directory) echo "$1: a directory, not a regular file" ;;
    pipe) echo "$1: a pipe, not a regular file" ;;
    device) echo "$1: a character device, not a regular file" ;;
    socket) echo "$1: a socket.*, not a regular file" ;;
    loop) echo "does not exist: .*$1: Too many levels of symbolic links" ;;
    dangling) echo "does not exist: .*$1: No such file" ;;
    empty) echo "$1: an image has 1 to [0-9]* bytes" ;;
  esac
}
# A pipe or a device is read where a manifest or a signature may come out of another program.
words_for_text() {
  case $1 in
    pipe | empty) echo "$1: \\(nothing is in it\\|nothing came through this pipe\\|a signature has four lines\\)" ;;
    device) echo "$1: larger than [0-9]* bytes" ;;
    *) words_for "$1" ;;
  esac
}
for name in $made; do
  say "$name"
  words=$(words_for "$name")
  text=$(words_for_text "$name")
  refused "$words" "$FWDONOR" manifest "$name" --name x --image-version 1 --security-version 1 \
    --platform manufacturer=32473,product=7 -o new.json
  [ ! -e new.json ] || fail 'a manifest was written'
  case $name in empty) words='other\|empty' ;; esac
  refused "$words" "$FWDONOR" --config d.toml add "$name" --manifest other.manifest.json
  [ "$name" = empty ] || refused "$words" "$FWDONOR" --config d.toml add other --manifest "$name" \
    --signature other.manifest.json.minisig
  [ "$name" = empty ] || refused "$words" "$FWDONOR" --config d.toml add other --signature "$name"
  [ "$name" = empty ] || refused "$words" "$FWRECOVER" --config r.toml verify image.manifest.json --image "$name"
  for command in verify adopt; do
    refused "$text" "$FWRECOVER" --config r.toml $command "$name" --signature image.manifest.json.minisig
    refused "$text" "$FWRECOVER" --config r.toml $command image.manifest.json --signature "$name"
  done
done

say 'a pipe whose other end is slow, and one whose other end does nothing'
{
  sleep 1
  cat image.manifest.json
} | limited "$FWRECOVER" --config r.toml verify /dev/stdin --signature image.manifest.json.minisig >out.log 2>&1 || {
  cat out.log
  fail 'a manifest that comes late'
}
exec 5<>pipe
refused 'pipe: its writer has sent nothing' "$FWRECOVER" --config r.toml verify pipe --signature image.manifest.json.minisig

say 'what is too large to be a manifest or a signature is wrong content'
{
  cat image.manifest.json
  head -c 16384 /dev/zero | tr '\0' ' '
} >large.json
for pair in 'large.json image.manifest.json.minisig' 'image.manifest.json large.json'; do
  status=0
  # shellcheck disable=SC2086 # two files
  limited "$FWRECOVER" --config r.toml verify ${pair% *} --signature ${pair#* } >out.log 2>&1 || status=$?
  [ "$status" -eq 14 ] || fail "verify of $pair: $status, $(cat out.log)"
  grep -q 'large.json: larger than [0-9]* bytes' out.log || fail "$(cat out.log)"
done

say 'the files of the state directory'
for file in state state.new tree lock history.jsonl history.lock; do
  for kind in fifo directory; do
    rm -rf r-state r-a r-b
    mkdir r-state
    case $kind in fifo) mkfifo "r-state/$file" ;; *) mkdir "r-state/$file" ;; esac
    # The history is written at the end, and not in vain for a recovery that failed for another reason.
    case $file in history.*) wanted=11 ;; *) wanted=15 ;; esac
    recover $wanted r request
    grep -q "/r-state/$file: \\(is no regular file\\|Is a directory\\)\\|/r-state/$file is not a regular file" out.json out.log ||
      { cat out.log && fail "nothing says what $file is"; }
    for command in status check history confirm 'rollback --if-expired' offers; do
      command_got=0
      # shellcheck disable=SC2086 # a command and its option
      limit_s=20 limited "$FWRECOVER" --config r.toml $command >command.log 2>&1 || command_got=$?
      case $command_got in 124 | 137) fail "$command hangs when $file is a $kind" ;; esac
    done
  done
done
