/*
 * consumer.c: reads the array that producer.c makes
 *
 *     ./consumer demo
 *
 * Waits five seconds for the segment at most. A consumer knows the name alone:
 * type and shape come with the segment, and are checked before they are used.
 */

#include <inttypes.h>
#include <stdio.h>

#include "ndshm.h"

/* Whether the segment is what this program can read: a matrix of doubles of
 * this machine, row by row. */
static int is_matrix(const ndshm_segment *segment)
{
    const uint16_t one = 1;
    const int order = *(const unsigned char *)&one ? NDSHM_ORDER_LITTLE : NDSHM_ORDER_BIG;
    ndshm_field element;
    return ndshm_field_element(segment, &element, NULL) == NDSHM_OK &&
           element.kind == NDSHM_KIND_FLOAT && element.itemsize == sizeof(double) &&
           element.order == order && ndshm_segment_ndim(segment) == 2;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "demo";
    ndshm_error error = {.struct_size = sizeof(error)};
    ndshm_attach_options options = {.struct_size = sizeof(options), .timeout_ms = 5000};
    ndshm_segment segment = {0};

    if (ndshm_segment_attach(name, &options, &segment, &error)) {
        fprintf(stderr, "consumer: %s\n", error.message);
        return 1;
    }
    if (!is_matrix(&segment)) {
        fprintf(stderr, "consumer: %s is another array\n", name);
        ndshm_segment_detach(&segment);
        return 1;
    }

    /* By strides, in bytes, so that it does not matter how the rows lie. */
    const uint64_t *shape = ndshm_segment_shape(&segment);
    const int64_t *strides = ndshm_segment_strides(&segment);
    const char *data = ndshm_segment_data(&segment);
    double sum = 0;
    for (uint64_t i = 0; i < shape[0]; i++)
        for (uint64_t j = 0; j < shape[1]; j++)
            sum += *(const double *)(const void *)(data + (int64_t)i * strides[0] +
                                                   (int64_t)j * strides[1]);
    printf("%" PRIu64 " x %" PRIu64 ", sum %g\n", shape[0], shape[1], sum);
    ndshm_segment_detach(&segment);
    return 0;
}
