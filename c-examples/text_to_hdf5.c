/*
 * Text tables to one compressed HDF5 file, as a job: step it, show how far it is,
 * and stop it cleanly on Ctrl-C. Link it with libndshm; libndshm-core has no HDF5.
 *
 *     text_to_hdf5 OUT.h5 DTYPE FILE...
 *     text_to_hdf5 calls.h5 chr:S10,pos:i4,pct:f4 a.tsv b.tsv
 *
 * Without arguments it makes two small tables of its own, and converts them.
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ndshm.h"

static ndshm_job job; /* where the signal handler finds it */

static void on_interrupt(int signal)
{
    (void)signal;
    ndshm_job_cancel(&job); /* does nothing if no job is open */
}

static int fail(const ndshm_error *error)
{
    fprintf(stderr, "text_to_hdf5: %s\n", error->message); /* names file and line */
    return error->code == NDSHM_ERR_CANCELLED ? 130 : 1;
}

static int convert(const char *output, const char *dtype, char *const *files, size_t count)
{
    ndshm_error error = {.struct_size = sizeof(error)};
    ndshm_text_options text = {.struct_size = sizeof(text), .dtype = dtype};
    ndshm_attribute source = {.name = "source", .text = "text_to_hdf5"};
    /* Chunks of rows, which the workers compress, with a checksum each. */
    ndshm_hdf5_options file = {.struct_size = sizeof(file),
                               .replace = 1,
                               .compression = NDSHM_COMPRESSION_GZIP,
                               .fletcher32 = 1,
                               .attributes = &source,
                               .attributes_len = 1};
    ndshm_progress now = {.struct_size = sizeof(now)};
    ndshm_conversion made = {.struct_size = sizeof(made)};
    ndshm_input *inputs = calloc(count, sizeof(*inputs));
    int32_t status;

    if (inputs == NULL)
        return 1;
    for (size_t i = 0; i < count; i++)
        inputs[i].path = files[i]; /* zeros and a path are a file */
    status = ndshm_convert_start(inputs, count, &text, output, &file, &job, &error);
    free(inputs); /* nothing of the arguments is needed any more */

    while (status == NDSHM_OK && !now.done) {
        status = ndshm_job_step(&job, 200, &now, &error); /* waits 200 ms at most */
        if (isatty(2) && now.bytes_total > 0)
            fprintf(stderr, "\r%3.0f %%, %" PRIu64 " rows%s",
                    100.0 * (double)now.bytes_done / (double)now.bytes_total, now.rows,
                    now.done ? "\n" : "");
    }
    if (status == NDSHM_OK)
        status = ndshm_convert_finish(&job, &made, &error); /* closes the job, always */
    else
        ndshm_job_discard(&job); /* of what was not finished nothing is left */
    if (status != NDSHM_OK)
        return fail(&error);
    printf("%s: %" PRIu64 " rows in %" PRIu64 " datasets\n", output, made.rows, made.datasets);
    return 0;
}

/* Two tables and a file in a folder of their own, which is removed again. */
static int demonstrate(void)
{
    static const char *const names[] = {"a.tsv", "b.tsv", "out.h5"};
    char folder[] = "/tmp/ndshm-example.XXXXXX";
    char paths[3][64];
    char *files[] = {paths[0], paths[1]};
    int status = 1;

    if (mkdtemp(folder) == NULL)
        return 1;
    for (int i = 0; i < 3; i++)
        snprintf(paths[i], sizeof(paths[i]), "%s/%s", folder, names[i]);
    for (int i = 0; i < 2; i++) {
        FILE *table = fopen(paths[i], "w");
        if (table == NULL)
            break;
        fprintf(table, "# chr pos pct\nchr1 %d 0.25\nchr2 %d 0.75\n", 100 * i + 1, 100 * i + 2);
        if (fclose(table) == 0 && i == 1)
            status = convert(paths[2], "chr:S10,pos:i4,pct:f4", files, 2);
    }
    for (int i = 0; i < 3; i++)
        unlink(paths[i]);
    rmdir(folder);
    return status;
}

int main(int argc, char **argv)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_interrupt;
    sigaction(SIGINT, &action, NULL);
    if (argc == 1)
        return demonstrate();
    if (argc < 4) {
        fprintf(stderr, "usage: text_to_hdf5 OUT.h5 DTYPE FILE...\n");
        return 2;
    }
    return convert(argv[1], argv[2], argv + 3, (size_t)argc - 3);
}
