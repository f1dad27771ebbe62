/*
 * Segments that are left: the process has them no more, but their memory stays where it is.
 */

#define _GNU_SOURCE

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"
#include "ndshm.h"

static char name[64], path[96];
static ndshm_error error = {.struct_size = sizeof(error)};

static int is_there(void)
{
    struct stat status;
    return stat(path, &status) == 0;
}

/* Mappings of shared memory: one for each segment that is attached or was left. */
static int count_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[1024];
    int n = 0;
    EXPECT(maps != NULL);
    while (fgets(line, sizeof(line), maps) != NULL)
        n += strstr(line, " /dev/shm") != NULL;
    fclose(maps);
    return n;
}

/* Three numbers, not published. */
static ndshm_segment draft(uint32_t policy, uint32_t via)
{
    static const uint64_t shape[] = {3};
    ndshm_create_options options = {.struct_size = sizeof(options), .dtype = "<i4", .ndim = 1};
    ndshm_segment segment = {0};
    int anonymous = policy == NDSHM_POLICY_ANONYMOUS;
    options.shape = shape;
    options.policy = policy;
    options.via = via;
    EXPECT(ndshm_segment_create(anonymous ? NULL : name, &options, &segment, &error) == NDSHM_OK);
    int32_t *data = ndshm_segment_data_mut(&segment);
    EXPECT(data != NULL);
    for (int i = 0; i < 3; i++)
        data[i] = 100 + i;
    return segment;
}

static ndshm_segment published(uint32_t policy, uint32_t via)
{
    ndshm_segment segment = draft(policy, via);
    EXPECT(ndshm_segment_publish(&segment, &error) == NDSHM_OK);
    return segment;
}

/* Leaves it, and uses its memory. */
static volatile int32_t *left(ndshm_segment *segment)
{
    volatile int32_t *data = ndshm_segment_data_mut(segment);
    int mappings = count_mappings();
    EXPECT(ndshm_segment_leave(segment) == NDSHM_OK);
    EXPECT(count_mappings() == mappings); /* where it was, and no other */
    EXPECT(ndshm_segment_data(segment) == NULL); /* the handle is closed */
    EXPECT(ndshm_segment_leave(segment) == NDSHM_ERR_HANDLE);
    EXPECT(ndshm_segment_detach(segment) == NDSHM_ERR_HANDLE);
    EXPECT(data[0] == 100 && data[2] == 102);
    data[0]++;
    EXPECT(data[0] == 101);
    return data;
}

static void the_last(uint32_t via)
{
    ndshm_segment made = published(0, via), unpublished, again = {0};
    left(&made);
    EXPECT(!is_there());
    EXPECT(ndshm_segment_attach(name, NULL, &again, &error) == NDSHM_ERR_NOT_FOUND);
    unpublished = draft(0, via);
    left(&unpublished);
    EXPECT(!is_there());
}

static void not_the_last(void)
{
    ndshm_segment made = published(0, 0), other = {0};
    EXPECT(ndshm_segment_attach(name, NULL, &other, &error) == NDSHM_OK);
    volatile int32_t *data = left(&made);
    EXPECT(is_there() && ndshm_segment_refcount(&other) == 1);
    data[1] = 7;
    EXPECT(((const int32_t *)ndshm_segment_data(&other))[1] == 7);
    EXPECT(ndshm_segment_detach(&other) == NDSHM_OK);
    EXPECT(!is_there());
}

/* A child has the other's handle, but not what was left before it was forked. */
static void forked(void)
{
    ndshm_segment made = published(0, 0), other = {0};
    int go[2];
    char byte = 0;
    EXPECT(ndshm_segment_attach(name, NULL, &other, &error) == NDSHM_OK);
    volatile int32_t *data = left(&made);
    EXPECT(pipe(go) == 0);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also if the parent fails */
        int good = data[0] == 101 && ndshm_segment_leave(&other) == NDSHM_OK;
        good = good && write(go[1], &byte, 1) == 1;
        pause(); /* has nothing, and lives */
        _exit(!good);
    }
    EXPECT(read(go[0], &byte, 1) == 1);
    EXPECT(is_there());
    EXPECT(ndshm_segment_detach(&other) == NDSHM_OK);
    EXPECT(!is_there());
    EXPECT(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    close(go[0]);
    close(go[1]);
}

static void replaced(void)
{
    ndshm_segment made = published(0, 0);
    EXPECT(ndshm_segment_unlink(name, &error) == NDSHM_OK);
    ndshm_segment next = published(0, 0);
    left(&made);
    EXPECT(ndshm_segment_is_current(&next) == 1);
    EXPECT(((const int32_t *)ndshm_segment_data(&next))[0] == 100);
    EXPECT(ndshm_segment_detach(&next) == NDSHM_OK);
    EXPECT(!is_there());
}

static void anonymous(void)
{
    ndshm_segment made = published(NDSHM_POLICY_ANONYMOUS, 0);
    int fd = ndshm_segment_fd(&made);
    left(&made);
    EXPECT(fcntl(fd, F_GETFD) == -1);
    made = draft(NDSHM_POLICY_ANONYMOUS, 0);
    left(&made);
}

int main(void)
{
    snprintf(name, sizeof(name), "test.leave.%ld", (long)getpid());
    snprintf(path, sizeof(path), "/dev/shm/ndshm.%s", name);
    EXPECT(ndshm_segment_leave(NULL) == NDSHM_OK);
    the_last(NDSHM_VIA_AUTO);
    the_last(NDSHM_VIA_SHM_OPEN);
    not_the_last();
    forked();
    replaced();
    anonymous();
    return 0;
}
