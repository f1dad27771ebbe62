//! AVX-512 with byte permutations and compression: lanes of 16 bytes, a field in each.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "an address is computed where it is read or written"
)]

#[allow(clippy::wildcard_imports, reason = "the names are the instructions'")]
use core::arch::x86_64::*;

use super::super::columns::{self, Items, Rows};
use super::super::machine::{Fields, Limits, Machine, Masks, Special};
use super::super::marks::{LINE, Marks, ODD, QUOTE, RETURN, STOP};
use super::super::{Done, Stretch, read};
use super::{avx512_long, before_end, entry, has_exponent};
use crate::text::plan::{Column, Plan};

/// The instructions, by the names that the compiler has for them.
macro_rules! avx512_fn {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        $(#[$meta])*
        #[inline]
        #[target_feature(
            enable = "avx512f,avx512bw,avx512dq,avx512cd,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt"
        )]
        $vis fn $($rest)*
    };
}
pub(super) use avx512_fn;

/// Reads a batch.
///
/// # Safety
/// * The processor has the instructions; the rest as for [`read`].
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512cd,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt"
)]
pub(in crate::text::fast) unsafe fn avx512(
    plan: &Plan<'_>,
    marks: &Marks,
    stretch: Stretch,
) -> Done {
    // SAFETY: the caller's promises.
    unsafe { read::<Avx512>(plan, marks, stretch) }
}

/// The machine.
#[derive(Debug, Clone, Copy)]
pub(in crate::text::fast::batch) struct Avx512;

/// The numbers 0 to 63.
const NUMBERS: [u8; 64] = numbers(0, 64);
/// Numbers in each lane: 0 to 15; 1 to 16.
const PLACES: [u8; 64] = numbers(0, 16);
const FROM_1: [u8; 64] = numbers(1, 16);

/// `first`, `first + 1` and so on, again from the start after `period` of them.
pub(super) const fn numbers(first: u8, period: u8) -> [u8; 64] {
    let mut all = [0; 64];
    let mut i = 0;
    while i < 64 {
        all[i as usize] = first + i % period;
        i += 1;
    }
    all
}

/// In each lane 16 down to 1: how many bytes there are from each one on.
const LEFT: [u8; 64] = {
    let mut all = [0; 64];
    let mut i = 0;
    while i < 64 {
        all[i] = 16 - i as u8 % 16;
        i += 1;
    }
    all
};

/// The last byte of each lane.
const LAST: u64 = 0x8000_8000_8000_8000;

/// Ten to the powers 0, 15, 14, ..., 1: by the place of the point, counted from 1; 0 for none.
const POWERS: [f64; 16] =
    [1e0, 1e15, 1e14, 1e13, 1e12, 1e11, 1e10, 1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 1e1];

avx512_fn! {
    pub(super) fn bytes(all: &[u8; 64]) -> __m512i {
        // SAFETY: an array is readable.
        unsafe { _mm512_loadu_si512(all.as_ptr().cast()) }
    }
}

avx512_fn! {
    pub(super) fn all(byte: u8) -> __m512i {
        _mm512_set1_epi8(byte as i8)
    }
}

/// The entries of eight fields.
///
/// # Safety
/// * The processor has the instructions.
/// * The eight entries are readable.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) unsafe fn entries(first: *const u16, step: usize) -> __m128i {
    if step == 1 {
        // SAFETY: the caller's promise.
        return unsafe { _mm_loadu_si128(first.cast()) };
    }
    // SAFETY: the caller's promise.
    let entry = |i: usize| unsafe { entry(first, i, step) } as i16;
    _mm_setr_epi16(entry(0), entry(1), entry(2), entry(3), entry(4), entry(5), entry(6), entry(7))
}

/// The lengths of eight fields.
///
/// # Safety
/// * The processor has the instructions.
/// * The index has entries for eight fields.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) unsafe fn lens(fields: Fields) -> __m128i {
    // SAFETY: the caller's promise.
    let starts = unsafe { entries(fields.starts, fields.step) };
    // SAFETY: likewise.
    let ends = unsafe { entries(fields.ends, fields.step) };
    _mm_sub_epi16(ends, starts)
}

/// The last 16 bytes of four fields: of `first` and every second one from there on.
///
/// # Safety
/// * The processor has the instructions.
/// * The index has entries for these fields; 16 bytes before each field's end are readable.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn four(fields: Fields, first: usize) -> __m512i {
    // SAFETY: the caller's promises.
    let lane = |i: usize| unsafe { _mm_loadu_si128(before_end(fields, first + 2 * i, 16).cast()) };
    let low = _mm512_castsi128_si512(lane(0));
    let low = _mm512_inserti32x4::<1>(low, lane(1));
    let low = _mm512_inserti32x4::<2>(low, lane(2));
    _mm512_inserti32x4::<3>(low, lane(3))
}

/// Four fields, each in a lane and at its end.
#[derive(Clone, Copy)]
struct Half {
    /// Their digits as numbers of four.
    fours: __m512i,
    /// Minus signs.
    minus: u64,
    /// Bytes that should not be there.
    bad: u64,
}

avx512_fn! {
    /// The length of each lane's field in all of its bytes.
    fn spread(lens: __m128i, odd: i32) -> __m512i {
        let picks = _mm512_add_epi32(
            _mm512_setr_epi32(0, 0, 0, 0, ONE, ONE, ONE, ONE, TWO, TWO, TWO, TWO, THREE, THREE, THREE, THREE),
            _mm512_set1_epi32(odd * 0x0202_0202),
        );
        _mm512_shuffle_epi8(_mm512_broadcast_i32x4(lens), picks)
    }
}
const ONE: i32 = 0x0404_0404;
const TWO: i32 = 0x0808_0808;
const THREE: i32 = 0x0C0C_0C0C;

avx512_fn! {
    /// Digits to numbers of four digits, in 32 bits each.
    pub(super) fn fours(digits: __m512i) -> __m512i {
        let pairs = _mm512_maddubs_epi16(digits, _mm512_set1_epi16(0x010A));
        _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x0001_0064))
    }
}

avx512_fn! {
    /// Numbers of four digits to numbers of sixteen: those of `a` and `b` by turns.
    pub(super) fn sixteens(a: __m512i, b: __m512i) -> __m512i {
        let eights = _mm512_madd_epi16(_mm512_packus_epi32(a, b), _mm512_set1_epi32(0x0001_2710));
        let high = _mm512_mul_epu32(eights, _mm512_set1_epi64(100_000_000));
        _mm512_add_epi64(high, _mm512_srli_epi64::<32>(eights))
    }
}

avx512_fn! {
    fn integer_half(text: __m512i, len: __m512i) -> Half {
        let left = bytes(&LEFT);
        let inside = _mm512_cmpge_epu8_mask(len, left);
        let first = _mm512_cmpeq_epu8_mask(len, left);
        let minus = _mm512_mask_cmpeq_epu8_mask(first, text, all(b'-'));
        let plus = _mm512_mask_cmpeq_epu8_mask(first, text, all(b'+'));
        let inside = inside & !(minus | plus);
        let digits = _mm512_maskz_sub_epi8(inside, text, all(b'0'));
        let bad = _mm512_cmpgt_epu8_mask(digits, all(9)) | (LAST & !inside);
        Half { fours: fours(digits), minus, bad }
    }
}

avx512_fn! {
    /// A bit for each field whose lane has a bit: those of `a` and `b` by turns.
    fn by_field(a: u64, b: u64) -> u8 {
        let (a, b) = (_mm512_movm_epi8(a), _mm512_movm_epi8(b));
        let low = _mm512_unpacklo_epi64(a, b);
        let high = _mm512_unpackhi_epi64(a, b);
        let both = _mm512_or_si512(low, high);
        _mm512_test_epi64_mask(both, both)
    }
}

avx512_fn! {
    /// A float's half, and the place of its point in all bytes: from 1, 0 if there is none.
    fn float_half(text: __m512i, len: __m512i, point: __m512i) -> (Half, __m512i) {
        let left = bytes(&LEFT);
        let inside = _mm512_cmpge_epu8_mask(len, left);
        let first = _mm512_cmpeq_epu8_mask(len, left);
        let minus = _mm512_mask_cmpeq_epu8_mask(first, text, all(b'-'));
        let plus = _mm512_mask_cmpeq_epu8_mask(first, text, all(b'+'));
        let inside = inside & !(minus | plus);
        let points = _mm512_mask_cmpeq_epu8_mask(inside, text, point);
        let digits = _mm512_maskz_sub_epi8(inside, text, all(b'0'));
        // Two points add up to another place, and stay in the digits.
        let sums = _mm512_sad_epu8(_mm512_maskz_mov_epi8(points, bytes(&FROM_1)), all(0));
        let sum = _mm512_add_epi64(sums, _mm512_shuffle_epi32::<0x4E>(sums));
        let place = _mm512_shuffle_epi8(sum, all(0));
        // What is left of the point moves over it.
        let places = bytes(&PLACES);
        let moved = _mm512_cmplt_epu8_mask(places, place);
        let from = _mm512_mask_sub_epi8(places, moved, places, all(1));
        let digits = _mm512_shuffle_epi8(digits, from);
        // A digit comes last, or before a last point.
        let digit = inside & !points;
        let bad = _mm512_cmpgt_epu8_mask(digits, all(9)) | (LAST & !(digit | digit << 1));
        (Half { fours: fours(digits), minus, bad }, sum)
    }
}

/// Up to 16 characters each.
///
/// # Safety
/// * As for [`Machine::floats`].
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512cd,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt"
)]
unsafe fn short_floats(fields: Fields, lens: __m128i, point: u8) -> (__m512i, u8) {
    // SAFETY: the caller's promises.
    let (a, b) = unsafe { (four(fields, 0), four(fields, 1)) };
    let point = all(point);
    let (a, point_a) = float_half(a, spread(lens, 0), point);
    let (b, point_b) = float_half(b, spread(lens, 1), point);
    let mantissas = _mm512_cvtepi64_pd(sixteens(a.fours, b.fours));
    let places = _mm512_unpacklo_epi64(point_a, point_b);
    // SAFETY: an array is readable.
    let (low, high) =
        unsafe { (_mm512_loadu_pd(POWERS.as_ptr()), _mm512_loadu_pd(POWERS.as_ptr().add(8))) };
    let powers = _mm512_permutex2var_pd(low, places, high);
    // At most 15 digits if there is a point: both are exact, and the division rounds once.
    let values = _mm512_castpd_si512(_mm512_div_pd(mantissas, powers));
    let negative = if a.minus | b.minus == 0 { 0 } else { by_field(a.minus, b.minus) };
    let sign = _mm512_set1_epi64(i64::MIN);
    let values = _mm512_mask_xor_epi64(values, negative, values, sign);
    let bad = if a.bad | b.bad == 0 { 0 } else { by_field(a.bad, b.bad) };
    (values, bad)
}

// SAFETY: see the functions; tests compare each with its plain twin.
unsafe impl Machine for Avx512 {
    type Eight = __m512i;

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    unsafe fn classify(marks: &Marks, p: *const u8) -> Masks {
        // SAFETY: the caller's promise.
        let classes = unsafe { classes(marks, p) };
        let has = |class: u8| _mm512_test_epi8_mask(classes, _mm512_set1_epi8(class as i8));
        Masks { stop: has(STOP), line: has(LINE), special: has(RETURN | QUOTE | ODD) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    unsafe fn inspect(marks: &Marks, p: *const u8) -> Special {
        // SAFETY: the caller's promise.
        let classes = unsafe { classes(marks, p) };
        let has = |class: u8| _mm512_test_epi8_mask(classes, _mm512_set1_epi8(class as i8));
        Special { returns: has(RETURN), quotes: has(QUOTE), odd: has(ODD) }
    }

    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512cd,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt"
    )]
    unsafe fn positions(mask: u64, base: u16, out: *mut u16) {
        let packed = _mm512_maskz_compress_epi8(mask, bytes(&NUMBERS));
        let base = _mm512_set1_epi16(base as i16);
        let low = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(packed));
        // SAFETY: 64 entries are writable.
        unsafe { _mm512_storeu_si512(out.cast(), _mm512_add_epi16(low, base)) };
        if mask.count_ones() > 32 {
            let high = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64::<1>(packed));
            // SAFETY: 64 entries are writable.
            let out = unsafe { out.add(32) };
            // SAFETY: likewise.
            unsafe { _mm512_storeu_si512(out.cast(), _mm512_add_epi16(high, base)) };
        }
    }

    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512cd,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt"
    )]
    unsafe fn integers(fields: Fields, limits: Limits) -> (__m512i, u8) {
        // SAFETY: the caller's promises.
        let lens = unsafe { lens(fields) };
        // SAFETY: likewise.
        let (a, b) = unsafe { (four(fields, 0), four(fields, 1)) };
        let a = integer_half(a, spread(lens, 0));
        let b = integer_half(b, spread(lens, 1));
        let magnitudes = sixteens(a.fours, b.fours);
        let negative = if a.minus | b.minus == 0 { 0 } else { by_field(a.minus, b.minus) };
        let most = _mm512_set1_epi64(limits.positive as i64);
        let least = _mm512_set1_epi64(limits.negative as i64);
        let limit = _mm512_mask_mov_epi64(most, negative, least);
        let mut bad = _mm_cmpgt_epu16_mask(lens, _mm_set1_epi16(16));
        bad |= _mm512_cmpgt_epu64_mask(magnitudes, limit);
        bad |= if limits.signed { 0 } else { negative };
        if a.bad | b.bad != 0 {
            bad |= by_field(a.bad, b.bad);
        }
        let zero = _mm512_setzero_si512();
        (_mm512_mask_sub_epi64(magnitudes, negative, zero, magnitudes), bad)
    }

    #[inline]
    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512cd,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt"
    )]
    unsafe fn floats(fields: Fields, point: u8) -> (__m512i, u8) {
        // SAFETY: the caller's promises.
        let lens = unsafe { lens(fields) };
        // SAFETY: likewise.
        if unsafe { has_exponent(fields, _mm_extract_epi16::<0>(lens)) } {
            // SAFETY: likewise.
            return unsafe { avx512_long::with_exponents(fields, lens, point) };
        }
        if _mm_cmpgt_epu16_mask(lens, _mm_set1_epi16(16)) != 0 {
            // SAFETY: the caller's promises.
            return unsafe { avx512_long::floats(fields, lens, point) };
        }
        // SAFETY: the caller's promises.
        unsafe { short_floats(fields, lens, point) }
    }

    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512cd,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt"
    )]
    unsafe fn integer_column(
        rows: &Rows<'_>,
        column: Column,
        limits: Limits,
        items: Items,
    ) -> usize {
        // SAFETY: the caller's promises.
        unsafe { columns::integers::<Self>(rows, column, limits, items) }
    }

    #[target_feature(
        enable = "avx512f,avx512bw,avx512dq,avx512cd,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt"
    )]
    unsafe fn float_column(rows: &Rows<'_>, column: Column, items: Items) -> usize {
        // SAFETY: the caller's promises.
        unsafe { columns::floats::<Self>(rows, column, items) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn words(eight: __m512i) -> [u64; 8] {
        let mut words = [0; 8];
        // SAFETY: the array is writable.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), eight) };
        words
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn halves(eight: __m512i) -> [u32; 8] {
        let mut halves = [0; 8];
        // SAFETY: the array is writable.
        unsafe { _mm256_storeu_si256(halves.as_mut_ptr().cast(), _mm512_cvtepi64_epi32(eight)) };
        halves
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn singles(eight: __m512i) -> [u32; 8] {
        let mut singles = [0; 8];
        let narrow = _mm512_cvtpd_ps(_mm512_castsi512_pd(eight));
        // SAFETY: the array is writable.
        unsafe { _mm256_storeu_ps(singles.as_mut_ptr().cast(), narrow) };
        singles
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,bmi2")]
    #[allow(clippy::multiple_unsafe_ops_per_block, reason = "a load and a store of one width")]
    unsafe fn copy(from: *const u8, len: usize, out: *mut u8, width: usize) {
        let (from, out) = (from.cast::<i8>(), out.cast::<i8>());
        let keep = _bzhi_u64(u64::MAX, len as u32);
        let room = _bzhi_u64(u64::MAX, width as u32);
        // SAFETY: masked loads and stores touch only the bytes that are kept or have room.
        unsafe {
            if width <= 16 {
                let text = _mm_maskz_loadu_epi8(keep as u16, from);
                _mm_mask_storeu_epi8(out, room as u16, text);
            } else if width <= 32 {
                let text = _mm256_maskz_loadu_epi8(keep as u32, from);
                _mm256_mask_storeu_epi8(out, room as u32, text);
            } else {
                let text = _mm512_maskz_loadu_epi8(keep, from);
                _mm512_mask_storeu_epi8(out, room, text);
            }
        }
    }
}

/// Classes of 64 bytes.
///
/// # Safety
/// * The processor has the instructions; 64 bytes are readable at `p`.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512cd,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt"
)]
unsafe fn classes(marks: &Marks, p: *const u8) -> __m512i {
    // SAFETY: the caller's promise.
    let text = unsafe { _mm512_loadu_si512(p.cast()) };
    let table = marks.classes.as_ptr();
    // SAFETY: the table has 128 bytes.
    let low = unsafe { _mm512_loadu_si512(table.cast()) };
    // SAFETY: likewise.
    let high = unsafe { _mm512_loadu_si512(table.add(64).cast()) };
    // The table would take bytes beyond ASCII for others.
    let ascii = _mm512_testn_epi8_mask(text, all(ODD));
    let classes = _mm512_maskz_permutex2var_epi8(ascii, low, text, high);
    // Their own top bit makes them odd: classes | text & ODD.
    _mm512_ternarylogic_epi64::<0xF8>(classes, text, all(ODD))
}
