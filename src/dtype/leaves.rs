//! The plain values of an element, one after the other.

use super::model::MAX_DEPTH;
use super::{DType, Field, Kind};

/// One plain value of an element.
#[derive(Debug, Clone, Copy)]
pub struct Leaf<'a> {
    /// The field it belongs to; all elements of a subarray have the same.
    pub field: Field<'a>,
    /// Byte offset in the element.
    pub offset: u32,
}

/// The plain values of one element, depth first, subarrays expanded.
#[derive(Debug, Clone)]
pub struct Leaves<'a> {
    dtype: DType<'a>,
    /// The field being expanded and the records around it, the root first.
    open: heapless::Vec<Open, { MAX_DEPTH + 1 }>,
}

/// A field of which some elements are still to come.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// Its node.
    index: u32,
    /// Elements of its subarray still to come, the current one included.
    left: u32,
    /// Where the current one begins in the whole element.
    offset: u32,
    /// Index of the current one's next field; for records.
    child: u32,
}

impl Open {
    fn new(field: Field<'_>, offset: u32) -> Self {
        // A table has no more than 65,536 nodes.
        let index = field.index() as u32;
        Self { index, left: field.count(), offset, child: index.saturating_add(1) }
    }

    fn advance(&mut self, itemsize: u32) {
        self.left = self.left.saturating_sub(1);
        self.offset = self.offset.saturating_add(itemsize);
        self.child = self.index.saturating_add(1);
    }
}

impl<'a> DType<'a> {
    /// The plain values of an element with their offsets, in the order of the
    /// fields: depth first, subarrays (of records too) expanded.
    #[must_use]
    pub fn leaves(&self) -> Leaves<'a> {
        let mut open = heapless::Vec::new();
        // The stack has room for one, so this cannot fail.
        let _ = open.push(Open::new(self.root(), 0));
        Leaves { dtype: *self, open }
    }

    /// How many values [`leaves`](Self::leaves) yields, without counting them
    /// one by one; [`u64::MAX`] for that many or more.
    #[must_use]
    pub fn leaf_count(&self) -> u64 {
        let mut total: u64 = 0;
        // Per open record: the index behind it, and how often it is there.
        let mut open: heapless::Vec<(usize, u64), MAX_DEPTH> = heapless::Vec::new();
        for field in self.root().subtree() {
            while open.last().is_some_and(|&(end, _)| end <= field.index()) {
                open.pop();
            }
            let around = open.last().map_or(1, |&(_, times)| times);
            let times = around.saturating_mul(u64::from(field.count()));
            if field.kind() == Kind::Record {
                let end = field.index().saturating_add(field.node().span as usize);
                let _ = open.push((end, times));
            } else {
                total = total.saturating_add(times);
            }
        }
        total
    }
}

impl<'a> Iterator for Leaves<'a> {
    type Item = Leaf<'a>;

    fn next(&mut self) -> Option<Leaf<'a>> {
        loop {
            let top = self.open.last_mut()?;
            let field = self.dtype.field_at(top.index);
            if top.left == 0 {
                self.open.pop();
            } else if field.kind() != Kind::Record {
                let leaf = Leaf { field, offset: top.offset };
                top.advance(field.itemsize());
                return Some(leaf);
            } else if top.child >= top.index.saturating_add(field.node().span) {
                top.advance(field.itemsize());
            } else {
                let child = self.dtype.field_at(top.child);
                top.child = top.child.saturating_add(child.node().span.max(1));
                let opened = Open::new(child, top.offset.saturating_add(child.offset()));
                // A validated dtype is not deeper than the stack.
                self.open.push(opened).ok()?;
            }
        }
    }
}
