#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What many systems would refuse is said to who fills a catalogue, on standard error and in --json, and
# is no failure; what is there already is none either; images are named as people name them.
. "$TOP_SRCDIR/tests/lib.sh"
need_program minisign
. "$TOP_SRCDIR/tests/interop/common.sh"

make_key vendor
make_key second
platform='--platform manufacturer=32473,product=7'
donor_config d console 127.0.0.1:1
sed -i "s|^keys = .*|keys = [\"$work/vendor.pub\", \"$work/second.pub\"]|" d.toml
rm -rf d-catalogue

# donor STATUS COMMAND...: lines in out.json; what people see in text, with the same exit status.
donor() {
  donor_want=$1
  shift
  expect_exit "$donor_want" limited "$FWDONOR" --config d.toml --json "$@" >out.json 2>out.log
}
# concern NAME WORD: what the last command warned of.
concern() {
  grep -q "\"event\":\"problem\".*$2.*\"concern\":\"$1\"" out.json ||
    fail "no warning $1 with '$2': $(cat out.json)"
}
no_concern() {
  if grep -q '"concern"' out.json; then fail "a warning: $(cat out.json)"; fi
}

say 'nothing yet'
donor 1 list
told not-found 'there is no catalogue yet' 'fwdonor add'
expect_exit 1 "$FWDONORD" --config d.toml >out.json 2>&1
grep -q 'fwdonor add' out.json || fail "fwdonord gives no advice: $(cat out.json)"
make_image one 100000
donor 1 add one
told not-found 'There is no manifest yet'
"$FWDONOR" manifest one --name bmc --image-version 1.0 --security-version 2 --quiet \
  --platform manufacturer=32473,product=7
donor 1 add one
told not-found 'not signed yet: minisign'
minisign -S -s vendor.key -m one.manifest.json -t test >/dev/null

say 'the same again'
donor 0 add one
no_concern
donor 0 add one
grep -q '"event":"added".*"already":true' out.json || fail "added twice: $(cat out.json)"
told ok 'is there already'
expect_exit 0 "$FWDONOR" --config d.toml add one >text 2>&1
grep -q '^added' text && fail "said to be added: $(cat text)"

say 'what many refuse'
make_image two 100000
# shellcheck disable=SC2086 # options
sign two 3.0 2 vendor $platform --minimum-version 2.0
donor 0 add two
concern no-stepping-stone 'over version 2.0'
expect_exit 0 "$FWDONOR" --config d.toml add two >/dev/null 2>text
grep -q '^warning: test-bmc 3.0 .*over version 2.0' text || fail "not on stderr: $(cat text)"
make_image three 100000
sign three 0.9 1
donor 0 add three
concern security-version-lower 'refuse it'
make_image four 100000
# shellcheck disable=SC2086 # options
sign four 2.6 2 vendor $platform --expires "$(($(date +%s) + 86400))"
donor 0 add four
concern expires-soon 'in '
donor 0 list
concern expires-soon 2.6
if grep -q 'security-version-lower' out.json; then fail 'a stepping stone is a concern'; fi
make_image five 100000
sign five 2.7 2 second
donor 0 add five
concern other-key 'without that key'

say 'what goes, and what it leaves'
donor 0 remove 0.9
no_concern
donor 0 remove test-bmc=2.7
no_concern
donor 0 remove 2.6
concern no-stepping-stone 3.0
donor 0 verify
concern no-stepping-stone 3.0

say names
donor 0 show 3.0
grep -q '"minimum_version":"2.0"' out.json || fail "not the image 3.0: $(cat out.json)"
donor 0 show bmc=1.0
donor 1 show bmc=3.0
told not-found 'bmc=3.0'
donor 0 verify test-bmc=3.0
make_image six 100000
sign six 3.0 2
donor 0 add six
concern same-version 'twice'
donor 2 show 3.0
told bad-usage 'names more than one image: test-bmc=3.0'
