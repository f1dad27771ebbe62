//! The table that `tests/data/make_dtype_cases.py` makes with NumPy.

use std::string::{String, ToString};

use super::read;
use crate::dtype_buf::DTypeBuf;
use crate::error::Error;

/// Undoes the escapes of the table.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next().unwrap() {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                c => c,
            },
            c => c,
        });
    }
    out
}

#[cfg(target_endian = "little")]
#[test]
fn reads_and_prints_what_numpy_does() {
    let (mut accepted, mut refused) = (0, 0);
    for line in include_str!("../numpy_cases.tsv").lines() {
        let mut parts = line.split('\t');
        let text = unescaped(parts.next().unwrap());
        let expected = parts.next().unwrap();
        if expected == "!" {
            let made = DTypeBuf::parse(&text);
            assert!(matches!(made, Err(Error::DType { .. })), "{text:?}: {made:?}");
            refused += 1;
            continue;
        }
        let made = read(&text);
        assert_eq!(made.as_dtype().itemsize().to_string(), expected, "{text:?}");
        let printed = made.to_string();
        assert_eq!(printed, parts.next().unwrap(), "{text:?}");
        assert_eq!(read(&printed), made, "{printed}");
        accepted += 1;
    }
    assert!(accepted > 200 && refused > 100, "{accepted} and {refused}");
}
