#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The protocol core does no I/O: its objects import no socket, file, clock, thread, environment or
# random symbol. Only *_file.cpp in image, flash and donor, and *_target.cpp in flash, may touch files.
. "$TOP_SRCDIR/tests/repo/common.sh"

need_program nm ar

# Extended expressions, each for a whole symbol as "nm -C" writes it.
cat >"$work/denied" <<'END'
# our own files
fwr::file::.*
# sockets and names
(__)?(socket|socketpair|bind|listen|accept4?|connect|shutdown)
(__)?(send|sendto|sendmsg|sendmmsg|recv|recvfrom|recvmsg|recvmmsg)(_chk)?
(get|set)sockopt|getsockname|getpeername|getaddrinfo|getnameinfo|gethostby.*|getifaddrs|if_nameto.*
# files
(__)?(open|openat|creat)(64)?(_2)?
(__)?(read|pread|readv|preadv|write|pwrite|writev|pwritev|readlink)(64)?(_chk)?
(__)?(lseek|ftruncate|truncate|fallocate|posix_fallocate|sendfile|mmap|mkstemp)(64)?
close|dup[23]?|pipe2?|fsync|fdatasync|sync|syncfs|flock|fcntl(64)?|ioctl|msync|munmap
(f|l)?stat(64|at|at64|vfs|vfs64)?|__.?xstat(64)?|access|unlink(at)?|rename(at2?)?|mkdir(at)?|rmdir
opendir|readdir(64)?|closedir|chmod|fchmod|chown|fchown|symlink|link|chdir|realpath|getcwd
# stdio, except formatting into memory
(fopen|freopen|fdopen|popen|tmpfile)(64)?|fclose|fflush|(__)?(fread|fgets)(_chk)?|fwrite|fputs
f?putc|putchar|puts|perror|(__)?v?f?printf(_chk)?|(__)?vf?printf_chk|getline|getdelim|std(in|out|err)
# readiness
select|pselect|(__)?p?poll(_chk)?|epoll_.*|eventfd|timerfd_.*|signalfd|inotify_.*|io_uring_.*
# clocks and sleeping
clock_.*|time|gettimeofday|times|clock|ftime|localtime(_r)?|mktime|tzset|(nano|u)?sleep|alarm|timer_.*
std::chrono::.*::now\(\)
# random numbers
getrandom|getentropy|arc4random.*|s?random(_r)?|s?rand(_r)?|.*rand48(_r)?|RAND_.*
std::random_device::.*|EVP_PKEY_(keygen|generate|Q_keygen)|EVP_.*_Q_keygen
# threads, processes, signals, environment
pthread_(create|join|detach|mutex_.*|cond_.*|rwlock_.*|kill|sigmask)|thrd_.*|sem_.*
fork|vfork|clone|exec[vl].*|posix_spawn.*|system|wait(pid|id|4)?|kill|raise|signal|sigaction|sigprocmask
(secure_)?getenv|setenv|putenv|unsetenv|environ|syscall|dlopen|dlsym|syslog|openlog
std::thread::.*|std::__future.*|std::condition_variable.*|std::this_thread::.*
# C++ and libraries that do any of these inside
std::(__cxx11::)?basic_(i|o)?fstream<.*|.*basic_filebuf<.*|std::(w)?(cin|cout|cerr|clog)
std::ios_base::Init::.*|std::filesystem::.*|.*::parse_file\(.*|fmt::.*::vprint\(.*|spdlog::.*|asio::.*
BIO_(new_(file|fp|socket|connect|accept)|s_(file|fd|socket|connect|accept))|ipmi_ctx_.*|ipmi_cmd_.*
END
grep -v '^#' "$work/denied" >"$work/patterns"
sed -n '/^# sockets and names/,/^# files/p' "$work/denied" | grep -v '^#' >"$work/network"

# io_symbols ARCHIVE [EXEMPT [PATTERNS]]: "object: symbol" of each denied import; members that match the
# extended expression EXEMPT are let off. Weak imports ("w") count: they are called when present.
io_symbols() {
  nm -C -u -A "$1" 2>/dev/null | sed -E 's,^.*:([^:]+\.o): +[UwvV] (.*)$,\1 \2,' |
    while read -r object symbol; do
      case $object in
        *_file.o | *_target.o) if [ "${2:-}" = files ]; then continue; fi ;;
      esac
      printf '%s\t%s\n' "$object" "${symbol%%@*}"
    done >"$work/imports"
  awk -F '\t' 'FILENAME == ARGV[1] { pattern[++n] = "^(" $0 ")$"; next }
    { for (i = 1; i <= n; i++) if ($2 ~ pattern[i]) { print $1 ": " $2; next } }
  ' "${3:-$work/patterns}" "$work/imports"
}

# The proof: one object for each kind of sin.
: "${CXX:?}"
prove() { # NAME CODE
  printf '%s\n' "$2" >"$work/sin.cpp"
  $CXX -c -O1 -o "$work/$1.o" "$work/sin.cpp" || fail "the fixture for $1 does not compile"
  rm -f "$work/sin.a"
  ar rc "$work/sin.a" "$work/$1.o"
}
must_see() {
  prove "$@"
  [ -n "$(io_symbols "$work/sin.a" files)" ] || fail "the check does not see: $2"
}
must_see socket '#include <sys/socket.h>
int sin() { return socket(AF_INET, SOCK_DGRAM, 0); }'
must_see clock '#include <chrono>
auto sin() { return std::chrono::steady_clock::now(); }'
must_see file '#include <fstream>
bool sin() { return std::ifstream("f").good(); }'
must_see random '#include <cstdlib>
int sin() { return std::rand(); }'
must_see thread '#include <thread>
void sin() { std::thread([] {}).detach(); }'
must_see environment '#include <cstdlib>
const char* sin() { return std::getenv("HOME"); }'
must_see output '#include <cstdio>
void sin(int x) { std::printf("%d", x); }'
prove pure '#include <cstdio>
#include <string>
std::string sin(int x) { char b[9]; std::snprintf(b, sizeof b, "%d", x); return b; }'
[ -z "$(io_symbols "$work/sin.a")" ] || fail 'the check complains about formatting into memory'
prove sin_file '#include <unistd.h>
long sin(int fd, char* b) { return read(fd, b, 1); }'
[ -z "$(io_symbols "$work/sin.a" files)" ] || fail 'a *_file.cpp may read files'
[ -n "$(io_symbols "$work/sin.a")" ] || fail 'only image, flash and donor may have *_file.cpp'

[ -z "$(io_symbols "$work/sin.a" '' "$work/network")" ] || fail 'reading a file is no network'
prove name '#include <netdb.h>
int sin(addrinfo** list) { return getaddrinfo("host", nullptr, nullptr, list); }'
[ -n "$(io_symbols "$work/sin.a" '' "$work/network")" ] || fail 'the check does not see a name that is looked up'

wrong=0
for library in base wire link session image policy recipient donor flash; do
  archive=$TOP_BUILDDIR/lib/$library/.libs/lib$library.a
  [ -f "$archive" ] || fail "$archive is missing: build first"
  case $library in
    image | flash | donor) exempt=files ;;
    *) exempt= ;;
  esac
  found=$(io_symbols "$archive" "$exempt")
  if [ -n "$found" ]; then
    printf '%s\n' "$found" | sed "s,^,lib/$library/,"
    wrong=1
  fi
done
# The configuration is read again while a donor serves: it keeps names, and the drivers look them up.
found=$(io_symbols "$TOP_BUILDDIR/lib/settings/.libs/libsettings.a" '' "$work/network")
if [ -n "$found" ]; then
  printf '%s\n' "$found" | sed 's,^,lib/settings/,'
  wrong=1
fi
[ "$wrong" -eq 0 ] || fail 'pure libraries import the I/O symbols above'
