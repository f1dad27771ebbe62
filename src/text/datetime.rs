//! Dates and times from ISO 8601 text, exactly as `np.loadtxt` takes them.
//!
//! `YYYY[-MM[-DD[(T| )hh[:mm[:ss[.f...]]]]]]` in the Gregorian calendar without a beginning:
//! years have any number of digits and a sign, the year 0 is a leap year, there are no leap
//! seconds. Blanks may stand before the text, and behind a time; a time may have a zone,
//! `Z` or `+hh[[:]mm]`, which is applied. Nothing and `NaT` are no time at all.
//!
//! NumPy warns of zones and takes `now` and `today`; this reader does neither: a text means
//! the same whenever it is read. NumPy wraps around where a unit cannot hold a date; this
//! reader refuses it.

use crate::dtype::Unit;

/// What a count is where there is no time.
pub(crate) const NOT_A_TIME: i64 = i64::MIN;

const DAY_SECONDS: u32 = 86_400;
/// Digits of a second that a [`Moment`] has.
const FRACTION_DIGITS: u32 = 18;

/// A date or a point in time as it is written, its zone applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    year: i64,
    /// From 1.
    month: u8,
    /// From 1.
    day: u8,
    /// Of the day.
    second: u32,
    /// Of the second.
    atto: u64,
    /// The finest unit that the text has.
    finest: Unit,
}

/// What a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// Nothing, or `NaT`.
    None,
    /// A date, or a date and a time.
    At(Moment),
}

/// The count of a `M8[unit]`; finer parts are cut off, or refused if the type is `strict`.
pub(crate) fn count(text: &[u8], unit: Unit, multiple: u32, strict: bool) -> Option<i64> {
    match parse(text)? {
        Time::None => Some(NOT_A_TIME),
        Time::At(moment) => moment.taken(unit, multiple, strict),
    }
}

/// The same of a text as most are written; `None` also of others.
#[inline(always)]
pub(crate) fn usual_count(text: &[u8], unit: Unit, multiple: u32, strict: bool) -> Option<i64> {
    usual(text)?.taken(unit, multiple, strict)
}

/// Reads a whole field.
pub(crate) fn parse(field: &[u8]) -> Option<Time> {
    usual(field).map(Time::At).or_else(|| unusual(field))
}

/// `YYYY-MM-DD` and `YYYY-MM-DD(T| )hh:mm[:ss[.f...]][Z]`, as most dates are written.
#[inline(always)]
fn usual(field: &[u8]) -> Option<Moment> {
    let (&[y0, y1], rest) = field.split_first_chunk()?;
    let (date, clock) = rest.split_first_chunk()?;
    let [years, month, day] = three(u64::from_le_bytes(*date), b'-')?;
    let year = i64::from(pair(y0, y1)?) * 100 + i64::from(years);
    if !(1..=12).contains(&month) || day == 0 || (day > 28 && day > month_days(year, month)) {
        return None;
    }
    let (second, (atto, finest)) = match clock {
        [] => (0, (0, Unit::Day)),
        [b'T' | b' ', clock @ ..] => usual_clock(clock)?,
        _ => return None,
    };
    Some(Moment { year, month, day, second, atto, finest })
}

/// `hh:mm[:ss[.f...]][Z]`: the second of the day, and parts of it with the finest unit.
#[inline(always)]
fn usual_clock(text: &[u8]) -> Option<(u32, (u64, Unit))> {
    let text = text.strip_suffix(b"Z").unwrap_or(text);
    let mut rest = (0, Unit::Minute);
    let [hours, minutes, seconds] = if let [h0, h1, b':', m0, m1] = *text {
        [pair(h0, h1)?, pair(m0, m1)?, 0]
    } else {
        let (time, behind) = text.split_first_chunk()?;
        rest = match behind {
            [] => (0, Unit::Second),
            [b'.', digits @ ..] => match fraction(digits) {
                (atto, finest, []) => (atto, finest),
                _ => return None,
            },
            _ => return None,
        };
        three(u64::from_le_bytes(*time), b':')?
    };
    let second = u32::from(hours) * 3600 + u32::from(minutes) * 60 + u32::from(seconds);
    (hours < 24 && minutes < 60 && seconds < 60).then_some((second, rest))
}

/// The three numbers of two digits each in eight bytes, with a separator behind each but the
/// last: `24-02-29`, the first byte lowest.
#[inline(always)]
fn three(text: u64, separator: u8) -> Option<[u8; 3]> {
    const DIGITS: u64 = 0xFFFF_00FF_FF00_FFFF;
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = ONES << 7;
    // Digits become their values, separators 0.
    let zeros = (DIGITS & (ONES * 0x30)) | (!DIGITS & (ONES * separator as u64));
    let values = text ^ zeros;
    // What is more than 9, or no separator, reaches the top bit of its byte.
    let more = (DIGITS & (ONES * (0x7F - 9))) | (!DIGITS & (ONES * 0x7F));
    if (values | values.wrapping_add(more)) & TOPS != 0 {
        return None;
    }
    // No byte of these is more than 99.
    let pairs = values * 10 + (values >> 8);
    let [first, _, _, second, _, _, third, _] = pairs.to_le_bytes();
    Some([first, second, third])
}

/// The number that two digits make.
#[inline]
fn pair(a: u8, b: u8) -> Option<u8> {
    let (a, b) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
    if a < 10 && b < 10 { Some(10 * a + b) } else { None }
}

/// Any field, step by step.
fn unusual(field: &[u8]) -> Option<Time> {
    if field.is_empty() || field.eq_ignore_ascii_case(b"nat") {
        return Some(Time::None);
    }
    let (date, finest, rest) = date(field)?;
    let mut moment = Moment { finest, ..date };
    if finest == Unit::Day && !rest.is_empty() {
        let [b'T' | b' ', clock @ ..] = rest else { return None };
        let zone = moment.read_clock(clock)?;
        let (minutes, rest) = offset(zone)?;
        moment = moment.earlier(minutes)?;
        return without_blanks(rest).is_empty().then_some(Time::At(moment));
    }
    rest.is_empty().then_some(Time::At(moment))
}

/// Year, month and day as far as there are, with midnight; their unit; what follows.
fn date(field: &[u8]) -> Option<(Moment, Unit, &[u8])> {
    let text = without_blanks(field);
    let unsigned = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let (year, rest) = number(unsigned)?;
    // NumPy's own: behind blanks a minus counts for nothing.
    let year = if field.starts_with(b"-") { -year } else { year };
    let mut date = Moment { year, month: 1, day: 1, second: 0, atto: 0, finest: Unit::Year };
    if rest.is_empty() {
        return (!unsigned.is_empty()).then_some((date, Unit::Year, rest));
    }
    let (month, rest) = two_digits(rest.strip_prefix(b"-")?)?;
    date.month = month;
    if !(1..=12).contains(&month) {
        return None;
    }
    if rest.is_empty() {
        return Some((date, Unit::Month, rest));
    }
    let (day, rest) = two_digits(rest.strip_prefix(b"-")?)?;
    date.day = day;
    (1..=month_days(year, month)).contains(&day).then_some((date, Unit::Day, rest))
}

/// The digits that `text` begins with, which may be none, and what follows.
fn number(text: &[u8]) -> Option<(i64, &[u8])> {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(len)?;
    let append = |value: i64, byte: &u8| value.checked_mul(10)?.checked_add(i64::from(byte - b'0'));
    Some((digits.iter().try_fold(0, append)?, rest))
}

fn two_digits(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&[a, b], rest) = text.split_first_chunk()?;
    Some((pair(a, b)?, rest))
}

/// At most 18 digits as parts of a second, their unit, and what follows; three digits, or what
/// there is of them, make a unit.
fn fraction(text: &[u8]) -> (u64, Unit, &[u8]) {
    let most = text.len().min(FRACTION_DIGITS as usize);
    let digits = text.iter().take(most).take_while(|byte| byte.is_ascii_digit());
    let append = |(value, len), byte: &u8| (value * 10 + u64::from(byte - b'0'), len + 1);
    let (value, len): (u64, u32) = digits.fold((0, 0), append);
    let unit = match len {
        0..=3 => Unit::Milli,
        4..=6 => Unit::Micro,
        7..=9 => Unit::Nano,
        10..=12 => Unit::Pico,
        13..=15 => Unit::Femto,
        _ => Unit::Atto,
    };
    let rest = text.get(len as usize..).unwrap_or_default();
    (value * 10u64.pow(FRACTION_DIGITS - len), unit, rest)
}

/// White space as C has it.
pub(crate) fn without_blanks(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b'\t'..=b'\r' | b' ');
    text.get(text.iter().take_while(|byte| blank(byte)).count()..).unwrap_or_default()
}

impl Moment {
    /// Reads `hh[:mm[:ss[.f...]]]`; what follows.
    fn read_clock<'t>(&mut self, text: &'t [u8]) -> Option<&'t [u8]> {
        let mut rest = text;
        for (unit, seconds, limit) in
            [(Unit::Hour, 3600, 24), (Unit::Minute, 60, 60), (Unit::Second, 1, 60)]
        {
            let (value, behind) = two_digits(rest)?;
            if value >= limit {
                return None;
            }
            self.second += u32::from(value) * seconds;
            self.finest = unit;
            rest = match (unit, behind) {
                (Unit::Second, [b'.', digits @ ..]) => {
                    let (atto, finest, behind) = fraction(digits);
                    (self.atto, self.finest) = (atto, finest);
                    behind
                }
                (Unit::Second, _) => behind,
                (_, [b':', next @ ..]) => next,
                _ => return Some(behind),
            };
        }
        Some(rest)
    }

    /// The same less some minutes, not more than a day of them.
    fn earlier(mut self, minutes: i32) -> Option<Self> {
        let second = self.second as i32 - 60 * minutes;
        self.second = second.rem_euclid(DAY_SECONDS as i32) as u32;
        match second.div_euclid(DAY_SECONDS as i32) {
            0 => Some(self),
            1.. => self.next_day(),
            _ => self.day_before(),
        }
    }

    fn next_day(mut self) -> Option<Self> {
        self.day += 1;
        if self.day > month_days(self.year, self.month) {
            self.day = 1;
            self.month += 1;
        }
        if self.month > 12 {
            self.month = 1;
            self.year = self.year.checked_add(1)?;
        }
        Some(self)
    }

    fn day_before(mut self) -> Option<Self> {
        self.day -= 1;
        if self.day == 0 {
            self.month -= 1;
            if self.month == 0 {
                self.month = 12;
                self.year = self.year.checked_sub(1)?;
            }
            self.day = month_days(self.year, self.month);
        }
        Some(self)
    }

    /// The finest unit that the text has.
    pub(crate) const fn finest(&self) -> Unit {
        self.finest
    }

    /// Whether both are the same time, whatever unit they are written in.
    #[cfg(feature = "hdf5")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Self { finest: other.finest, ..*self } == *other
    }

    /// The count of a type that may be `strict`: then there is nothing finer than its unit.
    #[inline(always)]
    fn taken(&self, unit: Unit, multiple: u32, strict: bool) -> Option<i64> {
        if strict && self.finest as u8 > unit as u8 { None } else { self.count(unit, multiple) }
    }

    /// How many whole `multiple` units it is behind the start of 1970; `None` if that is not
    /// the count of a date, or of no unit.
    #[inline(always)]
    pub(crate) fn count(&self, unit: Unit, multiple: u32) -> Option<i64> {
        if let (1, Some(count)) = (multiple, self.narrow(unit)) {
            return Some(count);
        }
        let units = self.units(unit)?;
        let count = if multiple > 1 { units.div_euclid(i128::from(multiple)) } else { units };
        i64::try_from(count).ok().filter(|&count| count != NOT_A_TIME)
    }

    /// The usual units of a date that is not too far away for 64 bits.
    #[inline(always)]
    fn narrow(&self, unit: Unit) -> Option<i64> {
        let days = days_since_1970(self.year, self.month, self.day)?;
        let seconds = || days.checked_mul(DAY_SECONDS.into())?.checked_add(self.second.into());
        let parts = |parts: i64, rest: u64| {
            seconds()?.checked_mul(parts)?.checked_add((self.atto / rest) as i64)
        };
        let count = match unit {
            Unit::Day => Some(days),
            Unit::Second => seconds(),
            Unit::Milli => parts(1_000, 1_000_000_000_000_000),
            Unit::Micro => parts(1_000_000, 1_000_000_000_000),
            Unit::Nano => parts(1_000_000_000, 1_000_000_000),
            _ => None,
        };
        count.filter(|&count| count != NOT_A_TIME)
    }

    #[cold]
    fn units(&self, unit: Unit) -> Option<i128> {
        let years = i128::from(self.year) - 1970;
        let days = || Some(i128::from(days_since_1970(self.year, self.month, self.day)?));
        let seconds = || Some(days()? * i128::from(DAY_SECONDS) + i128::from(self.second));
        let parts = |digits: u32| {
            let fraction = self.atto / 10u64.pow(FRACTION_DIGITS - digits);
            seconds()?.checked_mul(10i128.pow(digits))?.checked_add(i128::from(fraction))
        };
        match unit {
            Unit::Generic => None,
            Unit::Year => Some(years),
            Unit::Month => Some(years * 12 + i128::from(self.month) - 1),
            Unit::Week => Some(days()?.div_euclid(7)),
            Unit::Day => days(),
            Unit::Hour => Some(days()? * 24 + i128::from(self.second / 3600)),
            Unit::Minute => Some(days()? * 1440 + i128::from(self.second / 60)),
            Unit::Second => seconds(),
            Unit::Milli => parts(3),
            Unit::Micro => parts(6),
            Unit::Nano => parts(9),
            Unit::Pico => parts(12),
            Unit::Femto => parts(15),
            Unit::Atto => parts(18),
        }
    }
}

/// The zone that `text` begins with, as minutes ahead of UTC, 0 if none; what follows.
fn offset(text: &[u8]) -> Option<(i32, &[u8])> {
    let (sign, rest) = match text {
        [b'Z', rest @ ..] => return Some((0, rest)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return Some((0, text)),
    };
    let (hours, rest) = two_digits(rest)?;
    let (minutes, rest) = match rest {
        [] => (0, rest),
        [b':', minutes @ ..] => two_digits(minutes)?,
        _ => two_digits(rest)?,
    };
    let valid = hours < 24 && minutes < 60;
    valid.then_some((sign * (i32::from(hours) * 60 + i32::from(minutes)), rest))
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn month_days(year: i64, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date; `None` if they are more than an `i64` counts.
fn days_since_1970(year: i64, month: u8, day: u8) -> Option<i64> {
    /// Days before each month of a year that is none of 366 days.
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    /// Leap years before 1970, from the year 1 on.
    const LEAPS: i64 = 477;
    let before = year.checked_sub(1)?;
    let leaps = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400) - LEAPS;
    let years = year.checked_sub(1970)?.checked_mul(365)?.checked_add(leaps)?;
    let months = BEFORE.get(usize::from(month) - 1)? + i64::from(month > 2 && is_leap(year));
    years.checked_add(months + i64::from(day) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype_buf::DTypeBuf;
    use std::vec::Vec;

    const UNITS: [Unit; 13] = [
        Unit::Year,
        Unit::Month,
        Unit::Week,
        Unit::Day,
        Unit::Hour,
        Unit::Minute,
        Unit::Second,
        Unit::Milli,
        Unit::Micro,
        Unit::Nano,
        Unit::Pico,
        Unit::Femto,
        Unit::Atto,
    ];

    fn seconds(text: &str) -> Option<i64> {
        count(text.as_bytes(), Unit::Second, 1, false)
    }

    fn finest(text: &str) -> Option<Unit> {
        match parse(text.as_bytes())? {
            Time::None => Some(Unit::Generic),
            Time::At(moment) => Some(moment.finest()),
        }
    }

    #[test]
    fn texts_are_read_as_numpy_reads_them() {
        let table = include_str!("../../tests/data/datetimes.tsv");
        let mut cases = 0;
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let [dtype, text, expected, unit] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line:?}")
            };
            let dtype = DTypeBuf::parse(dtype).unwrap();
            let (of, multiple) = dtype.as_dtype().root().unit().unwrap();
            let got = count(text.as_bytes(), of, multiple, false);
            assert_eq!(got, expected.parse().ok(), "{line:?}");
            if expected != "-" {
                let found = finest(text)
                    .map(|found| if found == Unit::Generic { "generic" } else { found.symbol() });
                assert_eq!(found, Some(unit), "{line:?}");
            }
            cases += 1;
        }
        assert!(cases > 200);
    }

    /// Every text that is near to a usual one.
    #[test]
    fn usual_texts_are_read_as_any() {
        let mut read = 0;
        for text in [
            "2024-02-29",
            "1900-02-28",
            "0000-01-01",
            "9999-12-31T23:59:59",
            "2001-03-04 05:06:07",
            "2001-03-04 05:06Z",
            "1969-12-31T23:59:59.000000001",
            "2262-04-11T23:47:16.854775808Z",
            "1600-02-29T00:00:00.123456789012345678",
        ] {
            for at in 0..=text.len() {
                for byte in (0..=255).chain([0x100]) {
                    let mut bytes = text.as_bytes().to_vec();
                    match u8::try_from(byte) {
                        Ok(byte) if at < bytes.len() => bytes[at] = byte,
                        Ok(byte) => bytes.push(byte),
                        Err(_) => bytes.truncate(at),
                    }
                    assert_eq!(parse(&bytes), unusual(&bytes), "{bytes:?}");
                    let Some(Time::At(moment)) = parse(&bytes) else { continue };
                    for unit in UNITS {
                        let units = moment.units(unit).and_then(|n| i64::try_from(n).ok());
                        assert_eq!(moment.count(unit, 1), units, "{bytes:?}");
                        let strict = count(&bytes, unit, 1, true);
                        assert_eq!(
                            strict.is_some(),
                            units.is_some() && moment.finest as u8 <= unit as u8
                        );
                    }
                    read += usize::from(usual(&bytes).is_some());
                }
            }
        }
        assert!(read > 1000, "{read}");
    }

    #[test]
    fn nothing_and_nat_are_no_time() {
        for text in ["", "NaT", "nat", "NAT"] {
            assert_eq!(seconds(text), Some(i64::MIN), "{text:?}");
            assert_eq!(count(text.as_bytes(), Unit::Generic, 1, true), Some(i64::MIN));
        }
        for text in [" ", " NaT", "NaT ", "not", "now", "today", "2000"] {
            assert_eq!(count(text.as_bytes(), Unit::Generic, 1, false), None, "{text:?}");
        }
        assert_eq!((seconds("now"), seconds("Today")), (None, None));
    }

    #[test]
    fn blanks_stand_before_it_and_behind_a_time() {
        assert_eq!(seconds(" \t\n\x0b\x0c\r1970"), Some(0));
        assert_eq!(seconds("1970-01-01T00 \t"), Some(0));
        assert_eq!(seconds("1970-01-01T00:00Z "), Some(0));
        for text in [
            "1970 ",
            "1970-01-01 ",
            "\x1c1970",
            "\u{a0}1970",
            "1970-01-01T00 Z",
            "1970-01-01T00+01 ",
        ] {
            assert_eq!(seconds(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_sign_counts_only_at_the_very_start() {
        assert_eq!(count(b"-5", Unit::Year, 1, false), Some(-1975));
        assert_eq!(count(b" -5", Unit::Year, 1, false), Some(-1965));
        assert_eq!(count(b"+5", Unit::Year, 1, false), Some(-1965));
        assert_eq!(count(b"--02", Unit::Month, 1, false), Some(-1970 * 12 + 1));
        assert_eq!((seconds("-"), seconds("-02-"), seconds("+-")), (None, None, None));
    }

    #[test]
    fn zones_are_applied_across_the_ends_of_years() {
        assert_eq!(seconds("1970-01-01T00+01:30"), Some(-5400));
        assert_eq!(seconds("1970-01-01T00:00-0030"), Some(1800));
        assert_eq!(count(b"2000-01-01T00:30+01", Unit::Year, 1, false), Some(29));
        assert_eq!(count(b"1999-12-31T23:30:00.5-01", Unit::Month, 1, false), Some(360));
        assert_eq!(count(b"2000-02-28T23-02", Unit::Day, 1, false), Some(11_016));
        assert_eq!(count(b"2000-03-01T00+02", Unit::Day, 1, false), Some(11_016));
        for zone in ["+24", "+1", "+01:60", "+01:", "+01:3", "z", "+", "UTC"] {
            assert_eq!(seconds(&std::format!("2000-01-01T12{zone}")), None, "{zone:?}");
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut date =
            Moment { year: -401, month: 1, day: 1, second: 0, atto: 0, finest: Unit::Day };
        let mut days = date.count(Unit::Day, 1).unwrap();
        assert_eq!(days, -865_990);
        for _ in 0..1_100_000 {
            let next = date.next_day().unwrap();
            days += 1;
            assert_eq!((next.count(Unit::Day, 1), next.day_before()), (Some(days), Some(date)));
            date = next;
        }
        assert!(date.year > 2600);
    }

    #[test]
    fn what_a_unit_cannot_hold_is_refused() {
        let nano = |text: &str| count(text.as_bytes(), Unit::Nano, 1, false);
        assert_eq!(nano("2262-04-11T23:47:16.854775807"), Some(i64::MAX));
        assert_eq!(nano("2262-04-11T23:47:16.854775808"), None);
        assert_eq!(nano("1677-09-21T00:12:43.145224193"), Some(i64::MIN + 1));
        // One less would be the count that means no time.
        assert_eq!(nano("1677-09-21T00:12:43.145224192"), None);
        assert_eq!(nano("9999-12-31"), None);
        assert_eq!(count(b"9999-12-31", Unit::Nano, 1000, false), Some(253_402_214_400_000_000));
        assert_eq!(count(b"9223372036854775807", Unit::Year, 1, false), Some(i64::MAX - 1970));
        for year in ["9223372036854775807", "-9223372036854775807", "99999999999999999999"] {
            for unit in [Unit::Month, Unit::Day, Unit::Second, Unit::Atto] {
                assert_eq!(count(year.as_bytes(), unit, 1, false), None, "{year} {unit:?}");
            }
        }
        assert_eq!(seconds("-9223372036854775807-01-01T00+23:59"), None);
    }

    #[test]
    fn a_found_unit_takes_nothing_finer() {
        assert_eq!(count(b"1970", Unit::Second, 1, true), Some(0));
        assert_eq!(count(b"1970-01-01T00:00:00.0001", Unit::Micro, 1, true), Some(100));
        assert_eq!(count(b"1970-02", Unit::Year, 1, true), None);
        assert_eq!(count(b"1970-02", Unit::Year, 1, false), Some(0));
        assert_eq!(count(b"1970-01-01T00:00:01.000", Unit::Second, 1, true), None);
        assert_eq!(count(b"", Unit::Year, 1, true), Some(i64::MIN));
    }
}
