//! What can go wrong on the way from text to an HDF5 file.

mod display;

use std::boxed::Box;
use std::path::PathBuf;
use std::string::String;
use std::vec::Vec;

use super::extend::ExtendFault;
use crate::error::code;
use crate::hdf5;
use crate::load::{LoadError, Position};
use crate::store::{ChunkError, DescribeError};

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
    /// A column that is to hold labels is none of a text, or not there.
    Category {
        /// The column.
        column: String,
    },
    /// A text is none of the labels that were given for its column.
    Label {
        /// The column.
        column: String,
        /// The text.
        text: String,
    },
    /// A column has more labels than a type can have.
    TooManyLabels {
        /// The column.
        column: String,
        /// Labels that were met before it was too many.
        labels: usize,
    },
    /// A column for the names of inputs was asked for where each is a dataset.
    SourceColumn,
    /// The column for the names of inputs has the name of another column.
    SourceName {
        /// The name.
        name: String,
    },
    /// Inputs that are to be stacked differ in their shape.
    StackShape {
        /// The first input.
        first: PathBuf,
        /// Its shape.
        shape: Vec<u64>,
        /// The one that differs.
        second: PathBuf,
        /// Its shape.
        other: Vec<u64>,
    },
    /// The elements of a dataset do not fill the shape that was asked for.
    Shape {
        /// The dataset.
        name: String,
        /// Its elements.
        elements: u64,
        /// The first extent, if it was not left open.
        first: Option<u64>,
        /// The others.
        rest: Vec<u64>,
    },
    /// The same attribute was given twice.
    AttributeTwice {
        /// Its name.
        name: String,
    },
    /// Rows do not fit a dataset that is there.
    Extend {
        /// The dataset.
        name: String,
        /// Why.
        fault: ExtendFault,
    },
    /// A dataset cannot have so many axes.
    Axes {
        /// Axes of the shape.
        axes: usize,
        /// As many are possible.
        most: usize,
    },
    /// What was to be said of the datasets does not fit them.
    Describe(DescribeError),
    /// The rows could not be put into chunks.
    Chunks(ChunkError),
    /// The text could not be read.
    Load(LoadError),
    /// The file could not be written.
    Hdf5(hdf5::Error),
}

impl ConvertError {
    /// The stable code of this error, see [`code`].
    #[must_use]
    pub fn code(&self) -> i32 {
        match self {
            Self::SameName { .. } | Self::NoName { .. } => code::DATASET_NAME,
            Self::OutputIsInput { .. } => code::TARGET,
            Self::AttributeTwice { .. }
            | Self::Axes { .. }
            | Self::SourceColumn
            | Self::SourceName { .. }
            | Self::Category { .. }
            | Self::Label { .. }
            | Self::TooManyLabels { .. }
            | Self::StackShape { .. }
            | Self::Shape { .. } => crate::error::Error::Argument.code(),
            Self::Extend { fault, .. } => fault.code(),
            Self::Describe(error) => error.code(),
            Self::Chunks(error) => error.code(),
            Self::Load(error) => error.code(),
            Self::Hdf5(error) => error.code(),
        }
    }

    /// The `errno` behind it, 0 if none.
    #[must_use]
    pub fn errno(&self) -> i32 {
        match self {
            Self::Describe(error) => error.errno(),
            Self::Chunks(error) => error.errno(),
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

impl From<ChunkError> for ConvertError {
    fn from(error: ChunkError) -> Self {
        match error {
            ChunkError::Hdf5(error) => Self::Hdf5(error),
            other => Self::Chunks(other),
        }
    }
}

impl From<DescribeError> for ConvertError {
    fn from(error: DescribeError) -> Self {
        match error {
            DescribeError::Hdf5(error) => Self::Hdf5(error),
            other => Self::Describe(other),
        }
    }
}

impl From<LoadError> for ConvertError {
    /// An error of the sink comes back as what it was.
    fn from(error: LoadError) -> Self {
        error.of_sink().unwrap_or_else(Self::Load)
    }
}

/// An error on its way through the load engine.
pub(super) fn boxed(error: impl Into<ConvertError>) -> Box<dyn core::error::Error + Send + Sync> {
    Box::new(error.into())
}
