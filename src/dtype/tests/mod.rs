//! Text to table to text, against NumPy and against itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod builder;
mod faults;
mod leaves;
mod numpy;
mod open;
mod random;
mod tables;

use crate::dtype_buf::DTypeBuf;
use crate::error::{DTypeFault, Error, Result};

/// Reads a text that is right.
fn read(text: &str) -> DTypeBuf {
    DTypeBuf::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// Why a text is refused, and at which byte.
fn refusal(text: &str) -> (u32, DTypeFault) {
    match DTypeBuf::parse(text) {
        Err(Error::DType { at, fault }) => (at, fault),
        other => panic!("{text:?}: {other:?}"),
    }
}

/// Why something else is refused, and at which node.
fn node_fault<T: core::fmt::Debug>(result: Result<T>) -> (u32, DTypeFault) {
    match result {
        Err(Error::DType { at, fault }) => (at, fault),
        other => panic!("{other:?}"),
    }
}
