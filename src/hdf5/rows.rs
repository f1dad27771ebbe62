//! The bytes of one dataset, written before the dataset exists.

use core::ptr;
use std::vec::Vec;

use super::error::Result;
use super::file::THRESHOLD;
use super::temporary::Temporary;

/// How much is written before the disk is asked to begin.
pub(super) const WRITEBACK: u64 = 16 << 20;

/// Rows on their way to the place where HDF5 will put them.
///
/// Few bytes wait in memory: HDF5 packs small datasets, and their place is known
/// only when they exist. From [`THRESHOLD`] on rows go straight to the file.
#[derive(Debug)]
pub(super) struct Rows {
    /// Where HDF5 will put a large dataset.
    start: u64,
    len: u64,
    waiting: Vec<u8>,
    /// End of the bytes that the disk was asked to write; none if nobody syncs.
    writeback: Option<u64>,
}

impl Rows {
    pub(super) const fn new(start: u64, will_sync: bool) -> Self {
        let writeback = if will_sync { Some(start) } else { None };
        Self { start, len: 0, waiting: Vec::new(), writeback }
    }

    /// Bytes so far.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Adds bytes that may lie in shared memory.
    ///
    /// # Safety
    /// * `data` is readable for `len` bytes during the call.
    pub(super) unsafe fn append(
        &mut self,
        to: &Temporary,
        data: *const u8,
        len: usize,
    ) -> Result<()> {
        let total = self.len + len as u64;
        if total < THRESHOLD {
            // SAFETY: by this function's contract.
            unsafe { self.wait(data, len) };
        } else {
            self.release(to)?;
            // SAFETY: by this function's contract.
            unsafe { to.write(data, len, self.start + self.len) }?;
        }
        self.len = total;
        self.hurry(to);
        Ok(())
    }

    /// # Safety
    /// * `data` is readable for `len` bytes during the call.
    unsafe fn wait(&mut self, data: *const u8, len: usize) {
        self.waiting.reserve(len);
        let end = self.waiting.len();
        let room = self.waiting.spare_capacity_mut().as_mut_ptr().cast::<u8>();
        // SAFETY: readable by this function's contract, `len` bytes of room were reserved,
        // and memory of this process's own heap overlaps nothing else.
        unsafe { ptr::copy_nonoverlapping(data, room, len) };
        // SAFETY: the bytes up to the new length are reserved and were just written.
        unsafe { self.waiting.set_len(end + len) };
    }

    /// Writes what waited, now that the dataset is large.
    fn release(&mut self, to: &Temporary) -> Result<()> {
        if !self.waiting.is_empty() {
            to.write_all(&self.waiting, self.start)?;
            self.waiting = Vec::new();
        }
        Ok(())
    }

    fn hurry(&mut self, to: &Temporary) {
        let end = self.start + self.len;
        if let Some(begun) = self.writeback.filter(|begun| end - begun >= WRITEBACK) {
            to.start_writeback(begun, end - begun);
            self.writeback = Some(end);
        }
    }

    /// Brings the bytes to where HDF5 has put the dataset.
    pub(super) fn place(&self, on: &Temporary, at: u64) -> Result<()> {
        if self.len < THRESHOLD {
            on.write_all(&self.waiting, at)
        } else if at != self.start {
            on.relocate(self.start, at, self.len)?;
            // HDF5 keeps what it has behind the rows in memory, so nothing but rows goes.
            on.cut(at + self.len)
        } else {
            Ok(())
        }
    }
}
