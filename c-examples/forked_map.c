/*
 * A function over many items in worker processes: each worker makes an array in
 * shared memory of an item, and this process gets the arrays, without a copy, in
 * the order in which they are done. Whoever is killed meanwhile, nothing is left.
 * Link it with libndshm-core or libndshm.
 *
 * Here an item is a range of numbers, and its array the lengths of their Collatz
 * sequences.
 */
#include <inttypes.h>
#include <stdio.h>

#include "ndshm.h"

struct range {
    uint64_t first, count;
};

/* Runs in a worker. It leaves a draft in `result`, and the library publishes it. */
static int32_t lengths(const void *item, size_t item_size, uint64_t index, void *context,
                       ndshm_segment *result, ndshm_error *error)
{
    const struct range *range = item;
    ndshm_create_options options = {.struct_size = sizeof(options)};
    uint32_t *data;
    (void)item_size, (void)index, (void)context;

    options.dtype = "<u4";
    options.shape = &range->count;
    options.ndim = 1;
    options.policy = NDSHM_POLICY_ANONYMOUS; /* without a name */
    if (ndshm_segment_create(NULL, &options, result, error))
        return error->code;
    data = ndshm_segment_data_mut(result);
    for (uint64_t i = 0; i < range->count; i++)
        for (uint64_t n = range->first + i; n != 1; data[i]++)
            n = n % 2 == 0 ? n / 2 : 3 * n + 1;
    return NDSHM_OK;
}

static const ndshm_map_entry functions[] = {{"lengths", lengths}};

int main(void)
{
    ndshm_error error = {.struct_size = sizeof(error)};
    struct range ranges[20];
    ndshm_segment segment;
    ndshm_map map = {0};
    uint64_t index, sum = 0, done = 0, longest = 1;
    uint32_t most = 0;
    int32_t status;

    /* In a worker that was started by exec, as a process with threads does it, this does not
     * return: so it comes first. */
    if (ndshm_map_serve(functions, 1, &error)) {
        fprintf(stderr, "forked_map: %s\n", error.message);
        return 1;
    }
    for (uint64_t i = 0; i < 20; i++)
        ranges[i] = (struct range){1 + 1000 * i, 1000};
    status = ndshm_map_start(ranges, sizeof(ranges[0]), 20, lengths, NULL, &map, &error);
    while (status == NDSHM_OK) {
        status = ndshm_map_next(&map, -1, &index, &segment, &error); /* waits for any of them */
        if (status != NDSHM_OK)
            break;
        const uint32_t *data = ndshm_segment_data(&segment);
        for (uint64_t i = 0; i < ranges[index].count; i++) {
            const uint64_t n = ranges[index].first + i;
            sum += data[i];
            if (data[i] > most || (data[i] == most && n < longest)) {
                most = data[i];
                longest = n;
            }
        }
        done++;
        ndshm_segment_detach(&segment); /* and its memory is gone */
    }
    ndshm_map_discard(&map); /* ends the workers, also after an error */
    if (status != NDSHM_ERR_END) {
        fprintf(stderr, "forked_map: %s\n", error.message); /* of an item: error.input is which */
        return 1;
    }
    printf("%" PRIu64 " items, sum %" PRIu64 ", longest %" PRIu64 " (%" PRIu32 " steps)\n", done,
           sum, longest, most);
    return 0;
}
