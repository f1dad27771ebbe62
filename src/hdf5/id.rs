//! Owned HDF5 identifiers.

use hdf5_sys::h5::herr_t;
use hdf5_sys::h5i::hid_t;

use super::error::Result;
use super::library::Session;

/// The function that closes one kind of id.
pub(super) type Close = unsafe extern "C" fn(hid_t) -> herr_t;

/// An id that this crate made and closes exactly once. Ids are dropped inside
/// [`library::with`](super::library::with) only.
#[derive(Debug)]
pub(super) struct Id {
    raw: hid_t,
    close: Close,
}

impl Id {
    pub(super) const fn new(raw: hid_t, close: Close) -> Self {
        Self { raw, close }
    }

    /// Its number. It stays owned by `self`.
    pub(super) const fn raw(&self) -> hid_t {
        self.raw
    }

    /// Closes it and says whether that worked.
    pub(super) fn close(self, session: &Session, call: &'static str) -> Result<()> {
        let (raw, close) = (self.raw, self.close);
        core::mem::forget(self);
        // SAFETY: the id was owned by `self`, which is gone: nobody uses it again.
        session.check(call, unsafe { close(raw) })
    }
}

impl Drop for Id {
    fn drop(&mut self) {
        // SAFETY: the id is owned, and not used after this. A failure is not news on this
        // path: an error is under way already, or the id is a mere description.
        unsafe { (self.close)(self.raw) };
    }
}
