//! Single words of a shared mapping: atomic access, waiting, waking.
//!
//! Invariant of the unsafe code here: every access lies inside the mapping and
//! is aligned, and a mapping that cannot be written is only loaded from, which
//! `core::sync::atomic` allows on read-only memory for relaxed loads.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::clock::timespec;
use super::{Access, Map};

impl Map {
    /// The word at `offset`, if it is aligned and inside.
    fn word(&self, offset: usize) -> Option<&AtomicU32> {
        let end = offset.checked_add(4)?;
        if end > self.len() || !offset.is_multiple_of(4) {
            return None;
        }
        // SAFETY: `offset` lies within the mapping.
        let at = unsafe { self.as_ptr().add(offset) };
        // SAFETY: aligned, since mappings are and `offset` is; mapped as long as `self`
        // lives; this crate reaches these words by atomics only.
        Some(unsafe { AtomicU32::from_ptr(at.cast()) })
    }

    fn writable_word(&self, offset: usize) -> Option<&AtomicU32> {
        if self.access() == Access::ReadWrite { self.word(offset) } else { None }
    }

    /// Loads the word at `offset`; what was written before its
    /// [`store_u32`](Self::store_u32) is visible afterwards.
    #[must_use]
    pub fn load_u32(&self, offset: usize) -> Option<u32> {
        let value = self.word(offset)?.load(Ordering::Relaxed);
        // Together with the relaxed load this is an acquire load, and the load
        // alone is what read-only memory allows.
        fence(Ordering::Acquire);
        Some(value)
    }

    /// Stores the word at `offset`, after everything written before. Does
    /// nothing where it cannot be written.
    pub fn store_u32(&self, offset: usize, value: u32) {
        if let Some(word) = self.writable_word(offset) {
            // Partner: the fence in `load_u32`.
            word.store(value, Ordering::Release);
        }
    }

    /// Adds 1, wrapping; the new value, if it can be written.
    #[allow(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn increment_u32(&self, offset: usize) -> Option<u32> {
        let old = self.writable_word(offset)?.fetch_add(1, Ordering::AcqRel);
        Some(old.wrapping_add(1))
    }

    /// Subtracts 1, but never from 0; the new value, if it can be written.
    #[allow(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn decrement_u32(&self, offset: usize) -> Option<u32> {
        let less = |value: u32| value.checked_sub(1);
        let word = self.writable_word(offset)?;
        let old = word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, less);
        Some(old.map_or(0, |old| old.wrapping_sub(1)))
    }

    /// The double word at `offset`, if it is aligned, inside, and can be written.
    fn writable_double_word(&self, offset: usize) -> Option<&AtomicU64> {
        let end = offset.checked_add(8)?;
        if end > self.len() || !offset.is_multiple_of(8) || self.access() == Access::Read {
            return None;
        }
        // SAFETY: `offset` lies within the mapping.
        let at = unsafe { self.as_ptr().add(offset) };
        // SAFETY: aligned, since mappings are and `offset` is; mapped as long as `self`
        // lives; this crate reaches these words by atomics only.
        Some(unsafe { AtomicU64::from_ptr(at.cast()) })
    }

    /// Puts what `change` makes of the double word at `offset` in its place, in one step.
    /// Whether it did: not if `change` makes nothing of it. None if it cannot be written.
    pub fn update_u64(
        &self,
        offset: usize,
        change: impl FnMut(u64) -> Option<u64>,
    ) -> Option<bool> {
        let word = self.writable_double_word(offset)?;
        Some(word.fetch_update(Ordering::AcqRel, Ordering::Acquire, change).is_ok())
    }

    /// `FUTEX_WAIT` across processes while the word is `value`, at most `ns`
    /// nanoseconds. May return early; the caller looks again.
    pub fn wait_u32(&self, offset: usize, value: u32, ns: u64) {
        let Some(word) = self.word(offset) else { return };
        let (at, time) = (word.as_ptr(), timespec(ns));
        // SAFETY: `at` is a mapped, aligned word, and `time` a `timespec`.
        unsafe { libc::syscall(libc::SYS_futex, at, libc::FUTEX_WAIT, value, &raw const time) };
    }

    /// `FUTEX_WAKE` of everybody who waits for the word, in any process.
    pub fn wake_u32(&self, offset: usize) {
        let Some(word) = self.word(offset) else { return };
        // SAFETY: the address is a mapped, aligned word.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SHM_DIR, open_unnamed};
    use super::*;

    #[test]
    fn words_are_bounded_aligned_and_read_only_where_the_mapping_is() {
        let fd = open_unnamed(SHM_DIR).unwrap();
        fd.reserve(0, 4096).unwrap();
        let rw = Map::shared(&fd, 4096, Access::ReadWrite).unwrap();
        let ro = Map::shared(&fd, 4096, Access::Read).unwrap();
        rw.store_u32(64, 7);
        assert_eq!(ro.load_u32(64), Some(7));
        ro.store_u32(64, 8);
        assert_eq!(ro.increment_u32(64), None);
        assert_eq!(rw.increment_u32(64), Some(8));
        assert_eq!((rw.decrement_u32(64), rw.decrement_u32(0)), (Some(7), Some(0)));
        assert_eq!(ro.decrement_u32(64), None);
        assert_eq!((ro.load_u32(64), ro.load_u32(0)), (Some(7), Some(0)));
        assert_eq!((ro.load_u32(4093), ro.load_u32(4096), ro.load_u32(2)), (None, None, None));
        assert_eq!(ro.load_u32(usize::MAX), None);
        ro.wait_u32(64, 8, u64::MAX);
        let add = |word: u64| word.checked_add(1 << 33);
        assert_eq!((rw.update_u64(72, add), rw.load_u32(76)), (Some(true), Some(2)));
        assert_eq!(rw.update_u64(72, |_| None), Some(false));
        assert_eq!((ro.update_u64(72, add), ro.load_u32(76)), (None, Some(2)));
        assert_eq!((rw.update_u64(76, add), rw.update_u64(4092, add)), (None, None));
        assert_eq!(rw.update_u64(usize::MAX, add), None);
    }
}
