//! A segment that is complete but for its data, and not published.

use super::growable::no_space;
use super::handle::Segment;
use super::head::Head;
use super::{Access, Growable, Name, Spec};
use crate::error::{Error, Result};
use crate::layout::{Plan, State, View, offset};
use crate::lifetime::{Site, byte, link};
use crate::sys::Map;

/// A segment in the making: every page is there, nobody else reads it. Dropped
/// before [`publish`](Self::publish) it leaves nothing.
#[derive(Debug)]
pub struct Draft {
    // Dropped in this order: see `Site`.
    map: Map,
    site: Site,
    head: Head,
    name: Name,
    named: bool,
}

impl Draft {
    /// Makes a segment and reserves all its memory.
    ///
    /// # Errors
    /// [`Error::Exists`] if a live or persistent segment has the name,
    /// [`Error::NoSpace`] if memory is short, [`Error::Argument`] for a spec that
    /// cannot be, or a policy that is not there yet; [`Error::Permission`],
    /// [`Error::Overflow`], [`Error::Busy`], [`Error::Os`].
    pub fn create(name: &Name, spec: &Spec<'_>) -> Result<Self> {
        let parts = Growable::begin(name, spec)?;
        refuse_hopeless(&parts)?;
        Self::complete(parts)
    }

    /// Begins a segment that gets its number of rows at the end. The first
    /// extent of `spec.shape` is 0; its strides are C order.
    ///
    /// # Errors
    /// As for [`create`](Self::create).
    pub fn create_growable(name: &Name, spec: &Spec<'_>) -> Result<Growable> {
        Growable::create(name, spec)
    }

    /// Backs the whole segment with pages, keeping what was written, and maps it.
    pub(super) fn complete(parts: Growable) -> Result<Self> {
        let map = reserve_and_map(&parts.site, &parts.plan)?;
        let Growable { site, head, plan, name, named, .. } = parts;
        let head = Head::new(head, plan.total_len());
        Ok(Self { map, site, head: head?, name, named })
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

    /// Makes the segment visible and ready.
    ///
    /// # Errors
    /// [`Error::Exists`] if a live or persistent segment got the name meanwhile;
    /// [`Error::Permission`], [`Error::Busy`], [`Error::Os`].
    pub fn publish(self) -> Result<Segment> {
        self.write_header()?;
        self.appear()?;
        let Self { map, mut site, head, name, .. } = self;
        site.exit.cancel();
        Ok(Segment::new(head, map, site.held, name))
    }

    /// Writes the header, whose state says that it is not ready.
    fn write_header(&self) -> Result<()> {
        let bytes = self.head.bytes();
        // SAFETY: the bytes are readable for their length.
        unsafe { self.site.held.fd().write_at(bytes.as_ptr(), bytes.len(), 0) }
    }

    fn appear(&self) -> Result<()> {
        self.map.store_u32(offset::STATE, State::Ready as u32);
        if !self.named {
            return link(&self.site.held, &self.name);
        }
        self.map.wake_u32(offset::STATE);
        self.site.held.fd().unlock_byte(byte::WRITER)
    }
}

/// Says that memory is short before all that is left was taken to find it out,
/// which would hurt everybody else meanwhile. The reservation has the last word.
fn refuse_hopeless(parts: &Growable) -> Result<()> {
    let (need, free) = (parts.plan.total_len(), parts.site.held.fd().free_bytes());
    match free {
        Ok(free) if free < need => Err(Error::NoSpace { need, free }),
        _ => Ok(()),
    }
}

fn reserve_and_map(site: &Site, plan: &Plan) -> Result<Map> {
    let (fd, need) = (site.held.fd(), plan.total_len());
    if let Err(error) = fd.reserve(need) {
        // What was reserved up to now is free again, and counts as such.
        fd.truncate(0)?;
        return Err(no_space(fd, need, error));
    }
    Map::shared(fd, usize::try_from(need).map_err(|_| Error::Overflow)?, Access::ReadWrite)
}
