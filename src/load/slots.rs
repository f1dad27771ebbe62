//! Where the text of streams lies in the ring while it is worked on.
//!
//! The region is cut into slots of equal size, one for each piece. A line that is
//! longer than a slot gets the whole region: when no other piece is left in it,
//! its slot is spread over all of them.

use std::vec::Vec;

use crate::sys::page_size;
use crate::text::PADDING;

/// The slots of the region, and which are in use.
#[derive(Debug)]
pub(super) struct Slots {
    slot_size: usize,
    count: usize,
    /// Longest text that a spread slot holds.
    limit: usize,
    free: Vec<u32>,
    spread: bool,
}

impl Slots {
    /// `count` slots in about `memory` bytes, for lines of at most `limit` bytes; none
    /// if there are no streams to read.
    pub(super) fn new(count: usize, memory: usize, limit: usize) -> Self {
        let page = page_size();
        let slot_size = (memory / count.max(1) / page).max(1) * page;
        let mut slots = Self { slot_size, count, limit, free: Vec::new(), spread: false };
        slots.free_all();
        slots
    }

    /// Bytes of the region.
    pub(super) fn region(&self) -> usize {
        match self.count {
            0 => 0,
            count => (count * self.slot_size).max(self.limit + PADDING),
        }
    }

    fn free_all(&mut self) {
        self.free.clear();
        self.free.extend((0..self.count as u32).rev());
    }

    /// A free slot.
    pub(super) fn take(&mut self) -> Option<u32> {
        self.free.pop()
    }

    /// Place of a slot in the region.
    pub(super) const fn at(&self, slot: u32) -> usize {
        slot as usize * self.slot_size
    }

    /// Bytes of text that the slot being filled holds.
    pub(super) fn room(&self) -> usize {
        if self.spread { self.limit } else { self.slot_room() }
    }

    /// Bytes of text that any slot holds.
    pub(super) fn slot_room(&self) -> usize {
        (self.slot_size - PADDING).min(self.limit)
    }

    pub(super) const fn is_spread(&self) -> bool {
        self.spread
    }

    /// Gives the whole region to the one slot that is in use: it is slot 0 from now on.
    /// False as long as another one is in use.
    pub(super) fn spread(&mut self) -> bool {
        if self.spread || self.free.len() + 1 < self.count {
            return false;
        }
        self.free.clear();
        self.spread = true;
        true
    }

    /// Takes a slot back.
    pub(super) fn release(&mut self, slot: u32) {
        if self.spread {
            self.spread = false;
            self.free_all();
        } else {
            self.free.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_spread_only_when_it_is_alone() {
        let mut slots = Slots::new(3, 3 << 16, 150_000);
        assert_eq!((slots.region(), slots.room()), (3 << 16, (1 << 16) - PADDING));
        let (a, b) = (slots.take().unwrap(), slots.take().unwrap());
        assert_ne!(slots.at(a), slots.at(b));
        assert!(!slots.spread());
        slots.release(a);
        assert!(slots.spread() && !slots.spread());
        assert_eq!((slots.room(), slots.take()), (150_000, None));
        slots.release(0);
        assert!((0..3).all(|_| slots.take().is_some()) && slots.take().is_none());
        assert_eq!(slots.room(), (1 << 16) - PADDING);
    }

    #[test]
    fn without_streams_there_is_no_region() {
        let mut slots = Slots::new(0, 1 << 20, 1000);
        assert_eq!((slots.region(), slots.take()), (0, None));
    }
}
