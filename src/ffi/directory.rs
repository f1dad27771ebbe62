//! Segments by their names, without attaching them: list, prune, unlink.

use core::ffi::{c_char, c_void};

use super::args;
use super::error::{Fault, ndshm_error, report};
use crate::error::{Error, Result};
use crate::segment::{self, Removal};

/// Called with the name of a segment, valid during the call, and `user` as it
/// was given. Returns 0 to go on; anything else ends the listing and is what it
/// returns.
pub type ndshm_list_callback =
    Option<unsafe extern "C" fn(name: *const c_char, user: *mut c_void) -> i32>;

/// Calls `callback` with the name of every segment, in no order. A segment
/// that comes or goes meanwhile may or may not be among them.
///
/// Returns what stopped it: `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`, or what the
/// callback returned.
///
/// # Safety
/// * `callback` returns, and does not leave by `longjmp` or an exception.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_list(
    callback: ndshm_list_callback,
    user: *mut c_void,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let callback = callback.ok_or(Fault::Null("callback"))?;
        let mut answer = 0;
        let end = segment::list(|name| {
            // SAFETY: the name ends with a NUL; the rest is the caller's promise.
            answer = unsafe { callback(args::c_name(name), user) };
            go_on(answer)
        });
        outcome(answer, end)
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// It was dead, and is gone.
pub const NDSHM_PRUNE_REMOVED: i32 = 1;
/// It stays: somebody has it attached.
pub const NDSHM_PRUNE_LIVE: i32 = 2;
/// It stays: its policy or its format says so.
pub const NDSHM_PRUNE_KEPT: i32 = 3;
/// It stays: it belongs to another user.
pub const NDSHM_PRUNE_FOREIGN: i32 = 4;

/// Called with the name of a segment, valid during the call, what became of it
/// (`NDSHM_PRUNE_...`, or a negative status), and `user` as it was given.
/// Returns 0 to go on; anything else ends the pruning and is what it returns.
pub type ndshm_prune_callback =
    Option<unsafe extern "C" fn(name: *const c_char, what: i32, user: *mut c_void) -> i32>;

/// Removes every segment of this user that is dead: nobody has it attached,
/// and its policy does not keep it. Those are what killed processes left.
/// `callback` may be NULL; else it is called for every segment.
///
/// Returns what stopped it: `NDSHM_ERR_OS`, or what the callback returned.
///
/// # Safety
/// * As for `ndshm_segment_list`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_prune(
    callback: ndshm_prune_callback,
    user: *mut c_void,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let mut answer = 0;
        let end = segment::prune(|name, result| {
            if let Some(callback) = callback {
                // SAFETY: the name ends with a NUL; the rest is the caller's promise.
                answer = unsafe { callback(args::c_name(name), removal_code(result), user) };
            }
            go_on(answer)
        });
        outcome(answer, end)
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

const fn removal_code(result: Result<Removal>) -> i32 {
    match result {
        Ok(Removal::Removed) => NDSHM_PRUNE_REMOVED,
        Ok(Removal::Live) => NDSHM_PRUNE_LIVE,
        Ok(Removal::Kept) => NDSHM_PRUNE_KEPT,
        Ok(Removal::Foreign) => NDSHM_PRUNE_FOREIGN,
        Err(error) => error.code(),
    }
}

/// Removes the name of a segment now, whatever its policy. Whoever has it
/// attached keeps it, and a new segment may have the name.
///
/// Returns `NDSHM_ERR_NOT_FOUND`, `NDSHM_ERR_PERMISSION`, `NDSHM_ERR_BUSY`,
/// `NDSHM_ERR_NAME`, `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`.
///
/// # Safety
/// * `name` stays as it is during the call.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_unlink(name: *const c_char, error: *mut ndshm_error) -> i32 {
    // SAFETY: the caller's promise.
    let call = || Ok(segment::unlink(&unsafe { args::name(name) }?)?);
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Ends a walk when the callback says so, by any error.
const fn go_on(answer: i32) -> Result<()> {
    if answer == 0 { Ok(()) } else { Err(Error::Argument) }
}

/// What a walk ended with: the callback's answer, or its own error.
fn outcome(answer: i32, end: Result<()>) -> core::result::Result<(), Fault> {
    if answer == 0 { Ok(end?) } else { Err(Fault::Stopped(answer)) }
}
