#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The cron lines of contrib/cron and of the manual pages run as cron runs them: with an empty environment but
# for what the file says, by /bin/sh. A donor that ended is back with the next minute, a second one is never
# started, and no other user can take its lock.
. "$TOP_SRCDIR/tests/lib.sh"
. "$TOP_SRCDIR/tests/interop/common.sh"
need_program minisign flock setpriv

# fwdonord.cron and fwrecover.cron:
# jobs_of FILE: "PATH<TAB>COMMAND" of each line; in a manual page of each literal block.
jobs_of() {
  awk '
    /^\.[BE]d/ { path = "" }
    /^PATH=/ { path = substr($0, 6) }
    { fields = 0 }
    $1 ~ /^@[a-z]+$/ && $2 == "root" { fields = 2 }
    $6 == "root" && ($1 $2 $3 $4 $5) ~ /^[0-9*,\/-]+$/ { fields = 6 }
    fields > 0 {
      line = $0
      for (i = 0; i < fields; i++) sub(/^[^ ]+ +/, "", line)
      print path "\t" line
    }' "$1"
}

# The programs where they are installed by default, with this test's configuration.
installed=$work/usr/local
mkdir -p "$installed/sbin" "$installed/bin" "$work/run"
wrapper() { printf '#!/bin/sh\nexec "%s" --config "%s" "$@"\n' "$2" "$work/$3.toml" >"$installed/$1" && chmod +x "$installed/$1"; }
wrapper sbin/fwrecover "$FWRECOVER" recipient
wrapper sbin/fwdonord "$FWDONORD" console
wrapper bin/fwdonor "$FWDONOR" console

# as_cron PATH COMMAND: its output is what cron would mail. Nobody waits ten minutes here.
as_cron() {
  as_cron_path=$(printf '%s\n' "$1" | sed "s,/usr/local/,$installed/,g")
  as_cron_command=$(printf '%s\n' "$2" | sed "s,/run/fwdonord,$work/run/fwdonord,g; s/shuf -i 0-600/shuf -i 0-0/")
  # Only root may give up capabilities for good.
  [ "$(id -u)" -eq 0 ] || as_cron_command=$(printf '%s\n' "$as_cron_command" | sed 's/setpriv .* fwdonord/fwdonord/')
  exec env -i SHELL=/bin/sh HOME=/ LOGNAME=root "PATH=$as_cron_path" /bin/sh -c "$as_cron_command"
}

pick_udp_port port
donor_of_image console "127.0.0.1:$port" 20000
recipient_config recipient "\"127.0.0.1:$port\""

tab=$(printf '\t')
for file in "$TOP_SRCDIR"/contrib/cron/*.cron "$TOP_SRCDIR"/man/*.8; do
  jobs_of "$file" >jobs.txt
  case $file in
  *.cron) [ -s jobs.txt ] || fail "$file has no line that this test can read" ;;
  esac
  while IFS=$tab read -r path command; do
    case $path in
    */usr/local/sbin:*/usr/local/bin:*) ;;
    *) fail "$(basename "$file"): no PATH with the directories of make install: $command" ;;
    esac
    printf '%s\t%s\n' "$path" "$command" >>all-jobs
  done <jobs.txt
done
LC_ALL=C sort -u all-jobs >jobs.txt
grep 'fwdonord --quiet' jobs.txt >donor-jobs
[ "$(wc -l <donor-jobs)" -eq 1 ] || fail 'contrib/cron and fwdonord(8) differ'
IFS=$tab read -r donor_path donor_command <donor-jobs

serves() { "$FWDIAG" ping "127.0.0.1:$port"; }
# donor_at_minute LOG: what runs is found by its lock, because the id is that of cron's shell.
donor_at_minute() {
  start "$1" as_cron "$donor_path" "$donor_command"
  minute=$started
}
# processes_of PID: what it started, and what that started, deepest last.
processes_of() {
  # shellcheck disable=SC2013 # numbers in one line
  for process in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
    echo "$process"
    processes_of "$process"
  done
}
donor_at_minute first.log
first=$minute
wait_for 30 serves
[ "$(stat -c %a run/fwdonord)" = 700 ] || fail 'other users reach the lock of the donor'
# At the next minute: nothing happens, and nothing is mailed.
donor_at_minute second.log
expect_exit 1 wait "$minute"
[ ! -s second.log ] || fail 'cron mails that a donor runs already'

# Everything else, as often as cron would.
while IFS=$tab read -r path command; do
  case $command in *fwdonord*) continue ;; esac
  got=0
  (as_cron "$path" "$command") >mail.log 2>&1 || got=$?
  if [ "$got" -gt 125 ] || grep -q 'not found$' mail.log; then
    fail "exit status $got as cron runs it: $command"
  fi
  case $command in *"rollback --if-expired"* | *"request --if-needed"* | *verify*)
    [ "$got" -eq 0 ] || fail "exit status $got instead of 0: $command" ;;
  esac
done <jobs.txt
expect_installed recipient image

# It dies; one minute later there is another.
descendants=$(processes_of "$first")
if [ "$(id -u)" -eq 0 ]; then
  # 10 is CAP_NET_BIND_SERVICE.
  donor=
  for process in $descendants; do
    if grep -q '^Name:.*fwdonord' "/proc/$process/status"; then donor=$process; fi
  done
  grep -q '^CapBnd:[[:space:]]*0000000000000400$' "/proc/${donor:?no donor}/status" || fail 'the donor has more capabilities than it needs'
  grep -q '^CapEff:[[:space:]]*0000000000000400$' "/proc/$donor/status" || fail 'the donor uses more capabilities than it needs'
fi
for process in $descendants; do kill -KILL "$process" 2>/dev/null || :; done
wait "$first" || :
if serves >ping.log 2>&1; then fail 'the donor is still there'; fi
donor_at_minute third.log
third=$minute
wait_for 30 serves
for process in $(processes_of "$third"); do stop_process "$process" || :; done
if serves >ping.log 2>&1; then fail 'a donor outlives the test'; fi
