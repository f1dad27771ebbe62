/*
 * Threads: some do files with ndshm at the same time, one uses HDF5 itself where that can be
 * used by threads, and others never rest, so that workers are forked in the middle of whatever
 * they do. What enters HDF5 does so under one lock; what was forked never does.
 */

#define _GNU_SOURCE

#include <pthread.h>
#include <stdatomic.h>

#include "hdf5_check.h"

#define ROWS 3000

static atomic_int over;
static int turns = 8;

/* Each thread has errors and files of its own. */
struct mine {
    int number;
    ndshm_error error;
    char text[128], file[128], back[128];
};

#define FINE(call) fine(__LINE__, &mine->error, call)

static void fine(int line, const ndshm_error *told, int32_t status)
{
    if (status != NDSHM_OK) {
        fprintf(stderr, "line %d: %d: %s\n", line, (int)status, told->message);
        exit(1);
    }
}

/* Memory, the terminal's locks, the system's. */
static void *busy(void *unused)
{
    unsigned long sum = 0;

    while (!atomic_load(&over)) {
        char *some = malloc(1 + sum % 5000);
        FILE *nowhere = fopen("/dev/null", "w");
        EXPECT(some != NULL && nowhere != NULL);
        some[0] = (char)sum;
        sum += (unsigned long)fprintf(nowhere, "%lu", sum) + (unsigned char)some[0];
        EXPECT(fclose(nowhere) == 0);
        free(some);
    }
    return unused;
}

/* The program's own HDF5, which says whether it may be entered by more than one thread. */
static void *host(void *unused)
{
    hbool_t safe = 0;
    long rounds = 0;

    EXPECT(H5is_library_threadsafe(&safe) >= 0);
    if (!safe)
        return unused;
    EXPECT(H5Eset_auto2(H5E_DEFAULT, own_handler, &handled) >= 0); /* this thread's */
    hid_t own = H5Fcreate(in_folder("own.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    while (!atomic_load(&over)) {
        hid_t group = H5Gcreate2(own, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        EXPECT(group >= 0 && H5Fget_obj_count(own, H5F_OBJ_ALL) == 2);
        EXPECT(H5Gclose(group) >= 0 && H5Ldelete(own, "g", H5P_DEFAULT) >= 0);
        if (rounds++ % 100 == 0)
            handler_is_own();
    }
    EXPECT(H5Fget_obj_count(own, H5F_OBJ_ALL) == 1 && H5Fclose(own) >= 0);
    return unused;
}

static void convert(struct mine *mine, uint32_t compression)
{
    ndshm_input input = {.path = mine->text};
    ndshm_text_options text = text_of(PAIR);
    ndshm_hdf5_options options = plain();
    ndshm_progress now = {.struct_size = sizeof(now)};
    ndshm_conversion made = unknown();
    ndshm_job job = {0};

    options.dataset = "a";
    options.replace = 1;
    options.compression = compression;
    FINE(ndshm_convert_start(&input, 1, &text, mine->file, &options, &job, &mine->error));
    while (!now.done)
        FINE(ndshm_job_step(&job, 10, &now, &mine->error));
    FINE(ndshm_convert_finish(&job, &made, &mine->error));
    EXPECT(made.rows == ROWS && made.datasets == 1);
}

/* To a segment, to another file, and a look at it. */
static void there_and_back(struct mine *mine)
{
    ndshm_create_options create = {.struct_size = sizeof(create)};
    ndshm_import_options import = {.struct_size = sizeof(import)};
    ndshm_export_options options = {.struct_size = sizeof(options)};
    ndshm_verified found = {.struct_size = sizeof(found)};
    ndshm_segment segment = {0};

    create.policy = NDSHM_POLICY_ANONYMOUS;
    import.create = &create;
    options.dataset = "a";
    options.replace = 1;
    FINE(ndshm_import(mine->file, "a", NULL, &import, &segment, &mine->error));
    const struct pair *data = ndshm_segment_data(&segment);
    for (int i = 0; i < ROWS; i++)
        EXPECT(data[i].i == i && data[i].x == (double)i / 2);
    FINE(ndshm_export(&segment, mine->back, &options, NULL, &mine->error));
    FINE(ndshm_verify(mine->back, 0, NULL, NULL, &found, &mine->error));
    EXPECT(found.problems == 0 && found.datasets == 1);
    FINE(ndshm_segment_detach(&segment));
}

static void *jobs(void *context)
{
    struct mine *mine = context;

    mine->error.struct_size = sizeof(mine->error);
    for (int turn = 0; turn < turns; turn++) {
        const int packed = (turn + mine->number) % 2;
        convert(mine, packed ? NDSHM_COMPRESSION_GZIP : NDSHM_COMPRESSION_NONE);
        there_and_back(mine);
    }
    return context;
}

/* A file with one thread's rows, for the others to join. */
static void joined(const struct mine *all, int n)
{
    const char *shards[8];
    ndshm_join_options options = {.struct_size = sizeof(options)};

    for (int i = 0; i < n; i++)
        shards[i] = all[i].back;
    options.materialize = 1;
    GOOD(ndshm_join(shards, (size_t)n, in_folder("all.h5"), &options, NULL, &error));
    has_pairs(in_folder("all.h5"), "a", ROWS, n);
}

int main(void)
{
    static struct mine all[3];
    pthread_t workers[3], others[4];
    int descriptors;

    if (getenv("TEST_QUICK") != NULL)
        turns = 2;
    snprintf(prefix, sizeof(prefix), "test.threads.%ld", (long)getpid());
    make_folder();
    EXPECT(H5open() >= 0);
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%d.txt", i);
        snprintf(all[i].text, sizeof(all[i].text), "%s", table(name, ROWS));
        snprintf(all[i].file, sizeof(all[i].file), "%s/%d.h5", folder, i);
        snprintf(all[i].back, sizeof(all[i].back), "%s/back%d.h5", folder, i);
        all[i].number = i;
    }
    descriptors = count_entries("/proc/self/fd");
    for (int i = 0; i < 4; i++)
        EXPECT(pthread_create(&others[i], NULL, i == 0 ? host : busy, NULL) == 0);
    for (int i = 0; i < 3; i++)
        EXPECT(pthread_create(&workers[i], NULL, jobs, &all[i]) == 0);
    for (int i = 0; i < 3; i++)
        EXPECT(pthread_join(workers[i], NULL) == 0);
    atomic_store(&over, 1);
    for (int i = 0; i < 4; i++)
        EXPECT(pthread_join(others[i], NULL) == 0);
    for (int i = 0; i < 3; i++)
        has_pairs(all[i].back, "a", ROWS, 1);
    joined(all, 3);
    EXPECT(nothing_left(descriptors));
    remove_folder();
    EXPECT(H5close() >= 0);
    return 0;
}
