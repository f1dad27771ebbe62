//! UTF-16 and UTF-32 of any bytes, against the standard library's decoders.

use std::string::String;
use std::vec::Vec;

use super::readers::{Drops, Opened, place, read_all};

/// Opens a reader of one of the encodings: utf-16, -le and -be, utf-32, -le and -be.
pub(crate) type Open = fn(Opened, usize) -> Opened;

/// Three bytes choose the encoding, and how many bytes come and are asked for at a time.
pub(crate) fn check(bytes: &[u8], open: Open) {
    let &[which, come, asked, ref bytes @ ..] = bytes else { return };
    let which = usize::from(which) % 6;
    let (text, wrong) = expected(bytes, which);
    for (come, asked) in [(usize::MAX, 1 << 16), (come.into(), asked.into())] {
        let reader = open(Drops::open(bytes, come), which);
        let (found, fault) = read_all(reader, asked, usize::MAX);
        assert_eq!(String::from_utf8(found).as_ref(), Ok(&text), "{which}: {bytes:?}");
        let at = fault.as_deref().map(|words| place(words).expect("a place"));
        assert_eq!(at, wrong.map(|at| at as u64), "{which}: {bytes:?} {fault:?}");
    }
}

/// The text up to the first unit that is wrong, and its place.
fn expected(bytes: &[u8], which: usize) -> (String, Option<usize>) {
    let width = if which < 3 { 2 } else { 4 };
    let (little, from) = match which % 3 {
        0 => match (width, bytes) {
            (_, []) => return (String::new(), None),
            (2, [0xFF, 0xFE, ..]) | (4, [0xFF, 0xFE, 0, 0, ..]) => (true, width),
            (2, [0xFE, 0xFF, ..]) | (4, [0, 0, 0xFE, 0xFF, ..]) => (false, width),
            _ => return (String::new(), Some(0)),
        },
        order => (order == 1, 0),
    };
    let chunks = bytes[from..].chunks_exact(width);
    let left = chunks.remainder().len();
    let units: Vec<u32> = chunks
        .map(|unit| {
            let add = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
            if little { unit.iter().rev().fold(0, add) } else { unit.iter().fold(0, add) }
        })
        .collect();
    let (mut text, mut at) = (String::new(), from);
    let narrow = units.iter().map(|&unit| unit as u16);
    let chars: Vec<Option<char>> = if width == 2 {
        char::decode_utf16(narrow).map(Result::ok).collect()
    } else {
        units.into_iter().map(char::from_u32).collect()
    };
    for c in chars {
        let Some(c) = c else { return (text, Some(at)) };
        text.push(c);
        at += if width == 2 { 2 * c.len_utf16() } else { 4 };
    }
    (text, (left > 0).then_some(at))
}
