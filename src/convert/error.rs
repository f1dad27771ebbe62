//! What can go wrong on the way from text to an HDF5 file.

use core::fmt;
use std::boxed::Box;
use std::path::PathBuf;
use std::string::String;

use crate::error::code;
use crate::hdf5;
use crate::load::{LoadError, Position};

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
                 one dataset (concat)",
                first.display(),
                second.display()
            ),
            Self::NoName { path } => {
                write!(
                    f,
                    "{}: no dataset can be named after it: put all rows into one (concat)",
                    path.display()
                )
            }
            Self::OutputIsInput { path } => {
                write!(f, "{}: the output is one of the inputs", path.display())
            }
            Self::Load(error) => write!(f, "{error}"),
            Self::Hdf5(error) => write!(f, "{error}"),
        }
    }
}

impl ConvertError {
    /// The stable code of this error, see [`code`].
    #[must_use]
    pub fn code(&self) -> i32 {
        match self {
            Self::SameName { .. } | Self::NoName { .. } => code::DATASET_NAME,
            Self::OutputIsInput { .. } => code::TARGET,
            Self::Load(error) => error.code(),
            Self::Hdf5(error) => error.code(),
        }
    }

    /// The `errno` behind it, 0 if none.
    #[must_use]
    pub fn errno(&self) -> i32 {
        match self {
            Self::Load(error) => error.errno(),
            Self::Hdf5(error) => error.errno(),
            _ => 0,
        }
    }

    /// Where in the inputs it lies, if it is about one of them.
    #[must_use]
    pub fn position(&self) -> Option<Position<'_>> {
        match self {
            Self::Load(error) => error.position(),
            _ => None,
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
