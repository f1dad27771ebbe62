//! Values as text.

use core::fmt::Write;

use ndshm::dtype::Unit;
use ndshm::look::{Cell, Items, Real, Value};

use crate::output::printable;

/// Longer arrays are cut in the middle.
const LONG: u64 = 8;
/// What stays of each end.
const EDGE: u64 = 3;

/// How it is said that something is left out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    pub(crate) more: &'static str,
}

impl Marks {
    pub(crate) const fn new(unicode: bool) -> Self {
        Self { more: if unicode { "…" } else { "..." } }
    }
}

/// A value on a line: a record in parentheses, an array in brackets. Of a long array the ends are
/// shown, and how many values it has.
pub(crate) fn text(cell: &Cell<'_>, marks: &Marks) -> String {
    match cell.value() {
        Value::List(items) if is_long(&items) => {
            format!("{} ({} values)", list(&items, marks), items.count())
        }
        value => plain(&value, marks),
    }
}

/// A name or a text whose control characters are spelled out.
pub(crate) fn shown(text: &str) -> String {
    printable(text)
}

fn plain(value: &Value<'_>, marks: &Marks) -> String {
    match value {
        Value::Bool(is) => if *is { "True" } else { "False" }.into(),
        Value::Int(is) => is.to_string(),
        Value::Uint(is) => is.to_string(),
        Value::Float(is) => real(*is),
        Value::Complex(re, im) => {
            let im = real(*im);
            let sign = if im.starts_with('-') { "" } else { "+" };
            format!("{}{sign}{im}j", real(*re))
        }
        Value::Text(is) => printable(is),
        Value::Bytes(is) => hexadecimal(is),
        Value::Moment(is) => is.clone().unwrap_or_else(|| "NaT".into()),
        Value::Duration(count, unit, times) => duration(*count, *unit, *times),
        Value::Record(items) => {
            let parts: Vec<_> = items.iter().map(|(_, cell)| text(&cell, marks)).collect();
            format!("({})", parts.join(", "))
        }
        Value::List(items) => list(items, marks),
    }
}

fn is_long(items: &Items<'_>) -> bool {
    let first = items.get(0).map(|(_, cell)| cell.value());
    items.len() > LONG || matches!(first, Some(Value::List(inner)) if is_long(&inner))
}

fn list(items: &Items<'_>, marks: &Marks) -> String {
    let len = items.len();
    let one = |at: u64| {
        let item = items.get(at).map(|(_, cell)| plain(&cell.value(), marks));
        item.unwrap_or_default()
    };
    let parts: Vec<_> = if len > LONG {
        let ends = (0..EDGE).map(one).chain([marks.more.into()]);
        ends.chain((len - EDGE..len).map(one)).collect()
    } else {
        (0..len).map(one).collect()
    };
    format!("[{}]", parts.join(" "))
}

fn real(value: Real) -> String {
    match value {
        Real::Single(value) => finished(value.into(), value.to_string(), format!("{value:e}")),
        Real::Double(value) => finished(value, value.to_string(), format!("{value:e}")),
    }
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

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A duration, as conditions take it.
pub(crate) fn duration(count: Option<i64>, unit: Unit, times: u32) -> String {
    let count = count.map(|count| i128::from(count) * i128::from(times));
    count.map_or_else(|| "NaT".into(), |count| format!("{count}{}", unit.symbol()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndshm::look::{Found, Query, Table, Take, TextJob};

    const MARKS: Marks = Marks::new(true);

    /// The only value of a row that a text is read as.
    fn show(dtype: &str, line: &str) -> String {
        let rows = ndshm::load::RowType::parse(dtype).unwrap();
        let options = ndshm::load::Options::default();
        let input = ndshm::load::Input::stream("text", std::io::Cursor::new(line.to_string()));
        let query = Query::new(Take::First(1));
        let job = TextJob::start([input], &rows, &options, &query).unwrap();
        let Found { table, rows, .. } = job.finish().unwrap();
        let of = |table: &Table| text(&table.cell(&table.columns()[0], &rows), &MARKS);
        of(&table)
    }

    #[test]
    fn every_kind_has_a_text() {
        for (dtype, line, wanted) in [
            ("a:<i2,b:u1", "-2 7", "-2"),
            ("a:>u4,b:u1", "7 7", "7"),
            ("a:<f8,b:u1", "1 7", "1.0"),
            ("a:<f8,b:u1", "1e-9 7", "1e-9"),
            ("a:<f4,b:u1", "0.1 7", "0.1"),
            ("a:<f2,b:u1", "-2 7", "-2.0"),
            ("a:<f8,b:u1", "nan 7", "nan"),
            ("a:<c8,b:u1", "1-2j 7", "1.0-2.0j"),
            ("a:?,b:u1", "2 7", "True"),
            ("a:S6,b:u1", "a\u{1b}\u{e9} 7", "a\\u{1b}é"),
            ("a:>U2,b:u1", "é 7", "é"),
            ("a:<m8[10s],b:u1", "3 7", "30s"),
            ("a:<M8[D],b:u1", "NaT 7", "NaT"),
            ("a:<M8[s],b:u1", "2024-02-29T12 7", "2024-02-29T12:00:00"),
            ("c:(2,2)u1,d:u1", "1 2 3 4 5", "[[1 2] [3 4]]"),
            ("c:(9)u1", "1 2 3 4 5 6 7 8 9", "[1 2 3 … 7 8 9] (9 values)"),
        ] {
            assert_eq!(show(dtype, line), wanted, "{dtype}");
        }
    }
}
