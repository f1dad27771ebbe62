/*
 * The description of elements: text, fields by name and by number, nested
 * records, arrays, byte orders, dates.
 */

#define _POSIX_C_SOURCE 200809L

#include <string.h>
#include <unistd.h>

#include "expect.h"
#include "ndshm.h"

static ndshm_segment segment;
static ndshm_error error = {.struct_size = sizeof(error)};

static void open_draft(const char *dtype)
{
    ndshm_create_options options = {.struct_size = sizeof(options)};
    char name[64];
    snprintf(name, sizeof(name), "test.fields.%ld", (long)getpid());
    options.dtype = dtype;
    if (ndshm_segment_create(name, &options, &segment, &error))
        fprintf(stderr, "%s\n", error.message);
    EXPECT(ndshm_segment_data(&segment) != NULL);
}

static ndshm_field find(const ndshm_field *record, const char *name)
{
    ndshm_field field;
    memset(&field, 0x5a, sizeof(field));
    EXPECT(ndshm_field_find(&segment, record, name, &field, &error) == NDSHM_OK);
    EXPECT(field.name_len == strlen(name) && memcmp(field.name, name, field.name_len) == 0);
    for (size_t i = 0; i < sizeof(field.reserved); i++)
        EXPECT(field.reserved[i] == 0);
    return field;
}

static void plain(void)
{
    ndshm_field field;
    open_draft(">f4");
    EXPECT(ndshm_field_element(&segment, &field, &error) == NDSHM_OK);
    EXPECT(field.kind == NDSHM_KIND_FLOAT && field.order == NDSHM_ORDER_BIG);
    EXPECT(field.itemsize == 4 && field.size == 4 && field.offset == 0 && field.ndim == 0);
    EXPECT(field.name_len == 0 && field.field_count == 0 && field.unit == 0);
    EXPECT(ndshm_field_at(&segment, NULL, 0, &field, &error) == NDSHM_ERR_NO_FIELD);
    EXPECT(ndshm_field_find(&segment, &field, "x", &field, &error) == NDSHM_ERR_NO_FIELD);
    EXPECT(ndshm_segment_ndim(&segment) == 0 && ndshm_segment_data_len(&segment) == 4);
    EXPECT(ndshm_segment_detach(&segment) == NDSHM_OK);
}

static void record(void)
{
    ndshm_field field, inner;
    open_draft("{'names': ['id', 'where', 'when'],"
               " 'formats': ['S3', [('x', '<f8', (2, 3)), ('n', '<u2')], '<M8[10us]'],"
               " 'offsets': [0, 8, 64], 'itemsize': 80}");
    EXPECT(ndshm_segment_itemsize(&segment) == 80);

    field = find(NULL, "id");
    EXPECT(field.kind == NDSHM_KIND_BYTES && field.order == NDSHM_ORDER_NONE);
    EXPECT(field.offset == 0 && field.itemsize == 3 && field.size == 3);
    field = find(NULL, "when");
    EXPECT(field.kind == NDSHM_KIND_DATETIME && field.offset == 64 && field.size == 8);
    EXPECT(field.unit == 10 && field.unit_count == 10);

    field = find(NULL, "where");
    EXPECT(field.kind == NDSHM_KIND_RECORD && field.offset == 8 && field.itemsize == 50);
    EXPECT(field.field_count == 2);
    inner = find(&field, "x");
    EXPECT(inner.offset == 0 && inner.itemsize == 8 && inner.size == 48 && inner.ndim == 2);
    EXPECT(inner.dims[0] == 2 && inner.dims[1] == 3);
    inner = find(&field, "n");
    EXPECT(inner.kind == NDSHM_KIND_UINT && inner.offset == 48 && inner.itemsize == 2);
    EXPECT(ndshm_field_find(&segment, NULL, "n", &inner, &error) == NDSHM_ERR_NO_FIELD);
    EXPECT(ndshm_field_find(&segment, &inner, "x", &inner, &error) == NDSHM_ERR_NO_FIELD);

    /* By number: all of them, and none behind the last. The output may be the
     * record that is looked in. */
    EXPECT(ndshm_field_element(&segment, &field, &error) == NDSHM_OK && field.field_count == 3);
    const char *names[] = {"id", "where", "when"};
    for (uint32_t i = 0; i < field.field_count; i++) {
        EXPECT(ndshm_field_at(&segment, &field, i, &inner, &error) == NDSHM_OK);
        EXPECT(strncmp(inner.name, names[i], inner.name_len) == 0);
    }
    EXPECT(ndshm_field_at(&segment, &field, 3, &inner, &error) == NDSHM_ERR_NO_FIELD);
    EXPECT(ndshm_field_at(&segment, &field, UINT32_MAX, &inner, &error) == NDSHM_ERR_NO_FIELD);
    EXPECT(ndshm_field_at(&segment, &field, 1, &field, &error) == NDSHM_OK);
    EXPECT(field.kind == NDSHM_KIND_RECORD);

    /* A field that never came from here leads nowhere, and to no crash. */
    for (uint32_t node = 6; node != 0; node *= 2) {
        field.node = node;
        EXPECT(ndshm_field_at(&segment, &field, 0, &inner, &error) == NDSHM_ERR_NO_FIELD);
    }
    EXPECT(ndshm_segment_detach(&segment) == NDSHM_OK);
}

/* Like snprintf, for every size of the buffer. */
static void text(void)
{
    const char whole[] = "[('a', '<i4'), ('\xc3\xa9', '<f8', (3,))]";
    char buf[sizeof(whole) + 8];
    open_draft("[('a','i4'),('\xc3\xa9','f8',3)]");
    for (size_t size = 0; size <= sizeof(buf); size++) {
        memset(buf, 0x5a, sizeof(buf));
        EXPECT(ndshm_segment_dtype(&segment, buf, size) == sizeof(whole) - 1);
        size_t written = size < sizeof(whole) ? size : sizeof(whole);
        if (written > 0) {
            EXPECT(memcmp(buf, whole, written - 1) == 0 && buf[written - 1] == 0);
        }
        for (size_t i = written; i < sizeof(buf); i++)
            EXPECT(buf[i] == 0x5a);
    }
    EXPECT(ndshm_segment_dtype(&segment, NULL, 0) == sizeof(whole) - 1);
    EXPECT(ndshm_segment_detach(&segment) == NDSHM_OK);
}

int main(void)
{
    plain();
    record();
    text();
    return 0;
}
