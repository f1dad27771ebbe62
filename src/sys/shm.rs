//! Shared memory objects, by name and without one, and the file behind them.

use core::ffi::CStr;

use super::{Access, EINTR, EOPNOTSUPP, Fd, Pages, Stat, cgroup, check, errno, retry};
use crate::error::{Error, Result};

/// Where Linux keeps the objects of `shm_open`.
pub const SHM_DIR: &CStr = c"/dev/shm";

/// Largest piece of one `posix_fallocate`, so that a signal costs little.
const RESERVE_STEP: u64 = 256 << 20;
/// Smallest piece that a storm of signals makes of it.
const RESERVE_MIN: u64 = 1 << 20;

const fn open_flags(access: Access) -> i32 {
    match access {
        Access::Read => libc::O_RDONLY,
        Access::ReadWrite => libc::O_RDWR,
    }
}

fn shm(name: &CStr, flags: i32, mode: libc::mode_t) -> Result<Fd> {
    retry(|| {
        // SAFETY: `name` is a C string for the whole call.
        let raw = unsafe { libc::shm_open(name.as_ptr(), flags | libc::O_CLOEXEC, mode) };
        check("shm_open", raw)
    })
    // SAFETY: just opened, and known to nobody else.
    .map(|raw| unsafe { Fd::from_raw(raw) })
}

/// `shm_open` of an object that exists. Never creates, never follows a link,
/// and never waits, should a FIFO have the name.
///
/// # Errors
/// [`Error::Os`].
pub fn shm_open(name: &CStr, access: Access) -> Result<Fd> {
    shm(name, open_flags(access) | libc::O_NONBLOCK, 0)
}

/// `shm_open` of an object that must not exist yet, open to its owner only.
///
/// # Errors
/// [`Error::Os`], with [`EEXIST`](super::EEXIST) if the name is taken.
pub fn shm_create(name: &CStr) -> Result<Fd> {
    shm(name, libc::O_CREAT | libc::O_EXCL | libc::O_RDWR, 0o600)
}

/// `shm_unlink`.
///
/// # Errors
/// [`Error::Os`].
pub fn shm_unlink(name: &CStr) -> Result<()> {
    // SAFETY: `name` is a C string for the whole call.
    check("shm_unlink", unsafe { libc::shm_unlink(name.as_ptr()) }).map(drop)
}

/// `open(dir, O_TMPFILE | O_RDWR)`: a file without a name, open to its owner only.
///
/// # Errors
/// [`Error::Os`].
pub fn open_unnamed(dir: &CStr) -> Result<Fd> {
    Fd::open(dir, libc::O_TMPFILE | libc::O_RDWR, 0o600)
}

/// `lstat`.
///
/// # Errors
/// [`Error::Os`].
pub fn stat_path(path: &CStr) -> Result<Stat> {
    let mut raw = core::mem::MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: `path` is a C string, and `raw` has room for one `stat`.
    check("lstat", unsafe { libc::lstat(path.as_ptr(), raw.as_mut_ptr()) })?;
    // SAFETY: zero-initialised, and filled by the call that succeeded.
    Ok(Stat::from_raw(unsafe { raw.assume_init_ref() }))
}

/// `/proc/self/fd/N` as a C string on the stack.
struct ProcPath([u8; 32]);

impl ProcPath {
    fn new(fd: i32) -> Self {
        let mut path = Self([0; 32]);
        let mut digits = [0; 10];
        let mut rest = fd.unsigned_abs();
        let mut used: usize = 0;
        for digit in &mut digits {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            used += 1;
            if rest == 0 {
                break;
            }
        }
        let text = b"/proc/self/fd/".iter().chain(digits.iter().take(used).rev());
        for (to, from) in path.0.iter_mut().zip(text) {
            *to = *from;
        }
        path
    }

    fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

impl Fd {
    /// A fresh open file description of the same inode, through `/proc`.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn reopen(&self, access: Access) -> Result<Self> {
        Self::open(ProcPath::new(self.raw()).as_c_str(), open_flags(access), 0)
    }

    /// `linkat`: gives an unnamed file a name that must be free.
    ///
    /// # Errors
    /// [`Error::Os`], with [`EEXIST`](super::EEXIST) if the name is taken.
    pub fn link(&self, path: &CStr) -> Result<()> {
        let from = ProcPath::new(self.raw());
        let (at, flags) = (libc::AT_FDCWD, libc::AT_SYMLINK_FOLLOW);
        // SAFETY: both paths are C strings for the whole call.
        let result =
            unsafe { libc::linkat(at, from.as_c_str().as_ptr(), at, path.as_ptr(), flags) };
        check("linkat", result).map(drop)
    }

    /// `pread` until `buf` is full or the file ends; the number of bytes.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn read_full(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let got = self.read_at(rest, offset.saturating_add(done as u64))?;
            if got == 0 {
                break;
            }
            done = done.saturating_add(got);
        }
        Ok(done)
    }

    /// `fchmod`, which no umask weakens.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn set_mode(&self, mode: u32) -> Result<()> {
        // SAFETY: takes no pointers.
        retry(|| check("fchmod", unsafe { libc::fchmod(self.raw(), mode as libc::mode_t) }))
            .map(drop)
    }

    /// `ftruncate`.
    ///
    /// # Errors
    /// [`Error::Os`], [`Error::Overflow`].
    pub fn truncate(&self, len: u64) -> Result<()> {
        let len = libc::off_t::try_from(len).map_err(|_| Error::Overflow)?;
        // SAFETY: takes no pointers.
        retry(|| check("ftruncate", unsafe { libc::ftruncate(self.raw(), len) })).map(drop)
    }

    /// Backs the first `len` bytes with pages, growing the file as needed, if the first
    /// `backed` ones are already. What was written before stays.
    ///
    /// # Errors
    /// [`Error::Os`], with [`ENOSPC`](super::ENOSPC) if memory is short; part of it may be
    /// reserved then.
    pub fn reserve(&self, backed: u64, len: u64) -> Result<()> {
        let (mut at, mut step) = (backed, RESERVE_STEP);
        while at < len {
            let piece = step.min(len - at);
            match self.allocate(at, piece) {
                0 => at += piece,
                EINTR => step = (step / 2).max(RESERVE_MIN),
                EOPNOTSUPP => return self.write_zeros_to_end(len),
                errno => return Err(Error::Os { call: "posix_fallocate", errno }),
            }
        }
        Ok(())
    }

    /// `posix_fallocate`; answers with an `errno`, or 0.
    fn allocate(&self, offset: u64, len: u64) -> i32 {
        let (Ok(offset), Ok(len)) = (libc::off_t::try_from(offset), libc::off_t::try_from(len))
        else {
            return libc::EFBIG;
        };
        // SAFETY: takes no pointers.
        unsafe { libc::posix_fallocate(self.raw(), offset, len) }
    }

    /// The same without `posix_fallocate`, for what lies behind the end: a
    /// write that finds no room is an error and not a signal.
    fn write_zeros_to_end(&self, len: u64) -> Result<()> {
        let zeros = Pages::new(1 << 20)?;
        let mut at = self.stat()?.size;
        while at < len {
            let piece = (len - at).min(zeros.len() as u64);
            // SAFETY: `piece` is not longer than the pages it is read from.
            unsafe { self.write_at(zeros.as_ptr(), piece as usize, at) }?;
            at += piece;
        }
        Ok(())
    }

    /// Bytes that this file's file system may still hand out, as far as it
    /// limits them, and the machine and the control group have. Costs a dozen
    /// system calls.
    ///
    /// # Errors
    /// [`Error::Os`].
    #[allow(clippy::unnecessary_cast, reason = "the widths differ between targets")]
    pub fn free_bytes(&self) -> Result<u64> {
        let mut raw = core::mem::MaybeUninit::<libc::statvfs>::zeroed();
        // SAFETY: `raw` has room for one `statvfs`.
        if unsafe { libc::fstatvfs(self.raw(), raw.as_mut_ptr()) } < 0 {
            return Err(Error::Os { call: "fstatvfs", errno: errno() });
        }
        // SAFETY: zero-initialised, and filled by the call that succeeded.
        let raw = unsafe { raw.assume_init_ref() };
        let free = (raw.f_bavail as u64).saturating_mul(raw.f_frsize as u64);
        let free = if raw.f_blocks == 0 { u64::MAX } else { free }; // a tmpfs without limit
        Ok(free.min(memory_left()))
    }
}

/// Most that shared memory can still grow on this machine: memory and swap,
/// less what is shared already, or what this process's control group leaves. A
/// tmpfs may claim to be larger than that, and whoever fills it meets the
/// out-of-memory killer.
#[allow(clippy::unnecessary_cast, reason = "the widths differ between targets")]
fn memory_left() -> u64 {
    let mut raw = core::mem::MaybeUninit::<libc::sysinfo>::zeroed();
    // SAFETY: `raw` has room for one `sysinfo`.
    if unsafe { libc::sysinfo(raw.as_mut_ptr()) } < 0 {
        return u64::MAX;
    }
    // SAFETY: zero-initialised, and filled by the call that succeeded.
    let raw = unsafe { raw.assume_init_ref() };
    let bytes = |units: u64| units.saturating_mul(u64::from(raw.mem_unit));
    let machine = (raw.totalram as u64).saturating_add(raw.freeswap as u64);
    let machine = bytes(machine.saturating_sub(raw.sharedram as u64));
    machine.min(cgroup::memory_left().saturating_add(bytes(raw.freeswap as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_path_has_every_digit_and_no_leading_zero() {
        for (fd, text) in [(0, c"/proc/self/fd/0"), (70, c"/proc/self/fd/70")] {
            assert_eq!(ProcPath::new(fd).as_c_str(), text);
        }
        assert_eq!(ProcPath::new(i32::MAX).as_c_str(), c"/proc/self/fd/2147483647");
    }

    #[test]
    fn reserve_backs_pages_and_keeps_what_was_written() {
        let fd = open_unnamed(SHM_DIR).unwrap();
        // SAFETY: the array is readable for its length.
        unsafe { fd.write_at([7_u8; 3].as_ptr(), 3, 0) }.unwrap();
        fd.reserve(0, 10_000).unwrap();
        assert_eq!(fd.stat().unwrap().size, 10_000);
        let mut back = [1; 5];
        assert_eq!(fd.read_at(&mut back, 0).unwrap(), 5);
        assert_eq!(back, [7, 7, 7, 0, 0]);
    }

    #[test]
    fn there_is_memory_but_not_without_end() {
        let free = open_unnamed(SHM_DIR).unwrap().free_bytes().unwrap();
        assert!(free <= memory_left());
        assert!((1 << 20..1 << 50).contains(&memory_left()));
    }

    #[test]
    fn zeros_are_written_where_reserving_is_not_possible() {
        let fd = open_unnamed(SHM_DIR).unwrap();
        fd.write_zeros_to_end((3 << 20) + 5).unwrap();
        assert_eq!(fd.stat().unwrap().size, (3 << 20) + 5);
    }
}
