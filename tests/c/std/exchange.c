/*
 * Files to segments and back: in one call and step by step, what is refused, and
 * that nothing is left of what fails.
 */

#define _GNU_SOURCE

#include <sys/stat.h>

#include "check.h"

#define ROWS 1300000

static const char *own(const char *name)
{
    static char names[8][96];
    static int next;
    char *place = names[next++ % 8];
    snprintf(place, sizeof(names[0]), "%s-%s", prefix, name);
    return place;
}

/* A segment of u4 that counts. */
static ndshm_segment counting(uint64_t rows)
{
    ndshm_create_options options = {.struct_size = sizeof(options)};
    ndshm_segment segment = {0};
    uint32_t *data;

    options.dtype = "<u4";
    options.shape = &rows;
    options.ndim = 1;
    GOOD(ndshm_segment_create(own("counting"), &options, &segment, &error));
    data = ndshm_segment_data_mut(&segment);
    for (uint64_t i = 0; i < rows; i++)
        data[i] = (uint32_t)(i * 2654435761u);
    GOOD(ndshm_segment_publish(&segment, &error));
    return segment;
}

static int same(const ndshm_segment *one, const ndshm_segment *other)
{
    uint64_t size = ndshm_segment_data_len(one);
    return size == ndshm_segment_data_len(other) &&
           memcmp(ndshm_segment_data(one), ndshm_segment_data(other), size) == 0;
}

/* Workers of this process. */
static int count_children(void)
{
    char path[64], line[64];
    int n = 0;
    FILE *list;

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    list = fopen(path, "r");
    EXPECT(list != NULL);
    while (fscanf(list, "%63s", line) == 1)
        n++;
    EXPECT(fclose(list) == 0);
    return n;
}

/* Chunks, which as many workers unpack as are asked for. */
static void packed(const ndshm_segment *segment)
{
    ndshm_hdf5_options chunks = {.struct_size = sizeof(chunks)};
    ndshm_export_options options = {.struct_size = sizeof(options)};
    ndshm_create_options create = {.struct_size = sizeof(create)};
    ndshm_import_options import = {.struct_size = sizeof(import)};
    const char *path = in_folder("packed.h5");
    ndshm_segment back = {0};
    ndshm_job job = {0};

    chunks.layout = NDSHM_LAYOUT_CHUNKED;
    chunks.compression = NDSHM_COMPRESSION_GZIP;
    chunks.level = 1;
    options.hdf5 = &chunks;
    options.dataset = "x";
    GOOD(ndshm_export(segment, path, &options, NULL, &error));
    import.create = &create;
    create.policy = NDSHM_POLICY_ANONYMOUS;
    for (import.workers = 1; import.workers < 4; import.workers++) {
        GOOD(ndshm_import_start(path, NULL, NULL, &import, &job, &error));
        EXPECT(count_children() == (int)import.workers + 2); /* two in reserve */
        GOOD(ndshm_import_finish(&job, &back, &error));
        EXPECT(same(segment, &back) && count_children() == 0);
        GOOD(ndshm_segment_detach(&back));
    }
    import.struct_size--;
    REFUSED("struct_size", ndshm_import(path, NULL, NULL, &import, &back, &error));
    import.struct_size++;
    create.naming = NDSHM_NAMING_LATE;
    REFUSED("naming", ndshm_import(path, NULL, NULL, &import, &back, &error));
}

static void in_one_call(const ndshm_segment *segment)
{
    static const char *const files[] = {"a.h5", "a.npy"};
    ndshm_export_options options = {.struct_size = sizeof(options)};
    ndshm_segment back = {0};
    uint64_t bytes = 0;
    struct stat status;

    for (int i = 0; i < 2; i++) {
        const char *path = in_folder(files[i]);
        GOOD(ndshm_export(segment, path, NULL, &bytes, &error));
        EXPECT(stat(path, &status) == 0 && (uint64_t)status.st_size == bytes);
        FAILS(NDSHM_ERR_FILE_EXISTS, "exists", ndshm_export(segment, path, NULL, NULL, &error));
        options.replace = 1;
        GOOD(ndshm_export(segment, path, &options, NULL, &error));
        GOOD(ndshm_import(path, NULL, own("back"), NULL, &back, &error));
        EXPECT(same(segment, &back));
        GOOD(ndshm_segment_detach(&back));
    }
    options.dataset = "g/x";
    GOOD(ndshm_export(segment, in_folder("a.h5"), &options, NULL, &error));
    GOOD(ndshm_import(in_folder("a.h5"), "/g/x", own("back"), NULL, &back, &error));
    EXPECT(same(segment, &back));
    GOOD(ndshm_segment_detach(&back));
    packed(segment);
    options.format = NDSHM_EXPORT_CSV;
    options.dataset = NULL;
    options.delimiter = ';';
    GOOD(ndshm_export(segment, in_folder("b"), &options, &bytes, &error));
}

static void step_by_step(const ndshm_segment *segment)
{
    ndshm_progress progress = {.struct_size = sizeof(progress)};
    const char *path = in_folder("steps.npy");
    ndshm_segment back = {0};
    ndshm_job job = {0};
    uint64_t last = 0;
    int steps = 0;

    GOOD(ndshm_export_start(segment, path, NULL, &job, &error));
    EXPECT(ndshm_job_fd(&job) >= 0);
    do {
        GOOD(ndshm_job_step(&job, 0, &progress, &error));
        EXPECT(progress.bytes_done > last && progress.bytes_total == 4 * ROWS);
        last = progress.bytes_done;
        steps++;
    } while (!progress.done);
    EXPECT(steps > 1 && access(path, F_OK) != 0);
    FAILS(NDSHM_ERR_ARGUMENT, "job", ndshm_import_finish(&job, &back, &error));
    GOOD(ndshm_export_finish(&job, NULL, &error));
    EXPECT(access(path, F_OK) == 0);

    GOOD(ndshm_import_start(path, NULL, own("back"), NULL, &job, &error));
    GOOD(ndshm_job_step(&job, 0, &progress, &error));
    EXPECT(!progress.done && progress.bytes_done > 0);
    GOOD(ndshm_import_finish(&job, &back, &error));
    EXPECT(same(segment, &back));
    GOOD(ndshm_segment_detach(&back));
}

static void nothing_is_left(const ndshm_segment *segment)
{
    int entries = count_entries(folder), names = count_names();
    ndshm_segment back = {0};
    ndshm_job job = {0};

    GOOD(ndshm_export_start(segment, in_folder("never.h5"), NULL, &job, &error));
    ndshm_job_cancel(&job);
    FAILS(NDSHM_ERR_CANCELLED, "cancelled", ndshm_export_finish(&job, NULL, &error));
    GOOD(ndshm_export_start(segment, in_folder("never.npy"), NULL, &job, &error));
    GOOD(ndshm_job_discard(&job));
    GOOD(ndshm_import_start(in_folder("a.npy"), NULL, own("never"), NULL, &job, &error));
    ndshm_job_cancel(&job);
    FAILS(NDSHM_ERR_CANCELLED, "cancelled", ndshm_import_finish(&job, &back, &error));
    GOOD(ndshm_import_start(in_folder("a.npy"), NULL, own("never"), NULL, &job, &error));
    GOOD(ndshm_job_discard(&job));
    EXPECT(count_entries(folder) == entries && count_names() == names);
}

static void what_is_refused(const ndshm_segment *segment)
{
    ndshm_export_options options = {.struct_size = sizeof(options)};
    ndshm_segment back = {0}, closed = {0};
    const char *text = file("text", "1 2\n");

    FAILS(NDSHM_ERR_INPUT, "neither", ndshm_import(text, NULL, own("x"), NULL, &back, &error));
    FAILS(NDSHM_ERR_INPUT, "can't open",
          ndshm_import(in_folder("none"), NULL, own("x"), NULL, &back, &error));
    EXPECT(error.os_errno == ENOENT);
    FAILS(NDSHM_ERR_DATASET_NAME, "no such dataset",
          ndshm_import(in_folder("a.h5"), "y", own("x"), NULL, &back, &error));
    REFUSED("file", ndshm_import(NULL, NULL, own("x"), NULL, &back, &error));
    REFUSED("segment", ndshm_import(text, NULL, own("x"), NULL, NULL, &error));
    REFUSED("kind of file", ndshm_export(segment, text, NULL, NULL, &error));
    REFUSED("output", ndshm_export(segment, NULL, NULL, NULL, &error));
    REFUSED("segment", ndshm_export(NULL, text, NULL, NULL, &error));
    FAILS(NDSHM_ERR_HANDLE, "segment", ndshm_export(&closed, text, NULL, NULL, &error));
    options.format = 9;
    REFUSED("format", ndshm_export(segment, text, &options, NULL, &error));
    options.format = NDSHM_EXPORT_CSV;
    options.delimiter = '"';
    REFUSED("delimiter", ndshm_export(segment, text, &options, NULL, &error));
    options.format = 0;
    options.delimiter = 0;
    options.replace = 2;
    REFUSED("replace", ndshm_export(segment, text, &options, NULL, &error));
}

int main(void)
{
    ndshm_segment segment;
    int descriptors;

    snprintf(prefix, sizeof(prefix), "c-exchange-%d", (int)getpid());
    make_folder();
    descriptors = count_entries("/proc/self/fd");
    segment = counting(ROWS);
    in_one_call(&segment);
    step_by_step(&segment);
    nothing_is_left(&segment);
    what_is_refused(&segment);
    GOOD(ndshm_segment_detach(&segment));
    EXPECT(nothing_left(descriptors));
    remove_folder();
    return 0;
}
