//! One row at machine speed: eight digits, or sixteen bytes, at a time.
//!
//! A kernel answers only when it is sure; `None` hands the row to
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
//! * so a load of up to 16 bytes at a cursor reads allocated memory.
//!
//! Advice for whoever edits this: a digit loop may trust that the sentinel is
//! not a digit, a search for a delimiter that it stops at `\n`.

#![allow(unsafe_code)]

mod digits;
mod float;
mod separator;
mod string;

use super::plan::{Column, Columns, Op, Plan};
use digits::{Half, Number, Truth};
use separator::{ByByte, BySpace, Separator, row_end, skip_blanks, skip_field};
use string::{characters, text};

/// Bytes behind a text that the kernels may read, the sentinel included.
pub const PADDING: usize = 64;
/// Bytes behind the last row that a kernel may write, if columns ascend.
pub const OVERRUN: usize = 16;

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

/// Reads one row of `plan` at `p` into `out`; the cursor behind its line.
///
/// # Safety
/// * `p` is a cursor.
/// * `out` is writable for the plan's row size and, if its columns ascend,
///   [`OVERRUN`] bytes more.
#[inline(always)]
unsafe fn row<S: Separator>(
    separator: S,
    plan: &Plan<'_>,
    p: *const u8,
    out: *mut u8,
) -> Option<*const u8> {
    match plan.columns {
        Columns::Uniform { first, count } if first.op == Op::F8 && !first.has_lookalikes() => {
            // SAFETY: `repeat` gives a cursor and room for a value.
            let read = |p, out| unsafe { number::<S, f64>(separator, first, p, out) };
            // SAFETY: the caller's promises; every column lies in the row.
            unsafe { repeat(separator, first, count, p, out, read) }
        }
        Columns::Uniform { first, count } => {
            // SAFETY: `repeat` gives a cursor and room for a column.
            let read = |p, out| unsafe { field(separator, plan, first, count == 1, p, out) };
            // SAFETY: the caller's promises; every column lies in the row.
            unsafe { repeat(separator, first, count, p, out, read) }
        }
        Columns::Listed(list) => {
            // SAFETY: the caller's promises; the plan's offsets lie in the row.
            unsafe { listed(separator, plan, list, p, out) }
        }
    }
}

/// A row whose columns are all alike; `read` reads one of them.
///
/// # Safety
/// * As for [`row`]; `read` answers with a cursor if it gets one and room for a
///   column.
#[inline(always)]
unsafe fn repeat<S: Separator>(
    separator: S,
    column: Column,
    count: u32,
    p: *const u8,
    mut out: *mut u8,
    read: impl Fn(*const u8, *mut u8) -> Option<*const u8>,
) -> Option<*const u8> {
    // SAFETY: `p` is a cursor.
    let mut p = unsafe { separator.first(p) };
    for i in 0..count {
        if i > 0 {
            // SAFETY: `p` is a cursor.
            p = unsafe { separator.next(p) }?;
        }
        p = read(p, out)?;
        // SAFETY: the end of a column is in the row, or its end.
        out = unsafe { out.add(column.width as usize) };
    }
    // SAFETY: `p` is a cursor.
    unsafe { row_end(separator, p) }
}

/// A row of different columns.
///
/// # Safety
/// * As for [`row`]; the columns are the plan's.
#[inline(always)]
unsafe fn listed<S: Separator>(
    separator: S,
    plan: &Plan<'_>,
    columns: &[Column],
    p: *const u8,
    out: *mut u8,
) -> Option<*const u8> {
    // SAFETY: `p` is a cursor.
    let mut p = unsafe { separator.first(p) };
    for (i, &column) in columns.iter().enumerate() {
        if i > 0 {
            // SAFETY: `p` is a cursor.
            p = unsafe { separator.next(p) }?;
        }
        for _ in 0..column.skip {
            // SAFETY: `p` is a cursor.
            p = unsafe { skip_field(separator, p) }?;
            // SAFETY: likewise.
            p = unsafe { separator.next(p) }?;
        }
        // SAFETY: the plan's offsets lie in the row.
        let place = unsafe { out.add(column.offset as usize) };
        // SAFETY: `p` is a cursor, `place` has room for this column.
        p = unsafe { field(separator, plan, column, columns.len() == 1, p, place) }?;
    }
    if plan.usecols.is_some() {
        // SAFETY: `p` is a cursor.
        return unsafe { rest_of_line(separator, p) };
    }
    // SAFETY: `p` is a cursor.
    unsafe { row_end(separator, p) }
}

/// Leaves out what `usecols` does not use. The rest must still begin with a
/// delimiter or the line's end, or else the last number was not one.
///
/// # Safety
/// * `p` is a cursor.
unsafe fn rest_of_line<S: Separator>(separator: S, mut p: *const u8) -> Option<*const u8> {
    // SAFETY: `p` is a cursor; the loop ends at the sentinel.
    while let Some(next) = unsafe { separator.next(p) } {
        // SAFETY: `next` is a cursor.
        p = unsafe { skip_field(separator, next) }?;
    }
    // SAFETY: `p` is a cursor.
    unsafe { row_end(separator, p) }
}

/// One field, by its column's type.
///
/// # Safety
/// * `p` is a cursor; `out` is writable for the column's width and, if the
///   plan's columns ascend, [`OVERRUN`] bytes.
#[inline(always)]
#[allow(clippy::multiple_unsafe_ops_per_block, reason = "one call is made, chosen by the type")]
unsafe fn field<S: Separator>(
    s: S,
    plan: &Plan<'_>,
    column: Column,
    only: bool,
    p: *const u8,
    out: *mut u8,
) -> Option<*const u8> {
    if column.has_lookalikes() || (column.is_strict() && column.is_string()) {
        return None;
    }
    // SAFETY: the caller's promises are those of each of the functions called.
    unsafe {
        match column.op {
            Op::I4 => number::<S, i32>(s, column, p, out),
            Op::F4 => number::<S, f32>(s, column, p, out),
            Op::F8 => number::<S, f64>(s, column, p, out),
            Op::I8 => number::<S, i64>(s, column, p, out),
            // Blanks behind it are an error, and only white space as the delimiter has none.
            Op::Timedelta if S::WIDE_BLANKS => number::<S, i64>(s, column, p, out),
            Op::Bytes => text(s, plan, column, only, p, out),
            Op::Bool => number::<S, Truth>(s, column, p, out),
            Op::I1 => number::<S, i8>(s, column, p, out),
            Op::I2 => number::<S, i16>(s, column, p, out),
            Op::U1 => number::<S, u8>(s, column, p, out),
            Op::U2 => number::<S, u16>(s, column, p, out),
            Op::U4 => number::<S, u32>(s, column, p, out),
            Op::U8 => number::<S, u64>(s, column, p, out),
            Op::F2 => number::<S, Half>(s, column, p, out),
            Op::Ucs4 | Op::Utf8 => characters(s, column, only, p, out),
            Op::C8 | Op::C16 | Op::Timedelta | Op::Datetime | Op::Word => None,
        }
    }
}

/// # Safety
/// * `p` is a cursor; `out` is writable for the value.
#[inline(always)]
unsafe fn number<S: Separator, T: Number>(
    separator: S,
    column: Column,
    p: *const u8,
    out: *mut u8,
) -> Option<*const u8> {
    // SAFETY: `p` is a cursor.
    let read = unsafe { T::read(p) };
    let (value, end) = if let Some(found) = read {
        found
    } else {
        // SAFETY: `p` is a cursor.
        let behind = unsafe { skip_blanks(separator, p) };
        if behind == p {
            return None;
        }
        // SAFETY: `behind` is a cursor.
        unsafe { T::read(behind) }?
    };
    // SAFETY: the caller gives room for the value.
    unsafe { value.store(out, column.swap) };
    Some(end)
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
    let none = Rows { rows: 0, at };
    // Until kernels know quotes and other points, they leave them alone.
    let Some(marks) = plan.format.plain() else { return none };
    if plan.format.quote().is_some() || plan.format.decimal() != b'.' {
        return none;
    }
    let comment = marks.comment;
    if let Some(delimiter) = marks.delimiter {
        let separator = ByByte { delimiter, comment };
        // SAFETY: the caller's promises, passed on.
        return unsafe { rows_by(separator, plan, text, at..until, out, limit) };
    }
    // SAFETY: likewise.
    unsafe { rows_by(BySpace { comment }, plan, text, at..until, out, limit) }
}

/// # Safety
/// * As for [`rows`].
unsafe fn rows_by<S: Separator>(
    separator: S,
    plan: &Plan<'_>,
    text: *const u8,
    span: core::ops::Range<usize>,
    out: *mut u8,
    limit: u64,
) -> Rows {
    let mut rows = Rows { rows: 0, at: span.start };
    let mut out = out;
    while rows.at < span.end && rows.rows < limit {
        // SAFETY: `at` is below `until`.
        let p = unsafe { text.add(rows.at) };
        if plan.holes {
            // SAFETY: the limit leaves room for a row here.
            unsafe { out.write_bytes(0, plan.row_size) };
        }
        // SAFETY: `p` is a cursor; the limit leaves room for a row and `OVERRUN` bytes.
        let Some(end) = (unsafe { row(separator, plan, p, out) }) else { break };
        rows.at = (end as usize).wrapping_sub(text as usize);
        rows.rows += 1;
        // SAFETY: at most the end of the last row that fits.
        out = unsafe { out.add(plan.row_size) };
    }
    rows
}
