//! What can go wrong with a map, as a whole and with one item.

use core::fmt;

use super::Failed;
use crate::error::{Error, code};
use crate::sys::Ended;

/// Result of this module.
pub type Result<T> = core::result::Result<T, MapError>;

/// Why a map does not run, or stops running.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapError {
    /// Workers cannot be forked: the process has threads, or might have.
    Threads,
    /// An exec'd worker could not find the function: it has no name here.
    NoName,
    /// Workers die, or do not know the function, before they get an item.
    Start(Ended),
    /// Every worker died, and no other one can be forked: the process has threads
    /// now.
    NoWorkers,
    /// An error of the core.
    Core(Error),
}

impl MapError {
    /// The stable code of this error, as the C API returns it.
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::Threads | Self::NoName => code::THREADS,
            Self::Start(_) | Self::NoWorkers => code::MAP_START,
            Self::Core(error) => error.code(),
        }
    }

    /// The `errno` behind it, 0 if none.
    #[must_use]
    pub const fn errno(&self) -> i32 {
        match self {
            Self::Core(error) => error.errno(),
            _ => 0,
        }
    }
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threads => f.write_str(
                "the process has threads, so its workers cannot be forked: call ndshm_map_serve \
                 first in main",
            ),
            Self::NoName => f.write_str(
                "workers that are started by exec do not know the function: give it to \
                 ndshm_map_serve first in main",
            ),
            Self::Start(how) => write!(
                f,
                "workers end before they get an item ({}): is ndshm_map_serve the first call in \
                 main?",
                *how
            ),
            Self::NoWorkers => {
                f.write_str("every worker died, and the process has threads now: no fork is left")
            }
            Self::Core(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for MapError {}

impl From<Error> for MapError {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

/// Why there is no result for an item.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The function says so.
    Function(Failed),
    /// Two workers died of it; how the second one did.
    Died(Ended),
    /// The result is there, but cannot be attached.
    Attach(Error),
}

impl Fault {
    /// The stable code of this error, as the C API returns it.
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::Function(failed) => failed.code,
            Self::Died(_) => code::MAP_DIED,
            Self::Attach(error) => error.code(),
        }
    }

    /// The `errno` behind it, 0 if none.
    #[must_use]
    pub const fn errno(&self) -> i32 {
        match self {
            Self::Function(failed) => failed.os_errno,
            Self::Died(_) => 0,
            Self::Attach(error) => error.errno(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(failed) => write!(f, "{failed}"),
            Self::Died(how) => write!(f, "its worker died twice ({})", *how),
            Self::Attach(error) => write!(f, "the result cannot be attached: {error}"),
        }
    }
}

impl core::error::Error for Fault {}
