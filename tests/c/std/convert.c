/*
 * Text to HDF5 files, beside a program that uses HDF5 itself, with an error
 * handler of its own: the files are read with HDF5's own interface, and of what
 * fails nothing is left.
 */

#define _GNU_SOURCE

#include <hdf5.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"

#define PAIR "i:i8,x:f8"

struct pair {
    int64_t i;
    double x;
};

static int handled; /* errors of HDF5 that the program's own handler was told of */

static herr_t own_handler(hid_t stack, void *count)
{
    (void)stack;
    ++*(int *)count;
    return 0;
}

/* The handler is the program's, and is called for its errors, and only for those. */
static void handler_is_own(void)
{
    H5E_auto2_t handler;
    void *data;

    EXPECT(H5Eget_auto2(H5E_DEFAULT, &handler, &data) >= 0);
    EXPECT(handler == own_handler && data == &handled && handled == 0);
    EXPECT(H5Fopen(in_folder("missing.h5"), H5F_ACC_RDONLY, H5P_DEFAULT) < 0 && handled == 1);
    handled = 0;
    EXPECT(H5Eclear2(H5E_DEFAULT) >= 0);
}

static ndshm_text_options text_of(const char *dtype)
{
    ndshm_text_options text = {.struct_size = sizeof(text)};
    text.dtype = dtype;
    text.workers = 2;
    return text;
}

static ndshm_hdf5_options plain(void)
{
    ndshm_hdf5_options options = {.struct_size = sizeof(options)};
    return options;
}

static ndshm_conversion unknown(void)
{
    ndshm_conversion made = {.struct_size = sizeof(made)};
    return made;
}

/* A dataset of `times` tables of `rows` rows. */
static void has_pairs(const char *path, const char *dataset, long rows, int times)
{
    struct pair *data = calloc((size_t)(rows * times), sizeof(*data));
    hid_t row = H5Tcreate(H5T_COMPOUND, sizeof(*data));
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t set = H5Dopen2(file, dataset, H5P_DEFAULT);
    hid_t space = H5Dget_space(set);
    hsize_t extent;

    EXPECT(data != NULL && row >= 0 && file >= 0 && set >= 0 && space >= 0);
    EXPECT(H5Tinsert(row, "i", HOFFSET(struct pair, i), H5T_NATIVE_INT64) >= 0);
    EXPECT(H5Tinsert(row, "x", HOFFSET(struct pair, x), H5T_NATIVE_DOUBLE) >= 0);
    EXPECT(H5Sget_simple_extent_ndims(space) == 1);
    EXPECT(H5Sget_simple_extent_dims(space, &extent, NULL) == 1);
    EXPECT(extent == (hsize_t)(rows * times));
    EXPECT(H5Dread(set, row, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    for (long k = 0; k < rows * times; k++)
        EXPECT(data[k].i == k % rows && data[k].x == (double)(k % rows) / 2);
    EXPECT(H5Sclose(space) >= 0 && H5Dclose(set) >= 0 && H5Tclose(row) >= 0);
    EXPECT(H5Fclose(file) >= 0);
    free(data);
}

static int64_t size_of(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 ? (int64_t)found.st_size : -1;
}

static void files(void)
{
    ndshm_input inputs[] = {{.path = table("a.txt", 1000)}, {.path = table("b.txt", 1000)}};
    const char *output = in_folder("out.h5");
    ndshm_text_options text = text_of(PAIR);
    ndshm_hdf5_options options = plain();
    ndshm_conversion made = unknown();

    /* A dataset for each input, by its name. */
    GOOD(ndshm_convert(inputs, 2, &text, output, NULL, &made, &error));
    EXPECT(made.rows == 2000 && made.datasets == 2);
    EXPECT((int64_t)made.bytes == size_of(output) && made.bytes > 32000);
    has_pairs(output, "a", 1000, 1);
    has_pairs(output, "b", 1000, 1);

    /* It is there: kept, unless replacing it is asked for. */
    FAILS(NDSHM_ERR_FILE_EXISTS, "out.h5",
          ndshm_convert(inputs, 1, &text, output, &options, &made, &error));
    has_pairs(output, "b", 1000, 1);
    options.replace = 1;
    options.sync = 1;
    options.dataset = "both";
    GOOD(ndshm_convert(inputs, 2, &text, output, &options, NULL, &error));
    has_pairs(output, "both", 1000, 2);

    /* Booleans, as an enumeration and as numbers. */
    ndshm_input flags = {.path = file("flags.txt", "1 0\n0 1\n")};
    hid_t h5, set, type;
    text = text_of("?");
    for (int as_u8 = 0; as_u8 < 2; as_u8++) {
        options.bool_as_u8 = (uint32_t)as_u8;
        GOOD(ndshm_convert(&flags, 1, &text, output, &options, &made, &error));
        h5 = H5Fopen(output, H5F_ACC_RDONLY, H5P_DEFAULT);
        set = H5Dopen2(h5, "both", H5P_DEFAULT);
        type = H5Dget_type(set);
        EXPECT(H5Tget_class(type) == (as_u8 ? H5T_INTEGER : H5T_ENUM));
        EXPECT(H5Tclose(type) >= 0 && H5Dclose(set) >= 0 && H5Fclose(h5) >= 0);
    }
    EXPECT(unlink(output) == 0);
}

static int only_inputs(int files)
{
    return count_entries(folder) == files;
}

static void errors(void)
{
    ndshm_input inputs[] = {{.path = table("a.txt", 1000)},
                            {.path = file("bad.txt", "1 0.5\n2 x\n")}};
    const char *output = in_folder("out.h5");
    ndshm_text_options text = text_of(PAIR);
    ndshm_hdf5_options options = plain();
    ndshm_conversion made = unknown();
    const int files = count_entries(folder);

#define CONVERT(count, output) ndshm_convert(inputs, count, &text, output, &options, &made, &error)
    FAILS(NDSHM_ERR_TEXT, "bad.txt", CONVERT(2, output));
    EXPECT(error.input == 1 && error.line == 2 && error.row == 1 && error.column == 2);
    EXPECT(error.byte == 8 && made.rows == 0 && only_inputs(files));

    FAILS(NDSHM_ERR_FILE, "directory does not exist", CONVERT(1, in_folder("no/folder.h5")));
    EXPECT(error.input == NDSHM_NO_INPUT && error.row == NDSHM_NO_PLACE);
    FAILS(NDSHM_ERR_FILE, "is a directory", CONVERT(1, folder));
    options.replace = 1;
    FAILS(NDSHM_ERR_FILE, "is a directory", CONVERT(1, folder));
    FAILS(NDSHM_ERR_FILE, "the output is one of the inputs", CONVERT(1, inputs[0].path));
    EXPECT(size_of(inputs[0].path) > 5000);

    inputs[1] = inputs[0];
    FAILS(NDSHM_ERR_DATASET_NAME, "'a'", CONVERT(2, output));
    options.dataset = "a/./b";
    FAILS(NDSHM_ERR_DATASET_NAME, "", CONVERT(2, output));
    options.dataset = "";
    FAILS(NDSHM_ERR_DATASET_NAME, "", CONVERT(2, output));
    options.dataset = NULL;
    inputs[0] = (ndshm_input){.kind = NDSHM_INPUT_FD, .fd = -1};
    FAILS(NDSHM_ERR_OS, "", CONVERT(1, output));

    inputs[0] = inputs[1];
    GOOD(CONVERT(1, output)); /* and it goes on after all that */
    EXPECT(unlink(output) == 0);
    /* A folder that cannot be written to; root can write to any. */
    if (geteuid() != 0) {
        EXPECT(chmod(folder, 0500) == 0);
        FAILS(NDSHM_ERR_FILE, "", CONVERT(1, output));
        EXPECT(chmod(folder, 0700) == 0 && error.os_errno == EACCES);
    }
#undef CONVERT
}

static ndshm_job shared;

static void on_interrupt(int signal)
{
    (void)signal;
    ndshm_job_cancel(&shared);
}

static void begin(ndshm_job *job, const char *output)
{
    ndshm_input inputs[] = {{.path = table("a.txt", 20000)}, {.path = table("b.txt", 20000)}};
    ndshm_text_options text = text_of(PAIR);
    GOOD(ndshm_convert_start(inputs, 2, &text, output, NULL, job, &error));
}

/* The job, with the program's own HDF5 between its steps. */
static void stepped(void)
{
    const char *output = in_folder("out.h5");
    ndshm_progress now = {.struct_size = sizeof(now)};
    ndshm_conversion made = unknown();
    ndshm_job job = {0};
    hid_t own = H5Fcreate(in_folder("own.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    int steps = 0;

    EXPECT(own >= 0);
    begin(&job, output);
    while (!now.done) {
        char group[32];
        GOOD(ndshm_job_step(&job, 10, &now, &error));
        snprintf(group, sizeof(group), "step%d", steps++);
        EXPECT(H5Gclose(H5Gcreate2(own, group, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)) >= 0);
        EXPECT(now.rows <= 40000 && size_of(output) == -1); /* not before it is complete */
    }
    EXPECT(now.rows == 40000 && now.inputs_done == 2);
    GOOD(ndshm_convert_finish(&job, &made, &error));
    EXPECT(made.rows == 40000 && made.datasets == 2);
    has_pairs(output, "a", 20000, 1);
    has_pairs(output, "b", 20000, 1);
    /* What the program has open is its own: nothing was closed behind its back. */
    EXPECT(H5Iis_valid(own) > 0 && H5Fget_obj_count(own, H5F_OBJ_ALL) == 1);
    EXPECT(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 1);
    EXPECT(H5Fclose(own) >= 0 && unlink(in_folder("own.h5")) == 0 && unlink(output) == 0);
    EXPECT(ndshm_job_discard(&job) == NDSHM_ERR_HANDLE);
}

static void ended_early(int descriptors)
{
    const char *output = in_folder("out.h5");
    ndshm_conversion made = unknown();
    ndshm_segment segment = {0};
    ndshm_job job = {0};
    int files;

    for (int steps = 0; steps < 3; steps++) {
        begin(&job, output);
        files = count_entries(folder);
        for (int i = 0; i < steps; i++)
            GOOD(ndshm_job_step(&job, 10, NULL, &error));
        GOOD(ndshm_job_discard(&job));
        EXPECT(size_of(output) == -1 && count_entries(folder) <= files);
        EXPECT(nothing_left(descriptors));
        EXPECT(ndshm_job_discard(&job) == NDSHM_ERR_HANDLE);
    }
    files = count_entries(folder);
    begin(&shared, output);
    EXPECT(raise(SIGINT) == 0);
    FAILS(NDSHM_ERR_CANCELLED, "cancelled", ndshm_convert_finish(&shared, &made, &error));
    EXPECT(only_inputs(files) && nothing_left(descriptors));
    EXPECT(ndshm_job_discard(&shared) == NDSHM_ERR_HANDLE);

    /* The other kind's finish refuses it and leaves it open. */
    begin(&job, output);
    REFUSED("job is out", ndshm_load_finish(&job, &segment, &error));
    EXPECT(ndshm_job_fd(&job) >= 0);
    GOOD(ndshm_convert_finish(&job, NULL, &error));
    EXPECT(unlink(output) == 0);
    ndshm_input input = {.path = table("a.txt", 10)};
    ndshm_text_options text = text_of(PAIR);
    ndshm_create_options create = {.struct_size = sizeof(create)};
    create.policy = NDSHM_POLICY_ANONYMOUS;
    GOOD(ndshm_load_start(&input, 1, &text, NULL, &create, &job, &error));
    REFUSED("job is out", ndshm_convert_finish(&job, &made, &error));
    GOOD(ndshm_load_finish(&job, &segment, &error));
    GOOD(ndshm_segment_detach(&segment));
}

static void misuse(void)
{
    ndshm_input input = {.path = table("a.txt", 10)};
    ndshm_text_options text = text_of(PAIR);
    ndshm_hdf5_options options = plain();
    ndshm_conversion made = unknown();
    const char *output = in_folder("out.h5");
    ndshm_job job = {0};
    const int files = count_entries(folder);

#define START(inputs, n, text, output, options, job)                                   \
    ndshm_convert_start(inputs, n, text, output, options, job, &error)
    REFUSED("job is NULL", START(&input, 1, &text, output, NULL, NULL));
    REFUSED("output is NULL", START(&input, 1, &text, NULL, NULL, &job));
    REFUSED("output is out", START(&input, 1, &text, "", NULL, &job));
    REFUSED("inputs is NULL", START(NULL, 1, &text, output, NULL, &job));
    REFUSED("inputs_len is out", START(&input, 0, &text, output, NULL, &job));
    REFUSED("dtype is NULL", START(&input, 1, NULL, output, NULL, &job));
#define WRONG(part, field, value)                                                      \
    do {                                                                               \
        options = plain();                                                             \
        options.field = value;                                                         \
        REFUSED(part, START(&input, 1, &text, output, &options, &job));                \
    } while (0)
    WRONG("struct_size", struct_size, sizeof(options) - 1);
    WRONG("struct_size", struct_size, 0);
    WRONG("replace", replace, 2);
    WRONG("sync", sync, 2);
    WRONG("bool_as_u8", bool_as_u8, 2);
    FAILS(NDSHM_ERR_HANDLE, "job is not open", ndshm_convert_finish(&job, &made, &error));
    REFUSED("job is NULL", ndshm_convert_finish(NULL, &made, &error));
    made.struct_size--;
    REFUSED("struct_size", ndshm_convert(&input, 1, &text, output, NULL, &made, &error));
    EXPECT(only_inputs(files)); /* nothing was begun */
    GOOD(START(&input, 1, &text, output, NULL, &job));
    REFUSED("struct_size", ndshm_convert_finish(&job, &made, &error));
    EXPECT(ndshm_job_fd(&job) >= 0);
    made.struct_size++;
    GOOD(ndshm_convert_finish(&job, &made, &error));
    EXPECT(unlink(output) == 0);
    error.struct_size = 1;
    EXPECT(START(&input, 1, &text, output, NULL, &job) == NDSHM_ERR_ARGUMENT);
    EXPECT(ndshm_convert_finish(&job, &made, &error) == NDSHM_ERR_ARGUMENT);
    EXPECT(ndshm_convert(&input, 1, &text, output, NULL, &made, &error) == NDSHM_ERR_ARGUMENT);
    error.struct_size = sizeof(error);
    EXPECT(only_inputs(files));
}

/* Where no file may be as large as the metadata: an error, and an end without a crash. */
static void limited(void)
{
    ndshm_input input = {.path = table("a.txt", 1000)};
    ndshm_text_options text = text_of(PAIR);
    const char *output = in_folder("out.h5");
    int status, before = count_entries(folder);

    for (rlim_t size = 512; size <= 1 << 16; size *= 2) {
        const struct rlimit limit = {size, size};
        pid_t child = fork();
        if (child == 0) {
            ndshm_error problem = {.struct_size = sizeof(problem)};
            signal(SIGXFSZ, SIG_IGN);
            EXPECT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
            status = ndshm_convert(&input, 1, &text, output, NULL, NULL, &problem);
            EXPECT(status == NDSHM_OK || status == NDSHM_ERR_DISK_FULL);
            EXPECT(status == NDSHM_OK || size < 1 << 16);
            EXPECT(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0);
            exit(0); /* HDF5 ends itself here */
        }
        EXPECT(waitpid(child, &status, 0) == child);
        EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        unlink(output);
        EXPECT(only_inputs(before));
    }
    unlink(input.path);
}

int main(void)
{
    int descriptors;

    snprintf(prefix, sizeof(prefix), "test.convert.%ld", (long)getpid());
    make_folder();
    signal(SIGINT, on_interrupt);
    EXPECT(H5Eset_auto2(H5E_DEFAULT, own_handler, &handled) >= 0);
    handler_is_own();
    descriptors = count_entries("/proc/self/fd");
#define RUN(part)                                                                      \
    do {                                                                               \
        part;                                                                          \
        EXPECT(nothing_left(descriptors));                                             \
        handler_is_own();                                                              \
    } while (0)
    RUN(files());
    RUN(errors());
    RUN(stepped());
    RUN(ended_early(descriptors));
    RUN(misuse());
    RUN(limited());
    remove_folder();
    EXPECT(H5close() >= 0);
    return 0;
}
