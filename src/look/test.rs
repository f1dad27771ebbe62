//! Conditions on the bytes of rows.

use core::cmp::Ordering;
use core::ops::RangeInclusive;
use std::boxed::Box;
use std::vec::Vec;

use super::parse::Compare;
use super::value::{float, points, signed};
use crate::dtype::Kind;
use crate::exchange::value::unsigned;

/// A condition on a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Always(bool),
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    /// A number, or a count of time, is one of these.
    Signed(Place, RangeInclusive<i64>),
    /// A number is one of these, or a truth value.
    Unsigned(Place, RangeInclusive<u64>),
    /// A number is one of these, and none is not.
    Float(Place, RangeInclusive<f64>),
    /// There are these bytes.
    Same(Place, Vec<u8>),
    /// A text stands so to this one.
    Text(Place, Compare, Vec<u32>),
    /// Two values stand so to each other.
    Pair(Place, Compare, Place),
}

/// Where a value lies in a row, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: usize,
    pub(super) size: usize,
    pub(super) kind: Kind,
    pub(super) little: bool,
}

/// A value that can be compared with others.
#[derive(Debug, Clone, Copy)]
enum Key {
    Integer(i128),
    Float(f64),
}

/// Rows of so many bytes, and which of them are left.
struct Rows<'r> {
    bytes: &'r [u8],
    row: usize,
    left: &'r mut [bool],
}

impl Test {
    /// Takes the marks off those rows for which it does not hold.
    pub(super) fn narrow(&self, rows: &[u8], row: usize, left: &mut [bool]) {
        if !left.contains(&true) {
            return;
        }
        match self {
            Self::Always(holds) => left.iter_mut().for_each(|left| *left &= holds),
            Self::All(tests) => tests.iter().for_each(|test| test.narrow(rows, row, left)),
            Self::Any(tests) => any(tests, rows, row, left),
            Self::Not(test) => {
                let mut holds = left.to_vec();
                test.narrow(rows, row, &mut holds);
                left.iter_mut().zip(holds).for_each(|(left, holds)| *left &= !holds);
            }
            test => test.narrow_values(Rows { bytes: rows, row, left }),
        }
    }

    fn narrow_values(&self, rows: Rows<'_>) {
        match self {
            Self::Signed(place, range) => rows.signed(*place, range),
            Self::Unsigned(place, range) => rows.unsigned(*place, range),
            Self::Float(place, range) => rows.float(*place, range),
            Self::Same(place, wanted) => rows.each(*place, |bytes| bytes == wanted),
            Self::Text(place, compare, text) => rows.each(*place, |bytes| {
                let order = place.points(bytes).cmp(text.iter().copied());
                compare.accepts(Some(order))
            }),
            Self::Pair(one, compare, other) => rows.pairs(*one, *compare, *other),
            Self::Always(_) | Self::All(_) | Self::Any(_) | Self::Not(_) => {}
        }
    }
}

fn any(tests: &[Test], rows: &[u8], row: usize, left: &mut [bool]) {
    let mut found = std::vec![false; left.len()];
    for test in tests {
        // Those that are found need no other test.
        let mut here = left.to_vec();
        here.iter_mut().zip(&found).for_each(|(here, found)| *here &= !found);
        test.narrow(rows, row, &mut here);
        found.iter_mut().zip(here).for_each(|(found, here)| *found |= here);
    }
    left.copy_from_slice(&found);
}

impl Rows<'_> {
    /// Values of any number of bytes.
    fn each(self, place: Place, holds: impl Fn(&[u8]) -> bool) {
        let range = place.offset..place.offset + place.size;
        for (row, left) in self.bytes.chunks_exact(self.row).zip(self.left) {
            *left = *left && row.get(range.clone()).is_some_and(&holds);
        }
    }

    /// Values of a known number of bytes, in a loop without branches.
    fn fixed<const N: usize>(self, place: Place, holds: impl Fn([u8; N]) -> bool) {
        for (row, left) in self.bytes.chunks_exact(self.row).zip(self.left) {
            let value = row.get(place.offset..).and_then(<[u8]>::first_chunk::<N>);
            *left &= value.is_some_and(|value| holds(*value));
        }
    }

    fn signed(self, place: Place, range: &RangeInclusive<i64>) {
        match (place.size, place.little) {
            (1, _) => self.fixed(place, |b| range.contains(&i8::from_ne_bytes(b).into())),
            (2, true) => self.fixed(place, |b| range.contains(&i16::from_le_bytes(b).into())),
            (4, true) => self.fixed(place, |b| range.contains(&i32::from_le_bytes(b).into())),
            (8, true) => self.fixed(place, |b| range.contains(&i64::from_le_bytes(b))),
            (_, little) => self.each(place, |bytes| range.contains(&signed(bytes, little))),
        }
    }

    fn unsigned(self, place: Place, range: &RangeInclusive<u64>) {
        match (place.size, place.little) {
            (1, _) if place.kind == Kind::Bool => {
                self.fixed(place, |[byte]| range.contains(&u64::from(byte != 0)));
            }
            (1, _) => self.fixed(place, |[byte]| range.contains(&byte.into())),
            (2, true) => self.fixed(place, |b| range.contains(&u16::from_le_bytes(b).into())),
            (4, true) => self.fixed(place, |b| range.contains(&u32::from_le_bytes(b).into())),
            (8, true) => self.fixed(place, |b| range.contains(&u64::from_le_bytes(b))),
            (_, little) => self.each(place, |bytes| range.contains(&unsigned(bytes, little))),
        }
    }

    fn float(self, place: Place, range: &RangeInclusive<f64>) {
        match (place.size, place.little) {
            (4, true) => self.fixed(place, |b| range.contains(&f32::from_le_bytes(b).into())),
            (8, true) => self.fixed(place, |b| range.contains(&f64::from_le_bytes(b))),
            (_, little) => self.each(place, |bytes| range.contains(&float(bytes, little))),
        }
    }

    fn pairs(self, one: Place, compare: Compare, other: Place) {
        for (row, left) in self.bytes.chunks_exact(self.row).zip(self.left) {
            *left = *left && compare.accepts(order(row, one, other));
        }
    }
}

impl Compare {
    /// Whether values that stand so to each other are meant; what is no number or no time is
    /// unequal to everything.
    pub(super) fn accepts(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Equal => order == Some(Ordering::Equal),
            Self::Unequal => order != Some(Ordering::Equal),
            Self::Less => order == Some(Ordering::Less),
            Self::LessEqual => order.is_some_and(Ordering::is_le),
            Self::Greater => order == Some(Ordering::Greater),
            Self::GreaterEqual => order.is_some_and(Ordering::is_ge),
        }
    }

    /// The same with both sides exchanged.
    pub(super) const fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            same => same,
        }
    }
}

impl Place {
    fn bytes<'r>(&self, row: &'r [u8]) -> &'r [u8] {
        row.get(self.offset..self.offset + self.size).unwrap_or_default()
    }

    fn points<'r>(&self, bytes: &'r [u8]) -> impl Iterator<Item = u32> + use<'r> {
        points(bytes, self.kind, self.little)
    }

    /// The value of a number or a time; none if it is no time.
    fn key(&self, row: &[u8]) -> Option<Key> {
        let bytes = self.bytes(row);
        Some(match self.kind {
            Kind::Bool => Key::Integer(bytes.first().is_some_and(|&byte| byte != 0).into()),
            Kind::Uint => Key::Integer(unsigned(bytes, self.little).into()),
            Kind::Float => Key::Float(float(bytes, self.little)),
            Kind::Datetime | Kind::Timedelta => match signed(bytes, self.little) {
                i64::MIN => return None,
                count => Key::Integer(count.into()),
            },
            _ => Key::Integer(signed(bytes, self.little).into()),
        })
    }
}

/// How two values of a row stand to each other, without rounding.
fn order(row: &[u8], one: Place, other: Place) -> Option<Ordering> {
    if matches!(one.kind, Kind::Bytes | Kind::Unicode) {
        return Some(one.points(one.bytes(row)).cmp(other.points(other.bytes(row))));
    }
    match (one.key(row)?, other.key(row)?) {
        (Key::Integer(one), Key::Integer(other)) => Some(one.cmp(&other)),
        (Key::Float(one), Key::Float(other)) => one.partial_cmp(&other),
        (Key::Integer(one), Key::Float(other)) => mixed(one, other),
        (Key::Float(one), Key::Integer(other)) => mixed(other, one).map(Ordering::reverse),
    }
}

/// An integer of at most 64 bits and a float.
fn mixed(integer: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    // What is too large for the type becomes its largest value.
    let floor = float.floor();
    let fraction = if float > floor { Ordering::Less } else { Ordering::Equal };
    Some(integer.cmp(&(floor as i128)).then(fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_floats_are_compared_without_rounding() {
        let big = 9_007_199_254_740_993;
        for (integer, float, wanted) in [
            (big, 9_007_199_254_740_992.0, Some(Ordering::Greater)),
            (-big, -9_007_199_254_740_992.0, Some(Ordering::Less)),
            (i128::from(u64::MAX), 18_446_744_073_709_551_616.0, Some(Ordering::Less)),
            (2, 2.5, Some(Ordering::Less)),
            (-2, -2.5, Some(Ordering::Greater)),
            (0, -0.0, Some(Ordering::Equal)),
            (i128::from(u64::MAX), f64::INFINITY, Some(Ordering::Less)),
            (i128::from(i64::MIN), f64::NEG_INFINITY, Some(Ordering::Greater)),
            (0, f64::NAN, None),
        ] {
            assert_eq!(mixed(integer, float), wanted, "{integer} {float}");
        }
    }
}
