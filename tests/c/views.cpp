/*
 * ndshm.hpp: types and their dtypes, views, moves, errors with and without
 * exceptions. Compiled in several standards, and without exceptions.
 */

#include <sys/socket.h>
#include <unistd.h>

#include "expect.h"
#include "ndshm.hpp"

enum class color : std::uint8_t { red, green };

struct point {
    float xyz[3];
    std::int16_t id;
};

struct event {
    double when;
    bool valid;
    color hue;
    char name[5];
    point corners[2][4];
    std::array<std::uint64_t, 2> words;
    std::complex<double> value;
};

struct other {
    float xyz[3];
    std::uint16_t id;
};

struct shorter {
    float xyz[3];
};

struct single {
    float x;
};

NDSHM_RECORD(point, xyz, id)
NDSHM_RECORD(event, when, valid, hue, name, corners, words, value)
NDSHM_RECORD(other, xyz, id)
NDSHM_RECORD(shorter, xyz)
NDSHM_RECORD(single, x)

static_assert(!std::is_copy_constructible_v<ndshm::segment>);
static_assert(!std::is_copy_assignable_v<ndshm::draft>);
static_assert(std::is_nothrow_move_constructible_v<ndshm::segment>);
static_assert(std::is_nothrow_move_assignable_v<ndshm::draft>);
static_assert(std::is_same_v<decltype(std::declval<const ndshm::segment &>().view<int>(
                                 std::declval<ndshm::error &>())),
                             ndshm::view<const int, 1>>);

static std::string name_of(const char *what)
{
    return "test.views." + std::string(what) + "." + std::to_string(getpid());
}

/* Every type makes a dtype that the library reads, and that it recognises again. */
template <class T> static void scalar(const char *text)
{
    ndshm::error e;
    auto d = ndshm::draft::create<T>(name_of("scalar"), {3}, {}, e);
    EXPECT(!e && d.is_open());
    EXPECT(d.dtype() == text);
    EXPECT(d.itemsize() == sizeof(T) && d.data_len() == 3 * sizeof(T));
    EXPECT(d.template holds<T>());
    EXPECT(!d.template holds<point>());
    EXPECT((d.template holds<std::int32_t>() == std::is_same_v<T, std::int32_t>));
    EXPECT(d.template values<T>(e).size() == 3 && !e);
}

static void scalars()
{
    scalar<bool>("|b1");
    scalar<char>("|S1");
    scalar<signed char>("|i1");
    scalar<unsigned char>("|u1");
    scalar<std::int16_t>("<i2");
    scalar<std::int32_t>("<i4");
    scalar<long long>("<i8");
    scalar<std::uint64_t>("<u8");
    scalar<float>("<f4");
    scalar<double>("<f8");
    scalar<std::complex<float>>("<c8");
    scalar<std::complex<double>>("<c16");
    scalar<color>("|u1");
}

static void records()
{
    ndshm::error e;
    auto d = ndshm::draft::create<event>(name_of("record"), {2, 2}, {}, e);
    EXPECT(!e);
    EXPECT(d.itemsize() == sizeof(event) && d.ndim() == 2 && d.extents()[1] == 2);
    EXPECT(d.holds<event>() && !d.holds<point>() && !d.holds<double>());
    ndshm_field corners, id;
    EXPECT(ndshm_field_find(d.c(), nullptr, "corners", &corners, e.c()) == NDSHM_OK);
    EXPECT(corners.offset == offsetof(event, corners) && corners.ndim == 2 && corners.dims[1] == 4);
    EXPECT(ndshm_field_find(d.c(), &corners, "id", &id, e.c()) == NDSHM_OK);
    EXPECT(id.offset == offsetof(point, id) && corners.itemsize == sizeof(point));

    auto v = d.view_mut<event, 2>(e);
    EXPECT(!e && v.size() == 4 && v.rank() == 2 && v.stride(0) == 2 && v.stride(1) == 1);
    v(1, 0).corners[1][3].id = 77;
    EXPECT(d.values<event>(e)[2].corners[1][3].id == 77);

    /* The same names with another type, and a part of the fields, are other types. */
    auto p = ndshm::draft::create<point>(name_of("point"), {1}, {}, e);
    EXPECT(p.holds<point>() && !p.holds<other>() && !p.holds<shorter>());
    EXPECT(p.values<other>(e).empty() && e.code() == NDSHM_ERR_DTYPE_DIFFERS);
    /* The other byte order is another type, and so is an array of the same size. */
    auto big = ndshm::draft::create(name_of("big"), ">f8", {1}, {}, e);
    EXPECT(!e && !big.holds<double>());
    auto array = ndshm::draft::create(name_of("array"), "[('xyz','<f4',(1,3)),('id','<i2')]", {1}, {}, e);
    EXPECT(!e && !array.holds<point>());
    /* So is a record with the same fields in another place, or with one more. */
    const char start[] = "{'names': ['xyz', 'id'], 'formats': [('<f4', (3,)), '<i2'], 'offsets': [0, ";
    EXPECT(ndshm::draft::create(name_of("same"), start + std::string("12], 'itemsize': 16}"), {}, {}, e)
               .holds<point>());
    auto moved = ndshm::draft::create(name_of("at"), start + std::string("14], 'itemsize': 16}"), {}, {}, e);
    EXPECT(!e && !moved.holds<point>());
    auto more = ndshm::draft::create(name_of("more"), "xyz:3f4,id:i2,more:u2", {}, {}, e);
    auto one = ndshm::draft::create(name_of("one"), "[('x','<f4',(1,))]", {}, {}, e);
    EXPECT(one.itemsize() == sizeof(single) && !one.holds<single>());
    EXPECT(more.itemsize() == sizeof(point) && !more.holds<point>());
}

static void views()
{
    ndshm::error e;
    ndshm::create_options fortran;
    fortran.strides = {4, 8};
    auto d = ndshm::draft::create<std::int32_t>(name_of("view"), {2, 3}, fortran, e);
    EXPECT(!e && d.strides()[1] == 8);
    EXPECT(d.values<std::int32_t>(e).empty() && e.code() == NDSHM_ERR_ARGUMENT);
    auto v = d.view_mut<std::int32_t, 2>(e);
    EXPECT(!e && v.extent(0) == 2 && v.extent(1) == 3 && v.stride(0) == 1 && v.stride(1) == 2);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            v(i, j) = 10 * i + j;
    const int expected[] = {0, 10, 1, 11, 2, 12};
    EXPECT(std::memcmp(d.data(), expected, sizeof expected) == 0);
    EXPECT(v.at(1, 2) == &v(1, 2) && v.at(2, 0) == nullptr && v.at(0, 3) == nullptr);
    EXPECT(v.at(-1, 0) == nullptr);
    d.view<std::int32_t>(e);
    EXPECT(e.code() == NDSHM_ERR_ARGUMENT);
    std::printf("%s\n", e.what());

    auto zero = ndshm::draft::create<double>(name_of("zero"), {}, {}, e);
    EXPECT(!e && zero.values_mut<double>(e).size() == 1);
    zero.view_mut<double, 0>(e)() = 4;
    EXPECT(!e && zero.values<double>(e)[0] == 4);
    auto none = ndshm::draft::create<double>(name_of("none"), {5, 0}, {}, e);
    EXPECT(!e && none.values<double>(e).empty() && !e);

    fortran.strides = {4};
    ndshm::draft::create<std::int32_t>(name_of("view"), {2, 3}, fortran, e);
    EXPECT(e.code() == NDSHM_ERR_ARGUMENT);
    std::vector<int> extents(3, 2);
    EXPECT(ndshm::draft::create<int>(name_of("vector"), extents, {}, e).data_len() == 32);
    extents.assign(NDSHM_MAX_NDIM, 1);
    EXPECT(ndshm::draft::create<int>(name_of("many"), extents, {}, e).ndim() == NDSHM_MAX_NDIM);
    extents.assign(1000, 1);
    EXPECT(!ndshm::draft::create<int>(name_of("many"), extents, {}, e));
    EXPECT(e.code() == NDSHM_ERR_ARGUMENT);
}

static void life()
{
    ndshm::error e;
    const std::string name = name_of("life");
    ndshm::create_options options;
    options.metadata = "m";
    options.metadata_len = 1;
    ndshm::draft d = ndshm::draft::create<int>(name, {4}, options, e);
    EXPECT(!e);
    auto written = d.values_mut<int>(e);
    for (std::size_t i = 0; i < written.size(); i++)
        written[i] = static_cast<int>(i);
    ndshm::draft moved = std::move(d);
    EXPECT(!d.is_open() && moved.is_open()); // NOLINT: what is left is defined
    const ndshm::segment made = moved.publish(e);
    EXPECT(!e && made && !moved.is_open());
    EXPECT(moved.publish(e).is_open() == false && e.code() == NDSHM_ERR_HANDLE);

    {
        auto seen = ndshm::segment::attach(name, ndshm::access::read, std::chrono::seconds(1), e);
        EXPECT(!e && seen.is_current() && seen.refcount() == 2);
        EXPECT(seen.uuid() == made.uuid() && seen.metadata() == "m");
        EXPECT(seen.policy() == ndshm::policy::last_detach);
        int sum = 0;
        for (const int value : seen.values<int>(e))
            sum += value;
        EXPECT(sum == 6);
        EXPECT(seen.values_mut<int>(e).empty() && e.code() == NDSHM_ERR_READ_ONLY);
        bool listed = false;
        for (const std::string &each : ndshm::list(e))
            listed = listed || each == name;
        EXPECT(!e && listed);
        bool live = false;
        for (const ndshm::pruned &each : ndshm::prune(e))
            live = live || (each.name == name && each.what == NDSHM_PRUNE_LIVE);
        EXPECT(!e && live);
        ndshm::segment taken;
        taken = std::move(seen);
        EXPECT(made.refcount() == 2);
    }
    EXPECT(made.refcount() == 1);
    ndshm::unlink(name, e);
    EXPECT(!e && !made.is_current());
    ndshm::unlink(name, e);
    EXPECT(e.code() == NDSHM_ERR_NOT_FOUND);

    const auto nobody = ndshm::segment::attach(name, ndshm::access::read,
                                               std::chrono::duration<double>(0.01), e);
    EXPECT(!nobody && e.code() == NDSHM_ERR_NOT_FOUND && e.what()[0] != 0);
    EXPECT(nobody.values<int>(e).empty() && e.code() == NDSHM_ERR_HANDLE);
}

/* A publish that fails leaves the draft. */
static void renamed()
{
    ndshm::error e;
    const std::string name = name_of("taken");
    const auto first = ndshm::draft::create<int>(name, {1}, {}, e).publish(e);
    EXPECT(!e && first.name() == name);
    auto draft = ndshm::draft::create<int>(name_of("other"), {1}, {}, e);
    draft.rename(name, e);
    EXPECT(!e && !draft.publish(e) && e.code() == NDSHM_ERR_EXISTS && draft.is_open());
    draft.rename(name_of("free"), e);
    EXPECT(!e);
    const auto second = draft.publish(e);
    EXPECT(!e && second && !draft && second.name() == name_of("free"));
}

static void grows()
{
    ndshm::error e;
    auto rows = ndshm::growable::create<point>(name_of("grows"), {0, 2}, {}, e);
    EXPECT(!e && rows.row_len() == 2 * sizeof(point));
    static const point pair[2] = {{{1, 2, 3}, 4}, {{5, 6, 7}, 8}}; /* static: no garbage in gaps */
    for (int i = 0; i < 10; i++)
        rows.append(pair, sizeof pair, e);
    rows.append(pair, sizeof(point), e); /* half a row */
    ndshm::growable moved = std::move(rows);
    moved.write_at(sizeof(point), &pair[0], sizeof(point), e);
    EXPECT(!e && moved.data_len() == 10 * sizeof pair + sizeof(point));
    EXPECT(!moved.finish(11, e) && e.code() == NDSHM_ERR_ARGUMENT);
    auto draft = moved.finish(e);
    EXPECT(!e && draft.extents()[0] == 10 && draft.values<point>(e).size() == 20);
    EXPECT((draft.view<point, 2>(e)(0, 1).id == 4) && (draft.view<point, 2>(e)(9, 1).id == 8));
    const auto made = draft.publish(e);

    const ndshm::info info = ndshm::peek(made.name(), e);
    EXPECT(!e && info.shape[0] == 10 && info.ndim == 2 && info.attached == 1);
    EXPECT(info.dtype == made.dtype() && info.itemsize == sizeof(point));
    EXPECT(ndshm::peek(name_of("nobody"), e).dtype.empty() && e.code() == NDSHM_ERR_NOT_FOUND);
}

/* A dtype whose text is longer than what peek tries first. */
static void peeked()
{
    ndshm::error e;
    std::string dtype;
    for (int i = 0; i < 100; i++)
        dtype += (i == 0 ? "" : ",") + ("column" + std::to_string(i)) + ":f8";
    const auto made = ndshm::draft::create(name_of("long"), dtype, {}, {}, e).publish(e);
    EXPECT(!e && ndshm::peek(made.name(), e).dtype == made.dtype() && made.dtype().size() > 1000);
}

static void anonymous()
{
    ndshm::error e;
    ndshm::create_options options;
    options.policy = ndshm::policy::anonymous;
    auto draft = ndshm::draft::create<int>(nullptr, {3}, options, e);
    EXPECT(!e);
    const int numbers[] = {7, 8, 9};
    draft.copy_from(0, numbers, sizeof numbers, e);
    EXPECT(!e);
    draft.copy_from(4, numbers, sizeof numbers, e);
    EXPECT(e.code() == NDSHM_ERR_ARGUMENT);
    const auto made = draft.publish(e);
    EXPECT(!e && made.name().empty() && made.fd() >= 0);
    EXPECT(made.policy() == ndshm::policy::anonymous);
    const auto seen = ndshm::segment::attach_fd(made.fd(), ndshm::access::read, e);
    int last = 0;
    seen.copy_to(8, sizeof last, &last, e);
    EXPECT(!e && last == 9 && seen.uuid() == made.uuid());

    int sockets[2];
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
    made.send(sockets[0], e);
    EXPECT(!e);
    const auto received = ndshm::segment::receive(sockets[1], ndshm::access::read, e);
    EXPECT(!e && received.values<int>(e)[1] == 8);
    close(sockets[0]);
    EXPECT(!ndshm::segment::receive(sockets[1], ndshm::access::read, e) && e);
    close(sockets[1]);
}

static void policies()
{
    ndshm::error e;
    ndshm::create_options options;
    options.policy = ndshm::policy::handoff;
    options.handoff_attaches = 2;
    options.handoff_timeout = options.forever;
    auto made = ndshm::draft::create<int>(name_of("handoff"), {1}, options, e).publish(e);
    EXPECT(!e && made.policy() == ndshm::policy::handoff);
    made.detach();
    for (int attach = 0; attach < 2; attach++)
        EXPECT(ndshm::segment::attach(name_of("handoff"), e).is_open());
    EXPECT(!ndshm::segment::attach(name_of("handoff"), e) && e.code() == NDSHM_ERR_NOT_FOUND);
    options.handoff_timeout = std::chrono::milliseconds(-5);
    made = ndshm::draft::create<int>(name_of("handoff"), {1}, options, e).publish(e);
    EXPECT(!e && ndshm::peek(made.name(), e).expiry_ns != 0);
}

#if !defined(NDSHM_NO_EXCEPTIONS)
static void exceptions()
{
    int caught = 0;
    const std::string name = name_of("thrown");
    try {
        ndshm::segment::attach(name);
    } catch (const ndshm::error &e) {
        caught += e.code() == NDSHM_ERR_NOT_FOUND;
    }
    try {
        ndshm::draft::create(name, "no dtype", {1});
    } catch (const std::exception &e) {
        caught += std::string(e.what()).empty() ? 0 : 1;
    }
    ndshm::segment made = ndshm::draft::create<double>(name, {2}).publish();
    try {
        ndshm::draft::create<double>(name, {2}).publish();
    } catch (const ndshm::error &e) {
        caught += e.code() == NDSHM_ERR_EXISTS;
    }
    try {
        const auto seen = ndshm::segment::attach(name, ndshm::access::read, std::chrono::hours(1));
        EXPECT((seen.view<double>().size() == 2));
        seen.values<float>();
    } catch (const ndshm::error &e) {
        caught += e.code() == NDSHM_ERR_DTYPE_DIFFERS;
    }
    EXPECT(caught == 4 && made.refcount() == 1 && !ndshm::list().empty());
    ndshm::unlink(name);
}
#else
static void exceptions() {}
#endif

int main()
{
    EXPECT(ndshm::abi_matches());
    scalars();
    records();
    views();
    life();
    renamed();
    grows();
    peeked();
    anonymous();
    policies();
    exceptions();
    return 0;
}
