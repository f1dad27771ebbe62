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
        Time::At(moment) if strict && moment.finest as u8 > unit as u8 => None,
        Time::At(moment) => moment.count(unit, multiple),
    }
}

/// Reads a whole field.
pub(crate) fn parse(field: &[u8]) -> Option<Time> {
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
    match text {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', rest @ ..] => Some(((a - b'0') * 10 + (b - b'0'), rest)),
        _ => None,
    }
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
                (Unit::Second, [b'.', fraction @ ..]) => self.read_fraction(fraction),
                (Unit::Second, _) => behind,
                (_, [b':', next @ ..]) => next,
                _ => return Some(behind),
            };
        }
        Some(rest)
    }

    /// Reads at most 18 digits; three of them, or what there is of them, make a unit.
    fn read_fraction<'t>(&mut self, text: &'t [u8]) -> &'t [u8] {
        let most = text.len().min(FRACTION_DIGITS as usize);
        let digits = text.iter().take(most).take_while(|byte| byte.is_ascii_digit());
        let (atto, len) = digits
            .fold((0, 0u32), |(value, len), byte| (value * 10 + u64::from(byte - b'0'), len + 1));
        self.atto = atto * 10u64.pow(FRACTION_DIGITS - len);
        self.finest = match len {
            0..=3 => Unit::Milli,
            4..=6 => Unit::Micro,
            7..=9 => Unit::Nano,
            10..=12 => Unit::Pico,
            13..=15 => Unit::Femto,
            _ => Unit::Atto,
        };
        text.get(len as usize..).unwrap_or_default()
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
    #[allow(dead_code, reason = "for whoever looks for the unit of a column")]
    pub(crate) const fn finest(&self) -> Unit {
        self.finest
    }

    /// How many whole `multiple` units it is behind the start of 1970; `None` if that is not
    /// the count of a date, or of no unit.
    pub(crate) fn count(&self, unit: Unit, multiple: u32) -> Option<i64> {
        let units = self.units(unit)?;
        let count = if multiple > 1 { units.div_euclid(i128::from(multiple)) } else { units };
        i64::try_from(count).ok().filter(|&count| count != NOT_A_TIME)
    }

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
