//! A file that is there, opened for reading: the one way in which this crate opens somebody's
//! file and the objects in it.
//!
//! Objects are opened only after [`Heaps`] has looked at what they refer to.

use core::ffi::CStr;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::string::String;
use std::vec;
use std::vec::Vec;

use hdf5_sys::h5::hsize_t;
use hdf5_sys::h5i::{self, hid_t};
use hdf5_sys::{h5a, h5d, h5f, h5o, h5p, h5s, h5t};

use super::dataset::c_path;
use super::error::{Error, Result, TargetFault, io_error};
use super::file;
use super::heaps::Heaps;
use super::id::Id;
use super::library::Session;
use super::read_error::ReadFault;
use crate::sys;

/// Whether HDF5 locks the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// As its settings say.
    Usual,
    /// The caller has a lock.
    Own,
}

/// A file that is open for reading.
#[derive(Debug)]
pub(super) struct There {
    id: Id,
    /// By what HDF5 knows the file.
    number: u64,
    heaps: Heaps,
}

impl There {
    pub(super) fn open(session: &Session, path: &Path, lock: Lock) -> Result<Self> {
        let id = match open_as(session, path, lock, h5f::H5F_CLOSE_STRONG) {
            // The host has it open, and wants it closed in another way.
            Err(Error::Hdf5 { ref stack, .. }) if stack.inner.contains("close degree") => {
                open_as(session, path, lock, h5f::H5F_CLOSE_DEFAULT)
            }
            other => other,
        }?;
        let fd = sys::duplicate(file::descriptor(session, &id)?);
        let heaps = Heaps::of(fd.map_err(|e| io_error("open it", path, e))?, path)?;
        let number = info(session, id.raw(), c"/")?.fileno;
        Ok(Self { id, number, heaps })
    }

    /// Its id.
    pub(super) fn raw(&self) -> hid_t {
        self.id.raw()
    }

    /// What is of variable length in it.
    pub(super) const fn heaps(&self) -> &Heaps {
        &self.heaps
    }

    /// Opens an object, which may be a group or a named type, too.
    ///
    /// # Errors
    /// [`Error::Hdf5`] with no error of the system if there is none; [`Error::Read`] if it
    /// refers to what is damaged.
    pub(super) fn object(&self, session: &Session, path: &CStr) -> Result<Id> {
        let info = info(session, self.raw(), path)?;
        // Of another file, to which a link led, nothing is known here.
        if info.fileno == self.number {
            self.heaps.check(info.addr)?;
        }
        // SAFETY: the name is a C string, the id is live.
        let raw = unsafe { h5o::H5Oopen(self.raw(), path.as_ptr(), h5p::H5P_DEFAULT) };
        session.own("H5Oopen", raw, h5o::H5Oclose)
    }

    /// Whether the object lies in this file.
    pub(super) fn has(&self, session: &Session, object: &Id) -> Result<bool> {
        Ok(info(session, object.raw(), c".")?.fileno == self.number)
    }

    /// Opens a dataset.
    ///
    /// # Errors
    /// [`Error::Read`] if there is none, or something else; as [`object`](Self::object).
    pub(super) fn dataset(&self, session: &Session, path: &CStr) -> Result<Id> {
        let fault = |fault| Err(Error::Read { subject: String::new(), fault });
        let object = match self.object(session, path) {
            Err(error @ Error::Hdf5 { .. }) if error.errno() == 0 => {
                return fault(ReadFault::NoDataset);
            }
            other => other?,
        };
        // SAFETY: the id is live.
        if unsafe { h5i::H5Iget_type(object.raw()) } != h5i::H5I_DATASET {
            return fault(ReadFault::NotDataset);
        }
        Ok(object)
    }

    /// Closes it and says whether that worked.
    pub(super) fn close(self, session: &Session) -> Result<()> {
        self.id.close(session, "H5Fclose")
    }
}

/// What an object is, of which nothing but the header is read.
fn info(session: &Session, file: hid_t, path: &CStr) -> Result<h5o::H5O_info1_t> {
    let mut info = h5o::H5O_info1_t::default();
    let (at, fields, list) = (path.as_ptr(), h5o::H5O_INFO_BASIC, h5p::H5P_DEFAULT);
    #[allow(deprecated, reason = "this one is in every version, with one signature")]
    // SAFETY: the name is a C string, the id is live, the place is writable.
    let asked = unsafe { h5o::H5Oget_info_by_name2(file, at, &raw mut info, fields, list) };
    session.check("H5Oget_info_by_name2", asked)?;
    Ok(info)
}

fn open_as(
    session: &Session,
    path: &Path,
    lock: Lock,
    degree: h5f::H5F_close_degree_t,
) -> Result<Id> {
    let name = CString::new(path.as_os_str().as_bytes())
        .map_err(|_| Error::target(path, TargetFault::Name))?;
    let list = file::new_list(session, *h5p::H5P_CLS_FILE_ACCESS)?;
    // SAFETY: `list` is a file access list, here and below. The environment may name another
    // driver, which would have no descriptor.
    session.check("H5Pset_fapl_sec2", unsafe { h5p::H5Pset_fapl_sec2(list.raw()) })?;
    // SAFETY: as above.
    let status = unsafe { h5p::H5Pset_fclose_degree(list.raw(), degree) };
    session.check("H5Pset_fclose_degree", status)?;
    file::read_cache(session, &list)?;
    if lock == Lock::Own {
        file::no_locking(session, &list)?;
    }
    // SAFETY: the name is a C string, the list is live.
    let raw = unsafe { h5f::H5Fopen(name.as_ptr(), h5f::H5F_ACC_RDONLY, list.raw()) };
    session.own("H5Fopen", raw, h5f::H5Fclose)
}

/// The space of a dataset.
pub(super) fn space(session: &Session, set: hid_t) -> Result<Id> {
    // SAFETY: the id is live, as those below.
    session.own("H5Dget_space", unsafe { h5d::H5Dget_space(set) }, h5s::H5Sclose)
}

/// The type of a dataset's elements.
pub(super) fn type_of(session: &Session, set: hid_t) -> Result<Id> {
    // SAFETY: as above.
    session.own("H5Dget_type", unsafe { h5d::H5Dget_type(set) }, h5t::H5Tclose)
}

/// What a dataset was created with.
pub(super) fn creation(session: &Session, set: hid_t) -> Result<Id> {
    // SAFETY: as above.
    let raw = unsafe { h5d::H5Dget_create_plist(set) };
    session.own("H5Dget_create_plist", raw, h5p::H5Pclose)
}

/// The extents of a space, and the largest ones that it may have; none if it can have no
/// elements.
pub(super) fn extents(session: &Session, space: &Id) -> Result<Option<(Vec<u64>, Vec<u64>)>> {
    // SAFETY: as above.
    match unsafe { h5s::H5Sget_simple_extent_type(space.raw()) } {
        h5s::H5S_NULL => return Ok(None),
        h5s::H5S_NO_CLASS => session.check("H5Sget_simple_extent_type", -1)?,
        _ => {}
    }
    // SAFETY: as above.
    let rank = unsafe { h5s::H5Sget_simple_extent_ndims(space.raw()) };
    session.check("H5Sget_simple_extent_ndims", rank)?;
    let mut now: Vec<hsize_t> = vec![0; rank.unsigned_abs() as usize];
    let mut most = now.clone();
    let (at, most_at) = (now.as_mut_ptr(), most.as_mut_ptr());
    // SAFETY: as above; there is room for as many extents as there are axes.
    let status = unsafe { h5s::H5Sget_simple_extent_dims(space.raw(), at, most_at) };
    session.check("H5Sget_simple_extent_dims", status)?;
    Ok(Some((now, most)))
}

/// Extents of a chunk, for a dataset of chunks.
pub(super) fn chunk(session: &Session, list: &Id, rank: usize) -> Result<Vec<u64>> {
    let mut chunk: Vec<hsize_t> = vec![0; rank];
    // SAFETY: as above; there is room for as many extents as are announced.
    let status = unsafe { h5p::H5Pget_chunk(list.raw(), rank as _, chunk.as_mut_ptr()) };
    session.check("H5Pget_chunk", status)?;
    Ok(chunk)
}

/// An attribute, if there is one of this name.
pub(super) fn attribute(session: &Session, object: hid_t, name: &str) -> Result<Option<Id>> {
    let name = c_path(name)?;
    // SAFETY: the name is a C string, the id is live.
    let there = unsafe { h5a::H5Aexists(object, name.as_ptr()) };
    session.check("H5Aexists", there)?;
    if there == 0 {
        return Ok(None);
    }
    // SAFETY: as above.
    let raw = unsafe { h5a::H5Aopen(object, name.as_ptr(), h5p::H5P_DEFAULT) };
    session.own("H5Aopen", raw, h5a::H5Aclose).map(Some)
}

/// The space of an attribute.
pub(super) fn attribute_space(session: &Session, attribute: &Id) -> Result<Id> {
    // SAFETY: the id is live, as that below.
    session.own("H5Aget_space", unsafe { h5a::H5Aget_space(attribute.raw()) }, h5s::H5Sclose)
}

/// The type of an attribute.
pub(super) fn attribute_type(session: &Session, attribute: &Id) -> Result<Id> {
    // SAFETY: as above.
    session.own("H5Aget_type", unsafe { h5a::H5Aget_type(attribute.raw()) }, h5t::H5Tclose)
}
