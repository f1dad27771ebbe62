//! Text becomes a dtype that reads back, or an error inside the text; what a
//! builder makes of any calls holds.

use ndshm::dtype_buf::DTypeBuf;
use ndshm::error::Error;

use super::builder::{holds, misused, right};

pub(crate) fn check(bytes: &[u8]) {
    text(&String::from_utf8_lossy(bytes));
    match misused(bytes) {
        Ok(made) => holds(made.as_dtype()),
        Err(Error::DType { .. } | Error::DTypeSpace | Error::Argument | Error::Overflow) => {}
        Err(other) => panic!("{other}"),
    }
    let made = right(bytes);
    holds(made.as_dtype());
    assert_eq!(DTypeBuf::copy_of(made.as_dtype()), Ok(made));
}

fn text(text: &str) {
    match DTypeBuf::parse(text) {
        Ok(made) => holds(made.as_dtype()),
        Err(Error::DType { at, .. }) => assert!(at as usize <= text.len(), "{text:?}"),
        Err(other) => panic!("{text:?}: {other}"),
    }
}
