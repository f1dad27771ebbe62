//! Segments that get their number of rows at the end.

use core::ffi::{c_char, c_void};

use super::args;
use super::error::{Fault, NDSHM_OK, ndshm_error, report};
use super::handle::{self, Handle, Storage, borrow, borrow_mut, is_shareable, ndshm_segment};
use super::segment::{Home, ndshm_create_options};
use crate::segment::{Draft, Growable, Spec};

/// Words of storage in an `ndshm_growable`.
pub const NDSHM_GROWABLE_WORDS: usize = 127;

/// A handle: room for one segment that grows, in the caller's memory. All zeros
/// is a handle that is not open, so begin with `ndshm_growable g = {0};`. It may
/// be moved like an `ndshm_segment`.
#[repr(C)]
#[derive(Debug)]
pub struct ndshm_growable {
    /// Says whether the handle is open.
    state: u64,
    /// The library's own.
    storage: [u64; NDSHM_GROWABLE_WORDS],
}

// SAFETY: as it is written above.
unsafe impl Storage for ndshm_growable {
    type Content = Growable;
    const NAME: &'static str = "growable";
}

const _: () = assert!(size_of::<ndshm_growable>() == 1024);
const _: () = is_shareable::<Growable>();

/// Begins a segment whose number of rows is not known. The first extent in
/// `options->shape` is 0 and stands for it; `options->strides` is NULL. Rows go
/// into it in C order through `ndshm_growable_append` or
/// `ndshm_growable_write_at`, which say so when memory is full; then
/// `ndshm_growable_finish` makes a draft of it. It leaves as little as a draft
/// does, if it is discarded or its process dies.
///
/// `name` and what it returns are as for `ndshm_segment_create`.
///
/// # Safety
/// * `name`, `options` and what they lead to stay as they are during the call.
/// * `growable` can be written. What was in it is forgotten, not discarded.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_growable_create(
    name: *const c_char,
    options: *const ndshm_create_options,
    growable: *mut ndshm_growable,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(growable, "growable")?;
        let create = |home: Home<'_>, spec: &Spec<'_>| match home {
            Home::Named(name) => Draft::create_growable(name, spec),
            Home::Late => Draft::create_growable_late(spec),
            Home::Anonymous => Draft::create_growable_anonymous(spec),
        };
        // SAFETY: the caller's promise.
        let made = unsafe { ndshm_create_options::make(name, options, create) }?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { handle::store(out, made) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Writes `len` bytes at `data` behind what was written so far. They need not be
/// whole rows.
///
/// Returns `NDSHM_ERR_NO_SPACE` if memory is short, and part of the bytes may be
/// there then; `NDSHM_ERR_OVERFLOW`, `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HANDLE`,
/// `NDSHM_ERR_OS`.
///
/// # Safety
/// * `growable` is NULL, or a handle that no other thread uses.
/// * `data` can be read for `len` bytes during the call; NULL if `len` is 0.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_growable_append(
    growable: *mut ndshm_growable,
    data: *const c_void,
    len: usize,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let growable = unsafe { borrow_mut(growable) }?;
        // SAFETY: the caller's promise.
        let data = unsafe { args::items::<u8>(data.cast(), len, "data") }?;
        // SAFETY: a slice is readable for its length.
        Ok(unsafe { growable.append(data.as_ptr(), data.len()) }?)
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Writes `len` bytes at `data` to byte `offset` of the data, which may lie
/// behind what was written so far: bytes never written are zeros. Otherwise as
/// `ndshm_growable_append`.
///
/// # Safety
/// * As for `ndshm_growable_append`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_growable_write_at(
    growable: *mut ndshm_growable,
    offset: u64,
    data: *const c_void,
    len: usize,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let growable = unsafe { borrow_mut(growable) }?;
        // SAFETY: the caller's promise.
        let data = unsafe { args::items::<u8>(data.cast(), len, "data") }?;
        // SAFETY: a slice is readable for its length.
        Ok(unsafe { growable.write_at(offset, data.as_ptr(), data.len()) }?)
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Bytes of one row, 0 if the handle is not open.
///
/// # Safety
/// * `growable` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_growable_row_len(growable: *const ndshm_growable) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { borrow(growable) }.map_or(0, Growable::row_len)
}

/// Bytes up to the last one that was written, 0 if the handle is not open.
///
/// # Safety
/// * `growable` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_growable_data_len(growable: *const ndshm_growable) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { borrow(growable) }.map_or(0, Growable::data_len)
}

/// Makes a draft of `rows` rows, to be published with `ndshm_segment_publish`.
/// What was written behind them is cut off. The handle `growable` is closed
/// then, also if the call fails; only for more rows than were written, which is
/// `NDSHM_ERR_ARGUMENT`, it stays open.
///
/// Returns `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_HANDLE`, `NDSHM_ERR_NO_SPACE`,
/// `NDSHM_ERR_OVERFLOW`, `NDSHM_ERR_OS`.
///
/// # Safety
/// * `growable` is NULL, or a handle that no other thread uses.
/// * `segment` can be written. What was in it is forgotten, not detached.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_growable_finish(
    growable: *mut ndshm_growable,
    rows: u64,
    segment: *mut ndshm_segment,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(segment, "segment")?;
        // SAFETY: the caller's promise; the reference ends here.
        let written = unsafe { borrow(growable) }?;
        let need = written.row_len().checked_mul(rows).ok_or(Fault::Range("rows"))?;
        if need > written.data_len() {
            return Err(Fault::Range("rows"));
        }
        // SAFETY: the caller's promise.
        let draft = unsafe { handle::take_open(growable) }?.finish(rows)?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { handle::store(out, Handle::Draft(draft)) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Gives up what was written, and closes the handle. NULL and a handle that
/// never was open are fine; one that is closed already is `NDSHM_ERR_HANDLE`.
///
/// # Safety
/// * `growable` is NULL, or a handle that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_growable_discard(growable: *mut ndshm_growable) -> i32 {
    if growable.is_null() {
        return NDSHM_OK;
    }
    // SAFETY: the caller's promise.
    let call = || unsafe { handle::take(growable) }.map(drop);
    // SAFETY: there is no record.
    unsafe { report(core::ptr::null_mut(), call) }
}
