//! What can go wrong on the way of rows into chunks.

use core::fmt;
use std::string::String;

use crate::error::{Error, code};
use crate::hdf5;
use crate::pack::PackError;
use crate::sys::Ended;

/// Why rows could not be put into chunks.
#[derive(Debug)]
#[non_exhaustive]
pub enum ChunkError {
    /// Chunks were asked for with more or fewer axes than a dataset has.
    Axes {
        /// The dataset.
        name: String,
        /// Extents that were given.
        given: usize,
        /// Axes of the dataset.
        axes: usize,
    },
    /// Chunks were asked for that part a row, where each column is a dataset.
    Columns,
    /// Chunks were asked for that hold several of the inputs that are stacked.
    Stack,
    /// The chunks in a row of chunks are too large for the memory.
    Size,
    /// The chunks in a row of chunks are too many.
    Count,
    /// Workers that packed chunks died of the same rows twice.
    Packer {
        /// How the last one did.
        how: Ended,
    },
    /// The file could not be written.
    Hdf5(hdf5::Error),
}

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Axes { name, given, axes } => write!(
                f,
                "dataset '{name}' has {axes} ax{}, and the shape of its chunks {given}",
                if *axes == 1 { "is" } else { "es" }
            ),
            Self::Columns => f.write_str(
                "where each column is a dataset, a chunk holds whole rows: only its first extent \
                 can be chosen",
            ),
            Self::Stack => f.write_str(
                "a chunk cannot hold several of the inputs that are stacked: its first extent \
                 must be 1",
            ),
            Self::Size => f.write_str(
                "the rows of a chunk, with all their columns, do not fit the memory for packing: \
                 more memory is needed, or chunks of fewer rows",
            ),
            Self::Count => f.write_str(
                "the chunks beside one another are too many, or have too many axes: choose larger \
                 ones",
            ),
            Self::Packer { how } => {
                write!(f, "a worker died twice while it packed the same rows ({how})")
            }
            Self::Hdf5(error) => write!(f, "{error}"),
        }
    }
}

impl ChunkError {
    /// The stable code of this error, see [`code`].
    #[must_use]
    pub fn code(&self) -> i32 {
        match self {
            Self::Axes { .. } | Self::Columns | Self::Stack | Self::Size | Self::Count => {
                Error::Argument.code()
            }
            Self::Packer { .. } => code::WORKERS,
            Self::Hdf5(error) => error.code(),
        }
    }

    /// The `errno` behind it, 0 if none.
    #[must_use]
    pub fn errno(&self) -> i32 {
        match self {
            Self::Hdf5(error) => error.errno(),
            _ => 0,
        }
    }
}

impl core::error::Error for ChunkError {}

impl From<hdf5::Error> for ChunkError {
    fn from(error: hdf5::Error) -> Self {
        Self::Hdf5(error)
    }
}

impl From<PackError> for ChunkError {
    fn from(error: PackError) -> Self {
        match error {
            PackError::Core(error) => Self::Hdf5(hdf5::Error::Core(error)),
            PackError::Died(how) => Self::Packer { how },
            PackError::TooLarge => Self::Size,
            PackError::TooMany => Self::Count,
        }
    }
}
