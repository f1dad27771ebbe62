//! Removing names: of the dead, of the last one's, and on request.

use core::time::Duration;

use super::{Deadline, Name, byte, refine};
use crate::error::{Error, Result};
use crate::layout::{HEADER_SIZE, Reaping, is_intact, reaping};
use crate::sys::{self, Access, ByteLock, Fd, Pages, Stat, shm_open, shm_unlink, stat_path};

/// What became of a name that somebody wanted to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Removed,
    /// Somebody has the segment attached.
    Live,
    /// Nobody has, but its policy or its format says that it stays.
    Kept,
    /// It belongs to another user.
    Foreign,
}

/// How long two removers may get in each other's way.
const RIVALRY: Duration = Duration::from_secs(1);

/// A fresh description of the object `name`, writable if it may be.
fn open_fresh(name: &Name) -> Result<Fd> {
    match shm_open(name.posix(), Access::ReadWrite).map_err(refine) {
        Err(Error::Permission) => shm_open(name.posix(), Access::Read).map_err(refine),
        result => result,
    }
}

/// Removes the segment `name` if it is dead: nobody has it, and its policy does
/// not keep it. Another user's is left alone.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Permission`], [`Error::Busy`], [`Error::Os`].
pub fn reap(name: &Name) -> Result<Removal> {
    let fresh = open_fresh(name)?;
    let id = fresh.stat()?;
    if id.uid != sys::user_id() {
        return Ok(Removal::Foreign);
    }
    if !may_go(&fresh, &id)? {
        return Ok(if is_attached(&fresh) { Removal::Live } else { Removal::Kept });
    }
    remove_if_dead(name, &fresh, &id)
}

/// Whether the exclusive lock is worth trying: whoever will keep an object
/// should not disturb.
fn may_go(fresh: &Fd, id: &Stat) -> Result<bool> {
    if !id.is_file() {
        return Ok(false);
    }
    let mut head = [0; HEADER_SIZE];
    let len = fresh.read_full(&mut head, 0)?;
    let head = head.get(..len).unwrap_or_default();
    Ok(reaping(head, sys::boot_ns()) != Reaping::Never)
}

/// Removes the name of the object behind `fresh`, a description without locks,
/// if nobody has it and its policy allows.
fn remove_if_dead(name: &Name, fresh: &Fd, id: &Stat) -> Result<Removal> {
    if !fresh.try_lock_exclusive()? {
        return Ok(Removal::Live);
    }
    if !is_reapable(fresh)? {
        return Ok(Removal::Kept);
    }
    remove_inode(name, fresh, id)?;
    Ok(Removal::Removed)
}

/// Whether somebody has the segment `name`. An exclusive lock, or one that is to
/// be shared in a moment, is nobody yet.
pub(super) fn is_anybody_there(name: &Name) -> bool {
    open_fresh(name).map_or_else(|error| error != Error::NotFound, |fd| is_attached(&fd))
}

fn is_attached(fd: &Fd) -> bool {
    fd.is_byte_locked(ByteLock::Write, byte::PRESENT).unwrap_or(true)
}

/// The decision, to be taken under the exclusive lock.
fn is_reapable(fd: &Fd) -> Result<bool> {
    let mut head = [0; 1024]; // more than most headers have
    let len = fd.read_full(&mut head, 0)?;
    let head = head.get(..len).unwrap_or_default();
    let header_len = match reaping(head, sys::boot_ns()) {
        Reaping::Never => return Ok(false),
        Reaping::Always => return Ok(true),
        Reaping::IfIntact { header_len } => header_len,
    };
    let len = usize::try_from(header_len).map_err(|_| Error::Overflow)?;
    if let Some(header) = head.get(..len) {
        return Ok(is_intact(header));
    }
    let mut header = Pages::new(len)?;
    let header = header.get_mut(..len).unwrap_or_default();
    fd.read_full(header, 0)?;
    Ok(is_intact(header))
}

/// Unlinks `name` if it is still the inode behind `fd`.
fn remove_inode(name: &Name, fd: &Fd, id: &Stat) -> Result<()> {
    lock_removal(fd)?;
    match stat_path(name.path()).map_err(refine) {
        Ok(now) if now.same_inode(id) => shm_unlink(name.posix()).map_err(refine),
        Ok(_) => Err(Error::NotFound),
        Err(error) => Err(error),
    }
}

/// From here until `fd` is closed nobody else removes a name of this inode, so
/// that between the look at the name and its removal it cannot become another's.
fn lock_removal(fd: &Fd) -> Result<()> {
    let rivalry = Deadline::after(RIVALRY);
    loop {
        match fd.try_lock_byte(ByteLock::Write, byte::REMOVE) {
            // A description that cannot be written cannot have the lock.
            Ok(true) | Err(Error::Os { errno: sys::EBADF, .. }) => return Ok(()),
            Err(error) => return Err(error),
            Ok(false) if !rivalry.pause() => return Err(Error::Busy),
            Ok(false) => {}
        }
    }
}

/// Removes `name` now, whoever has the segment and whatever its policy.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Permission`], [`Error::Busy`], [`Error::Os`].
pub fn remove_current(name: &Name) -> Result<()> {
    let fresh = open_fresh(name)?;
    let id = fresh.stat()?;
    remove_inode(name, &fresh, &id)
}

/// How long the last one waits for a descriptor that another thread's child
/// has inherited and is about to lose by its exec.
const INHERITANCE: Duration = Duration::from_millis(50);

/// The last step of everybody who had the shared lock: asks on a description
/// of its own whether anybody is left, when dropped. It is made before the lock
/// is given up, so that it is the same inode, and dropped after that.
#[derive(Debug, Default)]
pub struct Exit {
    name: Option<Name>,
    fresh: Option<(Fd, Stat)>,
    should_be_last: bool,
    may_go: bool,
}

impl Exit {
    /// Nothing to do.
    #[must_use]
    pub const fn none() -> Self {
        Self { name: None, fresh: None, should_be_last: false, may_go: false }
    }

    /// The step of one who knows no name of the inode yet: should a forked child have given
    /// it `name` meanwhile, it is looked for when the lock was given up. What is found
    /// is removed if it is dead, whoever's it was.
    #[must_use]
    pub const fn late(name: &Name) -> Self {
        Self { name: Some(*name), fresh: None, should_be_last: false, may_go: false }
    }

    /// Prepares the step for the inode `id`, if `name` is still its name.
    #[must_use]
    pub fn prepare(name: &Name, id: &Stat) -> Self {
        let Ok(fresh) = open_fresh(name) else { return Self::none() };
        let same = fresh.stat().is_ok_and(|now| now.same_inode(id));
        if !same {
            return Self::none();
        }
        Self { name: Some(*name), fresh: Some((fresh, *id)), ..Self::none() }
    }

    /// The description that was opened for it.
    #[must_use]
    pub fn fd(&self) -> Option<&Fd> {
        self.fresh.as_ref().map(|(fd, _)| fd)
    }

    /// Says that nobody else should have the segment, so that it is worth
    /// asking twice. Whether anybody has is still the kernel's answer.
    pub const fn expect_to_be_last(&mut self) {
        self.should_be_last = true;
    }

    /// Says that the policy lets it go when nobody has it, so that this need not
    /// be looked up before the lock is tried.
    pub const fn expect_to_go(&mut self) {
        self.may_go = true;
    }

    /// Removes the name now, whoever has the segment: its owner goes.
    pub fn remove_now(&mut self) {
        if let (Some(name), Some((fresh, id))) = (self.name.take(), self.fresh.take()) {
            // What stays after an error goes with the last one who has it.
            let _ = remove_inode(&name, &fresh, &id);
        }
    }

    /// Leaves the name alone.
    pub fn cancel(&mut self) {
        (self.name, self.fresh) = (None, None);
    }
}

impl Drop for Exit {
    fn drop(&mut self) {
        let Some(name) = &self.name else { return };
        let Some((fresh, id)) = &self.fresh else {
            let _ = reap(name);
            return;
        };
        if !self.may_go && may_go(fresh, id) != Ok(true) {
            return;
        }
        let patience = Deadline::after(INHERITANCE);
        // Nobody is left to tell of an error: what was not removed is an orphan.
        while remove_if_dead(name, fresh, id) == Ok(Removal::Live) {
            if !self.should_be_last || !patience.pause() {
                break;
            }
        }
    }
}
