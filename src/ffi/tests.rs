//! The boundary from inside: texts, sizes, codes. What C does to it is in
//! `tests/c`.

use core::ffi::{CStr, c_char};
use core::fmt::Write;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::args::{self, Options};
use super::error::{
    Failure, Fault, Message, NDSHM_FAULT_DTYPE_SIZE, NDSHM_FAULT_TEXT_SIZE, NDSHM_MESSAGE_SIZE,
    NDSHM_NO_INPUT, NDSHM_NO_PLACE, Place, RowFault, UNKNOWN, meaning, ndshm_error, report,
};
use super::guard::guard;
use super::version::ndshm_version;
use crate::error::Error;

fn text_of(message: &[c_char]) -> String {
    let bytes: Vec<u8> = message.iter().map(|&b| b as u8).collect();
    CStr::from_bytes_until_nul(&bytes).unwrap().to_str().unwrap().to_string()
}

fn record(struct_size: u32) -> ndshm_error {
    ndshm_error {
        struct_size,
        code: 7,
        os_errno: 7,
        input: 7,
        line: 7,
        row: 7,
        byte: 7,
        column: 7,
        fault: 7,
        message: [7; NDSHM_MESSAGE_SIZE],
        wanted: 7,
        found: 7,
        text_len: 7,
        reserved: 7,
        text: [7; NDSHM_FAULT_TEXT_SIZE],
        dtype: [7; NDSHM_FAULT_DTYPE_SIZE],
    }
}

#[test]
fn messages_are_cut_at_characters_and_end_with_a_nul() {
    for lead in 0..4 {
        let mut message = Message::<NDSHM_MESSAGE_SIZE>::new();
        let long = format!("{}{}", "x".repeat(lead), "\u{20ac}".repeat(200));
        assert!(message.write_str(&long).is_err());
        let text = text_of(&message.text);
        assert!(long.starts_with(&text));
        assert!((NDSHM_MESSAGE_SIZE - 3..NDSHM_MESSAGE_SIZE).contains(&text.len()));
        assert_eq!(text.len(), message.len);
    }
}

#[test]
fn a_record_gets_the_words_of_the_core() {
    let mut error = record(1024);
    let fault = Error::Os { call: "open", errno: 24 };
    // SAFETY: the record is this test's own.
    let status = unsafe { report(&raw mut error, || Err(fault.into())) };
    assert_eq!((status, error.code, error.os_errno), (-3, -3, 24));
    assert_eq!(text_of(&error.message), fault.to_string());
    assert_eq!(error.struct_size, 1024);
}

#[test]
fn a_record_gets_the_place() {
    let mut error = record(1024);
    let fault = Error::DType { at: 3, fault: crate::error::DTypeFault::Empty };
    // SAFETY: the record is this test's own.
    unsafe { report(&raw mut error, || Err(fault.into())) };
    assert_eq!((error.byte, error.line, error.column, error.fault), (3, 0, 0, 0));
    assert_eq!((error.input, error.row), (NDSHM_NO_INPUT, NDSHM_NO_PLACE));
}

#[cfg(feature = "std")]
#[test]
fn a_byte_that_is_not_known_is_no_place() {
    use crate::load::Position;
    let path = std::path::Path::new("a");
    let at = Position { input: 2, path, line: 0, row: 0, column: 0, byte: Some(7) };
    let place = Place::of(Some(at));
    assert_eq!((place.input, place.row, place.byte), (2, NDSHM_NO_PLACE, 7));
    let place = Place::of(Some(Position { line: 4, row: 3, byte: None, ..at }));
    assert_eq!((place.line, place.row, place.byte), (4, 3, NDSHM_NO_PLACE));
}

/// An error of a layer that owns memory.
struct Elsewhere(String);

impl core::fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Failure for Elsewhere {
    fn code(&self) -> i32 {
        -59
    }

    fn errno(&self) -> i32 {
        5
    }

    fn place(&self) -> Place {
        Place { input: 1, line: 2, row: 3, byte: 4, column: 5 }
    }
}

#[test]
fn errors_of_the_upper_layers_are_told_as_they_are() {
    let mut error = record(1024);
    let call = || Err(Elsewhere("a.tsv:2:5: no".into()).into());
    // SAFETY: the record is this test's own.
    let status = unsafe { guard(&raw mut error, call) };
    assert_eq!((status, error.code, error.os_errno), (-59, -59, 5));
    assert_eq!((error.input, error.line, error.row, error.byte, error.column), (1, 2, 3, 4, 5));
    assert_eq!(text_of(&error.message), "a.tsv:2:5: no");
    // SAFETY: as before.
    let status = unsafe { guard(&raw mut error, || Err(Error::NotFound.into())) };
    assert_eq!((status, error.code, error.line), (-12, -12, 0));
}

/// A row that is wrong.
struct Row(String);

impl core::fmt::Display for Row {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("row")
    }
}

impl Failure for Row {
    fn code(&self) -> i32 {
        -51
    }

    fn row_fault(&self) -> RowFault<'_> {
        RowFault { kind: 4, wanted: -9, found: 3, text: &self.0, dtype: "float64" }
    }
}

#[test]
fn a_row_that_is_wrong_is_told_in_parts() {
    let size = size_of::<ndshm_error>() as u32;
    for (given, told) in [
        ("a\0b".to_string(), "a\0b".to_string()),
        ("x".repeat(99), "x".repeat(99)),
        ("x".repeat(101), "x".repeat(100)),
        ("\u{1f600}".repeat(300), "\u{1f600}".repeat(100)),
    ] {
        let mut error = record(size);
        // SAFETY: the record is this test's own.
        let status = unsafe { guard(&raw mut error, || Err(Row(given).into())) };
        assert_eq!((status, error.fault, error.wanted, error.found), (-51, 4, -9, 3));
        let bytes: Vec<u8> = error.text.iter().map(|&b| b as u8).collect();
        assert_eq!(&bytes[..error.text_len as usize], told.as_bytes());
        assert_eq!(bytes[error.text_len as usize], 0);
        assert_eq!(text_of(&error.dtype), "float64");
    }
}

#[test]
fn a_panic_becomes_a_status() {
    let mut error = record(1024);
    // SAFETY: the record is this test's own.
    let status = unsafe { guard(&raw mut error, || panic!("number {}", 7)) };
    assert_eq!((status, error.code), (-90, -90));
    assert_eq!(text_of(&error.message), "bug in the library: number 7");
    // SAFETY: there is no record.
    let status = unsafe { guard(core::ptr::null_mut(), || std::panic::panic_any(7)) };
    assert_eq!(status, -90);
    let mut error = record(511);
    // SAFETY: the record is this test's own.
    let status = unsafe { guard(&raw mut error, || panic!("called")) };
    assert_eq!((status, error.code), (-1, 7), "a bad record stops the call before it begins");
}

#[test]
fn a_record_is_left_alone_by_success() {
    let mut error = record(1024);
    // SAFETY: the record is this test's own.
    let status = unsafe { report(&raw mut error, || Ok(())) };
    assert_eq!((status, error.code, error.os_errno, error.message[0]), (0, 7, 7, 7));
}

#[test]
fn a_record_of_a_wrong_size_stops_the_call() {
    for (size, wanted) in [(0, -1), (1023, -1), (1024, 0), (1025, 0), (4096, 0), (4097, -1)] {
        let mut error = record(size);
        let mut called = false;
        let call = || {
            called = true;
            Ok(())
        };
        // SAFETY: the record is this test's own, and nothing is written.
        let status = unsafe { report(&raw mut error, call) };
        assert_eq!((status, called), (wanted, wanted == 0), "{size}");
        assert_eq!(error.code, 7);
    }
}

#[test]
fn every_code_has_a_meaning_of_its_own() {
    let known: Vec<i32> = (-200..=200).filter(|&code| meaning(code) != UNKNOWN).collect();
    for (i, &a) in known.iter().enumerate() {
        assert!(known[..i].iter().all(|&b| meaning(a) != meaning(b)), "{a}");
    }
    let header = include_str!("../../include/ndshm.h");
    let codes = header.lines().filter_map(|line| line.strip_prefix("#define NDSHM_ERR_"));
    let mut codes: Vec<i32> =
        codes.map(|code| code.split(' ').next_back().unwrap().parse().unwrap()).collect();
    codes.push(0);
    codes.sort_unstable();
    assert_eq!(known, codes);
}

#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    struct_size: u32,
    a: u32,
    /// Added later.
    b: u32,
}

// SAFETY: `repr(C)`, the size first; integers.
unsafe impl Options for Sample {
    const NAME: &'static str = "sample";
    const MIN_SIZE: usize = 8;
}

fn read(words: &[u32]) -> Result<Sample, Fault> {
    // SAFETY: no test says a size larger than what it has, up to what is refused.
    unsafe { args::options(words.as_ptr().cast()) }
}

#[test]
fn options_grow() {
    let sample = |struct_size, a, b| Ok(Sample { struct_size, a, b });
    // SAFETY: NULL is allowed.
    let defaults = unsafe { args::options::<Sample>(core::ptr::null()) };
    assert_eq!(defaults, sample(0, 0, 0));
    assert_eq!(read(&[8, 5, 6]), sample(8, 5, 0), "an older program has no b");
    assert_eq!(read(&[12, 5, 6]), sample(12, 5, 6));
    assert_eq!(read(&[16, 5, 6, 0]), sample(16, 5, 6), "a newer one does not use what is new");
    let unknown = Err(Fault::UnknownFields("sample"));
    assert_eq!(read(&[16, 5, 6, 1 << 24]), unknown);
    let mut largest = [0; 1024];
    largest[..2].copy_from_slice(&[4096, 5]);
    assert_eq!(read(&largest), sample(4096, 5, 0));
    largest[1023] = 1;
    assert_eq!(read(&largest), unknown);
    for size in [0, 1, 7, 4097, u32::MAX] {
        assert_eq!(read(&[size, 5, 6]), Err(Fault::StructSize("sample")), "{size}");
    }
}

#[test]
fn arrays_are_checked_before_they_are_slices() {
    let numbers = [1_u64, 2, 3];
    let items = |at: *const u64, len| {
        // SAFETY: what is longer than the array is refused for its length.
        unsafe { args::items(at, len, "shape") }
    };
    assert_eq!(items(numbers.as_ptr(), 3), Ok(&numbers[..]));
    assert_eq!(items(core::ptr::null(), 0), Ok(&[][..]));
    assert_eq!(items(core::ptr::null(), 1), Err(Fault::Null("shape")));
    let odd = numbers.as_ptr().cast::<u8>().wrapping_add(1).cast();
    assert_eq!(items(odd, 1), Err(Fault::Range("shape")));
    for len in [usize::MAX, usize::MAX / 8 + 1, isize::MAX as usize / 8 + 1] {
        assert_eq!(items(numbers.as_ptr(), len), Err(Fault::Range("shape")));
    }
}

#[test]
fn the_version_is_the_package_s() {
    // SAFETY: static text with a NUL.
    let version = unsafe { CStr::from_ptr(ndshm_version()) };
    assert_eq!(version.to_str().unwrap(), env!("CARGO_PKG_VERSION"));
}
