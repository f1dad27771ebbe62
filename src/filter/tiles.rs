//! How a block of whole rows is parted into chunks. All sizes are bytes.

use super::Filters;

/// Most axes that a block may have.
pub(super) const AXES: usize = 8;
/// Most bytes of a chunk in an HDF5 file.
const MOST: usize = u32::MAX as usize;

/// The chunks of a block, in the order in which they are packed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tiles<'c> {
    pub(super) kind: Kind<'c>,
    block: usize,
    count: usize,
    /// Bytes of all chunks.
    total: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind<'c> {
    /// The block is the chunk; `unit` is what is shuffled.
    Whole { unit: usize },
    /// Every column is one.
    Columns { row: usize, rows: usize, columns: &'c [(u32, u32)] },
    /// Boxes of elements, padded with zeros.
    Boxes(Boxes),
}

/// Boxes out of a block of elements, last axis fastest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Boxes {
    pub(super) unit: usize,
    /// Axes in use; of the others extents are 1.
    pub(super) axes: usize,
    /// In elements; on the last axis in use, in bytes.
    pub(super) block: [usize; AXES],
    /// Likewise.
    pub(super) chunk: [usize; AXES],
    bytes: usize,
}

impl<'c> Tiles<'c> {
    /// One chunk: all of the rows, of which `element` bytes are shuffled with one another.
    #[allow(dead_code, reason = "for readers of chunks that are whole rows")]
    pub(crate) fn rows(row_size: usize, rows: usize, element: usize) -> Option<Self> {
        let block = row_size.checked_mul(rows)?;
        Self::checked(Kind::Whole { unit: element }, block, 1, block).filter(|_| element > 0)
    }

    /// One chunk for each column, of which a row has some at these places, each an offset and
    /// a size.
    pub(crate) fn columns(row_size: usize, rows: usize, columns: &'c [(u32, u32)]) -> Option<Self> {
        let mut total = 0_usize;
        for &(offset, size) in columns {
            let (offset, size) = (offset as usize, size as usize);
            let bytes = size.checked_mul(rows).filter(|bytes| (1..=MOST).contains(bytes))?;
            let _ = offset.checked_add(size).filter(|&end| end <= row_size)?;
            total = total.checked_add(bytes)?;
        }
        let kind = Kind::Columns { row: row_size, rows, columns };
        Self::checked(kind, row_size.checked_mul(rows)?, columns.len(), total)
    }

    /// Boxes of `chunk` elements, of `element` bytes each, out of a block of `block` elements,
    /// in the order of their places. Those at the end of an axis are filled up with zeros.
    pub(crate) fn boxes(element: usize, block: &[usize], chunk: &[usize]) -> Option<Self> {
        let boxes = Boxes::new(element, block, chunk)?;
        let block = product(&boxes.block)?;
        let count = boxes.grid().try_fold(1, usize::checked_mul)?;
        let total = boxes.bytes.checked_mul(count).filter(|_| boxes.bytes <= MOST)?;
        let whole = count == 1 && total == block;
        let kind = if whole { Kind::Whole { unit: element } } else { Kind::Boxes(boxes) };
        Self::checked(kind, block, count, total)
    }

    fn checked(kind: Kind<'c>, block: usize, count: usize, total: usize) -> Option<Self> {
        let some = block > 0 && count > 0 && total > 0;
        // Offsets fit pointers, and a checksum for each chunk fits as well.
        let fits = block.checked_add(total)?.checked_add(count.checked_mul(8)?)? < MOST_MEMORY;
        let tiles = Self { kind, block, count, total };
        (some && fits && tiles.chunk_bytes(0) <= MOST).then_some(tiles)
    }

    /// Bytes of the block.
    pub(crate) const fn block_bytes(&self) -> usize {
        self.block
    }

    /// Chunks.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Bytes of a chunk before it is packed; 0 if there is none with this number.
    pub(crate) fn chunk_bytes(&self, i: usize) -> usize {
        match self.kind {
            _ if i >= self.count => 0,
            Kind::Whole { .. } => self.block,
            Kind::Columns { rows, columns, .. } => {
                columns.get(i).map_or(0, |&(_, size)| size as usize * rows)
            }
            Kind::Boxes(boxes) => boxes.bytes,
        }
    }

    /// Bytes of an element of a chunk, which are shuffled with one another.
    pub(super) fn unit(&self, i: usize) -> usize {
        match self.kind {
            Kind::Whole { unit } | Kind::Boxes(Boxes { unit, .. }) => unit,
            Kind::Columns { columns, .. } => columns.get(i).map_or(1, |&(_, size)| size as usize),
        }
    }

    /// Bytes of the largest chunk before it is packed.
    pub(super) fn most_chunk_bytes(&self) -> usize {
        match self.kind {
            Kind::Columns { rows, columns, .. } => {
                columns.iter().map(|&(_, size)| size as usize * rows).max().unwrap_or(0)
            }
            _ => self.chunk_bytes(0),
        }
    }

    /// Bytes that the packed chunks take at most.
    pub(crate) const fn packed_bound(&self, filters: Filters) -> usize {
        self.total + self.count * filters.added()
    }
}

/// Bytes that a Rust object may have.
const MOST_MEMORY: usize = isize::MAX as usize;

fn product(extents: &[usize]) -> Option<usize> {
    extents.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent))
}

impl Boxes {
    /// Axes that lie in one chunk as in the block are taken together with the one before.
    fn new(element: usize, block: &[usize], chunk: &[usize]) -> Option<Self> {
        let axes = block.len();
        let bad = chunk.len() != axes || chunk.contains(&0) || block.contains(&0);
        if bad || !(1..=AXES).contains(&axes) || element == 0 {
            return None;
        }
        let mut boxes = Self { unit: element, axes, block: [1; AXES], chunk: [1; AXES], bytes: 0 };
        boxes.block.get_mut(..axes)?.copy_from_slice(block);
        boxes.chunk.get_mut(..axes)?.copy_from_slice(chunk);
        boxes.merge(element, element)?;
        while let Some((&block, &chunk)) = boxes.last().filter(|(b, c)| b == c && boxes.axes > 1) {
            boxes.axes -= 1;
            (boxes.block[boxes.axes], boxes.chunk[boxes.axes]) = (1, 1);
            boxes.merge(block, chunk)?;
        }
        boxes.bytes = product(&boxes.chunk)?;
        Some(boxes)
    }

    /// The extents of the last axis in use.
    fn last(&self) -> Option<(&usize, &usize)> {
        let last = self.axes.checked_sub(1)?;
        self.block.get(last).zip(self.chunk.get(last))
    }

    /// Multiplies the extents of the last axis in use.
    fn merge(&mut self, block: usize, chunk: usize) -> Option<()> {
        let last = self.axes.checked_sub(1)?;
        let (old_block, old_chunk) = (self.block.get_mut(last)?, self.chunk.get_mut(last)?);
        *old_block = old_block.checked_mul(block)?;
        *old_chunk = old_chunk.checked_mul(chunk)?;
        Some(())
    }

    /// How many boxes there are along each axis.
    fn grid(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.block.iter().zip(&self.chunk).map(|(block, chunk)| block.div_ceil(*chunk))
    }

    /// Where box `i` begins.
    fn origin(&self, mut i: usize) -> [usize; AXES] {
        let mut origin = [0; AXES];
        let axes = origin.iter_mut().zip(self.chunk).rev().zip(self.grid().rev());
        for ((origin, chunk), boxes) in axes {
            *origin = i % boxes * chunk;
            i /= boxes;
        }
        origin
    }

    /// Calls `f` with offset in the block, offset in box `i` and length of each run of bytes
    /// that lie together in both. Returns the number of bytes.
    pub(super) fn runs(&self, i: usize, mut f: impl FnMut(usize, usize, usize)) -> usize {
        let origin = self.origin(i);
        let mut extent = [1; AXES];
        for (((extent, block), chunk), origin) in
            extent.iter_mut().zip(self.block).zip(self.chunk).zip(origin)
        {
            *extent = chunk.min(block - origin);
        }
        let last = self.axes - 1;
        let len = extent[last];
        extent[last] = 1;
        let runs: usize = extent.iter().product();
        let mut at = [0; AXES];
        for _ in 0..runs {
            let (mut from, mut to) = (0, 0);
            for axis in 0..self.axes {
                from = from * self.block[axis] + origin[axis] + at[axis];
                to = to * self.chunk[axis] + at[axis];
            }
            f(from, to, len);
            step(&mut at, &extent);
        }
        runs * len
    }
}

/// The next place in a box of these extents, last axis fastest.
fn step(at: &mut [usize; AXES], extent: &[usize; AXES]) {
    for (at, extent) in at.iter_mut().zip(extent).rev() {
        *at += 1;
        if *at < *extent {
            return;
        }
        *at = 0;
    }
}
