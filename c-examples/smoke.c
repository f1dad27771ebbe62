/*
 * smoke.c: the life of one segment, from its creation to its end
 *
 * Creates an array of records, fills it, publishes it; attaches it read-only, as
 * another process would, and checks every value; lists all segments; detaches;
 * and shows what an error looks like. README.md says how to compile it.
 */

#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ndshm.h"

/* One row, as the compiler lays it out, and the same for ndshm: fields lie one
 * behind the other, and these need no padding. */
struct row {
    double depth;
    int32_t pos;
    float pct;
    char chr[8];
};
static const char dtype[] = "depth:f8,pos:i4,pct:f4,chr:S8";

enum { ROWS = 1000 };

/* The value of row i; not the same for any two rows. */
static struct row row_of(int i)
{
    struct row row = {i * 0.25, 7 * i, (float)(i % 101), ""};
    snprintf(row.chr, sizeof(row.chr), "chr%d", i % 23);
    return row;
}

/* Says what went wrong; the answer is this program's exit status. */
static int fail(const char *what, const ndshm_error *error)
{
    fprintf(stderr, "%s: %s (%s)\n", what, error->message, ndshm_strerror(error->code));
    return 1;
}

/* Step 1: creates, fills and publishes the segment. */
static int publish(const char *name, ndshm_segment *segment, ndshm_error *error)
{
    const uint64_t shape[] = {ROWS};
    const char units[] = "depth=m";
    ndshm_create_options options = {.struct_size = sizeof(options)};
    options.dtype = dtype;
    options.shape = shape;
    options.ndim = 1;
    options.metadata = units;
    options.metadata_len = strlen(units);
    if (ndshm_segment_create(name, &options, segment, error))
        return 1;

    /* Nobody sees the draft yet, and all of its memory is there. */
    struct row *rows = ndshm_segment_data_mut(segment);
    for (int i = 0; i < ROWS; i++)
        rows[i] = row_of(i);
    return ndshm_segment_publish(segment, error) != NDSHM_OK;
}

/* Whether two rows have the same values. Their bytes may differ: nobody says
 * what is behind the NUL in chr. */
static int same(const struct row *a, const struct row *b)
{
    return a->depth == b->depth && a->pos == b->pos && a->pct == b->pct &&
           strcmp(a->chr, b->chr) == 0;
}

/* Step 2: a reader knows the name alone. It checks that the type is what it
 * expects, and then every value. */
static int check(const ndshm_segment *segment, ndshm_error *error)
{
    ndshm_field pos;
    if (ndshm_field_find(segment, NULL, "pos", &pos, error))
        return fail("field pos", error);
    if (pos.kind != NDSHM_KIND_INT || pos.itemsize != 4 ||
        pos.offset != offsetof(struct row, pos) ||
        ndshm_segment_itemsize(segment) != sizeof(struct row) ||
        ndshm_segment_ndim(segment) != 1 || ndshm_segment_shape(segment)[0] != ROWS ||
        ndshm_segment_data_len(segment) != ROWS * sizeof(struct row)) {
        fprintf(stderr, "this is another table\n");
        return 1;
    }
    const struct row *rows = ndshm_segment_data(segment);
    for (int i = 0; i < ROWS; i++) {
        const struct row expected = row_of(i);
        if (!same(&rows[i], &expected)) {
            fprintf(stderr, "row %d is wrong\n", i);
            return 1;
        }
    }
    return 0;
}

static void describe(const ndshm_segment *segment)
{
    char text[200];
    size_t len = ndshm_segment_dtype(segment, text, sizeof(text));
    printf("type: %s%s\n", text, len < sizeof(text) ? "" : "...");
    printf("shape: %" PRIu64 ", strides: %" PRId64 "\n", ndshm_segment_shape(segment)[0],
           ndshm_segment_strides(segment)[0]);
    printf("metadata: %.*s\n", (int)ndshm_segment_metadata_len(segment),
           (const char *)ndshm_segment_metadata(segment));
    printf("attached by: %" PRIu32 "\n", ndshm_segment_refcount(segment));
}

/* Step 3: called for every segment; counts those of the name it is given. */
struct search {
    const char *name;
    int found;
};

static int32_t visit(const char *name, void *user)
{
    struct search *search = user;
    search->found += strcmp(name, search->name) == 0;
    return 0; /* go on */
}

int main(void)
{
    ndshm_error error = {.struct_size = sizeof(error)};
    ndshm_segment writer = {0}, reader = {0};
    char name[64];
    int status = 1;

    if (ndshm_abi_version() != NDSHM_ABI_VERSION) {
        fprintf(stderr, "this program was compiled for another libndshm than %s\n",
                ndshm_version());
        return 1;
    }
    snprintf(name, sizeof(name), "smoke.%ld", (long)getpid());

    if (publish(name, &writer, &error)) {
        fail("publish", &error);
        goto done;
    }
    /* Without options: for reading, without waiting. */
    if (ndshm_segment_attach(name, NULL, &reader, &error)) {
        fail("attach", &error);
        goto done;
    }
    if (ndshm_segment_data_mut(&reader) != NULL || check(&reader, &error))
        goto done;
    describe(&reader);

    struct search search = {name, 0};
    if (ndshm_segment_list(visit, &search, &error)) {
        fail("list", &error);
        goto done;
    }
    printf("listed: %d time\n", search.found);

    /* The last one to detach removes the name: attaching it again fails. */
    ndshm_segment_detach(&writer);
    ndshm_segment_detach(&reader);
    if (ndshm_segment_attach(name, NULL, &reader, &error) != NDSHM_ERR_NOT_FOUND)
        goto done;
    printf("afterwards: %s (status %" PRId32 ")\n", error.message, error.code);
    status = search.found != 1;

done:
    /* A handle that is not open may be detached, so this is for all ways here. */
    ndshm_segment_detach(&reader);
    ndshm_segment_detach(&writer);
    if (status != 0)
        fprintf(stderr, "failed\n");
    return status;
}
