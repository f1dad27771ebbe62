//! Headers of objects, read from the file without HDF5: for what HDF5 does not tell, and for
//! what is to be looked at before HDF5 does. Nothing in them is trusted.
//!
//! Addresses have eight bytes, as in all files that anybody makes.

use core::cell::Cell;
use std::vec;
use std::vec::Vec;

use crate::error::Error;
use crate::sys::Fd;

/// Bytes of an address.
pub(super) const ADDRESS: usize = 8;
/// Blocks that an object's header has at most.
const DEEP: usize = 64;
/// Longest block of a header.
const BLOCK: u64 = 1 << 20;
/// A message that says where the header goes on.
const CONTINUATION: u16 = 16;

/// A file whose addresses count from `base`.
#[derive(Debug)]
pub(super) struct View<'a> {
    file: &'a Fd,
    pub(super) base: u64,
    /// Why the file could not be read, which says nothing of what is in it.
    failed: Cell<Option<Error>>,
}

/// A message of a header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'m> {
    pub(super) kind: u16,
    /// Its bytes are elsewhere, and these say where.
    pub(super) is_shared: bool,
    pub(super) bytes: &'m [u8],
}

/// A part of an object's header.
#[derive(Debug, Clone, Copy)]
struct Block {
    at: u64,
    len: u64,
}

/// How messages lie in a header.
#[derive(Debug, Clone, Copy)]
struct Style {
    /// Version 2 of headers.
    new: bool,
    /// Bytes in front of a message.
    head: usize,
}

impl<'a> View<'a> {
    pub(super) const fn new(file: &'a Fd, base: u64) -> Self {
        Self { file, base, failed: Cell::new(None) }
    }

    /// Why the file could not be read since this was asked.
    pub(super) fn failed(&self) -> Option<Error> {
        self.failed.take()
    }

    /// Calls `each` for the messages of an object; none if they cannot be read, or if `each`
    /// wants no more of them.
    pub(super) fn messages(
        &self,
        object: u64,
        each: &mut dyn FnMut(Message<'_>) -> Option<()>,
    ) -> Option<()> {
        let (style, first) = self.header(object)?;
        let mut blocks = Vec::from([first]);
        for _ in 0..DEEP {
            let Some(Block { at, len }) = blocks.pop() else { return Some(()) };
            let bytes = self.read(at, usize::try_from(len).ok().filter(|_| len <= BLOCK)?)?;
            let mut rest = bytes.as_slice();
            while let Some((message, behind)) = style.message(rest) {
                if message.kind == CONTINUATION {
                    blocks.push(style.continuation(message.bytes)?);
                }
                each(message)?;
                rest = behind;
            }
        }
        None
    }

    /// The first message of a kind that an object has.
    pub(super) fn message(&self, object: u64, kind: u16) -> Option<Vec<u8>> {
        let mut found = None;
        let _ = self.messages(object, &mut |message| {
            if message.kind == kind {
                found = Some(message.bytes.to_vec());
                return None;
            }
            Some(())
        });
        found
    }

    /// The first block of messages.
    fn header(&self, object: u64) -> Option<(Style, Block)> {
        let head = self.read(object, 12)?;
        if let Some(flags) = head.strip_prefix(b"OHDR\x02") {
            let flags = *flags.first()?;
            let times = if flags & 0x20 == 0 { 0 } else { 16 };
            let phases = if flags & 0x10 == 0 { 0 } else { 4 };
            let (skip, width) = (6 + times + phases, 1 << (flags & 3));
            let size = self.read(object.checked_add(skip)?, width)?;
            let at = object.checked_add(skip)?.checked_add(width as u64)?;
            let style = Style { new: true, head: if flags & 4 == 0 { 4 } else { 6 } };
            return Some((style, Block { at, len: number(&size)? }));
        }
        if head.first() != Some(&1) {
            return None;
        }
        let len = number(head.get(8..12)?)?;
        Some((Style { new: false, head: 8 }, Block { at: object.checked_add(16)?, len }))
    }

    /// Bytes from an address on; none if they are not all there.
    pub(super) fn read(&self, at: u64, len: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.read_into(at, &mut bytes)?;
        Some(bytes)
    }

    /// The same into a place that is there.
    pub(super) fn read_into(&self, at: u64, bytes: &mut [u8]) -> Option<()> {
        let at = at.checked_add(self.base)?;
        // No file goes on there, and the system would take it for a wrong question.
        i64::try_from(at.checked_add(bytes.len() as u64)?).ok()?;
        match self.file.read_at(bytes, at) {
            Ok(n) => (n == bytes.len()).then_some(()),
            Err(error) => {
                self.failed.set(Some(error));
                None
            }
        }
    }
}

impl Style {
    /// The first message of a block, and what is behind it.
    fn message(self, block: &[u8]) -> Option<(Message<'_>, &[u8])> {
        let (head, rest) = block.split_at_checked(self.head)?;
        let (kind, size, flags) = match *head {
            [kind, low, high, flags, ..] if self.new => (u16::from(kind), [low, high], flags),
            [a, b, low, high, flags, ..] => (u16::from_le_bytes([a, b]), [low, high], flags),
            _ => return None,
        };
        let (bytes, behind) = rest.split_at_checked(usize::from(u16::from_le_bytes(size)))?;
        Some((Message { kind, is_shared: flags & 2 != 0, bytes }, behind))
    }

    /// Where the messages go on.
    fn continuation(self, message: &[u8]) -> Option<Block> {
        let at = number(message.get(..ADDRESS)?)?;
        let len = number(message.get(ADDRESS..2 * ADDRESS)?)?;
        // A signature in front, a checksum behind.
        Some(if self.new {
            Block { at: at.checked_add(4)?, len: len.checked_sub(8)? }
        } else {
            Block { at, len }
        })
    }
}

/// A number of up to eight bytes, the lowest first.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    let fits = (1..=8).contains(&bytes.len());
    fits.then(|| bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

/// The number of `len` bytes at a place.
pub(super) fn number_at(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    number(bytes.get(at..)?.get(..len)?)
}
