//! Attributes that are too many for an object's header, read from the file without HDF5.
//!
//! They lie in a fractal heap, and a tree of version 2 says where in it. Known is what a few
//! hundred attributes need: no huge ones, and a tree of two levels.

use std::vec::Vec;

use super::header::{ADDRESS, View, number, number_at};

/// What records of attributes are called in a tree, and how long they are.
const BY_NAME: u8 = 8;
const RECORD: usize = 17;
/// Bytes in front of a node's records, and with the checksum behind them.
const NODE_HEAD: usize = 6;
const NODE_REST: usize = NODE_HEAD + 4;
/// Longest node and longest table of blocks.
const MOST: usize = 1 << 20;

/// A heap, as far as it is needed.
struct Heap {
    /// Bytes of an offset in it.
    offset: usize,
    /// Blocks in a row, and bytes of one in the first.
    width: u64,
    first: u64,
    /// Bytes of the longest block that is not made of others.
    longest: u64,
    root: u64,
    /// Rows of the table at the root; none if the root is a block.
    rows: u64,
}

impl View<'_> {
    /// The attributes by the message that says where they are; none if they cannot be found.
    pub(super) fn dense_attributes(&self, message: &[u8]) -> Option<Vec<Vec<u8>>> {
        let &[0, flags, ..] = message else { return None };
        let at = if flags & 1 == 0 { 2 } else { 4 };
        let (heap, tree) =
            (number_at(message, at, ADDRESS)?, number_at(message, at + ADDRESS, ADDRESS)?);
        if heap == u64::MAX {
            return Some(Vec::new());
        }
        let heap = self.heap(heap)?;
        self.records(tree)?.iter().map(|record| self.in_heap(&heap, record)).collect()
    }

    fn heap(&self, at: u64) -> Option<Heap> {
        let head = self.read(at, 146)?;
        let at = |from, len| number_at(&head, from, len);
        // No filters.
        if !head.starts_with(b"FRHP\0") || at(7, 2)? != 0 {
            return None;
        }
        Some(Heap {
            offset: usize::try_from(at(128, 2)?).ok()?.div_ceil(8),
            width: at(110, 2)?,
            first: at(112, 8)?.max(1),
            longest: at(120, 8)?,
            root: at(132, 8)?,
            rows: at(140, 2)?,
        })
    }

    /// All records of a tree.
    fn records(&self, at: u64) -> Option<Vec<Vec<u8>>> {
        let head = self.read(at, 38)?;
        let depth = number_at(&head, 12, 2)?;
        let node = usize::try_from(number_at(&head, 6, 4)?).ok().filter(|&node| node <= MOST)?;
        let (root, count) = (number_at(&head, 16, 8)?, number_at(&head, 24, 2)? as usize);
        if !head.starts_with(&[b'B', b'T', b'H', b'D', 0, BY_NAME]) || depth > 1 {
            return None;
        }
        if count == 0 {
            return Some(Vec::new());
        }
        if depth == 0 {
            return self.node(root, *b"BTLF", count, 0).map(|(records, _)| records);
        }
        let most = node.checked_sub(NODE_REST)? / RECORD;
        let width = (8 - (most as u64).leading_zeros() as usize / 8).max(1);
        let (mut all, behind) =
            self.node(root, *b"BTIN", count, (count + 1) * (ADDRESS + width))?;
        for child in behind.chunks_exact(ADDRESS + width) {
            let count = number(child.get(ADDRESS..)?)? as usize;
            if count > most {
                return None;
            }
            all.extend(self.node(number(child.get(..ADDRESS)?)?, *b"BTLF", count, 0)?.0);
        }
        Some(all)
    }

    /// The records of a node, and so many bytes behind them.
    fn node(
        &self,
        at: u64,
        sign: [u8; 4],
        count: usize,
        behind: usize,
    ) -> Option<(Vec<Vec<u8>>, Vec<u8>)> {
        let bytes = self.read(at, NODE_HEAD + count * RECORD + behind)?;
        let rest = bytes.strip_prefix(&sign)?.strip_prefix(&[0, BY_NAME])?;
        let (records, behind) = rest.split_at_checked(count * RECORD)?;
        Some((records.chunks_exact(RECORD).map(<[u8]>::to_vec).collect(), behind.to_vec()))
    }

    /// What a record stands for.
    fn in_heap(&self, heap: &Heap, record: &[u8]) -> Option<Vec<u8>> {
        // Neither huge nor in the record itself.
        if record.first()? & 0xF0 != 0 || record.get(8)? & 2 != 0 {
            return None;
        }
        let offset = number_at(record, 1, heap.offset)?;
        let len = number(record.get(1 + heap.offset..8)?)?;
        let (block, start) = self.block(heap, offset)?;
        let at = block.checked_add(offset.checked_sub(start)?)?;
        self.read(at, usize::try_from(len).ok().filter(|&len| len <= MOST)?)
    }

    /// The block that has an offset, and the offset of its beginning.
    fn block(&self, heap: &Heap, offset: u64) -> Option<(u64, u64)> {
        if heap.rows == 0 {
            return Some((heap.root, 0));
        }
        let (mut start, mut size, mut number) = (0_u64, heap.first, 0_u64);
        for row in 0..heap.rows {
            // The first two rows have blocks of the same size.
            size = if row > 1 { size.checked_mul(2)? } else { size };
            if size > heap.longest {
                return None;
            }
            let end = start.checked_add(size.checked_mul(heap.width)?)?;
            if offset < end {
                let column = (offset - start) / size;
                let skip = 5 + ADDRESS as u64 + heap.offset as u64;
                let place = skip + (number + column).checked_mul(ADDRESS as u64)?;
                let block = self.read(heap.root.checked_add(place)?, ADDRESS)?;
                return Some((super::header::number(&block)?, start + column * size));
            }
            (start, number) = (end, number + heap.width);
        }
        None
    }
}
