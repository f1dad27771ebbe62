//! Why nothing can be said of rows.

use core::fmt;
use std::boxed::Box;
use std::io;
use std::string::String;

use crate::error::{Error, code};
use crate::exchange::ExchangeError;
use crate::load::{LoadError, SinkError};

/// Result of a description.
pub type Result<T> = core::result::Result<T, DescribeError>;

/// Why there is no description.
#[derive(Debug)]
#[non_exhaustive]
pub enum DescribeError {
    /// There is no column of this name.
    NoColumn {
        /// The name.
        name: String,
        /// The names that may be meant, or that there are.
        hint: Option<String>,
    },
    /// There are too many columns.
    Columns {
        /// How many.
        count: u64,
        /// How many there may be.
        most: u64,
    },
    /// No thread could be made.
    Thread(io::Error),
    /// A thread has panicked, which is a bug.
    Panic,
    /// The text.
    Load(LoadError),
    /// The file or the segment.
    Exchange(ExchangeError),
    /// Something else.
    Core(Error),
}

impl DescribeError {
    /// The stable code of this error, see [`code`].
    #[must_use]
    pub fn code(&self) -> i32 {
        match self {
            Self::NoColumn { .. } | Self::Columns { .. } => Error::Argument.code(),
            Self::Thread(error) => os(error).code(),
            Self::Panic => code::PANIC,
            Self::Load(error) => error.code(),
            Self::Exchange(error) => error.code(),
            Self::Core(error) => error.code(),
        }
    }

    /// The `errno` behind it, 0 if none.
    #[must_use]
    pub fn errno(&self) -> i32 {
        match self {
            Self::Thread(error) => os(error).errno(),
            Self::Load(error) => error.errno(),
            Self::Exchange(error) => error.errno(),
            Self::Core(error) => error.errno(),
            _ => 0,
        }
    }
}

fn os(error: &io::Error) -> Error {
    Error::Os { call: "clone", errno: error.raw_os_error().unwrap_or(0) }
}

impl fmt::Display for DescribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoColumn { name, hint } => {
                write!(f, "no column is named '{name}'")?;
                hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
            }
            Self::Columns { count, most } => {
                write!(f, "{count} columns are too many: at most {most} are described")
            }
            Self::Thread(error) => write!(f, "no thread could be made: {error}"),
            Self::Panic => f.write_str("a thread has ended before its work: a bug"),
            Self::Load(error) => error.fmt(f),
            Self::Exchange(error) => error.fmt(f),
            Self::Core(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for DescribeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Thread(error) => Some(error),
            Self::Load(error) => error.source(),
            Self::Exchange(error) => error.source(),
            _ => None,
        }
    }
}

impl From<Error> for DescribeError {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl From<ExchangeError> for DescribeError {
    fn from(error: ExchangeError) -> Self {
        Self::Exchange(error)
    }
}

impl From<LoadError> for DescribeError {
    /// An error of the sink comes back as what it was.
    fn from(error: LoadError) -> Self {
        error.of_sink().unwrap_or_else(Self::Load)
    }
}

pub(super) fn boxed(error: DescribeError) -> SinkError {
    Box::new(error)
}
