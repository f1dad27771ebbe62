//! Times of conditions as counts of a column's unit, without rounding.

use std::string::String;

use crate::dtype::Unit;
use crate::exchange::stamp;
use crate::text::{Moment, Time, time};

/// The count of the last moment of a column that is not behind this one, and whether it is that;
/// none if it is no moment.
pub(super) fn moment(text: &str, (unit, times): (Unit, u32)) -> Option<(i128, bool)> {
    let Time::At(moment) = time(text.trim().as_bytes())? else { return None };
    if unit == Unit::Generic {
        return None;
    }
    let Some(count) = moment.count(unit, times) else {
        // Before or behind all that the column can have.
        let year = moment.count(Unit::Year, 1).unwrap_or(0);
        return Some((if year < 0 { i128::MIN } else { i128::MAX }, false));
    };
    Some((count.into(), begins(count, unit, times)?.is(&moment)))
}

/// The moment of a count.
fn begins(count: i64, unit: Unit, times: u32) -> Option<Moment> {
    let mut text = String::new();
    stamp::write(&mut text, count, unit, times);
    match time(text.as_bytes())? {
        Time::At(moment) => Some(moment),
        Time::None => None,
    }
}

/// The count of the longest duration of a column that is not longer than this one, such as `90s`,
/// and whether it is that.
pub(super) fn duration(text: &str, (unit, times): (Unit, u32)) -> Option<(i128, bool)> {
    let text = text.trim();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '-' || c == '+'));
    let (number, symbol) = text.split_at(digits.unwrap_or(text.len()));
    let number: i128 = number.parse::<i64>().ok()?.into();
    let symbol = symbol.trim();
    let given = Unit::ALL.into_iter().find(|unit| unit.symbol() == symbol)?;
    if given == unit || given == Unit::Generic {
        let times = if given == Unit::Generic { 1 } else { i128::from(times.max(1)) };
        return Some(divided(number, times));
    }
    let (kind, long) = length(given)?;
    let short = length(unit).filter(|(own, _)| *own == kind).map(|(_, length)| length)?;
    let short = short * i128::from(times.max(1));
    let common = divisor(long, short);
    match number.checked_mul(long / common) {
        Some(product) => Some(divided(product, short / common)),
        // More than any count.
        None if number < 0 => Some((i128::MIN, false)),
        None => Some((i128::MAX, false)),
    }
}

fn divided(number: i128, by: i128) -> (i128, bool) {
    (number.div_euclid(by), number.rem_euclid(by) == 0)
}

/// Whether a unit is one of the calendar, and its length in months or in attoseconds.
fn length(unit: Unit) -> Option<(bool, i128)> {
    let seconds = |n: i128| Some((false, n * 1_000_000_000_000_000_000));
    match unit {
        Unit::Generic => None,
        Unit::Year => Some((true, 12)),
        Unit::Month => Some((true, 1)),
        Unit::Week => seconds(604_800),
        Unit::Day => seconds(86_400),
        Unit::Hour => seconds(3_600),
        Unit::Minute => seconds(60),
        Unit::Second => seconds(1),
        Unit::Milli => Some((false, 1_000_000_000_000_000)),
        Unit::Micro => Some((false, 1_000_000_000_000)),
        Unit::Nano => Some((false, 1_000_000_000)),
        Unit::Pico => Some((false, 1_000_000)),
        Unit::Femto => Some((false, 1_000)),
        Unit::Atto => Some((false, 1)),
    }
}

fn divisor(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_counted_without_rounding() {
        let day = |text| moment(text, (Unit::Day, 1));
        assert_eq!(day("1970-01-03"), Some((2, true)));
        assert_eq!(day("1970-01-03T00:00:00.000000000000000001"), Some((2, false)));
        assert_eq!(day("1969-12-31T12"), Some((-1, false)));
        assert_eq!(day("1970"), Some((0, true)));
        assert_eq!(day("NaT"), None);
        assert_eq!(day("soon"), None);
        assert_eq!(moment("1970-01-02", (Unit::Generic, 1)), None);
        assert_eq!(moment("1970-01-03", (Unit::Day, 7)), Some((0, false)));
        assert_eq!(moment("1970-01-08", (Unit::Day, 7)), Some((1, true)));
        assert_eq!(moment("9999-01-01", (Unit::Nano, 1)), Some((i128::MAX, false)));
        assert_eq!(moment("-9999-01-01", (Unit::Nano, 1)), Some((i128::MIN, false)));
    }

    #[test]
    fn durations_are_counted_without_rounding() {
        let seconds = |text| duration(text, (Unit::Second, 1));
        assert_eq!(seconds("90s"), Some((90, true)));
        assert_eq!(seconds("-2 h"), Some((-7200, true)));
        assert_eq!(seconds("1500ms"), Some((1, false)));
        assert_eq!(seconds("-1ms"), Some((-1, false)));
        assert_eq!(seconds("1M"), None, "months differ");
        assert_eq!(duration("1Y", (Unit::Month, 5)), Some((2, false)));
        assert_eq!(duration("9223372036854775807W", (Unit::Atto, 1)), Some((i128::MAX, false)));
        assert_eq!(seconds("s"), None);
        assert_eq!(seconds("90"), Some((90, true)));
    }
}
