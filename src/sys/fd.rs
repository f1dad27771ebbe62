//! Descriptors: open, read, write, size.

use core::ffi::CStr;

use super::{EIO, check, check_len, retry};
use crate::error::{Error, Result};

/// A descriptor that is closed when dropped. Always close-on-exec.
#[derive(Debug, PartialEq, Eq)]
pub struct Fd(i32);

/// What `fstat` tells of a file, as far as anybody here asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stat {
    /// Device of the file system.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Names the inode has; 0 when the last one was removed.
    pub nlink: u64,
    /// Bytes.
    pub size: u64,
    /// Type and permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
}

impl Stat {
    /// Whether both are the same inode.
    #[must_use]
    pub const fn same_inode(&self, other: &Self) -> bool {
        self.dev == other.dev && self.ino == other.ino
    }

    /// Whether it is a regular file.
    #[must_use]
    pub const fn is_file(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFREG
    }

    /// Whether it is a directory.
    #[must_use]
    pub const fn is_dir(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFDIR
    }

    /// Whether it is a FIFO.
    #[must_use]
    pub const fn is_fifo(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFIFO
    }

    /// Whether it is a character device.
    #[must_use]
    pub const fn is_character_device(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFCHR
    }

    /// Whether it is a socket.
    #[must_use]
    pub const fn is_socket(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFSOCK
    }

    #[allow(clippy::unnecessary_cast, reason = "the widths differ between targets")]
    pub(super) const fn from_raw(raw: &libc::stat) -> Self {
        Self {
            dev: raw.st_dev as u64,
            ino: raw.st_ino as u64,
            nlink: raw.st_nlink as u64,
            size: raw.st_size as u64,
            mode: raw.st_mode as u32,
            uid: raw.st_uid as u32,
        }
    }
}

impl Fd {
    /// Takes over a descriptor.
    ///
    /// # Safety
    /// * `raw` is open, and nobody else closes it.
    #[must_use]
    pub const unsafe fn from_raw(raw: i32) -> Self {
        Self(raw)
    }

    /// Its number, for calls that take one. It stays owned by `self`.
    #[must_use]
    pub const fn raw(&self) -> i32 {
        self.0
    }

    /// Gives the descriptor away: the caller closes it.
    #[must_use]
    pub const fn into_raw(self) -> i32 {
        let raw = self.0;
        core::mem::forget(self);
        raw
    }

    /// `open` for reading. Never waits, should the path have become a FIFO, and
    /// never takes a controlling terminal.
    ///
    /// # Errors
    /// [`Error::Os`](crate::error::Error::Os).
    pub fn open_read(path: &CStr) -> Result<Self> {
        Self::open(path, libc::O_RDONLY | libc::O_NOCTTY | libc::O_NONBLOCK, 0)
    }

    /// `open(path, flags | O_CLOEXEC, mode)`.
    pub(super) fn open(path: &CStr, flags: i32, mode: u32) -> Result<Self> {
        retry(|| {
            // SAFETY: `path` is a C string for the whole call.
            let raw = unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, mode) };
            check("open", raw)
        })
        .map(Self)
    }

    /// `fstat`.
    ///
    /// # Errors
    /// [`Error::Os`](crate::error::Error::Os).
    pub fn stat(&self) -> Result<Stat> {
        let mut raw = core::mem::MaybeUninit::<libc::stat>::zeroed();
        // SAFETY: `raw` has room for one `stat`.
        check("fstat", unsafe { libc::fstat(self.0, raw.as_mut_ptr()) })?;
        // SAFETY: zero-initialised, and filled by the call that succeeded.
        Ok(Stat::from_raw(unsafe { raw.assume_init_ref() }))
    }

    /// `pread`: some bytes from `offset`; 0 at the end of the file.
    ///
    /// # Errors
    /// [`Error::Os`](crate::error::Error::Os).
    pub fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        retry(|| {
            // SAFETY: `buf` is writable for its length.
            let n = unsafe {
                libc::pread(self.0, buf.as_mut_ptr().cast(), buf.len(), offset as libc::off_t)
            };
            check_len("read", n)
        })
    }

    /// `read`: some bytes from the current position; 0 at the end.
    ///
    /// # Errors
    /// [`Error::Os`](crate::error::Error::Os).
    pub fn read(&self, buf: &mut [u8]) -> Result<usize> {
        retry(|| {
            // SAFETY: `buf` is writable for its length.
            check_len("read", unsafe { libc::read(self.0, buf.as_mut_ptr().cast(), buf.len()) })
        })
    }

    /// `pwrite` until all of `len` bytes at `data` are written to `offset`.
    ///
    /// # Safety
    /// * `data` is readable for `len` bytes during the call. The bytes may be
    ///   shared: the kernel copies them, no reference to them is made.
    ///
    /// # Errors
    /// [`Error::Os`](crate::error::Error::Os); part of the bytes may have been written.
    pub unsafe fn write_at(&self, data: *const u8, len: usize, offset: u64) -> Result<()> {
        let mut done = 0;
        while done < len {
            let written = retry(|| {
                // SAFETY: `done < len`, so the pointer stays within the caller's bytes.
                let from = unsafe { data.add(done) };
                // SAFETY: `from` is readable for the `len - done` bytes that follow it.
                let n = unsafe {
                    libc::pwrite(
                        self.0,
                        from.cast(),
                        len - done,
                        (offset + done as u64) as libc::off_t,
                    )
                };
                check_len("write", n)
            })?;
            if written == 0 {
                // No error, and no progress: what a file system in user space may answer.
                return Err(Error::Os { call: "write", errno: EIO });
            }
            done += written;
        }
        Ok(())
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: the descriptor is owned, and not used after this.
        unsafe { libc::close(self.0) };
    }
}
