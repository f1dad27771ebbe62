//! What parent and workers tell each other: one struct per direction, whole
//! messages only.

use core::fmt;
use std::string::{String, ToString};

use bytemuck::{Pod, Zeroable};

use crate::error::Error;
use crate::segment::Name;

/// Bytes of text in an answer: a name, or an error's message.
const TEXT: usize = 456;

/// First word of the first message: both ends are of the same library.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"ndshmap\x02");

/// The first message to a worker; the data comes with it, as a descriptor. The second one is an
/// order, [`LIFELINE`].
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(super) struct Hello {
    pub(super) magic: u64,
    pub(super) item_size: u64,
    pub(super) count: u64,
    pub(super) context_len: u64,
    name_len: u64,
    name: [u8; MAX_FUNCTION_NAME],
}

/// Most bytes of a function's name.
pub(super) const MAX_FUNCTION_NAME: usize = 200;

impl Hello {
    pub(super) fn new(item_size: u64, count: u64, context_len: u64, name: &str) -> Self {
        let mut hello = Self { magic: MAGIC, item_size, count, context_len, ..Self::zeroed() };
        hello.name_len = put(&mut hello.name, name) as u64;
        hello
    }

    /// Name of the function, for workers that do not have it otherwise.
    pub(super) fn name(&self) -> &str {
        text(&self.name, self.name_len as usize)
    }
}

/// What a worker is to do.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(super) struct Order {
    pub(super) kind: u64,
    pub(super) index: u64,
}

/// Do the item `index`.
pub(super) const DO: u64 = 1;
/// The parent has attached the result; let it go.
pub(super) const RELEASE: u64 = 2;
/// With it comes an end of a socket, whose other end is the parent's as long as that lives. Nothing
/// is ever sent there.
pub(super) const LIFELINE: u64 = 3;

/// A worker's answer.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(super) struct Answer {
    pub(super) kind: u32,
    code: i32,
    os_errno: i32,
    column: u32,
    line: u64,
    row: u64,
    byte: u64,
    len: u64,
    text: [u8; TEXT],
}

/// The worker has the function, and waits for items.
pub(super) const READY: u32 = 1;
/// The worker has no such function.
pub(super) const UNKNOWN: u32 = 2;
/// The item is done, without a segment.
pub(super) const NOTHING: u32 = 3;
/// The item is done, the segment's descriptor comes with the message.
pub(super) const ANONYMOUS: u32 = 4;
/// The item is done, the text is the segment's name.
pub(super) const NAMED: u32 = 5;
/// The function failed.
pub(super) const FAILED: u32 = 6;

impl Answer {
    pub(super) fn of(kind: u32) -> Self {
        Self { kind, ..Self::zeroed() }
    }

    pub(super) fn named(name: &Name) -> Self {
        let mut answer = Self::of(NAMED);
        answer.len = put(&mut answer.text, name.as_str()) as u64;
        answer
    }

    pub(super) fn failed(failed: &Failed) -> Self {
        let Failed { code, os_errno, line, row, byte, column, .. } = *failed;
        let mut answer = Self { code, os_errno, column, line, row, byte, ..Self::of(FAILED) };
        answer.len = put(&mut answer.text, &failed.message) as u64;
        answer
    }

    /// The name of a result, or the message of an error.
    pub(super) fn text(&self) -> &str {
        text(&self.text, usize::try_from(self.len).unwrap_or(usize::MAX))
    }

    /// The error of the function.
    pub(super) fn to_failed(self) -> Failed {
        let Self { code, os_errno, line, row, byte, column, .. } = self;
        Failed { code, os_errno, line, row, byte, column, message: self.text().into() }
    }
}

/// Copies as much of `text` as there is room for, whole characters; its bytes.
fn put(room: &mut [u8], text: &str) -> usize {
    let len = boundary(text, room.len());
    room[..len].copy_from_slice(&text.as_bytes()[..len]);
    len
}

/// The text that another process put there, as far as it is text.
fn text(room: &[u8], len: usize) -> &str {
    let bytes = &room[..len.min(room.len())];
    core::str::from_utf8(bytes).unwrap_or("?")
}

/// The last border between characters up to `at`.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0)
}

/// The error of a function: a code, a sentence for people, and a place in its
/// own input, if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Negative.
    pub code: i32,
    /// The `errno` behind it, 0 if none.
    pub os_errno: i32,
    /// Line, from 1; 0 for none.
    pub line: u64,
    /// Row, from 0; `u64::MAX` for none.
    pub row: u64,
    /// Byte, from 0; `u64::MAX` for none.
    pub byte: u64,
    /// Column, from 1; 0 for none.
    pub column: u32,
    /// What went wrong, cut to 456 bytes on its way.
    pub message: String,
}

impl Failed {
    /// An error without a place.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        let (row, byte, message) = (u64::MAX, u64::MAX, message.into());
        Self { code, os_errno: 0, line: 0, row, byte, column: 0, message }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for Failed {}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { os_errno: error.errno(), ..Self::new(error.code(), error.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_journey() {
        let failed = Failed { line: 3, row: 1, byte: 40, column: 2, ..Failed::new(-5, "n\u{f6}") };
        assert_eq!(Answer::failed(&failed).to_failed(), failed);
        let core = Failed::from(Error::Os { call: "open", errno: 13 });
        assert_eq!((core.code, core.os_errno, core.line), (-3, 13, 0));
    }

    #[test]
    fn long_texts_are_cut_at_characters() {
        for lead in 0..4 {
            let long = "x".repeat(lead) + &"\u{20ac}".repeat(300);
            let answer = Answer::failed(&Failed::new(-1, long.clone()));
            assert!(long.starts_with(answer.text()) && answer.text().len() > TEXT - 4);
        }
        let name = "f".repeat(MAX_FUNCTION_NAME);
        assert_eq!(Hello::new(0, 0, 0, &name).name(), name);
    }

    #[test]
    fn nonsense_is_no_panic() {
        let mut answer = Answer::of(NAMED);
        (answer.len, answer.text[0]) = (u64::MAX, 0xff);
        assert_eq!(answer.text(), "?");
    }
}
