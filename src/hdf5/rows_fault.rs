//! Why a dataset that is there cannot get more rows.

use core::fmt;
use std::string::String;

use crate::error::code;

/// Why rows cannot be added to a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowsFault {
    /// The file has no object of this name.
    NotThere,
    /// A link by name, or to another file, is on the way.
    Link,
    /// It is a group, and none of a table's columns.
    Group,
    /// Another name leads to the same dataset.
    Twice {
        /// That name.
        other: String,
    },
    /// It has no chunks.
    Contiguous,
    /// It is a single element.
    Single,
    /// Its elements are arrays.
    Array,
    /// It has as many rows as it may have.
    Full {
        /// How many.
        most: u64,
    },
    /// Its chunks are packed in a way that is not written here.
    Filter {
        /// The filter.
        name: String,
    },
    /// Its filters follow one another in an unusual order.
    Order {
        /// The filter that comes too late.
        name: String,
    },
    /// Its chunks at the edges are not packed.
    Edges,
    /// PyTables keeps an index of it.
    Index,
    /// A column's dataset is not like those of the other columns.
    Column {
        /// The column.
        name: String,
    },
    /// A text is padded with blanks.
    Blanks {
        /// The field; empty for the whole element.
        field: String,
    },
    /// A text is UTF-8, and nothing says of how many characters.
    Utf8 {
        /// The field; empty for the whole element.
        field: String,
    },
    /// Its first axis has a scale that does not grow with it.
    Scale {
        /// The path of the scale.
        scale: String,
    },
    /// Its first axis has a scale that has grown by another number of rows.
    ScaleRows {
        /// The path of the scale.
        scale: String,
        /// Rows of the dataset.
        own: u64,
        /// Rows of the scale.
        have: u64,
    },
    /// Its last chunk cannot be read.
    Broken,
}

impl RowsFault {
    /// The stable code.
    pub(super) const fn code(&self) -> i32 {
        match self {
            Self::NotThere | Self::Link | Self::Twice { .. } => code::DATASET_NAME,
            Self::Broken => code::INPUT,
            _ => code::TARGET,
        }
    }
}

/// A field for a message.
fn of_field(field: &str) -> String {
    if field.is_empty() { String::new() } else { std::format!(" in field '{field}'") }
}

impl fmt::Display for RowsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere => {
                f.write_str("the file has no such dataset that rows could be added to")
            }
            Self::Link => f.write_str(
                "a link leads to it by a name or from another file: give the dataset's own path",
            ),
            Self::Group => f.write_str(
                "is a group, and not one with a dataset for each column (layout columns)",
            ),
            Self::Twice { other } => write!(f, "is the same dataset as '{other}'"),
            Self::Contiguous => f.write_str(
                "has no chunks, so it cannot grow: make it with layout chunked, or with maxshape",
            ),
            Self::Single => f.write_str("is a single value, and has no rows"),
            Self::Array => {
                f.write_str("has elements that are arrays, which no rows of text become")
            }
            Self::Full { most } => write!(
                f,
                "can have {most} rows and no more: make it without such a limit (maxshape None)"
            ),
            Self::Filter { name } => write!(
                f,
                "is packed with {name}, which is not written here: gzip, zstd, shuffle and \
                 fletcher32 are; h5repack changes it"
            ),
            Self::Order { name } => write!(
                f,
                "has the filter {name} behind others that it should come before (shuffle, then \
                 gzip or zstd, then fletcher32); h5repack changes it"
            ),
            Self::Edges => f.write_str(
                "does not pack the chunks at its edges, which is not written here; h5repack \
                 changes it",
            ),
            Self::Index => f.write_str(
                "PyTables keeps an index of its columns, which would not know the new rows: \
                 remove the index, and make it again afterwards",
            ),
            Self::Column { name } => write!(
                f,
                "the dataset of column '{name}' differs from the group's dtype, or from the others \
                 in its extents, chunks or filters"
            ),
            Self::Blanks { field } => write!(
                f,
                "its texts{} are padded with blanks, which is not written here",
                of_field(field)
            ),
            Self::Utf8 { field } => write!(
                f,
                "its texts{} are UTF-8 of so many bytes, and nothing says how many characters \
                 (the attribute ndshm_dtype)",
                of_field(field)
            ),
            Self::Scale { scale } => write!(
                f,
                "its first axis has the dimension scale '{scale}', which would not grow with it: \
                 add its rows before, or in the same run"
            ),
            Self::ScaleRows { scale, own, have } => write!(
                f,
                "it has {own} rows now, and its dimension scale '{scale}' {have}: both need as many"
            ),
            Self::Broken => f.write_str("its last chunk cannot be read: is the file damaged?"),
        }
    }
}
