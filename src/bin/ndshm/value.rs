//! Elements as text.

use core::fmt::Write;

use ndshm::dtype::{Field, Kind, Order};

use crate::output::printable;

/// One element, a record in parentheses, a subarray in brackets.
pub(crate) fn text(field: Field<'_>, bytes: &[u8]) -> String {
    let size = field.itemsize() as usize;
    if field.dims().is_empty() {
        return single(field, bytes.get(..size).unwrap_or_default());
    }
    let items = bytes.chunks(size.max(1)).take(field.count() as usize);
    let list: Vec<_> = items.map(|item| single(field, item)).collect();
    format!("[{}]", list.join(" "))
}

/// The bytes of a field in its record.
pub(crate) fn slice<'b>(field: Field<'_>, record: &'b [u8]) -> &'b [u8] {
    let start = field.offset() as usize;
    record.get(start..start + field.size() as usize).unwrap_or_default()
}

fn single(field: Field<'_>, bytes: &[u8]) -> String {
    let little = field.order() != Order::Big;
    match field.kind() {
        Kind::Bool => if bytes.first() == Some(&0) { "False" } else { "True" }.into(),
        Kind::Int => signed(bytes, little).to_string(),
        Kind::Uint => unsigned(bytes, little).to_string(),
        Kind::Float => float(bytes, little),
        Kind::Complex => {
            let (re, im) = bytes.split_at(bytes.len() / 2);
            let im = float(im, little);
            let sign = if im.starts_with('-') { "" } else { "+" };
            format!("{}{sign}{im}j", float(re, little))
        }
        Kind::Bytes => latin1(bytes),
        Kind::Unicode => unicode(bytes, little),
        Kind::Void => hexadecimal(bytes),
        Kind::Datetime | Kind::Timedelta => time(field, signed(bytes, little)),
        Kind::Record => {
            let parts: Vec<_> = field.fields().map(|f| text(f, slice(f, bytes))).collect();
            format!("({})", parts.join(", "))
        }
    }
}

fn unsigned(bytes: &[u8], little: bool) -> u64 {
    let fold = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
    if little { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) }
}

fn signed(bytes: &[u8], little: bool) -> i64 {
    let unused = 64 - 8 * bytes.len().clamp(1, 8) as u32;
    (unsigned(bytes, little) << unused) as i64 >> unused
}

fn float(bytes: &[u8], little: bool) -> String {
    let bits = unsigned(bytes, little);
    match bytes.len() {
        2 => short(half(bits as u16)),
        4 => {
            let value = f32::from_bits(bits as u32);
            let plain = value.to_string();
            finished(value.into(), plain, format!("{value:e}"))
        }
        _ => short(f64::from_bits(bits)),
    }
}

fn short(value: f64) -> String {
    finished(value, value.to_string(), format!("{value:e}"))
}

/// The shorter of both forms as Python would choose, with a point in it.
fn finished(value: f64, plain: String, scientific: String) -> String {
    if value.is_nan() {
        "nan".into()
    } else if value != 0.0 && value.is_finite() && !(1e-4..1e16).contains(&value.abs()) {
        scientific
    } else if value.is_finite() && !plain.contains('.') {
        plain + ".0"
    } else {
        plain
    }
}

fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let fraction = f64::from(bits & 0x3FF);
    sign * match (bits >> 10) & 31 {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1024.0 + fraction) * 2f64.powi(i32::from(exponent) - 25),
    }
}

fn latin1(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |at| at + 1);
    printable(&bytes[..end].iter().map(|&b| char::from(b)).collect::<String>())
}

fn unicode(bytes: &[u8], little: bool) -> String {
    let points: Vec<_> = bytes.chunks(4).map(|c| unsigned(c, little) as u32).collect();
    let end = points.iter().rposition(|&p| p != 0).map_or(0, |at| at + 1);
    let character = |&p: &u32| char::from_u32(p).unwrap_or(char::REPLACEMENT_CHARACTER);
    printable(&points[..end].iter().map(character).collect::<String>())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn time(field: Field<'_>, count: i64) -> String {
    if count == i64::MIN {
        return "NaT".into();
    }
    match field.unit() {
        Some((unit, 1)) => format!("{count}{}", unit.symbol()),
        Some((unit, times)) => format!("{count}x{times}{}", unit.symbol()),
        None => count.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndshm::dtype_buf::DTypeBuf;

    fn show(dtype: &str, bytes: &[u8]) -> String {
        let dtype = DTypeBuf::parse(dtype).unwrap();
        text(dtype.as_dtype().root(), bytes)
    }

    #[test]
    fn every_kind_has_a_text() {
        assert_eq!(show("<i2", &(-2i16).to_le_bytes()), "-2");
        assert_eq!(show(">u4", &7u32.to_be_bytes()), "7");
        assert_eq!(show("<f8", &1.0f64.to_le_bytes()), "1.0");
        assert_eq!(show("<f8", &1e-9f64.to_le_bytes()), "1e-9");
        assert_eq!(show("<f4", &0.1f32.to_le_bytes()), "0.1");
        assert_eq!(show("<f2", &[0, 0xC0]), "-2.0");
        assert_eq!(show("<f8", &f64::NAN.to_le_bytes()), "nan");
        assert_eq!(show("?", &[2]), "True");
        assert_eq!(show("S6", b"a\x1b\xe9\0\0\0"), "a\\u{1b}é");
        assert_eq!(show("<U2", &[0x65, 0, 0, 0, 0, 0, 0, 0]), "e");
        assert_eq!(show("<m8[10s]", &3i64.to_le_bytes()), "3x10s");
        assert_eq!(show("<M8[D]", &i64::MIN.to_le_bytes()), "NaT");
        assert_eq!(show("V2", &[1, 255]), "01ff");
        assert_eq!(show("a:u1,b:(2)u1,c:{d:i1}", &[1, 2, 3, 255]), "(1, [2 3], (-1))");
    }
}
