//! One field to the bytes of its column.

use super::super::column::{Column, Op};
use super::super::missing::{Items, MissingTable, Role};
use super::super::plan::Plan;
use super::super::space::strip;
use super::super::{datetime, number};
use super::fields::{Field, SCRATCH};
use crate::error::{Error, Result};

/// Most bytes of a value that is no string.
const VALUE: usize = 16;

/// Converts the field of a column; `out` has the column's width.
pub(super) fn convert(
    plan: &Plan<'_>,
    slot: u32,
    column: Column,
    field: &Field<'_>,
    out: &mut [u8],
) -> Option<()> {
    let point = plan.format.decimal();
    if column.is_string() {
        let text = || field.chars(&plan.format);
        let is_missing = column.has_missing()
            && markers(plan.missing, slot).any(|marker| marker.chars().eq(text()));
        return if is_missing {
            missing(plan.missing, slot, column, point, out)
        } else {
            string(column, text(), out)
        };
    }
    let mut scratch = [0; SCRATCH];
    let text = field.utf8(&plan.format, &mut scratch)?;
    if column.has_missing() {
        let stripped = strip(text);
        if markers(plan.missing, slot).any(|marker| strip(marker.as_bytes()) == stripped) {
            return missing(plan.missing, slot, column, point, out);
        }
    }
    value(column, text, point, out)
}

/// The texts that stand for a missing value in a column.
fn markers(table: MissingTable<'_>, slot: u32) -> impl Iterator<Item = &str> {
    table.of(slot).filter(|(role, _)| *role == Role::Marker).map(|(_, text)| text)
}

fn fill(mut texts: Items<'_>) -> Option<&str> {
    texts.find(|(role, _)| *role == Role::Fill).map(|(_, text)| text)
}

/// Stores what missing values of a column become. The fill for all columns need not be a value
/// of each.
fn missing(
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
    if markers(table, slot).next().is_none() {
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

/// Characters that a column of strings has room for.
const fn characters(column: Column) -> usize {
    let size = if matches!(column.op, Op::Bytes) { 1 } else { 4 };
    column.width as usize / size
}

fn text(column: Column, text: &str, point: u8, out: &mut [u8]) -> Option<()> {
    if column.is_string() {
        string(column, text.chars(), out)
    } else {
        value(column, text.as_bytes(), point, out)
    }
}

/// Converts what is no string.
fn value(column: Column, text: &[u8], point: u8, out: &mut [u8]) -> Option<()> {
    let swap = column.swap;
    match column.op {
        Op::Bool => put(out, [u8::from(number::signed(text)? != 0)], false),
        Op::Word => put(out, [u8::from(number::word(text)?)], false),
        Op::I1 => put(out, i8::try_from(number::signed(text)?).ok()?.to_ne_bytes(), swap),
        Op::I2 => put(out, i16::try_from(number::signed(text)?).ok()?.to_ne_bytes(), swap),
        Op::I4 => put(out, i32::try_from(number::signed(text)?).ok()?.to_ne_bytes(), swap),
        Op::I8 => put(out, number::signed(text)?.to_ne_bytes(), swap),
        Op::U1 => put(out, u8::try_from(number::unsigned(text)?).ok()?.to_ne_bytes(), swap),
        Op::U2 => put(out, u16::try_from(number::unsigned(text)?).ok()?.to_ne_bytes(), swap),
        Op::U4 => put(out, u32::try_from(number::unsigned(text)?).ok()?.to_ne_bytes(), swap),
        Op::U8 => put(out, number::unsigned(text)?.to_ne_bytes(), swap),
        Op::F2 => put(out, number::half_bits(number::float(text, point)?).to_ne_bytes(), swap),
        Op::F4 => put(out, (number::float(text, point)? as f32).to_ne_bytes(), swap),
        Op::F8 => put(out, number::float(text, point)?.to_ne_bytes(), swap),
        Op::C8 => {
            let (re, im) = number::complex(text, point)?;
            let (first, second) = out.split_at_mut_checked(4)?;
            put(first, (re as f32).to_ne_bytes(), swap)?;
            put(second, (im as f32).to_ne_bytes(), swap)
        }
        Op::C16 => {
            let (re, im) = number::complex(text, point)?;
            let (first, second) = out.split_at_mut_checked(8)?;
            put(first, re.to_ne_bytes(), swap)?;
            put(second, im.to_ne_bytes(), swap)
        }
        Op::Timedelta => put(out, number::timedelta(text)?.to_ne_bytes(), swap),
        Op::Datetime => {
            let count = datetime::count(text, column.unit, column.multiple, column.is_strict())?;
            put(out, count.to_ne_bytes(), swap)
        }
        Op::Bytes | Op::Ucs4 | Op::Utf8 => None,
    }
}

fn put<const N: usize>(out: &mut [u8], mut bytes: [u8; N], swap: bool) -> Option<()> {
    if swap {
        bytes.reverse();
    }
    out.get_mut(..N)?.copy_from_slice(&bytes);
    Some(())
}

/// Converts a string, cut to the width or refused. What is behind the cut is not looked at.
fn string(column: Column, text: impl Iterator<Item = char>, out: &mut [u8]) -> Option<()> {
    // With overlapping fields there may be something already.
    out.fill(0);
    let mut text = text.fuse();
    let kept = text.by_ref().take(characters(column));
    match column.op {
        Op::Bytes => latin1(kept, out)?,
        Op::Utf8 => utf8(kept, out)?,
        _ => ucs4(kept, out, column.swap)?,
    }
    (!column.is_strict() || text.next().is_none()).then_some(())
}

/// `S`: each character's code as a byte.
fn latin1(text: impl Iterator<Item = char>, out: &mut [u8]) -> Option<()> {
    for (byte, c) in out.iter_mut().zip(text) {
        *byte = u8::try_from(u32::from(c)).ok()?;
    }
    Some(())
}

fn ucs4(text: impl Iterator<Item = char>, out: &mut [u8], swap: bool) -> Option<()> {
    for (slot, c) in out.chunks_exact_mut(4).zip(text) {
        put(slot, u32::from(c).to_ne_bytes(), swap)?;
    }
    Some(())
}

/// `U`*n* on its way to HDF5: as UTF-8.
fn utf8(text: impl Iterator<Item = char>, out: &mut [u8]) -> Option<()> {
    let mut len = 0;
    for c in text {
        len += c.encode_utf8(out.get_mut(len..)?).len();
    }
    Some(())
}
