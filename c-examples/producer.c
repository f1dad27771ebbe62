/*
 * producer.c: makes an array that consumer.c reads, in another process
 *
 *     ./producer demo            in one terminal, and
 *     ./consumer demo            in another one, before or after
 *
 * The segment has its name from the moment it is complete. It stays until the
 * last process that has it attached is gone: end the producer with Ctrl-D (or
 * kill it) while a consumer runs, and the consumer does not notice.
 */

#include <stdio.h>

#include "ndshm.h"

enum { ROWS = 1000, COLUMNS = 3 };

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "demo";
    const uint64_t shape[] = {ROWS, COLUMNS};
    ndshm_error error = {.struct_size = sizeof(error)};
    ndshm_create_options options = {.struct_size = sizeof(options)};
    ndshm_segment segment = {0};

    options.dtype = "f8";
    options.shape = shape;
    options.ndim = 2;
    if (ndshm_segment_create(name, &options, &segment, &error)) {
        fprintf(stderr, "producer: %s\n", error.message);
        return 1;
    }

    /* Nobody sees the draft yet. What is not written is zero. */
    double *data = ndshm_segment_data_mut(&segment);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
            data[i * COLUMNS + j] = i + j * 0.25;

    if (ndshm_segment_publish(&segment, &error)) {
        fprintf(stderr, "producer: %s\n", error.message);
        ndshm_segment_detach(&segment);
        return 1;
    }
    printf("%s is there; Ctrl-D ends its producer\n", name);
    fflush(stdout);
    while (getchar() != EOF) {
    }
    ndshm_segment_detach(&segment);
    return 0;
}
