//! One field to the bytes of its column.

use super::super::column::{Column, Op};
use super::super::plan::Plan;
use super::super::space::strip;
use super::super::{datetime, number};
use super::fields::{Field, SCRATCH};
use super::missing::{markers, missing};

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

/// Converts what is no string.
pub(super) fn value(column: Column, text: &[u8], point: u8, out: &mut [u8]) -> Option<()> {
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

/// Characters that a column of strings has room for.
pub(super) const fn characters(column: Column) -> usize {
    let size = if matches!(column.op, Op::Bytes) { 1 } else { 4 };
    column.width as usize / size
}

/// Converts a string, cut to the width or refused. What is behind the cut is not looked at.
pub(super) fn string(
    column: Column,
    text: impl Iterator<Item = char>,
    out: &mut [u8],
) -> Option<()> {
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
