//! A file that appears under its name when it is complete; or standard output.
//!
//! The same rite as for HDF5 files (`docs/hdf5.md`): a temporary file beside the target, with
//! a lock that says its writer is alive, and a rename at the end.

#![allow(unsafe_code)]

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use super::error::{ExchangeError, Result};
use crate::error::Error;
use crate::hdf5::{self, Target, mark_alive};
use crate::sys::{self, Fd};

/// How often a new temporary name is tried when somebody sweeps it at once.
const ATTEMPTS: usize = 8;

/// Where an export goes.
#[derive(Debug)]
pub(super) enum Output {
    File(Replacing),
    Stdout,
}

/// A file under its temporary name. It is removed when dropped, unless it was renamed.
#[derive(Debug)]
pub(super) struct Replacing {
    target: Target,
    path: PathBuf,
    /// Carries the lock.
    file: File,
    /// The same, for writing out of shared memory.
    fd: Fd,
    len: u64,
    force: bool,
    sync: bool,
    named: bool,
    /// The process that removes it: not a child that was forked meanwhile.
    owner: u32,
}

impl Output {
    pub(super) fn create(path: &Path, force: bool, sync: bool) -> Result<Self> {
        let target = Target::check(path, force)?;
        target.sweep();
        for _ in 0..ATTEMPTS {
            let made = Replacing::create(&target, force, sync)?;
            if mark_alive(&made.file, &made.path)? {
                return Ok(Self::File(made));
            }
        }
        Err(hdf5::Error::Swept { path: path.to_path_buf() }.into())
    }

    /// Writes own bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            // SAFETY: the slice is readable for its length.
            Self::File(file) => unsafe { file.write(bytes.as_ptr(), bytes.len()) },
            Self::Stdout => io::stdout()
                .lock()
                .write_all(bytes)
                .map_err(|e| ExchangeError::io("write", Path::new("standard output"), e)),
        }
    }

    /// Writes bytes that may lie in shared memory.
    ///
    /// # Safety
    /// * `data` is readable for `len` bytes during the call.
    pub(super) unsafe fn write_shared(&mut self, data: *const u8, len: usize) -> Result<()> {
        match self {
            // SAFETY: by this function's contract.
            Self::File(file) => unsafe { file.write(data, len) },
            Self::Stdout => Err(Error::Argument.into()),
        }
    }

    /// Gives the file its name; how long it is.
    pub(super) fn finish(self) -> Result<u64> {
        match self {
            Self::File(file) => file.finish(),
            Self::Stdout => io::stdout()
                .lock()
                .flush()
                .map(|()| 0)
                .map_err(|e| ExchangeError::io("write", Path::new("standard output"), e)),
        }
    }
}

impl Replacing {
    fn create(target: &Target, force: bool, sync: bool) -> Result<Self> {
        let path = target.temporary()?;
        let io = |e| failed("create a file beside it", target.path(), e);
        let file = File::options().read(true).write(true).create_new(true).open(&path);
        let file = file.map_err(io)?;
        let fd = match sys::duplicate(file.as_raw_fd()) {
            Ok(fd) => fd,
            Err(error) => {
                let _ = fs::remove_file(&path);
                return Err(error.into());
            }
        };
        let sync = sync || target.replaces().is_some() || sys::is_network(&fd).unwrap_or(false);
        let (target, owner) = (target.clone(), sys::lineage());
        let made = Self { target, path, file, fd, len: 0, force, sync, named: true, owner };
        if let Some(mode) = made.target.replaces() {
            made.file.set_permissions(mode.clone()).map_err(io)?;
        }
        Ok(made)
    }

    /// # Safety
    /// * `data` is readable for `len` bytes during the call.
    unsafe fn write(&mut self, data: *const u8, len: usize) -> Result<()> {
        // SAFETY: by this function's contract.
        unsafe { self.fd.write_at(data, len, self.len) }.map_err(|e| self.failed(e, len))?;
        self.len += len as u64;
        Ok(())
    }

    fn failed(&self, error: Error, len: usize) -> ExchangeError {
        let path = self.target.path().to_path_buf();
        let source = io::Error::from_raw_os_error(error.errno());
        let free = sys::space(&self.fd).ok().map(|space| space.free);
        match hdf5::Error::writing(&path, source, len as u64, free) {
            hdf5::Error::Io { source, .. } => ExchangeError::io("write", &path, source),
            full => full.into(),
        }
    }

    fn finish(mut self) -> Result<u64> {
        if self.sync {
            self.file.sync_all().map_err(|e| failed("sync", self.target.path(), e))?;
        }
        self.target.rename(&self.path, self.force)?;
        self.named = false;
        if self.sync {
            self.target.sync_directory()?;
        }
        Ok(self.len)
    }
}

/// A failed call on the target; a quota has its own error.
fn failed(doing: &'static str, target: &Path, source: io::Error) -> ExchangeError {
    match hdf5::Error::io(doing, target, source) {
        hdf5::Error::Io { source, .. } => ExchangeError::io(doing, target, source),
        quota => quota.into(),
    }
}

impl Drop for Replacing {
    fn drop(&mut self) {
        if self.named && self.owner == sys::lineage() {
            let _ = fs::remove_file(&self.path);
        }
    }
}
