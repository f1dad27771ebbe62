//! A reader that gives what another one's bytes were before they were compressed.

use std::io::{self, Read};

use super::codec::{Codec, Fault};
use super::window::Window;
use super::{Compression, Damage};
use crate::load::error::InputFault;

/// Bytes of the longest mark at the start of a member.
const MARK: usize = 6;

/// Unpacks one member after the other. An error of the reader, [`WouldBlock`] say, leaves
/// everything as it was: the next `read` goes on.
///
/// [`WouldBlock`]: io::ErrorKind::WouldBlock
pub(super) struct Unpack<R> {
    window: Window<R>,
    compression: Compression,
    dictionary: u64,
    codec: Option<Codec>,
    /// In the middle of a member.
    inside: bool,
    /// The decoder has given all that it could make of its input.
    drained: bool,
}

impl<R: Read> Unpack<R> {
    pub(super) fn new(reader: R, compression: Compression, dictionary: u64) -> Self {
        Self::going_on(Window::new(reader), compression, dictionary)
    }

    /// From the start of a member on.
    pub(super) fn going_on(window: Window<R>, compression: Compression, dictionary: u64) -> Self {
        Self { window, compression, dictionary, codec: None, inside: false, drained: true }
    }

    fn fault(&self, (damage, behind): Fault) -> io::Error {
        damaged(self.compression, damage, self.window.offset() + behind as u64)
    }

    /// Finds the start of the next member; false if there is none.
    fn enter(&mut self) -> io::Result<bool> {
        let first = self.window.offset() == 0;
        // Files are padded with zeros on tapes, and by some who write whole blocks.
        self.window.want(1)?;
        while !first && self.window.rest().first() == Some(&0) {
            let zeros = self.window.rest().iter().take_while(|byte| **byte == 0).count();
            self.window.pass(zeros);
            self.window.want(1)?;
        }
        self.window.want(MARK)?;
        let rest = self.window.rest();
        if rest.is_empty() && !first {
            return Ok(false);
        }
        match begins(self.compression, rest) {
            Begins::Yes => {}
            Begins::Cut => return Err(self.fault((Damage::CutOff, rest.len()))),
            Begins::No if first => return Err(self.fault((Damage::Misnamed, 0))),
            Begins::No => return Err(self.fault((Damage::Trailing, 0))),
        }
        let (compression, dictionary) = (self.compression, self.dictionary);
        match &mut self.codec {
            Some(codec) => codec.again(compression, dictionary),
            None => Codec::new(compression, dictionary).map(|codec| self.codec = Some(codec)),
        }
        .map_err(|damage| self.fault((damage, 0)))?;
        (self.inside, self.drained) = (true, true);
        Ok(true)
    }

    /// Unpacks once; how many bytes it made.
    fn step(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.window.rest().is_empty() && self.drained {
            self.window.fill()?;
            if self.window.rest().is_empty() && self.window.ended() {
                return Err(self.fault((Damage::CutOff, 0)));
            }
        }
        let Some(codec) = &mut self.codec else { return Ok(0) };
        match codec.step(self.window.rest(), out) {
            Ok(step) => {
                self.window.pass(step.used);
                self.inside = !step.done;
                self.drained = step.made < out.len();
                if step.used == 0 && step.made == 0 && self.inside {
                    self.need_more()?;
                }
                Ok(step.made)
            }
            Err(fault) => Err(self.fault(fault)),
        }
    }

    /// The decoder does nothing with what there is.
    fn need_more(&mut self) -> io::Result<()> {
        let have = self.window.rest().len();
        self.window.fill()?;
        match (self.window.rest().len() > have, self.window.ended()) {
            (true, _) => Ok(()),
            (false, true) => Err(self.fault((Damage::CutOff, have))),
            (false, false) => Err(self.fault((Damage::Corrupt("it does not go on"), 0))),
        }
    }
}

impl<R: Read> Read for Unpack<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.inside && !self.enter()? {
                return Ok(0);
            }
            let made = self.step(out)?;
            if made > 0 {
                return Ok(made);
            }
        }
    }
}

/// An error of compressed input on its way through a reader.
pub(super) fn damaged(compression: Compression, damage: Damage, offset: u64) -> io::Error {
    let fault = InputFault::Compressed { compression, damage, offset };
    io::Error::new(io::ErrorKind::InvalidData, fault)
}

enum Begins {
    Yes,
    No,
    /// So far it does, but it ends.
    Cut,
}

/// Whether a member begins with `start`, which is all there is if it is shorter than a mark.
fn begins(compression: Compression, start: &[u8]) -> Begins {
    let mark: &[u8] = match compression {
        Compression::Gzip => &[0x1F, 0x8B, 8],
        Compression::Bzip2 => b"BZh",
        Compression::Xz => b"\xFD7zXZ\0",
        Compression::Lzma => &[],
        Compression::Zstd if super::skippable(start) => &[],
        Compression::Zstd => b"\x28\xB5\x2F\xFD",
    };
    match (start.len() < mark.len(), mark.iter().zip(start).all(|(a, b)| a == b)) {
        (_, false) => Begins::No,
        (true, true) => Begins::Cut,
        (false, true) if start.is_empty() => Begins::Cut,
        (false, true) => Begins::Yes,
    }
}
