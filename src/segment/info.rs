//! Looking at segments, and removing them, without attaching.

use super::Removal;
use super::head::Head;
use super::{Access, Alive, Name, State};
use crate::error::{Error, Result};
use crate::layout::{MAGIC, View};
use crate::lifetime::{probe, reap, refine, remove_current};
use crate::sys::{Fd, SHM_DIR, boot_ns, for_each_name, shm_open};

/// What can be seen of an object without its header, be it valid or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    /// Bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Its owner's user id.
    pub uid: u32,
    /// Who has it.
    pub alive: Alive,
}

/// A look at a segment that takes no lock and counts nothing: it does not keep
/// the segment's name, but its memory, as long as this value lives.
#[derive(Debug)]
pub struct Info {
    name: Name,
    glance: Glance,
    head: Head,
    fd: Fd,
}

/// Looks at the object `name`.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Permission`], [`Error::NotNdshm`] for what is
/// no file, [`Error::Os`].
pub fn glance(name: &Name) -> Result<Glance> {
    Ok(open(name)?.1)
}

fn open(name: &Name) -> Result<(Fd, Glance)> {
    let fd = shm_open(name.posix(), Access::Read).map_err(refine)?;
    let stat = fd.stat()?;
    if !stat.is_file() {
        return Err(Error::NotNdshm);
    }
    let alive = probe(&fd)?;
    Ok((fd, Glance { size: stat.size, mode: stat.mode & 0o777, uid: stat.uid, alive }))
}

impl Info {
    /// Reads the header of the segment `name`.
    ///
    /// # Errors
    /// As [`Segment::attach`](super::Segment::attach) without a timeout, but it is never busy.
    pub fn peek(name: &Name) -> Result<Self> {
        let (fd, glance) = open(name)?;
        let mut magic = [0; MAGIC.len()];
        fd.read_full(&mut magic, 0)?;
        // A live creator may be writing the header just now.
        if glance.alive.writing || magic == [0; MAGIC.len()] {
            return Err(unfinished(&glance));
        }
        let head = Head::read(&fd)?;
        if head.view().state() == State::Initializing {
            return Err(unfinished(&glance));
        }
        Ok(Self { name: *name, glance, head, fd })
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// What can be seen without the header.
    #[must_use]
    pub const fn glance(&self) -> &Glance {
        &self.glance
    }

    /// What the header said when it was read.
    #[must_use]
    pub const fn header(&self) -> &View<'_> {
        self.head.view()
    }

    /// Processes attached when the header was read. Advice: a killed one stays
    /// counted.
    #[must_use]
    pub const fn refcount(&self) -> u32 {
        self.header().header().refcount
    }

    /// Attaches that were promised when the header was read, and not claimed, and for whom
    /// it is not too late now.
    #[must_use]
    pub fn promised(&self) -> u32 {
        self.header().promises().outstanding(boot_ns())
    }

    /// Copies data from `offset` on into `buf`, through the kernel; the number
    /// of bytes is smaller at the end of the data. Without a lock the segment may
    /// be written, or lose its name, meanwhile; it is never a signal.
    ///
    /// # Errors
    /// [`Error::Os`].
    pub fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let fixed = self.header().header();
        let left = fixed.data_len.saturating_sub(offset);
        let len = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let at = fixed.data_offset.saturating_add(offset);
        self.fd.read_full(buf.get_mut(..len).unwrap_or_default(), at)
    }
}

/// The error of an object whose creator has not completed it.
const fn unfinished(glance: &Glance) -> Error {
    if glance.alive.writing || glance.size == 0 { Error::NotReady } else { Error::CreatorDied }
}

/// Calls `each` with the name of every segment, in no order. What `each`
/// removes or makes may or may not be seen.
///
/// # Errors
/// [`Error::Os`], and what `each` returns.
pub fn list(mut each: impl FnMut(&Name) -> Result<()>) -> Result<()> {
    for_each_name(SHM_DIR, |file| match Name::from_file(file) {
        Some(name) => each(&name),
        None => Ok(()),
    })
}

/// Removes every segment that is dead: nobody has it attached, and its policy
/// does not keep it. Calls `each` with every segment and what became of it.
///
/// # Errors
/// [`Error::Os`], and what `each` returns.
pub fn prune(mut each: impl FnMut(&Name, Result<Removal>) -> Result<()>) -> Result<()> {
    list(|name| match reap(name) {
        Err(Error::NotFound) => Ok(()),
        result => each(name, result),
    })
}

/// Removes the name of a segment now, whatever its policy. Whoever has it
/// attached keeps what is mapped.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Permission`], [`Error::Busy`], [`Error::Os`].
pub fn unlink(name: &Name) -> Result<()> {
    remove_current(name)
}
