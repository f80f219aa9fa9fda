# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# What the tests of whole programs share: keys, signed images, donors and a recipient in $work.

: "${FWRECOVER:?}" "${FWDONORD:?}" "${FWDONOR:?}" "${FWDIAG:?}"
cd "$work" || exit
unset FWRECOVER_PASSWORD FWRECOVER_KG IPMI_PASSWORD
password=interop-password
printf '%s' "$password" >password
chmod 600 password

# For whole commands that must not hang. Much longer than any takes, because the machine may be busy.
limit_s=${FWR_COMMAND_LIMIT:-90}
limited() { timeout -k 5 "$limit_s" "$@"; }

# make_key NAME: NAME.pub and NAME.key without a password.
make_key() { minisign -G -W -p "$1.pub" -s "$1.key" >/dev/null; }

# make_image NAME BYTES: random bytes.
make_image() { head -c "$2" /dev/urandom >"$1"; }

# sign IMAGE VERSION SECURITY [KEY [OPTION...]]: the manifest for our platform and its signature.
sign() {
  sign_image=$1 sign_version=$2 sign_security=$3 sign_key=${4:-vendor}
  shift $(($# < 4 ? $# : 4))
  [ $# -ne 0 ] || set -- --platform manufacturer=32473,product=7
  rm -f "$sign_image.manifest.json" "$sign_image.manifest.json.minisig"
  "$FWDONOR" manifest "$sign_image" --name test-bmc --image-version "$sign_version" \
    --security-version "$sign_security" --quiet "$@" >>fwdonor.log 2>&1 ||
    fail "fwdonor manifest $sign_image"
  minisign -S -s "$sign_key.key" -m "$sign_image.manifest.json" -t test >/dev/null
}

# digest_of IMAGE: as its manifest has it.
digest_of() { sed -n 's/.*"digest": *"\([0-9a-f]\{64\}\)".*/\1/p' "$1.manifest.json" | head -n 1; }

# donor_config NAME ROLE ADDRESS [SETTINGS-OF-SESSION]: NAME.toml, with the account "fwrecover".
donor_config() {
  mkdir -p "$1-catalogue"
  cat >"$1.toml" <<END
[catalogue]
directory = "$work/$1-catalogue"
[trust]
keys = ["$work/${donor_key:-vendor}.pub"]
[donor]
role = "$2"
name = "the $1"
guid = "$(cat /proc/sys/kernel/random/uuid)"
lease = "5s"
[lan]
listen = [$(printf '"%s"' "$3")]
[session]
${4:-}
[user.fwrecover]
password_file = "$work/password"
END
}

# add DONOR IMAGE: into its catalogue.
add() {
  "$FWDONOR" --config "$1.toml" add "$2" >>fwdonor.log 2>&1 || fail "fwdonor add $2 to $1"
}

# donor_of_image NAME ADDRESS BYTES: a console's NAME.toml with one image, "image" of version 1.0, that the
# key "vendor" signed.
donor_of_image() {
  make_key vendor
  make_image image "$3"
  sign image 1.0 1
  donor_config "$1" console "$2"
  add "$1" image
}

# donor_of_obstacles BYTES: donor.toml with 1.0 and 2.0 for all, 3.0 only over 2.0, 4.0 that the key "stranger"
# signed, and 5.0 that is too large for the slots of 8 MiB that recipients get from here on. It runs at $address.
donor_of_obstacles() {
  make_key vendor
  make_key stranger
  for obstacle in 1.0 2.0 3.0 4.0; do make_image "$obstacle" "$1"; done
  make_image 5.0 9000000
  sign 1.0 1.0 1
  sign 2.0 2.0 1
  sign 3.0 3.0 1 vendor --platform manufacturer=32473,product=7 --minimum-version 2.0
  sign 4.0 4.0 1 stranger
  sign 5.0 5.0 1
  pick_udp_port port
  address="127.0.0.1:$port"
  donor_config donor console "$address"
  sed -i "s|^keys = .*|keys = [\"$work/vendor.pub\", \"$work/stranger.pub\"]|" donor.toml
  for obstacle in 1.0 2.0 3.0 4.0 5.0; do add donor "$obstacle"; done
  start_donor donor
  slot_size=8MiB
}

# start_donor NAME [COMMAND-BEFORE...]: fwdonord, until it says that it is ready; its id is $started.
# COMMAND-BEFORE must exec, as "ip netns exec" does, for the id to be the daemon's.
start_donor() {
  donor_name=$1
  shift
  : >"$work/$donor_name.log"
  start "$donor_name.log" "$@" "$FWDONORD" --config "$donor_name.toml"
  wait_for_line 30 "$donor_name.log" ready
}

# recipient_config NAME TARGETS [BROADCAST [POLICY]]: NAME.toml, slots NAME-a and NAME-b of 64 MiB.
recipient_config() {
  cat >"$1.toml" <<END
[system]
manufacturer = 32473
product = 7
[slots]
a = "$work/$1-a"
b = "$work/$1-b"
size = "${slot_size:-64MiB}"
state = "$work/$1-state"
[trust]
keys = ["$work/vendor.pub"]
[donor]
user = "fwrecover"
password_file = "$work/password"
cipher_suite = ${suite:-17}
[lan]
targets = [$2]
broadcast = ${3:-false}
[policy]
offer_window = "${offer_window:-1s}"
${4:-}
END
}

# recover STATUS NAME OPTION...: fwrecover --json with NAME.toml; the exit status and that of the last
# line are compared with STATUS. The lines are left in out.json, the words for people in out.log.
recover() {
  recover_want=$1 recover_name=$2
  shift 2
  recover_got=0
  # shellcheck disable=SC2086 # $recover_in is a command and its arguments
  limited ${recover_in:-} "$FWRECOVER" --config "$recover_name.toml" --json "$@" \
    >out.json 2>out.log || recover_got=$?
  [ "$recover_got" -eq "$recover_want" ] || {
    cat out.json
    fail "exit status $recover_got instead of $recover_want: fwrecover $*"
  }
  tail -n 1 out.json | grep -q "^{\"event\":\"result\".*\"exit_code\":${recover_want}[,}]" || {
    cat out.json
    fail "the last line of --json is no result with exit_code $recover_want: fwrecover $*"
  }
}

# told CODE WORD...: the result of the last recover has the code, and all words occur in what it said.
told() {
  told_code=$1
  shift
  tail -n 1 out.json | grep -q "\"code\":\"$told_code\"" || {
    cat out.json
    fail "the result does not have the code $told_code"
  }
  for told_word in "$@"; do
    grep -q -i -e "$told_word" out.json out.log || {
      cat out.json out.log
      fail "nothing says: $told_word"
    }
  done
}

# version_is VERSION: the last recover installed it.
version_is() {
  grep -q "\"event\":\"recovered\".*\"version\":\"$1\"" out.json || {
    cat out.json
    fail "the recovery did not install $1"
  }
}

# asked_nobody: the last recover ended before it sent anything.
asked_nobody() {
  if grep -q '"event":"\(state\|offer\)"' out.json; then
    cat out.json
    fail 'donors were asked before the fault was found'
  fi
}

# active_slot NAME: prints a or b.
active_slot() {
  "$FWRECOVER" --config "$1.toml" --json status | sed -n 's/.*"event":"status","active":"\(.\)".*/\1/p'
}

# expect_installed NAME IMAGE: the active slot begins with the bytes of IMAGE.
expect_installed() {
  cmp -n "$(stat -c %s "$2")" "$1-$(active_slot "$1")" "$2" || fail "the active slot is not $2"
}
