//! Numbers of conditions, without rounding.

use core::cmp::Ordering;
use std::string::{String, ToString};

/// Digits in front of the point beyond which a number is larger than any integer.
const MAX_DIGITS: i64 = 38;

/// A number as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Number {
    /// With its sign, as Rust reads it.
    text: String,
    /// The largest integer that is not above it; none if that has too many digits.
    floor: Option<i128>,
    /// Whether it is that integer.
    whole: bool,
    /// Whether it is written without a point and an exponent.
    integer: bool,
    negative: bool,
}

impl Number {
    /// Of digits with a point and an exponent, which both may be missing.
    pub(super) fn parse(text: &str, negative: bool) -> Self {
        let integer = text.bytes().all(|byte| byte.is_ascii_digit());
        let (floor, whole) = match magnitude(text) {
            None => (None, true),
            Some((size, whole)) if !negative => (Some(size), whole),
            Some((size, whole)) => (Some(-size - i128::from(!whole)), whole),
        };
        let sign = if negative { "-" } else { "" };
        Self { text: std::format!("{sign}{text}"), floor, whole, integer, negative }
    }

    pub(super) fn infinite(negative: bool) -> Self {
        let text = if negative { "-inf" } else { "inf" }.to_string();
        Self { text, floor: None, whole: true, integer: false, negative }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The largest integer that is not above it, and whether it is that; one with more digits than
    /// any integer here is as large as can be.
    pub(super) fn floor(&self) -> (i128, bool) {
        let limit = if self.negative { i128::MIN } else { i128::MAX };
        (self.floor.unwrap_or(limit), self.whole)
    }

    /// The largest float that is not above it, and whether it is that. What is written with a point
    /// or an exponent is the float of so many bytes that is nearest to it, as a reader makes it of
    /// text; an integer is itself.
    pub(super) fn float(&self, size: usize) -> (f64, bool) {
        let near = self.read(size);
        if !self.integer && (near.is_finite() || self.is_infinite()) {
            return (near, true);
        }
        let wide = self.read(8);
        if wide.is_infinite() {
            // Between the last float and infinity.
            return (if self.negative { f64::NEG_INFINITY } else { f64::MAX }, false);
        }
        match self.floor {
            Some(floor) if self.integer => match (wide as i128).cmp(&floor) {
                Ordering::Greater => (wide.next_down(), false),
                order => (wide, order == Ordering::Equal),
            },
            _ => (wide, true),
        }
    }

    /// Whether it is no number but infinity.
    fn is_infinite(&self) -> bool {
        self.text.ends_with("inf")
    }

    /// The nearest float of so many bytes.
    fn read(&self, size: usize) -> f64 {
        match size {
            2 => {
                let bits = crate::text::half_bits(self.read(8));
                crate::exchange::value::widened(bits)
            }
            4 => self.text.parse::<f32>().map_or(f64::NAN, f64::from),
            _ => self.text.parse().unwrap_or(f64::NAN),
        }
    }
}

/// The integer part of a number without a sign, and whether that is all; none if it is too large.
fn magnitude(text: &str) -> Option<(i128, bool)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (front, behind) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String = [front, behind].concat();
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some((0, true));
    }
    let least = if exponent.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
    let exponent = exponent.parse::<i64>().unwrap_or(least).clamp(i64::MIN / 2, i64::MAX / 2);
    // Digits in front of the point.
    let places = digits.len() as i64 - behind.len() as i64 + exponent;
    if places > MAX_DIGITS {
        return None;
    }
    let places = usize::try_from(places).unwrap_or(0);
    let (whole, fraction) = digits.split_at_checked(places).unwrap_or((digits, ""));
    let mut value: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    for _ in whole.len()..places {
        value = value.checked_mul(10)?;
    }
    Some((value, fraction.bytes().all(|digit| digit == b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floor(text: &str) -> (i128, bool) {
        let unsigned = text.strip_prefix('-');
        Number::parse(unsigned.unwrap_or(text), unsigned.is_some()).floor()
    }

    #[test]
    fn integers_are_exact_however_they_are_written() {
        for (text, wanted) in [
            ("0", (0, true)),
            ("-0", (0, true)),
            ("18446744073709551615", (u64::MAX.into(), true)),
            ("-9223372036854775809", (-9_223_372_036_854_775_809, true)),
            ("2.5", (2, false)),
            ("-2.5", (-3, false)),
            ("2.0", (2, true)),
            (".5", (0, false)),
            ("-.5", (-1, false)),
            ("1e3", (1000, true)),
            ("1.2345e3", (1234, false)),
            ("1234e-2", (12, false)),
            ("1200e-2", (12, true)),
            ("9007199254740993.5", (9_007_199_254_740_993, false)),
            ("1e-999999999999999999999", (0, false)),
            ("0e999999999999999999999", (0, true)),
            ("1e99", (i128::MAX, true)),
            ("-1e99", (i128::MIN, true)),
        ] {
            assert_eq!(floor(text), wanted, "{text}");
        }
    }

    #[test]
    fn floats_are_the_nearest_and_integers_themselves() {
        let float = |text: &str, size| Number::parse(text, false).float(size);
        assert_eq!(float("0.1", 8), (0.1, true));
        assert_eq!(float("0.1", 4), (f64::from(0.1_f32), true));
        assert_eq!(float("0.1", 2), (0.099_975_585_937_5, true));
        assert_eq!(float("9007199254740992", 8), (9_007_199_254_740_992.0, true));
        assert_eq!(float("9007199254740993", 8), (9_007_199_254_740_992.0, false));
        assert_eq!(float("9007199254740995", 8), (9_007_199_254_740_994.0, false));
        assert_eq!(float("16777217", 4), (16_777_217.0, true), "which no f4 is");
        assert_eq!(float("1e39", 4), (1e39, true));
        assert_eq!(float("1e400", 8), (f64::MAX, false));
        assert_eq!(Number::parse("1e400", true).float(8), (f64::NEG_INFINITY, false));
        assert_eq!(Number::infinite(true).float(4), (f64::NEG_INFINITY, true));
    }
}
