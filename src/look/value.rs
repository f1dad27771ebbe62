//! Values as programs and people are told of them.

use std::string::String;
use std::vec::Vec;

use super::table::extents;
use crate::dtype::{Field, Kind, Order, Unit};
use crate::exchange::{stamp, value};

/// A value of a row, or a part of one.
#[derive(Debug, Clone)]
pub struct Cell<'a> {
    field: Field<'a>,
    dims: Vec<u64>,
    bytes: &'a [u8],
}

/// What a cell holds.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// A truth value.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned one.
    Uint(u64),
    /// A number.
    Float(Real),
    /// A complex number.
    Complex(Real, Real),
    /// A string.
    Text(String),
    /// Bytes without a meaning.
    Bytes(&'a [u8]),
    /// A datetime as ISO 8601 has it; none is `NaT`.
    Moment(Option<String>),
    /// A timedelta, in so many of a unit; none is `NaT`.
    Duration(Option<i64>, Unit, u32),
    /// A record: its fields have names.
    Record(Items<'a>),
    /// An array.
    List(Items<'a>),
}

/// A number, as wide as it is stored; halves are widened.
#[derive(Debug, Clone, Copy)]
pub enum Real {
    /// `f4`.
    Single(f32),
    /// `f8` and `f2`.
    Double(f64),
}

/// What is in a record or in an array.
#[derive(Debug, Clone)]
pub struct Items<'a> {
    of: Cell<'a>,
    fields: Vec<Field<'a>>,
}

impl<'a> Cell<'a> {
    pub(super) const fn new(field: Field<'a>, dims: Vec<u64>, bytes: &'a [u8]) -> Self {
        Self { field, dims, bytes }
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> Value<'a> {
        if !self.dims.is_empty() {
            return Value::List(Items { of: self.clone(), fields: Vec::new() });
        }
        let (bytes, little) = (self.bytes, self.field.order() != Order::Big);
        match self.field.kind() {
            Kind::Bool => Value::Bool(bytes.first().is_some_and(|&byte| byte != 0)),
            Kind::Int => Value::Int(signed(bytes, little)),
            Kind::Uint => Value::Uint(value::unsigned(bytes, little)),
            Kind::Float => Value::Float(real(bytes, little)),
            Kind::Complex => {
                let (re, im) = bytes.split_at(bytes.len() / 2);
                Value::Complex(real(re, little), real(im, little))
            }
            Kind::Bytes => Value::Text(latin1(bytes)),
            Kind::Unicode => Value::Text(unicode(bytes, little)),
            Kind::Void => Value::Bytes(bytes),
            Kind::Datetime => Value::Moment(self.moment(signed(bytes, little))),
            Kind::Timedelta => {
                let (unit, times) = self.unit();
                let count = Some(signed(bytes, little)).filter(|&count| count != i64::MIN);
                Value::Duration(count, unit, times)
            }
            Kind::Record => {
                let fields = self.field.fields().collect();
                Value::Record(Items { of: self.clone(), fields })
            }
        }
    }

    fn unit(&self) -> (Unit, u32) {
        self.field.unit().unwrap_or((Unit::Generic, 1))
    }

    fn moment(&self, count: i64) -> Option<String> {
        let ((unit, times), mut text) = (self.unit(), String::new());
        if count == i64::MIN {
            return None;
        }
        stamp::write(&mut text, count, unit, times);
        Some(text)
    }
}

impl<'a> Items<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.of.dims.first().copied().unwrap_or(self.fields.len() as u64)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All values in it, of all axes.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.of.dims.iter().fold(1, |n, &extent| n.saturating_mul(extent))
    }

    /// One of them, and its name in a record.
    #[must_use]
    pub fn get(&self, at: u64) -> Option<(&'a str, Cell<'a>)> {
        let (field, bytes) = (self.of.field, self.of.bytes);
        let place = usize::try_from(at).ok()?;
        if let Some((&extent, inner)) = self.of.dims.split_first() {
            let step = bytes.len() / usize::try_from(extent.max(1)).ok()?;
            let start = place.checked_mul(step)?;
            let item = bytes.get(start..start.checked_add(step)?)?;
            return (at < extent).then(|| ("", Cell::new(field, inner.to_vec(), item)));
        }
        let field = *self.fields.get(place)?;
        let start = field.offset() as usize;
        let item = bytes.get(start..start + field.size() as usize).unwrap_or_default();
        Some((field.name(), Cell::new(field, extents(field).collect(), item)))
    }

    /// All of them in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Cell<'a>)> {
        (0..self.len()).map_while(|at| self.get(at))
    }
}

pub(super) fn signed(bytes: &[u8], little: bool) -> i64 {
    let unused = 64 - 8 * bytes.len().clamp(1, 8) as u32;
    (value::unsigned(bytes, little) << unused) as i64 >> unused
}

fn real(bytes: &[u8], little: bool) -> Real {
    let bits = value::unsigned(bytes, little);
    match bytes.len() {
        2 => Real::Double(value::widened(bits as u16)),
        4 => Real::Single(f32::from_bits(bits as u32)),
        _ => Real::Double(f64::from_bits(bits)),
    }
}

/// A number of any width.
pub(super) fn float(bytes: &[u8], little: bool) -> f64 {
    match real(bytes, little) {
        Real::Single(number) => number.into(),
        Real::Double(number) => number,
    }
}

fn latin1(bytes: &[u8]) -> String {
    points(bytes, Kind::Bytes, true).filter_map(char::from_u32).collect()
}

fn unicode(bytes: &[u8], little: bool) -> String {
    let character = |point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER);
    points(bytes, Kind::Unicode, little).map(character).collect()
}

/// The characters of a text without the zeros behind it.
pub(super) fn points(bytes: &[u8], kind: Kind, little: bool) -> impl Iterator<Item = u32> {
    let size = if kind == Kind::Unicode { 4 } else { 1 };
    let last = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let text = bytes.get(..last.next_multiple_of(size)).unwrap_or_default();
    text.chunks_exact(size).map(move |point| value::unsigned(point, little) as u32)
}
