# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# The guest's kernel: one of Debian's packages, downloaded and unpacked below $cache, never installed.
#
# vm_kernel leaves in $cache/kernel:  release (its name), vmlinux (what QEMU boots), lib/modules.

# The first is in Debian 12 itself and stays there; the others are for mirrors that have lost it.
vm_kernels_known='6.1.0-50 6.1.0-53 6.1.0-47'
# 6.1.192: rfcomm panics when a connection to an absent device is given up.
vm_kernels_bad='6.1.0-55 6.1.0-56'

# Options that make apt work with package lists of our own, for machines whose lists are old or gone.
vm_own_lists() {
  vm_apt=$cache/apt
  mkdir -p "$vm_apt/state/lists/partial" "$vm_apt/cache/archives/partial"
  set -- -o "Dir::State=$vm_apt/state" -o Dir::State::status=/var/lib/dpkg/status \
    -o "Dir::Cache=$vm_apt/cache" -o APT::Sandbox::User=
  apt-get -q "$@" update >"$cache/apt.log" 2>&1
  printf '%s\n' "$@"
}

# vm_candidates OPTION...: the packages that are worth a try, the best first.
vm_candidates() {
  apt-cache "$@" search --names-only '^linux-image-6\.1\.0-[0-9]+-amd64$' |
    sed -n 's/^linux-image-\(6[^ ]*\)-amd64 .*/\1/p' | sort -t - -k 2,2nr >"$cache/available"
  for vm_version in $vm_kernels_known $(cat "$cache/available"); do
    case " $vm_kernels_bad " in *" $vm_version "*) continue ;; esac
    if grep -q -x -e "$vm_version" "$cache/available"; then printf '%s\n' "$vm_version"; fi
  done | awk '!seen[$0]++' | head -n 3
}

# vm_download OPTION...: the first candidate that can be had, as $cache/download/*.deb.
vm_download() {
  rm -rf "$cache/download"
  mkdir -p "$cache/download"
  for vm_version in $(vm_candidates "$@"); do
    if (cd "$cache/download" &&
      timeout -k 5 300 apt-get -q "$@" -o APT::Sandbox::User= download "linux-image-$vm_version-amd64") \
      >>"$cache/apt.log" 2>&1; then
      return 0
    fi
  done
  return 1
}

# vm_number FILE OFFSET BYTES: a little-endian number in a file.
vm_number() {
  od -A n -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '
}

# vm_uncompress BZIMAGE ELF: the kernel inside, which spares the guest the work. Linux boot protocol:
# setup_sects at 1F1h, payload_offset and payload_length at 248h and 24Ch.
vm_uncompress() {
  vm_sectors=$(vm_number "$1" 497 1)
  vm_start=$(((vm_sectors + 1) * 512 + $(vm_number "$1" 584 4)))
  vm_length=$(vm_number "$1" 588 4)
  # After the compressed data come four bytes that xz does not know.
  tail -c "+$((vm_start + 1))" "$1" | head -c "$((vm_length - 4))" | xz -dc >"$2" 2>/dev/null
}

# vm_unpack: the package to $cache/kernel, only those parts that a guest may ask for.
vm_unpack() {
  rm -rf "$cache/kernel" "$cache/kernel.new"
  mkdir -p "$cache/kernel.new"
  dpkg-deb --fsys-tarfile "$cache/download/"*.deb |
    tar -x -C "$cache/kernel.new" --wildcards './boot/vmlinuz-*' './lib/modules/*/modules.*' \
      './lib/modules/*/kernel/arch/*/crypto/*' './lib/modules/*/kernel/crypto/*' \
      './lib/modules/*/kernel/drivers/bluetooth/*' './lib/modules/*/kernel/drivers/char/ipmi/*' \
      './lib/modules/*/kernel/drivers/virtio/*' \
      '*/veth.ko*' '*/mac80211_hwsim.ko*' './lib/modules/*/kernel/fs/9p/*' \
      './lib/modules/*/kernel/fs/fscache/*' './lib/modules/*/kernel/fs/netfs/*' \
      './lib/modules/*/kernel/lib/*' './lib/modules/*/kernel/net/*'
  vm_release=$(ls "$cache/kernel.new/lib/modules")
  depmod -b "$cache/kernel.new" "$vm_release" 2>/dev/null
  vm_bzimage=$cache/kernel.new/boot/vmlinuz-$vm_release
  # One that is packed in another way boots as well, only later.
  vm_uncompress "$vm_bzimage" "$cache/kernel.new/vmlinux" ||
    cp "$vm_bzimage" "$cache/kernel.new/vmlinux"
  printf '%s\n' "$vm_release" >"$cache/kernel.new/release"
  rm -rf "$cache/kernel.new/boot" "$cache/download" "$cache/apt"
  mv "$cache/kernel.new" "$cache/kernel"
}

# vm_kernel: skips the test when no kernel can be had.
vm_kernel() {
  if [ -s "$cache/kernel/release" ]; then return 0; fi
  say 'looking for a kernel package'
  : >"$cache/apt.log"
  if ! vm_download; then
    vm_options=$(vm_own_lists) || :
    # shellcheck disable=SC2086 # options without blanks
    vm_download $vm_options || {
      tail -n 5 "$cache/apt.log"
      skip 'no kernel package can be downloaded (is there a network?)'
    }
  fi
  vm_unpack || fail 'the kernel package cannot be unpacked'
}
