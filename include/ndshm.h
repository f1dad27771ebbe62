/*
 * ndshm.h: typed n-dimensional arrays in shared memory, opened by name
 *
 * Made by tests/header.rs from src/ffi; do not edit. To make it again:
 *
 *     NDSHM_BLESS=1 cargo test --test header
 *
 *
 * A segment is an array in POSIX shared memory that describes itself: who knows
 * its name sees the same data, its type and its shape, without a copy and
 * without asking anybody. What is not in this file is not part of the interface.
 *
 *     ndshm_error error = { .struct_size = sizeof(error) };
 *     ndshm_create_options options = { .struct_size = sizeof(options) };
 *     ndshm_segment made = {0}, seen = {0};
 *     uint64_t shape[] = {1000};
 *
 *     options.dtype = "pos:i4,pct:f4";
 *     options.shape = shape;
 *     options.ndim = 1;
 *     if (ndshm_segment_create("run7", &options, &made, &error))
 *         return fail(&error);
 *     fill(ndshm_segment_data_mut(&made));
 *     if (ndshm_segment_publish(&made, &error))
 *         return fail(&error);
 *
 *     // in this process or in any other one
 *     if (ndshm_segment_attach("run7", NULL, &seen, &error))
 *         return fail(&error);
 *     use(ndshm_segment_data(&seen));
 *
 *     ndshm_segment_detach(&seen);
 *     ndshm_segment_detach(&made);     // the last one removes the name
 *
 * c-examples/smoke.c is a program that can be compiled.
 *
 *
 * OWNERSHIP. The caller owns all memory. The library allocates none (but in its
 * second part), maps segments, and keeps no pointer to an argument (but a reader
 * of an ndshm_input, and its context, until the job is closed). A handle
 * (ndshm_segment, ndshm_growable, ndshm_dtype, ndshm_job, ndshm_map) is plain
 * storage of the caller's; begin with zeros. What ndshm_segment_create,
 * ndshm_segment_attach and their like put into it is given back by
 * ndshm_segment_detach. A handle that is closed twice, or used when it is closed,
 * is an error and not a crash. Pointers that come out of a handle are valid until
 * it is closed; text that is returned is static.
 *
 * LIFE. A segment lives as long as a process has it attached, and its name goes
 * with the last one, however that ends: detach, exit, exec or SIGKILL. (After a
 * kill the name and the memory may stay until the next process creates a
 * segment of that name, or calls ndshm_segment_prune.) Other policies keep it
 * until somebody unlinks it, until it was taken over, or no longer than its
 * creator; an anonymous segment has no name, and no kill leaves anything of it.
 * The kernel's locks decide, never a process id and never the reference count.
 *
 * THREADS. Different handles may be used by different threads at once. Of one
 * handle, functions that take it as const may be called by many threads at once;
 * while one thread calls one that does not, no other may use it. But a job that one
 * thread steps any other may cancel, and ask for its descriptor. Access to the data
 * is not synchronised in any way, neither between threads nor between processes.
 *
 * FORK. A forked child has the segments of its parent attached, too, and keeps
 * them alive until it exits, execs, or detaches its copies of the handles. It is
 * not counted by ndshm_segment_refcount. A draft belongs to the process that
 * created it; its children leave it alone. So do a job and a map: a child may not
 * step its copy, and discards it without harm.
 *
 * SIGNALS. The library installs no handlers, and calls that a signal interrupts
 * go on; only ndshm_job_step and ndshm_map_next may return early. Do not call it
 * from a handler, but for ndshm_job_cancel. All memory is reserved when a segment
 * is made, so that full shared memory is NDSHM_ERR_NO_SPACE and not a SIGBUS; an
 * object that is made shorter from outside while it is attached is one. Nobody can
 * do that to an anonymous segment.
 *
 * CALLBACKS return: they do not leave by longjmp or by a C++ exception.
 *
 * ERRORS. A function that can fail returns a status: NDSHM_OK, which is 0, or a
 * negative NDSHM_ERR_... . The numbers are stable. Outputs follow the inputs and
 * are written only on success. The last parameter is an optional ndshm_error,
 * which gets a sentence for people when the call fails, and the place in the
 * input where it did; NULL if you do not want it. Functions that ask an open
 * handle for something return it directly, and NULL or 0 for a handle that is
 * not open.
 *
 * NULL where a pointer is needed is NDSHM_ERR_ARGUMENT and not a crash; so is a
 * number that has no meaning. A handle that was closed is NDSHM_ERR_HANDLE.
 *
 * OPTIONS. A struct of options begins with its size, so that it can grow:
 * set struct_size to sizeof, leave all you do not need at zero. Fields that a
 * newer program sets and this library does not know are refused, not ignored.
 * In C write "= { .struct_size = sizeof(x) }", in C++ "= {}" and set it.
 *
 * TRUST. A header is checked before it is used, whoever wrote it. The data is
 * whatever those with the permission to write it wrote.
 *
 * VERSIONS. NDSHM_VERSION_... is this header's; ndshm_version() the library's
 * that is running. NDSHM_ABI_VERSION changes when programs must be compiled
 * again. The format of segments has a version of its own: libraries read
 * each other's segments if NDSHM_FORMAT_MAJOR is the same.
 *
 * LIBRARIES. The first part of this file is in every build of the library; that
 * core neither allocates nor starts threads. The second part, marked below,
 * needs more, and is not in a library that was built without Rust's std. Of the
 * two that `make install` installs libndshm has everything, and libndshm-core all
 * but ndshm_convert and its like, so that it does not need HDF5.
 *
 * LANGUAGES. C99 or later, C++11 or later. Integers stand for enums, so that
 * every foreign function interface can call this.
 */

#ifndef NDSHM_H
#define NDSHM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ==========================================================================
 *                                 Versions
 * ========================================================================== */

// Version of this header, first number.
#define NDSHM_VERSION_MAJOR 0

// Version of this header, second number.
#define NDSHM_VERSION_MINOR 1

// Version of this header, third number.
#define NDSHM_VERSION_PATCH 0

// Version of the binary interface. It changes when a program must be compiled
// again.
#define NDSHM_ABI_VERSION 1

// Format of the segments that this library makes, first number: it reads no
// segment with a larger one.
#define NDSHM_FORMAT_MAJOR 1

// Format of the segments that this library makes, second number: it reads
// segments with any.
#define NDSHM_FORMAT_MINOR 0

// The version of the library that is running, as static text.
const char *ndshm_version(void);

// The binary interface of the library that is running. A program that finds
// another number than `NDSHM_ABI_VERSION` must not call anything else.
uint32_t ndshm_abi_version(void);

/* ==========================================================================
 *                                  Errors
 *
 * Statuses, in groups with gaps: of any call, of segments, of dtypes, of workers,
 * of this interface. A number that was ever released is not used for something else.
 * ========================================================================== */

// No error.
#define NDSHM_OK 0

// An argument is NULL or out of its range; an options struct has a size or a
// field that this library does not know.
#define NDSHM_ERR_ARGUMENT -1

// A size does not fit this machine.
#define NDSHM_ERR_OVERFLOW -2

// A system call failed; `os_errno` says why.
#define NDSHM_ERR_OS -3

// The text is not a segment name.
#define NDSHM_ERR_NAME -10

// A live or persistent segment has this name.
#define NDSHM_ERR_EXISTS -11

// No segment has this name.
#define NDSHM_ERR_NOT_FOUND -12

// The segment is there, its data is not complete yet.
#define NDSHM_ERR_NOT_READY -13

// Another process holds the segment's lock exclusively.
#define NDSHM_ERR_BUSY -14

// The object of this name was not made by ndshm.
#define NDSHM_ERR_NOT_NDSHM -15

// The segment needs a newer library.
#define NDSHM_ERR_TOO_NEW -16

// The segment was made by a machine of the other byte order.
#define NDSHM_ERR_ENDIAN -17

// The object is shorter than its header says.
#define NDSHM_ERR_TRUNCATED -18

// The header contradicts itself.
#define NDSHM_ERR_CORRUPT -19

// Shared memory is full.
#define NDSHM_ERR_NO_SPACE -20

// The owner's permissions do not allow it.
#define NDSHM_ERR_PERMISSION -21

// The creator died before the data was complete.
#define NDSHM_ERR_CREATOR_DIED -22

// The segment is attached for reading only.
#define NDSHM_ERR_READ_ONLY -23

// The memory behind the descriptor is not sealed: somebody could shorten it.
#define NDSHM_ERR_UNSEALED -24

// The text is not a dtype.
#define NDSHM_ERR_DTYPE -40

// A dtype has more fields than the tables given for it.
#define NDSHM_ERR_DTYPE_SPACE -41

// A dtype has no text form that can be read.
#define NDSHM_ERR_NOT_TEXT -42

// The elements are of another type than the one asked for.
#define NDSHM_ERR_DTYPE_DIFFERS -43

// What missing values of a column are to become is no value of its type.
#define NDSHM_ERR_FILL -44

// An input cannot be read: it is missing, a directory, not plain text, or it
// changed meanwhile.
#define NDSHM_ERR_INPUT -50

// A line of an input is not what the dtype and the options say.
#define NDSHM_ERR_TEXT -51

// Inputs that become one array have different numbers of columns.
#define NDSHM_ERR_COLUMNS -52

// Workers died: twice at the same piece, or all of them.
#define NDSHM_ERR_WORKERS -53

// Somebody cancelled the job.
#define NDSHM_ERR_CANCELLED -54

// The memory given is too small for a row or a line.
#define NDSHM_ERR_MEMORY -55

// An input has no rows.
#define NDSHM_ERR_EMPTY -56

// The HDF5 library failed.
#define NDSHM_ERR_HDF5 -60

// The file exists, and replacing it was not asked for.
#define NDSHM_ERR_FILE_EXISTS -61

// The file cannot be written there.
#define NDSHM_ERR_FILE -62

// The disk is full.
#define NDSHM_ERR_DISK_FULL -63

// A dataset cannot have this name, or two would have it.
#define NDSHM_ERR_DATASET_NAME -64

// HDF5 has no type for the dtype.
#define NDSHM_ERR_HDF5_TYPE -65

// Shards do not fit together, or are not what the joined file has noted.
#define NDSHM_ERR_SHARDS -68

// The process has threads, so workers cannot be forked, and the function was not
// given to `ndshm_map_serve`, so they cannot be started by exec.
#define NDSHM_ERR_THREADS -70

// The function of a map returned a number that is no status.
#define NDSHM_ERR_MAP_FUNCTION -71

// Two workers died of the same item.
#define NDSHM_ERR_MAP_DIED -72

// Workers die before they get an item.
#define NDSHM_ERR_MAP_START -73

// Nothing happened in the time that was given.
#define NDSHM_ERR_TIMEOUT -74

// There is no more.
#define NDSHM_ERR_END -75

// The handle is not open: never, not any more, or not in the state that the
// function needs.
#define NDSHM_ERR_HANDLE -80

// The record has no such field.
#define NDSHM_ERR_NO_FIELD -81

// The library has a bug: it gave up in the middle of the call. What the call
// was given is not to be used again, but to be freed.
#define NDSHM_ERR_PANIC -90

// Bytes of the message in `ndshm_error`, its NUL included.
#define NDSHM_MESSAGE_SIZE 464

// Bytes of the text that is wrong in `ndshm_error`, its NUL included.
#define NDSHM_FAULT_TEXT_SIZE 408

// Bytes of the type in `ndshm_error`, its NUL included.
#define NDSHM_FAULT_DTYPE_SIZE 80

// In `ndshm_error`: `text` does not convert to `dtype`.
#define NDSHM_FAULT_CONVERT 1

// In `ndshm_error`: the rows before have `wanted` columns, this one `found`.
#define NDSHM_FAULT_COLUMNS_CHANGED 2

// In `ndshm_error`: the dtype has `wanted` fields, the row `found` columns.
#define NDSHM_FAULT_COLUMNS_REQUIRED 3

// In `ndshm_error`: `usecols` asks for the column `wanted`, the row has `found`.
#define NDSHM_FAULT_COLUMN_INDEX 4

// In `ndshm_error`: bytes that are not in the encoding.
#define NDSHM_FAULT_ENCODING 5

// In `ndshm_error`: the error is not about one of several inputs.
#define NDSHM_NO_INPUT UINT32_MAX

// In `ndshm_error`: no such place.
#define NDSHM_NO_PLACE UINT64_MAX

// What went wrong and where, in the caller's memory. Set `struct_size` to
// `sizeof(ndshm_error)` before the first call; the rest is written when a call
// fails, and left alone when it succeeds.
typedef struct ndshm_error {
    // `sizeof(ndshm_error)`. A call that finds less than this struct has, or
    // more than 4096, fails with `NDSHM_ERR_ARGUMENT` and does nothing.
    uint32_t struct_size;
    // The status that the call returned.
    int32_t code;
    // The `errno` of a failed system call, 0 if there was none.
    int32_t os_errno;
    // Which of the inputs, files or items, from 0; else `NDSHM_NO_INPUT`.
    uint32_t input;
    // Line of the input, from 1, every line counted; 0 if none is meant.
    uint64_t line;
    // Row of the input, from 0, lines without a row not counted; else
    // `NDSHM_NO_PLACE`.
    uint64_t row;
    // Byte of the input, or of the text that was given, at which it went
    // wrong, from 0; of a row that was compressed, byte of the text when it is
    // unpacked. `NDSHM_NO_PLACE` if there is none, or if it is not known: for a
    // row of UTF-16 or UTF-32.
    uint64_t byte;
    // Column of the input, from 1; 0 if none is meant.
    uint32_t column;
    // What is wrong with a row of text: `NDSHM_FAULT_...`, 0 for all else.
    uint32_t fault;
    // A sentence for people, in UTF-8, cut off if it is too long, always
    // ended by a NUL.
    char message[NDSHM_MESSAGE_SIZE];
    // The number that there should be, see `NDSHM_FAULT_...`; else 0.
    int64_t wanted;
    // The number that there is; else 0.
    int64_t found;
    // Bytes at `text`, without the NUL at its end.
    uint32_t text_len;
    // 0.
    uint32_t reserved;
    // The text that is wrong, without quotes around it: its first 100 characters,
    // among which may be NULs.
    char text[NDSHM_FAULT_TEXT_SIZE];
    // The type that the text does not convert to: `<i4`, `|S10`, `<M8[s]`.
    char dtype[NDSHM_FAULT_DTYPE_SIZE];
} ndshm_error;

// What a status means, as static text; "unknown status" for a number that is
// none. The message in `ndshm_error` says more.
const char *ndshm_strerror(int32_t status);

/* ==========================================================================
 *                                  Handles
 * ========================================================================== */

// Words of storage in a handle. The library needs two thirds of them today.
#define NDSHM_SEGMENT_WORDS 191

// A handle: room for one segment, in the caller's memory. All zeros is a
// handle that is not open, so begin with `ndshm_segment s = {0};`. The
// fields are the library's own. An open handle may be moved by copying its
// bytes, if the old ones are not used any more.
typedef struct ndshm_segment {
    // Says whether the handle is open.
    uint64_t state;
    // The library's own.
    uint64_t storage[NDSHM_SEGMENT_WORDS];
} ndshm_segment;

/* ==========================================================================
 *                Create and publish, attach, detach a segment
 * ========================================================================== */

// Most dimensions of an array.
#define NDSHM_MAX_NDIM 32

// Most bytes of a segment's name.
#define NDSHM_MAX_NAME 200

// Bytes of a segment's uuid.
#define NDSHM_UUID_SIZE 16

// The name goes with the last process that has the segment attached, however
// that ends. The default.
#define NDSHM_POLICY_LAST_DETACH 1

// The name stays until somebody unlinks it, or the machine restarts.
#define NDSHM_POLICY_PERSIST 2

// The name goes when the creator detaches; others keep what they have
// attached. If the creator is killed, it goes with the last of them.
#define NDSHM_POLICY_OWNER 3

// The segment waits to be taken over: it stays, also when nobody has it, until
// it was attached `handoff_attaches` times or `handoff_timeout_ms` are over;
// from then on as `NDSHM_POLICY_LAST_DETACH`. To hand on a segment later, and any
// number of times: `ndshm_segment_promise`.
#define NDSHM_POLICY_HANDOFF 4

// There never is a name: other processes get the segment by its descriptor. It
// goes with the last who has it, and a kill leaves nothing at all.
#define NDSHM_POLICY_ANONYMOUS 5

// `handoff_timeout_ms` for a segment that waits for ever.
#define NDSHM_FOREVER UINT64_MAX

// The name appears with `ndshm_segment_publish`, where the system can do that.
#define NDSHM_VIA_AUTO 0

// The name appears at once, and whoever attaches it is told that it is not
// ready, or waits.
#define NDSHM_VIA_SHM_OPEN 1

// The segment has the name that was given.
#define NDSHM_NAMING_GIVEN 0

// The segment is an unnamed file, which a kill never leaves behind, until
// `ndshm_segment_publish`, which may never come; then its name is made of its uuid,
// and `ndshm_segment_name` says it. A load ends in a draft. A forked child that has
// inherited the draft may publish it, too, and both may: there is one segment.
// It keeps a descriptor open as long as it is a draft.
#define NDSHM_NAMING_LATE 1

// The same, but where shared memory is too small, as in a container with 64 MB, it
// goes on as an anonymous segment, also in the middle of a load: publish makes it one
// that is sent by its descriptor. `ndshm_segment_name` is NULL then.
#define NDSHM_NAMING_LATE_OR_NONE 2

// Attach for reading: a write through the data pointer is a SIGSEGV.
#define NDSHM_ACCESS_READ 0

// Attach for reading and writing.
#define NDSHM_ACCESS_READ_WRITE 1

// What a new segment is to be. Zeros are defaults, but `dtype` must be there.
typedef struct ndshm_create_options {
    // `sizeof(ndshm_create_options)`.
    uint32_t struct_size;
    // Dimensions, 0 for a single element, `NDSHM_MAX_NDIM` at most.
    uint32_t ndim;
    // Type of the elements, as NumPy prints it or in the short form:
    // `"<f8"`, `"pos:i4,pct:f4"`, `"[('xyz', '<f4', (3,)), ('id', '|S10')]"`.
    const char *dtype;
    // `ndim` extents, slowest first. May be NULL if `ndim` is 0.
    const uint64_t *shape;
    // `ndim` steps in bytes, or NULL for C order.
    const int64_t *strides;
    // `metadata_len` bytes of your own: units, labels, attributes.
    const void *metadata;
    // Bytes at `metadata`.
    size_t metadata_len;
    // `NDSHM_POLICY_...`, 0 for `NDSHM_POLICY_LAST_DETACH`.
    uint32_t policy;
    // Permission bits whatever the umask; 0 for 0600. The owner must be able
    // to read. Without any bit for writing nobody attaches it for writing once it
    // is published, and an anonymous segment's data cannot be changed any more.
    uint32_t mode;
    // `NDSHM_VIA_...`.
    uint32_t via;
    // How often a `NDSHM_POLICY_HANDOFF` segment is to be attached, at least 1;
    // 0 for other policies.
    uint32_t handoff_attaches;
    // Milliseconds from publish that a `NDSHM_POLICY_HANDOFF` segment waits; 0
    // for ten minutes, `NDSHM_FOREVER`. 0 for other policies.
    uint64_t handoff_timeout_ms;
    // `NDSHM_NAMING_...`. The name is NULL if it is not the given one.
    uint32_t naming;
    // 0.
    uint32_t reserved;
} ndshm_create_options;

// How a segment is attached. All zeros: for reading, without waiting.
typedef struct ndshm_attach_options {
    // `sizeof(ndshm_attach_options)`.
    uint32_t struct_size;
    // `NDSHM_ACCESS_...`.
    uint32_t access;
    // Milliseconds to wait until the segment is there and ready.
    uint32_t timeout_ms;
    // 1 to claim one of the attaches that were promised with `ndshm_segment_promise`,
    // if one is outstanding.
    uint32_t claim;
    // The uuid that the segment must have, or zeros: one of another uuid that has
    // the name is none, `NDSHM_ERR_NOT_FOUND`.
    uint8_t uuid[NDSHM_UUID_SIZE];
} ndshm_attach_options;

// Makes a segment and reserves all its memory, filled with zeros. The handle
// is a draft then: fill it through `ndshm_segment_data_mut`, and call
// `ndshm_segment_publish`. A draft that is detached, or whose process dies,
// leaves nothing; only a killed one with `NDSHM_VIA_SHM_OPEN` leaves a name,
// until the next create of that name or `ndshm_segment_prune`.
//
// `name` is 1 to `NDSHM_MAX_NAME` bytes of UTF-8 without `/` and control
// characters; NULL for `NDSHM_POLICY_ANONYMOUS`.
//
// Returns `NDSHM_ERR_EXISTS` if a live, persistent or waiting segment has the name,
// `NDSHM_ERR_NO_SPACE` if memory is short, `NDSHM_ERR_DTYPE` with the byte at
// which it went wrong, `NDSHM_ERR_NAME`, `NDSHM_ERR_ARGUMENT`,
// `NDSHM_ERR_OVERFLOW`, `NDSHM_ERR_PERMISSION`, `NDSHM_ERR_BUSY`,
// `NDSHM_ERR_OS`.
//
// Duties of the caller:
// * `name`, `options` and what they lead to stay as they are during the call.
// * `segment` can be written. What was in it is forgotten, not detached.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_segment_create(const char *name,
                             const ndshm_create_options *options,
                             ndshm_segment *segment,
                             ndshm_error *error);

// Gives a draft another name, for instance after a publish that failed with
// `NDSHM_ERR_EXISTS`.
//
// Returns `NDSHM_ERR_ARGUMENT` if the name is taken already, as with
// `NDSHM_VIA_SHM_OPEN`, or the segment is anonymous; `NDSHM_ERR_NAME`,
// `NDSHM_ERR_HANDLE` if the handle is not open or published already.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that no other thread uses.
// * `name` stays as it is during the call.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_segment_rename(ndshm_segment *segment,
                             const char *name,
                             ndshm_error *error);

// Makes a draft visible under its name, complete and at once. Pointers to its
// data, shape and strides stay valid; the handle is an attached segment then,
// open for writing unless it is anonymous and its mode lets nobody write.
//
// If it fails, the draft stays as it was: try again, give it another name with
// `ndshm_segment_rename`, or discard it with `ndshm_segment_detach`.
//
// Returns `NDSHM_ERR_EXISTS` if a live, persistent or waiting segment got the
// name meanwhile, `NDSHM_ERR_HANDLE` for a handle that is no draft,
// `NDSHM_ERR_PERMISSION`, `NDSHM_ERR_BUSY`, `NDSHM_ERR_OS`.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that no other thread uses.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_segment_publish(ndshm_segment *segment, ndshm_error *error);

// Attaches the segment `name`. `options` may be NULL: for reading, without
// waiting. The header of a segment is checked before anything relies on it.
//
// Returns `NDSHM_ERR_NOT_FOUND`, `NDSHM_ERR_NOT_READY` (both after the
// timeout, if there is one), `NDSHM_ERR_CREATOR_DIED`, `NDSHM_ERR_PERMISSION`,
// `NDSHM_ERR_BUSY`, `NDSHM_ERR_NAME`, `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`;
// for an object that is no valid segment `NDSHM_ERR_NOT_NDSHM`,
// `NDSHM_ERR_ENDIAN`, `NDSHM_ERR_TOO_NEW`, `NDSHM_ERR_TRUNCATED`,
// `NDSHM_ERR_CORRUPT`.
//
// Duties of the caller:
// * `name` and `options` stay as they are during the call.
// * `segment` can be written. What was in it is forgotten, not detached.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_segment_attach(const char *name,
                             const ndshm_attach_options *options,
                             ndshm_segment *segment,
                             ndshm_error *error);

// Promises that the segment will be attached `n` times more with `claim` set in the
// options: until then its name stays, also when nobody has it any more, but not for longer
// than `timeout_ms` from now (0 for ten minutes, `NDSHM_FOREVER`). So a process may send the
// segment's name and uuid to another one, and end before that has attached it.
//
// Everybody who has it may promise, for reading only, too. Promises add up, and lapse
// together, with the last. A claim without a promise does no harm. What is promised and
// never claimed, since the message was lost, is removed by the next `ndshm_segment_prune`
// after its time.
//
// Returns `NDSHM_ERR_ARGUMENT` if `n` is 0 or there would be more than 16,777,215
// outstanding, and for `NDSHM_POLICY_OWNER` and `NDSHM_POLICY_ANONYMOUS`;
// `NDSHM_ERR_NOT_FOUND` if the name is gone, `NDSHM_ERR_HANDLE` for a draft and a handle that
// is not open, `NDSHM_ERR_PERMISSION` if the segment may not be written, `NDSHM_ERR_OS`.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_segment_promise(const ndshm_segment *segment,
                              uint32_t n,
                              uint64_t timeout_ms,
                              ndshm_error *error);

// Detaches a segment, or discards a draft, and closes the handle. Every
// pointer that came from it is invalid then. The last process to detach
// removes the name, if the policy says so.
//
// NULL and a handle that never was open are fine. A handle that is closed
// already is `NDSHM_ERR_HANDLE`, and so is one that was never zeroed.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that no other thread uses.
// * Nobody uses pointers into the segment any more.
int32_t ndshm_segment_detach(ndshm_segment *segment);

// Detaches a segment, or discards a draft, and closes the handle, but leaves its
// memory where it is: pointers stay valid until the process ends, or calls exec. For the
// end of a process that may use the memory to its last moment, and that runs no
// destructors behind it: nothing but the end of the process frees the addresses.
//
// The process has the segment no more: if it was the last, the name is removed,
// if the policy says so, and a child that is forked later does not have it. Where its mode
// lets nobody write any more (0400), nobody else sees what is written from now on.
//
// Returns as `ndshm_segment_detach`; `NDSHM_ERR_OS` if there is no descriptor left (`EMFILE`),
// which it takes for a moment, and `NDSHM_ERR_PERMISSION` if the segment cannot even be read
// any more. The handle is closed all the same, but the memory keeps the lock: the name stays
// until the process ends, and is dead then, for `ndshm_segment_prune`.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that no other thread uses.
int32_t ndshm_segment_leave(ndshm_segment *segment);

/* ==========================================================================
 *                  A segment whose rows are not counted yet
 *
 * Write rows as they come, say at the end how many there are, and publish:
 *
 *     const uint64_t shape[] = {0};        // options.shape: rows are not known
 *     ndshm_growable rows = {0};
 *
 *     if (ndshm_growable_create("run7", &options, &rows, &error))
 *         return fail(&error);
 *     while (next(&record)) {
 *         if (ndshm_growable_append(&rows, &record, sizeof(record), &error))
 *             return fail(&error);
 *         n++;
 *     }
 *     if (ndshm_growable_finish(&rows, n, &segment, &error) ||
 *         ndshm_segment_publish(&segment, &error))
 *         return fail(&error);
 * ========================================================================== */

// Words of storage in an `ndshm_growable`.
#define NDSHM_GROWABLE_WORDS 127

// A handle: room for one segment that grows, in the caller's memory. All zeros
// is a handle that is not open, so begin with `ndshm_growable g = {0};`. It may
// be moved like an `ndshm_segment`.
typedef struct ndshm_growable {
    // Says whether the handle is open.
    uint64_t state;
    // The library's own.
    uint64_t storage[NDSHM_GROWABLE_WORDS];
} ndshm_growable;

// Begins a segment whose number of rows is not known. The first extent in
// `options->shape` is 0 and stands for it; `options->strides` is NULL. Rows go
// into it in C order through `ndshm_growable_append` or
// `ndshm_growable_write_at`, which say so when memory is full; then
// `ndshm_growable_finish` makes a draft of it. It leaves as little as a draft
// does, if it is discarded or its process dies.
//
// `name` and what it returns are as for `ndshm_segment_create`.
//
// Duties of the caller:
// * `name`, `options` and what they lead to stay as they are during the call.
// * `growable` can be written. What was in it is forgotten, not discarded.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_growable_create(const char *name,
                              const ndshm_create_options *options,
                              ndshm_growable *growable,
                              ndshm_error *error);

// Writes `len` bytes at `data` behind what was written so far. They need not be
// whole rows.
//
// Returns `NDSHM_ERR_NO_SPACE` if memory is short, and part of the bytes may be
// there then; `NDSHM_ERR_OVERFLOW`, `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HANDLE`,
// `NDSHM_ERR_OS`.
//
// Duties of the caller:
// * `growable` is NULL, or a handle that no other thread uses.
// * `data` can be read for `len` bytes during the call; NULL if `len` is 0.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_growable_append(ndshm_growable *growable,
                              const void *data,
                              size_t len,
                              ndshm_error *error);

// Writes `len` bytes at `data` to byte `offset` of the data, which may lie
// behind what was written so far: bytes never written are zeros. Otherwise as
// `ndshm_growable_append`.
//
// Duties of the caller:
// * As for `ndshm_growable_append`.
int32_t ndshm_growable_write_at(ndshm_growable *growable,
                                uint64_t offset,
                                const void *data,
                                size_t len,
                                ndshm_error *error);

// Bytes of one row, 0 if the handle is not open.
//
// Duties of the caller:
// * `growable` is NULL, or a handle that nobody closes meanwhile.
uint64_t ndshm_growable_row_len(const ndshm_growable *growable);

// Bytes up to the last one that was written, 0 if the handle is not open.
//
// Duties of the caller:
// * `growable` is NULL, or a handle that nobody closes meanwhile.
uint64_t ndshm_growable_data_len(const ndshm_growable *growable);

// Makes a draft of `rows` rows, to be published with `ndshm_segment_publish`.
// What was written behind them is cut off. The handle `growable` is closed
// then, also if the call fails; only for more rows than were written, which is
// `NDSHM_ERR_ARGUMENT`, it stays open.
//
// Returns `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HANDLE`, `NDSHM_ERR_NO_SPACE`,
// `NDSHM_ERR_OVERFLOW`, `NDSHM_ERR_OS`.
//
// Duties of the caller:
// * `growable` is NULL, or a handle that no other thread uses.
// * `segment` can be written. What was in it is forgotten, not detached.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_growable_finish(ndshm_growable *growable,
                              uint64_t rows,
                              ndshm_segment *segment,
                              ndshm_error *error);

// Gives up what was written, and closes the handle. NULL and a handle that
// never was open are fine; one that is closed already is `NDSHM_ERR_HANDLE`.
//
// Duties of the caller:
// * `growable` is NULL, or a handle that no other thread uses.
int32_t ndshm_growable_discard(ndshm_growable *growable);

/* ==========================================================================
 *                      Segments without a name
 *
 * Make one with NDSHM_POLICY_ANONYMOUS, publish it, and give its descriptor to
 * another process: through a local socket, or by inheritance.
 * ========================================================================== */

// The descriptor of an anonymous segment that is published: send it to another
// process, or let a child inherit it (it is closed by an exec as it is). It
// belongs to the handle and is open until that is detached. -1 for a segment
// with a name, a draft, and a handle that is not open.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
int ndshm_segment_fd(const ndshm_segment *segment);

// Attaches the anonymous segment behind `fd`, which stays the caller's, with
// `access` `NDSHM_ACCESS_...`.
//
// Returns `NDSHM_ERR_UNSEALED` for what is no anonymous segment or not
// published, since its length could change; `NDSHM_ERR_PERMISSION` if it is
// not to be written; `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`, and as
// `ndshm_segment_attach` for what is no valid segment.
//
// Duties of the caller:
// * `segment` can be written. What was in it is forgotten, not detached.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_segment_attach_fd(int fd,
                                uint32_t access,
                                ndshm_segment *segment,
                                ndshm_error *error);

// Sends an anonymous segment through `socket`, a connected local socket
// (`AF_UNIX`) of any type, as one byte with a descriptor. It stays attached
// here. From then on the message keeps it alive, so it may be detached at once.
//
// Returns `NDSHM_ERR_HANDLE` for a draft and a handle that is not open,
// `NDSHM_ERR_ARGUMENT` for a segment with a name, which is attached by that;
// `NDSHM_ERR_OS`, with `EPIPE` if the other end is closed; there is no SIGPIPE.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_segment_send(const ndshm_segment *segment, int socket, ndshm_error *error);

// Receives a segment that `ndshm_segment_send` has sent, and attaches it with
// `access` `NDSHM_ACCESS_...`. Waits for the message, unless the socket does not.
//
// Returns `NDSHM_ERR_NOT_FOUND` if the other end is closed or the message has
// brought no descriptor; `NDSHM_ERR_OS`, with `EAGAIN` if there is no message
// and the socket does not wait; and as `ndshm_segment_attach_fd`.
//
// Duties of the caller:
// * `segment` can be written. What was in it is forgotten, not detached.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_segment_receive(int socket,
                              uint32_t access,
                              ndshm_segment *segment,
                              ndshm_error *error);

/* ==========================================================================
 *                          What a segment holds
 *
 * Of a draft as well as of an attached segment.
 * ========================================================================== */

// A draft: the data is not complete yet.
#define NDSHM_STATE_INITIALIZING 0

// The segment is published.
#define NDSHM_STATE_READY 1

// All that an array needs which shows the data. Set `struct_size` to
// `sizeof(ndshm_array)`; the rest is written by `ndshm_segment_array`.
typedef struct ndshm_array {
    // `sizeof(ndshm_array)`. More than this library knows is left alone.
    uint32_t struct_size;
    // Dimensions.
    uint32_t ndim;
    // Bytes of one element.
    uint32_t itemsize;
    // 1 if the data may be written.
    uint32_t writable;
    // Start of the data.
    void *data;
    // Bytes of data.
    uint64_t data_len;
    // As `ndshm_segment_shape`.
    const uint64_t *shape;
    // As `ndshm_segment_strides`.
    const int64_t *strides;
    // Bytes of the whole text of the dtype, without a NUL.
    uint64_t dtype_len;
} ndshm_array;

// Its name, which ends with a NUL. It is valid until the segment is detached or
// its handle is moved. NULL for an anonymous segment, a draft, and a handle
// that is not open.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
const char *ndshm_segment_name(const ndshm_segment *segment);

// Start of the data, NULL if the handle is not open. It is aligned to a page,
// and valid until the segment is detached. Other processes may write it at any
// time, if they may write the segment at all; who reads while they do sees
// part of it.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
const void *ndshm_segment_data(const ndshm_segment *segment);

// Start of the data, to be written: of a draft, or of a segment that was
// attached with `NDSHM_ACCESS_READ_WRITE`. NULL for any other, and if the
// handle is not open.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
void *ndshm_segment_data_mut(ndshm_segment *segment);

// Bytes of data, 0 if the handle is not open.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
size_t ndshm_segment_data_len(const ndshm_segment *segment);

// Bytes of one element, 0 if the handle is not open.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
uint32_t ndshm_segment_itemsize(const ndshm_segment *segment);

// Dimensions, 0 for a single element, and if the handle is not open.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
uint32_t ndshm_segment_ndim(const ndshm_segment *segment);

// The extents, slowest first: as many numbers as there are dimensions, valid
// until the segment is detached. NULL if the handle is not open.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
const uint64_t *ndshm_segment_shape(const ndshm_segment *segment);

// Bytes from one element to the next, in each dimension; may be negative.
// Valid until the segment is detached. NULL if the handle is not open.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
const int64_t *ndshm_segment_strides(const ndshm_segment *segment);

// Says at once what an array needs that shows the data: what `ndshm_segment_data`,
// `ndshm_segment_shape` and others say one by one. `dtype` gets the element's type as
// text, as `ndshm_segment_dtype` writes it, into `dtype_size` bytes; it may be NULL.
//
// Returns `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HANDLE`.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
// * `dtype` can be written for `dtype_size` bytes, or is NULL.
// * `array` is NULL, or its `struct_size` is set.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_segment_array(const ndshm_segment *segment,
                            char *dtype,
                            size_t dtype_size,
                            ndshm_array *array,
                            ndshm_error *error);

// The creator's own bytes, `ndshm_segment_metadata_len` of them, valid until
// the segment is detached. NULL if the handle is not open.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
const void *ndshm_segment_metadata(const ndshm_segment *segment);

// Bytes of metadata, 0 if the handle is not open.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
size_t ndshm_segment_metadata_len(const ndshm_segment *segment);

// When the name goes: `NDSHM_POLICY_...`, or a larger number that a newer
// library has given a meaning. 0 if the handle is not open.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
uint32_t ndshm_segment_policy(const ndshm_segment *segment);

// `NDSHM_STATE_...`: 0 for a draft, and if the handle is not open.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
uint32_t ndshm_segment_state(const ndshm_segment *segment);

// Copies the segment's uuid, random bytes that no other segment has, to
// `uuid`, which has room for `NDSHM_UUID_SIZE` bytes.
//
// Returns `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HANDLE`.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
// * `uuid` is NULL, or can be written for `NDSHM_UUID_SIZE` bytes.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_segment_uuid(const ndshm_segment *segment,
                           uint8_t *uuid,
                           ndshm_error *error);

// Processes that have the segment attached, as far as they could count
// themselves: a killed one stays counted, and one without the permission to
// write never is. For people; it decides nothing. 0 for a draft, and if the
// handle is not open.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
uint32_t ndshm_segment_refcount(const ndshm_segment *segment);

// How often the segment was attached so far, the creator not counted: a number
// that only grows, and wraps around. Who may not write it is not counted. 0 for a
// draft, and if the handle is not open.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
uint32_t ndshm_segment_attach_epoch(const ndshm_segment *segment);

// Attaches that are promised (`ndshm_segment_promise`, `NDSHM_POLICY_HANDOFF`), not claimed
// yet, and not lapsed. 0 for a draft, and if the handle is not open.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
uint32_t ndshm_segment_promised(const ndshm_segment *segment);

// 1 if the name still leads to this segment; 0 if it was unlinked or
// replaced, for a draft, and if the handle is not open.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
int32_t ndshm_segment_is_current(const ndshm_segment *segment);

/* ==========================================================================
 *                              Checked copies
 * ========================================================================== */

// Copies `len` bytes of data, from byte `offset` on, to `to`. What others write
// meanwhile is seen in part or not at all.
//
// Returns `NDSHM_ERR_ARGUMENT` for bytes outside the data, `NDSHM_ERR_HANDLE`.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
// * `to` can be written for `len` bytes, and is no part of the data; NULL if
//   `len` is 0.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_segment_copy_to(const ndshm_segment *segment,
                              size_t offset,
                              size_t len,
                              void *to,
                              ndshm_error *error);

// Copies `len` bytes at `from` into the data, to byte `offset`. Others may see
// part of it.
//
// Returns `NDSHM_ERR_ARGUMENT` for bytes outside the data,
// `NDSHM_ERR_READ_ONLY` if the segment is attached for reading,
// `NDSHM_ERR_HANDLE`.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
// * `from` can be read for `len` bytes, and is no part of the data; NULL if
//   `len` is 0.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_segment_copy_from(ndshm_segment *segment,
                                size_t offset,
                                const void *from,
                                size_t len,
                                ndshm_error *error);

/* ==========================================================================
 *                        The type of the elements
 *
 * An element is a plain value or a record of fields, as in NumPy. A field is a
 * plain value, a record, or an array of either.
 * ========================================================================== */

// `'b'`: one byte, 0 or 1.
#define NDSHM_KIND_BOOL 98

// `'i'`: signed integer.
#define NDSHM_KIND_INT 105

// `'u'`: unsigned integer.
#define NDSHM_KIND_UINT 117

// `'f'`: IEEE 754 floating point.
#define NDSHM_KIND_FLOAT 102

// `'c'`: complex number, the real part first.
#define NDSHM_KIND_COMPLEX 99

// `'S'`: bytes, padded with NULs.
#define NDSHM_KIND_BYTES 83

// `'U'`: 4-byte Unicode code points, padded with NULs.
#define NDSHM_KIND_UNICODE 85

// `'V'`: bytes without a meaning.
#define NDSHM_KIND_VOID 86

// `'M'`: signed 8-byte count of `unit` since 1970.
#define NDSHM_KIND_DATETIME 77

// `'m'`: signed 8-byte count of `unit`.
#define NDSHM_KIND_TIMEDELTA 109

// `'r'`: record of fields.
#define NDSHM_KIND_RECORD 114

// `'<'`: little-endian.
#define NDSHM_ORDER_LITTLE 60

// `'>'`: big-endian.
#define NDSHM_ORDER_BIG 62

// `'|'`: none.
#define NDSHM_ORDER_NONE 124

// One type of a dtype: the whole element, or a field of a record. Its pointers
// are valid until the segment is detached.
typedef struct ndshm_field {
    // Name in UTF-8, `name_len` bytes without a NUL; empty for the element.
    const char *name;
    // `ndim` extents, if the field is an array.
    const uint32_t *dims;
    // Bytes of the name.
    uint32_t name_len;
    // Dimensions of the field, 0 if it is no array.
    uint32_t ndim;
    // Byte offset in its record; 0 for the element.
    uint32_t offset;
    // Bytes of one item, `dims` not counted.
    uint32_t itemsize;
    // Bytes of all of the field: `itemsize` times all of `dims`.
    uint32_t size;
    // Fields of a record, 0 for other kinds.
    uint32_t field_count;
    // The field's place in the tables of the dtype.
    uint32_t node;
    // Multiple of `unit` that a date or a duration counts, 0 for other kinds.
    uint32_t unit_count;
    // `NDSHM_KIND_...`.
    uint8_t kind;
    // `NDSHM_ORDER_...`.
    uint8_t order;
    // Unit of a date or a duration: 1 none given, 2 year, 3 month, 4 week,
    // 5 day, 6 hour, 7 minute, 8 second, 9 ms, 10 us, 11 ns, 12 ps, 13 fs,
    // 14 as; 0 for other kinds.
    uint8_t unit;
    // 0.
    uint8_t reserved[13];
} ndshm_field;

// Describes the type of a whole element.
//
// Returns `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HANDLE`.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
// * `field` is NULL, or can be written.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_field_element(const ndshm_segment *segment,
                            ndshm_field *field,
                            ndshm_error *error);

// Describes the field `name` of `record`, a field of this segment that came
// from one of these functions, or NULL for the whole element.
//
// Returns `NDSHM_ERR_NO_FIELD` if there is none, also because `record` is not
// a record; `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HANDLE`.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
// * `record` and `name` stay as they are during the call.
// * `field` is NULL, or can be written; it may be `record`.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_field_find(const ndshm_segment *segment,
                         const ndshm_field *record,
                         const char *name,
                         ndshm_field *field,
                         ndshm_error *error);

// Describes field number `index` of `record`, counted from 0 up to
// `field_count`; otherwise as `ndshm_field_find`.
//
// Duties of the caller:
// * As for `ndshm_field_find`.
int32_t ndshm_field_at(const ndshm_segment *segment,
                       const ndshm_field *record,
                       uint32_t index,
                       ndshm_field *field,
                       ndshm_error *error);

// Writes the dtype as text into `buf`, which has room for `buf_size` bytes:
// as NumPy prints it, so that `ndshm_segment_create` and `numpy.dtype` read it
// back. What does not fit is cut off; there is a NUL at the end, if `buf_size`
// is not 0.
//
// Returns the bytes of the whole text without the NUL, however much was
// written, like `snprintf`; 0 if the handle is not open.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
// * `buf` can be written for `buf_size` bytes, or is NULL, then `buf_size`
//   counts as 0.
size_t ndshm_segment_dtype(const ndshm_segment *segment, char *buf, size_t buf_size);

/* ==========================================================================
 *                        A type without a segment
 *
 * To compare a segment with what a program expects, and to see how the text of
 * a dtype lies in memory:
 *
 *     if (ndshm_segment_expect(&segment, "pos:i4,pct:f4", &error))
 *         return fail(&error);
 *     const struct call *calls = ndshm_segment_data(&segment);
 * ========================================================================== */

// Words of storage in an `ndshm_dtype`.
#define NDSHM_DTYPE_WORDS 15

// A handle: one dtype, in the caller's memory. All zeros is a handle that is not
// open, so begin with `ndshm_dtype t = {0};`. It may be moved like an
// `ndshm_segment`.
typedef struct ndshm_dtype {
    // Says whether the handle is open.
    uint64_t state;
    // The library's own.
    uint64_t storage[NDSHM_DTYPE_WORDS];
} ndshm_dtype;

// Reads the text of a dtype, as `ndshm_create_options` takes it: to see its
// itemsize and the offsets of its fields before there is any data.
//
// Returns `NDSHM_ERR_DTYPE` with the byte at which it went wrong,
// `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`.
//
// Duties of the caller:
// * `text` stays as it is during the call.
// * `dtype` can be written. What was in it is forgotten, not closed.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_dtype_parse(const char *text,
                          ndshm_dtype *dtype,
                          ndshm_error *error);

// Closes a dtype. NULL and a handle that never was open are fine; one that is
// closed already is `NDSHM_ERR_HANDLE`.
//
// Duties of the caller:
// * `dtype` is NULL, or a handle that no other thread uses.
// * Nobody uses fields of it any more.
int32_t ndshm_dtype_close(ndshm_dtype *dtype);

// Writes the dtype as text into `buf`, as `ndshm_segment_dtype` does.
//
// Duties of the caller:
// * `dtype` is NULL, or a handle that nobody closes meanwhile.
// * `buf` can be written for `buf_size` bytes, or is NULL, then `buf_size`
//   counts as 0.
size_t ndshm_dtype_text(const ndshm_dtype *dtype, char *buf, size_t buf_size);

// Describes the whole type. Pointers in a field of a dtype are valid until the
// dtype is closed.
//
// Returns `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HANDLE`.
//
// Duties of the caller:
// * `dtype` is NULL, or a handle that nobody closes meanwhile.
// * `field` is NULL, or can be written.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_dtype_element(const ndshm_dtype *dtype,
                            ndshm_field *field,
                            ndshm_error *error);

// Describes a field of a dtype by its name, otherwise as `ndshm_field_find`.
//
// Duties of the caller:
// * `dtype` is NULL, or a handle that nobody closes meanwhile.
// * `record` and `name` stay as they are during the call.
// * `field` is NULL, or can be written; it may be `record`.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_dtype_find(const ndshm_dtype *dtype,
                         const ndshm_field *record,
                         const char *name,
                         ndshm_field *field,
                         ndshm_error *error);

// Describes a field of a dtype by its number, otherwise as `ndshm_field_at`.
//
// Duties of the caller:
// * As for `ndshm_dtype_find`.
int32_t ndshm_dtype_at(const ndshm_dtype *dtype,
                       const ndshm_field *record,
                       uint32_t index,
                       ndshm_field *field,
                       ndshm_error *error);

// Makes sure that a segment's elements are of this dtype, before its data is
// taken for an array of them: the same kinds, sizes, byte orders, names,
// offsets and extents.
//
// Returns `NDSHM_ERR_DTYPE_DIFFERS` if they are not; as `ndshm_dtype_parse`;
// `NDSHM_ERR_HANDLE`.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes meanwhile.
// * `dtype` is text that stays as it is during the call.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_segment_expect(const ndshm_segment *segment,
                             const char *dtype,
                             ndshm_error *error);

/* ==========================================================================
 *               Segments by name: look, list, prune, unlink
 * ========================================================================== */

// What can be seen of a segment without attaching it. Set `struct_size` to
// `sizeof(ndshm_info)`; the rest is written by `ndshm_segment_peek`.
typedef struct ndshm_info {
    // `sizeof(ndshm_info)`. More than this library knows is left alone.
    uint32_t struct_size;
    // Permission bits.
    uint32_t mode;
    // User id of the owner.
    uint32_t uid;
    // 1 if somebody has it attached, 0 if it is dead, or waits.
    uint32_t attached;
    // `NDSHM_STATE_...`.
    uint32_t state;
    // `NDSHM_POLICY_...`.
    uint32_t policy;
    // As `ndshm_segment_refcount`.
    uint32_t refcount;
    // As `ndshm_segment_attach_epoch`.
    uint32_t attach_epoch;
    // Process id of the creator, as it was there.
    uint32_t creator_pid;
    // Of `NDSHM_POLICY_HANDOFF`: how often it is to be attached; else 0.
    uint32_t handoff_attaches;
    // Format of the segment: first number.
    uint32_t format_major;
    // Format of the segment: second number.
    uint32_t format_minor;
    // Bytes of one element.
    uint32_t itemsize;
    // Dimensions.
    uint32_t ndim;
    // Bytes of memory, the header included.
    uint64_t size;
    // Bytes of data.
    uint64_t data_len;
    // Bytes of metadata.
    uint64_t metadata_len;
    // Bytes of the whole text of the dtype, without a NUL.
    uint64_t dtype_len;
    // When it was created, in nanoseconds since 1970.
    uint64_t created_ns;
    // When what was promised lapses, in nanoseconds of `CLOCK_BOOTTIME`; 0 for
    // never, and if nothing ever was.
    uint64_t expiry_ns;
    // Random bytes that no other segment has.
    uint8_t uuid[NDSHM_UUID_SIZE];
    // Extents, slowest first; zeros behind the `ndim`-th.
    uint64_t shape[NDSHM_MAX_NDIM];
    // Bytes from one element to the next in each dimension; zeros behind the
    // `ndim`-th.
    int64_t strides[NDSHM_MAX_NDIM];
    // Attaches that are promised and not claimed, as `ndshm_segment_promised`.
    uint32_t promised;
    // 0.
    uint32_t reserved;
} ndshm_info;

// Looks at the segment `name` without attaching it: it takes no lock, counts
// nothing, and does not keep the name. `dtype` gets the element's type as text,
// as `ndshm_segment_dtype` writes it, into `dtype_size` bytes; it may be NULL.
//
// Returns what `ndshm_segment_attach` returns without a timeout, but never
// `NDSHM_ERR_BUSY`.
//
// Duties of the caller:
// * `name` stays as it is during the call.
// * `dtype` can be written for `dtype_size` bytes, or is NULL.
// * `info` is NULL, or its `struct_size` is set.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_segment_peek(const char *name,
                           char *dtype,
                           size_t dtype_size,
                           ndshm_info *info,
                           ndshm_error *error);

// It was dead, and is gone.
#define NDSHM_PRUNE_REMOVED 1

// It stays: somebody has it attached.
#define NDSHM_PRUNE_LIVE 2

// It stays: its policy or its format says so.
#define NDSHM_PRUNE_KEPT 3

// It stays: it belongs to another user.
#define NDSHM_PRUNE_FOREIGN 4

// Called with the name of a segment, valid during the call, and `user` as it
// was given. Returns 0 to go on; anything else ends the listing and is what it
// returns.
typedef int32_t (*ndshm_list_callback)(const char *name, void *user);

// Called with the name of a segment, valid during the call, what became of it
// (`NDSHM_PRUNE_...`, or a negative status), and `user` as it was given.
// Returns 0 to go on; anything else ends the pruning and is what it returns.
typedef int32_t (*ndshm_prune_callback)(const char *name, int32_t what, void *user);

// Calls `callback` with the name of every segment, in no order. A segment
// that comes or goes meanwhile may or may not be among them.
//
// Returns what stopped it: `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`, or what the
// callback returned.
//
// Duties of the caller:
// * `callback` returns, and does not leave by `longjmp` or an exception.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_segment_list(ndshm_list_callback callback, void *user, ndshm_error *error);

// Removes every segment of this user that is dead: nobody has it attached,
// and its policy does not keep it. Those are what killed processes left.
// `callback` may be NULL; else it is called for every segment.
//
// Returns what stopped it: `NDSHM_ERR_OS`, or what the callback returned.
//
// Duties of the caller:
// * As for `ndshm_segment_list`.
int32_t ndshm_segment_prune(ndshm_prune_callback callback,
                            void *user,
                            ndshm_error *error);

// Removes the name of a segment now, whatever its policy. Whoever has it
// attached keeps it, and a new segment may have the name.
//
// Returns `NDSHM_ERR_NOT_FOUND`, `NDSHM_ERR_PERMISSION`, `NDSHM_ERR_BUSY`,
// `NDSHM_ERR_NAME`, `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`.
//
// Duties of the caller:
// * `name` stays as it is during the call.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_segment_unlink(const char *name, ndshm_error *error);

/* ##########################################################################
 *                               Second part
 *
 * From here on: not in a library that was built without std.
 * ########################################################################## */

/* ==========================================================================
 *                          Text: what and how
 *
 * Tables as np.loadtxt reads them: a row a line, fields apart by white space or
 * by a delimiter, comments. Workers parse them, into a segment (ndshm_load) or
 * an HDF5 file (ndshm_convert). Both take the same inputs and text options:
 *
 *     ndshm_input inputs[] = {{.path = "a.tsv"}, {.path = "b.tsv"}};
 *     ndshm_text_options text = {.struct_size = sizeof(text)};
 *
 *     text.dtype = "chr:S10,pos:i4,pct:f4";
 *     if (ndshm_load(inputs, 2, &text, "calls", NULL, &segment, &error))
 *         return fail(&error);        // error.input, error.line, error.column
 *     use(ndshm_segment_data(&segment), ndshm_segment_shape(&segment)[0]);
 *     ndshm_segment_detach(&segment);
 *
 * WORKERS are forked, also from a process with threads: between their fork and
 * their end they run code of this library only, which neither allocates nor
 * locks. They read the files themselves; what is no regular file the calling
 * thread reads for them. One that dies costs nothing: its piece is done again.
 * ========================================================================== */

// The input is the file `path`.
#define NDSHM_INPUT_FILE 0

// The input is what comes out of the descriptor `fd`.
#define NDSHM_INPUT_FD 1

// The input is what the function `read` gives.
#define NDSHM_INPUT_READER 2

// Gives text: writes at most `size` bytes to `buffer`, and returns how many, 0
// at the end, or a negative `errno` (`-EIO`). It is called in the thread that
// steps the job, and the step takes as long as it does; `-EAGAIN` says that
// there is nothing yet. It returns, and does not leave by `longjmp` or an
// exception.
typedef ptrdiff_t (*ndshm_read_function)(void *context, void *buffer, size_t size);

// One input. Zeros and a path are a file: `{.path = "a.tsv"}`.
typedef struct ndshm_input {
    // `NDSHM_INPUT_...`.
    uint32_t kind;
    // A descriptor that can be read; it is duplicated, and stays the caller's.
    int32_t fd;
    // The file; of other kinds the name for messages, may be NULL.
    const char *path;
    // The function that gives the text.
    ndshm_read_function read;
    // Passed to it. It stays valid until the job is closed.
    void *context;
} ndshm_input;
// A bad row is an error: nothing is left of the work.
#define NDSHM_BAD_ROWS_ERROR 0

// Bad rows are left out, and counted.
#define NDSHM_BAD_ROWS_SKIP 1

// The text is about every column.
#define NDSHM_COLUMN_ALL 0

// The text is about the column `index`.
#define NDSHM_COLUMN_INDEX 1

// The text is about the column that the header calls `name`.
#define NDSHM_COLUMN_NAME 2

// A text that means something in one column or in all of them:
// `{.text = "NA"}`.
typedef struct ndshm_column_text {
    // `NDSHM_COLUMN_...`.
    uint32_t which;
    // The column, from 0; a negative one counts from the end.
    int32_t index;
    // The column's name.
    const char *name;
    // The text.
    const char *text;
} ndshm_column_text;

// How text is read, in the terms of `np.loadtxt` where it has them. Zeros are
// defaults, but `dtype` must be there. A character is a text of one character in
// UTF-8, whatever the encoding of the inputs.
typedef struct ndshm_text_options {
    // `sizeof(ndshm_text_options)`.
    uint32_t struct_size;
    // Worker processes, 0 for as many as there are processors to use.
    uint32_t workers;
    // Type of the rows, if it is a record, or else of every value, as for
    // `ndshm_create_options`. Strings without a width (`S`, `U`) become as wide as
    // the longest one in the text, times without a unit (`M8`) get the finest one
    // that is there. `"auto"`: the type that the text shows.
    const char *dtype;
    // The one character that parts fields; NULL for any white space.
    const char *delimiter;
    // The one character that begins a comment; NULL for `"#"`, `""` for none.
    const char *comments;
    // `usecols_len` columns to read, in this order, from 0; negative ones count
    // from the end. NULL for all.
    const int32_t *usecols;
    // Columns at `usecols`.
    size_t usecols_len;
    // Lines to skip at the start of each input.
    uint64_t skiprows;
    // Rows to read of each input, 0 for all.
    uint64_t max_rows;
    // Bytes of memory to use at most, 0 for 64 MiB and 16 MiB a worker.
    uint64_t memory;
    // 1 if an input without rows is no error.
    uint32_t allow_empty;
    // 1 if the first line of each input, behind those skipped, names its columns.
    uint32_t header;
    // The one character that encloses fields which may hold anything, line ends,
    // too; twice in such a field it means itself. NULL for none.
    const char *quote;
    // The decimal point: `"."` or `","`; NULL for `"."`.
    const char *decimal;
    // How the inputs are encoded: `"utf-8"`, `"utf-8-sig"`, `"latin1"`,
    // `"ascii"`, `"utf-16"`, `"utf-32"`, both also with `"-le"` or `"-be"`; NULL
    // for UTF-8.
    const char *encoding;
    // `comment_strings_len` texts that begin comments, instead of `comments`.
    // Each cuts what the ones before it left of the line.
    const char *const *comment_strings;
    // Texts at `comment_strings`.
    size_t comment_strings_len;
    // `usecols_names_len` names of columns in the header, instead of `usecols`.
    const char *const *usecols_names;
    // Names at `usecols_names`.
    size_t usecols_names_len;
    // `missing_len` texts that stand for a missing value; the empty one for
    // fields that hold nothing.
    const ndshm_column_text *missing;
    // Texts at `missing`.
    size_t missing_len;
    // `fill_len` values, as text, that take the place of missing ones.
    const ndshm_column_text *fill;
    // Values at `fill`.
    size_t fill_len;
    // Lines to leave out at the end of each input.
    uint64_t skip_footer;
    // What becomes of rows that cannot be read: `NDSHM_BAD_ROWS_...`.
    uint32_t on_bad_rows;
    // 1 if `max_rows` 0 means no rows.
    uint32_t no_rows;
    // 0. For tests of the library: bytes of text in one piece of work.
    uint64_t piece_bytes;
    // 1 to find in the beginning of the first input what nothing is said of: `delimiter`,
    // `quote`, `decimal` and `header`, as the command does where it has no dtype. Not with
    // `append_rows`.
    uint32_t sniff;
    // 0.
    uint32_t reserved;
} ndshm_text_options;

/* ==========================================================================
 *                               Jobs
 *
 * ndshm_load and ndshm_convert return when everything is done. A program that has
 * other things to do meanwhile, shows how far it is, or wants to be able to stop,
 * does the same as a job: start it, step it, finish it.
 *
 *     ndshm_job job = {0};
 *     ndshm_progress now = {.struct_size = sizeof(now)};
 *
 *     status = ndshm_load_start(inputs, 2, &text, "calls", NULL, &job, &error);
 *     while (status == NDSHM_OK && !now.done)
 *         status = ndshm_job_step(&job, 100, &now, &error);
 *     if (status == NDSHM_OK)
 *         status = ndshm_load_finish(&job, &segment, &error);
 *     else
 *         ndshm_job_discard(&job);
 *
 * Finishing closes the job, also when the work fails; only after NDSHM_ERR_ARGUMENT and
 * NDSHM_ERR_HANDLE it stays open. It steps by itself what is left, so the loop may be
 * left out. A program that has a loop of its own waits for
 * ndshm_job_fd there, and steps with a timeout of 0. Who wants to stop calls
 * ndshm_job_cancel, from a signal handler, say, or just discards the job.
 * c-examples/text_to_hdf5.c does all of that.
 *
 * A job is stepped by one thread at a time. The thread that started it must not
 * end before the job does: its workers would end, too.
 * ========================================================================== */

// Words of storage in an `ndshm_job`.
#define NDSHM_JOB_WORDS 7

// A handle: work that goes on while it is stepped. All zeros is a handle that
// is not open, so begin with `ndshm_job j = {0};`.
typedef struct ndshm_job {
    // Says whether the handle is open.
    uint64_t state;
    // The library's own.
    uint64_t storage[NDSHM_JOB_WORDS];
} ndshm_job;

// How far a job is. Set `struct_size` to `sizeof(ndshm_progress)`; the rest is
// written by `ndshm_job_step`.
typedef struct ndshm_progress {
    // `sizeof(ndshm_progress)`. More than this library knows is left alone.
    uint32_t struct_size;
    // 1 if everything is done, so that finishing the job waits for nothing.
    uint32_t done;
    // Bytes of text whose rows are written: of a compressed input, or one in
    // UTF-16 or UTF-32, those of the UTF-8 made of it.
    uint64_t bytes_done;
    // Bytes of all inputs; 0 if one of them is a stream, compressed, or in
    // UTF-16 or UTF-32: how much text that is is not known before.
    uint64_t bytes_total;
    // Rows that are written.
    uint64_t rows;
    // Inputs that are read to their end.
    uint64_t inputs_done;
    // Inputs.
    uint64_t inputs_total;
    // Rows that were left out, with `NDSHM_BAD_ROWS_SKIP`.
    uint64_t bad_rows;
    // When everything is done: bytes of temporary files in which streams were kept,
    // because their types were found by reading them more than once.
    uint64_t bytes_kept;
} ndshm_progress;

// Goes on with a job: does what can be done now, then waits for something to
// happen, at most `timeout_ms`, and does what that makes possible. 0 never
// waits. It may return earlier; a step takes longer where the disk, or a reader
// of the caller's, does. `progress` may be NULL.
//
// Returns what can go wrong with the work; the job is over then, nothing is
// left of it, and the handle is still to be closed. `NDSHM_ERR_CANCELLED`;
// `NDSHM_ERR_HANDLE` also while another thread is stepping it.
//
// Duties of the caller:
// * `job` is NULL, or a handle that nobody closes meanwhile.
// * `progress` is NULL, or its `struct_size` is set.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_job_step(ndshm_job *job,
                       uint32_t timeout_ms,
                       ndshm_progress *progress,
                       ndshm_error *error);

// Tells of one of the first ten rows that a job has left out, number `index`, in
// the order of the inputs: `row` gets what the error would have been. Ask before
// the job is finished.
//
// Returns `NDSHM_ERR_END` if there are not so many; `NDSHM_ERR_ARGUMENT`,
// `NDSHM_ERR_HANDLE`. Only with `NDSHM_OK` anything is written.
//
// Duties of the caller:
// * `job` is NULL, or a handle that nobody closes meanwhile.
// * `row` is NULL, or its `struct_size` is set.
int32_t ndshm_job_bad_row(const ndshm_job *job, uint32_t index, ndshm_error *row);

// A descriptor for `poll`, `epoll` and event loops: it can be read when a step
// has something to do, and when the job is over. It belongs to the job and stays
// the same. -1 if the handle is not open. It tells nothing of a reader that
// answered `-EAGAIN`: then step from time to time, too.
//
// Duties of the caller:
// * `job` is NULL, or a handle that nobody closes meanwhile.
int ndshm_job_fd(const ndshm_job *job);

// Asks a job to stop: its next step, or the one that is waiting just now,
// returns `NDSHM_ERR_CANCELLED`. May be called from a signal handler, at any
// time, and from any thread. Does nothing if the handle is not open.
//
// Duties of the caller:
// * `job` is NULL, or a handle that no other thread closes meanwhile, as finishing
//   does, too: who cancels from another thread steps the job to its end before.
void ndshm_job_cancel(const ndshm_job *job);

// Closes a job, finished or not: its workers are ended, and of work that is not
// finished nothing is left. NULL and a handle that never was open are fine; one
// that is closed already is `NDSHM_ERR_HANDLE`.
//
// Duties of the caller:
// * `job` is NULL, or a handle that no other thread uses.
int32_t ndshm_job_discard(ndshm_job *job);

/* ==========================================================================
 *                          Text to a segment
 * ========================================================================== */

// Begins to read text tables into one segment: workers are forked, which parse
// while the job is stepped. They end with the thread that called this.
//
// The rows of all inputs come one after the other. With a record as dtype the
// segment has one dimension, else two, rows and columns. Of `options`, which may
// be NULL, policy, mode, via, metadata and naming count; dtype, shape and strides are
// not set. `name` is NULL for `NDSHM_POLICY_ANONYMOUS` and a name that comes late.
//
// Returns `NDSHM_ERR_INPUT`, `NDSHM_ERR_DTYPE`, `NDSHM_ERR_NOT_TEXT`,
// `NDSHM_ERR_MEMORY`, `NDSHM_ERR_NAME`, `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`.
// That the name is taken is said when the first row is there.
//
// Duties of the caller:
// * `inputs` leads to `inputs_len` inputs; they, `text`, `name`, `options` and
//   what they lead to stay as they are during the call.
// * `job` can be written. What was in it is forgotten, not closed.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_load_start(const ndshm_input *inputs,
                         size_t inputs_len,
                         const ndshm_text_options *text,
                         const char *name,
                         const ndshm_create_options *options,
                         ndshm_job *job,
                         ndshm_error *error);

// Steps a load until everything is done, publishes the segment, and closes the
// job, also if that fails. The segment is open for writing. If its name comes late
// (`NDSHM_NAMING_LATE`), it is a draft, to be published when somebody is to attach it.
//
// Returns what can go wrong with the text and with a new segment:
// `NDSHM_ERR_TEXT` with the place, `NDSHM_ERR_INPUT`, `NDSHM_ERR_COLUMNS`,
// `NDSHM_ERR_EMPTY`, `NDSHM_ERR_MEMORY`, `NDSHM_ERR_WORKERS`,
// `NDSHM_ERR_CANCELLED`, `NDSHM_ERR_EXISTS`, `NDSHM_ERR_NO_SPACE`,
// `NDSHM_ERR_PERMISSION`, `NDSHM_ERR_OS`.
//
// Duties of the caller:
// * `job` is NULL, or a handle that no other thread uses.
// * `segment` can be written. What was in it is forgotten, not detached.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_load_finish(ndshm_job *job, ndshm_segment *segment, ndshm_error *error);

// Reads text tables into one segment: `ndshm_load_start` and
// `ndshm_load_finish` in one call.
//
// Duties of the caller:
// * As for both.
int32_t ndshm_load(const ndshm_input *inputs,
                   size_t inputs_len,
                   const ndshm_text_options *text,
                   const char *name,
                   const ndshm_create_options *options,
                   ndshm_segment *segment,
                   ndshm_error *error);

/* ==========================================================================
 *                        Text to an HDF5 file
 *
 * Not in libndshm-core, which is the same library without HDF5.
 * ========================================================================== */

// Contiguous, or chunked where chunks are asked for.
#define NDSHM_LAYOUT_AUTO 0

// One block, which may be mapped. It has no chunks.
#define NDSHM_LAYOUT_CONTIGUOUS 1

// Chunks of rows, which may be compressed and extended.
#define NDSHM_LAYOUT_CHUNKED 2

// A dataset for each column in a group, in chunks: compresses best, and one
// column is read without the others.
#define NDSHM_LAYOUT_COLUMNS 3

// Chunks are stored as they are.
#define NDSHM_COMPRESSION_NONE 0

// Deflate, which every HDF5 reads: levels 1 to 9, usually 4.
#define NDSHM_COMPRESSION_GZIP 1

// Zstandard, for which readers need a plugin: levels 1 to 19, usually 3.
#define NDSHM_COMPRESSION_ZSTD 2

// A dataset for each input, or for the rows of all of them, if `dataset` names it.
#define NDSHM_ARRANGE_AUTO 0

// A dataset for each input, in groups that are named after the directories in
// which the inputs differ. Without `dataset`.
#define NDSHM_ARRANGE_GROUPS 1

// One dataset, which `dataset` names, with an axis more: each input, all of one
// shape, is one element of the first axis.
#define NDSHM_ARRANGE_STACK 2

// The first extent of a shape that follows from the number of elements.
#define NDSHM_OPEN_EXTENT UINT64_MAX

// The value is `text`.
#define NDSHM_ATTRIBUTE_TEXT 0

// The value is `integer`.
#define NDSHM_ATTRIBUTE_INTEGER 1

// The value is `number`.
#define NDSHM_ATTRIBUTE_NUMBER 2

// An attribute of a dataset: `{.name = "units", .text = "K"}`.
typedef struct ndshm_attribute {
    // Its name, which is not empty.
    const char *name;
    // `NDSHM_ATTRIBUTE_...`.
    uint32_t kind;
    // 0.
    uint32_t reserved;
    // A text.
    const char *text;
    // An integer.
    int64_t integer;
    // A float.
    double number;
} ndshm_attribute;

// A column of text that is stored as numbers with labels, an enumeration:
// `{.name = "chr"}`. An empty text has the number -1.
typedef struct ndshm_category {
    // The column's name.
    const char *name;
    // `labels_len` labels in the order of their numbers; another text is an error.
    // NULL to number them as they appear.
    const char *const *labels;
    // Labels at `labels`.
    size_t labels_len;
} ndshm_category;
// The dimension has no coordinates.
#define NDSHM_COORDINATES_NONE 0

// They are `values`.
#define NDSHM_COORDINATES_VALUES 1

// They begin with `start` and have the distance `step`, as many as the axis has elements.
#define NDSHM_COORDINATES_STEPS 2

// As `NDSHM_COORDINATES_STEPS`, and `stop` is the last one, or the one behind it.
#define NDSHM_COORDINATES_RANGE 3

// The name of an axis of each dataset, and its coordinates: `{.name = "lat"}`.
typedef struct ndshm_dimension {
    // Its name, which has no `/`.
    const char *name;
    // `NDSHM_COORDINATES_...`.
    uint32_t coordinates;
    // 0.
    uint32_t reserved;
    // `values_len` coordinates, as many as the axis has elements.
    const double *values;
    // Coordinates at `values`.
    size_t values_len;
    // The first coordinate.
    double start;
    // The distance of two coordinates.
    double step;
    // The last coordinate, or the one behind it.
    double stop;
} ndshm_dimension;

// An attribute of one object.
typedef struct ndshm_object_attribute {
    // `"/"` for the file; the path of a dataset, or the name of a dimension.
    const char *object;
    // The attribute.
    ndshm_attribute attribute;
} ndshm_object_attribute;

// How the file is written. All zeros: a new file, a dataset for each input.
typedef struct ndshm_hdf5_options {
    // `sizeof(ndshm_hdf5_options)`.
    uint32_t struct_size;
    // 1 to replace a file that is there, which stays until the new one is
    // complete.
    uint32_t replace;
    // 1 to wait until the disk has it all.
    uint32_t sync;
    // 1 to write `?` as `u1` instead of an enumeration.
    uint32_t bool_as_u8;
    // Name of the one dataset that takes all inputs, as `arrange` says: their rows
    // one behind the other, or stacked; NULL for a dataset for each, named after
    // its file.
    const char *dataset;
    // 1 to add the datasets to a file that is there, which stays until the new one
    // is complete; a file that is not there is made. Not together with `replace`.
    uint32_t append;
    // 1 to add the rows behind those of the datasets that would be made, which must
    // be there and have chunks; they keep their type (a dtype of "auto" takes it),
    // chunks and filters. Not together with `replace`.
    uint32_t append_rows;
    // How rows lie in the file: `NDSHM_LAYOUT_...`.
    uint32_t layout;
    // How chunks are compressed, by the workers: `NDSHM_COMPRESSION_...`.
    uint32_t compression;
    // The level of the compression, 0 for the usual one.
    uint32_t level;
    // 1 to compress without sorting the bytes of numbers by significance before.
    uint32_t no_shuffle;
    // 1 to give each chunk a checksum, which readers check.
    uint32_t fletcher32;
    // Which inputs become which datasets: `NDSHM_ARRANGE_...`.
    uint32_t arrange;
    // 1 not to note in the file where it comes from: name and bytes of each input,
    // version and options.
    uint32_t no_provenance;
    // 1 to note the CRC-32 of each input, too.
    uint32_t checksum;
    // `chunk_len` extents of a chunk, one for each axis of the dataset; NULL for
    // about 1 MiB of whole rows.
    const uint64_t *chunk;
    // Extents at `chunk`.
    size_t chunk_len;
    // `shape_len` extents of each dataset, whose elements are those of the text in
    // their order; the first may be `NDSHM_OPEN_EXTENT`. NULL for rows, and columns
    // if the type is no record.
    const uint64_t *shape;
    // Extents at `shape`.
    size_t shape_len;
    // Name of a last column with the name of the file that each row comes from, for
    // records of several inputs in one dataset; NULL for none.
    const char *source_column;
    // `attributes_len` attributes for each dataset.
    const ndshm_attribute *attributes;
    // Attributes at `attributes`.
    size_t attributes_len;
    // `categories_len` columns of text to store as numbers with labels.
    const ndshm_category *categories;
    // Columns at `categories`.
    size_t categories_len;
    // `dims_len` dimensions: the names of the axes of each dataset.
    const ndshm_dimension *dims;
    // Dimensions at `dims`.
    size_t dims_len;
    // `units_len` attributes with the name of a column each, and its units as `text`.
    const ndshm_attribute *units;
    // Attributes at `units`.
    size_t units_len;
    // `object_attributes_len` attributes of single objects.
    const ndshm_object_attribute *object_attributes;
    // Attributes at `object_attributes`.
    size_t object_attributes_len;
} ndshm_hdf5_options;

// What a conversion made. Set `struct_size` to `sizeof(ndshm_conversion)`; the
// rest is written.
typedef struct ndshm_conversion {
    // `sizeof(ndshm_conversion)`. More than this library knows is left alone.
    uint32_t struct_size;
    // 0.
    uint32_t reserved;
    // Rows of all datasets.
    uint64_t rows;
    // Datasets.
    uint64_t datasets;
    // Bytes of the file.
    uint64_t bytes;
} ndshm_conversion;

// Begins to convert text tables to one HDF5 file: workers are forked, which
// parse while the job is stepped. They end with the thread that called this.
// The file `output` appears when it is complete; after an error, or when the job
// is discarded, everything is as it was before. `options` may be NULL.
//
// HDF5 is entered by the thread that starts, steps, finishes or discards the job.
// A program that uses HDF5 itself in other threads needs a thread-safe build of
// it, or has to keep them apart.
//
// Returns `NDSHM_ERR_FILE_EXISTS`, `NDSHM_ERR_FILE`, `NDSHM_ERR_DATASET_NAME`,
// `NDSHM_ERR_HDF5_TYPE`, `NDSHM_ERR_HDF5`, and as `ndshm_load_start`.
//
// Duties of the caller:
// * `inputs` leads to `inputs_len` inputs; they, `text`, `output`, `options` and
//   what they lead to stay as they are during the call.
// * `job` can be written. What was in it is forgotten, not closed.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_convert_start(const ndshm_input *inputs,
                            size_t inputs_len,
                            const ndshm_text_options *text,
                            const char *output,
                            const ndshm_hdf5_options *options,
                            ndshm_job *job,
                            ndshm_error *error);

// Steps a conversion until everything is done, completes the file and gives it
// its name, and closes the job, also if that fails. `made` may be NULL.
//
// Returns what can go wrong with the text, see `ndshm_load_finish`, and with the
// file: `NDSHM_ERR_DISK_FULL`, `NDSHM_ERR_FILE`, `NDSHM_ERR_HDF5`.
//
// Duties of the caller:
// * `job` is NULL, or a handle that no other thread uses.
// * `made` is NULL, or its `struct_size` is set.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_convert_finish(ndshm_job *job,
                             ndshm_conversion *made,
                             ndshm_error *error);

// Converts text tables to one HDF5 file: `ndshm_convert_start` and
// `ndshm_convert_finish` in one call.
//
// Duties of the caller:
// * As for both.
int32_t ndshm_convert(const ndshm_input *inputs,
                      size_t inputs_len,
                      const ndshm_text_options *text,
                      const char *output,
                      const ndshm_hdf5_options *options,
                      ndshm_conversion *made,
                      ndshm_error *error);

/* ==========================================================================
 *              A file to a segment, a segment to a file
 *
 * HDF5 datasets and NumPy's .npy in; HDF5, .npy and CSV out. The jobs need no
 * workers, and go on while they are stepped. Not in libndshm-core.
 * ========================================================================== */

// An HDF5 file with one dataset.
#define NDSHM_EXPORT_HDF5 1

// NumPy's `.npy`.
#define NDSHM_EXPORT_NPY 2

// Lines of text.
#define NDSHM_EXPORT_CSV 3

// How a file becomes a segment. All zeros: as `ndshm_create_options` of zeros has it.
typedef struct ndshm_import_options {
    // `sizeof(ndshm_import_options)`.
    uint32_t struct_size;
    // HDF5: worker processes that unpack chunks, 0 for as many as there are processors
    // to use.
    uint32_t workers;
    // What the segment is to be, of which policy, mode, via and metadata count; dtype,
    // shape and strides are not set. NULL for all of it as usual.
    const ndshm_create_options *create;
} ndshm_import_options;

// How a segment becomes a file. All zeros: a new file, of the kind that its
// suffix says (`.h5`, `.npy`, `.csv`, `.tsv`).
typedef struct ndshm_export_options {
    // `sizeof(ndshm_export_options)`.
    uint32_t struct_size;
    // `NDSHM_EXPORT_...`, 0 for what the suffix says.
    uint32_t format;
    // 1 to replace a file that is there, which stays until the new one is
    // complete.
    uint32_t replace;
    // 1 to wait until the disk has it all.
    uint32_t sync;
    // HDF5: 1 to write `?` as `u1` instead of an enumeration.
    uint32_t bool_as_u8;
    // CSV: code point of the character between values; 0 for a comma, or a
    // tabulator in `.tsv`.
    uint32_t delimiter;
    // CSV: 1 for no line of names before records.
    uint32_t no_header;
    // 0.
    uint32_t reserved;
    // HDF5: path of the dataset; NULL for the segment's name.
    const char *dataset;
    // HDF5: how the elements lie in the file, what is said of them, and whether they
    // are added to a file that is there; NULL for one block in a new file. What is
    // about inputs stays zero: `dataset`, `arrange`, `shape`, `source_column`,
    // `categories`, `checksum`, and `append_rows`.
    const ndshm_hdf5_options *hdf5;
    // HDF5: bytes that packing may use, 0 for 48 MiB.
    uint64_t memory;
    // HDF5: worker processes that pack chunks, 0 for as many as there are processors
    // to use. They make no difference to the file.
    uint32_t workers;
    // 0.
    uint32_t reserved2;
} ndshm_export_options;

// Begins to make a segment of a `.npy` file, or of a dataset of an HDF5 file, which
// the job reads while it is stepped: a step copies some MiB, and waits for nothing
// but the disk.
//
// `dataset` is the dataset's path; NULL for the only one of the file, and for
// `.npy`. `options` may be NULL. `name` is NULL for `NDSHM_POLICY_ANONYMOUS`.
//
// Returns `NDSHM_ERR_INPUT` for a file that is missing, damaged, cut, or of another
// kind, `NDSHM_ERR_DATASET_NAME`, `NDSHM_ERR_HDF5_TYPE` for a type that no dtype
// stands for, `NDSHM_ERR_HDF5`, and what can go wrong with a new segment:
// `NDSHM_ERR_EXISTS`, `NDSHM_ERR_NO_SPACE`, `NDSHM_ERR_NAME`,
// `NDSHM_ERR_PERMISSION`, `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`.
//
// Duties of the caller:
// * `file`, `dataset`, `name`, `options` and what they lead to stay as they are
//   during the call.
// * `job` can be written. What was in it is forgotten, not closed.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_import_start(const char *file,
                           const char *dataset,
                           const char *name,
                           const ndshm_import_options *options,
                           ndshm_job *job,
                           ndshm_error *error);

// Steps an import until everything is copied, publishes the segment, and closes the
// job, also if that fails. The segment is open for writing.
//
// Returns as `ndshm_import_start`, `NDSHM_ERR_TEXT` for a text that is not what its
// dtype says, and `NDSHM_ERR_CANCELLED`.
//
// Duties of the caller:
// * `job` is NULL, or a handle that no other thread uses.
// * `segment` can be written. What was in it is forgotten, not detached.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_import_finish(ndshm_job *job, ndshm_segment *segment, ndshm_error *error);

// Makes a segment of a file: `ndshm_import_start` and `ndshm_import_finish` in one
// call.
//
// Duties of the caller:
// * As for both.
int32_t ndshm_import(const char *file,
                     const char *dataset,
                     const char *name,
                     const ndshm_import_options *options,
                     ndshm_segment *segment,
                     ndshm_error *error);

// Begins to write a segment to the file `output`, while the job is stepped: a step
// copies some MiB, and waits for nothing but the disk. The file appears when it is
// complete; after an error, or when the job is discarded, everything is as it was
// before. `options` may be NULL.
//
// Returns `NDSHM_ERR_FILE_EXISTS`, `NDSHM_ERR_FILE`, `NDSHM_ERR_HDF5_TYPE` for a
// dtype that the format does not have, `NDSHM_ERR_DATASET_NAME`, `NDSHM_ERR_HDF5`,
// `NDSHM_ERR_HANDLE`, `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes or moves until the job is
//   finished or discarded.
// * `output`, `options` and what they lead to stay as they are during the call.
// * `job` can be written. What was in it is forgotten, not closed.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_export_start(const ndshm_segment *segment,
                           const char *output,
                           const ndshm_export_options *options,
                           ndshm_job *job,
                           ndshm_error *error);

// Steps an export until everything is copied, completes the file and gives it its
// name, and closes the job, also if that fails. `bytes`, which may be NULL, gets the
// file's length.
//
// Returns as `ndshm_export_start`, `NDSHM_ERR_DISK_FULL`, `NDSHM_ERR_TEXT` for a
// text that holds what is no character, `NDSHM_ERR_INPUT` if the file cannot be
// written, and `NDSHM_ERR_CANCELLED`.
//
// Duties of the caller:
// * `job` is NULL, or a handle that no other thread uses.
// * `bytes` is NULL, or can be written.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_export_finish(ndshm_job *job, uint64_t *bytes, ndshm_error *error);

// Writes a segment to a file: `ndshm_export_start` and `ndshm_export_finish` in one
// call.
//
// Duties of the caller:
// * As for both.
int32_t ndshm_export(const ndshm_segment *segment,
                     const char *output,
                     const ndshm_export_options *options,
                     uint64_t *bytes,
                     ndshm_error *error);

/* ==========================================================================
 *                    What is in the columns of a table
 *
 * Text, a file, a segment or an array in memory is read once; memory has a bound that
 * does not depend on how much that is. docs/describe.md says what is exact.
 *
 *     ndshm_description d = {0};
 *     ndshm_column column = {.struct_size = sizeof(column)};
 *     char name[64];
 *
 *     status = ndshm_describe_text_start(inputs, 2, &text, NULL, &job, &error);
 *     if (status == NDSHM_OK)
 *         status = ndshm_describe_finish(&job, &d, &error);
 *     for (size_t i = 0; i < ndshm_description_columns(&d); i++) {
 *         ndshm_description_text(&d, i, NDSHM_TEXT_NAME, 0, name, sizeof(name));
 *         ndshm_description_column(&d, i, &column, &error);
 *         printf("%s: %g\n", name, column.mean);
 *     }
 *     ndshm_description_close(&d);
 *
 * The job is stepped like any other. Not in libndshm-core.
 * ========================================================================== */

// Words of storage in an `ndshm_description`.
#define NDSHM_DESCRIPTION_WORDS 7

// In `known`: `min` and `max`.
#define NDSHM_KNOWN_RANGE 1

// In `known`: `mean`, which may be infinite or NaN.
#define NDSHM_KNOWN_MEAN 2

// In `known`: `std`.
#define NDSHM_KNOWN_STD 4

// In `known`: `distinct` and `distinct_error`.
#define NDSHM_KNOWN_DISTINCT 8

// In `known`: `frequent_len` and its like.
#define NDSHM_KNOWN_FREQUENT 16

// In `known`: `histogram_len` and its like.
#define NDSHM_KNOWN_HISTOGRAM 32

// For `ndshm_description_text`: the column's name.
#define NDSHM_TEXT_NAME 0

// For `ndshm_description_text`: its type in NumPy's short form, `"i4"`.
#define NDSHM_TEXT_DTYPE 1

// For `ndshm_description_text`: the smallest value, of a column of texts.
#define NDSHM_TEXT_MIN 2

// For `ndshm_description_text`: the largest value, of a column of texts.
#define NDSHM_TEXT_MAX 3

// For `ndshm_description_text`: number `index` of the most frequent values, of a column of
// texts.
#define NDSHM_TEXT_FREQUENT 4

// A handle: what is in the columns of a table. All zeros is a handle that is not open, so
// begin with `ndshm_description d = {0};`. It may be moved like an `ndshm_segment`.
typedef struct ndshm_description {
    // Says whether the handle is open.
    uint64_t state;
    // The library's own.
    uint64_t storage[NDSHM_DESCRIPTION_WORDS];
} ndshm_description;

// A value of a column. Which of the fields say what it is depends on the column's kind.
typedef struct ndshm_value {
    // The number as float64: of floats the value itself, of integers and times rounded,
    // of texts 0.
    double number;
    // Of signed integers, truth values and times, which count units of the column.
    int64_t integer;
    // Of unsigned integers and truth values.
    uint64_t natural;
    // Of texts: bytes of all of it in UTF-8. `ndshm_description_text` gives the text.
    uint64_t text_len;
} ndshm_value;

// What is in a column. Set `struct_size` to `sizeof(ndshm_column)`; the rest is written by
// `ndshm_description_column`. docs/describe.md says how exact it is.
typedef struct ndshm_column {
    // `sizeof(ndshm_column)`. More than this library knows is left alone.
    uint32_t struct_size;
    // `NDSHM_KIND_...` of the values.
    uint32_t kind;
    // `NDSHM_KNOWN_...`, added up. What is not known is 0.
    uint32_t known;
    // Unit of times, as in `ndshm_field`; 0 for other kinds.
    uint32_t unit;
    // Multiple of `unit` that they count, 0 for other kinds.
    uint32_t unit_count;
    // Quantiles that `ndshm_description_quantiles` gives.
    uint32_t quantiles_len;
    // Bars that `ndshm_description_histogram` gives.
    uint32_t histogram_len;
    // Values that `ndshm_description_frequent` gives.
    uint32_t frequent_len;
    // Values that are not missing.
    uint64_t count;
    // Values that are: NaN, NaT, empty texts.
    uint64_t missing;
    // Values that differ; rounded if it is an estimate.
    uint64_t distinct;
    // Rows of values that were counted and are not among the most frequent ones.
    uint64_t frequent_rest;
    // Rows of values that were not counted, because there are too many.
    uint64_t frequent_uncounted;
    // Bytes of the column's name, without a NUL.
    uint64_t name_len;
    // Bytes of its type as text, without a NUL.
    uint64_t dtype_len;
    // The standard error of `distinct` as a part of it; 0 if it was counted.
    double distinct_error;
    // The mean, rounded once; of times in units since 1970.
    double mean;
    // The standard deviation of a sample (`ddof=1`).
    double std;
    // Where the first bar begins: the smallest finite value.
    double histogram_low;
    // Where the last bar ends: the largest one.
    double histogram_high;
    // How far a value may be from its bar; 0 if each is in its own.
    double histogram_error;
    // The smallest value; of texts the first one in the order of code points.
    ndshm_value min;
    // The largest value.
    ndshm_value max;
} ndshm_column;

// A value that a part of all values is below.
typedef struct ndshm_quantile {
    // The part: 0.05, 0.25, 0.5, 0.75, 0.95.
    double part;
    // The value, as `numpy.quantile` has it; of times in units since 1970.
    double value;
    // How far it may be from the right one; 0 if it is that.
    double error;
} ndshm_quantile;

// Rows of the table. 0 if the handle is not open.
//
// Duties of the caller:
// * `description` is NULL, or a handle that nobody closes meanwhile.
uint64_t ndshm_description_rows(const ndshm_description *description);

// Rows of text that were left out, with `NDSHM_BAD_ROWS_SKIP`. 0 if the handle is not
// open.
//
// Duties of the caller:
// * `description` is NULL, or a handle that nobody closes meanwhile.
uint64_t ndshm_description_bad_rows(const ndshm_description *description);

// Columns that are described. 0 if the handle is not open.
//
// Duties of the caller:
// * `description` is NULL, or a handle that nobody closes meanwhile.
size_t ndshm_description_columns(const ndshm_description *description);

// What is in a column, counted from 0.
//
// Returns `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HANDLE`.
//
// Duties of the caller:
// * `description` is NULL, or a handle that nobody closes meanwhile.
// * `found` is NULL, or its `struct_size` is set.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_description_column(const ndshm_description *description,
                                 size_t column,
                                 ndshm_column *found,
                                 ndshm_error *error);

// Writes a text of a column into `buf`, which has room for `buf_size` bytes: `what` is
// `NDSHM_TEXT_...`, `index` is 0 unless that says otherwise. What does not fit is cut off;
// there is a NUL at the end, if `buf_size` is not 0. Among the characters may be NULs.
//
// Returns the bytes of the whole text without the NUL at its end, however much was
// written, like `snprintf`; 0 if the handle is not open or there is no such text.
//
// Duties of the caller:
// * `description` is NULL, or a handle that nobody closes meanwhile.
// * `buf` can be written for `buf_size` bytes, or is NULL, then `buf_size` counts as 0.
size_t ndshm_description_text(const ndshm_description *description,
                              size_t column,
                              uint32_t what,
                              size_t index,
                              char *buf,
                              size_t buf_size);

// Number `index` of the most frequent values of a column, from 0, the most frequent one
// first: the value, and in `count` how often it occurs, which is exact.
//
// Returns `NDSHM_ERR_END` if there are not so many; `NDSHM_ERR_ARGUMENT`,
// `NDSHM_ERR_HANDLE`.
//
// Duties of the caller:
// * `description` is NULL, or a handle that nobody closes meanwhile.
// * `value` and `count` can be written.
int32_t ndshm_description_frequent(const ndshm_description *description,
                                   size_t column,
                                   size_t index,
                                   ndshm_value *value,
                                   uint64_t *count);

// Copies the quantiles of a column to `quantiles`, which has room for `quantiles_len`: as
// many as `ndshm_column` says.
//
// Returns `NDSHM_ERR_ARGUMENT`, also if there is not enough room; `NDSHM_ERR_HANDLE`.
//
// Duties of the caller:
// * `description` is NULL, or a handle that nobody closes meanwhile.
// * `quantiles` can be written for `quantiles_len` of them.
int32_t ndshm_description_quantiles(const ndshm_description *description,
                                    size_t column,
                                    ndshm_quantile *quantiles,
                                    size_t quantiles_len);

// Copies the values of each bar of a column's histogram to `counts`, which has room for
// `counts_len`: as many as `ndshm_column` says, evenly wide.
//
// Returns `NDSHM_ERR_ARGUMENT`, also if there is not enough room; `NDSHM_ERR_HANDLE`.
//
// Duties of the caller:
// * `description` is NULL, or a handle that nobody closes meanwhile.
// * `counts` can be written for `counts_len` numbers.
int32_t ndshm_description_histogram(const ndshm_description *description,
                                    size_t column,
                                    uint64_t *counts,
                                    size_t counts_len);

// Closes a description. NULL and a handle that never was open are fine; one that is closed
// already is `NDSHM_ERR_HANDLE`.
//
// Duties of the caller:
// * `description` is NULL, or a handle that no other thread uses.
int32_t ndshm_description_close(ndshm_description *description);

// Text.
#define NDSHM_DESCRIBE_TEXT 0

// A `.npy` file, or a dataset of an HDF5 file.
#define NDSHM_DESCRIBE_FILE 1

// A segment.
#define NDSHM_DESCRIBE_SEGMENT 2

// What is to be told of which columns. All zeros: everything, of all of them.
typedef struct ndshm_describe_options {
    // `sizeof(ndshm_describe_options)`.
    uint32_t struct_size;
    // Threads that count, 0 for as many as there are workers or processors. They make
    // no difference to the description.
    uint32_t threads;
    // 1 to leave out what takes bins and dictionaries: quantiles, histograms, distinct
    // and frequent values.
    uint32_t quick;
    // 0.
    uint32_t reserved;
    // `columns_len` names of columns to describe, NULL for all. Records in records and
    // places in subarrays are spelled out: `"a.b[0]"`; columns without names are
    // `"0"`, `"1"` and so on.
    const char *const *columns;
    // Names at `columns`.
    size_t columns_len;
} ndshm_describe_options;

// Begins to describe the columns of text: as `ndshm_load_start`, but the rows stay
// nowhere. The rows of all inputs are one table. `options` may be NULL.
//
// Returns as `ndshm_load_start` about the text, and `NDSHM_ERR_ARGUMENT` for options.
// That there is no column of a name is said when the first row is there.
//
// Duties of the caller:
// * `inputs` leads to `inputs_len` inputs; they, `text`, `options` and what they lead to
//   stay as they are during the call.
// * `job` can be written. What was in it is forgotten, not closed.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_describe_text_start(const ndshm_input *inputs,
                                  size_t inputs_len,
                                  const ndshm_text_options *text,
                                  const ndshm_describe_options *options,
                                  ndshm_job *job,
                                  ndshm_error *error);

// Begins to describe the columns of a `.npy` file, or of a dataset of an HDF5 file,
// which the job reads while it is stepped.
//
// `dataset` is the dataset's path; NULL for the one that `file` ends in
// (`"all.h5:/run1/calls"`), else the only one of the file, and for `.npy`. An array of
// two axes of a plain type has a column for each place of its last axis, `"0"`, `"1"`
// and so on; one with more axes or with one has one, `"value"`; a record has one for each
// field. `options` may be NULL.
//
// Returns as `ndshm_import_start` about the file, and `NDSHM_ERR_ARGUMENT`, also if no
// column has a name in `options`.
//
// Duties of the caller:
// * `file`, `dataset`, `options` and what they lead to stay as they are during the call.
// * `job` can be written. What was in it is forgotten, not closed.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_describe_file_start(const char *file,
                                  const char *dataset,
                                  const ndshm_describe_options *options,
                                  ndshm_job *job,
                                  ndshm_error *error);

// Begins to describe the columns of a segment; which ones it has is as for
// `ndshm_describe_file_start`. What others write to it meanwhile is seen in part or not
// at all. `options` may be NULL.
//
// Returns `NDSHM_ERR_HANDLE`, also for a draft, and `NDSHM_ERR_ARGUMENT`.
//
// Duties of the caller:
// * `segment` is NULL, or a handle that nobody closes or moves until the job is
//   finished or discarded.
// * `options` and what it leads to stay as they are during the call.
// * `job` can be written. What was in it is forgotten, not closed.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_describe_segment_start(const ndshm_segment *segment,
                                     const ndshm_describe_options *options,
                                     ndshm_job *job,
                                     ndshm_error *error);

// Begins to describe the columns of an array in memory; which ones it has is as for
// `ndshm_describe_file_start`. `data` is where its first element lies, `dtype` the
// type of an element as for `ndshm_create_options`, `shape` and `strides` are `ndim`
// extents, slowest first, and bytes from one element to the next, which may be
// negative. `strides` is NULL for an array in C order. `options` may be NULL.
//
// Returns `NDSHM_ERR_DTYPE`, `NDSHM_ERR_OVERFLOW`, `NDSHM_ERR_ARGUMENT`.
//
// Duties of the caller:
// * All elements can be read, and this process does not write them, until the job is
//   finished or discarded. What other processes write meanwhile is seen in part or not
//   at all.
// * `dtype`, `shape`, `strides`, `options` and what it leads to stay as they are during
//   the call.
// * `job` can be written. What was in it is forgotten, not closed.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_describe_array_start(const void *data,
                                   const char *dtype,
                                   uint32_t ndim,
                                   const uint64_t *shape,
                                   const int64_t *strides,
                                   const ndshm_describe_options *options,
                                   ndshm_job *job,
                                   ndshm_error *error);

// Steps a description until everything is read, and closes the job, also if that fails.
//
// Returns what can go wrong with the text, the file or the segment:
// `NDSHM_ERR_TEXT` with the place, `NDSHM_ERR_INPUT`, `NDSHM_ERR_COLUMNS`,
// `NDSHM_ERR_EMPTY`, `NDSHM_ERR_MEMORY`, `NDSHM_ERR_WORKERS`, `NDSHM_ERR_CANCELLED`,
// `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HDF5`, `NDSHM_ERR_OS`.
//
// Duties of the caller:
// * `job` is NULL, or a handle that no other thread uses.
// * `description` can be written. What was in it is forgotten, not closed.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_describe_finish(ndshm_job *job,
                              ndshm_description *description,
                              ndshm_error *error);

// What the command `ndshm describe` would take a path or a name for:
// `NDSHM_DESCRIBE_FILE` if it ends in the path of a dataset (`"all.h5:/run1"`), or begins
// or is named as HDF5 or `.npy`; `NDSHM_DESCRIBE_SEGMENT` if it is no file, but the name of
// a segment; else, and for NULL, `NDSHM_DESCRIBE_TEXT`.
//
// Duties of the caller:
// * `what` is NULL, or text, which stays as it is during the call.
uint32_t ndshm_describe_kind(const char *what);

/* ==========================================================================
 *                     Many HDF5 files as one
 *
 * Shards that many machines have made appear in one small file that refers to them,
 * or are copied to one. HDF5 reads fill values where a shard is missing, and says
 * nothing: verify before you trust. docs/shards.md says more.
 *
 *     const char *const shards[] = {"part-0.h5", "part-1.h5"};
 *
 *     if (ndshm_join(shards, 2, "all.h5", NULL, NULL, &error))
 *         return fail(&error);
 *     if (ndshm_verify("all.h5", 0, NULL, NULL, &found, &error) || found.problems)
 *         return fail(&error);
 *
 * Both are jobs, too. Not in libndshm-core.
 * ========================================================================== */

// How shards become one file. All zeros: a new file that refers to the shards, with
// everything that they have, rows one behind the other.
typedef struct ndshm_join_options {
    // `sizeof(ndshm_join_options)`.
    uint32_t struct_size;
    // 1 to replace a file that is there, which stays until the new one is
    // complete.
    uint32_t replace;
    // 1 to wait until the disk has it all.
    uint32_t sync;
    // 1 to give each shard a place of a new first axis.
    uint32_t new_axis;
    // 1 to note a checksum of each shard, for which all of it is read.
    uint32_t checksum;
    // 1 to copy the rows. Then one joined file can be the only shard: what it refers
    // to is verified and copied.
    uint32_t materialize;
    // Paths of the datasets to join, which every shard must have; NULL for all.
    const char *const *datasets;
    // How many.
    size_t datasets_len;
    // How the rows lie in the file, if they are copied: `layout`, but for columns,
    // `chunk`, and how chunks are packed. The rest stays zero. NULL for one block for
    // each dataset.
    const ndshm_hdf5_options *hdf5;
    // Bytes that packing may use, 0 for 48 MiB.
    uint64_t memory;
    // Worker processes that pack chunks, 0 for as many as there are processors to use.
    // They make no difference to the file.
    uint32_t workers;
    // 0.
    uint32_t reserved;
} ndshm_join_options;

// What was joined. Set `struct_size` to `sizeof(ndshm_joined)`; the rest is
// written.
typedef struct ndshm_joined {
    // `sizeof(ndshm_joined)`. More than this library knows is left alone.
    uint32_t struct_size;
    // 0.
    uint32_t reserved;
    // Shards.
    uint64_t shards;
    // Datasets.
    uint64_t datasets;
    // Bytes of the file.
    uint64_t bytes;
} ndshm_joined;

// Called with a problem: the file or shard; the dataset in it, or NULL; one word for
// the sort of problem, which never changes; a sentence for people, without the names;
// and `user` as it was given. All are valid during the call. Returns 0 to go on;
// anything else ends the telling and is what the call returns.
typedef int32_t (*ndshm_problem_callback)(const char *file,
                                          const char *dataset,
                                          const char *kind,
                                          const char *message,
                                          void *user);

// What came out of verifying. Set `struct_size` to `sizeof(ndshm_verified)`; the
// rest is written.
typedef struct ndshm_verified {
    // `sizeof(ndshm_verified)`. More than this library knows is left alone.
    uint32_t struct_size;
    // 0.
    uint32_t reserved;
    // How much is wrong; 0 if the file is whole.
    uint64_t problems;
    // Shards that the file refers to; 0 if it is not a joined one.
    uint64_t shards;
    // Datasets.
    uint64_t datasets;
    // Shards whose checksum was compared.
    uint64_t checksums;
} ndshm_verified;

// Begins to join HDF5 files to one. `options` may be NULL. The file `output` appears
// when it is complete; after an error, or when the job is discarded, everything is as
// it was before. In the progress of the job, inputs are shards, and bytes those that are
// copied or go into checksums; their sum becomes known on the way.
//
// Returns `NDSHM_ERR_FILE_EXISTS`, `NDSHM_ERR_FILE`, `NDSHM_ERR_ARGUMENT`,
// `NDSHM_ERR_INPUT`, `NDSHM_ERR_HDF5`.
//
// Duties of the caller:
// * `shards` leads to `shards_len` texts; they, `output`, `options` and what it leads
//   to stay as they are during the call.
// * `job` can be written. What was in it is forgotten, not closed.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_join_start(const char *const *shards,
                         size_t shards_len,
                         const char *output,
                         const ndshm_join_options *options,
                         ndshm_job *job,
                         ndshm_error *error);

// Steps a joining until everything is done, completes the file and gives it its name,
// and closes the job, also if that fails. `made` may be NULL.
//
// Returns `NDSHM_ERR_INPUT` for a shard that cannot be read or is not whole,
// `NDSHM_ERR_SHARDS` for shards that do not fit together, `NDSHM_ERR_DISK_FULL`,
// `NDSHM_ERR_FILE`, `NDSHM_ERR_HDF5`, `NDSHM_ERR_CANCELLED`.
//
// Duties of the caller:
// * `job` is NULL, or a handle that no other thread uses.
// * `made` is NULL, or its `struct_size` is set.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_join_finish(ndshm_job *job, ndshm_joined *made, ndshm_error *error);

// Joins HDF5 files to one: `ndshm_join_start` and `ndshm_join_finish` in one call.
//
// Duties of the caller:
// * As for both.
int32_t ndshm_join(const char *const *shards,
                   size_t shards_len,
                   const char *output,
                   const ndshm_join_options *options,
                   ndshm_joined *made,
                   ndshm_error *error);

// Begins to look whether an HDF5 file is whole: of a joined one, whether all shards
// are there and as they were. 1 for `quick` leaves out the checksums.
//
// Returns `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`.
//
// Duties of the caller:
// * `file` is text.
// * `job` can be written. What was in it is forgotten, not closed.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_verify_start(const char *file,
                           uint32_t quick,
                           ndshm_job *job,
                           ndshm_error *error);

// Steps a verifying until everything is done, tells of each problem, and closes the
// job, also if that fails. `callback` and `found` may be NULL. A file that is not whole
// is not an error: see `found`, which is written before the callback is called.
//
// Returns `NDSHM_ERR_CANCELLED`, or what the callback returned.
//
// Duties of the caller:
// * `job` is NULL, or a handle that no other thread uses.
// * `callback` returns, and does not leave by `longjmp` or an exception.
// * `found` is NULL, or its `struct_size` is set.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_verify_finish(ndshm_job *job,
                            ndshm_problem_callback callback,
                            void *user,
                            ndshm_verified *found,
                            ndshm_error *error);

// Looks whether an HDF5 file is whole: `ndshm_verify_start` and `ndshm_verify_finish`
// in one call.
//
// Duties of the caller:
// * As for both.
int32_t ndshm_verify(const char *file,
                     uint32_t quick,
                     ndshm_problem_callback callback,
                     void *user,
                     ndshm_verified *found,
                     ndshm_error *error);

/* ==========================================================================
 *                      A function over many items
 *
 * The items are worked on in processes of their own, each result is a segment
 * that comes back without a copy. c-examples/forked_map.c is a program.
 *
 *     static int32_t square(const void *item, size_t item_size, uint64_t index,
 *                           void *context, ndshm_segment *result, ndshm_error *error)
 *     {
 *         ndshm_create_options options = {.struct_size = sizeof(options)};
 *         options.dtype = "<f8";
 *         options.policy = NDSHM_POLICY_ANONYMOUS;
 *         if (ndshm_segment_create(NULL, &options, result, error))
 *             return error->code;
 *         *(double *)ndshm_segment_data_mut(result) = *(double *)item * *(double *)item;
 *         return NDSHM_OK;
 *     }
 *
 *     status = ndshm_map_all(numbers, sizeof(double), 1000, square, NULL, results, &error);
 *
 * ndshm_map_all waits for all results, ndshm_map_each calls a function with each
 * one. With ndshm_map_start a map is a handle: ndshm_map_next tells of one item
 * after the other, and ndshm_map_fd is a descriptor to wait for besides others.
 *
 * WORKERS. Each item is done by one worker, each worker does one item after the
 * other. Anonymous results leave nothing, whoever is killed at whatever moment.
 * A result with a name stays attached in its worker until this process has
 * attached it, so that any policy will do. The item of a worker that dies is done
 * once more; a function that makes a segment of a fixed name and of
 * NDSHM_POLICY_PERSIST finds it there then.
 *
 * FORK AND EXEC. In a process with one thread workers are forked: the function
 * sees this process's memory as it was when its worker began. In a process with
 * threads a forked child could wait for ever for a lock that nobody gives back.
 * There workers are this program once more, started by exec without arguments,
 * and a function is found by the name that ndshm_map_serve got; it sees the item,
 * its number and the context, and nothing else of this process. A program that
 * has more rights than its user (set-user-id) cannot start such workers: that is
 * NDSHM_ERR_PERMISSION.
 *
 *     static const ndshm_map_entry functions[] = {{"square", square}};
 *
 *     int main(void)
 *     {
 *         if (ndshm_map_serve(functions, 1, NULL))
 *             return 1;
 *         ...
 *
 * IN A WORKER every signal has its default action, but SIGINT and SIGQUIT, which
 * are ignored: what Ctrl-C means is this process's to say. Descriptors but 0, 1
 * and 2 are closed. A worker ends with this process, even in the middle of its
 * function. It ends by _exit: what the function prints through stdio it must
 * flush, and nothing that is registered with atexit is run.
 *
 * Workers are children of this process. A program that waits for any child, or
 * ignores SIGCHLD, may take the cause of a worker's death away, nothing else.
 * ========================================================================== */

// What runs in a worker, for one item.
//
// It gets the `item_size` bytes of the item, which it does not change, and the
// item's number from 0. `context` is the worker's own copy of the context, NULL
// if there is none: what the function changes there, its next call in the same
// worker sees, and nobody else.
//
// It leaves in `*result` a draft, which the library publishes, or a segment that
// is published or attached, or zeros for no result, and returns 0. Otherwise it returns a
// negative status and, if it likes, what `error` is to say; calls of this library
// may write it. Statuses from -79 to -70 are the library's. It returns, and does
// not leave by `longjmp` or an exception. A child that it forks, and that comes
// back out of it, ends there.
typedef int32_t (*ndshm_map_function)(const void *item,
                                      size_t item_size,
                                      uint64_t index,
                                      void *context,
                                      ndshm_segment *result,
                                      ndshm_error *error);

// A function and its name.
typedef struct ndshm_map_entry {
    // Any text of at most 200 bytes.
    const char *name;
    // What it stands for.
    ndshm_map_function function;
} ndshm_map_entry;

// Call it first in `main`, with every function that a process with threads is
// going to map. In a worker that was started by exec it does not return: it
// runs items and ends the process. In any other process it remembers the
// functions and returns. A program whose maps only fork does not need it.
//
// Returns `NDSHM_ERR_ARGUMENT`.
//
// Duties of the caller:
// * `functions` leads to `count` entries, during the call.
// * The process has one thread, and has done nothing yet that a worker should not
//   do as well.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_map_serve(const ndshm_map_entry *functions,
                        size_t count,
                        ndshm_error *error);

// Workers are forked if the process has one thread, else this program is started
// again for them.
#define NDSHM_MAP_AUTO 0

// Workers are forked; `NDSHM_ERR_THREADS` if the process has threads.
#define NDSHM_MAP_FORK 1

// This program is started again for the workers.
#define NDSHM_MAP_EXEC 2

// Words of storage in an `ndshm_map`.
#define NDSHM_MAP_WORDS 15

// How a map runs. All zeros: a worker per processor, results for reading.
typedef struct ndshm_map_options {
    // `sizeof(ndshm_map_options)`.
    uint32_t struct_size;
    // Worker processes, 0 for as many as there are processors to use.
    uint32_t workers;
    // `NDSHM_MAP_...`.
    uint32_t way;
    // How results are attached: `NDSHM_ACCESS_...`.
    uint32_t access;
    // `context_size` bytes, of which each worker gets a copy. Pointers in them
    // lead nowhere in a worker that is started by exec.
    const void *context;
    // Bytes at `context`.
    size_t context_size;
} ndshm_map_options;

// A handle: a map that runs. All zeros is a handle that is not open, so begin
// with `ndshm_map m = {0};`.
typedef struct ndshm_map {
    // Says whether the handle is open.
    uint64_t state;
    // The library's own.
    uint64_t storage[NDSHM_MAP_WORDS];
} ndshm_map;

// Called in this process with the number of an item that is done and what the
// function made of it, and `user` as it was given. What it leaves open in
// `*segment` is detached when it returns; to keep it, copy the handle and set
// this one to zeros. Returns 0 to go on; anything else ends the map and is what
// `ndshm_map_each` returns.
typedef int32_t (*ndshm_map_callback)(uint64_t index, ndshm_segment *segment, void *user);

// Starts a map: `function` runs over `count` items of `item_size` bytes each, in
// worker processes, and `ndshm_map_next` tells of each item that is done. With
// `item_size` 0 the function gets numbers only, and `items` is NULL. Items and
// context are copied; they need not stay.
//
// In a process with threads the function must be one that `ndshm_map_serve` got.
// `options` may be NULL.
//
// Returns `NDSHM_ERR_THREADS` if workers cannot be started in this process,
// `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OVERFLOW` for more than 2^32 - 2 items,
// `NDSHM_ERR_OS`.
//
// Duties of the caller:
// * `items` and `options` stay as they are during the call.
// * The function returns, and does not leave by `longjmp` or an exception.
// * `map` can be written. What was in it is forgotten, not finished.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_map_start(const void *items,
                        size_t item_size,
                        size_t count,
                        ndshm_map_function function,
                        const ndshm_map_options *options,
                        ndshm_map *map,
                        ndshm_error *error);

// Waits until an item is done, at most `timeout_ms` milliseconds (negative: for
// ever): `*index` is its number, and `*segment` what the function made of it,
// attached, or a handle that is not open if it made nothing. Items come in the
// order in which they are done.
//
// An item that failed is told by the status of its function, or by
// `NDSHM_ERR_MAP_DIED` if two workers died of it, and `error->input` is its
// number; then go on with the next one. If `error->input` is `NDSHM_NO_INPUT`, it
// is no item that failed.
//
// Returns `NDSHM_ERR_TIMEOUT`, then call it again; `NDSHM_ERR_END` when every item
// was told of or the map was cancelled; `NDSHM_ERR_MAP_START` if workers die
// before they get an item, `NDSHM_ERR_THREADS`, `NDSHM_ERR_HANDLE`,
// `NDSHM_ERR_OS`: then the map is cancelled.
//
// Duties of the caller:
// * `map` is NULL, or a handle that no other thread uses.
// * `index` and `segment` can be written. What was in `segment` is forgotten.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_map_next(ndshm_map *map,
                       int32_t timeout_ms,
                       uint64_t *index,
                       ndshm_segment *segment,
                       ndshm_error *error);

// A descriptor for `poll`, `epoll` and event loops: it can be read when
// `ndshm_map_next` may have something to tell; then call that with a timeout of 0
// until it says `NDSHM_ERR_TIMEOUT` or `NDSHM_ERR_END`. It belongs to the map and
// stays the same. -1 if the handle is not open.
//
// Duties of the caller:
// * `map` is NULL, or a handle that no other thread uses.
int ndshm_map_fd(const ndshm_map *map);

// Ends the workers now, whatever they do; items that were not told of never
// will be. The handle stays open, for `ndshm_map_discard`.
//
// Returns `NDSHM_ERR_HANDLE`, `NDSHM_ERR_ARGUMENT`.
//
// Duties of the caller:
// * `map` is NULL, or a handle that no other thread uses.
// * `error` is NULL, or its `struct_size` is set.
int32_t ndshm_map_cancel(ndshm_map *map, ndshm_error *error);

// Ends the workers, as `ndshm_map_cancel` does, and closes the handle. Segments
// that came from it stay. NULL and a handle that never was open are fine; one
// that is closed already is `NDSHM_ERR_HANDLE`.
//
// Duties of the caller:
// * `map` is NULL, or a handle that no other thread uses.
int32_t ndshm_map_discard(ndshm_map *map);

// Maps all items, and calls `done` with each result in the order in which they
// are done. Otherwise as `ndshm_map_all`.
//
// Duties of the caller:
// * As for `ndshm_map_start`; and `done` returns in the same way.
int32_t ndshm_map_each(const void *items,
                       size_t item_size,
                       size_t count,
                       ndshm_map_function function,
                       const ndshm_map_options *options,
                       ndshm_map_callback done,
                       void *user,
                       ndshm_error *error);

// Maps all items and waits for them: `segments[i]` is what the function made of
// item `i`, attached, or a handle that is not open if it made nothing.
//
// The first item that fails ends the map, and what it has made is detached; the
// status is the item's, and `error->input` its number (see `ndshm_map_next`).
// Other statuses are as for `ndshm_map_start` and `ndshm_map_next`.
//
// Duties of the caller:
// * As for `ndshm_map_start`.
// * `segments` leads to `count` handles that can be written, NULL if `count` is 0.
//   What was in them is forgotten, not detached.
int32_t ndshm_map_all(const void *items,
                      size_t item_size,
                      size_t count,
                      ndshm_map_function function,
                      const ndshm_map_options *options,
                      ndshm_segment *segments,
                      ndshm_error *error);

#ifdef __cplusplus
}
#endif

#endif /* NDSHM_H */
