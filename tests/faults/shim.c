// SPDX-License-Identifier: GPL-3.0-or-later
// A system that fails: preloaded into a whole program, it sees the calls on files below some paths
// and lets one of them go wrong.
//
//   FWR_SHIM_PATHS   path prefixes with ':' between them; only what is below them is looked at
//   FWR_SHIM_CALL    the call that goes wrong, such as "fsync"; without it nothing does
//   FWR_SHIM_FILE    on which file: a pattern of fnmatch(3)
//   FWR_SHIM_AT      which of these calls, from 1
//   FWR_SHIM_FAULT   how: the name of an errno, SHORT (a read or write of half), DIE (the process
//                    is killed before the call), DIE_AFTER, DIE_TORN (after half of a write);
//                    a '+' behind the name of an errno: every later call fails as well
//   FWR_SHIM_LOG     a file to which each call, or only the one that goes wrong, adds "call path"
//   FWR_SHIM_CLOCK   seconds that the wall clock is ahead (or, negative, behind)
//   FWR_SHIM_RANDOM  NONE: no source of random numbers works. BLOCK: none until a call has waited
//   for
//                    them for two seconds, as on a board without a hardware source. NEVER: none
//                    ever
//
// The wrappers have names of their own, because fortified headers hold some of the real ones as
// inline functions; what the linker sees is the name in EXPORT. One thread is assumed to touch the
// files.
#define _GNU_SOURCE  // RTLD_NEXT, O_TMPFILE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EXPORT(name) __asm__(name) __attribute__((visibility("default")))
#define BLOCKED_us 2000000

enum verdict { GO_ON, FAIL, SHORTER, DIE_AFTER, DIE_TORN };

// The real function behind a wrapper.
static void* real(const char* name) {
  void* found = dlsym(RTLD_NEXT, name);
  if (found == NULL) abort();
  return found;
}

static long (*real_syscall)(long, ...);

__attribute__((constructor)) static void find_syscall(void) {
  if (real_syscall == NULL) *(void**)&real_syscall = real("syscall");
}

static void die(void) {
  real_syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

static int errno_of(const char* name) {
  static const struct {
    const char* name;
    int number;
  } kKnown[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EINTR", EINTR},   {"EACCES", EACCES},
                {"EMFILE", EMFILE}, {"EROFS", EROFS},   {"ENOLCK", ENOLCK}, {"EDQUOT", EDQUOT}};
  const size_t length = strcspn(name, "+");
  for (size_t i = 0; i < sizeof kKnown / sizeof kKnown[0]; ++i)
    if (strlen(kKnown[i].name) == length && strncmp(kKnown[i].name, name, length) == 0)
      return kKnown[i].number;
  fprintf(stderr, "shim: unknown FWR_SHIM_FAULT %s\n", name);
  abort();
}

static bool counts(const char* path) {
  const char* prefix = getenv("FWR_SHIM_PATHS");
  while (prefix != NULL && *prefix != '\0') {
    const size_t length = strcspn(prefix, ":");
    if (strncmp(path, prefix, length) == 0) return true;
    prefix += length + (prefix[length] == ':');
  }
  return false;
}

static void note(const char* call, const char* path) {
  const char* log = getenv("FWR_SHIM_LOG");
  if (log == NULL) return;
  char line[PATH_MAX + 64];
  const int length = snprintf(line, sizeof line, "%s %s\n", call, path);
  const long fd =
      real_syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) abort();
  if (real_syscall(SYS_write, fd, line, (size_t)length) != length) abort();
  real_syscall(SYS_close, fd);
}

// Says what happens to a call. FAIL has set errno.
static enum verdict decide(const char* call, const char* path) {
  static unsigned long seen;
  static bool broken_for_good;
  find_syscall();
  if (!counts(path)) return GO_ON;
  const char* wanted_call = getenv("FWR_SHIM_CALL");
  const char* wanted_file = getenv("FWR_SHIM_FILE");
  const char* at = getenv("FWR_SHIM_AT");
  const char* fault = getenv("FWR_SHIM_FAULT");
  if (wanted_call == NULL || wanted_file == NULL || at == NULL || fault == NULL) {
    note(call, path);
    return GO_ON;
  }
  if (!broken_for_good) {
    if (strcmp(call, wanted_call) != 0 || fnmatch(wanted_file, path, 0) != 0) return GO_ON;
    if (++seen != strtoul(at, NULL, 10)) return GO_ON;
    note(call, path);
    broken_for_good = strchr(fault, '+') != NULL;
  }
  if (strcmp(fault, "SHORT") == 0) return SHORTER;
  if (strcmp(fault, "DIE_AFTER") == 0) return DIE_AFTER;
  if (strcmp(fault, "DIE_TORN") == 0) return DIE_TORN;
  if (strcmp(fault, "DIE") == 0) die();
  errno = errno_of(fault);
  return FAIL;
}

static enum verdict decide_fd(const char* call, int fd) {
  find_syscall();
  // What the program says is how a test knows what it did.
  if (fd >= 0 && fd <= STDERR_FILENO) return GO_ON;
  char name[32];
  char path[PATH_MAX];
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  const long length = real_syscall(SYS_readlinkat, AT_FDCWD, name, path, sizeof path - 1);
  if (length < 0) return GO_ON;
  path[length] = '\0';
  return decide(call, path);
}

// A name that is relative to a directory, as the C++ library removes trees.
static enum verdict decide_at(const char* call, int directory, const char* name) {
  if (directory == AT_FDCWD || name[0] == '/') return decide(call, name);
  find_syscall();
  char link[32];
  char path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
  const long length = real_syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
  if (length < 0) return GO_ON;
  snprintf(path + length, sizeof path - (size_t)length, "/%s", name);
  return decide(call, path);
}

static long finish(enum verdict verdict, long result) {
  if (verdict == DIE_AFTER || verdict == DIE_TORN) die();
  return result;
}

static size_t part(enum verdict verdict, size_t count) {
  return (verdict == SHORTER || verdict == DIE_TORN) && count > 1 ? count / 2 : count;
}

// --- random numbers and the clock --------------------------------------------------------------

// 0, or -1 and errno when there are no random numbers.
static int random_verdict(bool may_block) {
  const char* mode = getenv("FWR_SHIM_RANDOM");
  find_syscall();
  if (mode == NULL) return 0;
  if (strcmp(mode, "NONE") == 0) {
    errno = ENOSYS;
    return -1;
  }
  // Those who ask and do not wait make no kernel gather anything.
  static volatile bool gathered = false;
  if (gathered) return 0;
  if (!may_block) {
    errno = EAGAIN;
    return -1;
  }
  do usleep(BLOCKED_us);
  while (strcmp(mode, "NEVER") == 0);
  gathered = true;
  return 0;
}

ssize_t shim_getrandom(void* out, size_t size, unsigned flags) EXPORT("getrandom");
ssize_t shim_getrandom(void* out, size_t size, unsigned flags) {
  if (random_verdict((flags & GRND_NONBLOCK) == 0) != 0) return -1;
  return real_syscall(SYS_getrandom, out, size, flags);
}

int shim_getentropy(void* out, size_t size) EXPORT("getentropy");
int shim_getentropy(void* out, size_t size) {
  return shim_getrandom(out, size, 0) == (ssize_t)size ? 0 : -1;
}

long shim_syscall(long number, long a, long b, long c, long d, long e, long f) EXPORT("syscall");
long shim_syscall(long number, long a, long b, long c, long d, long e, long f) {
  find_syscall();
  // NOLINTNEXTLINE(performance-no-int-to-ptr): that is how this function takes its arguments
  if (number == SYS_getrandom) return shim_getrandom((void*)a, (size_t)b, (unsigned)c);
  return real_syscall(number, a, b, c, d, e, f);
}

static bool is_random_device(const char* path) {
  return strcmp(path, "/dev/urandom") == 0 || strcmp(path, "/dev/random") == 0 ||
         strcmp(path, "/dev/hwrng") == 0;
}

static time_t clock_offset(void) {
  const char* offset = getenv("FWR_SHIM_CLOCK");
  find_syscall();
  return offset == NULL ? 0 : (time_t)strtoll(offset, NULL, 10);
}

int shim_clock_gettime(clockid_t clock, struct timespec* now) EXPORT("clock_gettime");
int shim_clock_gettime(clockid_t clock, struct timespec* now) {
  const time_t offset = clock_offset();
  if (real_syscall(SYS_clock_gettime, clock, now) != 0) return -1;
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += offset;
  return 0;
}

time_t shim_time(time_t* out) EXPORT("time");
time_t shim_time(time_t* out) {
  struct timespec now;
  shim_clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}

int shim_gettimeofday(struct timeval* out, void* zone) EXPORT("gettimeofday");
int shim_gettimeofday(struct timeval* out, void* zone) {
  (void)zone;
  struct timespec now;
  shim_clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

// --- opening -----------------------------------------------------------------------------------

static int open_it(const char* call, int directory, const char* path, int flags, mode_t mode) {
  if (is_random_device(path) && random_verdict(true) != 0) return -1;
  const enum verdict verdict = decide_at(call, directory, path);
  if (verdict == FAIL) return -1;
  return (int)finish(verdict, real_syscall(SYS_openat, directory, path, flags, mode));
}

static mode_t mode_of(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? (mode_t)va_arg(arguments, int)
                                                                    : 0;
}

#define OPEN(wrapper, name)                                   \
  int wrapper(const char* path, int flags, ...) EXPORT(name); \
  int wrapper(const char* path, int flags, ...) {             \
    va_list arguments;                                        \
    va_start(arguments, flags);                               \
    const mode_t mode = mode_of(flags, arguments);            \
    va_end(arguments);                                        \
    return open_it("open", AT_FDCWD, path, flags, mode);      \
  }
OPEN(shim_open, "open")
OPEN(shim_open64, "open64")
OPEN(shim_open_2, "__open_2")
OPEN(shim_open64_2, "__open64_2")

#define OPENAT(wrapper, name)                                                \
  int wrapper(int directory, const char* path, int flags, ...) EXPORT(name); \
  int wrapper(int directory, const char* path, int flags, ...) {             \
    va_list arguments;                                                       \
    va_start(arguments, flags);                                              \
    const mode_t mode = mode_of(flags, arguments);                           \
    va_end(arguments);                                                       \
    return open_it("openat", directory, path, flags, mode);                  \
  }
OPENAT(shim_openat, "openat")
OPENAT(shim_openat64, "openat64")
OPENAT(shim_openat_2, "__openat_2")
OPENAT(shim_openat64_2, "__openat64_2")

// As the kernel does it: the descriptor is gone, whatever close(2) says.
int shim_close(int fd) EXPORT("close");
int shim_close(int fd) {
  const enum verdict verdict = decide_fd("close", fd);
  const int error = errno;
  const long result = finish(verdict, real_syscall(SYS_close, fd));
  if (verdict != FAIL) return (int)result;
  errno = error;
  return -1;
}

// --- contents ----------------------------------------------------------------------------------

#define READ(wrapper, name, type, ...)                                                         \
  ssize_t wrapper(int fd, void* out, size_t count __VA_ARGS__) EXPORT(name);                   \
  ssize_t wrapper(int fd, void* out, size_t count __VA_ARGS__) {                               \
    const enum verdict verdict = decide_fd(#type, fd);                                         \
    if (verdict == FAIL) return -1;                                                            \
    return finish(verdict, real_syscall(SYS_##type, fd, out, part(verdict, count) READ_LAST)); \
  }
#define READ_LAST , at
READ(shim_pread, "pread", pread64, , off_t at)
READ(shim_pread64, "pread64", pread64, , off_t at)
READ(shim_pread_chk, "__pread_chk", pread64, , off_t at, size_t size __attribute__((unused)))
READ(shim_pread64_chk, "__pread64_chk", pread64, , off_t at, size_t size __attribute__((unused)))
#undef READ_LAST
#define READ_LAST
READ(shim_read, "read", read)
READ(shim_read_chk, "__read_chk", read, , size_t size __attribute__((unused)))

#define PWRITE(wrapper, name)                                                                \
  ssize_t wrapper(int fd, const void* bytes, size_t count, off_t at) EXPORT(name);           \
  ssize_t wrapper(int fd, const void* bytes, size_t count, off_t at) {                       \
    const enum verdict verdict = decide_fd("pwrite64", fd);                                  \
    if (verdict == FAIL) return -1;                                                          \
    return finish(verdict, real_syscall(SYS_pwrite64, fd, bytes, part(verdict, count), at)); \
  }
PWRITE(shim_pwrite, "pwrite")
PWRITE(shim_pwrite64, "pwrite64")

ssize_t shim_write(int fd, const void* bytes, size_t count) EXPORT("write");
ssize_t shim_write(int fd, const void* bytes, size_t count) {
  const enum verdict verdict = decide_fd("write", fd);
  if (verdict == FAIL) return -1;
  return finish(verdict, real_syscall(SYS_write, fd, bytes, part(verdict, count)));
}

#define ON_FD(wrapper, name, type)                             \
  int wrapper(int fd) EXPORT(name);                            \
  int wrapper(int fd) {                                        \
    const enum verdict verdict = decide_fd(name, fd);          \
    if (verdict == FAIL) return -1;                            \
    return (int)finish(verdict, real_syscall(SYS_##type, fd)); \
  }
ON_FD(shim_fsync, "fsync", fsync)
ON_FD(shim_fdatasync, "fdatasync", fdatasync)

#define ON_FD_WITH(wrapper, name, type, Argument)                        \
  int wrapper(int fd, Argument argument) EXPORT(name);                   \
  int wrapper(int fd, Argument argument) {                               \
    const enum verdict verdict = decide_fd(name, fd);                    \
    if (verdict == FAIL) return -1;                                      \
    return (int)finish(verdict, real_syscall(SYS_##type, fd, argument)); \
  }
ON_FD_WITH(shim_ftruncate, "ftruncate", ftruncate, off_t)
ON_FD_WITH(shim_ftruncate64, "ftruncate64", ftruncate, off_t)
ON_FD_WITH(shim_flock, "flock", flock, int)
ON_FD_WITH(shim_fchmod, "fchmod", fchmod, mode_t)

// The error is what it returns, not errno.
int shim_posix_fallocate(int fd, off_t at, off_t size) EXPORT("posix_fallocate");
int shim_posix_fallocate(int fd, off_t at, off_t size) {
  const enum verdict verdict = decide_fd("posix_fallocate", fd);
  if (verdict == FAIL) return errno;
  int (*next)(int, off_t, off_t);
  *(void**)&next = real("posix_fallocate");
  return (int)finish(verdict, next(fd, at, size));
}

off_t shim_lseek(int fd, off_t at, int whence) EXPORT("lseek");
off_t shim_lseek(int fd, off_t at, int whence) {
  const enum verdict verdict = decide_fd("lseek", fd);
  if (verdict == FAIL) return -1;
  return finish(verdict, real_syscall(SYS_lseek, fd, at, whence));
}

// --- names -------------------------------------------------------------------------------------

int shim_rename(const char* from, const char* to) EXPORT("rename");
int shim_rename(const char* from, const char* to) {
  const enum verdict verdict = decide("rename", from);
  if (verdict == FAIL) return -1;
  return (int)finish(verdict, real_syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int shim_unlink(const char* path) EXPORT("unlink");
int shim_unlink(const char* path) {
  const enum verdict verdict = decide("unlink", path);
  if (verdict == FAIL) return -1;
  return (int)finish(verdict, real_syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

int shim_unlinkat(int directory, const char* path, int flags) EXPORT("unlinkat");
int shim_unlinkat(int directory, const char* path, int flags) {
  const enum verdict verdict = decide_at("unlinkat", directory, path);
  if (verdict == FAIL) return -1;
  return (int)finish(verdict, real_syscall(SYS_unlinkat, directory, path, flags));
}

int shim_mkdir(const char* path, mode_t mode) EXPORT("mkdir");
int shim_mkdir(const char* path, mode_t mode) {
  const enum verdict verdict = decide("mkdir", path);
  if (verdict == FAIL) return -1;
  return (int)finish(verdict, real_syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}

int shim_chmod(const char* path, mode_t mode) EXPORT("chmod");
int shim_chmod(const char* path, mode_t mode) {
  const enum verdict verdict = decide("chmod", path);
  if (verdict == FAIL) return -1;
  return (int)finish(verdict, real_syscall(SYS_fchmodat, AT_FDCWD, path, mode));
}

char* shim_mkdtemp(char* path) EXPORT("mkdtemp");
char* shim_mkdtemp(char* path) {
  const enum verdict verdict = decide("mkdtemp", path);
  if (verdict == FAIL) return NULL;
  char* (*next)(char*);
  *(void**)&next = real("mkdtemp");
  char* result = next(path);
  finish(verdict, 0);
  return result;
}

#define STAT(wrapper, name)                                     \
  int wrapper(const char* path, struct stat* out) EXPORT(name); \
  int wrapper(const char* path, struct stat* out) {             \
    const enum verdict verdict = decide(name, path);            \
    if (verdict == FAIL) return -1;                             \
    int (*next)(const char*, struct stat*);                     \
    *(void**)&next = real(name);                                \
    return (int)finish(verdict, next(path, out));               \
  }
STAT(shim_stat, "stat")
STAT(shim_lstat, "lstat")

// A type in parentheses would be none.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define FSTAT(wrapper, name, Type)                    \
  int wrapper(int fd, Type* out) EXPORT(name);        \
  int wrapper(int fd, Type* out) {                    \
    const enum verdict verdict = decide_fd(name, fd); \
    if (verdict == FAIL) return -1;                   \
    int (*next)(int, Type*);                          \
    *(void**)&next = real(name);                      \
    return (int)finish(verdict, next(fd, out));       \
  }
// NOLINTEND(bugprone-macro-parentheses)
FSTAT(shim_fstat, "fstat", struct stat)
FSTAT(shim_fstatvfs, "fstatvfs", struct statvfs)

int shim_statvfs(const char* path, struct statvfs* out) EXPORT("statvfs");
int shim_statvfs(const char* path, struct statvfs* out) {
  const enum verdict verdict = decide("statvfs", path);
  if (verdict == FAIL) return -1;
  int (*next)(const char*, struct statvfs*);
  *(void**)&next = real("statvfs");
  return (int)finish(verdict, next(path, out));
}

int shim_glob(const char* pattern, int flags, int (*on_error)(const char*, int), glob_t* out)
    EXPORT("glob");
int shim_glob(const char* pattern, int flags, int (*on_error)(const char*, int), glob_t* out) {
  const enum verdict verdict = decide("glob", pattern);
  if (verdict == FAIL) return GLOB_ABORTED;
  int (*next)(const char*, int, int (*)(const char*, int), glob_t*);
  *(void**)&next = real("glob");
  return (int)finish(verdict, next(pattern, flags, on_error, out));
}

// A directory that is being read: NULL with errno is an error, without it the end.
struct dirent* shim_readdir(DIR* directory) EXPORT("readdir");
struct dirent* shim_readdir(DIR* directory) {
  const int before = errno;
  const enum verdict verdict = decide_fd("readdir", dirfd(directory));
  if (verdict == FAIL) return NULL;
  errno = before;
  struct dirent* (*next)(DIR*);
  *(void**)&next = real("readdir");
  struct dirent* entry = next(directory);
  finish(verdict, 0);
  return entry;
}
