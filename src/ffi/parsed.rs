//! Dtypes on their own: read from text, without a segment.

use core::ffi::c_char;

use super::args;
use super::dtype::{self, ndshm_field, write_dtype};
use super::error::{NDSHM_OK, ndshm_error, report};
use super::handle::{self, Storage, borrow, is_shareable, ndshm_segment};
use crate::dtype_buf::DTypeBuf;
use crate::error::Error;

/// Words of storage in an `ndshm_dtype`.
pub const NDSHM_DTYPE_WORDS: usize = 15;

/// A handle: one dtype, in the caller's memory. All zeros is a handle that is not
/// open, so begin with `ndshm_dtype t = {0};`. It may be moved like an
/// `ndshm_segment`.
#[repr(C)]
#[derive(Debug)]
pub struct ndshm_dtype {
    /// Says whether the handle is open.
    state: u64,
    /// The library's own.
    storage: [u64; NDSHM_DTYPE_WORDS],
}

// SAFETY: as it is written above.
unsafe impl Storage for ndshm_dtype {
    type Content = DTypeBuf;
    const NAME: &'static str = "dtype";
}

const _: () = assert!(size_of::<ndshm_dtype>() == 128);
const _: () = is_shareable::<DTypeBuf>();

/// Reads the text of a dtype, as `ndshm_create_options` takes it: to see its
/// itemsize and the offsets of its fields before there is any data.
///
/// Returns `NDSHM_ERR_DTYPE` with the byte at which it went wrong,
/// `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`.
///
/// # Safety
/// * `text` stays as it is during the call.
/// * `dtype` can be written. What was in it is forgotten, not closed.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_dtype_parse(
    text: *const c_char,
    dtype: *mut ndshm_dtype,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(dtype, "dtype")?;
        // SAFETY: the caller's promise.
        let parsed = DTypeBuf::parse(unsafe { args::text(text, "text") }?)?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { handle::store(out, parsed) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Closes a dtype. NULL and a handle that never was open are fine; one that is
/// closed already is `NDSHM_ERR_HANDLE`.
///
/// # Safety
/// * `dtype` is NULL, or a handle that no other thread uses.
/// * Nobody uses fields of it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_dtype_close(dtype: *mut ndshm_dtype) -> i32 {
    if dtype.is_null() {
        return NDSHM_OK;
    }
    // SAFETY: the caller's promise.
    let call = || unsafe { handle::take(dtype) }.map(drop);
    // SAFETY: there is no record.
    unsafe { report(core::ptr::null_mut(), call) }
}

/// Writes the dtype as text into `buf`, as `ndshm_segment_dtype` does.
///
/// # Safety
/// * `dtype` is NULL, or a handle that nobody closes meanwhile.
/// * `buf` can be written for `buf_size` bytes, or is NULL, then `buf_size`
///   counts as 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_dtype_text(
    dtype: *const ndshm_dtype,
    buf: *mut c_char,
    buf_size: usize,
) -> usize {
    // SAFETY: the caller's promise.
    let dtype = unsafe { borrow(dtype) }.ok().map(DTypeBuf::as_dtype);
    // SAFETY: the caller's promise.
    unsafe { write_dtype(dtype, buf, buf_size) }
}

/// Describes the whole type. Pointers in a field of a dtype are valid until the
/// dtype is closed.
///
/// Returns `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HANDLE`.
///
/// # Safety
/// * `dtype` is NULL, or a handle that nobody closes meanwhile.
/// * `field` is NULL, or can be written.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_dtype_element(
    dtype: *const ndshm_dtype,
    field: *mut ndshm_field,
    error: *mut ndshm_error,
) -> i32 {
    // SAFETY: the caller's promise.
    let find = || Ok(unsafe { borrow(dtype) }?.as_dtype().root());
    // SAFETY: the caller's promise.
    let call = || unsafe { dtype::describe(field, find) };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Describes a field of a dtype by its name, otherwise as `ndshm_field_find`.
///
/// # Safety
/// * `dtype` is NULL, or a handle that nobody closes meanwhile.
/// * `record` and `name` stay as they are during the call.
/// * `field` is NULL, or can be written; it may be `record`.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_dtype_find(
    dtype: *const ndshm_dtype,
    record: *const ndshm_field,
    name: *const c_char,
    field: *mut ndshm_field,
    error: *mut ndshm_error,
) -> i32 {
    let find = || {
        // SAFETY: the caller's promise.
        let dtype = unsafe { borrow(dtype) }?.as_dtype();
        // SAFETY: the caller's promise.
        unsafe { dtype::find(dtype, record, name) }
    };
    // SAFETY: the caller's promise.
    let call = || unsafe { dtype::describe(field, find) };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Describes a field of a dtype by its number, otherwise as `ndshm_field_at`.
///
/// # Safety
/// * As for `ndshm_dtype_find`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_dtype_at(
    dtype: *const ndshm_dtype,
    record: *const ndshm_field,
    index: u32,
    field: *mut ndshm_field,
    error: *mut ndshm_error,
) -> i32 {
    let find = || {
        // SAFETY: the caller's promise.
        let dtype = unsafe { borrow(dtype) }?.as_dtype();
        // SAFETY: the caller's promise.
        unsafe { dtype::nth(dtype, record, index) }
    };
    // SAFETY: the caller's promise.
    let call = || unsafe { dtype::describe(field, find) };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Makes sure that a segment's elements are of this dtype, before its data is
/// taken for an array of them: the same kinds, sizes, byte orders, names,
/// offsets and extents.
///
/// Returns `NDSHM_ERR_DTYPE_DIFFERS` if they are not; as `ndshm_dtype_parse`;
/// `NDSHM_ERR_HANDLE`.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
/// * `dtype` is text that stays as it is during the call.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_expect(
    segment: *const ndshm_segment,
    dtype: *const c_char,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let expected = DTypeBuf::parse(unsafe { args::text(dtype, "dtype") }?)?;
        // SAFETY: the caller's promise.
        let found = unsafe { borrow(segment) }?.view().dtype();
        if found == expected.as_dtype() { Ok(()) } else { Err(Error::DTypeDiffers.into()) }
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}
