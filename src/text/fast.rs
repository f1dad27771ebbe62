//! One row at machine speed: eight digits, or sixteen bytes, at a time.
//!
//! A kernel answers only when it is sure; `None` hands the row to
//! [`exact`](super::exact), which is also what tests compare with. So a kernel
//! need not know comments in the middle of a field, signs of NaN, Unicode
//! blanks or errors: it must only never be wrong.
//!
//! Invariants of the unsafe code here, given by [`Text`](super::Text) and kept
//! by every function that takes a cursor `p`:
//! * the text is followed by the sentinel `\n` and at least [`PADDING`] - 1 more
//!   readable bytes;
//! * a cursor points into the text or at the sentinel: it moves over a byte
//!   only after looking at it, and nothing but a row's end moves over `\n`;
//! * so a load of up to 16 bytes at a cursor reads allocated memory.
//!
//! Advice for whoever edits this: a digit loop may trust that the sentinel is
//! not a digit, a search for a delimiter that it stops at `\n`.

#![allow(unsafe_code)]

use super::plan::{Column, Columns, Op, Plan};

/// Bytes behind a text that the kernels may read, the sentinel included.
pub const PADDING: usize = 64;
/// Bytes behind the last row that a kernel may write, if columns ascend.
pub const OVERRUN: usize = 16;

/// Powers of ten that a float64 holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
/// Powers of ten up to eight digits; 16 entries, so that a masked index needs no check.
const POWERS: [u64; 16] =
    [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 0, 0, 0, 0, 0, 0, 0];

/// How fields end: one implementation for each kind of delimiter.
pub(super) trait Separator: Copy {
    /// Moves to the first field of a row.
    ///
    /// # Safety
    /// * `p` is a cursor.
    unsafe fn first(self, p: *const u8) -> *const u8;
    /// Moves from behind a field to the next one; `None` if the row ends here.
    ///
    /// # Safety
    /// * `p` is a cursor.
    unsafe fn next(self, p: *const u8) -> Option<*const u8>;
    /// Whether a field ends at this byte.
    fn stops(self, byte: u8) -> bool;
    /// A bit for each of 16 bytes at which a field may end.
    #[cfg(target_arch = "x86_64")]
    fn stops16(self, bytes: core::arch::x86_64::__m128i) -> u32;
    /// Whether a byte is a blank that may stand around a number.
    fn is_blank(self, byte: u8) -> bool;
    /// The comment character; `\n` if there is none.
    fn comment(self) -> u8;
    /// Whether characters beyond ASCII may end a field.
    const WIDE_BLANKS: bool;
}

/// Fields are parted by one byte.
#[derive(Clone, Copy)]
pub(super) struct ByByte {
    delimiter: u8,
    comment: u8,
}

/// Fields are parted by runs of white space.
#[derive(Clone, Copy)]
pub(super) struct BySpace {
    comment: u8,
}

/// # Safety
/// * `p` is a cursor.
#[inline(always)]
unsafe fn byte(p: *const u8) -> u8 {
    // SAFETY: a cursor is readable.
    unsafe { *p }
}

/// # Safety
/// * `p` is a cursor and `n` at most [`PADDING`] - 16 bytes behind it.
#[inline(always)]
unsafe fn add(p: *const u8, n: usize) -> *const u8 {
    // SAFETY: text and padding are one allocation, and the caller stays within it.
    unsafe { p.add(n) }
}

#[cfg(target_arch = "x86_64")]
mod simd {
    pub(super) use core::arch::x86_64::{
        __m128i, _mm_and_si128, _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_loadu_si128, _mm_min_epu8,
        _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8, _mm_setr_epi8, _mm_storeu_si128,
    };

    /// A bit for each byte that equals `value`.
    #[inline(always)]
    pub(super) fn equal(bytes: __m128i, value: u8) -> __m128i {
        // SAFETY: SSE2 is part of x86_64.
        let all = unsafe { _mm_set1_epi8(value as i8) };
        // SAFETY: likewise.
        unsafe { _mm_cmpeq_epi8(bytes, all) }
    }

    #[inline(always)]
    pub(super) fn either(a: __m128i, b: __m128i) -> __m128i {
        // SAFETY: SSE2 is part of x86_64.
        unsafe { _mm_or_si128(a, b) }
    }

    /// Bits of the bytes' top bits.
    #[inline(always)]
    pub(super) fn mask(bytes: __m128i) -> u32 {
        // SAFETY: SSE2 is part of x86_64.
        unsafe { _mm_movemask_epi8(bytes) as u32 }
    }

    /// Bytes up to the space character.
    #[inline(always)]
    pub(super) fn at_most_space(bytes: __m128i) -> __m128i {
        // SAFETY: SSE2 is part of x86_64.
        let space = unsafe { _mm_set1_epi8(0x20) };
        // SAFETY: likewise.
        let low = unsafe { _mm_min_epu8(bytes, space) };
        // SAFETY: likewise.
        unsafe { _mm_cmpeq_epi8(low, bytes) }
    }

    /// The first `n` bytes, zeros behind them.
    #[inline(always)]
    pub(super) fn first(bytes: __m128i, n: usize) -> __m128i {
        // SAFETY: SSE2 is part of x86_64.
        let index = unsafe { _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) };
        // SAFETY: likewise.
        let limit = unsafe { _mm_set1_epi8(n as i8) };
        // SAFETY: likewise.
        let keep = unsafe { _mm_cmplt_epi8(index, limit) };
        // SAFETY: likewise.
        unsafe { _mm_and_si128(bytes, keep) }
    }
}

impl Separator for ByByte {
    const WIDE_BLANKS: bool = false;

    #[inline(always)]
    unsafe fn first(self, p: *const u8) -> *const u8 {
        p
    }

    #[inline(always)]
    unsafe fn next(self, mut p: *const u8) -> Option<*const u8> {
        // SAFETY: `p` is a cursor.
        if unsafe { byte(p) } != self.delimiter {
            // SAFETY: likewise.
            p = unsafe { skip_blanks(self, p) };
            // SAFETY: likewise.
            if unsafe { byte(p) } != self.delimiter {
                return None;
            }
        }
        // SAFETY: the byte is the delimiter, not the sentinel.
        Some(unsafe { add(p, 1) })
    }

    #[inline(always)]
    fn stops(self, byte: u8) -> bool {
        byte == self.delimiter || byte == self.comment || byte == b'\n' || byte == b'\r'
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn stops16(self, bytes: simd::__m128i) -> u32 {
        let field = simd::either(simd::equal(bytes, self.delimiter), simd::equal(bytes, self.comment));
        let line = simd::either(simd::equal(bytes, b'\n'), simd::equal(bytes, b'\r'));
        simd::mask(simd::either(field, line))
    }

    #[inline(always)]
    fn is_blank(self, byte: u8) -> bool {
        (byte == b' ' || byte == b'\t') && byte != self.delimiter
    }

    fn comment(self) -> u8 {
        self.comment
    }
}

impl Separator for BySpace {
    const WIDE_BLANKS: bool = true;

    #[inline(always)]
    unsafe fn first(self, p: *const u8) -> *const u8 {
        // SAFETY: `p` is a cursor.
        unsafe { skip_blanks(self, p) }
    }

    #[inline(always)]
    unsafe fn next(self, p: *const u8) -> Option<*const u8> {
        // SAFETY: `p` is a cursor.
        if !self.is_blank(unsafe { byte(p) }) {
            return None;
        }
        // SAFETY: likewise; the blank is not the sentinel.
        let p = unsafe { skip_blanks(self, add(p, 1)) };
        // SAFETY: likewise.
        (!self.stops(unsafe { byte(p) })).then_some(p)
    }

    #[inline(always)]
    fn stops(self, byte: u8) -> bool {
        byte <= b' ' || byte == self.comment
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn stops16(self, bytes: simd::__m128i) -> u32 {
        simd::mask(simd::either(simd::at_most_space(bytes), simd::equal(bytes, self.comment)))
    }

    #[inline(always)]
    fn is_blank(self, byte: u8) -> bool {
        byte == b' ' || byte == b'\t'
    }

    fn comment(self) -> u8 {
        self.comment
    }
}

/// # Safety
/// * `p` is a cursor.
#[inline(always)]
unsafe fn skip_blanks<S: Separator>(separator: S, mut p: *const u8) -> *const u8 {
    // SAFETY: `p` stays a cursor: the sentinel is not a blank.
    while separator.is_blank(unsafe { byte(p) }) {
        // SAFETY: as above.
        p = unsafe { add(p, 1) };
    }
    p
}

/// Moves from behind the last field over the line's end.
///
/// # Safety
/// * `p` is a cursor.
#[inline(always)]
unsafe fn row_end<S: Separator>(separator: S, p: *const u8) -> Option<*const u8> {
    // SAFETY: `p` is a cursor.
    if unsafe { byte(p) } == b'\n' {
        // SAFETY: one byte behind a cursor.
        return Some(unsafe { add(p, 1) });
    }
    // SAFETY: `p` is a cursor.
    unsafe { unusual_end(separator, p) }
}

/// # Safety
/// * `p` is a cursor.
#[cold]
unsafe fn unusual_end<S: Separator>(separator: S, p: *const u8) -> Option<*const u8> {
    // SAFETY: `p` is a cursor.
    let mut p = unsafe { skip_blanks(separator, p) };
    // SAFETY: likewise.
    if unsafe { byte(p) } == separator.comment() {
        // SAFETY: the search stops at the sentinel at the latest.
        while !matches!(unsafe { byte(p) }, b'\n' | b'\r') {
            // SAFETY: as above.
            p = unsafe { add(p, 1) };
        }
    }
    // SAFETY: `p` is a cursor, so the byte behind it is readable, too.
    let ahead = unsafe { [byte(p), byte(p.add(1))] };
    match super::lines::end_len(&ahead) {
        0 => None,
        // SAFETY: at most two bytes behind a cursor.
        n => Some(unsafe { add(p, n) }),
    }
}

/// Up to eight digits at `p`: their number and how many they are.
///
/// # Safety
/// * `p` is a cursor.
#[inline(always)]
unsafe fn digits8(p: *const u8) -> (u64, usize) {
    // SAFETY: a cursor is readable for 16 bytes; no alignment is asked for.
    let word = u64::from_le(unsafe { p.cast::<u64>().read_unaligned() });
    let digits = word ^ 0x3030_3030_3030_3030;
    // The high half of a byte is zero here only for a digit, up to the first byte that is none.
    let others = (digits.wrapping_add(0x0606_0606_0606_0606) | digits) & 0xF0F0_F0F0_F0F0_F0F0;
    if others == 0 {
        return (value8(digits), 8);
    }
    let bits = (others.trailing_zeros() & 56) as usize;
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
unsafe fn digits(mut value: u64, mut p: *const u8) -> (u64, *const u8) {
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

/// Bytes between two cursors of one row, `to` not before `from`.
#[inline(always)]
fn distance(from: *const u8, to: *const u8) -> usize {
    (to as usize).wrapping_sub(from as usize)
}

/// A sign, if there is one, and what follows it.
///
/// # Safety
/// * `p` is a cursor.
#[inline(always)]
unsafe fn sign(p: *const u8) -> (bool, *const u8) {
    // SAFETY: `p` is a cursor.
    let first = unsafe { byte(p) };
    let negative = first == b'-';
    // SAFETY: a sign is not the sentinel.
    (negative, unsafe { add(p, usize::from(negative | (first == b'+'))) })
}

/// A value that a kernel reads and stores.
trait Number: Sized {
    /// Bytes in the record.
    const WIDTH: usize;
    /// The number at `p`, and the cursor behind it.
    ///
    /// # Safety
    /// * `p` is a cursor.
    unsafe fn read(p: *const u8) -> Option<(Self, *const u8)>;
    /// Stores it in native order, or in the other one.
    ///
    /// # Safety
    /// * `out` is writable for [`Number::WIDTH`] bytes.
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
    ($type:ty, $bits:ty, |$p:ident| $read:expr) => {
        impl Number for $type {
            const WIDTH: usize = size_of::<$type>();

            #[inline(always)]
            unsafe fn read($p: *const u8) -> Option<(Self, *const u8)> {
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
        number!($type, $bits, |p| {
            // SAFETY: `p` is a cursor.
            let (negative, magnitude, end) = unsafe { integer(p) }?;
            if magnitude > <$type>::MAX as u64 + u64::from(negative) {
                return None;
            }
            let value = magnitude as $type;
            Some((if negative { value.wrapping_neg() } else { value }, end))
        });
    )*};
}

macro_rules! unsigned {
    ($($type:ty;)*) => {$(
        number!($type, $type, |p| {
            // SAFETY: `p` is a cursor.
            let (negative, magnitude, end) = unsafe { integer(p) }?;
            (!negative && magnitude <= <$type>::MAX as u64).then_some((magnitude as $type, end))
        });
    )*};
}

signed! { i8, u8; i16, u16; i32, u32; i64, u64; }
unsigned! { u8; u16; u32; u64; }

number!(f64, u64, |p| {
    // SAFETY: `p` is a cursor.
    unsafe { float(p) }
});

number!(f32, u32, |p| {
    // SAFETY: `p` is a cursor.
    let (value, end) = unsafe { float(p) }?;
    // NumPy reads a float64 and narrows it.
    Some((value as f32, end))
});

/// A float16 as its bits.
struct Half(u16);

impl Half {
    const fn to_ne_bytes(&self) -> [u8; 2] {
        self.0.to_ne_bytes()
    }
}

number!(Half, u16, |p| {
    // SAFETY: `p` is a cursor.
    let (value, end) = unsafe { float(p) }?;
    Some((Self(super::number::half_bits(value)), end))
});

/// A bool: any integer, 0 or not.
struct Truth(u8);

impl Truth {
    const fn to_ne_bytes(&self) -> [u8; 1] {
        [self.0]
    }
}

number!(Truth, u8, |p| {
    // SAFETY: `p` is a cursor.
    let (value, end) = unsafe { <i64 as Number>::read(p) }?;
    Some((Self(u8::from(value != 0)), end))
});

/// # Safety
/// * `p` is a cursor.
#[inline(always)]
unsafe fn float(p: *const u8) -> Option<(f64, *const u8)> {
    // SAFETY: `p` is a cursor.
    let (negative, start) = unsafe { sign(p) };
    // SAFETY: likewise.
    let (mut mantissa, mut end) = unsafe { digits(0, start) };
    let mut count = distance(start, end);
    let mut exponent = 0i32;
    // SAFETY: `end` is a cursor.
    if unsafe { byte(end) } == b'.' {
        // SAFETY: the point is not the sentinel.
        let fraction = unsafe { add(end, 1) };
        // SAFETY: `fraction` is a cursor.
        (mantissa, end) = unsafe { digits(mantissa, fraction) };
        let places = distance(fraction, end);
        count += places;
        exponent = (places as i32).wrapping_neg();
    }
    if count.wrapping_sub(1) >= 19 {
        // SAFETY: `start` is a cursor.
        return unsafe { named(negative, start) };
    }
    // SAFETY: `end` is a cursor.
    if unsafe { byte(end) } | 0x20 == b'e' {
        // SAFETY: likewise, and `e` is not the sentinel.
        let (value, behind) = unsafe { power(add(end, 1)) }?;
        exponent += value;
        end = behind;
    }
    let magnitude = match scale(mantissa, exponent) {
        Some(value) => value,
        None => {
            // SAFETY: the text from `start` to `end` was read byte by byte above.
            let text = unsafe { core::slice::from_raw_parts(start, distance(start, end)) };
            fast_float2::parse(text).ok()?
        }
    };
    Some((if negative { -magnitude } else { magnitude }, end))
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

/// `mantissa` times ten to the `exponent`, where one exact operation does it:
/// both factors are float64 values, so the product is rounded once (Clinger).
#[inline(always)]
fn scale(mantissa: u64, exponent: i32) -> Option<f64> {
    if mantissa > 1 << 53 {
        return None;
    }
    let power = *EXACT_POWERS.get(exponent.unsigned_abs() as usize)?;
    let value = mantissa as f64;
    Some(if exponent < 0 { value / power } else { value * power })
}

/// Reads one row of `plan` at `p` into `out`; the cursor behind its line.
///
/// # Safety
/// * `p` is a cursor.
/// * `out` is writable for the plan's row size and, if its columns ascend,
///   [`OVERRUN`] bytes more.
#[inline(always)]
pub(super) unsafe fn row<S: Separator>(
    separator: S,
    plan: &Plan<'_>,
    p: *const u8,
    out: *mut u8,
) -> Option<*const u8> {
    match plan.columns {
        Columns::Uniform { first, count } if first.op == Op::F8 => {
            // SAFETY: the caller's promises; every offset lies in the row.
            unsafe { uniform::<S, f64>(separator, first, count, p, out) }
        }
        Columns::Uniform { first, count } => {
            // SAFETY: the caller's promises; every offset lies in the row.
            unsafe { alike(separator, plan, first, count, p, out) }
        }
        Columns::Listed(list) => {
            // SAFETY: the caller's promises; the plan's offsets lie in the row.
            unsafe { listed(separator, plan, list, p, out) }
        }
    }
}

/// A row whose columns are all of type `T`.
///
/// # Safety
/// * `p` is a cursor; `out` is writable for `count` values.
#[inline(always)]
unsafe fn uniform<S: Separator, T: Number>(
    separator: S,
    column: Column,
    count: u32,
    p: *const u8,
    mut out: *mut u8,
) -> Option<*const u8> {
    // SAFETY: `p` is a cursor.
    let mut p = unsafe { separator.first(p) };
    for i in 0..count {
        if i > 0 {
            // SAFETY: `p` is a cursor.
            p = unsafe { separator.next(p) }?;
        }
        // SAFETY: `p` is a cursor, `out` has room for this value.
        p = unsafe { number::<S, T>(separator, column, p, out) }?;
        // SAFETY: the end of a value is in the row, or its end.
        out = unsafe { out.add(T::WIDTH) };
    }
    // SAFETY: `p` is a cursor.
    unsafe { row_end(separator, p) }
}

/// A row whose columns are all alike.
///
/// # Safety
/// * As for [`row`].
unsafe fn alike<S: Separator>(
    separator: S,
    plan: &Plan<'_>,
    column: Column,
    count: u32,
    p: *const u8,
    mut out: *mut u8,
) -> Option<*const u8> {
    // SAFETY: `p` is a cursor.
    let mut p = unsafe { separator.first(p) };
    for i in 0..count {
        if i > 0 {
            // SAFETY: `p` is a cursor.
            p = unsafe { separator.next(p) }?;
        }
        // SAFETY: `p` is a cursor, `out` has room for this column.
        p = unsafe { field(separator, plan, column, count == 1, p, out) }?;
        // SAFETY: the end of a column is in the row, or its end.
        out = unsafe { out.add(column.width as usize) };
    }
    // SAFETY: `p` is a cursor.
    unsafe { row_end(separator, p) }
}

/// A row of different columns.
///
/// # Safety
/// * As for [`row`]; the columns are the plan's.
#[inline(always)]
unsafe fn listed<S: Separator>(
    separator: S,
    plan: &Plan<'_>,
    columns: &[Column],
    p: *const u8,
    out: *mut u8,
) -> Option<*const u8> {
    // SAFETY: `p` is a cursor.
    let mut p = unsafe { separator.first(p) };
    for (i, &column) in columns.iter().enumerate() {
        for step in 0..=column.skip {
            if i > 0 || step > 0 {
                // SAFETY: `p` is a cursor.
                p = unsafe { separator.next(p) }?;
            }
            if step < column.skip {
                // SAFETY: `p` is a cursor.
                p = unsafe { skip_field(separator, p) }?;
            }
        }
        // SAFETY: the plan's offsets lie in the row.
        let place = unsafe { out.add(column.offset as usize) };
        // SAFETY: `p` is a cursor, `place` has room for this column.
        p = unsafe { field(separator, plan, column, columns.len() == 1, p, place) }?;
    }
    if plan.usecols.is_some() {
        // SAFETY: `p` is a cursor.
        return unsafe { rest_of_line(separator, p) };
    }
    // SAFETY: `p` is a cursor.
    unsafe { row_end(separator, p) }
}

/// Leaves out what `usecols` does not use. The rest must still begin with a
/// delimiter or the line's end, or else the last number was not one.
///
/// # Safety
/// * `p` is a cursor.
unsafe fn rest_of_line<S: Separator>(separator: S, mut p: *const u8) -> Option<*const u8> {
    // SAFETY: `p` is a cursor; the loop ends at the sentinel.
    while let Some(next) = unsafe { separator.next(p) } {
        // SAFETY: `next` is a cursor.
        p = unsafe { skip_field(separator, next) }?;
    }
    // SAFETY: `p` is a cursor.
    unsafe { row_end(separator, p) }
}

/// One field, by its column's type.
///
/// # Safety
/// * `p` is a cursor; `out` is writable for the column's width and, if the
///   plan's columns ascend, [`OVERRUN`] bytes.
#[inline(always)]
#[allow(clippy::multiple_unsafe_ops_per_block, reason = "one call is made, chosen by the type")]
unsafe fn field<S: Separator>(
    s: S,
    plan: &Plan<'_>,
    column: Column,
    only: bool,
    p: *const u8,
    out: *mut u8,
) -> Option<*const u8> {
    // SAFETY: the caller's promises are those of each of the functions called.
    unsafe {
        match column.op {
            Op::I4 => number::<S, i32>(s, column, p, out),
            Op::F4 => number::<S, f32>(s, column, p, out),
            Op::F8 => number::<S, f64>(s, column, p, out),
            Op::I8 | Op::Timedelta => number::<S, i64>(s, column, p, out),
            Op::Bytes => text(s, plan, column, only, p, out),
            Op::Bool => number::<S, Truth>(s, column, p, out),
            Op::I1 => number::<S, i8>(s, column, p, out),
            Op::I2 => number::<S, i16>(s, column, p, out),
            Op::U1 => number::<S, u8>(s, column, p, out),
            Op::U2 => number::<S, u16>(s, column, p, out),
            Op::U4 => number::<S, u32>(s, column, p, out),
            Op::U8 => number::<S, u64>(s, column, p, out),
            Op::F2 => number::<S, Half>(s, column, p, out),
            Op::Ucs4 | Op::Utf8 => characters(s, column, only, p, out),
            Op::C8 | Op::C16 => None,
        }
    }
}

/// # Safety
/// * `p` is a cursor; `out` is writable for the value.
#[inline(always)]
unsafe fn number<S: Separator, T: Number>(
    separator: S,
    column: Column,
    p: *const u8,
    out: *mut u8,
) -> Option<*const u8> {
    // SAFETY: `p` is a cursor.
    let read = unsafe { T::read(p) };
    let (value, end) = match read {
        Some(found) => found,
        None => {
            // SAFETY: `p` is a cursor.
            let behind = unsafe { skip_blanks(separator, p) };
            if behind == p {
                return None;
            }
            // SAFETY: `behind` is a cursor.
            unsafe { T::read(behind) }?
        }
    };
    // SAFETY: the caller gives room for the value.
    unsafe { value.store(out, column.swap) };
    Some(end)
}

/// The end of the field at `p`.
///
/// # Safety
/// * `p` is a cursor.
#[inline(always)]
unsafe fn field_end<S: Separator>(separator: S, mut p: *const u8) -> *const u8 {
    // SAFETY: the search stops at the sentinel at the latest.
    while !separator.stops(unsafe { byte(p) }) {
        // SAFETY: as above.
        p = unsafe { add(p, 1) };
    }
    p
}

/// The end of a field that is left out. A blank beyond ASCII would end it, too.
///
/// # Safety
/// * `p` is a cursor.
#[inline(always)]
unsafe fn skip_field<S: Separator>(separator: S, p: *const u8) -> Option<*const u8> {
    // SAFETY: `p` is a cursor.
    let end = unsafe { field_end(separator, p) };
    // SAFETY: these bytes were seen just now, and are not written to.
    let bytes = unsafe { core::slice::from_raw_parts(p, distance(p, end)) };
    (!S::WIDE_BLANKS || bytes.is_ascii()).then_some(end)
}

/// Bytes of an `S` column.
///
/// # Safety
/// * As for [`field`].
#[inline(always)]
unsafe fn text<S: Separator>(
    separator: S,
    plan: &Plan<'_>,
    column: Column,
    only: bool,
    p: *const u8,
    out: *mut u8,
) -> Option<*const u8> {
    let width = column.width as usize;
    #[cfg(target_arch = "x86_64")]
    if plan.ascending && width <= OVERRUN {
        // SAFETY: a cursor is readable for 16 bytes.
        let bytes = unsafe { simd::_mm_loadu_si128(p.cast()) };
        let stops = separator.stops16(bytes);
        if stops != 0 {
            let len = stops.trailing_zeros() as usize;
            let others = simd::mask(bytes) & (stops & stops.wrapping_neg()).wrapping_sub(1);
            if others != 0 || (only && len == 0) {
                return None;
            }
            let kept = simd::first(bytes, len.min(width));
            // SAFETY: the columns ascend, so `OVERRUN` bytes are writable.
            unsafe { simd::_mm_storeu_si128(out.cast(), kept) };
            // SAFETY: `len` bytes were seen, none of them the sentinel.
            return Some(unsafe { add(p, len) });
        }
    }
    // SAFETY: `p` is a cursor, `out` has room for the column.
    unsafe { long_text(separator, width, only, p, out) }
}

/// Bytes of an `S` column of any width.
///
/// # Safety
/// * `p` is a cursor; `out` is writable for `width` bytes.
unsafe fn long_text<S: Separator>(
    separator: S,
    width: usize,
    only: bool,
    p: *const u8,
    out: *mut u8,
) -> Option<*const u8> {
    // SAFETY: `p` is a cursor.
    let (end, bytes) = unsafe { ascii_field(separator, only, p) }?;
    let kept = bytes.len().min(width);
    // SAFETY: `kept` bytes are readable at `p` and writable at `out`, in different memory.
    unsafe { core::ptr::copy_nonoverlapping(p, out, kept) };
    // SAFETY: `kept` is at most `width`.
    let rest = unsafe { out.add(kept) };
    // SAFETY: the rest of the column is writable.
    unsafe { rest.write_bytes(0, width - kept) };
    Some(end)
}

/// Characters of a `U` column.
///
/// # Safety
/// * `p` is a cursor; `out` is writable for the column's width.
unsafe fn characters<S: Separator>(
    separator: S,
    column: Column,
    only: bool,
    p: *const u8,
    out: *mut u8,
) -> Option<*const u8> {
    // SAFETY: `p` is a cursor.
    let (end, bytes) = unsafe { ascii_field(separator, only, p) }?;
    let width = column.width as usize;
    // SAFETY: the caller gives room for the column.
    unsafe { out.write_bytes(0, width) };
    for (i, &byte) in bytes.iter().take(width / 4).enumerate() {
        if column.op == Op::Utf8 {
            // SAFETY: `i` is below the width.
            let place = unsafe { out.add(i) };
            // SAFETY: writable, as above.
            unsafe { place.write(byte) };
        } else {
            let point = u32::from(byte);
            let point = if column.swap { point.swap_bytes() } else { point };
            // SAFETY: `4 i + 4` is at most the width.
            let place = unsafe { out.add(4 * i) };
            // SAFETY: writable, as above; no alignment is asked for.
            unsafe { place.cast::<u32>().write_unaligned(point) };
        }
    }
    Some(end)
}

/// The field at `p` if it is plain ASCII, and the cursor behind it. A lone
/// empty field is none: it makes a blank line.
///
/// # Safety
/// * `p` is a cursor. The text lives as long as the slice is used.
#[inline(always)]
unsafe fn ascii_field<'t, S: Separator>(
    separator: S,
    only: bool,
    p: *const u8,
) -> Option<(*const u8, &'t [u8])> {
    // SAFETY: `p` is a cursor.
    let end = unsafe { field_end(separator, p) };
    let len = distance(p, end);
    // SAFETY: `len` bytes were seen from `p` on.
    let bytes = unsafe { core::slice::from_raw_parts(p, len) };
    (bytes.is_ascii() && !(only && len == 0)).then_some((end, bytes))
}

/// Calls `$body` with the separator of a format, as a type of its own.
macro_rules! with_separator {
    ($format:expr, |$separator:ident| $body:expr) => {{
        let comment = $format.comment().unwrap_or(b'\n');
        match $format.delimiter() {
            $crate::text::Delimiter::Byte(delimiter) => {
                let $separator = $crate::text::fast::by_byte(delimiter, comment);
                $body
            }
            $crate::text::Delimiter::Whitespace => {
                let $separator = $crate::text::fast::by_space(comment);
                $body
            }
        }
    }};
}
pub(super) use with_separator;

pub(super) const fn by_byte(delimiter: u8, comment: u8) -> ByByte {
    ByByte { delimiter, comment }
}

pub(super) const fn by_space(comment: u8) -> BySpace {
    BySpace { comment }
}
