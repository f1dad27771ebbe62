//! The checksum of a file, in pieces.

use std::vec;
use std::vec::Vec;

use super::fault::Fault;
use super::look::{Seen, unreadable};

/// Bytes of one piece.
const PIECE: usize = 4 << 20;

/// A checksum on its way.
#[derive(Debug)]
pub(super) struct Sum {
    seen: Seen,
    at: u64,
    hasher: crc32fast::Hasher,
    piece: Vec<u8>,
}

impl Sum {
    pub(super) fn new(seen: Seen) -> Self {
        Self { seen, at: 0, hasher: crc32fast::Hasher::new(), piece: vec![0; PIECE] }
    }

    /// Reads a piece; the checksum, when that was the last one. The bytes that were read.
    pub(super) fn step(&mut self) -> Result<(u64, Option<u32>), Fault> {
        let read = self.seen.file.read_at(&mut self.piece, self.at).map_err(unreadable)?;
        self.hasher.update(self.piece.get(..read).unwrap_or_default());
        self.at += read as u64;
        let end = read == 0;
        if end && self.at != self.seen.bytes {
            return Err(Fault::Size { noted: self.seen.bytes, found: self.at });
        }
        Ok((read as u64, end.then(|| self.hasher.clone().finalize())))
    }
}
