//! The dimension scales that a dataset in a file has, and what becomes of them when it grows.

use core::ffi::{c_char, c_int, c_void};
use core::ptr;
use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use hdf5_sys::h5::hsize_t;
use hdf5_sys::h5i::{self, hid_t};
use hdf5_sys::h5r::hobj_ref_t;
use hdf5_sys::h5t::hvl_t;
use hdf5_sys::{h5a, h5d, h5o, h5p, h5s, h5t};

use super::carried::read_text;
use super::dataset::c_path;
use super::error::Result;
use super::id::Id;
use super::library::Session;
use super::scales::{self, NO_VARIABLE};
use super::there::{self, There};

/// Reference to an object: `H5R_OBJECT`, which the bindings call `H5R_OBJECT1` from HDF5 1.12 on.
const OBJECT: c_int = 0;

unsafe extern "C" {
    /// As the bindings have it, but for the enumeration that changed its names.
    fn H5Rdereference2(object: hid_t, list: hid_t, kind: c_int, at: *const c_void) -> hid_t;
}

/// Where scales are noted.
const LIST: &str = "DIMENSION_LIST";

/// The paths of the scales of a dataset's first axis, without a slash in front.
pub(super) fn of_first_axis(session: &Session, file: &There, set: hid_t) -> Result<Vec<String>> {
    let Some(attribute) = there::attribute(session, set, LIST)? else { return Ok(Vec::new()) };
    let space = there::attribute_space(session, &attribute)?;
    // SAFETY: a predefined type.
    let raw = unsafe { h5t::H5Tvlen_create(*h5t::H5T_STD_REF_OBJ) };
    let kind = session.own("H5Tvlen_create", raw, h5t::H5Tclose)?;
    // SAFETY: as above.
    let count: hsize_t = unsafe { h5s::H5Sget_simple_extent_npoints(space.raw()) }.unsigned_abs();
    let mut lists: Vec<hvl_t> = vec![hvl_t { len: 0, p: ptr::null_mut() }; count.min(64) as usize];
    if count == 0 || lists.len() as u64 != count {
        return Ok(Vec::new());
    }
    // SAFETY: there is room for as many lists as the space has.
    let status = unsafe { h5a::H5Aread(attribute.raw(), kind.raw(), lists.as_mut_ptr().cast()) };
    session.check("H5Aread", status)?;
    let named = names(session, file, set, lists.first());
    let (list, at) = (h5p::H5P_DEFAULT, lists.as_mut_ptr().cast());
    // SAFETY: gives back what `H5Aread` has allocated; the pointers are not used after this.
    #[allow(deprecated, reason = "what came after it is not in HDF5 1.10")]
    let status = unsafe { h5d::H5Dvlen_reclaim(kind.raw(), space.raw(), list, at) };
    session.check("H5Dvlen_reclaim", status)?;
    Ok(named)
}

fn names(session: &Session, file: &There, set: hid_t, list: Option<&hvl_t>) -> Vec<String> {
    let mut names = Vec::new();
    let Some(list) = list.filter(|list| !list.p.is_null()) else { return names };
    for i in 0..list.len {
        let at = list.p.cast::<hobj_ref_t>().wrapping_add(i);
        // SAFETY: HDF5 has written so many references there, here and below.
        let object = unsafe { at.read_unaligned() };
        if file.heaps().check(object).is_err() {
            continue;
        }
        // SAFETY: as above.
        let raw = unsafe { H5Rdereference2(set, h5p::H5P_DEFAULT, OBJECT, at.cast_const().cast()) };
        // One that leads nowhere holds nothing up.
        if let Ok(scale) = session.own("H5Rdereference2", raw, h5o::H5Oclose) {
            names.push(name(&scale));
        }
    }
    names
}

fn name(object: &Id) -> String {
    // SAFETY: no room is the documented way to ask for the length.
    let len = unsafe { h5i::H5Iget_name(object.raw(), ptr::null_mut(), 0) };
    let mut bytes = vec![0_u8; usize::try_from(len).unwrap_or(0) + 1];
    let at = bytes.as_mut_ptr().cast::<c_char>();
    // SAFETY: there is room for as many bytes as are announced.
    unsafe { h5i::H5Iget_name(object.raw(), at, bytes.len()) };
    bytes.pop();
    String::from_utf8_lossy(&bytes).trim_start_matches('/').to_string()
}

/// A scale that is there.
#[derive(Debug)]
pub(super) struct Attached {
    set: Id,
    pub(super) rows: u64,
    /// It has no values, and may grow: then it grows with its datasets.
    pub(super) follows: bool,
}

/// Looks at the scale of this path.
pub(super) fn look(session: &Session, file: hid_t, path: &str) -> Result<Attached> {
    let name = c_path(path)?;
    // SAFETY: the name is a C string, the id is live.
    let raw = unsafe { h5d::H5Dopen2(file, name.as_ptr(), h5p::H5P_DEFAULT) };
    let set = session.own("H5Dopen2", raw, h5d::H5Dclose)?;
    let space = there::space(session, set.raw())?;
    let (mut extent, mut most): ([hsize_t; 32], [hsize_t; 32]) = ([0; 32], [0; 32]);
    let (e, m) = (extent.as_mut_ptr(), most.as_mut_ptr());
    // SAFETY: as above; there is room for as many extents as a dataset can have.
    let axes = unsafe { h5s::H5Sget_simple_extent_dims(space.raw(), e, m) };
    let [rows, ..] = extent;
    let open = axes == 1 && most.first() == Some(&h5s::H5S_UNLIMITED);
    let called = read_text(session, set.raw(), "NAME")?.unwrap_or_default();
    Ok(Attached { set, rows, follows: open && called.starts_with(NO_VARIABLE) })
}

impl Attached {
    /// Gives it so many elements, which have no values.
    pub(super) fn follow(&self, session: &Session, rows: u64) -> Result<()> {
        // SAFETY: the id is live, and of a dataset of one axis.
        let status = unsafe { h5d::H5Dset_extent(self.set.raw(), &raw const rows) };
        session.check("H5Dset_extent", status)?;
        scales::remove(session, &self.set, "NAME")?;
        scales::fixed_text(session, &self.set, "NAME", &format!("{NO_VARIABLE}{rows:11}"))
    }
}
