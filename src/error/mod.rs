//! What can go wrong, as one `Copy` value with a stable negative code.
//!
//! Everybody may import this module; it imports nothing. The core never
//! formats: an [`Error`] carries small numbers, and its `Display` makes the
//! sentence where somebody wants to read one. Codes are grouped with gaps; a
//! number that was ever released is never used again for something else.

#[cfg(feature = "std")]
pub mod code;
mod dtype;
mod segment;

pub use dtype::DTypeFault;
pub use segment::{HeaderPart, NameFault};

use core::fmt;

/// Result of a core operation.
pub type Result<T> = core::result::Result<T, Error>;

/// An error of the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// An argument is out of its documented range.
    Argument,
    /// A size or an offset does not fit the machine.
    Overflow,
    /// A system call failed.
    Os {
        /// The system call, by its POSIX or Linux name.
        call: &'static str,
        /// The `errno` it left.
        errno: i32,
    },

    /// The text is not a segment name.
    Name(NameFault),
    /// A live or persistent segment has this name.
    Exists,
    /// No segment has this name.
    NotFound,
    /// The segment is there, its data is not complete yet.
    NotReady,
    /// Another process holds the segment's lock exclusively.
    Busy,
    /// The object under this name was not made by ndshm.
    NotNdshm,
    /// The segment needs a newer reader.
    TooNew {
        /// Major format version found.
        major: u16,
        /// Minor format version found.
        minor: u16,
    },
    /// The segment was written by a machine of the other byte order.
    Endian,
    /// The object is shorter than its header says.
    Truncated {
        /// Bytes the header asks for.
        need: u64,
        /// Bytes the object has.
        have: u64,
    },
    /// The header contradicts itself.
    Corrupt(HeaderPart),
    /// Shared memory is full.
    NoSpace {
        /// Bytes asked for.
        need: u64,
        /// Bytes free when it failed.
        free: u64,
    },
    /// The owner's permissions do not allow it.
    Permission,
    /// The creator died before the data was complete.
    CreatorDied,
    /// The mapping is read-only.
    ReadOnly,
    /// The memory behind a descriptor is not sealed: somebody could shorten it.
    Unsealed,

    /// The text does not describe a dtype.
    DType {
        /// Byte of the text at which it went wrong.
        at: u32,
        /// What is wrong there.
        fault: DTypeFault,
    },
    /// The caller's dtype tables are too small.
    DTypeSpace,
    /// The elements are of another type than the one asked for.
    DTypeDiffers,
    /// The dtype has no text form that this reader knows.
    NotText {
        /// Node of the dtype table that has none.
        node: u32,
    },
    /// What missing values of a column are to become is no value of it.
    Fill {
        /// The column, counted in the result from 0; [`u32::MAX`] if the fill is for all
        /// columns and is a value of none.
        slot: u32,
    },
}

impl Error {
    /// The stable code of this error, as the C API returns it.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Argument => -1,
            Self::Overflow => -2,
            Self::Os { .. } => -3,
            Self::Name(_) => -10,
            Self::Exists => -11,
            Self::NotFound => -12,
            Self::NotReady => -13,
            Self::Busy => -14,
            Self::NotNdshm => -15,
            Self::TooNew { .. } => -16,
            Self::Endian => -17,
            Self::Truncated { .. } => -18,
            Self::Corrupt(_) => -19,
            Self::NoSpace { .. } => -20,
            Self::Permission => -21,
            Self::CreatorDied => -22,
            Self::ReadOnly => -23,
            Self::Unsealed => -24,
            Self::DType { .. } => -40,
            Self::DTypeSpace => -41,
            Self::NotText { .. } => -42,
            Self::DTypeDiffers => -43,
            Self::Fill { .. } => -44,
        }
    }

    /// The `errno` behind it, 0 if none.
    #[must_use]
    pub const fn errno(self) -> i32 {
        match self {
            Self::Os { errno, .. } => errno,
            _ => 0,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Argument => f.write_str("argument out of range"),
            Self::Overflow => f.write_str("size does not fit this machine"),
            Self::Os { call, errno } => write!(f, "{call} failed (errno {errno})"),
            Self::Name(fault) => write!(f, "{fault}"),
            Self::Exists => f.write_str("a segment of this name exists"),
            Self::NotFound => f.write_str("no segment of this name"),
            Self::NotReady => f.write_str("segment is not ready: its data is still being written"),
            Self::Busy => f.write_str("segment is locked by another process"),
            Self::NotNdshm => f.write_str("not an ndshm segment"),
            Self::TooNew { major, minor } => {
                write!(f, "segment has format {major}.{minor}, newer than this library reads")
            }
            Self::Endian => f.write_str("segment was written in the other byte order"),
            Self::Truncated { need, have } => {
                write!(f, "segment is truncated: {have} bytes where {need} are needed")
            }
            Self::Corrupt(part) => write!(f, "segment header is corrupt ({part})"),
            Self::NoSpace { need, free } => {
                write!(f, "shared memory is full: {need} bytes needed, {free} free")
            }
            Self::Permission => f.write_str("permission denied"),
            Self::CreatorDied => {
                f.write_str("segment was abandoned: its creator died before the data was complete")
            }
            Self::ReadOnly => f.write_str("mapping is read-only"),
            Self::Unsealed => f.write_str("memory is not sealed: somebody could shorten it"),
            Self::DType { at, fault } => write!(f, "bad dtype at byte {at}: {fault}"),
            Self::DTypeSpace => f.write_str("dtype has more fields than the tables given for it"),
            Self::DTypeDiffers => {
                f.write_str("elements are of another type than the one asked for")
            }
            Self::NotText { .. } => f.write_str("this type cannot be read from text"),
            Self::Fill { slot: u32::MAX } => {
                f.write_str("the fill for missing values is not a value of any column")
            }
            Self::Fill { slot } => {
                write!(f, "the fill for missing values of column {slot} is not a value of it")
            }
        }
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_negative_and_distinct() {
        let all = [
            Error::Argument,
            Error::Overflow,
            Error::Os { call: "open", errno: 1 },
            Error::Name(NameFault::Empty),
            Error::Exists,
            Error::NotFound,
            Error::NotReady,
            Error::Busy,
            Error::NotNdshm,
            Error::TooNew { major: 9, minor: 0 },
            Error::Endian,
            Error::Truncated { need: 2, have: 1 },
            Error::Corrupt(HeaderPart::Checksum),
            Error::NoSpace { need: 2, free: 1 },
            Error::Permission,
            Error::CreatorDied,
            Error::ReadOnly,
            Error::Unsealed,
            Error::DType { at: 0, fault: DTypeFault::Empty },
            Error::DTypeSpace,
            Error::DTypeDiffers,
            Error::NotText { node: 0 },
            Error::Fill { slot: 0 },
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(a.code() < 0);
            assert!(all[..i].iter().all(|b| a.code() != b.code()), "{a:?}");
        }
    }
}
