//! The C API: what `include/ndshm.h` declares.
//!
//! For programs in C, C++ and other languages; no module of this crate imports
//! it, and nothing else exports symbols. One file per noun of the header, and
//! `ndshm.h.in` for its prose; `tests/header.rs` makes the header of both.
//!
//! Every function keeps to the same rules:
//!
//! * It checks its pointers, calls one function of the core, and maps the
//!   result; what is longer than that belongs into the core.
//! * It returns a status, 0 or negative; outputs come last and are written on
//!   success only; the very last parameter is an optional [`ndshm_error`].
//! * An accessor that can only fail for a handle that is not open returns its
//!   value, or NULL or 0 for such a handle.
//! * NULL is refused in every build. Numbers stand for enums, and a number
//!   without a meaning is refused.
//! * Structs for options begin with their size, so that they can grow; all
//!   zeros behind it are the defaults.
//!
//! Invariant of the unsafe code here: memory is reached through pointers of the
//! caller's only as the function's `# Safety` says, and for no longer than the
//! call; a handle's storage is read as a handle only if its state word says
//! that there is one.
//!
//! The core does not panic. If it did, the panic would end the process at the
//! `extern "C"` boundary and not unwind into C. Functions that need std go
//! through `guard`, which makes a status of a panic.

#![allow(non_camel_case_types, reason = "types have their names in C")]

mod args;
pub mod array;
#[cfg(feature = "hdf5")]
pub mod convert;
pub mod copy;
#[cfg(feature = "hdf5")]
pub mod datasets;
#[cfg(feature = "hdf5")]
pub mod describe;
#[cfg(feature = "hdf5")]
pub mod description;
#[cfg(feature = "hdf5")]
pub mod dimensions;
pub mod directory;
pub mod dtype;
pub mod error;
#[cfg(feature = "hdf5")]
pub mod exchange;
pub mod growable;
#[cfg(feature = "std")]
mod guard;
mod handle;
#[cfg(feature = "std")]
pub mod job;
#[cfg(feature = "hdf5")]
pub mod join;
#[cfg(feature = "std")]
pub mod load;
#[cfg(feature = "std")]
pub mod map;
#[cfg(all(feature = "panic-handler", not(feature = "std"), not(test)))]
mod panic;
pub mod parsed;
pub mod pass;
pub mod peek;
#[cfg(feature = "std")]
pub mod reading;
pub mod segment;
#[cfg(feature = "std")]
pub mod serve;
#[cfg(feature = "hdf5")]
pub mod storage;
#[cfg(all(test, feature = "std"))]
mod tests;
#[cfg(feature = "std")]
pub mod text;
pub mod version;

pub use error::ndshm_error;
pub use growable::{NDSHM_GROWABLE_WORDS, ndshm_growable};
pub use handle::{NDSHM_SEGMENT_WORDS, ndshm_segment};
