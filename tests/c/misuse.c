/*
 * What a program must not do, and what it is told: NULL everywhere, handles that
 * are not open, structs of another size, numbers without a meaning.
 */

#define _POSIX_C_SOURCE 200809L

#include <string.h>
#include <unistd.h>

#include "expect.h"
#include "ndshm.h"

static char name[64];
static ndshm_error error = {.struct_size = sizeof(error)};

/* Checks a call that failed: its status, and a part of its message. */
static void refused(int line, int32_t wanted, const char *part, int32_t status)
{
    int ends = memchr(error.message, 0, sizeof(error.message)) != NULL;
    if (status != wanted || error.code != wanted || !ends || strstr(error.message, part) == NULL) {
        fprintf(stderr, "line %d: status %d for %d, \"%.464s\" for \"%s\"\n", line, (int)status,
                (int)wanted, error.message, part);
        exit(1);
    }
    EXPECT(error.struct_size == sizeof(error));
    memset(error.message, 'x', sizeof(error.message));
}

#define REFUSED(status, part, call) refused(__LINE__, status, part, call)

static const uint64_t shape[] = {3};

static ndshm_create_options valid(void)
{
    ndshm_create_options options = {.struct_size = sizeof(options)};
    options.dtype = "<f8";
    options.shape = shape;
    options.ndim = 1;
    return options;
}

static void refused_option(int line, const char *part, const ndshm_create_options *options,
                           int32_t status)
{
    ndshm_segment out, before;
    memset(&before, 0x5a, sizeof(before));
    out = before;
    refused(line, status, part, ndshm_segment_create(name, options, &out, &error));
    EXPECT(memcmp(&out, &before, sizeof(out)) == 0); /* written only on success */
}

#define REFUSED_OPTION(part, status, change)                                           \
    do {                                                                               \
        ndshm_create_options options = valid();                                        \
        change;                                                                        \
        refused_option(__LINE__, part, &options, status);                                       \
    } while (0)

static void create(void)
{
    static const int64_t strides[] = {-8}; /* would leave the data */
    ndshm_create_options good = valid();
    ndshm_segment out = {0};
    char *odd = (char *)&out + 1;

    REFUSED(NDSHM_ERR_ARGUMENT, "name is NULL", ndshm_segment_create(NULL, &good, &out, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "segment is NULL", ndshm_segment_create(name, &good, NULL, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "segment is out of range",
            ndshm_segment_create(name, &good, (ndshm_segment *)(void *)odd, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "dtype is NULL", ndshm_segment_create(name, NULL, &out, &error));
    REFUSED(NDSHM_ERR_NAME, "empty", ndshm_segment_create("", &good, &out, &error));
    REFUSED(NDSHM_ERR_NAME, "slash", ndshm_segment_create("a/b", &good, &out, &error));
    REFUSED(NDSHM_ERR_NAME, "character", ndshm_segment_create("a\xff", &good, &out, &error));
    EXPECT(ndshm_segment_create(NULL, NULL, NULL, NULL) == NDSHM_ERR_ARGUMENT);

    REFUSED_OPTION("struct_size", NDSHM_ERR_ARGUMENT, options.struct_size = 0);
    REFUSED_OPTION("struct_size", NDSHM_ERR_ARGUMENT, options.struct_size -= 1);
    REFUSED_OPTION("struct_size", NDSHM_ERR_ARGUMENT, options.struct_size = UINT32_MAX);
    REFUSED_OPTION("dtype is NULL", NDSHM_ERR_ARGUMENT, options.dtype = NULL);
    REFUSED_OPTION("dtype is not UTF-8", NDSHM_ERR_ARGUMENT, options.dtype = "\xff");
    REFUSED_OPTION("at byte 1: unknown type", NDSHM_ERR_DTYPE, options.dtype = "<q8");
    EXPECT(error.byte == 1 && error.line == 0 && error.column == 0 && error.reserved == 0);
    EXPECT(error.input == NDSHM_NO_INPUT && error.row == NDSHM_NO_PLACE);
    REFUSED_OPTION("shape is NULL", NDSHM_ERR_ARGUMENT, options.shape = NULL);
    REFUSED_OPTION("ndim", NDSHM_ERR_ARGUMENT, options.ndim = NDSHM_MAX_NDIM + 1);
    REFUSED_OPTION("ndim", NDSHM_ERR_ARGUMENT, options.ndim = UINT32_MAX);
    REFUSED_OPTION("", NDSHM_ERR_ARGUMENT, options.strides = strides);
    REFUSED_OPTION("metadata is NULL", NDSHM_ERR_ARGUMENT, options.metadata_len = 1);
    REFUSED_OPTION("policy", NDSHM_ERR_ARGUMENT, options.policy = 6);
    REFUSED_OPTION("anonymous", NDSHM_ERR_ARGUMENT, options.policy = NDSHM_POLICY_ANONYMOUS);
    REFUSED_OPTION("handoff_attaches", NDSHM_ERR_ARGUMENT, options.policy = NDSHM_POLICY_HANDOFF);
    REFUSED_OPTION("via", NDSHM_ERR_ARGUMENT, options.via = 2);
    REFUSED_OPTION("handoff_attaches", NDSHM_ERR_ARGUMENT, options.handoff_attaches = 1);
    REFUSED_OPTION("handoff_timeout_ms", NDSHM_ERR_ARGUMENT, options.handoff_timeout_ms = 1);
    REFUSED_OPTION("", NDSHM_ERR_ARGUMENT, options.mode = 01600);
    REFUSED_OPTION("", NDSHM_ERR_ARGUMENT, options.mode = 0200);
    {
        const uint64_t huge[] = {UINT64_MAX / 16};
        REFUSED_OPTION("size", NDSHM_ERR_OVERFLOW, options.shape = huge);
    }
    {
        const uint64_t large[] = {UINT64_C(1) << 52};
        REFUSED_OPTION("full", NDSHM_ERR_NO_SPACE, options.shape = large);
    }
}

/* A program that was compiled with a newer header has larger structs. */
static void newer_program(void)
{
    struct {
        ndshm_create_options known;
        uint32_t unknown[2];
    } options = {valid(), {0, 0}};
    struct {
        ndshm_error known;
        uint32_t unknown;
    } record = {{.struct_size = sizeof(record)}, 7};
    ndshm_segment segment = {0};

    options.known.struct_size = sizeof(options);
    EXPECT(ndshm_segment_create(name, &options.known, &segment, NULL) == NDSHM_OK);
    EXPECT(ndshm_segment_detach(&segment) == NDSHM_OK);
    options.unknown[1] = 1;
    refused_option(__LINE__, "does not know", &options.known, NDSHM_ERR_ARGUMENT);
    EXPECT(ndshm_segment_unlink(name, &record.known) == NDSHM_ERR_NOT_FOUND);
    EXPECT(record.known.code == NDSHM_ERR_NOT_FOUND && record.unknown == 7);
    EXPECT(record.known.struct_size == sizeof(record));
}

static void attach(void)
{
    ndshm_attach_options options = {.struct_size = sizeof(options)};
    ndshm_segment out = {0};

    REFUSED(NDSHM_ERR_ARGUMENT, "name is NULL", ndshm_segment_attach(NULL, NULL, &out, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "segment is NULL", ndshm_segment_attach(name, NULL, NULL, &error));
    REFUSED(NDSHM_ERR_NOT_FOUND, "no segment", ndshm_segment_attach(name, NULL, &out, &error));
    options.timeout_ms = 1;
    REFUSED(NDSHM_ERR_NOT_FOUND, "no segment", ndshm_segment_attach(name, &options, &out, &error));
    options.access = 2;
    REFUSED(NDSHM_ERR_ARGUMENT, "access", ndshm_segment_attach(name, &options, &out, &error));
    options.access = NDSHM_ACCESS_READ;
    options.claim = 2;
    REFUSED(NDSHM_ERR_ARGUMENT, "claim", ndshm_segment_attach(name, &options, &out, &error));
    options.struct_size = 4;
    REFUSED(NDSHM_ERR_ARGUMENT, "struct_size", ndshm_segment_attach(name, &options, &out, &error));
    REFUSED(NDSHM_ERR_NOT_FOUND, "no segment", ndshm_segment_unlink(name, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "name is NULL", ndshm_segment_unlink(NULL, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "callback is NULL", ndshm_segment_list(NULL, NULL, &error));
}

/* Everything that is asked of a handle that is not open. */
static void not_open(ndshm_segment *segment, int32_t status)
{
    uint8_t uuid[NDSHM_UUID_SIZE];
    ndshm_field field;
    char text[4] = "abc", byte = 0;

    EXPECT(ndshm_segment_data(segment) == NULL);
    EXPECT(ndshm_segment_data_mut(segment) == NULL);
    EXPECT(ndshm_segment_data_len(segment) == 0);
    EXPECT(ndshm_segment_itemsize(segment) == 0);
    EXPECT(ndshm_segment_ndim(segment) == 0);
    EXPECT(ndshm_segment_shape(segment) == NULL);
    EXPECT(ndshm_segment_strides(segment) == NULL);
    EXPECT(ndshm_segment_metadata(segment) == NULL);
    EXPECT(ndshm_segment_metadata_len(segment) == 0);
    EXPECT(ndshm_segment_policy(segment) == 0);
    EXPECT(ndshm_segment_refcount(segment) == 0);
    EXPECT(ndshm_segment_attach_epoch(segment) == 0);
    EXPECT(ndshm_segment_state(segment) == NDSHM_STATE_INITIALIZING);
    EXPECT(ndshm_segment_name(segment) == NULL);
    EXPECT(ndshm_segment_fd(segment) == -1);
    EXPECT(ndshm_segment_is_current(segment) == 0);
    EXPECT(ndshm_segment_dtype(segment, text, sizeof(text)) == 0 && text[0] == 0);
    EXPECT(ndshm_segment_dtype(segment, NULL, 10) == 0);
    REFUSED(status, "segment is", ndshm_segment_uuid(segment, uuid, &error));
    REFUSED(status, "segment is", ndshm_segment_publish(segment, &error));
    REFUSED(status, "segment is", ndshm_segment_rename(segment, name, &error));
    REFUSED(status, "segment is", ndshm_segment_copy_to(segment, 0, 1, &byte, &error));
    REFUSED(status, "segment is", ndshm_segment_copy_from(segment, 0, &byte, 1, &error));
    REFUSED(status, "segment is", ndshm_segment_send(segment, -1, &error));
    REFUSED(status, "segment is", ndshm_field_element(segment, &field, &error));
    REFUSED(status, "segment is", ndshm_field_find(segment, NULL, "a", &field, &error));
    REFUSED(status, "segment is", ndshm_field_at(segment, NULL, 0, &field, &error));
}

static void handles(void)
{
    ndshm_create_options options = valid();
    ndshm_segment segment = {0}, odd;
    uint8_t uuid[NDSHM_UUID_SIZE];

    not_open(NULL, NDSHM_ERR_ARGUMENT);
    not_open(&segment, NDSHM_ERR_HANDLE);
    EXPECT(ndshm_segment_detach(NULL) == NDSHM_OK);
    EXPECT(ndshm_segment_detach(&segment) == NDSHM_OK);
    EXPECT(ndshm_segment_detach(&segment) == NDSHM_OK);

    EXPECT(ndshm_segment_create(name, &options, &segment, &error) == NDSHM_OK);
    REFUSED(NDSHM_ERR_ARGUMENT, "uuid is NULL", ndshm_segment_uuid(&segment, NULL, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "field is NULL", ndshm_field_element(&segment, NULL, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "field is NULL", ndshm_field_at(&segment, NULL, 0, NULL, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "name is NULL", ndshm_segment_rename(&segment, NULL, &error));
    REFUSED(NDSHM_ERR_NAME, "slash", ndshm_segment_rename(&segment, "a/b", &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "to is NULL", ndshm_segment_copy_to(&segment, 0, 1, NULL, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "to is out of range",
            ndshm_segment_copy_to(&segment, 0, SIZE_MAX, uuid, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "from is NULL",
            ndshm_segment_copy_from(&segment, 0, NULL, 1, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "from is out of range",
            ndshm_segment_copy_from(&segment, 0, uuid, SIZE_MAX, &error));
    REFUSED(NDSHM_ERR_HANDLE, "not published", ndshm_segment_send(&segment, -1, &error));
    EXPECT(ndshm_segment_refcount(&segment) == 0 && ndshm_segment_is_current(&segment) == 0);
    EXPECT(ndshm_segment_publish(&segment, &error) == NDSHM_OK);
    REFUSED(NDSHM_ERR_HANDLE, "published already", ndshm_segment_publish(&segment, &error));
    EXPECT(ndshm_segment_data_mut(&segment) != NULL); /* and it is still open */
    EXPECT(ndshm_segment_uuid(&segment, uuid, &error) == NDSHM_OK);

    /* Closed is closed, for every use, and for a copy made afterwards. */
    EXPECT(ndshm_segment_detach(&segment) == NDSHM_OK);
    not_open(&segment, NDSHM_ERR_HANDLE);
    odd = segment;
    EXPECT(ndshm_segment_detach(&segment) == NDSHM_ERR_HANDLE);
    EXPECT(ndshm_segment_detach(&odd) == NDSHM_ERR_HANDLE);

    /* Storage that was never zeroed. */
    memset(&odd, 0xa5, sizeof(odd));
    not_open(&odd, NDSHM_ERR_HANDLE);
    EXPECT(ndshm_segment_detach(&odd) == NDSHM_ERR_HANDLE);
}

static void records_of_errors(void)
{
    ndshm_error record, before;
    const uint32_t sizes[] = {0, sizeof(record) - 1, 4097, UINT32_MAX};
    ndshm_create_options options = valid();
    ndshm_segment segment = {0};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memset(&before, 0x5a, sizeof(before));
        before.struct_size = sizes[i];
        record = before;
        EXPECT(ndshm_segment_unlink(name, &record) == NDSHM_ERR_ARGUMENT);
        EXPECT(ndshm_segment_create(name, &options, &segment, &record) == NDSHM_ERR_ARGUMENT);
        EXPECT(memcmp(&record, &before, sizeof(record)) == 0);
    }
    EXPECT(ndshm_segment_data(&segment) == NULL);
    EXPECT(strcmp(ndshm_strerror(NDSHM_OK), "no error") == 0);
    EXPECT(strcmp(ndshm_strerror(1), "unknown status") == 0);
    EXPECT(strcmp(ndshm_strerror(INT32_MIN), "unknown status") == 0);
    EXPECT(strcmp(ndshm_strerror(NDSHM_ERR_HANDLE), "handle is not open") == 0);
}

static void growables(void)
{
    static const uint64_t rows[] = {0};
    ndshm_create_options options = valid();
    ndshm_growable grown = {0}, odd;
    ndshm_segment out = {0};

    options.shape = rows;
    REFUSED(NDSHM_ERR_ARGUMENT, "growable is NULL",
            ndshm_growable_create(name, &options, NULL, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "name is NULL",
            ndshm_growable_create(NULL, &options, &grown, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "dtype is NULL", ndshm_growable_create(name, NULL, &grown, &error));
    options.struct_size--;
    REFUSED(NDSHM_ERR_ARGUMENT, "struct_size",
            ndshm_growable_create(name, &options, &grown, &error));
    options.struct_size++;
    options.shape = shape; /* the rows are known */
    REFUSED(NDSHM_ERR_ARGUMENT, "", ndshm_growable_create(name, &options, &grown, &error));
    options.shape = rows;
    EXPECT(ndshm_growable_create(NULL, NULL, NULL, NULL) == NDSHM_ERR_ARGUMENT);

    for (int i = 0; i < 4; i++) {
        ndshm_growable *const closed[] = {NULL, &grown, &odd, (ndshm_growable *)(void *)((char *)&odd + 1)};
        const int32_t status = i == 1 || i == 2 ? NDSHM_ERR_HANDLE : NDSHM_ERR_ARGUMENT;
        memset(&odd, 0xa5, sizeof(odd));
        EXPECT(ndshm_growable_row_len(closed[i]) == 0 && ndshm_growable_data_len(closed[i]) == 0);
        REFUSED(status, "growable is", ndshm_growable_append(closed[i], "a", 1, &error));
        REFUSED(status, "growable is", ndshm_growable_write_at(closed[i], 0, "a", 1, &error));
        REFUSED(status, "growable is", ndshm_growable_finish(closed[i], 0, &out, &error));
    }
    EXPECT(ndshm_growable_discard(NULL) == NDSHM_OK);
    EXPECT(ndshm_growable_discard(&grown) == NDSHM_OK);
    EXPECT(ndshm_growable_discard(&odd) == NDSHM_ERR_HANDLE);

    EXPECT(ndshm_growable_create(name, &options, &grown, &error) == NDSHM_OK);
    REFUSED(NDSHM_ERR_ARGUMENT, "data is NULL", ndshm_growable_append(&grown, NULL, 1, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "data is out of range",
            ndshm_growable_append(&grown, "a", SIZE_MAX, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "data is NULL",
            ndshm_growable_write_at(&grown, 0, NULL, 1, &error));
    REFUSED(NDSHM_ERR_OVERFLOW, "size",
            ndshm_growable_write_at(&grown, UINT64_MAX, "a", 1, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "segment is NULL", ndshm_growable_finish(&grown, 0, NULL, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "rows", ndshm_growable_finish(&grown, 1, &out, &error));
    EXPECT(ndshm_growable_discard(&grown) == NDSHM_OK);
    EXPECT(ndshm_growable_discard(&grown) == NDSHM_ERR_HANDLE);
    REFUSED(NDSHM_ERR_HANDLE, "growable is", ndshm_growable_append(&grown, "a", 1, &error));
}

static void descriptors(void)
{
    ndshm_segment out = {0};

    REFUSED(NDSHM_ERR_ARGUMENT, "segment is NULL", ndshm_segment_attach_fd(0, 0, NULL, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "access", ndshm_segment_attach_fd(0, 2, &out, &error));
    REFUSED(NDSHM_ERR_OS, "", ndshm_segment_attach_fd(-1, 0, &out, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "segment is NULL", ndshm_segment_receive(0, 0, NULL, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "access", ndshm_segment_receive(0, 2, &out, &error));
    REFUSED(NDSHM_ERR_OS, "", ndshm_segment_receive(-1, 0, &out, &error));
}

static void peek(void)
{
    const uint32_t sizes[] = {0, sizeof(ndshm_info) - 1, 4097, UINT32_MAX};
    ndshm_info info = {0}, before;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        info.struct_size = sizes[i];
        before = info;
        REFUSED(NDSHM_ERR_ARGUMENT, "struct_size",
                ndshm_segment_peek(name, NULL, 0, &info, &error));
        EXPECT(memcmp(&info, &before, sizeof(info)) == 0);
    }
    info.struct_size = sizeof(info);
    REFUSED(NDSHM_ERR_ARGUMENT, "ndshm_info is NULL",
            ndshm_segment_peek(name, NULL, 0, NULL, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "name is NULL", ndshm_segment_peek(NULL, NULL, 0, &info, &error));
    REFUSED(NDSHM_ERR_NOT_FOUND, "no segment", ndshm_segment_peek(name, NULL, 9, &info, &error));
}

static void array(void)
{
    const uint32_t sizes[] = {0, sizeof(ndshm_array) - 1, 4097, UINT32_MAX};
    ndshm_array array = {0}, before;
    ndshm_segment none = {0};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        array.struct_size = sizes[i];
        before = array;
        REFUSED(NDSHM_ERR_ARGUMENT, "struct_size",
                ndshm_segment_array(&none, NULL, 0, &array, &error));
        EXPECT(memcmp(&array, &before, sizeof(array)) == 0);
    }
    array.struct_size = sizeof(array);
    before = array;
    REFUSED(NDSHM_ERR_ARGUMENT, "ndshm_array is NULL",
            ndshm_segment_array(&none, NULL, 0, NULL, &error));
    REFUSED(NDSHM_ERR_ARGUMENT, "segment is NULL",
            ndshm_segment_array(NULL, NULL, 0, &array, &error));
    REFUSED(NDSHM_ERR_HANDLE, "", ndshm_segment_array(&none, NULL, 0, &array, &error));
    EXPECT(memcmp(&array, &before, sizeof(array)) == 0);
}

int main(void)
{
    snprintf(name, sizeof(name), "test.misuse.%ld", (long)getpid());
    create();
    newer_program();
    attach();
    handles();
    growables();
    descriptors();
    peek();
    array();
    records_of_errors();
    return 0;
}
