//! The header on the wire: what every segment says about itself.
//!
//! For `lifetime`, `segment` and whoever reads segments without this library.
//! Pure functions over bytes: [`Plan`] computes the lengths, [`encode`] writes
//! a header, [`decode`] validates a private copy of one. No unsafe code, no
//! system calls, no allocation; a header is untrusted input, so arithmetic is
//! checked and nothing panics.
//!
//! All numbers are in the byte order of the machine that made the segment; the
//! endian tag tells which. Offsets count from the start of the segment.
//!
//! | offset | size | field | type | meaning | since |
//! |-------:|-----:|-------|------|---------|-------|
//! | 0   | 8  | `magic`         | bytes      | `89 4E 44 53 48 4D 0D 0A` | 1.0 |
//! | 8   | 4  | `endian`        | u32        | `0x01020304` | 1.0 |
//! | 12  | 2  | `format_major`  | u16        | 1; another number is another layout | 1.0 |
//! | 14  | 2  | `format_minor`  | u16        | 0; larger numbers add codes and fields | 1.0 |
//! | 16  | 4  | `incompat`      | u32        | features a reader must know | 1.0 |
//! | 20  | 4  | `ro_compat`     | u32        | features a writer must know | 1.0 |
//! | 24  | 4  | `compat`        | u32        | features nobody must know | 1.0 |
//! | 28  | 4  | `policy`        | u32        | when the name goes: a `Policy` code | 1.0 |
//! | 32  | 8  | `header_len`    | u64        | bytes of the fixed part and all sections | 1.0 |
//! | 40  | 8  | `total_len`     | u64        | `data_offset + data_len`; the object is as long or longer | 1.0 |
//! | 48  | 8  | `data_offset`   | u64        | start of the data, a multiple of `alignment` | 1.0 |
//! | 56  | 8  | `data_len`      | u64        | bytes of data | 1.0 |
//! | 64  | 4  | `state`         | atomic u32 | 0 being written, 1 ready | 1.0 |
//! | 68  | 4  | `refcount`      | atomic u32 | processes attached; advice, a kill leaves it too high | 1.0 |
//! | 72  | 4  | `attach_epoch`  | atomic u32 | attaches so far, wrapping | 1.0 |
//! | 76  | 4  | `checksum`      | u32        | CRC-32 of bytes 0 to 63, then 88 to `header_len` | 1.0 |
//! | 80  | 8  | `promises`      | atomic u64 | attaches to come, in the upper 24 bits, and when that lapses: see [`Promises`] | 1.0 |
//! | 88  | 8  | `handoff_ns`    | u64        | how long a handoff waits from publication on, else 0 | 1.0 |
//! | 96  | 8  | `created_ns`    | u64        | `CLOCK_REALTIME`, for people only | 1.0 |
//! | 104 | 8  | `generation`    | u64        | counts replacements under one name, from 0 | 1.0 |
//! | 112 | 16 | `uuid`          | bytes      | random, other for every segment | 1.0 |
//! | 128 | 4  | `ndim`          | u32        | 0 to 32 | 1.0 |
//! | 132 | 4  | `itemsize`      | u32        | bytes of one element | 1.0 |
//! | 136 | 8  | `shape`         | section    | `ndim` extents, u64 | 1.0 |
//! | 144 | 8  | `strides`       | section    | `ndim` steps in bytes, i64 | 1.0 |
//! | 152 | 8  | `nodes`         | section    | the dtype's nodes, 32 bytes each | 1.0 |
//! | 160 | 8  | `dims`          | section    | the dtype's subarray extents, u32 | 1.0 |
//! | 168 | 8  | `names`         | section    | the dtype's names, UTF-8 | 1.0 |
//! | 176 | 8  | `metadata`      | section    | the creator's bytes | 1.0 |
//! | 184 | 4  | `alignment`     | u32        | of the data: the creator's page size, at least 4096 | 1.0 |
//! | 188 | 4  | `handoff`       | u32        | attaches that end a handoff, else 0 | 1.0 |
//! | 192 | 4  | `creator_pid`   | u32        | for people only | 1.0 |
//! | 196 | 60 | `reserved`      | zeros      | must be written as zeros | 1.0 |
//!
//! A section is its offset (u32, a multiple of 8, in the header) and its number
//! of items (u32). From 256 on lie the sections, then zeros, then the data. The
//! fields up to offset 27 never move, whatever the version.

mod decode;
mod encode;
mod extent;
mod header;
mod plan;
mod policy;
mod promises;

pub use decode::{Reaping, View, check_prefix, decode, is_intact, is_ready, reaping};
pub use encode::{Stamp, encode, set_policy, set_rows};
pub use extent::MAX_NDIM;
pub use header::{
    FORMAT_MAJOR, FORMAT_MINOR, HEADER_SIZE, Header, MAGIC, MAX_HEADER_LEN, Section, State, offset,
};
pub use plan::{Array, Plan};
pub use policy::Policy;
pub use promises::Promises;

#[cfg(all(test, feature = "std"))]
mod tests;
