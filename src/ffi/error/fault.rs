//! Why a call fails, as the layers say it to the boundary.

use core::fmt;

use super::{
    NDSHM_ERR_ARGUMENT, NDSHM_ERR_HANDLE, NDSHM_ERR_NO_FIELD, NDSHM_NO_INPUT, NDSHM_NO_PLACE,
};
use crate::error::Error;

/// Why a call fails: an error of the core, or one of the boundary itself. The
/// text names the argument as the header does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ffi) enum Fault {
    Core(Error),
    Null(&'static str),
    Range(&'static str),
    Utf8(&'static str),
    StructSize(&'static str),
    UnknownFields(&'static str),
    NotOpen(&'static str),
    NotDraft,
    NotPublished,
    NoField,
    /// What an argument says does not go with another: the argument, and why.
    #[cfg(feature = "std")]
    Conflict(&'static str, &'static str),
    /// A callback returned this.
    Stopped(i32),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

/// What a record says of an error. The core's are [`Fault`]s; those of the
/// layers above, which own memory, implement it where their functions are.
pub(in crate::ffi) trait Failure: fmt::Display {
    /// The status of the call: negative, and stable.
    fn code(&self) -> i32;

    /// The `errno` behind it, 0 if none.
    fn errno(&self) -> i32 {
        0
    }

    /// Where in the input it went wrong.
    fn place(&self) -> Place {
        Place::NONE
    }

    /// What is wrong with a row.
    fn row_fault(&self) -> RowFault<'_> {
        RowFault::NONE
    }
}

/// Where it went wrong, in the words of [`ndshm_error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ffi) struct Place {
    pub(in crate::ffi) input: u32,
    pub(in crate::ffi) line: u64,
    pub(in crate::ffi) row: u64,
    pub(in crate::ffi) byte: u64,
    pub(in crate::ffi) column: u32,
}

impl Place {
    pub(in crate::ffi) const NONE: Self = Self {
        input: NDSHM_NO_INPUT,
        line: 0,
        row: NDSHM_NO_PLACE,
        byte: NDSHM_NO_PLACE,
        column: 0,
    };
}

/// What is wrong with a row, in the words of [`ndshm_error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ffi) struct RowFault<'a> {
    pub(in crate::ffi) kind: u32,
    pub(in crate::ffi) wanted: i64,
    pub(in crate::ffi) found: i64,
    pub(in crate::ffi) text: &'a str,
    pub(in crate::ffi) dtype: &'a str,
}

impl RowFault<'_> {
    pub(in crate::ffi) const NONE: Self =
        Self { kind: 0, wanted: 0, found: 0, text: "", dtype: "" };
}

impl Failure for Fault {
    fn code(&self) -> i32 {
        match *self {
            Self::Core(error) => error.code(),
            Self::Null(_)
            | Self::Range(_)
            | Self::Utf8(_)
            | Self::StructSize(_)
            | Self::UnknownFields(_) => NDSHM_ERR_ARGUMENT,
            #[cfg(feature = "std")]
            Self::Conflict(..) => NDSHM_ERR_ARGUMENT,
            Self::NotOpen(_) | Self::NotDraft | Self::NotPublished => NDSHM_ERR_HANDLE,
            Self::NoField => NDSHM_ERR_NO_FIELD,
            Self::Stopped(status) => status,
        }
    }

    fn errno(&self) -> i32 {
        match self {
            Self::Core(error) => error.errno(),
            _ => 0,
        }
    }

    fn place(&self) -> Place {
        match *self {
            Self::Core(Error::DType { at, .. }) => Place { byte: at.into(), ..Place::NONE },
            _ => Place::NONE,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, trouble) = match *self {
            Self::Core(error) => return error.fmt(f),
            Self::Null(what) => (what, " is NULL"),
            Self::Range(what) => (what, " is out of range"),
            Self::Utf8(what) => (what, " is not UTF-8"),
            #[cfg(feature = "std")]
            Self::Conflict(what, why) => (what, why),
            Self::StructSize(what) => (what, ": struct_size is not the size of the struct"),
            Self::UnknownFields(what) => (what, " uses fields that this library does not know"),
            Self::NotOpen(what) => (what, " is not open"),
            Self::NotDraft => ("segment", " is published already"),
            Self::NotPublished => ("segment", " is not published yet"),
            Self::NoField => ("record", " has no such field"),
            Self::Stopped(_) => ("callback", " stopped the call"),
        };
        f.write_str(what)?;
        f.write_str(trouble)
    }
}
