//! Anonymous segments on their way to other processes, by descriptor.

use core::ffi::c_int;

use super::args;
use super::error::{Fault, ndshm_error, report};
use super::handle::{self, Handle, borrow, ndshm_segment};
use super::segment::access_of;
use crate::error::Error;
use crate::segment::Segment;
use crate::sys;

/// The descriptor of an anonymous segment that is published: send it to another
/// process, or let a child inherit it (it is closed by an exec as it is). It
/// belongs to the handle and is open until that is detached. -1 for a segment
/// with a name, a draft, and a handle that is not open.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_fd(segment: *const ndshm_segment) -> c_int {
    // SAFETY: the caller's promise.
    match unsafe { borrow(segment) } {
        Ok(Handle::Segment(segment)) => segment.raw_fd().unwrap_or(-1),
        _ => -1,
    }
}

/// Attaches the anonymous segment behind `fd`, which stays the caller's, with
/// `access` `NDSHM_ACCESS_...`.
///
/// Returns `NDSHM_ERR_UNSEALED` for what is no anonymous segment or not
/// published, since its length could change; `NDSHM_ERR_PERMISSION` if it is
/// not to be written; `NDSHM_ERR_ARGUMENT`, `NDSHM_ERR_OS`, and as
/// `ndshm_segment_attach` for what is no valid segment.
///
/// # Safety
/// * `segment` can be written. What was in it is forgotten, not detached.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_attach_fd(
    fd: c_int,
    access: u32,
    segment: *mut ndshm_segment,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(segment, "segment")?;
        let attached = Segment::attach_fd(fd, access_of(access, "access")?)?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { handle::store(out, Handle::Segment(attached)) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// The message that the descriptor goes with.
const MESSAGE: [u8; 1] = [b'n'];

/// Sends an anonymous segment through `socket`, a connected local socket
/// (`AF_UNIX`) of any type, as one byte with a descriptor. It stays attached
/// here. From then on the message keeps it alive, so it may be detached at once.
///
/// Returns `NDSHM_ERR_HANDLE` for a draft and a handle that is not open,
/// `NDSHM_ERR_ARGUMENT` for a segment with a name, which is attached by that;
/// `NDSHM_ERR_OS`, with `EPIPE` if the other end is closed; there is no SIGPIPE.
///
/// # Safety
/// * `segment` is NULL, or a handle that nobody closes meanwhile.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_send(
    segment: *const ndshm_segment,
    socket: c_int,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        // SAFETY: the caller's promise.
        let Handle::Segment(segment) = (unsafe { borrow(segment) })? else {
            return Err(Fault::NotPublished);
        };
        let fd = segment.raw_fd().ok_or(Fault::Range("segment with a name"))?;
        Ok(sys::send_with(socket, &MESSAGE, Some(fd))?)
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}

/// Receives a segment that `ndshm_segment_send` has sent, and attaches it with
/// `access` `NDSHM_ACCESS_...`. Waits for the message, unless the socket does not.
///
/// Returns `NDSHM_ERR_NOT_FOUND` if the other end is closed or the message has
/// brought no descriptor; `NDSHM_ERR_OS`, with `EAGAIN` if there is no message
/// and the socket does not wait; and as `ndshm_segment_attach_fd`.
///
/// # Safety
/// * `segment` can be written. What was in it is forgotten, not detached.
/// * `error` is NULL, or its `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndshm_segment_receive(
    socket: c_int,
    access: u32,
    segment: *mut ndshm_segment,
    error: *mut ndshm_error,
) -> i32 {
    let call = || {
        let out = args::output(segment, "segment")?;
        let access = access_of(access, "access")?;
        let (_, fd) = sys::receive_with(socket, &mut [0; MESSAGE.len()])?;
        let attached = Segment::attach_fd(fd.ok_or(Error::NotFound)?.raw(), access)?;
        // SAFETY: the caller's promise; it is aligned.
        unsafe { handle::store(out, Handle::Segment(attached)) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { report(error, call) }
}
