//! Owned HDF5 identifiers.

use hdf5_sys::h5::herr_t;
use hdf5_sys::h5i::{H5I_INVALID_HID, hid_t};

use super::error::Result;
use super::library::Session;
use super::watch;

/// The function that closes one kind of id.
pub(super) type Close = unsafe extern "C" fn(hid_t) -> herr_t;

/// An id that this crate made and closes exactly once. Ids are used and dropped inside
/// [`library::with`](super::library::with) only.
///
/// The host may have closed HDF5 since it was made. The number is not the crate's any more
/// then, and never told again.
#[derive(Debug)]
pub(super) struct Id {
    raw: hid_t,
    close: Close,
    /// The [`watch`]ed life of HDF5 that it is of.
    life: usize,
}

impl Id {
    pub(super) fn new(raw: hid_t, close: Close) -> Self {
        Self { raw, close, life: watch::made() }
    }

    /// Its number, or -1, which HDF5 refuses. It stays owned by `self`.
    pub(super) fn raw(&self) -> hid_t {
        if watch::is_there(self.life) { self.raw } else { H5I_INVALID_HID }
    }

    /// Closes it and says whether that worked.
    pub(super) fn close(self, session: &Session, call: &'static str) -> Result<()> {
        let (raw, close) = (self.raw(), self.close);
        watch::gone(self.life);
        core::mem::forget(self);
        // SAFETY: the id was owned by `self`, which is gone: nobody uses it again.
        session.check(call, unsafe { close(raw) })
    }
}

impl Drop for Id {
    fn drop(&mut self) {
        if watch::gone(self.life) {
            // SAFETY: the id is owned, and not used after this. A failure is not news on this
            // path: an error is under way already, or the id is a mere description.
            unsafe { (self.close)(self.raw) };
        }
    }
}
