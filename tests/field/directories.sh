#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# --prefix, --sysconfdir and --localstatedir count: the programs look there, and what is installed says so.
. "$TOP_SRCDIR/tests/lib.sh"
[ -f "$TOP_BUILDDIR/config.log" ] || skip 'there is no configured build directory'
: "${CXX:?}"
unset MAKEFLAGS MFLAGS MAKELEVEL

# configure_for DIRECTORY OPTION...: what the compiler can do is known from the build under test.
sed -n '/^## Cache variables/,/^## Output variables/s/^\([a-z]*_cv_[A-Za-z0-9_]*=.*\)$/\1/p' \
  "$TOP_BUILDDIR/config.log" | grep -v '^ac_cv_env_' >"$work/cache"
[ -s "$work/cache" ] || fail 'config.log has no cache variables'
configure_for() {
  into=$1
  shift
  mkdir "$into"
  cp "$work/cache" "$into/config.cache"
  (cd "$into" && "$TOP_SRCDIR/configure" --quiet --cache-file=config.cache "$@" "CXX=$CXX") >"$into/configure.log" 2>&1 ||
    fail "configure $*"
}
# defined DIRECTORY MACRO
defined() { sed -n "s/^#define $2 \"\(.*\)\"\$/\1/p" "$1/config.h"; }

# Unless something else is said, the places are those that the manual pages have, for every prefix.
configure_for "$work/plain" --prefix=/opt/fwrecover
[ "$(defined "$work/plain" FWR_SYSCONFDIR)" = /etc ] || fail 'the prefix moved the configuration'
[ "$(defined "$work/plain" FWR_LOCALSTATEDIR)" = /var ] || fail 'the prefix moved the state'

root=$work/opt
# shellcheck disable=SC2016 # as a packager writes it
configure_for "$work/moved" "--prefix=$root" --sysconfdir='${prefix}/conf' "--localstatedir=$root/data"
[ "$(defined "$work/moved" FWR_SYSCONFDIR)" = "$root/conf" ] || fail '--sysconfdir does not reach the code'
[ "$(defined "$work/moved" FWR_LOCALSTATEDIR)" = "$root/data" ] || fail '--localstatedir does not reach the code'

# Only what has the directories in it is compiled again; the rest comes from the build under test.
objects=
for source in $(cd "$TOP_SRCDIR" && grep -l -e FWR_SYSCONFDIR -e FWR_LOCALSTATEDIR lib/*/*.cpp); do
  make -s -C "$work/moved" "${source%.cpp}.lo" >"$work/compile.log" 2>&1 || fail "$source does not compile"
  objects="$objects $work/moved/$(dirname "$source")/.libs/$(basename "$source" .cpp).o"
done
cd "$TOP_BUILDDIR" || exit
libs=$(make -s print-facade-libs)
for tool in fwrecover fwdonord fwdonor; do
  # shellcheck disable=SC2086
  ./libtool --quiet --tag=CXX --mode=link $CXX -o "$work/$tool" "tools/$tool.o" tools/command_line.o tools/help.o tools/output.o tools/terminal.o tools/writer.o \
    $objects $libs -lfmt >"$work/link.log" 2>&1 || fail "$tool does not link"
  "$work/$tool" --help | tr -s ' \n' '  ' >"$work/help"
  grep -qF "$root/conf/fwrecover/fw" "$work/help" || fail "$tool --help has another configuration file"
done
cd "$work" || exit

"$work/fwrecover" --json config >defaults
"$work/fwdonord" --json --show-config >>defaults
for setting in slots.a slots.b slots.state trust.keys catalogue.directory; do
  grep -q "\"name\":\"$setting\",\"value\":\"[^,]*$root/[cd]" defaults || {
    cat defaults
    fail "$setting has another default"
  }
done
if grep -e '/etc/fwrecover' -e '/var/lib/fw' defaults; then fail 'a default did not move'; fi

# They are read, and not only printed.
mkdir -p "$root/conf/fwrecover"
printf '[system]\nproduct = 4711\n' >"$root/conf/fwrecover/fwrecover.toml"
"$work/fwrecover" --json config >moved.json
expect_line moved.json '"name":"system.product","value":"4711"'

make -s -C "$work/moved" install-data "DESTDIR=$work/stage" >"$work/install.log" 2>&1 || fail 'make install-data'
for part in man/man8/fwrecover.8 man/man5/fwdonord.toml.5 doc/fwrecover/examples/fwrecover.toml; do
  file=$work/stage$root/share/$part
  grep -qF "$root/conf/fwrecover/" "$file" || fail "$part does not name the configured directory"
done
units=$(find "$work/stage" -name '*.service')
if grep -q '"HAVE_SYSTEMD_TRUE"]=""' "$work/moved/config.status"; then
  [ -n "$units" ] || fail 'no units are installed'
  # shellcheck disable=SC2086 # a list of files
  grep -qF "ConditionPathExists=$root/conf/fwrecover/fwdonord.toml" $units || fail 'the units look elsewhere'
fi
grep -rn -e '/etc/fwrecover' -e '/var/lib/fw' "$work/stage" | grep -v -e 'PROTOCOL.md' -e 'TESTING.md' -e 'HACKING.md' >"$work/old" || :
[ ! -s "$work/old" ] || {
  cat "$work/old"
  fail 'what is installed still names the default directories'
}
