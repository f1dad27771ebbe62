//! Whether two fields of one record have the same name, without memory.
//!
//! A record may have 65,535 fields and the tables are borrowed, so there is
//! nowhere to sort them or to hash them into. Instead the names are put in
//! order one batch at a time: a pass over the record collects the next
//! [`BATCH`] names behind the last batch in a heap, sorts them there, and
//! compares neighbours. That is one pass for most records and 16 for the
//! largest, whatever the names are: no hash that a hostile header could defeat.

use core::cmp::Ordering;

use super::Node;

/// Names put in order per pass: 8 KiB of stack.
const BATCH: usize = 4096;

/// Index of a field of `record` that has the name of another one before it.
pub(super) fn duplicate(nodes: &[Node], names: &[u8], record: usize) -> Option<usize> {
    let mut batch = Batch { nodes, names, heap: [0; BATCH], len: 0 };
    let mut last = None;
    loop {
        batch.collect(record, last);
        let full = batch.len == BATCH;
        batch.sort();
        for &index in batch.heap.iter().take(batch.len) {
            if last.is_some_and(|before| batch.name(before) == batch.name(index)) {
                return Some(usize::from(index));
            }
            last = Some(index);
        }
        if !full {
            return None;
        }
    }
}

struct Batch<'a> {
    nodes: &'a [Node],
    names: &'a [u8],
    /// Node indices; a heap with the greatest name first, then sorted.
    heap: [u16; BATCH],
    len: usize,
}

impl<'a> Batch<'a> {
    /// The [`BATCH`] smallest fields behind `last`.
    fn collect(&mut self, record: usize, last: Option<u16>) {
        self.len = 0;
        let end = record.saturating_add(self.node(record).span as usize);
        let mut child = record.saturating_add(1);
        while let Some(index) = u16::try_from(child).ok().filter(|_| child < end) {
            self.offer(index, last);
            child = child.saturating_add(self.node(child).span.max(1) as usize);
        }
    }

    fn offer(&mut self, index: u16, last: Option<u16>) {
        let full = self.len == BATCH;
        if full && !self.less(index, self.at(0)) {
            return;
        }
        if last.is_some_and(|before| !self.less(before, index)) {
            return;
        }
        if full {
            self.sink(index, BATCH);
        } else {
            self.rise(index);
        }
    }

    /// Adds to the end and moves up.
    fn rise(&mut self, index: u16) {
        let mut hole = self.len;
        self.len += 1;
        while hole > 0 {
            let parent = (hole - 1) / 2;
            if !self.less(self.at(parent), index) {
                break;
            }
            self.put(hole, self.at(parent));
            hole = parent;
        }
        self.put(hole, index);
    }

    /// Replaces the first entry of a heap of `len` and moves down.
    fn sink(&mut self, index: u16, len: usize) {
        let mut hole = 0;
        loop {
            let mut child = 2 * hole + 1;
            if child + 1 < len && self.less(self.at(child), self.at(child + 1)) {
                child += 1;
            }
            if child >= len || !self.less(index, self.at(child)) {
                break;
            }
            self.put(hole, self.at(child));
            hole = child;
        }
        self.put(hole, index);
    }

    /// Turns the heap into ascending order.
    fn sort(&mut self) {
        for end in (1..self.len).rev() {
            let moved = self.at(end);
            self.put(end, self.at(0));
            self.sink(moved, end);
        }
    }

    /// A total order in which equal names are neighbours, the earlier node first.
    /// Lengths go first: they are cheap, and `x2` comes before `x10`.
    fn less(&self, a: u16, b: u16) -> bool {
        let (first, second) = (self.name(a), self.name(b));
        let lengths = first.len().cmp(&second.len());
        lengths.then_with(|| first.cmp(second)).then(a.cmp(&b)) == Ordering::Less
    }

    fn name(&self, index: u16) -> &'a [u8] {
        let node = self.node(usize::from(index));
        let start = node.name_start as usize;
        let end = start.saturating_add(usize::from(node.name_len));
        self.names.get(start..end).unwrap_or_default()
    }

    fn node(&self, index: usize) -> Node {
        self.nodes.get(index).copied().unwrap_or_default()
    }

    fn at(&self, place: usize) -> u16 {
        self.heap.get(place).copied().unwrap_or_default()
    }

    fn put(&mut self, place: usize, index: u16) {
        if let Some(entry) = self.heap.get_mut(place) {
            *entry = index;
        }
    }
}
