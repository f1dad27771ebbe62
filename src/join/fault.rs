//! What can be wrong with one file.

use core::fmt;
use std::io;
use std::string::String;

/// What is wrong with a file, or with a dataset in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// There is no such file.
    Missing,
    /// It cannot be opened or read: an `errno`.
    Unreadable(i32),
    /// It is a directory or a device.
    NotFile,
    /// It is no HDF5 file.
    NotHdf5,
    /// Whoever wrote it has not closed it.
    NotClosed,
    /// It is shorter than it says itself.
    Truncated {
        /// Bytes that it says it has.
        need: u64,
        /// Bytes that it has.
        have: u64,
    },
    /// It has another size than when it was joined.
    Size {
        /// Bytes it had.
        noted: u64,
        /// Bytes it has.
        found: u64,
    },
    /// It has other bytes than when it was joined.
    Checksum {
        /// CRC-32 of what it held.
        noted: u32,
        /// CRC-32 of what it holds.
        found: u32,
    },
    /// It has no such dataset.
    NoDataset,
    /// It has no dataset at all.
    NoDatasets,
    /// The dataset has another shape.
    Shape {
        /// What it was.
        noted: String,
        /// What it is.
        found: String,
    },
    /// The dataset has another type.
    DType {
        /// What it was.
        noted: String,
        /// What it is.
        found: String,
    },
    /// The dataset lies partly behind the end of the file.
    Outside {
        /// Where its bytes end.
        end: u64,
        /// Where the file ends.
        size: u64,
    },
    /// What the file has noted of its shards cannot be read.
    Notes,
    /// HDF5 refuses it.
    Hdf5(String),
}

impl Fault {
    /// One word for programs, which never changes.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unreadable(_) => "unreadable",
            Self::NotFile => "not-a-file",
            Self::NotHdf5 => "not-hdf5",
            Self::NotClosed => "not-closed",
            Self::Truncated { .. } => "truncated",
            Self::Size { .. } => "size",
            Self::Checksum { .. } => "checksum",
            Self::NoDataset => "no-dataset",
            Self::NoDatasets => "no-datasets",
            Self::Shape { .. } => "shape",
            Self::DType { .. } => "dtype",
            Self::Outside { .. } => "outside",
            Self::Notes => "notes",
            Self::Hdf5(_) => "hdf5",
        }
    }

    /// The `errno` behind it, 0 if none.
    #[must_use]
    pub const fn errno(&self) -> i32 {
        match *self {
            Self::Missing => crate::sys::ENOENT,
            Self::Unreadable(errno) => errno,
            _ => 0,
        }
    }
}

/// Characters of a text that a message quotes.
const QUOTED: usize = 200;

/// The beginning of a text that may be long.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((at, _)) => std::format!("{}...", text.get(..at).unwrap_or_default()),
        None => text.into(),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing | Self::NoDataset => f.write_str("is missing"),
            Self::Unreadable(errno) => {
                write!(f, "cannot be read: {}", io::Error::from_raw_os_error(*errno))
            }
            Self::NotFile => f.write_str("is no regular file"),
            Self::NotHdf5 => f.write_str("is no HDF5 file"),
            Self::NotClosed => {
                f.write_str("was never closed by its writer, which was killed or is still at work")
            }
            Self::Truncated { need, have } => {
                write!(f, "is truncated: it has {have} of its {need} bytes")
            }
            Self::Size { noted, found } => {
                write!(f, "has changed: it has {found} bytes, and had {noted} when it was joined")
            }
            Self::Checksum { noted, found } => {
                write!(f, "has changed: its checksum is {found:08x}, and was {noted:08x}")
            }
            Self::NoDatasets => f.write_str("has no datasets"),
            Self::Shape { noted, found } => write!(f, "has shape {found}, and had {noted}"),
            Self::DType { noted, found } => {
                write!(f, "has type {}, and had {}", shortened(found), shortened(noted))
            }
            Self::Outside { end, size } => {
                write!(f, "ends at byte {end}, behind the end of the file at {size}")
            }
            Self::Notes => {
                f.write_str("what it has noted of its shards cannot be read: join them again")
            }
            Self::Hdf5(text) => f.write_str(text),
        }
    }
}
