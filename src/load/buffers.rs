//! Which buffers of the ring are free, and which pieces have the others.
//!
//! Small pieces share a buffer; it is free when the last of them has given it back.

use std::vec::Vec;

/// All buffers of a ring, by their numbers.
#[derive(Debug)]
pub(super) struct Buffers {
    free: Vec<u32>,
    lent: Vec<Lent>,
}

/// The pieces that a buffer was last lent to, and how many of them still have it.
#[derive(Debug, Clone, Default)]
struct Lent {
    pieces: Vec<u64>,
    users: usize,
}

impl Buffers {
    pub(super) fn new(count: usize) -> Self {
        let lent = std::vec![Lent::default(); count];
        Self { free: (0..count as u32).rev().collect(), lent }
    }

    pub(super) const fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Takes a free buffer, which no piece has yet.
    pub(super) fn take(&mut self) -> Option<u32> {
        let buffer = self.free.pop()?;
        if let Some(lent) = self.lent.get_mut(buffer as usize) {
            lent.pieces.clear();
            lent.users = 0;
        }
        Some(buffer)
    }

    /// Lends a buffer that was taken to one piece more.
    pub(super) fn lend(&mut self, buffer: u32, piece: u64) {
        if let Some(lent) = self.lent.get_mut(buffer as usize) {
            lent.pieces.push(piece);
            lent.users += 1;
        }
    }

    /// The pieces that a buffer was lent to, in their order.
    pub(super) fn pieces(&self, buffer: u32) -> &[u64] {
        self.lent.get(buffer as usize).map_or(&[], |lent| &lent.pieces)
    }

    /// One piece gives a buffer back.
    pub(super) fn release(&mut self, buffer: u32) {
        let Some(lent) = self.lent.get_mut(buffer as usize) else { return };
        lent.users = lent.users.saturating_sub(1);
        if lent.users == 0 {
            self.free.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_piece_frees_a_buffer() {
        let mut buffers = Buffers::new(2);
        let shared = buffers.take().unwrap();
        (5..8).for_each(|piece| buffers.lend(shared, piece));
        let other = buffers.take().unwrap();
        buffers.lend(other, 8);
        assert_eq!((buffers.take(), buffers.pieces(shared)), (None, &[5, 6, 7][..]));
        for _ in 0..3 {
            assert!(!buffers.has_free());
            buffers.release(shared);
        }
        assert_eq!(buffers.take(), Some(shared));
        assert!(buffers.pieces(shared).is_empty() && !buffers.has_free());
        buffers.release(other);
        assert_eq!(buffers.take(), Some(other));
    }
}
