/*
 * A program that uses HDF5 itself before, between, during and after what ndshm does with
 * files, with ids and an error handler of its own, and that closes the library (H5close)
 * whenever it likes.
 */

#define _GNU_SOURCE

#include "hdf5_check.h"

#define OWN_OBJECTS 4 /* file, group, dataset, named type */
#define CROWD 100

static int rows = 20000; /* of a table */

/* What the program has open. */
static struct {
    hid_t file, group, set, type, list;
    int32_t values[10];
} own;

static void open_own(void)
{
    /* A new file each time: HDF5 locks it, and workers that were forked with it open keep the lock
     * until they end. */
    static char path[128];
    static int n;
    const hsize_t extent = 10;
    hid_t space = H5Screate_simple(1, &extent, NULL);

    EXPECT(H5Eset_auto2(H5E_DEFAULT, own_handler, &handled) >= 0);
    unlink(path);
    snprintf(path, sizeof(path), "%s/own%d.h5", folder, n++);
    own.file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    own.group = H5Gcreate2(own.file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    own.set = H5Dcreate2(own.group, "x", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT,
                         H5P_DEFAULT);
    own.type = H5Tcopy(H5T_STD_I16BE);
    EXPECT(H5Tcommit2(own.file, "t", own.type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT) >= 0);
    own.list = H5Pcreate(H5P_DATASET_CREATE);
    EXPECT(own.set >= 0 && H5Pset_deflate(own.list, 7) >= 0 && H5Sclose(space) >= 0);
    for (int i = 0; i < 10; i++)
        own.values[i] = -1;
    EXPECT(H5Dwrite(own.set, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, own.values) >= 0);
}

/* Many ids of each kind. After the library was closed their numbers begin anew, so ndshm had
 * some of them before: one that it takes for its own would be seen. */
static hid_t crowd[CROWD][5];
static int is_crowded;

static void crowd_in(void)
{
    for (int i = 0; i < CROWD; i++) {
        crowd[i][0] = H5Freopen(own.file);
        crowd[i][1] = H5Gopen2(own.file, "g", H5P_DEFAULT);
        crowd[i][2] = H5Dopen2(own.file, "g/x", H5P_DEFAULT);
        crowd[i][3] = H5Tcopy(H5T_STD_I16BE);
        crowd[i][4] = H5Pcreate(H5P_DATASET_CREATE);
    }
    is_crowded = 1;
}

/* They are all there, and as they were. */
static void crowd_out(void)
{
    for (int i = 0; is_crowded && i < CROWD; i++) {
        hid_t type = H5Dget_type(crowd[i][2]);
        EXPECT(H5Tequal(type, H5T_STD_I32LE) > 0 && H5Tclose(type) >= 0);
        EXPECT(H5Tequal(crowd[i][3], H5T_STD_I16BE) > 0);
        EXPECT(H5Pget_nfilters(crowd[i][4]) == 0);
        EXPECT(H5Fclose(crowd[i][0]) >= 0 && H5Gclose(crowd[i][1]) >= 0);
        EXPECT(H5Dclose(crowd[i][2]) >= 0 && H5Tclose(crowd[i][3]) >= 0);
        EXPECT(H5Pclose(crowd[i][4]) >= 0);
    }
    is_crowded = 0;
}

/* The program goes on with its own: nothing of it was closed or changed, nothing was added. */
static void use_own(void)
{
    static int32_t turn;
    int32_t found[10];
    H5G_info_t root, group;

    handler_is_own();
    EXPECT(H5Fget_obj_count(own.file, H5F_OBJ_ALL) == OWN_OBJECTS);
    EXPECT(H5Iis_valid(own.list) > 0 && H5Pget_nfilters(own.list) == 1);
    EXPECT(H5Tequal(own.type, H5T_STD_I16BE) > 0);
    EXPECT(H5Gget_info(own.file, &root) >= 0 && root.nlinks == 2);
    EXPECT(H5Gget_info(own.group, &group) >= 0 && group.nlinks == 1);
    EXPECT(H5Dread(own.set, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, found) >= 0);
    EXPECT(memcmp(found, own.values, sizeof(found)) == 0);
    own.values[turn % 10] = turn;
    turn++;
    EXPECT(H5Dwrite(own.set, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, own.values) >= 0);
}

/* No job is under way: what is open is the program's. */
static void only_own(void)
{
    crowd_out();
    use_own();
    EXPECT(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == OWN_OBJECTS);
}

/* With everything open, as a program may that wants to be rid of the library. */
static void close_library(void)
{
    EXPECT(H5close() >= 0);
    is_crowded = 0;
    open_own();
}

/* While ndshm has something open. */
static void close_meanwhile(void)
{
    close_library();
    crowd_in();
}

/* What ndshm does with files. */
enum kind {
    CONVERT,
    PACK,
    COLUMNS,
    APPEND,
    GROW,
    IMPORT,
    IMPORT_PACKED,
    IMPORT_COLUMNS,
    IMPORT_VIRTUAL,
    EXPORT,
    EXPORT_PACKED,
    JOIN,
    COPY,
    VERIFY,
    KINDS
};

static ndshm_segment exported;

static int makes_segment(enum kind kind)
{
    return kind >= IMPORT && kind <= IMPORT_VIRTUAL;
}

static ndshm_hdf5_options stored(enum kind kind)
{
    static const uint64_t chunk = 1000;
    ndshm_hdf5_options options = plain();

    options.append = kind == APPEND;
    options.append_rows = kind == GROW;
    if (kind == PACK || kind == EXPORT_PACKED || kind == COLUMNS) {
        options.compression = NDSHM_COMPRESSION_GZIP;
        options.level = 1;
        options.chunk = &chunk;
        options.chunk_len = 1;
    }
    if (kind == COLUMNS)
        options.layout = NDSHM_LAYOUT_COLUMNS;
    return options;
}

static int32_t start_convert(enum kind kind, const char *output, ndshm_job *job)
{
    ndshm_input inputs[] = {{.path = in_folder("a.txt")}, {.path = in_folder("b.txt")}};
    ndshm_text_options text = text_of(PAIR);
    ndshm_hdf5_options options = stored(kind);

    if (kind == APPEND)
        inputs[0].path = in_folder("c.txt");
    return ndshm_convert_start(inputs, kind == APPEND ? 1 : 2, &text, output, &options, job,
                               &error);
}

static int32_t start_import(enum kind kind, ndshm_job *job)
{
    static const char *const from[] = {"plain.h5", "packed.h5", "columns.h5", "all.h5"};
    ndshm_create_options create = {.struct_size = sizeof(create)};
    ndshm_import_options options = {.struct_size = sizeof(options)};

    create.policy = NDSHM_POLICY_ANONYMOUS;
    options.create = &create;
    options.workers = 2;
    return ndshm_import_start(in_folder(from[kind - IMPORT]), "a", NULL, &options, job, &error);
}

static int32_t start(enum kind kind, const char *output, ndshm_job *job)
{
    const char *shards[] = {in_folder("plain.h5"), in_folder("packed.h5")};
    ndshm_export_options export = {.struct_size = sizeof(export)};
    ndshm_hdf5_options options = stored(kind);
    ndshm_join_options join = {.struct_size = sizeof(join)};

    export.hdf5 = &options;
    export.dataset = "a";
    export.workers = 2;
    join.materialize = kind == COPY;
    join.checksum = kind == JOIN;
    if (makes_segment(kind))
        return start_import(kind, job);
    switch (kind) {
    case EXPORT:
    case EXPORT_PACKED:
        return ndshm_export_start(&exported, output, &export, job, &error);
    case JOIN:
    case COPY:
        return ndshm_join_start(shards, 2, output, &join, job, &error);
    case VERIFY:
        return ndshm_verify_start(in_folder("all.h5"), 0, job, &error);
    default:
        return start_convert(kind, output, job);
    }
}

/* The file is what was asked for. */
static void is_made(enum kind kind, const char *output)
{
    if (kind == EXPORT || kind == EXPORT_PACKED)
        has_pairs(output, "a", rows, 1);
    else if (kind == JOIN || kind == COPY)
        has_pairs(output, "b", rows, 2);
    else if (kind == GROW)
        has_pairs(output, "b", rows, 2);
    else if (kind == APPEND)
        has_pairs(output, "c", rows, 1);
    if (kind == CONVERT || kind == PACK || kind == APPEND)
        has_pairs(output, "b", rows, 1);
}

static int32_t finish(enum kind kind, const char *output, ndshm_job *job)
{
    ndshm_verified found = {.struct_size = sizeof(found)};
    ndshm_segment back = {0};
    int32_t status;

    if (makes_segment(kind)) {
        status = ndshm_import_finish(job, &back, &error);
        if (status == NDSHM_OK) {
            const int pairs = kind == IMPORT_VIRTUAL ? 2 * rows : rows;
            const struct pair *data = ndshm_segment_data(&back);
            EXPECT(ndshm_segment_data_len(&back) == (uint64_t)pairs * sizeof(*data));
            for (int i = 0; i < pairs; i++)
                EXPECT(data[i].i == i % rows && data[i].x == (double)(i % rows) / 2);
            GOOD(ndshm_segment_detach(&back));
        }
        return status;
    }
    if (kind == EXPORT || kind == EXPORT_PACKED)
        status = ndshm_export_finish(job, NULL, &error);
    else if (kind == JOIN || kind == COPY)
        status = ndshm_join_finish(job, NULL, &error);
    else if (kind == VERIFY)
        status = ndshm_verify_finish(job, NULL, NULL, &found, &error);
    else
        status = ndshm_convert_finish(job, NULL, &error);
    if (status == NDSHM_OK)
        is_made(kind, output);
    EXPECT(kind != VERIFY || status != NDSHM_OK || (found.problems == 0 && found.shards == 2));
    return status;
}

/* A file to add to, for the kinds that do. */
static void make_old(enum kind kind, const char *output)
{
    ndshm_job job = {0};

    if (kind != APPEND && kind != GROW)
        return;
    GOOD(start_convert(kind == GROW ? PACK : CONVERT, output, &job));
    GOOD(ndshm_convert_finish(&job, NULL, &error));
}

static void old_is_whole(enum kind kind, const char *output)
{
    if (kind != APPEND && kind != GROW) {
        EXPECT(size_of(output) == -1);
        return;
    }
    hid_t file = H5Fopen(output, H5F_ACC_RDONLY, H5P_DEFAULT);
    EXPECT(file >= 0 && H5Lexists(file, "c", H5P_DEFAULT) == 0 && H5Fclose(file) >= 0);
    has_pairs(output, "a", rows, 1);
    has_pairs(output, "b", rows, 1);
}

/* One after the other, with the program's own HDF5 in between, and the library closed. */
static void in_turns(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        const char *output = in_folder("out.h5");
        ndshm_progress now = {.struct_size = sizeof(now)};
        ndshm_job job = {0};

        make_old(kind, output);
        only_own();
        GOOD(start(kind, output, &job));
        use_own();
        while (!now.done) {
            GOOD(ndshm_job_step(&job, 10, &now, &error));
            use_own();
        }
        GOOD(finish(kind, output, &job));
        only_own();
        close_library();
        unlink(output);
    }
}

/* The library is closed after so many steps of a job, or at its end if it has fewer. The job
 * says so, or needed nothing of it; whether it said so. */
static int closed_after(enum kind kind, int steps)
{
    const char *output = in_folder("out.h5");
    ndshm_progress now = {.struct_size = sizeof(now)};
    ndshm_job job = {0};
    int32_t status;

    close_library(); /* the numbers of ids begin anew */
    make_old(kind, output);
    const int files = count_entries(folder);
    GOOD(start(kind, output, &job));
    while (steps-- > 0 && !now.done)
        GOOD(ndshm_job_step(&job, 10, &now, &error));
    use_own();
    close_meanwhile();
    status = NDSHM_OK;
    while (status == NDSHM_OK && !now.done)
        status = ndshm_job_step(&job, 10, &now, &error);
    if (status == NDSHM_OK)
        status = finish(kind, output, &job);
    if (status != NDSHM_OK) {
        FAILS(NDSHM_ERR_HDF5, "(H5close)", status);
        ndshm_job_discard(&job);
        EXPECT(count_entries(folder) == files);
        old_is_whole(kind, output);
    }
    only_own();
    unlink(output);
    return status != NDSHM_OK;
}

static void closed_meanwhile(void)
{
    const int steps[] = {0, 1, 2, 3, 1000};
    const int quick = getenv("TEST_QUICK") != NULL;

    for (int kind = 0; kind < KINDS; kind++) {
        int lost = 0;
        for (int i = quick ? 3 : 0; i < 5; i++)
            lost += closed_after(kind, steps[i]);
        /* Those that let go of HDF5 before the first step need nothing of it; what is being
         * written cannot be completed. */
        EXPECT(makes_segment(kind) || kind == VERIFY || lost > 0);
    }
}

/* A job that is dropped after the library was closed takes nothing of the program's with it. */
static void dropped(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        const char *output = in_folder("out.h5");
        ndshm_job job = {0};

        close_library();
        make_old(kind, output);
        GOOD(start(kind, output, &job));
        GOOD(ndshm_job_step(&job, 0, NULL, &error));
        close_meanwhile();
        GOOD(ndshm_job_discard(&job));
        old_is_whole(kind, output);
        only_own();
        unlink(output);
    }
}

/* Two jobs in turns: what ends one ends the other, too, and a third begins anew. */
static void several(void)
{
    const char *one = in_folder("out.h5"), *two = in_folder("two.h5");
    ndshm_job first = {0}, second = {0};

    close_library();
    GOOD(start(CONVERT, one, &first));
    GOOD(start(PACK, two, &second));
    GOOD(finish(CONVERT, one, &first)); /* its ids are gone, those of the other are not */
    use_own();
    GOOD(finish(PACK, two, &second));
    EXPECT(unlink(one) == 0 && unlink(two) == 0);

    GOOD(start(CONVERT, one, &first));
    GOOD(ndshm_job_step(&first, 10, NULL, &error));
    close_meanwhile();
    GOOD(start(PACK, two, &second));
    GOOD(ndshm_job_step(&second, 10, NULL, &error));
    FAILS(NDSHM_ERR_HDF5, "(H5close)", finish(CONVERT, one, &first));
    GOOD(finish(PACK, two, &second));
    EXPECT(size_of(one) == -1 && unlink(two) == 0);
    only_own();
}

/* A process of its own that calls `before`, converts, and ends as programs do: in the middle of
 * a job, if `midway`. */
static void ends(herr_t (*before)(void), int midway)
{
    const char *output = in_folder("out.h5");
    int status;
    pid_t child = fork();

    if (child == 0) {
        ndshm_job job = {0};
        EXPECT(before == NULL || before() >= 0);
        open_own();
        GOOD(start(CONVERT, output, &job));
        if (!midway)
            GOOD(finish(CONVERT, output, &job));
        exit(0);
    }
    EXPECT(waitpid(child, &status, 0) == child);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT((size_of(output) > 0) == !midway);
    unlink(output);
}

/* Files to read, and a segment to write. */
static void prepare(void)
{
    const char *all = in_folder("all.h5");
    const char *shards[] = {in_folder("plain.h5"), in_folder("packed.h5")};
    const char *made[] = {shards[0], shards[1], in_folder("columns.h5")};
    ndshm_job job = {0};

    for (int i = 0; i < 3; i++) {
        GOOD(start_convert(i == 0 ? CONVERT : i == 1 ? PACK : COLUMNS, made[i], &job));
        GOOD(ndshm_convert_finish(&job, NULL, &error));
    }
    GOOD(ndshm_join(shards, 2, all, NULL, NULL, &error));
    GOOD(start_import(IMPORT, &job));
    GOOD(ndshm_import_finish(&job, &exported, &error));
}

int main(void)
{
    int descriptors;

    snprintf(prefix, sizeof(prefix), "test.host.%ld", (long)getpid());
    rows = getenv("TEST_QUICK") != NULL ? 2000 : rows;
    make_folder();
    table("a.txt", rows);
    table("b.txt", rows);
    table("c.txt", rows);
    /* Before this process has used HDF5, which goes through a fork. */
    ends(NULL, 0);
    ends(NULL, 1);
    ends(H5dont_atexit, 0);
    ends(H5dont_atexit, 1);
    open_own();
    descriptors = count_entries("/proc/self/fd");
    prepare();
    in_turns();
    closed_meanwhile();
    dropped();
    several();
    GOOD(ndshm_segment_detach(&exported));
    EXPECT(nothing_left(descriptors));
    remove_folder();
    EXPECT(H5close() >= 0);
    return 0;
}
