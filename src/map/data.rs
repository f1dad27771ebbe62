//! Items and context on their way to the workers: one file that is memory,
//! written once by the parent.

use super::message::Hello;
use super::{Items, Options};
use crate::error::{Error, Result};
use crate::sys::{Access, Fd, Map, Pages, memory_file, round_up_to_page};

/// The parent's side.
#[derive(Debug)]
pub(super) struct Data {
    file: Fd,
    item_size: u64,
    count: u64,
    context_len: u64,
}

impl Data {
    pub(super) fn new(items: &Items<'_>, options: &Options<'_>) -> Result<Self> {
        // Numbers of inputs are 32 bits wide in errors.
        if items.count >= u64::from(u32::MAX) {
            return Err(Error::Overflow);
        }
        let file = memory_file()?;
        let context_at = round_up_to_page(items.bytes.len()).ok_or(Error::Overflow)?;
        write(&file, items.bytes, 0)?;
        write(&file, options.context, context_at as u64)?;
        let (item_size, context_len) = (items.item_size as u64, options.context.len() as u64);
        Ok(Self { file, item_size, count: items.count, context_len })
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    pub(super) const fn raw_fd(&self) -> i32 {
        self.file.raw()
    }

    pub(super) fn hello(&self, name: &str) -> Hello {
        Hello::new(self.item_size, self.count, self.context_len, name)
    }
}

fn write(file: &Fd, bytes: &[u8], at: u64) -> Result<()> {
    // SAFETY: a slice is readable for its length.
    unsafe { file.write_at(bytes.as_ptr(), bytes.len(), at) }
}

/// A worker's side.
#[derive(Debug)]
pub(super) struct Copy {
    items: Option<Map>,
    item_size: usize,
    context: Option<Pages>,
    context_len: usize,
}

impl Copy {
    /// Maps the items, and copies the context.
    pub(super) fn new(file: &Fd, hello: &Hello) -> Result<Self> {
        let size = |n: u64| usize::try_from(n).map_err(|_| Error::Overflow);
        let (item_size, count) = (size(hello.item_size)?, size(hello.count)?);
        let context_len = size(hello.context_len)?;
        let items_len = item_size.checked_mul(count).ok_or(Error::Overflow)?;
        let mut copy = Self { items: None, item_size, context: None, context_len };
        if items_len > 0 {
            copy.items = Some(Map::shared(file, items_len, Access::Read)?);
        }
        if context_len > 0 {
            let at = round_up_to_page(items_len).ok_or(Error::Overflow)?;
            let mut pages = Pages::new(context_len)?;
            file.read_full(&mut pages[..context_len], at as u64)?;
            copy.context = Some(pages);
        }
        Ok(copy)
    }

    /// The bytes of an item, and the context.
    pub(super) fn item(&mut self, index: u64) -> (&[u8], &mut [u8]) {
        let bytes = self.items.as_ref().map_or(&[][..], |map| {
            let start = (index as usize).saturating_mul(self.item_size);
            let start = start.min(map.len() - self.item_size);
            // SAFETY: the bytes lie in the mapping; their file was written before this
            // process heard of it, and nobody writes it again.
            unsafe { core::slice::from_raw_parts(map.as_ptr().wrapping_add(start), self.item_size) }
        });
        let len = self.context_len;
        (bytes, self.context.as_mut().map_or(&mut [][..], |pages| &mut pages[..len]))
    }
}
