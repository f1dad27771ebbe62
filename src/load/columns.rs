//! Columns by their places or names: what options say of them, in the terms of a plan.

use std::string::String;
use std::vec;
use std::vec::Vec;

use super::error::{LoadError, Result};
use super::header::Header;
use super::options::{ColumnRef, Options};
use crate::dtype::DType;
use crate::text::{Missing, MissingTable, Role, missing_size};

/// The columns to read by their places.
pub(super) fn usecols(options: &Options, header: Option<&Header>) -> Result<Option<Vec<i32>>> {
    let place = |column: &ColumnRef| match column {
        ColumnRef::Index(index) => Ok(*index),
        ColumnRef::Name(name) => in_header(name, header).ok_or_else(|| unknown(name, header)),
    };
    options.usecols.as_ref().map(|list| list.iter().map(place).collect()).transpose()
}

/// The names of the columns that are read.
pub(super) fn names(options: &Options, header: &Header) -> Result<Vec<String>> {
    match usecols(options, Some(header))? {
        None => Ok(header.names().to_vec()),
        Some(list) => header
            .of(&list)
            .map_err(|index| LoadError::ColumnNotRead { column: ColumnRef::Index(index) }),
    }
}

fn in_header(name: &str, header: Option<&Header>) -> Option<i32> {
    let place = header?.names().iter().position(|known| known == name)?;
    i32::try_from(place).ok()
}

fn unknown(name: &str, header: Option<&Header>) -> LoadError {
    let name = name.into();
    match header {
        Some(header) => LoadError::NoColumn { name, names: header.names().join(", ") },
        None => LoadError::NoHeader { name },
    }
}

/// What is known of the columns of a text and of the rows made of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout<'a> {
    pub(super) dtype: DType<'a>,
    pub(super) header: Option<&'a Header>,
    pub(super) usecols: Option<&'a [i32]>,
    /// Columns of the text.
    pub(super) count: Option<u32>,
}

/// A text for missing values, of one column of the result or of all.
#[derive(Debug, Clone)]
pub(super) struct Gap {
    pub(super) slot: Option<u32>,
    pub(super) role: Role,
    pub(super) text: String,
}

impl Layout<'_> {
    /// What the options say of missing values.
    pub(super) fn gaps(&self, options: &Options) -> Result<Vec<Gap>> {
        let missing = options.missing.iter().map(|m| (&m.column, Role::Marker, &m.text));
        let fill = options.fill.iter().map(|f| (&f.column, Role::Fill, &f.value));
        let mut gaps = Vec::new();
        for (column, role, text) in missing.chain(fill) {
            let slots = match column {
                None => [None].into(),
                Some(column) => self.slots(column)?,
            };
            gaps.extend(slots.into_iter().map(|slot| Gap { slot, role, text: text.clone() }));
        }
        Ok(gaps)
    }

    /// The columns of the result that a column of the text becomes.
    fn slots(&self, column: &ColumnRef) -> Result<Vec<Option<u32>>> {
        let slots = match column {
            ColumnRef::Index(index) => self.at(*index),
            ColumnRef::Name(name) => match in_header(name, self.header) {
                Some(place) => self.at(place),
                None => self.in_dtype(name).ok_or_else(|| unknown(name, self.header))?,
            },
        };
        if slots.is_empty() {
            return Err(LoadError::ColumnNotRead { column: column.clone() });
        }
        Ok(slots.into_iter().map(Some).collect())
    }

    fn at(&self, index: i32) -> Vec<u32> {
        let from_start = |index: i32| match self.count {
            Some(count) if index < 0 => i64::from(count) + i64::from(index),
            _ => i64::from(index),
        };
        let place = from_start(index);
        if let Some(list) = self.usecols {
            let slots = (0..).zip(list).filter(|&(_, &index)| from_start(index) == place);
            return slots.map(|(slot, _)| slot).collect();
        }
        let is_there = |&slot: &u32| self.count.is_none_or(|count| slot < count);
        u32::try_from(place).ok().filter(is_there).into_iter().collect()
    }

    /// The columns of a field of the dtype.
    fn in_dtype(&self, name: &str) -> Option<Vec<u32>> {
        if !self.dtype.is_record() {
            return None;
        }
        let fields = || self.dtype.root().fields();
        let field = fields().find(|field| field.name() == name)?;
        let behind = fields().map(|other| other.index()).find(|&index| index > field.index());
        let nodes = field.index()..behind.unwrap_or(usize::MAX);
        let leaves = (0..).zip(self.dtype.leaves());
        Some(
            leaves
                .filter(|(_, leaf)| nodes.contains(&leaf.field.index()))
                .map(|(slot, _)| slot)
                .collect(),
        )
    }
}

/// The table of texts for missing values that a plan borrows.
pub(super) fn table(gaps: &[Gap]) -> Result<Vec<u8>> {
    if gaps.is_empty() {
        return Ok(Vec::new());
    }
    let texts = gaps.iter().map(|gap| Missing { slot: gap.slot, role: gap.role, text: &gap.text });
    let mut texts: Vec<Missing<'_>> = texts.collect();
    let mut storage = vec![0; missing_size(&texts)?];
    match MissingTable::build(&mut texts, &mut storage) {
        Ok(_) => Ok(storage),
        Err(_) => Err(LoadError::TwoFills),
    }
}
