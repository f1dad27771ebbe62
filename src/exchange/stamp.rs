//! Counts of time as ISO 8601 text: `text::datetime` backwards.

use std::string::String;

use core::fmt::Write;

use crate::dtype::Unit;

/// Days of 400 years.
const ERA: i128 = 146_097;

/// Writes the time that is `count` times `multiple` units after 1970-01-01T00:00:00, as far as
/// the unit goes. A datetime without a unit has no text.
pub(crate) fn write(to: &mut String, count: i64, unit: Unit, multiple: u32) {
    if count == i64::MIN {
        to.push_str("NaT");
        return;
    }
    let n = i128::from(count) * i128::from(multiple);
    // Writing to a string does not fail.
    let _ = match unit {
        Unit::Generic => write!(to, "{n}"),
        Unit::Year => write!(to, "{}", Year(n + 1970)),
        Unit::Month => {
            write!(to, "{}-{:02}", Year(n.div_euclid(12) + 1970), n.rem_euclid(12) + 1)
        }
        Unit::Week => date(to, n * 7),
        Unit::Day => date(to, n),
        _ => clock(to, n, unit),
    };
}

/// A year of at least four digits.
struct Year(i128);

impl core::fmt::Display for Year {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{:04}", self.0.unsigned_abs())
    }
}

/// The Gregorian date of a day, the days counted from 1970-01-01.
fn date(to: &mut String, days: i128) -> core::fmt::Result {
    // Counted from 0000-03-01, so that leap days end their years.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    write!(to, "{}-{month:02}-{day:02}", Year(era * 400 + year + later))
}

/// Units in a second, and the digits of their fraction; of units that are longer, seconds in one.
const fn fraction(unit: Unit) -> (i128, i128, usize) {
    match unit {
        Unit::Hour => (3600, 1, 0),
        Unit::Minute => (60, 1, 0),
        Unit::Milli => (1, 1_000, 3),
        Unit::Micro => (1, 1_000_000, 6),
        Unit::Nano => (1, 1_000_000_000, 9),
        Unit::Pico => (1, 1_000_000_000_000, 12),
        Unit::Femto => (1, 1_000_000_000_000_000, 15),
        Unit::Atto => (1, 1_000_000_000_000_000_000, 18),
        _ => (1, 1, 0),
    }
}

fn clock(to: &mut String, n: i128, unit: Unit) -> core::fmt::Result {
    let (length, per_second, digits) = fraction(unit);
    let (seconds, part) =
        ((n * length).div_euclid(per_second), (n * length).rem_euclid(per_second));
    date(to, seconds.div_euclid(86_400))?;
    let second = seconds.rem_euclid(86_400);
    write!(to, "T{:02}", second / 3600)?;
    if unit == Unit::Hour {
        return Ok(());
    }
    write!(to, ":{:02}", second / 60 % 60)?;
    if unit == Unit::Minute {
        return Ok(());
    }
    write!(to, ":{:02}", second % 60)?;
    if digits > 0 { write!(to, ".{part:0digits$}") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(count: i64, unit: Unit, multiple: u32) -> String {
        let mut text = String::new();
        write(&mut text, count, unit, multiple);
        text
    }

    #[test]
    fn known_times() {
        assert_eq!(text(0, Unit::Day, 1), "1970-01-01");
        assert_eq!(text(-1, Unit::Second, 1), "1969-12-31T23:59:59");
        assert_eq!(text(19_782, Unit::Day, 1), "2024-02-29");
        assert_eq!(text(-719_528, Unit::Day, 1), "0000-01-01");
        assert_eq!(text(-719_529, Unit::Day, 1), "-0001-12-31");
        assert_eq!(text(1, Unit::Week, 2), "1970-01-15");
        assert_eq!(text(-1, Unit::Month, 1), "1969-12");
        assert_eq!(text(30, Unit::Year, 10), "2270");
        assert_eq!(text(5, Unit::Hour, 7), "1970-01-02T11");
        assert_eq!(text(-1, Unit::Minute, 1), "1969-12-31T23:59");
        assert_eq!(text(-1, Unit::Nano, 1), "1969-12-31T23:59:59.999999999");
        assert_eq!(text(i64::MIN, Unit::Nano, 1), "NaT");
    }

    #[test]
    fn the_reader_takes_every_text() {
        let mut state = 7_u64;
        for unit in Unit::ALL.into_iter().filter(|&unit| unit != Unit::Generic) {
            for round in 0..400 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let count = (state as i64) >> (round % 60);
                let multiple = [1, 1, 10, 7][round % 4];
                let text = text(count, unit, multiple);
                let read = crate::text::time_count(text.as_bytes(), unit, multiple, false);
                // Where the multiple is out of the reader's range, it says so.
                assert!(
                    read == Some(count) || (read.is_none() && i128::from(count).abs() > 1 << 50),
                    "{count} x {multiple} {unit:?}: {text} {read:?}"
                );
            }
        }
    }
}
