/*
 * must_fail_text.c: what can be wrong with text, files, jobs and maps
 *
 * Exits with 0 only if everything failed as it should. Of what fails nothing is
 * left. Link with libndshm.
 */

#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ndshm.h"

static ndshm_error error = {.struct_size = sizeof(error)};
static ndshm_segment segment;
static char folder[] = "/tmp/ndshm-fail.XXXXXX", paths[4][64];
static int wrong;

static void expect(int32_t wanted, int32_t status, const char *what)
{
    printf("%-26s %4d  %s\n", what, (int)status, status == NDSHM_OK ? "" : error.message);
    if (status != wanted)
        fprintf(stderr, "%s: expected %d: %s\n", what, (int)wanted, ndshm_strerror(wanted));
    wrong += status != wanted;
}

static const char *file(int place, const char *name, const char *text)
{
    snprintf(paths[place], sizeof(paths[place]), "%s/%s", folder, name);
    FILE *made = text ? fopen(paths[place], "w") : NULL;
    if (made != NULL) {
        fputs(text, made);
        fclose(made);
    }
    return paths[place];
}

/* Reads one or two files into an anonymous segment. */
static int32_t load(const char *dtype, const char *first, const char *second)
{
    ndshm_input inputs[] = {{.path = first}, {.path = second}};
    ndshm_text_options text = {.struct_size = sizeof(text)};
    ndshm_create_options options = {.struct_size = sizeof(options)};
    text.dtype = dtype;
    options.policy = NDSHM_POLICY_ANONYMOUS;
    return ndshm_load(inputs, second ? 2 : 1, &text, NULL, &options, &segment, &error);
}

static int32_t convert(const char *input, const char *output, int cancelled)
{
    ndshm_input inputs[] = {{.path = input}};
    ndshm_text_options text = {.struct_size = sizeof(text)};
    ndshm_job job = {0};
    text.dtype = "f8";
    int32_t status = ndshm_convert_start(inputs, 1, &text, output, NULL, &job, &error);
    if (status != NDSHM_OK)
        return status;
    if (cancelled)
        ndshm_job_cancel(&job);
    return ndshm_convert_finish(&job, NULL, &error);
}

/* An item that cannot be done: the error is that of the map, with the item's number. */
static int32_t refuse(const void *item, size_t item_size, uint64_t index, void *context,
                      ndshm_segment *result, ndshm_error *why)
{
    (void)item, (void)item_size, (void)context, (void)result;
    if (index < 2)
        return NDSHM_OK;
    snprintf(why->message, sizeof(why->message), "no item %d", (int)index);
    return -1000;
}

int main(void)
{
    ndshm_segment results[3] = {{0}, {0}, {0}};
    if (mkdtemp(folder) == NULL)
        return 1;
    const char *good = file(0, "good.txt", "1 2\n3 4\n"), *wide = file(1, "wide.txt", "1 2 3\n");
    const char *bad = file(2, "bad.txt", "1 2\n3 x4\n"), *output = file(3, "out.h5", NULL);

    expect(NDSHM_ERR_INPUT, load("f8", output, NULL), "a file that is not there");
    expect(NDSHM_ERR_TEXT, load("f8", good, bad), "text that is no number");
    wrong += error.input != 1 || error.line != 2 || error.column != 2; /* this is where */
    expect(NDSHM_ERR_COLUMNS, load("f8", good, wide), "another number of columns");
    expect(NDSHM_ERR_DTYPE, load("f3", good, NULL), "a dtype that is none");
    expect(NDSHM_OK, convert(good, output, 0), "(a file is made)");
    expect(NDSHM_ERR_FILE_EXISTS, convert(good, output, 0), "it is there already");
    unlink(output);
    expect(NDSHM_ERR_CANCELLED, convert(good, output, 1), "cancelled");
    expect(NDSHM_ERR_FILE, convert(good, folder, 0), "the output is a folder");
    expect(-1000, ndshm_map_all(NULL, 0, 3, refuse, NULL, results, &error), "an item that fails");
    wrong += error.input != 2;
    wrong += access(output, F_OK) == 0; /* nothing half-written */
    for (int i = 0; i < 3; i++)
        unlink(paths[i]);
    return rmdir(folder) != 0 || wrong != 0;
}
