//! Why rows are not found.

use core::fmt;
use core::ops::Range;
use std::boxed::Box;
use std::string::String;

use crate::error::Error;
use crate::exchange::ExchangeError;
use crate::load::{LoadError, SinkError};

/// Result of a look.
pub type Result<T> = core::result::Result<T, LookError>;

/// Why there are no rows.
#[derive(Debug)]
#[non_exhaustive]
pub enum LookError {
    /// A condition that is none, or does not fit the columns.
    Condition(ConditionError),
    /// There is no such column.
    Column {
        /// What is wrong.
        what: String,
        /// What to try.
        hint: Option<String>,
    },
    /// A row is too large to be held.
    Row {
        /// Its bytes.
        bytes: u64,
        /// How many there may be.
        most: u64,
    },
    /// The text.
    Load(LoadError),
    /// The file or the segment.
    Exchange(ExchangeError),
    /// Something else.
    Core(Error),
}

/// What is wrong with a condition, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionError {
    /// The condition.
    pub condition: String,
    /// Which of its characters are meant; none at its end.
    pub at: Range<usize>,
    /// What is wrong with them.
    pub what: String,
    /// What to try.
    pub hint: Option<String>,
    /// It is about the types of columns, and may be right with other ones.
    pub(super) by_type: bool,
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl core::error::Error for ConditionError {}

impl fmt::Display for LookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Condition(error) => error.fmt(f),
            Self::Column { what, .. } => f.write_str(what),
            Self::Row { bytes, most } => {
                write!(f, "a row has {bytes} bytes, and at most {most} are held")
            }
            Self::Load(error) => error.fmt(f),
            Self::Exchange(error) => error.fmt(f),
            Self::Core(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for LookError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Load(error) => error.source(),
            Self::Exchange(error) => error.source(),
            _ => None,
        }
    }
}

impl From<ConditionError> for LookError {
    fn from(error: ConditionError) -> Self {
        Self::Condition(error)
    }
}

impl From<Error> for LookError {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl From<ExchangeError> for LookError {
    fn from(error: ExchangeError) -> Self {
        Self::Exchange(error)
    }
}

impl From<LoadError> for LookError {
    /// An error of the sink comes back as what it was.
    fn from(error: LoadError) -> Self {
        error.of_sink().unwrap_or_else(Self::Load)
    }
}

pub(super) fn boxed(error: LookError) -> SinkError {
    Box::new(error)
}
