//! Faults of the text layer in words.

use std::string::{String, ToString};

use super::error::Problem;
use crate::dtype::{DType, Field, Kind};
use crate::text::{FaultKind, Plan};

/// What is wrong, in the terms of the user's dtype.
pub(super) fn problem(kind: FaultKind, plan: &Plan<'_>, dtype: DType<'_>) -> Problem {
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
        _ => Problem::Encoding,
    }
}

/// Bytes of a file as text, those that are not UTF-8 spelled out.
pub(super) fn text(bytes: &[u8]) -> String {
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
        (Kind::Timedelta, _) => "an integer or NaT",
        (Kind::Bytes, _) => "characters up to U+00FF",
        _ => "text",
    }
}
