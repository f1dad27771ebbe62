//! The machines of x86-64.

mod avx2;
mod avx2_long;
mod avx512;
mod avx512_long;

use super::machine::Fields;

#[cfg(test)]
pub(super) use avx2::Avx2;
pub(in crate::text::fast) use avx2::avx2;
#[cfg(test)]
pub(super) use avx512::Avx512;
pub(in crate::text::fast) use avx512::avx512;

/// The `i`th of entries that lie `step` apart.
///
/// # Safety
/// * There is such an entry.
#[inline(always)]
const unsafe fn entry(first: *const u16, i: usize, step: usize) -> u16 {
    // SAFETY: the caller's promise.
    let entry = unsafe { first.add(i * step) };
    // SAFETY: likewise.
    unsafe { *entry }
}

/// The place `back` bytes before the end of a field.
///
/// # Safety
/// * The index has an entry for the field; so many bytes before its end are in the text.
#[inline(always)]
unsafe fn before_end(fields: Fields, field: usize, back: usize) -> *const u8 {
    // SAFETY: the caller's promise.
    let end = usize::from(unsafe { entry(fields.ends, field, fields.step) });
    // SAFETY: the end is in the text.
    let end = unsafe { fields.base.add(end) };
    // SAFETY: the caller's promise.
    unsafe { end.sub(back) }
}

/// Characters of an exponent.
const TAIL: usize = 4;

/// Whether the first of eight fields, of `len` characters, ends as with an exponent of two digits.
///
/// # Safety
/// * The index has an entry for the field; four bytes before its end are in the text.
#[inline(always)]
unsafe fn has_exponent(fields: Fields, len: i32) -> bool {
    // SAFETY: the caller's promise.
    let letter = unsafe { before_end(fields, 0, TAIL) };
    // SAFETY: likewise.
    len > TAIL as i32 && unsafe { *letter } | 0x20 == b'e'
}
