//! The ring: a few buffers of anonymous shared memory that are used over and
//! over, so that memory stays small and pages are touched once; and behind them
//! the region for the text of streams. In the tail of each buffer, behind the rows, is
//! room for notes of bad rows, and a table for the members of a task that has several.

#![allow(unsafe_code)]

use core::mem::offset_of;
use core::ptr;
use std::vec::Vec;

use super::note::{NOTES_SIZE, Note};
use super::task::{Member, Reply, Task};
use crate::error::{Error, Result};
use crate::sys::{Map, page_size};

/// Members that a task may have.
pub(super) const MEMBERS: usize = 64;
const TABLE_SIZE: usize = MEMBERS * size_of::<Member>();

/// Buffers that parent and workers share. Which worker may write which buffer
/// is the parent's to say, by its tasks.
#[derive(Debug)]
pub(super) struct Ring {
    map: Map,
    buffer_size: usize,
    count: usize,
    text_size: usize,
}

/// What a buffer has room for: rows, [`Note`]s and [`Member`]s.
#[derive(Debug)]
pub(super) struct Parts<'r> {
    pub(super) rows: &'r mut [u8],
    pub(super) notes: &'r mut [u8],
    pub(super) table: &'r mut [u8],
}

impl Ring {
    /// `count` buffers for at least `rows_size` bytes of rows, and `text_size` bytes for text.
    pub(super) fn new(count: usize, rows_size: usize, text_size: usize) -> Result<Self> {
        let buffer_size = rows_size
            .checked_add(NOTES_SIZE + TABLE_SIZE)
            .and_then(|size| size.checked_next_multiple_of(page_size()))
            .ok_or(Error::Overflow)?;
        let buffers = buffer_size.checked_mul(count).ok_or(Error::Overflow)?;
        let map = Map::shared_anonymous(buffers.checked_add(text_size).ok_or(Error::Overflow)?)?;
        Ok(Self { map, buffer_size, count, text_size })
    }

    /// Bytes of a buffer's rows.
    pub(super) const fn rows_size(&self) -> usize {
        self.buffer_size - NOTES_SIZE - TABLE_SIZE
    }

    /// Number of buffers.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Start of a buffer.
    pub(super) fn buffer(&self, index: usize) -> *const u8 {
        let index = index.min(self.count - 1);
        self.map.as_ptr().wrapping_add(index * self.buffer_size)
    }

    /// `count` notes of a buffer, from one on.
    ///
    /// # Safety
    /// * Nobody writes this buffer meanwhile.
    pub(super) unsafe fn notes(&self, index: usize, from: usize, count: usize) -> Vec<Note> {
        let start = self.buffer(index).wrapping_add(self.rows_size());
        // SAFETY: the notes lie in the buffer, behind the rows; the caller answers for who
        // writes there.
        let bytes = unsafe { core::slice::from_raw_parts(start, NOTES_SIZE) };
        let notes = bytes.chunks_exact(size_of::<Note>()).skip(from).take(count);
        notes.map(bytemuck::pod_read_unaligned).collect()
    }

    /// Where a member of a buffer's table lies.
    fn member(&self, index: usize, place: usize) -> *mut u8 {
        let table = self.rows_size() + NOTES_SIZE;
        let at = table + place.min(MEMBERS - 1) * size_of::<Member>();
        self.buffer(index).cast_mut().wrapping_add(at)
    }

    /// Puts a task into a buffer's table.
    ///
    /// # Safety
    /// * Nobody else reads or writes this buffer meanwhile.
    pub(super) unsafe fn put_task(&self, index: usize, place: usize, task: &Task) {
        let to = self.member(index, place).wrapping_add(offset_of!(Member, task)).cast();
        // SAFETY: a member's task lies in the mapping, and is plain bytes.
        unsafe { ptr::write_unaligned(to, *task) };
    }

    /// The reply in a buffer's table.
    ///
    /// # Safety
    /// * Nobody writes this buffer meanwhile.
    pub(super) unsafe fn reply(&self, index: usize, place: usize) -> Reply {
        let from = self.member(index, place).wrapping_add(offset_of!(Member, reply)).cast();
        // SAFETY: a member's reply lies in the mapping, and any bytes are one.
        unsafe { ptr::read_unaligned(from) }
    }

    /// A buffer to write to.
    ///
    /// # Safety
    /// * Nobody else, in this or another process, reads or writes this buffer
    ///   while the slice is used.
    #[allow(clippy::mut_from_ref, reason = "the caller answers for exclusive use")]
    pub(super) unsafe fn buffer_mut(&self, index: usize) -> Parts<'_> {
        let start = self.buffer(index).cast_mut();
        // SAFETY: the buffer lies in the mapping, which lives as long as `self`; the caller
        // has it for itself.
        let bytes = unsafe { core::slice::from_raw_parts_mut(start, self.buffer_size) };
        let (rows, tail) = bytes.split_at_mut_checked(self.rows_size()).unwrap_or_default();
        let (notes, table) = tail.split_at_mut_checked(NOTES_SIZE).unwrap_or_default();
        Parts { rows, notes, table }
    }

    /// `len` bytes of the text region from `at` on; fewer if it ends before.
    ///
    /// # Safety
    /// * Nobody else, in this or another process, reads or writes these bytes
    ///   while the slice is used.
    #[allow(clippy::mut_from_ref, reason = "the caller answers for exclusive use")]
    pub(super) unsafe fn text_mut(&self, at: usize, len: usize) -> &mut [u8] {
        let at = at.min(self.text_size);
        let len = len.min(self.text_size - at);
        let start = self.map.as_ptr().wrapping_add(self.count * self.buffer_size + at);
        // SAFETY: the bytes lie in the mapping, which lives as long as `self`; the caller
        // has them for itself.
        unsafe { core::slice::from_raw_parts_mut(start, len) }
    }
}
