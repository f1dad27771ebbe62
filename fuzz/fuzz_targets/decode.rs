//! Runs `checks/decode.rs` on whatever libFuzzer thinks of.

#![no_main]

#[path = "../checks/decode.rs"]
mod decode;
#[path = "../checks/readers.rs"]
mod readers;

use ndshm::load::Encoding::{Utf16, Utf16Be, Utf16Le, Utf32, Utf32Be, Utf32Le};
use ndshm::load::fuzzing;

fn open(reader: readers::Opened, which: usize) -> readers::Opened {
    fuzzing::text(reader, None, [Utf16, Utf16Le, Utf16Be, Utf32, Utf32Le, Utf32Be][which])
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| decode::check(bytes, open));
