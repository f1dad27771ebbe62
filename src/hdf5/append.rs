//! Adding to a file that is there, on a copy that takes its place at the end.
//!
//! The target is copied to the temporary file; then all that is not rows, the metadata,
//! is copied to the memory that HDF5 works on. From there on everything is as with a new
//! file: new rows go to the disk, and at the end the metadata does, between all rows. Rows
//! that were there are not touched, nor is the target before the copy is complete.
//!
//! The target stays locked, shared, as readers lock it: whoever wants to write to it
//! meanwhile is refused by its HDF5. Who writes without locks, or replaces it, is found
//! out at the end, and then nothing is replaced.

use core::time::Duration;
use std::boxed::Box;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::string::String;
use std::thread;
use std::time::Instant;
use std::vec;

use super::contents::{self, Contents};
use super::dataset::Names;
use super::error::{AppendFault, Error, Result, io_error};
use super::file;
use super::header::View;
use super::library;
use super::superblock::{self, Found};
use super::target::{Target, directory_space};
use super::temporary::{Extent, Temporary, fd_of};
use super::writer::{Options, Writer};
use crate::sys::{self, Fd};

/// Bytes that are copied in one step.
const STEP: usize = 16 << 20;
/// Bytes that are read at a time where the kernel does not copy.
const PIECE: usize = 1 << 20;
/// Most bytes of metadata: they lie in memory.
const MOST_METADATA: u64 = 1 << 30;
/// How long another run may take to replace the target.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether it is done.
const NAP: Duration = Duration::from_millis(5);

/// The file that is added to.
#[derive(Debug)]
pub(super) struct Old {
    /// Carries the lock.
    file: File,
    fd: Fd,
    stamp: Stamp,
    /// Where its superblock lies.
    base: u64,
    metadata_bytes: u64,
    /// End of what was copied; none if all of it is.
    next: Option<u64>,
    /// The kernel copies between these files.
    by_kernel: bool,
}

/// What changes if somebody writes to a file or puts another one in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(data: &Metadata) -> Self {
        Self {
            file: (data.dev(), data.ino()),
            size: data.size(),
            modified: (data.mtime(), data.mtime_nsec()),
        }
    }
}

impl Writer {
    /// As [`create`](Self::create), but datasets are added to the file that is there; if
    /// there is none, it is made. The file stays as it is until [`close`](Self::close)
    /// puts the complete new one in its place, and whoever writes to it meanwhile makes that
    /// fail.
    ///
    /// # Errors
    /// [`Error::Append`] if nothing can be added to the file, and as for `create`.
    pub fn add_to(target: &Path, options: &Options, metadata_bytes: u64) -> Result<Self> {
        let options = Options { append: true, ..options.clone() };
        let mut writer = Self::start(target, &options, metadata_bytes)?;
        while !writer.prepare()? {}
        Ok(writer)
    }

    /// Begins a file, or to add to one, as `options` say. Before anything else,
    /// [`prepare`](Self::prepare) has to be called until it is done.
    pub(crate) fn start(target: &Path, options: &Options, metadata_bytes: u64) -> Result<Self> {
        let checked = Target::check(target, options.force || options.append)?;
        if !options.append || checked.replaces().is_none() {
            return Self::create(target, options, metadata_bytes);
        }
        let mut old = Old::open(&checked, metadata_bytes)?;
        checked.sweep();
        file::check_limit(checked.path(), old.stamp.size.saturating_add(metadata_bytes))?;
        let temporary = old.place(&checked)?;
        let begun = old.begin(&checked, &temporary);
        begun.map_err(|e| e.on(checked.path()))?;
        Ok(Self::new(checked, options, None, temporary, Some(Box::new(old))))
    }

    /// Does a piece of what comes before the first dataset; whether that was the last one.
    pub(crate) fn prepare(&mut self) -> Result<bool> {
        let Some(old) = self.old.as_mut().filter(|_| self.file.is_none()) else {
            return Ok(true);
        };
        let done = match old.copy_some(&self.temporary) {
            Ok(false) => return Ok(false),
            Ok(true) => self.take_over(),
            Err(error) => Err(error),
        };
        self.remember(done)?;
        Ok(true)
    }

    /// Has HDF5 open the copy, of which it gets the metadata in memory.
    fn take_over(&mut self) -> Result<()> {
        let Some(old) = &self.old else { return Ok(()) };
        let (path, size) = (self.temporary.path(), old.stamp.size);
        let shift = library::with(|session| contents::chunk_shift(session, old.base))?;
        let tree = View::new(self.temporary.fd(), old.base);
        let Contents { names, aliases, rows } =
            library::with(|session| contents::look(session, path, tree, shift))?;
        self.chunk_shift = shift;
        self.find_tails()?;
        let Some(old) = &self.old else { return Ok(()) };
        let rows = contents::pages(rows, sys::page_size() as u64, size);
        old.check_metadata(&self.target, &rows)?;
        self.temporary.load_metadata(&rows, size)?;
        let (alignment, bytes) = (self.options.alignment(), old.metadata_bytes);
        let file = library::with(|session| {
            let file = file::open_to_add(session, &self.temporary, old.base, bytes, alignment)?;
            // What grows has its metadata; without more of it, chunks at the end can stay there.
            if self.growing.is_empty() {
                file.take_block(session)?;
            }
            Ok(file)
        })?;
        self.file = Some(file);
        self.temporary.share(&self.target)?;
        self.names = Names::of(names, aliases);
        self.there = self.names.datasets();
        self.extents = rows;
        Ok(())
    }

    /// Whether the file was there before.
    pub(crate) const fn adds(&self) -> bool {
        self.old.is_some()
    }

    /// Whether a dataset of this name can be made.
    pub(crate) fn check_name(&self, path: &str) -> Result<()> {
        self.names.check(path).map(drop)
    }
}

/// Refuses datasets that cannot be made in a file, be it new or one that is added to. Nothing is
/// written.
pub(crate) fn check_names(path: &Path, options: &Options, names: &[String]) -> Result<()> {
    let target = Target::check(path, options.force || options.append)?;
    let mut known = Names::default();
    if options.append && target.replaces().is_some() && !names.is_empty() {
        let old = Old::open(&target, 0)?;
        let shift = library::with(|session| contents::chunk_shift(session, old.base))?;
        let tree = View::new(&old.fd, old.base);
        let Contents { names, aliases, .. } =
            library::with(|session| contents::look(session, target.path(), tree, shift))?;
        known = Names::of(names, aliases);
    }
    names.iter().try_for_each(|name| known.check(name).map(drop))
}

impl Old {
    /// Opens and locks the target, and refuses what cannot be added to.
    fn open(target: &Target, metadata_bytes: u64) -> Result<Self> {
        let path = target.path();
        let fault = |fault| Error::Append { path: path.to_path_buf(), fault };
        let opened = |e| Error::io("open it", path, e);
        let file = OpenOptions::new().read(true).custom_flags(sys::OPEN_WARILY).open(path);
        let file = file.map_err(opened)?;
        // Where there are no locks, nobody has one.
        if matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
            return Err(fault(AppendFault::Busy));
        }
        let stamp = Stamp::of(&file.metadata().map_err(opened)?);
        let fd = fd_of(&file).map_err(opened)?;
        let found = superblock::find(&fd, stamp.size).map_err(|e| io_error("read it", path, e))?;
        let block = match found {
            Found::Block(block) => block,
            Found::Nothing => return Err(fault(AppendFault::Foreign)),
            Found::Unknown => return Err(fault(AppendFault::Version)),
        };
        if !block.clean || block.end > stamp.size {
            return Err(fault(AppendFault::Unclean));
        }
        let (base, next, by_kernel) = (block.base, Some(0), true);
        Ok(Self { file, fd, stamp, base, metadata_bytes, next, by_kernel })
    }

    /// The file for the copy, locked. Until it is, another run may take it for a dead one's
    /// and sweep it.
    fn place(&self, target: &Target) -> Result<Temporary> {
        for _ in 0..file::ATTEMPTS {
            let temporary = Temporary::for_copy(target, self.stamp.size)?;
            if temporary.mark_alive()? {
                return Ok(temporary);
            }
        }
        Err(Error::Swept { path: target.path().to_path_buf() })
    }

    /// Copies everything at once where the file system can, or sees whether there is room.
    fn begin(&mut self, target: &Target, to: &Temporary) -> Result<()> {
        if sys::clone_file(&self.fd, to.fd()).is_ok() {
            self.next = None;
            return Ok(());
        }
        let data = self.file.metadata().map_err(|e| Error::io("look at it", target.path(), e))?;
        let need = data.blocks().saturating_mul(512).min(self.stamp.size);
        let free = directory_space(target.dir())?.free;
        if free < need {
            let path = target.path().to_path_buf();
            return Err(Error::NoSpace { path, need, free: Some(free) });
        }
        to.set_size(self.stamp.size)
    }

    /// Copies a piece; whether everything is copied.
    fn copy_some(&mut self, to: &Temporary) -> Result<bool> {
        let Some(at) = self.next else { return Ok(true) };
        let size = self.stamp.size;
        // Where holes cannot be told, there are none.
        let data = sys::next_data(&self.fd, at).unwrap_or(Some((at, size)));
        let Some((start, end)) = data.filter(|data| data.0 < size) else {
            self.next = None;
            return Ok(true);
        };
        let len = (end.min(size) - start).min(STEP as u64) as usize;
        self.copy(to, start, len)?;
        self.next = Some(start + len as u64);
        Ok(false)
    }

    fn copy(&mut self, to: &Temporary, mut at: u64, mut len: usize) -> Result<()> {
        while len > 0 && self.by_kernel {
            match sys::copy_range(&self.fd, to.fd(), at, len) {
                // What is wrong, reading and writing will tell.
                Ok(0) | Err(_) => self.by_kernel = false,
                Ok(n) => (at, len) = (at + n as u64, len.saturating_sub(n)),
            }
        }
        let mut piece = vec![0; PIECE.min(len)];
        while len > 0 {
            let room = piece.get_mut(..PIECE.min(len)).unwrap_or_default();
            let n = self.fd.read_at(room, at).map_err(|e| io_error("copy", to.path(), e))?;
            let bytes = room.get(..n).unwrap_or_default();
            if bytes.is_empty() {
                return Err(changed(to.path()));
            }
            to.write_all(bytes, at)?;
            (at, len) = (at + n as u64, len - n);
        }
        Ok(())
    }

    /// All but `rows` will lie in memory.
    fn check_metadata(&self, target: &Target, rows: &[Extent]) -> Result<()> {
        // What was written to it since its lock was taken may be half in the copy.
        let now = self.file.metadata().map_err(|e| Error::io("look at it", target.path(), e))?;
        if Stamp::of(&now) != self.stamp {
            return Err(changed(target.path()));
        }
        let bytes = self.stamp.size - rows.iter().map(|&(_, len)| len).sum::<u64>();
        if bytes > MOST_METADATA {
            let fault = AppendFault::Metadata { bytes };
            return Err(Error::Append { path: target.path().to_path_buf(), fault });
        }
        Ok(())
    }

    /// Puts the complete file in the target's place, if that is still what was copied.
    pub(super) fn replace(&self, target: &Target, from: &Path) -> Result<()> {
        let directory = File::open(target.dir())
            .map_err(|e| Error::io("open the directory", target.dir(), e))?;
        // Who adds to the same file, too, waits here, and then finds it changed.
        lock_soon(&directory);
        let now = fs::symlink_metadata(target.path());
        if !now.is_ok_and(|now| Stamp::of(&now) == self.stamp) {
            return Err(changed(target.path()));
        }
        target.rename(from, true)
    }
}

pub(super) fn changed(path: &Path) -> Error {
    Error::Append { path: path.to_path_buf(), fault: AppendFault::Changed }
}

/// Sees to it that something can be added to a file, which must be there; its path without
/// links.
pub(super) fn check_file(path: &Path) -> Result<PathBuf> {
    let checked = Target::check(path, true)?;
    if checked.replaces().is_none() {
        let (path, fault) = (checked.path().to_path_buf(), AppendFault::Missing);
        return Err(Error::Append { path, fault });
    }
    Old::open(&checked, 0)?;
    Ok(checked.path().to_path_buf())
}

/// Takes the lock of a directory, but does not wait for ever: what is done under it takes
/// no time, so whoever keeps it longer does something else.
fn lock_soon(directory: &File) {
    let until = Instant::now() + PATIENCE;
    while matches!(directory.try_lock(), Err(TryLockError::WouldBlock)) && Instant::now() < until {
        thread::sleep(NAP);
    }
}
