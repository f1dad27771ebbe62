//! Why a file or a dataset cannot be read.

use core::fmt;
use std::string::String;

use crate::error::code;

/// What is wrong with a file, or with a dataset in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadFault {
    /// The path leads to a directory, a pipe or a device.
    NotRegular,
    /// The file is not HDF5.
    NotHdf5,
    /// Its writer has not closed it.
    NotClosed,
    /// It is shorter than it says.
    Truncated,
    /// The file has no such object.
    NoDataset,
    /// The object is a group, or a named type.
    NotDataset,
    /// The dataset has an extent that says "nothing", and no values.
    NoValues,
    /// A part of the type has no dtype.
    Type {
        /// The field by its dotted name, empty for the whole element.
        field: String,
        /// What it is.
        what: Foreign,
    },
    /// A text that is to be `U` cannot be.
    Text {
        /// The field by its dotted name, empty for the whole element.
        field: String,
        /// The element, counted from 0 through all axes.
        element: u64,
        /// Whether it is too long; else it is not UTF-8.
        too_long: bool,
    },
}

/// A type of HDF5 that no dtype stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreign {
    /// A string of variable length.
    VariableString,
    /// A sequence of variable length.
    Sequence,
    /// A reference to an object or a region.
    Reference,
    /// A time.
    Time,
    /// An integer with another number of bits than its bytes have, or of more than 8 bytes.
    Integer {
        /// Bits in use.
        bits: usize,
        /// Bytes.
        bytes: usize,
    },
    /// A float that is not IEEE's half, single or double.
    Float {
        /// Bits in use.
        bits: usize,
        /// Bytes.
        bytes: usize,
    },
    /// A byte order of the VAX.
    Order,
    /// Something that this version does not know.
    Unknown,
    /// The dtype would be too large, too deep, or have a name twice.
    DType(crate::error::Error),
}

impl ReadFault {
    /// The stable code.
    pub(super) const fn code(&self) -> i32 {
        match self {
            Self::NotRegular | Self::NotHdf5 | Self::NotClosed | Self::Truncated => code::INPUT,
            Self::NoDataset | Self::NotDataset => code::DATASET_NAME,
            Self::NoValues | Self::Type { .. } => code::HDF5_TYPE,
            Self::Text { .. } => code::TEXT,
        }
    }
}

impl fmt::Display for ReadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRegular => "is not a regular file, and HDF5 cannot be read from it",
            Self::NotHdf5 => "is not an HDF5 file",
            Self::NotClosed => {
                "its writer has not closed it: it is still written, or the writer died; wait, or \
                 look at it with h5clear and h5dump"
            }
            Self::Truncated => "is shorter than it says: it was cut, or never completed",
            Self::NoDataset => "the file has no such dataset",
            Self::NotDataset => "is not a dataset",
            Self::NoValues => "is an empty dataspace, which holds no array",
            Self::Type { field, what } if field.is_empty() => {
                return write!(f, "no dtype stands for its type: {what}");
            }
            Self::Type { field, what } => {
                return write!(f, "no dtype stands for the type of field '{field}': {what}");
            }
            Self::Text { field, element, too_long } => {
                let what = if *too_long { "is too long for its dtype" } else { "is not UTF-8" };
                write!(f, "element {element}")?;
                if !field.is_empty() {
                    write!(f, ", field '{field}'")?;
                }
                return write!(f, ": the text {what}");
            }
        })
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::VariableString => {
                "strings of variable length lie outside of the rows; rewrite them with a fixed \
                 length"
            }
            Self::Sequence => "sequences of variable length lie outside of the rows",
            Self::Reference => "references mean nothing outside of the file",
            Self::Time => "HDF5's time types have no meaning that readers agree on",
            Self::Integer { bits, bytes } => {
                return write!(f, "an integer of {bits} bits in {bytes} bytes");
            }
            Self::Float { bits, bytes } => {
                return write!(f, "a float of {bits} bits in {bytes} bytes that is not IEEE's");
            }
            Self::Order => "a byte order that is neither little nor big endian",
            Self::Unknown => "it is of a kind that is not known here",
            Self::DType(error) => return write!(f, "{error}"),
        })
    }
}
