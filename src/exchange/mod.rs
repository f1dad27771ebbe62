//! Segments from files and files from segments: HDF5 and `.npy` in, HDF5, `.npy` and CSV out.
//!
//! For the command, the C functions and programs. An [`ImportJob`] makes a segment of a
//! dataset or of a `.npy` file; an [`ExportJob`] makes a file of a segment. Both do a piece of
//! some MiB in each step; [`import`] and [`export`] are loops around them. A segment appears
//! when it is complete, and a file appears under its name when it is complete.
//!
//! Invariant of the unsafe code here: bytes come into a draft by its own pointer and within
//! its length, and of a segment, which others may write, bytes are copied only.

mod copy;
mod crew;
mod csv;
mod dataset;
mod error;
mod export;
mod import;
mod meant;
mod memory;
mod npy;
mod output;
mod pieces;
mod similar;
mod source;
pub(crate) mod stamp;
mod unpacking;
pub(crate) mod value;

pub use error::{ExchangeError, FileFault, Result};
pub use export::{ExportJob, ExportOptions, Exported, Format, export};
pub use import::{ImportJob, ImportOptions, import};
pub use meant::Meant;
pub use memory::Elements;
pub(crate) use pieces::Pieces;
pub(crate) use similar::similar;
pub use source::split_path;

/// Bytes that one step copies, about.
const STEP: u64 = 4 << 20;
/// Bytes that are copied at a time, about: they stay in the processor's cache.
const PIECE: usize = 256 << 10;
