/*
 * Text to segments: every kind of input and every option, the place of each
 * error, and jobs: stepped, polled, cancelled, discarded, misused.
 */

#define _GNU_SOURCE

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "check.h"

#define PAIR "i:i8,x:f8"

/* As PAIR says. */
struct pair {
    int64_t i;
    double x;
};

static ndshm_text_options text_of(const char *dtype)
{
    ndshm_text_options text = {.struct_size = sizeof(text)};
    text.dtype = dtype;
    text.workers = 2;
    return text;
}

static const char *name_of(const char *what)
{
    static char name[128];
    snprintf(name, sizeof(name), "%s.%s", prefix, what);
    return name;
}

static ndshm_create_options anonymous(void)
{
    ndshm_create_options options = {.struct_size = sizeof(options)};
    options.policy = NDSHM_POLICY_ANONYMOUS;
    return options;
}

/* Rows 0, 1, ... of what `table` writes, `times` times. */
static int is_pairs(const ndshm_segment *segment, long rows, int times)
{
    const struct pair *data = ndshm_segment_data(segment);
    if (ndshm_segment_ndim(segment) != 1 ||
        ndshm_segment_shape(segment)[0] != (uint64_t)(rows * times))
        return 0;
    for (long k = 0; k < rows * times; k++)
        if (data[k].i != k % rows || data[k].x != (double)(k % rows) / 2)
            return 0;
    return 1;
}

static void named(void)
{
    ndshm_input inputs[] = {{.path = table("a.txt", 1000)}, {.path = table("b.txt", 1000)}};
    ndshm_text_options text = text_of(PAIR);
    ndshm_create_options options = {.struct_size = sizeof(options)};
    ndshm_segment made = {0}, seen = {0};
    const char *name = name_of("named");

    /* Without options: gone with the last who has it. */
    GOOD(ndshm_load(inputs, 2, &text, name, NULL, &made, &error));
    EXPECT(is_pairs(&made, 1000, 2) && ndshm_segment_data_mut(&made) != NULL);
    EXPECT(ndshm_segment_policy(&made) == NDSHM_POLICY_LAST_DETACH);
    GOOD(ndshm_segment_attach(name, NULL, &seen, &error));
    EXPECT(is_pairs(&seen, 1000, 2));
    FAILS(NDSHM_ERR_EXISTS, "", ndshm_load(inputs, 2, &text, name, NULL, &made, &error));
    GOOD(ndshm_segment_detach(&seen));
    GOOD(ndshm_segment_detach(&made));
    EXPECT(count_names() == 0);

    /* A hand-off with metadata: it stays until it was attached. */
    options.policy = NDSHM_POLICY_HANDOFF;
    options.handoff_attaches = 1;
    options.metadata = "units: m";
    options.metadata_len = 8;
    options.mode = 0400;
    GOOD(ndshm_load(inputs, 2, &text, name, &options, &made, &error));
    GOOD(ndshm_segment_detach(&made));
    EXPECT(count_names() == 1);
    GOOD(ndshm_segment_attach(name, NULL, &seen, &error));
    EXPECT(is_pairs(&seen, 1000, 2) && ndshm_segment_metadata_len(&seen) == 8);
    EXPECT(memcmp(ndshm_segment_metadata(&seen), "units: m", 8) == 0);
    GOOD(ndshm_segment_detach(&seen));
    EXPECT(count_names() == 0);

    /* A draft, which gets its name when it is published. */
    memset(&options, 0, sizeof(options));
    options.struct_size = sizeof(options);
    options.naming = NDSHM_NAMING_LATE;
    GOOD(ndshm_load(inputs, 1, &text, NULL, &options, &made, &error));
    EXPECT(is_pairs(&made, 1000, 1) && count_names() == 0 && !ndshm_segment_name(&made));
    GOOD(ndshm_segment_publish(&made, &error));
    EXPECT(is_pairs(&made, 1000, 1) && ndshm_segment_is_current(&made));
    GOOD(ndshm_segment_attach(ndshm_segment_name(&made), NULL, &seen, &error));
    GOOD(ndshm_segment_detach(&made));
    EXPECT(is_pairs(&seen, 1000, 1));
    GOOD(ndshm_segment_detach(&seen));
    EXPECT(count_names() == 0);

    options = anonymous();
    GOOD(ndshm_load(inputs, 1, &text, NULL, &options, &made, &error));
    EXPECT(is_pairs(&made, 1000, 1) && ndshm_segment_fd(&made) >= 0);
    EXPECT(ndshm_segment_name(&made) == NULL && count_names() == 0);
    GOOD(ndshm_segment_detach(&made));
}

/* Loads one text into an anonymous segment. */
static int32_t load_text(const char *content, const ndshm_text_options *text, ndshm_segment *made)
{
    ndshm_input input = {.path = file("text.txt", content)};
    ndshm_create_options options = anonymous();
    return ndshm_load(&input, 1, text, NULL, &options, made, &error);
}

static int is_table(const ndshm_segment *made, uint64_t rows, uint64_t columns, const double *values)
{
    const uint64_t *shape = ndshm_segment_shape(made);
    return ndshm_segment_ndim(made) == 2 && shape[0] == rows && shape[1] == columns &&
           (rows == 0 || memcmp(ndshm_segment_data(made), values, rows * columns * 8) == 0);
}

static void options(void)
{
    static const int32_t columns[] = {2, -4, 2};
    static const char commas[] = "head\n1,2,3,4 % no value\n5,6,7,8\n\n9,10,11,12\n";
    ndshm_text_options text = text_of("f8");
    ndshm_segment made = {0};

    GOOD(load_text("1 2\t3\n 4   5 6 # no value\n", &text, &made));
    EXPECT(is_table(&made, 2, 3, (const double[]){1, 2, 3, 4, 5, 6}));
    GOOD(ndshm_segment_detach(&made));

    text.delimiter = ",";
    text.comments = "%";
    text.skiprows = 1;
    GOOD(load_text(commas, &text, &made));
    EXPECT(is_table(&made, 3, 4, (const double[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
    GOOD(ndshm_segment_detach(&made));

    text.usecols = columns;
    text.usecols_len = 3;
    text.max_rows = 2;
    GOOD(load_text(commas, &text, &made));
    EXPECT(is_table(&made, 2, 3, (const double[]){3, 1, 3, 7, 5, 7}));
    GOOD(ndshm_segment_detach(&made));

    text = text_of("f8");
    FAILS(NDSHM_ERR_EMPTY, "has no rows", load_text("# nothing\n", &text, &made));
    EXPECT(error.input == 0 && error.line == 0 && error.row == NDSHM_NO_PLACE);
    text.allow_empty = 1;
    GOOD(load_text("# nothing\n", &text, &made));
    EXPECT(is_table(&made, 0, 1, NULL));
    GOOD(ndshm_segment_detach(&made));

    text = text_of("a:S2,b:i4");
    text.comments = "";
    text.delimiter = " ";
    GOOD(load_text("#x 7\n", &text, &made));
    EXPECT(memcmp(ndshm_segment_data(&made), "#x", 2) == 0);
    GOOD(ndshm_segment_detach(&made));
}

/* What a text is like beyond white space and '#'. */
static void dialects(void)
{
    static const char *const marks[] = {"//", "%"};
    const ndshm_text_options plain = text_of("f8");
    ndshm_text_options text = plain;
    ndshm_segment made = {0};

    text.delimiter = "\xc2\xb7"; /* a middle dot */
    text.comments = "\xe2\x80\xa0";
    GOOD(load_text("1\xc2\xb7" "2\xe2\x80\xa0x\n3\xc2\xb7" "4\n", &text, &made));
    EXPECT(is_table(&made, 2, 2, (const double[]){1, 2, 3, 4}));
    GOOD(ndshm_segment_detach(&made));
    text.encoding = "latin1";
    text.comments = NULL;
    GOOD(load_text("1\xb7" "2\n3\xb7" "4\n", &text, &made));
    EXPECT(is_table(&made, 2, 2, (const double[]){1, 2, 3, 4}));
    GOOD(ndshm_segment_detach(&made));

    text = plain;
    text.comment_strings = marks;
    text.comment_strings_len = 2;
    GOOD(load_text("1 2//3\n4 5 % 6 // 7\n", &text, &made));
    EXPECT(is_table(&made, 2, 2, (const double[]){1, 2, 4, 5}));
    GOOD(ndshm_segment_detach(&made));

    text = plain;
    text.quote = "\"";
    GOOD(load_text("\"1\" 2\n3 \" 4\"\n", &text, &made));
    EXPECT(is_table(&made, 2, 2, (const double[]){1, 2, 3, 4}));
    GOOD(ndshm_segment_detach(&made));

    text = plain;
    text.no_rows = 1;
    text.allow_empty = 1;
    GOOD(load_text("1 2\n", &text, &made));
    EXPECT(ndshm_segment_shape(&made)[0] == 0);
    GOOD(ndshm_segment_detach(&made));

    text = plain;
    text.piece_bytes = 1;
    GOOD(load_text("1 2\n3 4\n", &text, &made));
    EXPECT(is_table(&made, 2, 2, (const double[]){1, 2, 3, 4}));
    GOOD(ndshm_segment_detach(&made));
}

/* What an error says of the row, apart from its sentence. */
static void faults(void)
{
    static const int32_t third = 2;
    ndshm_text_options text = text_of("i4");
    ndshm_segment made = {0};

    FAILS(NDSHM_ERR_TEXT, "", load_text("1 2\n3 \xc3\xa9\n", &text, &made));
    EXPECT(error.fault == NDSHM_FAULT_CONVERT && error.row == 1 && error.column == 2);
    EXPECT(error.text_len == 2 && strcmp(error.text, "\xc3\xa9") == 0);
    EXPECT(strcmp(error.dtype, "<i4") == 0);
    FAILS(NDSHM_ERR_TEXT, "", load_text("1 2\n3 4 5\n", &text, &made));
    EXPECT(error.fault == NDSHM_FAULT_COLUMNS_CHANGED && error.wanted == 2 && error.found == 3);
    EXPECT(error.dtype[0] == 0);
    text.dtype = "i4,i4,i4";
    FAILS(NDSHM_ERR_TEXT, "", load_text("1 2\n", &text, &made));
    EXPECT(error.fault == NDSHM_FAULT_COLUMNS_REQUIRED && error.wanted == 3 && error.found == 2);
    text.dtype = "i4";
    text.usecols = &third;
    text.usecols_len = 1;
    FAILS(NDSHM_ERR_TEXT, "", load_text("1 2 3\n4\n", &text, &made));
    EXPECT(error.fault == NDSHM_FAULT_COLUMN_INDEX && error.wanted == 2 && error.found == 1);
    FAILS(NDSHM_ERR_TEXT, "", load_text("1 2 3\n4 5 \xff\n", &text, &made));
    EXPECT(error.fault == NDSHM_FAULT_ENCODING);
    text.dtype = "zz";
    FAILS(NDSHM_ERR_DTYPE, "", load_text("1 2 3\n", &text, &made));
    EXPECT(error.fault == 0 && error.wanted == 0 && error.found == 0);
}

/* Rows that are left out are counted, and the first ten are told. */
static void bad_rows(void)
{
    char content[400] = "1 2\n";
    ndshm_text_options text = text_of("f8");
    ndshm_create_options create = anonymous();
    ndshm_progress now = {.struct_size = sizeof(now)};
    ndshm_segment made = {0};
    ndshm_job job = {0};

    for (int i = 0; i < 12; i++)
        snprintf(content + strlen(content), 20, "%d x%d\n5 6\n", i, i);
    text.on_bad_rows = NDSHM_BAD_ROWS_SKIP;
    ndshm_input input = {.path = file("text.txt", content)};
    GOOD(ndshm_load_start(&input, 1, &text, NULL, &create, &job, &error));
    while (!now.done)
        GOOD(ndshm_job_step(&job, 100, &now, &error));
    EXPECT(now.rows == 13 && now.bad_rows == 12 && now.bytes_kept == 0);
    for (uint32_t i = 0; i < 10; i++) {
        char wrong[8];
        snprintf(wrong, sizeof(wrong), "x%u", i);
        GOOD(ndshm_job_bad_row(&job, i, &error));
        EXPECT(error.code == NDSHM_ERR_TEXT && error.fault == NDSHM_FAULT_CONVERT);
        EXPECT(error.line == 2 + 2 * i && error.column == 2 && strcmp(error.text, wrong) == 0);
    }
    EXPECT(ndshm_job_bad_row(&job, 10, &error) == NDSHM_ERR_END);
    EXPECT(ndshm_job_bad_row(&job, 0, NULL) == NDSHM_ERR_ARGUMENT);
    EXPECT(ndshm_job_bad_row(NULL, 0, &error) == NDSHM_ERR_ARGUMENT);
    GOOD(ndshm_load_finish(&job, &made, &error));
    EXPECT(ndshm_segment_shape(&made)[0] == 13);
    GOOD(ndshm_segment_detach(&made));
    EXPECT(ndshm_job_bad_row(&job, 0, &error) == NDSHM_ERR_HANDLE);
}

/* Types that are found by looking at the text. */
static void found(void)
{
    static const ndshm_column_text marks[] = {{.text = "NA"}};
    char dtype[200];
    ndshm_text_options text = text_of("auto");
    ndshm_segment made = {0};

    text.header = 1;
    text.missing = marks;
    text.missing_len = 1;
    GOOD(load_text("# name n x\nab 1 NA\nabc 2 0.5\n", &text, &made));
    ndshm_segment_dtype(&made, dtype, sizeof(dtype));
    EXPECT(strcmp(dtype, "[('name', '|S3'), ('n', '<i8'), ('x', '<f8')]") == 0);
    GOOD(ndshm_segment_detach(&made));

    static const char *const names[] = {"x", "n"};
    text = text_of("f8");
    text.header = 1;
    text.usecols_names = names;
    text.usecols_names_len = 2;
    GOOD(load_text("name n x\nab 1 3\nabc 2 0.5\n", &text, &made));
    ndshm_segment_dtype(&made, dtype, sizeof(dtype));
    EXPECT(strcmp(dtype, "[('x', '<f8'), ('n', '<f8')]") == 0);
    EXPECT(memcmp(ndshm_segment_data(&made), (const double[]){3, 1, 0.5, 2}, 32) == 0);
    GOOD(ndshm_segment_detach(&made));

    text = text_of("U");
    GOOD(load_text("a bcd\n", &text, &made));
    ndshm_segment_dtype(&made, dtype, sizeof(dtype));
    EXPECT(strcmp(dtype, "<U3") == 0);
    GOOD(ndshm_segment_detach(&made));
}

static void *write_slowly(void *descriptor)
{
    const int fd = *(const int *)descriptor;
    char line[64];
    for (int i = 0; i < 1000; i++) {
        const int n = snprintf(line, sizeof(line), "%d %d.%d\n", i, i / 2, i % 2 == 0 ? 0 : 5);
        /* in two parts, so that lines are torn */
        EXPECT(write(fd, line, 1) == 1 && write(fd, line + 1, (size_t)n - 1) == n - 1);
        if (i % 100 == 0)
            usleep(1000);
    }
    close(fd);
    return NULL;
}

static void descriptors(void)
{
    ndshm_create_options create = anonymous();
    ndshm_text_options text = text_of(PAIR);
    ndshm_input inputs[] = {{.kind = NDSHM_INPUT_FD}, {.path = table("a.txt", 1000)}};
    ndshm_segment made = {0};
    pthread_t writer;
    int pipes[2];

    EXPECT(pipe(pipes) == 0 && pthread_create(&writer, NULL, write_slowly, &pipes[1]) == 0);
    inputs[0].fd = pipes[0];
    GOOD(ndshm_load(inputs, 2, &text, NULL, &create, &made, &error));
    EXPECT(is_pairs(&made, 1000, 2));
    EXPECT(pthread_join(writer, NULL) == 0);
    /* It was duplicated, and is the caller's. */
    EXPECT(fcntl(pipes[0], F_GETFD) >= 0);
    GOOD(ndshm_segment_detach(&made));

    /* It is at its end, and named by the caller. */
    inputs[0].path = "the pipe";
    FAILS(NDSHM_ERR_EMPTY, "the pipe: has no rows",
          ndshm_load(inputs, 1, &text, NULL, &create, &made, &error));
    close(pipes[0]);
    FAILS(NDSHM_ERR_OS, "", ndshm_load(inputs, 1, &text, NULL, &create, &made, &error));
    EXPECT(error.os_errno == EBADF);
    inputs[0].fd = -1;
    FAILS(NDSHM_ERR_OS, "", ndshm_load(inputs, 1, &text, NULL, &create, &made, &error));
}

/* A reader that tells a text in pieces, with something else in between. */
struct teller {
    const char *text;
    size_t piece;
    ptrdiff_t between; /* said before every piece, once */
    ptrdiff_t at_end;
    int said;
    pthread_t thread;
};

static ptrdiff_t tell(void *context, void *buffer, size_t size)
{
    struct teller *teller = context;
    size_t len = strlen(teller->text);

    EXPECT(pthread_equal(teller->thread, pthread_self()));
    if (len == 0)
        return teller->at_end;
    if (teller->between != 0 && !teller->said) {
        teller->said = 1;
        return teller->between;
    }
    teller->said = 0;
    len = len < teller->piece ? len : teller->piece;
    len = len < size ? len : size;
    memcpy(buffer, teller->text, len);
    teller->text += len;
    return (ptrdiff_t)len;
}

static ptrdiff_t boast(void *context, void *buffer, size_t size)
{
    (void)context, (void)buffer;
    return (ptrdiff_t)size + 1;
}

static void readers(void)
{
    static const char content[] = "1 2\n3 4\n5 6\n";
    static const double values[] = {1, 2, 3, 4, 5, 6};
    static const ptrdiff_t betweens[] = {0, -EAGAIN, -EINTR};
    ndshm_create_options create = anonymous();
    ndshm_text_options text = text_of("f8");
    struct teller teller = {.thread = pthread_self(), .piece = 3};
    ndshm_input input = {.kind = NDSHM_INPUT_READER, .read = tell, .context = &teller};
    ndshm_segment made = {0};

    for (int i = 0; i < 3; i++) {
        teller.text = content;
        teller.between = betweens[i];
        GOOD(ndshm_load(&input, 1, &text, NULL, &create, &made, &error));
        EXPECT(is_table(&made, 3, 2, values));
        GOOD(ndshm_segment_detach(&made));
    }
    teller.text = "1 2\n3 4\n";
    teller.at_end = -EIO;
    FAILS(NDSHM_ERR_INPUT, "reader: ", ndshm_load(&input, 1, &text, NULL, &create, &made, &error));
    EXPECT(error.os_errno == EIO && error.input == 0);
    teller.text = content;
    teller.between = PTRDIFF_MIN; /* no errno that there is */
    FAILS(NDSHM_ERR_INPUT, "", ndshm_load(&input, 1, &text, NULL, &create, &made, &error));
    input.read = boast;
    input.path = "a liar";
    FAILS(NDSHM_ERR_INPUT, "a liar: ", ndshm_load(&input, 1, &text, NULL, &create, &made, &error));
}

/* Every error says where. */
static void places(void)
{
    ndshm_text_options text = text_of(PAIR), numbers = text_of("f8");
    ndshm_input inputs[3] = {{.path = table("a.txt", 10)},
                             {.path = file("bad.txt", "# head\n1 0.5\n\n2 1.0\n3 oops\n")},
                             {.path = file("wide.txt", "1 2 3\n")}};
    const char *name = name_of("places");
    ndshm_segment made = {0};

#define LOAD(count, text) ndshm_load(inputs, count, text, name, NULL, &made, &error)
    FAILS(NDSHM_ERR_TEXT, "bad.txt", LOAD(2, &text));
    EXPECT(error.input == 1 && error.line == 5 && error.row == 2 && error.column == 2);
    EXPECT(error.byte == 22 && strstr(error.message, "oops") != NULL); /* of the field */

    inputs[1] = inputs[2];
    FAILS(NDSHM_ERR_COLUMNS, "wide.txt", LOAD(2, &numbers));
    EXPECT(error.input == 1 && error.line == 0 && error.row == NDSHM_NO_PLACE);

    inputs[1].path = in_folder("missing.txt");
    FAILS(NDSHM_ERR_INPUT, "missing.txt", LOAD(2, &text));
    EXPECT(error.input == 1 && error.os_errno == ENOENT && error.byte == NDSHM_NO_PLACE);
    inputs[1].path = folder;
    FAILS(NDSHM_ERR_INPUT, "directory", LOAD(2, &text));
    EXPECT(error.input == 1);

    inputs[1].path = file("empty.txt", "");
    FAILS(NDSHM_ERR_EMPTY, "empty.txt: has no rows", LOAD(2, &text));
    EXPECT(error.input == 1);
    inputs[1].path = file("gzip.txt", "\x1f\x8b\x08");
    FAILS(NDSHM_ERR_INPUT, "gzip", LOAD(2, &text));
    inputs[1].path = file("latin.txt", "1 2\n\xe4 2\n");
    FAILS(NDSHM_ERR_TEXT, "", LOAD(2, &text));
    EXPECT(error.input == 1 && error.line == 2);

    /* A descriptor's and a reader's places, as a file's. */
    struct teller teller = {.thread = pthread_self(), .piece = 5, .text = "1 2\n3 4\n\n5 b\n"};
    inputs[1] = (ndshm_input){.kind = NDSHM_INPUT_READER, .read = tell, .context = &teller};
    FAILS(NDSHM_ERR_TEXT, "reader", LOAD(2, &text));
    EXPECT(error.input == 1 && error.line == 4 && error.row == 2 && error.column == 2);
    EXPECT(error.byte == 11);

    text.dtype = "i:i8,nonsense";
    FAILS(NDSHM_ERR_DTYPE, "", LOAD(1, &text));
    EXPECT(error.byte != NDSHM_NO_PLACE && error.input == NDSHM_NO_INPUT);
    text.dtype = "V8";
    FAILS(NDSHM_ERR_NOT_TEXT, "", LOAD(1, &text));
    text = text_of(PAIR);
    text.memory = 1;
    FAILS(NDSHM_ERR_MEMORY, "", LOAD(1, &text));
    text = text_of(PAIR);
    FAILS(NDSHM_ERR_NAME, "", ndshm_load(inputs, 1, &text, "no/name", NULL, &made, &error));
#undef LOAD
}

static ndshm_progress nowhere(void)
{
    ndshm_progress now = {.struct_size = sizeof(now)};
    return now;
}

/* A load of two files of `rows` rows each, begun. */
static void begin(ndshm_job *job, long rows, ndshm_create_options *create, const char *name)
{
    ndshm_input inputs[] = {{.path = table("a.txt", rows)}, {.path = table("b.txt", rows)}};
    ndshm_text_options text = text_of(PAIR);

    memset(job, 0xa5, sizeof(*job)); /* what was there is forgotten */
    GOOD(ndshm_load_start(inputs, 2, &text, name, create, job, &error));
    memset(inputs, 0xa5, sizeof(inputs)); /* and so are the arguments */
    memset(&text, 0xa5, sizeof(text));
}

static void stepped(void)
{
    ndshm_create_options create = anonymous();
    ndshm_segment made = {0};
    ndshm_progress now = nowhere();
    ndshm_job job, elsewhere;
    uint64_t rows = 0;

    /* Without ever waiting: a step is busy or has nothing to do. */
    begin(&job, 20000, &create, NULL);
    while (!now.done) {
        GOOD(ndshm_job_step(&job, 0, &now, &error));
        EXPECT(now.rows >= rows && now.inputs_total == 2 && now.bytes_done <= now.bytes_total);
        rows = now.rows;
    }
    EXPECT(rows == 40000 && now.inputs_done == 2 && now.bytes_done == now.bytes_total);
    EXPECT(now.bytes_total > 400000);
    GOOD(ndshm_job_step(&job, 1000000, NULL, &error)); /* done is done */
    elsewhere = job; /* a handle is its bytes */
    GOOD(ndshm_load_finish(&elsewhere, &made, &error));
    EXPECT(is_pairs(&made, 20000, 2));
    GOOD(ndshm_segment_detach(&made));
    EXPECT(ndshm_job_discard(&elsewhere) == NDSHM_ERR_HANDLE);
    EXPECT(ndshm_job_fd(&elsewhere) == -1);
}

/* A pipe that nobody writes to: a step with timeout 0 comes back all the same. */
static void never_waits(void)
{
    ndshm_create_options create = anonymous();
    ndshm_text_options text = text_of(PAIR);
    ndshm_input input = {.kind = NDSHM_INPUT_FD};
    ndshm_progress now = nowhere();
    ndshm_segment made = {0};
    ndshm_job job = {0};
    int pipes[2];

    EXPECT(pipe(pipes) == 0);
    input.fd = pipes[0];
    GOOD(ndshm_load_start(&input, 1, &text, NULL, &create, &job, &error));
    for (int i = 0; i < 1000; i++)
        GOOD(ndshm_job_step(&job, 0, &now, &error));
    EXPECT(!now.done && now.rows == 0 && now.bytes_total == 0);
    GOOD(ndshm_job_step(&job, 20, &now, &error));
    EXPECT(!now.done);
    EXPECT(write(pipes[1], "0 0\n1 0.5\n", 10) == 10 && close(pipes[1]) == 0);
    GOOD(ndshm_load_finish(&job, &made, &error));
    EXPECT(is_pairs(&made, 2, 1));
    GOOD(ndshm_segment_detach(&made));
    close(pipes[0]);
}

static void polled(void)
{
    ndshm_create_options create = anonymous();
    ndshm_progress now = nowhere();
    ndshm_segment made = {0};
    ndshm_job job;
    struct pollfd watch = {.events = POLLIN};

    begin(&job, 20000, &create, NULL);
    watch.fd = ndshm_job_fd(&job);
    EXPECT(watch.fd >= 0);
    while (!now.done) {
        EXPECT(poll(&watch, 1, -1) == 1 && watch.revents == POLLIN);
        GOOD(ndshm_job_step(&job, 0, &now, &error));
        EXPECT(ndshm_job_fd(&job) == watch.fd);
    }
    EXPECT(poll(&watch, 1, -1) == 1); /* it is over */
    GOOD(ndshm_load_finish(&job, &made, &error));
    EXPECT(is_pairs(&made, 20000, 2));
    GOOD(ndshm_segment_detach(&made));
    EXPECT(fcntl(watch.fd, F_GETFD) == -1);
}

static ndshm_job shared;

static void on_alarm(int signal)
{
    (void)signal;
    errno = ENOTTY;
    ndshm_job_cancel(&shared);
    if (errno != ENOTTY)
        _exit(9);
}

static void *cancel_soon(void *unused)
{
    (void)unused;
    usleep(20000);
    ndshm_job_cancel(&shared);
    return NULL;
}

static void *step_it(void *status)
{
    ndshm_error own = {.struct_size = sizeof(own)};
    *(int32_t *)status = ndshm_job_step(&shared, 1, NULL, &own);
    return NULL;
}

/* Waits for text that never comes, until somebody cancels. */
static void cancelled(void)
{
    ndshm_text_options text = text_of(PAIR);
    ndshm_input inputs[] = {{.path = table("a.txt", 10)}, {.kind = NDSHM_INPUT_FD}};
    struct itimerval soon = {{0, 0}, {0, 20000}};
    const char *name = name_of("cancelled");
    ndshm_segment made = {0};
    pthread_t thread;
    int pipes[2];
    int32_t status = 0;

    EXPECT(pipe(pipes) == 0);
    inputs[1].fd = pipes[0];
    for (int way = 0; way < 5; way++) {
        GOOD(ndshm_load_start(inputs, 2, &text, name, NULL, &shared, &error));
        if (way % 3 == 0)
            ndshm_job_cancel(&shared);
        else if (way % 3 == 1)
            EXPECT(setitimer(ITIMER_REAL, &soon, NULL) == 0);
        else
            EXPECT(pthread_create(&thread, NULL, cancel_soon, NULL) == 0);
        if (way < 3) {
            do
                status = ndshm_job_step(&shared, 1000000, NULL, &error);
            while (status == NDSHM_OK);
            FAILS(NDSHM_ERR_CANCELLED, "cancelled", status);
            /* Nothing is left of it, the handle is still to be closed. */
            EXPECT(count_names() == 0 && ndshm_job_fd(&shared) >= 0);
            EXPECT(ndshm_job_step(&shared, 0, NULL, &error) != NDSHM_OK);
            if (way == 0)
                EXPECT(ndshm_load_finish(&shared, &made, &error) != NDSHM_OK);
            else
                GOOD(ndshm_job_discard(&shared));
        } else {
            status = ndshm_load_finish(&shared, &made, &error);
            FAILS(NDSHM_ERR_CANCELLED, "cancelled", status);
            EXPECT(count_names() == 0);
        }
        if (way % 3 == 2) /* it may still cancel what is closed, which does nothing */
            EXPECT(pthread_join(thread, NULL) == 0);
        EXPECT(ndshm_job_discard(&shared) == NDSHM_ERR_HANDLE);
    }

    /* One thread at a time; the other is told so. */
    GOOD(ndshm_load_start(&inputs[1], 1, &text, name, NULL, &shared, &error));
    EXPECT(ndshm_job_step(&shared, 0, NULL, &error) == NDSHM_OK);
    EXPECT(pthread_create(&thread, NULL, step_it, &status) == 0);
    EXPECT(pthread_join(thread, NULL) == 0 && status == NDSHM_OK); /* another one may */
    GOOD(ndshm_job_discard(&shared));
    close(pipes[0]);
    close(pipes[1]);
}

static void discarded(int descriptors)
{
    const char *name = name_of("discarded");
    ndshm_progress now = nowhere();
    ndshm_segment made = {0}, other = {0};
    ndshm_job job;

    for (int steps = 0; steps < 4; steps++) {
        begin(&job, 20000, NULL, name);
        for (int i = 0; i < steps; i++)
            GOOD(ndshm_job_step(&job, 10, &now, &error));
        GOOD(ndshm_job_discard(&job));
        EXPECT(nothing_left(descriptors));
        EXPECT(ndshm_job_discard(&job) == NDSHM_ERR_HANDLE);
        EXPECT(ndshm_load_finish(&job, &made, &error) == NDSHM_ERR_HANDLE);
    }
    /* A finish that fails closes the job, too. */
    ndshm_input input = {.path = file("bad.txt", "1 x\n")};
    ndshm_text_options text = text_of(PAIR);
    GOOD(ndshm_load_start(&input, 1, &text, name, NULL, &job, &error));
    FAILS(NDSHM_ERR_TEXT, "bad.txt", ndshm_load_finish(&job, &made, &error));
    EXPECT(nothing_left(descriptors) && ndshm_job_discard(&job) == NDSHM_ERR_HANDLE);

    begin(&job, 10, NULL, name);
    begin(&shared, 10, NULL, name); /* two may begin; one gets the name */
    GOOD(ndshm_load_finish(&job, &made, &error));
    FAILS(NDSHM_ERR_EXISTS, "", ndshm_load_finish(&shared, &other, &error));
    EXPECT(ndshm_job_discard(&shared) == NDSHM_ERR_HANDLE);
    GOOD(ndshm_segment_detach(&made));
    EXPECT(nothing_left(descriptors));
}

static void misuse(void)
{
    static const int32_t columns[] = {0, 1};
    static const char *const texts[] = {"i", "x", NULL}, *const empty[] = {""};
    ndshm_column_text mark = {0};
    ndshm_input input = {.path = table("a.txt", 10)}, odd = input;
    ndshm_text_options text = text_of(PAIR), wrong;
    ndshm_create_options create = anonymous(), off = create;
    ndshm_progress now = nowhere();
    ndshm_segment made = {0};
    ndshm_job job = {0}, open, torn;

#define START(inputs, n, text, name, create, job)                                      \
    ndshm_load_start(inputs, n, text, name, create, job, &error)
    REFUSED("job is NULL", START(&input, 1, &text, NULL, &create, NULL));
    REFUSED("inputs is NULL", START(NULL, 1, &text, NULL, &create, &job));
    REFUSED("inputs_len is out", START(&input, 0, &text, NULL, &create, &job));
    REFUSED("dtype is NULL", START(&input, 1, NULL, NULL, &create, &job));
    REFUSED("name is NULL", START(&input, 1, &text, NULL, NULL, &job));
    REFUSED("name", START(&input, 1, &text, "name", &create, &job));
    REFUSED("segment is NULL", ndshm_load(&input, 1, &text, NULL, &create, NULL, &error));

    odd.kind = 3;
    REFUSED("kind of an input", START(&odd, 1, &text, NULL, &create, &job));
    odd = (ndshm_input){.path = NULL};
    REFUSED("path of an input is NULL", START(&odd, 1, &text, NULL, &create, &job));
    odd.path = "";
    REFUSED("path of an input is out", START(&odd, 1, &text, NULL, &create, &job));
    odd.kind = NDSHM_INPUT_READER;
    REFUSED("read of an input is NULL", START(&odd, 1, &text, NULL, &create, &job));

#define WRONG(part, change)                                                            \
    do {                                                                               \
        wrong = text;                                                                  \
        change;                                                                        \
        REFUSED(part, START(&input, 1, &wrong, NULL, &create, &job));                  \
    } while (0)
    WRONG("struct_size", wrong.struct_size--);
    WRONG("struct_size", wrong.struct_size = 0);
    WRONG("struct_size", wrong.struct_size = 5000);
    WRONG("delimiter", wrong.delimiter = "");
    WRONG("delimiter", wrong.delimiter = "ab");
    WRONG("delimiter", wrong.delimiter = "\n");
    WRONG("delimiter", wrong.delimiter = "#"); /* the comment's, too */
    WRONG("comments", wrong.comments = "//");
    WRONG("usecols is NULL", wrong.usecols_len = 2);
    WRONG("allow_empty", wrong.allow_empty = 2);
    WRONG("header", wrong.header = 2);
    WRONG("quote", wrong.quote = "");
    WRONG("quote", wrong.quote = "ab");
    WRONG("quote", wrong.quote = "#"); /* the comment's, too */
    WRONG("decimal", wrong.decimal = "");
    WRONG("decimal", wrong.decimal = ";");
    WRONG("encoding", wrong.encoding = "");
    WRONG("encoding", wrong.encoding = "utf-9");
    WRONG("comments", (wrong.comments = "#", wrong.comment_strings = texts,
                       wrong.comment_strings_len = 2));
    WRONG("comment_strings is NULL", wrong.comment_strings_len = 1);
    WRONG("comment_strings is NULL",
          (wrong.comment_strings = texts + 1, wrong.comment_strings_len = 2));
    WRONG("comment", (wrong.comment_strings = empty, wrong.comment_strings_len = 1));
    WRONG("usecols_names is NULL", wrong.usecols_names_len = 1);
    WRONG("usecols", (wrong.usecols = columns, wrong.usecols_names = texts,
                      wrong.usecols_names_len = 2));
    WRONG("missing is NULL", wrong.missing_len = 1);
    WRONG("missing is NULL", (wrong.missing = &mark, wrong.missing_len = 1));
    WRONG("missing is out", (wrong.missing = &mark, wrong.missing_len = 1, mark.which = 3));
    WRONG("fill is NULL", (wrong.fill = &mark, wrong.fill_len = 1, mark.text = "0",
                           mark.which = NDSHM_COLUMN_NAME));
    WRONG("on_bad_rows", wrong.on_bad_rows = 2);
    WRONG("no_rows", wrong.no_rows = 2);
    WRONG("no_rows", (wrong.no_rows = 1, wrong.max_rows = 1));
    WRONG("usecols", (wrong.usecols = columns, wrong.usecols_len = 1));

    off.dtype = "f8";
    REFUSED("of a load", START(&input, 1, &text, NULL, &off, &job));
    off = create;
    off.ndim = 1;
    REFUSED("of a load", START(&input, 1, &text, NULL, &off, &job));
    off = create;
    off.struct_size--;
    REFUSED("struct_size", START(&input, 1, &text, NULL, &off, &job));

    /* Not open: never, not any more, and what is no handle at all. */
    memset(&torn, 0xa5, sizeof(torn));
    ndshm_job *const closed[] = {&job, &torn};
    for (int i = 0; i < 2; i++) {
        FAILS(NDSHM_ERR_HANDLE, "job is not open", ndshm_job_step(closed[i], 0, &now, &error));
        FAILS(NDSHM_ERR_HANDLE, "", ndshm_load_finish(closed[i], &made, &error));
        EXPECT(ndshm_job_fd(closed[i]) == -1);
        ndshm_job_cancel(closed[i]);
    }
    REFUSED("job is NULL", ndshm_job_step(NULL, 0, &now, &error));
    REFUSED("job is NULL", ndshm_load_finish(NULL, &made, &error));
    EXPECT(ndshm_job_fd(NULL) == -1);
    ndshm_job_cancel(NULL);
    EXPECT(ndshm_job_discard(NULL) == NDSHM_OK && ndshm_job_discard(&job) == NDSHM_OK);
    EXPECT(ndshm_job_discard(&torn) == NDSHM_ERR_HANDLE);

    begin(&open, 10, &create, NULL);
    now.struct_size--;
    REFUSED("struct_size", ndshm_job_step(&open, 0, &now, &error));
    now.struct_size++;
    REFUSED("segment is NULL", ndshm_load_finish(&open, NULL, &error));
    struct { /* a newer program's */
        ndshm_progress known;
        uint64_t more;
    } newer = {.more = 42};
    newer.known.struct_size = sizeof(newer);
    GOOD(ndshm_job_step(&open, 0, &newer.known, &error));
    EXPECT(newer.more == 42 && newer.known.struct_size == sizeof(newer));
    EXPECT(newer.known.inputs_total == 2);
    error.struct_size = 1;
    EXPECT(ndshm_job_step(&open, 0, NULL, &error) == NDSHM_ERR_ARGUMENT);
    EXPECT(ndshm_load_finish(&open, &made, &error) == NDSHM_ERR_ARGUMENT);
    EXPECT(ndshm_load(&input, 1, &text, NULL, &create, &made, &error) == NDSHM_ERR_ARGUMENT);
    error.struct_size = sizeof(error);
    GOOD(ndshm_load_finish(&open, &made, NULL)); /* it was left open by all of that */
    GOOD(ndshm_segment_detach(&made));
}

int main(void)
{
    int descriptors_before;

    snprintf(prefix, sizeof(prefix), "test.text.%ld", (long)getpid());
    make_folder();
    signal(SIGALRM, on_alarm);
    descriptors_before = count_entries("/proc/self/fd");
#define RUN(part)                                                                      \
    do {                                                                               \
        part;                                                                          \
        EXPECT(nothing_left(descriptors_before));                                      \
    } while (0)
    RUN(named());
    RUN(options());
    RUN(dialects());
    RUN(faults());
    RUN(bad_rows());
    RUN(found());
    RUN(descriptors());
    RUN(readers());
    RUN(places());
    RUN(stepped());
    RUN(never_waits());
    RUN(polled());
    RUN(cancelled());
    RUN(discarded(descriptors_before));
    RUN(misuse());
    remove_folder();
    return 0;
}
