//! Taking the shared lock, and seeing whether others have it.

use super::{Deadline, Exit, Name, byte, pin, refine};
use crate::error::{Error, Result};
use crate::sys::{Access, ByteLock, Fd, Stat, shm_open};

/// A descriptor with the shared lock of its segment.
#[derive(Debug)]
pub struct Held {
    fd: Fd,
    id: Stat,
}

/// What holds the shared lock beside the mapping: nothing on Linux, the
/// descriptor where a mapping does not carry it, or where it is to be passed on.
#[derive(Debug)]
pub struct Hold(Option<Fd>);

impl Hold {
    /// The descriptor that is kept.
    #[must_use]
    pub const fn fd(&self) -> Option<&Fd> {
        self.0.as_ref()
    }
}

impl Held {
    /// Takes the shared lock of `fd`, without waiting. `None` if somebody has
    /// it exclusively, or has removed the name meanwhile.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub(super) fn take(fd: Fd) -> Result<Option<Self>> {
        if !fd.try_lock_shared()? {
            return Ok(None);
        }
        Ok(Self::mark(fd)?.still_named())
    }

    /// The same for a file that has no name yet, so that nobody else can have it.
    pub(super) fn take_unnamed(fd: Fd) -> Result<Self> {
        if fd.try_lock_shared()? { Self::mark(fd) } else { Err(Error::Busy) }
    }

    fn mark(fd: Fd) -> Result<Self> {
        // Only a probe misses it.
        let _ = fd.try_lock_byte(ByteLock::Read, byte::PRESENT);
        let id = fd.stat()?;
        Ok(Self { fd, id })
    }

    fn still_named(self) -> Option<Self> {
        (self.id.nlink > 0).then_some(self)
    }

    /// The locked descriptor.
    #[must_use]
    pub const fn fd(&self) -> &Fd {
        &self.fd
    }

    /// The inode, and its size when the lock was taken.
    #[must_use]
    pub const fn id(&self) -> &Stat {
        &self.id
    }

    /// Gives the lock up without having attached: the last step, too.
    pub fn abandon(self, name: &Name) {
        let exit = Exit::prepare(name, &self.id);
        drop(self);
        drop(exit);
    }

    /// Takes no lock: for a file that has no name, and so nothing to lose.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn unlocked(fd: Fd) -> Result<Self> {
        let id = fd.stat()?;
        Ok(Self { fd, id })
    }

    /// Keeps the descriptor with its lock.
    #[must_use]
    pub fn keep(self) -> Hold {
        Hold(Some(self.fd))
    }

    /// Leaves the lock to a mapping that was made of the descriptor.
    #[must_use]
    pub fn into_hold(self) -> Hold {
        Hold(if pin::mappings_carry_locks() { None } else { Some(self.fd) })
    }
}

/// Opens the segment `name` and takes its shared lock. Waits until `deadline`
/// while somebody has it exclusively, which lasts microseconds unless a
/// stranger does it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Permission`], [`Error::Busy`],
/// [`Error::NotNdshm`] for what is no file, [`Error::Os`].
pub fn acquire(name: &Name, access: Access, deadline: &Deadline) -> Result<Held> {
    loop {
        let fd = shm_open(name.posix(), access).map_err(refine)?;
        if let Some(held) = Held::take(fd)? {
            return if held.id.is_file() { Ok(held) } else { Err(Error::NotNdshm) };
        }
        if !deadline.pause() {
            return Err(Error::Busy);
        }
    }
}

/// Who has a segment, seen without taking a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alive {
    /// Some process has it attached, or is making it.
    pub attached: bool,
    /// Its creator is still writing the data.
    pub writing: bool,
}

/// Asks the kernel who has the segment behind `fd`.
///
/// # Errors
/// [`Error::Os`].
pub fn probe(fd: &Fd) -> Result<Alive> {
    Ok(Alive {
        attached: fd.is_byte_locked(ByteLock::Write, byte::PRESENT)?,
        writing: fd.is_byte_locked(ByteLock::Read, byte::WRITER)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::{SHM_DIR, open_unnamed};

    #[test]
    fn a_lock_on_what_was_removed_meanwhile_is_none() {
        // A file without a name looks like one whose name was just removed.
        let fd = open_unnamed(SHM_DIR).unwrap();
        let other = fd.reopen(Access::Read).unwrap();
        assert!(Held::take(fd).unwrap().is_none());
        let held = Held::take_unnamed(other).unwrap();
        assert!(probe(held.fd()).is_ok_and(|alive| !alive.attached), "it does not see itself");
    }

    #[test]
    fn a_lock_that_somebody_has_exclusively_is_none() {
        let fd = open_unnamed(SHM_DIR).unwrap();
        let other = fd.reopen(Access::Read).unwrap();
        assert!(other.try_lock_exclusive().unwrap());
        assert!(Held::take(fd).unwrap().is_none());
    }
}
