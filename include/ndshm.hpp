/*
 * ndshm.hpp: the C++ side of ndshm.h, header-only, C++17 or later
 *
 * ndshm.h is the manual; what it says of lifetime, threads, fork and trust holds here, too. This
 * file adds what C cannot: handles that detach themselves and can only be moved, views with a type
 * that was compared with the segment's dtype, and errors as exceptions.
 *
 *     struct row { double depth; std::int32_t pos; char chr[8]; };
 *     NDSHM_RECORD(row, depth, pos, chr)                          // at global scope
 *
 *     auto draft = ndshm::draft::create<row>("run7", {1000});
 *     for (row &r : draft.values_mut<row>()) r = ...;
 *     ndshm::segment made = draft.publish();
 *
 *     auto seen = ndshm::segment::attach("run7", ndshm::access::read, std::chrono::seconds(5));
 *     for (const row &r : seen.values<row>()) ...
 *     auto grid = seen.view<double, 2>();                         // of another segment: grid(i, j)
 *
 * ERRORS. Every function that can fail exists twice, as in std::filesystem: with a last parameter
 * `ndshm::error &`, which it sets or clears, and without, then it throws an `ndshm::error`. Where
 * exceptions are off, or NDSHM_NO_EXCEPTIONS is defined, only the first kind is there. What is
 * returned beside an error is closed or empty.
 *
 * VIEWS do not keep a segment alive: they are valid until it is detached. Moving a segment or a
 * draft leaves them valid. Other processes may write the data at any time, if they may write the
 * segment at all.
 */

#ifndef NDSHM_HPP
#define NDSHM_HPP

#include <array>
#include <chrono>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__has_include)
#if __has_include(<version>)
#include <version>
#endif
#endif
#if defined(__cpp_lib_span)
#include <span>
#endif

#include "ndshm.h"

#if !defined(NDSHM_NO_EXCEPTIONS) && !defined(__cpp_exceptions)
#define NDSHM_NO_EXCEPTIONS
#endif

namespace ndshm {

/* ==========================================================================
 *                                  Errors
 * ========================================================================== */

/** What went wrong: a status of ndshm.h, the errno behind it, a sentence. False if nothing did. */
class error : public std::exception {
public:
    error() noexcept : c_{} { c_.struct_size = sizeof c_; }
    error(std::int32_t code, const char *message) noexcept : error() { set(code, message); }

    std::int32_t code() const noexcept { return c_.code; }
    int os_errno() const noexcept { return c_.os_errno; }
    const char *what() const noexcept override { return c_.message; }
    /** Where in the input it went wrong, as in ndshm_error. */
    std::uint32_t input() const noexcept { return c_.input; }
    std::uint64_t line() const noexcept { return c_.line; }
    std::uint64_t row() const noexcept { return c_.row; }
    std::uint64_t byte() const noexcept { return c_.byte; }
    std::uint32_t column() const noexcept { return c_.column; }
    explicit operator bool() const noexcept { return c_.code != NDSHM_OK; }

    void clear() noexcept { *this = error(); }
    void set(std::int32_t code, const char *message) noexcept
    {
        clear();
        c_.code = code;
        c_.input = NDSHM_NO_INPUT;
        c_.row = c_.byte = NDSHM_NO_PLACE;
        std::snprintf(c_.message, sizeof c_.message, "%s", message);
    }
    /** For calls of ndshm.h. */
    ndshm_error *c() noexcept { return &c_; }

private:
    ndshm_error c_;
};

namespace detail {

#if !defined(NDSHM_NO_EXCEPTIONS)
/** Calls `f` with an error, and throws what it finds there. */
template <class F> auto or_throw(F &&f) -> decltype(f(std::declval<error &>()))
{
    error e;
    if constexpr (std::is_void_v<decltype(f(e))>) {
        f(e);
        if (e)
            throw error(e);
    } else {
        auto result = f(e);
        if (e)
            throw error(e);
        return result;
    }
}
#endif

} // namespace detail

/* ==========================================================================
 *                            Spans and arguments
 * ========================================================================== */

#if defined(__cpp_lib_span)
template <class T> using span = std::span<T>;
#else
/** As much of std::span as is needed: elements that lie one behind the other. */
template <class T> class span {
public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;
    using iterator = T *;

    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}

    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr std::size_t size_bytes() const noexcept { return size_ * sizeof(T); }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T &operator[](std::size_t i) const noexcept { return data_[i]; }
    constexpr T &front() const noexcept { return data_[0]; }
    constexpr T &back() const noexcept { return data_[size_ - 1]; }
    constexpr iterator begin() const noexcept { return data_; }
    constexpr iterator end() const noexcept { return data_ + size_; }

private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};
#endif

/** Text with a NUL at its end, during a call: a literal, or a std::string. */
class text {
public:
    text(const char *s) noexcept : s_(s) {}
    text(const std::string &s) noexcept : s_(s.c_str()) {}
    const char *c_str() const noexcept { return s_; }

private:
    const char *s_;
};

/** A number for each dimension, copied: `{1000, 3}`, or any container of integers in one piece. */
template <class T> class numbers {
public:
    numbers() noexcept = default;
    numbers(std::initializer_list<T> list) noexcept { copy(list.begin(), list.size()); }
    template <class C, class E = decltype(*std::data(std::declval<const C &>())),
              class = std::enable_if_t<std::is_integral_v<std::decay_t<E>>>>
    numbers(const C &c) noexcept
    {
        copy(std::data(c), std::size(c));
    }
    const T *data() const noexcept { return values_.data(); }
    /** More than NDSHM_MAX_NDIM are only counted; the library refuses them. */
    std::size_t size() const noexcept { return size_; }

private:
    template <class E> void copy(const E *from, std::size_t size) noexcept
    {
        size_ = size <= NDSHM_MAX_NDIM ? size : NDSHM_MAX_NDIM + 1;
        for (std::size_t k = 0; k < size_ && k < NDSHM_MAX_NDIM; k++)
            values_[k] = static_cast<T>(from[k]);
    }

    std::array<T, NDSHM_MAX_NDIM> values_ = {};
    std::size_t size_ = 0;
};

using shape = numbers<std::uint64_t>;

enum class policy : std::uint32_t {
    last_detach = NDSHM_POLICY_LAST_DETACH,
    persist = NDSHM_POLICY_PERSIST,
    owner = NDSHM_POLICY_OWNER,
    handoff = NDSHM_POLICY_HANDOFF,
    anonymous = NDSHM_POLICY_ANONYMOUS, /**< The name is nullptr then. */
};

enum class access : std::uint32_t {
    read = NDSHM_ACCESS_READ,
    read_write = NDSHM_ACCESS_READ_WRITE,
};

/** What a new segment is to be besides its type and shape; see ndshm_create_options. */
struct create_options {
    ndshm::policy policy = ndshm::policy::last_detach;
    std::uint32_t mode = 0;
    std::uint32_t via = NDSHM_VIA_AUTO;
    numbers<std::int64_t> strides = {}; /**< In bytes; none for C order. */
    const void *metadata = nullptr;
    std::size_t metadata_len = 0;
    std::uint32_t handoff_attaches = 0;
    /** 0 for ten minutes, `forever` for ever. */
    std::chrono::milliseconds handoff_timeout = std::chrono::milliseconds(0);
    static constexpr std::chrono::milliseconds forever = std::chrono::milliseconds::max();
    /** NDSHM_NAMING_...; the name is nullptr if it comes late. Not for load, which publishes. */
    std::uint32_t naming = NDSHM_NAMING_GIVEN;
};

namespace detail {

/** How long a segment waits to be attached. */
inline std::uint64_t waiting_ms(std::chrono::milliseconds timeout) noexcept
{
    const std::int64_t ms = static_cast<std::int64_t>(timeout.count());
    return timeout == create_options::forever ? NDSHM_FOREVER
                                              : static_cast<std::uint64_t>(ms < 0 ? 1 : ms);
}

/** The options in C; they point into the arguments. */
inline ndshm_create_options in_c(const text &dtype, const shape &extents,
                                 const create_options &options) noexcept
{
    ndshm_create_options o = {};
    o.struct_size = sizeof o;
    o.dtype = dtype.c_str();
    o.shape = extents.data();
    o.ndim = static_cast<std::uint32_t>(extents.size());
    o.strides = options.strides.size() == 0 ? nullptr : options.strides.data();
    o.metadata = options.metadata;
    o.metadata_len = options.metadata_len;
    o.policy = static_cast<std::uint32_t>(options.policy);
    o.mode = options.mode;
    o.via = options.via;
    o.handoff_attaches = options.handoff_attaches;
    o.handoff_timeout_ms = waiting_ms(options.handoff_timeout);
    o.naming = options.naming;
    return o;
}

} // namespace detail

/* ==========================================================================
 *                      The types of C++ as dtypes
 * ========================================================================== */

/**
 * The dtype of a C++ type. Special cases have
 *     static std::string text();                        what NumPy would print
 *     static bool is(const ndshm_segment *, const ndshm_field &);   whether a field has this type
 * and there is one for bool, char (one byte of text), integers, enums, float, double, std::complex
 * of these, arrays of all, and records that were named with NDSHM_RECORD.
 */
template <class T, class = void> struct dtype_of;

namespace detail {

template <class T> inline constexpr bool is_complex = false;
template <class T> inline constexpr bool is_complex<std::complex<T>> = true;

inline char native_order() noexcept
{
    const std::uint16_t one = 1;
    unsigned char first;
    std::memcpy(&first, &one, 1);
    return first == 1 ? '<' : '>';
}

/** One type with a letter and a size. */
template <class T, char Kind, std::uint32_t Size = sizeof(T)> struct plain {
    static constexpr bool ordered = Size > 1 && Kind != 'S';
    static std::string text()
    {
        return (ordered ? native_order() : '|') + (Kind + std::to_string(Size));
    }
    static bool is(const ndshm_segment *, const ndshm_field &f) noexcept
    {
        return f.kind == Kind && f.itemsize == Size &&
               f.order == static_cast<unsigned char>(ordered ? native_order() : '|');
    }
};

template <class T> constexpr char letter() noexcept
{
    if constexpr (std::is_same_v<T, bool>)
        return 'b';
    else if constexpr (std::is_same_v<T, char>)
        return 'S';
    else if constexpr (std::is_floating_point_v<T>)
        return 'f';
    else
        return std::is_signed_v<T> ? 'i' : 'u';
}

/** The item and the extents of a type that may be an array. */
template <class T> struct item {
    using type = T;
    static constexpr std::size_t ndim = 0;
    static std::string dims() { return {}; }
    static bool has(const std::uint32_t *) noexcept { return true; }
};
template <class T, std::size_t N> struct item<T[N]> {
    using type = typename item<T>::type;
    static constexpr std::size_t ndim = 1 + item<T>::ndim;
    static std::string dims() { return std::to_string(N) + "," + item<T>::dims(); }
    static bool has(const std::uint32_t *d) noexcept { return d[0] == N && item<T>::has(d + 1); }
};
template <class T, std::size_t N> struct item<std::array<T, N>> : item<T[N]> {
    static_assert(sizeof(std::array<T, N>) == sizeof(T[N]));
};
/** Text is one item, not an array of bytes. */
template <std::size_t N> struct item<char[N]> {
    using type = char[N];
    static constexpr std::size_t ndim = 0;
    static std::string dims() { return {}; }
    static bool has(const std::uint32_t *) noexcept { return true; }
};

template <class T> bool is_field(const ndshm_segment *s, const ndshm_field &f) noexcept
{
    using I = item<T>;
    return f.ndim == I::ndim && I::has(f.dims) && dtype_of<typename I::type>::is(s, f);
}

template <class T> std::string field_text()
{
    using I = item<T>;
    const std::string text = dtype_of<typename I::type>::text();
    const std::string quoted = text[0] == '{' ? text : "'" + text + "'";
    return I::ndim == 0 ? quoted : "(" + quoted + ", (" + I::dims() + "))";
}

/** Collects the text of a record. */
struct writer {
    std::string names, formats, offsets;
    template <class F> bool field(const char *name, std::size_t offset)
    {
        names += (names.empty() ? "'" : ", '") + std::string(name) + "'";
        formats += (formats.empty() ? "" : ", ") + field_text<F>();
        offsets += (offsets.empty() ? "" : ", ") + std::to_string(offset);
        return true;
    }
};

/** Compares a record with a field of a segment. */
struct comparer {
    const ndshm_segment *segment;
    const ndshm_field *record;
    std::uint32_t count = 0;
    template <class F> bool field(const char *name, std::size_t offset) noexcept
    {
        ndshm_field found;
        count += 1;
        return ndshm_field_find(segment, record, name, &found, nullptr) == NDSHM_OK &&
               found.offset == offset && is_field<F>(segment, found);
    }
};

/** Of all records; `Self::fields` visits their fields. */
template <class T, class Self> struct record {
    static_assert(std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T>,
                  "a record lies in shared memory as it is: no pointers, no virtual functions");
    static std::string text()
    {
        writer w;
        Self::fields(w);
        return "{'names': [" + w.names + "], 'formats': [" + w.formats + "], 'offsets': [" +
               w.offsets + "], 'itemsize': " + std::to_string(sizeof(T)) + "}";
    }
    static bool is(const ndshm_segment *s, const ndshm_field &f) noexcept
    {
        comparer c{s, &f};
        return f.kind == NDSHM_KIND_RECORD && f.itemsize == sizeof(T) && Self::fields(c) &&
               c.count == f.field_count;
    }
};

} // namespace detail

template <class T>
struct dtype_of<T, std::enable_if_t<std::is_arithmetic_v<T>>> : detail::plain<T, detail::letter<T>()> {
    static_assert(!std::is_same_v<T, long double>, "long double has no dtype");
};
template <class T>
struct dtype_of<T, std::enable_if_t<std::is_enum_v<T>>> : dtype_of<std::underlying_type_t<T>> {};
template <> struct dtype_of<std::complex<float>> : detail::plain<std::complex<float>, 'c'> {};
template <> struct dtype_of<std::complex<double>> : detail::plain<std::complex<double>, 'c'> {};
template <std::size_t N> struct dtype_of<char[N]> : detail::plain<char[N], 'S', N> {};

/**
 * NDSHM_RECORD(type, field, ...): makes a struct a type of elements, and of fields of other
 * structs. At global scope, with all fields, 48 at most. Offsets and size are the compiler's.
 */
#define NDSHM_RECORD(type, ...)                                                                     \
    template <> struct ndshm::dtype_of<type> : ndshm::detail::record<type, ndshm::dtype_of<type>> { \
        template <class V> static bool fields(V &v)                                                 \
        {                                                                                           \
            return NDSHM_EACH_(type, __VA_ARGS__);                                                  \
        }                                                                                           \
    };

/* Implementation of NDSHM_RECORD: counts its arguments and unrolls. */
#define NDSHM_ONE_(t, f) v.template field<decltype(t::f)>(#f, offsetof(t, f))
#define NDSHM_1_(t, f) NDSHM_ONE_(t, f)
#define NDSHM_2_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_1_(t, __VA_ARGS__)
#define NDSHM_3_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_2_(t, __VA_ARGS__)
#define NDSHM_4_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_3_(t, __VA_ARGS__)
#define NDSHM_5_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_4_(t, __VA_ARGS__)
#define NDSHM_6_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_5_(t, __VA_ARGS__)
#define NDSHM_7_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_6_(t, __VA_ARGS__)
#define NDSHM_8_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_7_(t, __VA_ARGS__)
#define NDSHM_9_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_8_(t, __VA_ARGS__)
#define NDSHM_10_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_9_(t, __VA_ARGS__)
#define NDSHM_11_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_10_(t, __VA_ARGS__)
#define NDSHM_12_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_11_(t, __VA_ARGS__)
#define NDSHM_13_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_12_(t, __VA_ARGS__)
#define NDSHM_14_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_13_(t, __VA_ARGS__)
#define NDSHM_15_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_14_(t, __VA_ARGS__)
#define NDSHM_16_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_15_(t, __VA_ARGS__)
#define NDSHM_17_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_16_(t, __VA_ARGS__)
#define NDSHM_18_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_17_(t, __VA_ARGS__)
#define NDSHM_19_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_18_(t, __VA_ARGS__)
#define NDSHM_20_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_19_(t, __VA_ARGS__)
#define NDSHM_21_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_20_(t, __VA_ARGS__)
#define NDSHM_22_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_21_(t, __VA_ARGS__)
#define NDSHM_23_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_22_(t, __VA_ARGS__)
#define NDSHM_24_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_23_(t, __VA_ARGS__)
#define NDSHM_25_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_24_(t, __VA_ARGS__)
#define NDSHM_26_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_25_(t, __VA_ARGS__)
#define NDSHM_27_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_26_(t, __VA_ARGS__)
#define NDSHM_28_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_27_(t, __VA_ARGS__)
#define NDSHM_29_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_28_(t, __VA_ARGS__)
#define NDSHM_30_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_29_(t, __VA_ARGS__)
#define NDSHM_31_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_30_(t, __VA_ARGS__)
#define NDSHM_32_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_31_(t, __VA_ARGS__)
#define NDSHM_33_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_32_(t, __VA_ARGS__)
#define NDSHM_34_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_33_(t, __VA_ARGS__)
#define NDSHM_35_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_34_(t, __VA_ARGS__)
#define NDSHM_36_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_35_(t, __VA_ARGS__)
#define NDSHM_37_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_36_(t, __VA_ARGS__)
#define NDSHM_38_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_37_(t, __VA_ARGS__)
#define NDSHM_39_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_38_(t, __VA_ARGS__)
#define NDSHM_40_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_39_(t, __VA_ARGS__)
#define NDSHM_41_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_40_(t, __VA_ARGS__)
#define NDSHM_42_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_41_(t, __VA_ARGS__)
#define NDSHM_43_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_42_(t, __VA_ARGS__)
#define NDSHM_44_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_43_(t, __VA_ARGS__)
#define NDSHM_45_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_44_(t, __VA_ARGS__)
#define NDSHM_46_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_45_(t, __VA_ARGS__)
#define NDSHM_47_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_46_(t, __VA_ARGS__)
#define NDSHM_48_(t, f, ...) NDSHM_ONE_(t, f) && NDSHM_47_(t, __VA_ARGS__)
#define NDSHM_PICK_(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, _17,  \
    _18, _19, _20, _21, _22, _23, _24, _25, _26, _27, _28, _29, _30, _31, _32, _33, _34, _35,    \
    _36, _37, _38, _39, _40, _41, _42, _43, _44, _45, _46, _47, _48, name, ...) name
#define NDSHM_EACH_(t, ...) NDSHM_PICK_(__VA_ARGS__, NDSHM_48_, NDSHM_47_, NDSHM_46_, NDSHM_45_, \
    NDSHM_44_, NDSHM_43_, NDSHM_42_, NDSHM_41_, NDSHM_40_, NDSHM_39_, NDSHM_38_, NDSHM_37_,      \
    NDSHM_36_, NDSHM_35_, NDSHM_34_, NDSHM_33_, NDSHM_32_, NDSHM_31_, NDSHM_30_, NDSHM_29_,      \
    NDSHM_28_, NDSHM_27_, NDSHM_26_, NDSHM_25_, NDSHM_24_, NDSHM_23_, NDSHM_22_, NDSHM_21_,      \
    NDSHM_20_, NDSHM_19_, NDSHM_18_, NDSHM_17_, NDSHM_16_, NDSHM_15_, NDSHM_14_, NDSHM_13_,      \
    NDSHM_12_, NDSHM_11_, NDSHM_10_, NDSHM_9_, NDSHM_8_, NDSHM_7_, NDSHM_6_, NDSHM_5_, NDSHM_4_, \
    NDSHM_3_, NDSHM_2_, NDSHM_1_, ~)(t, __VA_ARGS__)

/* ==========================================================================
 *                                  Views
 * ========================================================================== */

/**
 * An array of N dimensions in a segment: `v(i, j)`. `data()`, `extents()` and `strides()` are what
 * std::mdspan with std::layout_stride wants; strides count elements. Indices are not checked; `at`
 * does that, and gives nullptr for what is outside.
 */
template <class T, std::size_t N> class view {
public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;

    view() noexcept = default;
    view(T *data, const std::array<std::size_t, N> &extents,
         const std::array<std::ptrdiff_t, N> &strides) noexcept
        : data_(data), extents_(extents), strides_(strides)
    {
    }

    static constexpr std::size_t rank() noexcept { return N; }
    T *data() const noexcept { return data_; }
    const std::array<std::size_t, N> &extents() const noexcept { return extents_; }
    const std::array<std::ptrdiff_t, N> &strides() const noexcept { return strides_; }
    std::size_t extent(std::size_t k) const noexcept { return extents_[k]; }
    std::ptrdiff_t stride(std::size_t k) const noexcept { return strides_[k]; }

    std::size_t size() const noexcept
    {
        std::size_t n = 1;
        for (std::size_t extent : extents_)
            n *= extent;
        return n;
    }

    template <class... I> T &operator()(I... i) const noexcept
    {
        static_assert(sizeof...(I) == N, "as many indices as dimensions");
        return data_[offset({static_cast<std::size_t>(i)...})];
    }

    /** The element, or nullptr if there is none. */
    template <class... I> T *at(I... i) const noexcept
    {
        static_assert(sizeof...(I) == N, "as many indices as dimensions");
        const std::array<std::size_t, N> index = {static_cast<std::size_t>(i)...};
        for (std::size_t k = 0; k < N; k++)
            if (index[k] >= extents_[k])
                return nullptr;
        return data_ == nullptr ? nullptr : data_ + offset(index);
    }

private:
    std::ptrdiff_t offset(const std::array<std::size_t, N> &index) const noexcept
    {
        std::ptrdiff_t at = 0;
        for (std::size_t k = 0; k < N; k++)
            at += static_cast<std::ptrdiff_t>(index[k]) * strides_[k];
        return at;
    }

    T *data_ = nullptr;
    std::array<std::size_t, N> extents_ = {};
    std::array<std::ptrdiff_t, N> strides_ = {};
};

/* ==========================================================================
 *                            Drafts and segments
 * ========================================================================== */

/** What drafts and segments have in common: a handle that detaches itself. */
class handle {
public:
    handle(const handle &) = delete;
    handle &operator=(const handle &) = delete;

    bool is_open() const noexcept { return ndshm_segment_data(&c_) != nullptr; }
    explicit operator bool() const noexcept { return is_open(); }

    /** Detaches now; the destructor does it otherwise. A draft is discarded. */
    void detach() noexcept
    {
        ndshm_segment_detach(&c_);
        c_ = ndshm_segment();
    }

    const void *data() const noexcept { return ndshm_segment_data(&c_); }
    void *data_mut() noexcept { return ndshm_segment_data_mut(&c_); }
    std::size_t data_len() const noexcept { return ndshm_segment_data_len(&c_); }
    std::size_t itemsize() const noexcept { return ndshm_segment_itemsize(&c_); }
    std::size_t ndim() const noexcept { return ndshm_segment_ndim(&c_); }

    /** Detaches, but leaves the memory where it is until the process ends; false if it keeps the
     * lock as long: see ndshm_segment_leave. */
    bool leave() noexcept
    {
        const bool left = ndshm_segment_leave(&c_) == NDSHM_OK;
        c_ = ndshm_segment();
        return left;
    }
    /** Valid until the segment is detached or moved. */
    span<const std::uint64_t> extents() const noexcept
    {
        return {ndshm_segment_shape(&c_), ndim()};
    }
    /** In bytes. Valid until the segment is detached or moved. */
    span<const std::int64_t> strides() const noexcept
    {
        return {ndshm_segment_strides(&c_), ndim()};
    }
    std::string_view metadata() const noexcept
    {
        return {static_cast<const char *>(ndshm_segment_metadata(&c_)),
                ndshm_segment_metadata_len(&c_)};
    }
    ndshm::policy policy() const noexcept
    {
        return static_cast<ndshm::policy>(ndshm_segment_policy(&c_));
    }
    std::array<std::uint8_t, NDSHM_UUID_SIZE> uuid() const noexcept
    {
        std::array<std::uint8_t, NDSHM_UUID_SIZE> id = {};
        ndshm_segment_uuid(&c_, id.data(), nullptr);
        return id;
    }
    /** Copies bytes of the data, checked; what others write meanwhile is seen in part. */
    void copy_to(std::size_t offset, std::size_t len, void *to, error &e) const noexcept
    {
        e.clear();
        ndshm_segment_copy_to(&c_, offset, len, to, e.c());
    }
    void copy_from(std::size_t offset, const void *from, std::size_t len, error &e) noexcept
    {
        e.clear();
        ndshm_segment_copy_from(&c_, offset, from, len, e.c());
    }
    /** The dtype as NumPy prints it. */
    std::string dtype() const
    {
        std::string text(ndshm_segment_dtype(&c_, nullptr, 0), '\0');
        ndshm_segment_dtype(&c_, text.data(), text.size() + 1);
        return text;
    }

    /** Whether the elements are of type T. */
    template <class T> bool holds() const noexcept
    {
        ndshm_field element;
        return ndshm_field_element(&c_, &element, nullptr) == NDSHM_OK &&
               detail::is_field<T>(&c_, element);
    }

    // Of a temporary they would dangle.
    template <class T> void values(error &) const && = delete;
    template <class T> void values() const && = delete;
    template <class T, std::size_t N = 1> void view(error &) const && = delete;
    template <class T, std::size_t N = 1> void view() const && = delete;

    /** All elements in their order, if they lie one behind the other (C order). */
    template <class T> span<const T> values(error &e) const &
    {
        return in_order<const T>(data(), e);
    }
    template <class T> span<T> values_mut(error &e) &
    {
        return in_order<T>(data_mut(), e);
    }
    /** The elements by N indices, however they lie. */
    template <class T, std::size_t N = 1> ndshm::view<const T, N> view(error &e) const &
    {
        return make_view<const T, N>(data(), e);
    }
    template <class T, std::size_t N = 1> ndshm::view<T, N> view_mut(error &e) &
    {
        return make_view<T, N>(data_mut(), e);
    }

#if !defined(NDSHM_NO_EXCEPTIONS)
    template <class T> span<const T> values() const &
    {
        return detail::or_throw([&](error &e) { return values<T>(e); });
    }
    template <class T> span<T> values_mut() &
    {
        return detail::or_throw([&](error &e) { return values_mut<T>(e); });
    }
    template <class T, std::size_t N = 1> ndshm::view<const T, N> view() const &
    {
        return detail::or_throw([&](error &e) { return view<T, N>(e); });
    }
    template <class T, std::size_t N = 1> ndshm::view<T, N> view_mut() &
    {
        return detail::or_throw([&](error &e) { return view_mut<T, N>(e); });
    }
    void copy_to(std::size_t offset, std::size_t len, void *to) const
    {
        detail::or_throw([&](error &e) { copy_to(offset, len, to, e); });
    }
    void copy_from(std::size_t offset, const void *from, std::size_t len)
    {
        detail::or_throw([&](error &e) { copy_from(offset, from, len, e); });
    }
#endif

    /** For calls of ndshm.h. */
    const ndshm_segment *c() const noexcept { return &c_; }
    ndshm_segment *c() noexcept { return &c_; }

protected:
    handle() noexcept : c_() {}
    handle(handle &&other) noexcept : c_(other.release()) {}
    handle &operator=(handle &&other) noexcept
    {
        if (this != &other) {
            detach();
            c_ = other.release();
        }
        return *this;
    }
    ~handle() { detach(); }

    /** Gives the bytes away, and is not open then. */
    ndshm_segment release() noexcept { return std::exchange(c_, ndshm_segment()); }

    ndshm_segment c_;

private:
    /** `data`, if it may be used as elements of type T. */
    template <class T> const void *checked(const void *data, error &e) const noexcept
    {
        e.clear();
        if (!is_open())
            e.set(NDSHM_ERR_HANDLE, "the segment is not open");
        else if (data == nullptr)
            e.set(NDSHM_ERR_READ_ONLY, "the segment is attached for reading only");
        else if (!holds<T>())
            e.set(NDSHM_ERR_DTYPE_DIFFERS, "the elements are of another type than the one asked for");
        return e ? nullptr : data;
    }

    template <class T> span<T> in_order(const void *data, error &e) const noexcept
    {
        data = checked<std::remove_const_t<T>>(data, e);
        std::int64_t count = e || data_len() == 0 ? 0 : 1;
        for (std::size_t k = ndim(); count != 0 && k-- > 0;) {
            const std::int64_t extent = static_cast<std::int64_t>(ndshm_segment_shape(&c_)[k]);
            const std::int64_t step = count * static_cast<std::int64_t>(sizeof(T));
            if (extent > 1 && ndshm_segment_strides(&c_)[k] != step)
                e.set(NDSHM_ERR_ARGUMENT, "the elements do not lie in C order; use a view");
            count = e ? 0 : count * extent;
        }
        return {static_cast<T *>(const_cast<void *>(e ? nullptr : data)),
                static_cast<std::size_t>(count)};
    }

    template <class T, std::size_t N>
    ndshm::view<T, N> make_view(const void *data, error &e) const noexcept
    {
        using V = std::remove_const_t<T>;
        data = checked<V>(data, e);
        if (!e && ndim() != N) {
            char message[80];
            std::snprintf(message, sizeof message, "the segment has %u dimensions, not %u",
                          static_cast<unsigned>(ndim()), static_cast<unsigned>(N));
            e.set(NDSHM_ERR_ARGUMENT, message);
        }
        std::array<std::size_t, N> extents = {};
        std::array<std::ptrdiff_t, N> strides = {};
        const std::int64_t item = static_cast<std::int64_t>(sizeof(V));
        for (std::size_t k = 0; !e && k < N; k++) {
            const std::int64_t step = ndshm_segment_strides(&c_)[k];
            if (step % item != 0)
                e.set(NDSHM_ERR_ARGUMENT, "a stride is no multiple of the element's size");
            extents[k] = static_cast<std::size_t>(ndshm_segment_shape(&c_)[k]);
            strides[k] = static_cast<std::ptrdiff_t>(step / item);
        }
        if (e)
            return {};
        return {static_cast<T *>(const_cast<void *>(data)), extents, strides};
    }
};

/** An attached segment. */
class segment : public handle {
public:
    segment() noexcept = default;
    segment(segment &&) noexcept = default;
    segment &operator=(segment &&) noexcept = default;

    /** Attaches a segment, and waits until it is there and ready, for so long at most. */
    template <class Rep = std::int64_t, class Period = std::milli>
    static segment attach(text name, access how, std::chrono::duration<Rep, Period> timeout,
                          error &e) noexcept
    {
        ndshm_attach_options options = {};
        options.access = static_cast<std::uint32_t>(how);
        options.timeout_ms = milliseconds(std::chrono::duration<double, std::milli>(timeout).count());
        return attach(name, options, e);
    }
    static segment attach(text name, access how, error &e) noexcept
    {
        return attach(name, how, std::chrono::milliseconds(0), e);
    }
    /** With ndshm_attach_options: to claim what was promised, of the right uuid. */
    static segment attach(text name, ndshm_attach_options options, error &e) noexcept
    {
        segment s;
        options.struct_size = sizeof options;
        e.clear();
        if (ndshm_segment_attach(name.c_str(), &options, &s.c_, e.c()) != NDSHM_OK)
            s.c_ = ndshm_segment();
        return s;
    }
    static segment attach(text name, error &e) noexcept { return attach(name, access::read, e); }
    /** Attaches the anonymous segment behind a descriptor, which stays the caller's. */
    static segment attach_fd(int fd, access how, error &e) noexcept
    {
        segment s;
        e.clear();
        if (ndshm_segment_attach_fd(fd, static_cast<std::uint32_t>(how), &s.c_, e.c()) != NDSHM_OK)
            s.c_ = ndshm_segment();
        return s;
    }
    /** Receives an anonymous segment that another process sends through a local socket. */
    static segment receive(int socket, access how, error &e) noexcept
    {
        segment s;
        e.clear();
        if (ndshm_segment_receive(socket, static_cast<std::uint32_t>(how), &s.c_, e.c()) != NDSHM_OK)
            s.c_ = ndshm_segment();
        return s;
    }
    /** Promises `n` attaches more that claim it: until then the name stays, also when nobody has
        it; see ndshm_segment_promise. 0 for ten minutes, `create_options::forever`. */
    void promise(std::uint32_t n, std::chrono::milliseconds timeout, error &e) const noexcept
    {
        e.clear();
        ndshm_segment_promise(&c_, n, detail::waiting_ms(timeout), e.c());
    }
    /** Attaches that are promised and still to come. */
    std::uint32_t promised() const noexcept { return ndshm_segment_promised(&c_); }
    void send(int socket, error &e) const noexcept
    {
        e.clear();
        ndshm_segment_send(&c_, socket, e.c());
    }

#if !defined(NDSHM_NO_EXCEPTIONS)
    static segment attach(text name, access how = access::read)
    {
        return detail::or_throw([&](error &e) { return attach(name, how, e); });
    }
    template <class Rep, class Period>
    static segment attach(text name, access how, std::chrono::duration<Rep, Period> timeout)
    {
        return detail::or_throw([&](error &e) { return attach(name, how, timeout, e); });
    }
    static segment attach_fd(int fd, access how = access::read)
    {
        return detail::or_throw([&](error &e) { return attach_fd(fd, how, e); });
    }
    static segment receive(int socket, access how = access::read)
    {
        return detail::or_throw([&](error &e) { return receive(socket, how, e); });
    }
    static segment attach(text name, const ndshm_attach_options &options)
    {
        return detail::or_throw([&](error &e) { return attach(name, options, e); });
    }
    void promise(std::uint32_t n,
                 std::chrono::milliseconds timeout = std::chrono::milliseconds(0)) const
    {
        detail::or_throw([&](error &e) { promise(n, timeout, e); });
    }
    void send(int socket) const
    {
        detail::or_throw([&](error &e) { send(socket, e); });
    }
#endif

    /** Empty for an anonymous segment. */
    std::string name() const
    {
        const char *name = ndshm_segment_name(&c_);
        return name == nullptr ? std::string() : std::string(name);
    }
    /** The descriptor of an anonymous segment, which stays the segment's; else -1. */
    int fd() const noexcept { return ndshm_segment_fd(&c_); }
    std::uint32_t attach_epoch() const noexcept { return ndshm_segment_attach_epoch(&c_); }

    /** Processes that have it attached, for people; see ndshm_segment_refcount. */
    std::uint32_t refcount() const noexcept { return ndshm_segment_refcount(&c_); }
    /** Whether the name still leads to this segment. */
    bool is_current() const noexcept { return ndshm_segment_is_current(&c_) == 1; }

private:
    friend class draft;

    /** Rounded up; what does not fit is the most that there is, 49 days. */
    static std::uint32_t milliseconds(double wanted) noexcept
    {
        const double most = static_cast<double>(std::numeric_limits<std::uint32_t>::max());
        if (!(wanted > 0))
            return 0;
        return static_cast<std::uint32_t>(wanted < most ? std::ceil(wanted) : most);
    }
};

/** A segment that nobody else sees yet. Discarded if it is not published. */
class draft : public handle {
public:
    draft() noexcept = default;
    draft(draft &&) noexcept = default;
    draft &operator=(draft &&) noexcept = default;

    static draft create(text name, text dtype, const shape &extents, const create_options &options,
                        error &e) noexcept
    {
        draft d;
        const ndshm_create_options o = detail::in_c(dtype, extents, options);
        e.clear();
        if (o.strides != nullptr && options.strides.size() != extents.size())
            e.set(NDSHM_ERR_ARGUMENT, "there are not as many strides as extents");
        else if (ndshm_segment_create(name.c_str(), &o, &d.c_, e.c()) != NDSHM_OK)
            d.c_ = ndshm_segment();
        return d;
    }
    /** With elements of type T. */
    template <class T>
    static draft create(text name, const shape &extents, const create_options &options, error &e)
    {
        return create(name, dtype_of<T>::text(), extents, options, e);
    }

    /** Gives it another name, while nobody sees the old one. */
    void rename(text name, error &e) noexcept
    {
        e.clear();
        ndshm_segment_rename(&c_, name.c_str(), e.c());
    }

    /** Makes the segment visible; the draft is empty then. If it fails, it stays a draft. */
    segment publish(error &e) noexcept
    {
        segment s;
        e.clear();
        if (ndshm_segment_publish(&c_, e.c()) == NDSHM_OK)
            s.c_ = release();
        return s;
    }

#if !defined(NDSHM_NO_EXCEPTIONS)
    static draft create(text name, text dtype, const shape &extents, const create_options &options = {})
    {
        return detail::or_throw([&](error &e) { return create(name, dtype, extents, options, e); });
    }
    template <class T>
    static draft create(text name, const shape &extents, const create_options &options = {})
    {
        return detail::or_throw([&](error &e) { return create<T>(name, extents, options, e); });
    }
    void rename(text name)
    {
        detail::or_throw([&](error &e) { rename(name, e); });
    }
    segment publish()
    {
        return detail::or_throw([&](error &e) { return publish(e); });
    }
#endif

private:
    friend class growable;
};

/** A segment whose rows are not counted yet: append them, then `finish` makes a draft. */
class growable {
public:
    growable() noexcept : c_() {}
    growable(growable &&other) noexcept : c_(std::exchange(other.c_, ndshm_growable())) {}
    growable &operator=(growable &&other) noexcept
    {
        if (this != &other) {
            discard();
            c_ = std::exchange(other.c_, ndshm_growable());
        }
        return *this;
    }
    ~growable() { discard(); }

    /** The first extent is 0 and stands for the rows. */
    static growable create(text name, text dtype, const shape &extents,
                           const create_options &options, error &e) noexcept
    {
        growable g;
        const ndshm_create_options o = detail::in_c(dtype, extents, options);
        e.clear();
        if (ndshm_growable_create(name.c_str(), &o, &g.c_, e.c()) != NDSHM_OK)
            g.c_ = ndshm_growable();
        return g;
    }
    template <class T>
    static growable create(text name, const shape &extents, const create_options &options, error &e)
    {
        return create(name, dtype_of<T>::text(), extents, options, e);
    }

    std::uint64_t row_len() const noexcept { return ndshm_growable_row_len(&c_); }
    std::uint64_t data_len() const noexcept { return ndshm_growable_data_len(&c_); }

    void append(const void *data, std::size_t len, error &e) noexcept
    {
        e.clear();
        ndshm_growable_append(&c_, data, len, e.c());
    }
    void write_at(std::uint64_t offset, const void *data, std::size_t len, error &e) noexcept
    {
        e.clear();
        ndshm_growable_write_at(&c_, offset, data, len, e.c());
    }
    /** A draft of so many rows; what was written behind them is cut off. */
    draft finish(std::uint64_t rows, error &e) noexcept
    {
        draft d;
        e.clear();
        if (ndshm_growable_finish(&c_, rows, &d.c_, e.c()) != NDSHM_OK)
            d.c_ = ndshm_segment();
        return d;
    }
    /** Of all rows that are complete. */
    draft finish(error &e) noexcept
    {
        return finish(row_len() == 0 ? 0 : data_len() / row_len(), e);
    }
    void discard() noexcept
    {
        ndshm_growable_discard(&c_);
        c_ = ndshm_growable();
    }

#if !defined(NDSHM_NO_EXCEPTIONS)
    static growable create(text name, text dtype, const shape &extents,
                           const create_options &options = {})
    {
        return detail::or_throw([&](error &e) { return create(name, dtype, extents, options, e); });
    }
    template <class T>
    static growable create(text name, const shape &extents, const create_options &options = {})
    {
        return detail::or_throw([&](error &e) { return create<T>(name, extents, options, e); });
    }
    void append(const void *data, std::size_t len)
    {
        detail::or_throw([&](error &e) { append(data, len, e); });
    }
    void write_at(std::uint64_t offset, const void *data, std::size_t len)
    {
        detail::or_throw([&](error &e) { write_at(offset, data, len, e); });
    }
    draft finish(std::uint64_t rows)
    {
        return detail::or_throw([&](error &e) { return finish(rows, e); });
    }
    draft finish()
    {
        return detail::or_throw([&](error &e) { return finish(e); });
    }
#endif

    /** For calls of ndshm.h. */
    ndshm_growable *c() noexcept { return &c_; }

private:
    ndshm_growable c_;
};

/* ==========================================================================
 *               Segments by name: look, list, prune, unlink
 * ========================================================================== */

/** What prune did to a segment: NDSHM_PRUNE_..., or a negative status. */
struct pruned {
    std::string name;
    std::int32_t what;
};

namespace detail {

/** The callbacks' end of a listing: what is thrown while C is below waits here. */
template <class T> struct listing {
    std::vector<T> found;
#if !defined(NDSHM_NO_EXCEPTIONS)
    std::exception_ptr thrown;
#endif
    template <class... A> std::int32_t add(A &&...a) noexcept
    {
#if !defined(NDSHM_NO_EXCEPTIONS)
        try {
            found.push_back(T{std::forward<A>(a)...});
        } catch (...) {
            thrown = std::current_exception();
            return 1;
        }
#else
        found.push_back(T{std::forward<A>(a)...});
#endif
        return 0;
    }
    std::vector<T> take()
    {
#if !defined(NDSHM_NO_EXCEPTIONS)
        if (thrown)
            std::rethrow_exception(thrown);
#endif
        return std::move(found);
    }
};

} // namespace detail

/** What can be seen of a segment without attaching it. */
struct info : ndshm_info {
    info() noexcept : ndshm_info() { struct_size = sizeof(ndshm_info); }
    std::string dtype;
};

/** Looks at a segment: takes no lock, counts nothing. */
inline info peek(text name, error &e)
{
    info found;
    char dtype[256];
    e.clear();
    if (ndshm_segment_peek(name.c_str(), dtype, sizeof dtype, &found, e.c()) != NDSHM_OK)
        return info();
    if (found.dtype_len < sizeof dtype) {
        found.dtype = dtype;
        return found;
    }
    /* A long one: again, with room for it. A name may lead to another segment by now. */
    found.dtype.resize(static_cast<std::size_t>(found.dtype_len));
    ndshm_segment_peek(name.c_str(), found.dtype.data(), found.dtype.size() + 1, &found, e.c());
    found.dtype.resize(std::strlen(found.dtype.c_str()));
    return e ? info() : found;
}

/** The names of all segments, in no order. */
inline std::vector<std::string> list(error &e)
{
    detail::listing<std::string> names;
    e.clear();
    ndshm_segment_list(
        [](const char *name, void *user) {
            return static_cast<detail::listing<std::string> *>(user)->add(name);
        },
        &names, e.c());
    return names.take();
}

/** Removes the segments that killed processes left; what became of every segment. */
inline std::vector<pruned> prune(error &e)
{
    detail::listing<pruned> names;
    e.clear();
    ndshm_segment_prune(
        [](const char *name, std::int32_t what, void *user) {
            return static_cast<detail::listing<pruned> *>(user)->add(name, what);
        },
        &names, e.c());
    return names.take();
}

/** Removes a name now. */
inline void unlink(text name, error &e) noexcept
{
    e.clear();
    ndshm_segment_unlink(name.c_str(), e.c());
}

#if !defined(NDSHM_NO_EXCEPTIONS)
inline info peek(text name)
{
    return detail::or_throw([&](error &e) { return peek(name, e); });
}
inline std::vector<std::string> list()
{
    return detail::or_throw([](error &e) { return list(e); });
}
inline std::vector<pruned> prune()
{
    return detail::or_throw([](error &e) { return prune(e); });
}
inline void unlink(text name)
{
    detail::or_throw([&](error &e) { unlink(name, e); });
}
#endif

/* ==========================================================================
 *                 Text, jobs, HDF5: not in a library without std
 * ========================================================================== */

/**
 * One input of text: a file, a descriptor that stays the caller's, a function; see ndshm_input.
 * It does not copy its path: one that is kept needs a text that stays.
 */
class input {
public:
    input(text path) noexcept : c_{} { c_.path = path.c_str(); }
    input(const char *path) noexcept : input(text(path)) {}
    input(const std::string &path) noexcept : input(text(path)) {}

    static input descriptor(int fd, text name = nullptr) noexcept
    {
        input i(name);
        i.c_.kind = NDSHM_INPUT_FD;
        i.c_.fd = fd;
        return i;
    }
    /** `read` must not throw; `context` stays valid until the job is over. */
    static input reader(ndshm_read_function read, void *context, text name = nullptr) noexcept
    {
        input i(name);
        i.c_.kind = NDSHM_INPUT_READER;
        i.c_.read = read;
        i.c_.context = context;
        return i;
    }

private:
    ndshm_input c_; /* nothing else, so that an array of these is one of those */
};

static_assert(sizeof(input) == sizeof(ndshm_input) && std::is_standard_layout_v<input>);

/** Inputs, during a call: `{"a.tsv", "b.tsv"}`, or any container of them in one piece. */
class inputs {
public:
    inputs(std::initializer_list<input> list) noexcept : data_(nullptr), size_(list.size())
    {
        data_ = list.begin(); // lives as long as the call does
    }
    template <class C, class E = decltype(*std::data(std::declval<const C &>())),
              class = std::enable_if_t<std::is_same_v<std::decay_t<E>, input>>>
    inputs(const C &c) noexcept : data_(std::data(c)), size_(std::size(c))
    {
    }
    const ndshm_input *c() const noexcept { return reinterpret_cast<const ndshm_input *>(data_); }
    std::size_t size() const noexcept { return size_; }

private:
    const input *data_;
    std::size_t size_;
};

/**
 * A text that means something in all columns, `{"NA"}`, or in one: `{2, "-"}`, `{"pct", "-1"}`;
 * see ndshm_column_text. It does not copy its texts: they have to stay until the call.
 */
class column_text {
public:
    column_text(text value) noexcept : column_text(NDSHM_COLUMN_ALL, 0, nullptr, value) {}
    column_text(std::int32_t index, text value) noexcept
        : column_text(NDSHM_COLUMN_INDEX, index, nullptr, value)
    {
    }
    column_text(text name, text value) noexcept
        : column_text(NDSHM_COLUMN_NAME, 0, name.c_str(), value)
    {
    }

private:
    column_text(std::uint32_t which, std::int32_t index, const char *name, text value) noexcept
        : c_{}
    {
        c_.which = which;
        c_.index = index;
        c_.name = name;
        c_.text = value.c_str();
    }

    ndshm_column_text c_; /* nothing else, so that an array of these is one of those */
};

static_assert(sizeof(column_text) == sizeof(ndshm_column_text) &&
              std::is_standard_layout_v<column_text>);

/** What becomes of rows that cannot be read; see NDSHM_BAD_ROWS_ERROR and its like. */
enum class on_bad_rows : std::uint32_t {
    fail = NDSHM_BAD_ROWS_ERROR,
    skip = NDSHM_BAD_ROWS_SKIP,
};

/** How text is read; see ndshm_text_options. */
struct text_options {
    std::uint32_t workers = 0;               /**< 0 for one a processor. */
    std::string delimiter = {};              /**< One character; empty for any white space. */
    std::string comments = "#";              /**< One character; empty for none. */
    std::vector<std::int32_t> usecols = {};  /**< Empty for all. */
    std::uint64_t skiprows = 0;
    std::uint64_t max_rows = 0;              /**< 0 for all. */
    std::uint64_t memory = 0;
    bool allow_empty = false;
    bool header = false;                     /**< The first line names the columns. */
    std::string quote = {};                  /**< One character; empty for none. */
    std::string decimal = {};                /**< "." or ","; empty for ".". */
    std::string encoding = {};               /**< Empty for UTF-8. */
    std::vector<text> comment_strings = {};  /**< Instead of `comments`, which is not used then. */
    std::vector<text> usecols_names = {};    /**< Names in the header, instead of `usecols`. */
    std::vector<column_text> missing = {};   /**< What stands for a missing value. */
    std::vector<column_text> fill = {};      /**< What takes the place of missing ones. */
    std::uint64_t skip_footer = 0;
    ndshm::on_bad_rows on_bad_rows = ndshm::on_bad_rows::fail;
    bool sniff = false;                      /**< Finds what is not said; see ndshm_text_options. */
    bool no_rows = false;                    /**< No rows at all, which `max_rows` cannot say. */
};

/** How rows lie in an HDF5 file; see NDSHM_LAYOUT_AUTO and its like. */
enum class layout : std::uint32_t {
    automatic = NDSHM_LAYOUT_AUTO,
    contiguous = NDSHM_LAYOUT_CONTIGUOUS,
    chunked = NDSHM_LAYOUT_CHUNKED,
    columns = NDSHM_LAYOUT_COLUMNS,
};

/** How chunks are compressed; see NDSHM_COMPRESSION_NONE and its like. */
enum class compression : std::uint32_t {
    none = NDSHM_COMPRESSION_NONE,
    gzip = NDSHM_COMPRESSION_GZIP,
    zstd = NDSHM_COMPRESSION_ZSTD,
};

/** Which inputs become which datasets; see NDSHM_ARRANGE_AUTO and its like. */
enum class arrange : std::uint32_t {
    automatic = NDSHM_ARRANGE_AUTO,
    groups = NDSHM_ARRANGE_GROUPS,
    stack = NDSHM_ARRANGE_STACK,
};

/** The first extent of a shape that follows from the number of elements. */
inline constexpr std::uint64_t open_extent = NDSHM_OPEN_EXTENT;

/**
 * An attribute of a dataset: `{"units", "K"}`, `{"level", 3}`, `{"scale", 0.5}`; see
 * ndshm_attribute. It does not copy its texts: they have to stay until the call.
 */
class attribute {
public:
    attribute(text name, text value) noexcept : c_{}
    {
        c_.name = name.c_str();
        c_.kind = NDSHM_ATTRIBUTE_TEXT;
        c_.text = value.c_str();
    }
    template <class T, class = std::enable_if_t<std::is_arithmetic_v<T>>>
    attribute(text name, T value) noexcept : c_{}
    {
        c_.name = name.c_str();
        if constexpr (std::is_floating_point_v<T>) {
            c_.kind = NDSHM_ATTRIBUTE_NUMBER;
            c_.number = static_cast<double>(value);
        } else {
            static_assert(std::is_signed_v<T> || sizeof(T) < sizeof(std::int64_t),
                          "an attribute's integers are signed and have 8 bytes");
            c_.kind = NDSHM_ATTRIBUTE_INTEGER;
            c_.integer = value;
        }
    }

private:
    friend class object_attribute;
    ndshm_attribute c_; /* nothing else, so that an array of these is one of those */
};

static_assert(sizeof(attribute) == sizeof(ndshm_attribute) &&
              std::is_standard_layout_v<attribute>);

/**
 * A column of text that is stored as numbers with labels; see ndshm_category. It copies neither
 * its name nor its labels: they have to stay until the call.
 */
class category {
public:
    category(text name) noexcept : c_{} { c_.name = name.c_str(); }
    category(const char *name) noexcept : category(text(name)) {}
    category(const std::string &name) noexcept : category(text(name)) {}
    category(text name, const std::vector<const char *> &labels) noexcept : category(name)
    {
        c_.labels = labels.data();
        c_.labels_len = labels.size();
    }
    category(text, std::vector<const char *> &&) = delete;

private:
    ndshm_category c_; /* as above */
};

static_assert(sizeof(category) == sizeof(ndshm_category) && std::is_standard_layout_v<category>);

/** An attribute of one object: `{"lat", {"units", "degrees"}}`; "/" is the file. */
class object_attribute {
public:
    object_attribute(text object, const attribute &value) noexcept : c_{}
    {
        c_.object = object.c_str();
        c_.attribute = value.c_;
    }

private:
    ndshm_object_attribute c_; /* as above */
};

static_assert(sizeof(object_attribute) == sizeof(ndshm_object_attribute) &&
              std::is_standard_layout_v<object_attribute>);

/**
 * The name of an axis, and its coordinates; see ndshm_dimension. It copies neither its name nor
 * the coordinates: they have to stay until the call.
 */
class dimension {
public:
    dimension(text name) noexcept : c_{} { c_.name = name.c_str(); }
    dimension(const char *name) noexcept : dimension(text(name)) {}
    dimension(const std::string &name) noexcept : dimension(text(name)) {}
    dimension(text name, const std::vector<double> &values) noexcept : dimension(name)
    {
        c_.coordinates = NDSHM_COORDINATES_VALUES;
        c_.values = values.data();
        c_.values_len = values.size();
    }
    dimension(text, std::vector<double> &&) = delete;
    /** As many as the axis has elements. */
    dimension(text name, double start, double step) noexcept : dimension(name)
    {
        c_.coordinates = NDSHM_COORDINATES_STEPS;
        c_.start = start;
        c_.step = step;
    }
    /** `stop` is the last one, or the one behind it. */
    dimension(text name, double start, double stop, double step) noexcept
        : dimension(name, start, step)
    {
        c_.coordinates = NDSHM_COORDINATES_RANGE;
        c_.stop = stop;
    }

private:
    ndshm_dimension c_; /* as above */
};

static_assert(sizeof(dimension) == sizeof(ndshm_dimension) && std::is_standard_layout_v<dimension>);

/** How an HDF5 file is written; see ndshm_hdf5_options. */
struct hdf5_options {
    bool replace = false;
    bool sync = false;
    bool bool_as_u8 = false;
    bool append = false; /**< Adds to a file that is there; not together with replace. */
    bool append_rows = false; /**< Adds rows to datasets that are there, see ndshm.h. */
    std::string dataset = {}; /**< Takes all inputs, see `arrange`; empty for one for each. */
    ndshm::layout layout = ndshm::layout::automatic;
    ndshm::compression compression = ndshm::compression::none;
    std::uint32_t level = 0; /**< 0 for the usual one. */
    bool no_shuffle = false;
    bool fletcher32 = false;
    std::vector<std::uint64_t> chunk = {}; /**< Empty for about 1 MiB of whole rows. */
    ndshm::arrange arrange = ndshm::arrange::automatic;
    std::vector<std::uint64_t> shape = {}; /**< The first may be `open_extent`. */
    std::string source_column = {};        /**< Empty for none. */
    std::vector<attribute> attributes = {};
    std::vector<category> categories = {};
    std::vector<dimension> dims = {};                     /**< Names of the axes. */
    std::vector<attribute> units = {};                    /**< Column and text. */
    std::vector<object_attribute> object_attributes = {}; /**< Of single objects. */
    bool no_provenance = false;
    bool checksum = false;
};

/** What kind of file a segment becomes. */
enum class format : std::uint32_t {
    by_suffix = 0,
    hdf5 = NDSHM_EXPORT_HDF5,
    npy = NDSHM_EXPORT_NPY,
    csv = NDSHM_EXPORT_CSV,
};

/** How a segment becomes a file; see ndshm_export_options. */
struct export_options {
    ndshm::format format = ndshm::format::by_suffix;
    bool replace = false;
    bool sync = false;
    bool bool_as_u8 = false;
    std::uint32_t delimiter = 0; /**< CSV: code point; 0 for a comma, or a tabulator in .tsv. */
    bool no_header = false;
    std::string dataset = {}; /**< HDF5: empty for the segment's name. */
    hdf5_options hdf5 = {};   /**< HDF5: how the elements lie in the file. */
    std::uint64_t memory = 0;
    std::uint32_t workers = 0;
};

/** How HDF5 files become one; see ndshm_join_options. */
struct join_options {
    bool replace = false;
    bool sync = false;
    bool new_axis = false;
    bool checksum = false;
    bool materialize = false;
    std::vector<text> datasets = {}; /**< Empty for all. */
    hdf5_options hdf5 = {};          /**< How rows that are copied lie in the file. */
    std::uint64_t memory = 0;
    std::uint32_t workers = 0;
};

/** What was joined. */
struct joined {
    std::uint64_t shards = 0;
    std::uint64_t datasets = 0;
    std::uint64_t bytes = 0;
};

/** What is wrong with a file. */
struct problem {
    std::string file;
    std::string dataset; /**< Empty if it is about the file. */
    std::string kind;    /**< A word that never changes. */
    std::string message;
};

/** What came out of verifying. */
struct verified {
    std::vector<problem> problems = {}; /**< Empty if the file is whole. */
    std::uint64_t shards = 0;
    std::uint64_t datasets = 0;
    std::uint64_t checksums = 0;
};

/** What a conversion made. */
struct conversion {
    std::uint64_t rows = 0;
    std::uint64_t datasets = 0;
    std::uint64_t bytes = 0;
};

/** How far a job is; see ndshm_progress. */
struct progress {
    bool done = false;
    std::uint64_t bytes_done = 0;
    std::uint64_t bytes_total = 0; /**< 0 if that is not known. */
    std::uint64_t rows = 0;
    std::uint64_t inputs_done = 0;
    std::uint64_t inputs_total = 0;
    std::uint64_t bad_rows = 0;    /**< Left out, with on_bad_rows::skip. */
    std::uint64_t bytes_kept = 0;  /**< Of streams that were read more than once. */
};

namespace detail {

/** Milliseconds, rounded up; what does not fit is the most that there is. */
template <class T, class Rep, class Period>
T milliseconds(std::chrono::duration<Rep, Period> timeout) noexcept
{
    const double wanted = std::chrono::duration<double, std::milli>(timeout).count();
    const double most = static_cast<double>(std::numeric_limits<T>::max());
    if (!(wanted > 0))
        return 0;
    return wanted < most ? static_cast<T>(std::ceil(wanted)) : std::numeric_limits<T>::max();
}

/** The options in C; they point into the arguments. */
inline ndshm_text_options in_c(const text &dtype, const text_options &options) noexcept
{
    ndshm_text_options o = {};
    o.struct_size = sizeof o;
    o.workers = options.workers;
    o.dtype = dtype.c_str();
    o.delimiter = options.delimiter.empty() ? nullptr : options.delimiter.c_str();
    o.comments = options.comment_strings.empty() ? options.comments.c_str() : nullptr;
    o.usecols = options.usecols.empty() ? nullptr : options.usecols.data();
    o.usecols_len = options.usecols.size();
    o.skiprows = options.skiprows;
    o.max_rows = options.max_rows;
    o.memory = options.memory;
    o.allow_empty = options.allow_empty ? 1 : 0;
    o.header = options.header ? 1 : 0;
    o.quote = options.quote.empty() ? nullptr : options.quote.c_str();
    o.decimal = options.decimal.empty() ? nullptr : options.decimal.c_str();
    o.encoding = options.encoding.empty() ? nullptr : options.encoding.c_str();
    o.comment_strings = reinterpret_cast<const char *const *>(options.comment_strings.data());
    o.comment_strings_len = options.comment_strings.size();
    o.usecols_names = reinterpret_cast<const char *const *>(options.usecols_names.data());
    o.usecols_names_len = options.usecols_names.size();
    o.missing = reinterpret_cast<const ndshm_column_text *>(options.missing.data());
    o.missing_len = options.missing.size();
    o.fill = reinterpret_cast<const ndshm_column_text *>(options.fill.data());
    o.fill_len = options.fill.size();
    o.skip_footer = options.skip_footer;
    o.on_bad_rows = static_cast<std::uint32_t>(options.on_bad_rows);
    o.no_rows = options.no_rows ? 1 : 0;
    o.sniff = options.sniff ? 1 : 0;
    return o;
}

inline ndshm_hdf5_options in_c(const hdf5_options &options) noexcept
{
    ndshm_hdf5_options o = {};
    o.struct_size = sizeof o;
    o.replace = options.replace ? 1 : 0;
    o.sync = options.sync ? 1 : 0;
    o.bool_as_u8 = options.bool_as_u8 ? 1 : 0;
    o.dataset = options.dataset.empty() ? nullptr : options.dataset.c_str();
    o.layout = static_cast<std::uint32_t>(options.layout);
    o.compression = static_cast<std::uint32_t>(options.compression);
    o.level = options.level;
    o.no_shuffle = options.no_shuffle ? 1 : 0;
    o.fletcher32 = options.fletcher32 ? 1 : 0;
    o.chunk = options.chunk.data();
    o.chunk_len = options.chunk.size();
    o.arrange = static_cast<std::uint32_t>(options.arrange);
    o.shape = options.shape.data();
    o.shape_len = options.shape.size();
    o.source_column = options.source_column.empty() ? nullptr : options.source_column.c_str();
    o.attributes = reinterpret_cast<const ndshm_attribute *>(options.attributes.data());
    o.attributes_len = options.attributes.size();
    o.categories = reinterpret_cast<const ndshm_category *>(options.categories.data());
    o.categories_len = options.categories.size();
    o.dims = reinterpret_cast<const ndshm_dimension *>(options.dims.data());
    o.dims_len = options.dims.size();
    o.units = reinterpret_cast<const ndshm_attribute *>(options.units.data());
    o.units_len = options.units.size();
    o.object_attributes =
        reinterpret_cast<const ndshm_object_attribute *>(options.object_attributes.data());
    o.object_attributes_len = options.object_attributes.size();
    o.no_provenance = options.no_provenance ? 1 : 0;
    o.checksum = options.checksum ? 1 : 0;
    o.append = options.append ? 1 : 0;
    o.append_rows = options.append_rows ? 1 : 0;
    return o;
}

/** The options of a load: those of a segment that is to be made, without type and shape. */
inline ndshm_create_options in_c(const create_options &options) noexcept
{
    const shape none;
    ndshm_create_options o = in_c(text(nullptr), none, options);
    o.naming = NDSHM_NAMING_GIVEN;
    o.shape = nullptr;
    return o;
}

} // namespace detail

/**
 * Work that goes on while it is stepped; see ndshm_job. Discarded if it is not finished: its
 * workers are ended then, and nothing is left of it. Do not move it while a signal handler or
 * another thread may cancel it.
 */
class job {
public:
    job(job &&other) noexcept : c_(std::exchange(other.c_, ndshm_job())) {}
    job &operator=(job &&other) noexcept
    {
        if (this != &other) {
            discard();
            c_ = std::exchange(other.c_, ndshm_job());
        }
        return *this;
    }

    /** Goes on for so long at most; 0 never waits. */
    template <class Rep, class Period>
    ndshm::progress step(std::chrono::duration<Rep, Period> timeout, error &e) noexcept
    {
        ndshm_progress now = {};
        now.struct_size = sizeof now;
        e.clear();
        ndshm_job_step(&c_, detail::milliseconds<std::uint32_t>(timeout), &now, e.c());
        return {now.done == 1,   now.bytes_done,   now.bytes_total, now.rows,
                now.inputs_done, now.inputs_total, now.bad_rows,    now.bytes_kept};
    }
#if !defined(NDSHM_NO_EXCEPTIONS)
    template <class Rep, class Period>
    ndshm::progress step(std::chrono::duration<Rep, Period> timeout)
    {
        return detail::or_throw([&](error &e) { return step(timeout, e); });
    }
#endif
    /** What was wrong with one of the first ten rows that were left out; ask before the finish. */
    std::optional<error> bad_row(std::uint32_t index) const noexcept
    {
        error row;
        if (ndshm_job_bad_row(&c_, index, row.c()) != NDSHM_OK)
            return std::nullopt;
        return row;
    }
    /** For poll: readable when a step has something to do. -1 if there is no job. */
    int fd() const noexcept { return ndshm_job_fd(&c_); }
    /** May be called from a signal handler, and from other threads while it is stepped. */
    void cancel() const noexcept { ndshm_job_cancel(&c_); }
    void discard() noexcept
    {
        ndshm_job_discard(&c_);
        c_ = ndshm_job();
    }
    /** For calls of ndshm.h. */
    ndshm_job *c() noexcept { return &c_; }

protected:
    job() noexcept : c_() {}
    ~job() { discard(); }

    /** Forgets a job that its finish has closed: after arguments that are refused it has not. */
    void finished() noexcept { c_ = fd() == -1 ? ndshm_job() : c_; }

    ndshm_job c_;
};

/** Text on its way to a segment. */
class load_job : public job {
public:
    load_job() noexcept = default;

    static load_job start(const inputs &from, text name, text dtype, const text_options &how,
                          const create_options &options, error &e) noexcept
    {
        load_job j;
        const ndshm_text_options t = detail::in_c(dtype, how);
        const ndshm_create_options o = detail::in_c(options);
        e.clear();
        if (ndshm_load_start(from.c(), from.size(), &t, name.c_str(), &o, &j.c_, e.c()) != NDSHM_OK)
            j.c_ = ndshm_job();
        return j;
    }
    /** Steps to the end and publishes; there is no job then, whatever came of it. */
    segment finish(error &e) noexcept
    {
        segment s;
        e.clear();
        if (ndshm_load_finish(&c_, s.c(), e.c()) != NDSHM_OK)
            *s.c() = ndshm_segment();
        finished();
        return s;
    }
#if !defined(NDSHM_NO_EXCEPTIONS)
    static load_job start(const inputs &from, text name, text dtype, const text_options &how = {},
                          const create_options &options = {})
    {
        return detail::or_throw([&](error &e) { return start(from, name, dtype, how, options, e); });
    }
    segment finish()
    {
        return detail::or_throw([&](error &e) { return finish(e); });
    }
#endif
};

/** Text on its way to an HDF5 file. Not with libndshm-core. */
class convert_job : public job {
public:
    convert_job() noexcept = default;

    static convert_job start(const inputs &from, text output, text dtype, const text_options &how,
                             const hdf5_options &options, error &e) noexcept
    {
        convert_job j;
        const ndshm_text_options t = detail::in_c(dtype, how);
        const ndshm_hdf5_options o = detail::in_c(options);
        e.clear();
        if (ndshm_convert_start(from.c(), from.size(), &t, output.c_str(), &o, &j.c_, e.c()) !=
            NDSHM_OK)
            j.c_ = ndshm_job();
        return j;
    }
    /** Steps to the end, and gives the file its name; there is no job then. */
    conversion finish(error &e) noexcept
    {
        ndshm_conversion made = {};
        made.struct_size = sizeof made;
        e.clear();
        ndshm_convert_finish(&c_, &made, e.c());
        finished();
        return {made.rows, made.datasets, made.bytes};
    }
#if !defined(NDSHM_NO_EXCEPTIONS)
    static convert_job start(const inputs &from, text output, text dtype,
                             const text_options &how = {}, const hdf5_options &options = {})
    {
        return detail::or_throw(
            [&](error &e) { return start(from, output, dtype, how, options, e); });
    }
    conversion finish()
    {
        return detail::or_throw([&](error &e) { return finish(e); });
    }
#endif
};

/** A file's array on its way to a segment. Not with libndshm-core. */
class import_job : public job {
public:
    import_job() noexcept = default;

    /** `dataset` is nullptr for the only one, `workers` 0 for as many as there are processors. */
    static import_job start(text file, text dataset, text name, const create_options &options,
                            std::uint32_t workers, error &e) noexcept
    {
        import_job j;
        const ndshm_create_options made = detail::in_c(options);
        ndshm_import_options o = {};
        o.struct_size = sizeof o;
        o.workers = workers;
        o.create = &made;
        e.clear();
        if (ndshm_import_start(file.c_str(), dataset.c_str(), name.c_str(), &o, &j.c_, e.c()) !=
            NDSHM_OK)
            j.c_ = ndshm_job();
        return j;
    }
    /** Steps to the end and publishes; there is no job then, whatever came of it. */
    segment finish(error &e) noexcept
    {
        segment s;
        e.clear();
        if (ndshm_import_finish(&c_, s.c(), e.c()) != NDSHM_OK)
            *s.c() = ndshm_segment();
        finished();
        return s;
    }
#if !defined(NDSHM_NO_EXCEPTIONS)
    static import_job start(text file, text dataset, text name, const create_options &options = {},
                            std::uint32_t workers = 0)
    {
        return detail::or_throw(
            [&](error &e) { return start(file, dataset, name, options, workers, e); });
    }
    segment finish()
    {
        return detail::or_throw([&](error &e) { return finish(e); });
    }
#endif
};

/** A segment, which has to stay, on its way to a file. Not with libndshm-core. */
class export_job : public job {
public:
    export_job() noexcept = default;

    static export_job start(const segment &from, text output, const export_options &options,
                            error &e) noexcept
    {
        export_job j;
        const ndshm_hdf5_options how = detail::in_c(options.hdf5);
        ndshm_export_options o = {};
        o.struct_size = sizeof o;
        o.format = static_cast<std::uint32_t>(options.format);
        o.replace = options.replace ? 1 : 0;
        o.sync = options.sync ? 1 : 0;
        o.bool_as_u8 = options.bool_as_u8 ? 1 : 0;
        o.delimiter = options.delimiter;
        o.no_header = options.no_header ? 1 : 0;
        o.dataset = options.dataset.empty() ? nullptr : options.dataset.c_str();
        o.hdf5 = &how;
        o.memory = options.memory;
        o.workers = options.workers;
        e.clear();
        if (ndshm_export_start(from.c(), output.c_str(), &o, &j.c_, e.c()) != NDSHM_OK)
            j.c_ = ndshm_job();
        return j;
    }
    /** Steps to the end, and gives the file its name; its bytes. There is no job then. */
    std::uint64_t finish(error &e) noexcept
    {
        std::uint64_t bytes = 0;
        e.clear();
        ndshm_export_finish(&c_, &bytes, e.c());
        finished();
        return bytes;
    }
#if !defined(NDSHM_NO_EXCEPTIONS)
    static export_job start(const segment &from, text output, const export_options &options = {})
    {
        return detail::or_throw([&](error &e) { return start(from, output, options, e); });
    }
    std::uint64_t finish()
    {
        return detail::or_throw([&](error &e) { return finish(e); });
    }
#endif
};

/** HDF5 files on their way to one. Not with libndshm-core. */
class join_job : public job {
public:
    join_job() noexcept = default;

    static join_job start(const std::vector<text> &shards, text output,
                          const join_options &options, error &e)
    {
        join_job j;
        std::vector<const char *> paths, datasets;
        for (const text &shard : shards)
            paths.push_back(shard.c_str());
        for (const text &dataset : options.datasets)
            datasets.push_back(dataset.c_str());
        const ndshm_hdf5_options how = detail::in_c(options.hdf5);
        ndshm_join_options o = {};
        o.struct_size = sizeof o;
        o.replace = options.replace ? 1 : 0;
        o.sync = options.sync ? 1 : 0;
        o.new_axis = options.new_axis ? 1 : 0;
        o.checksum = options.checksum ? 1 : 0;
        o.materialize = options.materialize ? 1 : 0;
        o.datasets = datasets.empty() ? nullptr : datasets.data();
        o.datasets_len = datasets.size();
        o.hdf5 = &how;
        o.memory = options.memory;
        o.workers = options.workers;
        e.clear();
        if (ndshm_join_start(paths.data(), paths.size(), output.c_str(), &o, &j.c_, e.c()) !=
            NDSHM_OK)
            j.c_ = ndshm_job();
        return j;
    }
    /** Steps to the end, and gives the file its name; there is no job then. */
    joined finish(error &e) noexcept
    {
        ndshm_joined made = {};
        made.struct_size = sizeof made;
        e.clear();
        ndshm_join_finish(&c_, &made, e.c());
        finished();
        return {made.shards, made.datasets, made.bytes};
    }
#if !defined(NDSHM_NO_EXCEPTIONS)
    static join_job start(const std::vector<text> &shards, text output,
                          const join_options &options = {})
    {
        return detail::or_throw([&](error &e) { return start(shards, output, options, e); });
    }
    joined finish()
    {
        return detail::or_throw([&](error &e) { return finish(e); });
    }
#endif
};

/** A look whether a file is whole. Not with libndshm-core. */
class verify_job : public job {
public:
    verify_job() noexcept = default;

    /** `quick` leaves out the checksums. */
    static verify_job start(text file, bool quick, error &e) noexcept
    {
        verify_job j;
        e.clear();
        if (ndshm_verify_start(file.c_str(), quick ? 1 : 0, &j.c_, e.c()) != NDSHM_OK)
            j.c_ = ndshm_job();
        return j;
    }
    /** Steps to the end; there is no job then. What is wrong with the file is no error. */
    verified finish(error &e)
    {
        verified result;
        ndshm_verified found = {};
        found.struct_size = sizeof found;
        e.clear();
        ndshm_verify_finish(&c_, note, &result.problems, &found, e.c());
        finished();
        result.shards = found.shards;
        result.datasets = found.datasets;
        result.checksums = found.checksums;
        return result;
    }
#if !defined(NDSHM_NO_EXCEPTIONS)
    static verify_job start(text file, bool quick = false)
    {
        return detail::or_throw([&](error &e) { return start(file, quick, e); });
    }
    verified finish()
    {
        return detail::or_throw([&](error &e) { return finish(e); });
    }
#endif

private:
    static std::int32_t note(const char *file, const char *dataset, const char *kind,
                             const char *message, void *problems) noexcept
    {
        const char *about = dataset == nullptr ? "" : dataset;
        static_cast<std::vector<problem> *>(problems)->push_back({file, about, kind, message});
        return 0;
    }
};

/** What is to be told of which columns; see ndshm_describe_options. */
struct describe_options {
    std::uint32_t threads = 0;      /**< 0 for as many as there are workers or processors. */
    bool quick = false;             /**< No quantiles, histograms, distinct and frequent values. */
    std::vector<text> columns = {}; /**< Empty for all. */
};

/** What is in the columns of a table; see ndshm_description. Not with libndshm-core. */
class description {
public:
    description() noexcept : c_() {}
    description(description &&other) noexcept : c_(std::exchange(other.c_, ndshm_description())) {}
    description &operator=(description &&other) noexcept
    {
        if (this != &other) {
            close();
            c_ = std::exchange(other.c_, ndshm_description());
        }
        return *this;
    }
    ~description() { close(); }

    std::uint64_t rows() const noexcept { return ndshm_description_rows(&c_); }
    /** Rows of text that were left out. */
    std::uint64_t bad_rows() const noexcept { return ndshm_description_bad_rows(&c_); }
    /** How many columns. */
    std::size_t size() const noexcept { return ndshm_description_columns(&c_); }
    /** What is in a column, from 0; all zeros if there is none. */
    ndshm_column column(std::size_t number) const noexcept
    {
        ndshm_column found = {};
        found.struct_size = sizeof found;
        ndshm_description_column(&c_, number, &found, nullptr);
        return found;
    }
    std::string name(std::size_t column) const { return text_of(column, NDSHM_TEXT_NAME); }
    std::string dtype(std::size_t column) const { return text_of(column, NDSHM_TEXT_DTYPE); }
    /** A text of a column: `what` is NDSHM_TEXT_... . */
    std::string text_of(std::size_t column, std::uint32_t what, std::size_t index = 0) const
    {
        std::string made(ndshm_description_text(&c_, column, what, index, nullptr, 0) + 1, '\0');
        ndshm_description_text(&c_, column, what, index, &made[0], made.size());
        made.pop_back();
        return made;
    }
    /** The most frequent values, and how often each occurs. */
    std::vector<std::pair<ndshm_value, std::uint64_t>> frequent(std::size_t column) const
    {
        std::vector<std::pair<ndshm_value, std::uint64_t>> all;
        ndshm_value value = {};
        std::uint64_t count = 0;
        while (ndshm_description_frequent(&c_, column, all.size(), &value, &count) == NDSHM_OK)
            all.emplace_back(value, count);
        return all;
    }
    std::vector<ndshm_quantile> quantiles(std::size_t number) const
    {
        std::vector<ndshm_quantile> all(column(number).quantiles_len);
        ndshm_description_quantiles(&c_, number, all.data(), all.size());
        return all;
    }
    /** Values of each bar, evenly wide from the column's `histogram_low` to `histogram_high`. */
    std::vector<std::uint64_t> histogram(std::size_t number) const
    {
        std::vector<std::uint64_t> counts(column(number).histogram_len);
        ndshm_description_histogram(&c_, number, counts.data(), counts.size());
        return counts;
    }
    void close() noexcept
    {
        ndshm_description_close(&c_);
        c_ = ndshm_description();
    }
    /** For calls of ndshm.h. */
    ndshm_description *c() noexcept { return &c_; }

private:
    ndshm_description c_;
};

/** A table whose columns are described. Not with libndshm-core. */
class describe_job : public job {
public:
    describe_job() noexcept = default;

    static describe_job of_text(const inputs &from, text dtype, const text_options &how,
                                const describe_options &options, error &e)
    {
        const ndshm_text_options t = detail::in_c(dtype, how);
        return begun(options, e, [&](const ndshm_describe_options *o, ndshm_job *j) {
            return ndshm_describe_text_start(from.c(), from.size(), &t, o, j, e.c());
        });
    }
    /** `dataset` is nullptr for the one that `file` ends in, or the only one. */
    static describe_job of_file(text file, text dataset, const describe_options &options, error &e)
    {
        return begun(options, e, [&](const ndshm_describe_options *o, ndshm_job *j) {
            return ndshm_describe_file_start(file.c_str(), dataset.c_str(), o, j, e.c());
        });
    }
    /** The segment has to stay. */
    static describe_job of_segment(const segment &from, const describe_options &options, error &e)
    {
        return begun(options, e, [&](const ndshm_describe_options *o, ndshm_job *j) {
            return ndshm_describe_segment_start(from.c(), o, j, e.c());
        });
    }
    /** Elements in memory, which have to stay, in C order; `dtype` is the type of one. */
    static describe_job of_memory(const void *data, text dtype, const numbers<std::uint64_t> &shape,
                                  const describe_options &options, error &e)
    {
        return begun(options, e, [&](const ndshm_describe_options *o, ndshm_job *j) {
            return ndshm_describe_array_start(data, dtype.c_str(),
                                              static_cast<std::uint32_t>(shape.size()),
                                              shape.data(), nullptr, o, j, e.c());
        });
    }
    /** Steps to the end; there is no job then, whatever came of it. */
    description finish(error &e) noexcept
    {
        description d;
        e.clear();
        if (ndshm_describe_finish(&c_, d.c(), e.c()) != NDSHM_OK)
            *d.c() = ndshm_description();
        finished();
        return d;
    }
#if !defined(NDSHM_NO_EXCEPTIONS)
    static describe_job of_text(const inputs &from, text dtype, const text_options &how = {},
                                const describe_options &options = {})
    {
        return detail::or_throw([&](error &e) { return of_text(from, dtype, how, options, e); });
    }
    static describe_job of_file(text file, text dataset = nullptr,
                                const describe_options &options = {})
    {
        return detail::or_throw([&](error &e) { return of_file(file, dataset, options, e); });
    }
    static describe_job of_segment(const segment &from, const describe_options &options = {})
    {
        return detail::or_throw([&](error &e) { return of_segment(from, options, e); });
    }
    static describe_job of_memory(const void *data, text dtype, const numbers<std::uint64_t> &shape,
                                  const describe_options &options = {})
    {
        return detail::or_throw([&](error &e) { return of_memory(data, dtype, shape, options, e); });
    }
    description finish()
    {
        return detail::or_throw([&](error &e) { return finish(e); });
    }
#endif

private:
    template <class F> static describe_job begun(const describe_options &options, error &e, F start)
    {
        describe_job j;
        std::vector<const char *> names;
        for (const text &name : options.columns)
            names.push_back(name.c_str());
        ndshm_describe_options o = {};
        o.struct_size = sizeof o;
        o.threads = options.threads;
        o.quick = options.quick ? 1 : 0;
        o.columns = names.empty() ? nullptr : names.data();
        o.columns_len = names.size();
        e.clear();
        if (start(&o, &j.c_) != NDSHM_OK)
            j.c_ = ndshm_job();
        return j;
    }
};

/** Reads text tables into one segment. */
inline segment load(const inputs &from, text name, text dtype, const text_options &how,
                    const create_options &options, error &e) noexcept
{
    load_job job = load_job::start(from, name, dtype, how, options, e);
    return e ? segment() : job.finish(e);
}

/** Converts text tables to one HDF5 file. Not with libndshm-core. */
inline conversion convert(const inputs &from, text output, text dtype, const text_options &how,
                          const hdf5_options &options, error &e) noexcept
{
    convert_job job = convert_job::start(from, output, dtype, how, options, e);
    return e ? conversion() : job.finish(e);
}

/* ==========================================================================
 *                     A function over many items: map
 * ========================================================================== */

/** How a map runs; see ndshm_map_options. */
struct map_options {
    std::uint32_t workers = 0;
    std::uint32_t way = NDSHM_MAP_AUTO;
    ndshm::access access = ndshm::access::read;
    const void *context = nullptr;
    std::size_t context_size = 0;
};

/**
 * A C function over items in worker processes; see ndshm_map_start. The function must not throw.
 * Call ndshm_map_serve first in `main`.
 */
class map {
public:
    /** What became of an item. */
    struct result {
        enum kind { none, done, failed, end } what = none; /**< None in the time that was given. */
        std::uint64_t index = 0;                           /**< Of done and failed. */
        ndshm::segment segment;                            /**< Of done, if something was made. */
    };

    map() noexcept : c_() {}
    map(map &&other) noexcept : c_(std::exchange(other.c_, ndshm_map())) {}
    map &operator=(map &&other) noexcept
    {
        if (this != &other) {
            discard();
            c_ = std::exchange(other.c_, ndshm_map());
        }
        return *this;
    }
    ~map() { discard(); }

    /** The items lie in one piece, as they are: plain data, no pointers. */
    template <class C, class T = std::decay_t<decltype(*std::data(std::declval<const C &>()))>>
    static map start(const C &items, ndshm_map_function function, const map_options &options,
                     error &e) noexcept
    {
        static_assert(std::is_trivially_copyable_v<T>, "items go to other processes as bytes");
        return start(std::data(items), sizeof(T), std::size(items), function, options, e);
    }
    /** As ndshm_map_start; with `item_size` 0 the function gets numbers. */
    static map start(const void *items, std::size_t item_size, std::size_t count,
                     ndshm_map_function function, const map_options &options, error &e) noexcept
    {
        map m;
        ndshm_map_options o = {};
        o.struct_size = sizeof o;
        o.workers = options.workers;
        o.way = options.way;
        o.access = static_cast<std::uint32_t>(options.access);
        o.context = options.context;
        o.context_size = options.context_size;
        e.clear();
        if (ndshm_map_start(items, item_size, count, function, &o, &m.c_, e.c()) != NDSHM_OK)
            m.c_ = ndshm_map();
        return m;
    }

    /** The next item that is done, or failed: then `e` says why, and the others go on. */
    template <class Rep, class Period>
    result next(std::chrono::duration<Rep, Period> timeout, error &e) noexcept
    {
        return next_ms(detail::milliseconds<std::int32_t>(timeout), e);
    }
    result next(error &e) noexcept { return next_ms(-1, e); }

#if !defined(NDSHM_NO_EXCEPTIONS)
    template <class C>
    static map start(const C &items, ndshm_map_function function, const map_options &options = {})
    {
        return detail::or_throw([&](error &e) { return start(items, function, options, e); });
    }
    /** An item that failed is thrown as well; `input()` is its number, and the map goes on. */
    template <class Rep, class Period> result next(std::chrono::duration<Rep, Period> timeout)
    {
        return detail::or_throw([&](error &e) { return next(timeout, e); });
    }
    result next()
    {
        return detail::or_throw([&](error &e) { return next(e); });
    }
#endif

    /** For poll: readable when `next` may have something to tell. -1 if there is no map. */
    int fd() const noexcept { return ndshm_map_fd(&c_); }
    /** Ends the workers now; `next` tells of the end then. */
    void cancel() noexcept { ndshm_map_cancel(&c_, nullptr); }
    /** Ends the workers; there is no map then. */
    void discard() noexcept
    {
        ndshm_map_discard(&c_);
        c_ = ndshm_map();
    }
    /** For calls of ndshm.h. */
    ndshm_map *c() noexcept { return &c_; }

private:
    result next_ms(std::int32_t timeout, error &e) noexcept
    {
        result r;
        e.clear();
        switch (ndshm_map_next(&c_, timeout, &r.index, r.segment.c(), e.c())) {
        case NDSHM_OK:
            r.what = result::done;
            return r;
        case NDSHM_ERR_TIMEOUT:
        case NDSHM_ERR_END:
            r.what = e.code() == NDSHM_ERR_END ? result::end : result::none;
            e.clear();
            break;
        default:
            r.what = e.input() == NDSHM_NO_INPUT ? result::end : result::failed;
            r.index = e.input();
        }
        *r.segment.c() = ndshm_segment();
        return r;
    }

    ndshm_map c_;
};

#if !defined(NDSHM_NO_EXCEPTIONS)
inline segment load(const inputs &from, text name, text dtype, const text_options &how = {},
                    const create_options &options = {})
{
    return detail::or_throw([&](error &e) { return load(from, name, dtype, how, options, e); });
}
inline conversion convert(const inputs &from, text output, text dtype, const text_options &how = {},
                          const hdf5_options &options = {})
{
    return detail::or_throw([&](error &e) { return convert(from, output, dtype, how, options, e); });
}
#endif

/** Whether the library that is running is one for this header. */
inline bool abi_matches() noexcept { return ndshm_abi_version() == NDSHM_ABI_VERSION; }

} // namespace ndshm

#endif /* NDSHM_HPP */
