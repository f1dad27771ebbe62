//! The datasets that chunks are written to: one, or those of a table's columns.

use std::ffi::CString;
use std::vec::Vec;

use hdf5_sys::h5d;
use hdf5_sys::h5i::hid_t;

use super::error::Result;
use super::id::Id;
use super::layout::uncached_list;
use super::library::Session;
use super::writer::CLOSED;

/// How many stay open. Each takes some 20 KiB then, and opening one again as much time as
/// giving it a chunk.
const MOST_OPEN: usize = 128;

/// Datasets in their order. The first ones are open, the others are opened when they are used.
#[derive(Debug, Default)]
pub(super) struct Sets {
    open: Vec<Id>,
    /// Paths of the others.
    closed: Vec<CString>,
}

impl Sets {
    /// Adds one that is open.
    pub(super) fn push(&mut self, session: &Session, set: Id, path: CString) -> Result<()> {
        if self.open.len() < MOST_OPEN {
            self.open.push(set);
            return Ok(());
        }
        self.closed.push(path);
        set.close(session, "H5Dclose")
    }

    /// Adds one that is there.
    pub(super) fn add(&mut self, session: &Session, file: hid_t, path: CString) -> Result<()> {
        if self.open.len() < MOST_OPEN {
            self.open.push(opened(session, file, &path)?);
        } else {
            self.closed.push(path);
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.open.len() + self.closed.len()
    }

    /// Whether some are opened again and again.
    pub(super) const fn are_many(&self) -> bool {
        !self.closed.is_empty()
    }

    pub(super) fn first(&self) -> Option<&Id> {
        self.open.first()
    }

    /// Those that are open.
    pub(super) fn open(&self) -> &[Id] {
        &self.open
    }

    /// Does something with the dataset of this number, and is told whether it was open before.
    pub(super) fn with<T>(
        &self,
        session: &Session,
        file: hid_t,
        number: usize,
        what: impl FnOnce(hid_t, bool) -> Result<T>,
    ) -> Result<T> {
        if let Some(set) = self.open.get(number) {
            return what(set.raw(), true);
        }
        let path = self.closed.get(number - self.open.len()).ok_or(CLOSED)?;
        let set = opened(session, file, path)?;
        let done = what(set.raw(), false)?;
        set.close(session, "H5Dclose")?;
        Ok(done)
    }

    pub(super) fn close(self, session: &Session) -> Result<()> {
        self.open.into_iter().try_for_each(|set| set.close(session, "H5Dclose"))
    }
}

fn opened(session: &Session, file: hid_t, path: &CString) -> Result<Id> {
    let access = uncached_list(session)?;
    // SAFETY: the path is a C string, the ids are live.
    let raw = unsafe { h5d::H5Dopen2(file, path.as_ptr(), access.raw()) };
    session.own("H5Dopen2", raw, h5d::H5Dclose)
}
