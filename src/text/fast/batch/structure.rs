//! Whether the fields of an index make rows of equal length.

use super::index::Index;
use super::marks::Marks;
use crate::text::plan::Plan;

/// Fields of a row, and how many rows from the start on have just as many.
///
/// # Safety
/// * The index is of the text at `base`.
pub(super) unsafe fn alike(
    plan: &Plan<'_>,
    marks: &Marks,
    index: &Index,
    base: *const u8,
) -> (usize, usize) {
    let width = match plan.usecols {
        None => plan.column_count(),
        // SAFETY: the caller's promise.
        Some(_) => unsafe { first_row(index, base, marks) },
    };
    if width == 0 {
        return (0, 0);
    }
    let rows = index.lines.min(index.fields / width);
    let mut whole = rows == index.lines;
    for row in 1..=rows {
        let at = index.end(row * width - 1);
        // SAFETY: the end of a field lies in the text.
        let end = unsafe { byte(base, at) };
        // Of `\r`, the index has only those that a line end begins with.
        whole &= end == b'\n'
            || end == b'\r'
            // SAFETY: as before.
            || (end == marks.quote && unsafe { line_end(base, at, marks) }.is_some());
    }
    // As many line ends as rows, and one behind each row: there are no others.
    if whole {
        return (width, rows);
    }
    // SAFETY: the caller's promise.
    (width, unsafe { alike_slowly(index, base, width, rows, marks) })
}

/// The same for rows that have blanks around them, or are not all alike.
///
/// # Safety
/// * The index is of the text at `base`; its first `rows * width` fields were found.
#[cold]
unsafe fn alike_slowly(
    index: &Index,
    base: *const u8,
    width: usize,
    rows: usize,
    marks: &Marks,
) -> usize {
    // SAFETY: the caller's promise.
    if unsafe { lines_between(base, 0, index.start(0).unwrap_or(0)) } > 0 {
        return 0;
    }
    for row in 0..rows {
        for field in row * width..(row + 1) * width {
            let end = index.end(field);
            let last = field + 1 == (row + 1) * width;
            let lines = match index.start(field + 1) {
                // SAFETY: the caller's promise.
                Some(next) => unsafe { lines_between(base, end, next) },
                // SAFETY: likewise.
                None => usize::from(unsafe { line_end(base, end, marks) }.is_some()),
            };
            match (last, lines) {
                (true, 1) | (false, 0) => {}
                // A blank line behind it is none of this row's business.
                (true, 2..) => return row + 1,
                _ => return row,
            }
        }
    }
    rows
}

/// Line ends between two places of a text.
///
/// # Safety
/// * The text from `base + from` to `base + to` is readable.
unsafe fn lines_between(base: *const u8, from: usize, to: usize) -> usize {
    // SAFETY: `from` is in the text.
    let start = unsafe { base.add(from) };
    // SAFETY: the caller's promise; nobody writes to the text.
    let bytes = unsafe { core::slice::from_raw_parts(start, to.saturating_sub(from)) };
    memchr::memchr_iter(b'\n', bytes).count()
}

/// # Safety
/// * `base + at` is readable.
unsafe fn byte(base: *const u8, at: usize) -> u8 {
    // SAFETY: the caller's promise.
    let p = unsafe { base.add(at) };
    // SAFETY: likewise.
    unsafe { *p }
}

/// The place behind the line end that follows a field's end; over its quote, and over blanks if
/// they part fields.
///
/// # Safety
/// * `base + at` is in the text, or its sentinel.
unsafe fn line_end(base: *const u8, mut at: usize, marks: &Marks) -> Option<usize> {
    // SAFETY: it moves over quotes, blanks and `\r` only, which the sentinel is not.
    let byte = |at: usize| unsafe { byte(base, at) };
    at += usize::from(byte(at) == marks.quote && marks.quote != b'\n');
    while marks.by_space && matches!(byte(at), b' ' | b'\t') {
        at += 1;
    }
    at += usize::from(byte(at) == b'\r');
    (byte(at) == b'\n').then_some(at + 1)
}

/// Fields of the first row.
///
/// # Safety
/// * The index is of the text at `base`.
unsafe fn first_row(index: &Index, base: *const u8, marks: &Marks) -> usize {
    if index.lines == 0 {
        return 0;
    }
    let is_last = |&field: &usize| {
        // SAFETY: the end of a field lies in the text.
        unsafe { line_end(base, index.end(field), marks) }.is_some()
    };
    (0..index.fields).find(is_last).map_or(0, |field| field + 1)
}

/// Where the line ends whose last field is the one before `fields`.
///
/// # Safety
/// * The index is of the text at `base`; a line end follows that field, over blanks.
pub(super) unsafe fn end(index: &Index, base: *const u8, fields: usize, marks: &Marks) -> usize {
    match fields.checked_sub(1) {
        None => 0,
        // SAFETY: the caller's promise.
        Some(last) => unsafe { line_end(base, index.end(last), marks) }.unwrap_or(0),
    }
}
