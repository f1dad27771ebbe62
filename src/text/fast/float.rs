//! Floats: digits, point and power in one pass, then one rounding.

use super::digits::{digits, digits8, sign};
use super::{add, byte, distance};
use crate::text::decimal;

/// Digits that always fit 64 bits.
const MAX_DIGITS: usize = 19;

/// # Safety
/// * `p` is a cursor.
#[inline(always)]
pub(super) unsafe fn float(p: *const u8, point: u8) -> Option<(f64, *const u8)> {
    // SAFETY: `p` is a cursor.
    let (negative, start) = unsafe { sign(p) };
    // SAFETY: likewise.
    let (mut mantissa, mut end) = unsafe { digits(0, start) };
    let mut count = distance(start, end);
    let mut exponent = 0i32;
    // SAFETY: `end` is a cursor.
    if unsafe { byte(end) } == point {
        // SAFETY: the point is not the sentinel.
        let fraction = unsafe { add(end, 1) };
        // SAFETY: `fraction` is a cursor.
        (mantissa, end) = unsafe { digits(mantissa, fraction) };
        let places = distance(fraction, end);
        count += places;
        // So many places that powers overflow are not for a kernel.
        exponent = -i32::try_from(places).ok().filter(|&n| n < 1 << 30)?;
    }
    if count == 0 {
        // SAFETY: `start` is a cursor.
        return unsafe { named(negative, start) };
    }
    // SAFETY: these bytes were seen just now, and are not written to.
    let seen = unsafe { core::slice::from_raw_parts(start, distance(start, end)) };
    // More than 19 digits wrap the mantissa, unless the first ones are zeros.
    let whole = count <= MAX_DIGITS || significant_digits(seen, point) <= MAX_DIGITS;
    // SAFETY: `end` is a cursor.
    if unsafe { byte(end) } | 0x20 == b'e' {
        // SAFETY: `e` is not the sentinel.
        let start = unsafe { add(end, 1) };
        // SAFETY: `start` is a cursor.
        let (value, behind) = unsafe { power(start) }?;
        exponent += value;
        end = behind;
    }
    let quick = if whole { decimal::to_f64(mantissa, exponent) } else { None };
    let magnitude = if let Some(value) = quick {
        value
    } else if point != b'.' {
        // Many digits and another point: nothing here reads that.
        return None;
    } else {
        // SAFETY: the text from `start` to `end` was read byte by byte above.
        let text = unsafe { core::slice::from_raw_parts(start, distance(start, end)) };
        fast_float2::parse(text).ok()?
    };
    // A sign is as good as random: no branch on it.
    Some((f64::from_bits(magnitude.to_bits() ^ (u64::from(negative) << 63)), end))
}

/// Digits behind the leading zeros of a number.
#[cold]
fn significant_digits(number: &[u8], point: u8) -> usize {
    let digits = number.iter().skip_while(|&&b| b == b'0' || b == point);
    digits.filter(|b| b.is_ascii_digit()).count()
}

/// `nan`, `inf` and `infinity` behind their sign.
///
/// # Safety
/// * `p` is a cursor.
#[cold]
unsafe fn named(negative: bool, p: *const u8) -> Option<(f64, *const u8)> {
    // SAFETY: a cursor is readable for 16 bytes, and its bytes are not written to.
    let text = unsafe { core::slice::from_raw_parts(p, 8) };
    let begins = |word: &[u8]| text.get(..word.len()).is_some_and(|t| t.eq_ignore_ascii_case(word));
    let (value, len) = if begins(b"nan") {
        (f64::NAN, 3)
    } else if begins(b"infinity") {
        (f64::INFINITY, 8)
    } else if begins(b"inf") {
        (f64::INFINITY, 3)
    } else {
        return None;
    };
    // SAFETY: the letters of the word are not the sentinel.
    let end = unsafe { add(p, len) };
    Some((if negative { -value } else { value }, end))
}

/// The number behind `e`: at most four digits, so that nothing overflows.
///
/// # Safety
/// * `p` is a cursor.
#[inline(always)]
unsafe fn power(p: *const u8) -> Option<(i32, *const u8)> {
    // SAFETY: `p` is a cursor.
    let (negative, start) = unsafe { sign(p) };
    // SAFETY: likewise.
    let (value, n) = unsafe { digits8(start) };
    if n.wrapping_sub(1) >= 4 {
        return None;
    }
    let value = value as i32;
    // SAFETY: `n` digits were seen there.
    Some((if negative { -value } else { value }, unsafe { add(start, n) }))
}
