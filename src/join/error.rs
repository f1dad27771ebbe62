//! Why shards are not joined.

use core::fmt;
use std::boxed::Box;
use std::path::PathBuf;
use std::string::String;

use super::fault::{Fault, shortened};
use super::verify::Problem;
use crate::error::code;
use crate::hdf5;
use crate::store::ChunkError;

/// Result of joining.
pub type Result<T> = core::result::Result<T, JoinError>;

/// Why shards are not joined.
#[derive(Debug)]
#[non_exhaustive]
pub enum JoinError {
    /// There are none.
    NoShards,
    /// One of them is not as it should be.
    Shard {
        /// Which one, from 0.
        index: usize,
        /// The shard.
        path: PathBuf,
        /// The dataset, if it is about one.
        dataset: Option<String>,
        /// What is wrong.
        fault: Fault,
    },
    /// A shard is there twice.
    Twice {
        /// The shard, as it was given second.
        path: PathBuf,
    },
    /// Its name is no text that a file can hold.
    Name {
        /// The shard.
        path: PathBuf,
    },
    /// The output would replace a shard.
    OutputIsShard {
        /// Both.
        path: PathBuf,
    },
    /// A shard differs from those before.
    Differs(Box<Difference>),
    /// Several shards have a dataset, but not all of them.
    Partly {
        /// The dataset.
        dataset: String,
        /// The first shard that has it.
        has: PathBuf,
        /// The first shard that lacks it.
        lacks: PathBuf,
    },
    /// A dataset cannot be joined.
    Shape {
        /// The dataset.
        dataset: String,
        /// Why.
        why: &'static str,
    },
    /// Shards of a joined file are not what they were, so nothing is copied.
    Problems(Vec<Problem>),
    /// The options ask for a way to store rows that is not to be had.
    Storage {
        /// Why.
        why: &'static str,
    },
    /// Rows could not be put into chunks.
    Chunks(Box<ChunkError>),
    /// Somebody asked to stop.
    Cancelled,
    /// The file could not be written.
    Hdf5(hdf5::Error),
}

use std::vec::Vec;

/// How a shard differs from the first one with the same dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// Which shard, from 0.
    pub index: usize,
    /// The dataset.
    pub dataset: String,
    /// What differs: `dtype`, `shape`, or the name of an attribute.
    pub what: String,
    /// The shard.
    pub shard: PathBuf,
    /// What it has.
    pub found: String,
    /// The first shard with this dataset.
    pub first: PathBuf,
    /// What that one has.
    pub wanted: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dataset, what, shard, found, first, wanted, .. } = self;
        write!(f, "{}: dataset '{dataset}' has {what} {}", shard.display(), shortened(found))?;
        write!(f, ", that of {} has {}", first.display(), shortened(wanted))
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoShards => f.write_str("there is nothing to join"),
            Self::Shard { path, dataset: Some(dataset), fault, .. } => {
                write!(f, "{}: dataset '{dataset}' {fault}", path.display())
            }
            Self::Shard { path, fault: Fault::Hdf5(text), .. } => {
                write!(f, "{}: {text}", path.display())
            }
            Self::Shard { path, fault, .. } => write!(f, "{}: {fault}", path.display()),
            Self::Twice { path } => write!(f, "{}: is given twice", path.display()),
            Self::Name { path } => write!(
                f,
                "{}: a name must be UTF-8 to be noted in the joined file: rename it",
                path.display()
            ),
            Self::OutputIsShard { path } => {
                write!(f, "{}: the output is one of the shards", path.display())
            }
            Self::Differs(difference) => difference.fmt(f),
            Self::Partly { dataset, has, lacks } => write!(
                f,
                "dataset '{dataset}' is in {} and others, but not in {}: it cannot be told \
                 whether rows are missing",
                has.display(),
                lacks.display()
            ),
            Self::Shape { dataset, why } => write!(f, "dataset '{dataset}' {why}"),
            Self::Problems(problems) => match problems.as_slice() {
                [] => Ok(()),
                [one] => one.fmt(f),
                [first, rest @ ..] => write!(f, "{first}; and {} more problems", rest.len()),
            },
            Self::Storage { why } => f.write_str(why),
            Self::Chunks(error) => error.fmt(f),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Hdf5(error) => error.fmt(f),
        }
    }
}

impl JoinError {
    /// The stable code of this error, see [`code`].
    #[must_use]
    pub fn code(&self) -> i32 {
        match self {
            Self::NoShards | Self::Storage { .. } => crate::error::Error::Argument.code(),
            Self::Chunks(error) => error.code(),
            Self::Shard { .. } => code::INPUT,
            Self::Twice { .. }
            | Self::Name { .. }
            | Self::Differs(_)
            | Self::Partly { .. }
            | Self::Shape { .. }
            | Self::Problems(_) => code::SHARDS,
            Self::OutputIsShard { .. } => code::TARGET,
            Self::Cancelled => code::CANCELLED,
            Self::Hdf5(error) => error.code(),
        }
    }

    /// The `errno` behind it, 0 if none.
    #[must_use]
    pub fn errno(&self) -> i32 {
        match self {
            Self::Shard { fault, .. } => fault.errno(),
            Self::Hdf5(error) => error.errno(),
            Self::Chunks(error) => error.errno(),
            _ => 0,
        }
    }

    /// Which shard it is about, from 0.
    #[must_use]
    pub const fn shard(&self) -> Option<usize> {
        match self {
            Self::Shard { index, .. } => Some(*index),
            Self::Differs(difference) => Some(difference.index),
            _ => None,
        }
    }
}

impl core::error::Error for JoinError {}

impl From<Box<ChunkError>> for JoinError {
    fn from(error: Box<ChunkError>) -> Self {
        match *error {
            ChunkError::Hdf5(error) => Self::Hdf5(error),
            _ => Self::Chunks(error),
        }
    }
}

impl From<hdf5::Error> for JoinError {
    fn from(error: hdf5::Error) -> Self {
        Self::Hdf5(error)
    }
}
