/* A library to preload: it counts the calls of the C library that ndshm makes,
 * and at the N-th it kills or stops the process, or lets the call fail. It does
 * nothing until it is armed, and then only in the thread that armed it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#define MOST_CALLS 4096

enum how { COUNT, KILL, STOP, FAIL };
enum fault { NO_REOPEN = 1, NO_TMPFILE = 2, NO_PROC = 4 };

/* Shared with all children, so that a parent reads what a dead child did. */
struct trace {
    long seen;
    const char *calls[MOST_CALLS];
};

static struct trace *trace;
static __thread int armed;
static __thread enum how how;
static __thread long at;
static __thread int error;
static int faults; /* what this system is to lack from now on */
static int hurried; /* sleeping takes no time, the boot clock just moves on */
static int64_t slept_ns;

__attribute__((constructor)) static void share_trace(void) {
    void *p = mmap(NULL, sizeof *trace, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    trace = p == MAP_FAILED ? NULL : p;
    const char *bits = getenv("SHIM_FAULTS");
    if (bits) faults = atoi(bits);
}

/* From here on calls are counted; at the n-th, from 1, it does what `what` says. */
void shim_arm(int what, long n, int with) {
    trace->seen = 0;
    how = (enum how)what;
    at = n;
    error = with;
    armed = 1;
}

void shim_disarm(void) { armed = 0; }
void shim_fault(int bits) { faults = bits; }
void shim_hurry(int yes) { hurried = yes; }
long shim_seen(void) { return trace->seen; }

/* Name of the n-th call that was counted. */
const char *shim_call(long n) { return n >= 1 && n <= trace->seen ? trace->calls[n - 1] : ""; }

static void signal_self(int number) { syscall(SYS_kill, (long)getpid(), (long)number); }

/* Whether the call is to fail. */
static int step(const char *call) {
    if (!armed || trace->seen >= MOST_CALLS) return 0;
    trace->calls[trace->seen++] = call;
    if (trace->seen != at) return 0;
    if (how == FAIL) {
        errno = error;
        return 1;
    }
    if (how == KILL) signal_self(SIGKILL);
    if (how == STOP) signal_self(SIGSTOP);
    return 0;
}

/* The real function, looked up once. */
#define REAL(result, name, ...)                                        \
    static result (*real)(__VA_ARGS__);                                \
    if (!real) {                                                       \
        void *found = dlsym(RTLD_NEXT, #name);                         \
        memcpy(&real, &found, sizeof real);                            \
    }

static int is_missing(const char *path, int flags) {
    static const char fds[] = "/proc/self/fd";
    if ((faults & NO_TMPFILE) && (flags & O_TMPFILE) == O_TMPFILE) errno = EOPNOTSUPP;
    else if ((faults & NO_REOPEN) && strncmp(path, fds, sizeof fds - 1) == 0) errno = ENOENT;
    else if ((faults & NO_PROC) && strncmp(path, "/proc", 5) == 0) errno = ENOENT;
    else return 0;
    return 1;
}

int open(const char *path, int flags, ...) {
    REAL(int, open, const char *, int, ...)
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return step("open") || is_missing(path, flags) ? -1 : real(path, flags, mode);
}

int shm_open(const char *name, int flags, mode_t mode) {
    REAL(int, shm_open, const char *, int, mode_t)
    return step(flags & O_CREAT ? "shm_create" : "shm_open") ? -1 : real(name, flags, mode);
}

int shm_unlink(const char *name) {
    REAL(int, shm_unlink, const char *)
    return step("shm_unlink") ? -1 : real(name);
}

int memfd_create(const char *name, unsigned flags) {
    REAL(int, memfd_create, const char *, unsigned)
    return step("memfd_create") ? -1 : real(name, flags);
}

int lstat(const char *path, struct stat *out) {
    REAL(int, lstat, const char *, struct stat *)
    if ((faults & NO_PROC) && strncmp(path, "/proc", 5) == 0) return errno = ENOENT, -1;
    return step("lstat") ? -1 : real(path, out);
}

int fstat(int fd, struct stat *out) {
    REAL(int, fstat, int, struct stat *)
    return step("fstat") ? -1 : real(fd, out);
}

int fstatvfs(int fd, struct statvfs *out) {
    REAL(int, fstatvfs, int, struct statvfs *)
    return step("fstatvfs") ? -1 : real(fd, out);
}

int sysinfo(struct sysinfo *out) {
    REAL(int, sysinfo, struct sysinfo *)
    return step("sysinfo") ? -1 : real(out);
}

/* Whatever close and munmap say, what they were given is gone. */
int close(int fd) {
    REAL(int, close, int)
    int failed = step("close"), saved = errno, result = real(fd);
    if (failed) errno = saved;
    return failed ? -1 : result;
}

int munmap(void *start, size_t len) {
    REAL(int, munmap, void *, size_t)
    int failed = step("munmap"), saved = errno, result = real(start, len);
    if (failed) errno = saved;
    return failed ? -1 : result;
}

void *mmap(void *start, size_t len, int prot, int flags, int fd, off_t offset) {
    REAL(void *, mmap, void *, size_t, int, int, int, off_t)
    return step("mmap") ? MAP_FAILED : real(start, len, prot, flags, fd, offset);
}

int flock(int fd, int operation) {
    REAL(int, flock, int, int)
    return step("flock") ? -1 : real(fd, operation);
}

int fcntl(int fd, int command, ...) {
    REAL(int, fcntl, int, int, ...)
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return step("fcntl") ? -1 : real(fd, command, argument);
}

int fchmod(int fd, mode_t mode) {
    REAL(int, fchmod, int, mode_t)
    return step("fchmod") ? -1 : real(fd, mode);
}

int ftruncate(int fd, off_t len) {
    REAL(int, ftruncate, int, off_t)
    return step("ftruncate") ? -1 : real(fd, len);
}

int posix_fallocate(int fd, off_t offset, off_t len) {
    REAL(int, posix_fallocate, int, off_t, off_t)
    return step("posix_fallocate") ? error : real(fd, offset, len);
}

ssize_t pread(int fd, void *to, size_t len, off_t offset) {
    REAL(ssize_t, pread, int, void *, size_t, off_t)
    return step("pread") ? -1 : real(fd, to, len, offset);
}

ssize_t pwrite(int fd, const void *from, size_t len, off_t offset) {
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t)
    return step("pwrite") ? -1 : real(fd, from, len, offset);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    REAL(int, linkat, int, const char *, int, const char *, int)
    return step("linkat") ? -1 : real(from_dir, from, to_dir, to, flags);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    REAL(int, renameat2, int, const char *, int, const char *, unsigned)
    return step("renameat2") ? -1 : real(from_dir, from, to_dir, to, flags);
}

ssize_t sendmsg(int socket, const struct msghdr *message, int flags) {
    REAL(ssize_t, sendmsg, int, const struct msghdr *, int)
    return step("sendmsg") ? -1 : real(socket, message, flags);
}

ssize_t recvmsg(int socket, struct msghdr *message, int flags) {
    REAL(ssize_t, recvmsg, int, struct msghdr *, int)
    return step("recvmsg") ? -1 : real(socket, message, flags);
}

ssize_t getrandom(void *to, size_t len, unsigned flags) {
    REAL(ssize_t, getrandom, void *, size_t, unsigned)
    return step("getrandom") ? -1 : real(to, len, flags);
}

long syscall(long number, ...) {
    REAL(long, syscall, long, ...)
    long a[6];
    va_list rest;
    va_start(rest, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(rest, long);
    va_end(rest);
    const char *call = number == SYS_futex ? "futex" : number == SYS_kill ? NULL : "syscall";
    if (call && step(call)) return -1;
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int nanosleep(const struct timespec *time, struct timespec *left) {
    REAL(int, nanosleep, const struct timespec *, struct timespec *)
    if (!hurried) return real(time, left);
    slept_ns += time->tv_sec * INT64_C(1000000000) + time->tv_nsec;
    return 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(int, clock_gettime, clockid_t, struct timespec *)
    int result = real(clock, now);
    if (clock == CLOCK_BOOTTIME && hurried) {
        int64_t ns = now->tv_nsec + slept_ns % 1000000000;
        now->tv_sec += slept_ns / 1000000000 + ns / 1000000000;
        now->tv_nsec = ns % 1000000000;
    }
    return result;
}
