//! An attached segment.

use core::time::Duration;

use super::attach::{self, Attach};
use super::head::Head;
use super::leave;
use super::spec::wait_ns;
use super::{Access, Name, Policy, State};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::{Promises, View, offset};
use crate::lifetime::{Exit, Held, Hold, refine};
use crate::sys::{Fd, Map, Seals, Stat, boot_ns, lineage, shm_open, stat_path};

/// A segment that this process has attached. Dropping it detaches; whoever is
/// last then removes the name, if the policy says so.
#[derive(Debug)]
pub struct Segment {
    head: Head,
    /// None for an anonymous one.
    name: Option<Name>,
    id: Stat,
    /// Of the process that has it; a forked child has a copy.
    lineage: u32,
    creator: bool,
    /// Whether it was given up already.
    left: bool,
    // Dropped in this order: the mapping and what holds its lock beside it go
    // before the last step asks who is left.
    map: Map,
    hold: Hold,
    exit: Exit,
}

impl Segment {
    /// One that was attached by its name.
    pub(super) fn new(head: Head, map: Map, lock: Held, name: Name) -> Self {
        let (id, lineage) = (*lock.id(), lineage());
        let (hold, exit) = (lock.into_hold(), Exit::none());
        Self { head, name: Some(name), id, lineage, creator: false, left: false, map, hold, exit }
    }

    /// One that this process has made.
    pub(super) fn creators(head: Head, map: Map, lock: Held, name: Name) -> Self {
        let mut segment = Self::new(head, map, lock, name);
        segment.creator = true;
        segment
    }

    /// One without a name, which keeps its descriptor to be passed on.
    pub(super) fn anonymous(head: Head, map: Map, lock: Held) -> Self {
        let (id, lineage) = (*lock.id(), lineage());
        let (hold, exit) = (lock.keep(), Exit::none());
        Self { head, name: None, id, lineage, creator: false, left: false, map, hold, exit }
    }

    /// Attaches the segment `name`. With a timeout it waits until it is there
    /// and ready.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotReady`], [`Error::CreatorDied`],
    /// [`Error::Permission`], [`Error::Busy`] if a stranger has it locked,
    /// [`Error::Os`]; for an object that is no valid segment
    /// [`Error::NotNdshm`], [`Error::Endian`], [`Error::TooNew`],
    /// [`Error::Truncated`], [`Error::Corrupt`].
    pub fn attach(name: &Name, access: Access, timeout: Option<Duration>) -> Result<Self> {
        attach::attach(name, &Attach { timeout, ..Attach::new(access) })
    }

    /// The same with more to say.
    ///
    /// # Errors
    /// As [`attach`](Self::attach); [`Error::NotFound`], too, if a segment of another uuid
    /// has the name.
    pub fn attach_with(name: &Name, how: &Attach) -> Result<Self> {
        attach::attach(name, how)
    }

    /// Promises that it will be attached, with [`Attach::claim`], `n` times more: until then
    /// the name stays, also when nobody has it, but not for longer than `within`
    /// from now; [`Duration::MAX`] is for ever. Promises of several processes add up, and
    /// lapse together, with the last.
    ///
    /// # Errors
    /// [`Error::Argument`] if `n` is 0 or more than [`Promises::MAX`] would be outstanding,
    /// and for a segment whose name does not depend on who has it: [`Policy::Owner`],
    /// [`Policy::Anonymous`]. [`Error::NotFound`] if the name is gone. [`Error::Permission`]
    /// if the segment may not be written; [`Error::Os`].
    pub fn promise(&self, n: u32, within: Duration) -> Result<()> {
        let name = self.name.as_ref().filter(|_| n > 0 && self.policy() != Policy::Owner);
        let name = name.ok_or(Error::Argument)?;
        let (within_ns, now) = (wait_ns(within), boot_ns());
        let more = |word| Promises::of_word(word).and(n, within_ns, now).map(Promises::word);
        let promised = match self.map.access() {
            Access::ReadWrite => self.map.update_u64(offset::PROMISES, more),
            Access::Read => {
                attach::writable_page(name, &self.id)?.update_u64(offset::PROMISES, more)
            }
        };
        if promised != Some(true) {
            return Err(Error::Argument);
        }
        // Nobody but `unlink` removes it now that it is promised, and the lock is held.
        if self.is_current() { Ok(()) } else { Err(Error::NotFound) }
    }

    /// Attaches that are promised, not claimed yet and not lapsed.
    #[must_use]
    pub fn promised(&self) -> u32 {
        let mut word = [0; 8];
        let _ = self.map.copy_to(offset::PROMISES, &mut word);
        Promises::of_word(u64::from_ne_bytes(word)).outstanding(boot_ns())
    }

    /// Attaches the anonymous segment behind a descriptor that came from another
    /// process or is inherited; it stays the caller's.
    ///
    /// # Errors
    /// [`Error::Unsealed`] for what is not an anonymous segment, or not published:
    /// its length could still change; [`Error::Permission`] if the mode does not let
    /// this user, who has the descriptor; [`Error::Os`]; and as
    /// [`attach`](Self::attach) for what is no valid segment.
    pub fn attach_fd(raw_fd: i32, access: Access) -> Result<Self> {
        attach::attach_fd(raw_fd, access)
    }

    /// Detaches.
    pub fn detach(self) {
        drop(self);
    }

    /// Detaches, but the memory stays where it is until the process ends, and is no holder:
    /// for the end of a process that may still use it, and that unmaps nothing. Where the mode
    /// lets nobody write any more, nobody else sees what is written from now on.
    ///
    /// # Errors
    /// [`Error::Os`], such as `EMFILE` if there is no descriptor left, which it takes for a
    /// moment, and [`Error::Permission`] if the segment cannot be read any more. It is detached all the
    /// same, but the memory keeps the lock: the name stays until the process ends, and is an orphan then.
    pub fn leave(mut self) -> Result<()> {
        self.give_up();
        self.left = true;
        self.map.stay();
        let Some(name) = &self.name else { return Ok(()) };
        let left = leave::unlock(&mut self.map, |access| unlocked(name, &self.id, access));
        if left.is_ok() || !self.is_current() {
            return Ok(());
        }
        self.exit.cancel(); // it would wait for this process itself
        left
    }

    /// Its name; none for an anonymous segment.
    #[must_use]
    pub const fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    /// The descriptor of an anonymous segment, to be sent to another process, or
    /// inherited by one, which passes it to [`attach_fd`](Self::attach_fd). It is
    /// open until the segment is detached, and closed by an exec.
    #[must_use]
    pub fn raw_fd(&self) -> Option<i32> {
        let fd = if self.name.is_none() { self.hold.fd() } else { None };
        fd.map(Fd::raw)
    }

    /// Whether the kernel lets nobody write the data, whoever it is: so it is for
    /// an anonymous segment whose mode lets nobody write.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        let fd = if self.name.is_none() { self.hold.fd() } else { None };
        fd.is_some_and(|fd| fd.seals().is_ok_and(|seals| seals.has(Seals::BYTES)))
    }

    /// What its header says.
    #[must_use]
    pub const fn header(&self) -> &View<'_> {
        self.head.view()
    }

    /// Type of the elements.
    #[must_use]
    pub const fn dtype(&self) -> DType<'_> {
        self.head.view().dtype()
    }

    /// Bytes of one element.
    #[must_use]
    pub const fn itemsize(&self) -> u32 {
        self.head.view().header().itemsize
    }

    /// Extents, slowest first.
    #[must_use]
    pub const fn shape(&self) -> &[u64] {
        self.head.view().shape()
    }

    /// Steps in bytes.
    #[must_use]
    pub const fn strides(&self) -> &[i64] {
        self.head.view().strides()
    }

    /// The creator's own bytes.
    #[must_use]
    pub const fn metadata(&self) -> &[u8] {
        self.head.view().metadata()
    }

    /// When the name goes.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        self.head.view().policy()
    }

    /// Random bytes that no other segment has.
    #[must_use]
    pub const fn uuid(&self) -> [u8; 16] {
        self.head.view().header().uuid
    }

    /// What the mapping allows.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.map.access()
    }

    /// What the state word says now.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if somebody has overwritten it.
    pub fn state(&self) -> Result<State> {
        State::decode(self.map.load_u32(offset::STATE).unwrap_or(u32::MAX))
    }

    /// Processes attached, as far as they could count themselves. Advice: a
    /// killed one stays counted, and one that cannot write the segment never is.
    #[must_use]
    pub fn refcount(&self) -> u32 {
        self.map.load_u32(offset::REFCOUNT).unwrap_or(0)
    }

    /// Attaches so far, the creator's not counted; wraps around.
    #[must_use]
    pub fn attach_epoch(&self) -> u32 {
        self.map.load_u32(offset::ATTACH_EPOCH).unwrap_or(0)
    }

    /// Whether the name still leads to this segment, and not to nothing or to one
    /// that was published later. An anonymous one has no name that could.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let now = self.name.as_ref().map(|name| stat_path(name.path()));
        now.is_some_and(|now| now.is_ok_and(|now| now.same_inode(&self.id)))
    }

    const fn data_offset(&self) -> usize {
        self.head.view().header().data_offset as usize
    }

    /// Bytes of data.
    #[must_use]
    pub const fn data_len(&self) -> usize {
        self.head.view().header().data_len as usize
    }

    /// Start of the data, aligned to a page. Other processes may write it at
    /// any time.
    #[must_use]
    pub const fn data_ptr(&self) -> *const u8 {
        // Wrapping, so that no unsafe block is needed: the data lies in the mapping.
        self.map.as_ptr().wrapping_add(self.data_offset()).cast_const()
    }

    /// Start of the data, to be written.
    ///
    /// # Errors
    /// [`Error::ReadOnly`].
    pub const fn data_mut_ptr(&self) -> Result<*mut u8> {
        match self.map.access() {
            Access::ReadWrite => Ok(self.data_ptr().cast_mut()),
            Access::Read => Err(Error::ReadOnly),
        }
    }

    /// Copies data from `offset` on into `buf`. What others write meanwhile is
    /// seen in part or not at all.
    ///
    /// # Errors
    /// [`Error::Argument`] for bytes outside the data.
    pub fn copy_to(&self, buf: &mut [u8], offset: usize) -> Result<()> {
        let at = self.place(offset, buf.len())?;
        if self.map.copy_to(at, buf) { Ok(()) } else { Err(Error::Argument) }
    }

    /// Copies `bytes` to `offset` of the data. Others may see part of it.
    ///
    /// # Errors
    /// [`Error::Argument`] for bytes outside the data; [`Error::ReadOnly`].
    pub fn copy_from(&self, bytes: &[u8], offset: usize) -> Result<()> {
        let at = self.place(offset, bytes.len())?;
        if self.map.copy_from(at, bytes) { Ok(()) } else { Err(Error::ReadOnly) }
    }

    /// Where `len` bytes from `offset` of the data on lie in the mapping.
    fn place(&self, offset: usize, len: usize) -> Result<usize> {
        let end = offset.checked_add(len).ok_or(Error::Argument)?;
        if end > self.data_len() {
            return Err(Error::Argument);
        }
        Ok(self.data_offset().saturating_add(offset))
    }

    /// Takes this process out of the reference count, if it was counted here;
    /// how many it leaves.
    fn uncount(&self) -> Option<u32> {
        if self.lineage != lineage() {
            return None; // a forked child: its parent is the one that counts
        }
        match self.map.access() {
            Access::ReadWrite => self.map.decrement_u32(offset::REFCOUNT),
            Access::Read if self.name.is_none() => {
                attach::counters(&self.hold.fd()?.reopen(Access::ReadWrite).ok()?)?
                    .decrement_u32(offset::REFCOUNT)
            }
            Access::Read => attach::counters(self.exit.fd()?)?.decrement_u32(offset::REFCOUNT),
        }
    }

    /// Counts this process out, and prepares the last step, which is done when the mapping has
    /// gone.
    fn give_up(&mut self) {
        if let Some(name) = &self.name {
            self.exit = Exit::prepare(name, &self.id);
        }
        if self.uncount() == Some(0) {
            self.exit.expect_to_be_last();
        }
        match self.policy() {
            Policy::Owner if self.is_creator() => self.exit.remove_now(),
            Policy::LastDetach | Policy::Owner => self.exit.expect_to_go(),
            Policy::Persist => self.exit.cancel(),
            _ => {} // the header says whether it was taken over
        }
    }

    /// Whether this is the handle that published it, in the process that did.
    fn is_creator(&self) -> bool {
        self.creator && self.lineage == lineage()
    }
}

/// A description without a lock of the inode `id`, none if `name` is not its name any more.
fn unlocked(name: &Name, id: &Stat, access: Access) -> Result<Option<Fd>> {
    let fd = match shm_open(name.posix(), access).map_err(refine) {
        Err(Error::NotFound | Error::NotNdshm) => return Ok(None),
        fd => fd?,
    };
    let same = fd.stat()?.same_inode(id);
    Ok(same.then_some(fd))
}

impl Drop for Segment {
    fn drop(&mut self) {
        if !self.left {
            self.give_up();
        }
    }
}
