//! The end of a process that may still use its memory.

use super::Access;
use crate::error::{Error, Result};
use crate::lifetime::refine;
use crate::sys::{Fd, Map};

/// Puts a mapping that carries no lock in the place of one that does. `open` gives a
/// description of the same file without a lock, none if the file has no name any more.
///
/// Where the file may not be opened to write any more (mode 0400), the memory can be written
/// as before, but nobody else sees it.
///
/// # Errors
/// Whatever `open` says; the mapping is then as it was.
pub(super) fn unlock(map: &mut Map, open: impl Fn(Access) -> Result<Option<Fd>>) -> Result<()> {
    let access = map.access();
    match open(access).map_err(refine) {
        Err(Error::Permission) if access == Access::ReadWrite => {
            let fd = open(Access::Read).map_err(refine)?;
            fd.map_or(Ok(()), |fd| map.exchange_apart(&fd))
        }
        fd => fd?.map_or(Ok(()), |fd| map.exchange(&fd, access)),
    }
}
