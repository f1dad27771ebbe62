//! What can go wrong between a segment and a file.

use core::fmt;
use std::boxed::Box;
use std::io;
use std::path::{Path, PathBuf};
use std::string::String;

use super::export::Format;
use crate::error::{Error, code};
use crate::hdf5;
use crate::store::{ChunkError, DescribeError};

/// Result of an import or an export.
pub type Result<T> = core::result::Result<T, ExchangeError>;

/// Why no segment, or no file, was made.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The file is not what it should be.
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: FileFault,
    },
    /// A system call failed.
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The dtype has no form in this kind of file.
    DType {
        /// The field by its dotted name, empty for the whole element.
        field: String,
        /// Why not.
        reason: &'static str,
    },
    /// A text of the segment holds what is no character.
    Text {
        /// The field by its dotted name, empty for the whole element.
        field: String,
        /// The element, counted from 0 through all axes.
        element: u64,
    },
    /// The name does not say what kind of file it is to be.
    Format {
        /// The name.
        path: PathBuf,
    },
    /// Only lines of text go to standard output.
    Stdout,
    /// What one kind of file has was asked for in another.
    Only {
        /// The kind that has it.
        format: Format,
        /// What.
        what: &'static str,
    },
    /// A character that cannot stand between the values of a line.
    Delimiter(char),
    /// A single value, without axes, was to have chunks.
    OneValue {
        /// Its dataset.
        dataset: String,
    },
    /// Its rows could not be put into chunks.
    Chunks(Box<ChunkError>),
    /// What is to be said of the dataset does not fit it.
    Described(Box<DescribeError>),
    /// HDF5, or the target.
    Hdf5(hdf5::Error),
    /// The segment, or memory for it.
    Core(Error),
    /// Somebody asked to stop.
    Cancelled,
}

/// What is wrong with a file that is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileFault {
    /// It is neither HDF5 nor `.npy`.
    Unknown,
    /// It has no dataset.
    NoDatasets,
    /// It has several datasets, and none was named.
    Several {
        /// How many.
        count: usize,
        /// The first ones.
        first: std::vec::Vec<String>,
    },
    /// A dataset was named, but the file is a `.npy`.
    NoPaths,
    /// The version of a `.npy` that is not known.
    Version(u8, u8),
    /// The header of a `.npy` cannot be read.
    Header {
        /// What was expected.
        expected: &'static str,
        /// The byte of the file at which something else is.
        at: u64,
    },
    /// The dtype of a `.npy` is one that no segment can have.
    DType {
        /// Its text, or the beginning of that.
        text: String,
        /// What is wrong with it.
        error: Error,
    },
    /// More axes than a segment can have.
    Axes(usize),
    /// The shape is larger than any array.
    Shape,
    /// The file ends before the array does.
    Short {
        /// Bytes that the array needs.
        need: u64,
        /// Bytes that there are.
        have: u64,
    },
}

impl ExchangeError {
    pub(super) fn file(path: &Path, fault: FileFault) -> Self {
        Self::File { path: path.to_path_buf(), fault }
    }

    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { doing, path: path.to_path_buf(), source }
    }

    /// The stable code of this error, see [`code`].
    #[must_use]
    pub fn code(&self) -> i32 {
        match self {
            Self::File { fault: FileFault::Several { .. } | FileFault::NoPaths, .. } => {
                code::DATASET_NAME
            }
            Self::File { .. } | Self::Io { .. } => code::INPUT,
            Self::DType { .. } => code::HDF5_TYPE,
            Self::Text { .. } => code::TEXT,
            Self::Format { .. }
            | Self::Stdout
            | Self::Only { .. }
            | Self::Delimiter(_)
            | Self::OneValue { .. } => Error::Argument.code(),
            Self::Chunks(error) => error.code(),
            Self::Described(error) => error.code(),
            Self::Hdf5(error) => error.code(),
            Self::Core(error) => error.code(),
            Self::Cancelled => code::CANCELLED,
        }
    }

    /// The `errno` behind it, 0 if none.
    #[must_use]
    pub fn errno(&self) -> i32 {
        match self {
            Self::Io { source, .. } => source.raw_os_error().unwrap_or(0),
            Self::Chunks(error) => error.errno(),
            Self::Described(error) => error.errno(),
            Self::Hdf5(error) => error.errno(),
            Self::Core(error) => error.errno(),
            _ => 0,
        }
    }
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, fault } => write!(f, "{}: {fault}", path.display()),
            Self::Io { doing, path, source } => {
                write!(f, "{}: can't {doing}: {source}", path.display())
            }
            Self::DType { field, reason } if field.is_empty() => write!(f, "the dtype {reason}"),
            Self::DType { field, reason } => write!(f, "field '{field}' {reason}"),
            Self::Text { field, element } => {
                write!(f, "element {element}")?;
                if !field.is_empty() {
                    write!(f, ", field '{field}'")?;
                }
                f.write_str(": its text holds a number that is no character")
            }
            Self::Format { path } => write!(
                f,
                "{}: the name does not say what kind of file it is to be: end it in .h5, .npy or \
                 .csv, or give the format",
                path.display()
            ),
            Self::Stdout => {
                f.write_str("only csv goes to standard output: name a file for other formats")
            }
            Self::Only { format, what } => {
                let (name, suffix) = match format {
                    Format::Hdf5 => ("HDF5", "h5"),
                    Format::Npy => ("NumPy", "npy"),
                    Format::Csv => ("CSV", "csv"),
                };
                write!(
                    f,
                    "{what} only in {name} files: end the name in .{suffix}, or give the format"
                )
            }
            Self::Delimiter(c) => {
                write!(f, "{c:?} cannot be the delimiter: it means something else in CSV")
            }
            Self::OneValue { dataset } => write!(
                f,
                "dataset '{dataset}' is a single value without axes, which can have no chunks, and \
                 no compression"
            ),
            Self::Chunks(error) => write!(f, "{error}"),
            Self::Described(error) => write!(f, "{error}"),
            Self::Hdf5(error) => write!(f, "{error}"),
            Self::Core(error) => write!(f, "{error}"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("is neither an HDF5 file nor a .npy file"),
            Self::NoDatasets => f.write_str("the file has no dataset"),
            Self::Several { count, first } => {
                write!(f, "the file has {count} datasets, say which one (FILE:/PATH): ")?;
                f.write_str(&first.join(", "))?;
                f.write_str(if *count > first.len() { ", ..." } else { "" })
            }
            Self::NoPaths => f.write_str("a .npy file is one array, and has no datasets to name"),
            Self::Version(major, minor) => {
                write!(f, "is a .npy file of version {major}.{minor}, known are 1.0 to 3.0")
            }
            Self::Header { expected, at } => {
                write!(f, "its .npy header is damaged: {expected} expected at byte {at}")
            }
            Self::DType { text, error } => {
                write!(f, "no segment can hold its dtype {text}: {error}")
            }
            Self::Axes(count) => {
                write!(f, "has {count} axes, a segment has {} at most", crate::layout::MAX_NDIM)
            }
            Self::Shape => f.write_str("its shape is larger than any array can be"),
            Self::Short { need, have } => {
                write!(f, "is cut: its array has {need} bytes, and the file holds {have} of them")
            }
        }
    }
}

impl core::error::Error for ExchangeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Hdf5(error) => Some(error),
            _ => None,
        }
    }
}

impl From<hdf5::Error> for ExchangeError {
    fn from(error: hdf5::Error) -> Self {
        Self::Hdf5(error)
    }
}

impl From<Box<ChunkError>> for ExchangeError {
    fn from(error: Box<ChunkError>) -> Self {
        match *error {
            ChunkError::Hdf5(error) => Self::Hdf5(error),
            _ => Self::Chunks(error),
        }
    }
}

impl From<Box<DescribeError>> for ExchangeError {
    fn from(error: Box<DescribeError>) -> Self {
        match *error {
            DescribeError::Hdf5(error) => Self::Hdf5(error),
            _ => Self::Described(error),
        }
    }
}

impl From<Error> for ExchangeError {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}
