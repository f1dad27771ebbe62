//! How fields and rows end, for each kind of delimiter.

use super::{add, byte, distance};
use crate::text::lines;

/// How fields end: one implementation for each kind of delimiter.
pub(crate) trait Separator: Copy {
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
    /// The quote; [`NO_QUOTE`] if there is none.
    fn quote(self) -> u8;
    /// Whether characters beyond ASCII may end a field.
    const WIDE_BLANKS: bool;
}

/// Stands for the quote of a format without one: kernels leave this byte alone anyway.
pub(super) const NO_QUOTE: u8 = 0xFF;

/// Fields are parted by one byte.
#[derive(Clone, Copy)]
pub(crate) struct ByByte {
    pub(super) delimiter: u8,
    pub(super) comment: u8,
    pub(super) quote: u8,
}

/// Fields are parted by runs of white space.
#[derive(Clone, Copy)]
pub(crate) struct BySpace {
    pub(super) comment: u8,
    pub(super) quote: u8,
}

#[cfg(target_arch = "x86_64")]
pub(super) mod simd {
    pub(in crate::text::fast) use core::arch::x86_64::{
        __m128i, _mm_and_si128, _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_loadu_si128, _mm_min_epu8,
        _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8, _mm_setr_epi8, _mm_storeu_si128,
    };

    /// A bit for each byte that equals `value`.
    #[inline(always)]
    pub(in crate::text::fast) fn equal(bytes: __m128i, value: u8) -> __m128i {
        // SAFETY: SSE2 is part of x86_64.
        let all = unsafe { _mm_set1_epi8(value as i8) };
        // SAFETY: likewise.
        unsafe { _mm_cmpeq_epi8(bytes, all) }
    }

    #[inline(always)]
    pub(in crate::text::fast) fn either(a: __m128i, b: __m128i) -> __m128i {
        // SAFETY: SSE2 is part of x86_64.
        unsafe { _mm_or_si128(a, b) }
    }

    /// Bits of the bytes' top bits.
    #[inline(always)]
    pub(in crate::text::fast) fn mask(bytes: __m128i) -> u32 {
        // SAFETY: SSE2 is part of x86_64.
        unsafe { _mm_movemask_epi8(bytes) as u32 }
    }

    /// Bytes up to the space character.
    #[inline(always)]
    pub(in crate::text::fast) fn at_most_space(bytes: __m128i) -> __m128i {
        // SAFETY: SSE2 is part of x86_64.
        let space = unsafe { _mm_set1_epi8(0x20) };
        // SAFETY: likewise.
        let low = unsafe { _mm_min_epu8(bytes, space) };
        // SAFETY: likewise.
        unsafe { _mm_cmpeq_epi8(low, bytes) }
    }

    /// The first `n` bytes, zeros behind them.
    #[inline(always)]
    pub(in crate::text::fast) fn first(bytes: __m128i, n: usize) -> __m128i {
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
        let field =
            simd::either(simd::equal(bytes, self.delimiter), simd::equal(bytes, self.comment));
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

    fn quote(self) -> u8 {
        self.quote
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
        // SAFETY: the blank is not the sentinel.
        let p = unsafe { add(p, 1) };
        // SAFETY: `p` is a cursor.
        let p = unsafe { skip_blanks(self, p) };
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

    fn quote(self) -> u8 {
        self.quote
    }
}

/// # Safety
/// * `p` is a cursor.
#[inline(always)]
pub(super) unsafe fn skip_blanks<S: Separator>(separator: S, mut p: *const u8) -> *const u8 {
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
pub(super) unsafe fn row_end<S: Separator>(separator: S, p: *const u8) -> Option<*const u8> {
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
    // SAFETY: a cursor is readable for 16 bytes, and they are not written to.
    let ahead = unsafe { core::slice::from_raw_parts(p, 2) };
    match lines::end_len(ahead) {
        0 => None,
        // SAFETY: at most two bytes behind a cursor.
        n => Some(unsafe { add(p, n) }),
    }
}

/// The end of the field at `p`.
///
/// # Safety
/// * `p` is a cursor.
#[inline(always)]
pub(super) unsafe fn field_end<S: Separator>(separator: S, mut p: *const u8) -> *const u8 {
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
pub(super) unsafe fn skip_field<S: Separator>(separator: S, p: *const u8) -> Option<*const u8> {
    // SAFETY: `p` is a cursor.
    if unsafe { byte(p) } == separator.quote() {
        return None;
    }
    // SAFETY: likewise.
    let end = unsafe { field_end(separator, p) };
    // SAFETY: these bytes were seen just now, and are not written to.
    let bytes = unsafe { core::slice::from_raw_parts(p, distance(p, end)) };
    (!S::WIDE_BLANKS || bytes.is_ascii()).then_some(end)
}
