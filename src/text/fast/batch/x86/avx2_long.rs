//! AVX2: floats of up to 32 characters, one after the other.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "an address is computed where it is read or written"
)]

#[allow(clippy::wildcard_imports, reason = "the names are the instructions'")]
use core::arch::x86_64::*;

use super::super::machine::Fields;
use super::avx2::{above_9, all, bits, body, bytes, eights, fours, numbers, sixteens, words};
use super::{before_end, entry};
use crate::text::decimal;

/// Places from the first byte, and how many bytes there are from each one on.
const PLACES: [i8; 32] = numbers(0, 1, 32);
const LEFT: [i8; 32] = numbers(32, -1, 32);

/// A float of up to 32 characters and 19 digits; `None` if it is not sure.
///
/// # Safety
/// * As for [`Machine::floats`].
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn long_float(fields: Fields, field: usize, point: u8) -> Option<f64> {
    // SAFETY: the caller's promises.
    let len = unsafe { entry(fields.ends, field, fields.step) }
        .wrapping_sub(unsafe { entry(fields.starts, field, fields.step) });
    if len > 32 {
        return None;
    }
    let left = bytes(&LEFT);
    // SAFETY: likewise.
    let text = unsafe { _mm256_loadu_si256(before_end(fields, field, 32).cast()) };
    // SAFETY: likewise.
    let before = unsafe { _mm256_loadu_si256(before_end(fields, field, 33).cast()) };
    let inside = _mm256_cmpgt_epi8(all(len as u8 + 1), left);
    let points = _mm256_and_si256(inside, _mm256_cmpeq_epi8(text, all(point)));
    let mask = bits(points);
    let place = 32 - mask.leading_zeros();
    if place + u32::from(len) == 33 {
        // Without the point in front, what follows it might pass for a sign.
        return None;
    }
    // What is left of the point moves over it.
    let moved = _mm256_cmpgt_epi8(all(place as u8), bytes(&PLACES));
    let text = _mm256_blendv_epi8(text, before, moved);
    let len = len as u8 - u8::from(mask != 0);
    let (inside, minus) = body(text, all(len), left);
    let digits = _mm256_and_si256(inside, _mm256_sub_epi8(text, all(b'0')));
    if above_9(digits) | (!bits(inside) >> 31) != 0 {
        return None;
    }
    let fours = fours(digits);
    let words: [u64; 4] = words(sixteens(eights(fours, fours)));
    let [high, _, low, _] = words;
    if high > 999 {
        return None;
    }
    let places = if mask == 0 { 0 } else { 32 - place as i32 };
    let value = decimal::to_f64(high * 10_000_000_000_000_000 + low, -places)?;
    Some(if bits(minus) == 0 { value } else { -value })
}

/// Eight floats of up to 32 characters.
///
/// # Safety
/// * As for [`Machine::floats`].
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) unsafe fn long_floats(fields: Fields, point: u8) -> ([__m256i; 2], u8) {
    let mut bad = 0;
    let mut values = [0f64; 8];
    for (i, slot) in values.iter_mut().enumerate() {
        // SAFETY: the caller's promises.
        match unsafe { long_float(fields, i, point) } {
            Some(value) => *slot = value,
            None => bad |= 1 << i,
        }
    }
    // SAFETY: the array is readable.
    let load = |i: usize| unsafe { _mm256_loadu_si256(values.as_ptr().add(i).cast()) };
    ([load(0), load(4)], bad)
}
