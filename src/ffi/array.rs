//! What a segment holds: its data and their description.

use core::ffi::{c_char, c_void};
use core::ptr::{null, null_mut};

use super::args::{self, Options};
use super::dtype::write_dtype;
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

/// All that an array needs which shows the data. Set `struct_size` to
/// `sizeof(ndshm_array)`; the rest is written by `ndshm_segment_array`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ndshm_array {
    /// `sizeof(ndshm_array)`. More than this library knows is left alone.
    pub struct_size: u32,
    /// Dimensions.
    pub ndim: u32,
    /// Bytes of one element.
    pub itemsize: u32,
    /// 1 if the data may be written.
    pub writable: u32,
    /// Start of the data.
    pub data: *mut c_void,
    /// Bytes of data.
    pub data_len: u64,
    /// As `ndshm_segment_shape`.
    pub shape: *const u64,
    /// As `ndshm_segment_strides`.
    pub strides: *const i64,
    /// Bytes of the whole text of the dtype, without a NUL.
    pub dtype_len: u64,
}

// SAFETY: `repr(C)`, the size first; integers and pointers, which may be zero.
unsafe impl Options for ndshm_array {
    const NAME: &'static str = "ndshm_array";
    const MIN_SIZE: usize = size_of::<Self>();
}

impl ndshm_array {
    fn of(handle: &Handle, dtype_len: usize) -> Self {
        let (data, data_len, writable) = match handle {
            Handle::Draft(draft) => (draft.data_ptr(), draft.data_len(), true),
            Handle::Segment(segment) => {
                let writable = segment.data_mut_ptr().is_ok();
                (segment.data_ptr().cast_mut(), segment.data_len(), writable)
            }
        };
        let view = handle.view();
        Self {
            struct_size: 0,
            ndim: view.header().ndim,
            itemsize: view.header().itemsize,
            writable: writable.into(),
            data: data.cast(),
            data_len: data_len as u64,
            shape: view.shape().as_ptr(),
            strides: view.strides().as_ptr(),
            dtype_len: dtype_len as u64,
        }
    }
}

/// Says at once what an array needs that shows the data: what `ndshm_segment_data`,
/// `ndshm_segment_shape` and others say one by one. `dtype` gets the element's type as
/// text, as `ndshm_segment_dtype` writes it, into `dtype_size` bytes; it may be NULL.
///
/// Returns `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HANDLE`.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
/// * `dtype` can be written for `dtype_size` bytes, or is NULL.
/// * `array` is NULL, or its `struct_size` is set.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_array(
    segment: *const ndshm_segment,
    dtype: *mut c_char,
    dtype_size: usize,
    array: *mut ndshm_array,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let room = unsafe { args::room(array) }?;
        // SAFETY: the caller's promise.
        let handle = unsafe { borrow(segment) }?;
        // SAFETY: the caller's promise.
        let len = unsafe { write_dtype(Some(handle.view().dtype()), dtype, dtype_size) };
        // SAFETY: the caller's promise; the size was checked.
        unsafe { args::fill(array, room, &ndshm_array::of(handle, len)) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
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
