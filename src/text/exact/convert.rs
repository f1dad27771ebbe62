//! One field to the bytes of its column.

use super::super::Format;
use super::super::number;
use super::super::plan::{Column, Op};
use super::fields::{Chars, Field, SCRATCH};

/// Converts one field; `out` has the column's width.
pub(super) fn convert(
    column: Column,
    field: &Field<'_>,
    format: &Format<'_>,
    out: &mut [u8],
) -> Option<()> {
    match column.op {
        Op::Bytes => latin1(field.chars(format), zeroed(out)),
        Op::Ucs4 => ucs4(field.chars(format), zeroed(out), column.swap),
        Op::Utf8 => utf8(field.chars(format), zeroed(out)),
        _ => number(column, field.utf8(format, &mut [0; SCRATCH])?, out),
    }
}

fn number(column: Column, text: &[u8], out: &mut [u8]) -> Option<()> {
    let swap = column.swap;
    match column.op {
        Op::Bool => put(out, [u8::from(number::signed(text)? != 0)], false),
        Op::I1 => put(out, i8::try_from(number::signed(text)?).ok()?.to_ne_bytes(), swap),
        Op::I2 => put(out, i16::try_from(number::signed(text)?).ok()?.to_ne_bytes(), swap),
        Op::I4 => put(out, i32::try_from(number::signed(text)?).ok()?.to_ne_bytes(), swap),
        Op::I8 => put(out, number::signed(text)?.to_ne_bytes(), swap),
        Op::U1 => put(out, u8::try_from(number::unsigned(text)?).ok()?.to_ne_bytes(), swap),
        Op::U2 => put(out, u16::try_from(number::unsigned(text)?).ok()?.to_ne_bytes(), swap),
        Op::U4 => put(out, u32::try_from(number::unsigned(text)?).ok()?.to_ne_bytes(), swap),
        Op::U8 => put(out, number::unsigned(text)?.to_ne_bytes(), swap),
        Op::F2 => put(out, number::half_bits(number::float(text)?).to_ne_bytes(), swap),
        Op::F4 => put(out, (number::float(text)? as f32).to_ne_bytes(), swap),
        Op::F8 => put(out, number::float(text)?.to_ne_bytes(), swap),
        Op::C8 => {
            let (re, im) = number::complex(text)?;
            let (first, second) = out.split_at_mut_checked(4)?;
            put(first, (re as f32).to_ne_bytes(), swap)?;
            put(second, (im as f32).to_ne_bytes(), swap)
        }
        Op::C16 => {
            let (re, im) = number::complex(text)?;
            let (first, second) = out.split_at_mut_checked(8)?;
            put(first, re.to_ne_bytes(), swap)?;
            put(second, im.to_ne_bytes(), swap)
        }
        Op::Timedelta => put(out, number::timedelta(text)?.to_ne_bytes(), swap),
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

/// A string's room, empty: with overlapping fields it may hold something already.
fn zeroed(out: &mut [u8]) -> &mut [u8] {
    out.fill(0);
    out
}

/// `S`: each character's code as a byte, cut to the width. What is behind the
/// cut is not looked at.
fn latin1(text: Chars<'_>, out: &mut [u8]) -> Option<()> {
    for (byte, c) in out.iter_mut().zip(text) {
        *byte = u8::try_from(u32::from(c)).ok()?;
    }
    Some(())
}

fn ucs4(text: Chars<'_>, out: &mut [u8], swap: bool) -> Option<()> {
    for (slot, c) in out.chunks_exact_mut(4).zip(text) {
        put(slot, u32::from(c).to_ne_bytes(), swap)?;
    }
    Some(())
}

/// `U`*n* on its way to HDF5: at most *n* characters, as UTF-8.
fn utf8(text: Chars<'_>, out: &mut [u8]) -> Option<()> {
    let mut len = 0;
    for c in text.take(out.len() / 4) {
        len += c.encode_utf8(out.get_mut(len..)?).len();
    }
    Some(())
}
