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

mod about;
mod append;
mod aside;
mod attached;
mod attribute;
mod carried;
mod category;
mod check;
mod chunk_tree;
mod chunks;
mod contents;
mod dataset;
mod dense;
mod error;
mod extend;
mod file;
mod fill;
mod foreign;
mod header;
mod heaps;
mod id;
mod layout;
mod library;
mod like;
mod made;
mod meaning;
mod old_scales;
mod open;
mod packed;
mod pieces;
mod pipeline;
mod read_error;
mod read_types;
mod rows;
mod rows_fault;
mod scales;
mod sets;
mod shard;
mod sources;
mod stored;
mod superblock;
mod table;
mod target;
mod temporary;
mod there;
mod types;
mod r#virtual;
mod watch;
mod whole;
mod writer;

#[cfg(test)]
mod tests;

pub use crate::filter::{Codec, Filters};
pub use about::{About, about};
pub(crate) use append::check_names;
pub(crate) use aside::Aside;
pub use attribute::{AttrValue, Attribute};
pub(crate) use carried::Attribute as CarriedAttribute;
pub use category::{Category, MOST_LABEL_BYTES};
pub use check::check_dtype;
pub(crate) use chunks::{ChunkBlock, ChunkedPlan};
pub use error::{AppendFault, Error, PathFault, Result, Stack, TargetFault, TypeFault};
pub use layout::{Layout, Storage};
pub use library::command_mode;
pub(crate) use made::{Made, Unmeasured};
pub(crate) use old_scales::OldScale;
pub use open::Reader;
pub(crate) use packed::{Packed, PackedChunk};
pub use read_error::{ChunkFault, Foreign, ReadFault};
pub use rows_fault::RowsFault;
pub(crate) use scales::{Axes, Scale};
pub(crate) use shard::{Box, Described, Kept, NOTES, Reading, Table, read};
pub use sources::Sources;
pub use stored::{Place, Stored};
pub(crate) use table::{Extendable, SOURCES, look as look_at_tables};
pub(crate) use target::{Target, mark_alive};
pub(crate) use r#virtual::{Joined, Part};
pub(crate) use whole::{Superfault, look};
pub use writer::{Options, Summary, Writer, check_target};
