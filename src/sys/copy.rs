//! Copying out of and into memory that other processes may write meanwhile.
//!
//! Invariant of the unsafe code here: every access lies inside the mapping, or the memory that a
//! caller names, is aligned, and is a relaxed atomic of at most a pointer's size, which memory that cannot
//! be written allows; so a race yields bytes of before or after, never undefined behaviour.

use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};

use super::{Access, Map};

const WORD: usize = size_of::<usize>();

/// Bytes from an address to the next whole word, at most `len`.
fn to_next_word(address: usize, len: usize) -> usize {
    (address.wrapping_neg() % WORD).min(len)
}

/// The byte at `at`.
///
/// # Safety
/// * `at` can be read for `'a`, and is reached by atomics only where this process writes.
unsafe fn byte<'a>(at: *const u8) -> &'a AtomicU8 {
    // SAFETY: as the caller promises; a byte is always aligned.
    unsafe { AtomicU8::from_ptr(at.cast_mut()) }
}

/// The word at `at`.
///
/// # Safety
/// * As for [`byte`], of the [`WORD`] bytes from `at` on.
/// * `at` is a multiple of [`WORD`].
unsafe fn whole_word<'a>(at: *const u8) -> &'a AtomicUsize {
    // SAFETY: as the caller promises.
    unsafe { AtomicUsize::from_ptr(at.cast_mut().cast()) }
}

/// Copies from memory that others may write meanwhile into all of `to`.
///
/// # Safety
/// * `from` can be read for as many bytes as `to` has, and none of them is in `to`.
/// * This process does not write them meanwhile, but by atomics.
pub unsafe fn copy_shared(mut from: *const u8, to: &mut [u8]) {
    let (head, rest) = to.split_at_mut(to_next_word(from.addr(), to.len()));
    let (words, tail) = rest.as_chunks_mut::<WORD>();
    for to in head {
        // SAFETY: `from` runs through the bytes that the caller lets us read.
        *to = unsafe { byte(from) }.load(Relaxed);
        from = from.wrapping_add(1);
    }
    for to in words {
        // SAFETY: as above; the head ended at a multiple of a word.
        *to = unsafe { whole_word(from) }.load(Relaxed).to_ne_bytes();
        from = from.wrapping_add(WORD);
    }
    for to in tail {
        // SAFETY: as above.
        *to = unsafe { byte(from) }.load(Relaxed);
        from = from.wrapping_add(1);
    }
}

impl Map {
    fn contains(&self, offset: usize, len: usize) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.len())
    }

    /// Copies from `offset` on into `buf`; `false`, and nothing is done, if
    /// that is not inside the mapping.
    #[must_use]
    pub fn copy_to(&self, offset: usize, buf: &mut [u8]) -> bool {
        if !self.contains(offset, buf.len()) {
            return false;
        }
        // SAFETY: inside the mapping, which is there while `self` lives, and which nobody has a
        // reference to who may write to `buf`; it is written by atomics, here and below.
        unsafe { copy_shared(self.as_ptr().wrapping_add(offset), buf) };
        true
    }

    /// Copies `bytes` to `offset`; `false`, and nothing is done, if that is not
    /// inside the mapping or it cannot be written.
    #[must_use]
    pub fn copy_from(&self, offset: usize, bytes: &[u8]) -> bool {
        if self.access() == Access::Read || !self.contains(offset, bytes.len()) {
            return false;
        }
        let mut at = self.as_ptr().wrapping_add(offset);
        let (head, rest) = bytes.split_at(to_next_word(at.addr(), bytes.len()));
        let (words, tail) = rest.as_chunks::<WORD>();
        for from in head {
            // SAFETY: `at` runs through the range checked above.
            unsafe { byte(at) }.store(*from, Relaxed);
            at = at.wrapping_add(1);
        }
        for from in words {
            // SAFETY: as above; the head ended at a multiple of a word.
            unsafe { whole_word(at) }.store(usize::from_ne_bytes(*from), Relaxed);
            at = at.wrapping_add(WORD);
        }
        for from in tail {
            // SAFETY: as above.
            unsafe { byte(at) }.store(*from, Relaxed);
            at = at.wrapping_add(1);
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
