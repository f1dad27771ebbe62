//! Elements as text that reads back as the same bytes.

use std::string::{String, ToString};
use std::{format, vec::Vec};

use super::error::{ExchangeError, Result};
use super::stamp;
use crate::dtype::{DType, Field, Kind, Order, Unit};

/// Most columns of a text.
const MAX_COLUMNS: u64 = 1 << 20;

/// One value in an element.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) field: String,
    start: usize,
    size: usize,
    kind: Kind,
    little: bool,
    unit: (Unit, u32),
}

/// The values of an element in order, nested records and subarrays spelled out.
pub(super) fn columns(dtype: DType<'_>) -> Result<Vec<Column>> {
    let refuse =
        |field: &str, reason| Err(ExchangeError::DType { field: field.to_string(), reason });
    if dtype.leaf_count() > MAX_COLUMNS {
        return refuse("", "has too many values in an element for a table");
    }
    let mut all = Vec::new();
    spread(dtype.root(), 0, "", "", &mut all);
    for column in &all {
        if column.kind == Kind::Void {
            return refuse(
                &column.field,
                "is bytes without a meaning, which have no text: export to HDF5 or .npy",
            );
        }
        if column.kind == Kind::Datetime && column.unit.0 == Unit::Generic {
            return refuse(
                &column.field,
                "is a time without a unit, which has no text: export to HDF5 or .npy",
            );
        }
    }
    Ok(all)
}

/// Adds the values of a field, whose elements begin at `start`.
fn spread(field: Field<'_>, start: usize, name: &str, path: &str, all: &mut Vec<Column>) {
    for index in 0..field.count() {
        let name = if field.dims().is_empty() {
            name.to_string()
        } else {
            format!("{name}{}", place(field.dims(), index))
        };
        let start = start + index as usize * field.itemsize() as usize;
        if field.kind() == Kind::Record {
            for child in field.fields() {
                let below = |path: &str| match path {
                    "" => child.name().to_string(),
                    path => format!("{path}.{}", child.name()),
                };
                spread(child, start + child.offset() as usize, &below(&name), &below(path), all);
            }
            continue;
        }
        let (size, kind) = (field.itemsize() as usize, field.kind());
        let (little, unit) =
            (field.order() != Order::Big, field.unit().unwrap_or((Unit::Generic, 1)));
        all.push(Column { name, field: path.to_string(), start, size, kind, little, unit });
    }
}

/// `_0_1`: where an element of a subarray is.
fn place(dims: &[u32], index: u32) -> String {
    let mut rest = index;
    let mut parts: Vec<String> = Vec::new();
    for &extent in dims.iter().rev() {
        parts.push(format!("_{}", rest % extent.max(1)));
        rest /= extent.max(1);
    }
    parts.into_iter().rev().collect()
}

impl Column {
    /// Whether it is text, which may need quotes.
    pub(super) const fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Bytes | Kind::Unicode)
    }

    /// Writes its value in an element; false if it is no text although it should be.
    pub(super) fn write(&self, element: &[u8], to: &mut String) -> bool {
        let bytes = element.get(self.start..self.start + self.size).unwrap_or_default();
        match self.kind {
            Kind::Bool => to.push(if bytes.first() == Some(&0) { '0' } else { '1' }),
            Kind::Int => integer(to, self.signed(bytes)),
            Kind::Uint => integer(to, self.unsigned(bytes)),
            Kind::Float => self.float(bytes, to),
            Kind::Complex => {
                let (re, im) = bytes.split_at(bytes.len() / 2);
                self.float(re, to);
                let at = to.len();
                self.float(im, to);
                if !to.get(at..).is_some_and(|im| im.starts_with('-')) {
                    to.insert(at, '+');
                }
                to.push('j');
            }
            Kind::Bytes => {
                let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
                to.extend(bytes.get(..end).unwrap_or_default().iter().map(|&b| char::from(b)));
            }
            Kind::Unicode => return unicode(bytes, self.little, to),
            Kind::Datetime => stamp::write(to, self.signed(bytes), self.unit.0, self.unit.1),
            Kind::Timedelta => match self.signed(bytes) {
                i64::MIN => to.push_str("NaT"),
                count => integer(to, count),
            },
            Kind::Void | Kind::Record => return false,
        }
        true
    }

    fn unsigned(&self, bytes: &[u8]) -> u64 {
        unsigned(bytes, self.little)
    }

    fn signed(&self, bytes: &[u8]) -> i64 {
        let unused = 64 - 8 * bytes.len().clamp(1, 8) as u32;
        (self.unsigned(bytes) << unused) as i64 >> unused
    }

    fn float(&self, bytes: &[u8], to: &mut String) {
        let bits = self.unsigned(bytes);
        match bytes.len() {
            2 => half(bits as u16, to),
            4 => single(to, f32::from_bits(bits as u32)),
            _ => number(to, f64::from_bits(bits)),
        }
    }
}

/// Makes UTF-8 of all texts of `U` in whole elements, in their places; `first` is the number
/// of the first one.
pub(super) fn to_utf8(dtype: DType<'_>, elements: &mut [u8], first: u64) -> Result<()> {
    let (item, mut text) = ((dtype.itemsize() as usize).max(1), String::new());
    for (number, element) in (first..).zip(elements.chunks_exact_mut(item)) {
        for leaf in dtype.leaves().filter(|leaf| leaf.field.kind() == Kind::Unicode) {
            let (start, size) = (leaf.offset as usize, leaf.field.itemsize() as usize);
            let place = element.get_mut(start..start + size).unwrap_or_default();
            text.clear();
            if !unicode(place, leaf.field.order() != Order::Big, &mut text) {
                let field = leaf.field.name().to_string();
                return Err(ExchangeError::Text { field, element: number });
            }
            place.fill(0);
            // A character has at most four bytes, as its place has.
            place.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        }
    }
    Ok(())
}

pub(crate) fn unsigned(bytes: &[u8], little: bool) -> u64 {
    let fold = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
    if !little {
        return bytes.iter().fold(0, fold);
    }
    if let Ok(bytes) = bytes.try_into() {
        return u64::from_le_bytes(bytes);
    }
    bytes.iter().rev().fold(0, fold)
}

/// Appends a padded text; false if there is no such text.
fn unicode(bytes: &[u8], little: bool, to: &mut String) -> bool {
    let points = bytes.chunks_exact(4).map(|point| unsigned(point, little) as u32);
    let end = points.clone().rposition(|point| point != 0).map_or(0, |last| last + 1);
    for point in points.take(end) {
        let Some(c) = char::from_u32(point) else { return false };
        to.push(c);
    }
    true
}

fn integer(to: &mut String, value: impl itoa::Integer) {
    to.push_str(itoa::Buffer::new().format(value));
}

/// The shortest text of a number, in the form that Python would choose.
fn number(to: &mut String, value: f64) {
    if value.is_finite() {
        to.push_str(zmij::Buffer::new().format_finite(value));
    } else {
        special(to, value);
    }
}

fn special(to: &mut String, value: f64) {
    if value.is_sign_negative() {
        to.push('-');
    }
    to.push_str(if value.is_nan() { "nan" } else { "inf" });
}

/// A reader makes a float64 of the text first, and narrows that; should that be another
/// number, all its digits are written.
fn single(to: &mut String, value: f32) {
    if !value.is_finite() {
        return special(to, value.into());
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    match fast_float2::parse::<f64, _>(text) {
        Ok(back) if (back as f32).to_bits() == value.to_bits() => to.push_str(text),
        _ => number(to, value.into()),
    }
}

/// The shortest text that is nearest to this half and to no other.
fn half(bits: u16, to: &mut String) {
    let value = widened(bits);
    if value.is_finite() {
        for digits in 0..5 {
            let short: Option<f64> = format!("{value:.digits$e}").parse().ok();
            if let Some(short) = short.filter(|&short| crate::text::half_bits(short) == bits) {
                return number(to, short);
            }
        }
    }
    number(to, value);
}

pub(crate) fn widened(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let fraction = f64::from(bits & 0x3FF);
    match (bits >> 10) & 31 {
        0 => sign * fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN.copysign(sign),
        exponent => sign * (1024.0 + fraction) * 2f64.powi(i32::from(exponent) - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype_buf::DTypeBuf;

    fn show(dtype: &str, bytes: &[u8]) -> Vec<String> {
        let dtype = DTypeBuf::parse(dtype).unwrap();
        let columns = columns(dtype.as_dtype()).unwrap();
        let text = |column: &Column| {
            let mut text = String::new();
            assert!(column.write(bytes, &mut text));
            text
        };
        columns.iter().map(text).collect()
    }

    #[test]
    fn every_half_is_short_and_reads_back() {
        for bits in 0..=u16::MAX {
            let text = &show("<f2", &bits.to_le_bytes())[0];
            if widened(bits).is_nan() {
                assert!(text.ends_with("nan"));
                continue;
            }
            assert_eq!(crate::text::half_bits(text.parse().unwrap()), bits, "{text}");
            assert!(text.len() <= 11, "{text}");
        }
        assert_eq!(show("<f2", &0x2E66_u16.to_le_bytes()), ["0.1"]);
    }

    #[test]
    fn floats_are_short_and_read_back() {
        let mut state = 1_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            let bits = (state >> 32) as u32;
            let text = &show(">f4", &bits.to_be_bytes())[0];
            let value = f32::from_bits(bits);
            if !value.is_nan() {
                assert_eq!((text.parse::<f64>().unwrap() as f32).to_bits(), bits, "{text}");
            }
            let value = f64::from_bits(state);
            let text = &show("<f8", &state.to_le_bytes())[0];
            if !value.is_nan() {
                assert_eq!(text.parse::<f64>().unwrap().to_bits(), state, "{text}");
            }
        }
    }

    #[test]
    fn every_kind_has_a_text() {
        assert_eq!(show("<i2", &(-2i16).to_le_bytes()), ["-2"]);
        assert_eq!(show(">u8", &u64::MAX.to_be_bytes()), ["18446744073709551615"]);
        for (value, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e-9, "1e-9"),
            (1e16, "1e+16"),
            (123_456.5, "123456.5"),
            (f64::INFINITY, "inf"),
            (-f64::NAN, if (-f64::NAN).is_sign_negative() { "-nan" } else { "nan" }),
        ] {
            assert_eq!(show("<f8", &value.to_le_bytes()), [text]);
        }
        let complex = [1.5f32.to_le_bytes(), (-0.0f32).to_le_bytes()].concat();
        assert_eq!(show("<c8", &complex), ["1.5-0.0j"]);
        assert_eq!(show("S4", b"a\xe9\0\0"), ["aé"]);
        assert_eq!(show(">U2", &[0, 1, 0xf6, 0, 0, 0, 0, 0]), ["😀"]);
        assert_eq!(show("<m8[10s]", &3i64.to_le_bytes()), ["3"]);
        assert_eq!(show("<M8[D]", &3i64.to_le_bytes()), ["1970-01-04"]);
        assert_eq!(show("?", &[2]), ["1"]);
    }

    #[test]
    fn columns_are_named_after_their_place() {
        let dtype = DTypeBuf::parse("a:u1,b:(2,2)u1,c:{d:i1,e:(1)S2}").unwrap();
        let columns = columns(dtype.as_dtype()).unwrap();
        let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["a", "b_0_0", "b_0_1", "b_1_0", "b_1_1", "c.d", "c.e_0"]);
        assert_eq!(columns[6].field, "c.e");
        assert!(super::columns(DTypeBuf::parse("a:u1,v:V3").unwrap().as_dtype()).is_err());
    }
}
