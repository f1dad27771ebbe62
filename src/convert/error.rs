//! What can go wrong on the way from text to an HDF5 file.

use core::fmt;
use std::boxed::Box;
use std::path::PathBuf;
use std::string::String;

use crate::hdf5;
use crate::load::LoadError;

/// Result of a conversion.
pub type Result<T> = core::result::Result<T, ConvertError>;

/// Why no HDF5 file was made.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConvertError {
    /// Two inputs would become one dataset.
    SameName {
        /// The dataset.
        name: String,
        /// The first input.
        first: PathBuf,
        /// The second one.
        second: PathBuf,
    },
    /// No dataset can be named after an input.
    NoName {
        /// The input.
        path: PathBuf,
    },
    /// The output would replace an input.
    OutputIsInput {
        /// Both.
        path: PathBuf,
    },
    /// Inputs for one dataset have different numbers of columns.
    ColumnsDiffer {
        /// The first input.
        first: PathBuf,
        /// Its columns.
        columns: u32,
        /// The other input.
        path: PathBuf,
        /// The columns there.
        here: u32,
    },
    /// The text could not be read.
    Load(LoadError),
    /// The file could not be written.
    Hdf5(hdf5::Error),
}

impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameName { name, first, second } => write!(
                f,
                "{} and {} would both become dataset '{name}': rename one, or put all rows into \
                 one dataset with --concat NAME",
                first.display(),
                second.display()
            ),
            Self::NoName { path } => {
                write!(f, "{}: no dataset can be named after it: use --concat NAME", path.display())
            }
            Self::OutputIsInput { path } => {
                write!(f, "{}: the output is one of the inputs", path.display())
            }
            Self::ColumnsDiffer { first, columns, path, here } => write!(
                f,
                "{}: has {here} columns, {} has {columns}: they cannot be one dataset",
                path.display(),
                first.display()
            ),
            Self::Load(error) => write!(f, "{error}"),
            Self::Hdf5(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for ConvertError {}

impl From<hdf5::Error> for ConvertError {
    fn from(error: hdf5::Error) -> Self {
        Self::Hdf5(error)
    }
}

impl From<LoadError> for ConvertError {
    /// An error of the sink comes back as what it was.
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Sink(inner) => match inner.downcast::<Self>() {
                Ok(own) => *own,
                Err(other) => Self::Load(LoadError::Sink(other)),
            },
            other => Self::Load(other),
        }
    }
}

/// An error on its way through the load engine.
pub(super) fn boxed(error: impl Into<ConvertError>) -> Box<dyn core::error::Error + Send + Sync> {
    Box::new(error.into())
}
