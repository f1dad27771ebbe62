//! What parent and packers say to each other: plain bytes of fixed size.

use bytemuck::{Pod, Zeroable};

use crate::filter::Tiles;

/// Most axes that a dataset of chunks may have.
pub(crate) const AXES: usize = 8;

/// How a block is parted into chunks.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(crate) struct Order {
    /// Extents of the block, in elements.
    block: [u64; AXES],
    /// Extents of a chunk.
    chunk: [u64; AXES],
    /// Bytes of an element: of a row, where each column is a chunk.
    element: u64,
    axes: u32,
    /// 1 if each column is a chunk.
    columns: u32,
    /// Which slot the block lies in; for the press to say.
    pub(super) slot: u32,
    padding: u32,
}

/// What became of a block.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct Answer {
    /// Bytes of all chunks; 0 if it could not be packed.
    pub(super) bytes: u64,
    pub(super) slot: u32,
    padding: u32,
}

impl Order {
    /// Boxes of `chunk` elements out of a block of `block` elements; none with more axes than
    /// there may be.
    pub(crate) fn boxes(element: u64, block: &[u64], chunk: &[u64]) -> Option<Self> {
        let mut order = Self { element, axes: block.len() as u32, ..Self::zeroed() };
        order.block.get_mut(..block.len())?.copy_from_slice(block);
        order.chunk.get_mut(..block.len())?.copy_from_slice(chunk.get(..block.len())?);
        Some(order)
    }

    /// A chunk for each column of `rows` rows of `row_size` bytes.
    pub(crate) fn columns(row_size: u64, rows: u64) -> Option<Self> {
        Some(Self { columns: 1, ..Self::boxes(row_size, &[rows], &[rows])? })
    }

    /// The same for the block in a slot.
    pub(super) const fn in_slot(self, slot: u32) -> Self {
        Self { slot, ..self }
    }

    /// The chunks of a block, with the places of the columns in a row.
    pub(crate) fn tiles<'c>(&self, columns: &'c [(u32, u32)]) -> Option<Tiles<'c>> {
        let axes = self.axes as usize;
        let (block, chunk) = (self.block.get(..axes)?, self.chunk.get(..axes)?);
        let element = usize::try_from(self.element).ok()?;
        if self.columns == 1 {
            return Tiles::columns(element, usize::try_from(*block.first()?).ok()?, columns);
        }
        let (mut small_block, mut small_chunk) = ([0; AXES], [0; AXES]);
        for (to, from) in small_block.iter_mut().zip(block) {
            *to = usize::try_from(*from).ok()?;
        }
        for (to, from) in small_chunk.iter_mut().zip(chunk) {
            *to = usize::try_from(*from).ok()?;
        }
        Tiles::boxes(element, small_block.get(..axes)?, small_chunk.get(..axes)?)
    }
}

impl Answer {
    pub(super) const fn new(slot: u32, bytes: u64) -> Self {
        Self { bytes, slot, padding: 0 }
    }
}
