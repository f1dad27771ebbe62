/*
 * Text to HDF5 files, beside a program that uses HDF5 itself, with an error
 * handler of its own: the files are read with HDF5's own interface, and of what
 * fails nothing is left.
 */

#define _GNU_SOURCE

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "hdf5_check.h"

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

/* A dataset of the file that was made. */
static hid_t opened(const char *path, const char *dataset, hid_t *h5)
{
    *h5 = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    EXPECT(*h5 >= 0);
    hid_t set = H5Dopen2(*h5, dataset, H5P_DEFAULT);
    EXPECT(set >= 0);
    return set;
}

/* How a dataset is stored: its filters in their order, -1 behind the last one, the level of a
 * compression, and the rows of a chunk. */
static void is_stored(const char *path, const char *dataset, const int *filters, unsigned level,
                      hsize_t rows)
{
    hid_t h5, set = opened(path, dataset, &h5), list = H5Dget_create_plist(set);
    int count = 0;

    EXPECT(list >= 0 && H5Pget_layout(list) == H5D_CHUNKED);
    for (; filters[count] >= 0; count++) {
        unsigned flags, found = 0, values[8] = {0};
        size_t len = 8;
        EXPECT(count < H5Pget_nfilters(list));
        EXPECT(H5Pget_filter2(list, (unsigned)count, &flags, &len, values, 0, NULL, &found) ==
               filters[count]);
        if (filters[count] != H5Z_FILTER_SHUFFLE && filters[count] != H5Z_FILTER_FLETCHER32)
            EXPECT(len >= 1 && values[0] == level);
    }
    EXPECT(H5Pget_nfilters(list) == count);
    if (rows != 0) {
        hsize_t extent;
        EXPECT(H5Pget_chunk(list, 1, &extent) == 1 && extent == rows);
    }
    EXPECT(H5Pclose(list) >= 0 && H5Dclose(set) >= 0 && H5Fclose(h5) >= 0);
}

#define FILTERS(...) ((const int[]){__VA_ARGS__, -1})

static void stored(void)
{
    const uint64_t extent = 100;
    ndshm_input inputs[] = {{.path = table("a.txt", 1000)}, {.path = table("b.txt", 1000)}};
    const char *output = in_folder("out.h5");
    ndshm_text_options text = text_of(PAIR);
    ndshm_hdf5_options options = plain();
    ndshm_conversion made = unknown();
    struct stat packed;
    hsize_t rows;

#define MAKE() GOOD(ndshm_convert(inputs, 2, &text, output, &options, &made, &error))
    options.replace = 1;
    options.compression = NDSHM_COMPRESSION_GZIP;
    options.fletcher32 = 1;
    options.chunk = &extent;
    options.chunk_len = 1;
    MAKE();
    EXPECT(made.rows == 2000 && made.datasets == 2);
    EXPECT(stat(output, &packed) == 0 && (uint64_t)packed.st_size == made.bytes);
    has_pairs(output, "a", 1000, 1);
    has_pairs(output, "b", 1000, 1);
    is_stored(output, "b",
              FILTERS(H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE, H5Z_FILTER_FLETCHER32), 4, 100);

    options = plain();
    options.replace = 1;
    options.compression = NDSHM_COMPRESSION_GZIP;
    options.level = 9;
    options.no_shuffle = 1;
    options.dataset = "both";
    MAKE();
    has_pairs(output, "both", 1000, 2);
    is_stored(output, "both", FILTERS(H5Z_FILTER_DEFLATE), 9, 0);
    EXPECT((int64_t)made.bytes < 32000);

    /* Zstandard is written without a plugin, and read with one: which filter it is, is seen. */
    options = plain();
    options.replace = 1;
    options.compression = NDSHM_COMPRESSION_ZSTD;
    MAKE();
    is_stored(output, "a", FILTERS(H5Z_FILTER_SHUFFLE, 32015), 3, 0);
    options.level = 19;
    MAKE();
    is_stored(output, "a", FILTERS(H5Z_FILTER_SHUFFLE, 32015), 19, 0);

    /* A layout alone. */
    options = plain();
    options.replace = 1;
    options.layout = NDSHM_LAYOUT_CHUNKED;
    MAKE();
    has_pairs(output, "a", 1000, 1);
    is_stored(output, "a", FILTERS(-1), 0, 0);
    options.layout = NDSHM_LAYOUT_CONTIGUOUS;
    MAKE();
    hid_t h5, set = opened(output, "a", &h5), list = H5Dget_create_plist(set);
    EXPECT(H5Pget_layout(list) == H5D_CONTIGUOUS);
    EXPECT(H5Pclose(list) >= 0 && H5Dclose(set) >= 0 && H5Fclose(h5) >= 0);

    /* A dataset for each column. */
    options.layout = NDSHM_LAYOUT_COLUMNS;
    options.compression = NDSHM_COMPRESSION_GZIP;
    options.dataset = "both";
    MAKE();
    double values[2000];
    set = opened(output, "both/x", &h5);
    hid_t space = H5Dget_space(set);
    EXPECT(H5Sget_simple_extent_dims(space, &rows, NULL) == 1 && rows == 2000);
    EXPECT(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    for (int i = 0; i < 2000; i++)
        EXPECT(values[i] == (double)(i % 1000) / 2);
    EXPECT(H5Sclose(space) >= 0 && H5Dclose(set) >= 0 && H5Fclose(h5) >= 0);
    is_stored(output, "both/i", FILTERS(H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE), 4, 0);
    EXPECT(unlink(output) == 0);
}

/* An attribute of one value, as `type`. */
static void read_attribute(hid_t set, const char *name, hid_t type, void *value)
{
    hid_t attribute = H5Aopen(set, name, H5P_DEFAULT);
    EXPECT(attribute >= 0 && H5Aread(attribute, type, value) >= 0);
    EXPECT(H5Aclose(attribute) >= 0);
}

/* Whether the text of an attribute, of whatever width, begins with `wanted`. */
static int attribute_says(hid_t set, const char *name, const char *wanted)
{
    char text[64] = "";
    char *pointer = NULL;
    hid_t attribute = H5Aopen(set, name, H5P_DEFAULT), type = H5Aget_type(attribute);
    const int variable = H5Tis_variable_str(type);
    int equal;

    EXPECT(attribute >= 0 && type >= 0 && variable >= 0);
    EXPECT(variable || H5Tget_size(type) < sizeof(text));
    EXPECT(H5Aread(attribute, type, variable ? (void *)&pointer : (void *)text) >= 0);
    equal = strcmp(variable ? pointer : text, wanted) == 0;
    if (variable)
        EXPECT(H5free_memory(pointer) >= 0);
    EXPECT(H5Tclose(type) >= 0 && H5Aclose(attribute) >= 0);
    return equal;
}

/* Two maps of 2 x 3 become an array of 2 x 1 x 2 x 3, which says what it is. */
static void arranged(void)
{
    const uint64_t shape[] = {NDSHM_OPEN_EXTENT, 2, 3};
    ndshm_input inputs[] = {{.path = file("a.txt", "1 2 3\n4 5 6\n")},
                            {.path = file("b.txt", "7 8 9\n10 11 12\n")}};
    const ndshm_attribute attributes[] = {
        {.name = "units", .text = "K"},
        {.name = "level", .kind = NDSHM_ATTRIBUTE_INTEGER, .integer = INT64_MIN},
        {.name = "scale", .kind = NDSHM_ATTRIBUTE_NUMBER, .number = 0.25},
    };
    const char *output = in_folder("out.h5");
    ndshm_text_options text = text_of("f8");
    ndshm_hdf5_options options = plain();
    ndshm_conversion made = unknown();
    double values[12], scale;
    hsize_t extents[4];
    int64_t level;
    hid_t h5, set, space;

    options.dataset = "maps/all";
    options.arrange = NDSHM_ARRANGE_STACK;
    options.shape = shape;
    options.shape_len = 3;
    options.attributes = attributes;
    options.attributes_len = 3;
    options.checksum = 1;
    MAKE();
    EXPECT(made.datasets == 1 && made.rows == 4);
    set = opened(output, "maps/all", &h5);
    space = H5Dget_space(set);
    EXPECT(H5Sget_simple_extent_ndims(space) == 4);
    EXPECT(H5Sget_simple_extent_dims(space, extents, NULL) == 4);
    EXPECT(extents[0] == 2 && extents[1] == 1 && extents[2] == 2 && extents[3] == 3);
    EXPECT(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    for (int i = 0; i < 12; i++)
        EXPECT(values[i] == i + 1);
    EXPECT(attribute_says(set, "units", "K"));
    read_attribute(set, "level", H5T_NATIVE_INT64, &level);
    read_attribute(set, "scale", H5T_NATIVE_DOUBLE, &scale);
    EXPECT(level == INT64_MIN && scale == 0.25);
    const int noted = (int)H5Aget_num_attrs(set);
    EXPECT(H5Sclose(space) >= 0 && H5Dclose(set) >= 0 && H5Fclose(h5) >= 0);

    /* What the file notes: less, and nothing. */
    options.replace = 1;
    options.checksum = 0;
    MAKE();
    set = opened(output, "maps/all", &h5);
    const int fewer = (int)H5Aget_num_attrs(set);
    EXPECT(fewer == noted - 1 && fewer > 3);
    EXPECT(H5Dclose(set) >= 0 && H5Fclose(h5) >= 0);
    options.no_provenance = 1;
    MAKE();
    set = opened(output, "maps/all", &h5);
    EXPECT(H5Aget_num_attrs(set) == 3);
    EXPECT(H5Dclose(set) >= 0 && H5Fclose(h5) >= 0);

    /* One that does not fill the shape. */
    inputs[1].path = file("c.txt", "7 8 9\n");
    FAILS(NDSHM_ERR_ARGUMENT, "do not fill the shape (-1, 2, 3)",
          ndshm_convert(inputs, 2, &text, output, &options, &made, &error));
    EXPECT(unlink(output) == 0);

    /* Where each row comes from, and a column of few texts as numbers. */
    static const char *const labels[] = {"chr1", "chr2"};
    const ndshm_category category = {"chr", labels, 2};
    struct origin {
        int16_t chr;
        char from[8];
    } row[3];
    const hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(row[0])), name = H5Tcopy(H5T_C_S1);
    options = plain();
    options.dataset = "calls";
    options.source_column = "from";
    options.categories = &category;
    options.categories_len = 1;
    text = text_of("chr:S10,pos:i4");
    inputs[0].path = file("a.txt", "chr2 5\nchr1 6\n");
    inputs[1].path = file("b.txt", "chr2 7\n");
    MAKE();
    set = opened(output, "calls", &h5);
    hid_t stored = H5Dget_type(set);
    EXPECT(H5Tget_nmembers(stored) == 3 && H5Tget_member_class(stored, 0) == H5T_ENUM);
    EXPECT(H5Tget_member_index(stored, "from") == 2);
    hid_t chr = H5Tget_member_type(stored, 0), from = H5Tget_member_type(stored, 2);
    EXPECT(H5Tset_size(name, sizeof(row[0].from)) >= 0);
    EXPECT(H5Tset_cset(name, H5Tget_cset(from)) >= 0 && H5Tclose(from) >= 0);
    EXPECT(H5Tinsert(type, "chr", HOFFSET(struct origin, chr), chr) >= 0);
    EXPECT(H5Tinsert(type, "from", HOFFSET(struct origin, from), name) >= 0);
    EXPECT(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, row) >= 0);
    EXPECT(row[0].chr == 1 && row[1].chr == 0 && row[2].chr == 1);
    EXPECT(strcmp(row[1].from, "a.txt") == 0 && strcmp(row[2].from, "b.txt") == 0);
    EXPECT(H5Tclose(chr) >= 0 && H5Tclose(stored) >= 0 && H5Tclose(type) >= 0);
    EXPECT(H5Tclose(name) >= 0 && H5Dclose(set) >= 0 && H5Fclose(h5) >= 0);
    EXPECT(unlink(output) == 0);

    /* Axes with names, coordinates, units, and attributes of single objects. */
    const double lat[] = {10.5, 20.5};
    const ndshm_dimension dims[] = {
        {.name = "time", .coordinates = NDSHM_COORDINATES_STEPS, .start = 5, .step = 1},
        {.name = "lat", .coordinates = NDSHM_COORDINATES_VALUES, .values = lat, .values_len = 2},
        {.name = "lon"},
    };
    const ndshm_object_attribute objects[] = {
        {"lat", {.name = "units", .text = "degrees_north"}},
        {"/", {.name = "n", .kind = NDSHM_ATTRIBUTE_INTEGER, .integer = 3}},
    };
    options = plain();
    options.dataset = "t2m";
    options.arrange = NDSHM_ARRANGE_STACK;
    options.dims = dims;
    options.dims_len = 3;
    options.object_attributes = objects;
    options.object_attributes_len = 2;
    text = text_of("f4");
    inputs[0].path = file("a.txt", "1 2 3\n4 5 6\n");
    inputs[1].path = file("b.txt", "1 2 3\n4 5 6\n");
    MAKE();
    double coordinate[2];
    set = opened(output, "time", &h5);
    EXPECT(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, coordinate) >= 0);
    EXPECT(coordinate[0] == 5 && coordinate[1] == 6 && H5Dclose(set) >= 0);
    EXPECT(H5Aexists(h5, "n") > 0 && H5Aexists_by_name(h5, "lat", "units", H5P_DEFAULT) > 0);
    EXPECT(H5Aexists_by_name(h5, "t2m", "DIMENSION_LIST", H5P_DEFAULT) > 0);
    EXPECT(H5Lexists(h5, "lon", H5P_DEFAULT) > 0 && H5Fclose(h5) >= 0 && unlink(output) == 0);
    const ndshm_attribute units = {.name = "b", .text = "m"};
    options = plain();
    options.dataset = "r";
    options.units = &units;
    options.units_len = 1;
    text = text_of("a:f4,b:f4,c:f4");
    MAKE();
    set = opened(output, "r", &h5);
    EXPECT(H5Aexists(set, "b.units") > 0 && H5Dclose(set) >= 0 && H5Fclose(h5) >= 0);
    EXPECT(unlink(output) == 0);

    /* Groups, named after the directories in which the inputs differ. */
    EXPECT(mkdir(in_folder("day1"), 0700) == 0 && mkdir(in_folder("day2"), 0700) == 0);
    inputs[0].path = table("day1/x.txt", 10);
    inputs[1].path = table("day2/x.txt", 10);
    options = plain();
    options.arrange = NDSHM_ARRANGE_GROUPS;
    text = text_of(PAIR);
    MAKE();
    has_pairs(output, "day1/x", 10, 1);
    has_pairs(output, "day2/x", 10, 1);
    EXPECT(unlink(output) == 0 && unlink(inputs[0].path) == 0 && unlink(inputs[1].path) == 0);
    EXPECT(rmdir(in_folder("day1")) == 0 && rmdir(in_folder("day2")) == 0);
#undef MAKE
}

/* To a file that the host has open, too. */
static void added(void)
{
    ndshm_input inputs[] = {{.path = table("a.txt", 1000)}, {.path = table("b.txt", 1000)}};
    const char *output = in_folder("out.h5");
    ndshm_text_options text = text_of(PAIR);
    ndshm_hdf5_options options = plain();
    ndshm_conversion made = unknown();
    hid_t host;

    options.append = 1;
    GOOD(ndshm_convert(inputs, 1, &text, output, &options, &made, &error));
    host = H5Fopen(output, H5F_ACC_RDONLY, H5P_DEFAULT);
    GOOD(ndshm_convert(inputs + 1, 1, &text, output, &options, &made, &error));
    EXPECT(made.rows == 1000 && made.datasets == 1);
    EXPECT((int64_t)made.bytes == size_of(output) && made.bytes > 32000);
    EXPECT(H5Lexists(host, "a", H5P_DEFAULT) == 1 && H5Lexists(host, "b", H5P_DEFAULT) == 0);
    EXPECT(H5Fclose(host) >= 0);
    has_pairs(output, "a", 1000, 1);
    has_pairs(output, "b", 1000, 1);

    FAILS(NDSHM_ERR_DATASET_NAME, "exists already",
          ndshm_convert(inputs, 1, &text, output, &options, &made, &error));
    options.dataset = "c";
    host = H5Fopen(output, H5F_ACC_RDWR, H5P_DEFAULT);
    FAILS(NDSHM_ERR_FILE, "open for writing",
          ndshm_convert(inputs, 1, &text, output, &options, &made, &error));
    EXPECT(host >= 0 && H5Fclose(host) >= 0);
    GOOD(ndshm_convert(inputs, 1, &text, output, &options, &made, &error));
    has_pairs(output, "c", 1000, 1);
    options.replace = 1;
    FAILS(NDSHM_ERR_ARGUMENT, "options->append",
          ndshm_convert(inputs, 1, &text, output, &options, &made, &error));
    options.append = 0;
    options.append_rows = 1;
    FAILS(NDSHM_ERR_ARGUMENT, "options->append_rows",
          ndshm_convert(inputs, 1, &text, output, &options, &made, &error));
    options.replace = 0;
    FAILS(NDSHM_ERR_FILE, "has no chunks",
          ndshm_convert(inputs, 1, &text, output, &options, &made, &error));
    options.dataset = "no";
    FAILS(NDSHM_ERR_DATASET_NAME, "no such dataset",
          ndshm_convert(inputs, 1, &text, output, &options, &made, &error));
    options.dataset = "grown";
    options.append_rows = 0;
    options.append = 1;
    options.compression = NDSHM_COMPRESSION_GZIP;
    GOOD(ndshm_convert(inputs, 1, &text, output, &options, &made, &error));
    options.append = 0;
    options.append_rows = 1;
    text.dtype = "auto";
    GOOD(ndshm_convert(inputs + 1, 1, &text, output, &options, &made, &error));
    EXPECT(made.rows == 1000 && made.datasets == 1);
    text.dtype = "f8";
    FAILS(NDSHM_ERR_HDF5_TYPE, "its rows are",
          ndshm_convert(inputs, 1, &text, output, &options, &made, &error));
    text.dtype = PAIR;
    options = plain();
    options.replace = 1;
    /* A program that knows nothing of it. */
    options.struct_size = offsetof(ndshm_hdf5_options, append);
    GOOD(ndshm_convert(inputs, 1, &text, output, &options, &made, &error));
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
    WRONG("struct_size", struct_size, offsetof(ndshm_hdf5_options, append) - 1);
    WRONG("struct_size", struct_size, 0);
    WRONG("replace", replace, 2);
    WRONG("append", append, 2);
    WRONG("append_rows", append_rows, 2);
    WRONG("sync", sync, 2);
    WRONG("bool_as_u8", bool_as_u8, 2);
    WRONG("layout", layout, 4);
    WRONG("compression", compression, 3);
    WRONG("level", level, 1);
    WRONG("no_shuffle is set without", no_shuffle, 1);
    WRONG("no_shuffle", no_shuffle, 2);
    WRONG("fletcher32", fletcher32, 2);
    WRONG("arrange", arrange, 3);
    WRONG("dataset is NULL", arrange, NDSHM_ARRANGE_STACK);
    WRONG("no_provenance", no_provenance, 2);
    WRONG("checksum", checksum, 2);
    WRONG("chunk is NULL", chunk_len, 1);
    WRONG("shape is NULL", shape_len, 1);
    WRONG("shape is NULL", shape_len, SIZE_MAX);
    WRONG("attributes is NULL", attributes_len, 1);
    WRONG("categories is NULL", categories_len, 1);
    WRONG("(concat)", source_column, "from");
    WRONG("UTF-8", source_column, "\xff");
#define AND(part, field, value)                                                        \
    do {                                                                               \
        options.field = value;                                                         \
        REFUSED(part, START(&input, 1, &text, output, &options, &job));                \
    } while (0)
    options = plain();
    options.compression = NDSHM_COMPRESSION_GZIP;
    AND("level", level, 10);
    AND("level", level, 256);
    options.compression = NDSHM_COMPRESSION_ZSTD;
    AND("level", level, 20);
    options.level = 0;
    AND("contiguous", layout, NDSHM_LAYOUT_CONTIGUOUS);
    options = plain();
    options.layout = NDSHM_LAYOUT_CONTIGUOUS;
    AND("contiguous", fletcher32, 1);
    options = plain();
    options.dataset = "all";
    AND("one dataset", arrange, NDSHM_ARRANGE_GROUPS);
    options = plain();
    options.no_provenance = 1;
    AND("checksum", checksum, 1);
    const uint64_t extents[] = {NDSHM_OPEN_EXTENT, 0, NDSHM_OPEN_EXTENT, 2};
    options = plain();
    options.shape = options.chunk = extents;
    AND("shape", shape_len, 2);
    AND("shape", shape_len, 3);
    options.shape = extents + 1;
    AND("shape", shape_len, 1);
    options.shape_len = 0;
    AND("chunk", chunk_len, 2);
    options.chunk_len = 2;
    options.chunk = extents + 2;
    REFUSED("has 1 axis", START(&input, 1, &text, output, &options, &job));
    ndshm_dimension dim = {.name = "row"};
    options = plain();
    options.dims = &dim;
    options.dims_len = 1;
#define DIM(what, field, value)                                                        \
    do {                                                                               \
        ndshm_dimension before = dim;                                                  \
        dim.field = value;                                                             \
        REFUSED(what, START(&input, 1, &text, output, &options, &job));                \
        dim = before;                                                                  \
    } while (0)
    DIM("dims", name, NULL);
    DIM("dimension", name, "a/b");
    DIM("dims", coordinates, 4);
    DIM("dims", reserved, 1);
    DIM("dims", values_len, 1);
    ndshm_attribute units = {.name = "none", .text = "K"};
    options = plain();
    options.units = &units;
    options.units_len = 1;
    REFUSED("'none'", START(&input, 1, &text, output, &options, &job));
    units.kind = NDSHM_ATTRIBUTE_INTEGER;
    REFUSED("units", START(&input, 1, &text, output, &options, &job));
    ndshm_object_attribute object = {"none", {.name = "k", .text = "v"}};
    options = plain();
    options.object_attributes = &object;
    options.object_attributes_len = 1;
    REFUSED("'none'", START(&input, 1, &text, output, &options, &job));
    object.object = NULL;
    REFUSED("object_attributes", START(&input, 1, &text, output, &options, &job));
    ndshm_attribute attribute = {.name = "n", .text = "v"};
    options = plain();
    options.attributes = &attribute;
    options.attributes_len = 1;
#define ATTRIBUTE(field, value)                                                        \
    do {                                                                               \
        ndshm_attribute before = attribute;                                            \
        attribute.field = value;                                                       \
        REFUSED("attributes", START(&input, 1, &text, output, &options, &job));        \
        attribute = before;                                                            \
    } while (0)
    ATTRIBUTE(name, NULL);
    ATTRIBUTE(name, "");
    ATTRIBUTE(name, "\xff");
    ATTRIBUTE(text, NULL);
    ATTRIBUTE(text, "\xff");
    ATTRIBUTE(kind, 3);
    ATTRIBUTE(reserved, 1);
    const char *const labels[] = {"a", ""};
    ndshm_category category = {"i", labels, 2};
    options = plain();
    options.categories = &category;
    options.categories_len = 1;
    REFUSED("categories", START(&input, 1, &text, output, &options, &job));
    category.labels = NULL;
    REFUSED("categories", START(&input, 1, &text, output, &options, &job));
    category.name = NULL;
    category.labels_len = 0;
    REFUSED("categories", START(&input, 1, &text, output, &options, &job));
#undef ATTRIBUTE
#undef AND
    /* The struct of an older program, which ends where `append` is now. What lies behind it
     * is no part of it. */
    options = plain();
    options.struct_size = offsetof(ndshm_hdf5_options, append);
    memset((char *)&options + options.struct_size, 0xff, sizeof(options) - options.struct_size);
    GOOD(ndshm_convert(&input, 1, &text, output, &options, &made, &error));
    has_pairs(output, "a", 10, 1);
    EXPECT(unlink(output) == 0);
    options.struct_size--;
    REFUSED("struct_size", START(&input, 1, &text, output, &options, &job));
    /* That of a newer one, whose fields are not known here, but may be zeros. */
    struct {
        ndshm_hdf5_options known;
        uint64_t more;
    } newer = {.known = plain()};
    newer.known.struct_size = sizeof(newer);
    GOOD(ndshm_convert(&input, 1, &text, output, &newer.known, &made, &error));
    EXPECT(unlink(output) == 0);
    newer.more = 1;
    REFUSED("does not know", START(&input, 1, &text, output, &newer.known, &job));
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
    RUN(added());
    RUN(stored());
    RUN(arranged());
    RUN(errors());
    RUN(stepped());
    RUN(ended_early(descriptors));
    RUN(misuse());
    RUN(limited());
    remove_folder();
    EXPECT(H5close() >= 0);
    return 0;
}
