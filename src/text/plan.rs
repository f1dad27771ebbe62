//! What to do with the fields of a row, compiled from a dtype.

use super::Format;
use crate::dtype::{DType, Field, Kind, Order};
use crate::error::{Error, Result};

/// How one field of text becomes bytes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Op {
    /// `?`
    #[default]
    Bool,
    /// `i1`
    I1,
    /// `i2`
    I2,
    /// `i4`
    I4,
    /// `i8`
    I8,
    /// `u1`
    U1,
    /// `u2`
    U2,
    /// `u4`
    U4,
    /// `u8`
    U8,
    /// `f2`
    F2,
    /// `f4`
    F4,
    /// `f8`
    F8,
    /// `c8`
    C8,
    /// `c16`
    C16,
    /// `m8`: an integer or NaT.
    Timedelta,
    /// `S`*n*
    Bytes,
    /// `U`*n* as NumPy has it.
    Ucs4,
    /// `U`*n* as HDF5 has it: UTF-8 in the same 4 *n* bytes.
    Utf8,
}

/// One converted column of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Column {
    /// Byte offset in the record.
    pub offset: u32,
    /// Bytes in the record.
    pub width: u32,
    /// Columns of the text to leave out before this one (plans in file order).
    pub skip: u32,
    /// Node of the dtype, for messages.
    pub node: u32,
    /// How it is converted.
    pub op: Op,
    /// Whether its bytes are stored in the other order.
    pub swap: bool,
}

/// How code points of `U` columns are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unicode {
    /// Four bytes each, in the dtype's order: NumPy's layout.
    Ucs4,
    /// UTF-8: the file's layout, see [`hdf5`](crate#layers).
    Utf8,
}

/// The converted columns: listed one by one, or all alike.
#[derive(Debug, Clone, Copy)]
pub(super) enum Columns<'a> {
    Listed(&'a [Column]),
    Uniform { first: Column, count: u32 },
}

/// A compiled plan for the rows of a table.
#[derive(Debug, Clone, Copy)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "four facts that have nothing to do with each other"
)]
pub struct Plan<'a> {
    pub(super) format: Format<'a>,
    pub(super) columns: Columns<'a>,
    /// Indexes given, in the order of the columns; `None` for every column.
    pub(super) usecols: Option<&'a [i32]>,
    /// Bytes of a row.
    pub(super) row_size: usize,
    /// The dtype is a record, so another number of columns is its error.
    pub(super) record: bool,
    /// Columns lie one behind the other in ascending order, so that a store may
    /// run over into what comes next.
    pub(super) ascending: bool,
    /// Bytes of a row that belong to no column and must be zeroed.
    pub(super) holes: bool,
    /// The columns are in file order, so a row can be read in one go.
    pub(super) in_file_order: bool,
}

/// Number of [`Column`]s that [`Plan::compile`] needs room for.
///
/// # Errors
/// [`Error::Overflow`] if they cannot be counted in 32 bits.
pub fn columns_needed(dtype: DType<'_>, usecols: Option<&[i32]>) -> Result<usize> {
    let count = match (dtype.is_record(), usecols) {
        (true, _) => dtype.leaf_count(),
        (false, Some(list)) => list.len() as u64,
        (false, None) => 1,
    };
    u32::try_from(count).map(|n| n as usize).map_err(|_| Error::Overflow)
}

impl<'a> Plan<'a> {
    /// Compiles a dtype. `storage` has [`columns_needed`] elements. For a scalar
    /// dtype without `usecols` the number of columns is set later, by
    /// [`Plan::with_columns`].
    ///
    /// # Errors
    /// [`Error::NotText`] for a dtype without a text form, [`Error::Argument`] if
    /// `usecols` does not fit the dtype, [`Error::DTypeSpace`] if `storage` is short.
    pub fn compile(
        format: Format<'a>,
        dtype: DType<'_>,
        unicode: Unicode,
        usecols: Option<&'a [i32]>,
        storage: &'a mut [Column],
    ) -> Result<Self> {
        let record = dtype.is_record();
        let count = columns_needed(dtype, usecols)?;
        let storage = storage.get_mut(..count).ok_or(Error::DTypeSpace)?;
        if record && usecols.is_some_and(|list| list.len() != count) {
            return Err(Error::Argument);
        }
        fill(dtype, unicode, storage)?;
        let in_file_order = usecols.is_none() || order_by_file(usecols, storage);
        let storage: &'a [Column] = storage;
        let columns = match (record, usecols, storage.first()) {
            (false, None, Some(&first)) => Columns::Uniform { first, count: 1 },
            _ => Columns::Listed(storage),
        };
        let row_size = match (record, usecols) {
            (false, Some(list)) => checked_row(dtype.itemsize() as usize, list.len())?,
            _ => dtype.itemsize() as usize,
        };
        let (ascending, packed) = layout(storage, row_size);
        let holes = !packed && matches!(columns, Columns::Listed(_));
        Ok(Self { format, columns, usecols, row_size, record, ascending, holes, in_file_order })
    }

    /// The same plan for rows of `count` columns, at least one, if the dtype is a
    /// scalar and every column is used; else the plan as it is.
    ///
    /// # Errors
    /// [`Error::Overflow`] if a row does not fit the machine.
    pub fn with_columns(mut self, count: u32) -> Result<Self> {
        if let Columns::Uniform { first, .. } = self.columns {
            let count = count.max(1);
            self.columns = Columns::Uniform { first, count };
            self.row_size = checked_row(first.width as usize, count as usize)?;
        }
        Ok(self)
    }

    /// Whether the number of columns is found in the text.
    #[must_use]
    pub const fn needs_column_count(&self) -> bool {
        matches!(self.columns, Columns::Uniform { .. })
    }

    /// Whether the rows make a 2-D array of one type, not records.
    #[must_use]
    pub const fn is_table(&self) -> bool {
        !self.record
    }

    /// Bytes of one row.
    #[must_use]
    pub const fn row_size(&self) -> usize {
        self.row_size
    }

    /// The text format.
    #[must_use]
    pub const fn format(&self) -> Format<'a> {
        self.format
    }

    /// Columns in the result.
    #[must_use]
    pub const fn column_count(&self) -> usize {
        match self.columns {
            Columns::Listed(list) => list.len(),
            Columns::Uniform { count, .. } => count as usize,
        }
    }

    /// Node of the dtype that a column is converted to.
    #[must_use]
    pub fn node_of(&self, slot: u32) -> u32 {
        self.column(slot as usize).map_or(0, |column| column.node)
    }

    pub(super) fn column(&self, index: usize) -> Option<Column> {
        match self.columns {
            Columns::Listed(list) => list.get(index).copied(),
            Columns::Uniform { first, count } => (index < count as usize).then(|| Column {
                offset: (first.width as usize).saturating_mul(index) as u32,
                ..first
            }),
        }
    }
}

/// A plan without the tables that it borrows, for who keeps them beside it.
#[cfg(feature = "std")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outline(Plan<'static>);

#[cfg(feature = "std")]
impl Outline {
    pub(crate) fn of(plan: &Plan<'_>) -> Self {
        let format = Format::default();
        let Plan { row_size, record, ascending, holes, in_file_order, .. } = *plan;
        let columns = match plan.columns {
            Columns::Listed(_) => Columns::Listed(&[]),
            Columns::Uniform { first, count } => Columns::Uniform { first, count },
        };
        let usecols = None;
        Self(Plan { format, columns, usecols, row_size, record, ascending, holes, in_file_order })
    }

    /// The plan again, with what it was compiled with.
    pub(crate) const fn plan<'a>(
        &self,
        format: Format<'a>,
        storage: &'a [Column],
        usecols: Option<&'a [i32]>,
    ) -> Plan<'a> {
        let columns = match self.0.columns {
            Columns::Listed(_) => Columns::Listed(storage),
            Columns::Uniform { first, count } => Columns::Uniform { first, count },
        };
        Plan { format, columns, usecols, ..self.0 }
    }
}

/// Whether the columns ascend without overlap, and whether they also fill the row.
fn layout(columns: &[Column], row_size: usize) -> (bool, bool) {
    let mut end = 0u64;
    let mut used = 0u64;
    let mut ascending = true;
    for column in columns {
        ascending &= u64::from(column.offset) >= end;
        end = u64::from(column.offset) + u64::from(column.width);
        used += u64::from(column.width);
    }
    (ascending, ascending && used == row_size as u64)
}

fn checked_row(itemsize: usize, count: usize) -> Result<usize> {
    let bytes = itemsize.checked_mul(count).ok_or(Error::Overflow)?;
    if bytes > i32::MAX as usize { Err(Error::Overflow) } else { Ok(bytes) }
}

/// One column per leaf of a record; the scalar itself, as often as asked for.
fn fill(dtype: DType<'_>, unicode: Unicode, storage: &mut [Column]) -> Result<()> {
    if dtype.is_record() {
        for (leaf, slot) in dtype.leaves().zip(storage.iter_mut()) {
            *slot = column_of(leaf.field, leaf.offset, unicode)?;
        }
        return Ok(());
    }
    let root = dtype.root();
    for (i, slot) in storage.iter_mut().enumerate() {
        let offset = checked_row(root.itemsize() as usize, i)?;
        *slot = column_of(root, offset as u32, unicode)?;
    }
    Ok(())
}

/// Turns `usecols` into numbers of fields to skip, where that is possible: no
/// negative index, strictly ascending.
fn order_by_file(usecols: Option<&[i32]>, storage: &mut [Column]) -> bool {
    let Some(list) = usecols else { return false };
    let mut next = 0;
    for (&index, column) in list.iter().zip(storage.iter_mut()) {
        if index < next {
            return false;
        }
        column.skip = (index - next) as u32;
        next = index.saturating_add(1);
    }
    !list.is_empty()
}

fn column_of(field: Field<'_>, offset: u32, unicode: Unicode) -> Result<Column> {
    let width = field.itemsize();
    let op = match (field.kind(), width) {
        (Kind::Bool, _) => Op::Bool,
        (Kind::Int, 1) => Op::I1,
        (Kind::Int, 2) => Op::I2,
        (Kind::Int, 4) => Op::I4,
        (Kind::Int, _) => Op::I8,
        (Kind::Uint, 1) => Op::U1,
        (Kind::Uint, 2) => Op::U2,
        (Kind::Uint, 4) => Op::U4,
        (Kind::Uint, _) => Op::U8,
        (Kind::Float, 2) => Op::F2,
        (Kind::Float, 4) => Op::F4,
        (Kind::Float, _) => Op::F8,
        (Kind::Complex, 8) => Op::C8,
        (Kind::Complex, _) => Op::C16,
        (Kind::Timedelta, _) => Op::Timedelta,
        (Kind::Bytes, _) => Op::Bytes,
        (Kind::Unicode, _) if unicode == Unicode::Utf8 => Op::Utf8,
        (Kind::Unicode, _) => Op::Ucs4,
        (Kind::Void | Kind::Datetime | Kind::Record, _) => {
            return Err(Error::NotText { node: field.index() as u32 });
        }
    };
    let other = if cfg!(target_endian = "big") { Order::Little } else { Order::Big };
    Ok(Column {
        offset,
        width,
        skip: 0,
        node: field.index() as u32,
        op,
        swap: field.order() == other,
    })
}
