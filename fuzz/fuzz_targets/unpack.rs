//! Runs `checks/unpack.rs` on whatever libFuzzer thinks of.

#![no_main]
#![allow(dead_code, reason = "the checks use the rest")]

#[path = "../../tests/compressed/pack.rs"]
mod pack;
#[path = "../checks/readers.rs"]
mod readers;
#[path = "../checks/unpack.rs"]
mod unpack;

use ndshm::load::Compression::{Bzip2, Gzip, Lzma, Xz, Zstd};
use ndshm::load::{Encoding, fuzzing};

fn open(reader: readers::Opened, which: usize) -> readers::Opened {
    fuzzing::text(reader, Some([Gzip, Gzip, Bzip2, Xz, Zstd, Lzma][which]), Encoding::Utf8)
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| unpack::check(bytes, open));
