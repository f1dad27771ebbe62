//! The file on disk under its temporary name, beside HDF5's own view of it.

use core::ffi::c_int;
use std::fs::{self, File};
use std::io;
use std::os::fd::{BorrowedFd, IntoRawFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::vec;
use std::vec::Vec;

use super::error::{Error, Result, io_error};
use super::target;
use crate::sys::{self, Fd};

/// Bytes of one piece when rows are moved.
const PIECE: usize = 1 << 20;

/// Superblock of version 2, 8-byte addresses and lengths, closed by its writer.
const CLEAN: &[u8] = b"\x89HDF\r\n\x1a\n\x02\x08\x08\x00";

/// The temporary file. It is removed when dropped, unless it was renamed.
#[derive(Debug)]
pub(super) struct Temporary {
    path: PathBuf,
    /// Shares HDF5's open file, and so the lock, which outlives HDF5's descriptor.
    file: File,
    /// The same, for writing out of shared memory.
    fd: Fd,
    /// Whether there is a file to remove.
    named: bool,
}

impl Temporary {
    /// Takes over the file that HDF5 opened as `raw` under `path`.
    ///
    /// # Safety
    /// * `raw` is open during the call.
    pub(super) unsafe fn adopt(path: PathBuf, raw: c_int) -> Result<Self> {
        let of = |e| Error::io("keep it open", &path, e);
        sys::set_close_on_exec(raw).map_err(|e| io_error("keep it open", &path, e))?;
        // SAFETY: open during the call by this function's contract.
        let borrowed = unsafe { BorrowedFd::borrow_raw(raw) };
        let file = File::from(borrowed.try_clone_to_owned().map_err(of)?);
        let raw = borrowed.try_clone_to_owned().map_err(of)?.into_raw_fd();
        // SAFETY: just duplicated, and given away by its owner.
        let fd = unsafe { Fd::from_raw(raw) };
        Ok(Self { path, file, fd, named: true })
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The open file.
    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// Takes the lock; see [`target::mark_alive`].
    pub(super) fn mark_alive(&self) -> Result<bool> {
        target::mark_alive(&self.file, &self.path)
    }

    /// Whether the file's disk is elsewhere, so that only a sync tells its errors.
    pub(super) fn is_network(&self) -> bool {
        sys::is_network(&self.fd).unwrap_or(false)
    }

    /// Bytes free on the file's disk.
    pub(super) fn free(&self) -> Option<u64> {
        sys::space(&self.fd).ok().map(|space| space.free)
    }

    /// Writes bytes that may lie in shared memory.
    ///
    /// # Safety
    /// * `data` is readable for `len` bytes during the call.
    pub(super) unsafe fn write(&self, data: *const u8, len: usize, at: u64) -> Result<()> {
        // SAFETY: by this function's contract.
        let written = unsafe { self.fd.write_at(data, len, at) };
        written.map_err(|e| self.failed(io::Error::from_raw_os_error(e.errno()), len as u64))
    }

    /// Writes own bytes.
    pub(super) fn write_all(&self, bytes: &[u8], at: u64) -> Result<()> {
        self.file.write_all_at(bytes, at).map_err(|e| self.failed(e, bytes.len() as u64))
    }

    fn failed(&self, source: io::Error, need: u64) -> Error {
        let error = Error::io("write", &self.path, source);
        if error.is_full() {
            let path = self.path.clone();
            return Error::NoSpace { path, need: Some(need), free: self.free() };
        }
        error
    }

    /// Starts writing these bytes to the disk, for a sync later on.
    pub(super) fn start_writeback(&self, at: u64, len: u64) {
        // A hint: where it is not known, the sync does it all.
        let _ = sys::start_writeback(&self.fd, at, len);
    }

    /// Cuts off what lies behind `len` bytes.
    pub(super) fn cut(&self, len: u64) -> Result<()> {
        let size = self.file.metadata().map_err(|e| Error::io("look at it", &self.path, e))?.len();
        if size <= len {
            return Ok(());
        }
        self.file.set_len(len).map_err(|e| Error::io("cut it", &self.path, e))
    }

    /// Moves bytes within the file and clears the place that they leave in front
    /// of the new one; the places may overlap.
    pub(super) fn relocate(&self, from: u64, to: u64, len: u64) -> Result<()> {
        let mut piece = vec![0; PIECE];
        let mut left = len;
        while left > 0 {
            let n = left.min(PIECE as u64);
            // Towards the end of the file the last bytes go first.
            let at = if to > from { left - n } else { len - left };
            let bytes = piece.get_mut(..n as usize).unwrap_or_default();
            let read = self.file.read_exact_at(bytes, from + at);
            read.map_err(|e| Error::io("read it back", &self.path, e))?;
            self.write_all(bytes, to + at)?;
            left -= n;
        }
        self.clear(from, to.saturating_sub(from).min(len), piece)
    }

    fn clear(&self, mut at: u64, mut len: u64, mut zeros: Vec<u8>) -> Result<()> {
        zeros.fill(0);
        while len > 0 {
            let n = len.min(PIECE as u64);
            self.write_all(zeros.get(..n as usize).unwrap_or_default(), at)?;
            (at, len) = (at + n, len - n);
        }
        Ok(())
    }

    /// Makes sure that HDF5's closing has worked, and answers with the file's
    /// bytes; none if the file is not whole. HDF5 has called a full disk a success.
    pub(super) fn settle(&self) -> Result<Option<u64>> {
        let looked = |e| Error::io("look at it", &self.path, e);
        let mut block = [0; 48];
        self.file.read_exact_at(&mut block, 0).map_err(looked)?;
        let end = block.last_chunk::<20>().and_then(|tail| tail.first_chunk::<8>());
        let end = end.map_or(u64::MAX, |&end| u64::from_le_bytes(end));
        let size = self.file.metadata().map_err(looked)?.len();
        if !block.starts_with(CLEAN) || size < end {
            return Ok(None);
        }
        // Rows may have lain where HDF5 gave the room back at last.
        self.cut(end)?;
        Ok(Some(end))
    }

    /// `fsync`. Its error counts: a full disk elsewhere shows here.
    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|e| self.failed(e, 0))
    }

    /// The file has its final name: dropping this must not remove it.
    pub(super) const fn renamed(&mut self) {
        self.named = false;
    }

    /// Removes the file's name now.
    pub(super) fn remove(&mut self) {
        if core::mem::take(&mut self.named) {
            // Nothing else can be done about an error, and the next run sweeps it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        self.remove();
    }
}
