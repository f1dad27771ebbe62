//! Bytes that wait beside the target until there is a place for them in the file.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;

use super::error::{Error, Result};
use super::target::directory_space;
use super::temporary::fd_of;
use super::writer::Writer;
use crate::sys::{self, Fd};

/// A file without a name, on the disk that the target will lie on. Whatever happens to the
/// process, nothing is left of it.
#[derive(Debug)]
pub(crate) struct Aside {
    file: File,
    /// The same, for writing out of shared memory.
    fd: Fd,
    /// What it is for.
    target: PathBuf,
    dir: PathBuf,
    len: u64,
}

impl Writer {
    /// Makes such a file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn aside(&self) -> Result<Aside> {
        let path = self.target.temporary()?;
        let made = |e| Error::io("create a temporary file beside it", self.target.path(), e);
        let mut options = File::options();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(&path).map_err(made)?;
        match fs::remove_file(&path) {
            // Another run may have swept it at once.
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(made(e)),
            _ => {}
        }
        let fd = fd_of(&file).map_err(made)?;
        let (target, dir) = (self.target.path().into(), self.target.dir().into());
        Ok(Aside { file, fd, target, dir, len: 0 })
    }
}

impl Aside {
    /// Adds bytes, and says where they lie.
    ///
    /// # Safety
    /// * `data` is readable for `len` bytes during the call. It may be shared memory: the
    ///   kernel copies them.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::Io`].
    pub(crate) unsafe fn add(&mut self, data: *const u8, len: usize) -> Result<u64> {
        let at = self.len;
        // SAFETY: by this function's contract.
        let written = unsafe { self.fd.write_at(data, len, at) };
        written.map_err(|e| {
            let free = directory_space(&self.dir).ok().map(|space| space.free);
            let source = io::Error::from_raw_os_error(e.errno());
            Error::writing(&self.target, source, len as u64, free)
        })?;
        self.len += len as u64;
        Ok(at)
    }

    /// Reads bytes back.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn read(&self, room: &mut [u8], at: u64) -> Result<()> {
        let read = self.file.read_exact_at(room, at);
        read.map_err(|e| Error::io("read back what was kept beside it", &self.target, e))
    }

    /// Gives the room of bytes back that are not needed any more, where the file system can.
    pub(crate) fn forget(&self, at: u64, len: u64) {
        let _ = sys::punch_hole(&self.fd, at, len);
    }

    /// Forgets everything.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn clear(&mut self) -> Result<()> {
        self.len = 0;
        let cut = self.file.set_len(0);
        cut.map_err(|e| Error::io("clear what was kept beside it", &self.target, e))
    }
}
