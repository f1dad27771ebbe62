//! The last lines of an input, where they are not to be read: found from behind in a file,
//! held back from a stream.
//!
//! They are physical lines, as those that are skipped at the start: quotes do not count.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::vec::Vec;

use super::cancel::Stop;
use super::error::InputFault;
use super::input::Stream;
use crate::text;

const BLOCK: usize = 64 * 1024;

/// Where the last `lines` lines of a file start; 0 if it has no more.
pub(super) fn start_of(
    path: &Path,
    size: u64,
    lines: u64,
    stop: &Stop<'_>,
) -> Result<u64, InputFault> {
    let file = File::open(path).map_err(InputFault::Io)?;
    let mut search = Search { left: lines, end: size, follower: 0 };
    let mut block = std::vec![0; BLOCK];
    let mut at = size;
    while at > 0 {
        if stop.is_set() {
            return Err(InputFault::Io(io::ErrorKind::Interrupted.into()));
        }
        let len = usize::try_from(at).unwrap_or(BLOCK).min(BLOCK);
        at -= len as u64;
        let bytes = block.get_mut(..len).unwrap_or_default();
        file.read_exact_at(bytes, at).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => InputFault::Changed,
            _ => InputFault::Io(error),
        })?;
        if let Some(start) = search.pass(bytes, at) {
            return Ok(start);
        }
    }
    Ok(0)
}

/// A search for the start of a line, from the end of a text to its front.
struct Search {
    /// Lines to go back.
    left: u64,
    /// Where the text ends.
    end: u64,
    /// The first byte behind what was searched.
    follower: u8,
}

impl Search {
    /// Searches `bytes`, which lie at `at` of the text, right before what was searched.
    fn pass(&mut self, bytes: &[u8], at: u64) -> Option<u64> {
        let mut until = bytes.len();
        while let Some(found) = memchr::memrchr2(b'\n', b'\r', bytes.get(..until)?) {
            let next = bytes.get(found + 1).copied().unwrap_or(self.follower);
            let start = at + found as u64 + 1;
            let inside = bytes.get(found) == Some(&b'\r') && next == b'\n';
            // The end of the last line starts none.
            if !inside && start < self.end {
                self.left -= 1;
                if self.left == 0 {
                    return Some(start);
                }
            }
            until = found;
        }
        self.follower = bytes.first().copied().unwrap_or(self.follower);
        None
    }
}

/// The end of a stream, as much of it as may be footer.
#[derive(Debug)]
pub(super) struct HoldBack {
    lines: u64,
    /// Bytes that may be held back.
    limit: usize,
    bytes: Vec<u8>,
    /// So many bytes at the front are given out.
    given: usize,
    /// So many are not footer, whatever comes.
    free: usize,
    /// Whole lines behind them, and where these end.
    whole: u64,
    searched: usize,
    /// No line is known to end between there and here.
    looked: usize,
    ended: bool,
}

impl HoldBack {
    pub(super) const fn new(lines: u64, limit: usize) -> Self {
        Self {
            lines,
            limit,
            bytes: Vec::new(),
            given: 0,
            free: 0,
            whole: 0,
            searched: 0,
            looked: 0,
            ended: false,
        }
    }

    /// Whether nothing more comes.
    pub(super) const fn is_over(&self) -> bool {
        self.ended && self.given == self.free
    }

    /// Gives out what is no footer, as much as fits.
    pub(super) fn give(&mut self, room: &mut [u8]) -> usize {
        let free = self.bytes.get(self.given..self.free).unwrap_or_default();
        for (to, &from) in room.iter_mut().zip(free) {
            *to = from;
        }
        let count = free.len().min(room.len());
        self.given += count;
        count
    }

    /// Reads once; false if there is nothing to read yet.
    pub(super) fn read(&mut self, stream: &mut Stream) -> Result<bool, InputFault> {
        self.forget();
        if self.bytes.len() - self.free > self.limit {
            let (lines, limit) = (self.lines, self.limit as u64);
            return Err(InputFault::FooterTooLong { lines, limit });
        }
        let have = self.bytes.len();
        self.bytes.resize(have + BLOCK, 0);
        let read = stream.read(self.bytes.get_mut(have..).unwrap_or_default());
        let more = read.as_ref().map_or(0, |read| read.unwrap_or(0));
        self.bytes.truncate(have + more);
        let Some(more) = read? else { return Ok(false) };
        self.ended = more == 0;
        self.count();
        Ok(true)
    }

    /// Drops what is given out, when it is so much that moving the rest is worth it.
    fn forget(&mut self) {
        if self.given > self.bytes.len() / 2 {
            self.bytes.drain(..self.given);
            for place in [&mut self.free, &mut self.searched, &mut self.looked] {
                *place -= self.given;
            }
            self.given = 0;
        }
    }

    /// Counts the lines that have come.
    fn count(&mut self) {
        let ends = |rest: &[u8]| memchr::memchr2(b'\n', b'\r', rest);
        while let Some(found) = self.bytes.get(self.looked..).and_then(ends) {
            let at = self.looked + found;
            let len = match (self.bytes.get(at), self.bytes.get(at + 1)) {
                // Whether a line ends with it shows the next byte.
                (Some(b'\r'), None) if !self.ended => {
                    self.looked = at;
                    return;
                }
                (Some(b'\r'), Some(b'\n')) => 2,
                _ => 1,
            };
            self.line(at + len);
        }
        self.looked = self.bytes.len();
        if self.ended && self.searched < self.bytes.len() {
            self.line(self.bytes.len());
        }
    }

    /// One more line, which ends at `end`: it may be the footer's last one.
    fn line(&mut self, end: usize) {
        (self.searched, self.looked) = (end, end);
        self.whole += 1;
        if self.whole > self.lines {
            let held = self.bytes.get(self.free..end).unwrap_or_default();
            self.free += text::start_from(held, 1, true).unwrap_or(held.len());
            self.whole -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cancel::Canceller;
    use super::*;
    use std::io::{Read, Write};

    const TEXT: &[u8] = b"ab\ncd\r\n\r\re\n\nf\r\rg\r\nh";

    /// Where the last lines start, found from the front.
    fn expected(text: &[u8], lines: u64) -> usize {
        let (all, _) = text::skip(text, u64::MAX, true);
        text::skip(text, all.saturating_sub(lines), true).1
    }

    #[test]
    fn a_footer_is_found_from_behind() {
        for end in 0..=TEXT.len() {
            let text = &TEXT[..end];
            for (lines, block) in (1..12).flat_map(|n| (1..5).map(move |block| (n, block))) {
                let mut search = Search { left: lines, end: end as u64, follower: 0 };
                let starts: Vec<_> = (0..end).step_by(block).collect();
                let found = starts
                    .iter()
                    .rev()
                    .find_map(|&at| search.pass(&text[at..(at + block).min(end)], at as u64));
                assert_eq!(found.unwrap_or(0), expected(text, lines) as u64, "{text:?} {lines}");
            }
        }
    }

    #[test]
    fn a_footer_may_be_longer_than_a_block() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let text = [b"1\r\n".repeat(70_000), b"2".repeat(3 * BLOCK), b"\n\r\n3".to_vec()].concat();
        file.write_all(&text).unwrap();
        let go_on = Stop::new(Canceller::new().unwrap(), None);
        for lines in [1, 2, 3, 4, 30_000, 70_002, 70_003, 70_004] {
            let found = start_of(file.path(), text.len() as u64, lines, &go_on).unwrap();
            assert_eq!(found, expected(&text, lines) as u64, "{lines}");
        }
    }

    /// Gives `n` bytes at a time.
    struct Bits(Vec<u8>, usize);

    impl Read for Bits {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(room.len()).min(self.0.len());
            room[..n].copy_from_slice(&self.0[..n]);
            self.0.drain(..n);
            Ok(n)
        }
    }

    fn stream(text: &[u8], n: usize) -> Stream {
        match super::super::input::Input::stream("a", Bits(text.to_vec(), n)) {
            super::super::input::Input::Stream(stream) => stream,
            super::super::input::Input::File(_) => panic!("no stream"),
        }
    }

    #[test]
    fn a_footer_is_held_back() {
        for end in 0..=TEXT.len() {
            let text = &TEXT[..end];
            for (lines, n) in (1..12).flat_map(|lines| (1..5).map(move |n| (lines, n))) {
                let mut stream = stream(text, n);
                let mut held = HoldBack::new(lines, 100);
                let mut out = Vec::new();
                while !held.is_over() {
                    let mut room = [0; 3];
                    match held.give(&mut room) {
                        0 => assert!(held.read(&mut stream).unwrap()),
                        n => out.extend_from_slice(&room[..n]),
                    }
                }
                assert_eq!(out, text[..expected(text, lines)], "{text:?} {lines} {n}");
            }
        }
    }

    #[test]
    fn what_was_given_out_does_not_count() {
        let text = b"123456789\n".repeat(50_000);
        let mut stream = stream(&text, BLOCK);
        // What is held back takes more than a half of the limit, and a block comes on top.
        let mut held = HoldBack::new(7_000, 100_000);
        let mut given = 0;
        while !held.is_over() {
            let mut room = std::vec![0; BLOCK];
            match held.give(&mut room) {
                0 => assert!(held.read(&mut stream).unwrap()),
                n => given += n,
            }
        }
        assert_eq!(given, text.len() - 70_000);
    }

    #[test]
    fn a_footer_that_needs_too_much_is_refused() {
        let mut stream = stream(&b"123456789\n".repeat(50_000), BLOCK);
        let mut held = HoldBack::new(30_000, 100_000);
        let fault = loop {
            match held.read(&mut stream) {
                Ok(_) => assert!(held.bytes.len() <= 3 * BLOCK),
                Err(fault) => break fault,
            }
        };
        assert!(matches!(fault, InputFault::FooterTooLong { lines: 30_000, .. }), "{fault:?}");
    }
}
