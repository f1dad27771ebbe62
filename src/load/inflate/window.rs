//! The part of a reader's bytes that is looked at.

use std::boxed::Box;
use std::io::{self, Read};
use std::vec;

/// Bytes read at a time.
pub(super) const WINDOW: usize = 128 * 1024;

/// A window of what a reader gives, that moves on as bytes are used.
pub(super) struct Window<R> {
    reader: R,
    buf: Box<[u8]>,
    from: usize,
    until: usize,
    /// Place of `from` in what the reader gives.
    offset: u64,
    ended: bool,
}

impl<R: Read> Window<R> {
    pub(super) fn new(reader: R) -> Self {
        let buf = vec![0; WINDOW].into_boxed_slice();
        Self { reader, buf, from: 0, until: 0, offset: 0, ended: false }
    }

    /// What is in it.
    pub(super) fn rest(&self) -> &[u8] {
        self.buf.get(self.from..self.until).unwrap_or_default()
    }

    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Nothing comes behind it.
    pub(super) const fn ended(&self) -> bool {
        self.ended
    }

    /// Leaves out its first bytes.
    pub(super) fn pass(&mut self, used: usize) {
        let used = used.min(self.until - self.from);
        self.from += used;
        self.offset += used as u64;
    }

    /// Reads once more; nothing happens at the end, or if it is full.
    pub(super) fn fill(&mut self) -> io::Result<()> {
        if self.ended {
            return Ok(());
        }
        self.buf.copy_within(self.from..self.until, 0);
        (self.from, self.until) = (0, self.until - self.from);
        let room = self.buf.get_mut(self.until..).unwrap_or_default();
        let size = room.len();
        if size > 0 {
            let n = self.reader.read(room)?.min(size);
            self.until += n;
            self.ended = n == 0;
        }
        Ok(())
    }

    /// Reads until there are so many bytes, at most a window; false if they end before.
    pub(super) fn want(&mut self, bytes: usize) -> io::Result<bool> {
        while self.rest().len() < bytes.min(WINDOW) && !self.ended {
            self.fill()?;
        }
        Ok(self.rest().len() >= bytes)
    }
}
