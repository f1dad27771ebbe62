//! Who is alive: the kernel's locks, and the steps that rely on them.
//!
//! For `segment` alone. The rules that everything here keeps:
//!
//! 1. A segment is alive exactly as long as somebody holds a shared `flock` on
//!    its inode. It is taken before the mapping is made, and the mapping
//!    carries it: it ends with the last unmap, by exit, exec or kill.
//! 2. A name is removed only by who holds the byte lock [`byte::REMOVE`] on its
//!    inode and has compared the name's inode with it. Whoever removes because
//!    nobody is left holds the exclusive `flock` as well.
//! 3. A published name is fully sized, backed by pages and described, or its
//!    state says that it is not ready, and its header is all zeros before that.
//! 4. Nobody gives a `flock` back by an unlock, and nobody converts one on a
//!    description that others share.
//! 5. Whoever took the shared lock and gives it up, also after an error, asks
//!    on a fresh description whether anybody is left, and removes the name if
//!    nobody is and the policy says so.
//!
//! A process id decides nothing, and neither does the reference count.

mod acquire;
mod deadline;
mod name;
mod pin;
mod publish;
mod remove;

pub use acquire::{Alive, Held, Hold, acquire, probe};
pub use deadline::Deadline;
pub use name::{MAX_NAME, Name};
pub use publish::{Site, Via, create_anonymous, create_named, create_unnamed, link, make_way};
pub use remove::{Exit, Removal, reap, remove_current};

/// Meaning of the bytes that `fcntl` locks; the file's bytes are not touched.
pub mod byte {
    /// Write-locked while a creator completes a segment that has a name already.
    pub const WRITER: u64 = 0;
    /// Read-locked by everybody who has the segment attached: a probe sees it
    /// without a lock of its own. Advice; the `flock` decides.
    pub const PRESENT: u64 = 1;
    /// Write-locked by who is about to remove the name.
    pub const REMOVE: u64 = 2;
}

use crate::error::{Error, NameFault};
use crate::sys;

/// The error of a call that names a segment, in this crate's words.
pub(crate) fn refine(error: Error) -> Error {
    let Error::Os { errno, .. } = error else { return error };
    match errno {
        sys::ENOENT => Error::NotFound,
        sys::EACCES | sys::EPERM | sys::EROFS => Error::Permission,
        sys::EEXIST => Error::Exists,
        sys::ELOOP | sys::EISDIR | sys::ENXIO => Error::NotNdshm,
        sys::ENAMETOOLONG => Error::Name(NameFault::TooLong),
        _ => error,
    }
}

#[cfg(all(test, feature = "std"))]
pub(crate) use pin::pretend_not as pretend_mappings_carry_no_locks;
