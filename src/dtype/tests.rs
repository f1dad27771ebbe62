//! Text to table to text, against NumPy and against itself.

use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

use super::*;
use crate::dtype_buf::DTypeBuf;
use crate::error::{DTypeFault, Error, Result};

fn read(text: &str) -> Result<DTypeBuf> {
    DTypeBuf::parse(text)
}

fn refusal(text: &str) -> (u32, DTypeFault) {
    match read(text) {
        Err(Error::DType { at, fault }) => (at, fault),
        other => panic!("{text:?}: {other:?}"),
    }
}

/// Undoes the escapes of the case table.
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
    let mut cases = 0;
    for line in include_str!("numpy_cases.tsv").lines() {
        let mut parts = line.split('\t');
        let text = unescaped(parts.next().unwrap());
        let expected = parts.next().unwrap();
        let made = read(&text);
        cases += 1;
        if expected == "!" {
            assert!(matches!(made, Err(Error::DType { .. })), "{text:?}: {made:?}");
            continue;
        }
        let made = made.unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(made.as_dtype().itemsize().to_string(), expected, "{text:?}");
        let printed = made.to_string();
        assert_eq!(printed, parts.next().unwrap(), "{text:?}");
        assert_eq!(read(&printed), Ok(made), "{printed}");
    }
    assert!(cases > 300);
}
