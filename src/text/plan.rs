//! What to do with the fields of a row, compiled from a dtype.

use super::Format;
pub(super) use super::column::{Column, Op, Unicode};
use super::exact;
use super::missing::MissingTable;
use crate::dtype::{DType, Field};
use crate::error::{Error, Result};

/// Which types of a dtype were found by looking at the text: a `S`, `U` or `M8` that is too
/// small for a field is then a fault instead of a cut, and `?` takes words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Found<'a> {
    /// None: the dtype was given.
    #[default]
    Nothing,
    /// All of them.
    Everything,
    /// Those at these nodes of the dtype, in ascending order.
    Nodes(&'a [u32]),
}

impl Found<'_> {
    fn contains(&self, node: u32) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Nodes(nodes) => nodes.binary_search(&node).is_ok(),
        }
    }
}

/// What a plan is compiled from, besides the dtype. By default as `np.loadtxt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlanOptions<'a> {
    /// How the table is written.
    pub format: Format<'a>,
    /// How code points are stored.
    pub unicode: Unicode,
    /// Columns of the text to read, in this order, from 0; negative ones count from the end of
    /// each row. `None` for all.
    pub usecols: Option<&'a [i32]>,
    /// What of the dtype was found in the text.
    pub found: Found<'a>,
    /// Texts for missing values.
    pub missing: MissingTable<'a>,
    /// The record has as many fields as the first row of the text has columns: another number
    /// is the fault of a later row, and not one of the dtype.
    pub counted: bool,
    /// What was found was found in a part of the text: where it is not the type of a field, it
    /// is not the row that is bad, and reading stops whatever becomes of bad rows.
    pub guessed: bool,
}

/// The converted columns: listed one by one, or all alike.
#[derive(Debug, Clone, Copy)]
pub(super) enum Columns<'a> {
    Listed(&'a [Column]),
    Uniform { first: Column, count: u32 },
}

/// A compiled plan for the rows of a table.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub struct Plan<'a> {
    pub(super) format: Format<'a>,
    pub(super) columns: Columns<'a>,
    /// Indexes given, in the order of the columns; `None` for every column.
    pub(super) usecols: Option<&'a [i32]>,
    /// Texts for missing values.
    pub(super) missing: MissingTable<'a>,
    /// Bytes of a row.
    pub(super) row_size: usize,
    /// The dtype is a record, so another number of columns is its error,
    pub(super) record: bool,
    /// unless that has as many fields as the first row has columns.
    pub(super) counted: bool,
    /// Types that were found may turn out to be wrong.
    pub(super) guessed: bool,
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
    /// `usecols` does not fit the dtype, [`Error::Fill`] if a fill is no value of its
    /// column, [`Error::DTypeSpace`] if `storage` is short.
    pub fn compile(
        dtype: DType<'_>,
        options: &PlanOptions<'a>,
        storage: &'a mut [Column],
    ) -> Result<Self> {
        let PlanOptions { format, usecols, missing, counted, guessed, .. } = *options;
        let record = dtype.is_record();
        let count = columns_needed(dtype, usecols)?;
        let storage = storage.get_mut(..count).ok_or(Error::DTypeSpace)?;
        if record && usecols.is_some_and(|list| list.len() != count) {
            return Err(Error::Argument);
        }
        fill(dtype, options, storage)?;
        let in_file_order = usecols.is_none() || order_by_file(usecols, storage);
        let uniform = !record && usecols.is_none();
        exact::mark_missing(storage, uniform, missing, format.decimal())?;
        let storage: &'a [Column] = storage;
        let columns = match (uniform, storage.first()) {
            (true, Some(&first)) => Columns::Uniform { first, count: 1 },
            _ => Columns::Listed(storage),
        };
        let row_size = match (record, usecols) {
            (false, Some(list)) => checked_row(dtype.itemsize() as usize, list.len())?,
            _ => dtype.itemsize() as usize,
        };
        let (ascending, packed) = layout(storage, row_size);
        let holes = !packed && matches!(columns, Columns::Listed(_));
        Ok(Self {
            format,
            columns,
            usecols,
            missing,
            row_size,
            record,
            counted,
            guessed,
            ascending,
            holes,
            in_file_order,
        })
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
        self.counted || matches!(self.columns, Columns::Uniform { .. })
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
        let (format, missing) = (Format::default(), MissingTable::default());
        let Plan { row_size, record, counted, guessed, ascending, .. } = *plan;
        let Plan { holes, in_file_order, .. } = *plan;
        let columns = match plan.columns {
            Columns::Listed(_) => Columns::Listed(&[]),
            Columns::Uniform { first, count } => Columns::Uniform { first, count },
        };
        let usecols = None;
        Self(Plan {
            format,
            columns,
            usecols,
            missing,
            row_size,
            record,
            counted,
            guessed,
            ascending,
            holes,
            in_file_order,
        })
    }

    /// The plan again, with what it was compiled with.
    pub(crate) const fn plan<'a>(
        &self,
        options: &PlanOptions<'a>,
        storage: &'a [Column],
    ) -> Plan<'a> {
        let columns = match self.0.columns {
            Columns::Listed(_) => Columns::Listed(storage),
            Columns::Uniform { first, count } => Columns::Uniform { first, count },
        };
        let PlanOptions { format, usecols, missing, .. } = *options;
        Plan { format, columns, usecols, missing, ..self.0 }
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
fn fill(dtype: DType<'_>, options: &PlanOptions<'_>, storage: &mut [Column]) -> Result<()> {
    let column = |field: Field<'_>, offset| {
        let found = options.found.contains(field.index() as u32);
        Column::new(field, offset, options.unicode, found)
    };
    if dtype.is_record() {
        for (leaf, slot) in dtype.leaves().zip(storage.iter_mut()) {
            *slot = column(leaf.field, leaf.offset)?;
        }
        return Ok(());
    }
    let root = dtype.root();
    for (i, slot) in storage.iter_mut().enumerate() {
        let offset = checked_row(root.itemsize() as usize, i)?;
        *slot = column(root, offset as u32)?;
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
