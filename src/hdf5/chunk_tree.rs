//! Where the chunks of a dataset lie, read from the tree that HDF5 keeps of them: for
//! [`contents`](super::contents) and [`packed`](super::packed). HDF5 tells the place of one chunk at a time, and walks over
//! half of the tree for each; here it is read once.
//!
//! Only the usual kind is known, which all files have but those that ask for the newest
//! format: a layout message of version 3, and a tree of version 1. Whatever looks otherwise is
//! no answer. Nothing here is trusted: the caller compares number and bytes with HDF5's, or
//! looks at each entry.

use std::vec::Vec;

use super::header::{ADDRESS, View, number};
use super::temporary::Extent;
use crate::error::Error;

/// The message of an object's header that says where its bytes lie.
const LAYOUT: u16 = 8;

/// Gets an entry; none if it cannot be.
type Each<'a> = dyn FnMut(&[u8]) -> Option<()> + 'a;

/// What a walk may still come to.
#[derive(Debug)]
struct Left {
    nodes: u64,
    entries: u64,
}

/// A chunk by its entry in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it lies in the file.
    pub(super) at: u64,
    pub(super) len: u32,
    pub(super) mask: u32,
    /// Its first element, along each axis.
    pub(super) origin: Vec<u64>,
}

/// What became of reading a tree.
#[derive(Debug)]
pub(super) enum Found {
    /// The dataset has none of the usual kind, or it has too many chunks.
    Other,
    /// It cannot be.
    Damaged,
    /// The file cannot be read.
    Unreadable(Error),
    /// All chunks.
    Chunks(Vec<Entry>),
}

impl View<'_> {
    /// Where the chunks of the dataset lie whose header is at `object`; none if that is not
    /// found, or if there are more than `most`.
    pub(super) fn chunks(&self, object: u64, most: u64) -> Option<Vec<Extent>> {
        let (root, key) = self.root(object)?;
        let mut found = Vec::new();
        self.all(root, key, most, &mut |entry| {
            found.push((self.place(entry, key)?, number(entry.get(..4)?)?));
            Some(())
        })?;
        Some(found)
    }

    /// All that the tree says of the chunks, of which there are no more than `most`, of a
    /// dataset with so many axes.
    pub(super) fn entries(&self, object: u64, axes: usize, most: u64) -> Found {
        let root = self.root(object);
        if let Some(error) = self.failed() {
            return Found::Unreadable(error);
        }
        let Some((root, key)) = root else { return Found::Other };
        let mut found = Vec::new();
        let read = self.all(root, key, most, &mut |entry| {
            let (head, rest) = entry.split_at_checked(8)?;
            let (len, mask) = head.split_at_checked(4)?;
            let origin = rest.chunks_exact(8).take(axes).map(number).collect::<Option<_>>()?;
            let (len, mask) = (number(len)? as u32, number(mask)? as u32);
            found.push(Entry { at: self.place(entry, key)?, len, mask, origin });
            Some(())
        });
        if key == 8 + 8 * (axes + 1) && read.is_some() {
            Found::Chunks(found)
        } else {
            self.failed().map_or(Found::Damaged, Found::Unreadable)
        }
    }

    /// Where the tree begins, and how long its keys are.
    fn root(&self, object: u64) -> Option<(u64, usize)> {
        let layout = self.message(object, LAYOUT)?;
        let (&[3, 2, axes], rest) = layout.split_first_chunk()? else { return None };
        Some((number(rest.get(..ADDRESS)?)?, 8 + 8 * usize::from(axes)))
    }

    /// The place of an entry's chunk in the file.
    fn place(&self, entry: &[u8], key: usize) -> Option<u64> {
        number(entry.get(key..)?)?.checked_add(self.base)
    }

    /// Calls `each` for all entries of leaves, if they are no more than `most`.
    fn all(&self, root: u64, key: usize, most: u64, each: &mut Each<'_>) -> Option<()> {
        // A node that is no root has an entry, so there are no more nodes than entries on a level.
        let mut left = Left { nodes: most.saturating_mul(2).saturating_add(64), entries: most };
        if root == u64::MAX { Some(()) } else { self.walk(root, key, None, &mut left, each) }
    }

    /// Notes the chunks of a node and of those below it.
    fn walk(
        &self,
        node: u64,
        key: usize,
        above: Option<u8>,
        left: &mut Left,
        each: &mut Each<'_>,
    ) -> Option<()> {
        const HEAD: usize = 8 + 2 * ADDRESS;
        left.nodes = left.nodes.checked_sub(1)?;
        let head = self.read(node, HEAD)?;
        let (&[b'T', b'R', b'E', b'E', 1, level, low, high], _) = head.split_first_chunk()? else {
            return None;
        };
        // A node that led to itself would never end.
        if above.is_some_and(|above| level.checked_add(1) != Some(above) || [low, high] == [0; 2]) {
            return None;
        }
        let entry = key + ADDRESS;
        let count = usize::from(u16::from_le_bytes([low, high]));
        let entries = self.read(node.checked_add(HEAD as u64)?, count * entry)?;
        for entry in entries.chunks_exact(entry) {
            if level == 0 {
                left.entries = left.entries.checked_sub(1)?;
                each(entry)?;
            } else {
                self.walk(number(entry.get(key..)?)?, key, Some(level), left, each)?;
            }
        }
        Some(())
    }
}
