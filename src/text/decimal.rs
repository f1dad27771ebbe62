//! Decimal to binary: `mantissa` times ten to the `exponent`, correctly rounded.
//!
//! Small cases take one exact floating-point operation (Clinger 1990). The rest
//! multiply the mantissa with a 128-bit power of five and look at the product's
//! top bits (Lemire, "Number parsing at a gigabyte per second", 2021): its
//! error is known, so the result is right or the case is one of the few that
//! it gives up. The powers are computed here, at compile time, with exact
//! integers; tests compare with the standard library over every power.

/// Powers of ten that a float64 holds exactly.
pub(super) const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Below, every mantissa of 64 bits gives 0; above, an infinity.
const MIN_EXPONENT: i32 = -342;
const MAX_EXPONENT: i32 = 308;
const COUNT: usize = (MAX_EXPONENT - MIN_EXPONENT + 1) as usize;

/// Bits of a float64's significand without the hidden one.
const FRACTION_BITS: u32 = 52;
/// Exponent bias of a float64.
const BIAS: i32 = 1023;
/// Powers for which the product may be exact, so that a tie may be one.
const TIES: core::ops::RangeInclusive<i32> = -4..=23;
/// Powers of five that fit 128 bits exactly, or whose reciprocal is known well
/// enough: a product that ends in ones is no doubt there.
const SURE: core::ops::RangeInclusive<i32> = -27..=55;

/// The top 128 bits of five to every power, as high and low half.
static POWERS_OF_FIVE: [(u64, u64); COUNT] = powers_of_five();

/// The top 128 bits of five to the power `n`, as high and low half.
#[cfg(target_arch = "x86_64")]
#[allow(clippy::indexing_slicing, reason = "runs at compile time: a bad index stops the build")]
pub(super) const fn five_to(n: i32) -> (u64, u64) {
    const TABLE: [(u64, u64); COUNT] = powers_of_five();
    TABLE[(n - MIN_EXPONENT) as usize]
}

/// The float64 nearest to `mantissa` times ten to the `exponent`, ties to even;
/// `None` in the rare cases that this cannot decide.
#[inline(always)]
pub(crate) fn to_f64(mantissa: u64, exponent: i32) -> Option<f64> {
    match by_one_operation(mantissa, exponent) {
        Some(value) => Some(value),
        None => by_product(mantissa, exponent),
    }
}

/// Both factors are float64 values: the operation rounds once. That would hold
/// up to 2^53; but whether 16 digits are below that is as good as random, and
/// a wrong guess of the processor costs more than the product does.
#[inline(always)]
fn by_one_operation(mantissa: u64, exponent: i32) -> Option<f64> {
    if mantissa >= 1_000_000_000_000_000 {
        return None;
    }
    let power = *EXACT_POWERS.get(exponent.unsigned_abs() as usize)?;
    let value = mantissa as f64;
    Some(if exponent < 0 { value / power } else { value * power })
}

fn by_product(mantissa: u64, exponent: i32) -> Option<f64> {
    if mantissa == 0 || exponent < MIN_EXPONENT {
        return Some(0.0);
    }
    if exponent > MAX_EXPONENT {
        return Some(f64::INFINITY);
    }
    let zeros = mantissa.leading_zeros();
    let (high, low) = product(mantissa << zeros, exponent)?;
    if low == u64::MAX && !SURE.contains(&exponent) {
        return None;
    }
    let top = (high >> 63) as u32;
    let shift = top + 64 - FRACTION_BITS - 3;
    // The significand and one bit more for the rounding.
    let significand = high >> shift;
    let power = binary_exponent(exponent) + top as i32 - zeros as i32 + BIAS;
    if power <= 0 {
        return Some(subnormal(significand, power));
    }
    let exact = significand << shift == high;
    let tie = low <= 1 && TIES.contains(&exponent) && significand & 3 == 1 && exact;
    // A tie above an even number goes down, everything else with that bit up.
    let rounded = (significand + u64::from(significand & 1 == 1 && !tie)) >> 1;
    Some(assemble(rounded, power))
}

/// The top 128 bits of the normalised mantissa times five to the `exponent`:
/// exact, or too small by less than one in the last place looked at.
fn product(mantissa: u64, exponent: i32) -> Option<(u64, u64)> {
    let (five_high, five_low) = *POWERS_OF_FIVE.get((exponent - MIN_EXPONENT) as usize)?;
    let first = u128::from(mantissa) * u128::from(five_high);
    // The bits below those that count: if they are all ones, the low half may carry.
    let doubt = u64::MAX >> (FRACTION_BITS + 3);
    if (first >> 64) as u64 & doubt != doubt {
        return Some(((first >> 64) as u64, first as u64));
    }
    let second = u128::from(mantissa) * u128::from(five_low);
    let sum = first.wrapping_add(second >> 64);
    Some(((sum >> 64) as u64, sum as u64))
}

/// Floor of the binary logarithm of ten to the `exponent`, plus 63.
const fn binary_exponent(exponent: i32) -> i32 {
    ((exponent * (152_170 + 65_536)) >> 16) + 63
}

fn subnormal(significand: u64, power: i32) -> f64 {
    let shift = (1 - power) as u32;
    if shift >= 64 {
        return 0.0;
    }
    let significand = significand >> shift;
    // Rounding up may give the smallest normal number: its bits are the right ones.
    f64::from_bits((significand + (significand & 1)) >> 1)
}

/// A float64 of a significand of 53 bits, or of 54 after rounding up.
fn assemble(significand: u64, power: i32) -> f64 {
    let carried = significand >> (FRACTION_BITS + 1);
    let power = power + carried as i32;
    if power > 2 * BIAS {
        return f64::INFINITY;
    }
    let fraction = (significand >> carried) & ((1 << FRACTION_BITS) - 1);
    f64::from_bits((power as u64) << FRACTION_BITS | fraction)
}

/// Words of the integers that the table is made with, the least one first.
const WORDS: usize = 20;
type Wide = [u64; WORDS];

#[allow(clippy::indexing_slicing, reason = "runs at compile time: a bad index stops the build")]
const fn powers_of_five() -> [(u64, u64); COUNT] {
    let mut table = [(0, 0); COUNT];
    let zero = (-MIN_EXPONENT) as usize;
    let mut power: Wide = [0; WORDS];
    power[0] = 1;
    let mut n = 0;
    while n <= MAX_EXPONENT as usize {
        table[zero + n] = halves(top(&power));
        power = times_five(power);
        n += 1;
    }
    // 2^(64 WORDS - 1) divided by five again and again: rounded down each time,
    // which is the same as dividing by the whole power at once.
    let mut reciprocal: Wide = [0; WORDS];
    reciprocal[WORDS - 1] = 1 << 63;
    n = 1;
    while n <= zero {
        reciprocal = by_five(reciprocal);
        // Next to 1 the reciprocals are rounded up: the error bound wants it.
        let up = (n <= 27) as u128;
        table[zero - n] = halves(top(&reciprocal) + up);
        n += 1;
    }
    table
}

const fn halves(bits: u128) -> (u64, u64) {
    ((bits >> 64) as u64, bits as u64)
}

#[allow(clippy::indexing_slicing, reason = "runs at compile time: a bad index stops the build")]
const fn times_five(mut value: Wide) -> Wide {
    let mut carry = 0u128;
    let mut i = 0;
    while i < WORDS {
        let product = value[i] as u128 * 5 + carry;
        value[i] = product as u64;
        carry = product >> 64;
        i += 1;
    }
    value
}

#[allow(clippy::indexing_slicing, reason = "runs at compile time: a bad index stops the build")]
const fn by_five(mut value: Wide) -> Wide {
    let mut rest = 0u128;
    let mut i = WORDS;
    while i > 0 {
        i -= 1;
        let part = rest << 64 | value[i] as u128;
        value[i] = (part / 5) as u64;
        rest = part % 5;
    }
    value
}

/// The top 128 bits, the highest one set.
#[allow(clippy::indexing_slicing, reason = "runs at compile time: a bad index stops the build")]
const fn top(value: &Wide) -> u128 {
    let mut high = WORDS - 1;
    while value[high] == 0 {
        high -= 1;
    }
    let zeros = value[high].leading_zeros();
    let second = if high >= 1 { value[high - 1] } else { 0 };
    let third = if high >= 2 { value[high - 2] } else { 0 };
    let bits = (value[high] as u128) << 64 | second as u128;
    if zeros == 0 { bits } else { bits << zeros | (third >> (64 - zeros)) as u128 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    /// A generator of mantissas with a fixed seed (splitmix64).
    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB)
    }

    fn check(mantissa: u64, exponent: i32) -> bool {
        let expected: f64 = format!("{mantissa}e{exponent}").parse().unwrap();
        let Some(value) = to_f64(mantissa, exponent) else { return false };
        assert_eq!(value.to_bits(), expected.to_bits(), "{mantissa}e{exponent}");
        true
    }

    #[test]
    fn every_power_agrees_with_the_standard_library() {
        let mut state = 1;
        let rounds = if cfg!(debug_assertions) { 60 } else { 3_000 };
        let mut undecided = 0;
        for exponent in MIN_EXPONENT - 20..=MAX_EXPONENT + 5 {
            for round in 0..rounds {
                let mantissa = next(&mut state) >> (round % 64);
                undecided += u32::from(!check(mantissa, exponent));
            }
            for mantissa in [0, 1, 2, 3, 5, 1 << 53, (1 << 53) + 1, (1 << 54) + 2, u64::MAX] {
                undecided += u32::from(!check(mantissa, exponent));
            }
        }
        assert!(undecided <= 5, "{undecided} cases were given up");
    }

    #[test]
    fn ties_and_the_edges_of_the_range() {
        for (mantissa, exponent) in [
            (9_007_199_254_740_993, 0),
            (9_007_199_254_740_995, 0),
            (90_071_992_547_409_930, -1),
            (2_250_738_585_072_011, -323),
            (22_250_738_585_072_014, -324),
            (49_406_564_584_124_654, -340),
            (24_703_282_292_062_327, -340),
            (24_703_282_292_062_328, -340),
            (17_976_931_348_623_157, 292),
            (17_976_931_348_623_159, 292),
            (8_442_911_973_260_991_817, -4),
            (4_503_599_627_370_497, 23),
        ] {
            check(mantissa, exponent);
        }
        // Half-way points with as many digits as fit 64 bits, down and up.
        for places in 1..=4 {
            for odd in 0..200u64 {
                assert!(check(((1 << 53) + 2 * odd + 1) * 5u64.pow(places), -(places as i32)));
            }
        }
        // Every half-way point between neighbours around powers of two.
        for shift in 0..11 {
            for odd in 0..200u64 {
                check(((1 << 53) + 2 * odd + 1) << shift, 0);
            }
        }
    }

    #[test]
    fn known_entries_of_the_table() {
        let at = |n: i32| POWERS_OF_FIVE[(n - MIN_EXPONENT) as usize];
        assert_eq!(at(0), (1 << 63, 0));
        assert_eq!(at(1), (0xA << 60, 0));
        assert_eq!(at(-1), (0xCCCC_CCCC_CCCC_CCCC, 0xCCCC_CCCC_CCCC_CCCD));
        assert_eq!(at(55).0 >> 63, 1);
    }
}
