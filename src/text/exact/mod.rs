//! One record, read the plain way: the meaning of everything, and the errors.
//!
//! The fast kernels hand every row to this module that they are not sure of;
//! tests and fuzzing compare them with it row by row.

mod convert;
mod fields;
mod missing;
#[cfg(test)]
mod tests;

pub(crate) use fields::{Field, Fields, SCRATCH, field_count, find_string, record};

use super::Format;
use super::column::Column;
use super::fault::FaultKind;
use super::plan::Plan;
use convert::convert;
pub(crate) use missing::mark_missing;

/// What is wrong with a record, and where in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowFault {
    pub(crate) kind: FaultKind,
    pub(crate) column: u32,
    pub(crate) start: usize,
    pub(crate) len: usize,
}

/// Reads one record, without its line end, into `row`; `Ok(false)` if it does not count.
pub(crate) fn read(plan: &Plan<'_>, record: &[u8], row: &mut [u8]) -> Result<bool, RowFault> {
    let found = field_count(record, plan.format);
    if found == 0 {
        return Ok(false);
    }
    row.fill(0);
    walk(plan, record, found, &mut |slot, field| store(plan, slot, field, row))?;
    Ok(true)
}

/// Converts the text of a field, which is no longer in quotes if it was, for a column of the plan;
/// `out` has the column's width, and holds zeros.
pub(crate) fn field(
    plan: &Plan<'_>,
    slot: u32,
    column: Column,
    text: &[u8],
    out: &mut [u8],
) -> Option<()> {
    convert(plan, slot, column, &Field { start: 0, raw: text, quoted: false }, out)
}

/// Takes a field for a column of the plan; `None` if it does not convert.
pub(crate) trait Take: FnMut(u32, &Field<'_>) -> Option<()> {}

impl<F: FnMut(u32, &Field<'_>) -> Option<()>> Take for F {}

/// Goes through the fields that the plan asks for, of a record of `found` fields.
pub(crate) fn walk(
    plan: &Plan<'_>,
    record: &[u8],
    found: u32,
    take: &mut impl Take,
) -> Result<(), RowFault> {
    match plan.usecols {
        None => read_all(plan, record, found, take),
        Some(list) => read_some(plan, list, record, found, take),
    }
}

fn read_all(
    plan: &Plan<'_>,
    line: &[u8],
    found: u32,
    take: &mut impl Take,
) -> Result<(), RowFault> {
    let need = u32::try_from(plan.column_count()).unwrap_or(u32::MAX);
    if need != found {
        let kind = if plan.record && !plan.counted {
            FaultKind::ColumnsRequired { need, found }
        } else {
            FaultKind::ColumnsChanged { from: need, to: found }
        };
        return Err(RowFault { kind, column: 0, start: 0, len: line.len() });
    }
    for (i, field) in (0..need).zip(Fields::new(line, plan.format)) {
        converted(take(i, &field), i, &field, i)?;
    }
    Ok(())
}

/// Columns that one walk along a line collects.
const BATCH: usize = 128;

/// Reads the columns of `usecols`, which may be in any order: a batch of them is
/// found in one walk along the line, and converted in the order asked for.
fn read_some(
    plan: &Plan<'_>,
    usecols: &[i32],
    line: &[u8],
    found: u32,
    take: &mut impl Take,
) -> Result<(), RowFault> {
    for (batch, list) in usecols.chunks(BATCH).enumerate() {
        let fields = collect(plan.format, list, line, found);
        for (i, (&index, &(place, field))) in list.iter().zip(&fields).enumerate() {
            if place == NOWHERE {
                let kind = FaultKind::ColumnIndex { index, found };
                return Err(RowFault { kind, column: 0, start: 0, len: line.len() });
            }
            let slot = (batch * BATCH + i) as u32;
            converted(take(slot, &field), slot, &field, place)?;
        }
    }
    Ok(())
}

/// The place of a column that the line does not have.
const NOWHERE: u32 = u32::MAX;

/// Place and text of each column of a batch.
fn collect<'t>(
    format: Format<'t>,
    list: &[i32],
    line: &'t [u8],
    found: u32,
) -> [(u32, Field<'t>); BATCH] {
    let mut fields = [(NOWHERE, Field::EMPTY); BATCH];
    // Places in the order of the line, each with its index in the batch.
    let mut order = [(NOWHERE, 0usize); BATCH];
    for (i, (&index, slot)) in list.iter().zip(&mut order).enumerate() {
        *slot = (resolve(index, found), i);
    }
    let order = order.get_mut(..list.len()).unwrap_or_default();
    order.sort_unstable();
    let mut walk = Fields::new(line, format);
    let mut next = 0;
    let mut field = None;
    for &mut (place, i) in order.iter_mut().take_while(|(place, _)| *place != NOWHERE) {
        if place >= next {
            field = walk.nth((place - next) as usize);
            next = place + 1;
        }
        if let (Some(slot), Some(field)) = (fields.get_mut(i), field) {
            *slot = (place, field);
        }
    }
    fields
}

/// The place that an index means in a row of `found` columns.
fn resolve(index: i32, found: u32) -> u32 {
    let place = if index < 0 { i64::from(found) + i64::from(index) } else { i64::from(index) };
    u32::try_from(place).ok().filter(|&place| place < found).unwrap_or(NOWHERE)
}

/// Converts a field to its column of `row`.
pub(crate) fn store(plan: &Plan<'_>, slot: u32, field: &Field<'_>, row: &mut [u8]) -> Option<()> {
    let column = plan.column(slot as usize)?;
    let start = column.offset as usize;
    let bytes = row.get_mut(start..start.checked_add(column.width as usize)?)?;
    convert(plan, slot, column, field, bytes)
}

/// The fault of a field that did not convert.
fn converted(done: Option<()>, slot: u32, field: &Field<'_>, place: u32) -> Result<(), RowFault> {
    done.ok_or(RowFault {
        kind: FaultKind::Convert { slot },
        column: place.saturating_add(1),
        start: field.start,
        len: field.raw.len(),
    })
}
