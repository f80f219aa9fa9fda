# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# The guest's file system, as cpio archives: one of this system's programs and the kernel's modules,
# made once, and a small one of what is being tested.

# Programs of this system that the guest needs; the libraries come by themselves. busybox gives the rest,
# but nothing that runs other programs: it would prefer its own "ip" and "tc" to the real ones.
vm_programs='dash timeout nsenter cmp ip tc iw hostapd hostapd_cli wpa_supplicant wpa_cli kmod minisign dbus-daemon
  dbus-send hciconfig rfcomm ipmitool /usr/libexec/bluetooth/bluetoothd'
vm_modules='9pnet_virtio 9p virtio_pci veth sch_netem bridge mac80211_hwsim ccm ctr cmac ecb cbc
  af_alg algif_skcipher algif_hash rfcomm hci_vhci ipmi_si ipmi_devintf'

# vm_copy ROOT FILE [NAME]: a program or a library with the libraries that it needs.
vm_copy() {
  vm_root=$1 vm_file=$2 vm_name=${3:-$2}
  mkdir -p "$vm_root$(dirname "$vm_name")"
  cp -L "$vm_file" "$vm_root$vm_name"
  { ldd "$vm_file" 2>/dev/null || :; } | grep -o '/[^ ]*' | while read -r vm_library; do
    if [ ! -e "$vm_root$vm_library" ]; then
      mkdir -p "$vm_root$(dirname "$vm_library")"
      cp -L "$vm_library" "$vm_root$vm_library"
    fi
  done
}

# vm_pack ROOT ARCHIVE: everything belongs to root in there.
vm_pack() {
  (cd "$1" && find . -mindepth 1 | cpio -o -H newc --quiet -R 0:0) >"$2.new"
  mv "$2.new" "$2"
}

# vm_merge_usr ROOT: both archives need it, or a directory of the second replaces a link of the first.
vm_merge_usr() {
  for vm_directory in bin sbin lib lib64; do
    mkdir -p "$1/usr/$vm_directory"
    ln -s "usr/$vm_directory" "$1/$vm_directory"
  done
}

vm_skeleton() {
  for vm_directory in dev proc sys tmp root results run/dbus run/netns var/lib/bluetooth \
    etc/bluetooth; do
    mkdir -p "$1/$vm_directory"
  done
  vm_merge_usr "$1"
  ln -s ../run "$1/var/run"
  printf 'root:x:0:0::/root:/bin/sh\n' >"$1/etc/passwd"
  printf 'root:x:0:\n' >"$1/etc/group"
  printf 'passwd: files\ngroup: files\n' >"$1/etc/nsswitch.conf"
  printf '127.0.0.1 localhost\n' >"$1/etc/hosts"
}

# The order of PATH in the guest puts these behind the real programs of the same name.
vm_busybox() {
  mkdir -p "$1/busybox"
  cp -L "$(command -v busybox)" "$1/busybox/busybox"
  for vm_applet in $(busybox --list); do
    [ "$vm_applet" = busybox ] || ln -s busybox "$1/busybox/$vm_applet"
  done
}

vm_copy_modules() {
  vm_release=$(cat "$cache/kernel/release")
  for vm_module in $vm_modules; do
    modprobe -d "$cache/kernel" -S "$vm_release" --show-depends "$vm_module"
  done 2>/dev/null | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r vm_file; do
    vm_name=$1/usr${vm_file#"$cache/kernel"}
    mkdir -p "$(dirname "$vm_name")"
    cp "$vm_file" "$vm_name"
  done
  cp "$cache/kernel/lib/modules/$vm_release/modules."* "$1/usr/lib/modules/$vm_release/"
  depmod -b "$1" "$vm_release" 2>/dev/null
}

# vm_missing: prints the programs that this system does not have.
vm_missing() {
  for vm_program in $vm_programs; do
    command -v "$vm_program" >/dev/null || printf '%s ' "$vm_program"
  done
}

# vm_base: $cache/base.cpio, made again when something that it was made of has changed.
vm_base() {
  # shellcheck disable=SC2046,SC2086 # programs have no blanks in their names
  vm_key=$({
    cat "$TOP_SRCDIR/tests/vm/archive.sh" "$cache/kernel/release"
    stat -L -c '%n %s %Y' $(command -v $vm_programs busybox)
  } | cksum)
  if [ "$(cat "$cache/base.key" 2>/dev/null)" = "$vm_key" ]; then return 0; fi
  say 'making the base archive'
  rm -rf "$cache/base" "$cache/base.key"
  vm_skeleton "$cache/base"
  vm_busybox "$cache/base"
  vm_copy_modules "$cache/base"
  for vm_program in $vm_programs; do
    vm_copy "$cache/base" "$(command -v "$vm_program")"
  done
  ln -sf dash "$cache/base/usr/bin/sh"
  # Where the kernel looks for it.
  ln -s ../bin/kmod "$cache/base/usr/sbin/modprobe"
  # getpwnam() loads this one at run time.
  for vm_library in /lib/*/libnss_files.so.2; do
    if [ -e "$vm_library" ]; then vm_copy "$cache/base" "$vm_library"; fi
  done
  vm_pack "$cache/base" "$cache/base.cpio"
  rm -rf "$cache/base"
  printf '%s\n' "$vm_key" >"$cache/base.key"
}

# vm_built NAME: the program itself where libtool has put a script before it.
vm_built() {
  if [ -e "$TOP_BUILDDIR/$(dirname "$1")/.libs/$(basename "$1")" ]; then
    printf '%s\n' "$TOP_BUILDDIR/$(dirname "$1")/.libs/$(basename "$1")"
  else
    printf '%s\n' "$TOP_BUILDDIR/$1"
  fi
}

# vm_tested ROOT: our programs, the library and the scripts.
vm_tested() {
  vm_merge_usr "$1"
  LD_LIBRARY_PATH=$TOP_BUILDDIR/lib/.libs
  export LD_LIBRARY_PATH
  for vm_program in tools/fwrecover tools/fwdonord tools/fwdonor tools/fwdiag \
    tests/vm/virtual_controllers tests/vm/rfcomm_stream; do
    if [ -e "$TOP_BUILDDIR/$vm_program" ]; then
      vm_copy "$1" "$(vm_built "$vm_program")" "/usr/bin/$(basename "$vm_program")"
    fi
  done
  if [ -e "$TOP_BUILDDIR/tests/vm/.libs/kcs_ports.so" ]; then
    vm_copy "$1" "$TOP_BUILDDIR/tests/vm/.libs/kcs_ports.so" /usr/lib/kcs_ports.so
  fi
  unset LD_LIBRARY_PATH
  # The library lies where it was built; the loader of the guest looks elsewhere.
  for vm_library in "$1$TOP_BUILDDIR/lib/.libs/"*.so*; do
    if [ -e "$vm_library" ]; then mv "$vm_library" "$1/usr/lib/"; fi
  done
  strip --strip-debug "$1/usr/bin/"* "$1/usr/lib/"*.so* 2>/dev/null || :
  mkdir -p "$1/src/tests/interop" "$1/src/tests/vm"
  cp "$TOP_SRCDIR/tests/lib.sh" "$1/src/tests/"
  cp "$TOP_SRCDIR/tests/interop/common.sh" "$1/src/tests/interop/"
  cp "$TOP_SRCDIR/tests/vm/"*.sh "$1/src/tests/vm/"
  cp "$TOP_SRCDIR/tests/vm/init.sh" "$1/init"
  chmod +x "$1/init"
}
