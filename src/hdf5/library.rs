//! HDF5's process-wide state, which belongs to the host program.
//!
//! Every entry into the library goes through [`with`]: one lock for the whole
//! process (the one that other users of the same bindings take, too), the
//! library opened, the thread's automatic error printer silenced and put back
//! afterwards. Nothing here closes the library. The host may do so between two
//! entries: what is kept from one to the other is lost then, and `watch` knows.

use core::ffi::{c_uint, c_void};
use core::ptr;

use hdf5_sys::h5::{H5dont_atexit, H5open, herr_t};
use hdf5_sys::h5e::{
    H5E_DEFAULT, H5E_auto2_t, H5Eauto_is_v2, H5Eclear2, H5Eget_auto2, H5Eset_auto2,
};
use hdf5_sys::h5i::hid_t;

use super::error::{Error, Result, Stack};
use super::id::{Close, Id};
use super::watch;

/// Proof that this thread holds the lock, and that HDF5 is open and silent.
#[derive(Debug)]
pub(super) struct Session {
    saved: Option<(H5E_auto2_t, *mut c_void)>,
}

/// Runs `work` inside the library.
///
/// Where it used an id that went with an `H5close` of the host, it fails, whatever it answers.
pub(super) fn with<T>(work: impl FnOnce(&Session) -> Result<T>) -> Result<T> {
    let _serialised = hdf5_sys::LOCK.lock();
    let session = Session::enter()?;
    let made = work(&session);
    if watch::take_lost() {
        drop(made);
        watch::settle();
        return Err(Error::Lost);
    }
    if !watch::settle() {
        return Err(Error::hdf5("H5Pcreate_class", Stack::read()));
    }
    made
}

/// Keeps HDF5 from tidying up at `exit`: for a program that owns the whole process,
/// to be called before anything else uses HDF5; later it has no effect.
///
/// An exit in the middle of a file then ends at once. Without this call HDF5
/// closes the file first, which is but memory;
/// the temporary file is left unfinished either way, as after a kill, and the next
/// run removes it. A library never calls this: the host may rely on the tidying.
pub fn command_mode() {
    let _serialised = hdf5_sys::LOCK.lock();
    // SAFETY: takes no arguments; HDF5 is entered by one thread at a time. It fails only
    // if it was called before, which is as good.
    unsafe { H5dont_atexit() };
}

#[allow(clippy::unused_self, reason = "a session is the proof that HDF5 may be asked")]
impl Session {
    fn enter() -> Result<Self> {
        // SAFETY: takes no arguments; the caller holds the lock.
        if unsafe { H5open() } < 0 {
            return Err(Error::hdf5("H5open", Stack::default()));
        }
        Ok(Self { saved: silence() })
    }

    /// Turns a negative status into the error that HDF5 recorded.
    pub(super) fn check(&self, call: &'static str, status: herr_t) -> Result<()> {
        if status < 0 { Err(Error::hdf5(call, Stack::read())) } else { Ok(()) }
    }

    /// Takes over an id that HDF5 just made.
    pub(super) fn own(&self, call: &'static str, raw: hid_t, close: Close) -> Result<Id> {
        if raw < 0 { Err(Error::hdf5(call, Stack::read())) } else { Ok(Id::new(raw, close)) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: takes no pointers. A record that a thread leaves behind when it ends
        // keeps HDF5 from closing itself at exit.
        unsafe { H5Eclear2(H5E_DEFAULT) };
        if let Some((handler, data)) = self.saved {
            // SAFETY: gives back what `H5Eget_auto2` answered on this thread: the session
            // cannot have moved to another one, it holds a raw pointer and is not `Send`.
            unsafe { H5Eset_auto2(H5E_DEFAULT, handler, data) };
        }
    }
}

/// Takes this thread's error printer off and returns it. A host that set one by
/// the interface of HDF5 1.6 keeps it on: it cannot be read by this interface.
fn silence() -> Option<(H5E_auto2_t, *mut c_void)> {
    let mut version_2: c_uint = 0;
    // SAFETY: `version_2` is writable.
    if unsafe { H5Eauto_is_v2(H5E_DEFAULT, &raw mut version_2) } < 0 || version_2 == 0 {
        return None;
    }
    let (mut handler, mut data): (H5E_auto2_t, *mut c_void) = (None, ptr::null_mut());
    // SAFETY: both places are writable.
    if unsafe { H5Eget_auto2(H5E_DEFAULT, &raw mut handler, &raw mut data) } < 0 {
        return None;
    }
    // SAFETY: no handler and no data is the documented way to switch printing off.
    unsafe { H5Eset_auto2(H5E_DEFAULT, None, ptr::null_mut()) };
    Some((handler, data))
}
