//! Reasons that belong to segments: their names and their headers.

use core::fmt;

/// Why a text is not a segment name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameFault {
    /// No text at all.
    Empty,
    /// More bytes than a name may have.
    TooLong,
    /// A slash, a NUL or another control character.
    Character,
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "segment name is empty",
            Self::TooLong => "segment name is longer than 200 bytes",
            Self::Character => "segment name holds a slash or a control character",
        })
    }
}

/// The part of a header that does not hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderPart {
    /// The fixed part's own lengths.
    Lengths,
    /// The checksum over everything that never changes.
    Checksum,
    /// The state word.
    State,
    /// The policy or its expiry.
    Policy,
    /// The number of dimensions or an extent.
    Shape,
    /// A stride leaves the data.
    Strides,
    /// The dtype table.
    DType,
    /// The place of the data.
    Data,
}

impl fmt::Display for HeaderPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lengths => "lengths",
            Self::Checksum => "checksum",
            Self::State => "state",
            Self::Policy => "policy",
            Self::Shape => "shape",
            Self::Strides => "strides",
            Self::DType => "dtype",
            Self::Data => "data offset",
        })
    }
}
