/*
 * What the programs here share that use HDF5 themselves: an error handler of their own,
 * and tables that are looked for in files.
 */

#ifndef HDF5_CHECK_H
#define HDF5_CHECK_H

#include <hdf5.h>

#include <sys/stat.h>

#include "check.h"

#define PAIR "i:i8,x:f8"

struct pair {
    int64_t i;
    double x;
};

static int handled; /* errors of HDF5 that the program's own handler was told of */

static inline herr_t own_handler(hid_t stack, void *count)
{
    (void)stack;
    ++*(int *)count;
    return 0;
}

/* The handler is the program's, and is called for its errors, and only for those. */
static inline void handler_is_own(void)
{
    static char missing[128]; /* however often this is called: in_folder forgets */
    H5E_auto2_t handler;
    void *data;

    if (missing[0] == '\0')
        snprintf(missing, sizeof(missing), "%s", in_folder("missing.h5"));
    EXPECT(H5Eget_auto2(H5E_DEFAULT, &handler, &data) >= 0);
    EXPECT(handler == own_handler && data == &handled && handled == 0);
    EXPECT(H5Fopen(missing, H5F_ACC_RDONLY, H5P_DEFAULT) < 0 && handled == 1);
    handled = 0;
    EXPECT(H5Eclear2(H5E_DEFAULT) >= 0);
}

static inline ndshm_text_options text_of(const char *dtype)
{
    ndshm_text_options text = {.struct_size = sizeof(text)};
    text.dtype = dtype;
    text.workers = 2;
    return text;
}

static inline ndshm_hdf5_options plain(void)
{
    ndshm_hdf5_options options = {.struct_size = sizeof(options)};
    return options;
}

static inline ndshm_conversion unknown(void)
{
    ndshm_conversion made = {.struct_size = sizeof(made)};
    return made;
}

/* A dataset of `times` tables of `rows` rows. */
static inline void has_pairs(const char *path, const char *dataset, long rows, int times)
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

static inline int64_t size_of(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 ? (int64_t)found.st_size : -1;
}

#endif
