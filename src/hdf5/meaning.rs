//! What the file type does not say: strings that are `U`, integers that count time; and
//! the changes of bytes that follow from it.
//!
//! [`Writer`](super::Writer) leaves the dtype's text in an attribute. It is believed as far
//! as it fits the file type: same fields, same places, same sizes.

use std::string::{String, ToString};
use std::vec::Vec;

use super::error::{Error, Result};
use super::read_error::ReadFault;
use super::read_types::{Element, Padding};
use super::types::dotted;
use crate::dtype::{Field, Kind, Order};

/// The element as the dtype's text has it; none if that is about another type.
pub(super) fn agree(element: &Element, said: Field<'_>) -> Option<Element> {
    merge(element.clone(), said)
}

fn merge(mut element: Element, said: Field<'_>) -> Option<Element> {
    if element.itemsize != said.itemsize() {
        return None;
    }
    if element.kind == Kind::Complex && said.kind() == Kind::Record {
        element = parts(&element);
    }
    match (element.kind, said.kind()) {
        (Kind::Record, Kind::Record) => {
            if element.fields.len() != said.fields().count() {
                return None;
            }
            let fields = element.fields.into_iter().zip(said.fields());
            element.fields =
                fields.map(|(own, said)| same_place(own, said)).collect::<Option<_>>()?;
            return Some(element);
        }
        (Kind::Bytes, Kind::Unicode) => (element.kind, element.order) = (said.kind(), said.order()),
        (Kind::Int, Kind::Datetime | Kind::Timedelta) if element.order == said.order() => {
            (element.kind, element.unit) = (said.kind(), said.unit());
        }
        (Kind::Uint, Kind::Bool) => (element.kind, element.order) = (Kind::Bool, Order::None),
        (own, other) if own == other && element.order == said.order() => {}
        _ => return None,
    }
    Some(element)
}

fn same_place(own: Element, said: Field<'_>) -> Option<Element> {
    let same = own.name == said.name() && own.offset == said.offset() && own.dims == said.dims();
    if same { merge(own, said) } else { None }
}

/// A complex number as the record that looks the same in a file.
fn parts(complex: &Element) -> Element {
    let half = complex.itemsize / 2;
    let part = |name: &str, offset| Element {
        name: name.to_string(),
        offset,
        dims: Vec::new(),
        ..Element::leaf(Kind::Float, half, complex.order)
    };
    let fields = std::vec![part("r", 0), part("i", half)];
    Element { kind: Kind::Record, order: Order::None, fields, ..complex.clone() }
}

/// Whether bytes of the file must be changed to be the dtype's.
pub(super) fn needs_change(element: &Element) -> bool {
    element.kind == Kind::Unicode
        || element.padding != Padding::Nul
        || element.fields.iter().any(needs_change)
}

/// Changes elements as they lie in the file to elements of the dtype; `first` is the number
/// of the first one.
pub(super) fn change(element: &Element, bytes: &mut [u8], first: u64) -> Result<()> {
    let size = (element.itemsize as usize).max(1);
    let mut text = Vec::new();
    for (number, one) in (first..).zip(bytes.chunks_exact_mut(size)) {
        change_one(element, one, &mut text).map_err(|Bad { field, too_long }| Error::Read {
            subject: String::new(),
            fault: ReadFault::Text { field, element: number, too_long },
        })?;
    }
    Ok(())
}

/// A text that cannot be what it is to be.
struct Bad {
    field: String,
    too_long: bool,
}

/// One element, without the extents around it.
fn change_one(
    element: &Element,
    bytes: &mut [u8],
    text: &mut Vec<u8>,
) -> core::result::Result<(), Bad> {
    for field in element.fields.iter().filter(|field| needs_change(field)) {
        let size = field.itemsize as usize;
        let count = field.dims.iter().fold(1, |n: usize, &d| n.saturating_mul(d as usize));
        let start = field.offset as usize;
        let end = start.saturating_add(size.saturating_mul(count));
        let all = bytes.get_mut(start..end).unwrap_or_default();
        for one in all.chunks_exact_mut(size.max(1)) {
            change_one(field, one, text).map_err(|bad| {
                let field = dotted(&field.name, &bad.field);
                Bad { field: field.trim_end_matches('.').to_string(), ..bad }
            })?;
        }
    }
    match element.kind {
        Kind::Unicode => to_code_points(element, bytes, text),
        Kind::Bytes => {
            let len = text_len(element.padding, bytes);
            bytes.get_mut(len..).unwrap_or_default().fill(0);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Bytes of a padded text.
fn text_len(padding: Padding, bytes: &[u8]) -> usize {
    let without = |pad: u8| bytes.iter().rposition(|&b| b != pad).map_or(0, |last| last + 1);
    match padding {
        Padding::Nul => without(0),
        Padding::Space => without(b' '),
        Padding::Terminated => bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len()),
    }
}

/// UTF-8 to UCS-4, in its place.
fn to_code_points(
    element: &Element,
    bytes: &mut [u8],
    text: &mut Vec<u8>,
) -> core::result::Result<(), Bad> {
    let bad = |too_long| Bad { field: String::new(), too_long };
    text.clear();
    text.extend_from_slice(bytes.get(..text_len(element.padding, bytes)).unwrap_or_default());
    let text = core::str::from_utf8(text).map_err(|_| bad(false))?;
    bytes.fill(0);
    let mut places = bytes.chunks_exact_mut(4);
    for c in text.chars() {
        let code = u32::from(c);
        let code =
            if element.order == Order::Big { code.to_be_bytes() } else { code.to_le_bytes() };
        places.next().ok_or_else(|| bad(true))?.copy_from_slice(&code);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(name: &str, offset: u32, size: u32, padding: Padding) -> Element {
        let name = name.to_string();
        Element { name, offset, padding, ..Element::leaf(Kind::Bytes, size, Order::None) }
    }

    #[test]
    fn paddings_become_nuls() {
        for (padding, given, wanted) in [
            (Padding::Nul, b"a\0b\0\0\0", b"a\0b\0\0\0"),
            (Padding::Terminated, b"a\0bcd\0", b"a\0\0\0\0\0"),
            (Padding::Terminated, b"abcdef", b"abcdef"),
            (Padding::Space, b" a b  ", b" a b\0\0"),
            (Padding::Space, b"      ", b"\0\0\0\0\0\0"),
        ] {
            let mut bytes = *given;
            change(&string("", 0, 6, padding), &mut bytes, 0).unwrap();
            assert_eq!(&bytes, wanted, "{padding:?}");
        }
    }

    #[test]
    fn texts_become_code_points_wherever_they_lie() {
        let mut inner = string("n", 4, 8, Padding::Nul);
        (inner.kind, inner.order, inner.dims) = (Kind::Unicode, Order::Big, std::vec![2]);
        let mut outer = Element::leaf(Kind::Record, 20, Order::None);
        (outer.name, outer.dims) = ("o".to_string(), std::vec![2]);
        outer.fields.push(inner);
        let mut root = Element::leaf(Kind::Record, 40, Order::None);
        root.fields.push(outer);
        let row = *b"1234\xc3\xa4b\0\0\0\0\0\xf0\x9f\x98\x80\0\0\0\0";
        let mut bytes = [row, row, row, row].concat();
        change(&root, &mut bytes, 0).unwrap();
        let wanted = *b"1234\0\0\0\xe4\0\0\0b\0\x01\xf6\x00\0\0\0\0";
        assert_eq!(bytes, [wanted, wanted, wanted, wanted].concat());
        for (text, too_long) in [(b"abc\0\0\0\0\0", true), (b"\xffbc\0\0\0\0\0", false)] {
            let mut bytes = [row, row, row, row].concat();
            bytes[72..].copy_from_slice(text);
            let error = change(&root, &mut bytes, 5).unwrap_err();
            let Error::Read { fault: ReadFault::Text { field, element, too_long: long }, .. } =
                error
            else {
                panic!("{error}")
            };
            assert_eq!((field.as_str(), element, long), ("o.n", 6, too_long));
        }
    }
}
