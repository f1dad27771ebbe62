//! Copies out of and into the data, checked against its length.

use core::ffi::c_void;

use super::args;
use super::error::{Fault, ndshm_error, report};
use super::handle::{Handle, borrow, ndshm_segment};
use crate::segment::Draft;

/// Copies `len` bytes of data, from byte `offset` on, to `to`. What others write
/// meanwhile is seen in part or not at all.
///
/// Returns `NDSHM_ERR_ARGUMENT` for bytes outside the data, `NDSHM_ERR_HANDLE`.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
/// * `to` can be written for `len` bytes, and is no part of the data; NULL if
///   `len` is 0.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_copy_to(
    segment: *const ndshm_segment,
    offset: usize,
    len: usize,
    to: *mut c_void,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let handle = unsafe { borrow(segment) }?;
        // SAFETY: the caller's promise.
        let to = unsafe { args::bytes_mut(to.cast(), len, "to") }?;
        match handle {
            Handle::Segment(segment) => Ok(segment.copy_to(to, offset)?),
            Handle::Draft(draft) => {
                let from = place(draft, offset, len)?;
                // SAFETY: `len` bytes from there on are the draft's, and no part of `to`.
                unsafe { to.as_mut_ptr().copy_from_nonoverlapping(from, len) };
                Ok(())
            }
        }
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Copies `len` bytes at `from` into the data, to byte `offset`. Others may see
/// part of it.
///
/// Returns `NDSHM_ERR_ARGUMENT` for bytes outside the data,
/// `NDSHM_ERR_READ_ONLY` if the segment is attached for reading,
/// `NDSHM_ERR_HANDLE`.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
/// * `from` can be read for `len` bytes, and is no part of the data; NULL if
///   `len` is 0.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_copy_from(
    segment: *mut ndshm_segment,
    offset: usize,
    from: *const c_void,
    len: usize,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let handle = unsafe { borrow(segment) }?;
        // SAFETY: the caller's promise.
        let from = unsafe { args::items::<u8>(from.cast(), len, "from") }?;
        match handle {
            Handle::Segment(segment) => Ok(segment.copy_from(from, offset)?),
            Handle::Draft(draft) => {
                // SAFETY: a slice is readable for its length.
                Ok(unsafe { draft.write_at(offset as u64, from.as_ptr(), len) }?)
            }
        }
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Where `len` bytes from `offset` of a draft's data on begin.
fn place(draft: &Draft, offset: usize, len: usize) -> Result<*const u8, Fault> {
    let inside = offset.checked_add(len).is_some_and(|end| end <= draft.data_len());
    if inside {
        Ok(draft.data_ptr().wrapping_add(offset).cast_const())
    } else {
        Err(Fault::Range("offset"))
    }
}
