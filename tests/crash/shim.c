/* A library to preload into the command: it counts the calls of the C library by which the
 * process that was started (not those that it forks) changes something, and at the N-th it
 * kills the process or lets the call fail. Told by the environment:
 *
 *   CRASH_AT=N      what happens at which call, from 1; 0 to count only
 *   CRASH_ERRNO=E   the call fails with this; without it, SIGKILL
 *   CRASH_CALL=NAME counts the calls of this name only; `pread` and `read`, which change nothing,
 *                   are counted only so
 *   CRASH_FILE=TEXT counts `pread`s and `read`s of files only whose names have this text
 *   CRASH_CUT=FILE  before the call this file is cut to a third; the call is not harmed
 *   CRASH_ON=1      what happens happens at all later calls, too
 *   CRASH_STOP=1    before the call the process stops, until it is sent SIGCONT; no harm to the call
 *   CRASH_FORKED=1  counts in processes that are forked, each from zero, not in the one
 *                   that was started
 *   CRASH_SEEN=FILE where the number of calls is written at the end
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static pid_t own;
static long at, seen;
static int with, forked, stops, on;
static const char *only, *file, *cut;

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("CRASH_AT");
    if (!text) return;
    at = atol(text);
    text = getenv("CRASH_ERRNO");
    with = text ? atoi(text) : 0;
    only = getenv("CRASH_CALL");
    file = getenv("CRASH_FILE");
    cut = getenv("CRASH_CUT");
    stops = getenv("CRASH_STOP") != NULL;
    on = getenv("CRASH_ON") != NULL;
    forked = getenv("CRASH_FORKED") != NULL;
    own = getpid();
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("CRASH_SEEN");
    if (own != getpid() || forked || !path) return;
    FILE *file = fopen(path, "w");
    if (!file) return;
    fprintf(file, "%ld\n", seen);
    fclose(file);
}

/* Cuts a file to a third of what it has. */
static void shorten(void) {
    struct stat now;
    if (stat(cut, &now) == 0 && truncate(cut, now.st_size / 3) == 0) return;
    abort();
}

/* Whether the call is to fail. */
static int step(const char *call) {
    if (!own || (getpid() == own) == forked) return 0;
    if (only && strcmp(only, call) != 0) return 0;
    seen++;
    if (on ? !at || seen < at : seen != at) return 0;
    if (cut) shorten();
    if (stops) raise(SIGSTOP);
    if (cut || stops) return 0;
    if (!with) syscall(SYS_kill, (long)getpid(), (long)SIGKILL);
    errno = with;
    return 1;
}

/* The name of an open file. */
static const char *name_of(int fd) {
    static __thread char to[4096];
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, to, sizeof to - 1);
    to[n < 0 ? 0 : n] = 0;
    return to;
}

/* Metadata is kept in memory, which does not fail as a disk does. */
static int is_memory(int fd) {
    return strncmp(name_of(fd), "/memfd:", 7) == 0;
}

#define REAL(result, name, ...)                                        \
    static result (*real)(__VA_ARGS__);                                \
    if (!real) {                                                       \
        void *found = dlsym(RTLD_NEXT, #name);                         \
        memcpy(&real, &found, sizeof real);                            \
    }

#define OPEN(name)                                                     \
    int name(const char *path, int flags, ...) {                       \
        REAL(int, name, const char *, int, ...)                        \
        va_list rest;                                                  \
        va_start(rest, flags);                                         \
        mode_t mode = va_arg(rest, mode_t);                            \
        va_end(rest);                                                  \
        if ((flags & O_ACCMODE) != O_RDONLY && step("open")) return -1; \
        return real(path, flags, mode);                                \
    }
OPEN(open)
OPEN(open64)

#define PWRITE(name, offset)                                           \
    ssize_t name(int fd, const void *from, size_t len, offset where) { \
        REAL(ssize_t, name, int, const void *, size_t, offset)         \
        if ((!with || !is_memory(fd)) && step("pwrite")) return -1;    \
        return real(fd, from, len, where);                             \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

/* Only if it was asked for by its name. */
#define PREAD(name, offset)                                            \
    ssize_t name(int fd, void *to, size_t len, offset where) {         \
        REAL(ssize_t, name, int, void *, size_t, offset)               \
        int counts = only && (!file || strstr(name_of(fd), file));     \
        if (counts && step("pread")) return -1;                        \
        return real(fd, to, len, where);                               \
    }
PREAD(pread, off_t)
PREAD(pread64, off64_t)

ssize_t read(int fd, void *to, size_t len) {
    REAL(ssize_t, read, int, void *, size_t)
    int counts = only && file && strstr(name_of(fd), file);
    return counts && step("read") ? -1 : real(fd, to, len);
}

#define FTRUNCATE(name, offset)                                        \
    int name(int fd, offset len) {                                     \
        REAL(int, name, int, offset)                                   \
        if ((!with || !is_memory(fd)) && step("ftruncate")) return -1; \
        return real(fd, len);                                          \
    }
FTRUNCATE(ftruncate, off_t)
FTRUNCATE(ftruncate64, off64_t)

int fsync(int fd) {
    REAL(int, fsync, int)
    return step("fsync") ? -1 : real(fd);
}

int flock(int fd, int how) {
    REAL(int, flock, int, int)
    return step("flock") ? -1 : real(fd, how);
}

int fchmod(int fd, mode_t mode) {
    REAL(int, fchmod, int, mode_t)
    return step("fchmod") ? -1 : real(fd, mode);
}

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *)
    return step("rename") ? -1 : real(from, to);
}

int linkat(int old_at, const char *from, int new_at, const char *to, int flags) {
    REAL(int, linkat, int, const char *, int, const char *, int)
    return step("linkat") ? -1 : real(old_at, from, new_at, to, flags);
}

#define FALLOCATE(name, offset)                                        \
    int name(int fd, int mode, offset where, offset len) {             \
        REAL(int, name, int, int, offset, offset)                      \
        return step("fallocate") ? -1 : real(fd, mode, where, len);    \
    }
FALLOCATE(fallocate, off_t)
FALLOCATE(fallocate64, off64_t)

int unlink(const char *path) {
    REAL(int, unlink, const char *)
    return step("unlink") ? -1 : real(path);
}

int memfd_create(const char *name, unsigned flags) {
    REAL(int, memfd_create, const char *, unsigned)
    return step("memfd_create") ? -1 : real(name, flags);
}

/* Whatever close says, the descriptor is gone. */
int close(int fd) {
    REAL(int, close, int)
    int failed = (!with || !is_memory(fd)) && step("close"), result = real(fd);
    if (failed) errno = with;
    return failed ? -1 : result;
}

long syscall(long number, ...) {
    REAL(long, syscall, long, ...)
    long a[6];
    va_list rest;
    va_start(rest, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(rest, long);
    va_end(rest);
    const char *call = number == SYS_renameat2 ? "rename" : number == SYS_clone3 ? "clone" : NULL;
    if (own && call && step(call)) return -1;
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
