//! What a segment holds: its data and their description.

use core::ffi::{c_char, c_void};
use core::ptr::{null, null_mut};

use super::args;
use super::error::{ndshm_error, report};
use super::handle::{Handle, borrow, ndshm_segment};
use super::segment::NDSHM_UUID_SIZE;
use crate::segment::State;

/// Its name, which ends with a NUL. It is valid until the segment is detached or
/// its handle is moved. NULL for an anonymous segment, a draft, and a handle
/// that is not open.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_name(segment: *const ndshm_segment) -> *const c_char {
    // SAFETY: the caller's promise.
    match unsafe { borrow(segment) } {
        Ok(Handle::Segment(segment)) => segment.name().map_or(null(), args::c_name),
        _ => null(),
    }
}

/// Start of the data, NULL if the handle is not open. It is aligned to a page,
/// and valid until the segment is detached. Other processes may write it at any
/// time, if they may write the segment at all; who reads while they do sees
/// part of it.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_data(segment: *const ndshm_segment) -> *const c_void {
    // SAFETY: the caller's promise.
    match unsafe { borrow(segment) } {
        Ok(Handle::Draft(draft)) => draft.data_ptr().cast_const().cast(),
        Ok(Handle::Segment(segment)) => segment.data_ptr().cast(),
        Err(_) => null(),
    }
}

/// Start of the data, to be written: of a draft, or of a segment that was
/// attached with `NDSHM_ACCESS_READ_WRITE`. NULL for any other, and if the
/// handle is not open.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_data_mut(segment: *mut ndshm_segment) -> *mut c_void {
    // SAFETY: the caller's promise.
    match unsafe { borrow(segment) } {
        Ok(Handle::Draft(draft)) => draft.data_ptr().cast(),
        Ok(Handle::Segment(segment)) => segment.data_mut_ptr().map_or(null_mut(), <*mut u8>::cast),
        Err(_) => null_mut(),
    }
}

/// Bytes of data, 0 if the handle is not open.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_data_len(segment: *const ndshm_segment) -> usize {
    // SAFETY: the caller's promise.
    match unsafe { borrow(segment) } {
        Ok(Handle::Draft(draft)) => draft.data_len(),
        Ok(Handle::Segment(segment)) => segment.data_len(),
        Err(_) => 0,
    }
}

/// Bytes of one element, 0 if the handle is not open.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_itemsize(segment: *const ndshm_segment) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { borrow(segment) }.map_or(0, |handle| handle.view().header().itemsize)
}

/// Dimensions, 0 for a single element, and if the handle is not open.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_ndim(segment: *const ndshm_segment) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { borrow(segment) }.map_or(0, |handle| handle.view().header().ndim)
}

/// The extents, slowest first: as many numbers as there are dimensions, valid
/// until the segment is detached. NULL if the handle is not open.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_shape(segment: *const ndshm_segment) -> *const u64 {
    // SAFETY: the caller's promise.
    unsafe { borrow(segment) }.map_or(null(), |handle| handle.view().shape().as_ptr())
}

/// Bytes from one element to the next, in each dimension; may be negative.
/// Valid until the segment is detached. NULL if the handle is not open.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_strides(segment: *const ndshm_segment) -> *const i64 {
    // SAFETY: the caller's promise.
    unsafe { borrow(segment) }.map_or(null(), |handle| handle.view().strides().as_ptr())
}

/// The creator's own bytes, `ndshm_segment_metadata_len` of them, valid until
/// the segment is detached. NULL if the handle is not open.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_metadata(segment: *const ndshm_segment) -> *const c_void {
    // SAFETY: the caller's promise.
    unsafe { borrow(segment) }.map_or(null(), |handle| handle.view().metadata().as_ptr().cast())
}

/// Bytes of metadata, 0 if the handle is not open.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_metadata_len(segment: *const ndshm_segment) -> usize {
    // SAFETY: the caller's promise.
    unsafe { borrow(segment) }.map_or(0, |handle| handle.view().metadata().len())
}

/// When the name goes: `NDSHM_POLICY_...`, or a larger number that a newer
/// library has given a meaning. 0 if the handle is not open.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_policy(segment: *const ndshm_segment) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { borrow(segment) }.map_or(0, |handle| handle.view().policy().code())
}

/// A draft: the data is not complete yet.
pub const NDSHM_STATE_INITIALIZING: u32 = 0;
/// The segment is published.
pub const NDSHM_STATE_READY: u32 = 1;

const _: () = assert!(NDSHM_STATE_INITIALIZING == State::Initializing as u32);
const _: () = assert!(NDSHM_STATE_READY == State::Ready as u32);

/// `NDSHM_STATE_...`: 0 for a draft, and if the handle is not open.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_state(segment: *const ndshm_segment) -> u32 {
    // SAFETY: the caller's promise.
    match unsafe { borrow(segment) } {
        Ok(Handle::Segment(segment)) => segment.state().map_or(0, |state| state as u32),
        _ => NDSHM_STATE_INITIALIZING,
    }
}

/// Copies the segment's uuid, random bytes that no other segment has, to
/// `uuid`, which has room for `NDSHM_UUID_SIZE` bytes.
///
/// Returns `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HANDLE`.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
/// * `uuid` is NULL, or can be written for `NDSHM_UUID_SIZE` bytes.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_uuid(
    segment: *const ndshm_segment,
    uuid: *mut u8,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(uuid.cast::<[u8; NDSHM_UUID_SIZE]>(), "uuid")?;
        // SAFETY: the caller's promise.
        let bytes = unsafe { borrow(segment) }?.view().header().uuid;
        // SAFETY: the caller's promise.
        unsafe { out.write(bytes) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Processes that have the segment attached, as far as they could count
/// themselves: a killed one stays counted, and one without the permission to
/// write never is. For people; it decides nothing. 0 for a draft, and if the
/// handle is not open.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_refcount(segment: *const ndshm_segment) -> u32 {
    // SAFETY: the caller's promise.
    match unsafe { borrow(segment) } {
        Ok(Handle::Segment(segment)) => segment.refcount(),
        _ => 0,
    }
}

/// How often the segment was attached so far, the creator not counted: a number
/// that only grows, and wraps around. Who may not write it is not counted. 0 for a
/// draft, and if the handle is not open.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_attach_epoch(segment: *const ndshm_segment) -> u32 {
    // SAFETY: the caller's promise.
    match unsafe { borrow(segment) } {
        Ok(Handle::Segment(segment)) => segment.attach_epoch(),
        _ => 0,
    }
}

/// Attaches that are promised (`ndshm_segment_promise`, `NDSHM_POLICY_HANDOFF`), not claimed
/// yet, and not lapsed. 0 for a draft, and if the handle is not open.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_promised(segment: *const ndshm_segment) -> u32 {
    // SAFETY: the caller's promise.
    match unsafe { borrow(segment) } {
        Ok(Handle::Segment(segment)) => segment.promised(),
        _ => 0,
    }
}

/// 1 if the name still leads to this segment; 0 if it was unlinked or
/// replaced, for a draft, and if the handle is not open.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_is_current(segment: *const ndshm_segment) -> i32 {
    // SAFETY: the caller's promise.
    match unsafe { borrow(segment) } {
        Ok(Handle::Segment(segment)) => segment.is_current().into(),
        _ => 0,
    }
}
