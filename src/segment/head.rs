//! The private copy of a header, validated once.

use crate::error::Result;
use crate::layout::{View, check_prefix, decode, is_ready};
use crate::sys::{Fd, Pages};

/// The first bytes of an object, read at once. Most headers are shorter.
pub(super) struct Prefix {
    bytes: [u8; 1024],
    len: usize,
}

impl Prefix {
    pub(super) fn read(fd: &Fd) -> Result<Self> {
        let mut bytes = [0; 1024];
        let len = fd.read_full(&mut bytes, 0)?;
        Ok(Self { bytes, len })
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Whether they say that the data is complete.
    pub(super) fn is_ready(&self) -> bool {
        is_ready(self.bytes())
    }
}

/// A private copy of a header together with its validated view.
#[derive(Debug)]
pub(super) struct Head {
    /// Borrows from `pages`; never handed out for longer than `self`.
    view: View<'static>,
    pages: Pages,
}

impl Head {
    /// Validates the copy in `pages` of an object of `object_size` bytes.
    pub(super) fn new(pages: Pages, object_size: u64) -> Result<Self> {
        let (at, len) = (pages.as_ptr(), pages.len());
        // SAFETY: `pages` is mapped for `len` bytes, at this address wherever the value
        // moves; it is kept beside the view and not written any more.
        let bytes: &'static [u8] = unsafe { core::slice::from_raw_parts(at, len) };
        Ok(Self { view: decode(bytes, object_size)?, pages })
    }

    /// Copies the header of the object behind `fd`, of which `prefix` was read, and
    /// validates the copy. Only the copy is looked at.
    pub(super) fn copy(fd: &Fd, prefix: &Prefix, object_size: u64) -> Result<Self> {
        let fixed = check_prefix(prefix.bytes(), object_size)?;
        let len = usize::try_from(fixed.header_len).unwrap_or(usize::MAX);
        let mut pages = Pages::reused(len)?;
        let room = pages.get_mut(..len).unwrap_or_default();
        match prefix.bytes().get(..len) {
            Some(header) => room.iter_mut().zip(header).for_each(|(to, &from)| *to = from),
            None => drop(fd.read_full(room, 0)?),
        }
        Self::new(pages, object_size)
    }

    /// The same for an object of which nothing was read yet.
    pub(super) fn read(fd: &Fd) -> Result<Self> {
        let object_size = fd.stat()?.size;
        Self::copy(fd, &Prefix::read(fd)?, object_size)
    }

    /// The header's own bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        let len = usize::try_from(self.view.header().header_len).unwrap_or(usize::MAX);
        self.pages.get(..len).unwrap_or_default()
    }

    pub(super) const fn view(&self) -> &View<'_> {
        &self.view
    }
}
