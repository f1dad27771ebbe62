//! Locks of the kernel: `flock` for the life of a segment, byte locks of an
//! open file description for roles. Nothing here waits.
//!
//! There is no unlock for `flock`: a lock goes with its description. In a
//! forked child an unlock would take away the parent's.

use super::{EAGAIN, Fd, check, retry};
use crate::error::{Error, Result};

/// A byte lock: one writer or many readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteLock {
    /// `F_RDLCK`: shared.
    Read,
    /// `F_WRLCK`: exclusive; needs a descriptor open for writing.
    Write,
}

impl ByteLock {
    const fn code(self) -> i32 {
        match self {
            Self::Read => libc::F_RDLCK,
            Self::Write => libc::F_WRLCK,
        }
    }
}

/// `false` if the answer is that somebody else has it.
fn taken_is_false(result: Result<i32>) -> Result<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(Error::Os { errno: EAGAIN | libc::EACCES, .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

fn byte(kind: i32, offset: u64) -> libc::flock {
    // SAFETY: plain integers, for which zero is a value.
    let mut lock: libc::flock = unsafe { core::mem::zeroed() };
    lock.l_type = kind as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = offset as libc::off_t;
    lock.l_len = 1;
    lock
}

impl Fd {
    fn flock(&self, operation: i32) -> Result<bool> {
        taken_is_false(retry(|| {
            // SAFETY: takes no pointers.
            check("flock", unsafe { libc::flock(self.raw(), operation | libc::LOCK_NB) })
        }))
    }

    /// `flock(LOCK_SH | LOCK_NB)`: whether it was granted.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn try_lock_shared(&self) -> Result<bool> {
        self.flock(libc::LOCK_SH)
    }

    /// `flock(LOCK_EX | LOCK_NB)`: whether it was granted. A refusal takes away
    /// a shared lock of the same description, so ask on a fresh one.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn try_lock_exclusive(&self) -> Result<bool> {
        self.flock(libc::LOCK_EX)
    }

    /// `F_OFD_SETLK` of one byte: whether it was granted.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn try_lock_byte(&self, lock: ByteLock, offset: u64) -> Result<bool> {
        let lock = byte(lock.code(), offset);
        taken_is_false(retry(|| {
            // SAFETY: `lock` is a `flock` for the whole call.
            check("fcntl", unsafe { libc::fcntl(self.raw(), libc::F_OFD_SETLK, &raw const lock) })
        }))
    }

    /// `F_OFD_SETLK` with `F_UNLCK`, for every process that shares the description.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn unlock_byte(&self, offset: u64) -> Result<()> {
        let lock = byte(libc::F_UNLCK, offset);
        // SAFETY: `lock` is a `flock` for the whole call.
        check("fcntl", unsafe { libc::fcntl(self.raw(), libc::F_OFD_SETLK, &raw const lock) })
            .map(drop)
    }

    /// `F_OFD_GETLK`: whether another description's lock is in the way of this
    /// one. Takes nothing.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn is_byte_locked(&self, against: ByteLock, offset: u64) -> Result<bool> {
        let mut lock = byte(against.code(), offset);
        // SAFETY: `lock` is a `flock` that the call may write to.
        check("fcntl", unsafe { libc::fcntl(self.raw(), libc::F_OFD_GETLK, &raw mut lock) })?;
        Ok(i32::from(lock.l_type) != libc::F_UNLCK)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Access, SHM_DIR, open_unnamed};
    use super::*;

    #[test]
    fn shared_locks_keep_exclusive_ones_out() {
        let a = open_unnamed(SHM_DIR).unwrap();
        let b = a.reopen(Access::Read).unwrap();
        let c = a.reopen(Access::Read).unwrap();
        assert!(a.try_lock_shared().unwrap());
        assert!(b.try_lock_shared().unwrap());
        assert!(!c.try_lock_exclusive().unwrap());
        drop((a, b));
        // Other tests fork: for a moment their children have copies of the descriptors.
        let free = |()| {
            c.try_lock_exclusive().unwrap() || {
                std::thread::sleep(core::time::Duration::from_millis(10));
                false
            }
        };
        assert!(core::iter::repeat_n((), 1000).any(free));
    }

    #[test]
    fn byte_locks_are_seen_without_taking_one() {
        let a = open_unnamed(SHM_DIR).unwrap();
        let b = a.reopen(Access::Read).unwrap();
        assert!(a.try_lock_byte(ByteLock::Write, 0).unwrap());
        assert!(b.is_byte_locked(ByteLock::Read, 0).unwrap());
        assert!(!b.is_byte_locked(ByteLock::Read, 1).unwrap());
        assert!(!b.try_lock_byte(ByteLock::Read, 0).unwrap());
        a.unlock_byte(0).unwrap();
        assert!(!b.is_byte_locked(ByteLock::Write, 0).unwrap());
    }
}
