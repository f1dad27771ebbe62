/*
 * Many HDF5 files as one: joined, verified, copied, in one call and as jobs, with
 * what is wrong with them told.
 */

#define _GNU_SOURCE

#include "check.h"

static ndshm_text_options pairs(void)
{
    ndshm_text_options text = {.struct_size = sizeof(text)};
    text.dtype = "i:i8,x:f8";
    return text;
}

/* A shard of `rows` rows. */
static const char *shard(const char *name, const char *dtype, long rows)
{
    ndshm_input input = {.path = table("rows.txt", rows)};
    ndshm_text_options text = pairs();
    ndshm_hdf5_options options = {.struct_size = sizeof(options)};
    const char *path = in_folder(name);

    text.dtype = dtype;
    options.dataset = "data";
    options.replace = 1;
    GOOD(ndshm_convert(&input, 1, &text, path, &options, NULL, &error));
    return path;
}

struct told {
    int count;
    char kind[8][16];
};

static int32_t tell(const char *file, const char *dataset, const char *kind, const char *message,
                    void *user)
{
    struct told *told = user;

    EXPECT(strncmp(file, folder, strlen(folder)) == 0 && strlen(message) > 3);
    EXPECT(dataset == NULL || strcmp(dataset, "data") == 0);
    snprintf(told->kind[told->count++ % 8], sizeof(told->kind[0]), "%s", kind);
    return 0;
}

static int32_t stop(const char *file, const char *dataset, const char *kind, const char *message,
                    void *user)
{
    (void)file, (void)dataset, (void)kind, (void)message, (void)user;
    return -1234;
}

static ndshm_verified unknown(void)
{
    ndshm_verified found = {.struct_size = sizeof(found)};
    return found;
}

static void joined_in_one_call(void)
{
    const char *shards[] = {shard("a.h5", "i:i8,x:f8", 10), shard("b.h5", "i:i8,x:f8", 20)};
    const char *all = in_folder("all.h5"), *one = in_folder("one.h5");
    const char *datasets[] = {"data"};
    ndshm_join_options options = {.struct_size = sizeof(options)};
    ndshm_joined made = {.struct_size = sizeof(made)};
    ndshm_verified found = unknown();
    struct told told = {0};

    GOOD(ndshm_join(shards, 2, all, NULL, NULL, &error));
    FAILS(NDSHM_ERR_FILE_EXISTS, "all.h5", ndshm_join(shards, 2, all, NULL, NULL, &error));
    options.replace = 1;
    options.checksum = 1;
    options.datasets = datasets;
    options.datasets_len = 1;
    GOOD(ndshm_join(shards, 2, all, &options, &made, &error));
    EXPECT(made.shards == 2 && made.datasets == 1 && made.bytes > 1000);
    GOOD(ndshm_verify(all, 0, tell, &told, &found, &error));
    EXPECT(found.problems == 0 && found.shards == 2 && found.datasets == 1);
    EXPECT(found.checksums == 2 && told.count == 0);
    GOOD(ndshm_verify(all, 1, NULL, NULL, &found, &error));
    EXPECT(found.checksums == 0);

    options.checksum = 0;
    options.materialize = 1;
    GOOD(ndshm_join(&all, 1, one, &options, &made, &error));
    EXPECT(made.shards == 2 && made.bytes > 30 * 16);
    GOOD(ndshm_verify(one, 0, tell, &told, &found, &error));
    EXPECT(found.shards == 0 && found.datasets == 1 && told.count == 0);

    /* A shard goes, another one changes. */
    EXPECT(unlink(shards[0]) == 0);
    shard("b.h5", "i:i8,x:f8", 21);
    GOOD(ndshm_verify(all, 1, tell, &told, &found, &error));
    EXPECT(found.problems == 2 || found.problems == 3);
    EXPECT((int)found.problems == told.count && strcmp(told.kind[0], "missing") == 0);
    EXPECT(strcmp(told.kind[told.count - 1], "shape") == 0);
    FAILS(-1234, "callback", ndshm_verify(all, 0, stop, NULL, NULL, &error));
    FAILS(NDSHM_ERR_SHARDS, "a.h5: is missing",
          ndshm_join(&all, 1, one, &options, NULL, &error));
    EXPECT(unlink(all) == 0 && unlink(one) == 0);
}

static void what_does_not_fit(void)
{
    const char *shards[] = {shard("a.h5", "i:i8,x:f8", 10), shard("b.h5", "i:i8,x:f4", 10),
                            in_folder("nowhere.h5")};
    const char *all = in_folder("no.h5");
    ndshm_join_options options = {.struct_size = sizeof(options)};

    FAILS(NDSHM_ERR_SHARDS, "b.h5: dataset 'data' has dtype",
          ndshm_join(shards, 2, all, NULL, NULL, &error));
    EXPECT(error.input == 1);
    FAILS(NDSHM_ERR_INPUT, "nowhere.h5: is missing",
          ndshm_join(shards + 2, 1, all, NULL, NULL, &error));
    EXPECT(error.input == 0 && error.os_errno == ENOENT);
    REFUSED("nothing to join", ndshm_join(shards, 0, all, NULL, NULL, &error));
    REFUSED("shards", ndshm_join(NULL, 2, all, NULL, NULL, &error));
    REFUSED("output", ndshm_join(shards, 2, NULL, NULL, NULL, &error));
    options.new_axis = 2;
    REFUSED("new_axis", ndshm_join(shards, 2, all, &options, NULL, &error));
    options.new_axis = 0;
    options.datasets_len = 1;
    REFUSED("datasets", ndshm_join(shards, 2, all, &options, NULL, &error));
    REFUSED("quick", ndshm_verify(all, 2, NULL, NULL, NULL, &error));
    REFUSED("file", ndshm_verify(NULL, 0, NULL, NULL, NULL, &error));
    EXPECT(access(all, F_OK) != 0);
}

static void as_jobs(void)
{
    const char *shards[] = {shard("a.h5", "i:i8,x:f8", 10), shard("b.h5", "i:i8,x:f8", 20)};
    const char *all = in_folder("all.h5");
    ndshm_join_options options = {.struct_size = sizeof(options)};
    ndshm_progress now = {.struct_size = sizeof(now)};
    ndshm_joined made = {.struct_size = sizeof(made)};
    ndshm_verified found = unknown();
    ndshm_job job = {0};
    int steps = 0;

    options.checksum = 1;
    GOOD(ndshm_join_start(shards, 2, all, &options, &job, &error));
    EXPECT(ndshm_job_fd(&job) >= 0);
    REFUSED("job", ndshm_verify_finish(&job, NULL, NULL, NULL, &error));
    while (!now.done) {
        GOOD(ndshm_job_step(&job, 0, &now, &error));
        steps++;
    }
    EXPECT(steps >= 4 && now.inputs_done == 2 && now.inputs_total == 2 && now.rows == 30);
    EXPECT(now.bytes_done == now.bytes_total && now.bytes_done > 0 && access(all, F_OK) != 0);
    GOOD(ndshm_join_finish(&job, &made, &error));
    EXPECT(made.shards == 2 && access(all, F_OK) == 0);

    GOOD(ndshm_verify_start(all, 0, &job, &error));
    REFUSED("job", ndshm_join_finish(&job, NULL, &error));
    GOOD(ndshm_verify_finish(&job, NULL, NULL, &found, &error));
    EXPECT(found.problems == 0 && found.checksums == 2);

    GOOD(ndshm_verify_start(all, 0, &job, &error));
    ndshm_job_cancel(&job);
    FAILS(NDSHM_ERR_CANCELLED, "cancel", ndshm_job_step(&job, 0, &now, &error));
    EXPECT(ndshm_job_discard(&job) == NDSHM_OK);

    options.replace = 1;
    GOOD(ndshm_join_start(shards, 2, all, &options, &job, &error));
    GOOD(ndshm_job_step(&job, 0, &now, &error));
    EXPECT(ndshm_job_discard(&job) == NDSHM_OK);
    GOOD(ndshm_verify(all, 0, NULL, NULL, &found, &error));
    EXPECT(found.problems == 0);
}

int main(void)
{
    int descriptors;

    snprintf(prefix, sizeof(prefix), "test-join-%d", (int)getpid());
    make_folder();
    descriptors = count_entries("/proc/self/fd");
    joined_in_one_call();
    what_does_not_fit();
    as_jobs();
    EXPECT(nothing_left(descriptors));
    remove_folder();
    return 0;
}
