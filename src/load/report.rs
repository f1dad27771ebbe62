//! Faults of the text layer in words, and the report of the rows that were left out.

use core::ops::Range;
use std::path::PathBuf;
use std::string::{String, ToString};
use std::vec::Vec;

use super::auto::Spooled;
use super::dialect::Dialect;
use super::error::{Problem, TextError};
use super::note::Note;
use crate::dtype::{DType, Field, Kind};
use crate::text::{Encoding, FaultKind, Plan};

/// The rows that were left out because they could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many there are, in all inputs.
    pub bad_rows: u64,
    /// The first ten, in the order of the inputs.
    pub first: Vec<TextError>,
    /// The streams that were kept in temporary files, because their types are found by
    /// reading them.
    pub spooled: Vec<Spooled>,
    /// How the text is written, if that was to be found: [`Options::sniff`](super::Options::sniff).
    pub dialect: Option<Dialect>,
}

/// Where the rows of a task start.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) input: usize,
    pub(super) path: PathBuf,
    /// Its text was made of another encoding, so that bytes of it are not the input's.
    pub(super) recoded: bool,
    /// Lines and rows of the input before them.
    pub(super) lines: u64,
    pub(super) rows: u64,
}

/// The error that a worker noted, in the terms of the user's dtype.
pub(super) fn text_error(
    place: Place,
    note: &Note,
    plan: &Plan<'_>,
    dtype: DType<'_>,
) -> TextError {
    let encoding = plan.format().encoding();
    let (line_text, caret) = excerpt(note, encoding);
    TextError {
        input: place.input,
        path: place.path,
        line: place.lines + note.line + 1,
        row: place.rows + note.row,
        column: note.column,
        offset: (!place.recoded).then_some(note.offset),
        text: text(note.text(), encoding),
        line_text,
        caret,
        problem: problem(note.kind(), plan, dtype),
    }
}

/// A line as far as it is known, and which of its characters are meant.
fn excerpt(note: &Note, encoding: Encoding) -> (String, Range<usize>) {
    let [before, field, behind] = note.parts().map(|part| text(part, encoding));
    let marks = note.is_cut();
    let mark = |cut| if cut { "..." } else { "" };
    let lead = [mark(marks.0), &before].concat();
    let from = lead.chars().count();
    let caret = match note.kind() {
        FaultKind::Convert { .. } | FaultKind::Encoding => from..from + field.chars().count(),
        _ => from..from,
    };
    ([&lead, &field, &behind, mark(marks.1)].concat(), caret)
}

/// What is wrong, in the terms of the user's dtype.
fn problem(kind: FaultKind, plan: &Plan<'_>, dtype: DType<'_>) -> Problem {
    match kind {
        FaultKind::Convert { slot } => {
            let field = dtype.field_at(plan.node_of(slot));
            Problem::Convert {
                dtype: field.to_string(),
                field: String::from(field.name()),
                expected: expected(field),
            }
        }
        FaultKind::ColumnsChanged { from, to } => Problem::ColumnsChanged { from, to },
        FaultKind::ColumnsRequired { need, found } => Problem::ColumnsRequired { need, found },
        FaultKind::ColumnIndex { index, found } => Problem::ColumnIndex { index, found },
        _ => Problem::Encoding { encoding: plan.format().encoding() },
    }
}

/// Bytes of a file as text, those that are not in the encoding spelled out.
fn text(bytes: &[u8], encoding: Encoding) -> String {
    if encoding == Encoding::Latin1 {
        return bytes.iter().copied().map(char::from).collect();
    }
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| std::format!("\\x{byte:02x}")));
    }
    text
}

/// What text of a type looks like.
fn expected(field: Field<'_>) -> &'static str {
    match (field.kind(), field.itemsize()) {
        (Kind::Bool, _) => "an integer, 0 for false",
        (Kind::Int, 1) => "an integer from -128 to 127",
        (Kind::Int, 2) => "an integer from -32768 to 32767",
        (Kind::Int, 4) => "an integer from -2147483648 to 2147483647",
        (Kind::Int, _) => "an integer from -9223372036854775808 to 9223372036854775807",
        (Kind::Uint, 1) => "an integer from 0 to 255",
        (Kind::Uint, 2) => "an integer from 0 to 65535",
        (Kind::Uint, 4) => "an integer from 0 to 4294967295",
        (Kind::Uint, _) => "an integer from 0 to 18446744073709551615",
        (Kind::Float, _) => "a number",
        (Kind::Complex, _) => "a complex number such as 1+2j",
        (Kind::Datetime, _) => "a date such as 2000-12-31T23:59, in its unit's range, or NaT",
        (Kind::Timedelta, _) => "an integer or NaT",
        (Kind::Bytes, _) => "characters up to U+00FF",
        _ => "text",
    }
}
