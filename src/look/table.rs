//! What is in a row: its columns, and how they are named.

use core::ops::Range;
use std::string::{String, ToString};
use std::vec::Vec;

use super::error::{LookError, Result};
use super::value::Cell;
use crate::dtype::{DType, Field, Kind};
use crate::dtype_buf::DTypeBuf;
use crate::error::Error;
use crate::exchange::similar;

/// Most columns without a name; wider rows are one value.
const MAX_PLACES: u64 = 1 << 16;
/// What the only column is called that has no name.
const VALUE: &str = "value";

/// The columns of rows.
#[derive(Debug)]
pub struct Table {
    dtype: DTypeBuf,
    /// Extents of a row.
    dims: Vec<u64>,
    row: usize,
    columns: Vec<Column>,
    named: bool,
}

/// A column: a part of each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    name: String,
    /// Its type in the table of types.
    node: u32,
    offset: usize,
    dims: Vec<u64>,
}

/// A step from a row to a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A field of a record.
    Name(String),
    /// A place in an array.
    Place(Vec<u64>),
}

/// Why there is no such column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    /// Which step leads nowhere.
    pub(super) step: usize,
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

impl Table {
    /// Of rows that are elements of a dtype, as many as these extents say.
    pub(super) fn new(dtype: DType<'_>, dims: &[u64]) -> Result<Self> {
        let dtype = DTypeBuf::copy_of(dtype)?;
        let root = dtype.as_dtype().root();
        let dims: Vec<u64> = dims.iter().copied().chain(extents(root)).collect();
        let row = size(root, &dims).ok_or(Error::Overflow)?;
        let mut table = Self { dtype, dims, row, columns: Vec::new(), named: true };
        table.columns = table.all()?;
        Ok(table)
    }

    /// The type of an element.
    #[must_use]
    pub fn dtype(&self) -> DType<'_> {
        self.dtype.as_dtype()
    }

    /// Bytes of a row.
    #[must_use]
    pub const fn row(&self) -> usize {
        self.row
    }

    /// The columns that are wanted, in that order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether the columns have names that say something.
    #[must_use]
    pub const fn is_named(&self) -> bool {
        self.named
    }

    /// A column of a row.
    #[must_use]
    pub fn cell<'t>(&'t self, column: &Column, row: &'t [u8]) -> Cell<'t> {
        let field = self.field(column);
        let len = size(field, &column.dims).unwrap_or(0);
        let bytes = row.get(column.offset..column.offset + len).unwrap_or_default();
        Cell::new(field, column.dims.clone(), bytes)
    }

    /// The type of a column's values.
    #[must_use]
    pub fn field(&self, column: &Column) -> Field<'_> {
        self.dtype().field_at(column.node)
    }

    /// All columns: the fields of a record, the places of a row that has one axis, or the row.
    fn all(&mut self) -> Result<Vec<Column>> {
        let root = self.dtype.as_dtype().root();
        let whole = self.whole();
        match *self.dims.as_slice() {
            [] if root.kind() == Kind::Record => {
                let fields = root.fields().map(|field| whole.clone().field(field));
                Ok(fields.collect())
            }
            [places] if places <= MAX_PLACES => {
                let place = |at| self.place(&whole, &[at]).map_err(|_| Error::Overflow.into());
                (0..places).map(place).collect()
            }
            _ => {
                self.named = false;
                Ok([whole].into())
            }
        }
    }

    /// Whole rows as a column.
    fn whole(&self) -> Column {
        Column { name: String::new(), node: 0, offset: 0, dims: self.dims.clone() }
    }

    /// Takes only these columns, in this order.
    pub(super) fn choose(&mut self, wanted: &[String]) -> Result<()> {
        if wanted.is_empty() {
            return Ok(());
        }
        let mut chosen = Vec::new();
        for text in wanted {
            match self.range(text) {
                Some(range) => chosen.extend_from_slice(self.columns.get(range).unwrap_or(&[])),
                None => chosen.push(self.named(text)?),
            }
        }
        self.named = true;
        self.columns = chosen;
        Ok(())
    }

    /// Columns by their places, `2-4`, unless one is called so.
    fn range(&self, text: &str) -> Option<Range<usize>> {
        if self.columns.iter().any(|column| column.name == text) {
            return None;
        }
        let (first, last) = text.split_once('-')?;
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first <= last && last < self.columns.len()).then_some(first..last + 1)
    }

    /// A column by its name, its place, or the steps that lead to it.
    fn named(&self, text: &str) -> Result<Column> {
        let text = text.trim();
        if let Some(column) = self.columns.iter().find(|column| column.name == text) {
            return Ok(column.clone());
        }
        let place = text.parse().ok().and_then(|place: usize| self.columns.get(place));
        if let Some(column) = place {
            return Ok(column.clone());
        }
        let steps = super::parse::steps(text);
        let found = steps.map(|steps| self.find(&steps));
        match found {
            Some(Ok(column)) => Ok(column),
            Some(Err(missing)) => Err(missing),
            None => Err(self.no_field(&self.whole(), text, 0)),
        }
        .map_err(|error: Missing| LookError::Column { what: error.what, hint: error.hint })
    }

    /// The column that steps lead to.
    pub(super) fn find(&self, steps: &[Step]) -> core::result::Result<Column, Missing> {
        let mut column = self.whole();
        for (number, step) in steps.iter().enumerate() {
            column = match step {
                Step::Name(name) if number == 0 && self.is_whole(name) => column,
                Step::Name(name) => self.named_in(column, name, number)?,
                Step::Place(at) => self.place(&column, at).map_err(|what| Missing {
                    step: number,
                    what,
                    hint: None,
                })?,
            };
        }
        if column.name.is_empty() {
            column.name.push_str(VALUE);
        }
        Ok(column)
    }

    /// Whether a name means the whole row.
    fn is_whole(&self, name: &str) -> bool {
        let is_record = self.dtype().is_record() && self.dims.is_empty();
        name == VALUE && !is_record
    }

    fn named_in(
        &self,
        column: Column,
        name: &str,
        step: usize,
    ) -> core::result::Result<Column, Missing> {
        let field = self.field(&column);
        let is_record = field.kind() == Kind::Record && column.dims.is_empty();
        match field.fields().find(|field| is_record && field.name() == name) {
            Some(field) => Ok(column.field(field)),
            None => Err(self.no_field(&column, name, step)),
        }
    }

    /// A place in an array, or a part of it.
    fn place(&self, column: &Column, at: &[u64]) -> core::result::Result<Column, String> {
        let called = if column.name.is_empty() { "the row" } else { &column.name };
        if at.len() > column.dims.len() {
            let axes = column.dims.len();
            return Err(match axes {
                0 => std::format!("{called} is one value, and has no places"),
                _ => std::format!("{called} has {axes} axes, and not {}", at.len()),
            });
        }
        let (taken, rest) = column.dims.split_at(at.len());
        let inner = size(self.field(column), rest).unwrap_or(0);
        let (mut offset, mut step) = (column.offset, inner);
        for (&at, &extent) in at.iter().zip(taken).rev() {
            if at >= extent {
                return Err(std::format!("{called} has {extent} places, from 0 on, and not {at}"));
            }
            offset += at as usize * step;
            step *= extent as usize;
        }
        let list: Vec<String> = at.iter().map(ToString::to_string).collect();
        let list = list.join(",");
        let name = match column.name.as_str() {
            // The places of a row without names are its columns.
            "" if self.dims.len() == 1 => list,
            name => std::format!("{name}[{list}]"),
        };
        Ok(Column { name, node: column.node, offset, dims: rest.to_vec() })
    }

    /// Why there is no field of this name.
    fn no_field(&self, column: &Column, name: &str, step: usize) -> Missing {
        let field = self.field(column);
        let missing = |what: String, hint: Option<String>| Missing { step, what, hint };
        let is_record = field.kind() == Kind::Record && column.dims.is_empty();
        if is_record {
            let names: Vec<&str> = field.fields().map(|field| field.name()).collect();
            let within = match column.name.as_str() {
                "" => String::new(),
                outer => std::format!(" in '{outer}'"),
            };
            let what = std::format!("there is no column '{name}'{within}");
            return missing(what, similar(name, &names));
        }
        if !column.name.is_empty() {
            let what = std::format!("'{}' has no fields", column.name);
            let hint = (!column.dims.is_empty())
                .then(|| std::format!("its values have places, such as {}[0]", column.name));
            return missing(what, hint);
        }
        let what = std::format!("there is no column '{name}': they have no names");
        let hint = match self.dims.as_slice() {
            [] => "the values are called value".into(),
            [places] => std::format!("they are called [0] to [{}]", places.saturating_sub(1)),
            dims => std::format!("a row has {} axes: value[{}]", dims.len(), zeros(dims.len())),
        };
        missing(what, Some(hint))
    }
}

fn zeros(axes: usize) -> String {
    std::vec!["0"; axes].join(",")
}

impl Column {
    /// Its name; records in records and places in arrays are spelled out.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Extents of its values; none if each is a single one.
    #[must_use]
    pub fn dims(&self) -> &[u64] {
        &self.dims
    }

    /// Where its value begins in a row.
    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    /// A field of it.
    fn field(self, field: Field<'_>) -> Self {
        let dot = if self.name.is_empty() { "" } else { "." };
        Self {
            name: std::format!("{}{dot}{}", self.name, field.name()),
            node: field.index() as u32,
            offset: self.offset + field.offset() as usize,
            dims: extents(field).collect(),
        }
    }
}

/// Extents of a subarray.
pub(super) fn extents(field: Field<'_>) -> impl Iterator<Item = u64> + use<'_> {
    field.dims().iter().map(|&extent| u64::from(extent))
}

/// Bytes of an array of a type.
fn size(field: Field<'_>, dims: &[u64]) -> Option<usize> {
    let item = u64::from(field.itemsize());
    let size = dims.iter().try_fold(item, |size, &extent| size.checked_mul(extent))?;
    usize::try_from(size).ok()
}
