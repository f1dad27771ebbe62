//! The file on disk under its temporary name, and the metadata in memory.
//!
//! HDF5 does not write to the disk. Once it has created the file, a file in
//! memory takes the place of its descriptor, with the same addresses, and gets the
//! metadata; rows go to the disk without HDF5. At the end the metadata is copied
//! between the rows. So whatever the disk answers, HDF5 does not see it: after a
//! failed write HDF5 1.10 cannot close a file any more, and crashes when the
//! process ends. Nor can a forked child, whose HDF5 closes the file it inherited
//! when it exits, write into the file.
//!
//! The rows of a new file get another file than the one that HDF5 created, which was cut to nothing:
//! that ext4 takes for the replacing of a file by writing over it, and would have all
//! rows on the disk before the descriptor is closed.

use core::ffi::c_int;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, IntoRawFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::vec;
use std::vec::Vec;

use super::error::{Error, Result, io_error};
use super::superblock::{self, Found, Superblock};
use super::target::{self, Target};
use crate::sys::{self, Fd};

/// Bytes of one piece when bytes are copied or moved.
const PIECE: usize = 1 << 20;

/// Bytes that are compared at once.
const LOOK: usize = 64 << 10;

/// Bytes of rows in the file: where, how many.
pub(super) type Extent = (u64, u64);

/// The temporary file. It is removed when dropped, unless it was renamed.
#[derive(Debug)]
pub(super) struct Temporary {
    path: PathBuf,
    /// Carries the lock.
    file: File,
    /// The same, for writing out of shared memory.
    fd: Fd,
    /// Where HDF5 writes.
    memory: Fd,
    /// The file that HDF5 created, which has no name any more. HDF5 knows its open files by
    /// their inodes: this one must not go to another file meanwhile.
    created: Option<Fd>,
    /// Bytes that the file had before anything was added: it is never cut to less.
    old: u64,
    /// Whether there is a file to remove.
    named: bool,
    /// The process that removes it: not a child that was forked meanwhile.
    owner: u32,
}

impl Temporary {
    /// Makes a file beside the target. It has a page, so that HDF5, which will
    /// begin by writing a few bytes, does not meet a full disk.
    pub(super) fn create(target: &Target) -> Result<Self> {
        let memory = sys::memory_file()
            .map_err(|e| refused(target, io::Error::from_raw_os_error(e.errno())))?;
        // HDF5 opens it by its name, which the permissions of the target may forbid.
        let made = Self::bare(target, memory)?;
        made.write_all(&[0; 4096], 0).map_err(|e| e.on(target.path()))?;
        Ok(made)
    }

    /// A new empty file beside the target.
    fn bare(target: &Target, memory: Fd) -> Result<Self> {
        let path = target.temporary()?;
        let file = File::options().read(true).write(true).create_new(true).open(&path);
        Self::new(path, file.map_err(|e| refused(target, e))?, memory)
            .map_err(|e| refused(target, e))
    }

    /// The same, with the permissions of the target.
    fn beside(target: &Target, memory: Fd) -> Result<Self> {
        let made = Self::bare(target, memory)?;
        if let Some(mode) = target.replaces() {
            made.file.set_permissions(mode.clone()).map_err(|e| refused(target, e))?;
        }
        Ok(made)
    }

    fn new(path: PathBuf, file: File, memory: Fd) -> io::Result<Self> {
        match fd_of(&file) {
            Ok(fd) => {
                let (created, old, named, owner) = (None, 0, true, sys::lineage());
                Ok(Self { path, file, fd, memory, created, old, named, owner })
            }
            Err(e) => fs::remove_file(path).and(Err(e)),
        }
    }

    /// Leaves memory in the place of `raw`, by which HDF5 has this file open, and begins
    /// another file, which HDF5 does not know.
    ///
    /// # Safety
    /// * `raw` is open during the call, and its owner only reads and writes there.
    pub(super) unsafe fn part_from(self, raw: c_int, target: &Target) -> Result<Self> {
        let in_memory = |e| io_error("keep its metadata in memory", &self.path, e);
        copy_bytes(&self.fd, &self.memory, 0, self.size()?).map_err(in_memory)?;
        // SAFETY: the owner does not mind by this function's contract.
        unsafe { sys::replace(raw, &self.memory) }.map_err(in_memory)?;
        self.cut(0)?;
        let copy = |fd: &Fd| sys::duplicate(fd.raw()).map_err(in_memory);
        let mut parted = Self::beside(target, copy(&self.memory)?)?;
        parted.created = Some(copy(&self.fd)?);
        Ok(parted)
    }

    /// A file for a copy of the target, which has `size` bytes. Nobody else may read it as
    /// yet: who may is copied last.
    pub(super) fn for_copy(target: &Target, size: u64) -> Result<Self> {
        let refuse = |e| refused(target, e);
        let memory =
            sys::memory_file().map_err(|e| refuse(io::Error::from_raw_os_error(e.errno())))?;
        let path = target.temporary()?;
        let mut options = File::options();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(&path).map_err(refuse)?;
        let mut made = Self::new(path, file, memory).map_err(refuse)?;
        made.old = size;
        Ok(made)
    }

    /// Lets those read it who may read the target.
    pub(super) fn share(&self, target: &Target) -> Result<()> {
        let shared = target.replaces().map(|mode| self.file.set_permissions(mode.clone()));
        shared.unwrap_or(Ok(())).map_err(|e| Error::io("set its permissions", &self.path, e))
    }

    /// Copies everything but `rows` to memory.
    pub(super) fn load_metadata(&self, rows: &[Extent], size: u64) -> Result<()> {
        let in_memory = |e| io_error("keep its metadata in memory", &self.path, e);
        self.memory.truncate(size).map_err(in_memory)?;
        let mut at = 0;
        for &(start, len) in rows.iter().chain(&[(size, 0)]) {
            while let Some((from, to)) = sys::next_data(&self.fd, at).map_err(in_memory)? {
                if at >= start || from >= start {
                    break;
                }
                at = to.min(start);
                copy_bytes(&self.fd, &self.memory, from, at - from).map_err(in_memory)?;
            }
            at = start + len;
        }
        Ok(())
    }

    /// Leaves memory in the place of `raw`, by which HDF5 has this file open.
    ///
    /// # Safety
    /// * `raw` is open during the call, and its owner only reads and writes there.
    pub(super) unsafe fn part_at(&self, raw: c_int) -> Result<()> {
        // SAFETY: the owner does not mind by this function's contract.
        unsafe { sys::replace(raw, &self.memory) }
            .map_err(|e| io_error("keep its metadata in memory", &self.path, e))
    }

    /// Writes the superblock over itself. HDF5 will mark it when it opens the file, and must
    /// not meet a full disk then: where bytes are shared with another file, writing needs room.
    pub(super) fn unshare(&self, base: u64) -> Result<()> {
        let mut block = [0; 4096];
        let n =
            self.fd.read_at(&mut block, base).map_err(|e| io_error("read it", &self.path, e))?;
        self.write_all(block.get(..n).unwrap_or_default(), base)
    }

    /// For copying to it.
    pub(super) fn fd(&self) -> &Fd {
        &self.fd
    }

    /// Gives the lock up for a moment.
    pub(super) fn unlock(&self) {
        let _ = self.file.unlock();
    }

    /// Whether it still has its name: nobody has swept it.
    pub(super) fn is_named(&self) -> Result<bool> {
        let status = self.file.metadata().map_err(|e| Error::io("look at it", &self.path, e))?;
        Ok(status.nlink() > 0)
    }

    /// Whether it belongs to this process, and not to the one that this was forked from.
    pub(super) fn is_own(&self) -> bool {
        self.owner == sys::lineage()
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file's disk is elsewhere, so that only a sync tells its errors.
    pub(super) fn is_network(&self) -> bool {
        sys::is_network(&self.fd).unwrap_or(false)
    }

    /// Bytes free on the file's disk.
    fn free(&self) -> Option<u64> {
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
        Error::writing(&self.path, source, need, self.free())
    }

    /// Starts writing these bytes to the disk, for a sync later on.
    pub(super) fn start_writeback(&self, at: u64, len: u64) {
        // A hint: where it is not known, the sync does it all.
        let _ = sys::start_writeback(&self.fd, at, len);
    }

    /// Whether HDF5 has written these bytes there; not if they are zeros, as is what nobody
    /// has written.
    ///
    /// # Safety
    /// * `data` is readable for `len` bytes during the call, and nobody writes there.
    pub(super) unsafe fn holds(&self, data: *const u8, len: usize, at: u64) -> Result<bool> {
        // SAFETY: by this function's contract.
        let wanted = unsafe { core::slice::from_raw_parts(data, len) };
        if wanted.iter().all(|&byte| byte == 0) {
            return Ok(false);
        }
        let mut piece = vec![0; len.min(LOOK)];
        let mut at = at;
        for part in wanted.chunks(LOOK) {
            let found = piece.get_mut(..part.len()).unwrap_or_default();
            let n = self.memory.read_at(found, at);
            let n = n.map_err(|e| io_error("look at its memory", &self.path, e))?;
            if n < part.len() || found != part {
                return Ok(false);
            }
            at += part.len() as u64;
        }
        Ok(true)
    }

    /// Gives the memory back of bytes that HDF5 wrote and that are on the disk: all that lie in
    /// `from..at + len` are such, and of those before `at` the whole pages are given back.
    pub(super) fn forget(&self, from: u64, at: u64, len: u64) -> Result<()> {
        let page = sys::page_size() as u64;
        // The page that this begins in may be shared with what was forgotten before.
        let start = (at / page * page).max(from.next_multiple_of(page));
        let end = (at + len) / page * page;
        if start >= end {
            return Ok(());
        }
        sys::punch_hole(&self.memory, start, end - start)
            .map_err(|e| io_error("give memory back", &self.path, e))
    }

    fn size(&self) -> Result<u64> {
        self.file.metadata().map(|m| m.len()).map_err(|e| Error::io("look at it", &self.path, e))
    }

    /// Cuts off what lies behind `len` bytes.
    pub(super) fn cut(&self, len: u64) -> Result<()> {
        let len = len.max(self.old);
        if self.size()? > len { self.set_size(len) } else { Ok(()) }
    }

    /// Cuts it, or puts a hole at its end.
    pub(super) fn set_size(&self, len: u64) -> Result<()> {
        self.file.set_len(len).map_err(|e| self.failed(e, 0))
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

    /// Copies the metadata of the closed file between the rows. Answers with
    /// the file's bytes; none if HDF5 did not leave a whole file.
    pub(super) fn add_metadata(&self, rows: &mut [Extent]) -> Result<Option<u64>> {
        let Some(end) = self.end_in_memory()? else { return Ok(None) };
        rows.sort_unstable();
        let mut at = 0;
        for &(start, len) in &*rows {
            // Two that overlap: the file that was added to told HDF5 wrong what is free.
            if start < at {
                return Ok(None);
            }
            self.copy_metadata(at, start)?;
            at = start + len;
        }
        self.copy_metadata(at, end)?;
        // Behind the end may lie the old place of rows that were moved.
        self.set_size(end)?;
        Ok(Some(end))
    }

    /// The end of the file by its superblock, if that is clean and true.
    fn end_in_memory(&self) -> Result<Option<u64>> {
        let looked = |e| io_error("look at its metadata", &self.path, e);
        let size = self.memory.stat().map_err(looked)?.size;
        Ok(match superblock::find(&self.memory, size).map_err(looked)? {
            Found::Block(Superblock { end, clean: true, .. }) if end <= size => Some(end),
            _ => None,
        })
    }

    /// Copies what HDF5 wrote from `at` to `end`; the rest stays a hole.
    fn copy_metadata(&self, mut at: u64, end: u64) -> Result<()> {
        let looked = |e| io_error("look at its metadata", &self.path, e);
        while at < end {
            let Some((from, to)) = sys::next_data(&self.memory, at).map_err(looked)? else { break };
            if from >= end {
                break;
            }
            let len = to.min(end) - from;
            copy_bytes(&self.memory, &self.fd, from, len)
                .map_err(|e| self.failed(io::Error::from_raw_os_error(e.errno()), len))?;
            at = to;
        }
        Ok(())
    }

    /// `fsync`. Its error counts: a full disk elsewhere shows here.
    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|e| self.failed(e, 0))
    }

    /// Takes the lock; see [`target::mark_alive`].
    pub(super) fn mark_alive(&self) -> Result<bool> {
        target::mark_alive(&self.file, &self.path)
    }

    /// The file has its final name: dropping this must not remove it, and the lock
    /// must not wait for children that were forked meanwhile and hold a copy.
    pub(super) fn renamed(&mut self) {
        self.named = false;
        let _ = self.file.unlock();
    }
}

/// The same file, for writing out of shared memory.
pub(super) fn fd_of(file: &File) -> io::Result<Fd> {
    let copy = file.as_fd().try_clone_to_owned()?;
    // SAFETY: just duplicated, and given away by its owner.
    Ok(unsafe { Fd::from_raw(copy.into_raw_fd()) })
}

fn refused(target: &Target, source: io::Error) -> Error {
    Error::io("create a file beside it", target.path(), source)
}

/// Copies bytes to the same place of another file.
fn copy_bytes(from: &Fd, to: &Fd, mut at: u64, len: u64) -> crate::error::Result<()> {
    let mut piece = vec![0; PIECE.min(len as usize)];
    let end = at + len;
    while at < end {
        let n = piece.len().min((end - at) as usize);
        let bytes = piece.get_mut(..n).unwrap_or_default();
        let n = from.read_at(bytes, at)?;
        if n == 0 {
            break;
        }
        // SAFETY: the first `n` bytes of a live slice.
        unsafe { to.write_at(bytes.as_ptr(), n, at) }?;
        at += n as u64;
    }
    Ok(())
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.named && self.is_own() {
            // Nothing else can be done about an error, and the next run sweeps it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = PIECE as u64;

    #[test]
    fn moved_rows_are_whole_and_leave_nothing_in_front() {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::check(&dir.path().join("x"), false).unwrap();
        let rows: Vec<u8> = (0..3 * MIB + 77).map(|i| (i % 251) as u8 + 1).collect();
        let len = rows.len() as u64;
        for (from, to) in [
            (4096, 8192),
            (8192, 4096),
            (4096, MIB),
            (MIB, 4096),
            (4096, 4 * MIB),
            (4 * MIB, 4096),
            (4096, 2 * MIB + 1),
        ] {
            let file = Temporary::create(&target).unwrap();
            file.cut(0).unwrap();
            file.write_all(&rows, from).unwrap();
            file.relocate(from, to, len).unwrap();
            let read = fs::read(file.path()).unwrap();
            assert!(read[to as usize..][..rows.len()] == rows, "{from} to {to}");
            assert!(read[..to as usize].iter().all(|&b| b == 0), "{from} to {to} left rows");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn readers_are_let_in_and_sweepers_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::check(&dir.path().join("x"), false).unwrap();
        let mut file = Temporary::create(&target).unwrap();
        assert!(file.mark_alive().unwrap());
        let other = File::open(file.path()).unwrap();
        assert!(other.try_lock().is_err());
        assert!(other.try_lock_shared().is_ok());
        other.unlock().unwrap();
        let copy = file.file.try_clone().unwrap();
        file.renamed();
        assert!(other.try_lock().is_ok(), "a copy of the descriptor keeps the lock");
        drop(copy);
    }
}
