//! A reader of which little comes at a time; the library's own tests use it, too.

use std::io::{self, Read};
use std::vec::Vec;

/// Gives one to seven bytes at a time, and now and then nothing yet.
pub(crate) struct Drops {
    bytes: Vec<u8>,
    at: usize,
    turn: usize,
}

impl Drops {
    /// `turn` says where it begins to be awkward.
    pub(crate) fn new(bytes: &[u8], turn: usize) -> Self {
        Self { bytes: bytes.to_vec(), at: 0, turn }
    }
}

impl Read for Drops {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        match self.turn % 500 {
            50 => return Err(io::ErrorKind::Interrupted.into()),
            99 => return Err(io::ErrorKind::WouldBlock.into()),
            _ => {}
        }
        let rest = &self.bytes[self.at..];
        let n = (self.turn * 5 % 7 + 1).min(rest.len()).min(room.len());
        room[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }
}
