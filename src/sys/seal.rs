//! Memory without a name that can be sealed, and passed on by its descriptor.

use super::{EINVAL, Fd, check, page_size, retry};
use crate::error::{Error, Result};

/// What can be forbidden for a [`sealable_file`], for ever and to everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seals(i32);

impl Seals {
    /// Its length stays as it is: no access to it is ever a SIGBUS.
    pub const LENGTH: Self = Self(libc::F_SEAL_SHRINK | libc::F_SEAL_GROW);
    /// Its bytes stay as they are.
    pub const BYTES: Self = Self(libc::F_SEAL_WRITE);
    /// No more seals.
    pub const LAST: Self = Self(libc::F_SEAL_SEAL);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are among these.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// `memfd_create(MFD_ALLOW_SEALING)`: memory that goes with its last descriptor
/// and its last mapping.
///
/// # Errors
/// [`Error::Os`].
pub fn sealable_file() -> Result<Fd> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name, which only `/proc` shows, is a C string.
    let raw = unsafe { libc::memfd_create(c"ndshm".as_ptr(), flags) };
    let raw = check("memfd_create", raw)?;
    // SAFETY: just opened, and owned by nobody else.
    Ok(unsafe { Fd::from_raw(raw) })
}

/// `F_DUPFD_CLOEXEC`: another descriptor of the same description as `raw`,
/// which stays the caller's.
///
/// # Errors
/// [`Error::Os`], with [`EBADF`](super::EBADF) if it is none.
pub fn duplicate(raw: i32) -> Result<Fd> {
    // SAFETY: takes no pointers; a number that is no descriptor is refused.
    let copy = check("fcntl", unsafe { libc::fcntl(raw, libc::F_DUPFD_CLOEXEC, 0) })?;
    // SAFETY: just opened, and owned by nobody else.
    Ok(unsafe { Fd::from_raw(copy) })
}

impl Fd {
    /// `F_ADD_SEALS`.
    ///
    /// # Errors
    /// [`Error::Os`], with `EBUSY` for [`Seals::BYTES`] while somebody has a
    /// mapping that could be written.
    pub fn seal(&self, seals: Seals) -> Result<()> {
        // SAFETY: takes no pointers.
        retry(|| check("fcntl", unsafe { libc::fcntl(self.raw(), libc::F_ADD_SEALS, seals.0) }))
            .map(drop)
    }

    /// `F_GET_SEALS`; none for what cannot be sealed.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn seals(&self) -> Result<Seals> {
        // SAFETY: takes no pointers.
        match check("fcntl", unsafe { libc::fcntl(self.raw(), libc::F_GET_SEALS) }) {
            Err(Error::Os { errno: EINVAL, .. }) => Ok(Seals(0)),
            result => result.map(Seals),
        }
    }

    /// Whether its pages come when they are asked for. Those of a hugetlbfs, whose files can
    /// be sealed, too, may have run out: then a hole is a SIGBUS, and holes can be punched
    /// into what has a sealed length. Who may not ask is told yes.
    #[must_use]
    pub fn has_plain_pages(&self) -> bool {
        let mut raw = core::mem::MaybeUninit::<libc::statvfs>::zeroed();
        // SAFETY: `raw` has room for one `statvfs`.
        if unsafe { libc::fstatvfs(self.raw(), raw.as_mut_ptr()) } < 0 {
            return true;
        }
        // SAFETY: zero-initialised, and filled by the call that succeeded.
        let raw = unsafe { raw.assume_init_ref() };
        usize::try_from(raw.f_bsize) == Ok(page_size())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Access, Map, SHM_DIR, open_unnamed};
    use super::*;

    #[test]
    fn a_sealed_length_stays() {
        let fd = sealable_file().unwrap();
        fd.truncate(10).unwrap();
        fd.seal(Seals::LENGTH).unwrap();
        assert!(fd.seals().unwrap().has(Seals::LENGTH));
        assert!(!fd.seals().unwrap().has(Seals::LENGTH.and(Seals::LAST)));
        assert!(fd.truncate(9).is_err() && fd.truncate(11).is_err());
    }

    #[test]
    fn bytes_are_sealed_when_nobody_can_write_them() {
        let fd = sealable_file().unwrap();
        fd.truncate(1).unwrap();
        let mut map = Map::shared(&fd, 1, Access::ReadWrite).unwrap();
        assert!(fd.seal(Seals::BYTES).is_err(), "the mapping is in the way");
        let at = map.as_ptr();
        map.exchange(&fd.reopen(Access::Read).unwrap(), Access::Read).unwrap();
        assert_eq!((map.as_ptr(), map.access()), (at, Access::Read));
        // A worker that another test forked meanwhile has the mapping for a moment, too.
        let sealed = (0..200).any(|_| {
            let sealed = fd.seal(Seals::BYTES).is_ok();
            if !sealed {
                std::thread::sleep(core::time::Duration::from_millis(10));
            }
            sealed
        });
        assert!(sealed);
        assert!(Map::shared(&fd, 1, Access::ReadWrite).is_err());
    }

    #[test]
    fn other_files_have_no_such_seals() {
        let shm = open_unnamed(SHM_DIR).unwrap();
        assert!(!shm.seals().unwrap().has(Seals::LENGTH));
        let proc = Fd::open_read(c"/proc/self/status").unwrap();
        assert_eq!(proc.seals(), Ok(Seals(0)));
    }

    #[test]
    fn a_duplicate_is_the_same_file_and_closed_by_itself() {
        let fd = sealable_file().unwrap();
        let copy = duplicate(fd.raw()).unwrap();
        assert_ne!(copy.raw(), fd.raw());
        assert!(copy.stat().unwrap().same_inode(&fd.stat().unwrap()));
        drop(copy);
        assert!(fd.stat().is_ok());
        assert!(duplicate(-1).is_err());
    }
}
