#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Numbers, times, versions and addresses on the command lines mean one thing: nothing is octal, nothing
# is empty, nothing is not a number, and nothing is said twice with the last one winning in silence.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"

make_image image 9

# write OPTION...: the manifest that comes out, or nothing; the exit status is in $status.
write() {
  rm -f image.manifest.json
  status=0
  "$FWDONOR" manifest image --name x --quiet "$@" >tool.log 2>&1 || status=$?
  cat image.manifest.json 2>/dev/null || :
}
# refused WORD OPTION...: exit status 2 with the word, and nothing written.
refused() {
  word=$1
  shift
  write "$@" >written
  [ "$status" -eq 2 ] || fail "exit status $status instead of 2: $*"
  [ ! -s written ] || fail "a manifest was written: $*"
  grep -q -i -e "$word" tool.log || {
    cat tool.log
    fail "nothing says '$word': $*"
  }
}

for pair in 7:007 10:010 9:009 16:0x10 0:0 4294967295:4294967295; do
  write --image-version 1 --platform product=7 --security-version "${pair#*:}" >written
  grep -q "\"security\":${pair%%:*}," written || fail "--security-version ${pair#*:} is not ${pair%%:*}"
done
for text in '' ' ' -1 +1 1.0 1e3 nan inf 4294967296 0x 0b1 7x; do
  refused security-version --image-version 1 --platform product=7 "--security-version=$text"
  refused security-version --image-version 1 --platform product=7 --security-version "$text"
done
for option in --minimum-version --expires --created --component --output --image-version --name; do
  refused "${option#--}" --image-version 1 --platform product=7 --security-version 1 "$option" ''
  refused "${option#--}" --image-version 1 --platform product=7 --security-version 1 "$option="
done
for option in --expires --created; do
  for text in 0 -1 nan 1e9 4000000000000 2027-02-29 2027-13-01 2027-1-1 27-01-01 2027-01-01T12:00:00 2027-01-01T24:00:00Z \
    2027-01-01T12:00:00+01:00 '2027-01-01 ' tomorrow; do
    refused "${option#--}" --image-version 1 --platform product=7 --security-version 1 "$option=$text"
  done
  write --image-version 1 --platform product=7 --security-version 1 $option 2028-02-29T23:59:58Z >written
  grep -q "\"${option#--}\":1835481598[,}]" written || fail "$option reads another moment: $(cat written)"
done
refused 'security-version' --image-version 1 --platform product=7 --security-version 1 --security-version 2

write --image-version 1 --security-version 1 --platform any >written
grep -q '"platforms":\[{}\]' written || fail '--platform any is not every platform'
write --image-version 1 --security-version 1 --platform product=010,device=0x10 >written
grep -q '"platforms":\[{"device":16,"product":10}\]' written || fail '--platform reads other numbers'
for match in '' , product= product =7 product=7, ,product=7 product=7,product=7 device=1,product=2,device=1 \
  revision=1,revision=1 revision=3-1 revision=- revision=1- any,product=7 ANY product=-1 product=65536 color=1; do
  refused platform --image-version 1 --security-version 1 --platform "$match"
done

# tool STATUS WORD COMMAND...
tool() {
  want=$1 word=$2
  shift 2
  status=0
  limited "$@" >tool.log 2>&1 </dev/null || status=$?
  [ "$status" -eq "$want" ] || fail "exit status $status instead of $want: $*"
  grep -q -i -e "$word" tool.log || {
    cat tool.log
    fail "nothing says '$word': $*"
  }
}
for text in nan inf -1 '' 1e3 0x10; do
  tool 2 wait "$FWDIAG" ping --wait "$text" 127.0.0.1
  tool 2 for "$FWDIAG" icmb-bus --for "$text"
  tool 2 deadline "$FWRECOVER" request --deadline "$text"
  tool 2 for "$FWDONORD" --for "$text"
done
for list in '[]' '[ ]' '[,]' '[[]]'; do
  for command in ping discover capabilities; do tool 2 'an empty value' "$FWDIAG" $command --wait 10ms "$list"; done
  tool 2 'an empty value' "$FWRECOVER" offers --target "$list"
done
for text in nan inf -0.1 '' 0.6; do tool 2 ber "$FWDIAG" icmb-bus --for 1 --ber "$text"; done
tool 2 cipher-suite "$FWDIAG" donor --cipher-suite 021 --user x 127.0.0.1
tool 0 node "$FWDIAG" icmb-bus --for 10ms --ber 1e-5 --seed 0xff --nodes 02

for host in '10.0.0.1/24' 'http://console' 'a b' 'user@console' '::1:623' 'fe80::1:623'; do
  tool 2 'a host is a name\|stands in brackets\|a port is a number' "$FWDIAG" ping --wait 10ms "$host"
  tool 2 'lan.targets' "$FWRECOVER" --set "lan.targets=['$host']" config
done
tool 2 'lan.targets' "$FWRECOVER" --set "lan.targets=['x[3-1]']" config
tool 2 'is empty' "$FWRECOVER" --set 'policy.media=[]' config
expires() {
  tool "$1" "$2" "$FWDONOR" manifest --name x --image-version 1 --security-version 1 --platform product=7 \
    --created 2027-06-30 --expires "$3" -o expires.json image
}
expires 2 'is no time' 20280630
expires 2 'before it was made' 2027-06-30
expires 2 'before it was made' 1000000000
expires 0 wrote 2028-06-30

for host in 127.0.0.010 127.0.0.08 127.1 0x7f.0.0.1 2130706433 '127.0.0.[08-09]' '127.0.0.[1,02]' 256.0.0.1; do
  tool 2 'four decimal numbers' "$FWDIAG" ping --wait 10ms "$host"
  tool 2 'four decimal numbers' env FWRECOVER_PASSWORD=0123456789abcdef "$FWDIAG" donor --user x "$host"
  tool 2 'four decimal numbers' env FWRECOVER_PASSWORD=0123456789abcdef \
    "$FWRECOVER" --set lan.broadcast=false offers --target "$host"
done
say 'every number means one thing'
