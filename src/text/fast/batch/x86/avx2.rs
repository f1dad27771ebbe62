//! AVX2: lanes of 16 bytes, a field in each of two.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "an address is computed where it is read or written"
)]

#[allow(clippy::wildcard_imports, reason = "the names are the instructions'")]
use core::arch::x86_64::*;

use super::super::columns::{self, Items, Rows};
use super::super::machine::{Fields, Limits, Machine, Masks, Special};
use super::super::marks::Marks;
use super::super::{Done, Stretch, read};
use super::avx2_long::long_floats;
use super::{before_end, entry, has_exponent};
use crate::text::plan::{Column, Plan};

/// A function for this machine.
macro_rules! avx2_fn {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        $(#[$meta])*
        #[inline]
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
        $vis fn $($rest)*
    };
}

/// Reads a batch.
///
/// # Safety
/// * The processor has the instructions; the rest as for [`read`].
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(in crate::text::fast) unsafe fn avx2(plan: &Plan<'_>, marks: &Marks, stretch: Stretch) -> Done {
    // SAFETY: the caller's promises.
    unsafe { read::<Avx2>(plan, marks, stretch) }
}

/// The machine.
#[derive(Debug, Clone, Copy)]
pub(in crate::text::fast::batch) struct Avx2;

/// `first`, one more and so on, again from the start after `period` of them.
pub(super) const fn numbers(first: i8, by: i8, period: usize) -> [i8; 32] {
    let mut all = [0; 32];
    let mut i = 0;
    while i < 32 {
        all[i] = first + by * (i % period) as i8;
        i += 1;
    }
    all
}

/// In each lane, and in both: 0 and up, 1 and up, and how many bytes there are from each one on.
const PLACES: [i8; 32] = numbers(0, 1, 16);
const FROM_1: [i8; 32] = numbers(1, 1, 16);
const LEFT: [i8; 32] = numbers(16, -1, 16);
/// The last byte of each lane.
const LAST: u32 = 0x8000_8000;

/// Ten to the powers 0, 15, 14, ..., 1, 0: by the place of the point, counted from 1; 0 for none.
static POWERS: [f64; 17] =
    [1e0, 1e15, 1e14, 1e13, 1e12, 1e11, 1e10, 1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 1e1, 1e0];

avx2_fn! {
    pub(super) fn bytes(all: &[i8; 32]) -> __m256i {
        // SAFETY: an array is readable.
        unsafe { _mm256_loadu_si256(all.as_ptr().cast()) }
    }
}

avx2_fn! {
    pub(super) fn all(byte: u8) -> __m256i {
        _mm256_set1_epi8(byte as i8)
    }
}

avx2_fn! {
    pub(super) fn bits(mask: __m256i) -> u32 {
        _mm256_movemask_epi8(mask) as u32
    }
}

avx2_fn! {
    fn either(a: __m256i, b: __m256i) -> __m256i {
        _mm256_or_si256(a, b)
    }
}

/// The lengths of eight fields.
///
/// # Safety
/// * The processor has the instructions.
/// * The index has entries for eight fields.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn lens(fields: Fields) -> __m128i {
    let entries = |first: *const u16| {
        if fields.step == 1 {
            // SAFETY: the caller's promise.
            return unsafe { _mm_loadu_si128(first.cast()) };
        }
        // SAFETY: likewise.
        let at = |i: usize| unsafe { entry(first, i, fields.step) } as i16;
        _mm_setr_epi16(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7))
    };
    _mm_sub_epi16(entries(fields.ends), entries(fields.starts))
}

/// The last 16 bytes of a field, and of the second one behind it.
///
/// # Safety
/// * The processor has the instructions.
/// * The index has entries for these fields; 16 bytes before each field's end are readable.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn two(fields: Fields, first: usize) -> __m256i {
    // SAFETY: the caller's promises.
    let lane = |i: usize| unsafe { _mm_loadu_si128(before_end(fields, i, 16).cast()) };
    _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(lane(first)), lane(first + 2))
}

avx2_fn! {
    /// The lengths of a field and of the second one behind it, in all bytes of their lanes.
    fn spread(lens: __m128i, first: i8) -> __m256i {
        let picks = _mm256_setr_m128i(_mm_set1_epi8(2 * first), _mm_set1_epi8(2 * first + 4));
        _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(lens), picks)
    }
}

/// Two fields, each in a lane and at its end.
#[derive(Clone, Copy)]
struct Pair {
    /// Their digits as numbers of four.
    fours: __m256i,
    /// Minus signs.
    minus: __m256i,
    /// Bytes that should not be there.
    bad: u32,
}

avx2_fn! {
    /// Digits to numbers of four digits, in 32 bits each.
    pub(super) fn fours(digits: __m256i) -> __m256i {
        let pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010A));
        _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x0001_0064))
    }
}

avx2_fn! {
    /// Numbers of four digits to numbers of eight, two for each lane: those of `a` and `b` by
    /// turns.
    pub(super) fn eights(a: __m256i, b: __m256i) -> __m256i {
        _mm256_madd_epi16(_mm256_packus_epi32(a, b), _mm256_set1_epi32(0x0001_2710))
    }
}

avx2_fn! {
    /// Two numbers of eight digits to one of sixteen.
    pub(super) fn sixteens(eights: __m256i) -> __m256i {
        let high = _mm256_mul_epu32(eights, _mm256_set1_epi64x(100_000_000));
        _mm256_add_epi64(high, _mm256_srli_epi64::<32>(eights))
    }
}

avx2_fn! {
    /// What of a field is inside, without its sign; and minus signs.
    pub(super) fn body(text: __m256i, len: __m256i, left: __m256i) -> (__m256i, __m256i) {
        let first = _mm256_cmpeq_epi8(len, left);
        let inside = either(first, _mm256_cmpgt_epi8(len, left));
        let minus = _mm256_and_si256(first, _mm256_cmpeq_epi8(text, all(b'-')));
        let plus = _mm256_and_si256(first, _mm256_cmpeq_epi8(text, all(b'+')));
        (_mm256_andnot_si256(either(minus, plus), inside), minus)
    }
}

avx2_fn! {
    pub(super) fn above_9(digits: __m256i) -> u32 {
        !bits(_mm256_cmpeq_epi8(_mm256_min_epu8(digits, all(9)), digits))
    }
}

avx2_fn! {
    fn integer_pair(text: __m256i, len: __m256i) -> Pair {
        let (inside, minus) = body(text, len, bytes(&LEFT));
        let digits = _mm256_and_si256(inside, _mm256_sub_epi8(text, all(b'0')));
        let bad = above_9(digits) | (LAST & !bits(inside));
        Pair { fours: fours(digits), minus, bad }
    }
}

avx2_fn! {
    /// A float's pair, and the places of the points: from 1, 0 if there is none.
    fn float_pair(text: __m256i, len: __m256i, point: __m256i) -> (Pair, __m256i) {
        let (inside, minus) = body(text, len, bytes(&LEFT));
        let points = _mm256_and_si256(inside, _mm256_cmpeq_epi8(text, point));
        let digits = _mm256_and_si256(inside, _mm256_sub_epi8(text, all(b'0')));
        // Two points add up to another place, and stay in the digits.
        let sums = _mm256_sad_epu8(_mm256_and_si256(points, bytes(&FROM_1)), all(0));
        let sum = _mm256_add_epi64(sums, _mm256_shuffle_epi32::<0x4E>(sums));
        let place = _mm256_shuffle_epi8(sum, all(0));
        // What is left of the point moves over it.
        let places = bytes(&PLACES);
        let from = _mm256_add_epi8(places, _mm256_cmpgt_epi8(place, places));
        let digits = _mm256_shuffle_epi8(digits, from);
        // A digit comes last, or before a last point.
        let digit = bits(_mm256_andnot_si256(points, inside));
        let bad = above_9(digits) | (LAST & !(digit | digit << 1));
        (Pair { fours: fours(digits), minus, bad }, sum)
    }
}

avx2_fn! {
    /// All bits of each field that has a minus sign: those of `a` and `b` by turns.
    fn negative(a: __m256i, b: __m256i) -> __m256i {
        let any = either(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
        _mm256_xor_si256(_mm256_cmpeq_epi64(any, all(0)), all(0xFF))
    }
}

/// A bit for each of four fields that has a bit: two of `a` and `b` by turns.
#[inline(always)]
fn by_field(a: u32, b: u32) -> u8 {
    let bit = |half: u32| u8::from(half & 0xFFFF != 0);
    bit(a) | bit(b) << 1 | bit(a >> 16) << 2 | bit(b >> 16) << 3
}

/// Four integers, from `first` on.
///
/// # Safety
/// * As for [`Machine::integers`].
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn integers(fields: Fields, first: usize, lens: __m128i, limits: Limits) -> (__m256i, u8) {
    // SAFETY: the caller's promises.
    let (a, b) = unsafe { (two(fields, first), two(fields, first + 1)) };
    let a = integer_pair(a, spread(lens, first as i8));
    let b = integer_pair(b, spread(lens, first as i8 + 1));
    let magnitudes = sixteens(eights(a.fours, b.fours));
    let negative = negative(a.minus, b.minus);
    // Sixteen digits are less than any limit that the signed comparison would not know.
    let limit = |most: u64| _mm256_set1_epi64x(i64::try_from(most).unwrap_or(i64::MAX));
    let limit = _mm256_blendv_epi8(limit(limits.positive), limit(limits.negative), negative);
    let mut out = _mm256_cmpgt_epi64(magnitudes, limit);
    if !limits.signed {
        out = either(out, negative);
    }
    let mut bad = _mm256_movemask_pd(_mm256_castsi256_pd(out)) as u8;
    if a.bad | b.bad != 0 {
        bad |= by_field(a.bad, b.bad);
    }
    (_mm256_sub_epi64(_mm256_xor_si256(magnitudes, negative), negative), bad)
}

/// Four floats of up to 16 characters, from `first` on.
///
/// # Safety
/// * As for [`Machine::floats`].
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn short_floats(fields: Fields, first: usize, lens: __m128i, point: u8) -> (__m256i, u8) {
    // SAFETY: the caller's promises.
    let (a, b) = unsafe { (two(fields, first), two(fields, first + 1)) };
    let point = all(point);
    let (a, point_a) = float_pair(a, spread(lens, first as i8), point);
    let (b, point_b) = float_pair(b, spread(lens, first as i8 + 1), point);
    // Upper eight digits, then lower ones. The product is exact, so the sum rounds once.
    let halves = eights(a.fours, b.fours);
    let parted = _mm256_permutevar8x32_epi32(halves, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
    let upper = _mm256_cvtepi32_pd(_mm256_castsi256_si128(parted));
    let lower = _mm256_cvtepi32_pd(_mm256_extracti128_si256::<1>(parted));
    let mantissas = _mm256_add_pd(_mm256_mul_pd(upper, _mm256_set1_pd(1e8)), lower);
    let places = _mm256_unpacklo_epi64(point_a, point_b);
    // Of two points, the sum may be no place of the table.
    let places = _mm256_and_si256(places, _mm256_set1_epi64x(15));
    // SAFETY: the index is below the table's length.
    let powers = unsafe { _mm256_i64gather_pd::<8>(POWERS.as_ptr(), places) };
    // At most 15 digits if there is a point: both are exact, and the division rounds once.
    let values = _mm256_castpd_si256(_mm256_div_pd(mantissas, powers));
    let sign = _mm256_and_si256(negative(a.minus, b.minus), _mm256_set1_epi64x(i64::MIN));
    let bad = if a.bad | b.bad == 0 { 0 } else { by_field(a.bad, b.bad) };
    (_mm256_xor_si256(values, sign), bad)
}

avx2_fn! {
    pub(super) fn words(four: __m256i) -> [u64; 4] {
        let mut words = [0; 4];
        // SAFETY: the array is writable.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), four) };
        words
    }
}

/// 32 bytes sorted, as bits: see [`Masks`]; then `\r`, quotes, and what is odd.
///
/// # Safety
/// * The processor has the instructions; 32 bytes are readable at `p`.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn sort(marks: &Marks, p: *const u8) -> [u64; 5] {
    // SAFETY: the caller's promise.
    let text = unsafe { _mm256_loadu_si256(p.cast()) };
    let is = |byte: u8| _mm256_cmpeq_epi8(text, all(byte));
    let [a, b] = marks.stops;
    let (stop, line, half) = (either(is(a), is(b)), is(b'\n'), is(b'\r'));
    // Signed: bytes beyond ASCII are less than any other.
    let low = _mm256_cmpgt_epi8(_mm256_set1_epi8(marks.floor), text);
    let known = either(either(stop, line), half);
    let comment = _mm256_andnot_si256(line, is(marks.comment));
    let odd = either(_mm256_andnot_si256(known, low), comment);
    let quote = _mm256_andnot_si256(line, is(marks.quote));
    let word = |mask: __m256i| u64::from(bits(mask));
    [word(stop), word(line), word(half), word(quote), word(odd)]
}

// SAFETY: see the functions; tests compare each with its plain twin.
unsafe impl Machine for Avx2 {
    type Eight = [__m256i; 2];

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn classify(marks: &Marks, p: *const u8) -> Masks {
        // SAFETY: the caller's promise.
        let (low, high) = unsafe { (sort(marks, p), sort(marks, p.add(32))) };
        let both = |i: usize| low[i] | high[i] << 32;
        Masks { stop: both(0), line: both(1), special: both(2) | both(3) | both(4) }
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn inspect(marks: &Marks, p: *const u8) -> Special {
        // SAFETY: the caller's promise.
        let (low, high) = unsafe { (sort(marks, p), sort(marks, p.add(32))) };
        let both = |i: usize| low[i] | high[i] << 32;
        Special { returns: both(2), quotes: both(3), odd: both(4) }
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn positions(mask: u64, base: u16, out: *mut u16) {
        let (mut rest, mut at) = (mask, 0);
        let count = mask.count_ones() as usize;
        while at < count {
            for i in at..at + 8 {
                // SAFETY: 64 entries are writable.
                unsafe { out.add(i).write(base.wrapping_add(rest.trailing_zeros() as u16)) };
                rest &= rest.wrapping_sub(1);
            }
            at += 8;
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn integers(fields: Fields, limits: Limits) -> ([__m256i; 2], u8) {
        // SAFETY: the caller's promises.
        let lens = unsafe { lens(fields) };
        // SAFETY: likewise.
        let (low, bad_low) = unsafe { integers(fields, 0, lens, limits) };
        // SAFETY: likewise.
        let (high, bad_high) = unsafe { integers(fields, 4, lens, limits) };
        ([low, high], bad_low | bad_high << 4 | above(lens, 16))
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn floats(fields: Fields, point: u8) -> ([__m256i; 2], u8) {
        // SAFETY: the caller's promises.
        let lens = unsafe { lens(fields) };
        // SAFETY: likewise.
        if unsafe { has_exponent(fields, _mm_extract_epi16::<0>(lens)) } {
            // One by one: nothing is known here about exponents.
            return ([all(0); 2], 0xFF);
        }
        if above(lens, 16) != 0 {
            // SAFETY: likewise.
            return unsafe { long_floats(fields, point) };
        }
        // SAFETY: likewise.
        let (low, bad_low) = unsafe { short_floats(fields, 0, lens, point) };
        // SAFETY: likewise.
        let (high, bad_high) = unsafe { short_floats(fields, 4, lens, point) };
        ([low, high], bad_low | bad_high << 4)
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn integer_column(
        rows: &Rows<'_>,
        column: Column,
        limits: Limits,
        items: Items,
    ) -> usize {
        // SAFETY: the caller's promises.
        unsafe { columns::integers::<Self>(rows, column, limits, items) }
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn float_column(rows: &Rows<'_>, column: Column, items: Items) -> usize {
        // SAFETY: the caller's promises.
        unsafe { columns::floats::<Self>(rows, column, items) }
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn words(eight: [__m256i; 2]) -> [u64; 8] {
        let mut words = [0; 8];
        let [low, high] = eight;
        // SAFETY: the array is writable.
        unsafe {
            _mm256_storeu_si256(words.as_mut_ptr().cast(), low);
            _mm256_storeu_si256(words.as_mut_ptr().add(4).cast(), high);
        }
        words
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn halves(eight: [__m256i; 2]) -> [u32; 8] {
        // SAFETY: the caller's promise.
        unsafe { Self::words(eight) }.map(|word| word as u32)
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn singles(eight: [__m256i; 2]) -> [u32; 8] {
        let [low, high] = eight;
        let low = _mm256_cvtpd_ps(_mm256_castsi256_pd(low));
        let high = _mm256_cvtpd_ps(_mm256_castsi256_pd(high));
        let mut singles = [0; 8];
        // SAFETY: the array is writable.
        unsafe { _mm256_storeu_ps(singles.as_mut_ptr().cast(), _mm256_setr_m128(low, high)) };
        singles
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn copy(from: *const u8, len: usize, out: *mut u8, width: usize) {
        let places = _mm256_castsi256_si128(bytes(&PLACES));
        // SAFETY: at most 64 bytes from `from` on are looked at.
        let part = |at: usize| unsafe {
            let text = _mm_loadu_si128(from.add(at).cast());
            let left = len.saturating_sub(at).min(16);
            _mm_and_si128(text, _mm_cmpgt_epi8(_mm_set1_epi8(left as i8), places))
        };
        // SAFETY: each store is of bytes below `width`; the last ones may overlap.
        unsafe {
            if let Some(last) = width.checked_sub(16) {
                for at in (0..last).step_by(16) {
                    _mm_storeu_si128(out.add(at).cast(), part(at));
                }
                _mm_storeu_si128(out.add(last).cast(), part(last));
                return;
            }
            let text = part(0);
            if let Some(last) = width.checked_sub(8) {
                let moved = _mm_add_epi8(places, _mm_set1_epi8(last as i8));
                _mm_storel_epi64(out.cast(), text);
                _mm_storel_epi64(out.add(last).cast(), _mm_shuffle_epi8(text, moved));
                return;
            }
            let word = _mm_cvtsi128_si64(text) as u64;
            for i in 0..width {
                out.add(i).write((word >> (8 * i)) as u8);
            }
        }
    }
}

avx2_fn! {
    /// A bit for each length above `most`.
    fn above(lens: __m128i, most: i16) -> u8 {
        let fits = _mm_cmpeq_epi16(_mm_min_epu16(lens, _mm_set1_epi16(most)), lens);
        !_mm_movemask_epi8(_mm_packs_epi16(fits, fits)) as u8
    }
}
