//! Runs of digits and integers, eight digits at a time.

use super::float::float;
use super::{add, byte, distance};
use crate::text::number::half_bits;

/// Powers of ten up to eight digits; 16 entries, so that a masked index needs no check.
const POWERS: [u64; 16] =
    [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 0, 0, 0, 0, 0, 0, 0];

/// Up to eight digits at `p`: their number and how many they are.
///
/// # Safety
/// * `p` is a cursor.
#[inline(always)]
pub(super) unsafe fn digits8(p: *const u8) -> (u64, usize) {
    // SAFETY: a cursor is readable for 16 bytes; no alignment is asked for.
    let word = u64::from_le(unsafe { p.cast::<u64>().read_unaligned() });
    let digits = word ^ 0x3030_3030_3030_3030;
    // The high half of a byte is zero here only for a digit, up to the first byte that is none.
    let others = (digits.wrapping_add(0x0606_0606_0606_0606) | digits) & 0xF0F0_F0F0_F0F0_F0F0;
    if others == 0 {
        return (value8(digits), 8);
    }
    let bits = (others.trailing_zeros() & 0x38) as usize;
    // Digits to the top, zeros below them: leading zeros of the number.
    (value8((digits << (56 - bits)) << 8), bits / 8)
}

/// The number that eight digits (least significant byte first digit) make.
#[inline(always)]
const fn value8(digits: u64) -> u64 {
    const MASK: u64 = 0x0000_00FF_0000_00FF;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & MASK).wrapping_mul(0x000F_4240_0000_0064);
    let high = ((pairs >> 16) & MASK).wrapping_mul(0x0000_2710_0000_0001);
    low.wrapping_add(high) >> 32
}

/// Appends the digits at `p` to `value`; wraps beyond 19 digits, which the
/// caller counts.
///
/// # Safety
/// * `p` is a cursor.
#[inline(always)]
pub(super) unsafe fn digits(mut value: u64, mut p: *const u8) -> (u64, *const u8) {
    loop {
        // SAFETY: `p` is a cursor: it moves over digits only.
        let (chunk, n) = unsafe { digits8(p) };
        value = value.wrapping_mul(POWERS[n & 15]).wrapping_add(chunk);
        // SAFETY: as above.
        p = unsafe { add(p, n) };
        if n < 8 {
            return (value, p);
        }
    }
}

/// A sign, if there is one, and what follows it.
///
/// # Safety
/// * `p` is a cursor.
#[inline(always)]
pub(super) unsafe fn sign(p: *const u8) -> (bool, *const u8) {
    // SAFETY: `p` is a cursor.
    let first = unsafe { byte(p) };
    let negative = first == b'-';
    // SAFETY: a sign is not the sentinel.
    (negative, unsafe { add(p, usize::from(negative) + usize::from(first == b'+')) })
}

/// A value that a kernel reads and stores.
pub(super) trait Number: Sized {
    /// The number at `p`, and the cursor behind it. `point` is the decimal point.
    ///
    /// # Safety
    /// * `p` is a cursor.
    unsafe fn read(p: *const u8, point: u8) -> Option<(Self, *const u8)>;
    /// Stores it in native order, or in the other one.
    ///
    /// # Safety
    /// * `out` is writable for the value's size.
    unsafe fn store(self, out: *mut u8, swap: bool);
}

/// # Safety
/// * `p` is a cursor.
#[inline(always)]
unsafe fn integer(p: *const u8) -> Option<(bool, u64, *const u8)> {
    // SAFETY: `p` is a cursor.
    let (negative, start) = unsafe { sign(p) };
    // SAFETY: likewise.
    let (magnitude, end) = unsafe { digits(0, start) };
    let count = distance(start, end);
    // 19 digits always fit 64 bits; more are rare and left to the exact path.
    (count.wrapping_sub(1) < 19).then_some((negative, magnitude, end))
}

macro_rules! number {
    ($type:ty, $bits:ty, |$p:ident, $point:pat_param| $read:expr) => {
        impl Number for $type {
            #[inline(always)]
            unsafe fn read($p: *const u8, $point: u8) -> Option<(Self, *const u8)> {
                $read
            }

            #[inline(always)]
            unsafe fn store(self, out: *mut u8, swap: bool) {
                let bits = <$bits>::from_ne_bytes(self.to_ne_bytes());
                let bits = if swap { bits.swap_bytes() } else { bits };
                // SAFETY: the caller gives room for the value; no alignment is asked for.
                unsafe { out.cast::<$bits>().write_unaligned(bits) };
            }
        }
    };
}

macro_rules! signed {
    ($($type:ty, $bits:ty;)*) => {$(
        number!($type, $bits, |p, _| {
            // SAFETY: `p` is a cursor.
            let (negative, magnitude, end) = unsafe { integer(p) }?;
            if magnitude > <$type>::MAX as u64 + u64::from(negative) {
                return None;
            }
            // Two's complement without a branch: a sign is as good as random.
            let sign = <$type>::from(negative);
            Some(((magnitude as $type ^ sign.wrapping_neg()).wrapping_add(sign), end))
        });
    )*};
}

macro_rules! unsigned {
    ($($type:ty;)*) => {$(
        number!($type, $type, |p, _| {
            // SAFETY: `p` is a cursor.
            let (negative, magnitude, end) = unsafe { integer(p) }?;
            if negative { None } else { <$type>::try_from(magnitude).ok().map(|value| (value, end)) }
        });
    )*};
}

signed! { i8, u8; i16, u16; i32, u32; i64, u64; }
unsigned! { u8; u16; u32; u64; }

number!(f64, u64, |p, point| {
    // SAFETY: `p` is a cursor.
    unsafe { float(p, point) }
});

number!(f32, u32, |p, point| {
    // SAFETY: `p` is a cursor.
    let (value, end) = unsafe { float(p, point) }?;
    // NumPy reads a float64 and narrows it.
    Some((value as f32, end))
});

/// A float16 as its bits.
pub(super) struct Half(u16);

impl Half {
    const fn to_ne_bytes(&self) -> [u8; 2] {
        self.0.to_ne_bytes()
    }
}

number!(Half, u16, |p, point| {
    // SAFETY: `p` is a cursor.
    let (value, end) = unsafe { float(p, point) }?;
    Some((Self(half_bits(value)), end))
});

/// A bool: any integer, 0 or not.
pub(super) struct Truth(u8);

impl Truth {
    const fn to_ne_bytes(&self) -> [u8; 1] {
        [self.0]
    }
}

number!(Truth, u8, |p, point| {
    // SAFETY: `p` is a cursor.
    let (value, end) = unsafe { <i64 as Number>::read(p, point) }?;
    Some((Self(u8::from(value != 0)), end))
});
