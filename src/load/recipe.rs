//! What a load is about, as parent and workers both need it: owned, unchanged
//! from the fork on.

use std::ffi::CString;
use std::string::{String, ToString};
use std::vec::Vec;

use super::decode::Encoding;
use super::error::{LoadError, Result};
use super::options::{ColumnRef, Comments, Options};
use super::ring::Ring;
use crate::dtype::DType;
use crate::dtype_buf::DTypeBuf;
use crate::error::Error;
use crate::text::{
    self, Column, Dialect, Format, Outline, Plan, PlanOptions, Unicode, columns_needed,
};

/// A compiled dtype with everything that its plan refers to.
#[derive(Debug)]
pub(super) struct Compiled {
    dtype: DTypeBuf,
    outline: Outline,
    format: OwnFormat,
    columns: Vec<Column>,
    usecols: Option<Vec<i32>>,
}

impl Compiled {
    pub(super) fn new(dtype: DType<'_>, unicode: Unicode, options: &Options) -> Result<Self> {
        refuse_unfinished(options)?;
        let format = OwnFormat::new(options)?;
        let given = indexes(options)?;
        let usecols = given.as_deref();
        let mut columns = column_storage(dtype, usecols)?;
        let plan_options =
            PlanOptions { format: format.get(), unicode, usecols, ..PlanOptions::default() };
        let plan = Plan::compile(dtype, &plan_options, &mut columns)
            .map_err(|error| plan_error(error, dtype, usecols))?;
        let outline = Outline::of(&plan);
        let dtype = DTypeBuf::copy_of(dtype)?;
        Ok(Self { dtype, outline, format, columns, usecols: given })
    }

    /// How a row is read.
    pub(super) fn plan(&self) -> Plan<'_> {
        let (format, usecols) = (self.format.get(), self.usecols.as_deref());
        self.outline.plan(&PlanOptions { format, usecols, ..PlanOptions::default() }, &self.columns)
    }

    pub(super) fn dtype(&self) -> DType<'_> {
        self.dtype.as_dtype()
    }
}

/// The format that options describe, with the text that it borrows.
#[derive(Debug, Clone)]
pub(super) struct OwnFormat {
    dialect: Dialect<'static>,
    /// Comment strings, parted by line ends.
    strings: Option<String>,
}

impl OwnFormat {
    pub(super) fn new(options: &Options) -> Result<Self> {
        let decimal = u8::try_from(u32::from(options.decimal)).map_err(|_| LoadError::Format)?;
        let (comments, strings) = comments(&options.comments)?;
        let dialect = Dialect {
            delimiter: options.delimiter,
            comments,
            quote: options.quote,
            decimal,
            encoding: core_encoding(options.encoding),
        };
        let own = Self { dialect, strings };
        Format::new(own.dialect()).map_err(|_| LoadError::Format)?;
        Ok(own)
    }

    fn dialect(&self) -> Dialect<'_> {
        match self.strings.as_deref() {
            Some(list) => Dialect { comments: text::Comments::Strings(list), ..self.dialect },
            None => self.dialect,
        }
    }

    pub(super) fn get(&self) -> Format<'_> {
        // It was one when it was checked.
        Format::new(self.dialect()).unwrap_or_default()
    }
}

/// One string of one character is a comment character, as NumPy has it.
fn comments(given: &Comments) -> Result<(text::Comments<'static>, Option<String>)> {
    let list = match given {
        Comments::None => return Ok((text::Comments::None, None)),
        Comments::Char(c) => return Ok((text::Comments::Char(*c), None)),
        Comments::Strings(list) => list,
    };
    if list.iter().any(|string| string.is_empty() || string.contains(['\n', '\r'])) {
        return Err(LoadError::Format);
    }
    let mut first = list.first().map(|string| string.chars()).into_iter().flatten();
    Ok(match (list.len(), first.next(), first.next()) {
        (0, ..) => (text::Comments::None, None),
        (1, Some(c), None) => (text::Comments::Char(c), None),
        _ => (text::Comments::None, Some(list.join("\n"))),
    })
}

/// What workers see: every other encoding is made UTF-8 before.
const fn core_encoding(encoding: Encoding) -> text::Encoding {
    match encoding {
        Encoding::Latin1 => text::Encoding::Latin1,
        Encoding::Ascii => text::Encoding::Ascii,
        _ => text::Encoding::Utf8,
    }
}

/// What can be asked for, and is not there yet.
fn refuse_unfinished(options: &Options) -> Result<()> {
    let what = options
        .header
        .then_some("a header")
        .or((!options.missing.is_empty()).then_some("missing values"))
        .or((!options.fill.is_empty()).then_some("values for missing ones"));
    what.map_or(Ok(()), |what| Err(LoadError::Unsupported { what }))
}

/// The columns asked for by their places.
fn indexes(options: &Options) -> Result<Option<Vec<i32>>> {
    let index = |column: &ColumnRef| match column {
        ColumnRef::Index(index) => Ok(*index),
        ColumnRef::Name(_) => Err(LoadError::Unsupported { what: "a column by its name" }),
    };
    options.usecols.as_ref().map(|list| list.iter().map(index).collect()).transpose()
}

/// What workers work by.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) compiled: Compiled,
    /// Paths of the inputs; empty for streams.
    pub(super) paths: Vec<CString>,
    pub(super) ring: Ring,
}

pub(super) fn column_storage(dtype: DType<'_>, usecols: Option<&[i32]>) -> Result<Vec<Column>> {
    let count = columns_needed(dtype, usecols)?;
    let mut columns = Vec::new();
    columns.try_reserve_exact(count).map_err(|_| Error::Overflow)?;
    columns.resize(count, Column::default());
    Ok(columns)
}

fn plan_error(error: Error, dtype: DType<'_>, usecols: Option<&[i32]>) -> LoadError {
    match error {
        Error::NotText { node } => {
            let field = dtype.field_at(node);
            LoadError::NoTextForm { field: String::from(field.name()), dtype: field.to_string() }
        }
        Error::Argument => LoadError::Usecols {
            given: usecols.map_or(0, <[i32]>::len),
            fields: dtype.leaf_count(),
        },
        other => LoadError::Core(other),
    }
}
