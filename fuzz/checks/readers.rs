//! Readers that give more than there is room for, in drops, and from drops.
//!
//! For the checks of what the crate shows to nobody: unit tests reach it, and fuzz targets
//! through the door `ndshm::load::fuzzing`. So each check is told how a reader is opened.

use std::boxed::Box;
use std::io::{self, Read};
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

/// A reader of text, made of a reader of bytes.
pub(crate) type Opened = Box<dyn Read + Send>;

/// Gives so many bytes at a time, and between them nothing, or a signal.
pub(crate) struct Drops {
    bytes: Vec<u8>,
    at: usize,
    most: usize,
    calls: u32,
}

impl Drops {
    pub(crate) fn open(bytes: &[u8], most: usize) -> Opened {
        Box::new(Self { bytes: bytes.to_vec(), at: 0, most: most.max(1), calls: 0 })
    }
}

impl Read for Drops {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.calls = self.calls.wrapping_add(1);
        match self.calls % 8 {
            3 => return Err(io::ErrorKind::WouldBlock.into()),
            6 => return Err(io::ErrorKind::Interrupted.into()),
            _ => {}
        }
        let rest = &self.bytes[self.at..];
        let n = rest.len().min(self.most).min(room.len());
        room[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }
}

/// Everything that comes, at most `limit` bytes, and the words of the error behind it.
pub(crate) fn read_all(mut reader: Opened, most: usize, limit: usize) -> (Vec<u8>, Option<String>) {
    let (mut all, mut room) = (Vec::new(), vec![0xA5; most.max(1)]);
    let mut nothing = 0;
    while all.len() < limit {
        match reader.read(&mut room) {
            Ok(0) => return (all, None),
            Ok(n) => {
                assert!(n <= room.len(), "more than there is room for");
                all.extend_from_slice(&room[..n]);
                nothing = 0;
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {
                    nothing += 1;
                    assert!(nothing < 1_000_000, "it does not go on");
                }
                _ => return (all, Some(error.to_string())),
            },
        }
    }
    all.truncate(limit);
    (all, None)
}

/// The byte that an error names.
pub(crate) fn place(words: &str) -> Option<u64> {
    let behind = words.rsplit("(byte ").next()?;
    let digits = behind.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}
