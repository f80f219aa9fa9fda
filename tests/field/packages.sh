#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The front Makefile installs packages beside other programs that do, waits for them, and says which of the
# installed ones it upgrades. apt-get and dpkg-query are played by scripts.
. "$TOP_SRCDIR/tests/lib.sh"

mkdir "$work/bin"
cat >"$work/bin/dpkg-query" <<'END'
#!/bin/sh
exit 1
END
# The first two calls of each kind find a lock, as two of apt-get's three are not waited for by itself.
cat >"$work/bin/apt-get" <<'END'
#!/bin/sh
printf '%s\n' "$*" >>"$FAKE/calls"
case " $* " in
*' -s '*) printf 'Inst libudev1 [252.1] (252.2 Debian)\nInst g++ (12.2 Debian)\nConf g++ (12.2 Debian)\n'; exit ;;
*' update '*) kind=update ;;
*) kind=install ;;
esac
printf x >>"$FAKE/$kind"
if [ "$(wc -c <"$FAKE/$kind")" -le "${LOCKED:-0}" ]; then
  echo 'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 1 (apt)' >&2
  exit 100
fi
[ -z "${BROKEN:-}" ] || { echo 'E: Unable to locate package' >&2; exit 100; }
END
# As root without being it.
printf '#!/bin/sh\necho 0\n' >"$work/bin/id"
chmod +x "$work/bin"/*

front() { # [VARIABLE=VALUE...]: the outcome in $work/front.log
  rm -rf "$work/fake"
  mkdir "$work/fake"
  env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL "$@" FAKE="$work/fake" PATH="$work/bin:$PATH" \
    make -f "$TOP_SRCDIR/Makefile" -C "$work" deps-build >"$work/front.log" 2>&1
}

front LOCKED=2 || fail 'a lock that is held for a while ends make'
[ "$(wc -c <"$work/fake/update")" -eq 3 ] || fail 'apt-get update was not tried again'
[ "$(wc -c <"$work/fake/install")" -eq 3 ] || fail 'apt-get install was not tried again'
expect_line "$work/front.log" 'waiting for it.*held by process 1'
expect_line "$work/front.log" 'are upgraded.*: libudev1$'
expect_line "$work/fake/calls" 'DPkg::Lock::Timeout=[1-9]'
expect_line "$work/fake/calls" '-y install --no-install-recommends .*libtomlplusplus-dev'

if front BROKEN=1; then fail 'make does not see that apt-get failed'; fi
[ "$(wc -c <"$work/fake/update")" -eq 1 ] || fail 'what waiting does not mend was tried again'
expect_line "$work/front.log" 'Unable to locate package'
