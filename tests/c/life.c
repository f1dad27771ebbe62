/*
 * Segments from creation to removal, across a fork and a kill; and that nothing
 * is left behind: no name, no descriptor, no mapping.
 *
 * Prunes only where it has a /dev/shm of its own, since it would remove what other
 * tests have left on purpose.
 */

#define _GNU_SOURCE

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"
#include "ndshm.h"

static char name[64];
static int alone;
static ndshm_error error = {.struct_size = sizeof(error)};
static const ndshm_attach_options writing = {
    .struct_size = sizeof(writing), .access = NDSHM_ACCESS_READ_WRITE, .timeout_ms = 5000};

static int count_entries(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;
    EXPECT(dir != NULL);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static int count_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[1024];
    int n = 0;
    EXPECT(maps != NULL);
    while (fgets(line, sizeof(line), maps) != NULL)
        n += strstr(line, "/dev/shm") != NULL;
    fclose(maps);
    return n;
}

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    int good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return good;
}

/* Mounts a /dev/shm that only this process and its children see. */
static int mount_own_shm(void)
{
    char users[64], groups[64];
    snprintf(users, sizeof(users), "0 %ld 1", (long)geteuid());
    snprintf(groups, sizeof(groups), "0 %ld 1", (long)getegid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
           write_text("/proc/self/setgroups", "deny") &&
           write_text("/proc/self/uid_map", users) &&
           write_text("/proc/self/gid_map", groups) &&
           mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=1m") == 0;
}

static ndshm_segment draft(uint32_t policy, uint32_t via)
{
    static const uint64_t shape[] = {2, 3};
    ndshm_create_options options = {.struct_size = sizeof(options)};
    ndshm_segment segment = {0};
    options.dtype = "<i4";
    options.shape = shape;
    options.ndim = 2;
    options.metadata = "unit=m";
    options.metadata_len = 6;
    options.policy = policy;
    options.via = via;
    if (ndshm_segment_create(name, &options, &segment, &error))
        fprintf(stderr, "%s\n", error.message);
    int32_t *data = ndshm_segment_data_mut(&segment);
    EXPECT(data != NULL);
    for (int i = 0; i < 6; i++) {
        EXPECT(data[i] == 0);
        data[i] = 100 + i;
    }
    return segment;
}

static int32_t try_attach(ndshm_segment *segment)
{
    return ndshm_segment_attach(name, NULL, segment, &error);
}

struct visit {
    int seen, what, stop;
};

static int32_t on_list(const char *listed, void *user)
{
    struct visit *visit = user;
    visit->seen += strcmp(listed, name) == 0;
    return visit->stop;
}

static int32_t on_prune(const char *listed, int32_t what, void *user)
{
    struct visit *visit = user;
    if (strcmp(listed, name) == 0) {
        visit->seen++;
        visit->what = what;
    }
    return visit->stop;
}

/* At once what is also said one by one. */
static void is_told(ndshm_segment *segment)
{
    ndshm_array array = {.struct_size = sizeof(array)};
    char text[8] = "?";
    EXPECT(ndshm_segment_array(segment, text, sizeof(text), &array, &error) == NDSHM_OK);
    EXPECT(array.struct_size == sizeof(array) && array.dtype_len == 3 && !strcmp(text, "<i4"));
    EXPECT(array.data == ndshm_segment_data(segment) && array.ndim == 2 && array.itemsize == 4);
    EXPECT(array.data_len == ndshm_segment_data_len(segment) && array.data_len == 24);
    EXPECT(array.shape == ndshm_segment_shape(segment) && array.shape[1] == 3);
    EXPECT(array.strides == ndshm_segment_strides(segment) && array.strides[0] == 12);
    EXPECT(array.writable == (ndshm_segment_data_mut(segment) != NULL));
    EXPECT(ndshm_segment_array(segment, text, 3, &array, NULL) == NDSHM_OK);
    EXPECT(array.dtype_len == 3 && !strcmp(text, "<i"));
    EXPECT(ndshm_segment_array(segment, NULL, 0, &array, NULL) == NDSHM_OK);
}

static void share(uint32_t via)
{
    ndshm_segment made = draft(0, via), reader = {0}, writer = {0};
    const void *data = ndshm_segment_data(&made);
    const uint64_t *shape = ndshm_segment_shape(&made);
    uint8_t uuid[2][NDSHM_UUID_SIZE];

    is_told(&made);
    EXPECT(try_attach(&reader) == (via ? NDSHM_ERR_NOT_READY : NDSHM_ERR_NOT_FOUND));
    EXPECT(ndshm_segment_publish(&made, &error) == NDSHM_OK);
    EXPECT(ndshm_segment_data(&made) == data && ndshm_segment_shape(&made) == shape);
    EXPECT(shape[0] == 2 && shape[1] == 3);

    EXPECT(try_attach(&reader) == NDSHM_OK);
    EXPECT(ndshm_segment_attach(name, &writing, &writer, &error) == NDSHM_OK);
    EXPECT(ndshm_segment_refcount(&made) == 3 && ndshm_segment_refcount(&reader) == 3);
    EXPECT(ndshm_segment_is_current(&reader) == 1);
    EXPECT(ndshm_segment_policy(&reader) == NDSHM_POLICY_LAST_DETACH);
    EXPECT(ndshm_segment_metadata_len(&reader) == 6);
    EXPECT(memcmp(ndshm_segment_metadata(&reader), "unit=m", 6) == 0);
    EXPECT(ndshm_segment_strides(&reader)[0] == 12 && ndshm_segment_strides(&reader)[1] == 4);
    EXPECT(ndshm_segment_uuid(&made, uuid[0], &error) == NDSHM_OK);
    EXPECT(ndshm_segment_uuid(&reader, uuid[1], &error) == NDSHM_OK);
    EXPECT(memcmp(uuid[0], uuid[1], sizeof(uuid[0])) == 0);

    is_told(&made);
    is_told(&reader);
    is_told(&writer);
    EXPECT(ndshm_segment_data_mut(&reader) == NULL);
    ((int32_t *)ndshm_segment_data_mut(&writer))[5] = 7;
    EXPECT(((const int32_t *)ndshm_segment_data(&reader))[5] == 7);
    EXPECT(((const int32_t *)ndshm_segment_data(&reader))[4] == 104);

    /* A handle may move, if the old one is forgotten. */
    ndshm_segment moved = reader;
    memset(&reader, 0, sizeof(reader));
    EXPECT(ndshm_segment_data(&moved) != NULL);

    EXPECT(ndshm_segment_detach(&made) == NDSHM_OK);
    EXPECT(ndshm_segment_detach(&writer) == NDSHM_OK);
    EXPECT(ndshm_segment_is_current(&moved) == 1);
    EXPECT(ndshm_segment_detach(&moved) == NDSHM_OK);
    EXPECT(try_attach(&reader) == NDSHM_ERR_NOT_FOUND);
}

static void taken(void)
{
    ndshm_segment made = draft(0, 0), late = draft(0, 0), other = {0};
    ndshm_create_options options = {.struct_size = sizeof(options), .dtype = "<i4"};
    EXPECT(ndshm_segment_publish(&made, &error) == NDSHM_OK);
    EXPECT(ndshm_segment_create(name, &options, &other, &error) == NDSHM_ERR_EXISTS);
    EXPECT(ndshm_segment_publish(&late, &error) == NDSHM_ERR_EXISTS);
    EXPECT(ndshm_segment_data(&late) != NULL); /* the draft stays as it was */
    EXPECT(ndshm_segment_unlink(name, &error) == NDSHM_OK);
    EXPECT(ndshm_segment_is_current(&made) == 0);
    EXPECT(ndshm_segment_publish(&late, &error) == NDSHM_OK);
    EXPECT(ndshm_segment_is_current(&late) == 1);
    EXPECT(ndshm_segment_detach(&late) == NDSHM_OK);
    EXPECT(((const int32_t *)ndshm_segment_data(&made))[0] == 100);
    EXPECT(ndshm_segment_detach(&made) == NDSHM_OK);
}

static void persist(void)
{
    ndshm_segment made = draft(NDSHM_POLICY_PERSIST, 0), again = {0};
    struct visit visit = {0, 0, 0};
    EXPECT(ndshm_segment_publish(&made, &error) == NDSHM_OK);
    EXPECT(ndshm_segment_list(on_list, &visit, &error) == NDSHM_OK && visit.seen == 1);
    if (alone) {
        EXPECT(ndshm_segment_prune(on_prune, &visit, &error) == NDSHM_OK);
        EXPECT(visit.seen == 2 && visit.what == NDSHM_PRUNE_LIVE);
    }
    EXPECT(ndshm_segment_detach(&made) == NDSHM_OK);

    visit.seen = 0;
    EXPECT(ndshm_segment_list(on_list, &visit, &error) == NDSHM_OK && visit.seen == 1);
    visit.stop = 42;
    EXPECT(ndshm_segment_list(on_list, &visit, &error) == 42 && error.code == 42);
    if (alone) {
        EXPECT(ndshm_segment_prune(on_prune, &visit, NULL) == 42);
        visit = (struct visit){0, 0, 0};
        EXPECT(ndshm_segment_prune(on_prune, &visit, &error) == NDSHM_OK);
        EXPECT(visit.seen == 1 && visit.what == NDSHM_PRUNE_KEPT);
    }

    EXPECT(try_attach(&again) == NDSHM_OK);
    EXPECT(ndshm_segment_policy(&again) == NDSHM_POLICY_PERSIST);
    EXPECT(ndshm_segment_detach(&again) == NDSHM_OK);
    EXPECT(ndshm_segment_unlink(name, &error) == NDSHM_OK);
    EXPECT(ndshm_segment_unlink(name, &error) == NDSHM_ERR_NOT_FOUND);
}

static int wait_for(pid_t child)
{
    int status = -1;
    EXPECT(waitpid(child, &status, 0) == child);
    return status;
}

/* A child has its parent's segment too: it keeps it alive, and its end does
 * not take it from the parent. */
static void forked(void)
{
    ndshm_segment made = draft(0, 0), again = {0};
    EXPECT(ndshm_segment_publish(&made, &error) == NDSHM_OK);
    pid_t child = fork();
    if (child == 0) {
        int good = ((const int32_t *)ndshm_segment_data(&made))[1] == 101;
        good &= ndshm_segment_detach(&made) == NDSHM_OK;
        _exit(good ? 0 : 1);
    }
    EXPECT(wait_for(child) == 0);
    EXPECT(ndshm_segment_is_current(&made) == 1 && ndshm_segment_refcount(&made) == 1);
    EXPECT(try_attach(&again) == NDSHM_OK);
    EXPECT(ndshm_segment_detach(&again) == NDSHM_OK);
    EXPECT(ndshm_segment_detach(&made) == NDSHM_OK);
    EXPECT(try_attach(&again) == NDSHM_ERR_NOT_FOUND);
}

/* What a killed process leaves is removed by prune, and by the next create. */
static void killed(uint32_t via, int published)
{
    ndshm_segment again = {0};
    struct visit visit = {0, 0, 0};
    for (int pruned = 0; pruned < 1 + alone; pruned++) {
        pid_t child = fork();
        if (child == 0) {
            ndshm_segment made = draft(0, via);
            if (published)
                EXPECT(ndshm_segment_publish(&made, &error) == NDSHM_OK);
            raise(SIGKILL);
        }
        EXPECT(WIFSIGNALED(wait_for(child)));
        if (pruned) {
            EXPECT(ndshm_segment_prune(on_prune, &visit, &error) == NDSHM_OK);
            EXPECT(visit.seen == (published || via));
            EXPECT(visit.what == (visit.seen ? NDSHM_PRUNE_REMOVED : 0));
            EXPECT(ndshm_segment_prune(NULL, NULL, NULL) == NDSHM_OK);
        } else {
            ndshm_segment next = draft(0, 0);
            EXPECT(ndshm_segment_publish(&next, &error) == NDSHM_OK);
            EXPECT(ndshm_segment_detach(&next) == NDSHM_OK);
        }
        EXPECT(try_attach(&again) == NDSHM_ERR_NOT_FOUND);
    }
}

int main(void)
{
    snprintf(name, sizeof(name), "test.life.%ld", (long)getpid());
    /* Tried in a child first: half of it would leave this process worse off. */
    pid_t child = fork();
    if (child == 0)
        _exit(mount_own_shm() ? 0 : 1);
    alone = wait_for(child) == 0 && mount_own_shm();
    if (!alone)
        puts("skipped: prune, since no /dev/shm of our own can be mounted here");
    int descriptors = count_entries("/proc/self/fd");
    EXPECT(count_mappings() == 0);
    share(NDSHM_VIA_AUTO);
    share(NDSHM_VIA_SHM_OPEN);
    taken();
    persist();
    forked();
    killed(NDSHM_VIA_AUTO, 0);
    killed(NDSHM_VIA_AUTO, 1);
    killed(NDSHM_VIA_SHM_OPEN, 0);
    killed(NDSHM_VIA_SHM_OPEN, 1);
    ndshm_segment dropped = draft(0, NDSHM_VIA_SHM_OPEN);
    EXPECT(ndshm_segment_detach(&dropped) == NDSHM_OK);
    EXPECT(count_mappings() == 0);
    EXPECT(count_entries("/proc/self/fd") == descriptors);
    return 0;
}
