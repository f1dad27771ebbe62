//! Types that are not records: `<f8`, `S10`, `float64`, `M8[10s]`.

use super::cursor::Cursor;
use crate::dtype::model::{MAX_SIZE, fault};
use crate::dtype::{Kind, Order, Unit};
use crate::error::{DTypeFault, Result};

/// A type that is not a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scalar {
    pub(super) kind: Kind,
    pub(super) itemsize: u32,
    /// For datetimes and timedeltas.
    pub(super) unit: Option<(Unit, u32)>,
    /// Where its word begins, if it leaves a width or a unit open.
    pub(super) open: Option<usize>,
}

impl Scalar {
    /// Where C puts it: NumPy's alignments on 64-bit machines, on every machine.
    pub(super) const fn alignment(&self) -> u32 {
        match self.kind {
            Kind::Bytes | Kind::Void | Kind::Bool | Kind::Record => 1,
            Kind::Unicode => 4,
            Kind::Complex => self.itemsize / 2,
            Kind::Int | Kind::Uint | Kind::Float | Kind::Datetime | Kind::Timedelta => {
                self.itemsize
            }
        }
    }
}

/// An order mark, if one is here. `|` and `=` are the machine's own.
pub(super) fn order(cursor: &mut Cursor<'_>) -> Option<Order> {
    let order = match cursor.peek()? {
        b'<' => Order::Little,
        b'>' => Order::Big,
        b'=' | b'|' => Order::NATIVE,
        _ => return None,
    };
    cursor.bump();
    Some(order)
}

/// Reads a type without its order mark.
pub(super) fn scalar(cursor: &mut Cursor<'_>) -> Result<Scalar> {
    let start = cursor.at();
    let word = cursor.word();
    let bare = word.strip_prefix("np.").or_else(|| word.strip_prefix("numpy.")).unwrap_or(word);
    if let Some(kind) = without_width(bare) {
        return Ok(Scalar { kind, itemsize: 0, unit: None, open: Some(start) });
    }
    let (kind, itemsize) = type_of(bare).or_else(|what| fault(start, what))?;
    let timed = matches!(kind, Kind::Datetime | Kind::Timedelta);
    let unit = if timed { Some(unit(cursor)?) } else { None };
    let without_unit = kind == Kind::Datetime && matches!(unit, Some((Unit::Generic, _)));
    Ok(Scalar { kind, itemsize, unit, open: without_unit.then_some(start) })
}

/// `[10s]` behind a datetime, or nothing.
fn unit(cursor: &mut Cursor<'_>) -> Result<(Unit, u32)> {
    if !cursor.eat(b'[') {
        return Ok((Unit::Generic, 1));
    }
    let start = *cursor;
    let count = cursor.number();
    let symbol = cursor.word();
    cursor.expect(b']').or_else(|_| start.fail(DTypeFault::Unit))?;
    if count.is_none() && symbol == "generic" {
        return Ok((Unit::Generic, 1));
    }
    let count = u32::try_from(count.unwrap_or(1)).ok().filter(|n| (1..=MAX_SIZE).contains(n));
    let known = Unit::ALL.into_iter().find(|u| *u != Unit::Generic && u.symbol() == symbol);
    known.zip(count).map_or_else(|| start.fail(DTypeFault::Unit), Ok)
}

type Found = core::result::Result<(Kind, u32), DTypeFault>;

fn type_of(word: &str) -> Found {
    if matches!(word, "V" | "void") {
        return Err(DTypeFault::Size);
    }
    if is_unshareable(word) {
        return Err(DTypeFault::Unshareable);
    }
    named(word).map_or_else(|| sized(word), Ok)
}

/// Strings whose width the text does not give.
fn without_width(word: &str) -> Option<Kind> {
    match word {
        "S" | "a" | "bytes" | "bytes_" => Some(Kind::Bytes),
        "U" | "str" | "str_" | "unicode" => Some(Kind::Unicode),
        _ => None,
    }
}

/// Objects, NumPy's own strings, and floats whose layout depends on the machine.
fn is_unshareable(word: &str) -> bool {
    let object = matches!(word, "O" | "O4" | "O8" | "object" | "object_" | "T");
    let real = matches!(word, "g" | "longdouble" | "f12" | "f16" | "float96" | "float128");
    let complex = matches!(word, "G" | "clongdouble" | "c24" | "c32" | "complex192" | "complex256");
    object || real || complex
}

/// Python's and NumPy's names, and NumPy's one-letter codes; `long` has 8 bytes.
fn named(word: &str) -> Option<(Kind, u32)> {
    Some(match word {
        "?" | "bool" | "bool_" => (Kind::Bool, 1),
        "b" | "int8" | "byte" => (Kind::Int, 1),
        "h" | "int16" | "short" => (Kind::Int, 2),
        "i" | "int32" | "intc" => (Kind::Int, 4),
        "l" | "q" | "p" | "n" | "int64" | "int" | "int_" | "long" | "longlong" | "intp" => {
            (Kind::Int, 8)
        }
        "B" | "uint8" | "ubyte" => (Kind::Uint, 1),
        "H" | "uint16" | "ushort" => (Kind::Uint, 2),
        "I" | "uint32" | "uintc" => (Kind::Uint, 4),
        "L" | "Q" | "P" | "N" | "uint64" | "uint" | "ulong" | "ulonglong" | "uintp" => {
            (Kind::Uint, 8)
        }
        "e" | "float16" | "half" => (Kind::Float, 2),
        "f" | "float32" | "single" => (Kind::Float, 4),
        "d" | "float64" | "float" | "double" => (Kind::Float, 8),
        "F" | "complex64" | "csingle" => (Kind::Complex, 8),
        "D" | "complex128" | "complex" | "cdouble" => (Kind::Complex, 16),
        "c" => (Kind::Bytes, 1),
        "M" | "datetime64" => (Kind::Datetime, 8),
        "m" | "timedelta64" => (Kind::Timedelta, 8),
        _ => return None,
    })
}

/// A letter and a size: `i4`, `S10`.
fn sized(word: &str) -> Found {
    let mut rest = word.chars();
    let kind = match rest.next() {
        None => return Err(DTypeFault::Empty),
        Some('b') => Kind::Bool,
        Some('i') => Kind::Int,
        Some('u') => Kind::Uint,
        Some('f') => Kind::Float,
        Some('c') => Kind::Complex,
        Some('S' | 'a') => Kind::Bytes,
        Some('U') => Kind::Unicode,
        Some('V') => Kind::Void,
        Some('M') => Kind::Datetime,
        Some('m') => Kind::Timedelta,
        _ => return Err(DTypeFault::UnknownType),
    };
    let digits = rest.as_str();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DTypeFault::UnknownType);
    }
    let size = digits.parse::<u32>().ok().filter(|&n| n <= MAX_SIZE);
    let size = size.ok_or(DTypeFault::TooLarge)?;
    let bytes = if kind == Kind::Unicode { size.checked_mul(4) } else { Some(size) };
    let bytes = bytes.filter(|&n| n <= MAX_SIZE).ok_or(DTypeFault::TooLarge)?;
    if kind.allows_itemsize(bytes) { Ok((kind, bytes)) } else { Err(DTypeFault::Size) }
}
