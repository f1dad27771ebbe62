/*
 * The other kinds of segments: growing ones, anonymous ones that travel by
 * descriptor, the policies, checked copies, and a look without attaching.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"
#include "ndshm.h"

static char name[64], other[64];
static ndshm_error error = {.struct_size = sizeof(error)};

#define GOOD(call) good(__LINE__, call)

static void good(int line, int32_t status)
{
    if (status != NDSHM_OK) {
        fprintf(stderr, "line %d: %d: %s\n", line, (int)status, error.message);
        exit(1);
    }
}

static ndshm_create_options of(uint32_t ndim, const uint64_t *shape, uint32_t policy)
{
    ndshm_create_options options = {.struct_size = sizeof(options)};
    options.dtype = "<i4";
    options.ndim = ndim;
    options.shape = shape;
    options.policy = policy;
    return options;
}

static void growable(void)
{
    static const uint64_t shape[] = {0, 2};
    static const int32_t rows[] = {1, 2, 3, 4, 5, 6};
    ndshm_create_options options = of(2, shape, 0);
    ndshm_growable grown = {0};
    ndshm_segment segment = {0};
    const int32_t *data;

    for (int anonymous = 0; anonymous < 2; anonymous++) {
        options.policy = anonymous ? NDSHM_POLICY_ANONYMOUS : 0;
        GOOD(ndshm_growable_create(anonymous ? NULL : name, &options, &grown, &error));
        EXPECT(ndshm_growable_row_len(&grown) == 8);
        GOOD(ndshm_growable_append(&grown, rows, 4, &error));
        GOOD(ndshm_growable_append(&grown, rows + 1, 12, &error));
        GOOD(ndshm_growable_append(&grown, NULL, 0, &error));
        GOOD(ndshm_growable_write_at(&grown, 20, rows + 5, 4, &error));
        EXPECT(ndshm_growable_data_len(&grown) == 24);
        EXPECT(ndshm_growable_finish(&grown, 4, &segment, &error) == NDSHM_ERR_ARGUMENT);
        EXPECT(ndshm_growable_finish(&grown, UINT64_MAX, &segment, &error) == NDSHM_ERR_ARGUMENT);
        EXPECT(strstr(error.message, "rows") != NULL);
        GOOD(ndshm_growable_finish(&grown, 3, &segment, &error));
        EXPECT(ndshm_growable_data_len(&grown) == 0);
        EXPECT(ndshm_growable_discard(&grown) == NDSHM_ERR_HANDLE);
        EXPECT(ndshm_segment_shape(&segment)[0] == 3 && ndshm_segment_shape(&segment)[1] == 2);
        GOOD(ndshm_segment_publish(&segment, &error));
        data = ndshm_segment_data(&segment);
        EXPECT(memcmp(data, rows, 16) == 0 && data[4] == 0 && data[5] == 6);
        GOOD(ndshm_segment_detach(&segment));
        memset(&grown, 0, sizeof(grown));
    }
    /* Given up, it leaves nothing. */
    options.policy = 0;
    GOOD(ndshm_growable_create(name, &options, &grown, &error));
    GOOD(ndshm_growable_discard(&grown));
    EXPECT(ndshm_segment_unlink(name, &error) == NDSHM_ERR_NOT_FOUND);
}

static void copies(void)
{
    static const uint64_t shape[] = {4};
    static const ndshm_attach_options writing = {.struct_size = sizeof(writing),
                                                 .access = NDSHM_ACCESS_READ_WRITE};
    ndshm_create_options options = of(1, shape, 0);
    ndshm_segment made = {0}, seen = {0};
    int32_t three[3] = {7, 8, 9}, back[3] = {0, 0, 0};

    GOOD(ndshm_segment_create(name, &options, &made, &error));
    EXPECT(ndshm_segment_state(&made) == NDSHM_STATE_INITIALIZING);
    EXPECT(ndshm_segment_name(&made) == NULL);
    GOOD(ndshm_segment_copy_from(&made, 4, three, 12, &error));
    GOOD(ndshm_segment_copy_to(&made, 4, 12, back, &error));
    EXPECT(memcmp(three, back, 12) == 0);
    EXPECT(ndshm_segment_copy_to(&made, 8, 12, back, &error) == NDSHM_ERR_ARGUMENT);
    EXPECT(ndshm_segment_copy_from(&made, SIZE_MAX, three, 12, &error) == NDSHM_ERR_ARGUMENT);
    GOOD(ndshm_segment_publish(&made, &error));
    EXPECT(ndshm_segment_state(&made) == NDSHM_STATE_READY);
    EXPECT(strcmp(ndshm_segment_name(&made), name) == 0);

    GOOD(ndshm_segment_attach(name, NULL, &seen, &error));
    EXPECT(ndshm_segment_attach_epoch(&made) == 1);
    GOOD(ndshm_segment_copy_to(&seen, 8, 8, back, &error));
    EXPECT(back[0] == 8 && back[1] == 9);
    EXPECT(ndshm_segment_copy_from(&seen, 0, three, 4, &error) == NDSHM_ERR_READ_ONLY);
    EXPECT(ndshm_segment_copy_to(&seen, 16, 1, back, &error) == NDSHM_ERR_ARGUMENT);
    GOOD(ndshm_segment_copy_to(&seen, 16, 0, NULL, &error));
    GOOD(ndshm_segment_detach(&seen));
    GOOD(ndshm_segment_attach(name, &writing, &seen, &error));
    GOOD(ndshm_segment_copy_from(&seen, 0, three, 4, &error));
    EXPECT(ndshm_segment_attach_epoch(&seen) == 2);
    EXPECT(*(const int32_t *)ndshm_segment_data(&made) == 7);
    GOOD(ndshm_segment_detach(&seen));
    GOOD(ndshm_segment_detach(&made));
}

/* A publish that fails gives the draft back; it may have another name. */
static void renamed(void)
{
    static const uint64_t shape[] = {1};
    ndshm_create_options options = of(1, shape, 0);
    ndshm_segment first = {0}, second = {0};
    const void *data;

    GOOD(ndshm_segment_create(name, &options, &first, &error));
    GOOD(ndshm_segment_create(name, &options, &second, &error));
    *(int32_t *)ndshm_segment_data_mut(&second) = 41;
    data = ndshm_segment_data(&second);
    GOOD(ndshm_segment_publish(&first, &error));
    EXPECT(ndshm_segment_publish(&second, &error) == NDSHM_ERR_EXISTS);
    EXPECT(ndshm_segment_data(&second) == data && ndshm_segment_data_mut(&second) == data);
    GOOD(ndshm_segment_rename(&second, other, &error));
    GOOD(ndshm_segment_publish(&second, &error));
    EXPECT(ndshm_segment_data(&second) == data && *(const int32_t *)data == 41);
    EXPECT(strcmp(ndshm_segment_name(&second), other) == 0);
    EXPECT(ndshm_segment_rename(&second, name, &error) == NDSHM_ERR_HANDLE);
    GOOD(ndshm_segment_detach(&first));
    GOOD(ndshm_segment_detach(&second));

    options.via = NDSHM_VIA_SHM_OPEN;
    GOOD(ndshm_segment_create(name, &options, &first, &error));
    EXPECT(ndshm_segment_rename(&first, other, &error) == NDSHM_ERR_ARGUMENT);
    GOOD(ndshm_segment_detach(&first));
}

static void policies(void)
{
    static const uint64_t shape[] = {1};
    ndshm_create_options options = of(1, shape, NDSHM_POLICY_OWNER);
    ndshm_segment made = {0}, seen = {0};
    ndshm_info info = {.struct_size = sizeof(info)};

    /* The owner's detach takes the name, and nothing else. */
    GOOD(ndshm_segment_create(name, &options, &made, &error));
    GOOD(ndshm_segment_publish(&made, &error));
    EXPECT(ndshm_segment_policy(&made) == NDSHM_POLICY_OWNER);
    GOOD(ndshm_segment_attach(name, NULL, &seen, &error));
    GOOD(ndshm_segment_detach(&made));
    EXPECT(ndshm_segment_peek(name, NULL, 0, &info, &error) == NDSHM_ERR_NOT_FOUND);
    EXPECT(*(const int32_t *)ndshm_segment_data(&seen) == 0);
    GOOD(ndshm_segment_detach(&seen));

    /* A hand-off waits for its taker. */
    options.policy = NDSHM_POLICY_HANDOFF;
    options.handoff_attaches = 1;
    GOOD(ndshm_segment_create(name, &options, &made, &error));
    GOOD(ndshm_segment_publish(&made, &error));
    GOOD(ndshm_segment_detach(&made));
    GOOD(ndshm_segment_peek(name, NULL, 0, &info, &error));
    EXPECT(info.policy == NDSHM_POLICY_HANDOFF && info.handoff_attaches == 1);
    EXPECT(info.attached == 0 && info.expiry_ns != 0);
    EXPECT(ndshm_segment_create(name, &options, &made, &error) == NDSHM_ERR_EXISTS);
    GOOD(ndshm_segment_attach(name, NULL, &seen, &error));
    GOOD(ndshm_segment_detach(&seen));
    EXPECT(ndshm_segment_peek(name, NULL, 0, &info, &error) == NDSHM_ERR_NOT_FOUND);

    /* For ever, or so briefly that it is over. */
    options.handoff_timeout_ms = NDSHM_FOREVER;
    GOOD(ndshm_segment_create(name, &options, &made, &error));
    GOOD(ndshm_segment_publish(&made, &error));
    GOOD(ndshm_segment_peek(name, NULL, 0, &info, &error));
    EXPECT(info.expiry_ns == 0);
    GOOD(ndshm_segment_detach(&made));
    GOOD(ndshm_segment_unlink(name, &error));
    options.handoff_timeout_ms = 1;
    GOOD(ndshm_segment_create(name, &options, &made, &error));
    GOOD(ndshm_segment_publish(&made, &error));
    usleep(2000);
    GOOD(ndshm_segment_detach(&made));
    EXPECT(ndshm_segment_peek(name, NULL, 0, &info, &error) == NDSHM_ERR_NOT_FOUND);
}

/* One that is promised waits for those who claim it, and for them alone. */
static void promises(void)
{
    static const uint64_t shape[] = {1};
    ndshm_create_options options = of(1, shape, 0);
    ndshm_attach_options claim = {.struct_size = sizeof(claim), .claim = 1};
    ndshm_segment made = {0}, seen = {0};
    ndshm_info info = {.struct_size = sizeof(info)};

    GOOD(ndshm_segment_create(name, &options, &made, &error));
    EXPECT(ndshm_segment_promise(&made, 1, 0, &error) == NDSHM_ERR_HANDLE);
    EXPECT(ndshm_segment_promised(&made) == 0 && ndshm_segment_promised(NULL) == 0);
    GOOD(ndshm_segment_publish(&made, &error));
    EXPECT(ndshm_segment_promise(&made, 0, 0, &error) == NDSHM_ERR_ARGUMENT);
    GOOD(ndshm_segment_promise(&made, 1, 0, &error));
    GOOD(ndshm_segment_promise(&made, 1, 1000, &error));
    EXPECT(ndshm_segment_promised(&made) == 2);
    GOOD(ndshm_segment_uuid(&made, claim.uuid, &error));
    GOOD(ndshm_segment_detach(&made));
    GOOD(ndshm_segment_peek(name, NULL, 0, &info, &error));
    EXPECT(info.promised == 2 && info.attached == 0 && info.handoff_attaches == 0);
    EXPECT(info.expiry_ns != 0 && info.reserved == 0);
    claim.uuid[0] ^= 1;
    EXPECT(ndshm_segment_attach(name, &claim, &seen, &error) == NDSHM_ERR_NOT_FOUND);
    claim.uuid[0] ^= 1;
    for (int left = 1; left >= 0; left--) {
        GOOD(ndshm_segment_attach(name, &claim, &seen, &error));
        EXPECT(ndshm_segment_promised(&seen) == (uint32_t)left);
        GOOD(ndshm_segment_detach(&seen));
    }
    EXPECT(ndshm_segment_peek(name, NULL, 0, &info, &error) == NDSHM_ERR_NOT_FOUND);
}

/* A name that comes with the publication, if at all. */
static void late(void)
{
    static const uint64_t shape[] = {2};
    ndshm_create_options options = of(1, shape, 0);
    ndshm_segment made = {0}, seen = {0};
    char kept[NDSHM_MAX_NAME + 1];

    options.naming = NDSHM_NAMING_LATE;
    EXPECT(ndshm_segment_create(name, &options, &made, &error) == NDSHM_ERR_ARGUMENT);
    for (options.naming = NDSHM_NAMING_LATE; options.naming < 3; options.naming++) {
        GOOD(ndshm_segment_create(NULL, &options, &made, &error));
        EXPECT(ndshm_segment_name(&made) == NULL);
        int32_t *data = ndshm_segment_data_mut(&made);
        data[1] = 5;
        GOOD(ndshm_segment_publish(&made, &error));
        EXPECT(ndshm_segment_data_mut(&made) == data && ndshm_segment_name(&made) != NULL);
        strcpy(kept, ndshm_segment_name(&made));
        EXPECT(strncmp(kept, "anon-", 5) == 0 && strlen(kept) == 37);
        GOOD(ndshm_segment_attach(kept, NULL, &seen, &error));
        GOOD(ndshm_segment_detach(&made));
        EXPECT(((const int32_t *)ndshm_segment_data(&seen))[1] == 5);
        GOOD(ndshm_segment_detach(&seen));
        EXPECT(ndshm_segment_attach(kept, NULL, &seen, &error) == NDSHM_ERR_NOT_FOUND);
    }
    EXPECT(ndshm_segment_create(NULL, &options, &made, &error) == NDSHM_ERR_ARGUMENT);
    options.naming = 0;
    options.reserved = 1;
    EXPECT(ndshm_segment_create(name, &options, &made, &error) == NDSHM_ERR_ARGUMENT);
}

static void peek(void)
{
    static const uint64_t shape[] = {2, 3};
    ndshm_create_options options = of(2, shape, NDSHM_POLICY_PERSIST);
    ndshm_segment made = {0};
    ndshm_info info = {.struct_size = sizeof(info)};
    struct {
        ndshm_info known;
        uint32_t unknown;
    } newer = {{.struct_size = sizeof(newer)}, 7};
    uint8_t uuid[NDSHM_UUID_SIZE];
    char dtype[64];

    options.dtype = "a:i4,b:f8";
    options.metadata = "unit";
    options.metadata_len = 4;
    options.mode = 0640;
    GOOD(ndshm_segment_create(name, &options, &made, &error));
    GOOD(ndshm_segment_publish(&made, &error));
    GOOD(ndshm_segment_uuid(&made, uuid, &error));
    GOOD(ndshm_segment_peek(name, dtype, sizeof(dtype), &info, &error));
    EXPECT(strcmp(dtype, "[('a', '<i4'), ('b', '<f8')]") == 0);
    EXPECT(info.dtype_len == strlen(dtype) && info.struct_size == sizeof(info));
    EXPECT(info.mode == 0640 && info.uid == (uint32_t)geteuid() && info.attached == 1);
    EXPECT(info.state == NDSHM_STATE_READY && info.policy == NDSHM_POLICY_PERSIST);
    EXPECT(info.refcount == 1 && info.attach_epoch == 0);
    EXPECT(info.creator_pid == (uint32_t)getpid() && info.created_ns > 0);
    EXPECT(info.format_major == NDSHM_FORMAT_MAJOR && info.format_minor == NDSHM_FORMAT_MINOR);
    EXPECT(info.itemsize == 12 && info.data_len == 72 && info.metadata_len == 4);
    EXPECT(info.size >= info.data_len + 256 && info.ndim == 2);
    EXPECT(info.shape[0] == 2 && info.shape[1] == 3 && info.shape[2] == 0);
    EXPECT(info.strides[0] == 36 && info.strides[1] == 12 && info.strides[2] == 0);
    EXPECT(memcmp(info.uuid, uuid, sizeof(uuid)) == 0);
    GOOD(ndshm_segment_detach(&made));

    GOOD(ndshm_segment_peek(name, dtype, 4, &newer.known, &error));
    EXPECT(strcmp(dtype, "[('") == 0 && newer.known.dtype_len == info.dtype_len);
    EXPECT(newer.known.attached == 0 && newer.known.refcount == 0 && newer.unknown == 7);
    EXPECT(newer.known.struct_size == sizeof(newer));
    GOOD(ndshm_segment_unlink(name, &error));
    EXPECT(ndshm_segment_peek(name, NULL, 0, &info, &error) == NDSHM_ERR_NOT_FOUND);
}

/* A segment without a name goes through a socket of each type to a child. */
static void anonymous(int type)
{
    static const uint64_t shape[] = {1000};
    ndshm_create_options options = of(1, shape, NDSHM_POLICY_ANONYMOUS);
    ndshm_segment made = {0}, seen = {0};
    int pair[2], status;
    pid_t child;

    EXPECT(socketpair(AF_UNIX, type, 0, pair) == 0);
    child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        close(pair[1]);
        GOOD(ndshm_segment_create(NULL, &options, &made, &error));
        EXPECT(ndshm_segment_send(&made, pair[0], &error) == NDSHM_ERR_HANDLE);
        EXPECT(ndshm_segment_fd(&made) == -1);
        ((int32_t *)ndshm_segment_data_mut(&made))[999] = 77;
        GOOD(ndshm_segment_publish(&made, &error));
        EXPECT(ndshm_segment_policy(&made) == NDSHM_POLICY_ANONYMOUS);
        EXPECT(ndshm_segment_fd(&made) >= 0 && ndshm_segment_name(&made) == NULL);
        GOOD(ndshm_segment_send(&made, pair[0], &error));
        GOOD(ndshm_segment_send(&made, pair[0], &error));
        GOOD(ndshm_segment_detach(&made)); /* the messages keep it */
        _exit(0);
    }
    close(pair[0]);
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
    GOOD(ndshm_segment_receive(pair[1], NDSHM_ACCESS_READ, &seen, &error));
    EXPECT(((const int32_t *)ndshm_segment_data(&seen))[999] == 77);
    EXPECT(ndshm_segment_data_mut(&seen) == NULL);
    GOOD(ndshm_segment_receive(pair[1], NDSHM_ACCESS_READ_WRITE, &made, &error));
    ((int32_t *)ndshm_segment_data_mut(&made))[998] = 78;
    EXPECT(((const int32_t *)ndshm_segment_data(&seen))[998] == 78);
    GOOD(ndshm_segment_detach(&made));
    GOOD(ndshm_segment_attach_fd(ndshm_segment_fd(&seen), NDSHM_ACCESS_READ, &made, &error));
    EXPECT(ndshm_segment_fd(&made) != ndshm_segment_fd(&seen));
    GOOD(ndshm_segment_detach(&seen));
    EXPECT(((const int32_t *)ndshm_segment_data(&made))[998] == 78);

    if (type != SOCK_DGRAM)
        EXPECT(ndshm_segment_receive(pair[1], 0, &seen, &error) == NDSHM_ERR_NOT_FOUND);
    EXPECT(ndshm_segment_send(&made, pair[1], &error) == NDSHM_ERR_OS);
    EXPECT(error.os_errno == EPIPE || error.os_errno == ECONNREFUSED);
    close(pair[1]);
    GOOD(ndshm_segment_detach(&made));
}

/* What is not sealed, and what came without a descriptor, is refused. */
static void foreign(void)
{
    static const uint64_t shape[] = {1};
    ndshm_create_options options = of(1, shape, 0);
    ndshm_segment named = {0}, out = {0};
    int pair[2];

    EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    EXPECT(ndshm_segment_attach_fd(pair[0], 0, &out, &error) == NDSHM_ERR_UNSEALED);
    EXPECT(ndshm_segment_attach_fd(-1, 0, &out, &error) == NDSHM_ERR_OS);
    EXPECT(write(pair[0], "hello", 5) == 5);
    EXPECT(ndshm_segment_receive(pair[1], 0, &out, &error) == NDSHM_ERR_NOT_FOUND);
    GOOD(ndshm_segment_create(name, &options, &named, &error));
    GOOD(ndshm_segment_publish(&named, &error));
    EXPECT(ndshm_segment_fd(&named) == -1);
    EXPECT(ndshm_segment_send(&named, pair[0], &error) == NDSHM_ERR_ARGUMENT);
    GOOD(ndshm_segment_detach(&named));
    close(pair[0]);
    close(pair[1]);

    /* Nobody writes what was published without any bit for writing. */
    options.policy = NDSHM_POLICY_ANONYMOUS;
    options.mode = 0400;
    GOOD(ndshm_segment_create(NULL, &options, &named, &error));
    *(int32_t *)ndshm_segment_data_mut(&named) = 5;
    GOOD(ndshm_segment_publish(&named, &error));
    EXPECT(ndshm_segment_data_mut(&named) == NULL);
    EXPECT(ndshm_segment_attach_fd(ndshm_segment_fd(&named), NDSHM_ACCESS_READ_WRITE, &out,
                                   &error) == NDSHM_ERR_PERMISSION);
    GOOD(ndshm_segment_attach_fd(ndshm_segment_fd(&named), NDSHM_ACCESS_READ, &out, &error));
    EXPECT(*(const int32_t *)ndshm_segment_data(&out) == 5);
    GOOD(ndshm_segment_detach(&out));
    GOOD(ndshm_segment_detach(&named));
}

int main(void)
{
    snprintf(name, sizeof(name), "test.more.%ld", (long)getpid());
    snprintf(other, sizeof(other), "test.more.other.%ld", (long)getpid());
    growable();
    copies();
    renamed();
    policies();
    promises();
    late();
    peek();
    anonymous(SOCK_SEQPACKET);
    anonymous(SOCK_STREAM);
    anonymous(SOCK_DGRAM);
    foreign();
    return 0;
}
