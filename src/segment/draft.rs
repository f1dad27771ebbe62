//! A segment that is complete but for its data, and not published.

use core::fmt;

use super::growable::{Birth, Home, no_space};
use super::handle::Segment;
use super::head::Head;
use super::leave;
use super::ready::{self, Creator};
use super::{Access, Growable, Name, Policy, Spec};
use crate::error::{Error, Result};
use crate::layout::{Promises, State, View, offset};
use crate::lifetime::{Exit, Site, byte, link};
use crate::sys::{self, Fd, Map, Seals, Stat, boot_ns, page_size, stat_path};

/// A segment in the making: every page is there, nobody else reads it. Dropped
/// before [`publish`](Self::publish) it leaves nothing.
#[derive(Debug)]
pub struct Draft {
    // Dropped in this order: see `Site`.
    map: Map,
    site: Site,
    head: Head,
    birth: Birth,
}

/// A draft that could not be published, and why. It can be tried again, maybe
/// with another name.
#[derive(Debug)]
pub struct Unpublished {
    /// The draft as it was.
    pub draft: Draft,
    /// Why.
    pub error: Error,
}

impl fmt::Display for Unpublished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for Unpublished {}

impl From<Unpublished> for Error {
    fn from(unpublished: Unpublished) -> Self {
        unpublished.error
    }
}

impl Draft {
    /// Discards it, but the memory stays where it is until the process ends: see
    /// [`Segment::leave`]. A forked relative that has it too may publish it still.
    ///
    /// # Errors
    /// As [`Segment::leave`].
    pub fn leave(mut self) -> Result<()> {
        self.map.stay();
        let (fd, id) = (self.site.held.fd(), self.site.held.id());
        let left = leave::unlock(&mut self.map, |access| fd.reopen(access).map(Some));
        match &self.birth {
            Birth::Named(name) | Birth::Linked(name) if is_name_of(name, id) => left,
            _ => Ok(()), // what has no name has nobody who asks for its lock
        }
    }

    /// Makes a segment and reserves all its memory.
    ///
    /// # Errors
    /// [`Error::Exists`] if a live, persistent or waiting segment has the name,
    /// [`Error::NoSpace`] if memory is short, [`Error::Argument`] for a spec that
    /// cannot be; [`Error::Permission`], [`Error::Overflow`], [`Error::Busy`],
    /// [`Error::Os`].
    pub fn create(name: &Name, spec: &Spec<'_>) -> Result<Self> {
        Self::create_as(Home::Named(name), spec)
    }

    /// The same with a name that is made of its uuid, which nobody can have
    /// taken; [`rename`](Self::rename) gives it another one. Unlike other drafts
    /// such a one may be published by a forked child that has inherited it, too, at any
    /// time and however often, also while others do: all of them have the one segment then.
    /// (Where the system has no files without names, or with
    /// [`Via::ShmOpen`](super::Via::ShmOpen), only by one process.)
    ///
    /// # Errors
    /// As for [`create`](Self::create).
    pub fn create_late(spec: &Spec<'_>) -> Result<Self> {
        Self::create_as(Home::Late, spec)
    }

    /// The same without a name: memory that other processes get by its
    /// descriptor, [`Segment::raw_fd`], and that goes with the last one who has it,
    /// however that ends. Nobody can change its length once it is published, and
    /// nobody its bytes if `spec.mode` lets nobody write.
    ///
    /// # Errors
    /// As for [`create`](Self::create). The policy of `spec` is left as it is or
    /// [`Policy::Anonymous`].
    pub fn create_anonymous(spec: &Spec<'_>) -> Result<Self> {
        Self::create_as(Home::Anonymous, spec)
    }

    fn create_as(home: Home<'_>, spec: &Spec<'_>) -> Result<Self> {
        let mut parts = Growable::begin(home, spec)?;
        match refuse_hopeless(&parts) {
            Err(Error::NoSpace { need, .. }) if parts.may_move() => parts.move_to_memory(need)?,
            result => result?,
        }
        Self::complete(parts)
    }

    /// Begins a segment that gets its number of rows at the end. The first
    /// extent of `spec.shape` is 0; its strides are C order.
    ///
    /// # Errors
    /// As for [`create`](Self::create).
    pub fn create_growable(name: &Name, spec: &Spec<'_>) -> Result<Growable> {
        Growable::create(Home::Named(name), spec)
    }

    /// The same with the name of [`create_late`](Self::create_late).
    ///
    /// # Errors
    /// As for [`create`](Self::create).
    pub fn create_growable_late(spec: &Spec<'_>) -> Result<Growable> {
        Growable::create(Home::Late, spec)
    }

    /// The same without a name.
    ///
    /// # Errors
    /// As for [`create_anonymous`](Self::create_anonymous).
    pub fn create_growable_anonymous(spec: &Spec<'_>) -> Result<Growable> {
        Growable::create(Home::Anonymous, spec)
    }

    /// Backs the whole segment with pages, keeping what was written, and maps it.
    pub(super) fn complete(mut parts: Growable) -> Result<Self> {
        let map = match reserve_and_map(&parts) {
            Err(Error::NoSpace { need, .. }) if parts.may_move() => {
                parts.move_to_memory(need)?;
                reserve_and_map(&parts)?
            }
            result => result?,
        };
        let Growable { site, head, plan, birth, .. } = parts;
        let draft = Self { map, site, head: Head::new(head, plan.total_len())?, birth };
        if !matches!(birth, Birth::Named(_)) {
            // Before any fork, so that more than one process can publish it.
            draft.write_header()?;
        }
        Ok(draft)
    }

    /// What the header will say; its state is that of a draft.
    #[must_use]
    pub const fn header(&self) -> &View<'_> {
        self.head.view()
    }

    const fn data_offset(&self) -> u64 {
        self.header().header().data_offset
    }

    /// Start of the data, for workers that fill it.
    #[must_use]
    pub const fn data_ptr(&self) -> *mut u8 {
        // Wrapping, so that no unsafe block is needed: the data lies in the mapping.
        self.map.as_ptr().wrapping_add(self.data_offset() as usize)
    }

    /// Bytes of data.
    #[must_use]
    pub const fn data_len(&self) -> usize {
        self.header().header().data_len as usize
    }

    /// The data. Other processes do not read or write it before it is
    /// published, nor do children forked meanwhile unless the code after the
    /// fork does so, which is its duty to arrange.
    #[must_use]
    pub const fn data_mut(&mut self) -> &mut [u8] {
        if matches!(self.map.access(), Access::Read) {
            return &mut []; // `freeze` failed, and could not undo what it had done
        }
        // SAFETY: `data_len` bytes from `data_ptr` on are mapped writable for as long as
        // `self` lives, and `&mut self` makes the access exclusive in this process.
        unsafe { core::slice::from_raw_parts_mut(self.data_ptr(), self.data_len()) }
    }

    /// Writes `len` bytes at `data` to `offset` of the data, through the kernel.
    ///
    /// # Safety
    /// * `data` is readable for `len` bytes during the call. They may be
    ///   shared: the kernel copies them.
    ///
    /// # Errors
    /// [`Error::Argument`] for bytes outside the data; [`Error::Os`].
    pub unsafe fn write_at(&self, offset: u64, data: *const u8, len: usize) -> Result<()> {
        let end = offset.checked_add(len as u64).ok_or(Error::Argument)?;
        if end > self.header().header().data_len {
            return Err(Error::Argument);
        }
        let at = self.data_offset().saturating_add(offset);
        // SAFETY: the caller's promise, passed on.
        unsafe { self.site.held.fd().write_at(data, len, at) }
    }

    /// Gives it another name, if it does not show the one it has yet. Then only one of the
    /// processes that have it may publish it.
    ///
    /// # Errors
    /// [`Error::Argument`] if it does ([`Via::ShmOpen`](super::Via::ShmOpen)), or never
    /// gets one.
    pub fn rename(&mut self, name: &Name) -> Result<()> {
        match &mut self.birth {
            Birth::Linked(old) => {
                *old = *name;
                self.site.exit = Exit::late(name);
                Ok(())
            }
            Birth::Named(_) | Birth::Anonymous { .. } => Err(Error::Argument),
        }
    }

    /// Makes the segment ready, and visible if it has a name.
    ///
    /// # Errors
    /// In [`Unpublished::error`]: [`Error::Exists`] if a live, persistent or waiting
    /// segment got the name meanwhile, or a forked child has published it under another
    /// name; [`Error::NotFound`] if one has, and that name is gone; [`Error::Permission`], [`Error::Busy`], also if
    /// a forked child still could write the bytes that are to be sealed; [`Error::Os`].
    #[allow(clippy::result_large_err, reason = "the draft comes back, and there is no heap")]
    pub fn publish(mut self) -> core::result::Result<Segment, Unpublished> {
        let first = match self.appear() {
            Ok(first) => first,
            Err(error) => return Err(Unpublished { draft: self, error }),
        };
        let Self { map, mut site, head, birth } = self;
        site.exit.cancel();
        Ok(match birth {
            Birth::Anonymous { .. } => Segment::anonymous(head, map, site.held),
            Birth::Named(name) | Birth::Linked(name) if first => {
                Segment::creators(head, map, site.held, name)
            }
            Birth::Named(name) | Birth::Linked(name) => {
                map.increment_u32(offset::REFCOUNT);
                Segment::new(head, map, site.held, name)
            }
        })
    }

    /// Writes the header, whose state says that it is not ready.
    fn write_header(&self) -> Result<()> {
        let bytes = self.head.bytes();
        // SAFETY: the bytes are readable for their length.
        unsafe { self.site.held.fd().write_at(bytes.as_ptr(), bytes.len(), 0) }
    }

    /// Whether it has appeared by this call, and not by one of another process.
    fn appear(&mut self) -> Result<bool> {
        match self.birth {
            Birth::Named(_) if self.map.load_u32(offset::STATE) == Some(State::Ready as u32) => {
                Ok(false)
            }
            Birth::Named(_) => {
                self.write_header()?;
                self.promise_handoff();
                // Once it is ready there is no way back. A lock that stays, which no kernel
                // does, only makes it look busy.
                let _ = ready::announce(self);
                Ok(true)
            }
            Birth::Linked(name) => {
                self.promise_handoff();
                self.set_ready();
                link(&self.site.held, &name)
            }
            // A failed attempt to freeze it could not be undone.
            Birth::Anonymous { .. } if self.map.access() == Access::Read => Err(Error::ReadOnly),
            Birth::Anonymous { frozen } => {
                self.set_ready();
                self.seal(frozen).map(|()| true)
            }
        }
    }

    /// Promises what its policy says: once, whoever publishes it and how often he tries.
    fn promise_handoff(&self) {
        if let Policy::Handoff { attaches, within_ns } = self.head.view().policy() {
            let promises = Promises::default().and(attaches, within_ns, boot_ns());
            let first = |word| if word == 0 { promises.map(Promises::word) } else { None };
            self.map.update_u64(offset::PROMISES, first);
        }
    }

    fn seal(&mut self, frozen: bool) -> Result<()> {
        let fd = self.site.held.fd();
        if fd.seals()?.has(Seals::LENGTH) {
            return Ok(()); // a forked child, or the parent, has done it
        }
        if frozen { freeze(fd, &mut self.map) } else { fd.seal(Seals::LENGTH.and(Seals::LAST)) }
    }
}

/// Whether a name leads to this inode.
fn is_name_of(name: &Name, id: &Stat) -> bool {
    stat_path(name.path()).is_ok_and(|now| now.same_inode(id))
}

impl Creator for Draft {
    type Error = Error;

    fn set_ready(&self) {
        self.map.store_u32(offset::STATE, State::Ready as u32);
    }

    fn wake(&self) {
        self.map.wake_u32(offset::STATE);
    }

    fn let_go(&self) -> Result<()> {
        self.site.held.fd().unlock_byte(byte::WRITER)
    }
}

/// Seals the length and the bytes, which needs that nobody could write them.
fn freeze(fd: &Fd, map: &mut Map) -> Result<()> {
    map.exchange(&fd.reopen(Access::Read)?, Access::Read)?;
    fd.seal(Seals::LENGTH.and(Seals::BYTES).and(Seals::LAST)).map_err(|error| match error {
        Error::Os { errno: sys::EBUSY, .. } => {
            // A forked child could. The draft goes on as it was.
            let _ = map.exchange(fd, Access::ReadWrite);
            Error::Busy
        }
        // Whatever it is, maybe nobody can write them any more: so it stays for reading.
        error => error,
    })
}

/// Bytes from which on it is asked first whether they are there.
const WORTH_A_LOOK: u64 = 1 << 20;

/// Says that memory is short before all that is left was taken to find it out,
/// which would hurt everybody else meanwhile. The reservation has the last word.
fn refuse_hopeless(parts: &Growable) -> Result<()> {
    let need = parts.plan.total_len();
    if need < WORTH_A_LOOK {
        return Ok(());
    }
    match parts.site.held.fd().free_bytes() {
        Ok(free) if free < need => Err(Error::NoSpace { need, free }),
        _ => Ok(()),
    }
}

fn reserve_and_map(parts: &Growable) -> Result<Map> {
    let (fd, need) = (parts.site.held.fd(), parts.plan.total_len());
    if let Err(error) = fd.reserve(parts.backed, need) {
        // What was reserved up to now is free again, and counts as such. But the header's page
        // stays: somebody may have it mapped, and wait for the state to change.
        let keep = if parts.may_move() { parts.written() } else { page_size() as u64 };
        fd.truncate(fd.stat()?.size.min(keep))?;
        return Err(no_space(fd, need, error));
    }
    Map::shared(fd, usize::try_from(need).map_err(|_| Error::Overflow)?, Access::ReadWrite)
}
