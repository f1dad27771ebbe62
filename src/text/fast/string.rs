//! Strings: found and copied sixteen bytes at a time.

#[cfg(target_arch = "x86_64")]
use super::separator::simd;
use super::separator::{Separator, field_end};
#[cfg(target_arch = "x86_64")]
use super::{OVERRUN, add};
use super::{byte, distance};
use crate::text::plan::{Column, Op, Plan};

/// Bytes of an `S` column.
///
/// # Safety
/// * `p` is a cursor; `out` is writable for the column's width and, if the plan's columns
///   ascend, [`OVERRUN`] bytes.
#[inline(always)]
pub(super) unsafe fn text<S: Separator>(
    separator: S,
    plan: &Plan<'_>,
    column: Column,
    only: bool,
    p: *const u8,
    out: *mut u8,
) -> Option<*const u8> {
    let width = column.width as usize;
    // SAFETY: `p` is a cursor.
    if unsafe { byte(p) } == separator.quote() {
        return None;
    }
    #[cfg(target_arch = "x86_64")]
    if plan.ascending && width <= OVERRUN {
        // SAFETY: a cursor is readable for 16 bytes.
        let bytes = unsafe { simd::_mm_loadu_si128(p.cast()) };
        let stops = separator.stops16(bytes);
        if stops != 0 {
            let len = stops.trailing_zeros() as usize;
            let others = simd::mask(bytes) & (stops & stops.wrapping_neg()).wrapping_sub(1);
            if others != 0 || (only && len == 0) {
                return None;
            }
            let kept = simd::first(bytes, len.min(width));
            // SAFETY: the columns ascend, so `OVERRUN` bytes are writable.
            unsafe { simd::_mm_storeu_si128(out.cast(), kept) };
            // SAFETY: `len` bytes were seen, none of them the sentinel.
            return Some(unsafe { add(p, len) });
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = plan.ascending;
    // SAFETY: `p` is a cursor, `out` has room for the column.
    unsafe { long_text(separator, width, only, p, out) }
}

/// Bytes of an `S` column of any width.
///
/// # Safety
/// * `p` is a cursor; `out` is writable for `width` bytes.
unsafe fn long_text<S: Separator>(
    separator: S,
    width: usize,
    only: bool,
    p: *const u8,
    out: *mut u8,
) -> Option<*const u8> {
    // SAFETY: `p` is a cursor.
    let (end, bytes) = unsafe { ascii_field(separator, only, p) }?;
    let kept = bytes.len().min(width);
    // SAFETY: `kept` bytes are readable at `p` and writable at `out`, in different memory.
    unsafe { core::ptr::copy_nonoverlapping(p, out, kept) };
    // SAFETY: `kept` is at most `width`.
    let rest = unsafe { out.add(kept) };
    // SAFETY: the rest of the column is writable.
    unsafe { rest.write_bytes(0, width - kept) };
    Some(end)
}

/// Characters of a `U` column.
///
/// # Safety
/// * `p` is a cursor; `out` is writable for the column's width.
pub(super) unsafe fn characters<S: Separator>(
    separator: S,
    column: Column,
    only: bool,
    p: *const u8,
    out: *mut u8,
) -> Option<*const u8> {
    // SAFETY: `p` is a cursor.
    if unsafe { byte(p) } == separator.quote() {
        return None;
    }
    // SAFETY: likewise.
    let (end, bytes) = unsafe { ascii_field(separator, only, p) }?;
    let width = column.width as usize;
    // SAFETY: the caller gives room for the column.
    unsafe { out.write_bytes(0, width) };
    for (i, &byte) in bytes.iter().take(width / 4).enumerate() {
        if column.op == Op::Utf8 {
            // SAFETY: `i` is below the width.
            let place = unsafe { out.add(i) };
            // SAFETY: writable, as above.
            unsafe { place.write(byte) };
        } else {
            let point = u32::from(byte);
            let point = if column.swap { point.swap_bytes() } else { point };
            // SAFETY: `4 i + 4` is at most the width.
            let place = unsafe { out.add(4 * i) };
            // SAFETY: writable, as above; no alignment is asked for.
            unsafe { place.cast::<u32>().write_unaligned(point) };
        }
    }
    Some(end)
}

/// The field at `p` if it is plain ASCII, and the cursor behind it. A lone
/// empty field is none: it makes a blank line.
///
/// # Safety
/// * `p` is a cursor. The text lives as long as the slice is used.
#[inline(always)]
unsafe fn ascii_field<'t, S: Separator>(
    separator: S,
    only: bool,
    p: *const u8,
) -> Option<(*const u8, &'t [u8])> {
    // SAFETY: `p` is a cursor.
    let end = unsafe { field_end(separator, p) };
    let len = distance(p, end);
    // SAFETY: `len` bytes were seen from `p` on.
    let bytes = unsafe { core::slice::from_raw_parts(p, len) };
    (bytes.is_ascii() && !(only && len == 0)).then_some((end, bytes))
}
