//! Why a dtype is refused, as text or as a table.

use core::fmt;

/// What is wrong with a dtype.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DTypeFault {
    /// No text, or a record without fields.
    Empty,
    /// Another character was expected here.
    Syntax,
    /// No such type.
    UnknownType,
    /// The type's size does not exist or is missing.
    Size,
    /// A record or a subarray is larger than 2 GiB.
    TooLarge,
    /// A field's name is empty, too long, or not text.
    Name,
    /// Two fields of one record have the same name.
    DuplicateName,
    /// A field lies outside its record, or offsets do not match the fields.
    Offset,
    /// A subarray has a zero or too many dimensions.
    Subarray,
    /// No such datetime unit.
    Unit,
    /// Records are nested too deeply.
    Depth,
    /// More than 65,535 fields.
    TooManyFields,
    /// Python objects, or another type that cannot leave its process.
    Unshareable,
    /// Text goes on behind the end of the dtype.
    Trailing,
    /// A table of nodes contradicts itself or its pools.
    Table,
}

impl fmt::Display for DTypeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no type and no field",
            Self::Syntax => "unexpected character",
            Self::UnknownType => "unknown type",
            Self::Size => "no such size for this type",
            Self::TooLarge => "larger than 2 GiB",
            Self::Name => "field name is empty, too long or not text",
            Self::DuplicateName => "two fields have this name",
            Self::Offset => "offsets and itemsize do not fit the fields",
            Self::Subarray => "bad subarray shape",
            Self::Unit => "unknown datetime unit",
            Self::Depth => "records are nested too deeply",
            Self::TooManyFields => "more than 65535 fields",
            Self::Unshareable => "a type that cannot be shared between processes",
            Self::Trailing => "text behind the end of the dtype",
            Self::Table => "table of fields contradicts itself",
        })
    }
}
