//! Types that are found by looking at the text: of whole rows, or of what a dtype leaves open.
//!
//! A sample of the text says what the types are at least. Rows are parsed as these, and a
//! field that is more than that is a conflict: then all workers look at the whole text, which
//! says exactly what the types are, and the load begins again. So whatever the sample was,
//! the result is that of the whole text.

mod found;
mod open;
mod sample;
mod spool;

pub(super) use found::{Merge, Types, dtype_of, record};
pub use open::OpenType;
pub(super) use sample::{PLACES, Sample, first_bytes};
pub(super) use spool::Spool;
pub use spool::Spooled;

use crate::dtype::DType;
use crate::dtype_buf::DTypeBuf;
use crate::error::Result;

/// What the rows are to be.
#[derive(Debug)]
pub enum RowType {
    /// Of this type.
    Fixed(DTypeBuf),
    /// Of this type; a text or a time that does not fit it is an error and not cut.
    Exact(DTypeBuf),
    /// Of this type, with the widths and units that the text needs.
    Open(OpenType),
    /// Of the type that the text shows: for each column the first of the words true and false
    /// (`?`), integers (`i8`, `u8` if only that holds them), numbers (`f8`) and strings (`S`
    /// as wide as the longest, `U` if there is a character beyond ASCII) that fits all of its
    /// fields. Where a field is empty or stands for a missing value, integers become `f8`,
    /// unless there is a fill for the column. Columns of one type that is no string, without
    /// names, are a table of that type, else a record.
    Auto,
}

impl RowType {
    /// Reads the text of a dtype, see [`parse`](crate::dtype::parse), in which strings may
    /// have no width (`S`, `U`) and datetimes no unit (`M8`); or the word `auto`.
    ///
    /// # Errors
    /// [`Error::DType`](crate::error::Error::DType) with the byte of the text where it went
    /// wrong.
    pub fn parse(text: &str) -> Result<Self> {
        if text.trim() == "auto" {
            return Ok(Self::Auto);
        }
        let open = OpenType::parse(text)?;
        if open.is_open() { Ok(Self::Open(open)) } else { DTypeBuf::parse(text).map(Self::Fixed) }
    }

    /// The same, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> RowTypeRef<'_> {
        match self {
            Self::Fixed(dtype) => RowTypeRef::Fixed(dtype.as_dtype()),
            Self::Exact(dtype) => RowTypeRef::Exact(dtype.as_dtype()),
            Self::Open(open) => RowTypeRef::Open(open),
            Self::Auto => RowTypeRef::Auto,
        }
    }
}

/// A borrowed [`RowType`].
#[derive(Debug, Clone, Copy)]
pub enum RowTypeRef<'t> {
    /// [`RowType::Fixed`].
    Fixed(DType<'t>),
    /// [`RowType::Exact`].
    Exact(DType<'t>),
    /// [`RowType::Open`].
    Open(&'t OpenType),
    /// [`RowType::Auto`].
    Auto,
}

impl RowTypeRef<'_> {
    /// A copy that owns what it refers to.
    ///
    /// # Errors
    /// As for [`DTypeBuf::copy_of`].
    pub fn to_owned(self) -> Result<RowType> {
        Ok(match self {
            Self::Fixed(dtype) => RowType::Fixed(DTypeBuf::copy_of(dtype)?),
            Self::Exact(dtype) => RowType::Exact(DTypeBuf::copy_of(dtype)?),
            Self::Open(open) => RowType::Open(open.clone()),
            Self::Auto => RowType::Auto,
        })
    }
}

impl<'t> From<DType<'t>> for RowTypeRef<'t> {
    fn from(dtype: DType<'t>) -> Self {
        Self::Fixed(dtype)
    }
}

impl<'t> From<&'t RowType> for RowTypeRef<'t> {
    fn from(rows: &'t RowType) -> Self {
        rows.as_ref()
    }
}
