#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Fetches an image from a donor with nothing but ipmitool and coreutils, and checks its digest.
#
#   recover-with-ipmitool.sh HOST PORT USER PASSWORD_FILE OUTPUT [MANUFACTURER PRODUCT [COMPONENT]]
#
# For a bench without fwrecover on it, and as a worked example of doc/PROTOCOL.md: every command is a
# plain OEM/Group request. Slow (one session for each 900 bytes), and without the signature check that
# fwrecover makes: compare the digest that it prints with a manifest that you trust.
# FWR_CIPHER_SUITE chooses the cipher suite (default 17), FWR_IANA the enterprise number.
set -eu

[ $# -ge 5 ] || {
  echo "usage: $0 HOST PORT USER PASSWORD_FILE OUTPUT [MANUFACTURER PRODUCT [COMPONENT]]" >&2
  exit 2
}
host=$1 port=$2 user=$3 password_file=$4 output=$5
manufacturer=${6:-0} product=${7:-0} component=${8:-bmc}
suite=${FWR_CIPHER_SUITE:-17}
chunk=900 # bytes a read, PROTOCOL §5.6

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# le VALUE SIZE: little-endian bytes in the form that ipmitool takes.
le() {
  value=$(($1))
  i=0
  while [ $i -lt "$2" ]; do
    printf ' 0x%02x' $((value & 255))
    value=$((value >> 8))
    i=$((i + 1))
  done
}
iana=$(le "${FWR_IANA:-32473}" 3)

# refusal CODE: what a donor means by a completion code that ipmitool does not know, PROTOCOL §3.1.
refusal() {
  case $1 in
    0x80) echo 'it has no image for this platform' ;;
    0x81) echo 'the offer has expired, ask again' ;;
    0x82) echo 'it has no such image any more' ;;
    0x83) echo 'it has no room for another lease now, try again later' ;;
    0x84) echo 'the lease has ended' ;;
    0x85) echo 'it does not speak this version of the protocol' ;;
    0x86) echo 'it cannot read its own image, "fwdonor verify" says more' ;;
  esac
}

# ask COMMAND BYTE...: prints the response after completion code and IANA number, as words of two hexadecimal
# digits.
ask() {
  command=$1
  shift
  # shellcheck disable=SC2086 # the words are the bytes
  answer=$(ipmitool -I lanplus -H "$host" -p "$port" -U "$user" -f "$password_file" -L USER \
    -C "$suite" raw 0x2e "$command" $iana "$@" 2>"$work/error") || {
    cat "$work/error" >&2
    code=$(sed -n 's/.*rsp=\(0x8[0-6]\)).*/\1/p' "$work/error" | head -n 1)
    [ -z "$code" ] || echo "the donor refused: $(refusal "$code")" >&2
    return 1
  }
  # shellcheck disable=SC2086
  set -- $answer
  shift 3
  echo "$*"
}
# words FIRST LAST WORD...: counted from 1.
words() {
  first=$1 last=$2
  shift 2
  echo "$*" | cut -d' ' -f"$first-$last"
}
# number WORD...: little-endian to decimal.
number() {
  hex=
  for byte in "$@"; do hex=$byte$hex; done
  echo $((0x$hex))
}
as_arguments() { printf ' 0x%s' "$@"; }
to_words() { od -An -v -tx1 | tr -d '\n'; }
to_binary() { tr -d ' \n' | tr a-f A-F | basenc --base16 -d; }
text_words() { { printf '%s' "$1" && head -c "$2" /dev/zero; } | head -c "$2" | to_words; }

# --- request and offer, §5.2: byte N of the response is word N-4 here ------------------------------
nonce=$(head -c 16 /dev/urandom | to_words)
# shellcheck disable=SC2046,SC2086
{
  offer=$(ask 0x02 0x01 0x00 $(as_arguments $nonce) $(le "$manufacturer" 3) $(le "$product" 2) \
    0x00 0x00 $(as_arguments $(text_words "$component" 16)))
  digest=$(words 37 68 $offer)
  size=$(number $(words 73 77 $offer))
  token=$(words 80 95 $offer)
}
digest_text=$(echo "$digest" | tr -d ' ')
echo "offered: $size bytes, digest $digest_text"

# --- accept, §5.4 ----------------------------------------------------------------------------------
# shellcheck disable=SC2046,SC2086
{
  lease=$(ask 0x04 $(as_arguments $nonce) $(as_arguments $digest) $(as_arguments $token))
  handle=$(as_arguments $(words 1 4 $lease))
}

# --- read, §5.6 ------------------------------------------------------------------------------------
: >"$work/image"
offset=0
while [ $offset -lt "$size" ]; do
  count=$((size - offset))
  [ $count -le $chunk ] || count=$chunk
  # shellcheck disable=SC2046,SC2086
  part=$(ask 0x07 $handle $(le $offset 5) $(le $count 2))
  echo "$part" | to_binary >>"$work/image"
  offset=$((offset + count))
  if [ -t 2 ]; then printf '\r%d of %d bytes' $offset "$size" >&2; fi
done
if [ -t 2 ]; then echo >&2; fi

# --- the digest, §7.1: a hash tree with nothing but sha256sum --------------------------------------
# hash_blocks FILE: the SHA-256 of each 4,096-byte block, the last one padded with zeros.
hash_blocks() {
  rest=$(($(stat -c %s "$1") % 4096))
  if [ $rest -ne 0 ]; then head -c $((4096 - rest)) /dev/zero >>"$1"; fi
  split -b 4096 -a 6 --filter=sha256sum "$1" | cut -c1-64 | to_binary
}
cp "$work/image" "$work/level"
while :; do
  hash_blocks "$work/level" >"$work/next"
  mv "$work/next" "$work/level"
  [ "$(stat -c %s "$work/level")" -gt 32 ] || break
done
# version 1, SHA-256, blocks of 2^12 bytes, no salt; size; root hash; zeros up to 256 bytes
computed=$({
  echo 01 01 0c 00 00 00 00 00
  le "$size" 8 | sed 's/0x//g'
  to_words <"$work/level"
  head -c 208 /dev/zero | to_words
} | to_binary | sha256sum | cut -c1-64)

result=0
if [ "$computed" != "$digest_text" ]; then result=14; fi
# --- report, §5.7 ----------------------------------------------------------------------------------
# shellcheck disable=SC2046,SC2086
ask 0x08 $handle $(le $result 1) $(as_arguments $(text_words ipmitool 8)) >/dev/null
if [ $result -ne 0 ]; then
  echo "the digest is $computed: the image is not what was offered" >&2
  exit $result
fi
mv "$work/image" "$output"
echo "received: $output, digest $computed"
