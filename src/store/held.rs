//! Packed blocks of a dataset whose type is known only when its last row is in: they wait in a
//! file without a name. So text is read once whatever its labels are, and what is kept is as
//! small as in the end.

#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::string::String;
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use super::geometry::Geometry;
use crate::dtype_buf::DTypeBuf;
use crate::error::Error;
use crate::filter::Chunk;
use crate::hdf5::{self, Aside, ChunkBlock, Described, Writer};
use crate::sys::Bell;

/// Bytes that are put into the file in one step.
const STEP: usize = 32 << 20;

type Result<T> = core::result::Result<T, hdf5::Error>;

/// A dataset that is to be made.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) geometry: Arc<Geometry>,
    pub(super) chunk_rows: u64,
    pub(super) of: Of,
}

/// What a dataset is to be.
#[derive(Debug, Clone)]
pub(super) enum Of {
    /// What a dtype says.
    Typed(Arc<DTypeBuf>),
    /// What another dataset is.
    Like(Arc<Described>),
}

/// Blocks that wait, in their order.
#[derive(Debug)]
pub(super) struct Held {
    /// The dataset that they belong to, until it is made.
    pub(super) plan: Option<Plan>,
    blocks: VecDeque<Block>,
    file: Option<Aside>,
    /// Rings while there are blocks to put into a dataset that is made.
    bell: Bell,
    room: Vec<u8>,
}

#[derive(Debug)]
struct Block {
    origin: Vec<u64>,
    shape: Vec<u64>,
    chunks: Vec<Chunk>,
    /// Where it lies.
    at: u64,
    len: usize,
}

impl Held {
    pub(super) fn new() -> core::result::Result<Self, Error> {
        let (plan, blocks, file) = (None, VecDeque::new(), None);
        Ok(Self { plan, blocks, file, bell: Bell::new()?, room: Vec::new() })
    }

    /// The descriptor that is readable while there is something to put into the file.
    pub(super) const fn raw_fd(&self) -> i32 {
        self.bell.raw()
    }

    /// Keeps a block.
    ///
    /// # Safety
    /// * The bytes of all its chunks are readable from `data` on during the call.
    pub(super) unsafe fn keep(
        &mut self,
        writer: &Writer,
        block: ChunkBlock<'_>,
        data: *const u8,
    ) -> Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(writer.aside()?),
        };
        let len = block.chunks.iter().map(|chunk| chunk.len as usize).sum();
        // SAFETY: by this function's contract.
        let at = unsafe { file.add(data, len) }?;
        let (origin, shape) = (block.origin.into(), block.shape.into());
        self.blocks.push_back(Block { origin, shape, chunks: block.chunks.into(), at, len });
        Ok(())
    }

    /// Puts some blocks into the dataset that was begun; whether these were the last.
    pub(super) fn put(&mut self, writer: &mut Writer) -> Result<bool> {
        let mut left = STEP;
        while let Some(block) = self.blocks.pop_front() {
            self.put_one(writer, &block)?;
            left = left.saturating_sub(block.len);
            if left == 0 && !self.blocks.is_empty() {
                self.bell.ring();
                return Ok(false);
            }
        }
        self.bell.silence();
        self.room = Vec::new();
        self.file.as_mut().map_or(Ok(()), Aside::clear)?;
        Ok(true)
    }

    fn put_one(&mut self, writer: &mut Writer, block: &Block) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        if self.room.len() < block.len {
            self.room = vec![0; block.len];
        }
        let bytes = self.room.get_mut(..block.len).unwrap_or_default();
        file.read(bytes, block.at)?;
        let Block { origin, shape, chunks, at, len } = block;
        // SAFETY: the chunks' bytes were just read, all of them.
        unsafe { writer.append_chunks(ChunkBlock { shape, origin, chunks }, bytes.as_ptr()) }?;
        file.forget(*at, *len as u64);
        Ok(())
    }
}
