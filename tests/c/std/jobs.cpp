/*
 * ndshm.hpp: text, jobs, HDF5 and maps. Compiled in several standards, and
 * without exceptions.
 */

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <unistd.h>

#include "../expect.h"
#include "ndshm.hpp"

using namespace std::chrono_literals;

struct row {
    std::int64_t i;
    double x;
};

NDSHM_RECORD(row, i, x)

static_assert(!std::is_copy_constructible_v<ndshm::load_job>);
static_assert(!std::is_copy_assignable_v<ndshm::convert_job>);
static_assert(!std::is_copy_constructible_v<ndshm::map>);
static_assert(std::is_nothrow_move_constructible_v<ndshm::load_job>);
static_assert(std::is_nothrow_move_assignable_v<ndshm::convert_job>);
static_assert(std::is_nothrow_move_assignable_v<ndshm::map>);
static_assert(std::is_nothrow_move_constructible_v<ndshm::import_job>);
static_assert(!std::is_copy_constructible_v<ndshm::join_job>);
static_assert(!std::is_copy_constructible_v<ndshm::description>);
static_assert(std::is_nothrow_move_assignable_v<ndshm::description>);
static_assert(!std::is_constructible_v<ndshm::load_job, ndshm::convert_job &&>);

static const char *const table = "i:i8,x:f8";
static std::string folder;

static std::string file(const std::string &name, const std::string &content)
{
    const std::string path = folder + "/" + name;
    std::FILE *out = std::fopen(path.c_str(), "w");
    EXPECT(out != nullptr);
    EXPECT(std::fputs(content.c_str(), out) >= 0 && std::fclose(out) == 0);
    return path;
}

static ndshm::create_options anonymous()
{
    ndshm::create_options options;
    options.policy = ndshm::policy::anonymous;
    return options;
}

static ndshm::text_options two_workers()
{
    ndshm::text_options how;
    how.workers = 2;
    return how;
}

static void loads()
{
    const std::string a = file("a.txt", "1 0.5\n2 1.0\n"), bad = file("bad.txt", "1 0.5\nx 1.0\n");
    ndshm::text_options how = two_workers();
    ndshm::error e;

    ndshm::segment s = ndshm::load({a, a}, nullptr, table, how, anonymous(), e);
    EXPECT(!e && s.is_open());
    const ndshm::span<const row> rows = s.values<row>(e);
    EXPECT(!e && rows.size() == 4 && rows[3].i == 2 && rows[1].x == 1.0);

    s = ndshm::load({a, bad.c_str()}, nullptr, table, how, anonymous(), e);
    EXPECT(e.code() == NDSHM_ERR_TEXT && !s.is_open());
    EXPECT(e.input() == 1 && e.line() == 2 && e.row() == 1 && e.column() == 1 && e.byte() == 6);

    how.delimiter = ",";
    how.comments = "%";
    how.skiprows = 1;
    how.max_rows = 1;
    how.usecols = {1, -3};
    const std::string c = file("c.txt", "h\n1,2,3 % x\n4,5,6\n");
    const std::vector<ndshm::input> several(3, ndshm::input(c));
    s = ndshm::load(several, nullptr, "f8", how, anonymous(), e);
    EXPECT(!e && s.extents()[0] == 3 && s.extents()[1] == 2);
    EXPECT((s.view<double, 2>(e)(2, 0) == 2.0 && s.view<double, 2>(e)(2, 1) == 1.0));

    how = two_workers();
    const std::string empty = file("empty.txt", "");
    s = ndshm::load({empty}, nullptr, table, how, anonymous(), e);
    EXPECT(e.code() == NDSHM_ERR_EMPTY);
    how.allow_empty = true;
    s = ndshm::load({empty}, nullptr, table, how, anonymous(), e);
    EXPECT(!e && s.values<row>(e).empty());
}

/** What programs of others write: names, quotes, other decimal points, holes. */
static void other_tables()
{
    const std::string csv = file("o.csv", "x;\"i\"\n0,5;1\n-;2\nNA;!\n3,5;NA\nsum;2\n");
    ndshm::text_options how = two_workers();
    ndshm::error e;
    how.delimiter = ";";
    how.quote = "\"";
    how.decimal = ",";
    how.encoding = "latin1";
    how.header = true;
    how.usecols_names = {"i", "x"};
    how.missing = {{"NA"}, {"x", "-"}, {1, "--"}};
    how.fill = {{"i", "-7"}};
    how.skip_footer = 1;
    how.on_bad_rows = ndshm::on_bad_rows::skip;
    auto job = ndshm::load_job::start({csv}, nullptr, table, how, anonymous(), e);
    EXPECT(!e);
    ndshm::progress now;
    while (!now.done)
        now = job.step(1h, e);
    EXPECT(!e && now.rows == 3 && now.bad_rows == 1 && now.bytes_kept == 0);
    EXPECT(job.bad_row(0)->line() == 4 && job.bad_row(0)->column() == 2 && !job.bad_row(1));
    const ndshm::segment s = job.finish(e);
    const ndshm::span<const row> rows = s.values<row>(e);
    EXPECT(!e && rows[0].i == 1 && rows[0].x == 0.5 && rows[2].i == -7 && rows[2].x == 3.5);
    EXPECT(rows[1].i == 2 && rows[1].x != rows[1].x);

    how.no_rows = how.allow_empty = true;
    const ndshm::segment none = ndshm::load({csv}, nullptr, table, how, anonymous(), e);
    EXPECT(!e && none.extents()[0] == 0);

    how = two_workers();
    how.comment_strings = {"//", "%"};
    const std::string told = file("o.txt", "1 0.5 // one\n% two\n3 1.5\n");
    const ndshm::segment all = ndshm::load({told}, nullptr, table, how, anonymous(), e);
    EXPECT(!e && all.extents()[0] == 2);
}

/** A finish whose arguments are refused leaves the job to be discarded. */
static void refused_finishes()
{
    ndshm::error e;
    auto job = ndshm::convert_job();
    const std::string text = file("r.txt", "1 2\n");
    ndshm_text_options how = {};
    how.struct_size = sizeof how;
    how.dtype = table;
    const ndshm::input input(text);
    ndshm_create_options made = {};
    made.struct_size = sizeof made;
    made.policy = NDSHM_POLICY_ANONYMOUS;
    EXPECT(ndshm_load_start(reinterpret_cast<const ndshm_input *>(&input), 1, &how, nullptr,
                            &made, job.c(), e.c()) == NDSHM_OK);
    job.finish(e); /* it is a load */
    EXPECT(e && job.fd() >= 0);
    job.discard();
    EXPECT(job.fd() == -1);
}

static std::ptrdiff_t tell(void *context, void *buffer, std::size_t size)
{
    std::string &text = *static_cast<std::string *>(context);
    const std::size_t len = text.size() < size ? text.size() : size;
    std::memcpy(buffer, text.data(), len);
    text.erase(0, len);
    return static_cast<std::ptrdiff_t>(len);
}

static void jobs()
{
    std::string told = "1 0.5\n2 1.0\n";
    int pipes[2];
    EXPECT(pipe(pipes) == 0);
    ndshm::error e;
    auto job = ndshm::load_job::start({ndshm::input::reader(tell, &told, "a reader"),
                                       ndshm::input::descriptor(pipes[0])},
                                      nullptr, table, two_workers(), anonymous(), e);
    EXPECT(!e && job.fd() >= 0);
    ndshm::progress now;
    for (int i = 0; i < 20; i++) {
        now = job.step(0ms, e);
        EXPECT(!e && !now.done && now.inputs_total == 2);
    }
    EXPECT(write(pipes[1], "3 1.5\n", 6) == 6 && close(pipes[1]) == 0);
    ndshm::load_job moved = std::move(job);
    EXPECT(job.fd() == -1);
    pollfd watch = {moved.fd(), POLLIN, 0};
    while (!now.done) {
        EXPECT(poll(&watch, 1, -1) == 1);
        now = moved.step(std::chrono::nanoseconds(0), e);
        EXPECT(!e);
    }
    EXPECT(now.rows == 3 && now.inputs_done == 2);
    const ndshm::segment s = moved.finish(e);
    EXPECT(!e && s.values<row>(e)[2].i == 3 && moved.fd() == -1);
    EXPECT(!moved.finish(e).is_open() && e.code() == NDSHM_ERR_HANDLE);
    moved.discard();

    EXPECT(pipe(&pipes[0]) == 0);
    moved = ndshm::load_job::start({ndshm::input::descriptor(pipes[0])}, nullptr, table,
                                   two_workers(), anonymous(), e);
    moved.cancel();
    moved.step(1h, e);
    EXPECT(e.code() == NDSHM_ERR_CANCELLED);
    moved = ndshm::load_job(); /* and it is discarded */
    job = ndshm::load_job::start({ndshm::input::descriptor(-1)}, nullptr, table, two_workers(),
                                 anonymous(), e);
    EXPECT(e.code() == NDSHM_ERR_OS && job.fd() == -1);
    close(pipes[0]);
    close(pipes[1]);
}

static void converts()
{
    const std::string a = folder + "/a.txt", output = folder + "/out.h5";
    ndshm::hdf5_options options;
    ndshm::error e;

    ndshm::conversion made = ndshm::convert({a}, output, table, two_workers(), options, e);
    EXPECT(!e && made.rows == 2 && made.datasets == 1 && made.bytes > 32);
    made = ndshm::convert({a}, output, table, two_workers(), options, e);
    EXPECT(e.code() == NDSHM_ERR_FILE_EXISTS && made.rows == 0);
    options.replace = true;
    options.dataset = "all";
    auto job = ndshm::convert_job::start({a, a}, output, table, two_workers(), options, e);
    EXPECT(!e);
    while (!job.step(100ms, e).done)
        EXPECT(!e);
    made = job.finish(e);
    EXPECT(!e && made.rows == 4 && made.datasets == 1 && job.fd() == -1);
    /* Compressed columns with attributes, and without the rows' order in the file. */
    options.layout = ndshm::layout::columns;
    options.compression = ndshm::compression::gzip;
    options.level = 6;
    options.fletcher32 = true;
    options.chunk = {1};
    options.attributes = {{"units", "K"}, {"level", 3}, {"scale", 0.5F}};
    options.source_column = "from";
    made = ndshm::convert({a, a}, output, table, two_workers(), options, e);
    EXPECT(!e && made.rows == 4);
    options.layout = ndshm::layout::contiguous;
    made = ndshm::convert({a}, output, table, two_workers(), options, e);
    EXPECT(e.code() == NDSHM_ERR_ARGUMENT && made.rows == 0);
    options = {};
    options.replace = true;
    options.dataset = "all";
    options.arrange = ndshm::arrange::stack;
    options.shape = {ndshm::open_extent, 4};
    options.no_provenance = true;
    made = ndshm::convert({a, a, a}, output, "f8", two_workers(), options, e);
    EXPECT(!e && made.datasets == 1 && made.rows == 6);
    options.checksum = true;
    made = ndshm::convert({a}, output, "f8", two_workers(), options, e);
    EXPECT(e.code() == NDSHM_ERR_ARGUMENT);
    options = {};
    options.replace = true;
    const std::vector<const char *> labels = {"1", "2"};
    options.categories = {{"i", labels}};
    made = ndshm::convert({a}, output, "i:S2,x:f8", two_workers(), options, e);
    EXPECT(!e && made.rows == 2);
    options.categories = {"j"};
    made = ndshm::convert({a}, output, "i:S2,x:f8", two_workers(), options, e);
    EXPECT(e && made.rows == 0);
    options = {};
    options.replace = true;
    const std::vector<double> rows = {1.5, 2.5};
    options.dims = {{"row", rows}, {"column", 0, 2, 1}};
    options.object_attributes = {{"row", {"units", "m"}}, {"/", {"level", 3}}};
    made = ndshm::convert({a}, output, "f8", two_workers(), options, e);
    EXPECT(!e && made.rows == 2);
    options.dims = {{"row", 0, 2, 0.3}, {"column", 0, 1}};
    made = ndshm::convert({a}, output, "f8", two_workers(), options, e);
    EXPECT(e.code() == NDSHM_ERR_ARGUMENT && made.rows == 0);
    options.dims = {"row"};
    options.object_attributes = {};
    options.units = {{"x", "K"}};
    made = ndshm::convert({a}, output, "i:S2,x:f8", two_workers(), options, e);
    EXPECT(!e && made.rows == 2);
    options = {};
    EXPECT(unlink(output.c_str()) == 0);
    {
        auto left = ndshm::convert_job::start({a}, output, table, two_workers(), options, e);
        EXPECT(!e && left.fd() >= 0);
    }
    EXPECT(access(output.c_str(), F_OK) == -1);
}

extern "C" {
static std::int32_t halve(const void *item, std::size_t size, std::uint64_t index, void *context,
                          ndshm_segment *result, ndshm_error *why)
{
    const std::int64_t number = *static_cast<const std::int64_t *>(item);
    (void)size, (void)index;
    if (number % 2 != 0)
        return -4711;
    ndshm::error e;
    ndshm::create_options options = {};
    options.policy = ndshm::policy::anonymous;
    ndshm::draft made = ndshm::draft::create<std::int64_t>(nullptr, {1}, options, e);
    if (e) {
        *why = *e.c();
        return e.code();
    }
    made.values_mut<std::int64_t>(e)[0] = number / 2 + *static_cast<std::int64_t *>(context);
    *result = std::exchange(*made.c(), ndshm_segment());
    return NDSHM_OK;
}
}

static void maps()
{
    const std::vector<std::int64_t> numbers = {2, 4, 6, 7, 8};
    const std::int64_t more = 100;
    ndshm::map_options options;
    options.workers = 2;
    options.context = &more;
    options.context_size = sizeof more;
    ndshm::error e;
    ndshm::map m = ndshm::map::start(numbers, halve, options, e), other;
    EXPECT(!e && m.fd() >= 0);
    other = std::move(m);
    EXPECT(m.fd() == -1);
    unsigned seen = 0;
    for (;;) {
        pollfd watch = {other.fd(), POLLIN, 0};
        EXPECT(poll(&watch, 1, -1) == 1);
        ndshm::map::result r = other.next(0ms, e);
        if (r.what == ndshm::map::result::end)
            break;
        if (r.what == ndshm::map::result::none)
            continue;
        seen |= 1U << r.index;
        if (r.what == ndshm::map::result::failed) {
            EXPECT(r.index == 3 && e.code() == -4711 && e.input() == 3 && !r.segment.is_open());
            continue;
        }
        const ndshm::span<const std::int64_t> made = r.segment.values<std::int64_t>(e);
        EXPECT(!e && made[0] == numbers[r.index] / 2 + 100);
    }
    EXPECT(!e && seen == 31);
    other.discard();
    EXPECT(other.next(e).what == ndshm::map::result::end && e.code() == NDSHM_ERR_HANDLE);
    other = ndshm::map::start(numbers, nullptr, options, e);
    EXPECT(e.code() == NDSHM_ERR_ARGUMENT && other.fd() == -1);
    other = ndshm::map::start(numbers, halve, options, e);
    other.cancel();
    EXPECT(other.next(e).what == ndshm::map::result::end && !e);
}

/* Text to a segment, to two files, to one, and back. */
static void files()
{
    const std::string a = file("d.txt", "1 0.5\n2 1\n3 1.5\n"), all = folder + "/all.h5";
    const std::string parts[] = {folder + "/p0.h5", folder + "/p1.h5"};
    ndshm::error e;

    const ndshm::segment s = ndshm::load({a}, nullptr, table, two_workers(), anonymous(), e);
    ndshm::export_options how;
    how.dataset = "x";
    how.hdf5.layout = ndshm::layout::chunked;
    for (const std::string &part : parts) {
        ndshm::export_job out = ndshm::export_job::start(s, part, how, e);
        EXPECT(!e && out.finish(e) > 0 && !e);
        how.hdf5.compression = ndshm::compression::gzip;
    }
    EXPECT(ndshm::export_job::start(s, parts[0], how, e).fd() == -1);
    EXPECT(e.code() == NDSHM_ERR_FILE_EXISTS);

    ndshm::join_options joining;
    joining.datasets = {"x"};
    joining.checksum = true;
    ndshm::join_job join = ndshm::join_job::start({parts[0], parts[1]}, all, joining, e);
    const ndshm::joined made = join.finish(e);
    EXPECT(!e && made.shards == 2 && made.datasets == 1 && made.bytes > 0);
    ndshm::verified found = ndshm::verify_job::start(all, false, e).finish(e);
    EXPECT(!e && found.problems.empty() && found.shards == 2 && found.checksums == 2);

    ndshm::import_job in = ndshm::import_job::start(all, nullptr, nullptr, anonymous(), 2, e);
    while (!in.step(1s, e).done)
        EXPECT(!e);
    const ndshm::segment back = in.finish(e);
    EXPECT(!e && back.values<row>(e).size() == 6 && back.values<row>(e)[4].x == 1);
    EXPECT(in.finish(e).c() != nullptr && e.code() == NDSHM_ERR_HANDLE);

    EXPECT(unlink(parts[1].c_str()) == 0);
    found = ndshm::verify_job::start(all, true, e).finish(e);
    EXPECT(!e && found.problems.size() == 1 && found.problems[0].kind == "missing");
    EXPECT(found.problems[0].file == parts[1] && !found.problems[0].message.empty());
    EXPECT(unlink(parts[0].c_str()) == 0 && unlink(all.c_str()) == 0 && unlink(a.c_str()) == 0);
}

static void describes()
{
    const row rows[3] = {{1, 0.5}, {4, 2.5}, {4, 1.5}};
    const std::string a = folder + "/a.txt";
    ndshm::describe_options options;
    ndshm::error e;

    auto job = ndshm::describe_job::of_memory(rows, ndshm::dtype_of<row>::text(), {3}, options, e);
    EXPECT(!e && job.fd() >= 0);
    ndshm::description d = job.finish(e);
    EXPECT(!e && job.fd() == -1 && d.rows() == 3 && d.size() == 2 && d.bad_rows() == 0);
    EXPECT(d.name(0) == "i" && d.dtype(1) == "f8" && d.name(7).empty());
    EXPECT(d.column(0).mean == 3.0 && d.column(1).max.number == 2.5 && d.column(7).count == 0);
    EXPECT(d.frequent(0).size() == 2 && d.frequent(0)[0].second == 2 && d.frequent(1).empty());
    EXPECT(d.quantiles(1)[2].value == 1.5 && d.histogram(1).size() == 20 && d.histogram(7).empty());
    ndshm::description moved = std::move(d);
    EXPECT(moved.rows() == 3 && d.rows() == 0);

    options.columns = {"x"};
    options.quick = true;
    moved = ndshm::describe_job::of_text({a, a}, table, two_workers(), options, e).finish(e);
    EXPECT(!e && moved.size() == 1 && moved.rows() == 4 && moved.column(0).mean == 0.75);
    EXPECT(moved.histogram(0).empty());
    const ndshm::segment s = ndshm::load({a}, nullptr, table, two_workers(), anonymous(), e);
    moved = ndshm::describe_job::of_segment(s, options, e).finish(e);
    EXPECT(!e && moved.rows() == 2 && moved.column(0).max.number == 1.0);
    job = ndshm::describe_job::of_file(a, nullptr, options, e);
    EXPECT(e.code() == NDSHM_ERR_INPUT && job.fd() == -1);
    EXPECT(job.finish(e).rows() == 0 && e.code() == NDSHM_ERR_HANDLE);
}

#if !defined(NDSHM_NO_EXCEPTIONS)
template <class F> static std::int32_t thrown(F &&f)
{
    try {
        f();
    } catch (const ndshm::error &e) {
        return e.code();
    }
    return NDSHM_OK;
}

static void exceptions()
{
    const std::string a = folder + "/a.txt", output = folder + "/out.h5";
    const std::string name = "test.jobs." + std::to_string(getpid());

    {
        const ndshm::segment s = ndshm::load({a}, name, table);
        EXPECT(s.values<row>().size() == 2 && s.name() == name);
    }
    EXPECT(thrown([&] { ndshm::load({folder + "/none"}, name, table); }) == NDSHM_ERR_INPUT);
    EXPECT(ndshm::convert({a}, output, table).rows == 2 && unlink(output.c_str()) == 0);
    EXPECT(thrown([&] { ndshm::convert({a}, folder, table); }) == NDSHM_ERR_FILE);
    EXPECT(thrown([&] { ndshm::import_job::start(a, nullptr, name); }) == NDSHM_ERR_INPUT);
    EXPECT(thrown([&] { ndshm::join_job::start({a}, output).finish(); }) != NDSHM_OK);
    EXPECT(ndshm::verify_job::start(folder).finish().problems.size() == 1);
    EXPECT(ndshm::describe_job::of_text({a}, table).finish().rows() == 2);
    EXPECT(thrown([&] { ndshm::describe_job::of_file(a); }) == NDSHM_ERR_INPUT);
    ndshm::load_job job = ndshm::load_job::start({a}, name, table);
    while (!job.step(1s).done) {
    }
    EXPECT(job.finish().extents()[0] == 2);
    EXPECT(thrown([&] { job.finish(); }) == NDSHM_ERR_HANDLE);
    EXPECT(thrown([&] { job.step(1s); }) == NDSHM_ERR_HANDLE);
    const std::array<std::int64_t, 1> odd = {1};
    const std::int64_t zero = 0;
    ndshm::map_options options;
    options.context = &zero;
    options.context_size = sizeof zero;
    ndshm::map m = ndshm::map::start(odd, halve, options);
    EXPECT(thrown([&] { m.next(); }) == -4711);
    EXPECT(m.next(1s).what == ndshm::map::result::end);
}
#endif

int main()
{
    static const ndshm_map_entry functions[] = {{"halve", halve}};
    EXPECT(ndshm_map_serve(functions, 1, nullptr) == NDSHM_OK);
    char made[] = "/tmp/ndshm-test.XXXXXX";
    EXPECT(mkdtemp(made) != nullptr);
    folder = made;
    loads();
    other_tables();
    refused_finishes();
    jobs();
    converts();
    files();
    maps();
    describes();
#if !defined(NDSHM_NO_EXCEPTIONS)
    exceptions();
#endif
    for (const char *name : {"a.txt", "bad.txt", "c.txt", "empty.txt", "o.csv", "o.txt", "r.txt"})
        EXPECT(unlink((folder + "/" + name).c_str()) == 0);
    EXPECT(rmdir(made) == 0);
    return 0;
}
