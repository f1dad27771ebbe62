//! Signals that ask the command to stop.

use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use super::check;
use crate::error::Result;

static FLAG: AtomicPtr<AtomicBool> = AtomicPtr::new(core::ptr::null_mut());

extern "C" fn on_signal(_: i32) {
    let flag = FLAG.load(Ordering::Relaxed);
    if !flag.is_null() {
        // SAFETY: only references to statics are stored there.
        unsafe { &*flag }.store(true, Ordering::Relaxed);
    }
}

/// Sets `flag` when SIGINT, SIGTERM or SIGHUP comes, instead of ending the
/// process. A signal that is ignored, as SIGHUP under `nohup`, stays ignored.
/// For a command; a library leaves the signals to its host.
///
/// # Errors
/// [`Error::Os`](crate::error::Error::Os).
pub fn set_on_interrupt(flag: &'static AtomicBool) -> Result<()> {
    FLAG.store(core::ptr::from_ref(flag).cast_mut(), Ordering::Relaxed);
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        if !is_ignored(signal)? {
            // SAFETY: all-zero is a valid `sigaction`: no flags, so that waits end early.
            let mut new: libc::sigaction = unsafe { core::mem::zeroed() };
            new.sa_sigaction = on_signal as *const () as usize;
            // SAFETY: `new` is initialised, and its handler is async-signal-safe.
            check("sigaction", unsafe {
                libc::sigaction(signal, &raw const new, core::ptr::null_mut())
            })?;
        }
    }
    Ok(())
}

/// Makes a write beyond the limit on file sizes an error instead of the signal
/// SIGXFSZ. For a command.
pub fn ignore_size_limit_signal() {
    // SAFETY: ignoring a signal needs no handler.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

fn is_ignored(signal: i32) -> Result<bool> {
    // SAFETY: all-zero is a valid `sigaction`.
    let mut old: libc::sigaction = unsafe { core::mem::zeroed() };
    // SAFETY: `old` is writable; a null pointer asks for no change.
    check("sigaction", unsafe { libc::sigaction(signal, core::ptr::null(), &raw mut old) })?;
    Ok(old.sa_sigaction == libc::SIG_IGN)
}
