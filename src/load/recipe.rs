//! What a load is about, as parent and workers both need it: owned, unchanged
//! from the fork on.

use std::ffi::CString;
use std::string::{String, ToString};
use std::vec::Vec;

use super::auto::Types;
use super::columns::{self, Gap, Layout};
use super::decode::Encoding;
use super::error::{LoadError, Result};
use super::header::Header;
use super::options::{Comments, Options};
use super::ring::Ring;
use super::worker::table_size;
use crate::dtype::{DType, Kind};
use crate::dtype_buf::DTypeBuf;
use crate::error::Error;
use crate::text::{
    self, Column, Dialect, Format, Found, MissingTable, Outline, Plan, PlanOptions, Role, Unicode,
    columns_needed,
};

/// What a pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// Rows.
    Load,
    /// Rows, of types that were found in a part of the text and may turn out to be wrong.
    Guess,
    /// No rows, but the types that they can have.
    Look,
}

/// What rows are compiled from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blueprint<'a> {
    pub(super) dtype: DType<'a>,
    /// What of the dtype was found in the text.
    pub(super) found: Found<'a>,
    /// All of it: empty fields are missing values, and the number of fields is the text's.
    pub(super) auto: bool,
    pub(super) aim: Aim,
    /// What missing values of all columns become counts.
    pub(super) common_fill: bool,
    pub(super) unicode: Unicode,
    pub(super) options: &'a Options,
    pub(super) header: Option<&'a Header>,
}

/// A compiled dtype with everything that its plan refers to.
#[derive(Debug)]
pub(super) struct Compiled {
    dtype: DTypeBuf,
    outline: Outline,
    format: OwnFormat,
    columns: Vec<Column>,
    usecols: Option<Vec<i32>>,
    /// Texts for missing values, and the table of them.
    pub(super) gaps: Vec<Gap>,
    missing: Vec<u8>,
}

impl Compiled {
    pub(super) fn new(from: &Blueprint<'_>) -> Result<Self> {
        let Blueprint { dtype, options, header, .. } = *from;
        let format = OwnFormat::new(options)?;
        let usecols = columns::usecols(options, header)?;
        let gaps = gaps(from, usecols.as_deref())?;
        let missing = columns::table(&gaps)?;
        let mut columns = column_storage(dtype, usecols.as_deref())?;
        let plan_options = PlanOptions {
            format: format.get(),
            unicode: from.unicode,
            usecols: usecols.as_deref(),
            found: from.found,
            missing: MissingTable::built(&missing),
            guessed: from.aim == Aim::Guess,
            counted: from.auto && header.is_none() && usecols.is_none() && dtype.is_record(),
        };
        let plan = Plan::compile(dtype, &plan_options, &mut columns)
            .map_err(|error| plan_error(error, dtype, usecols.as_deref(), &gaps))?;
        let outline = Outline::of(&plan);
        let dtype = DTypeBuf::copy_of(dtype)?;
        Ok(Self { dtype, outline, format, columns, usecols, gaps, missing })
    }

    /// How a row is read.
    pub(super) fn plan(&self) -> Plan<'_> {
        let options = PlanOptions {
            format: self.format.get(),
            usecols: self.usecols.as_deref(),
            missing: MissingTable::built(&self.missing),
            ..PlanOptions::default()
        };
        self.outline.plan(&options, &self.columns)
    }

    pub(super) fn dtype(&self) -> DType<'_> {
        self.dtype.as_dtype()
    }
}

/// The texts for missing values. Where types are found, an empty field is one, and what
/// missing values of all columns become is for numbers: a string that is missing is empty,
/// if its column has no fill of its own.
fn gaps(from: &Blueprint<'_>, usecols: Option<&[i32]>) -> Result<Vec<Gap>> {
    let &Blueprint { dtype, options, header, .. } = from;
    let count = header.map(|header| header.names().len() as u32);
    let count = count.or_else(|| {
        let all = dtype.is_record() && usecols.is_none();
        all.then(|| u32::try_from(dtype.leaf_count()).unwrap_or(u32::MAX))
    });
    let mut gaps = Layout { dtype, header, usecols, count }.gaps(options)?;
    if !from.common_fill {
        gaps.retain(|gap| gap.role != Role::Fill || gap.slot.is_some());
    }
    if from.auto {
        gaps.push(Gap { slot: None, role: Role::Marker, text: String::new() });
        let has_common = gaps.iter().any(|gap| gap.role == Role::Fill && gap.slot.is_none());
        if has_common && from.aim != Aim::Look {
            add_string_fills(dtype, &mut gaps);
        }
    }
    Ok(gaps)
}

fn add_string_fills(dtype: DType<'_>, gaps: &mut Vec<Gap>) {
    for (slot, leaf) in (0..).zip(dtype.leaves()) {
        let is_string = matches!(leaf.field.kind(), Kind::Bytes | Kind::Unicode);
        let slot = Some(slot);
        let has_own = gaps.iter().any(|gap| gap.role == Role::Fill && gap.slot == slot);
        if is_string && !has_own {
            gaps.push(Gap { slot, role: Role::Fill, text: String::new() });
        }
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

/// How rows are made in a pass, or what is looked for.
#[derive(Debug)]
pub(super) struct Formula {
    pub(super) compiled: Compiled,
    /// What workers look for, if they do not parse.
    pub(super) looks: Option<Types>,
    /// The names of the columns, if the inputs have them.
    pub(super) header: Option<Header>,
    /// Inputs must have the same columns, whatever the sink says.
    pub(super) same_columns: bool,
}

/// What workers work by.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) compiled: Compiled,
    /// What workers look for, if they do not parse.
    pub(super) looks: Option<Types>,
    /// The names of the columns, if the inputs have them.
    pub(super) header: Option<Header>,
    /// Inputs must have the same columns, whatever the sink says.
    pub(super) same_columns: bool,
    /// Paths of the inputs; empty for streams.
    pub(super) paths: Vec<CString>,
    pub(super) ring: Ring,
}

impl Recipe {
    /// Bytes of a buffer that so many rows take up; the table of a task, where no rows are
    /// made.
    pub(super) fn stored(&self, columns: u32, rows: u64) -> usize {
        let Ok(plan) = self.compiled.plan().with_columns(columns) else { return 0 };
        match self.looks {
            Some(_) => table_size(&plan),
            None => (rows as usize).saturating_mul(plan.row_size()),
        }
    }
}

pub(super) fn column_storage(dtype: DType<'_>, usecols: Option<&[i32]>) -> Result<Vec<Column>> {
    let count = columns_needed(dtype, usecols)?;
    let mut columns = Vec::new();
    columns.try_reserve_exact(count).map_err(|_| Error::Overflow)?;
    columns.resize(count, Column::default());
    Ok(columns)
}

fn plan_error(error: Error, dtype: DType<'_>, usecols: Option<&[i32]>, gaps: &[Gap]) -> LoadError {
    match error {
        Error::NotText { node } => {
            let field = dtype.field_at(node);
            LoadError::NoTextForm { field: String::from(field.name()), dtype: field.to_string() }
        }
        Error::Argument => LoadError::Usecols {
            given: usecols.map_or(0, <[i32]>::len),
            fields: dtype.leaf_count(),
        },
        Error::Fill { slot } => {
            let slot = (slot != u32::MAX).then_some(slot);
            let is_it = |gap: &&Gap| gap.role == Role::Fill && gap.slot == slot;
            let value = gaps.iter().find(is_it).map(|gap| gap.text.clone());
            LoadError::Fill {
                value: value.unwrap_or_default(),
                dtype: slot.map(|slot| leaf_at(dtype, slot)),
            }
        }
        other => LoadError::Core(other),
    }
}

/// The type of a column, in words.
fn leaf_at(dtype: DType<'_>, slot: u32) -> String {
    let leaf = dtype.leaves().nth(slot as usize).filter(|_| dtype.is_record());
    let field = leaf.map_or(dtype.root(), |leaf| leaf.field);
    match field.name() {
        "" => field.to_string(),
        name => std::format!("{field} (field '{name}')"),
    }
}
