/*
 * Dtypes read from text: the same fields as of a segment with that dtype, and
 * segments that are or are not what a program expects.
 */

#include <string.h>

#include "expect.h"
#include "ndshm.h"

static ndshm_error error = {.struct_size = sizeof(error)};

static const char TEXT[] = "{'names': ['id', 'where'], 'formats': ['S3', [('x', '<f8', (2, 3))]],"
                           " 'offsets': [0, 8], 'itemsize': 64}";

static ndshm_dtype parsed(const char *text)
{
    ndshm_dtype dtype = {0};
    EXPECT(ndshm_dtype_parse(text, &dtype, &error) == NDSHM_OK);
    return dtype;
}

static void same(const ndshm_field *a, const ndshm_field *b)
{
    EXPECT(a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0);
    EXPECT(a->ndim == b->ndim && memcmp(a->dims, b->dims, a->ndim * sizeof(*a->dims)) == 0);
    EXPECT(a->offset == b->offset && a->itemsize == b->itemsize && a->size == b->size);
    EXPECT(a->field_count == b->field_count && a->kind == b->kind && a->order == b->order);
}

static void fields(const ndshm_segment *segment)
{
    ndshm_dtype dtype = parsed(TEXT);
    ndshm_field ours, theirs, inner;
    char text[256], again[256];

    EXPECT(ndshm_dtype_element(&dtype, &ours, &error) == NDSHM_OK);
    EXPECT(ndshm_field_element(segment, &theirs, &error) == NDSHM_OK);
    same(&ours, &theirs);
    EXPECT(ours.itemsize == 64 && ours.field_count == 2);
    for (uint32_t i = 0; i < 2; i++) {
        EXPECT(ndshm_dtype_at(&dtype, NULL, i, &ours, &error) == NDSHM_OK);
        EXPECT(ndshm_field_at(segment, NULL, i, &theirs, &error) == NDSHM_OK);
        same(&ours, &theirs);
    }
    EXPECT(ndshm_dtype_find(&dtype, &ours, "x", &inner, &error) == NDSHM_OK);
    EXPECT(inner.size == 48 && inner.ndim == 2 && inner.dims[1] == 3);
    EXPECT(ndshm_dtype_find(&dtype, NULL, "x", &inner, &error) == NDSHM_ERR_NO_FIELD);
    EXPECT(ndshm_dtype_at(&dtype, NULL, 2, &inner, &error) == NDSHM_ERR_NO_FIELD);
    EXPECT(ndshm_dtype_text(&dtype, text, sizeof(text)) == strlen(text));
    EXPECT(ndshm_segment_dtype(segment, again, sizeof(again)) == strlen(text));
    EXPECT(strcmp(text, again) == 0);
    EXPECT(ndshm_dtype_close(&dtype) == NDSHM_OK);
    EXPECT(ndshm_dtype_close(&dtype) == NDSHM_ERR_HANDLE);
    EXPECT(ndshm_dtype_text(&dtype, text, sizeof(text)) == 0 && text[0] == 0);
}

static void expectations(const ndshm_segment *segment)
{
    EXPECT(ndshm_segment_expect(segment, TEXT, &error) == NDSHM_OK);
    EXPECT(ndshm_segment_expect(segment, "id:S3", &error) == NDSHM_ERR_DTYPE_DIFFERS);
    EXPECT(ndshm_segment_expect(segment, "V64", &error) == NDSHM_ERR_DTYPE_DIFFERS);
    EXPECT(ndshm_segment_expect(segment, "f3", &error) == NDSHM_ERR_DTYPE);
    EXPECT(error.byte != NDSHM_NO_PLACE);
    EXPECT(ndshm_segment_expect(segment, NULL, &error) == NDSHM_ERR_ARGUMENT);
    EXPECT(ndshm_segment_expect(NULL, TEXT, &error) == NDSHM_ERR_ARGUMENT);
}

static void misuse(void)
{
    ndshm_dtype dtype = {0};
    ndshm_field field;

    EXPECT(ndshm_dtype_parse(NULL, &dtype, &error) == NDSHM_ERR_ARGUMENT);
    EXPECT(ndshm_dtype_parse("<f8", NULL, &error) == NDSHM_ERR_ARGUMENT);
    EXPECT(ndshm_dtype_parse("pos:i4,pos:i4", &dtype, &error) == NDSHM_ERR_DTYPE);
    EXPECT(ndshm_dtype_close(&dtype) == NDSHM_OK); /* never was open */
    EXPECT(ndshm_dtype_close(NULL) == NDSHM_OK);
    EXPECT(ndshm_dtype_element(&dtype, &field, &error) == NDSHM_ERR_HANDLE);
    EXPECT(ndshm_dtype_element(NULL, &field, &error) == NDSHM_ERR_ARGUMENT);
    EXPECT(ndshm_dtype_find(NULL, NULL, "x", &field, &error) == NDSHM_ERR_ARGUMENT);
    EXPECT(ndshm_dtype_at(NULL, NULL, 0, &field, &error) == NDSHM_ERR_ARGUMENT);
    dtype = parsed("x:f8");
    EXPECT(ndshm_dtype_element(&dtype, NULL, &error) == NDSHM_ERR_ARGUMENT);
    EXPECT(ndshm_dtype_find(&dtype, NULL, NULL, &field, &error) == NDSHM_ERR_ARGUMENT);
    EXPECT(ndshm_dtype_find(&dtype, NULL, "x", NULL, &error) == NDSHM_ERR_ARGUMENT);
    EXPECT(ndshm_dtype_at(&dtype, NULL, 0, NULL, &error) == NDSHM_ERR_ARGUMENT);
    EXPECT(ndshm_dtype_text(&dtype, NULL, 99) > 0);
    EXPECT(ndshm_dtype_close(&dtype) == NDSHM_OK);
}

int main(void)
{
    ndshm_create_options options = {.struct_size = sizeof(options), .dtype = TEXT};
    ndshm_segment segment = {0};

    options.policy = NDSHM_POLICY_ANONYMOUS;
    EXPECT(ndshm_segment_create(NULL, &options, &segment, &error) == NDSHM_OK);
    fields(&segment);
    expectations(&segment);
    misuse();
    EXPECT(ndshm_segment_detach(&segment) == NDSHM_OK);
    return 0;
}
