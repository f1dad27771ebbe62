//! What can go wrong where datasets are described: the names of their axes, units, attributes of
//! single objects.

use core::fmt;
use std::string::String;

use crate::error::Error;
use crate::hdf5;

/// Why datasets cannot be described as was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum DescribeError {
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
        /// Its extent in the datasets before, or in the file that is added to.
        first: u64,
        /// The dataset that differs.
        dataset: String,
        /// Its extent there, as far as it is known.
        extent: u64,
    },
    /// The coordinates of a dimension are not as many as its extent.
    Coordinates {
        /// The dimension.
        name: String,
        /// How many are given.
        given: Option<u64>,
        /// Its extent, as far as it is known.
        extent: u64,
    },
    /// No step of a range of coordinates meets its end.
    Range {
        /// The dimension.
        name: String,
    },
    /// The file that is added to has a dimension with other coordinates.
    DimValues {
        /// The path of the dimension.
        name: String,
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
    /// The file could not be written.
    Hdf5(hdf5::Error),
}

impl fmt::Display for DescribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoObject { name } => {
                write!(f, "no dataset or dimension '{name}' is made that an attribute is for")
            }
            Self::UnitsColumn { column } => {
                write!(f, "there is no column '{column}' that units are for")
            }
            Self::DimName { name } => {
                write!(f, "'{name}' cannot name a dimension: one part of a path is needed")
            }
            Self::DimAxes { name, dims, axes } => write!(
                f,
                "dataset '{name}' has {axes} ax{}, and {dims} dimension{} named",
                if *axes == 1 { "is" } else { "es" },
                if *dims == 1 { " is" } else { "s are" },
            ),
            Self::DimExtent { name, first, dataset, extent } => write!(
                f,
                "dimension '{name}' has {first} elements, and {extent} in dataset '{dataset}': \
                 datasets of one group share their dimensions, so another name is needed for another \
                 extent"
            ),
            Self::DimValues { name } => write!(
                f,
                "dimension '{name}' is in the file already, with other coordinates: give it \
                 another name, or leave the coordinates out to use those"
            ),
            Self::Coordinates { name, given: Some(given), extent } => write!(
                f,
                "dimension '{name}' has {given} coordinate{}, which are not as many as its {extent} \
                 elements",
                if *given == 1 { "" } else { "s" },
            ),
            Self::Coordinates { name, given: None, extent } => write!(
                f,
                "the coordinates of dimension '{name}' are not as many as its {extent} elements"
            ),
            Self::Range { name } => write!(
                f,
                "the coordinates of dimension '{name}' do not come to their end: it must be a \
                 whole number of steps from the start"
            ),
            Self::Hdf5(error) => write!(f, "{error}"),
        }
    }
}

impl DescribeError {
    /// The stable code of this error, see [`code`](crate::error::code).
    #[must_use]
    pub fn code(&self) -> i32 {
        match self {
            Self::Hdf5(error) => error.code(),
            _ => Error::Argument.code(),
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

impl core::error::Error for DescribeError {}

impl From<hdf5::Error> for DescribeError {
    fn from(error: hdf5::Error) -> Self {
        Self::Hdf5(error)
    }
}
