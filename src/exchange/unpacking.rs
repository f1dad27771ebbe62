//! What a worker of an import does: chunks of a file to their places in a segment.
//!
//! For [`crew`](super::crew). Core code alone, as in all workers: memory was made before the
//! fork, and what a file says of a chunk was looked at before.

#![allow(unsafe_code)]

use core::ptr;
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use crate::error::{Error, Result};
use crate::filter::{Broken, Unpacker};
use crate::hdf5::{ChunkFault, Packed, PackedChunk};
use crate::pool::{Kept, Work};
use crate::sys::Pages;

/// What is to be done: elements to be filled, or chunks to be unpacked, one behind the other.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
pub(super) struct Task {
    pub(super) first: u64,
    pub(super) count: u64,
    /// 1 to fill.
    pub(super) fills: u64,
}

/// What became of it.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct Reply {
    /// The chunk that was the last.
    pub(super) chunk: u64,
    fault: u32,
    errno: i32,
}

const OUTSIDE: u32 = 1;
const CHECKSUM: u32 = 2;
const MASK: u32 = 3;
const CONTENT: u32 = 4;
const UNREADABLE: u32 = 5;

/// Why a chunk is not there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Failed {
    Chunk(ChunkFault),
    Unreadable(i32),
}

impl Reply {
    fn of(chunk: u64, done: core::result::Result<(), Failed>) -> Self {
        let (fault, errno) = match done {
            Ok(()) => (0, 0),
            Err(Failed::Unreadable(errno)) => (UNREADABLE, errno),
            Err(Failed::Chunk(ChunkFault::Outside)) => (OUTSIDE, 0),
            Err(Failed::Chunk(ChunkFault::Checksum)) => (CHECKSUM, 0),
            Err(Failed::Chunk(ChunkFault::Mask)) => (MASK, 0),
            Err(Failed::Chunk(_)) => (CONTENT, 0),
        };
        Self { chunk, fault, errno }
    }

    /// How it failed, if it did.
    pub(super) const fn failed(&self) -> Option<Failed> {
        Some(match self.fault {
            0 => return None,
            OUTSIDE => Failed::Chunk(ChunkFault::Outside),
            CHECKSUM => Failed::Chunk(ChunkFault::Checksum),
            MASK => Failed::Chunk(ChunkFault::Mask),
            UNREADABLE => Failed::Unreadable(self.errno),
            _ => Failed::Chunk(ChunkFault::Content),
        })
    }
}

/// The worker's side.
#[derive(Debug)]
pub(super) struct Unpacking {
    packed: Arc<Packed>,
    unpacker: Unpacker,
    /// A chunk as it is in the file.
    stored: Pages,
    /// The array.
    data: *mut u8,
}

// SAFETY: the memory behind the pointer belongs to the one segment that is filled, and may be
// written from any thread.
unsafe impl Send for Unpacking {}

impl Unpacking {
    /// # Safety
    /// * `data` is writable for the bytes of the tiles' block as long as this is there, in the
    ///   workers, too, and nobody else uses the places of chunks that are being unpacked.
    pub(super) unsafe fn new(packed: Arc<Packed>, data: *mut u8) -> Result<Self> {
        let unpacker = Unpacker::new(packed.tiles.chunk_bytes(0), packed.filters)?;
        let stored = Pages::new(packed.most_stored())?;
        Ok(Self { packed, unpacker, stored, data })
    }

    fn one(&mut self, chunk: PackedChunk) -> core::result::Result<(), Failed> {
        let PackedChunk { at, len, mask, index } = chunk;
        let broken = Failed::Chunk(ChunkFault::Content);
        let stored = self.stored.get_mut(..len as usize).ok_or(broken)?;
        read(&self.packed, stored, at)?;
        let index = usize::try_from(index).map_err(|_| broken)?;
        // SAFETY: the array is writable, by the contract of `new`.
        let done =
            unsafe { self.unpacker.unpack(&self.packed.tiles, index, stored, mask, self.data) };
        done.map_err(|what| {
            Failed::Chunk(match what {
                Broken::Checksum => ChunkFault::Checksum,
                Broken::Mask => ChunkFault::Mask,
                Broken::Content | Broken::Tile => ChunkFault::Content,
            })
        })
    }

    fn fill(&self, first: u64, count: u64) {
        let (size, all) = (self.packed.element as u64, self.packed.tiles.block_bytes() as u64);
        let Some(value) = self.packed.fill.as_deref() else { return };
        let end = first.saturating_add(count).min(all / size.max(1));
        for number in first..end {
            let to = self.data.wrapping_add((number * size) as usize);
            // SAFETY: an element of the array, as many bytes as the value has.
            unsafe { ptr::copy_nonoverlapping(value.as_ptr(), to, value.len()) };
        }
    }
}

/// Reads all of `stored`.
fn read(packed: &Packed, stored: &mut [u8], at: u64) -> core::result::Result<(), Failed> {
    let mut done = 0;
    while let Some(rest) = stored.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match packed.fd.read_at(rest, at.saturating_add(done as u64)) {
            Ok(0) => return Err(Failed::Chunk(ChunkFault::Outside)),
            Ok(n) => done += n,
            Err(Error::Os { errno, .. }) => return Err(Failed::Unreadable(errno)),
            Err(_) => return Err(Failed::Unreadable(0)),
        }
    }
    Ok(())
}

// SAFETY: `run` reads a file and computes on memory that was made before the fork: the unpacker
// allocates nothing after its construction. The segment is the one that is kept.
unsafe impl Work for Unpacking {
    type Task = Task;
    type Reply = Reply;

    fn run(&mut self, task: &Task) -> Reply {
        let &Task { first, count, fills } = task;
        if fills == 1 {
            self.fill(first, count);
            return Reply::of(0, Ok(()));
        }
        let end = first.saturating_add(count);
        for number in first..end {
            let chunk = self.packed.chunks.get(number as usize).copied();
            let done = match chunk {
                Some(chunk) => self.one(chunk),
                None => Err(Failed::Chunk(ChunkFault::Content)),
            };
            if done.is_err() {
                return Reply::of(number, done);
            }
        }
        Reply::of(end, Ok(()))
    }

    fn kept(&self) -> Kept {
        Kept { fd: Some(self.packed.fd.raw()), map: self.data }
    }
}
