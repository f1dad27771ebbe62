//! Blocks of rows to chunks.

use bytemuck::{Pod, Zeroable};

use super::codec::Encoder;
use super::gather::gather;
use super::{Codec, Filters, Tiles, checksum};
use crate::error::Result;
use crate::sys::Pages;

/// What became of a chunk.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
pub(crate) struct Chunk {
    /// Bytes of it.
    pub(crate) len: u32,
    /// A bit for each filter of the dataset that was not applied, the first one the lowest.
    pub(crate) mask: u32,
}

/// Makes chunks, without allocating.
#[derive(Debug)]
pub(crate) struct Packer {
    filters: Filters,
    encoder: Encoder,
    most_block: usize,
    most_chunk: usize,
    /// A chunk, before it is compressed.
    chunk: Pages,
    /// The same, compressed.
    packed: Pages,
}

impl Packer {
    /// For tiles of up to these sizes.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::error::Error::Argument) if the codec has no such level, and
    /// what the system says if there is no memory.
    pub(crate) fn new(most_block: usize, most_chunk: usize, filters: Filters) -> Result<Self> {
        let encoder = Encoder::new(filters.codec, most_chunk)?;
        let (chunk, packed) = (Pages::new(most_chunk)?, Pages::new(most_chunk)?);
        Ok(Self { filters, encoder, most_block, most_chunk, chunk, packed })
    }

    /// Packs a block: `out` gets the chunks, one behind the other, `table` what became of each.
    /// Returns the bytes of all chunks; 0 if the tiles are larger than promised.
    ///
    /// # Safety
    /// * `block` is readable for the bytes of the tiles' block.
    /// * `out` is writable for [`Tiles::packed_bound`] bytes, `table` for [`Tiles::count`]
    ///   entries.
    /// * Nobody writes to them or reads what is written meanwhile.
    pub(crate) unsafe fn pack(
        &mut self,
        tiles: &Tiles<'_>,
        block: *const u8,
        out: *mut u8,
        table: *mut Chunk,
    ) -> usize {
        if tiles.block_bytes() > self.most_block || tiles.most_chunk_bytes() > self.most_chunk {
            return 0;
        }
        let mut used = 0;
        for i in 0..tiles.count() {
            // SAFETY: by this function's contract: what is written is within the bound.
            let chunk = unsafe { self.pack_one(tiles, i, block, out.wrapping_add(used)) };
            let Some(chunk) = chunk else { return 0 };
            used += chunk.len as usize;
            // SAFETY: there is an entry for each chunk.
            unsafe { table.wrapping_add(i).write_unaligned(chunk) };
        }
        used
    }

    /// Packs one chunk.
    ///
    /// # Safety
    /// * `block` is readable for the bytes of the tiles' block.
    /// * `out` is writable for the bytes of the chunk and of a checksum.
    unsafe fn pack_one(
        &mut self,
        tiles: &Tiles<'_>,
        i: usize,
        block: *const u8,
        out: *mut u8,
    ) -> Option<Chunk> {
        let filters = self.filters;
        // SAFETY: there is such a tile, and the block is readable.
        unsafe { gather(tiles, i, filters.shuffle, block, &mut self.chunk, &mut self.packed) }?;
        let chunk = self.chunk.get(..tiles.chunk_bytes(i))?;
        let plane = if filters.shuffle { chunk.len() / tiles.unit(i) } else { 0 };
        let packed = self.encoder.encode(chunk, plane, &mut self.packed);
        let (data, mask) = match packed {
            Some(len) => (self.packed.get(..len)?, 0),
            None if filters.codec == Codec::None => (chunk, 0),
            None => (chunk, filters.codec_bit()),
        };
        // SAFETY: no longer than the chunk is.
        unsafe { core::ptr::copy_nonoverlapping(data.as_ptr(), out, data.len()) };
        if filters.fletcher32 {
            let sum = checksum::fletcher32(data);
            let end = out.wrapping_add(data.len());
            // SAFETY: and there is room for a checksum behind it.
            unsafe { core::ptr::copy_nonoverlapping(sum.as_ptr(), end, sum.len()) };
        }
        let len = u32::try_from(data.len() + filters.added()).ok()?;
        Some(Chunk { len, mask })
    }
}
