//! Numbers from whole fields, exactly as `np.loadtxt` takes them.
//!
//! This is the plain reading, one field at a time, that defines what is right:
//! the fast kernels of [`fast`](super::fast) must agree with it wherever they
//! give an answer at all.

use core::fmt::Write;

use super::datetime::{NOT_A_TIME, without_blanks};
use super::space::strip;

/// Integer text `[+-]?[0-9]+` as sign and magnitude.
fn integer(text: &[u8]) -> Option<(bool, u64)> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let magnitude = digits.iter().try_fold(0u64, |value, &byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })?;
    Some((negative, magnitude))
}

/// A signed integer of at most 64 bits, between blanks.
pub(crate) fn signed(field: &[u8]) -> Option<i64> {
    signed_text(strip(field))
}

fn signed_text(text: &[u8]) -> Option<i64> {
    let (negative, magnitude) = integer(text)?;
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// An unsigned integer; a minus sign is refused even before 0.
pub(crate) fn unsigned(field: &[u8]) -> Option<u64> {
    match integer(strip(field))? {
        (true, _) => None,
        (false, magnitude) => Some(magnitude),
    }
}

/// `m8` text: an integer behind blanks as C has them, or just NaT in any case, or nothing.
pub(crate) fn timedelta(field: &[u8]) -> Option<i64> {
    if field.is_empty() || field.eq_ignore_ascii_case(b"nat") {
        return Some(NOT_A_TIME);
    }
    signed_text(without_blanks(field))
}

/// The words true and false, as Python, R and C write them.
pub(crate) fn word(field: &[u8]) -> Option<bool> {
    match strip(field) {
        b"True" | b"TRUE" | b"true" => Some(true),
        b"False" | b"FALSE" | b"false" => Some(false),
        _ => None,
    }
}

/// A float64, correctly rounded; too large gives an infinity, too small zero. `point` is
/// what stands before the fraction.
pub(crate) fn float(field: &[u8], point: u8) -> Option<f64> {
    match float_prefix(strip(field), point)? {
        (value, []) => Some(value),
        _ => None,
    }
}

/// The longest float at the start of `text`, and what follows it.
fn float_prefix(text: &[u8], point: u8) -> Option<(f64, &[u8])> {
    let (negative, body) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let sign = if negative { -1.0 } else { 1.0 };
    if let Some((value, rest)) = named(body) {
        return Some((value.copysign(sign), rest));
    }
    let (number, rest) = body.split_at_checked(decimal_len(body, point)?)?;
    let value: f64 = match point {
        b'.' => fast_float2::parse(number).ok()?,
        _ => with_point(number, point)?,
    };
    Some((value.copysign(sign), rest))
}

/// Digits that decide how a number is rounded: half-way between two float64 values lie
/// numbers of up to 768 of them. Of more it only matters whether they are all zero.
const DIGITS: usize = 768;

/// A number with another decimal point than the usual one, as `digits e exponent`.
fn with_point(number: &[u8], point: u8) -> Option<f64> {
    let mut text = heapless::Vec::<u8, { DIGITS + 32 }>::new();
    let split = number.iter().position(|b| matches!(b, b'e' | b'E')).unwrap_or(number.len());
    let (mantissa, exponent) = number.split_at_checked(split)?;
    let mut power = exponent_value(exponent.get(1..).unwrap_or_default());
    let (mut in_fraction, mut more) = (false, false);
    for &byte in mantissa {
        if byte == point {
            in_fraction = true;
            continue;
        }
        let kept = text.len() < DIGITS;
        if kept && (byte != b'0' || !text.is_empty()) {
            text.push(byte).ok()?;
        }
        more |= !kept && byte != b'0';
        power += i64::from(!kept) - i64::from(in_fraction);
    }
    if more {
        text.push(b'1').ok()?;
        power -= 1;
    }
    if text.is_empty() {
        return Some(0.0);
    }
    write!(text, "e{power}").ok()?;
    fast_float2::parse(text.as_slice()).ok()
}

/// An exponent, as far as it can matter in a text that fits the memory.
fn exponent_value(text: &[u8]) -> i64 {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let most = i64::MAX / 4;
    let value = digits.iter().fold(0i64, |value, byte| {
        value.saturating_mul(10).saturating_add(i64::from(byte - b'0')).min(most)
    });
    if negative { -value } else { value }
}

/// `inf`, `infinity` or `nan` in any case.
fn named(text: &[u8]) -> Option<(f64, &[u8])> {
    let begins = |word: &[u8]| text.get(..word.len()).is_some_and(|t| t.eq_ignore_ascii_case(word));
    let (value, len) = if begins(b"infinity") {
        (f64::INFINITY, 8)
    } else if begins(b"inf") {
        (f64::INFINITY, 3)
    } else if begins(b"nan") {
        (f64::NAN, 3)
    } else {
        return None;
    };
    Some((value, text.get(len..)?))
}

/// Bytes of `([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?` at the start.
fn decimal_len(text: &[u8], point: u8) -> Option<usize> {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter().take_while(|b| b.is_ascii_digit()).count()
    };
    let whole = digits(0);
    let mut len = whole;
    if text.get(len) == Some(&point) {
        let fraction = digits(len + 1);
        if whole + fraction == 0 {
            return None;
        }
        len += 1 + fraction;
    } else if whole == 0 {
        return None;
    }
    if matches!(text.get(len), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(len + 1), Some(b'+' | b'-')));
        match digits(len + 1 + sign) {
            0 => {}
            n => len += 1 + sign + n,
        }
    }
    Some(len)
}

/// A complex number: `re`, `im j`, or `re` sign `im j`, in parentheses or not.
/// After `+` the imaginary part may carry a sign of its own.
pub(crate) fn complex(field: &[u8], point: u8) -> Option<(f64, f64)> {
    let text = strip(field);
    let inner = match text {
        [b'(', middle @ .., b')'] => strip(middle),
        [b'(', ..] => return None,
        _ => text,
    };
    let (first, rest) = float_prefix(inner, point)?;
    match rest {
        [] => Some((first, 0.0)),
        [b'j'] => Some((0.0, first)),
        [b'+', imaginary @ ..] => Some((first, imaginary_part(imaginary, point)?)),
        [b'-', next, ..] if !matches!(next, b'+' | b'-') => {
            Some((first, imaginary_part(rest, point)?))
        }
        _ => None,
    }
}

fn imaginary_part(text: &[u8], point: u8) -> Option<f64> {
    match float_prefix(text, point)? {
        (value, [b'j']) => Some(value),
        _ => None,
    }
}

/// The bits of the float16 nearest to `value`, ties to even, in one rounding.
pub(crate) fn half_bits(value: f64) -> u16 {
    let bits = value.to_bits();
    let sign = ((bits >> 48) & 0x8000) as u16;
    let magnitude = bits & !(1 << 63);
    if magnitude > f64::INFINITY.to_bits() {
        // NaN: keep the top bits of the payload, stay a NaN.
        let payload = ((magnitude >> 42) & 0x3FF) as u16;
        return sign | 0x7C00 | if payload == 0 { 1 } else { payload };
    }
    let exponent = (magnitude >> 52) as i32 - 1023;
    if exponent > 15 {
        return sign | 0x7C00;
    }
    if exponent < -25 {
        return sign;
    }
    let significand = (magnitude & ((1 << 52) - 1)) | (1 << 52);
    // Bits to drop: 42 for a normal number, more the smaller a subnormal is.
    let drop = if exponent >= -14 { 42 } else { 42 + (-14 - exponent) } as u32;
    let kept = significand >> drop;
    let rest = significand & ((1 << drop) - 1);
    let tie = 1u64 << (drop - 1);
    let up = u64::from(rest > tie || (rest == tie && kept & 1 == 1));
    let biased = if exponent >= -14 { ((exponent + 14) as u64) << 10 } else { 0 };
    // The hidden bit of `kept` adds the missing 1 to the exponent, and a carry
    // out of the rounding moves on into it, up to infinity.
    sign | (biased + kept + up) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_as_numpy_takes_them() {
        assert_eq!(signed(b" -9223372036854775808 "), Some(i64::MIN));
        assert_eq!(signed(b"9223372036854775808"), None);
        assert_eq!(signed(b"+0007"), Some(7));
        assert_eq!(unsigned(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(unsigned(b"18446744073709551616"), None);
        for bad in ["", " ", "-", "+", "1.0", "1e3", "1_0", "0x1", "- 1", "1 2", "--1"] {
            assert_eq!(signed(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(unsigned(b"-0"), None);
    }

    #[test]
    fn floats_are_as_numpy_takes_them() {
        assert_eq!(float(b" 1. ", b'.'), Some(1.0));
        assert_eq!(float(b".5e1", b'.'), Some(5.0));
        assert_eq!(float(b"+Infinity", b'.'), Some(f64::INFINITY));
        assert_eq!(float(b"-iNF", b'.'), Some(f64::NEG_INFINITY));
        assert_eq!(float(b"1e999", b'.'), Some(f64::INFINITY));
        assert_eq!(float(b"-1e-999", b'.').map(f64::to_bits), Some((-0.0f64).to_bits()));
        assert_eq!(float(b"-nan", b'.').map(f64::to_bits), Some(0xFFF8_0000_0000_0000));
        assert_eq!(float(b"nan", b'.').map(f64::to_bits), Some(0x7FF8_0000_0000_0000));
        assert_eq!(float(b"1e99999999999999999999", b'.'), Some(f64::INFINITY));
        for bad in
            ["", ".", "1e", "1e+", "0x1p3", "1_0", "nan(1)", "infin", "1d3", "e5", "+-1", "1 2"]
        {
            assert_eq!(float(bad.as_bytes(), b'.'), None, "{bad:?}");
        }
    }

    #[test]
    fn timedeltas_are_as_numpy_takes_them() {
        assert_eq!(timedelta(b" \t\x0b+5"), Some(5));
        assert_eq!(timedelta(b"-9223372036854775807"), Some(-i64::MAX));
        for text in ["", "NaT", "nat"] {
            assert_eq!(timedelta(text.as_bytes()), Some(i64::MIN), "{text:?}");
        }
        for bad in
            ["5 ", "\u{a0}5", "\x1c5", " ", " NaT", "NaT ", "1.0", "--5", "9223372036854775808"]
        {
            assert_eq!(timedelta(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn words_are_read_in_three_spellings() {
        for (text, value) in [("True", true), (" TRUE", true), ("true\t", true), ("False", false)] {
            assert_eq!(word(text.as_bytes()), Some(value), "{text:?}");
        }
        for bad in ["", "1", "0", "tRUE", "yes", "T", "true false"] {
            assert_eq!(word(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn a_comma_may_stand_before_the_fraction() {
        assert_eq!(float(b" 1,5e1 ", b','), Some(15.0));
        assert_eq!(float(b"-,5", b','), Some(-0.5));
        assert_eq!(float(b"-0,0", b',').map(f64::to_bits), Some(1 << 63));
        assert_eq!(float(b"-inf", b','), Some(f64::NEG_INFINITY));
        assert_eq!(complex(b"(1,5-2,25j)", b','), Some((1.5, -2.25)));
        for bad in ["1.5", "1,5,5", ",", "1.500,5"] {
            assert_eq!(float(bad.as_bytes(), b','), None, "{bad:?}");
        }
        for text in ["1,0e99999999999999999999", "1,0e+9223372036854775807"] {
            assert_eq!(float(text.as_bytes(), b','), Some(f64::INFINITY), "{text}");
        }
        assert_eq!(float(b"1,0e-99999999999999999999", b','), Some(0.0));
        assert_eq!(float(b"0,0e99999999999999999999", b','), Some(0.0));
    }

    /// The bits that the standard library gives, with a comma as with a point.
    fn agrees_with_a_point(text: &str) {
        let expected = Some(text.parse::<f64>().unwrap().to_bits());
        let comma = text.replace('.', ",");
        assert_eq!(float(text.as_bytes(), b'.').map(f64::to_bits), expected, "{text}");
        assert_eq!(float(comma.as_bytes(), b',').map(f64::to_bits), expected, "{comma}");
    }

    /// So many halves of the least number above 0, in digits.
    fn half_of_the_least(times: i64) -> std::string::String {
        let mut digits: std::vec::Vec<u8> = std::format!("{times:01075}").into_bytes();
        for _ in 0..1075 {
            let mut carry = 0;
            for digit in digits.iter_mut().rev() {
                let product = (*digit - b'0') * 5 + carry;
                *digit = b'0' + product % 10;
                carry = product / 10;
            }
            assert_eq!(carry, 0);
        }
        std::format!("0.{}", core::str::from_utf8(&digits).unwrap())
    }

    #[test]
    fn numbers_of_any_length_are_rounded_right() {
        // Half-way between 1 and the next number, and around the greatest subnormal one: ties
        // to even go down below it, and up above.
        let middle = "1.00000000000000011102230246251565404236316680908203125";
        let [below, above] = [-1, 1].map(|half| half_of_the_least((1 << 53) - 2 + half));
        assert_eq!(above.trim_start_matches(['0', '.']).len(), DIGITS);
        for zeros in [0, 1, 100, 699, 700, 712, 713, 714, 715, 716, 717, 2_000] {
            let long = std::format!("{middle}{:0<zeros$}", "");
            agrees_with_a_point(&long);
            agrees_with_a_point(&(long.clone() + "1"));
            agrees_with_a_point(&(long + "1e-300"));
            for middle in [&below, &above] {
                agrees_with_a_point(&std::format!("{middle}{:0<zeros$}", ""));
                agrees_with_a_point(&std::format!("{middle}{:0<zeros$}1", ""));
            }
            agrees_with_a_point(&std::format!("{:0<zeros$}{middle}", ""));
            agrees_with_a_point(&std::format!("{:9<zeros$}.5e-{zeros}", ""));
            agrees_with_a_point(&std::format!("0.{:0<zeros$}7e{zeros}", ""));
        }
        let long: std::string::String = "1234567890".repeat(200);
        agrees_with_a_point(&std::format!("{long}e-1990"));
        agrees_with_a_point(&std::format!("{long}.{long}e-1700"));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig {
            cases: 2_000,
            rng_seed: proptest::test_runner::RngSeed::Fixed(20_261_122),
            failure_persistence: None,
            ..proptest::prelude::ProptestConfig::default()
        })]

        #[test]
        fn commas_and_points_give_the_same(text in "[+-]?[0-9]{0,30}[0-9]\\.[0-9]{0,30}(e[+-]?[0-9]{1,3})?", bits: u64) {
            agrees_with_a_point(&text);
            let value = f64::from_bits(bits);
            if value.is_finite() {
                agrees_with_a_point(&std::format!("{value:.20e}"));
                agrees_with_a_point(&std::format!("{value}"));
            }
        }
    }

    #[test]
    fn complex_numbers_are_as_numpy_takes_them() {
        assert_eq!(complex(b" ( 1+2j ) ", b'.'), Some((1.0, 2.0)));
        assert_eq!(complex(b"2j", b'.'), Some((0.0, 2.0)));
        assert_eq!(complex(b"1+-2j", b'.'), Some((1.0, -2.0)));
        assert_eq!(complex(b"1++2j", b'.'), Some((1.0, 2.0)));
        assert_eq!(complex(b"1e3-2.5e-1j", b'.'), Some((1000.0, -0.25)));
        assert_eq!(complex(b"-3", b'.'), Some((-3.0, 0.0)));
        for bad in ["j", "1+j", "1-+2j", "1--2j", "1 +2j", "1+2J", "1+2i", "(1", "1)", "()", "1+2"]
        {
            assert_eq!(complex(bad.as_bytes(), b'.'), None, "{bad:?}");
        }
    }

    #[test]
    fn every_half_survives_and_midpoints_go_to_even() {
        fn widen(bits: u16) -> f64 {
            let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
            let exponent = i32::from((bits >> 10) & 31);
            let fraction = f64::from(bits & 1023);
            sign * if exponent == 0 {
                fraction * 2f64.powi(-24)
            } else {
                (1024.0 + fraction) * 2f64.powi(exponent - 25)
            }
        }
        for bits in 0..0x7C00u16 {
            let value = widen(bits);
            assert_eq!(half_bits(value), bits);
            assert_eq!(half_bits(-value), bits | 0x8000);
            let middle = f64::midpoint(value, widen(bits + 1));
            let even = bits + (bits & 1);
            assert_eq!(half_bits(middle), even, "above {bits:#x}");
            assert_eq!(half_bits(f64::from_bits(middle.to_bits() + 1)), bits + 1);
            assert_eq!(half_bits(f64::from_bits(middle.to_bits() - 1)), bits);
        }
        assert_eq!(half_bits(f64::INFINITY), 0x7C00);
        assert_eq!(half_bits(65520.0), 0x7C00);
        assert_eq!(half_bits(65519.999), 0x7BFF);
        assert_eq!(half_bits(f64::NAN), 0x7E00);
        assert_eq!(half_bits(1e-300), 0);
    }
}
