//! Dtypes as text: what NumPy's `dtype.descr` prints.
//!
//! NumPy refuses a descr for fields out of order or overlapping; those print
//! as its dict with offsets. All of it parses back to an equal dtype.

use core::fmt::{self, Display, Formatter, Write};

use super::{DType, Field, Kind, Unit};

impl Display for DType<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.root().fmt(f)
    }
}

/// The type of one element, without the field's name and subarray.
impl Display for Field<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.kind() != Kind::Record {
            return plain(f, *self);
        }
        if is_ordered(*self) { list(f, *self) } else { dict(f, *self) }
    }
}

/// `<f8`, `|S10`, `<M8[10s]`.
fn plain(f: &mut Formatter<'_>, field: Field<'_>) -> fmt::Result {
    let node = field.node();
    let size = if field.kind() == Kind::Unicode { node.itemsize / 4 } else { node.itemsize };
    write!(f, "{}{}{size}", char::from(node.order), char::from(node.kind))?;
    match field.unit() {
        None | Some((Unit::Generic, _)) => Ok(()),
        Some((unit, 1)) => write!(f, "[{}]", unit.symbol()),
        Some((unit, count)) => write!(f, "[{count}{}]", unit.symbol()),
    }
}

/// Whether no field begins before the end of the one before it.
fn is_ordered(record: Field<'_>) -> bool {
    let mut end = 0;
    record.fields().all(|field| {
        let behind = field.offset() >= end;
        end = field.offset().saturating_add(field.size());
        behind
    })
}

/// `[('a', '<i4'), ('b', '<f8', (3,))]`, unused bytes as `('', '|V4')`.
fn list(f: &mut Formatter<'_>, record: Field<'_>) -> fmt::Result {
    let mut end = 0;
    f.write_char('[')?;
    for (i, field) in record.fields().enumerate() {
        separate(f, i)?;
        let hole = field.offset().saturating_sub(end);
        if hole > 0 {
            write!(f, "('', '|V{hole}'), ")?;
        }
        f.write_char('(')?;
        quote(f, field.name())?;
        f.write_str(", ")?;
        element(f, field)?;
        if !field.dims().is_empty() {
            f.write_str(", ")?;
            shape(f, field.dims())?;
        }
        f.write_char(')')?;
        end = field.offset().saturating_add(field.size());
    }
    let hole = record.itemsize().saturating_sub(end);
    if hole > 0 {
        write!(f, ", ('', '|V{hole}')")?;
    }
    f.write_char(']')
}

/// `{'names': ['a'], 'formats': ['<i4'], 'offsets': [4], 'itemsize': 8}`
fn dict(f: &mut Formatter<'_>, record: Field<'_>) -> fmt::Result {
    f.write_str("{'names': [")?;
    for (i, field) in record.fields().enumerate() {
        separate(f, i)?;
        quote(f, field.name())?;
    }
    f.write_str("], 'formats': [")?;
    for (i, field) in record.fields().enumerate() {
        separate(f, i)?;
        format(f, field)?;
    }
    f.write_str("], 'offsets': [")?;
    for (i, field) in record.fields().enumerate() {
        separate(f, i)?;
        write!(f, "{}", field.offset())?;
    }
    write!(f, "], 'itemsize': {}}}", record.itemsize())
}

/// A type and its subarray in one: `'<f4'` or `('<f4', (3,))`.
fn format(f: &mut Formatter<'_>, field: Field<'_>) -> fmt::Result {
    if field.dims().is_empty() {
        return element(f, field);
    }
    f.write_char('(')?;
    element(f, field)?;
    f.write_str(", ")?;
    shape(f, field.dims())?;
    f.write_char(')')
}

fn element(f: &mut Formatter<'_>, field: Field<'_>) -> fmt::Result {
    if field.kind() == Kind::Record { field.fmt(f) } else { write!(f, "'{field}'") }
}

fn shape(f: &mut Formatter<'_>, dims: &[u32]) -> fmt::Result {
    f.write_char('(')?;
    for (i, extent) in dims.iter().enumerate() {
        separate(f, i)?;
        write!(f, "{extent}")?;
    }
    f.write_str(if dims.len() == 1 { ",)" } else { ")" })
}

fn separate(f: &mut Formatter<'_>, i: usize) -> fmt::Result {
    if i > 0 { f.write_str(", ") } else { Ok(()) }
}

/// A name as Python's `repr` writes it.
fn quote(f: &mut Formatter<'_>, name: &str) -> fmt::Result {
    let mark = if name.contains('\'') && !name.contains('"') { '"' } else { '\'' };
    f.write_char(mark)?;
    for c in name.chars() {
        match c {
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c == mark => write!(f, "\\{c}")?,
            c => character(f, c)?,
        }
    }
    f.write_char(mark)
}

fn character(f: &mut Formatter<'_>, c: char) -> fmt::Result {
    let code = u32::from(c);
    match code {
        _ if is_printable(c) => f.write_char(c),
        0..=0xff => write!(f, "\\x{code:02x}"),
        0x100..=0xffff => write!(f, "\\u{code:04x}"),
        _ => write!(f, "\\U{code:08x}"),
    }
}

/// By the Unicode categories, which core knows only by its own escaping. That
/// escapes a combining mark at the start of a text too, hence the letter.
fn is_printable(c: char) -> bool {
    let mut text = [0; 5];
    let Some((letter, rest)) = text.split_first_mut() else { return false };
    *letter = b'a';
    let len = c.encode_utf8(rest).len();
    let text = text.get(..=len).and_then(|bytes| core::str::from_utf8(bytes).ok());
    matches!(c, '"' | '\'') || text.is_some_and(|text| text.escape_debug().count() == 2)
}
