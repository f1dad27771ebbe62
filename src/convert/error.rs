//! What can go wrong on the way from text to an HDF5 file.

use core::fmt;
use std::boxed::Box;
use std::path::PathBuf;
use std::string::String;
use std::vec::Vec;

use crate::error::code;
use crate::hdf5;
use crate::load::{LoadError, Position};
use crate::store::ChunkError;

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
    /// The labels of a column must be given, because its dataset has chunks.
    LabelsNeeded {
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
    /// A dimension cannot have this name.
    DimName {
        /// The name.
        name: String,
    },
    /// The dimensions are more or fewer than the axes of a dataset.
    DimAxes {
        /// The dataset.
        name: String,
        /// Dimensions that were named.
        dims: usize,
        /// Axes of the dataset.
        axes: usize,
    },
    /// Datasets of one group differ in the extent of a dimension.
    DimExtent {
        /// The path of the dimension.
        name: String,
        /// Its extent in the datasets before.
        first: u64,
        /// The dataset that differs.
        dataset: String,
        /// Its extent there.
        extent: u64,
    },
    /// The coordinates of a dimension are not as many as its extent.
    Coordinates {
        /// The dimension.
        name: String,
        /// Its extent.
        extent: u64,
    },
    /// An attribute was given for an object that is not made.
    NoObject {
        /// Its name.
        name: String,
    },
    /// Units were given for a column that is not there.
    UnitsColumn {
        /// The column.
        column: String,
    },
    /// A dataset cannot have so many axes.
    Axes {
        /// Axes of the shape.
        axes: usize,
        /// As many are possible.
        most: usize,
    },
    /// The rows could not be put into chunks.
    Chunks(ChunkError),
    /// The text could not be read.
    Load(LoadError),
    /// The file could not be written.
    Hdf5(hdf5::Error),
}

impl fmt::Display for ConvertError {
    #[allow(clippy::too_many_lines, reason = "a message for each")]
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
            Self::Category { column } => {
                write!(f, "column '{column}' cannot hold labels: a column of text is needed")
            }
            Self::LabelsNeeded { column } => write!(
                f,
                "the labels of column '{column}' must be given: the type of a dataset with chunks \
                 stands before its rows are read"
            ),
            Self::Label { column, text } => {
                write!(f, "column '{column}': '{text}' is none of its labels")
            }
            Self::TooManyLabels { column, labels } => write!(
                f,
                "column '{column}' has more than {labels} different texts, more labels than the \
                 64 KiB hold in which HDF5 describes a type: keep it as text"
            ),
            Self::SourceColumn => f.write_str(
                "a column for the names of the inputs needs records of several inputs in one \
                 dataset (concat)",
            ),
            Self::SourceName { name } => write!(
                f,
                "the rows have a column '{name}' already: give the column for the names of the \
                 inputs another name"
            ),
            Self::StackShape { first, shape, second, other } => write!(
                f,
                "{} has the shape {}, and {} the shape {}: only equal ones can be stacked",
                second.display(),
                whole(other),
                first.display(),
                whole(shape)
            ),
            Self::Shape { name, elements, first, rest } => write!(
                f,
                "dataset '{name}': {elements} elements do not fill the shape {}",
                Extents(*first, rest)
            ),
            Self::AttributeTwice { name } => write!(f, "attribute '{name}' is given twice"),
            Self::DimName { name } => {
                write!(f, "'{name}' cannot name a dimension: one part of a path is needed")
            }
            Self::DimAxes { name, dims, axes } => {
                write!(f, "dataset '{name}' has {axes} axes, and {dims} dimensions are named")
            }
            Self::DimExtent { name, first, dataset, extent } => write!(
                f,
                "dimension '{name}' has {first} elements, and {extent} in dataset '{dataset}': \
                 datasets of one group share their dimensions"
            ),
            Self::Coordinates { name, extent } => write!(
                f,
                "the coordinates of dimension '{name}' are not as many as its {extent} elements"
            ),
            Self::NoObject { name } => {
                write!(f, "no dataset or dimension '{name}' is made that an attribute is for")
            }
            Self::UnitsColumn { column } => {
                write!(f, "there is no column '{column}' that units are for")
            }
            Self::Axes { axes, most } => {
                write!(f, "{axes} axes are too many for a dataset, {most} are possible")
            }
            Self::Chunks(error) => write!(f, "{error}"),
            Self::Load(error) => write!(f, "{error}"),
            Self::Hdf5(error) => write!(f, "{error}"),
        }
    }
}

/// A shape as NumPy writes it; a first extent that is open is `-1`.
struct Extents<'a>(Option<u64>, &'a [u64]);

fn whole(shape: &[u64]) -> Extents<'_> {
    Extents(shape.first().copied(), shape.get(1..).unwrap_or_default())
}

impl fmt::Display for Extents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(first) => write!(f, "({first}")?,
            None => f.write_str("(-1")?,
        }
        self.1.iter().try_for_each(|extent| write!(f, ", {extent}"))?;
        f.write_str(if self.1.is_empty() { ",)" } else { ")" })
    }
}

impl ConvertError {
    /// The stable code of this error, see [`code`].
    #[must_use]
    pub fn code(&self) -> i32 {
        match self {
            Self::SameName { .. } | Self::NoName { .. } => code::DATASET_NAME,
            Self::OutputIsInput { .. } => code::TARGET,
            Self::AttributeTwice { .. }
            | Self::DimName { .. }
            | Self::DimAxes { .. }
            | Self::DimExtent { .. }
            | Self::Coordinates { .. }
            | Self::NoObject { .. }
            | Self::UnitsColumn { .. }
            | Self::Axes { .. }
            | Self::SourceColumn
            | Self::SourceName { .. }
            | Self::Category { .. }
            | Self::LabelsNeeded { .. }
            | Self::Label { .. }
            | Self::TooManyLabels { .. }
            | Self::StackShape { .. }
            | Self::Shape { .. } => crate::error::Error::Argument.code(),
            Self::Chunks(error) => error.code(),
            Self::Load(error) => error.code(),
            Self::Hdf5(error) => error.code(),
        }
    }

    /// The `errno` behind it, 0 if none.
    #[must_use]
    pub fn errno(&self) -> i32 {
        match self {
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
