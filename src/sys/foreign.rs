//! Children that run foreign code: after a whole fork, or after an exec.

use core::ffi::{CStr, c_char};

use super::process::{close_range, fork_by_libc, set_action};
use super::{Fd, Forked, Watch, check, pid, poll};
use crate::error::{Error, Result};

/// `fork` of the C library, with the handlers that others registered for it, so
/// that the child can go on with any code.
///
/// # Safety
/// * The process has one thread. The locks of others would stay locked for ever.
///
/// # Errors
/// [`Error::Os`].
pub unsafe fn fork_whole() -> Result<Forked> {
    // SAFETY: the caller's promise: nobody holds a lock.
    unsafe { fork_by_libc() }
}

/// Gives every signal its default action, but for the two that a terminal sends
/// to the whole group because of a key: these are ignored, since the parent
/// decides what they mean.
pub fn default_signals() {
    for signal in 1..=64 {
        set_action(signal, libc::SIG_DFL);
    }
    for signal in [libc::SIGINT, libc::SIGQUIT] {
        set_action(signal, libc::SIG_IGN);
    }
}

/// Closes every descriptor but one and the standard streams.
pub fn close_all_but_standard_and(keep: i32) {
    let keep = keep as u32;
    if keep > 3 {
        close_range(3, keep - 1);
    }
    close_range((keep + 1).max(3), u32::MAX);
}

/// Keeps a descriptor open across an exec, or not any more.
///
/// # Errors
/// [`Error::Os`].
pub fn set_inherited(fd: &Fd, inherited: bool) -> Result<()> {
    let flags = if inherited { 0 } else { libc::FD_CLOEXEC };
    // SAFETY: takes no pointers.
    check("fcntl", unsafe { libc::fcntl(fd.raw(), libc::F_SETFD, flags) }).map(drop)
}

/// `execve`: becomes another program. Comes back only if that fails.
///
/// # Safety
/// * `args` and `env` are arrays of C strings with a null pointer at the end.
#[must_use]
pub unsafe fn exec(path: &CStr, args: *const *const c_char, env: *const *const c_char) -> Error {
    // SAFETY: the path is a C string, the rest is the caller's promise.
    let failed = unsafe { libc::execve(path.as_ptr(), args, env) };
    check("execve", failed).err().unwrap_or(Error::Argument)
}

/// Whether this program has more rights than who started it (`AT_SECURE`), so that it
/// must not believe the environment.
#[must_use]
pub fn has_more_rights() -> bool {
    // SAFETY: takes integers only.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// The socket behind an inherited number, if it is the one with this inode number.
///
/// # Safety
/// * If it is, nobody else in this process owns the descriptor.
#[must_use]
pub unsafe fn inherited_socket(raw: i32, inode: u64) -> Option<Fd> {
    // SAFETY: given back below unless it is the one that is asked for.
    let fd = unsafe { Fd::from_raw(raw) };
    let same = fd.stat().is_ok_and(|stat| stat.ino == inode && stat.is_socket());
    if same && set_inherited(&fd, false).is_ok() {
        return Some(fd);
    }
    let _ = fd.into_raw();
    None
}

/// `shutdown(SHUT_WR)`: the other end of `socket` gets what was sent up to now, and
/// then the end.
pub fn end_sending(socket: &Fd) {
    // SAFETY: takes no pointers. A socket that is not connected any more has ended already.
    unsafe { libc::shutdown(socket.raw(), libc::SHUT_WR) };
}

/// `fcntl`: which signal tells that a descriptor is ready. Linux has one number for
/// it, the libc crate none.
const F_SETSIG: i32 = 10;

/// From now on the end of `socket`, or a message, is a SIGKILL for this process;
/// at once, if the other end is closed already. Or not any more. One that was sent before may
/// still be a SIGKILL even if it has been received: a sender's kernel puts a message into the
/// queue first, and tells of it then.
///
/// # Errors
/// [`Error::Os`].
pub fn die_with_socket(socket: &Fd, die: bool) -> Result<()> {
    let raw = socket.raw();
    if die {
        // SAFETY: takes no pointers.
        check("fcntl", unsafe { libc::fcntl(raw, F_SETSIG, libc::SIGKILL) })?;
        // SAFETY: takes no pointers.
        check("fcntl", unsafe { libc::fcntl(raw, libc::F_SETOWN, pid()) })?;
    }
    let flags = if die { libc::O_RDWR | libc::O_ASYNC } else { libc::O_RDWR };
    // SAFETY: takes no pointers.
    check("fcntl", unsafe { libc::fcntl(raw, libc::F_SETFL, flags) })?;
    let mut watches = [Watch::readable(raw)];
    if die {
        poll(&mut watches, 0)?;
    }
    if watches.iter().any(Watch::is_ready) {
        super::exit_now(0);
    }
    Ok(())
}
