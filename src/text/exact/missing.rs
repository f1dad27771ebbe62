//! Missing values: what becomes of them, and what kernels are told of them.

use super::super::column::{Column, Op};
use super::super::missing::{Items, MissingTable, Role};
use super::convert::{characters, string, value};
use crate::error::{Error, Result};

/// Most bytes of a value that is no string.
const VALUE: usize = 16;

/// The texts that stand for a missing value in a column.
pub(super) fn markers(table: MissingTable<'_>, slot: u32) -> impl Iterator<Item = &str> {
    table.of(slot).filter(|(role, _)| *role == Role::Marker).map(|(_, text)| text)
}

fn fill(mut texts: Items<'_>) -> Option<&str> {
    texts.find(|(role, _)| *role == Role::Fill).map(|(_, text)| text)
}

/// Stores what missing values of a column become. The fill for all columns need not be a value
/// of each.
pub(super) fn missing(
    table: MissingTable<'_>,
    slot: u32,
    column: Column,
    point: u8,
    out: &mut [u8],
) -> Option<()> {
    if let Some(own) = fill(table.own(slot)) {
        return text(column, own, point, out);
    }
    let common = fill(table.common()).filter(|common| is_value(column, common, point));
    text(column, common.or(default_fill(column.op))?, point, out)
}

const fn default_fill(op: Op) -> Option<&'static str> {
    match op {
        Op::F2 | Op::F4 | Op::F8 | Op::C8 | Op::C16 => Some("nan"),
        Op::Datetime | Op::Timedelta => Some("NaT"),
        Op::Bytes | Op::Ucs4 | Op::Utf8 => Some(""),
        _ => None,
    }
}

/// Sets the flags of columns that may have missing values. `uniform` says that there is one
/// column for all slots.
///
/// # Errors
/// [`Error::Fill`] for a fill that is no value of its column.
pub(crate) fn mark_missing(
    columns: &mut [Column],
    uniform: bool,
    table: MissingTable<'_>,
    point: u8,
) -> Result<()> {
    if let Some(common) = fill(table.common())
        && !columns.iter().any(|column| is_value(*column, common, point))
    {
        return Err(Error::Fill { slot: u32::MAX });
    }
    for (slot, column) in (0..).zip(columns) {
        let mut flags = flags(table, slot, *column, point)?;
        if uniform {
            for slot in table.slots() {
                flags |= self::flags(table, slot, *column, point)?;
            }
        }
        column.flags |= flags;
    }
    Ok(())
}

/// The flags that the texts of a slot give its column.
fn flags(table: MissingTable<'_>, slot: u32, column: Column, point: u8) -> Result<u8> {
    if fill(table.own(slot)).is_some_and(|own| !is_value(column, own, point)) {
        return Err(Error::Fill { slot });
    }
    // A string that stands for itself is read as any other.
    let stays =
        |marker: &str| column.is_string() && marker == string_fill(table, slot, column, point);
    if markers(table, slot).all(stays) {
        return Ok(0);
    }
    let mut filled = [0; VALUE];
    let has_fill =
        !column.is_string() && missing(table, slot, column, point, &mut filled).is_some();
    let lookalike = |marker: &str| {
        let mut read = [0; VALUE];
        let is_read = value(column, marker.as_bytes(), point, &mut read).is_some();
        is_read && !(has_fill && read == filled)
    };
    let looks = column.is_string() || markers(table, slot).any(lookalike);
    Ok(Column::MISSING | if looks { Column::LOOKALIKE } else { 0 })
}

/// What missing values of a column of strings become.
fn string_fill(table: MissingTable<'_>, slot: u32, column: Column, point: u8) -> &str {
    let common = || fill(table.common()).filter(|common| is_value(column, common, point));
    fill(table.own(slot)).or_else(common).unwrap_or_default()
}

/// Whether a text is one for a column.
fn is_value(column: Column, text: &str, point: u8) -> bool {
    if !column.is_string() {
        return value(column, text.as_bytes(), point, &mut [0; VALUE]).is_some();
    }
    let mut chars = text.chars();
    let room = characters(column);
    let inside = |c: char| column.op != Op::Bytes || u8::try_from(u32::from(c)).is_ok();
    chars.by_ref().take(room).all(inside) && !(column.is_strict() && chars.next().is_some())
}

fn text(column: Column, text: &str, point: u8, out: &mut [u8]) -> Option<()> {
    if column.is_string() {
        string(column, text.chars(), out)
    } else {
        value(column, text.as_bytes(), point, out)
    }
}
