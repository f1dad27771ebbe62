/*
 * records.c: an array of C structs, with the compiler's layout
 *
 * The dtype names each field with its offset and the size of the whole, so that
 * padding is where the compiler puts it. A reader compares the same table with
 * the segment before it casts the data to its struct: another program, another
 * compiler or an older version of the struct is an error and not garbage.
 */

#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ndshm.h"

struct particle {
    char species[6]; /* 2 bytes of padding follow */
    double position[3];
    int32_t id; /* and 4 at the end */
};

/* The fields of a struct, once, for writing and for reading. */
struct column {
    const char *name, *format;
    uint8_t kind;
    uint32_t offset, size;
};
#define COLUMN(type, field, format, kind) \
    {#field, format, kind, offsetof(type, field), sizeof(((type *)0)->field)}

static const struct column columns[] = {
    COLUMN(struct particle, species, "'S6'", NDSHM_KIND_BYTES),
    COLUMN(struct particle, position, "('<f8', (3,))", NDSHM_KIND_FLOAT),
    COLUMN(struct particle, id, "'<i4'", NDSHM_KIND_INT),
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]), ROWS = 100 };

/* The dtype as text, NumPy's dict form. */
static void describe(char *text, size_t size)
{
    char names[100] = "", formats[100] = "", offsets[100] = "", *n = names, *f = formats,
         *o = offsets;
    for (int i = 0; i < COLUMNS; i++) {
        n += sprintf(n, "'%s',", columns[i].name);
        f += sprintf(f, "%s,", columns[i].format);
        o += sprintf(o, "%" PRIu32 ",", columns[i].offset);
    }
    snprintf(text, size, "{'names': [%s], 'formats': [%s], 'offsets': [%s], 'itemsize': %zu}",
             names, formats, offsets, sizeof(struct particle));
}

/* Whether the elements of a segment are laid out like struct particle. */
static int is_particles(const ndshm_segment *segment)
{
    ndshm_field field;
    if (ndshm_segment_itemsize(segment) != sizeof(struct particle))
        return 0;
    for (int i = 0; i < COLUMNS; i++)
        if (ndshm_field_find(segment, NULL, columns[i].name, &field, NULL) != NDSHM_OK ||
            field.kind != columns[i].kind || field.offset != columns[i].offset ||
            field.size != columns[i].size || field.order == NDSHM_ORDER_BIG)
            return 0;
    return 1;
}

int main(void)
{
    ndshm_error error = {.struct_size = sizeof(error)};
    ndshm_create_options options = {.struct_size = sizeof(options)};
    ndshm_segment made = {0}, seen = {0};
    const uint64_t shape[] = {ROWS};
    char name[64], dtype[400];
    int status = 1;

    snprintf(name, sizeof(name), "records.%ld", (long)getpid());
    describe(dtype, sizeof(dtype));
    printf("%s\n", dtype);
    options.dtype = dtype;
    options.shape = shape;
    options.ndim = 1;
    if (ndshm_segment_create(name, &options, &made, &error))
        goto done;
    struct particle *rows = ndshm_segment_data_mut(&made);
    for (int i = 0; i < ROWS; i++)
        rows[i] = (struct particle){"muon", {i, 0.5 * i, -i}, i};
    if (ndshm_segment_publish(&made, &error))
        goto done;

    /* The reader, here in the same process. */
    if (ndshm_segment_attach(name, NULL, &seen, &error))
        goto done;
    if (is_particles(&seen)) {
        const struct particle *last =
            (const struct particle *)ndshm_segment_data(&seen) + ROWS - 1;
        printf("%s %" PRId32 " at %g\n", last->species, last->id, last->position[2]);
        status = strcmp(last->species, "muon") != 0 || last->position[2] != -(ROWS - 1);
    }
done:
    if (status != 0)
        fprintf(stderr, "failed: %s\n", error.message);
    ndshm_segment_detach(&seen);
    ndshm_segment_detach(&made);
    return status;
}
