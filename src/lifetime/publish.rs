//! Making the inode, and giving it a name.

use core::time::Duration;

use super::acquire::Held;
use super::remove::is_anybody_there;
use super::{Deadline, Exit, Name, Removal, byte, reap, refine};
use crate::error::{Error, Result};
use crate::sys::{
    self, Access, ByteLock, Fd, SHM_DIR, open_unnamed, sealable_file, shm_create, shm_open,
    stat_path,
};

/// How a segment gets its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Via {
    /// An unnamed file that is linked when it is complete, where the system
    /// has that; else as [`Via::ShmOpen`].
    #[default]
    Auto,
    /// `shm_open`: the name is there at once, and says that it is not ready.
    ShmOpen,
}

/// A locked inode that is to become a segment. The fields are dropped in this
/// order: first the lock is given up, then the last step asks who is left.
#[derive(Debug)]
pub struct Site {
    /// The lock.
    pub held: Held,
    /// Removes the name if the segment is abandoned.
    pub exit: Exit,
}

/// How long two creators may get in each other's way.
const RIVALRY: Duration = Duration::from_secs(2);

/// A locked file that has no name yet: nobody else can see it, and it is gone
/// with this process. Nothing where this system cannot make a file without a name
/// and link it later.
///
/// # Errors
/// [`Error::Os`].
pub fn create_unnamed(mode: u32) -> Result<Option<Site>> {
    if stat_path(c"/proc/self/fd").is_err() {
        return Ok(None);
    }
    let Ok(fd) = open_unnamed(SHM_DIR) else { return Ok(None) };
    nameless(fd, mode).map(Some)
}

/// A file that never gets a name: it goes with its last descriptor and mapping.
///
/// # Errors
/// [`Error::Os`].
pub fn create_anonymous(mode: u32) -> Result<Site> {
    nameless(sealable_file()?, mode)
}

fn nameless(fd: Fd, mode: u32) -> Result<Site> {
    let held = Held::take_unnamed(fd)?;
    set_mode(&held, mode)?;
    Ok(Site { held, exit: Exit::none() })
}

/// The mode that was asked for, whatever the umask made of it.
fn set_mode(held: &Held, mode: u32) -> Result<()> {
    if held.id().mode & 0o777 == mode { Ok(()) } else { held.fd().set_mode(mode) }
}

/// An empty locked object under `name`, with the writer's byte lock.
///
/// # Errors
/// [`Error::Exists`], [`Error::Permission`], [`Error::Busy`], [`Error::Os`].
pub fn create_named(name: &Name, mode: u32) -> Result<Site> {
    let rivalry = Deadline::after(RIVALRY);
    loop {
        match shm_create(name.posix()).map_err(refine) {
            Err(Error::Exists) => make_way(name)?,
            Err(error) => return Err(error),
            Ok(fd) => {
                // A reaper that came in between sees an orphan, and may remove it. After an
                // error it is one, that nobody else knows of.
                let taken = Held::take(fd).inspect_err(|_| {
                    let _ = make_way(name);
                });
                if let Some(held) = taken? {
                    // Before the exit is prepared: the umask may keep even this user out.
                    let claimed = claim(&held, mode);
                    let mut exit = Exit::prepare(name, held.id());
                    exit.expect_to_be_last();
                    exit.expect_to_go();
                    let site = Site { held, exit };
                    return claimed.map(|()| site);
                }
            }
        }
        if !rivalry.pause() {
            return Err(obstacle(name));
        }
    }
}

fn claim(held: &Held, mode: u32) -> Result<()> {
    held.fd().try_lock_byte(ByteLock::Write, byte::WRITER)?;
    set_mode(held, mode)
}

/// Links a complete, locked, unnamed file to `name`. Whether this call did: a process with
/// the same file, which one of both was forked with, may have linked it already.
///
/// # Errors
/// [`Error::Exists`], also if the file has another name already; [`Error::NotFound`] if it
/// had one, and that was removed; [`Error::Permission`], [`Error::Busy`], [`Error::Os`].
pub fn link(held: &Held, name: &Name) -> Result<bool> {
    let rivalry = Deadline::after(RIVALRY);
    loop {
        let file = held.fd().stat()?;
        let is_there = || stat_path(name.path()).is_ok_and(|there| there.same_inode(&file));
        if file.nlink > 0 {
            return if is_there() { Ok(false) } else { Err(Error::Exists) };
        }
        match held.fd().link(name.path()) {
            Err(Error::Os { errno: sys::EEXIST, .. }) if is_there() => return Ok(false),
            Err(Error::Os { errno: sys::EEXIST, .. }) => make_way(name)?,
            Err(error) => return Err(refine(error)),
            Ok(()) => return Ok(true),
        }
        if !rivalry.pause() {
            return Err(obstacle(name));
        }
    }
}

/// What is in the way for so long: a stranger's exclusive lock, or somebody who
/// holds the shared one without the byte that says so, and is alive.
fn obstacle(name: &Name) -> Error {
    match shm_open(name.posix(), Access::Read).and_then(Held::take) {
        Ok(Some(held)) => {
            held.abandon(name);
            Error::Exists
        }
        _ => Error::Busy,
    }
}

/// Removes a dead segment of this name. The name may still be taken after it,
/// while somebody else removes the segment or is about to attach it.
///
/// # Errors
/// [`Error::Exists`] if it is not dead; what [`reap`] returns.
pub fn make_way(name: &Name) -> Result<()> {
    match reap(name) {
        Ok(Removal::Removed) | Err(Error::NotFound) => Ok(()),
        Ok(Removal::Live) if !is_anybody_there(name) => Ok(()),
        Ok(_) | Err(Error::Permission) => Err(Error::Exists),
        Err(error) => Err(error),
    }
}
