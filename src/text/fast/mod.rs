//! Rows at machine speed. [`scan`](super::scan) calls [`rows`], and nobody else calls anything.
//!
//! Many rows at once go through `batch`, if the processor has the instructions; the first rows
//! of a text and those between batches go through `row`, one field after the other.
//!
//! A kernel answers only when it is sure; the first row that it is not sure of goes to
//! [`exact`](super::exact), which is also what tests compare with. So a kernel
//! need not know comments in the middle of a field, signs of NaN, Unicode
//! blanks or errors: it must only never be wrong.
//!
//! Invariants of the unsafe code here, given by [`Text`](super::Text) and kept
//! by every function that takes a cursor `p`:
//! * the text is followed by the sentinel `\n` and at least [`PADDING`] - 1 more
//!   readable bytes;
//! * a cursor points into the text or at the sentinel: it moves over a byte
//!   only after looking at it, and nothing but a row's end moves over `\n`;
//! * so a load of up to 16 bytes at a cursor reads allocated memory; and one of 64 bytes, if
//!   it does not begin behind the sentinel.
//!
//! Advice for whoever edits this: a digit loop may trust that the sentinel is
//! not a digit, a search for a delimiter that it stops at `\n`.

#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod batch;
mod digits;
mod float;
mod row;
mod separator;
mod string;
#[cfg(test)]
mod tests;

use super::format::Plain;
use super::plan::Plan;
#[cfg(all(fuzzing, target_arch = "x86_64"))]
pub use batch::at_most;
#[cfg(target_arch = "x86_64")]
use batch::{Marks, cpu};
use row::row;
use separator::{ByByte, BySpace, NO_QUOTE, Separator};

/// Bytes behind a text that the kernels may read, the sentinel included.
pub const PADDING: usize = 64;
/// Bytes behind the last row that a kernel may write, if columns ascend.
pub const OVERRUN: usize = 16;

/// The vectors that this machine reads text with; none if there are no kernels for them.
#[must_use]
pub fn kernels() -> Option<&'static str> {
    #[cfg(target_arch = "x86_64")]
    match cpu::level() {
        cpu::Level::Base => {}
        cpu::Level::Avx2 => return Some("AVX2"),
        cpu::Level::Avx512 => return Some("AVX-512"),
    }
    None
}

/// # Safety
/// * `p` is a cursor.
#[inline(always)]
unsafe fn byte(p: *const u8) -> u8 {
    // SAFETY: a cursor is readable.
    unsafe { *p }
}

/// # Safety
/// * `p` is a cursor and `n` at most [`PADDING`] - 16 bytes behind it.
#[inline(always)]
unsafe fn add(p: *const u8, n: usize) -> *const u8 {
    // SAFETY: text and padding are one allocation, and the caller stays within it.
    unsafe { p.add(n) }
}

/// Bytes between two cursors of one row, `to` not before `from`.
#[inline(always)]
fn distance(from: *const u8, to: *const u8) -> usize {
    (to as usize).wrapping_sub(from as usize)
}

/// Rows read, and where the first line behind them starts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    pub(super) rows: u64,
    pub(super) at: usize,
}

/// Reads rows from `text + at` on: lines that start before `until`, at most `limit`, and only
/// as long as every one of them is sure.
///
/// # Safety
/// * `text + at` is a cursor, and so is every byte before `text + until`.
/// * `out` is writable for `limit` rows of the plan and [`OVERRUN`] bytes more.
pub(super) unsafe fn rows(
    plan: &Plan<'_>,
    text: *const u8,
    at: usize,
    until: usize,
    out: *mut u8,
    limit: u64,
) -> Rows {
    let Some(marks) = plan.format.plain() else { return Rows { rows: 0, at } };
    let comment = marks.comment;
    let quote = if marks.quote == b'\n' { NO_QUOTE } else { marks.quote };
    let run = Run { plan, text, until, limit, out, rows: Rows { rows: 0, at } };
    match marks.delimiter {
        // SAFETY: the caller's promises, passed on.
        Some(delimiter) => unsafe { run.go(ByByte { delimiter, comment, quote }, marks) },
        // SAFETY: likewise.
        None => unsafe { run.go(BySpace { comment, quote }, marks) },
    }
}

/// Reading of rows, and how far it came.
struct Run<'r> {
    plan: &'r Plan<'r>,
    text: *const u8,
    until: usize,
    limit: u64,
    /// Where the next row goes.
    out: *mut u8,
    rows: Rows,
}

/// Bytes that the first batch looks at, and any. The first is small because the next row may be
/// the one that all of this cannot read.
#[cfg(target_arch = "x86_64")]
const REACH: core::ops::Range<usize> = 1 << 10..1 << 15;

impl Run<'_> {
    /// # Safety
    /// * As for [`rows`].
    unsafe fn go<S: Separator>(mut self, separator: S, marks: Plain) -> Rows {
        #[cfg(target_arch = "x86_64")]
        let batch: Option<batch::Read> = match cpu::level() {
            cpu::Level::Base => None,
            cpu::Level::Avx2 => Some(batch::avx2),
            cpu::Level::Avx512 => Some(batch::avx512),
        };
        #[cfg(target_arch = "x86_64")]
        if let Some(read) = batch {
            // SAFETY: the caller's promises, and the processor has the instructions.
            unsafe { self.by_batches(separator, &Marks::new(marks), read) };
            return self.rows;
        }
        let _ = marks;
        // SAFETY: the caller's promises.
        unsafe { self.one_by_one(separator, u64::MAX) };
        self.rows
    }

    /// Batches, and single rows between them.
    ///
    /// # Safety
    /// * As for [`rows`]; the processor has the instructions of `read`.
    #[cfg(target_arch = "x86_64")]
    unsafe fn by_batches<S: Separator>(&mut self, separator: S, marks: &Marks, read: batch::Read) {
        let mut reach = REACH.start;
        let mut singles = 1;
        while !self.is_done() {
            if self.rows.at >= batch::LEAD && reach > 0 {
                // SAFETY: the caller's promises.
                let done = unsafe { self.batch(marks, reach, read) };
                if !done.unsure && (done.rows > 0 || reach < REACH.end) {
                    reach = (2 * reach).min(REACH.end);
                    continue;
                }
                // A row longer than all that is looked at: the others will be so, too.
                reach = if done.unsure { reach } else { 0 };
                // The more often a batch ends early, the more rows are read without one.
                singles = if done.rows >= 16 { 1 } else { (2 * singles).min(256) };
            }
            let most = if reach == 0 { u64::MAX } else { singles };
            // SAFETY: the caller's promises.
            if !unsafe { self.one_by_one(separator, most) } {
                return;
            }
        }
    }

    /// # Safety
    /// * As for [`Self::by_batches`]; [`batch::LEAD`] bytes of text lie before the next row.
    #[cfg(target_arch = "x86_64")]
    unsafe fn batch(&mut self, marks: &Marks, reach: usize, read: batch::Read) -> batch::Done {
        let Rows { rows, at } = self.rows;
        // SAFETY: `at` is below `until`.
        let base = unsafe { self.text.add(at) };
        let (until, limit) = (self.until - at, self.limit - rows);
        let stretch = batch::Stretch { base, until, reach, out: self.out, limit };
        // SAFETY: the processor has these instructions, and the caller's promises.
        let done = unsafe { read(self.plan, marks, stretch) };
        // SAFETY: at most the end of the last row that fits.
        unsafe { self.passed(done.rows as u64, at + done.bytes) };
        done
    }

    /// Row by row, at most so many; false if one of them is not sure.
    ///
    /// # Safety
    /// * As for [`rows`].
    unsafe fn one_by_one<S: Separator>(&mut self, separator: S, most: u64) -> bool {
        if !self.plan.in_file_order {
            return false;
        }
        let end = self.rows.rows.saturating_add(most);
        while !self.is_done() && self.rows.rows < end {
            // SAFETY: `at` is below `until`.
            let p = unsafe { self.text.add(self.rows.at) };
            if self.plan.holes {
                // SAFETY: the limit leaves room for a row here.
                unsafe { self.out.write_bytes(0, self.plan.row_size) };
            }
            // SAFETY: `p` is a cursor; the limit leaves room for a row and `OVERRUN` bytes.
            let Some(end) = (unsafe { row(separator, self.plan, p, self.out) }) else {
                return false;
            };
            // SAFETY: at most the end of the last row that fits.
            unsafe { self.passed(1, distance(self.text, end)) };
        }
        true
    }

    const fn is_done(&self) -> bool {
        self.rows.at >= self.until || self.rows.rows >= self.limit
    }

    /// # Safety
    /// * There is room for these rows.
    unsafe fn passed(&mut self, rows: u64, at: usize) {
        self.rows = Rows { rows: self.rows.rows + rows, at };
        // SAFETY: the caller's promise.
        self.out = unsafe { self.out.add(self.plan.row_size * rows as usize) };
    }
}
