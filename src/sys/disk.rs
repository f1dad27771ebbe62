//! Files on disk: the few calls that std does not have.

use core::ffi::CStr;

use super::{Fd, check, retry};
use crate::error::{Error, Result};

/// `open` flags for a name that anybody may have put there: a link is not
/// followed, and a FIFO does not block.
pub const OPEN_WARILY: i32 = libc::O_NOFOLLOW | libc::O_NONBLOCK;

/// What a file system has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that an ordinary user may still write.
    pub free: u64,
    /// Bytes of all of it.
    pub total: u64,
    /// Most bytes of a file name.
    pub name_max: u64,
}

/// `fstatvfs`: the room on the file system that holds `fd`.
///
/// # Errors
/// [`Error::Os`].
#[allow(clippy::unnecessary_cast, reason = "the widths differ between targets")]
pub fn space(fd: &Fd) -> Result<Space> {
    let mut raw = core::mem::MaybeUninit::<libc::statvfs>::zeroed();
    retry(|| {
        // SAFETY: `raw` has room for one `statvfs`.
        check("fstatvfs", unsafe { libc::fstatvfs(fd.raw(), raw.as_mut_ptr()) })
    })?;
    // SAFETY: zero-initialised, and filled by the call that succeeded.
    let raw = unsafe { raw.assume_init_ref() };
    let bytes = |blocks: u64| blocks.saturating_mul(raw.f_frsize as u64);
    let (free, total) = (bytes(raw.f_bavail as u64), bytes(raw.f_blocks as u64));
    Ok(Space { free, total, name_max: raw.f_namemax as u64 })
}

/// Magic numbers of file systems whose disk is in another machine, or may be:
/// NFS, SMB, CIFS, SMB2, FUSE, 9P, Ceph, Lustre, GPFS, AFS, `BeeGFS`, Coda, GFS2, OCFS2.
const NETWORK: [u32; 14] = [
    0x6969,
    0x517B,
    0xFF53_4D42,
    0xFE53_4D42,
    0x6573_5546,
    0x0102_1997,
    0x00C3_6400,
    0x0BD0_0BD0,
    0x4750_4653,
    0x5346_414F,
    0x1983_0326,
    0x7375_7245,
    0x0116_1970,
    0x7461_636F,
];

/// `fstatfs`: whether `fd` lies on a file system that reports a full disk or a
/// lost connection only when it is synced.
///
/// # Errors
/// [`Error::Os`].
pub fn is_network(fd: &Fd) -> Result<bool> {
    let mut raw = core::mem::MaybeUninit::<libc::statfs>::zeroed();
    retry(|| {
        // SAFETY: `raw` has room for one `statfs`.
        check("fstatfs", unsafe { libc::fstatfs(fd.raw(), raw.as_mut_ptr()) })
    })?;
    // SAFETY: zero-initialised, and filled by the call that succeeded.
    let raw = unsafe { raw.assume_init_ref() };
    Ok(NETWORK.contains(&(raw.f_type as u32)))
}

/// `renameat2(RENAME_NOREPLACE)`: renames unless `to` exists (`EEXIST`). Some
/// file systems answer `EINVAL`, old kernels `ENOSYS`.
///
/// # Errors
/// [`Error::Os`].
pub fn rename_noreplace(from: &CStr, to: &CStr) -> Result<()> {
    let at = libc::AT_FDCWD;
    // SAFETY: both paths are C strings for the whole call; the other arguments are numbers.
    let result = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            at,
            from.as_ptr(),
            at,
            to.as_ptr(),
            libc::RENAME_NOREPLACE,
        )
    };
    check("renameat2", result as i32).map(|_| ())
}

/// `sync_file_range(SYNC_FILE_RANGE_WRITE)`: starts writing these bytes to the
/// disk and does not wait. It promises nothing; it only makes a later `fsync` short.
///
/// # Errors
/// [`Error::Os`].
pub fn start_writeback(fd: &Fd, offset: u64, len: u64) -> Result<()> {
    let (offset, len) = (offset as libc::off64_t, len as libc::off64_t);
    // SAFETY: takes no pointers.
    let result =
        unsafe { libc::sync_file_range(fd.raw(), offset, len, libc::SYNC_FILE_RANGE_WRITE) };
    check("sync_file_range", result).map(|_| ())
}

/// `memfd_create`: a file that is memory, without a name in any directory.
///
/// # Errors
/// [`Error::Os`].
pub fn memory_file() -> Result<Fd> {
    // SAFETY: the name, which only `/proc` shows, is a C string.
    let raw = unsafe { libc::memfd_create(c"ndshm".as_ptr(), libc::MFD_CLOEXEC) };
    let raw = check("memfd_create", raw)?;
    // SAFETY: just opened, and owned by nobody else.
    Ok(unsafe { Fd::from_raw(raw) })
}

/// `dup3`: from now on the number `raw` stands for what `with` stands for, and
/// is closed on exec. What was open there is closed.
///
/// # Safety
/// * `raw` belongs to the caller, or its owner expects the exchange.
///
/// # Errors
/// [`Error::Os`]; `raw` is then as it was.
pub unsafe fn replace(raw: i32, with: &Fd) -> Result<()> {
    retry(|| {
        // SAFETY: takes no pointers; the number is the caller's to give another meaning.
        check("dup3", unsafe { libc::dup3(with.raw(), raw, libc::O_CLOEXEC) })
    })
    .map(|_| ())
}

/// `fallocate(PUNCH_HOLE)`: gives the memory or disk of these bytes back; they read as zeros.
/// Only whole pages go.
///
/// # Errors
/// [`Error::Os`].
pub fn punch_hole(fd: &Fd, offset: u64, len: u64) -> Result<()> {
    let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    let (offset, len) = (offset as libc::off_t, len as libc::off_t);
    retry(|| {
        // SAFETY: takes no pointers.
        check("fallocate", unsafe { libc::fallocate(fd.raw(), mode, offset, len) })
    })
    .map(|_| ())
}

/// `lseek(SEEK_DATA)` and `lseek(SEEK_HOLE)`: start and end of the first part
/// from `offset` on that was ever written; none if there is no more.
///
/// # Errors
/// [`Error::Os`].
pub fn next_data(fd: &Fd, offset: u64) -> Result<Option<(u64, u64)>> {
    let start = match seek(fd, offset, libc::SEEK_DATA) {
        Err(Error::Os { errno: libc::ENXIO, .. }) => return Ok(None),
        other => other?,
    };
    Ok(Some((start, seek(fd, start, libc::SEEK_HOLE)?)))
}

fn seek(fd: &Fd, offset: u64, whence: i32) -> Result<u64> {
    // SAFETY: takes no pointers.
    let at = unsafe { libc::lseek(fd.raw(), offset as libc::off_t, whence) };
    u64::try_from(at).map_err(|_| Error::Os { call: "lseek", errno: super::errno() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_file_remembers_what_was_written() {
        let fd = memory_file().unwrap();
        assert_eq!(next_data(&fd, 0), Ok(None));
        for at in [0_u64, 1 << 40] {
            // SAFETY: a live array.
            unsafe { fd.write_at([7].as_ptr(), 1, at) }.unwrap();
        }
        let (start, end) = next_data(&fd, 1).unwrap().unwrap();
        assert!(start == 1 && (2..1 << 40).contains(&end));
        assert_eq!(next_data(&fd, end), Ok(Some((1 << 40, (1 << 40) + 1))));
        assert_eq!(next_data(&fd, (1 << 40) + 1), Ok(None));
    }

    #[test]
    fn a_hole_gives_pages_back_and_keeps_the_size() {
        let fd = memory_file().unwrap();
        let bytes = [7; 3 * 4096];
        // SAFETY: a live array.
        unsafe { fd.write_at(bytes.as_ptr(), bytes.len(), 0) }.unwrap();
        punch_hole(&fd, 4096, 4096).unwrap();
        assert_eq!(next_data(&fd, 4096), Ok(Some((8192, 3 * 4096))));
        assert_eq!(fd.stat().unwrap().size, 3 * 4096);
    }

    #[test]
    fn a_replaced_number_stands_for_the_other_file() {
        let (a, b) = (memory_file().unwrap(), memory_file().unwrap());
        // SAFETY: `a` is this test's own.
        unsafe { replace(a.raw(), &b) }.unwrap();
        assert!(a.stat().unwrap().same_inode(&b.stat().unwrap()));
    }
}
