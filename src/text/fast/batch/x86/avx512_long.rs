//! Floats of up to 32 characters, whose digits do not fit a float64 exactly.
//!
//! A field takes two lanes. The rounding is that of `text::decimal`, for
//! eight values at a time.

#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "an address is computed where it is read or written"
)]

#[allow(clippy::wildcard_imports, reason = "the names are the instructions'")]
use core::arch::x86_64::*;

use super::super::machine::Fields;
use super::avx512::{all, avx512_fn, bytes, entries, fours, numbers, sixteens};
use super::{TAIL, before_end};
use crate::text::decimal;

/// Numbers in each pair of lanes: 0 to 31; 1 to 32.
const PLACES: [u8; 64] = numbers(0, 32);
const FROM_1: [u8; 64] = numbers(1, 32);
/// The numbers 0 to 63.
const NUMBERS: [u8; 64] = numbers(0, 64);
/// In each pair of lanes 32 down to 1.
const LEFT: [u8; 64] = {
    let mut left = [0; 64];
    let mut i = 0;
    while i < 64 {
        left[i] = 32 - i as u8 % 32;
        i += 1;
    }
    left
};
/// The first and the last bytes of each field.
const FIRST: u64 = 0x0000_0001_0000_0001;
const LAST: u64 = 0x8000_0000_8000_0000;

/// Ten to the power 0 to 22, and ones for what is not used.
static EXACT: [f64; 32] = {
    let mut all = [1.0; 32];
    let mut i = 0;
    while i < decimal::EXACT_POWERS.len() {
        all[i] = decimal::EXACT_POWERS[i];
        i += 1;
    }
    all
};
/// The top 64 bits of five to the power 0, -1 and so on down to -31.
static FIVES: [u64; 32] = {
    let mut all = [0; 32];
    let mut i = 0;
    while i < 32 {
        all[i] = decimal::five_to(-(i as i32)).0;
        i += 1;
    }
    all
};

/// The exponent of the first of the powers below, negated; and how many there may be: of two
/// digits, less up to 31 places.
const LEAST: i64 = 130;
const POWERS: usize = 230;
/// The top 64 bits of five to the power -130 and so on up to 99, and the 64 bits below.
static WIDE_FIVES: [u64; POWERS] = wide_powers(true);
static WIDE_RESTS: [u64; POWERS] = wide_powers(false);

const fn wide_powers(high: bool) -> [u64; POWERS] {
    let mut all = [0; POWERS];
    let mut i = 0;
    while i < POWERS {
        let (top, rest) = decimal::five_to(i as i32 - LEAST as i32);
        all[i] = if high { top } else { rest };
        i += 1;
    }
    all
}

/// Two fields, each in two lanes and at its end.
struct Two {
    fours: __m512i,
    minus: u64,
    bad: u64,
    /// The place of the point in all words: from 1, 0 if there is none.
    point: __m512i,
}

/// The last 32 bytes of a field and of the next one.
///
/// # Safety
/// * The processor has the instructions.
/// * The index has entries for these fields; 32 bytes before each field's end are readable.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn two(fields: Fields, first: usize) -> __m512i {
    // SAFETY: the caller's promises.
    let lanes = |i: usize| unsafe { _mm256_loadu_si256(before_end(fields, first + i, 32).cast()) };
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(lanes(0)), lanes(1))
}

avx512_fn! {
    fn half(text: __m512i, len: __m512i, point: __m512i) -> Two {
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
        let sum = _mm512_add_epi64(sum, _mm512_shuffle_i64x2::<0b10_11_00_01>(sum, sum));
        let place = _mm512_shuffle_epi8(sum, all(0));
        // What is left of the point moves over it.
        let moved = _mm512_cmplt_epu8_mask(bytes(&PLACES), place);
        let from = _mm512_mask_sub_epi8(bytes(&NUMBERS), moved, bytes(&NUMBERS), all(1));
        let digits = _mm512_maskz_permutexvar_epi8(!(moved & FIRST), from, digits);
        // A digit comes last, or before a last point.
        let digit = inside & !points;
        let bad = _mm512_cmpgt_epu8_mask(digits, all(9)) | (LAST & !(digit | digit << 1));
        Two { fours: fours(digits), minus, bad, point: sum }
    }
}

avx512_fn! {
    /// The length of each field in all bytes of its two lanes.
    fn spread(lens: __m128i, first: i8) -> __m512i {
        let (a, b) = (_mm256_set1_epi8(2 * first), _mm256_set1_epi8(2 * first + 2));
        let picks = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(a), b);
        _mm512_shuffle_epi8(_mm512_broadcast_i32x4(lens), picks)
    }
}

avx512_fn! {
    /// Entries of a table of 32 words.
    fn look_up(table: &[u64; 32], index: __m512i) -> __m512i {
        let part = |i: usize| {
            // SAFETY: the table has 32 words.
            unsafe { _mm512_loadu_si512(table.as_ptr().add(8 * i).cast()) }
        };
        let low = _mm512_permutex2var_epi64(part(0), index, part(1));
        let high = _mm512_permutex2var_epi64(part(2), index, part(3));
        let upper = _mm512_test_epi64_mask(index, _mm512_set1_epi64(16));
        _mm512_mask_mov_epi64(low, upper, high)
    }
}

avx512_fn! {
    /// Entries of a table for many exponents.
    fn wide(table: &[u64; POWERS], exponents: __m512i) -> __m512i {
        let index = _mm512_add_epi64(exponents, _mm512_set1_epi64(LEAST));
        // What is no exponent may be any number.
        let index = _mm512_min_epu64(index, _mm512_set1_epi64(POWERS as i64 - 1));
        // SAFETY: the index is below the table's length.
        unsafe { _mm512_i64gather_epi64::<8>(index, table.as_ptr().cast()) }
    }
}

avx512_fn! {
    /// The product of two words, as its high and its low half.
    fn product(a: __m512i, b: __m512i) -> (__m512i, __m512i) {
        let (a_high, b_high) = (_mm512_srli_epi64::<32>(a), _mm512_srli_epi64::<32>(b));
        let low = _mm512_mul_epu32(a, b);
        let one = _mm512_add_epi64(_mm512_mul_epu32(a_high, b), _mm512_srli_epi64::<32>(low));
        let part = _mm512_and_si512(one, _mm512_set1_epi64(0xFFFF_FFFF));
        let other = _mm512_add_epi64(_mm512_mul_epu32(a, b_high), part);
        let high = _mm512_add_epi64(
            _mm512_mul_epu32(a_high, b_high),
            _mm512_add_epi64(_mm512_srli_epi64::<32>(one), _mm512_srli_epi64::<32>(other)),
        );
        (high, _mm512_mask_shuffle_epi32::<0xB1>(low, 0xAAAA, other))
    }
}

avx512_fn! {
    /// Mantissas times ten to the `exponents`, whose powers of five are given; a bit for each in
    /// doubt. None of the values is subnormal or infinite.
    fn round(mantissas: __m512i, exponents: __m512i, fives: __m512i) -> (__m512i, u8) {
        let word = |value: i64| _mm512_set1_epi64(value);
        let zeros = _mm512_lzcnt_epi64(mantissas);
        let normal = _mm512_sllv_epi64(mantissas, zeros);
        let (mut high, mut low) = product(normal, fives);
        // Bits that the rest of the power of five may carry into.
        let doubt = _mm512_and_si512(high, word(0x1FF));
        let doubt = _mm512_cmpeq_epu64_mask(doubt, word(0x1FF));
        if doubt != 0 {
            let (rest, _) = product(normal, wide(&WIDE_RESTS, exponents));
            let sum = _mm512_add_epi64(low, rest);
            let carry = _mm512_mask_cmplt_epu64_mask(doubt, sum, low);
            high = _mm512_mask_add_epi64(high, carry, high, word(1));
            low = _mm512_mask_mov_epi64(low, doubt, sum);
        }
        // Ties, what is next to them, and what another carry would change.
        let bad = _mm512_cmple_epu64_mask(_mm512_add_epi64(low, word(1)), word(2));
        let top = _mm512_srli_epi64::<63>(high);
        let significand = _mm512_srlv_epi64(high, _mm512_add_epi64(top, word(9)));
        let odd = _mm512_and_si512(significand, word(1));
        let rounded = _mm512_srli_epi64::<1>(_mm512_add_epi64(significand, odd));
        // Floor of the binary logarithm of the power of ten, and the bias less one.
        let scaled = _mm512_mul_epi32(exponents, word(152_170 + 65_536));
        let power = _mm512_add_epi64(_mm512_srai_epi64::<16>(scaled), word(63 + 1023 - 1));
        let power = _mm512_sub_epi64(_mm512_add_epi64(power, top), zeros);
        // A carry out of the rounding moves on into the exponent.
        (_mm512_add_epi64(_mm512_slli_epi64::<52>(power), rounded), bad)
    }
}

/// Eight numbers without their points and signs.
#[derive(Clone, Copy)]
struct Numbers {
    mantissas: __m512i,
    /// Digits behind the point.
    places: __m512i,
    negative: u8,
    bad: u8,
}

/// Eight numbers of up to 32 characters and 19 digits.
///
/// # Safety
/// * As for [`Machine::floats`](super::super::machine::Machine::floats).
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512cd,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt"
)]
unsafe fn read(fields: Fields, lens: __m128i, point: u8) -> Numbers {
    let point = all(point);
    // SAFETY: the caller's promises.
    let half = |i: usize| half(unsafe { two(fields, i) }, spread(lens, i as i8), point);
    let (a, b, c, d) = (half(0), half(2), half(4), half(6));
    let (ab, cd) = (sixteens(a.fours, b.fours), sixteens(c.fours, d.fours));
    let word = |value: i64| _mm512_set1_epi64(value);
    let high = _mm512_permutex2var_epi64(ab, _mm512_setr_epi64(0, 4, 1, 5, 8, 12, 9, 13), cd);
    let low = _mm512_permutex2var_epi64(ab, _mm512_setr_epi64(2, 6, 3, 7, 10, 14, 11, 15), cd);
    let upper = _mm512_mullo_epi64(high, word(10_000_000_000_000_000));
    let mantissas = _mm512_add_epi64(upper, low);
    let pick = _mm512_setr_epi64(0, 4, 8, 12, 0, 4, 8, 12);
    let points = _mm512_inserti64x4::<1>(
        _mm512_permutex2var_epi64(a.point, pick, b.point),
        _mm512_castsi512_si256(_mm512_permutex2var_epi64(c.point, pick, d.point)),
    );
    let places = _mm512_and_si512(_mm512_sub_epi64(word(32), points), word(31));
    let mut bad = _mm512_cmpgt_epu64_mask(high, word(999));
    bad |= _mm_cmpgt_epu16_mask(lens, _mm_set1_epi16(32));
    if a.bad | b.bad | c.bad | d.bad != 0 {
        bad |= by_field(&[a.bad, b.bad, c.bad, d.bad]);
    }
    let negative = by_field(&[a.minus, b.minus, c.minus, d.minus]);
    Numbers { mantissas, places, negative, bad }
}

avx512_fn! {
    /// The numbers times ten to the `exponents`, whose powers of five are given.
    fn finish(numbers: Numbers, exponents: __m512i, fives: __m512i) -> (__m512i, u8) {
        let word = |value: i64| _mm512_set1_epi64(value);
        let mantissas = numbers.mantissas;
        let (mut values, mut bad) = round(mantissas, exponents, fives);
        // Few digits, or a whole number: the product would be in doubt too often, and one
        // operation is exact but for its own rounding.
        let size = _mm512_abs_epi64(exponents);
        let few = _mm512_cmplt_epu64_mask(mantissas, word(1_000_000_000_000_000))
            & _mm512_cmple_epu64_mask(size, word(22))
            | _mm512_testn_epi64_mask(exponents, exponents);
        if few != 0 {
            // SAFETY: a float64 and its bits have the same size.
            let table = unsafe { &*(&raw const EXACT).cast::<[u64; 32]>() };
            let powers = _mm512_castsi512_pd(look_up(table, size));
            let mantissas = _mm512_cvtepu64_pd(mantissas);
            let divided = _mm512_div_pd(mantissas, powers);
            let positive = !_mm512_movepi64_mask(exponents);
            let exact = _mm512_mask_mul_pd(divided, positive, mantissas, powers);
            values = _mm512_mask_mov_epi64(values, few, _mm512_castpd_si512(exact));
            bad &= !few;
        }
        let values = _mm512_mask_xor_epi64(values, numbers.negative, values, word(i64::MIN));
        (values, bad | numbers.bad)
    }
}

/// Eight floats without an exponent.
///
/// # Safety
/// * As for [`Machine::floats`](super::super::machine::Machine::floats).
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512cd,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt"
)]
pub(super) unsafe fn floats(fields: Fields, lens: __m128i, point: u8) -> (__m512i, u8) {
    // SAFETY: the caller's promises.
    let numbers = unsafe { read(fields, lens, point) };
    let exponents = _mm512_sub_epi64(_mm512_setzero_si512(), numbers.places);
    finish(numbers, exponents, look_up(&FIVES, numbers.places))
}

/// Eight floats with an exponent of two digits and its sign.
///
/// # Safety
/// * As for [`Machine::floats`](super::super::machine::Machine::floats).
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512cd,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt"
)]
pub(super) unsafe fn with_exponents(fields: Fields, lens: __m128i, point: u8) -> (__m512i, u8) {
    // SAFETY: the caller's promises.
    let (tails, ends) = unsafe { (tails(fields), entries(fields.ends, fields.step)) };
    let (exponents, bad) = exponents(tails);
    let before = _mm_set1_epi16(TAIL as i16);
    let mut shorter = [0u16; 8];
    // SAFETY: the array is writable.
    unsafe { _mm_storeu_si128(shorter.as_mut_ptr().cast(), _mm_sub_epi16(ends, before)) };
    let fields = Fields { ends: shorter.as_ptr(), step: 1, ..fields };
    // SAFETY: the caller's promises; 36 bytes before each field's end are looked at.
    let numbers = unsafe { read(fields, _mm_sub_epi16(lens, before), point) };
    let exponents = _mm512_sub_epi64(exponents, numbers.places);
    let fives = wide(&WIDE_FIVES, exponents);
    let (values, doubt) = finish(numbers, exponents, fives);
    (values, doubt | bad)
}

/// The last four characters of eight fields.
///
/// # Safety
/// * As for [`Machine::floats`](super::super::machine::Machine::floats).
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512cd,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt"
)]
unsafe fn tails(fields: Fields) -> __m256i {
    // SAFETY: the caller's promises; no alignment is asked for.
    let at = |i: usize| unsafe { before_end(fields, i, TAIL).cast::<i32>().read_unaligned() };
    _mm256_setr_epi32(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7))
}

avx512_fn! {
    /// `e+12` as a number, and a bit for each that is something else.
    fn exponents(tails: __m256i) -> (__m512i, u8) {
        let all = |word: i32| _mm256_set1_epi32(word);
        let (letter, low) = (_mm256_or_si256(tails, all(0x20)), all(0xFF));
        let letter = _mm256_and_si256(letter, low);
        let sign = _mm256_and_si256(_mm256_srli_epi32::<8>(tails), low);
        let minus = _mm256_cmpeq_epi32_mask(sign, all(i32::from(b'-')));
        let plus = _mm256_cmpeq_epi32_mask(sign, all(i32::from(b'+')));
        let digits = _mm256_sub_epi8(_mm256_srli_epi32::<16>(tails), all(0x3030));
        let is_digit = _mm256_cmpeq_epi32_mask(_mm256_min_epu8(digits, all(0x0909)), digits);
        let is_letter = _mm256_cmpeq_epi32_mask(letter, all(i32::from(b'e')));
        let size = _mm256_maddubs_epi16(digits, all(0x010A));
        let value = _mm256_mask_sub_epi32(size, minus, _mm256_setzero_si256(), size);
        (_mm512_cvtepi32_epi64(value), !(is_letter & is_digit & (minus | plus)))
    }
}

/// A bit for each field that has a bit.
#[inline(always)]
fn by_field(halves: &[u64; 4]) -> u8 {
    let mut fields = 0;
    for (i, half) in halves.iter().enumerate() {
        fields |= u8::from(*half as u32 != 0) << (2 * i);
        fields |= u8::from(half >> 32 != 0) << (2 * i + 1);
    }
    fields
}
