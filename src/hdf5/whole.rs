//! Whether a file as a whole is what its superblock says, for `join`.

use super::superblock::{self, Found};
use crate::sys::Fd;

/// What is wrong with a file as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Superfault {
    /// No superblock.
    NotHdf5,
    /// Its writer never closed it, or has not yet.
    NotClosed,
    /// It is shorter than it says.
    Truncated {
        /// Bytes that it says it has.
        need: u64,
    },
}

/// Looks at the superblock of a file of `size` bytes. What is newer than this library
/// is for HDF5 to judge.
///
/// # Errors
/// [`Error::Os`](crate::error::Error::Os), if it cannot be read.
pub(crate) fn look(file: &Fd, size: u64) -> crate::error::Result<Option<Superfault>> {
    Ok(match superblock::find(file, size)? {
        Found::Nothing => Some(Superfault::NotHdf5),
        Found::Block(block) if !block.clean || block.end == u64::MAX => Some(Superfault::NotClosed),
        Found::Block(block) if block.end > size => Some(Superfault::Truncated { need: block.end }),
        Found::Unknown | Found::Block(_) => None,
    })
}
