//! A first look at a file: whether it can be read at all, and whether it is whole.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::string::ToString;

use super::fault::Fault;
use crate::error::Error;
use crate::hdf5::{self, Superfault};
use crate::sys::{self, Fd};

/// A file that is open and looks whole.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) file: Fd,
    pub(super) bytes: u64,
}

/// Opens a file.
pub(super) fn open(path: &Path) -> Result<Seen, Fault> {
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| Fault::Missing)?;
    let file = Fd::open_read(&name).map_err(unreadable)?;
    let status = file.stat().map_err(unreadable)?;
    if status.is_file() { Ok(Seen { file, bytes: status.size }) } else { Err(Fault::NotFile) }
}

impl Seen {
    /// Looks at what the file says of itself.
    pub(super) fn check(&self) -> Result<(), Fault> {
        match hdf5::look(&self.file, self.bytes).map_err(unreadable)? {
            None => Ok(()),
            Some(Superfault::NotHdf5) => Err(Fault::NotHdf5),
            Some(Superfault::NotClosed) => Err(Fault::NotClosed),
            Some(Superfault::Truncated { need }) => {
                Err(Fault::Truncated { need, have: self.bytes })
            }
        }
    }
}

pub(super) fn unreadable(error: Error) -> Fault {
    match error.errno() {
        sys::ENOENT | sys::ENOTDIR => Fault::Missing,
        errno => Fault::Unreadable(errno),
    }
}

/// What HDF5 says of a file whose name the reader is told anyway.
pub(super) fn refused(path: &Path, error: &hdf5::Error) -> Fault {
    let text = error.to_string();
    let name = std::format!("{}: ", path.display());
    Fault::Hdf5(text.strip_prefix(&name).map(Into::into).unwrap_or(text))
}
