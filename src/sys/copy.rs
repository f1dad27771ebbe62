//! Copying out of and into memory that other processes may write meanwhile.
//!
//! Invariant of the unsafe code here: every access lies inside the mapping, is
//! aligned, and is a relaxed atomic of at most a pointer's size, which memory that cannot
//! be written allows; so a race yields bytes of before or after, never undefined behaviour.

use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};

use super::{Access, Map};

const WORD: usize = size_of::<usize>();

/// Bytes from `offset` to the next whole word, at most `len`.
fn to_next_word(offset: usize, len: usize) -> usize {
    (offset.wrapping_neg() % WORD).min(len)
}

impl Map {
    fn contains(&self, offset: usize, len: usize) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.len())
    }

    /// The byte at `offset`.
    ///
    /// # Safety
    /// * `offset` lies inside the mapping.
    unsafe fn byte(&self, offset: usize) -> &AtomicU8 {
        // SAFETY: inside the mapping, as the caller promises.
        let at = unsafe { self.as_ptr().add(offset) };
        // SAFETY: mapped while `self` lives, and reached by atomics only.
        unsafe { AtomicU8::from_ptr(at) }
    }

    /// The word at `offset`.
    ///
    /// # Safety
    /// * The [`WORD`] bytes from `offset` on lie inside the mapping.
    /// * `offset` is a multiple of [`WORD`].
    unsafe fn whole_word(&self, offset: usize) -> &AtomicUsize {
        // SAFETY: inside the mapping, as the caller promises.
        let at = unsafe { self.as_ptr().add(offset) };
        // SAFETY: aligned, as mappings are and `offset` is; mapped while `self` lives;
        // reached by atomics only.
        unsafe { AtomicUsize::from_ptr(at.cast()) }
    }

    /// Copies from `offset` on into `buf`; `false`, and nothing is done, if
    /// that is not inside the mapping.
    #[must_use]
    pub fn copy_to(&self, mut offset: usize, buf: &mut [u8]) -> bool {
        if !self.contains(offset, buf.len()) {
            return false;
        }
        let (head, rest) = buf.split_at_mut(to_next_word(offset, buf.len()));
        let (words, tail) = rest.as_chunks_mut::<WORD>();
        for to in head {
            // SAFETY: `offset` runs through the range checked above.
            *to = unsafe { self.byte(offset) }.load(Relaxed);
            offset += 1;
        }
        for to in words {
            // SAFETY: as above; the head ended at a multiple of a word.
            *to = unsafe { self.whole_word(offset) }.load(Relaxed).to_ne_bytes();
            offset += WORD;
        }
        for to in tail {
            // SAFETY: as above.
            *to = unsafe { self.byte(offset) }.load(Relaxed);
            offset += 1;
        }
        true
    }

    /// Copies `bytes` to `offset`; `false`, and nothing is done, if that is not
    /// inside the mapping or it cannot be written.
    #[must_use]
    pub fn copy_from(&self, mut offset: usize, bytes: &[u8]) -> bool {
        if self.access() == Access::Read || !self.contains(offset, bytes.len()) {
            return false;
        }
        let (head, rest) = bytes.split_at(to_next_word(offset, bytes.len()));
        let (words, tail) = rest.as_chunks::<WORD>();
        for from in head {
            // SAFETY: `offset` runs through the range checked above.
            unsafe { self.byte(offset) }.store(*from, Relaxed);
            offset += 1;
        }
        for from in words {
            // SAFETY: as above; the head ended at a multiple of a word.
            unsafe { self.whole_word(offset) }.store(usize::from_ne_bytes(*from), Relaxed);
            offset += WORD;
        }
        for from in tail {
            // SAFETY: as above.
            unsafe { self.byte(offset) }.store(*from, Relaxed);
            offset += 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_aligned() {
        for offset in 0..17 {
            assert_eq!((offset + to_next_word(offset, 100)) % WORD, 0);
            assert!(to_next_word(offset, 100) < WORD && to_next_word(offset, 3) <= 3);
        }
    }

    #[test]
    fn every_offset_and_length_near_words() {
        let map = Map::shared_anonymous(64).unwrap();
        let source: [u8; 40] = core::array::from_fn(|i| i as u8 + 1);
        for offset in 0..17 {
            for len in 0..source.len() {
                assert!(map.copy_from(0, &[0; 64]));
                assert!(map.copy_from(offset, &source[..len]));
                let mut back = [0xff; 64];
                assert!(map.copy_to(0, &mut back));
                assert_eq!(back[offset..offset + len], source[..len]);
                assert!(back[..offset].iter().chain(&back[offset + len..]).all(|&b| b == 0));
                let mut part = [0; 40];
                assert!(map.copy_to(offset, &mut part[..len]));
                assert_eq!(part[..len], source[..len]);
            }
        }
        assert!(!map.copy_to(map.len(), &mut [0]));
        assert!(!map.copy_to(usize::MAX, &mut [0]));
        assert!(map.copy_to(map.len(), &mut []));
        assert!(!map.copy_from(map.len() - 1, &[0, 0]));
    }
}
