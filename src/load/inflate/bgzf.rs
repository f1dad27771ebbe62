//! The blocks of `bgzip`: members of gzip that say how long they are, so that several
//! threads can unpack them.

use std::io::{self, Read};
use std::vec::Vec;

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::unpack::{Unpack, damaged};
use super::window::Window;
use super::{Compression, Damage};

/// Bytes before the extra field.
const FIXED: usize = 12;
/// CRC and length of the text.
const TRAILER: usize = 8;
/// The extra field that `bgzip` writes, and no other.
const EXTRA: usize = 6;
/// Bytes that show whether a block begins.
pub(super) const HEADER: usize = FIXED + EXTRA;
/// Text of one block, and what it is packed to, at most.
pub(super) const LONGEST: usize = 1 << 16;

/// Bytes of the block that begins with `header`; `None` if it is another member of gzip.
pub(super) fn size(header: &[u8]) -> Option<usize> {
    match header.get(..HEADER)? {
        [0x1F, 0x8B, 8, 4, _, _, _, _, _, _, 6, 0, b'B', b'C', 2, 0, low, high] => {
            let size = usize::from(u16::from_le_bytes([*low, *high])) + 1;
            (size > HEADER + TRAILER).then_some(size)
        }
        _ => None,
    }
}

/// Hands out blocks, as many as one thread unpacks at once, and if others come, the text of
/// the rest.
pub(super) enum Blocks<R> {
    Packed(Window<R>),
    Others(Unpack<R>),
    /// Only in between.
    Nothing,
}

/// Blocks as they are in the file.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) bytes: Vec<u8>,
    /// Their place in it.
    offset: u64,
}

impl<R: Read> Blocks<R> {
    pub(super) const fn new(window: Window<R>) -> Self {
        Self::Packed(window)
    }

    /// Fills `group` with blocks whose text has room in `text`; or, if there are none, reads
    /// to `text`. How much of it.
    pub(super) fn next(&mut self, group: &mut Group, text: &mut [u8]) -> io::Result<usize> {
        group.bytes.clear();
        if let Self::Packed(window) = self {
            group.offset = window.offset();
            take(window, &mut group.bytes, text.len())?;
            if !group.bytes.is_empty() {
                return Ok(0);
            }
            // The end, or another member; a block that is cut off gives what it can.
            let Self::Packed(window) = core::mem::replace(self, Self::Nothing) else {
                return Ok(0);
            };
            *self = Self::Others(Unpack::going_on(window, Compression::Gzip, 0));
        }
        match self {
            Self::Others(unpack) => unpack.read(text),
            _ => Ok(0),
        }
    }
}

/// Takes whole blocks, as long as their text has `room`.
fn take<R: Read>(window: &mut Window<R>, bytes: &mut Vec<u8>, room: usize) -> io::Result<()> {
    let mut text = 0;
    loop {
        window.want(HEADER)?;
        let Some(size) = size(window.rest()) else { return Ok(()) };
        if !window.want(size)? {
            return Ok(());
        }
        let Some(block) = window.rest().get(..size) else { return Ok(()) };
        let long = length(block) as usize;
        if text + long > room || bytes.len() + size > room.max(LONGEST) {
            return Ok(());
        }
        bytes.extend_from_slice(block);
        window.pass(size);
        text += long;
    }
}

/// Bytes of text, as the block says.
fn length(block: &[u8]) -> u32 {
    block.last_chunk().map_or(0, |length| u32::from_le_bytes(*length))
}

/// Unpacks a group. How much text it made, also before an error.
pub(super) fn unpack(
    group: &Group,
    inflate: &mut Decompress,
    text: &mut [u8],
) -> (usize, io::Result<()>) {
    let (mut at, mut made) = (0, 0);
    while let Some(block) = rest_of(&group.bytes, at) {
        let room = text.get_mut(made..).unwrap_or_default();
        let (n, result) = one(block, inflate, room);
        made += n;
        if let Err((damage, behind)) = result {
            let offset = group.offset + (at + behind) as u64;
            return (made, Err(damaged(Compression::Gzip, damage, offset)));
        }
        at += block.len();
    }
    (made, Ok(()))
}

fn rest_of(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?;
    rest.get(..size(rest)?)
}

/// Unpacks one block; the fault and how far behind its start.
fn one(
    block: &[u8],
    inflate: &mut Decompress,
    text: &mut [u8],
) -> (usize, Result<(), (Damage, usize)>) {
    let code = block.get(HEADER..block.len() - TRAILER).unwrap_or_default();
    let long = length(block) as usize;
    inflate.reset(false);
    // One byte more than there is text lets the decoder see its end mark.
    let (short, room) = match text.get_mut(..long) {
        None => return (0, Err((Damage::Corrupt("the length is another"), 0))),
        Some(room) => (room.is_empty(), room),
    };
    let mut spare = [0];
    let room = if short { &mut spare } else { room };
    let status = inflate.decompress(code, room, FlushDecompress::Finish);
    let (used, made) = (inflate.total_in() as usize, inflate.total_out() as usize);
    let good = made.min(long);
    let wrong = |what| Err((Damage::Corrupt(what), HEADER + used));
    let result = match status {
        Err(_) => wrong("no valid code"),
        Ok(Status::StreamEnd) if made != long => wrong("the length is another"),
        Ok(Status::StreamEnd) if used != code.len() => wrong("a block has another size"),
        Ok(Status::StreamEnd) => {
            let mut crc = Crc::new();
            crc.update(text.get(..good).unwrap_or_default());
            let right = block.get(block.len() - TRAILER..).and_then(<[u8]>::first_chunk);
            if right.map(|crc| u32::from_le_bytes(*crc)) == Some(crc.sum()) {
                Ok(())
            } else {
                wrong("the checksum is another")
            }
        }
        Ok(_) => wrong("the length is another"),
    };
    (good, result)
}
