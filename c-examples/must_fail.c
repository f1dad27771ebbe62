/*
 * must_fail.c: an error of each class, with its code and its sentence
 *
 * Exits with 0 only if everything failed as it should. A call that fails leaves
 * its outputs alone, and nothing behind.
 */

#define _GNU_SOURCE

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ndshm.h"

static ndshm_error error = {.struct_size = sizeof(error)};
static ndshm_segment segment, other;
static char name[64];
static int wrong;

/* Compares and prints. Statuses are stable: programs may compare them. */
static void expect(int32_t wanted, int32_t status, const char *what)
{
    const int good = status == wanted && (status == NDSHM_OK || error.code == status);
    printf("%-28s %4d  %s\n", what, (int)status, status == NDSHM_OK ? "" : error.message);
    if (!good)
        fprintf(stderr, "%s: expected %d: %s\n", what, (int)wanted, ndshm_strerror(wanted));
    wrong += !good;
    memset(&error, 0, sizeof(error));
    error.struct_size = sizeof(error);
}

static int32_t create(const char *dtype, uint64_t extent, uint32_t via)
{
    ndshm_create_options options = {.struct_size = sizeof(options)};
    options.dtype = dtype;
    options.shape = &extent;
    options.ndim = 1;
    options.via = via;
    return ndshm_segment_create(name, &options, &segment, &error);
}

static int32_t attach(void)
{
    return ndshm_segment_attach(name, NULL, &other, &error);
}

/* What the caller said makes no sense. */
static void arguments(void)
{
    ndshm_create_options options = {.struct_size = 3};
    ndshm_field field;
    expect(NDSHM_ERR_ARGUMENT, ndshm_segment_create(name, NULL, &segment, &error), "no options");
    expect(NDSHM_ERR_ARGUMENT, ndshm_segment_create(name, &options, &segment, &error),
           "a wrong struct_size");
    expect(NDSHM_ERR_NAME, ndshm_segment_attach("a/b", NULL, &other, &error), "a bad name");
    expect(NDSHM_ERR_DTYPE, create("x:i3", 1, 0), "a bad dtype");
    expect(NDSHM_ERR_OVERFLOW, create("f8", UINT64_MAX, 0), "more than fits the machine");
    expect(NDSHM_ERR_HANDLE, ndshm_field_element(&other, &field, &error), "a closed handle");
}

/* Shared memory is what it is. */
static void memory(void)
{
    expect(NDSHM_ERR_NOT_FOUND, attach(), "nobody has made it");
    expect(NDSHM_ERR_NO_SPACE, create("f8", (uint64_t)1 << 45, 0), "more than there is");
}

/* Others are in the way. */
static void others(void)
{
    ndshm_field field;
    expect(NDSHM_OK, create("x:i4", 1, NDSHM_VIA_SHM_OPEN), "(a draft with a name)");
    expect(NDSHM_ERR_NOT_READY, attach(), "its data is not complete");
    expect(NDSHM_OK, ndshm_segment_publish(&segment, &error), "(it is published)");
    expect(NDSHM_ERR_NO_FIELD, ndshm_field_find(&segment, NULL, "y", &field, &error),
           "a field it does not have");
    ndshm_segment first = segment;
    expect(NDSHM_ERR_EXISTS, create("f8", 1, 0), "its name is taken");
    expect(NDSHM_OK, attach(), "(attached for reading)");
    if (ndshm_segment_data_mut(&other) != NULL)
        wrong += 1;
    ndshm_segment_detach(&other);
    ndshm_segment_detach(&first);

    pid_t child = fork();
    if (child == 0) {
        create("f8", 1, NDSHM_VIA_SHM_OPEN);
        raise(SIGKILL);
    }
    waitpid(child, NULL, 0);
    expect(NDSHM_ERR_CREATOR_DIED, attach(), "its creator died");
}

/* Puts bytes where a segment of that name would be. */
static void place(const void *bytes, size_t len)
{
    char path[80];
    snprintf(path, sizeof(path), "/ndshm.%s", name);
    int fd = shm_open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
    wrong += fd < 0 || write(fd, bytes, len) != (ssize_t)len;
    close(fd);
}

/* Something else lies where the segment should be. Whatever it is, attach says
 * what is wrong with it and does not crash. */
static void foreign(void)
{
    char path[80], bytes[8192] = {0};
    snprintf(path, sizeof(path), "/ndshm.%s", name);
    expect(NDSHM_OK, create("f8", 1, 0), "(one more)");
    expect(NDSHM_OK, ndshm_segment_publish(&segment, &error), "(whose header is copied)");
    int fd = shm_open(path, O_RDONLY, 0);
    wrong += read(fd, bytes, 4096) != 4096;
    close(fd);
    ndshm_segment_detach(&segment);

    place("\211HDF\r\n\032\n", 8);
    expect(NDSHM_ERR_NOT_NDSHM, attach(), "no segment at all");
    place(bytes, 4096);
    expect(NDSHM_ERR_TRUNCATED, attach(), "a part of one");
    memset(bytes + 128, 0xff, 8);
    place(bytes, sizeof(bytes));
    expect(NDSHM_ERR_CORRUPT, attach(), "a header that was overwritten");
    bytes[12] = bytes[13] = 99; /* the format's version; docs/format.md has the table */
    place(bytes, sizeof(bytes));
    expect(NDSHM_ERR_TOO_NEW, attach(), "one of a newer library");
    const char endian[] = {bytes[11], bytes[10], bytes[9], bytes[8]};
    memcpy(bytes + 8, endian, sizeof(endian));
    place(bytes, sizeof(bytes));
    expect(NDSHM_ERR_ENDIAN, attach(), "one of another machine");
    shm_unlink(path);
}

int main(void)
{
    snprintf(name, sizeof(name), "must_fail.%ld", (long)getpid());
    arguments();
    memory();
    others();
    foreign();
    if (wrong != 0)
        fprintf(stderr, "%d did not fail as they should\n", wrong);
    return wrong != 0;
}
