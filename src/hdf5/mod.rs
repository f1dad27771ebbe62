//! One HDF5 file, out of rows that lie in memory, whole or not at all.
//!
//! For `convert` and for the command. The file grows under a temporary name
//! beside its target and gets the target's name when it is complete, see
//! [`Writer`]. `docs/hdf5.md` has the types, the protocol and what it promises.
//!
//! Rows are written before HDF5 knows of them: behind everything that it has
//! given a place to, where it will put the next large dataset. The dataset is
//! created when its last row is in, and the place is compared; if it is another
//! one, the rows are moved.
//!
//! Invariant of the unsafe code here: HDF5 is entered through
//! `library::with` only, so by one thread at a time, and every id that is
//! passed to it is owned by an `id::Id` or predefined.

mod attribute;
mod check;
mod chunks;
mod dataset;
mod error;
mod file;
mod id;
mod layout;
mod library;
mod meaning;
mod open;
mod read_error;
mod read_types;
mod rows;
mod stored;
mod target;
mod temporary;
mod types;
mod writer;

#[cfg(test)]
mod tests;

pub use crate::filter::{Codec, Filters};
pub use attribute::AttrValue;
pub use check::check_dtype;
pub(crate) use chunks::{ChunkBlock, ChunkedPlan};
pub use error::{Error, PathFault, Result, Stack, TargetFault, TypeFault};
pub use layout::{Layout, Storage};
pub use library::command_mode;
pub use open::Reader;
pub use read_error::{Foreign, ReadFault};
pub use stored::{Place, Stored};
pub use writer::{Options, Summary, Writer, check_target};
