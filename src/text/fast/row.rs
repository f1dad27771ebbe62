//! One row, field by field, at any place of a text: for the first rows and the unusual ones.
//!
//! Also what the kernels for many rows at once are compared with, and where those are not to
//! be had, the kernel for all rows.

use super::digits::{Half, Number, Truth};
#[cfg(target_arch = "x86_64")]
use super::distance;
use super::separator::{Separator, row_end, skip_blanks, skip_field};
use super::string::{characters, text};
use crate::text::plan::{Column, Columns, Op, Plan};

/// Reads one row of `plan` at `p` into `out`; the cursor behind its line.
///
/// # Safety
/// * `p` is a cursor.
/// * `out` is writable for the plan's row size and, if its columns ascend,
///   [`OVERRUN`](super::OVERRUN) bytes more.
#[inline(always)]
pub(super) unsafe fn row<S: Separator>(
    separator: S,
    plan: &Plan<'_>,
    p: *const u8,
    out: *mut u8,
) -> Option<*const u8> {
    match plan.columns {
        Columns::Uniform { first, count } if first.op == Op::F8 && !first.has_lookalikes() => {
            // SAFETY: `repeat` gives a cursor and room for a value.
            let read = |p, out| unsafe { number::<S, f64>(separator, plan, first, p, out) };
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
///   plan's columns ascend, [`OVERRUN`](super::OVERRUN) bytes.
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
            Op::I4 => number::<S, i32>(s, plan, column, p, out),
            Op::F4 => number::<S, f32>(s, plan, column, p, out),
            Op::F8 => number::<S, f64>(s, plan, column, p, out),
            Op::I8 => number::<S, i64>(s, plan, column, p, out),
            // Blanks behind it are an error, and only white space as the delimiter has none.
            Op::Timedelta if S::WIDE_BLANKS => number::<S, i64>(s, plan, column, p, out),
            Op::Bytes => text(s, plan, column, only, p, out),
            Op::Bool => number::<S, Truth>(s, plan, column, p, out),
            Op::I1 => number::<S, i8>(s, plan, column, p, out),
            Op::I2 => number::<S, i16>(s, plan, column, p, out),
            Op::U1 => number::<S, u8>(s, plan, column, p, out),
            Op::U2 => number::<S, u16>(s, plan, column, p, out),
            Op::U4 => number::<S, u32>(s, plan, column, p, out),
            Op::U8 => number::<S, u64>(s, plan, column, p, out),
            Op::F2 => number::<S, Half>(s, plan, column, p, out),
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
    plan: &Plan<'_>,
    column: Column,
    p: *const u8,
    out: *mut u8,
) -> Option<*const u8> {
    let point = plan.format.decimal();
    // SAFETY: `p` is a cursor.
    let read = unsafe { T::read(p, point) };
    let (value, end) = if let Some(found) = read {
        found
    } else {
        // SAFETY: `p` is a cursor.
        let behind = unsafe { skip_blanks(separator, p) };
        if behind == p {
            return None;
        }
        // SAFETY: `behind` is a cursor.
        unsafe { T::read(behind, point) }?
    };
    // SAFETY: the caller gives room for the value.
    unsafe { value.store(out, column.swap) };
    Some(end)
}

/// The number that a field holds from its first byte to its last; false if it is not sure.
///
/// # Safety
/// * `p` is a cursor; `out` is writable for the column's width.
#[cfg(target_arch = "x86_64")]
#[allow(clippy::multiple_unsafe_ops_per_block, reason = "one call is made, chosen by the type")]
pub(super) unsafe fn single(
    column: Column,
    point: u8,
    p: *const u8,
    len: usize,
    out: *mut u8,
) -> bool {
    // SAFETY: the caller's promises are those of each of the functions called.
    unsafe {
        match column.op {
            Op::F4 => only::<f32>(column, point, p, len, out),
            Op::F8 => only::<f64>(column, point, p, len, out),
            Op::F2 => only::<Half>(column, point, p, len, out),
            Op::Bool => only::<Truth>(column, point, p, len, out),
            Op::I1 => only::<i8>(column, point, p, len, out),
            Op::I2 => only::<i16>(column, point, p, len, out),
            Op::I4 => only::<i32>(column, point, p, len, out),
            Op::I8 | Op::Timedelta => only::<i64>(column, point, p, len, out),
            Op::U1 => only::<u8>(column, point, p, len, out),
            Op::U2 => only::<u16>(column, point, p, len, out),
            Op::U4 => only::<u32>(column, point, p, len, out),
            Op::U8 => only::<u64>(column, point, p, len, out),
            _ => false,
        }
    }
}

/// # Safety
/// * As for [`single`].
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn only<T: Number>(
    column: Column,
    point: u8,
    p: *const u8,
    len: usize,
    out: *mut u8,
) -> bool {
    // SAFETY: `p` is a cursor.
    match unsafe { T::read(p, point) } {
        Some((value, end)) if distance(p, end) == len => {
            // SAFETY: the caller gives room for the value.
            unsafe { value.store(out, column.swap) };
            true
        }
        _ => false,
    }
}
