//! Why a file or a dataset cannot be read.

use core::fmt;
use std::string::String;
use std::vec::Vec;

use crate::error::code;
use crate::sys::Ended;

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
    /// Somebody changed it while it was read.
    Changed,
    /// A file is missing that a virtual dataset is made of.
    NoSource {
        /// The file, as the dataset names it.
        file: String,
    },
    /// Virtual datasets are made of one another, or lie too deep in one another.
    SourcesLoop,
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
    /// A link leads to another file.
    Link,
    /// A column is not as its group says, or has other rows than the others.
    Column,
    /// What has a variable length, and lies elsewhere in the file, is damaged.
    Heap,
    /// Where its chunks lie cannot be read.
    Chunks,
    /// A chunk cannot be unpacked.
    Chunk {
        /// Its first element, along each axis.
        origin: Vec<u64>,
        /// What is wrong with it.
        what: ChunkFault,
    },
}

/// What is wrong with a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChunkFault {
    /// It is not in the file, or not all of it.
    Outside,
    /// Its checksum is that of other bytes.
    Checksum,
    /// Its mask names filters that the dataset does not have.
    Mask,
    /// It cannot be decompressed, or to another number of bytes.
    Content,
    /// Workers died while they unpacked it, twice.
    Died(Ended),
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
            Self::Chunk { what: ChunkFault::Died(_), .. } => code::WORKERS,
            Self::NotRegular
            | Self::NotHdf5
            | Self::NotClosed
            | Self::Truncated
            | Self::Changed
            | Self::NoSource { .. }
            | Self::SourcesLoop
            | Self::Heap
            | Self::Chunks
            | Self::Chunk { .. } => code::INPUT,
            Self::NoDataset | Self::NotDataset | Self::Link => code::DATASET_NAME,
            Self::NoValues | Self::Column | Self::Type { .. } => code::HDF5_TYPE,
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
            Self::Changed => "was changed while it was read",
            Self::NoSource { file } => {
                return write!(
                    f,
                    "is virtual, and some of it lies in '{file}', which is missing: HDF5 would \
                     read fill values in its place"
                );
            }
            Self::SourcesLoop => "is virtual, and made of itself, or of too many others",
            Self::Type { field, what } if field.is_empty() => {
                return write!(f, "no dtype stands for its type: {what}");
            }
            Self::Type { field, what } => {
                return write!(f, "no dtype stands for the type of field '{field}': {what}");
            }
            Self::Link => "is a link to another file: name that file",
            Self::Column => {
                "is no column of one record: its type or its extents are not those that the group \
                 says"
            }
            Self::Heap => {
                "is damaged: its texts of variable length, or what it is made of, are not where \
                 they should be"
            }
            Self::Chunks => "its table of chunks is damaged: it was cut, or overwritten",
            Self::Chunk { origin, what } => {
                return write!(f, "the chunk at {}: {what}", Origin(origin));
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

/// An element's place.
struct Origin<'a>(&'a [u64]);

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (axis, at) in self.0.iter().enumerate() {
            write!(f, "{}{at}", if axis == 0 { "(" } else { ", " })?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for ChunkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Outside => "it should lie behind the end of the file, which is damaged or cut",
            Self::Checksum => "its bytes are damaged, says its checksum",
            Self::Mask => "its filter mask is damaged",
            Self::Content => "its bytes are damaged: they cannot be unpacked",
            Self::Died(how) => {
                return write!(f, "a worker died twice while it unpacked it ({how})");
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
