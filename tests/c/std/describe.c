/*
 * What is in the columns of a table: of text, of a file, of a segment and of memory;
 * what is refused, and that nothing is left.
 */

#define _GNU_SOURCE

#include <math.h>

#include "check.h"

struct row {
    int32_t pos;
    double pct;
};

#define ROWS 3
static const struct row rows[ROWS] = {{1, 2.5}, {4, NAN}, {4, 0.5}};
static const char *const type =
    "{'names': ['pos', 'pct'], 'formats': ['<i4', '<f8'], 'offsets': [0, 8], 'itemsize': 16}";

static ndshm_column column_of(const ndshm_description *description, size_t number)
{
    ndshm_column column = {.struct_size = sizeof(column)};
    GOOD(ndshm_description_column(description, number, &column, &error));
    return column;
}

/* A text of the description is this one. */
static int is(const ndshm_description *d, size_t column, uint32_t what, size_t index,
              const char *wanted)
{
    char text[64];
    size_t len = ndshm_description_text(d, column, what, index, text, sizeof(text));
    return len == strlen(wanted) && strcmp(text, wanted) == 0;
}

/* It says of the rows above what is in them. */
static void check_rows(const ndshm_description *d)
{
    ndshm_quantile quantiles[5];
    ndshm_value value;
    uint64_t count, bars[20], sum = 0;
    ndshm_column pos, pct;

    EXPECT(ndshm_description_rows(d) == ROWS && ndshm_description_columns(d) == 2);
    EXPECT(ndshm_description_bad_rows(d) == 0);
    pos = column_of(d, 0);
    pct = column_of(d, 1);
    EXPECT(is(d, 0, NDSHM_TEXT_NAME, 0, "pos") && pos.name_len == 3);
    EXPECT(is(d, 1, NDSHM_TEXT_NAME, 0, "pct") && is(d, 1, NDSHM_TEXT_DTYPE, 0, "f8"));
    EXPECT(pos.kind == NDSHM_KIND_INT && pct.kind == NDSHM_KIND_FLOAT);
    EXPECT(pos.count == 3 && pos.missing == 0 && pct.count == 2 && pct.missing == 1);
    EXPECT(pos.known == 63 && pct.known == (63 & ~NDSHM_KNOWN_FREQUENT));
    EXPECT(pos.min.integer == 1 && pos.max.integer == 4 && pos.max.natural == 4);
    EXPECT(pct.min.number == 0.5 && pct.max.number == 2.5);
    EXPECT(pos.mean == 3.0 && pct.mean == 1.5 && pct.std == sqrt(2.0));
    EXPECT(pos.distinct == 2 && pos.distinct_error == 0 && pos.unit == 0);
    EXPECT(pos.frequent_len == 2 && pos.frequent_rest == 0 && pos.frequent_uncounted == 0);
    GOOD(ndshm_description_frequent(d, 0, 0, &value, &count));
    EXPECT(value.integer == 4 && count == 2);
    EXPECT(ndshm_description_frequent(d, 0, 2, &value, &count) == NDSHM_ERR_END);
    EXPECT(ndshm_description_frequent(d, 1, 0, &value, &count) == NDSHM_ERR_END);
    EXPECT(pct.quantiles_len == 5);
    GOOD(ndshm_description_quantiles(d, 1, quantiles, 5));
    EXPECT(quantiles[2].part == 0.5 && quantiles[2].value == 1.5 && quantiles[2].error == 0);
    EXPECT(ndshm_description_quantiles(d, 1, quantiles, 4) == NDSHM_ERR_ARGUMENT);
    EXPECT(pct.histogram_len == 20 && pct.histogram_low == 0.5 && pct.histogram_high == 2.5);
    GOOD(ndshm_description_histogram(d, 1, bars, 20));
    for (int i = 0; i < 20; i++)
        sum += bars[i];
    EXPECT(sum == 2 && bars[0] == 1 && bars[19] == 1);
    EXPECT(ndshm_description_histogram(d, 1, bars, 19) == NDSHM_ERR_ARGUMENT);
}

static void memory(void)
{
    const uint64_t shape[] = {ROWS};
    const int64_t backwards[] = {-(int64_t)sizeof(struct row)};
    ndshm_description d = {0};
    ndshm_job job = {0};

    GOOD(ndshm_describe_array_start(rows, type, 1, shape, NULL, NULL, &job, &error));
    GOOD(ndshm_describe_finish(&job, &d, &error));
    check_rows(&d);
    GOOD(ndshm_description_close(&d));
    EXPECT(ndshm_description_close(&d) == NDSHM_ERR_HANDLE);
    GOOD(ndshm_describe_array_start(&rows[ROWS - 1], type, 1, shape, backwards, NULL, &job,
                                    &error));
    GOOD(ndshm_describe_finish(&job, &d, &error));
    check_rows(&d);
    GOOD(ndshm_description_close(&d));
    REFUSED("data", ndshm_describe_array_start(NULL, type, 1, shape, NULL, NULL, &job, &error));
    REFUSED("shape", ndshm_describe_array_start(rows, type, 1, NULL, NULL, NULL, &job, &error));
    FAILS(NDSHM_ERR_DTYPE, "",
          ndshm_describe_array_start(rows, "f9", 1, shape, NULL, NULL, &job, &error));
}

/* The columns of a single number: a table of two axes, and one value. */
static void tables(void)
{
    static const uint16_t numbers[2][3] = {{1, 2, 3}, {4, 65535, 6}};
    const char *names[] = {"1"};
    const uint64_t shape[] = {2, 3}, none[] = {0};
    ndshm_describe_options options = {.struct_size = sizeof(options)};
    ndshm_description d = {0};
    ndshm_job job = {0};
    ndshm_column column;

    options.columns = names;
    options.columns_len = 1;
    options.quick = 1;
    options.threads = 2;
    GOOD(ndshm_describe_array_start(numbers, "<u2", 2, shape, NULL, &options, &job, &error));
    GOOD(ndshm_describe_finish(&job, &d, &error));
    EXPECT(ndshm_description_columns(&d) == 1 && is(&d, 0, NDSHM_TEXT_NAME, 0, "1"));
    column = column_of(&d, 0);
    EXPECT(column.known == (NDSHM_KNOWN_RANGE | NDSHM_KNOWN_MEAN | NDSHM_KNOWN_STD));
    EXPECT(column.min.natural == 2 && column.max.natural == 65535 && column.mean == 32768.5);
    REFUSED("column", ndshm_description_column(&d, 1, &column, &error));
    column.struct_size--;
    REFUSED("struct_size", ndshm_description_column(&d, 0, &column, &error));
    GOOD(ndshm_description_close(&d));
    GOOD(ndshm_describe_array_start(NULL, "<u2", 1, none, NULL, NULL, &job, &error));
    GOOD(ndshm_describe_finish(&job, &d, &error));
    EXPECT(ndshm_description_rows(&d) == 0 && column_of(&d, 0).known == 0);
    EXPECT(is(&d, 0, NDSHM_TEXT_NAME, 0, "value"));
    GOOD(ndshm_description_close(&d));
    GOOD(ndshm_describe_array_start(numbers, "<u2", 0, NULL, NULL, NULL, &job, &error));
    GOOD(ndshm_describe_finish(&job, &d, &error));
    EXPECT(ndshm_description_rows(&d) == 1 && column_of(&d, 0).max.natural == 1);
    GOOD(ndshm_description_close(&d));
    names[0] = "no";
    REFUSED("'no'", ndshm_describe_array_start(numbers, "<u2", 2, shape, NULL, &options, &job,
                                               &error));
    options.reserved = 1;
    REFUSED("reserved", ndshm_describe_array_start(numbers, "<u2", 2, shape, NULL, &options,
                                                   &job, &error));
}

static void segments_and_files(void)
{
    const uint64_t shape[] = {ROWS};
    ndshm_create_options create = {.struct_size = sizeof(create)};
    ndshm_progress now = {.struct_size = sizeof(now)};
    ndshm_segment segment = {0};
    ndshm_description d = {0};
    ndshm_job job = {0};
    char name[96], path[256];

    snprintf(name, sizeof(name), "%s-rows", prefix);
    create.dtype = type;
    create.shape = shape;
    create.ndim = 1;
    GOOD(ndshm_segment_create(name, &create, &segment, &error));
    memcpy(ndshm_segment_data_mut(&segment), rows, sizeof(rows));
    /* Valgrind takes a look at the unused bytes of an error without fields for a use of them. */
    if (getenv("TEST_QUICK") == NULL)
        FAILS(NDSHM_ERR_HANDLE, "not published",
              ndshm_describe_segment_start(&segment, NULL, &job, &error));
    GOOD(ndshm_segment_publish(&segment, &error));
    GOOD(ndshm_describe_segment_start(&segment, NULL, &job, &error));
    while (!now.done)
        GOOD(ndshm_job_step(&job, 0, &now, &error));
    EXPECT(now.rows == ROWS && now.bytes_done == sizeof(rows));
    GOOD(ndshm_describe_finish(&job, &d, &error));
    check_rows(&d);
    GOOD(ndshm_description_close(&d));

    GOOD(ndshm_export(&segment, in_folder("a.npy"), NULL, NULL, &error));
    GOOD(ndshm_describe_file_start(in_folder("a.npy"), NULL, NULL, &job, &error));
    GOOD(ndshm_describe_finish(&job, &d, &error));
    check_rows(&d);
    GOOD(ndshm_description_close(&d));
    GOOD(ndshm_export(&segment, in_folder("a.h5"), NULL, NULL, &error));
    snprintf(path, sizeof(path), "%s:/%s", in_folder("a.h5"), name);
    GOOD(ndshm_describe_file_start(path, NULL, NULL, &job, &error));
    GOOD(ndshm_describe_finish(&job, &d, &error));
    check_rows(&d);
    GOOD(ndshm_description_close(&d));
    GOOD(ndshm_describe_file_start(in_folder("a.h5"), name, NULL, &job, &error));
    GOOD(ndshm_job_discard(&job));

    EXPECT(ndshm_describe_kind(path) == NDSHM_DESCRIBE_FILE);
    EXPECT(ndshm_describe_kind(in_folder("a.npy")) == NDSHM_DESCRIBE_FILE);
    EXPECT(ndshm_describe_kind(name) == NDSHM_DESCRIBE_SEGMENT);
    EXPECT(ndshm_describe_kind(file("t.txt", "1\n")) == NDSHM_DESCRIBE_TEXT);
    EXPECT(ndshm_describe_kind(in_folder("none")) == NDSHM_DESCRIBE_TEXT);
    EXPECT(ndshm_describe_kind(NULL) == NDSHM_DESCRIBE_TEXT);
    GOOD(ndshm_segment_detach(&segment));
    EXPECT(ndshm_describe_kind(name) == NDSHM_DESCRIBE_TEXT);
    FAILS(NDSHM_ERR_INPUT, "none",
          ndshm_describe_file_start(in_folder("none"), NULL, NULL, &job, &error));
}

static void texts(void)
{
    ndshm_text_options how = {.struct_size = sizeof(how)};
    ndshm_progress now = {.struct_size = sizeof(now)};
    ndshm_input inputs[2] = {{0}};
    ndshm_description d = {0};
    ndshm_job job = {0};
    ndshm_value value;
    ndshm_column column;
    uint64_t count;
    char text[4];

    inputs[0].path = file("a.txt", "pos pct chr when\n1 2.5 chr1 2020-01-01\n4 NA chr1 NaT\n");
    inputs[1].path = file("b.txt", "pos pct chr when\n4 0.5 chrX 2020-01-03\nx 0.5 c NaT\n");
    how.dtype = "i4,f8,S,M8[D]";
    how.header = 1;
    how.on_bad_rows = NDSHM_BAD_ROWS_SKIP;
    how.workers = 2;
    how.missing = &(ndshm_column_text){.text = "NA"};
    how.missing_len = 1;
    GOOD(ndshm_describe_text_start(inputs, 2, &how, NULL, &job, &error));
    while (!now.done)
        GOOD(ndshm_job_step(&job, 100, &now, &error));
    EXPECT(now.bad_rows == 1);
    GOOD(ndshm_job_bad_row(&job, 0, &error));
    EXPECT(error.input == 1 && error.line == 3);
    GOOD(ndshm_describe_finish(&job, &d, &error));
    EXPECT(ndshm_description_rows(&d) == 3 && ndshm_description_columns(&d) == 4);
    EXPECT(ndshm_description_bad_rows(&d) == 1);
    EXPECT(column_of(&d, 0).mean == 3.0 && column_of(&d, 1).missing == 1);
    EXPECT(is(&d, 2, NDSHM_TEXT_NAME, 0, "chr") && is(&d, 2, NDSHM_TEXT_MAX, 0, "chrX"));
    EXPECT(is(&d, 2, NDSHM_TEXT_MIN, 0, "chr1") && is(&d, 2, NDSHM_TEXT_FREQUENT, 1, "chrX"));
    EXPECT(is(&d, 2, NDSHM_TEXT_FREQUENT, 2, "") && is(&d, 0, NDSHM_TEXT_MIN, 0, ""));
    EXPECT(is(&d, 9, NDSHM_TEXT_NAME, 0, "") && is(&d, 0, 99, 0, ""));
    EXPECT(ndshm_description_text(&d, 2, NDSHM_TEXT_MIN, 0, text, sizeof(text)) == 4);
    EXPECT(strcmp(text, "chr") == 0);
    GOOD(ndshm_description_frequent(&d, 2, 0, &value, &count));
    EXPECT(value.text_len == 4 && count == 2);
    column = column_of(&d, 3);
    EXPECT(column.kind == NDSHM_KIND_DATETIME && column.unit == 5 && column.unit_count == 1);
    EXPECT(column.min.integer == 18262 && column.max.integer == 18264 && column.mean == 18263);
    GOOD(ndshm_description_close(&d));

    how.on_bad_rows = NDSHM_BAD_ROWS_ERROR;
    GOOD(ndshm_describe_text_start(inputs, 2, &how, NULL, &job, &error));
    FAILS(NDSHM_ERR_TEXT, "", ndshm_describe_finish(&job, &d, &error));
    EXPECT(error.input == 1 && error.line == 3 && error.column == 1);
    EXPECT(error.fault == NDSHM_FAULT_CONVERT && strcmp(error.text, "x") == 0);
    GOOD(ndshm_describe_text_start(inputs, 2, &how, NULL, &job, &error));
    ndshm_job_cancel(&job);
    FAILS(NDSHM_ERR_CANCELLED, "", ndshm_describe_finish(&job, &d, &error));
    GOOD(ndshm_describe_text_start(inputs, 2, &how, NULL, &job, &error));
    REFUSED("description", ndshm_describe_finish(&job, NULL, &error));
    GOOD(ndshm_job_discard(&job));
    FAILS(NDSHM_ERR_HANDLE, "job", ndshm_describe_finish(&job, &d, &error));
    REFUSED("inputs", ndshm_describe_text_start(NULL, 1, &how, NULL, &job, &error));
}

static void nothing_is_open(void)
{
    ndshm_description d = {0};
    ndshm_column column = {.struct_size = sizeof(column)};
    uint64_t count;

    EXPECT(ndshm_description_rows(&d) == 0 && ndshm_description_columns(NULL) == 0);
    EXPECT(ndshm_description_text(&d, 0, 0, 0, NULL, 5) == 0);
    FAILS(NDSHM_ERR_HANDLE, "description", ndshm_description_column(&d, 0, &column, &error));
    EXPECT(ndshm_description_histogram(&d, 0, &count, 1) == NDSHM_ERR_HANDLE);
    GOOD(ndshm_description_close(&d));
    GOOD(ndshm_description_close(NULL));
}

int main(void)
{
    int descriptors;

    snprintf(prefix, sizeof(prefix), "c-describe-%d", (int)getpid());
    make_folder();
    descriptors = count_entries("/proc/self/fd");
    memory();
    tables();
    segments_and_files();
    texts();
    nothing_is_open();
    EXPECT(nothing_left(descriptors));
    remove_folder();
    return 0;
}
